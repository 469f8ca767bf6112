//! Which physical camera it is, so that the same one comes back to the same place after a replug or a reboot.
//!
//! Invariants:
//! - A serial number or a MAC address goes before the port that a camera is plugged into; where neither tells two
//!   cameras apart, nobody guesses.
//! - Names that the system gives anew at each start, such as `/dev/video0`, and IP addresses identify nothing.

use crate::coded;

/// How a camera is reached.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    serde::Serialize,
    serde::Deserialize,
    strum::IntoStaticStr,
    strum::VariantArray,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub enum Transport {
    /// Renders parts.
    Simulated,
    /// Plays a folder of pictures.
    Replay,
    /// A Video4Linux device: USB cameras on Linux.
    V4l2,
    /// A camera of the operating system, by nokhwa: USB cameras on Windows and macOS.
    Nokhwa,
    /// GigE Vision.
    GigeVision,
    /// USB3 Vision.
    Usb3Vision,
}
coded!(Transport, "transport");

/// Where on the USB a camera sits and what it says it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct UsbAddress {
    /// Vendor id.
    pub vid: u16,
    /// Product id.
    pub pid: u16,
    /// The chain of ports from the host, such as `1-2.4`; empty where it is not known.
    pub port: String,
}

/// What a camera is known by.
#[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct DeviceIdentity {
    /// How it is reached.
    pub transport: Transport,
    /// Who made it; may be empty.
    pub vendor: String,
    /// Which model.
    pub model: String,
    /// Its serial number, where it has one.
    pub serial: Option<String>,
    /// Its MAC address in lower case with colons (GigE Vision).
    pub mac: Option<String>,
    /// Where it sits on the USB.
    pub usb: Option<UsbAddress>,
}

/// A camera that is there now.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct FoundDevice {
    /// What it is known by.
    pub identity: DeviceIdentity,
    /// Where it is reached until it is unplugged or the machine restarted: `/dev/video0`, an IP address, an Aravis device
    /// id. Never stored.
    pub address: String,
    /// Why it cannot be opened now, where that is known: open elsewhere, no right to it. In words, with what to do.
    pub obstacle: Option<String>,
}

