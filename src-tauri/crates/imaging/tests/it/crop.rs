//! What is cut out is what was there, whatever the format, and the region that is told is where it was.

use crate::sensor::raw_of;
use image::{DynamicImage, GrayImage, Rgb, RgbImage, codecs::png::PngEncoder, imageops};
use proptest::prelude::*;
use rstest::rstest;
use turbojpeg::Subsamp;
use wiko_core::{
    camera::{CameraId, Frame, FrameFault, FramePicture, PixelFormat, RawImage, RowSpan, YuvRange},
    geometry::BoxPx,
    image::{EncodedImage, ImageFormat},
    time::UnixMillis,
};
use wiko_imaging::{
    CropRefused, ImageRefused, Recoded, crop_file, crop_frame, crop_raw, decode_luma, decode_rgb,
    inspect, luma_of_raw, rgb_of_raw,
};

fn area(x: u32, y: u32, width: u32, height: u32) -> BoxPx {
    BoxPx {
        x,
        y,
        width,
        height,
    }
}

/// Detail and noise in every pixel, so that one that is out of place is seen.
fn scene(width: u32, height: u32) -> RgbImage {
    let mut seed = 7_u32;
    RgbImage::from_fn(width, height, |x, y| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let grain = (seed >> 27) as u8;
        Rgb([
            (x * 5 % 200) as u8 + grain,
            (y * 7 % 190) as u8 + grain,
            ((x + y) * 3 % 180) as u8 + grain,
        ])
    })
}

fn cut_rgb(picture: &RgbImage, region: BoxPx) -> RgbImage {
    imageops::crop_imm(picture, region.x, region.y, region.width, region.height).to_image()
}

fn cut_luma(picture: &GrayImage, region: BoxPx) -> GrayImage {
    imageops::crop_imm(picture, region.x, region.y, region.width, region.height).to_image()
}

/// Without so many rows and columns at each rim.
fn inner(picture: &RgbImage, rim: u32) -> RgbImage {
    let (width, height) = picture.dimensions();
    let left = |side: u32| side.saturating_sub(2 * rim);
    imageops::crop_imm(picture, rim, rim, left(width), left(height)).to_image()
}

fn worst_difference(a: &[u8], b: &[u8]) -> u8 {
    assert_eq!(a.len(), b.len());
    let differences = a.iter().zip(b).map(|(a, b)| a.abs_diff(*b));
    differences.max().unwrap_or(0)
}

fn holds(outer: BoxPx, region: BoxPx) -> bool {
    outer.x <= region.x
        && outer.y <= region.y
        && outer.x + outer.width >= region.x + region.width
        && outer.y + outer.height >= region.y + region.height
}

/// A picture's size and a region that lies in it.
fn any_region() -> impl Strategy<Value = (u32, u32, BoxPx)> {
    (1_u32..70, 1_u32..50).prop_flat_map(|(width, height)| {
        (0..width, 0..height).prop_flat_map(move |(x, y)| {
            (1..=width - x, 1..=height - y)
                .prop_map(move |(across, down)| (width, height, area(x, y, across, down)))
        })
    })
}

