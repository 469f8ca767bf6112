//! Pictures from a folder or a list, in place of a camera.

use crate::pacing::{Pacer, Pacing};
use std::{
    collections::HashSet,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use wiko_core::{
    camera::{CameraId, Frame, FramePicture},
    image::{EncodedImage, Sha256},
    ports::{Camera, CameraError, Clock},
};
use wiko_imaging::{ImageRefused, MAX_BYTES, inspect, inspect_trusted};

/// Where the pictures come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReplaySource {
    /// Every `.jpg`, `.jpeg`, `.png` and `.webp` of a folder, by name; not of the folders in it.
    Folder(PathBuf),
    /// These files in this order, whatever their names.
    Files(Vec<PathBuf>),
}

/// Gives each picture as one frame, its bytes untouched.
pub struct ReplayCamera {
    id: CameraId,
    files: Vec<PathBuf>,
    next: usize,
    looping: bool,
    /// True where this round has given a good frame: a loop over nothing but bad files must not spin.
    good_in_round: bool,
    sequence: u64,
    /// What was found whole: a loop decodes each picture once, not thirty times a second.
    whole: HashSet<Sha256>,
    pacer: Pacer,
    clock: Arc<dyn Clock>,
}

impl ReplayCamera {
    /// Lists the pictures; none of them is opened yet.
    pub fn open(
        id: CameraId,
        source: ReplaySource,
        looping: bool,
        pacing: Pacing,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, CameraError> {
        let files = match source {
            ReplaySource::Files(files) => files,
            ReplaySource::Folder(folder) => {
                let files = pictures_in(&folder).map_err(|error| {
                    CameraError::failed(format!(
                        "{}: {}; choose a folder that can be read",
                        folder.display(),
                        in_words(&error)
                    ))
                })?;
                if files.is_empty() {
                    return Err(CameraError::failed(format!(
                        "{} holds no pictures; put .jpg, .png or .webp files there",
                        folder.display()
                    )));
                }
                files
            }
        };
        Ok(Self {
            id,
            files,
            next: 0,
            looping,
            good_in_round: false,
            sequence: 0,
            whole: HashSet::new(),
            pacer: Pacer::new(pacing),
            clock,
        })
    }

    fn inspected(&mut self, bytes: Vec<u8>) -> Result<EncodedImage, ImageRefused> {
        if !self.looping {
            return inspect(bytes);
        }
        let mut image = inspect_trusted(bytes)?;
        if !self.whole.contains(&image.facts().sha256) {
            image = inspect(Arc::clone(image.bytes()))?;
            self.whole.insert(image.facts().sha256);
        }
        Ok(image)
    }
}

impl Camera for ReplayCamera {
    fn id(&self) -> &CameraId {
        &self.id
    }

    fn next_frame(&mut self, timeout: Duration) -> Result<Frame, CameraError> {
        if self.next >= self.files.len() {
            if !self.looping || !self.good_in_round {
                return Err(CameraError::Ended);
            }
            self.next = 0;
            self.good_in_round = false;
        }
        if !self.pacer.wait(timeout) {
            return Err(CameraError::Timeout {
                waited_ms: timeout.as_millis() as u64,
            });
        }
        let path = self.files[self.next].clone();
        let sequence = self.sequence;
        self.next += 1;
        self.sequence += 1;
        let bad = |reason: String| CameraError::BadFrame {
            source_name: path.display().to_string(),
            reason,
        };
        let bytes = read(&path).map_err(|error| bad(in_words(&error)))?;
        let image = self
            .inspected(bytes)
            .map_err(|refused| bad(refused.to_string()))?;
        self.good_in_round = true;
        Ok(Frame {
            sequence,
            exposed_at: self.clock.now(),
            camera: self.id.clone(),
            picture: FramePicture::Encoded(image),
            faults: Vec::new(),
            invalid_rows: Vec::new(),
        })
    }
}

fn pictures_in(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let is_picture = path.extension().is_some_and(|extension| {
            let extension = extension.to_string_lossy().to_ascii_lowercase();
            matches!(&extension[..], "jpg" | "jpeg" | "png" | "webp")
        });
        if is_picture {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Reads a file, but never more of it than a picture may have.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    use io::Read;
    let file = fs::File::open(path)?;
    if file.metadata()?.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    let mut bytes = Vec::new();
    file.take(MAX_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn in_words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such file or folder".to_owned(),
        io::ErrorKind::PermissionDenied => {
            "no permission to read it; check the owner and the mode".to_owned()
        }
        io::ErrorKind::IsADirectory => "it is a folder; a picture is expected".to_owned(),
        io::ErrorKind::NotADirectory => "it is no folder".to_owned(),
        _ => error.to_string(),
    }
}
