//! Puts a release into the station's folder of recipes.
//!
//! Invariants:
//! - One release at a time: whoever releases holds a lock from before the challenge set is judged.
//! - A release is there whole or not at all: written aside, synced, renamed, the folder synced. None is ever replaced.
//! - It is noted as the newest before it is there: what ends in between is missed, so that its parts wait for a person,
//!   and is released once more.
//! - A challenge set is frozen under its name before its first picture is judged for a release: also one that blocked
//!   it is not changed until it lets the recipe through.
//! - What the challenge set speaks against is not released, whoever asks.

use super::{
    RecipeSource,
    challenge::ChallengeSet,
    released::{FROZEN_FILE, NEWEST_FILE, Newest, RELEASE_FILE, Release, ReleasedRecipes},
};
use std::{
    collections::BTreeMap,
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{self, Write},
    path::{Path, PathBuf},
};
use wiko_core::{analysis::RecipeTag, image::Sha256};

const LOCK_FILE: &str = ".lock";
/// Of whoever holds the lock, until it has the name of what it takes the place of.
const ASIDE_FILE: &str = ".note.part";

/// A recipe is not released.
#[derive(Debug, thiserror::Error)]
pub enum ReleaseRefused {
    /// Somebody else is at it.
    #[error("another release is under way here: wait until it is over")]
    UnderWay,
    /// The version does not count up.
    #[error("{recipe} is not above v{newest}, which is there already: write version = {} into the recipe", .newest + 1)]
    NotAbove {
        /// What was given.
        recipe: RecipeTag,
        /// The newest that there is.
        newest: u32,
    },
    /// That version is released, and says something else.
    #[error("{recipe} is released already with other content, and a release never changes: write version = {} into the recipe", .newest + 1)]
    OtherContent {
        /// What was given.
        recipe: RecipeTag,
        /// The newest that there is.
        newest: u32,
    },
    /// A set of that name was another one before.
    #[error(
        "the challenge set \"{name}\" is not what it was when a recipe was first to be released by it: a set is frozen \
         once it was used, also where it let nothing through. Put it back as it was, or give the changed one a name of \
         its own in challenge.toml"
    )]
    SetChanged {
        /// The set.
        name: String,
    },
    /// Nobody can tell which sets were used before.
    #[error(
        "which challenge sets were used before cannot be told: {0}. It stands twice, as challenge-sets.json in the folder \
         of recipes and as recipes.challenge-sets.json beside it: put the right one in the place of the other, or both \
         back from a backup"
    )]
    Sets(String),
    /// The challenge set speaks against it.
    #[error("not released: {}", .0.join("; "))]
    Blocked(Vec<String>),
    /// The disk did not do it.
    #[error("not released: {}: {}", path.display(), said(error))]
    Disk {
        /// What was written.
        path: PathBuf,
        /// Why it was not.
        error: io::Error,
    },
}

fn said(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "the disk is full: free space there, then release again".to_owned()
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "it cannot be written: give this user the right to".to_owned()
        }
        _ => error.to_string(),
    }
}

fn disk(path: &Path) -> impl Fn(io::Error) -> ReleaseRefused + '_ {
    |error| ReleaseRefused::Disk {
        path: path.to_owned(),
        error,
    }
}

/// Whether there is anything to release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It is new.
    New,
    /// The very same was released before.
    Released,
}

/// The right to release, which one process has at a time.
#[derive(Debug)]
pub struct Publisher {
    recipes: ReleasedRecipes,
    /// Locked for as long as it is held.
    _lock: File,
}

