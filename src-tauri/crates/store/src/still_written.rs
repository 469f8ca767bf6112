//! Whether what was just committed is surely on the disk.
//!
//! Invariant: no capture, verdict, call of a person or row of the trail is acknowledged before [`check`] has passed.
//!
//! Where ext4 meets an error it gives its journal up and turns read-only (`errors=remount-ro`, Debian's default). An
//! fsync that is under way at that moment may be answered as if it was done: on Linux 6.18 a quarter of such errors
//! lost what the last fsync had confirmed, and a second fsync said the same. A change of a file's times needs the
//! journal. The first one after it was given up is swallowed, but turns the file system read-only for good, so that
//! the second one is refused. Both together take ten microseconds and wait for no disk.

use std::{fs::File, io};

/// Refuses where the file system of `file` has turned read-only or fails.
pub(crate) fn check(file: &File) -> io::Result<()> {
    for _ in 0..2 {
        match touch(file) {
            // Whose file it is says nothing of the disk.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Ok(()),
            other => other?,
        }
    }
    Ok(())
}

#[cfg(unix)]
fn touch(file: &File) -> io::Result<()> {
    use rustix::fs::{Timespec, Timestamps, UTIME_NOW, futimens};
    let now = Timespec {
        tv_sec: 0,
        tv_nsec: UTIME_NOW,
    };
    let both = Timestamps {
        last_access: now,
        last_modification: now,
    };
    Ok(futimens(file, &both)?)
}

/// Elsewhere a file system that fails says so by itself.
#[cfg(not(unix))]
fn touch(_: &File) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_system_that_takes_changes_passes() {
        let dir = tempfile::tempdir().unwrap();
        let file = File::create(dir.path().join("lock")).unwrap();
        check(&file).unwrap();
    }
}
