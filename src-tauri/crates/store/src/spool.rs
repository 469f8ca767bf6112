//! The pictures on disk.
//!
//! Invariants:
//! - A name without a leading dot is a whole picture: it is given by a rename after the bytes are on
//!   the platter, and the directory is fsynced before the capture goes on.
//! - A picture is never overwritten.
//! - The directory of a day goes only when it is empty and nothing is being placed.

use crate::layout::{Layout, create_private_dir_all, open_dir, private_file, sync_dir};
use std::{
    collections::{BTreeSet, HashSet},
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, RwLock},
};

/// Bytes of the file that is written to see whether one can be.
const PROBE_BYTES: usize = 4096;

#[derive(Debug)]
pub(crate) struct Spool {
    layout: Layout,
    /// The directory written to last, its name durable. A station writes to one directory a day.
    open_day: Mutex<Option<(PathBuf, Arc<File>)>>,
    /// Read while a picture is placed, written while an empty directory is removed.
    days: RwLock<()>,
}

/// A step of writing that failed.
#[derive(Debug)]
pub(crate) struct Failed {
    /// What was being done, in words.
    pub(crate) doing: &'static str,
    pub(crate) error: io::Error,
}

fn failed(doing: &'static str) -> impl FnOnce(io::Error) -> Failed {
    move |error| Failed { doing, error }
}

impl Spool {
    pub(crate) fn new(layout: Layout) -> Self {
        Self {
            layout,
            open_day: Mutex::new(None),
            days: RwLock::default(),
        }
    }

    /// Puts a picture at `path`; it is durable, name and bytes, when this returns `Ok`. Blocks.
    pub(crate) fn place(&self, path: &Path, bytes: &[u8]) -> Result<(), Failed> {
        let (Some(dir), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(failed("naming a picture")(
                io::ErrorKind::InvalidInput.into(),
            ));
        };
        let _stays = self.days.read().unwrap_or_else(PoisonError::into_inner);
        let day = self.open_day(dir)?;
        let part = dir.join(format!(".{}.part", name.to_string_lossy()));
        let placed = write_new(&part, bytes)
            .map_err(failed("writing a picture"))
            .and_then(|()| self.give_name(&part, path));
        if let Err(not_placed) = placed {
            // What is left goes to quarantine at the next start; on a full disk its room is wanted now.
            let _ = fs::remove_file(&part);
            return Err(not_placed);
        }
        day.sync_all().map_err(failed("keeping a picture's name"))
    }

    /// Renames without overwriting. Under the mutex, since a look and a rename are two steps.
    fn give_name(&self, part: &Path, path: &Path) -> Result<(), Failed> {
        let _one_at_a_time = self.open_day.lock().unwrap_or_else(PoisonError::into_inner);
        match fs::symlink_metadata(path) {
            Ok(_) => Err(failed("naming a picture")(io::Error::new(
                io::ErrorKind::AlreadyExists,
                "there is a picture of this part already",
            ))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                fs::rename(part, path).map_err(failed("naming a picture"))
            }
            Err(error) => Err(failed("naming a picture")(error)),
        }
    }

    fn open_day(&self, dir: &Path) -> Result<Arc<File>, Failed> {
        let mut open = self.open_day.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((path, file)) = &*open
            && path == dir
            && dir.is_dir()
        {
            return Ok(Arc::clone(file));
        }
        create_private_dir_all(dir).map_err(failed("making a directory"))?;
        let file = Arc::new(open_dir(dir).map_err(failed("opening a directory"))?);
        sync_dir(&self.layout.spool()).map_err(failed("keeping a directory's name"))?;
        *open = Some((dir.to_owned(), Arc::clone(&file)));
        Ok(file)
    }

    /// Takes back a picture whose row is known not to be. Blocks.
    pub(crate) fn take_back(&self, path: &Path) {
        if let Err(error) = fs::remove_file(path) {
            tracing::warn!(path = %path.display(), %error, "a picture without a row stays until the next start");
        }
    }

