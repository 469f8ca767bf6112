//! Where `camera.xml` says that its values lie.

use std::{
    net::{Ipv4Addr, SocketAddrV4},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};
use wiko_aravis::FakeGigeCamera;

const WIDTH: u32 = 0x8000;
const HEIGHT: u32 = 0x8004;
const OFFSET_X: u32 = 0x8008;
const OFFSET_Y: u32 = 0x800c;
const PIXEL_FORMAT: u32 = 0x8010;
const SENSOR_WIDTH: u32 = 0x8014;
const SENSOR_HEIGHT: u32 = 0x8018;
const ACQUISITION: u32 = 0x801c;
const ACQUISITION_MODE: u32 = 0x8020;
const EXPOSURE_AUTO: u32 = 0x8024;
const GAIN_AUTO: u32 = 0x8028;
const SCAN_TYPE: u32 = 0x8030;
const EXPOSURE_TIME: u32 = 0x8040;
const FRAME_RATE: u32 = 0x8048;
const LINE_RATE: u32 = 0x8050;
const GAIN: u32 = 0x8058;
const TEMPERATURE: u32 = 0x8068;
/// Of `FrameStart`; those of `LineStart` follow.
const TRIGGER_MODE: u32 = 0x8100;
const TRIGGER_SOURCE: u32 = 0x8104;
const TRIGGER_SOFTWARE: u32 = 0x810c;
const ENCODER_DIVIDER: u32 = 0x8208;

/// Of GigE Vision itself.
const MAC_HIGH: u32 = 0x0008;
const MAC_LOW: u32 = 0x000c;
const VENDOR: u32 = 0x0048;
const MODEL: u32 = 0x0068;
const INFO: u32 = 0x00a8;
const CONTROL: u32 = 0x0a00;
const STREAM_PORT: u32 = 0x0d00;
const PACKET_SIZE: u32 = 0x0d04;
const STREAM_ADDRESS: u32 = 0x0d18;

pub(crate) const MONO_8: u32 = 0x0108_0001;

/// What the camera is at the start.
pub(crate) struct Setup<'a> {
    pub(crate) vendor: &'a str,
    pub(crate) model: &'a str,
    pub(crate) serial: &'a str,
    pub(crate) line_scan: bool,
    pub(crate) sensor_px: (u32, u32),
    pub(crate) size_px: (u32, u32),
    pub(crate) format: u32,
    pub(crate) frame_rate_hz: f64,
}

/// The registers, for the thread that sends and the one that is told things.
pub(crate) struct Registers {
    camera: Mutex<FakeGigeCamera>,
    /// Edges at the input line that no frame was taken for yet.
    edges: AtomicU32,
}

/// What is to be sent, and where.
#[derive(Clone, Copy, PartialEq)]
pub(crate) struct Stream {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) offset_x: u32,
    pub(crate) offset_y: u32,
    pub(crate) format: u32,
    pub(crate) packet_size: usize,
    pub(crate) to: SocketAddrV4,
}

