//! The cameras of a station: which there are, which run, and what set-up does with them.
//!
//! Invariants:
//! - Each camera has a thread of its own; one that is gone or stuck holds up no other.
//! - What a person sets is on the disk before it counts as set, and is told to the camera again whenever it comes back.
//! - A stage that has no camera gives no part: no other camera steps in for it.

pub mod configured;
mod edit;
mod flat_field;
mod forsaken;
pub mod kinds;
pub mod measured;
mod region;
pub mod roster;
mod setup;
mod shot;
mod warnings;

pub use setup::MOST_SETTINGS_BYTES;
pub use shot::{pixel_format, take_shot};
pub use warnings::keep_drift;

use crate::settings::Settings;
use forsaken::Forsaken;
use kinds::{Found, Kind, LineControls};
use measured::KnownMeasures;
use roster::{CameraEntry, LineScanEntry, Roster, RosterError};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use wiko_camera::{CameraFeed, line_scan::LineFlatField};
use wiko_core::{
    UnknownCode,
    camera::{DeviceIdentity, Feature, FeatureError, FeatureValue, Transport},
    ports::{CameraError, Clock, Entropy, LostCause},
    stage::Stage,
};
use wiko_imaging::Average;
use wiko_pipeline::Order;

/// Features with which other pixels of the sensor, or as many others, come into the picture.
const GEOMETRY: [&str; 8] = [
    "Width",
    "Height",
    "OffsetX",
    "OffsetY",
    "Binning",
    "Decimation",
    "Reverse",
    "PixelFormat",
];

/// Features that change how much light a level stands for.
const LIGHT: [&str; 2] = ["ExposureTime", "Gain"];

/// A camera and its thread.
#[derive(Clone)]
pub struct Running {
    /// What it is and was told; none for the camera of `station.toml`.
    pub entry: Option<CameraEntry>,
    /// Its frames.
    pub feed: Arc<CameraFeed>,
}

impl Running {
    /// True where its pictures are put together of lines.
    pub fn has_lines(&self) -> bool {
        self.entry
            .as_ref()
            .is_some_and(|entry| entry.line_scan.is_some())
    }
}

/// All cameras of the station.
pub struct Cameras {
    settings: Arc<Settings>,
    kinds: Arc<Vec<Kind>>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    roster: Arc<Mutex<Roster>>,
    feeds: Mutex<BTreeMap<String, Arc<CameraFeed>>>,
    measures: Mutex<KnownMeasures>,
    /// Those that were let go of, and whose threads may still give a part that nobody takes.
    forsaken: Mutex<Forsaken>,
    darks: Mutex<BTreeMap<String, Average>>,
    lines: LineControls,
    line_fields: Mutex<BTreeMap<String, LineFlatField>>,
    /// Those whose pictures have changed over the days.
    drifted: Mutex<BTreeSet<String>>,
}

