//! The socket of a stream, which the library keeps to itself.
//!
//! The library makes a socket's buffer as large as it was told only once the first packet has come: of a camera that sends
//! faster than the thread reads, the first frame after each start is lost. So it is made larger before.

use rustix::net::{SocketAddrAny, SocketAddrV4, SocketType, getsockname, sockopt};
use std::os::fd::{BorrowedFd, RawFd};

/// Makes the receive buffer of this process' UDP socket at that port as large as the system lets it be. Where the socket
/// is not found, only the first frame is in danger.
pub(crate) fn enlarge(port: u16, bytes: usize) {
    let Ok(descriptors) = std::fs::read_dir("/proc/self/fd") else {
        return;
    };
    for entry in descriptors.flatten() {
        let number: Option<RawFd> = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok());
        let Some(number) = number.filter(|number| *number > 2) else {
            continue;
        };
        // SAFETY: another thread may close it meanwhile, and then the calls fail; were it another socket by then, that one
        // would get a larger buffer, which harms nobody. It is not kept.
        let descriptor = unsafe { BorrowedFd::borrow_raw(number) };
        if is_udp_at(descriptor, port) {
            // Refused is as before: the library tries the same later.
            let _ = sockopt::set_socket_recv_buffer_size(descriptor, bytes);
        }
    }
}

fn is_udp_at(descriptor: BorrowedFd<'_>, port: u16) -> bool {
    let is_udp = sockopt::socket_type(descriptor) == Ok(SocketType::DGRAM);
    let address: Option<SocketAddrAny> = is_udp.then(|| getsockname(descriptor).ok()).flatten();
    let address = address.and_then(|address| SocketAddrV4::try_from(address).ok());
    address.is_some_and(|address| address.port() == port)
}
