//! What is measured of a camera's frames, and what they are held against.

use super::{Cameras, CamerasError, flat_field::FLAT_FIELD, shot::in_background};
use crate::set_up_file::write_whole;
use image::GrayImage;
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use wiko_camera::TriggerMode;
use wiko_core::{
    camera::{Frame, FrameFault, FramePicture, FrameQuality, QualityLimits},
    ports::CameraError,
};
use wiko_imaging::{FlatField, ImageRefused, Levels, QualityReference};

/// In the camera's folder.
const REFERENCE: &str = "reference.json";

/// Frames that the limits are learnt from.
const LEARNT_FROM: usize = 12;

/// How long a camera may take for the next frame.
const FRAME_WITHIN: Duration = Duration::from_secs(3);

/// And a person to let a part pass.
const PART_WITHIN: Duration = Duration::from_secs(15);

/// What the frames of one camera are held against. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Measures {
    reference: Option<QualityReference>,
    flat_field: Option<Arc<FlatField>>,
    /// The same of a line-scan camera, whose lines are evened before a part is looked for.
    line_field: Option<Arc<FlatField>>,
    /// Reference or flat field is there and cannot be read.
    are_broken: bool,
}

/// What was read of cameras until now.
#[derive(Default)]
pub(super) struct KnownMeasures {
    by_id: BTreeMap<String, Measures>,
    /// Counts what was forgotten: what was read before that is not kept.
    generation: u64,
}

impl KnownMeasures {
    fn get(&self, id: &str) -> (Option<Measures>, u64) {
        (self.by_id.get(id).cloned(), self.generation)
    }

    fn keep(&mut self, id: &str, measures: &Measures, generation: u64) -> bool {
        let is_current = self.generation == generation;
        if is_current {
            self.by_id.insert(id.to_owned(), measures.clone());
        }
        is_current
    }

    pub(super) fn forget(&mut self, id: &str) {
        self.generation += 1;
        self.by_id.remove(id);
    }
}

/// What helps to set up a camera, of one frame.
pub struct LiveAids {
    /// Number of the frame.
    pub sequence: u64,
    /// Pixels of each level of grey.
    pub histogram: [u64; 256],
    /// What was measured.
    pub quality: FrameQuality,
    /// What the stage's limits and the camera itself say of it.
    pub faults: Vec<FrameFault>,
}

impl Measures {
    /// True where frames cannot be held against what they should be: none of them is good then.
    pub fn are_broken(&self) -> bool {
        self.are_broken
    }

    /// What evens lines as they come, where there is a flat field and the camera is a line-scan one.
    pub(super) fn line_field(&self) -> Option<Arc<FlatField>> {
        self.line_field.clone()
    }

    /// The frame in even light, where there is a flat field.
    pub fn corrected(&self, frame: &Frame) -> Result<Frame, ImageRefused> {
        let (Some(field), FramePicture::Raw(raw)) = (&self.flat_field, &frame.picture) else {
            return Ok(frame.clone());
        };
        let even = field
            .apply(raw)
            .map_err(|refused| ImageRefused::NotConverted {
                reason: refused.to_string(),
            })?;
        Ok(Frame {
            picture: FramePicture::Raw(even),
            ..frame.clone()
        })
    }

    /// What a frame measures. Decodes it.
    pub fn quality_of(&self, frame: &Frame) -> Result<FrameQuality, ImageRefused> {
        wiko_imaging::measure(&luma_of(frame)?, self.reference.as_ref())
    }
}

pub(super) fn luma_of(frame: &Frame) -> Result<GrayImage, ImageRefused> {
    match &frame.picture {
        FramePicture::Encoded(image) => wiko_imaging::decode_luma(image),
        FramePicture::Raw(raw) => wiko_imaging::luma_of_raw(raw),
    }
}

impl Cameras {
    /// What the frames of that camera are held against now.
    pub fn measures(&self, id: &str) -> Measures {
        // Not locked while files are read: parts, warnings and other cameras ask as well.
        loop {
            let (known, generation) = self.known_measures().get(id);
            if let Some(measures) = known {
                return measures;
            }
            let measures = self.read_measures(id);
            if self.known_measures().keep(id, &measures, generation) {
                return measures;
            }
        }
    }

    fn read_measures(&self, id: &str) -> Measures {
        let Ok(entry) = self.entry(id) else {
            return Measures::default();
        };
        let folder = self.roster().folder(id);
        let told = |what: &str, error: String| {
            tracing::error!(
                camera = id,
                error,
                "the {what} of a camera cannot be read: take it again"
            );
        };
        let reference = entry.reference_taken_at.and_then(|_| {
            let read = std::fs::read(folder.join(REFERENCE)).map_err(|error| error.to_string());
            read.and_then(|file| serde_json::from_slice(&file).map_err(|error| error.to_string()))
                .map_err(|error| told("reference", error))
                .ok()
        });
        let flat_field = entry.flat_field_taken_at.and_then(|_| {
            let read = std::fs::read(folder.join(FLAT_FIELD)).map_err(|error| error.to_string());
            read.and_then(|file| FlatField::from_file(&file).map_err(|error| error.to_string()))
                .map_err(|error| told("flat field", error))
                .ok()
        });
        let are_broken = (entry.reference_taken_at.is_some() && reference.is_none())
            || (entry.flat_field_taken_at.is_some() && flat_field.is_none());
        let flat_field = flat_field.map(Arc::new);
        let by_line = entry.line_scan.is_some();
        Measures {
            reference,
            flat_field: flat_field.clone().filter(|_| !by_line),
            line_field: flat_field.filter(|_| by_line),
            are_broken,
        }
    }

