//! Frames of each format, their colours, numbers and times.

use crate::{OSD_TEXT_MODE, TEST_PATTERN, Vivid, clock, next_good, small};
use std::time::Duration;
use wiko_camera::v4l2::V4l2Camera;
use wiko_core::camera::{FramePicture, PixelFormat, RawImage};
use wiko_testkit::contracts::camera as contract;

#[test]
fn a_video4linux_camera_keeps_the_contract() {
    let vivid = Vivid(0);
    contract::frames_count_up_and_carry_their_own_facts(&mut vivid.open(), 10);
    contract::a_call_returns_within_its_timeout(&mut vivid.open());
}

/// Red, green and blue of the eight bars of the test picture, from the left, at three quarters of full brightness.
const BARS: [[u8; 3]; 8] = [
    [191, 191, 191],
    [191, 191, 0],
    [0, 191, 191],
    [0, 191, 0],
    [191, 0, 191],
    [191, 0, 0],
    [0, 0, 191],
    [0, 0, 0],
];

fn raw(camera: &mut V4l2Camera) -> RawImage {
    match next_good(camera).picture {
        FramePicture::Raw(raw) => raw,
        FramePicture::Encoded(_) => panic!("not raw"),
    }
}

/// A pixel in red, green, blue (ITU-R BT.601, limited range), or thrice its level.
fn pixel(raw: &RawImage, x: usize, y: usize) -> [u8; 3] {
    let (bytes, stride) = (raw.bytes(), raw.stride_bytes());
    let at = |offset: usize| f64::from(bytes[offset]);
    let row = y * stride;
    let yuv = match raw.format() {
        PixelFormat::RGB8 => return bytes[row + x * 3..][..3].try_into().unwrap(),
        PixelFormat::BGR8 => {
            let [b, g, r] = bytes[row + x * 3..][..3].try_into().unwrap();
            return [r, g, b];
        }
        PixelFormat::Mono8 => return [bytes[row + x]; 3],
        PixelFormat::Mono16 => return [bytes[row + x * 2 + 1]; 3],
        PixelFormat::Mono10 | PixelFormat::Mono12 => {
            let level = u16::from_le_bytes([bytes[row + x * 2], bytes[row + x * 2 + 1]]);
            return [(level >> (raw.format().bits() - 8)) as u8; 3];
        }
        PixelFormat::YUV422Yuyv8 => {
            let pair = row + x / 2 * 4;
            [at(row + x * 2), at(pair + 1), at(pair + 3)]
        }
        PixelFormat::YUV422Uyvy8 => {
            let pair = row + x / 2 * 4;
            [at(row + x * 2 + 1), at(pair), at(pair + 2)]
        }
        PixelFormat::NV12 => {
            let colour = (raw.height_px() as usize + y / 2) * stride + x / 2 * 2;
            [at(row + x), at(colour), at(colour + 1)]
        }
        other => panic!("{other} is not looked at here"),
    };
    let (y, u, v) = (1.164 * (yuv[0] - 16.0), yuv[1] - 128.0, yuv[2] - 128.0);
    let level = |value: f64| value.round().clamp(0.0, 255.0) as u8;
    [
        level(y + 1.596 * v),
        level(y - 0.392 * u - 0.813 * v),
        level(y + 2.017 * u),
    ]
}

#[test]
fn pixels_of_each_format_are_the_colours_that_the_camera_sees() {
    let vivid = Vivid(0);
    // Its clock would stand in the picture.
    vivid.set(OSD_TEXT_MODE, 2);
    let formats = [
        ("YUV422_8", PixelFormat::YUV422Yuyv8),
        ("YUV422_8_UYVY", PixelFormat::YUV422Uyvy8),
        ("NV12", PixelFormat::NV12),
        ("RGB8", PixelFormat::RGB8),
        ("BGR8", PixelFormat::BGR8),
        ("Mono8", PixelFormat::Mono8),
        ("Mono10", PixelFormat::Mono10),
        ("Mono12", PixelFormat::Mono12),
        ("Mono16", PixelFormat::Mono16),
    ];
    for (name, format) in formats {
        let mut camera = vivid.open_with(&small(name));
        let picture = raw(&mut camera);
        assert_eq!(picture.format(), format);
        assert_eq!((picture.width_px(), picture.height_px()), (320, 180));
        let mut last_grey = 256;
        for (bar, colour) in BARS.iter().enumerate() {
            let seen = pixel(&picture, bar * 40 + 20, 90);
            if format.is_mono() {
                // From the left each bar is darker than the one before it.
                assert!(
                    i32::from(seen[0]) < last_grey,
                    "{name}: bar {bar} is {seen:?}"
                );
                last_grey = i32::from(seen[0]);
                continue;
            }
            for channel in 0..3 {
                let apart = i32::from(seen[channel]) - i32::from(colour[channel]);
                assert!(
                    apart.abs() <= 6,
                    "{name}: bar {bar} is {seen:?} and not {colour:?}"
                );
            }
        }
    }
}

#[test]
fn a_frame_that_waited_in_a_buffer_does_not_look_fresh() {
    let vivid = Vivid(0);
    let mut camera = vivid.open();
    let waited = Duration::from_millis(900);
    std::thread::sleep(waited);
    let stale = next_good(&mut camera);
    let age = clock().now().since(stale.exposed_at);
    // It was filled soon after the stream began; how soon depends on the machine.
    assert!(age > waited / 2, "it looks {age:?} old");
    let before = clock().now();
    let fresh = std::iter::repeat_with(|| next_good(&mut camera))
        .take(100)
        .find(|frame| frame.exposed_at >= before);
    assert!(fresh.is_some(), "no frame of after the trigger among 100");
}

#[test]
fn a_frame_is_not_dated_later_than_its_exposure_began() {
    let vivid = Vivid(0);
    let mut camera = vivid.open();
    for _ in 0..5 {
        let frame = next_good(&mut camera);
        let age = clock().now().since(frame.exposed_at);
        // The driver stamps the end of a frame, which took a thirtieth of a second.
        assert!(age >= Duration::from_millis(33), "{age:?}");
    }
}

#[test]
fn the_right_one_of_two_cameras_is_seen() {
    let (first, second) = (Vivid(0), Vivid(1));
    for vivid in [&first, &second] {
        vivid.set(OSD_TEXT_MODE, 2);
    }
    // All white against colour bars.
    second.set(TEST_PATTERN, 6);
    let mut cameras = [first.open(), second.open()];
    let corners = cameras.each_mut().map(|camera| {
        let picture = raw(camera);
        [pixel(&picture, 20, 90), pixel(&picture, 300, 90)]
    });
    assert_ne!(corners[0][0], corners[0][1]);
    assert_eq!(corners[1][0], corners[1][1]);
}