proptest! {
    #[test]
    fn a_region_of_raw_pixels_shows_what_the_whole_picture_shows_there(
        (width, height, region) in any_region(), format in prop::sample::select(PixelFormat::ALL),
    ) {
        let raw = raw_of(&scene(width, height), format).with_yuv_range(YuvRange::Full);
        let cut = crop_raw(&raw, region).unwrap();
        prop_assert!(holds(cut.region, region) && cut.region.lies_in(width, height));
        let (over_x, over_y) = (cut.region.width - region.width, cut.region.height - region.height);
        prop_assert!(over_x <= 6 && over_y <= 2, "{} more than was asked for", over_x.max(over_y));
        let picture = &cut.picture;
        prop_assert_eq!((picture.width_px(), picture.height_px()), (cut.region.width, cut.region.height));
        prop_assert_eq!(picture.yuv_range(), YuvRange::Full);
        prop_assert_eq!((picture.format(), cut.recoded), (format, None));
        let (whole, part) = (rgb_of_raw(&raw).unwrap(), rgb_of_raw(picture).unwrap());
        let expected = cut_rgb(&whole, cut.region);
        if format.bayer().is_some() {
            // At the rim there are no neighbours to take colours from.
            prop_assert_eq!(inner(&part, 1), inner(&expected, 1));
        } else {
            prop_assert!(worst_difference(part.as_raw(), expected.as_raw()) <= 1, "{}", format);
            let luma = cut_luma(&luma_of_raw(&raw).unwrap(), cut.region);
            prop_assert_eq!(luma_of_raw(picture).unwrap(), luma);
        }
    }

    #[test]
    fn a_region_of_a_jpeg_shows_what_the_whole_picture_shows_there(
        (width, height, region) in any_region(),
        sampling in prop::sample::select(vec![
            Subsamp::None, Subsamp::Sub2x1, Subsamp::Sub2x2, Subsamp::Sub1x2, Subsamp::Gray, Subsamp::Sub4x1,
        ]),
    ) {
        let whole = jpeg_of(&scene(width, height), sampling);
        let cut = crop_file(&whole, region).unwrap();
        prop_assert_eq!(cut.recoded, None);
        prop_assert!(holds(cut.region, region) && cut.region.lies_in(width, height));
        let facts = cut.picture.facts();
        prop_assert_eq!((facts.width_px, facts.height_px), (cut.region.width, cut.region.height));
        // It is a whole and valid file of that size.
        prop_assert_eq!(inspect(cut.picture.bytes().clone()).unwrap().facts(), facts);
        let luma = cut_luma(&decode_luma(&whole).unwrap(), cut.region);
        prop_assert_eq!(decode_luma(&cut.picture).unwrap(), luma);
        let (part, expected) = (decode_rgb(&cut.picture).unwrap(), cut_rgb(&decode_rgb(&whole).unwrap(), cut.region));
        // Colours are smoothed into the rim from beyond it.
        let rim = if matches!(sampling, Subsamp::None | Subsamp::Gray) { 0 } else { 4 };
        prop_assert_eq!(inner(&part, rim), inner(&expected, rim));
    }
}

fn jpeg_of(picture: &RgbImage, sampling: Subsamp) -> EncodedImage {
    let (width, height) = picture.dimensions();
    let pixels = turbojpeg::Image {
        pixels: &picture.as_raw()[..],
        width: width as usize,
        pitch: 3 * width as usize,
        height: height as usize,
        format: turbojpeg::PixelFormat::RGB,
    };
    let jpeg = turbojpeg::compress(pixels, 90, sampling).unwrap();
    EncodedImage::of(jpeg.to_vec(), ImageFormat::Jpeg, width, height)
}

#[rstest]
#[case(PixelFormat::Mono8, area(5, 3, 7, 5))]
#[case(PixelFormat::Mono10, area(5, 3, 7, 5))]
#[case(PixelFormat::RGB8, area(5, 3, 7, 5))]
#[case(PixelFormat::BayerGB8, area(4, 2, 8, 6))]
#[case(PixelFormat::BayerRG12, area(4, 2, 8, 6))]
#[case(PixelFormat::YUV422Yuyv8, area(4, 3, 8, 5))]
#[case(PixelFormat::NV12, area(4, 2, 8, 6))]
#[case(PixelFormat::Mono12Packed, area(4, 3, 8, 5))]
#[case(PixelFormat::Mono10p, area(4, 3, 8, 5))]
fn a_region_grows_outward_to_what_belongs_together(
    #[case] format: PixelFormat,
    #[case] grown: BoxPx,
) {
    let raw = raw_of(&scene(40, 30), format);
    assert_eq!(crop_raw(&raw, area(5, 3, 7, 5)).unwrap().region, grown);
    // Nothing is beyond the picture's own edge.
    let odd = raw_of(&scene(41, 31), format);
    let last = crop_raw(&odd, area(40, 30, 1, 1)).unwrap().region;
    assert_eq!((last.x + last.width, last.y + last.height), (41, 31));
}

#[test]
fn a_region_of_a_jpeg_grows_outward_to_its_blocks() {
    let file = jpeg_of(&scene(100, 60), Subsamp::Sub2x2);
    let cut = crop_file(&file, area(17, 17, 10, 10)).unwrap();
    assert_eq!(cut.region, area(16, 16, 16, 16));
    let last = crop_file(&file, area(90, 50, 10, 10)).unwrap();
    assert_eq!(last.region, area(80, 48, 20, 12));
}

