use super::{
    arrival::{Arrival, Came},
    features::Features,
    leftovers, lost,
    opening::{open_device, set_packet_size, stop_sending},
    pixels::{NoPicture, format_of, rows_share_bytes},
    sequence::Sequence,
};
use crate::settings;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use wiko_aravis::{Aravis, Counts, Device, NodeKind, Stream};
use wiko_core::{
    camera::{
        Access, CameraId, DeviceIdentity, Feature, FeatureError, FeatureSettings, FeatureValue,
        FoundDevice, Frame, FramePicture, Mismatch, PixelFormat, StreamStatistics,
    },
    ports::{Camera, CameraError, Clock, LostCause},
};
use wiko_imaging::{MAX_PIXELS, MAX_SIDE_PX};

/// One wait for a frame; in between the camera's loss is looked for.
const WAIT: Duration = Duration::from_millis(100);
const LEAST_BUFFERS: usize = 3;
const MOST_BUFFERS: usize = 64;
/// Larger frames are a camera that has lost its way.
const MOST_FRAME_BYTES: i64 = 1 << 30;

/// What is to be opened, and how.
pub(super) struct Order {
    pub(super) id: CameraId,
    pub(super) found: FoundDevice,
    pub(super) settings: FeatureSettings,
    pub(super) buffers_bytes: usize,
    pub(super) clock: Arc<dyn Clock>,
}

/// An open camera and its stream, on the one thread that calls Aravis for it. Each call may take seconds where the camera
/// is gone.
pub(super) struct Session {
    id: CameraId,
    identity: DeviceIdentity,
    buffers_bytes: usize,
    gone: Arc<AtomicBool>,
    features: Features,
    mismatches: Vec<Mismatch>,
    line_scan: bool,
    payload_bytes: usize,
    sequence: Sequence,
    frames: u64,
    /// What streams before this one have counted.
    counts: Counts,
    arrival: Arrival,
    // Before the device, whose stream it is.
    stream: Option<Stream>,
    device: Device,
}

impl Session {
    /// `gone` is set once nobody answers any more: nothing is told to the camera then.
    pub(super) fn open(
        aravis: &'static Aravis,
        order: Order,
        gone: Arc<AtomicBool>,
    ) -> Result<Self, CameraError> {
        let identity = order.found.identity.clone();
        let label = identity.label();
        let device = open_device(aravis, &order.found)?;
        let failed = |error| lost(&label, &error);
        stop_sending(&device).map_err(failed)?;
        set_packet_size(&device, &order.found)?;
        let features = Features::of(&device);
        let mut mismatches = leftovers::undo(&device, &features)?;
        mismatches.retain(|mismatch| !order.settings.contains_key(&mismatch.name));
        let scan_type = features.node(&device, "DeviceScanType");
        let line_scan = scan_type
            .and_then(|node| node.string().ok())
            .is_some_and(|kind| kind.starts_with("Linescan"));
        let mut session = Self {
            id: order.id,
            identity,
            buffers_bytes: order.buffers_bytes,
            gone,
            features,
            mismatches,
            line_scan,
            payload_bytes: 0,
            sequence: Sequence::default(),
            frames: 0,
            counts: Counts::default(),
            arrival: Arrival::by(order.clock),
            stream: None,
            device,
        };
        // Before there is a stream, around which each would be set.
        let unmet = settings::apply(&mut session, &order.settings)?;
        session
            .mismatches
            .retain(|mismatch| !order.settings.contains_key(&mismatch.name));
        session.mismatches.extend(unmet);
        session.start()?;
        Ok(session)
    }

    pub(super) fn is_line_scan(&self) -> bool {
        self.line_scan
    }

    pub(super) fn mismatches(&self) -> &[Mismatch] {
        &self.mismatches
    }

    /// Nobody answers any more, as far as is known.
    fn is_gone(&self) -> bool {
        self.device.control_is_lost() || self.gone.load(Ordering::Acquire)
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
        self.payload_bytes = payload;
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
        let stopped = if self.is_gone() {
            Ok(())
        } else {
            stop_sending(&self.device).map_err(|error| lost(&self.identity.label(), &error))
        };
        self.counts = add(self.counts, stream.counts());
        stopped
    }

    /// A format that cannot be read is said before the first frame, with those that can; so is a size of which no picture
    /// can be made, before there are buffers for it.
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
                    "{label} gives {} (code {code:#010x}), which the station cannot read; set its PixelFormat to one of: {}",
                    if name.is_empty() {
                        "pixels without a name"
                    } else {
                        &name
                    },
                    readable.join(", ")
                ),
            ));
        }
        let side = |name: &str| {
            let side = self.device.node(name).and_then(|node| node.integer().ok());
            side.and_then(|side| u32::try_from(side).ok())
        };
        let (width, height) = (side("Width"), side("Height"));
        if let Some(width) = width
            && rows_share_bytes(code, width)
        {
            return Err(CameraError::lost(
                LostCause::NoUsableFormat,
                format!(
                    "{label}: rows of {width} pixels of {name} end within a byte; set an even Width"
                ),
            ));
        }
        if let (Some(width), Some(height)) = (width, height)
            && is_too_large(width, height)
        {
            return Err(CameraError::lost(
                LostCause::NoUsableFormat,
                format!(
                    "{label} gives {width}x{height} pixels at once, which is more than the station takes: at most {} megapixels and {MAX_SIDE_PX} a side; set a smaller Width or Height",
                    MAX_PIXELS / 1_000_000
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
            });
        self.arrival.set_exposure_us(exposure_us.unwrap_or(0.0));
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
                    exposed_at: self.arrival.exposed_at(came.arrived_ns),
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

impl Camera for Session {
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
            let came = stream
                .next(left.min(WAIT))
                .map(|buffer| Came::of(&buffer, self.payload_bytes, self.line_scan));
            match came {
                Some(Some(came)) => return self.frame(came),
                // One that was taken back empty is none.
                Some(None) => {}
                None if self.is_gone() => {
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

impl Drop for Session {
    fn drop(&mut self) {
        if let Err(error) = self.stop() {
            tracing::debug!(%error, "the camera could not be stopped");
        }
    }
}

fn is_too_large(width_px: u32, height_px: u32) -> bool {
    let pixels = u64::from(width_px) * u64::from(height_px);
    width_px > MAX_SIDE_PX || height_px > MAX_SIDE_PX || pixels > MAX_PIXELS
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
