//! A video node as a camera.

use super::{
    buffers::{Buffers, Filled},
    controls::{self, Described},
    discovery::{identity_of, path_of},
    faults::lost,
    formats::{self, Offered, Unset, set_mode},
    node::{Format, Node},
    timing::{self, Began, Times},
};
use crate::{
    mjpeg,
    mode::{self, Chosen, Encoding, Wanted},
    mode_features, settings,
};
use rustix::io::Errno;
use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};
use wiko_core::{
    camera::{
        Access, CameraId, DeviceIdentity, Feature, FeatureError, FeatureSettings, FeatureValue,
        Frame, FramePicture, Mismatch, RawImage, StreamStatistics,
    },
    ports::{Camera, CameraError, Clock, LostCause},
    time::UnixMillis,
};

/// So many frames may wait while the station is busy: a quarter of a second at 30 a second.
const BUFFERS: u32 = 8;
/// Of large frames fewer, as the kernel holds the memory of all.
const BUFFERS_OF_LARGE_FRAMES: u32 = 4;
const LARGE_FRAME_BYTES: u32 = 8 << 20;
/// Whoever gives nothing for so long is lost. A camera needs about two seconds for its first frame.
const SILENT_AFTER: Duration = Duration::from_secs(5);
/// The driver of USB cameras stamps a frame when its first bytes arrive, and calls that the beginning of the exposure.
const STAMPS_ON_ARRIVAL: &str = "uvcvideo";

/// Which node to open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum V4l2Device {
    /// By what it is known by; the node is looked for.
    Identity(DeviceIdentity),
    /// A node as it is named now, such as `/dev/video0`.
    Path(PathBuf),
}

/// How to open a camera.
#[derive(Debug, Clone, PartialEq)]
pub struct V4l2Options {
    /// What its frames are called after.
    pub id: CameraId,
    /// Which one.
    pub device: V4l2Device,
    /// What it is to be set to, its format included: `PixelFormat`, `Width`, `Height`, `AcquisitionFrameRate`. Of a format
    /// that is not named, the largest size at 15 frames a second or more is taken.
    pub settings: FeatureSettings,
}

/// An open camera that streams.
pub struct V4l2Camera {
    id: CameraId,
    path: PathBuf,
    identity: DeviceIdentity,
    node: Arc<Node>,
    stamps_on_arrival: bool,
    offered: Vec<Offered>,
    chosen: Chosen,
    format: Format,
    /// None after the stream could not be started again.
    buffers: Option<Buffers>,
    clock: Arc<dyn Clock>,
    /// The number of the next frame, and what the driver called the one before it.
    next_sequence: u64,
    driver_sequence: Option<u32>,
    /// The driver had no buffer for the frame behind the last one.
    ran_out: bool,
    /// It was said that the driver gives frames no time that can be true.
    is_undated: bool,
    statistics: StreamStatistics,
    last_sign: Instant,
    mismatches: Vec<Mismatch>,
}

impl V4l2Camera {
    /// Opens the camera, puts the settings on it and starts its stream. Settings that it does not take are no failure here:
    /// [`V4l2Camera::mismatches`] names them, and a camera that has any is not ready to inspect.
    pub fn open(options: V4l2Options, clock: Arc<dyn Clock>) -> Result<Self, CameraError> {
        let path = match &options.device {
            V4l2Device::Path(path) => path.clone(),
            V4l2Device::Identity(identity) => path_of(identity)?,
        };
        let failed = |error: io::Error| lost(&path, &error);
        let node = Arc::new(Node::open(&path).map_err(failed)?);
        let capability = node.capability().map_err(failed)?;
        let unusable = |words: String| {
            CameraError::lost(
                LostCause::NoUsableFormat,
                format!("{}: {words}", path.display()),
            )
        };
        if !capability.captures {
            return Err(unusable(
                "it gives no frames; choose another node of the camera".into(),
            ));
        }
        let identity = match options.device {
            V4l2Device::Identity(identity) => Some(identity),
            V4l2Device::Path(_) => identity_of(&path, &capability),
        };
        let identity = identity.ok_or_else(|| unusable("sysfs does not know it".into()))?;
        let offered = formats::offered(&node).map_err(failed)?;
        let modes = || offered.iter().map(|offered| &offered.mode);
        let (mode_settings, other_settings) = mode_features::split(&options.settings);
        let wanted = mode_features::wanted(&mode_settings);
        let mut refusal = None;
        let chosen = wanted
            .and_then(|wanted| mode::choose(modes(), &wanted))
            .or_else(|why| {
                refusal = Some(why);
                mode::choose(modes(), &Wanted::default())
            })
            .map_err(unusable)?;
        let format = set_mode(&node, &offered, chosen).map_err(|error| match error {
            Unset::Refused(words) => unusable(words),
            Unset::Failed(error) => failed(error),
        })?;
        let mut camera = Self {
            id: options.id,
            identity,
            stamps_on_arrival: capability.driver == STAMPS_ON_ARRIVAL,
            node,
            offered,
            chosen: format.1,
            format: format.0,
            buffers: None,
            clock,
            next_sequence: 0,
            driver_sequence: None,
            ran_out: false,
            is_undated: false,
            statistics: StreamStatistics::default(),
            last_sign: Instant::now(),
            mismatches: Vec::new(),
            path,
        };
        camera.start().map_err(|error| lost(&camera.path, &error))?;
        let features = camera.mode_features();
        let mut mismatches =
            mode_features::mismatches(&mode_settings, &features, refusal.as_deref());
        mismatches.extend(settings::apply(&mut camera, &other_settings)?);
        camera.mismatches = mismatches;
        tracing::info!(camera = %camera.id, path = %camera.path.display(), mode = %camera.chosen, "streaming");
        Ok(camera)
    }

