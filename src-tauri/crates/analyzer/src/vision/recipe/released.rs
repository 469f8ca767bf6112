//! The released recipes of a station: `recipes/<name>/v<version>/` with the recipe, its pictures and `release.json`.
//!
//! Invariants:
//! - A release is used only while each of its files has the hash that was released. Its hashes stand in
//!   `release.json`, and that one's hash and version in `newest.json`, so that a release that is gone is missed. The
//!   same note lies beside the folder, so that the folder itself is missed too.
//! - The newest release of a name holds; an older one never takes its place.
//! - What changes is seen with the next part: the listing of the folder is looked at for each.

use super::{
    FolderRefused, RECIPE_FILE, RecipeSource,
    challenge::ChallengeResult,
    folder::{self, read_inside},
};
use std::{
    collections::BTreeMap,
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
    time::SystemTime,
};
use wiko_core::{
    analysis::{Provider, RecipeTag},
    image::Sha256,
    ports::Language,
    sku::ProductSku,
    stage::Stage,
};

/// Name of what proves a release, beside its recipe.
pub(super) const RELEASE_FILE: &str = "release.json";

/// Name of the list of the newest release of each name.
pub(super) const NEWEST_FILE: &str = "newest.json";

/// Name of the list of the challenge sets that were used, by name and hash.
pub(super) const FROZEN_FILE: &str = "challenge-sets.json";

/// No list of judged pictures comes near it.
const MOST_JSON_BYTES: u64 = 16 << 20;

/// What proves a release: which files, judged how, by whom.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Release {
    /// The recipe.
    pub recipe: RecipeTag,
    /// The hash of each file.
    pub files: BTreeMap<String, Sha256>,
    /// When, ISO 8601.
    pub released_at: String,
    /// By whom, as they said.
    pub released_by: String,
    /// Version of the station.
    pub station_version: String,
    /// Whose model judged the challenge set.
    pub provider: Provider,
    /// Which one, as the provider names it.
    pub model: String,
    /// In which language it was asked.
    pub language: Language,
    /// Millimetres that a pixel of its pictures stands for, where the station's camera is calibrated.
    #[serde(default)]
    pub mm_per_px: Option<f64>,
    /// Hash of what it was asked with.
    pub prompt_sha256: Sha256,
    /// The set and how each of its pictures was judged.
    pub challenge: ChallengeResult,
}

/// A release is not as it was released.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the released recipe {name} v{version} cannot be used, and no other takes its place: {}: {reason}. Put that file \
     back from a backup, or release a new version; then: wiko-station queue retry --all",
    path.display()
)]
pub struct ReleaseBroken {
    /// Of which recipe.
    pub name: String,
    /// Which version.
    pub version: u32,
    /// Which file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub reason: String,
}

/// The newest release of a name, by what was noted of it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct Newest {
    pub(super) version: u32,
    pub(super) release_sha256: Sha256,
}

/// The newest release of a name, with what tells it from one that was changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::vision) struct Held {
    pub(in crate::vision) name: String,
    pub(in crate::vision) version: u32,
    noted: Option<Newest>,
    files: Vec<(String, Option<SystemTime>, u64)>,
}

/// One release in a list.
#[derive(Debug)]
pub struct Listed {
    /// Of which recipe.
    pub name: String,
    /// Which version.
    pub version: u32,
    /// What it is, or what is wrong with it.
    pub release: Result<Release, ReleaseBroken>,
}

/// The released recipes in a folder, which need not exist yet.
#[derive(Debug, Clone)]
pub struct ReleasedRecipes {
    dir: PathBuf,
}

impl ReleasedRecipes {
    /// Those in `dir`.
    pub fn open(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into() }
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(super) fn folder(&self, name: &str, version: u32) -> PathBuf {
        self.dir.join(name).join(format!("v{version}"))
    }

    /// What holds for a product at a stage: its newest release, or that of the stage alone, which holds where no
    /// product is named; none where neither was ever released.
    pub(in crate::vision) fn holding(
        &self,
        sku: Option<&ProductSku>,
        stage: Stage,
    ) -> Result<Option<Held>, ReleaseBroken> {
        let of_product = sku.map(|sku| self.held(&format!("{sku}.{stage}")));
        match of_product.transpose()?.flatten() {
            Some(held) => Ok(Some(held)),
            None => self.held(stage.code()),
        }
    }

