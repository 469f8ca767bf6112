//! Pictures that nobody could judge are told from those that are only poor.

use image::{GrayImage, Luma, imageops};
use rstest::rstest;
use wiko_imaging::{QualityFault, quality_fault};

/// A bright part with a notch on a dark table, with a sensor's noise of some levels each way.
fn part(width: u32, height: u32, noise: u8) -> GrayImage {
    let mut dice = Dice(7);
    GrayImage::from_fn(width, height, |x, y| {
        let across = f64::from(x) / f64::from(width);
        let down = f64::from(y) / f64::from(height);
        let on_part = (0.2..0.8).contains(&across) && (0.3..0.7).contains(&down);
        let in_notch = (0.4..0.5).contains(&across) && (0.3..0.4).contains(&down);
        let level = if on_part && !in_notch { 170 } else { 40 };
        Luma([dice.noisy(level, noise)])
    })
}

/// The same level all over, but for the noise.
fn even(width: u32, height: u32, level: u8, noise: u8) -> GrayImage {
    let mut dice = Dice(11);
    GrayImage::from_fn(width, height, |_, _| Luma([dice.noisy(level, noise)]))
}

struct Dice(u64);

impl Dice {
    fn noisy(&mut self, level: u8, noise: u8) -> u8 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        let span = u64::from(noise) * 2 + 1;
        let by = (self.0 % span) as i16 - i16::from(noise);
        (i16::from(level) + by).clamp(0, 255) as u8
    }
}

fn dimmed(mut picture: GrayImage, gain: f32) -> GrayImage {
    for level in picture.iter_mut() {
        *level = (f32::from(*level) * gain).round().min(255.0) as u8;
    }
    picture
}

#[rstest]
#[case::full_hd(1920, 1080)]
#[case::upright(1080, 1920)]
#[case::small(200, 200)]
#[case::long(2000, 70)]
fn a_part_that_can_be_seen_is_taken_also_where_it_is_poor(#[case] width: u32, #[case] height: u32) {
    let picture = part(width, height, 3);
    assert_eq!(quality_fault(&picture), None);
    assert_eq!(quality_fault(&dimmed(picture.clone(), 0.25)), None, "dim");
    assert_eq!(quality_fault(&dimmed(picture.clone(), 4.0)), None, "bright");
    let soft = imageops::blur(&picture, 1.0);
    assert_eq!(quality_fault(&soft), None, "a little out of focus");
}

#[test]
fn a_small_bright_part_in_the_dark_is_taken_and_so_is_a_small_dark_one_before_a_bright_light() {
    let spot = |ground: u8, level: u8| {
        GrayImage::from_fn(1000, 800, |x, y| {
            let inside = (500..660).contains(&x) && (300..420).contains(&y);
            Luma([if inside { level } else { ground }])
        })
    };
    assert_eq!(quality_fault(&spot(0, 200)), None);
    assert_eq!(quality_fault(&spot(255, 20)), None);
}

#[test]
fn steel_that_fills_the_frame_with_nothing_but_its_grain_is_taken() {
    let grain = GrayImage::from_fn(1600, 1200, |x, y| {
        Luma([150 + ((x * 7 + y * 13) % 32) as u8])
    });
    assert_eq!(quality_fault(&grain), None);
}

#[test]
fn even_steel_with_one_hairline_or_one_spot_is_taken() {
    let on_steel = |mark: fn(u32, u32) -> bool| {
        let steel = even(1920, 1080, 150, 3);
        GrayImage::from_fn(1920, 1080, |x, y| match mark(x, y) {
            true => Luma([90]),
            false => *steel.get_pixel(x, y),
        })
    };
    let hairline = on_steel(|x, y| (400..700).contains(&x) && (500..502).contains(&y));
    assert_eq!(quality_fault(&hairline), None);
    let spot = on_steel(|x, y| x.abs_diff(900).pow(2) + y.abs_diff(300).pow(2) < 30);
    assert_eq!(quality_fault(&spot), None);
}

#[rstest]
#[case::a_lens_cap(even(1920, 1080, 6, 6), QualityFault::Dark)]
#[case::a_lens_cap_seen_small(even(200, 200, 6, 6), QualityFault::Dark)]
#[case::nothing_at_all(GrayImage::new(640, 480), QualityFault::Dark)]
#[case::a_lamp_that_is_off(dimmed(part(1920, 1080, 3), 0.05), QualityFault::Dark)]
#[case::far_too_long_exposed(even(1920, 1080, 255, 4), QualityFault::Clipped)]
#[case::paper_before_the_lens(even(1920, 1080, 120, 8), QualityFault::Flat)]
#[case::far_out_of_focus(imageops::blur(&part(640, 480, 0), 8.0), QualityFault::Blurred)]
fn a_picture_that_nobody_could_judge_is_refused(
    #[case] picture: GrayImage,
    #[case] fault: QualityFault,
) {
    assert_eq!(quality_fault(&picture), Some(fault));
}

#[test]
fn pictures_of_a_few_pixels_are_looked_at_too() {
    for (width, height) in [
        (1, 1),
        (2, 1),
        (1, 900),
        (900, 1),
        (63, 63),
        (17, 640),
        (0, 0),
    ] {
        assert_eq!(
            quality_fault(&GrayImage::new(width, height)),
            Some(QualityFault::Dark),
            "{width}x{height}"
        );
    }
    assert_eq!(quality_fault(&part(40, 30, 3)), None);
}
