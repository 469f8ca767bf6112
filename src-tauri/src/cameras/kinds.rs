//! The kinds of cameras that the station can find and open: one line each.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};
use wiko_camera::RegionCamera;
use wiko_camera::genicam::{GenicamCamera, GenicamDiscovery, GenicamOptions};
use wiko_camera::line_scan::{
    LineAspect, LineFlatField, LineLayout, LineMode, LineScanCamera, LineScanConfig,
    LineScanControl, PartLevels, PartTrigger,
};
#[cfg(not(target_os = "linux"))]
use wiko_camera::os_camera::{NokhwaCamera, NokhwaDevice, NokhwaDiscovery, NokhwaOptions};
#[cfg(target_os = "linux")]
use wiko_camera::v4l2::{V4l2Camera, V4l2Device, V4l2Discovery, V4l2Options};
use wiko_core::{
    UnknownCode,
    camera::{
        CameraId, DeviceIdentity, DeviceMatch, FeatureError, FeatureSettings, FeatureValue,
        FoundDevice, Transport,
    },
    ports::{Camera, CameraDiscovery, CameraError, Clock, LostCause},
};

use super::roster::{CameraEntry, LineScanEntry};

/// What the line-scan cameras that are open measure, by id.
pub type LineControls = Arc<Mutex<BTreeMap<String, LineScanControl>>>;

/// Opens a found device under an id, with the settings that it is to have: one that was left in a form that cannot be read
/// has to be told before its first frame.
type Open = fn(
    CameraId,
    &FoundDevice,
    &FeatureSettings,
    Arc<dyn Clock>,
) -> Result<Box<dyn Camera>, CameraError>;

/// One kind of cameras.
pub struct Kind {
    /// Which; GigE and USB3 Vision are found together.
    pub transports: &'static [Transport],
    /// Finds them.
    pub discovery: Box<dyn CameraDiscovery>,
    /// Opens one.
    pub open: Open,
}

/// All kinds that this build can open.
pub fn all() -> Vec<Kind> {
    vec![
        #[cfg(target_os = "linux")]
        Kind {
            transports: &[Transport::V4l2],
            discovery: Box::new(V4l2Discovery),
            open: open_v4l2,
        },
        // Cameras of USB are the kernel's on Linux: the other way to them would show each twice.
        #[cfg(not(target_os = "linux"))]
        Kind {
            transports: &[Transport::Nokhwa],
            discovery: Box::new(NokhwaDiscovery),
            open: open_nokhwa,
        },
        Kind {
            transports: &[Transport::GigeVision, Transport::Usb3Vision],
            discovery: Box::new(GenicamDiscovery::default()),
            open: open_genicam,
        },
    ]
}

#[cfg(target_os = "linux")]
fn open_v4l2(
    id: CameraId,
    device: &FoundDevice,
    settings: &FeatureSettings,
    clock: Arc<dyn Clock>,
) -> Result<Box<dyn Camera>, CameraError> {
    let options = V4l2Options {
        id,
        device: V4l2Device::Path(device.address.clone().into()),
        settings: settings.clone(),
    };
    Ok(Box::new(V4l2Camera::open(options, clock)?))
}

#[cfg(not(target_os = "linux"))]
fn open_nokhwa(
    id: CameraId,
    device: &FoundDevice,
    settings: &FeatureSettings,
    clock: Arc<dyn Clock>,
) -> Result<Box<dyn Camera>, CameraError> {
    let options = NokhwaOptions {
        id,
        device: NokhwaDevice::Address(device.address.clone()),
        settings: settings.clone(),
    };
    Ok(Box::new(NokhwaCamera::open(options, clock)?))
}

fn open_genicam(
    id: CameraId,
    device: &FoundDevice,
    settings: &FeatureSettings,
    clock: Arc<dyn Clock>,
) -> Result<Box<dyn Camera>, CameraError> {
    let options = GenicamOptions {
        settings: settings.clone(),
        ..GenicamOptions::default()
    };
    Ok(Box::new(GenicamCamera::open(id, device, &options, clock)?))
}

/// What was found, and the kinds that could not be looked for.
#[derive(Debug, Default)]
pub struct Found {
    /// Each camera that is there.
    pub devices: Vec<FoundDevice>,
    /// Kinds that could not be looked for, and why.
    pub unavailable: Vec<(Transport, CameraError)>,
}

/// Looks for cameras of all kinds. Blocking; about a second.
pub fn find(kinds: &[Kind]) -> Found {
    let mut found = Found::default();
    for kind in kinds {
        match kind.discovery.discover() {
            Ok(devices) => found.devices.extend(devices),
            Err(error) => found
                .unavailable
                .extend(kind.transports.iter().map(|it| (*it, error.clone()))),
        }
    }
    found
}

/// Opens the camera of `entry`, wherever it is plugged in now, beside the `others` of the station. Blocking.
pub fn open(
    kinds: &[Kind],
    entry: &CameraEntry,
    others: &[DeviceIdentity],
    clock: Arc<dyn Clock>,
    controls: &LineControls,
    field: &LineFlatField,
) -> Result<Box<dyn Camera>, CameraError> {
    let transport = entry.device.transport;
    let kind = kinds
        .iter()
        .find(|kind| kind.transports.contains(&transport))
        .ok_or_else(|| {
            let reason = format!("this build of the station knows no {transport} cameras");
            CameraError::lost(LostCause::NoDriver, reason)
        })?;
    let camera = open_device(kind, entry, others, clock.clone())?;
    match entry.line_scan {
        Some(line_scan) => {
            let camera = lines(camera, entry, line_scan, field, clock)?;
            let mut controls = controls.lock().unwrap_or_else(PoisonError::into_inner);
            controls.insert(entry.id.clone(), camera.control());
            Ok(Box::new(camera))
        }
        None => Ok(match entry.region {
            Some(region) => Box::new(RegionCamera::new(camera, region)),
            None => camera,
        }),
    }
}

