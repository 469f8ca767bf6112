//! A recipe in its folder: `recipe.toml`, and the reference pictures beside it.
//!
//! Invariants:
//! - What is read is held in memory from then on: what is checked, judged with and released are the same bytes.
//! - Nothing outside the folder is read, by whatever way a name leads there.

use super::{Recipe, RecipeBroken};
use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read},
    path::{Component, Path, PathBuf},
};
use wiko_core::{
    analysis::RecipeTag,
    image::{EncodedImage, Sha256},
};

/// Name of the recipe in its folder.
pub const RECIPE_FILE: &str = "recipe.toml";

/// No recipe and no list of pictures comes near it.
const MOST_TOML_BYTES: u64 = 1 << 20;

/// A recipe with its reference pictures, as it was read.
#[derive(Debug, Clone)]
pub struct RecipeSource {
    /// The recipe.
    pub recipe: Recipe,
    /// Its text.
    pub toml: String,
    /// Its reference pictures, in its order.
    pub references: Vec<EncodedImage>,
}

/// A recipe, or a file of it, cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum FolderRefused {
    /// A file cannot be used.
    #[error("{}: {reason}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why, with what to do.
        reason: String,
    },
    /// The recipe itself cannot.
    #[error("{}: {error}", path.display())]
    Recipe {
        /// The recipe.
        path: PathBuf,
        /// Why.
        error: RecipeBroken,
    },
}

impl RecipeSource {
    /// Reads a recipe's folder, or the recipe itself with what lies beside it. Decodes the pictures: not for an
    /// async thread.
    pub fn read(given: &Path) -> Result<Self, FolderRefused> {
        let (folder, name) = match given.is_dir() {
            true => (given, RECIPE_FILE),
            false => (
                parent(given),
                given
                    .file_name()
                    .and_then(|name| name.to_str())
                    .unwrap_or_default(),
            ),
        };
        Self::of_files(folder, name, |name, most| read_inside(folder, name, most))
    }

    /// The same of files that were read before; their folder is named in errors alone.
    pub(super) fn of_files(
        folder: &Path,
        name: &str,
        mut read: impl FnMut(&str, u64) -> Result<Vec<u8>, FolderRefused>,
    ) -> Result<Self, FolderRefused> {
        let toml = text(&folder.join(name), read(name, MOST_TOML_BYTES)?)?;
        let recipe = Recipe::parse(&toml).map_err(|error| FolderRefused::Recipe {
            path: folder.join(name),
            error,
        })?;
        let mut references = Vec::new();
        for reference in &recipe.references {
            let bytes = read(&reference.file, wiko_imaging::MAX_BYTES)?;
            references.push(picture(&folder.join(&reference.file), bytes)?);
        }
        Ok(Self {
            recipe,
            toml,
            references,
        })
    }

    /// Hash of the recipe and of its pictures: of its text, and of each picture's hash behind it.
    pub fn sha256(&self) -> Sha256 {
        let mut hashed = self.toml.clone();
        for picture in &self.references {
            hashed.push_str(&format!("\0{}", picture.facts().sha256));
        }
        Sha256::of(hashed.as_bytes())
    }

    /// Its name in records.
    pub fn tag(&self) -> RecipeTag {
        RecipeTag {
            stage: self.recipe.stage,
            product_sku: self.recipe.product_sku.clone(),
            version: self.recipe.version,
            sha256: self.sha256(),
        }
    }

    /// The hash of each of its files.
    pub fn hashes(&self) -> BTreeMap<String, Sha256> {
        let files = self.files().into_iter();
        files
            .map(|(name, bytes)| (name.to_owned(), Sha256::of(bytes)))
            .collect()
    }

    /// Its files, each with its content.
    pub(super) fn files(&self) -> Vec<(&str, &[u8])> {
        let mut files = vec![(RECIPE_FILE, self.toml.as_bytes())];
        for (reference, picture) in self.recipe.references.iter().zip(&self.references) {
            files.push((&reference.file, picture.bytes()));
        }
        files
    }
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}

pub(super) fn refused(path: &Path, reason: impl ToString) -> FolderRefused {
    FolderRefused::File {
        path: path.to_owned(),
        reason: reason.to_string(),
    }
}

/// A file's bytes as text.
pub(super) fn text(path: &Path, bytes: Vec<u8>) -> Result<String, FolderRefused> {
    String::from_utf8(bytes).map_err(|_| refused(path, "is no UTF-8: save it as UTF-8"))
}

/// The text of a TOML file of a folder.
pub(super) fn toml_inside(folder: &Path, name: &str) -> Result<String, FolderRefused> {
    text(
        &folder.join(name),
        read_inside(folder, name, MOST_TOML_BYTES)?,
    )
}

/// A picture, checked whole.
pub(super) fn picture(path: &Path, bytes: Vec<u8>) -> Result<EncodedImage, FolderRefused> {
    wiko_imaging::inspect(bytes).map_err(|error| refused(path, error))
}

/// The bytes of a regular file in a folder, of bounded size. A device or a pipe may never end, and a link may lead to
/// what nobody meant to send.
pub(super) fn read_inside(
    folder: &Path,
    name: &str,
    most_bytes: u64,
) -> Result<Vec<u8>, FolderRefused> {
    let path = folder.join(name);
    let plain = Path::new(name)
        .components()
        .all(|part| matches!(part, Component::Normal(_)));
    if name.is_empty() || !plain {
        return Err(refused(&path, "must be the name of a file in the folder"));
    }
    let said = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => refused(&path, "there is no such file"),
        _ => refused(&path, error),
    };
    let real = path.canonicalize().map_err(said)?;
    if !real.starts_with(folder.canonicalize().map_err(said)?) {
        return Err(refused(
            &path,
            "is a link that leads out of the folder: put a copy of the file there",
        ));
    }
    if !real.metadata().map_err(said)?.is_file() {
        return Err(refused(&path, "is no regular file"));
    }
    let mut bytes = Vec::new();
    File::open(&real)
        .map_err(said)?
        .take(most_bytes + 1)
        .read_to_end(&mut bytes)
        .map_err(said)?;
    if bytes.len() as u64 > most_bytes {
        let mib = most_bytes >> 20;
        return Err(refused(
            &path,
            format!("is larger than {mib} MiB: make it smaller"),
        ));
    }
    Ok(bytes)
}
