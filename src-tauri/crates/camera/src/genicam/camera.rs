use super::{
    features::Features,
    load, lost,
    pixels::{NoPicture, format_of, picture, rows_share_bytes},
    sequence::Sequence,
    settings,
};
use std::{
    net::Ipv4Addr,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};
use wiko_aravis::{
    Aravis, BufferStatus, Counts, Device, ErrorKind, LIBRARY, NodeKind, PacketSize, Stream,
};
use wiko_core::{
    camera::{
        Access, CameraId, DeviceIdentity, Feature, FeatureError, FeatureSettings, FeatureValue,
        FoundDevice, Frame, FramePicture, Mismatch, PixelFormat, RawImage, StreamStatistics,
    },
    ports::{Camera, CameraError, Clock, LostCause},
    time::UnixMillis,
};

/// One wait for a frame; in between the camera's loss is looked for.
const WAIT: Duration = Duration::from_millis(100);
/// Times that go back by no more come from packets that came at an uneven pace, not from a clock that was set.
const JITTER_MS: i64 = 1000;
/// The largest packets that loopback carries, as a multiple of four.
const LOOPBACK_PACKET_BYTES: u16 = 60_000;
const LEAST_BUFFERS: usize = 3;
const MOST_BUFFERS: usize = 64;
/// Larger frames are a camera that has lost its way.
const MOST_FRAME_BYTES: i64 = 1 << 30;

/// How a camera is opened.
#[derive(Debug, Clone)]
pub struct GenicamOptions {
    /// What its features are to be, by SFNC names; the order does not matter.
    pub settings: FeatureSettings,
    /// Bytes that buffers may take together; three are made whatever they take.
    pub buffers_bytes: usize,
    /// Aravis' library by name or path.
    pub library: String,
}

impl Default for GenicamOptions {
    fn default() -> Self {
        Self {
            settings: FeatureSettings::new(),
            buffers_bytes: 256 << 20,
            library: LIBRARY.to_owned(),
        }
    }
}

/// An open camera of GigE Vision or USB3 Vision, streaming.
pub struct GenicamCamera {
    id: CameraId,
    identity: DeviceIdentity,
    clock: Arc<dyn Clock>,
    buffers_bytes: usize,
    features: Features,
    mismatches: Vec<Mismatch>,
    line_scan: bool,
    sequence: Sequence,
    frames: u64,
    /// What streams before this one have counted.
    counts: Counts,
    last_exposed: Option<UnixMillis>,
    exposure: Duration,
    // Before the device, whose stream it is.
    stream: Option<Stream>,
    device: Device,
}

impl std::fmt::Debug for GenicamCamera {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "GenicamCamera({})", self.identity.label())
    }
}