fn open_device(
    kind: &Kind,
    entry: &CameraEntry,
    others: &[DeviceIdentity],
    clock: Arc<dyn Clock>,
) -> Result<Box<dyn Camera>, CameraError> {
    let devices = kind.discovery.discover()?;
    let label = entry.device.label();
    match entry.device.find_beside(&devices, others) {
        DeviceMatch::One(device) => match &device.obstacle {
            None => (kind.open)(CameraId(entry.id.clone()), device, &entry.features, clock),
            // What is known against it may be over by now; where it is not, its own error says more.
            Some(obstacle) => {
                (kind.open)(CameraId(entry.id.clone()), device, &entry.features, clock)
                    .map_err(|error| with_obstacle(error, obstacle))
            }
        },
        DeviceMatch::Absent => Err(CameraError::lost(
            LostCause::NotFound,
            format!("{label} is not there: check its cable and power"),
        )),
        DeviceMatch::Ambiguous(which) => {
            let places: Vec<_> = which.iter().map(|device| device.identity.label()).collect();
            let places = places.join(", ");
            Err(CameraError::lost(
                LostCause::Ambiguous,
                format!("{label} may be any of {places}: say in set-up which one it is"),
            ))
        }
    }
}

fn with_obstacle(error: CameraError, obstacle: &str) -> CameraError {
    match error {
        CameraError::Lost {
            cause: LostCause::Failed,
            reason,
        } => CameraError::failed(format!("{reason} ({obstacle})")),
        other => other,
    }
}

/// Settings that decide how long a line is. They are told before lines are put together, which needs to know it.
const LAYOUT: [&str; 4] = ["PixelFormat", "Width", "Height", "OffsetX"];

/// Lines that wait to become a picture take this much memory at the most.
const MOST_LINE_BYTES: usize = 384 << 20;

/// A belt that stands so long within a part ends it.
const LONGEST_STAND_MS: u64 = 3_000;

/// Line rate and belt may differ by that share.
const MOST_ASPECT_ERROR: f64 = 0.02;

/// Puts the lines of a camera together to pictures of parts.
fn lines(
    mut camera: Box<dyn Camera>,
    entry: &CameraEntry,
    line_scan: LineScanEntry,
    field: &LineFlatField,
    clock: Arc<dyn Clock>,
) -> Result<LineScanCamera, CameraError> {
    for name in LAYOUT {
        if let Some(value) = entry.features.get(name) {
            // What it does not take is told once all settings are, as a mismatch.
            if let Err(FeatureError::Camera(error)) = camera.set_feature(name, value)
                && error.is_loss()
            {
                return Err(error);
            }
        }
    }
    let unusable = |what: String| CameraError::lost(LostCause::NoUsableFormat, what);
    let mut whole = |name: &str| match camera.feature(name).map(|feature| feature.value) {
        Ok(Some(FeatureValue::Integer(value))) => {
            u32::try_from(value).map_err(|_| unusable(format!("its {name} is {value}")))
        }
        _ => Err(unusable(format!(
            "it does not say its {name}: is it a line-scan camera?"
        ))),
    };
    let (width_px, block_rows) = (whole("Width")?, whole("Height")?);
    let format = match camera.feature("PixelFormat").map(|feature| feature.value) {
        Ok(Some(FeatureValue::Text(name))) => name
            .parse()
            .map_err(|error: UnknownCode| unusable(error.to_string()))?,
        _ => return Err(unusable("it does not say its PixelFormat".to_owned())),
    };
    let mode = if line_scan.continuous {
        LineMode::Web {
            window_rows: line_scan.longest_rows,
            overlap_rows: line_scan.overlap_rows,
        }
    } else {
        // All of one height, so that the screen can hold them against each other.
        LineMode::Page {
            page_rows: line_scan
                .longest_rows
                .saturating_add(line_scan.post_roll_rows),
            pre_roll_rows: line_scan.pre_roll_rows,
            trigger: PartTrigger::Lines(PartLevels {
                background_level: line_scan.background_level,
                contrast_levels: line_scan.contrast_levels,
                begin_share: 0.02,
                end_share: 0.01,
                least_part_rows: 40,
                least_gap_rows: 40,
            }),
        }
    };
    let pitch = entry.calibration.map(|known| known.mm_per_px);
    let aspect = pitch.filter(|_| line_scan.belt_mm_per_s > 0.0);
    let config = LineScanConfig {
        mode,
        widest: LineLayout { format, width_px },
        block_rows,
        most_bytes: MOST_LINE_BYTES,
        longest_stand_ms: LONGEST_STAND_MS,
        aspect: aspect.map(|pixel_pitch_mm| LineAspect {
            belt_mm_per_s: line_scan.belt_mm_per_s,
            pixel_pitch_mm,
            most_error: MOST_ASPECT_ERROR,
        }),
    };
    LineScanCamera::new(camera, config, Some(field.correct_lines()), clock)
        .map_err(|refused| unusable(refused.to_string()))
}
