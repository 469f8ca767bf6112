//! A USB camera made of software, its cable a socket: the kernel's `uvcvideo` meets it as it meets one of glass. It can be
//! looked for and asked what it can; it gives no frames.

#![allow(unsafe_code, reason = "events of a gadget are ioctls on C structs")]

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::{
    collections::BTreeSet,
    fs, io,
    os::{
        fd::AsRawFd,
        unix::{fs::symlink, net::UnixStream},
    },
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

const MODULES: &str = "/modules/usb";
const CONFIGFS: &str = "/sys/kernel/config";
const NODES: &str = "/sys/class/video4linux";
const PLATFORM: &str = "/sys/devices/platform";

/// Its numbers are of no maker.
pub(crate) const VID: u16 = 0x1209;
pub(crate) const PID: u16 = 0x0001;
pub(crate) const VENDOR: &str = "Forge";
pub(crate) const PRODUCT: &str = "Blade camera";

/// A camera that is plugged in; unplugged when it is dropped.
pub(crate) struct Gadget {
    folder: PathBuf,
    port: u8,
    stop: Arc<AtomicBool>,
    answers: Option<JoinHandle<()>>,
}

impl Gadget {
    /// Plugs a camera into the controller of this number. None where there are no modules for it; `run.py` has said so.
    pub(crate) fn plug(port: u8, serial: Option<&str>) -> Option<Self> {
        if !load() {
            return None;
        }
        let folder = Path::new(CONFIGFS).join(format!("usb_gadget/camera{port}"));
        describe(&folder, serial).unwrap();
        let before = nodes();
        fs::write(folder.join("UDC"), format!("usbip-vudc.{port}")).unwrap();
        // The camera's own end, at which it is asked.
        let new = nodes();
        let node = new.difference(&before).next().unwrap();
        let device = v4l::Device::with_path(Path::new("/dev").join(node)).unwrap();
        subscribe(&device).unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let answers = std::thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                answer(&device);
            }
        });
        attach(port).unwrap();
        Some(Self {
            folder,
            port,
            stop,
            answers: Some(answers),
        })
    }
}

impl Drop for Gadget {
    fn drop(&mut self) {
        let detached = fs::write(
            Path::new(PLATFORM).join("vhci_hcd.0/detach"),
            self.port.to_string(),
        );
        if let Err(error) = detached {
            eprintln!("detach: {error}");
        }
        self.stop.store(true, Ordering::Relaxed);
        if let Some(answers) = self.answers.take() {
            let _ = answers.join();
        }
        let _ = fs::write(self.folder.join("UDC"), "\n");
        remove(&self.folder);
    }
}

/// Lays the cable from the camera to this port of the host.
fn attach(port: u8) -> io::Result<()> {
    const A_DEVICE: u32 = 0x0001_0001;
    const HIGH_SPEED: u8 = 3;
    // Both ends keep the socket.
    let (camera, host) = UnixStream::pair()?;
    let platform = Path::new(PLATFORM);
    fs::write(
        platform.join(format!("usbip-vudc.{port}/usbip_sockfd")),
        camera.as_raw_fd().to_string(),
    )?;
    fs::write(
        platform.join("vhci_hcd.0/attach"),
        format!("{port} {} {A_DEVICE} {HIGH_SPEED}", host.as_raw_fd()),
    )
}

/// The modules, once; false where there are none.
fn load() -> bool {
    let Ok(order) = fs::read_to_string(Path::new(MODULES).join("order")) else {
        return false;
    };
    if Path::new(CONFIGFS).join("usb_gadget").exists() {
        return true;
    }
    for module in order.lines() {
        let known = module.trim_end_matches(".ko").replace('-', "_");
        if Path::new("/sys/module").join(known).exists() {
            continue;
        }
        let mut insmod = Command::new("insmod");
        insmod.arg(Path::new(MODULES).join(module));
        if module == "usbip-vudc.ko" {
            insmod.arg("num=2");
        }
        assert!(insmod.status().unwrap().success(), "{module}");
    }
    let mut mount = Command::new("mount");
    mount.args(["-t", "configfs", "configfs", CONFIGFS]);
    mount.status().unwrap().success()
}

fn nodes() -> BTreeSet<String> {
    let nodes = fs::read_dir(NODES).unwrap();
    let names = nodes.map(|node| node.unwrap().file_name().to_string_lossy().into_owned());
    names.filter(|name| name.starts_with("video")).collect()
}

