//! A camera of the operating system behind the port.

use super::{
    controls,
    discovery::{NokhwaDiscovery, index_of},
    worker::{Taken, Worker},
};
use crate::{
    mjpeg,
    mode::{self, Chosen, Encoding, Mode, Wanted},
    mode_features, settings,
};
use nokhwa::utils::CameraIndex;
use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};
use wiko_core::{
    camera::{
        CameraId, DeviceIdentity, DeviceMatch, Feature, FeatureError, FeatureSettings,
        FeatureValue, FoundDevice, Frame, FramePicture, Mismatch, RawImage, StreamStatistics,
    },
    image::Sha256,
    ports::{Camera, CameraDiscovery, CameraError, Clock, LostCause},
    time::UnixMillis,
};

/// Whoever gives nothing for so long is lost.
const SILENT_AFTER: Duration = Duration::from_secs(5);
/// Older stamps are of another clock.
const OLDEST: Duration = Duration::from_secs(60);
/// More buffers than nokhwa maps on Linux.
const BUFFERS: usize = 8;

/// Which camera to open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NokhwaDevice {
    /// By what it is known by.
    Identity(DeviceIdentity),
    /// As it is listed now: a number, a name of the system, on Linux also `/dev/video0`.
    Address(String),
}

/// How to open a camera.
#[derive(Debug, Clone, PartialEq)]
pub struct NokhwaOptions {
    /// What its frames are called after.
    pub id: CameraId,
    /// Which one.
    pub device: NokhwaDevice,
    /// What it is to be set to, its format included: `PixelFormat`, `Width`, `Height`, `AcquisitionFrameRate`.
    pub settings: FeatureSettings,
}

/// An open camera that streams.
pub struct NokhwaCamera {
    id: CameraId,
    index: CameraIndex,
    identity: Option<DeviceIdentity>,
    /// None where it could not be opened again.
    worker: Option<Worker>,
    modes: Vec<Mode>,
    chosen: Chosen,
    clock: Arc<dyn Clock>,
    /// What the thread's frame 0 is called here: the thread begins again with each change of the format.
    first_sequence: u64,
    next_sequence: u64,
    missed: u64,
    statistics: StreamStatistics,
    last_sign: Instant,
    mismatches: Vec<Mismatch>,
    /// Hashes of the last JPEGs, one for each buffer that may still hold one.
    recent: VecDeque<Sha256>,
}

impl NokhwaCamera {
    /// Opens the camera, starts its stream and puts the settings on it. What it does not take is in
    /// [`NokhwaCamera::mismatches`].
    pub fn open(options: NokhwaOptions, clock: Arc<dyn Clock>) -> Result<Self, CameraError> {
        let found = NokhwaDiscovery.discover()?;
        let device = device_of(&options.device, &found)?;
        let address = match (&options.device, device) {
            (_, Some(device)) => device.address.clone(),
            (NokhwaDevice::Address(address), None) => address.clone(),
            (NokhwaDevice::Identity(_), None) => String::new(),
        };
        let (mode_settings, other_settings) = mode_features::split(&options.settings);
        let mut refusal = None;
        let index = index_of(&address);
        let (worker, modes, chosen) = Worker::start(index.clone(), |modes| {
            mode_features::wanted(&mode_settings)
                .and_then(|wanted| mode::choose(modes.iter(), &wanted))
                .or_else(|why| {
                    refusal = Some(why);
                    mode::choose(modes.iter(), &Wanted::default())
                })
                .map_err(|why| CameraError::lost(LostCause::NoUsableFormat, why))
        })?;
        let mut camera = Self {
            id: options.id,
            index,
            identity: device.map(|device| device.identity.clone()),
            worker: Some(worker),
            modes,
            chosen,
            clock,
            first_sequence: 0,
            next_sequence: 0,
            missed: 0,
            statistics: StreamStatistics::default(),
            last_sign: Instant::now(),
            mismatches: Vec::new(),
            recent: VecDeque::with_capacity(BUFFERS),
        };
        let features = mode_features::features(camera.modes.iter(), &camera.chosen);
        let mut mismatches =
            mode_features::mismatches(&mode_settings, &features, refusal.as_deref());
        mismatches.extend(settings::apply(&mut camera, &other_settings)?);
        camera.mismatches = mismatches;
        tracing::info!(camera = %camera.id, mode = %camera.chosen, "streaming by nokhwa");
        Ok(camera)
    }

