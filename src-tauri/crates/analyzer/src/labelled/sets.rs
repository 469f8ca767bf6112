//! Labelled sets: `dev/images.csv` and `dev/annotations.csv`.
//!
//! What a set offers as good decides how the screen learns it: a reference beside each picture, or
//! `reference_good` pictures of each group. A set with neither cannot be learnt, and says why.

use super::{LabelledPart, LabelledSet, LabelsError, Standard, name_of, rows, unreadable};
use serde::Deserialize;
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fs,
    path::{Path, PathBuf},
};
use wiko_core::geometry::BoxPx;

/// The table of the pictures, in a set's folder.
pub(super) const IMAGES: &str = "dev/images.csv";

#[derive(Debug, Deserialize)]
struct ImageRow {
    image: String,
    role: String,
    group: String,
    reference: String,
}

impl ImageRow {
    /// What the picture shows, where it is to be judged.
    fn standard(&self) -> Option<Standard> {
        match self.role.as_str() {
            "test_good" | "good" => Some(Standard::Pass),
            role if role.starts_with("test_") => Some(Standard::Fail),
            _ => None,
        }
    }
}

#[derive(Debug, Deserialize)]
struct AnnotationRow {
    image: String,
    x: u32,
    y: u32,
    w: u32,
    h: u32,
    #[serde(default)]
    class: String,
}

/// The sets in a folder, in the order of their names.
pub fn set_dirs(data_dir: &Path) -> Result<Vec<PathBuf>, LabelsError> {
    let entries = fs::read_dir(data_dir).map_err(|error| unreadable(data_dir, error))?;
    let mut dirs: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|dir| dir.join(IMAGES).is_file())
        .collect();
    dirs.sort();
    Ok(dirs)
}

/// Reads one set: the folder that holds `dev/`.
pub fn read_set(set_dir: &Path) -> Result<LabelledSet, LabelsError> {
    let dir = set_dir.join("dev");
    let images: Vec<ImageRow> = rows(&set_dir.join(IMAGES))?;
    let annotations: Vec<AnnotationRow> = rows(&dir.join("annotations.csv"))?;
    let mut truth: HashMap<String, (Vec<BoxPx>, Vec<String>)> = HashMap::new();
    for row in annotations {
        let (boxes, types) = truth.entry(row.image).or_default();
        boxes.push(BoxPx {
            x: row.x,
            y: row.y,
            width: row.w,
            height: row.h,
        });
        if !row.class.is_empty() && !types.contains(&row.class) {
            types.push(row.class);
        }
    }
    let mut lessons = Lessons::of(&dir, &images);
    let mut parts = Vec::new();
    for row in &images {
        let Some(standard) = row.standard() else {
            continue;
        };
        let (boxes, defect_types) = truth.get(&row.image).cloned().unwrap_or_default();
        parts.push(LabelledPart {
            boxes_known: standard == Standard::Pass || !boxes.is_empty(),
            lesson: lessons.lesson_of(row),
            file: row.image.clone(),
            standard,
            boxes,
            defect_types,
        });
    }
    Ok(LabelledSet {
        name: name_of(set_dir),
        parts,
        left_out: HashSet::new(),
        lessons: lessons.pictures,
        method: lessons.method,
        dir: dir.clone(),
        refused: vec![],
        unlabelled: 0,
    })
}

/// What the screen learns from, and which part is judged after which of it.
struct Lessons<'a> {
    dir: &'a Path,
    by_reference: bool,
    /// Lessons by reference or group.
    known: BTreeMap<&'a str, usize>,
    pictures: Vec<Vec<PathBuf>>,
    method: String,
}

impl<'a> Lessons<'a> {
    fn of(dir: &'a Path, images: &'a [ImageRow]) -> Self {
        let tests = || images.iter().filter(|row| row.role.starts_with("test_"));
        let has = |role: &str| images.iter().any(|row| row.role == role);
        let by_reference = tests().any(|row| !row.reference.is_empty());
        let method = if by_reference {
            "the one reference of each picture"
        } else if has("reference_good") {
            "the `reference_good` pictures of each group"
        } else if has("good") {
            "its good pictures show other parts of other sizes, so that none is a reference for another"
        } else {
            "it has no good pictures to learn from"
        };
        let mut lessons = Self {
            dir,
            by_reference,
            known: BTreeMap::new(),
            pictures: vec![],
            method: method.to_owned(),
        };
        let learnt: Vec<&ImageRow> = if by_reference {
            tests().filter(|row| !row.reference.is_empty()).collect()
        } else {
            let good = |row: &&ImageRow| row.role == "reference_good";
            images.iter().filter(good).collect()
        };
        for row in learnt {
            lessons.add(row);
        }
        lessons
    }