/// What was asked of a camera was not done.
#[derive(Debug, thiserror::Error)]
pub enum CamerasError {
    /// There is no such camera.
    #[error(transparent)]
    Unknown(#[from] UnknownCode),
    /// The roster would not.
    #[error(transparent)]
    Roster(#[from] RosterError),
    /// The camera would not.
    #[error(transparent)]
    Camera(#[from] CameraError),
    /// A feature was refused.
    #[error(transparent)]
    Feature(#[from] FeatureError),
    /// What was given or seen cannot be used.
    #[error("{0}")]
    Unfit(String),
}

impl Cameras {
    /// Reads which cameras there are; none is opened yet.
    pub fn load(
        settings: Arc<Settings>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, RosterError> {
        Self::of_kinds(settings, kinds::all(), clock, entropy)
    }

    /// The same, with these kinds of cameras.
    pub fn of_kinds(
        settings: Arc<Settings>,
        kinds: Vec<Kind>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, RosterError> {
        let roster = Roster::load(&settings.data_dir)?;
        Ok(Self {
            kinds: Arc::new(kinds),
            clock,
            entropy,
            roster: Arc::new(Mutex::new(roster)),
            feeds: Mutex::new(BTreeMap::new()),
            measures: Mutex::default(),
            forsaken: Mutex::default(),
            darks: Mutex::new(BTreeMap::new()),
            lines: LineControls::default(),
            line_fields: Mutex::default(),
            drifted: Mutex::default(),
            settings,
        })
    }

    fn roster(&self) -> MutexGuard<'_, Roster> {
        self.roster.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn feeds(&self) -> MutexGuard<'_, BTreeMap<String, Arc<CameraFeed>>> {
        self.feeds.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn known_measures(&self) -> MutexGuard<'_, KnownMeasures> {
        self.measures.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What evens the lines of that camera, also while it runs.
    fn line_field(&self, id: &str) -> LineFlatField {
        let mut fields = self
            .line_fields
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        fields.entry(id.to_owned()).or_default().clone()
    }

    /// What the frames of a camera are held against is other than it was.
    fn measures_changed(&self, id: &str) {
        self.known_measures().forget(id);
        self.line_field(id).set(self.measures(id).line_field());
    }

    fn darks(&self) -> MutexGuard<'_, BTreeMap<String, Average>> {
        self.darks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The cameras that were set up.
    pub fn entries(&self) -> Vec<CameraEntry> {
        self.roster().all().to_vec()
    }

    /// The camera that was set up for that stage.
    pub fn at(&self, stage: Stage) -> Option<CameraEntry> {
        self.roster().at(stage).cloned()
    }

    /// One camera that was set up.
    pub fn entry(&self, id: &str) -> Result<CameraEntry, UnknownCode> {
        let roster = self.roster();
        let entry = roster.get(id).cloned();
        entry.ok_or_else(|| self.unknown(id, &roster))
    }

    fn unknown(&self, id: &str, roster: &Roster) -> UnknownCode {
        UnknownCode {
            what: "camera",
            given: id.to_owned(),
            known: known(&self.settings, roster),
        }
    }

    /// Starts every camera that was set up.
    pub fn start(&self) -> Result<(), CameraError> {
        for entry in self.entries() {
            self.feed(&entry)?;
        }
        Ok(())
    }

    /// The thread of a camera, started where it does not run.
    pub fn feed(&self, entry: &CameraEntry) -> Result<Arc<CameraFeed>, CameraError> {
        if let Some(feed) = self.feeds().get(&entry.id) {
            return Ok(feed.clone());
        }
        // Read from the disk before anything is locked.
        let field = self.line_field(&entry.id);
        field.set(self.measures(&entry.id).line_field());
        let mut feeds = self.feeds();
        if let Some(feed) = feeds.get(&entry.id) {
            return Ok(feed.clone());
        }
        if self.forsaken().is_closed {
            return Err(CameraError::Ended);
        }
        let feed = Arc::new(self.spawn(entry.clone(), field)?);
        feeds.insert(entry.id.clone(), feed.clone());
        Ok(feed)
    }

    fn spawn(&self, entry: CameraEntry, field: LineFlatField) -> Result<CameraFeed, CameraError> {
        let (kinds, clock) = (self.kinds.clone(), self.clock.clone());
        let features = entry.features.clone();
        let lines = self.lines.clone();
        let roster = self.roster.clone();
        let open = move || {
            let others: Vec<_> = {
                let roster = roster.lock().unwrap_or_else(PoisonError::into_inner);
                let others = roster.all().iter().filter(|other| other.id != entry.id);
                others.map(|other| other.device.clone()).collect()
            };
            kinds::open(&kinds, &entry, &others, clock.clone(), &lines, &field)
        };
        CameraFeed::with_settings(Box::new(open), features, self.entropy.clone())
    }

    /// The running camera of that id; none where it is not set up.
    pub fn running(&self, id: &str) -> Option<Running> {
        let entry = self.entry(id).ok()?;
        let feed = self.feeds().get(id).cloned()?;
        Some(Running {
            entry: Some(entry),
            feed,
        })
    }

    /// The camera that looks at the parts of `order`. Where none was ever set up it is the one of `station.toml`, whose
    /// thread is started anew.
    pub fn inspecting(&self, order: &Order) -> Result<Running, CameraError> {
        let entry = self.roster().at(order.stage).cloned();
        if let Some(entry) = entry.filter(|_| !self.settings.demo) {
            let feed = self.feed(&entry)?;
            return Ok(Running {
                entry: Some(entry),
                feed,
            });
        }
        let feed = if self.uses_roster() {
            CameraFeed::spawn(Box::new(no_camera_at(order.stage)), self.entropy.clone())?
        } else {
            configured::open(
                &self.settings,
                order,
                self.clock.clone(),
                self.entropy.clone(),
            )?
        };
        Ok(Running {
            entry: None,
            feed: Arc::new(feed),
        })
    }

    /// True where cameras were set up, so that the one of `station.toml` counts no more.
    pub fn uses_roster(&self) -> bool {
        !self.settings.demo && self.roster().is_used()
    }

    /// Looks for cameras of all kinds.
    pub async fn find(&self) -> Result<Found, CameraError> {
        let kinds = self.kinds.clone();
        tokio::task::spawn_blocking(move || kinds::find(&kinds))
            .await
            .map_err(CameraError::failed)
    }

    /// Puts a camera to the station, or another device or stage to one that is there. The same device keeps all that was set
    /// up and measured of it, and its line-scan settings where none are given; another one begins anew. Other cameras keep
    /// running.
    pub fn assign(
        &self,
        id: &str,
        stage: Stage,
        device: DeviceIdentity,
        line_scan: Option<LineScanEntry>,
    ) -> Result<CameraEntry, CamerasError> {
        if id == self.settings.camera.id {
            return Err(CamerasError::Unfit(format!(
                "{id} is the camera of station.toml: take another id"
            )));
        }
        let line_scan = line_scan.map(LineScanEntry::checked).transpose();
        let line_scan = line_scan.map_err(CamerasError::Unfit)?;
        let entry = self.edit(|roster| {
            let entry = match roster.get(id) {
                Some(before) if before.device == device => CameraEntry {
                    stage,
                    line_scan: line_scan.or(before.line_scan),
                    ..before.clone()
                },
                _ => CameraEntry::new(id.to_owned(), stage, device, line_scan),
            };
            edit::put_beside_others(roster, entry.clone())?;
            Ok(entry)
        })?;
        self.stop(id);
        self.nothing_measured(id);
        self.feed(&entry)?;
        Ok(entry)
    }

    /// Takes a camera out of the station. What was measured of it stays in its folder.
    pub fn remove(&self, id: &str) -> Result<(), CamerasError> {
        self.edit(|roster| {
            roster.get(id).ok_or_else(|| self.unknown(id, roster))?;
            Ok(roster.remove(id)?)
        })?;
        self.stop(id);
        self.nothing_measured(id);
        Ok(())
    }

    /// What was read or begun of the device that had this id says nothing of another one: it is read anew.
    fn nothing_measured(&self, id: &str) {
        self.darks().remove(id);
        self.measures_changed(id);
    }

    /// Opens a camera anew, with what is kept of it now.
    fn reopen(&self, id: &str) -> Result<(), CamerasError> {
        self.stop(id);
        self.feed(&self.entry(id)?)?;
        Ok(())
    }

    /// Changes what is kept of a camera.
    fn change(
        &self,
        id: &str,
        change: impl FnOnce(&mut CameraEntry),
    ) -> Result<CameraEntry, CamerasError> {
        self.try_change(id, |entry| {
            change(entry);
            Ok(())
        })
    }

    /// Changes what is kept of a camera, where it can be.
    fn try_change(
        &self,
        id: &str,
        change: impl FnOnce(&mut CameraEntry) -> Result<(), CamerasError>,
    ) -> Result<CameraEntry, CamerasError> {
        self.edit(|roster| {
            let mut entry = roster
                .get(id)
                .cloned()
                .ok_or_else(|| self.unknown(id, roster))?;
            change(&mut entry)?;
            roster.put(entry.clone())?;
            Ok(entry)
        })
    }

    /// The measured line rate of a line-scan camera in lines a second, and by what share its pictures are stretched (above
    /// 0) or squeezed.
    pub fn line_rate(&self, id: &str) -> Option<(f64, Option<f64>)> {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let rate = lines.get(id)?.status().rate?;
        Some((rate.measured_hz, rate.aspect_error))
    }

    /// All features of a camera.
    pub async fn features(&self, id: &str) -> Result<Vec<Feature>, CamerasError> {
        let feed = self.feed(&self.entry(id)?)?;
        Ok(feed.features().await?)
    }

    /// Sets a feature and keeps it. True beside it where the pixels of the picture are others now, so that flat field,
    /// reference and calibration were put away.
    pub async fn set_feature(
        &self,
        id: &str,
        name: &str,
        value: FeatureValue,
    ) -> Result<(Feature, bool), CamerasError> {
        let entry = self.entry(id)?;
        let feed = self.feed(&entry)?;
        let feature = feed.set_feature(name, value.clone()).await?;
        // An automatic mode that is done once goes back by itself.
        let once = value == FeatureValue::Text("Once".to_owned());
        let keeps = feature.value.is_some() && !once;
        let other = keeps && entry.features.get(name) != Some(&value);
        let geometry = other && GEOMETRY.iter().any(|part| name.starts_with(part));
        // A flat field holds for the exposure and gain that it was taken with.
        let light = other && LIGHT.contains(&name);
        if keeps {
            self.change(id, |entry| {
                entry.features.insert(name.to_owned(), value);
                if geometry || light {
                    entry.flat_field_taken_at = None;
                }
                if geometry {
                    entry.reference_taken_at = None;
                    // The plane is of the pixels that were calibrated; how long one is stays true.
                    if let Some(calibration) = &mut entry.calibration {
                        calibration.plane = None;
                    }
                    entry.region = None;
                    // Another size is another part of the sensor for GenICam cameras, and another scale for the rest.
                    let crops = matches!(
                        entry.device.transport,
                        Transport::GigeVision | Transport::Usb3Vision
                    );
                    if !crops || name.starts_with("Binning") || name.starts_with("Decimation") {
                        entry.calibration = None;
                    }
                }
            })?;
            if geometry || light {
                self.measures_changed(id);
            }
        }
        // Lines are put together for the layout that the camera had when it was opened, and a region is cut out of it.
        if geometry && (entry.line_scan.is_some() || entry.region.is_some()) {
            self.reopen(id)?;
        }
        Ok((
            feature,
            geometry || (light && entry.flat_field_taken_at.is_some()),
        ))
    }
}

fn known(settings: &Settings, roster: &Roster) -> String {
    let ids: Vec<&str> = roster.all().iter().map(|it| it.id.as_str()).collect();
    if ids.is_empty() {
        return format!(
            "none is assigned yet, and {} of station.toml has nothing to set up \
             (wiko-station cameras find, then cameras assign)",
            settings.camera.id
        );
    }
    ids.join(", ")
}

/// Opens nothing, and says what to do.
fn no_camera_at(
    stage: Stage,
) -> impl FnMut() -> Result<Box<dyn wiko_core::ports::Camera>, CameraError> + Send {
    move || {
        Err(CameraError::lost(
            LostCause::NotFound,
            format!("no camera looks at {stage}: assign one in set-up"),
        ))
    }
}
