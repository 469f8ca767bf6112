//! Light that is not even is made even, and a white that would do harm is refused.

use image::{Rgb, RgbImage};
use wiko_core::camera::{PixelFormat, RawImage};
use wiko_imaging::{
    Average, FlatField, FlatFieldKind, FlatFieldRefused, FlatFieldTaken, NotWhite, white_balance_of,
};

const WIDTH: u32 = 512;
const PADDING: usize = 7;

/// Rows of a format in which each sample has the level that is said, a share of the full one; rows are padded.
fn picture(format: PixelFormat, rows: u32, share: impl Fn(usize, u32) -> f64) -> RawImage {
    let full = f64::from((1_u32 << format.bits()) - 1);
    let row_bytes = format.row_bytes(WIDTH);
    let samples = row_bytes / usize::from(format.bits().div_ceil(8));
    let mut bytes = Vec::new();
    for y in 0..rows {
        for x in 0..samples {
            let level = (share(x, y).clamp(0.0, 1.0) * full).round() as u16;
            match format.bits() {
                8 => bytes.push(level as u8),
                _ => bytes.extend(level.to_le_bytes()),
            }
        }
        bytes.extend([255; PADDING]);
    }
    RawImage::new(format, WIDTH, rows, row_bytes + PADDING, bytes).unwrap()
}

fn levels(raw: &RawImage) -> Vec<f64> {
    let row_bytes = raw.format().row_bytes(raw.width_px());
    let rows = raw
        .bytes()
        .chunks(raw.stride_bytes())
        .map(|row| &row[..row_bytes]);
    match raw.format().bits() {
        8 => rows.flatten().map(|level| f64::from(*level)).collect(),
        _ => rows
            .flat_map(|row| row.chunks(2))
            .map(|two| f64::from(u16::from_le_bytes([two[0], two[1]])))
            .collect(),
    }
}

/// Falls off to both sides, as a lens makes it.
fn vignette(x: usize) -> f64 {
    0.75 - 0.3 * ((x as f64 / f64::from(WIDTH)) - 0.5).abs()
}

fn taken() -> FlatFieldTaken {
    FlatFieldTaken {
        camera: "Basler raL4096 (22512345)".into(),
        exposure_us: 80.0,
        gain: 2.5,
    }
}

fn average(kind: FlatFieldKind, pictures: &[RawImage]) -> Average {
    let mut average = Average::like(kind, &pictures[0]).unwrap();
    for picture in pictures {
        average.add(picture).unwrap();
    }
    average
}

fn columns(format: PixelFormat, share: impl Fn(usize, u32) -> f64) -> Average {
    average(FlatFieldKind::Columns, &[picture(format, 128, share)])
}

#[test]
fn light_that_falls_off_to_the_sides_is_even_after_it_by_column_and_by_pixel() {
    for format in [
        PixelFormat::Mono8,
        PixelFormat::Mono10,
        PixelFormat::Mono12,
        PixelFormat::Mono16,
    ] {
        let dark = 0.02;
        let white = move |x: usize, _| dark + vignette(x);
        let half = picture(format, 40, |x, _| dark + 0.5 * vignette(x));
        let by_column = FlatField::of(
            &columns(format, white),
            Some(&columns(format, |_, _| dark)),
            taken(),
        )
        .unwrap();
        let whites = vec![picture(format, 40, white); 64];
        let darks = vec![picture(format, 40, |_, _| dark); 64];
        let by_pixel = FlatField::of(
            &average(FlatFieldKind::Pixels, &whites),
            Some(&average(FlatFieldKind::Pixels, &darks)),
            taken(),
        )
        .unwrap();
        for field in [by_column, by_pixel] {
            let even = levels(&field.apply(&half).unwrap());
            let mean = even.iter().sum::<f64>() / even.len() as f64;
            // A level of rounding before and one after.
            let most = 2.0;
            assert!(
                even.iter().all(|level| (level - mean).abs() <= most),
                "{format}"
            );
        }
    }
}

