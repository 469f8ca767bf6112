//! A plain folder: pictures, and `labels.csv` beside them.
//!
//! Columns, named in the first line: `file`, `verdict` (`pass` or `fail`), and where somebody drew them `type`, `x`,
//! `y`, `width`, `height`. A part with several defects has a line for each.

use super::{LabelledPart, LabelledSet, LabelsError, RefusedLabel, Standard, name_of, unreadable};
use serde::Deserialize;
use std::{
    collections::{BTreeMap, HashSet},
    fs,
    path::{Component, Path},
};
use wiko_core::geometry::BoxPx;

/// The table's name.
pub const LABELS_FILE: &str = "labels.csv";

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct LabelRow {
    file: String,
    verdict: String,
    #[serde(rename = "type")]
    defect_type: String,
    x: Option<u32>,
    y: Option<u32>,
    width: Option<u32>,
    height: Option<u32>,
}

impl LabelRow {
    /// What the line says of its part.
    fn read(&self) -> Result<LabelledPart, String> {
        let file = relative(&self.file)?;
        let standard = match self.verdict.to_ascii_lowercase().as_str() {
            "pass" => Standard::Pass,
            "fail" => Standard::Fail,
            other => return Err(format!("its verdict is \"{other}\": write pass or fail")),
        };
        let boxes = match (self.x, self.y, self.width, self.height) {
            (Some(x), Some(y), Some(width), Some(height)) => vec![BoxPx {
                x,
                y,
                width,
                height,
            }],
            (None, None, None, None) => vec![],
            _ => {
                let reason =
                    "its box is not complete: write x, y, width and height, or none of them";
                return Err(reason.to_owned());
            }
        };
        if standard == Standard::Pass && !(boxes.is_empty() && self.defect_type.is_empty()) {
            let reason =
                "it is labelled pass and has a defect: write fail, or leave out the defect";
            return Err(reason.to_owned());
        }
        let types = [&self.defect_type]
            .into_iter()
            .filter(|name| !name.is_empty());
        Ok(LabelledPart {
            file,
            standard,
            boxes_known: standard == Standard::Pass || !boxes.is_empty(),
            boxes,
            defect_types: types.cloned().collect(),
            lesson: None,
        })
    }
}

/// The file with `/`, where it names one in the folder.
pub(crate) fn relative(given: &str) -> Result<String, String> {
    let file = given.replace('\\', "/");
    if file.is_empty() {
        return Err("no file is named: write the picture's name under file".to_owned());
    }
    let inside = |part: Component<'_>| matches!(part, Component::Normal(_));
    if !Path::new(&file).components().all(inside) {
        return Err("the picture must lie in the folder of the labels".to_owned());
    }
    Ok(file)
}

/// Reads a folder with its `labels.csv`.
pub(super) fn read_plain(dir: &Path) -> Result<LabelledSet, LabelsError> {
    let path = dir.join(LABELS_FILE);
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .flexible(true)
        .from_path(&path)
        .map_err(|error| unreadable(&path, error))?;
    let headers = reader.headers().cloned().map_err(|error| {
        let reason = format!("{error}: save the table as CSV in UTF-8");
        unreadable(&path, reason)
    })?;
    let column = |name: &str| {
        headers.iter().position(|given| given == name).ok_or_else(|| {
            let reason = format!(
                "it has no column {name}: its first line must name file and verdict, separated by commas"
            );
            unreadable(&path, reason)
        })
    };
    let (file_at, _) = (column("file")?, column("verdict")?);
    let mut parts: BTreeMap<String, LabelledPart> = BTreeMap::new();
    let mut refused = Vec::new();
    let mut torn = HashSet::new();
    for record in reader.into_records() {
        let mut record = record.map_err(|error| unreadable(&path, error))?;
        // A good part needs no commas for the box that it has not.
        while record.len() < headers.len() {
            record.push_field("");
        }
        let row = record.deserialize::<LabelRow>(Some(&headers));
        let read = row.map_err(|error| format!("its line cannot be read: {error}"));
        match read.and_then(|row| row.read()) {
            Ok(part) => {
                let file = part.file.clone();
                if !joined(&mut parts, part) {
                    torn.insert(file);
                }
            }
            Err(reason) => {
                let file = record.get(file_at).unwrap_or_default().replace('\\', "/");
                refused.push(RefusedLabel { file, reason });
            }
        }
    }
    for file in torn {
        parts.remove(&file);
        let reason = "it is labelled pass in one line and fail in another: keep one of them";
        let reason = reason.to_owned();
        refused.push(RefusedLabel { file, reason });
    }
    // One bad line may hide a defect: without it the part would be another than was labelled.
    let doubtful: HashSet<&str> = refused.iter().map(|label| label.file.as_str()).collect();
    parts.retain(|file, _| !doubtful.contains(file.as_str()));
    let labelled = |name: &String| parts.contains_key(name) || doubtful.contains(name.as_str());
    let unlabelled = pictures_in(dir).filter(|name| !labelled(name)).count();
    Ok(LabelledSet {
        name: name_of(dir),
        dir: dir.to_owned(),
        parts: parts.into_values().collect(),
        left_out: HashSet::new(),
        lessons: vec![],
        method: "what the station's screen has learnt of the product at the stage".to_owned(),
        refused,
        unlabelled,
    })
}

