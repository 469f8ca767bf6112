//! Finds the cameras of the operating system.
//!
//! Invariant: what is stored of a camera is what the system calls it by on this port; its place in the list is not.

use wiko_core::{
    camera::{FoundDevice, Transport},
    ports::{CameraDiscovery, CameraError},
};

/// Finds cameras by nokhwa; on Linux by sysfs, as nokhwa tells neither serial numbers nor metadata from frames there.
#[derive(Debug, Clone, Copy, Default)]
pub struct NokhwaDiscovery;

impl CameraDiscovery for NokhwaDiscovery {
    #[cfg(target_os = "linux")]
    fn discover(&self) -> Result<Vec<FoundDevice>, CameraError> {
        let mut found = crate::v4l2::V4l2Discovery.discover()?;
        for device in &mut found {
            device.identity.transport = Transport::Nokhwa;
        }
        Ok(found)
    }

    #[cfg(not(target_os = "linux"))]
    fn discover(&self) -> Result<Vec<FoundDevice>, CameraError> {
        let listed = nokhwa::query(nokhwa::utils::ApiBackend::Auto).map_err(|error| {
            CameraError::failed(format!(
                "the system's cameras cannot be listed: {error}; allow the station to use the camera in the system's \
                 privacy settings"
            ))
        })?;
        let mut found: Vec<FoundDevice> = listed
            .iter()
            .map(|info| FoundDevice {
                identity: identity(&info.human_name(), &info.misc()),
                address: info.index().as_string(),
                obstacle: None,
            })
            .collect();
        found.sort_by(|a, b| a.address.cmp(&b.address));
        Ok(found)
    }
}

/// The index by which nokhwa opens the camera at an address.
pub(super) fn index_of(address: &str) -> nokhwa::utils::CameraIndex {
    let number = address.strip_prefix("/dev/video").unwrap_or(address);
    match number.parse() {
        Ok(number) => nokhwa::utils::CameraIndex::Index(number),
        Err(_) => nokhwa::utils::CameraIndex::String(address.to_owned()),
    }
}

/// The identity of a camera with this name and this name among the system's devices. On Windows that is its device path,
/// `\\?\usb#vid_046d&pid_0825&mi_00#7&2a1b&0&0000#{…}`, whose third part stays the same at one port.
#[cfg(any(test, not(target_os = "linux")))]
fn identity(name: &str, device: &str) -> wiko_core::camera::DeviceIdentity {
    let lower = device.to_ascii_lowercase();
    let hex = |mark: &str| {
        let (_, behind) = lower.split_once(mark)?;
        u16::from_str_radix(behind.get(..4)?, 16).ok()
    };
    let usb = match (hex("vid_"), hex("pid_")) {
        (Some(vid), Some(pid)) => Some(wiko_core::camera::UsbAddress {
            vid,
            pid,
            port: device.split('#').nth(2).unwrap_or_default().to_owned(),
        }),
        _ => None,
    };
    // macOS has one name for the device at its port, without parts to take.
    let serial = (usb.is_none() && !device.is_empty()).then(|| device.to_owned());
    wiko_core::camera::DeviceIdentity {
        transport: Transport::Nokhwa,
        vendor: String::new(),
        model: name.to_owned(),
        serial,
        mac: None,
        usb,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nokhwa::utils::CameraIndex;

    #[test]
    fn a_device_path_of_windows_tells_kind_and_port() {
        let path = r"\\?\usb#vid_046D&pid_0825&mi_00#7&2a1b3c&0&0000#{e5323777-f976-4f5b-9b55-b94699c46e44}\global";
        let usb = identity("HD Webcam", path).usb.unwrap();
        assert_eq!((usb.vid, usb.pid), (0x046d, 0x0825));
        assert_eq!(usb.port, "7&2a1b3c&0&0000");
    }

    #[test]
    fn the_name_that_macos_has_for_a_device_stands_for_its_serial_number() {
        let named = identity("FaceTime HD", "0x1420000005ac8514");
        assert_eq!(named.serial.as_deref(), Some("0x1420000005ac8514"));
        assert_eq!(identity("FaceTime HD", "").serial, None);
    }

    #[test]
    fn an_address_is_a_number_or_a_name() {
        assert_eq!(index_of("/dev/video3"), CameraIndex::Index(3));
        assert_eq!(index_of("1"), CameraIndex::Index(1));
        assert_eq!(index_of("0x14"), CameraIndex::String("0x14".into()));
    }
}
