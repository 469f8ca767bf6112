//! The quality gate and the part's region on real pictures, where they are, and on the simulated line: no usable
//! picture is refused. Real ones lie at `$WIKO_TEST_PICTURES_DIR`, or beside the repository.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::print_stderr, reason = "what was measured is said")]

use image::{GrayImage, RgbImage, imageops};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};
use wiko_camera::render_part;
use wiko_core::{geometry::BoxPx, sku::ProductSku, stage::Stage};
use wiko_imaging::{part_region, quality_fault};

const SKUS: [&str; 6] = [
    "WK-KN-200",
    "WK-KN-150",
    "WK-KN-100",
    "WK-SC-200",
    "WK-CI-200",
    "WK-CI-280",
];

/// The pictures of each set, defective parts among them; none, and the skipped test is noted, where they are not.
fn real() -> Option<BTreeMap<String, Vec<PathBuf>>> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../../shared/data");
    let dir = std::env::var_os("WIKO_TEST_PICTURES_DIR").map_or(beside, PathBuf::from);
    if !dir.join("deeppcb/dev/images.csv").is_file() {
        wiko_testkit::skip::skip(&format!(
            "no real pictures in {} (set WIKO_TEST_PICTURES_DIR)",
            dir.display()
        ));
        return None;
    }
    let mut sets = BTreeMap::new();
    for set in std::fs::read_dir(&dir).unwrap() {
        let set = set.unwrap();
        let mut files = vec![];
        files_in(&set.path().join("dev/images"), &mut files);
        if !files.is_empty() {
            files.sort();
            sets.insert(set.file_name().into_string().unwrap(), files);
        }
    }
    Some(sets)
}

fn files_in(dir: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files_in(&path, files);
        } else {
            files.push(path);
        }
    }
}

fn opened(file: &Path) -> RgbImage {
    let image = wiko_imaging::inspect(std::fs::read(file).unwrap()).unwrap();
    wiko_imaging::decode_rgb(&image).unwrap()
}

fn simulated(sku: &str, stage: Stage, seed: u64) -> RgbImage {
    render_part(&ProductSku::new(sku).unwrap(), stage, seed, None).0
}

struct Dice(u64);

impl Dice {
    /// A number from `-span` to `span`.
    fn throw(&mut self, span: i16) -> i16 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % (span as u64 * 2 + 1)) as i16 - span
    }
}

/// With a sensor's noise of so many levels each way.
fn noisy(mut picture: GrayImage, span: i16) -> GrayImage {
    let mut dice = Dice(0x2545_f491_4f6c_dd1d);
    for level in picture.iter_mut() {
        *level = (i16::from(*level) + dice.throw(span)).clamp(0, 255) as u8;
    }
    picture
}

fn mapped(mut picture: GrayImage, of: impl Fn(f64) -> f64) -> GrayImage {
    for level in picture.iter_mut() {
        *level = of(f64::from(*level)).round().clamp(0.0, 255.0) as u8;
    }
    picture
}

/// With so much light on all of it that 99 of 100 pixels are white.
fn overexposed(picture: GrayImage) -> GrayImage {
    let mut levels = picture.as_raw().clone();
    let at = levels.len() / 100;
    let darkest = f64::from(*levels.select_nth_unstable(at).1);
    mapped(picture, |level| level + 255.0 - darkest)
}

/// As a lens out of focus shows it: each point a disc.
fn defocused(picture: &GrayImage, radius: i64) -> GrayImage {
    let (width, height) = (i64::from(picture.width()), i64::from(picture.height()));
    let at = |x: i64, y: i64| (y * (width + 1) + x) as usize;
    let mut sums = vec![0_u64; ((width + 1) * height) as usize];
    for y in 0..height {
        for x in 0..width {
            let level = picture.get_pixel(x as u32, y as u32).0[0];
            sums[at(x + 1, y)] = sums[at(x, y)] + u64::from(level);
        }
    }
    GrayImage::from_fn(picture.width(), picture.height(), |x, y| {
        let (x, y) = (i64::from(x), i64::from(y));
        let (mut sum, mut count) = (0, 0);
        for dy in -radius..=radius {
            let row = (y + dy).clamp(0, height - 1);
            let half = ((radius * radius - dy * dy) as f64).sqrt() as i64;
            let (from, to) = ((x - half).max(0), (x + half + 1).min(width));
            sum += sums[at(to, row)] - sums[at(from, row)];
            count += (to - from) as u64;
        }
        image::Luma([(sum / count) as u8])
    })
}