    /// The settings that it was opened with and has not.
    pub fn mismatches(&self) -> &[Mismatch] {
        &self.mismatches
    }

    fn worker(&self) -> Result<&Worker, CameraError> {
        let worker = self.worker.as_ref();
        worker.ok_or_else(|| CameraError::failed("it could not be opened again"))
    }

    /// Closes the camera and opens it in another mode; where that fails, in the one before.
    fn reopen(&mut self, chosen: Chosen, name: &str) -> Result<(), FeatureError> {
        let before = self.chosen;
        self.worker = None;
        self.first_sequence = self.next_sequence;
        self.missed = 0;
        let mut refused = None;
        for mode in [chosen, before] {
            match Worker::start(self.index.clone(), |_| Ok(mode)) {
                Ok((worker, _, chosen)) => {
                    self.worker = Some(worker);
                    self.chosen = chosen;
                    self.last_sign = Instant::now();
                    break;
                }
                Err(error) => {
                    refused.get_or_insert(error);
                }
            }
        }
        match (refused, &self.worker) {
            (None, _) => Ok(()),
            (Some(error), None) => Err(error.into()),
            (Some(error), Some(_)) => Err(FeatureError::Refused {
                name: name.to_owned(),
                reason: error.to_string(),
            }),
        }
    }

    fn picture(&self, taken: &Taken) -> Result<FramePicture, String> {
        let bytes = taken.buffer.buffer();
        let (width, height) = (self.chosen.width_px, self.chosen.height_px);
        match self.chosen.encoding {
            Encoding::Mjpeg => {
                mjpeg::picture_of_used_buffer(bytes, width, height).map(FramePicture::Encoded)
            }
            // nokhwa tells nothing of padded rows; USB cameras have none.
            Encoding::Raw(format) => {
                RawImage::new(format, width, height, format.row_bytes(width), bytes)
                    .map(FramePicture::Raw)
                    .map_err(|bad| bad.to_string())
            }
        }
    }

    /// On Linux nokhwa hands over a whole buffer, however little the driver wrote into it: in place of an empty frame the
    /// one that the buffer held before. No sensor gives the same bytes twice.
    fn refuse_old(&mut self, picture: FramePicture) -> Result<FramePicture, String> {
        if let (true, Some(image)) = (cfg!(target_os = "linux"), picture.encoded()) {
            let hash = image.facts().sha256;
            if self.recent.contains(&hash) {
                return Err("the frame is empty: its buffer holds an older one".to_owned());
            }
            if self.recent.len() == BUFFERS {
                self.recent.pop_front();
            }
            self.recent.push_back(hash);
        }
        Ok(picture)
    }

    /// By the system's stamp where it is one of the time of day, else by its arrival; each is at the earliest the frame's
    /// end, so its exposure began a frame's time before.
    fn exposed_at(&self, taken: &Taken) -> UnixMillis {
        let stamp = taken.buffer.capture_timestamp();
        let since_stamp = stamp.and_then(|stamp| {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
            now.checked_sub(stamp).filter(|age| *age < OLDEST)
        });
        let waited = taken.arrived.elapsed();
        let fps = self.chosen.interval.map_or(0.0, |interval| interval.fps());
        let frame_time = if fps > 0.0 {
            (1.0 / fps).min(10.0)
        } else {
            0.0
        };
        let age =
            since_stamp.map_or(waited, |age| age.max(waited)) + Duration::from_secs_f64(frame_time);
        let age_ms = i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
        UnixMillis(self.clock.now().0.saturating_sub(age_ms))
    }
}