impl Registers {
    pub(crate) fn new(camera: FakeGigeCamera, setup: &Setup<'_>) -> Self {
        camera.set_text(VENDOR, 32, setup.vendor);
        camera.set_text(MODEL, 32, setup.model);
        camera.set_text(INFO, 48, "simulated");
        // Locally administered, and another for each serial number.
        let number = setup.serial.bytes().fold(0x811c_9dc5_u32, |hash, byte| {
            (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
        });
        camera.set_register(MAC_HIGH, 0x0200);
        camera.set_register(MAC_LOW, number);
        for (address, value) in [
            (WIDTH, setup.size_px.0),
            (HEIGHT, setup.size_px.1),
            (PIXEL_FORMAT, setup.format),
            (SENSOR_WIDTH, setup.sensor_px.0),
            (SENSOR_HEIGHT, setup.sensor_px.1),
            (SCAN_TYPE, u32::from(setup.line_scan)),
            (ENCODER_DIVIDER, 1),
        ] {
            camera.set_register(address, value);
        }
        let registers = Self {
            camera: Mutex::new(camera),
            edges: AtomicU32::new(0),
        };
        registers.set_float(EXPOSURE_TIME, if setup.line_scan { 20.0 } else { 1000.0 });
        registers.set_float(FRAME_RATE, setup.frame_rate_hz);
        registers.set_float(LINE_RATE, 1000.0);
        registers.set_float(GAIN, 0.0);
        registers.set_float(TEMPERATURE, 41.5);
        registers
    }

    fn camera(&self) -> MutexGuard<'_, FakeGigeCamera> {
        self.camera.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn get(&self, address: u32) -> u32 {
        self.camera().register(address)
    }

    fn float(&self, address: u32) -> f64 {
        let (high, low) = (self.get(address), self.get(address + 4));
        f64::from_bits(u64::from(high) << 32 | u64::from(low))
    }

    fn set_float(&self, address: u32, value: f64) {
        let bits = value.to_bits();
        self.camera().set_register(address, (bits >> 32) as u32);
        self.camera().set_register(address + 4, bits as u32);
    }

    /// What another program might have left behind.
    pub(crate) fn set(&self, name: &str, value: u32) -> Result<(), String> {
        let address = address(name)?;
        self.camera().set_register(address, value);
        Ok(())
    }

    /// Where somebody controls the camera and has started it.
    pub(crate) fn stream(&self) -> Option<Stream> {
        let controlled = self.get(CONTROL) & 3 != 0;
        (controlled && self.get(ACQUISITION) != 0).then(|| Stream {
            width: self.get(WIDTH),
            height: self.get(HEIGHT),
            offset_x: self.get(OFFSET_X),
            offset_y: self.get(OFFSET_Y),
            format: self.get(PIXEL_FORMAT),
            packet_size: (self.get(PACKET_SIZE) & 0xffff) as usize,
            to: SocketAddrV4::new(
                Ipv4Addr::from(self.get(STREAM_ADDRESS)),
                self.get(STREAM_PORT) as u16,
            ),
        })
    }

    /// From one frame or block to the next.
    pub(crate) fn period(&self, rows: u32) -> Duration {
        let per_s = if self.get(SCAN_TYPE) == 1 {
            self.float(LINE_RATE) / f64::from(rows)
        } else {
            self.float(FRAME_RATE)
        };
        Duration::from_secs_f64(1.0 / per_s.clamp(0.01, 1e5))
    }

    pub(crate) fn waits_for_trigger(&self) -> bool {
        self.get(TRIGGER_MODE) == 1
    }

    /// A sensor at its input line has seen a part.
    pub(crate) fn edge(&self) {
        self.edges.fetch_add(1, Ordering::Relaxed);
    }

    /// True once for each trigger of its source.
    pub(crate) fn triggered(&self) -> bool {
        let by_word = self.get(TRIGGER_SOFTWARE) != 0;
        if by_word {
            self.camera().set_register(TRIGGER_SOFTWARE, 0);
        }
        if self.get(TRIGGER_SOURCE) == 0 {
            return by_word;
        }
        let one_less = |edges: u32| edges.checked_sub(1);
        self.edges
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less)
            .is_ok()
    }

    /// Stops after the only frame.
    pub(crate) fn one_frame_was_sent(&self) {
        if self.get(ACQUISITION_MODE) == 1 {
            self.camera().set_register(ACQUISITION, 0);
        }
    }
}

/// Where a register lies that is known by name.
pub(crate) fn address(name: &str) -> Result<u32, String> {
    Ok(match name {
        "ControlChannelPrivilege" => CONTROL,
        "PacketSize" => PACKET_SIZE,
        "AcquisitionStart" => ACQUISITION,
        "TriggerMode" => TRIGGER_MODE,
        "LineTriggerMode" => TRIGGER_MODE + 0x20,
        "TriggerSource" => TRIGGER_SOURCE,
        "AcquisitionMode" => ACQUISITION_MODE,
        "ExposureAuto" => EXPOSURE_AUTO,
        "GainAuto" => GAIN_AUTO,
        "Width" => WIDTH,
        "Height" => HEIGHT,
        "OffsetX" => OFFSET_X,
        "PixelFormat" => PIXEL_FORMAT,
        _ => return Err(format!("{name} is no register that is known here")),
    })
}
