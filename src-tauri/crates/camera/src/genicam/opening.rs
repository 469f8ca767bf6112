//! What is done with a device before it streams, and after.

use super::lost;
use std::net::Ipv4Addr;
use wiko_aravis::{Aravis, Device, ErrorKind, NodeKind, PacketSize};
use wiko_core::{
    camera::FoundDevice,
    ports::{CameraError, LostCause},
};

/// The largest packets that loopback carries, as a multiple of four.
const LOOPBACK_PACKET_BYTES: u16 = 60_000;

/// Opens the very camera that was found, and takes control of it.
pub(super) fn open_device(
    aravis: &'static Aravis,
    found: &FoundDevice,
) -> Result<Device, CameraError> {
    let identity = &found.identity;
    let label = identity.label();
    let device = aravis
        .open(&found.address)
        .map_err(|error| match lost(&label, &error) {
            // On opening, silence is nobody there.
            CameraError::Lost {
                cause: LostCause::Unplugged,
                reason,
            } => CameraError::lost(LostCause::NotFound, reason),
            error => error,
        })?;
    if !device.is_controller() {
        return Err(CameraError::lost(
            LostCause::OpenElsewhere,
            format!(
                "{label} is open in another program or at another station; close it there first"
            ),
        ));
    }
    let serial = ["DeviceSerialNumber", "DeviceID"]
        .iter()
        .find_map(|name| device.node(name)?.string().ok())
        .map(|serial| serial.trim().to_owned());
    match (&identity.serial, serial) {
        (Some(wanted), Some(is)) if !is.is_empty() && *wanted != is => Err(CameraError::lost(
            LostCause::NotFound,
            format!(
                "{label} is not at {} any more: camera {is} is; look for it again",
                found.address
            ),
        )),
        _ => Ok(device),
    }
}

/// As large as the network carries them.
pub(super) fn set_packet_size(device: &Device, found: &FoundDevice) -> Result<(), CameraError> {
    let label = found.identity.label();
    let address: Option<Ipv4Addr> = found.address.parse().ok();
    let size = match address {
        Some(address) if address.is_loopback() => PacketSize::Bytes(LOOPBACK_PACKET_BYTES),
        _ => PacketSize::Largest,
    };
    match device.set_packet_size(size) {
        Ok(bytes) => tracing::debug!(camera = %label, bytes, "packets"),
        Err(error) if error.kind == ErrorKind::Timeout => return Err(lost(&label, &error)),
        Err(error) => tracing::warn!(camera = %label, %error, "packets stay as they are"),
    }
    warn_of_small_socket_buffers(device);
    Ok(())
}

/// Linux lets no socket hold more than its administrator says; by default less than one block of a line sensor.
fn warn_of_small_socket_buffers(device: &Device) {
    const ENOUGH_BYTES: u64 = 4 << 20;
    let most: Option<u64> = std::fs::read_to_string("/proc/sys/net/core/rmem_max")
        .ok()
        .and_then(|text| text.trim().parse().ok());
    if let Some(most) = most.filter(|most| device.is_gige() && *most < ENOUGH_BYTES) {
        tracing::warn!(
            most,
            "the system's socket buffers are too small for a fast camera, and frames may be lost: sudo sysctl -w net.core.rmem_max=16777216"
        );
    }
}

/// What the station, or a program before it, has started.
pub(super) fn stop_sending(device: &Device) -> Result<(), wiko_aravis::Error> {
    if let Some(stop) = device.node("AcquisitionStop") {
        match stop.execute() {
            Err(error) if error.kind == ErrorKind::Timeout => return Err(error),
            // Some refuse to stop what does not run.
            Ok(()) | Err(_) => {}
        }
    }
    if let Some(lock) = device.node("TLParamsLocked")
        && lock.kind() == NodeKind::Integer
    {
        lock.set_integer(0)?;
    }
    Ok(())
}