#[test]
fn a_region_that_is_empty_or_leaves_the_picture_is_refused_in_a_sentence() {
    let scene = scene(40, 30);
    let raw = raw_of(&scene, PixelFormat::BayerRG8);
    let file = jpeg_of(&scene, Subsamp::Sub2x2);
    for (region, said) in [
        (
            area(0, 0, 0, 5),
            "the region has 0×5 pixels: give it at least one each way",
        ),
        (
            area(30, 0, 11, 5),
            "the region of 11×5 pixels at 30, 0 leaves the picture of 40×30: choose one within it",
        ),
        (
            area(u32::MAX, 29, 2, 1),
            "the region of 2×1 pixels at 4294967295, 29 leaves the picture of 40×30: choose one within it",
        ),
    ] {
        assert_eq!(crop_raw(&raw, region).unwrap_err().to_string(), said);
        assert_eq!(crop_file(&file, region).unwrap_err().to_string(), said);
    }
}

#[test]
fn a_jpeg_that_is_cut_off_gives_no_region() {
    let whole = jpeg_of(&scene(200, 200), Subsamp::Sub2x2);
    let bytes = &whole.bytes()[..whole.bytes().len() / 2];
    let torn = EncodedImage::of(bytes, ImageFormat::Jpeg, 200, 200);
    let refused = crop_file(&torn, area(0, 0, 50, 50)).unwrap_err();
    assert!(matches!(
        refused,
        CropRefused::Picture(ImageRefused::Damaged { .. })
    ));
}

#[test]
fn what_has_no_blocks_or_is_turned_is_encoded_again_and_says_why() {
    let scene = RgbImage::from_fn(60, 40, |x, y| Rgb([100 + x as u8, 80 + y as u8, 90]));
    let mut png = Vec::new();
    DynamicImage::ImageRgb8(scene.clone())
        .write_with_encoder(PngEncoder::new(&mut png))
        .unwrap();
    let png = EncodedImage::of(png, ImageFormat::Png, 60, 40);
    let region = area(11, 7, 21, 15);
    let cut = crop_file(&png, region).unwrap();
    assert_eq!((cut.region, cut.recoded), (region, Some(Recoded::NoBlocks)));
    let (part, expected) = (decode_rgb(&cut.picture).unwrap(), cut_rgb(&scene, region));
    assert!(worst_difference(part.as_raw(), expected.as_raw()) <= 4);

    // An EXIF segment that says to turn it by a quarter.
    let jpeg = jpeg_of(&scene, Subsamp::None);
    let exif = b"\xff\xe1\x00\x22Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
    let turned = [&jpeg.bytes()[..2], exif, &jpeg.bytes()[2..]].concat();
    let turned = EncodedImage::of(turned, ImageFormat::Jpeg, 40, 60);
    let region = area(7, 11, 15, 21);
    let cut = crop_file(&turned, region).unwrap();
    assert_eq!((cut.region, cut.recoded), (region, Some(Recoded::Turned)));
    let expected = cut_rgb(&decode_rgb(&turned).unwrap(), region);
    let part = decode_rgb(&cut.picture).unwrap();
    assert!(worst_difference(part.as_raw(), expected.as_raw()) <= 4);
}

#[test]
fn a_frames_region_keeps_which_of_its_rows_never_came() {
    let span = |from, until| RowSpan { from, until };
    let frame = Frame {
        sequence: 3,
        exposed_at: UnixMillis(5),
        camera: CameraId("line".into()),
        picture: FramePicture::Raw(
            RawImage::new(PixelFormat::Mono8, 8, 40, 8, vec![9; 320]).unwrap(),
        ),
        faults: vec![FrameFault::MissingRows],
        invalid_rows: vec![span(0, 4), span(8, 12), span(18, 25), span(30, 33)],
    };
    let cut = crop_frame(&frame, area(0, 10, 8, 12)).unwrap();
    assert_eq!(cut.picture.invalid_rows, [span(0, 2), span(8, 12)]);
    assert_eq!(cut.picture.size_px(), (8, 12));
    assert_eq!(
        (cut.picture.sequence, cut.picture.faults),
        (3, frame.faults)
    );
}