    fn add(&mut self, row: &'a ImageRow) {
        if self.by_reference {
            if !self.known.contains_key(row.reference.as_str()) {
                self.known.insert(&row.reference, self.pictures.len());
                self.pictures.push(vec![self.dir.join(&row.reference)]);
            }
            return;
        }
        let at = *self.known.entry(&row.group).or_insert(self.pictures.len());
        if at == self.pictures.len() {
            self.pictures.push(vec![]);
        }
        self.pictures[at].push(self.dir.join(&row.image));
    }

    fn lesson_of(&mut self, row: &ImageRow) -> Option<usize> {
        let key = if self.by_reference {
            &row.reference
        } else {
            &row.group
        };
        self.known.get(key.as_str()).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A set whose pictures nobody opens.
    fn set(images: &str, annotations: &str) -> LabelledSet {
        let dir = tempfile::tempdir().unwrap();
        let dev = dir.path().join("dev");
        fs::create_dir(&dev).unwrap();
        let head = "image,role,group,width,height,n_boxes,reference,mask\n";
        fs::write(dev.join("images.csv"), format!("{head}{images}")).unwrap();
        let head = "image,x,y,w,h,class\n";
        fs::write(dev.join("annotations.csv"), format!("{head}{annotations}")).unwrap();
        LabelledSet::open(dir.path()).unwrap()
    }

    #[test]
    fn a_set_with_good_pictures_of_each_group_has_a_lesson_for_each() {
        let set = set(
            "g1.png,reference_good,a,9,9,0,,\n\
             g2.png,reference_good,b,9,9,0,,\n\
             g3.png,reference_good,a,9,9,0,,\n\
             t1.png,test_good,b,9,9,0,,\n\
             t2.png,test_defect,a,9,9,2,,\n\
             u1.png,uncertain,a,9,9,0,,\n",
            "t2.png,1,2,3,4,pit\nt2.png,5,5,2,2,pit\n",
        );
        assert_eq!(set.lessons.len(), 2);
        assert_eq!(
            set.lessons[0],
            [set.dir.join("g1.png"), set.dir.join("g3.png")]
        );
        let [good, bad] = &set.parts[..] else {
            panic!("{:?}", set.parts)
        };
        assert_eq!((good.standard, good.lesson), (Standard::Pass, Some(1)));
        assert_eq!((bad.standard, bad.lesson), (Standard::Fail, Some(0)));
        assert_eq!(bad.boxes.len(), 2);
        assert_eq!(bad.defect_types, ["pit"]);
    }

    #[test]
    fn a_set_with_references_has_a_lesson_for_each_of_them() {
        let set = set(
            "t1.png,test_defect,a,9,9,1,r1.png,\nt2.png,test_defect,a,9,9,0,r2.png,\n",
            "t1.png,1,2,3,4,open\n",
        );
        assert_eq!(
            set.lessons,
            [[set.dir.join("r1.png")], [set.dir.join("r2.png")]]
        );
        assert_eq!(set.parts[1].lesson, Some(1));
        assert!(set.parts[0].boxes_known && !set.parts[1].boxes_known);
    }

    #[test]
    fn parts_that_are_kept_are_spread_over_the_set() {
        let rows: String = (0..10)
            .map(|n| format!("t{n}.png,test_good,a,9,9,0,,\n"))
            .collect();
        let mut set = set(&rows, "");
        set.keep_at_most(99);
        assert_eq!(set.parts.len(), 10);
        set.keep_at_most(4);
        let files: Vec<_> = set.parts.iter().map(|part| part.file.as_str()).collect();
        assert_eq!(files, ["t0.png", "t2.png", "t5.png", "t7.png"]);
        assert_eq!(set.method, "it has no good pictures to learn from");
    }
}
