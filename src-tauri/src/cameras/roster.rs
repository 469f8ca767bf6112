//! The cameras of the station and what each was told: `cameras.toml` in the data directory, written by set-up.
//!
//! Invariants:
//! - The file is there whole or not at all, and on the disk before a change counts as made.
//! - A file that cannot be read is refused with its line and left as it is: a camera that lost its settings in silence
//!   would inspect with others.

use crate::set_up_file::{self, write_whole};
use serde::{Deserialize, Serialize};
use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};
use wiko_core::{
    camera::{DeviceIdentity, FeatureSettings, PartPlane, QualityLimits},
    geometry::BoxPx,
    stage::Stage,
    time::UnixMillis,
};
use wiko_imaging::MAX_SIDE_PX;

/// Name of the file in the data directory.
pub const FILE_NAME: &str = "cameras.toml";

/// Where files of single cameras lie in the data directory, each in a folder of its id.
pub const FOLDER: &str = "cameras";

/// Held by whoever changes the file, so that neither of two processes undoes what the other did.
const LOCK: &str = ".cameras.lock";

/// More cameras than any station has.
const MOST: usize = 64;

const LONGEST_ID: usize = 64;

/// A camera of the station.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CameraEntry {
    /// Its id in records.
    pub id: String,
    /// Where it looks.
    pub stage: Stage,
    /// Which device it is.
    pub device: DeviceIdentity,
    /// What it is told whenever it is opened.
    #[serde(default)]
    pub features: FeatureSettings,
    /// What the stage asks of its frames.
    #[serde(default)]
    pub limits: QualityLimits,
    /// How lines become pictures; of a line-scan camera.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line_scan: Option<LineScanEntry>,
    /// Pixel to millimetre.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibration: Option<CalibrationEntry>,
    /// What of its picture is inspected, where the camera cannot be told a region; in pixels of its own picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<BoxPx>,
    /// When the reference picture was taken; it lies in the camera's folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference_taken_at: Option<UnixMillis>,
    /// When the flat field was taken; it lies in the camera's folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flat_field_taken_at: Option<UnixMillis>,
}

impl CameraEntry {
    /// A camera as it is before anything was set.
    pub fn new(
        id: String,
        stage: Stage,
        device: DeviceIdentity,
        line_scan: Option<LineScanEntry>,
    ) -> Self {
        Self {
            id,
            stage,
            device,
            features: FeatureSettings::new(),
            limits: QualityLimits::default(),
            line_scan,
            calibration: None,
            region: None,
            reference_taken_at: None,
            flat_field_taken_at: None,
        }
    }
}

/// How lines become pictures.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LineScanEntry {
    /// One picture after the other with an overlap, instead of one a part.
    pub continuous: bool,
    /// Rows kept from before the part.
    pub pre_roll_rows: u32,
    /// Rows kept after the part.
    pub post_roll_rows: u32,
    /// The longest part, or the rows of a picture in the continuous mode.
    pub longest_rows: u32,
    /// Rows that the next picture repeats.
    pub overlap_rows: u32,
    /// How fast the belt moves; 0 where it is not known.
    pub belt_mm_per_s: f64,
    /// Level of the belt without a part.
    #[serde(default = "background_level")]
    pub background_level: u8,
    /// A part differs from the belt by as many levels.
    #[serde(default = "contrast_levels")]
    pub contrast_levels: u8,
}

impl LineScanEntry {
    /// Refuses what no camera could work by. Whether pictures of so many rows fit its lines is known once it is open.
    pub fn checked(self) -> Result<Self, String> {
        let rows = u64::from(self.longest_rows)
            + u64::from(self.pre_roll_rows)
            + u64::from(self.post_roll_rows);
        let must = |is: bool, told: &str| is.then_some(()).ok_or_else(|| told.to_owned());
        must(self.longest_rows > 0, "longest_rows must be at least 1")?;
        let tallest = format!(
            "longest_rows with pre_roll_rows and post_roll_rows must be at most {MAX_SIDE_PX}"
        );
        must(rows <= u64::from(MAX_SIDE_PX), &tallest)?;
        must(
            !self.continuous || self.overlap_rows < self.longest_rows,
            "overlap_rows must be less than longest_rows",
        )?;
        must(
            self.contrast_levels > 0,
            "contrast_levels must be at least 1",
        )?;
        must(
            self.belt_mm_per_s.is_finite() && self.belt_mm_per_s >= 0.0,
            "belt_mm_per_s must be the speed of the belt, or 0 where it is not known",
        )?;
        Ok(self)
    }
}

/// A dark belt.
pub fn background_level() -> u8 {
    50
}

/// More than noise and shadows, less than steel.
pub fn contrast_levels() -> u8 {
    35
}

