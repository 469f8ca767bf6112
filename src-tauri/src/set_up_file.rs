//! Files that set-up writes: whole, on the disk, and by one writer at a time.

use std::{
    fs::{self, File, TryLockError},
    io::{self, Write},
    path::Path,
    time::{Duration, Instant},
};

/// Writes a file so that it is there whole or as it was before, also after a power cut. Where another process may write
/// it too, its [`lock`] is held meanwhile.
pub fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let beside = folder.join(format!(".{name}.new"));
    let mut file = File::create(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    #[cfg(unix)]
    File::open(folder)?.sync_all()?;
    Ok(())
}

/// Changes take milliseconds: who holds a lock for so long is stopped or hangs.
const LOCKED_WITHIN: Duration = Duration::from_secs(3);

const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// Waits until no other process holds this lock, or says that one does; it is this one's until what is returned is dropped.
pub fn lock(path: &Path) -> io::Result<File> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)?;
    let begun = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::Error(error)) => return Err(error),
            Err(TryLockError::WouldBlock) if begun.elapsed() < LOCKED_WITHIN => {
                std::thread::sleep(LOOK_AGAIN);
            }
            Err(TryLockError::WouldBlock) => {
                let told = "another wiko-station holds it: wait until it is done, or end it";
                return Err(io::Error::new(io::ErrorKind::TimedOut, told));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_for_a_lock_gets_it_once_it_is_free_and_is_told_where_it_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("sub").join(".lock");
        let held = lock(&path).unwrap();
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| lock(&path));
            drop(held);
            waiting.join().unwrap().unwrap();
        });
        let _held = lock(&path).unwrap();
        let refused = lock(&path).unwrap_err();
        assert!(
            refused.to_string().contains("another wiko-station"),
            "{refused}"
        );
    }
}
