//! Finds video nodes and who they are, as sysfs tells.
//!
//! Invariants:
//! - An identity holds nothing that the system gives anew at each start: no node number, no bus number of USB.
//! - A node that gives no frames, such as metadata of a USB camera, is not listed.
//! - Looking changes nothing: a camera that streams goes on.

use super::{
    faults::{BUSY, NO_PERMISSION},
    node::{Capability, Node},
};
use rustix::io::Errno;
use std::{
    fs, io,
    path::{Path, PathBuf},
};
use wiko_core::{
    camera::{DeviceIdentity, DeviceMatch, FoundDevice, Transport, UsbAddress},
    ports::{CameraDiscovery, CameraError, LostCause},
};

const SYSFS: &str = "/sys/class/video4linux";
const DEV: &str = "/dev";

/// Finds the capture nodes of Video4Linux.
#[derive(Debug, Clone, Copy, Default)]
pub struct V4l2Discovery;

impl CameraDiscovery for V4l2Discovery {
    fn discover(&self) -> Result<Vec<FoundDevice>, CameraError> {
        found(Path::new(SYSFS), Path::new(DEV), probe).map_err(|error| {
            CameraError::failed(format!(
                "{SYSFS} cannot be read: {error}; is sysfs mounted?"
            ))
        })
    }
}

/// What opening a node showed.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Probed {
    /// What it is, and why it could not be had now.
    Capable(Capability, Option<String>),
    /// It could not even be asked.
    Closed(String),
}

fn probe(path: &Path) -> Probed {
    let asked = Node::open(path).and_then(|node| Ok((node.capability()?, node)));
    match asked {
        Ok((capability, node)) => {
            // Gives back no buffers, which is refused where another has some, and changes nothing.
            let busy = match node.request_buffers(0) {
                Err(error) if error.raw_os_error() == Some(Errno::BUSY.raw_os_error()) => {
                    Some(BUSY.to_owned())
                }
                _ => None,
            };
            Probed::Capable(capability, busy)
        }
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            Probed::Closed(NO_PERMISSION.to_owned())
        }
        Err(error) => Probed::Closed(error.to_string()),
    }
}

fn found(
    sysfs: &Path,
    dev: &Path,
    probe: impl Fn(&Path) -> Probed,
) -> io::Result<Vec<FoundDevice>> {
    let entries = match fs::read_dir(sysfs) {
        Ok(entries) => entries,
        // Without any video device the kernel has not even the class.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut nodes = Vec::new();
    for entry in entries {
        let path = entry?.path();
        let name = path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned());
        let number = name
            .as_deref()
            .and_then(|name| name.strip_prefix("video")?.parse().ok());
        if let (Some(name), Some(number)) = (name, number) {
            nodes.push(SysNode { number, name, path });
        }
    }
    nodes.sort_by_key(|node| node.number);
    let mut found: Vec<FoundDevice> = Vec::new();
    for node in nodes {
        let address = dev.join(&node.name);
        let Some((mut identity, interface, obstacle)) = node.identity(&probe(&address)) else {
            continue;
        };
        // A device may have two cameras in it; the second is told apart by its interface.
        let twin = found.iter().any(|other| other.identity == identity);
        if let (true, Some(usb), Some(interface)) = (twin, identity.usb.as_mut(), interface) {
            usb.port = interface;
        }
        found.push(FoundDevice {
            identity,
            address: address.display().to_string(),
            obstacle,
        });
    }
    let place = |device: &FoundDevice| {
        let identity = &device.identity;
        let port = identity.usb.as_ref().map(|usb| usb.port.clone());
        port.or_else(|| identity.serial.clone())
    };
    found.sort_by_key(place);
    Ok(found)
}

/// The node at which the camera is now.
pub(super) fn path_of(identity: &DeviceIdentity) -> Result<PathBuf, CameraError> {
    let found = V4l2Discovery.discover()?;
    match identity.find(&found) {
        DeviceMatch::One(device) => Ok(PathBuf::from(&device.address)),
        DeviceMatch::Absent => Err(CameraError::lost(
            LostCause::NotFound,
            format!("{} is not there; plug it in", identity.label()),
        )),
        DeviceMatch::Ambiguous(several) => {
            let labels: Vec<String> = several
                .iter()
                .map(|device| device.identity.label())
                .collect();
            Err(CameraError::lost(
                LostCause::Ambiguous,
                format!(
                    "{} may be any of {}; choose one, or unplug the others",
                    identity.label(),
                    labels.join(", ")
                ),
            ))
        }
    }
}

/// The identity of one node that is to be opened by its path.
pub(super) fn identity_of(path: &Path, capability: &Capability) -> Option<DeviceIdentity> {
    // By way of a link such as those in /dev/v4l/by-id.
    let path = fs::canonicalize(path).ok()?;
    let name = path.file_name()?.to_string_lossy().into_owned();
    let node = SysNode {
        number: 0,
        path: Path::new(SYSFS).join(&name),
        name,
    };
    let probed = Probed::Capable(capability.clone(), None);
    node.identity(&probed).map(|(identity, ..)| identity)
}

/// A node as sysfs lists it.
struct SysNode {
    number: u32,
    name: String,
    path: PathBuf,
}