    /// Deletes pictures whose rows say that they were removed, durably, and the directories that are empty
    /// then. What is gone already counts as deleted. Blocks.
    pub(crate) fn delete(&self, files: &[PathBuf]) -> Result<(), Failed> {
        let mut left = BTreeSet::new();
        for file in files {
            match fs::remove_file(file) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(failed("deleting a picture")(error)),
            }
            left.extend(file.parent().map(Path::to_owned));
        }
        let mut emptied = false;
        for dir in left {
            match sync_dir(&dir) {
                Ok(()) => emptied |= self.remove_empty(&dir),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(failed("forgetting a name in the spool")(error)),
            }
        }
        if emptied {
            sync_dir(&self.layout.spool()).map_err(failed("forgetting a directory's name"))?;
        }
        Ok(())
    }

    /// Removes a directory where nothing is in it; true where it did.
    fn remove_empty(&self, dir: &Path) -> bool {
        let _nothing_is_placed = self.days.write().unwrap_or_else(PoisonError::into_inner);
        // The system refuses while anything is in it.
        fs::remove_dir(dir).is_ok()
    }

    /// Writes a file, has it durable, and removes it. Blocks.
    pub(crate) fn probe(&self) -> Result<(), Failed> {
        let path = self.layout.spool().join(".probe");
        // Left by a crash.
        let _ = fs::remove_file(&path);
        let written = write_new(&path, &[0; PROBE_BYTES]).map_err(failed("writing a test file"));
        let removed = fs::remove_file(&path).map_err(failed("removing a test file"));
        written.and(removed)
    }

    /// Every file in the spool, temporary ones included, a directory at a time. Blocks.
    pub(crate) fn list(&self) -> io::Result<Vec<Vec<PathBuf>>> {
        let (dirs, mut stray) = entries(&self.layout.spool())?;
        stray.retain(|path| path.file_name().is_some_and(|name| name != ".probe"));
        let mut listed = vec![stray];
        for dir in dirs {
            listed.push(entries(&dir)?.1);
        }
        listed.retain(|files| !files.is_empty());
        Ok(listed)
    }

    /// Moves files out of the spool. Never deletes, never overwrites. Blocks.
    pub(crate) fn quarantine(&self, files: &[PathBuf]) -> Result<Vec<PathBuf>, Failed> {
        let mut moved = Vec::with_capacity(files.len());
        let mut left = HashSet::new();
        for file in files {
            let day = file.parent().and_then(Path::file_name).unwrap_or_default();
            let name = file.file_name().unwrap_or_default();
            let stem = format!("{}_{}", day.to_string_lossy(), name.to_string_lossy());
            let target = (0u32..)
                .map(|n| match n {
                    0 => self.layout.quarantine().join(&stem),
                    n => self.layout.quarantine().join(format!("{stem}.{n}")),
                })
                .find(|target| fs::symlink_metadata(target).is_err())
                .unwrap_or_else(|| self.layout.quarantine().join(&stem));
            fs::rename(file, &target).map_err(failed("moving a file to quarantine"))?;
            left.extend(file.parent().map(Path::to_owned));
            moved.push(target);
        }
        if !moved.is_empty() {
            // The new name first: a crash between the two shows the file twice, never not at all.
            sync_dir(&self.layout.quarantine()).map_err(failed("keeping a name in quarantine"))?;
            for dir in left {
                sync_dir(&dir).map_err(failed("forgetting a name in the spool"))?;
            }
        }
        Ok(moved)
    }
}

fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = private_file().write(true).create_new(true).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// The directories and the other entries of a directory.
fn entries(dir: &Path) -> io::Result<(Vec<PathBuf>, Vec<PathBuf>)> {
    let (mut dirs, mut files) = (vec![], vec![]);
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            dirs.push(entry.path());
        } else {
            files.push(entry.path());
        }
    }
    Ok((dirs, files))
}