/// Pixel to millimetre.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CalibrationEntry {
    /// Millimetres that a pixel stands for.
    pub mm_per_px: f64,
    /// By a checkerboard, not by two points.
    pub checkerboard: bool,
    /// How far corners lie from where they should, in pixels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub residual_px: Option<f64>,
    /// How far the lens bends a line at the edge of the picture, in percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub distortion_percent: Option<f64>,
    /// When.
    pub taken_at: UnixMillis,
    /// How the picture shows the plane of the part; of a checkerboard.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plane: Option<PartPlane>,
}

/// The cameras cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum RosterError {
    /// The file is not to be had.
    #[error("{}: {error}; check the disk and the rights to the data directory", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// It is not what set-up writes.
    #[error("{}: {message}; mend it, or write an empty file and set the cameras up again", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What and where.
        message: String,
    },
    /// An id that cannot be.
    #[error("{given:?} is no id for a camera: {why}")]
    BadId {
        /// As given.
        given: String,
        /// Why.
        why: &'static str,
    },
    /// Enough is enough.
    #[error("a station has at most {MOST} cameras")]
    TooMany,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RosterFile {
    camera: Vec<CameraEntry>,
}

/// The cameras of a station, in the order in which they were added.
#[derive(Debug, Clone, PartialEq)]
pub struct Roster {
    data_dir: PathBuf,
    /// Cameras were set up once, also where there is none any more.
    is_used: bool,
    cameras: Vec<CameraEntry>,
}