impl GenicamCamera {
    /// Opens a camera that was found, undoes what other programs left in it, sets it and starts it. Takes up to a few
    /// seconds. What it did not take is in [`Self::mismatches`].
    pub fn open(
        id: CameraId,
        found: &FoundDevice,
        options: &GenicamOptions,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, CameraError> {
        let identity = found.identity.clone();
        let label = identity.label();
        let device = open_device(load(&options.library)?, found)?;
        let failed = |error| lost(&label, &error);
        stop_sending(&device).map_err(failed)?;
        let address: Option<Ipv4Addr> = found.address.parse().ok();
        let size = match address {
            Some(address) if address.is_loopback() => PacketSize::Bytes(LOOPBACK_PACKET_BYTES),
            _ => PacketSize::Largest,
        };
        match device.set_packet_size(size) {
            Ok(bytes) => tracing::debug!(camera = %label, bytes, "packets"),
            Err(error) if error.kind == ErrorKind::Timeout => return Err(failed(error)),
            Err(error) => tracing::warn!(camera = %label, %error, "packets stay as they are"),
        }
        warn_of_small_socket_buffers(&device);
        let features = Features::of(&device);
        let mut mismatches = settings::undo_what_others_left(&device, &features)?;
        mismatches.retain(|mismatch| !options.settings.contains_key(&mismatch.name));
        mismatches.extend(settings::apply(&device, &features, &options.settings)?);
        let scan_type = features.node(&device, "DeviceScanType");
        let line_scan = scan_type
            .and_then(|node| node.string().ok())
            .is_some_and(|kind| kind.starts_with("Linescan"));
        let mut camera = Self {
            id,
            identity,
            clock,
            buffers_bytes: options.buffers_bytes,
            features,
            mismatches,
            line_scan,
            sequence: Sequence::default(),
            frames: 0,
            counts: Counts::default(),
            last_exposed: None,
            exposure: Duration::ZERO,
            stream: None,
            device,
        };
        camera.start()?;
        Ok(camera)
    }

    /// True where each frame is a block of lines.
    pub fn is_line_scan(&self) -> bool {
        self.line_scan
    }

    /// Features that have not what they were told, on opening or by the last [`Camera::set_feature`] of each. Empty where
    /// the camera does what it was told.
    pub fn mismatches(&self) -> &[Mismatch] {
        &self.mismatches
    }

    fn start(&mut self) -> Result<(), CameraError> {
        let label = self.identity.label();
        let failed = |error| lost(&label, &error);
        self.check_format()?;
        let payload = self
            .device
            .node("PayloadSize")
            .map(|node| node.integer())
            .transpose()
            .map_err(failed)?
            .filter(|bytes| (1..=MOST_FRAME_BYTES).contains(bytes))
            .and_then(|bytes| usize::try_from(bytes).ok())
            .ok_or_else(|| {
                CameraError::failed(format!(
                    "{label} does not say how large its frames are, or says more than a station can hold; make them smaller"
                ))
            })?;
        let stream = self.device.stream().map_err(failed)?;
        let buffers = (self.buffers_bytes / payload).clamp(LEAST_BUFFERS, MOST_BUFFERS);
        for _ in 0..buffers {
            stream.add_buffer(payload);
        }
        self.read_exposure();
        if let Some(lock) = self.device.node("TLParamsLocked")
            && lock.kind() == NodeKind::Integer
        {
            lock.set_integer(1).map_err(failed)?;
        }
        let start = self
            .device
            .node("AcquisitionStart")
            .ok_or_else(|| CameraError::failed(format!("{label} has no command to start it")))?;
        start.execute().map_err(failed)?;
        self.stream = Some(stream);
        Ok(())
    }

    fn stop(&mut self) -> Result<(), CameraError> {
        let Some(stream) = self.stream.take() else {
            return Ok(());
        };
        self.sequence.interrupted();
        let stopped = if self.device.control_is_lost() {
            Ok(())
        } else {
            stop_sending(&self.device).map_err(|error| lost(&self.identity.label(), &error))
        };
        self.counts = add(self.counts, stream.counts());
        stopped
    }

    /// A format that cannot be read is said before the first frame, with those that can.
    fn check_format(&self) -> Result<(), CameraError> {
        let Some(node) = self.device.node("PixelFormat") else {
            return Ok(());
        };
        let label = self.identity.label();
        let failed = |error| lost(&label, &error);
        let name = node.string().map_err(failed)?;
        let code = node.entry_code().map_err(failed)? as u32;
        if format_of(code).is_none() {
            let entries = node.entries().map_err(failed)?;
            let readable: Vec<&str> = PixelFormat::ALL
                .iter()
                .map(|format| format.code())
                .filter(|format| entries.iter().any(|entry| entry == format))
                .collect();
            return Err(CameraError::lost(
                LostCause::NoUsableFormat,
                format!(
                    "{label} gives {name} (code {code:#010x}), which the station cannot read; set its PixelFormat to one of: {}",
                    readable.join(", ")
                ),
            ));
        }
        let width = self
            .device
            .node("Width")
            .and_then(|node| node.integer().ok());
        if let Some(width) = width.and_then(|width| u32::try_from(width).ok())
            && rows_share_bytes(code, width)
        {
            return Err(CameraError::lost(
                LostCause::NoUsableFormat,
                format!(
                    "{label}: rows of {width} pixels of {name} end within a byte; set an even Width"
                ),
            ));
        }
        Ok(())
    }

    fn read_exposure(&mut self) {
        let exposure_us = self
            .features
            .node(&self.device, "ExposureTime")
            .and_then(|node| match node.kind() {
                NodeKind::Integer => node.integer().ok().map(|us| us as f64),
                _ => node.float().ok(),
            })
            .filter(|us| (0.0..60e6).contains(us))
            .unwrap_or(0.0);
        // Lines of a block are exposed one after the other, the first of them just before the block begins to come.
        self.exposure = Duration::from_secs_f64(exposure_us / 1e6);
    }

    fn exposed_at(&mut self, arrived_ns: u64) -> UnixMillis {
        let now_ns = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .map_or(0, |now| now.as_nanos());
        let age_ns = now_ns.saturating_sub(u128::from(arrived_ns));
        // A stream that says no time says 0.
        let age_ms = if arrived_ns == 0 {
            0
        } else {
            age_ns / 1_000_000
        };
        let before_ms = age_ms + self.exposure.as_millis();
        let mut at = UnixMillis(self.clock.now().0 - i64::try_from(before_ms).unwrap_or(0));
        if let Some(last) = self.last_exposed
            && at < last
            && last.0 - at.0 < JITTER_MS
        {
            at = last;
        }
        self.last_exposed = Some(at);
        at
    }

    fn frame(&mut self, came: Came) -> Result<Frame, CameraError> {
        let bad = |reason: String| CameraError::BadFrame {
            source_name: self.identity.label(),
            reason,
        };
        match came.picture {
            Ok(raw) => {
                self.frames += 1;
                Ok(Frame {
                    sequence: self.sequence.good(came.id),
                    exposed_at: self.exposed_at(came.arrived_ns),
                    camera: self.id.clone(),
                    picture: FramePicture::Raw(raw),
                    faults: Vec::new(),
                    invalid_rows: Vec::new(),
                })
            }
            Err(NoPicture::Torn(reason)) => {
                let error = bad(reason);
                self.sequence.bad();
                Err(error)
            }
            Err(NoPicture::Format(what)) => Err(CameraError::lost(
                LostCause::NoUsableFormat,
                format!(
                    "{} gives pixels that the station cannot read: {what}; set its PixelFormat to another",
                    self.identity.label()
                ),
            )),
        }
    }

    fn set_now(
        &mut self,
        name: &str,
        value: &FeatureValue,
        streaming: bool,
    ) -> Result<Feature, FeatureError> {
        let feature = self.features.one(&self.device, name, streaming)?;
        let value = feature.accept(value)?;
        self.features.set(&self.device, name, &value)?;
        self.features.one(&self.device, name, streaming)
    }

    /// With the stream stopped around it. Where the camera will not start so, it gets its old value back.
    fn set_stopped(
        &mut self,
        name: &str,
        value: &FeatureValue,
        before: Option<FeatureValue>,
    ) -> Result<Feature, FeatureError> {
        self.stop()?;
        let set = self.set_now(name, value, false);
        if let Err(error @ CameraError::Lost { .. }) = self.start() {
            let gone = matches!(
                error,
                CameraError::Lost {
                    cause: LostCause::Unplugged,
                    ..
                }
            );
            let (true, Some(before), false) = (set.is_ok(), before, gone) else {
                return Err(error.into());
            };
            self.features.set(&self.device, name, &before)?;
            self.start()?;
            return Err(FeatureError::Refused {
                name: name.to_owned(),
                reason: error.to_string(),
            });
        }
        set?;
        self.features.one(&self.device, name, true)
    }
}

impl Camera for GenicamCamera {
    fn id(&self) -> &CameraId {
        &self.id
    }

