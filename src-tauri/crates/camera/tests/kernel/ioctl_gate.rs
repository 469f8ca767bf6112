//! Holds a thread up before one of its ioctls, so that a camera can be unplugged at each step of what is done with it.
//!
//! The kernel asks a listener about the ioctl (seccomp, "user notification") and waits for its answer before it goes on.

#![allow(unsafe_code, reason = "seccomp is a kernel interface of C structs")]

use rustix::{
    event::{PollFd, PollFlags, poll},
    fd::{AsFd, AsRawFd, FromRawFd, OwnedFd},
};
use std::{mem, sync::mpsc};

/// Does `run` on a thread of its own, and `act` before that thread, or one that it starts, asks `request` of the kernel
/// for the first time. Answers with what came of it, and with whether it came so far.
pub(crate) fn before_first<T: Send>(
    request: u64,
    act: impl FnOnce(),
    run: impl FnOnce() -> T + Send,
) -> (T, bool) {
    let mut act = Some(act);
    std::thread::scope(|scope| {
        let (give, take) = mpsc::channel();
        let thread = scope.spawn(move || {
            // The low half of the argument says which ioctl it is.
            give.send(listener(request as u32)).unwrap();
            run()
        });
        let listener = take.recv().unwrap();
        while let Some(id) = next_asked(&listener) {
            if let Some(act) = act.take() {
                act();
            }
            go_on(&listener, id);
        }
        (thread.join().unwrap(), act.is_none())
    })
}

/// Puts a filter on this thread and those that it starts: of this ioctl the listener is asked, all else goes on.
fn listener(request: u32) -> OwnedFd {
    let load = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
    let equal = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
    let answer = (libc::BPF_RET | libc::BPF_K) as u16;
    let line = |code, jt, jf, k| libc::sock_filter { code, jt, jf, k };
    let number = mem::offset_of!(libc::seccomp_data, nr) as u32;
    let second_argument = mem::offset_of!(libc::seccomp_data, args) as u32 + 8;
    let mut lines = [
        line(load, 0, 0, number),
        line(equal, 0, 3, libc::SYS_ioctl as u32),
        line(load, 0, 0, second_argument),
        line(equal, 0, 1, request),
        line(answer, 0, 0, libc::SECCOMP_RET_USER_NOTIF),
        line(answer, 0, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog {
        len: lines.len() as u16,
        filter: lines.as_mut_ptr(),
    };
    // SAFETY: the program and its lines outlive the call, which copies them; the answer is a new descriptor or -1.
    unsafe {
        assert_eq!(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
        let fd = libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_SET_MODE_FILTER,
            libc::SECCOMP_FILTER_FLAG_NEW_LISTENER,
            &raw const program,
        );
        assert!(fd >= 0, "{}", std::io::Error::last_os_error());
        OwnedFd::from_raw_fd(fd as i32)
    }
}

/// Waits for the next ioctl that is held up; none once all the filter's threads have ended.
fn next_asked(listener: &OwnedFd) -> Option<u64> {
    loop {
        let fd = listener.as_fd();
        let mut fds = [PollFd::new(&fd, PollFlags::IN)];
        poll(&mut fds, None).unwrap();
        if !fds[0].revents().contains(PollFlags::IN) {
            return None;
        }
        // SAFETY: a struct of numbers, which the kernel wants zeroed and fills.
        let (received, asked) = unsafe {
            let mut asked: libc::seccomp_notif = mem::zeroed();
            let request = libc::SECCOMP_IOCTL_NOTIF_RECV;
            let received = libc::ioctl(listener.as_raw_fd(), request, &raw mut asked);
            (received, asked)
        };
        // It fails where who asked was interrupted meanwhile, and will ask again.
        if received == 0 {
            return Some(asked.id);
        }
    }
}

fn go_on(listener: &OwnedFd, id: u64) {
    // SAFETY: a struct of numbers, which the kernel reads.
    unsafe {
        let mut answer: libc::seccomp_notif_resp = mem::zeroed();
        answer.id = id;
        answer.flags = libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE as u32;
        let request = libc::SECCOMP_IOCTL_NOTIF_SEND;
        libc::ioctl(listener.as_raw_fd(), request, &raw mut answer);
    }
}