/// What the camera says of itself: one size of MJPEG.
fn describe(folder: &Path, serial: Option<&str>) -> io::Result<()> {
    let write = |name: &str, value: &str| fs::write(folder.join(name), value);
    let make = |name: &str| fs::create_dir_all(folder.join(name));
    fs::create_dir(folder)?;
    write("idVendor", &format!("{VID:#06x}"))?;
    write("idProduct", &format!("{PID:#06x}"))?;
    make("strings/0x409")?;
    write("strings/0x409/manufacturer", VENDOR)?;
    write("strings/0x409/product", PRODUCT)?;
    if let Some(serial) = serial {
        write("strings/0x409/serialnumber", serial)?;
    }
    fs::create_dir(folder.join("functions/uvc.0"))?;
    let uvc = "functions/uvc.0";
    for made in [
        "control/header/h",
        "streaming/mjpeg/m",
        "streaming/mjpeg/m/f",
        "streaming/header/h",
    ] {
        fs::create_dir(folder.join(uvc).join(made))?;
    }
    for (name, value) in [
        ("wWidth", "640"),
        ("wHeight", "480"),
        ("dwMaxVideoFrameBufferSize", "614400"),
        ("dwFrameInterval", "333333\n"),
    ] {
        write(&format!("{uvc}/streaming/mjpeg/m/f/{name}"), value)?;
    }
    let link = |to: &str, from: &str| symlink(folder.join(to), folder.join(from));
    link(
        &format!("{uvc}/streaming/mjpeg/m"),
        &format!("{uvc}/streaming/header/h/m"),
    )?;
    for speed in ["fs", "hs", "ss"] {
        link(
            &format!("{uvc}/streaming/header/h"),
            &format!("{uvc}/streaming/class/{speed}/h"),
        )?;
    }
    for speed in ["fs", "ss"] {
        link(
            &format!("{uvc}/control/header/h"),
            &format!("{uvc}/control/class/{speed}/h"),
        )?;
    }
    fs::create_dir(folder.join("configs/c.1"))?;
    link(uvc, "configs/c.1/uvc.0")
}

/// Links first, then folders from within; what the kernel made goes with its folder.
fn remove(folder: &Path) {
    let uvc = folder.join("functions/uvc.0");
    let _ = fs::remove_file(folder.join("configs/c.1/uvc.0"));
    let _ = fs::remove_dir(folder.join("configs/c.1"));
    for link in [
        "control/class/fs/h",
        "control/class/ss/h",
        "streaming/class/fs/h",
        "streaming/class/hs/h",
        "streaming/class/ss/h",
        "streaming/header/h/m",
    ] {
        let _ = fs::remove_file(uvc.join(link));
    }
    for made in [
        "control/header/h",
        "streaming/header/h",
        "streaming/mjpeg/m/f",
        "streaming/mjpeg/m",
    ] {
        let _ = fs::remove_dir(uvc.join(made));
    }
    let _ = fs::remove_dir(uvc);
    let _ = fs::remove_dir(folder.join("strings/0x409"));
    let removed = fs::remove_dir(folder);
    if let Err(error) = removed {
        eprintln!("{}: {error}", folder.display());
    }
}

/// `struct v4l2_event`, with what a gadget's event holds as bytes.
#[repr(C)]
struct Event {
    kind: u64,
    data: [u8; 64],
    pending: u32,
    sequence: u32,
    timestamp: [i64; 2],
    id: u32,
    reserved: [u32; 8],
}

/// `struct v4l2_event_subscription`.
#[repr(C)]
struct Subscription {
    kind: u32,
    id: u32,
    flags: u32,
    reserved: [u32; 5],
}

/// `struct uvc_request_data`.
#[repr(C)]
struct Response {
    length: i32,
    data: [u8; 60],
}

const SETUP: u32 = 0x0800_0004;
const SUBSCRIBE_EVENT: u64 = 0x4020_565a;
const DQEVENT: u64 = 0x8088_5659;
const SEND_RESPONSE: u64 = 0x4040_5501;

