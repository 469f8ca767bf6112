//! The folder of learnt models: one file for each SKU and stage, loaded when first asked for.
//!
//! Invariants:
//! - A model's file is whole or not there: written aside, synced, renamed, the folder synced.
//! - A model learnt anew, also by another process, is used from the next picture on.

use super::{
    file::{self, FileFault},
    model::ScreenModel,
};
use std::{
    collections::VecDeque,
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};
use wiko_core::{sku::ProductSku, stage::Stage};

/// Models kept in memory; one of 1920×1080 takes about 15 MB.
const MOST_KEPT: usize = 6;
const ENDING: &str = "screen";

/// Why a model cannot be used or kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ModelFault {
    /// Damaged, or of another version.
    #[error("the screen's model {path} cannot be used: {fault}. Learn it again with: {command}", path = path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        fault: FileFault,
        /// What would teach it again.
        command: String,
    },
    /// The disk did not do it.
    #[error("the screen's model {path} cannot be read or written: {reason}", path = path.display())]
    Disk {
        /// The file.
        path: PathBuf,
        /// In words.
        reason: String,
    },
}

/// When a file was written and how long it is: tells a new one from the one that was loaded.
type Stamp = (Option<SystemTime>, u64);

/// The learnt models of a station.
pub struct ScreenModels {
    dir: PathBuf,
    kept: Mutex<VecDeque<Kept>>,
}

struct Kept {
    path: PathBuf,
    stamp: Stamp,
    model: Arc<ScreenModel>,
}

impl ScreenModels {
    /// The models in `dir`, which need not exist yet.
    pub fn open(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            kept: Mutex::default(),
        }
    }

    /// Where the model of that SKU and stage lies.
    pub fn path(&self, sku: &ProductSku, stage: Stage) -> PathBuf {
        self.dir.join(format!("{sku}.{stage}.{ENDING}"))
    }

    /// The model of that SKU and stage, where one was learnt.
    pub fn get(
        &self,
        sku: &ProductSku,
        stage: Stage,
    ) -> Result<Option<Arc<ScreenModel>>, ModelFault> {
        let path = self.path(sku, stage);
        let metadata = match fs::metadata(&path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(disk(&path, error)),
        };
        let stamp = (metadata.modified().ok(), metadata.len());
        if let Some(model) = self.recall(&path, stamp) {
            return Ok(Some(model));
        }
        let unreadable = |fault| ModelFault::Unreadable {
            path: path.clone(),
            fault,
            command: learn_command(sku, stage),
        };
        if metadata.len() > file::MOST_BYTES {
            let reason = "it is far too long".to_owned();
            return Err(unreadable(FileFault::Damaged { reason }));
        }
        let bytes = fs::read(&path).map_err(|error| disk(&path, error))?;
        let model = file::decode(&bytes).map_err(unreadable)?;
        if model.sku != *sku || model.stage != stage {
            let reason = format!("it is of {} at {}", model.sku, model.stage);
            return Err(unreadable(FileFault::Damaged { reason }));
        }
        let model = Arc::new(model);
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|kept| kept.path != path);
        kept.push_back(Kept {
            path,
            stamp,
            model: Arc::clone(&model),
        });
        if kept.len() > MOST_KEPT {
            kept.pop_front();
        }
        Ok(Some(model))
    }

    fn recall(&self, path: &Path, stamp: Stamp) -> Option<Arc<ScreenModel>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let at = kept
            .iter()
            .position(|kept| kept.path == path && kept.stamp == stamp)?;
        // The last one used goes last out.
        let found = kept.remove(at)?;
        let model = Arc::clone(&found.model);
        kept.push_back(found);
        Some(model)
    }

    /// Keeps a model in the place of any before it; returns its file.
    pub fn save(&self, model: &ScreenModel) -> Result<PathBuf, ModelFault> {
        let path = self.path(&model.sku, model.stage);
        let bytes = file::encode(model).map_err(|fault| disk(&path, fault))?;
        let aside = path.with_extension(format!("{ENDING}.{}.part", std::process::id()));
        let write = || -> std::io::Result<()> {
            create_private_dir_all(&self.dir)?;
            let mut file = File::create(&aside)?;
            file.write_all(&bytes)?;
            file.sync_all()?;
            fs::rename(&aside, &path)?;
            File::open(&self.dir)?.sync_all()
        };
        write().map_err(|error| {
            // What is left aside is of no use; that it may stay is no second failure.
            let _ = fs::remove_file(&aside);
            disk(&path, error)
        })?;
        Ok(path)
    }

    /// The SKUs and stages that were learnt, in order.
    pub fn learnt(&self) -> Result<Vec<(ProductSku, Stage)>, ModelFault> {
        let entries = match fs::read_dir(&self.dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(vec![]),
            Err(error) => return Err(disk(&self.dir, error)),
        };
        let mut learnt: Vec<_> = entries
            .filter_map(|entry| {
                let name = entry.ok()?.file_name().into_string().ok()?;
                let mut parts = name.split('.');
                let sku = ProductSku::new(parts.next()?).ok()?;
                let stage = parts.next()?.parse().ok()?;
                (parts.next() == Some(ENDING) && parts.next().is_none()).then_some((sku, stage))
            })
            .collect();
        learnt.sort();
        Ok(learnt)
    }
}

/// The command that teaches the screen a SKU at a stage.
pub fn learn_command(sku: &ProductSku, stage: Stage) -> String {
    format!("wiko-station screen learn --sku {sku} --stage {stage} IMAGES…")
}

/// Makes the folder and those above it that are missing, for the station's user alone.
fn create_private_dir_all(dir: &Path) -> std::io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt;
        builder.mode(0o700);
    }
    builder.create(dir)
}

fn disk(path: &Path, reason: impl ToString) -> ModelFault {
    ModelFault::Disk {
        path: path.to_owned(),
        reason: reason.to_string(),
    }
}