    fn next_frame(&mut self, timeout: Duration) -> Result<Frame, CameraError> {
        let begun = Instant::now();
        loop {
            let Some(stream) = &self.stream else {
                return Err(CameraError::failed(format!(
                    "{} could not be started again; open it anew",
                    self.identity.label()
                )));
            };
            let left = timeout.saturating_sub(begun.elapsed());
            let came = stream.next(left.min(WAIT)).map(|buffer| Came::of(&buffer));
            match came {
                Some(Some(came)) => return self.frame(came),
                // One that was taken back empty is none.
                Some(None) => {}
                None if self.device.control_is_lost() => {
                    return Err(CameraError::lost(
                        LostCause::Unplugged,
                        format!(
                            "{} has stopped answering; check cable, power and network",
                            self.identity.label()
                        ),
                    ));
                }
                None => {}
            }
            if begun.elapsed() >= timeout {
                return Err(CameraError::Timeout {
                    waited_ms: timeout.as_millis() as u64,
                });
            }
        }
    }

    fn device(&self) -> Option<&DeviceIdentity> {
        Some(&self.identity)
    }

    fn features(&mut self) -> Result<Vec<Feature>, CameraError> {
        self.features.all(&self.device, self.stream.is_some())
    }

    fn feature(&mut self, name: &str) -> Result<Feature, FeatureError> {
        self.features.one(&self.device, name, self.stream.is_some())
    }