/// With the subscription the camera appears on the cable.
fn subscribe(device: &v4l::Device) -> io::Result<()> {
    let mut subscription = Subscription {
        kind: SETUP,
        id: 0,
        flags: 0,
        reserved: [0; 5],
    };
    // SAFETY: the request reads this struct.
    let done = unsafe { libc::ioctl(device.handle().fd(), SUBSCRIBE_EVENT, &raw mut subscription) };
    if done == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Waits a little for a question, and answers it.
fn answer(device: &v4l::Device) {
    let fd = device.handle().fd();
    // SAFETY: the descriptor is open as long as the device is borrowed.
    let borrowed = unsafe { rustix::fd::BorrowedFd::borrow_raw(fd) };
    let mut fds = [PollFd::new(&borrowed, PollFlags::PRI)];
    let within = Timespec::try_from(Duration::from_millis(20)).unwrap();
    if !matches!(poll(&mut fds, Some(&within)), Ok(1..)) {
        return;
    }
    // SAFETY: structs of numbers, which the kernel fills and reads.
    unsafe {
        let mut event: Event = std::mem::zeroed();
        if libc::ioctl(fd, DQEVENT, &raw mut event) == 0 && event.kind as u32 == SETUP {
            let mut response = response_to(&event.data[..8]);
            libc::ioctl(fd, SEND_RESPONSE, &raw mut response);
        }
    }
}

/// The camera has no controls, and one format.
fn response_to(setup: &[u8]) -> Response {
    const STREAMING_INTERFACE: u8 = 1;
    const SET_CUR: u8 = 0x01;
    const GET_LEN: u8 = 0x85;
    const GET_INFO: u8 = 0x86;
    let mut response = Response {
        length: -libc::EL2HLT,
        data: [0; 60],
    };
    let length = i32::from(u16::from_le_bytes([setup[6], setup[7]]));
    if setup[4] != STREAMING_INTERFACE {
        return response;
    }
    response.length = length.min(34);
    match setup[1] {
        // What it is told comes behind, and is what it does already.
        SET_CUR => {}
        GET_LEN => response.data[0] = 34,
        GET_INFO => response.data[0] = 3,
        _ => {
            response.data[0] = 1;
            // First format, first size.
            response.data[2] = 1;
            response.data[3] = 1;
            response.data[4..8].copy_from_slice(&333_333_u32.to_le_bytes());
            response.data[18..22].copy_from_slice(&614_400_u32.to_le_bytes());
            response.data[22..26].copy_from_slice(&1024_u32.to_le_bytes());
        }
    }
    response
}

mod identity {
    use super::*;
    use wiko_camera::v4l2::V4l2Discovery;
    use wiko_core::{
        camera::{DeviceIdentity, DeviceMatch, FoundDevice, Transport},
        ports::CameraDiscovery,
    };

    /// The USB cameras, once there are so many.
    fn found(count: usize) -> Vec<FoundDevice> {
        let begun = Instant::now();
        loop {
            let mut found = V4l2Discovery.discover().unwrap();
            found.retain(|device| device.identity.usb.is_some());
            if found.len() == count && found.iter().all(|device| device.obstacle.is_none()) {
                return found;
            }
            assert!(begun.elapsed() < crate::SOON, "{found:#?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn port(identity: &DeviceIdentity) -> String {
        identity.usb.as_ref().unwrap().port.clone()
    }

    fn is_at(identity: &DeviceIdentity, found: &[FoundDevice]) -> String {
        match identity.find(found) {
            DeviceMatch::One(device) => port(&device.identity),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_usb_camera_is_known_by_its_serial_number_wherever_it_is_plugged_in() {
        let Some(first) = Gadget::plug(0, Some("SN1")) else {
            return;
        };
        let alone = found(1).remove(0).identity;
        let usb = alone.usb.clone().unwrap();
        assert_eq!((usb.vid, usb.pid), (VID, PID));
        assert_eq!(alone.transport, Transport::V4l2);
        assert_eq!(
            (&alone.vendor[..], alone.serial.as_deref()),
            (VENDOR, Some("SN1"))
        );
        assert!(alone.model.starts_with(PRODUCT), "{}", alone.model);
        let second = Gadget::plug(1, Some("SN2")).unwrap();
        let both = found(2);
        let other = both.iter().find(|device| device.identity != alone);
        let other = other.unwrap().identity.clone();
        assert_eq!(other.serial.as_deref(), Some("SN2"));
        // They change places.
        drop((first, second));
        found(0);
        let _swapped = (Gadget::plug(0, Some("SN2")), Gadget::plug(1, Some("SN1")));
        let both = found(2);
        assert_eq!(is_at(&alone, &both), port(&other));
        assert_eq!(is_at(&other, &both), port(&alone));
    }

    #[test]
    fn of_two_usb_cameras_without_serial_numbers_the_port_tells_and_nobody_guesses() {
        let Some(first) = Gadget::plug(0, None) else {
            return;
        };
        let alone = found(1).remove(0).identity;
        assert_eq!(alone.serial, None);
        let second = Gadget::plug(1, None).unwrap();
        let both = found(2);
        assert_eq!(is_at(&alone, &both), port(&alone));
        let mut elsewhere = alone.clone();
        elsewhere.usb.as_mut().unwrap().port = "9-9".into();
        assert!(matches!(elsewhere.find(&both), DeviceMatch::Ambiguous(_)));
        drop(first);
        // Which of the two was unplugged only its port told.
        let left = found(1);
        assert_ne!(port(&left[0].identity), port(&alone));
        drop(second);
        found(0);
    }
}
