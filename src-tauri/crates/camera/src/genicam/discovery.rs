use super::{
    gvcp::{control_channel_privilege, is_controlled},
    load,
};
use std::net::Ipv4Addr;
use wiko_aravis::{DeviceEntry, LIBRARY, Protocol};
use wiko_core::{
    camera::{DeviceIdentity, FoundDevice, Transport},
    ports::{CameraDiscovery, CameraError},
};

/// Finds the GigE Vision and USB3 Vision cameras that are there. Takes about a second.
#[derive(Debug, Clone)]
pub struct GenicamDiscovery {
    library: String,
}

impl Default for GenicamDiscovery {
    fn default() -> Self {
        Self::with_library(LIBRARY)
    }
}

impl GenicamDiscovery {
    /// With Aravis' library by another name or path.
    pub fn with_library(library: impl Into<String>) -> Self {
        Self {
            library: library.into(),
        }
    }
}

impl CameraDiscovery for GenicamDiscovery {
    fn discover(&self) -> Result<Vec<FoundDevice>, CameraError> {
        let aravis = load(&self.library)?;
        let mut found: Vec<FoundDevice> = aravis.devices().into_iter().filter_map(device).collect();
        found.sort_by(|a, b| {
            let key = |device: &FoundDevice| {
                let identity = &device.identity;
                (
                    identity.transport,
                    identity.serial.clone(),
                    device.address.clone(),
                )
            };
            key(a).cmp(&key(b))
        });
        Ok(found)
    }
}

fn device(entry: DeviceEntry) -> Option<FoundDevice> {
    let serial = Some(entry.serial.trim().to_owned()).filter(|serial| !serial.is_empty());
    // A camera without a serial number is told by its MAC address or, on USB, by its unique id.
    let unique = entry.physical_id.trim().to_lowercase();
    let (transport, address, serial, mac, obstacle) = match entry.protocol {
        Protocol::GigeVision => {
            let obstacle = entry.address.parse().ok().and_then(obstacle);
            let mac = Some(unique).filter(|mac| !mac.is_empty());
            (Transport::GigeVision, entry.address, serial, mac, obstacle)
        }
        Protocol::Usb3Vision => {
            let serial = serial.or(Some(unique).filter(|unique| !unique.is_empty()));
            (Transport::Usb3Vision, entry.id, serial, None, None)
        }
        Protocol::Other => return None,
    };
    Some(FoundDevice {
        identity: DeviceIdentity {
            transport,
            vendor: entry.vendor.trim().to_owned(),
            model: entry.model.trim().to_owned(),
            serial,
            mac,
            usb: None,
        },
        address,
        obstacle,
    })
}

/// Whether somebody controls a GigE Vision camera, which anybody may ask. Where it does not say, opening will.
fn obstacle(camera: Ipv4Addr) -> Option<String> {
    let privilege = control_channel_privilege(camera, 1);
    if let Err(error) = &privilege {
        tracing::debug!(%camera, %error, "who controls it is not known");
    }
    is_controlled(&privilege)
        .then(|| "it is open already, here or at another station; close it there first".to_owned())
}