#[test]
fn colours_keep_their_balance() {
    for (format, colour) in [
        (
            PixelFormat::RGB8,
            (|x: usize, _: u32| x % 3) as fn(usize, u32) -> usize,
        ),
        (PixelFormat::BayerGB8, |x, y| x % 2 + 2 * (y as usize % 2)),
    ] {
        let balance = [0.9, 0.7, 0.5, 0.65];
        let white = |x: usize, y: u32| balance[colour(x, y)] * (0.6 + 0.3 * (x as f64 / 1536.0));
        let whites = vec![picture(format, 8, white); 64];
        let field = FlatField::of(&average(FlatFieldKind::Pixels, &whites), None, taken()).unwrap();
        let even = levels(&field.apply(&whites[0]).unwrap());
        let before = levels(&whites[0]);
        let across = even.len() / 8;
        for kind in 0..4 {
            let of = |levels: &[f64]| -> Vec<f64> {
                let own = levels.iter().enumerate();
                let own = own.filter(|(at, _)| colour(at % across, (at / across) as u32) == kind);
                own.map(|(_, level)| *level).collect()
            };
            let (even, before) = (of(&even), of(&before));
            let mean = before.iter().sum::<f64>() / before.len().max(1) as f64;
            assert!(
                even.iter().all(|level| (level - mean).abs() <= 2.0),
                "{format} {kind}"
            );
        }
    }
}

#[test]
fn what_was_clipped_stays_clipped_wherever_it_is() {
    for format in [PixelFormat::Mono8, PixelFormat::Mono12] {
        let field = FlatField::of(&columns(format, |x, _| vignette(x)), None, taken()).unwrap();
        let clipped = picture(format, 2, |_, _| 1.0);
        assert_eq!(levels(&field.apply(&clipped).unwrap()), levels(&clipped));
    }
}

#[test]
fn a_white_that_would_do_harm_is_refused_in_a_sentence() {
    let of = |white: Average| FlatField::of(&white, None, taken()).unwrap_err();
    let format = PixelFormat::Mono8;
    let cases = [
        (
            of(columns(format, |x, _| if x < 10 { 1.0 } else { 0.8 })),
            "shorten the exposure",
        ),
        (of(columns(format, |_, _| 0.05)), "lengthen the exposure"),
        (of(columns(format, |_, _| 0.97)), "dim the light"),
        (
            of(columns(format, |x, _| if x == 300 { 0.1 } else { 0.8 })),
            "the first at 300",
        ),
        (
            of(average(
                FlatFieldKind::Columns,
                &[picture(format, 63, |_, _| 0.8)],
            )),
            "63 of 64",
        ),
    ];
    for (refused, expected) in cases {
        assert!(refused.to_string().contains(expected), "{refused}");
    }
    let yuyv = RawImage::new(PixelFormat::YUV422Yuyv8, 2, 1, 4, vec![0; 4]).unwrap();
    assert!(matches!(
        Average::like(FlatFieldKind::Pixels, &yuyv),
        Err(FlatFieldRefused::Format(_))
    ));
    let bayer = picture(PixelFormat::BayerRG8, 2, |_, _| 0.5);
    let refused = Average::like(FlatFieldKind::Columns, &bayer).unwrap_err();
    assert_eq!(refused, FlatFieldRefused::FilteredColumns);
}

#[test]
fn a_picture_of_another_format_or_width_is_refused() {
    let field = FlatField::of(
        &columns(PixelFormat::Mono8, |x, _| vignette(x)),
        None,
        taken(),
    )
    .unwrap();
    let deep = picture(PixelFormat::Mono12, 4, |_, _| 0.5);
    assert!(matches!(
        field.apply(&deep),
        Err(FlatFieldRefused::Another { .. })
    ));
    let narrow = RawImage::new(PixelFormat::Mono8, 100, 4, 100, vec![0; 400]).unwrap();
    let refused = field.apply(&narrow).unwrap_err().to_string();
    assert!(
        refused.contains("Mono8, 512 wide") && refused.contains("take a new one"),
        "{refused}"
    );
    assert!(columns(PixelFormat::Mono8, |_, _| 0.5).add(&deep).is_err());
}

