//! A camera whose frames the test writes: the module `v4l2loopback`, where `run.py` has it.

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};
use v4l::{Device, Format, FourCC, video::Output};

const MODULE: &str = "/modules/v4l2loopback.ko";
/// Far from those of the other cameras.
const NUMBER: &str = "20";

/// The module loaded, a format agreed. There is no such camera before, and none after it is dropped, so that other tests
/// find only theirs.
pub(crate) struct Loopback {
    /// None at its end alone: the module is unloaded once nobody has it open.
    writer: Option<Device>,
}

impl Loopback {
    /// None where the module is not there; `run.py` has said so.
    pub(crate) fn load(fourcc: [u8; 4], width: u32, height: u32) -> Option<Self> {
        if !Path::new(MODULE).exists() {
            return None;
        }
        let mut insmod = Command::new("insmod");
        insmod.args([MODULE, "max_buffers=8", "exclusive_caps=1"]);
        insmod.arg(format!("video_nr={NUMBER}"));
        assert!(insmod.status().unwrap().success());
        let writer = Device::with_path(Self::path()).unwrap();
        let wanted = Format::new(width, height, FourCC::new(&fourcc));
        let format = Output::set_format(&writer, &wanted).unwrap();
        assert_eq!((format.width, format.height), (width, height));
        let mut loopback = Self {
            writer: Some(writer),
        };
        // It is a camera once it has something to give.
        loopback.write(&[]);
        Some(loopback)
    }

    pub(crate) fn path() -> PathBuf {
        format!("/dev/video{NUMBER}").into()
    }

    /// Gives these bytes as a frame.
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        let writer = self.writer.as_mut().unwrap();
        assert_eq!(writer.write(bytes).unwrap(), bytes.len());
    }
}

impl Drop for Loopback {
    fn drop(&mut self) {
        drop(self.writer.take());
        let begun = Instant::now();
        while !is_unloaded() {
            if begun.elapsed() > crate::SOON {
                // A panic within a panic would end the other tests too.
                eprintln!("{MODULE} cannot be unloaded: somebody has it open");
                return;
            }
            // A thread that waits for a frame closes it behind the next one.
            if let Ok(mut device) = Device::with_path(Self::path()) {
                let _ = device.write(&[]);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

fn is_unloaded() -> bool {
    let mut rmmod = Command::new("rmmod");
    let done = rmmod.arg(MODULE).stderr(Stdio::null()).status();
    done.is_ok_and(|status| status.success())
}