impl Roster {
    /// Reads the file where there is one.
    pub fn load(data_dir: &Path) -> Result<Self, RosterError> {
        let path = data_dir.join(FILE_NAME);
        let (text, is_used) = match fs::read_to_string(&path) {
            Ok(text) => (text, true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => (String::new(), false),
            Err(error) => return Err(RosterError::Io { path, error }),
        };
        let file: RosterFile = toml::from_str(&text).map_err(|error| RosterError::Malformed {
            path: path.clone(),
            message: error.to_string(),
        })?;
        let mut roster = Self {
            data_dir: data_dir.to_owned(),
            is_used,
            cameras: Vec::new(),
        };
        for camera in file.camera {
            let malformed = |error: RosterError| RosterError::Malformed {
                path: path.clone(),
                message: error.to_string(),
            };
            if let Some(twice) = roster.clash(&camera) {
                let message = format!("{}: {twice}", camera.id);
                return Err(RosterError::Malformed { path, message });
            }
            check_id(&camera.id).map_err(malformed)?;
            roster.cameras.push(camera);
        }
        Ok(roster)
    }

    /// Waits until no other process changes the file; it is this one's until what is returned is dropped.
    pub fn lock(data_dir: &Path) -> Result<File, RosterError> {
        let path = data_dir.join(LOCK);
        let locked = set_up_file::lock(&path);
        locked.map_err(|error| RosterError::Io { path, error })
    }

    /// What stands against another camera beside these.
    fn clash(&self, camera: &CameraEntry) -> Option<String> {
        let mut others = self.cameras.iter();
        others.find_map(|other| {
            let what = if other.id == camera.id {
                "its id"
            } else if other.stage == camera.stage {
                "its stage"
            } else if other.device == camera.device {
                "its device"
            } else {
                return None;
            };
            Some(format!("{what} is that of {} as well", other.id))
        })
    }

    /// True where cameras were ever set up.
    pub fn is_used(&self) -> bool {
        self.is_used
    }

    /// All cameras.
    pub fn all(&self) -> &[CameraEntry] {
        &self.cameras
    }

    /// The camera of that id.
    pub fn get(&self, id: &str) -> Option<&CameraEntry> {
        self.cameras.iter().find(|camera| camera.id == id)
    }

    /// The first camera that looks at that stage.
    pub fn at(&self, stage: Stage) -> Option<&CameraEntry> {
        self.cameras.iter().find(|camera| camera.stage == stage)
    }

    /// With this camera, in place of the one of its id where there is one. On disk when it returns.
    pub fn put(&mut self, camera: CameraEntry) -> Result<(), RosterError> {
        check_id(&camera.id)?;
        let mut changed = self.clone();
        changed.is_used = true;
        let place = changed.cameras.iter().position(|it| it.id == camera.id);
        match place {
            Some(place) => changed.cameras[place] = camera,
            None if changed.cameras.len() >= MOST => return Err(RosterError::TooMany),
            None => changed.cameras.push(camera),
        }
        changed.save()?;
        *self = changed;
        Ok(())
    }

    /// Without the camera of that id. On disk when it returns.
    pub fn remove(&mut self, id: &str) -> Result<(), RosterError> {
        let mut changed = self.clone();
        changed.cameras.retain(|camera| camera.id != id);
        changed.save()?;
        *self = changed;
        Ok(())
    }

    /// Where files of that camera lie.
    pub fn folder(&self, id: &str) -> PathBuf {
        self.data_dir.join(FOLDER).join(id)
    }

    fn save(&self) -> Result<(), RosterError> {
        let path = self.data_dir.join(FILE_NAME);
        let file = RosterFile {
            camera: self.cameras.clone(),
        };
        let text = toml::to_string(&file).map_err(|error| RosterError::Malformed {
            path: path.clone(),
            message: error.to_string(),
        })?;
        write_whole(&path, text.as_bytes()).map_err(|error| RosterError::Io { path, error })
    }
}

/// Ids name folders and stand in records: no separators, no dots, nothing that only looks empty.
fn check_id(id: &str) -> Result<(), RosterError> {
    let bad = |why| {
        Err(RosterError::BadId {
            given: id.to_owned(),
            why,
        })
    };
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if id.is_empty() || id.len() > LONGEST_ID {
        return bad("it has 1 to 64 characters");
    }
    if !id.bytes().all(allowed) {
        return bad("take letters, digits, - and _");
    }
    if id == "file" {
        return bad("that is what pictures of files are recorded under");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use wiko_core::camera::{Distortion, FeatureValue, Transport, UsbAddress};

    pub(super) fn entry(id: &str) -> CameraEntry {
        let at = usize::from(id.ends_with('2'));
        CameraEntry {
            id: id.into(),
            stage: [Stage::BladeGlazing, Stage::Inspection][at],
            device: DeviceIdentity {
                transport: Transport::V4l2,
                vendor: "Sonix".into(),
                model: "HD".into(),
                serial: None,
                mac: None,
                usb: Some(UsbAddress {
                    vid: 1,
                    pid: 2,
                    port: format!("1-{at}"),
                }),
            },
            features: [
                ("ExposureTime".to_owned(), FeatureValue::Float(5000.0)),
                ("Gain".to_owned(), FeatureValue::Integer(3)),
                ("ExposureAuto".to_owned(), FeatureValue::Text("Off".into())),
                ("ReverseX".to_owned(), FeatureValue::Boolean(true)),
            ]
            .into(),
            limits: QualityLimits {
                least_focus: Some(12.5),
                ..QualityLimits::default()
            },
            line_scan: None,
            calibration: Some(CalibrationEntry {
                mm_per_px: 0.05,
                checkerboard: false,
                residual_px: None,
                distortion_percent: None,
                taken_at: UnixMillis(1_772_352_000_000),
                plane: Some(PartPlane {
                    width_px: 1920,
                    height_px: 1080,
                    mm_per_px: 0.05,
                    distortion: Some(Distortion { k1: -0.1, k2: 0.01 }),
                    homography: Some([0.05, 0.0, 0.0, 0.0, 0.05, 0.0, 0.0, 0.0, 1.0]),
                    region: None,
                }),
            }),
            region: Some(BoxPx {
                x: 16,
                y: 8,
                width: 640,
                height: 480,
            }),
            reference_taken_at: None,
            flat_field_taken_at: Some(UnixMillis(1)),
        }
    }

    #[test]
    fn what_was_put_is_read_again_with_the_type_of_every_value() {
        let dir = tempfile::tempdir().unwrap();
        let mut roster = Roster::load(dir.path()).unwrap();
        roster.put(entry("glazing-1")).unwrap();
        roster.put(entry("glazing-2")).unwrap();
        assert_eq!(Roster::load(dir.path()).unwrap(), roster);
        roster.remove("glazing-1").unwrap();
        assert_eq!(Roster::load(dir.path()).unwrap(), roster);
        assert_eq!(roster.all().len(), 1);
    }

    #[test]
    fn an_id_that_could_be_a_path_or_looks_empty_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let mut roster = Roster::load(dir.path()).unwrap();
        for id in ["", "..", "a/b", "a b", "file", "相机", &"x".repeat(65)] {
            assert!(
                matches!(roster.put(entry(id)), Err(RosterError::BadId { .. })),
                "{id:?}"
            );
        }
        assert!(!dir.path().join(FILE_NAME).exists());
    }

    #[test]
    fn a_camera_that_clashes_with_another_is_refused_where_the_file_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let mut roster = Roster::load(dir.path()).unwrap();
        roster.put(entry("glazing-1")).unwrap();
        let path = dir.path().join(FILE_NAME);
        let one = fs::read_to_string(&path).unwrap();
        let other_stage = one.replace("blade_glazing", "inspection");
        for (other, told) in [
            (one.clone(), "id"),
            (one.replace("glazing-1", "glazing-3"), "stage"),
            (other_stage.replace("glazing-1", "glazing-3"), "device"),
        ] {
            fs::write(&path, format!("{one}\n{other}")).unwrap();
            let refused = Roster::load(dir.path()).unwrap_err().to_string();
            assert!(
                refused.contains(&format!("its {told} is that of")),
                "{refused}"
            );
        }
    }

    #[test]
    fn a_file_that_cannot_be_read_is_refused_with_its_line_and_left_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(FILE_NAME);
        for text in [
            "[[camera]]\nid = 3\n",
            "[[camera]]\nid = \"a\"\nstage = \"no\"\n",
        ] {
            fs::write(&path, text).unwrap();
            let refused = Roster::load(dir.path()).unwrap_err();
            assert!(refused.to_string().contains("line"), "{refused}");
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
    }
}