    /// The settings that it was opened with and has not.
    pub fn mismatches(&self) -> &[Mismatch] {
        &self.mismatches
    }

    fn start(&mut self) -> io::Result<()> {
        let large = self.format.size_bytes > LARGE_FRAME_BYTES;
        let count = if large {
            BUFFERS_OF_LARGE_FRAMES
        } else {
            BUFFERS
        };
        self.buffers = Some(Buffers::start(self.node.clone(), count)?);
        self.driver_sequence = None;
        self.ran_out = false;
        self.last_sign = Instant::now();
        Ok(())
    }

    fn lost(&self, error: &io::Error) -> CameraError {
        lost(&self.path, error)
    }

    fn mode_features(&self) -> Vec<Feature> {
        let modes = self.offered.iter().map(|offered| &offered.mode);
        mode_features::features(modes, &self.chosen)
    }

    /// Stops the stream, sets another mode, and starts it again. What is refused leaves the mode as it was.
    fn change_mode(&mut self, chosen: Chosen, name: &str) -> Result<(), FeatureError> {
        let before = self.chosen;
        self.buffers = None;
        let refused = |reason: String| FeatureError::Refused {
            name: name.to_owned(),
            reason,
        };
        let outcome = match self.enter_mode(chosen) {
            Ok(()) => return Ok(()),
            Err(Unset::Refused(words)) => refused(words),
            Err(Unset::Failed(error)) if is_gone(&error) => {
                return Err(self.lost(&error).into());
            }
            Err(Unset::Failed(error)) => refused(error.to_string()),
        };
        self.buffers = None;
        match self.enter_mode(before) {
            Ok(()) => Err(outcome),
            Err(Unset::Refused(words)) => Err(CameraError::failed(words).into()),
            Err(Unset::Failed(error)) => Err(self.lost(&error).into()),
        }
    }

    fn enter_mode(&mut self, chosen: Chosen) -> Result<(), Unset> {
        (self.format, self.chosen) = set_mode(&self.node, &self.offered, chosen)?;
        self.start().map_err(Unset::Failed)
    }

    fn described(&self, name: &str) -> Result<Described, FeatureError> {
        let all = controls::all(&self.node).map_err(|error| self.lost(&error))?;
        let named = all.into_iter().find(|described| described.name == name);
        named.ok_or_else(|| FeatureError::Unknown {
            name: name.to_owned(),
        })
    }

    fn set_control(&mut self, name: &str, value: &FeatureValue) -> Result<Feature, FeatureError> {
        let described = self.described(name)?;
        let feature = described.feature(&self.node);
        let value = feature.accept(value)?;
        let locked = feature.access == Access::Locked;
        if locked {
            self.buffers = None;
        }
        let set = described.set(&self.node, &value);
        if locked {
            self.start().map_err(|error| self.lost(&error))?;
        }
        set.map_err(
            |error| match error.raw_os_error().map(Errno::from_raw_os_error) {
                _ if is_gone(&error) => FeatureError::Camera(self.lost(&error)),
                Some(Errno::ACCESS) => FeatureError::Unavailable {
                    name: name.to_owned(),
                },
                _ => FeatureError::Refused {
                    name: name.to_owned(),
                    reason: error.to_string(),
                },
            },
        )?;
        let now = controls::again(&self.node, &described).map_err(|error| self.lost(&error))?;
        Ok(now.feature(&self.node))
    }

    fn began(&self, times: Times) -> Began {
        times.exposure_began(frame_time(&self.chosen), self.stamps_on_arrival)
    }

    fn exposed_at(&mut self, times: Times) -> UnixMillis {
        let began = self.began(times);
        if !began.by_the_driver && !self.is_undated {
            tracing::warn!(
                camera = %self.id,
                "its driver gives its frames no time that can be true; they are dated by when their buffers were last empty"
            );
            self.is_undated = true;
        }
        let age = timing::monotonic().saturating_sub(began.at);
        let age_ms = i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
        UnixMillis(self.clock.now().0.saturating_sub(age_ms))
    }