    fn set_feature(&mut self, name: &str, value: &FeatureValue) -> Result<Feature, FeatureError> {
        let feature = self.feature(name)?;
        let told = feature.accept(value)?;
        let set = if feature.access == Access::Locked {
            self.set_stopped(name, value, feature.value)?
        } else {
            self.set_now(name, value, self.stream.is_some())?
        };
        self.read_exposure();
        self.mismatches.retain(|mismatch| mismatch.name != name);
        self.mismatches
            .extend(settings::differs(name, &told, Some(&set), None));
        Ok(set)
    }

    fn statistics(&self) -> StreamStatistics {
        let now = self.stream.as_ref().map(Stream::counts);
        let counts = add(self.counts, now.unwrap_or_default());
        StreamStatistics {
            frames: self.frames,
            frames_lost: self.sequence.lost(),
            packets_resent: counts.resent_packets,
            packets_missing: counts.missing_packets,
            underruns: counts.underruns,
        }
    }
}

impl Drop for GenicamCamera {
    fn drop(&mut self) {
        if let Err(error) = self.stop() {
            tracing::debug!(%error, "the camera could not be stopped");
        }
    }
}

/// What was in a buffer, out of which it is copied.
struct Came {
    id: u64,
    arrived_ns: u64,
    picture: Result<RawImage, NoPicture>,
}

impl Came {
    fn of(buffer: &wiko_aravis::Buffer<'_>) -> Option<Self> {
        let status = buffer.status();
        let picture = match status {
            BufferStatus::Cleared | BufferStatus::Aborted => return None,
            BufferStatus::Success => buffer
                .image()
                .ok_or_else(|| NoPicture::Torn("what came is no picture".to_owned()))
                .and_then(|image| picture(&image)),
            failed => Err(NoPicture::Torn(failed.to_string())),
        };
        Some(Self {
            id: buffer.frame_id(),
            arrived_ns: buffer.arrived_ns(),
            picture,
        })
    }
}

fn open_device(aravis: &'static Aravis, found: &FoundDevice) -> Result<Device, CameraError> {
    let identity = &found.identity;
    let label = identity.label();
    let device = aravis
        .open(&found.address)
        .map_err(|error| match lost(&label, &error) {
            // On opening, silence is nobody there.
            CameraError::Lost {
                cause: LostCause::Unplugged,
                reason,
            } => CameraError::lost(LostCause::NotFound, reason),
            error => error,
        })?;
    if !device.is_controller() {
        return Err(CameraError::lost(
            LostCause::OpenElsewhere,
            format!(
                "{label} is open in another program or at another station; close it there first"
            ),
        ));
    }
    let serial = ["DeviceSerialNumber", "DeviceID"]
        .iter()
        .find_map(|name| device.node(name)?.string().ok())
        .map(|serial| serial.trim().to_owned());
    match (&identity.serial, serial) {
        (Some(wanted), Some(is)) if !is.is_empty() && *wanted != is => Err(CameraError::lost(
            LostCause::NotFound,
            format!(
                "{label} is not at {} any more: camera {is} is; look for it again",
                found.address
            ),
        )),
        _ => Ok(device),
    }
}

/// Linux lets no socket hold more than its administrator says; by default less than one block of a line sensor.
fn warn_of_small_socket_buffers(device: &Device) {
    const ENOUGH_BYTES: u64 = 4 << 20;
    let most: Option<u64> = std::fs::read_to_string("/proc/sys/net/core/rmem_max")
        .ok()
        .and_then(|text| text.trim().parse().ok());
    if let Some(most) = most.filter(|most| device.is_gige() && *most < ENOUGH_BYTES) {
        tracing::warn!(
            most,
            "the system's socket buffers are too small for a fast camera, and frames may be lost: sudo sysctl -w net.core.rmem_max=16777216"
        );
    }
}

/// What the station, or a program before it, has started.
fn stop_sending(device: &Device) -> Result<(), wiko_aravis::Error> {
    if let Some(stop) = device.node("AcquisitionStop") {
        match stop.execute() {
            Err(error) if error.kind == ErrorKind::Timeout => return Err(error),
            // Some refuse to stop what does not run.
            Ok(()) | Err(_) => {}
        }
    }
    if let Some(lock) = device.node("TLParamsLocked")
        && lock.kind() == NodeKind::Integer
    {
        lock.set_integer(0)?;
    }
    Ok(())
}

fn add(a: Counts, b: Counts) -> Counts {
    Counts {
        completed: a.completed + b.completed,
        failures: a.failures + b.failures,
        underruns: a.underruns + b.underruns,
        resent_packets: a.resent_packets + b.resent_packets,
        missing_packets: a.missing_packets + b.missing_packets,
    }
}