type Worse = fn(&GrayImage) -> GrayImage;

#[test]
fn no_real_picture_is_refused() {
    let Some(sets) = real() else { return };
    for (set, files) in sets {
        let mut regions = 0;
        for file in &files {
            let picture = opened(file);
            let fault = quality_fault(&imageops::grayscale(&picture));
            assert_eq!(fault, None, "{}", file.display());
            regions += usize::from(part_region(&picture).unwrap().is_some());
        }
        eprintln!("{set}: {} pictures, a region in {regions}", files.len());
    }
}

#[test]
fn no_picture_of_the_simulated_line_is_refused_and_most_parts_are_found() {
    let mut found = 0;
    for (seed, sku) in (0..).zip(SKUS) {
        for stage in [Stage::BladeStamp, Stage::BladeGlazing, Stage::Inspection] {
            let picture = simulated(sku, stage, seed);
            let luma = imageops::grayscale(&picture);
            assert_eq!(quality_fault(&luma), None, "{sku} {stage}");
            assert_eq!(quality_fault(&noisy(luma, 6)), None, "{sku} {stage}, noisy");
            let region = part_region(&picture).unwrap();
            let whole = BoxPx::whole(picture.width(), picture.height());
            assert!(region.is_none_or(|region| whole.union(&region) == whole));
            found += u32::from(region.is_some());
        }
    }
    eprintln!("a region in {found} of 18 simulated pictures");
}

/// The figures of `docs/analysis.md`; takes minutes.
#[test]
#[ignore = "takes minutes; run it to renew the figures"]
fn figures_of_pictures_made_worse() {
    let Some(sets) = real() else { return };
    let mut pictures: Vec<(String, Vec<GrayImage>)> = vec![];
    for (set, files) in sets {
        let some = files.iter().step_by(files.len() / 40);
        pictures.push((
            set,
            some.map(|file| imageops::grayscale(&opened(file)))
                .collect(),
        ));
    }
    let line = Stage::ALL.iter().zip(0..).map(|(stage, seed)| {
        let sku = SKUS[seed as usize % SKUS.len()];
        imageops::grayscale(&simulated(sku, *stage, seed))
    });
    pictures.push(("simulated".to_owned(), line.collect()));

    let kinds: [(&str, Worse); 15] = [
        ("as it is", GrayImage::clone),
        ("light × 0.1", |p| mapped(p.clone(), |level| level * 0.1)),
        ("light × 0.05", |p| mapped(p.clone(), |level| level * 0.05)),
        ("light × 0.02", |p| mapped(p.clone(), |level| level * 0.02)),
        ("lens cap", |p| mapped(p.clone(), |_| 5.0)),
        ("99 % white", |p| overexposed(p.clone())),
        ("even grey", |p| mapped(p.clone(), |_| 120.0)),
        ("blur, sigma 2", |p| imageops::blur(p, 2.0)),
        ("blur, sigma 4", |p| imageops::fast_blur(p, 4.0)),
        ("blur, sigma 8", |p| imageops::fast_blur(p, 8.0)),
        ("blur, sigma 16", |p| imageops::fast_blur(p, 16.0)),
        ("blur, sigma 32", |p| imageops::fast_blur(p, 32.0)),
        ("defocus, radius 8", |p| defocused(p, 8)),
        ("defocus, radius 16", |p| defocused(p, 16)),
        ("defocus, radius 32", |p| defocused(p, 32)),
    ];
    for (kind, worse) in kinds {
        let mut row = format!("| {kind} |");
        for (_, pictures) in &pictures {
            let mut told: BTreeMap<String, u32> = BTreeMap::new();
            for picture in pictures {
                if let Some(fault) = quality_fault(&noisy(worse(picture), 3)) {
                    *told.entry(format!("{fault:?}")).or_default() += 1;
                }
            }
            row += &format!(" {} {told:?} |", pictures.len());
        }
        eprintln!("{row}");
    }
}