/// Which of the cameras that are there is the one that was stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeviceMatch<'a> {
    /// This one.
    One(&'a FoundDevice),
    /// None of them.
    Absent,
    /// Any of these: a person has to say which.
    Ambiguous(Vec<&'a FoundDevice>),
}

impl DeviceIdentity {
    /// Finds this camera among those that are there. A serial number or MAC address decides alone. Without one, the
    /// model decides where it is there once, else the port.
    pub fn find<'a>(&self, found: &'a [FoundDevice]) -> DeviceMatch<'a> {
        let alike: Vec<&FoundDevice> = found
            .iter()
            .filter(|device| self.may_be(&device.identity))
            .collect();
        match alike.as_slice() {
            [] => DeviceMatch::Absent,
            [one] => DeviceMatch::One(one),
            several => {
                let at_port: Vec<&FoundDevice> = several
                    .iter()
                    .copied()
                    .filter(|device| self.same_port(&device.identity))
                    .collect();
                match at_port.as_slice() {
                    [one] => DeviceMatch::One(one),
                    _ => DeviceMatch::Ambiguous(alike),
                }
            }
        }
    }

    /// The same, where the station has these other cameras too: one that is theirs is not this one, and where another of
    /// them could be it as well, only the port tells.
    pub fn find_beside<'a>(
        &self,
        found: &'a [FoundDevice],
        others: &[DeviceIdentity],
    ) -> DeviceMatch<'a> {
        let sole = self.find(found);
        let DeviceMatch::One(device) = sole else {
            return sole;
        };
        let is_mine = self.same_port(&device.identity) || *self == device.identity;
        if !is_mine && others.contains(&device.identity) {
            return DeviceMatch::Absent;
        }
        let contested = others.iter().any(|other| other.may_be(&device.identity));
        if !is_mine && contested {
            return DeviceMatch::Ambiguous(vec![device]);
        }
        DeviceMatch::One(device)
    }

    /// True where nothing says that they are different cameras.
    fn may_be(&self, other: &Self) -> bool {
        let differ = |a: &Option<String>, b: &Option<String>| a.is_some() && a != b;
        self.transport == other.transport
            && self.model == other.model
            && self.kind() == other.kind()
            && !differ(&self.serial, &other.serial)
            && !differ(&self.mac, &other.mac)
    }

    fn kind(&self) -> Option<(u16, u16)> {
        self.usb.as_ref().map(|usb| (usb.vid, usb.pid))
    }

    fn same_port(&self, other: &Self) -> bool {
        match (&self.usb, &other.usb) {
            (Some(a), Some(b)) => !a.port.is_empty() && a.port == b.port,
            _ => false,
        }
    }

    /// A short text that tells it from others: `Basler acA2500 (22512345)`.
    pub fn label(&self) -> String {
        let name = match (self.vendor.trim(), self.model.trim()) {
            ("", model) => model.to_owned(),
            (vendor, model) if model.starts_with(vendor) => model.to_owned(),
            (vendor, model) => format!("{vendor} {model}"),
        };
        let port = self.usb.as_ref().map(|usb| usb.port.as_str());
        let mark = self
            .serial
            .as_deref()
            .or(self.mac.as_deref())
            .or(port)
            .filter(|mark| !mark.is_empty());
        match mark {
            Some(mark) => format!("{name} ({mark})"),
            None => name,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usb(serial: Option<&str>, port: &str) -> DeviceIdentity {
        DeviceIdentity {
            transport: Transport::V4l2,
            vendor: "Sonix".into(),
            model: "HD Webcam".into(),
            serial: serial.map(str::to_owned),
            mac: None,
            usb: Some(UsbAddress {
                vid: 0x0c45,
                pid: 0x6366,
                port: port.into(),
            }),
        }
    }

    fn found(identity: DeviceIdentity, address: &str) -> FoundDevice {
        FoundDevice {
            identity,
            address: address.into(),
            obstacle: None,
        }
    }

    #[test]
    fn a_serial_number_is_found_at_any_port() {
        let there = [
            found(usb(Some("B"), "1-1"), "/dev/video0"),
            found(usb(Some("A"), "1-2"), "/dev/video2"),
        ];
        let DeviceMatch::One(device) = usb(Some("A"), "1-1").find(&there) else {
            panic!("not found");
        };
        assert_eq!(device.address, "/dev/video2");
    }

    #[test]
    fn another_serial_number_at_the_same_port_is_another_camera() {
        let there = [found(usb(Some("B"), "1-1"), "/dev/video0")];
        assert_eq!(usb(Some("A"), "1-1").find(&there), DeviceMatch::Absent);
    }

    #[test]
    fn of_two_without_serial_numbers_the_port_tells_and_otherwise_nobody_guesses() {
        let there = [
            found(usb(None, "1-1"), "/dev/video0"),
            found(usb(None, "1-2"), "/dev/video2"),
        ];
        let DeviceMatch::One(device) = usb(None, "1-2").find(&there) else {
            panic!("not found");
        };
        assert_eq!(device.address, "/dev/video2");
        let DeviceMatch::Ambiguous(which) = usb(None, "1-3").find(&there) else {
            panic!("guessed");
        };
        assert_eq!(which.len(), 2);
    }

    #[test]
    fn the_only_camera_of_its_model_is_found_also_at_another_port() {
        let there = [found(usb(None, "1-4"), "/dev/video0")];
        assert!(matches!(usb(None, "1-1").find(&there), DeviceMatch::One(_)));
    }

    #[test]
    fn a_camera_of_another_stage_never_steps_in_for_one_that_was_unplugged() {
        let (a, b) = (usb(None, "1-1"), usb(None, "1-2"));
        let only_a = [found(a.clone(), "/dev/video0")];
        assert_eq!(
            b.find_beside(&only_a, std::slice::from_ref(&a)),
            DeviceMatch::Absent
        );
        assert!(matches!(
            a.find_beside(&only_a, std::slice::from_ref(&b)),
            DeviceMatch::One(_)
        ));
        let moved = [found(usb(None, "1-7"), "/dev/video0")];
        assert!(matches!(
            b.find_beside(&moved, &[a]),
            DeviceMatch::Ambiguous(_)
        ));
        assert!(matches!(b.find_beside(&moved, &[]), DeviceMatch::One(_)));
    }

    #[test]
    fn two_cameras_that_claim_the_same_serial_number_are_told_apart_by_port() {
        let there = [
            found(usb(Some("0001"), "1-1"), "/dev/video0"),
            found(usb(Some("0001"), "1-2"), "/dev/video2"),
        ];
        assert!(
            matches!(usb(Some("0001"), "1-2").find(&there), DeviceMatch::One(device) if device.address == "/dev/video2")
        );
        assert!(matches!(
            usb(Some("0001"), "1-9").find(&there),
            DeviceMatch::Ambiguous(_)
        ));
    }
}