    /// The newest release of a name.
    fn held(&self, name: &str) -> Result<Option<Held>, ReleaseBroken> {
        let broken = |path: PathBuf, version, reason: String| ReleaseBroken {
            name: name.to_owned(),
            version,
            path,
            reason,
        };
        let noted = self
            .newest_noted()
            .map_err(|reason| broken(self.dir.join(NEWEST_FILE), 0, reason))?
            .remove(name);
        let there = self
            .versions(name)
            .map_err(|error| broken(self.dir.join(name), 0, error.to_string()))?;
        let newest_there = there.last().copied();
        let newest_noted = noted.as_ref().map(|noted| noted.version);
        let Some(version) = newest_there.max(newest_noted) else {
            return Ok(None);
        };
        let folder = self.folder(name, version);
        let files = listing(&folder).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => broken(folder.clone(), version, "it is missing".to_owned()),
            _ => broken(folder.clone(), version, error.to_string()),
        })?;
        Ok(Some(Held {
            name: name.to_owned(),
            version,
            noted: noted.filter(|noted| noted.version == version),
            files,
        }))
    }

    /// Reads a release whole and holds each file against its hash. Decodes pictures: not for an async thread.
    pub(in crate::vision) fn load(
        &self,
        held: &Held,
    ) -> Result<(Release, RecipeSource), ReleaseBroken> {
        let broken = |path: PathBuf, reason: String| ReleaseBroken {
            name: held.name.clone(),
            version: held.version,
            path,
            reason,
        };
        let folder = self.folder(&held.name, held.version);
        let path = folder.join(RELEASE_FILE);
        let json = read(&folder, RELEASE_FILE, MOST_JSON_BYTES)
            .map_err(|reason| broken(path.clone(), reason))?;
        let as_noted = |noted: &Newest| noted.release_sha256 == Sha256::of(&json);
        if !held.noted.as_ref().is_none_or(as_noted) {
            return Err(broken(path, CHANGED.to_owned()));
        }
        let release: Release = serde_json::from_slice(&json)
            .map_err(|error| broken(path.clone(), error.to_string()))?;
        let checked = |name: &str, most_bytes: u64| {
            let bytes = read(&folder, name, most_bytes)?;
            match release.files.get(name) {
                Some(sha256) if *sha256 == Sha256::of(&bytes) => Ok(bytes),
                _ => Err(CHANGED.to_owned()),
            }
        };
        let source = RecipeSource::of_files(&folder, RECIPE_FILE, |name, most_bytes| {
            checked(name, most_bytes).map_err(|reason| folder::refused(&folder.join(name), reason))
        })
        .map_err(|refused| match refused {
            FolderRefused::File { path, reason } => broken(path, reason),
            FolderRefused::Recipe { path, error } => broken(path, error.to_string()),
        })?;
        let named = release.recipe.name() == held.name && release.recipe.version == held.version;
        if !named || source.tag() != release.recipe {
            return Err(broken(path, "it speaks of another recipe".to_owned()));
        }
        Ok((release, source))
    }

    /// Every release, each checked, by name and version.
    pub fn list(&self) -> io::Result<Vec<Listed>> {
        let mut listed = Vec::new();
        for name in self.names()? {
            for version in self.versions(&name)? {
                listed.push(self.listed(&name, version));
            }
            // One that is noted and gone is listed as what it is.
            if let Err(broken) = self.held(&name)
                && !listed
                    .iter()
                    .any(|one| one.name == name && one.version == broken.version)
            {
                listed.push(Listed {
                    name: name.clone(),
                    version: broken.version,
                    release: Err(broken),
                });
            }
        }
        Ok(listed)
    }

    fn listed(&self, name: &str, version: u32) -> Listed {
        let noted = self
            .newest_noted()
            .ok()
            .and_then(|mut noted| noted.remove(name));
        let held = Held {
            name: name.to_owned(),
            version,
            noted: noted.filter(|noted| noted.version == version),
            files: vec![],
        };
        Listed {
            name: name.to_owned(),
            version,
            release: self.load(&held).map(|(release, _)| release),
        }
    }

    /// Every name that has, or had, a release.
    fn names(&self) -> io::Result<Vec<String>> {
        let mut names: Vec<String> = match fs::read_dir(&self.dir) {
            Ok(entries) => entries
                .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
                .filter(|name| is_name(name))
                .collect(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => vec![],
            Err(error) => return Err(error),
        };
        let noted = self.newest_noted().unwrap_or_default();
        names.extend(noted.into_keys().filter(|name| is_name(name)));
        names.sort();
        names.dedup();
        Ok(names)
    }

    /// Every file of every release and the notes of them, by its name in this folder, for a backup.
    pub fn files_to_keep(&self) -> io::Result<Vec<(String, Vec<u8>)>> {
        let mut files = Vec::new();
        // First: a release that ends meanwhile is there and not missed, rather than the other way round.
        for name in [NEWEST_FILE, FROZEN_FILE] {
            match fs::read(self.dir.join(name)) {
                Ok(json) => files.push((name.to_owned(), json)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        for name in self.names()? {
            for version in self.versions(&name)? {
                let folder = self.folder(&name, version);
                for (file, ..) in listing(&folder)? {
                    let path = folder.join(&file);
                    // Nothing else was released.
                    if file.starts_with('.') || !path.is_file() {
                        continue;
                    }
                    let bytes = fs::read(path)?;
                    files.push((format!("{name}/v{version}/{file}"), bytes));
                }
            }
        }
        Ok(files)
    }

    /// The versions of a name that lie there, in their order.
    pub(super) fn versions(&self, name: &str) -> io::Result<Vec<u32>> {
        let entries = match fs::read_dir(self.dir.join(name)) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(vec![]),
            Err(error) => return Err(error),
        };
        let mut versions = Vec::new();
        for entry in entries {
            let name = entry?.file_name();
            let number = name.to_str().and_then(|name| name.strip_prefix('v'));
            let version = number.and_then(|number| number.parse::<u32>().ok());
            // `v02` is none of ours.
            versions.extend(version.filter(|version| number == Some(&version.to_string())));
        }
        versions.sort_unstable();
        Ok(versions)
    }

    /// Where a note lies: within the folder, for a backup, and beside it, so that the folder itself is missed too.
    pub(super) fn notes(&self, file: &str) -> [PathBuf; 2] {
        [self.dir.join(file), self.dir.with_extension(file)]
    }

    /// What was noted as the newest of each name; where one of the notes is older, the newer.
    pub(super) fn newest_noted(&self) -> Result<BTreeMap<String, Newest>, String> {
        let mut newest = BTreeMap::<String, Newest>::new();
        for path in self.notes(NEWEST_FILE) {
            for (name, noted) in read_note::<Newest>(&path)? {
                match newest.get(&name) {
                    Some(other) if other.version > noted.version => {}
                    Some(other) if other.version == noted.version && *other != noted => {
                        return Err(says_otherwise(&path, &name));
                    }
                    _ => {
                        newest.insert(name, noted);
                    }
                }
            }
        }
        Ok(newest)
    }

    /// The challenge sets that were used, by name, whether they released anything or not.
    pub(super) fn frozen(&self) -> Result<BTreeMap<String, Sha256>, String> {
        let mut frozen = BTreeMap::new();
        for path in self.notes(FROZEN_FILE) {
            for (name, sha256) in read_note::<Sha256>(&path)? {
                if frozen
                    .insert(name.clone(), sha256)
                    .is_some_and(|other| other != sha256)
                {
                    return Err(says_otherwise(&path, &name));
                }
            }
        }
        Ok(frozen)
    }
}

fn says_otherwise(path: &Path, name: &str) -> String {
    format!("{} says otherwise of {name}", path.display())
}

fn read_note<T: serde::de::DeserializeOwned>(path: &Path) -> Result<BTreeMap<String, T>, String> {
    let mut json = Vec::new();
    let read =
        fs::File::open(path).and_then(|file| file.take(MOST_JSON_BYTES).read_to_end(&mut json));
    match read {
        Ok(_) => serde_json::from_slice(&json)
            .map_err(|error| format!("{} cannot be read: {error}", path.display())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(BTreeMap::new()),
        Err(error) => Err(format!("{}: {error}", path.display())),
    }
}

const CHANGED: &str = "it was changed since it was released";

fn read(folder: &Path, name: &str, most_bytes: u64) -> Result<Vec<u8>, String> {
    read_inside(folder, name, most_bytes).map_err(|refused| match refused {
        FolderRefused::File { reason, .. } => reason,
        other @ FolderRefused::Recipe { .. } => other.to_string(),
    })
}

/// The name of a recipe: a stage, or a product and a stage.
fn is_name(name: &str) -> bool {
    match name.split_once('.') {
        Some((sku, stage)) => ProductSku::new(sku).is_ok() && stage.parse::<Stage>().is_ok(),
        None => name.parse::<Stage>().is_ok(),
    }
}

/// What lies in a folder, when each file was written and how long it is: tells whether to read it anew.
fn listing(folder: &Path) -> io::Result<Vec<(String, Option<SystemTime>, u64)>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        let name = entry.file_name().to_string_lossy().into_owned();
        files.push((name, metadata.modified().ok(), metadata.len()));
    }
    files.sort();
    Ok(files)
}
