//! Takes an archive apart, trusting nothing in it.

use crate::{
    archive::{FORM, Hashing, Kind, MANIFEST, Manifest},
    backup::sync_name,
    layout::{DATABASE, create_private_dir_all, private_file},
    restore::{RestoreError, failed},
};
use std::{
    collections::{BTreeSet, HashMap, HashSet},
    fs::File,
    io::{self, BufReader, Read},
    path::Path,
};
use wiko_core::image::Sha256;

/// What was found in an archive: each member's hash.
pub(crate) type Found = HashMap<String, Sha256>;

/// Writes every member of the archive below `into`, durably, and compares all with the manifest.
pub(crate) fn unpack(file: &Path, into: &Path) -> Result<(Manifest, Found), RestoreError> {
    let damaged = |reason: String| RestoreError::Damaged {
        file: file.to_owned(),
        reason,
    };
    let foreign = |reason: String| RestoreError::Foreign {
        file: file.to_owned(),
        reason,
    };
    let opened = File::open(file).map_err(failed(format!("opening {}", file.display())))?;
    let mut archive = tar::Archive::new(BufReader::with_capacity(1 << 20, opened));
    let entries = archive
        .entries()
        .map_err(|error| foreign(error.to_string()))?;
    let mut found = Found::new();
    let mut sizes: HashMap<String, u64> = HashMap::new();
    let mut manifest: Option<Manifest> = None;
    let mut folders = BTreeSet::from([into.to_owned()]);
    for (at, entry) in entries.enumerate() {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) if at == 0 => return Err(foreign(error.to_string())),
            Err(error) => return Err(damaged(error.to_string())),
        };
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let kind = Kind::of(&name).filter(|_| entry.header().entry_type().is_file());
        let kind =
            kind.ok_or_else(|| foreign(format!("it holds {name:?}, which no backup has")))?;
        if (at == 0) != (kind == Kind::Mark) {
            return Err(foreign("it does not begin as one".to_owned()));
        }
        if manifest.is_some() {
            return Err(damaged(format!("{name} comes after its manifest")));
        }
        let mut content = Hashing::new(entry);
        match kind {
            Kind::Mark => {
                let mut form = String::new();
                (&mut content)
                    .take(16)
                    .read_to_string(&mut form)
                    .map_err(|error| damaged(error.to_string()))?;
                match form.trim().parse::<u32>() {
                    Ok(FORM) => {}
                    Ok(newer) if newer > FORM => {
                        return Err(RestoreError::Newer {
                            file: file.to_owned(),
                        });
                    }
                    _ => return Err(damaged("its first member cannot be read".to_owned())),
                }
            }
            Kind::Manifest => {
                let read = serde_json::from_reader(&mut content);
                manifest = Some(read.map_err(|error| damaged(format!("its manifest: {error}")))?);
                continue;
            }
            _ => {
                let path = into.join(&name);
                write(&path, &mut content, &damaged)?;
                // Up to the one that everything lies in.
                let above = path.ancestors().skip(1);
                let within = above.take_while(|folder| folder.starts_with(into));
                folders.extend(within.map(Path::to_owned));
            }
        }
        let (bytes, sha256) = content.finish();
        sizes.insert(name.clone(), bytes);
        if found.insert(name.clone(), sha256).is_some() {
            return Err(damaged(format!("it holds {name} twice")));
        }
    }
    let manifest =
        manifest.ok_or_else(|| damaged("it is cut off: its manifest is missing".to_owned()))?;
    let mut listed = HashSet::new();
    for member in &manifest.members {
        if found.get(&member.path) != Some(&member.sha256)
            || sizes.get(&member.path) != Some(&member.bytes)
        {
            return Err(damaged(format!("{} is not as it was put in", member.path)));
        }
        listed.insert(&member.path);
    }
    if let Some(name) = found.keys().find(|name| !listed.contains(name)) {
        return Err(damaged(format!(
            "{name} is not in its manifest ({MANIFEST})"
        )));
    }
    if !found.contains_key(DATABASE) {
        return Err(damaged("its records are missing".to_owned()));
    }
    let spool = into.join("spool");
    if spool.is_dir() {
        folders.insert(spool);
    }
    for folder in folders {
        sync_name(&folder).map_err(failed(format!("writing {}", folder.display())))?;
    }
    Ok((manifest, found))
}

/// Writes a file that is not there yet, durably.
fn write(
    path: &Path,
    content: &mut impl Read,
    damaged: &impl Fn(String) -> RestoreError,
) -> Result<(), RestoreError> {
    let doing = || failed(format!("writing {}", path.display()));
    if let Some(folder) = path.parent() {
        create_private_dir_all(folder).map_err(doing())?;
    }
    let mut file = match private_file().write(true).create_new(true).open(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            return Err(damaged("it holds the same name twice".to_owned()));
        }
        opened => opened.map_err(doing())?,
    };
    let mut buffer = vec![0; 1 << 16];
    loop {
        // What cannot be read is the archive's fault, what cannot be written the disk's.
        let read = match content.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(damaged(error.to_string())),
        };
        let bytes = buffer.get(..read).unwrap_or_default();
        io::Write::write_all(&mut file, bytes).map_err(doing())?;
    }
    file.sync_all().map_err(doing())
}