impl Publisher {
    /// Takes the right to release.
    pub fn begin(recipes: &ReleasedRecipes) -> Result<Self, ReleaseRefused> {
        let dir = recipes.dir();
        private_dir(dir).map_err(disk(dir))?;
        let path = dir.join(LOCK_FILE);
        let lock = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(disk(&path))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self {
                recipes: recipes.clone(),
                _lock: lock,
            }),
            Err(TryLockError::WouldBlock) => Err(ReleaseRefused::UnderWay),
            Err(TryLockError::Error(error)) => Err(disk(&path)(error)),
        }
    }

    /// Whether a recipe may be released by a set, as far as that is known before anything is judged.
    pub fn standing(
        &self,
        source: &RecipeSource,
        set: &ChallengeSet,
    ) -> Result<Standing, ReleaseRefused> {
        let recipe = source.tag();
        let name = recipe.name();
        let there = self
            .recipes
            .versions(&name)
            .map_err(disk(self.recipes.dir()))?;
        let noted = self.recipes.newest_noted().unwrap_or_default();
        let noted = noted.get(&name).map(|noted| noted.version);
        // One that was noted and never came to be is released once more.
        let noted = noted.filter(|noted| *noted != recipe.version);
        // The built-in one is of any product.
        let built_in = super::built_in(recipe.stage).filter(|_| recipe.product_sku.is_none());
        let built_in = built_in.map(|source| source.recipe.version);
        let newest = there.last().copied().max(noted).max(built_in).unwrap_or(0);
        if there.contains(&recipe.version) {
            return match self.released(&name, recipe.version) {
                Some(release) if release.files == source.hashes() => Ok(Standing::Released),
                _ => Err(ReleaseRefused::OtherContent { recipe, newest }),
            };
        }
        if recipe.version <= newest {
            return Err(ReleaseRefused::NotAbove { recipe, newest });
        }
        self.check_unchanged(set)?;
        Ok(Standing::New)
    }

    /// Notes the set under its name, which no other will have from now on. To be called before it is judged.
    pub fn freeze(&self, set: &ChallengeSet) -> Result<(), ReleaseRefused> {
        self.check_unchanged(set)?;
        let mut frozen = self.recipes.frozen().map_err(ReleaseRefused::Sets)?;
        frozen.insert(set.name().to_owned(), set.sha256());
        let noted = self.recipes.dir().join(FROZEN_FILE);
        let json =
            serde_json::to_vec_pretty(&frozen).map_err(|error| disk(&noted)(error.into()))?;
        for path in self.recipes.notes(FROZEN_FILE) {
            self.replace(&path, &json).map_err(disk(&path))?;
        }
        Ok(())
    }

    /// Refuses a set whose name belonged to another one.
    fn check_unchanged(&self, set: &ChallengeSet) -> Result<(), ReleaseRefused> {
        let known = self.hashes_of(set.name())?;
        match known.iter().all(|sha256| *sha256 == set.sha256()) {
            true => Ok(()),
            false => Err(ReleaseRefused::SetChanged {
                name: set.name().to_owned(),
            }),
        }
    }

    /// What sets of a name were used. Those of releases count too: they may have come from another station.
    fn hashes_of(&self, name: &str) -> Result<Vec<Sha256>, ReleaseRefused> {
        let noted = self.recipes.frozen().map_err(ReleaseRefused::Sets)?;
        let releases = self.recipes.list().map_err(disk(self.recipes.dir()))?;
        let of_releases = releases.into_iter().filter_map(|listed| {
            // Also of one that is damaged by now, where its proof can be read.
            let release = listed.release.ok();
            let release = release.or_else(|| self.released(&listed.name, listed.version))?;
            (release.challenge.name == name).then_some(release.challenge.sha256)
        });
        Ok(noted
            .get(name)
            .copied()
            .into_iter()
            .chain(of_releases)
            .collect())
    }

    fn released(&self, name: &str, version: u32) -> Option<Release> {
        let path = self.recipes.folder(name, version).join(RELEASE_FILE);
        serde_json::from_slice(&fs::read(path).ok()?).ok()
    }

    /// Releases a recipe that was judged; returns its folder.
    pub fn publish(
        &self,
        source: &RecipeSource,
        release: &Release,
    ) -> Result<PathBuf, ReleaseRefused> {
        let blocks = release.challenge.blocks();
        if !blocks.is_empty() {
            return Err(ReleaseRefused::Blocked(blocks));
        }
        let frozen = self.recipes.frozen().map_err(ReleaseRefused::Sets)?;
        if frozen.get(&release.challenge.name) != Some(&release.challenge.sha256) {
            return Err(ReleaseRefused::Blocked(vec![format!(
                "the challenge set {} was not frozen before it was judged",
                release.challenge.name
            )]));
        }
        if release.recipe != source.tag() || release.files != source.hashes() {
            return Err(ReleaseRefused::Blocked(vec![
                "another recipe was judged".to_owned(),
            ]));
        }
        let name = release.recipe.name();
        let folder = self.recipes.folder(&name, release.recipe.version);
        let json =
            serde_json::to_vec_pretty(release).map_err(|error| disk(&folder)(error.into()))?;
        let aside = self.recipes.dir().join(format!(".{name}.part"));
        let newest = Newest {
            version: release.recipe.version,
            release_sha256: Sha256::of(&json),
        };
        let before = self
            .note(&name, Some(newest))
            .map_err(disk(&self.recipes.dir().join(NEWEST_FILE)))?;
        self.put(source, &json, &aside, &folder).map_err(|error| {
            // What is left aside is of no use; that it may stay is no second failure.
            let _ = fs::remove_dir_all(&aside);
            if !folder.exists()
                && let Err(error) = self.note(&name, before)
            {
                tracing::error!(%error, name, "the release before is not noted again: its parts wait");
            }
            disk(&folder)(error)
        })?;
        Ok(folder)
    }

    fn put(
        &self,
        source: &RecipeSource,
        json: &[u8],
        aside: &Path,
        folder: &Path,
    ) -> io::Result<()> {
        // Of a release that was ended in the middle.
        match fs::remove_dir_all(aside) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        private_dir(aside)?;
        for (name, bytes) in source.files().into_iter().chain([(RELEASE_FILE, json)]) {
            write_synced(&aside.join(name), bytes, 0o444)?;
        }
        sync_dir(aside)?;
        let above = folder.parent().unwrap_or(self.recipes.dir());
        private_dir(above)?;
        sync_dir(self.recipes.dir())?;
        // Onto a folder that holds anything no system renames.
        fs::rename(aside, folder)?;
        sync_dir(above)
    }

    /// Notes the newest of a name, so that it is missed where it goes; returns the one before. A note that cannot be
    /// read is made anew, of what lies there unchanged.
    fn note(&self, name: &str, newest: Option<Newest>) -> io::Result<Option<Newest>> {
        let mut noted = self.recipes.newest_noted().unwrap_or_else(|reason| {
            tracing::warn!(reason, "{NEWEST_FILE} is made anew");
            self.newest_there()
        });
        let before = match newest {
            Some(newest) => noted.insert(name.to_owned(), newest),
            None => noted.remove(name),
        };
        let json = serde_json::to_vec_pretty(&noted)?;
        for path in self.recipes.notes(NEWEST_FILE) {
            self.replace(&path, &json)?;
        }
        Ok(before)
    }

    /// Puts a file in the place of the one before, whole or not at all.
    fn replace(&self, path: &Path, json: &[u8]) -> io::Result<()> {
        let aside = self.recipes.dir().join(ASIDE_FILE);
        let _ = fs::remove_file(&aside);
        write_synced(&aside, json, 0o644)?;
        fs::rename(&aside, path)?;
        sync_dir(path.parent().unwrap_or(self.recipes.dir()))
    }

    fn newest_there(&self) -> BTreeMap<String, Newest> {
        let mut newest = BTreeMap::new();
        let listed = self.recipes.list().unwrap_or_default();
        // One that was changed is not taken for what it was.
        for listed in listed.into_iter().filter(|listed| listed.release.is_ok()) {
            let path = self
                .recipes
                .folder(&listed.name, listed.version)
                .join(RELEASE_FILE);
            if let Ok(json) = fs::read(path) {
                let release_sha256 = Sha256::of(&json);
                let version = listed.version;
                newest.insert(
                    listed.name,
                    Newest {
                        version,
                        release_sha256,
                    },
                );
            }
        }
        newest
    }
}

/// Makes the folder and those above it that are missing, for the station's user alone.
fn private_dir(dir: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt;
        builder.mode(0o700);
    }
    builder.create(dir)
}

fn write_synced(
    path: &Path,
    bytes: &[u8],
    #[cfg_attr(not(unix), allow(unused))] mode: u32,
) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(mode);
    }
    let mut file = options.open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(unix)]
fn sync_dir(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Nowhere else can a folder be opened to be synced.
#[cfg(not(unix))]
fn sync_dir(_: &Path) -> io::Result<()> {
    Ok(())
}