    /// Numbers a frame that the driver numbered so; what it left out counts as lost.
    fn number(&mut self, filled: Filled) -> u64 {
        let step = match self.driver_sequence {
            None => 1,
            // A driver that does not count, or counts back, says nothing about what is lost.
            Some(last) => match filled.sequence.wrapping_sub(last) {
                0 | 0x8000_0000.. => 1,
                step => u64::from(step),
            },
        };
        self.driver_sequence = Some(filled.sequence);
        let sequence = self.next_sequence + (step - 1);
        self.statistics.frames_lost += step - 1;
        let ran_out = filled.ran_out && self.began(filled.times).by_the_driver;
        if std::mem::replace(&mut self.ran_out, ran_out) {
            self.statistics.underruns += step - 1;
        }
        self.next_sequence = sequence + 1;
        sequence
    }
}

impl Camera for V4l2Camera {
    fn id(&self) -> &CameraId {
        &self.id
    }

    fn next_frame(&mut self, timeout: Duration) -> Result<Frame, CameraError> {
        let (chosen, format) = (self.chosen, self.format);
        let Some(buffers) = self.buffers.as_mut() else {
            return Err(CameraError::failed("its stream could not be started again"));
        };
        let next = buffers.next(timeout, |bytes, filled| {
            (picture(bytes, filled, &chosen, &format), filled)
        });
        let (picture, filled) = match next {
            Ok(Some(taken)) => taken,
            Ok(None) if self.last_sign.elapsed() >= SILENT_AFTER => {
                return Err(CameraError::lost(
                    LostCause::Silent,
                    format!(
                        "{}: no frame for {} s; check the cable, or plug the camera in again",
                        self.path.display(),
                        self.last_sign.elapsed().as_secs()
                    ),
                ));
            }
            Ok(None) => {
                return Err(CameraError::Timeout {
                    waited_ms: timeout.as_millis() as u64,
                });
            }
            Err(error) => return Err(self.lost(&error)),
        };
        self.last_sign = Instant::now();
        let sequence = self.number(filled);
        let picture = match picture {
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
            exposed_at: self.exposed_at(filled.times),
            camera: self.id.clone(),
            picture,
            faults: Vec::new(),
            invalid_rows: Vec::new(),
        })
    }

    fn device(&self) -> Option<&DeviceIdentity> {
        Some(&self.identity)
    }

    fn features(&mut self) -> Result<Vec<Feature>, CameraError> {
        let mut features = self.mode_features();
        let controls = controls::all(&self.node).map_err(|error| self.lost(&error))?;
        features.extend(controls.iter().map(|control| control.feature(&self.node)));
        Ok(features)
    }

    fn feature(&mut self, name: &str) -> Result<Feature, FeatureError> {
        let of_mode = self
            .mode_features()
            .into_iter()
            .find(|feature| feature.name == name);
        match of_mode {
            Some(feature) => Ok(feature),
            None => Ok(self.described(name)?.feature(&self.node)),
        }
    }

    fn set_feature(&mut self, name: &str, value: &FeatureValue) -> Result<Feature, FeatureError> {
        let Some(feature) = self
            .mode_features()
            .into_iter()
            .find(|feature| feature.name == name)
        else {
            return self.set_control(name, value);
        };
        let value = feature.accept(value)?;
        let modes = self.offered.iter().map(|offered| &offered.mode);
        let chosen = mode_features::changed(modes, &self.chosen, name, &value)?;
        if chosen != self.chosen {
            self.change_mode(chosen, name)?;
        }
        self.feature(name)
    }

    fn statistics(&self) -> StreamStatistics {
        self.statistics
    }
}

/// From the beginning of one frame to that of the next.
fn frame_time(chosen: &Chosen) -> Duration {
    let fps = chosen.interval.map_or(0.0, |interval| interval.fps());
    if fps > 0.0 {
        Duration::from_secs_f64((1.0 / fps).min(10.0))
    } else {
        Duration::ZERO
    }
}

/// The picture in a buffer, or why there is none.
fn picture(
    bytes: &[u8],
    filled: Filled,
    chosen: &Chosen,
    format: &Format,
) -> Result<FramePicture, String> {
    if filled.damaged {
        return Err("the driver marked the frame as damaged".to_owned());
    }
    match chosen.encoding {
        Encoding::Mjpeg => {
            let picture = mjpeg::picture(bytes, chosen.width_px, chosen.height_px);
            picture.map(FramePicture::Encoded)
        }
        Encoding::Raw(pixels) => {
            // Some drivers leave it at zero for rows without padding.
            let stride = match format.stride_bytes as usize {
                0 => pixels.row_bytes(chosen.width_px),
                stride => stride,
            };
            RawImage::new(pixels, chosen.width_px, chosen.height_px, stride, bytes)
                .map(FramePicture::Raw)
                .map_err(|bad| bad.to_string())
        }
    }
}

fn is_gone(error: &io::Error) -> bool {
    error.raw_os_error() == Some(Errno::NODEV.raw_os_error())
}

impl std::fmt::Debug for V4l2Camera {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let path: &Path = &self.path;
        write!(
            f,
            "V4l2Camera({} at {}, {})",
            self.id,
            path.display(),
            self.chosen
        )
    }
}