/// The device that is meant; none for an address that is not listed.
fn device_of<'a>(
    wanted: &NokhwaDevice,
    found: &'a [FoundDevice],
) -> Result<Option<&'a FoundDevice>, CameraError> {
    match wanted {
        NokhwaDevice::Address(address) => {
            Ok(found.iter().find(|device| device.address == *address))
        }
        NokhwaDevice::Identity(identity) => match identity.find(found) {
            DeviceMatch::One(device) => Ok(Some(device)),
            DeviceMatch::Absent => Err(CameraError::lost(
                LostCause::NotFound,
                format!("{} is not there; plug it in", identity.label()),
            )),
            DeviceMatch::Ambiguous(several) => Err(CameraError::lost(
                LostCause::Ambiguous,
                format!(
                    "{} cameras may be {}; choose one, or unplug the others",
                    several.len(),
                    identity.label()
                ),
            )),
        },
    }
}

impl Camera for NokhwaCamera {
    fn id(&self) -> &CameraId {
        &self.id
    }

    fn next_frame(&mut self, timeout: Duration) -> Result<Frame, CameraError> {
        let Some((taken, missed)) = self.worker()?.next(timeout)? else {
            let silent = self.last_sign.elapsed();
            if silent < SILENT_AFTER {
                return Err(CameraError::Timeout {
                    waited_ms: timeout.as_millis() as u64,
                });
            }
            return Err(CameraError::lost(
                LostCause::Silent,
                format!(
                    "no frame for {} s; check the cable, or plug the camera in again",
                    silent.as_secs()
                ),
            ));
        };
        self.last_sign = Instant::now();
        let sequence = self.first_sequence + taken.sequence;
        self.next_sequence = sequence + 1;
        self.statistics.frames_lost += missed - self.missed;
        self.statistics.underruns += missed - self.missed;
        self.missed = missed;
        let picture = self.picture(&taken);
        let picture = match picture.and_then(|picture| self.refuse_old(picture)) {
            Ok(picture) => picture,
            Err(reason) => {
                self.statistics.frames_lost += 1;
                return Err(CameraError::BadFrame {
                    source_name: format!("{} frame {sequence}", self.id),
                    reason,
                });
            }
        };
        self.statistics.frames += 1;
        Ok(Frame {
            sequence,
            exposed_at: self.exposed_at(&taken),
            camera: self.id.clone(),
            picture,
            faults: Vec::new(),
            invalid_rows: Vec::new(),
        })
    }

    fn device(&self) -> Option<&DeviceIdentity> {
        self.identity.as_ref()
    }

    fn features(&mut self) -> Result<Vec<Feature>, CameraError> {
        let mut features = mode_features::features(self.modes.iter(), &self.chosen);
        let controls = self.worker()?.controls()?;
        features.extend(controls.iter().filter_map(controls::feature));
        Ok(features)
    }

    fn set_feature(&mut self, name: &str, value: &FeatureValue) -> Result<Feature, FeatureError> {
        let of_mode = mode_features::features(self.modes.iter(), &self.chosen);
        if let Some(feature) = of_mode.iter().find(|feature| feature.name == name) {
            let value = feature.accept(value)?;
            let chosen = mode_features::changed(self.modes.iter(), &self.chosen, name, &value)?;
            if chosen != self.chosen {
                self.reopen(chosen, name)?;
            }
            return self.feature(name);
        }
        let controls = self.worker()?.controls()?;
        let control = controls
            .iter()
            .find(|control| controls::name(control) == name);
        let feature = control.and_then(controls::feature);
        let (Some(control), Some(feature)) = (control, feature) else {
            return Err(FeatureError::Unknown {
                name: name.to_owned(),
            });
        };
        let value = feature.accept(value)?;
        let set = self.worker()?.set(control.control(), &value)?;
        set.map_err(|reason| FeatureError::Refused {
            name: name.to_owned(),
            reason,
        })?;
        self.feature(name)
    }

    fn statistics(&self) -> StreamStatistics {
        self.statistics
    }
}