    /// Keeps the present frame as reference, and limits that follow from this and the next frames.
    pub async fn take_reference(&self, id: &str) -> Result<(), CamerasError> {
        let mut frames = Vec::with_capacity(LEARNT_FROM);
        for _ in 0..LEARNT_FROM {
            frames.push(self.next_frame(id).await?);
        }
        let Some(first) = frames.first().cloned() else {
            return Err(CameraError::Ended.into());
        };
        let before = self.measures(id);
        let (reference, limits) = in_background(first, move |first| {
            let first = before.corrected(first)?;
            let reference = QualityReference::of(&luma_of(&first)?)?;
            let measures = Measures {
                reference: Some(reference.clone()),
                ..before
            };
            let good: Result<Vec<_>, _> = frames
                .iter()
                .map(|frame| measures.quality_of(&measures.corrected(frame)?))
                .collect();
            Ok((reference, wiko_imaging::suggest_limits(&good?)))
        })
        .await?;
        let bytes = serde_json::to_vec(&reference)
            .map_err(|error| CamerasError::Unfit(error.to_string()))?;
        let path = self.roster().folder(id).join(REFERENCE);
        write_whole(&path, &bytes)
            .map_err(|error| super::roster::RosterError::Io { path, error })?;
        let now = self.clock.now();
        self.change(id, |entry| {
            entry.reference_taken_at = Some(now);
            entry.limits = limits;
        })?;
        self.measures_changed(id);
        Ok(())
    }

    /// What the stage asks of the camera's frames from now on.
    pub fn set_limits(&self, id: &str, limits: QualityLimits) -> Result<(), CamerasError> {
        self.edit_limits(id, |_| Ok(limits)).map(drop)
    }

    /// The same by what they are now, which nobody else changes meanwhile.
    pub fn edit_limits(
        &self,
        id: &str,
        edit: impl FnOnce(&QualityLimits) -> Result<QualityLimits, CamerasError>,
    ) -> Result<QualityLimits, CamerasError> {
        let entry = self.try_change(id, |entry| {
            let limits = edit(&entry.limits)?;
            check_limits(&limits)?;
            entry.limits = limits;
            Ok(())
        })?;
        Ok(entry.limits)
    }

    /// What helps to set up the camera, of its latest frame.
    pub async fn live_aids(&self, id: &str) -> Result<(Arc<Frame>, LiveAids), CamerasError> {
        let entry = self.entry(id)?;
        let feed = self.feed(&entry)?;
        let frame = feed.latest().ok_or_else(|| {
            feed.last_error()
                .unwrap_or(CameraError::Timeout { waited_ms: 0 })
        })?;
        let measures = self.measures(id);
        let of = frame.clone();
        let aids = in_background(of, move |frame| {
            let luma = luma_of(&measures.corrected(frame)?)?;
            let quality = wiko_imaging::measure(&luma, measures.reference.as_ref())?;
            let mut faults = frame.faults.clone();
            faults.extend(entry.limits.faults(&quality));
            Ok(LiveAids {
                sequence: frame.sequence,
                histogram: *Levels::of(&luma).counts(),
                quality,
                faults,
            })
        })
        .await?;
        Ok((frame, aids))
    }

    /// A frame that was exposed after this call. Where the camera waits for a part, by a trigger of its own or by its lines,
    /// there is time to let one pass.
    pub async fn next_frame(&self, id: &str) -> Result<Arc<Frame>, CamerasError> {
        let entry = self.entry(id)?;
        let feed = self.feed(&entry)?;
        let waits_for_part =
            entry.line_scan.is_some() || feed.trigger_mode() == Some(TriggerMode::Hardware);
        let within = if waits_for_part {
            PART_WITHIN
        } else {
            FRAME_WITHIN
        };
        match feed.frame_after(self.clock.now(), within).await {
            Err(CameraError::Timeout { .. }) if waits_for_part => {
                let seconds = within.as_secs();
                Err(CamerasError::Unfit(format!(
                    "no part came past {id} within {seconds} s: let one pass, and look at its trigger or at the levels that tell \
                     a part from the belt"
                )))
            }
            frame => Ok(frame?),
        }
    }
}

fn check_limits(limits: &QualityLimits) -> Result<(), CamerasError> {
    let all = [
        limits.least_focus,
        limits.least_mean_level,
        limits.most_mean_level,
        limits.most_clipped_on_part,
        limits.most_noise,
        limits.most_motion_blur,
        limits.least_likeness,
        limits.most_shift_px,
    ];
    // Not a number is a limit that everything or nothing meets.
    if all
        .into_iter()
        .flatten()
        .all(|limit| limit.is_finite() && limit >= 0.0)
    {
        Ok(())
    } else {
        Err(CamerasError::Unfit(
            "a limit is a number from 0 up".to_owned(),
        ))
    }
}

/// A frame that nothing is recorded of.
pub struct TestShot {
    /// The frame.
    pub frame: Arc<Frame>,
    /// From the trigger to the frame.
    pub waited: Duration,
    /// What was measured.
    pub quality: FrameQuality,
    /// What makes it unfit.
    pub faults: Vec<FrameFault>,
}

impl Cameras {
    /// Takes a frame as a trigger would.
    pub async fn test_shot(&self, id: &str) -> Result<TestShot, CamerasError> {
        let begun = std::time::Instant::now();
        let frame = self.next_frame(id).await?;
        let waited = begun.elapsed();
        let measures = self.measures(id);
        let quality = in_background(frame.clone(), move |it| {
            measures.quality_of(&measures.corrected(it)?)
        })
        .await?;
        let mut faults = frame.faults.clone();
        faults.extend(self.entry(id)?.limits.faults(&quality));
        Ok(TestShot {
            frame,
            waited,
            quality,
            faults,
        })
    }
}
