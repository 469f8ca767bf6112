//! The kinds of cameras that the station can find and open: one line each.

use std::sync::Arc;
use wiko_camera::genicam::{GenicamCamera, GenicamDiscovery, GenicamOptions};
#[cfg(not(target_os = "linux"))]
use wiko_camera::os_camera::{NokhwaCamera, NokhwaDevice, NokhwaDiscovery, NokhwaOptions};
#[cfg(target_os = "linux")]
use wiko_camera::v4l2::{V4l2Camera, V4l2Device, V4l2Discovery, V4l2Options};
use wiko_core::{
    camera::{CameraId, DeviceMatch, FeatureSettings, FoundDevice, Transport},
    ports::{Camera, CameraDiscovery, CameraError, Clock, LostCause},
};

use super::roster::CameraEntry;

/// Opens a found device under an id.
type Open = fn(CameraId, &FoundDevice, Arc<dyn Clock>) -> Result<Box<dyn Camera>, CameraError>;

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
    clock: Arc<dyn Clock>,
) -> Result<Box<dyn Camera>, CameraError> {
    let options = V4l2Options {
        id,
        device: V4l2Device::Path(device.address.clone().into()),
        settings: FeatureSettings::new(),
    };
    Ok(Box::new(V4l2Camera::open(options, clock)?))
}

#[cfg(not(target_os = "linux"))]
fn open_nokhwa(
    id: CameraId,
    device: &FoundDevice,
    clock: Arc<dyn Clock>,
) -> Result<Box<dyn Camera>, CameraError> {
    let options = NokhwaOptions {
        id,
        device: NokhwaDevice::Address(device.address.clone()),
        settings: FeatureSettings::new(),
    };
    Ok(Box::new(NokhwaCamera::open(options, clock)?))
}

fn open_genicam(
    id: CameraId,
    device: &FoundDevice,
    clock: Arc<dyn Clock>,
) -> Result<Box<dyn Camera>, CameraError> {
    let options = GenicamOptions::default();
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

/// Opens the camera of `entry`, wherever it is plugged in now. Blocking.
pub fn open(
    kinds: &[Kind],
    entry: &CameraEntry,
    clock: Arc<dyn Clock>,
) -> Result<Box<dyn Camera>, CameraError> {
    let transport = entry.device.transport;
    let kind = kinds
        .iter()
        .find(|kind| kind.transports.contains(&transport))
        .ok_or_else(|| {
            let reason = format!("this build of the station knows no {transport} cameras");
            CameraError::lost(LostCause::NoDriver, reason)
        })?;
    let devices = kind.discovery.discover()?;
    let label = entry.device.label();
    match entry.device.find(&devices) {
        DeviceMatch::One(device) => match &device.obstacle {
            None => (kind.open)(CameraId(entry.id.clone()), device, clock),
            // What is known against it may be over by now; where it is not, its own error says more.
            Some(obstacle) => (kind.open)(CameraId(entry.id.clone()), device, clock)
                .map_err(|error| with_obstacle(error, obstacle)),
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