impl SysNode {
    /// Who it is, its USB interface, and why it cannot be had; none where it gives no frames.
    fn identity(
        &self,
        probed: &Probed,
    ) -> Option<(DeviceIdentity, Option<String>, Option<String>)> {
        let obstacle = match probed {
            Probed::Capable(capability, _) if !capability.captures => return None,
            Probed::Capable(_, busy) => busy.clone(),
            // The driver numbers the nodes of a camera and begins with the one that gives frames.
            Probed::Closed(_)
                if attribute(&self.path, "index").is_some_and(|index| index != "0") =>
            {
                return None;
            }
            Probed::Closed(why) => Some(why.clone()),
        };
        let capability = match probed {
            Probed::Capable(capability, _) => Some(capability),
            Probed::Closed(_) => None,
        };
        let model = attribute(&self.path, "name")
            .or_else(|| capability.map(|capability| capability.card.clone()))
            .unwrap_or_default();
        // The links of sysfs are followed: the real path is the chain of buses and ports.
        let device = fs::canonicalize(self.path.join("device")).ok();
        let usb = device.as_deref().and_then(usb_device);
        let mut identity = DeviceIdentity {
            transport: Transport::V4l2,
            vendor: String::new(),
            model,
            serial: None,
            mac: None,
            usb: None,
        };
        let mut interface = None;
        if let Some((device_path, address)) = usb {
            identity.vendor = attribute(device_path, "manufacturer").unwrap_or_default();
            identity.serial = attribute(device_path, "serial");
            identity.usb = Some(address);
            let below = device.as_deref().and_then(Path::file_name);
            interface = below.map(|name| name.to_string_lossy().into_owned());
        } else if let Some(capability) = capability {
            // What sits on no USB cannot be moved without tools: the place is as good as a serial number, and the only
            // thing that tells two such apart.
            identity.vendor = capability.driver.clone();
            identity.serial = Some(capability.bus_info.clone()).filter(|info| !info.is_empty());
        }
        Some((identity, interface, obstacle))
    }
}

/// The USB device that this device is or belongs to.
fn usb_device(device: &Path) -> Option<(&Path, UsbAddress)> {
    device.ancestors().find_map(|path| {
        let id = |name| u16::from_str_radix(&attribute(path, name)?, 16).ok();
        let address = UsbAddress {
            vid: id("idVendor")?,
            pid: id("idProduct")?,
            // Named after the bus and the ports: 1-2.4.
            port: path.file_name()?.to_string_lossy().into_owned(),
        };
        Some((path, address))
    })
}

/// A line of sysfs; none where there is none or it is empty.
fn attribute(path: &Path, name: &str) -> Option<String> {
    let text = fs::read(path.join(name)).ok()?;
    let text = String::from_utf8_lossy(&text).trim().to_owned();
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn capable(captures: bool) -> Probed {
        let capability = Capability {
            driver: "uvcvideo".into(),
            card: "HD Webcam".into(),
            bus_info: "usb-0000:00:14.0-2.4".into(),
            captures,
        };
        Probed::Capable(capability, None)
    }

    /// A tree like sysfs: a USB camera at port 1-2.4 with these nodes, each as number, interface and index.
    fn sysfs(nodes: &[(u32, &str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        let usb = root.path().join("devices/pci0000:00/usb1/1-2/1-2.4");
        fs::create_dir_all(&usb).unwrap();
        for (name, value) in [
            ("idVendor", "0c45\n"),
            ("idProduct", "6366\n"),
            ("serial", "SN0001\n"),
            ("manufacturer", "Sonix\n"),
        ] {
            fs::write(usb.join(name), value).unwrap();
        }
        fs::create_dir_all(root.path().join("class")).unwrap();
        for (number, interface, index) in nodes {
            let device = usb.join(interface);
            let node = device.join(format!("video4linux/video{number}"));
            fs::create_dir_all(&node).unwrap();
            fs::write(node.join("name"), "HD Webcam\n").unwrap();
            fs::write(node.join("index"), index).unwrap();
            symlink(&device, node.join("device")).unwrap();
            symlink(&node, root.path().join(format!("class/video{number}"))).unwrap();
        }
        root
    }

    fn found_in(root: &tempfile::TempDir, probe: impl Fn(&Path) -> Probed) -> Vec<FoundDevice> {
        found(&root.path().join("class"), Path::new("/dev"), probe).unwrap()
    }

    #[test]
    fn a_usb_camera_is_known_by_its_device_and_port_and_its_metadata_is_left_out() {
        let root = sysfs(&[(11, "1-2.4:1.0", "1\n"), (2, "1-2.4:1.0", "0\n")]);
        let found = found_in(&root, |path| capable(path == Path::new("/dev/video2")));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].address, "/dev/video2");
        assert_eq!(
            found[0].identity,
            DeviceIdentity {
                transport: Transport::V4l2,
                vendor: "Sonix".into(),
                model: "HD Webcam".into(),
                serial: Some("SN0001".into()),
                mac: None,
                usb: Some(UsbAddress {
                    vid: 0x0c45,
                    pid: 0x6366,
                    port: "1-2.4".into()
                }),
            }
        );
    }

    #[test]
    fn two_cameras_in_one_device_are_told_apart_by_their_interface() {
        let root = sysfs(&[(0, "1-2.4:1.0", "0\n"), (2, "1-2.4:1.2", "0\n")]);
        let found = found_in(&root, |_| capable(true));
        let ports: Vec<&str> = found
            .iter()
            .map(|device| device.identity.usb.as_ref().unwrap().port.as_str())
            .collect();
        assert_eq!(ports, ["1-2.4", "1-2.4:1.2"]);
    }

    #[test]
    fn a_camera_that_this_user_may_not_open_is_listed_with_what_to_do() {
        let root = sysfs(&[(0, "1-2.4:1.0", "0\n"), (1, "1-2.4:1.0", "1\n")]);
        let found = found_in(&root, |_| Probed::Closed(NO_PERMISSION.into()));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].identity.model, "HD Webcam");
        let obstacle = found[0].obstacle.as_deref().unwrap();
        assert!(obstacle.contains("udev rule") && obstacle.contains("group video"));
    }

    #[test]
    fn without_any_video_device_nothing_is_found_and_nothing_fails() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(found_in(&root, |_| capable(true)), []);
    }
}