/// Adds a line to what other lines said of its part; false where they contradict each other.
fn joined(parts: &mut BTreeMap<String, LabelledPart>, line: LabelledPart) -> bool {
    let Some(part) = parts.get_mut(&line.file) else {
        parts.insert(line.file.clone(), line);
        return true;
    };
    let agrees = part.standard == line.standard;
    // One defect without a box, and where all of them are is not known.
    part.boxes_known &= line.boxes_known;
    part.boxes.extend(line.boxes);
    for name in line.defect_types {
        if !part.defect_types.contains(&name) {
            part.defect_types.push(name);
        }
    }
    agrees
}

/// Names of the pictures that lie in the folder itself.
fn pictures_in(dir: &Path) -> impl Iterator<Item = String> {
    let entries = fs::read_dir(dir).into_iter().flatten();
    entries.filter_map(|entry| {
        let name = entry.ok()?.file_name().to_string_lossy().into_owned();
        let ending = Path::new(&name)
            .extension()?
            .to_string_lossy()
            .to_lowercase();
        ["jpg", "jpeg", "png", "webp"]
            .contains(&ending.as_str())
            .then_some(name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(labels: &str) -> Result<LabelledSet, LabelsError> {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(LABELS_FILE), labels).unwrap();
        for picture in ["a.jpg", "left-over.png"] {
            fs::write(dir.path().join(picture), b"").unwrap();
        }
        LabelledSet::open(dir.path())
    }

    #[test]
    fn a_part_with_several_defects_has_a_line_for_each() {
        let set = read(
            "\u{feff}file,verdict,type,x,y,width,height\n\
             a.jpg, fail, scratch, 1,2,3,4\na.jpg,fail,rust,5,6,7,8\n\
             sub\\b.jpg,PASS\nc.jpg,fail,rust\n",
        )
        .unwrap();
        assert_eq!(set.refused, []);
        assert_eq!(set.unlabelled, 1);
        let [a, c, b] = &set.parts[..] else {
            panic!("{:?}", set.parts)
        };
        assert_eq!((a.boxes.len(), a.boxes_known), (2, true));
        assert_eq!(a.defect_types, ["scratch", "rust"]);
        assert_eq!((c.standard, c.boxes_known), (Standard::Fail, false));
        assert_eq!((b.file.as_str(), b.standard), ("sub/b.jpg", Standard::Pass));
    }

    #[test]
    fn a_line_that_cannot_be_used_is_refused_with_its_reason_and_the_others_are_read() {
        let set = read(
            "file,verdict,type,x,y,width,height\n\
             a.jpg,good\nb.jpg,fail,rust,1,2\nc.jpg,pass,rust\nd.jpg,fail\nd.jpg,pass\n\
             ../e.jpg,pass\n,pass\nf.jpg,fail,rust,-1,0,5,5\ng.jpg,pass\nh.jpg,fail,,1,1,2,2\nh.jpg,maybe\n",
        )
        .unwrap();
        let of = |file: &str| {
            let found = set.refused.iter().find(|label| label.file == file);
            found.map_or("", |label| label.reason.as_str())
        };
        assert!(
            of("a.jpg").contains("write pass or fail"),
            "{:?}",
            set.refused
        );
        assert!(of("b.jpg").contains("not complete"));
        assert!(of("c.jpg").contains("labelled pass"));
        assert!(of("d.jpg").contains("in one line"));
        assert!(of("../e.jpg").contains("in the folder"));
        assert!(of("").contains("no file"));
        assert!(of("f.jpg").contains("invalid digit"));
        assert_eq!(set.refused.len(), 8);
        let files: Vec<_> = set.parts.iter().map(|part| part.file.as_str()).collect();
        // A bad line on `h.jpg` might have named another defect of it.
        assert_eq!(files, ["g.jpg"]);
    }

    #[test]
    fn a_table_without_its_columns_and_a_folder_without_a_table_say_what_is_missing() {
        let error = read("picture;result\na.jpg;ok\n").unwrap_err();
        assert!(error.to_string().contains("no column file"), "{error}");
        let empty = tempfile::tempdir().unwrap();
        let error = LabelledSet::open(empty.path()).unwrap_err();
        assert!(error.to_string().contains("labels.csv"), "{error}");
        for name in ["one", "two"] {
            let dev = empty.path().join(name).join("dev");
            fs::create_dir_all(&dev).unwrap();
            fs::write(dev.join("images.csv"), "").unwrap();
        }
        let error = LabelledSet::open(empty.path()).unwrap_err();
        assert!(error.to_string().contains("(one, two)"), "{error}");
    }
}