#[test]
fn it_is_the_same_once_written_and_read_and_a_damaged_file_is_refused() {
    let white = columns(PixelFormat::Mono12, |x, _| vignette(x));
    let dark = columns(PixelFormat::Mono12, |x, _| 0.01 + 0.001 * (x % 7) as f64);
    let field = FlatField::of(&white, Some(&dark), taken()).unwrap();
    let file = field.to_file().unwrap();
    assert_eq!(FlatField::from_file(&file).unwrap(), field);
    assert_eq!(FlatField::from_file(&file).unwrap().taken(), &taken());
    // Each byte matters but those of which the file says that nobody needs them.
    for at in 8..file.len() - 12 {
        let mut damaged = file.clone();
        damaged[at] ^= 0x10;
        assert!(
            FlatField::from_file(&damaged).is_err(),
            "byte {at} of {}",
            file.len()
        );
    }
    for length in [0, 20, file.len() / 2] {
        assert!(FlatField::from_file(&file[..length]).is_err(), "{length}");
    }
}

#[test]
fn the_drift_is_what_lamp_and_dust_took() {
    let field = FlatField::of(
        &columns(PixelFormat::Mono12, |x, _| vignette(x)),
        None,
        taken(),
    )
    .unwrap();
    let drift = |now: Average| field.drift(&now).unwrap();
    assert!(drift(columns(PixelFormat::Mono12, |x, _| vignette(x))) < 0.002);
    let aged = drift(columns(PixelFormat::Mono12, |x, _| 0.9 * vignette(x)));
    assert!((aged - 0.1).abs() < 0.005, "{aged}");
    let dusty = drift(columns(PixelFormat::Mono12, |x, _| {
        vignette(x) * if (80..100).contains(&x) { 0.7 } else { 1.0 }
    }));
    assert!((dusty - 0.3).abs() < 0.005, "{dusty}");
    assert!(
        field
            .drift(&columns(PixelFormat::Mono8, |_, _| 0.5))
            .is_err()
    );
}

#[test]
fn a_grey_card_tells_the_balance_and_a_clipped_or_dark_one_says_so() {
    let card = RgbImage::from_fn(80, 60, |x, _| {
        if x < 8 {
            Rgb([255; 3])
        } else {
            Rgb([200, 160, 80])
        }
    });
    let balance = white_balance_of(&card).unwrap();
    assert_eq!((balance.red, balance.green, balance.blue), (0.8, 1.0, 2.0));
    for level in [3, 255] {
        let useless = RgbImage::from_pixel(40, 40, Rgb([level; 3]));
        assert_eq!(
            white_balance_of(&useless),
            Err(NotWhite::Exposure { share: 0.0 })
        );
    }
    assert!(white_balance_of(&RgbImage::new(0, 0)).is_err());
}

#[test]
fn lines_are_corrected_where_they_lie_as_a_whole_picture_is() {
    for format in [PixelFormat::Mono8, PixelFormat::Mono12, PixelFormat::RGB8] {
        let field =
            FlatField::of(&columns(format, |x, _| vignette(x % 512)), None, taken()).unwrap();
        let raw = picture(format, 9, |x, y| {
            vignette(x % 512) * f64::from(y + 1) / 12.0
        });
        let row_bytes = format.row_bytes(WIDTH);
        let mut lines: Vec<u8> = raw
            .bytes()
            .chunks(raw.stride_bytes())
            .flat_map(|row| &row[..row_bytes])
            .copied()
            .collect();
        let came = lines.clone();
        field.correct_lines(&mut lines, row_bytes, format).unwrap();
        assert_eq!(lines, field.apply(&raw).unwrap().bytes()[..], "{format}");
        assert_ne!(lines, came);
        // Of another width or format none is touched.
        let mut others = came.clone();
        for (bytes, format) in [
            (row_bytes / 2, format),
            (row_bytes, PixelFormat::YUV422Yuyv8),
        ] {
            let refused = field.correct_lines(&mut others, bytes, format).unwrap_err();
            assert!(refused.to_string().ends_with("take a new one"), "{refused}");
        }
        assert_eq!(others, came);
    }
}
