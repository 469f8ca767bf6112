//! Changes of the roster, by this process and by others beside it.
//!
//! Invariants:
//! - Whoever changes the file holds its lock, and takes in first what another process changed.
//! - Cameras are stopped and started once no lock is held: each takes locks of its own, and reads the disk.

use super::{
    Cameras, CamerasError,
    roster::{CameraEntry, Roster},
};
use crate::settings::Settings;

impl Cameras {
    /// Reads the file anew, changes it, and lets no other process do so meanwhile.
    pub(super) fn edit<T>(
        &self,
        edit: impl FnOnce(&mut Roster) -> Result<T, CamerasError>,
    ) -> Result<T, CamerasError> {
        let (changed, edited) = {
            let _lock = Roster::lock(&self.settings.data_dir)?;
            let mut roster = self.roster();
            let changed = take_in(&mut roster, &self.settings)?;
            (changed, edit(&mut roster))
        };
        if !changed.is_empty() {
            self.follow(changed)?;
        }
        edited
    }

    /// Stops what another process took away or changed, and starts what is not running. No lock is held.
    fn follow(&self, changed: Vec<Changed>) -> Result<(), CamerasError> {
        for camera in changed {
            if camera.is_reopened {
                self.stop(&camera.id);
            }
            self.measures_changed(&camera.id);
        }
        Ok(self.start()?)
    }

    /// Works from now on with the cameras that another process set up; true where it did.
    pub fn reload(&self) -> Result<bool, CamerasError> {
        let changed = take_in(&mut self.roster(), &self.settings)?;
        let any = !changed.is_empty();
        // Started also where nothing changed: it may have failed before.
        self.follow(changed)?;
        Ok(any)
    }
}

/// A camera that another process changed.
struct Changed {
    id: String,
    /// Its device, its settings or how its pictures come about.
    is_reopened: bool,
}

/// Takes in what another process changed, and says what that was.
fn take_in(roster: &mut Roster, settings: &Settings) -> Result<Vec<Changed>, CamerasError> {
    let now = Roster::load(&settings.data_dir)?;
    let told = |entry: &CameraEntry| {
        // A line-scan camera holds its lines against the scale.
        let scale = entry.calibration.filter(|_| entry.line_scan.is_some());
        let scale = scale.map(|known| known.mm_per_px);
        let features = entry.features.clone();
        (
            entry.device.clone(),
            features,
            entry.line_scan,
            entry.region,
            scale,
        )
    };
    let mut changed = Vec::new();
    for before in roster.all() {
        let after = now.get(&before.id);
        if after != Some(before) {
            changed.push(Changed {
                id: before.id.clone(),
                is_reopened: after.map(told) != Some(told(before)),
            });
        }
    }
    let is_new = |entry: &&CameraEntry| roster.get(&entry.id).is_none();
    changed.extend(now.all().iter().filter(is_new).map(|entry| Changed {
        id: entry.id.clone(),
        is_reopened: false,
    }));
    *roster = now;
    Ok(changed)
}

/// Puts a camera to the others, where its device and its stage are no other's.
pub(super) fn put_beside_others(
    roster: &mut Roster,
    entry: CameraEntry,
) -> Result<(), CamerasError> {
    let others = || roster.all().iter().filter(|other| other.id != entry.id);
    if let Some(other) = others().find(|other| other.device == entry.device) {
        return Err(CamerasError::Unfit(format!(
            "this device is {0} already: assign {0} itself to another stage, or remove it first",
            other.id
        )));
    }
    if let Some(other) = others().find(|other| other.stage == entry.stage) {
        return Err(CamerasError::Unfit(format!(
            "{} looks at {} already: remove it first, or choose another stage",
            other.id, entry.stage
        )));
    }
    Ok(roster.put(entry)?)
}
