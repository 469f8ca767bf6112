//! What a target before the camera tells: an even white one of the light on each pixel, a checkerboard of the scale.
//!
//! Invariant: a flat field belongs to the settings that it was taken with. One that does not fit a frame is not applied
//! in part: the frame is refused, and says to take it again.

use super::{
    Cameras, CamerasError,
    measured::luma_of,
    roster::{CalibrationEntry, CameraEntry, RosterError},
    shot::in_background,
};
use crate::set_up_file::write_whole;
use std::{sync::Arc, time::Duration};
use wiko_core::camera::{CameraState, Feature, Frame, FramePicture, RawImage};
use wiko_imaging::{
    Average, FlatField, FlatFieldKind, FlatFieldTaken, LEAST_AVERAGED, calibrate_by_board,
};

/// In the camera's folder.
pub(super) const FLAT_FIELD: &str = "flat-field.png";

/// Frames of an area camera are averaged: noise of one would be in every picture from then on.
const FRAMES: u64 = LEAST_AVERAGED;

/// Lines of a line-scan camera are averaged as they come.
const LINES: u64 = 1_024;

/// At a slow line rate so many take their time.
const LINES_WITHIN: Duration = Duration::from_secs(15);

impl Cameras {
    /// The scale from a checkerboard before the camera.
    pub async fn calibrate_by_board(
        &self,
        id: &str,
        columns: u32,
        rows: u32,
        square_mm: f64,
    ) -> Result<(), CamerasError> {
        if columns < 3 || rows < 3 {
            return Err(CamerasError::Unfit(
                "a board has at least 3 squares each way".to_owned(),
            ));
        }
        let frame = self.next_frame(id).await?;
        let size_px = frame.size_px();
        let found = in_background(frame, move |frame| {
            Ok(calibrate_by_board(&luma_of(frame)?, square_mm))
        });
        let found = found
            .await?
            .map_err(|refused| CamerasError::Unfit(refused.to_string()))?;
        let corners = ((columns - 1) * (rows - 1)) as usize;
        if found.points < corners / 2 {
            let seen = found.points;
            return Err(CamerasError::Unfit(format!(
                "{seen} of the {corners} inner corners of the board were found: show all of it, flat and evenly lit"
            )));
        }
        // The end of the longer side is where a lens bends most.
        let edge = (f64::from(size_px.0), f64::from(size_px.1) / 2.0);
        let distortion_percent = found.distortion.as_ref().map(|bent| {
            let straight = bent.ideal(size_px, edge);
            let off = (straight.0 - edge.0).hypot(straight.1 - edge.1);
            100.0 * off / (f64::from(size_px.0) / 2.0)
        });
        let calibration = CalibrationEntry {
            mm_per_px: found.mm_per_px,
            checkerboard: true,
            residual_px: found.residual_px,
            distortion_percent,
            taken_at: self.clock.now(),
            plane: Some(found.part_plane()),
        };
        self.change(id, |entry| entry.calibration = Some(calibration))
            .map(drop)
    }

    /// The dark half: the lens is covered. Kept until the white half is taken.
    pub async fn take_dark(&self, id: &str) -> Result<(), CamerasError> {
        let dark = self.average(id).await;
        self.measures_changed(id);
        let dark = dark?;
        self.darks().insert(id.to_owned(), dark);
        Ok(())
    }

    /// The white half: an even target fills the picture. The flat field holds from then on.
    pub async fn take_white(&self, id: &str) -> Result<(), CamerasError> {
        let white = self.average(id).await;
        self.measures_changed(id);
        let white = white?;
        let features = self.features(id).await?;
        let taken = FlatFieldTaken {
            camera: self.entry(id)?.device.label(),
            exposure_us: number(&features, "ExposureTime"),
            gain: number(&features, "Gain"),
        };
        // Kept until there is a field: a white that is refused is shown again.
        let dark = self.darks().get(id).cloned();
        let field = FlatField::of(&white, dark.as_ref(), taken)
            .map_err(|refused| CamerasError::Unfit(refused.to_string()))?;
        let file = field
            .to_file()
            .map_err(|refused| CamerasError::Unfit(refused.to_string()))?;
        let path = self.roster().folder(id).join(FLAT_FIELD);
        write_whole(&path, &file).map_err(|error| RosterError::Io { path, error })?;
        let now = self.clock.now();
        self.change(id, |entry| entry.flat_field_taken_at = Some(now))?;
        self.darks().remove(id);
        self.measures_changed(id);
        Ok(())
    }

    /// Frames as they come, from now on.
    pub fn clear_flat_field(&self, id: &str) -> Result<(), CamerasError> {
        self.change(id, |entry| entry.flat_field_taken_at = None)?;
        self.measures_changed(id);
        Ok(())
    }

    async fn average(&self, id: &str) -> Result<Average, CamerasError> {
        let entry = self.entry(id)?;
        if entry.line_scan.is_some() {
            return self.average_of_lines(&entry).await;
        }
        let mut average: Option<Average> = None;
        for _ in 0..FRAMES {
            let frame = self.next_frame(id).await?;
            let raw = raw_of(&frame)?;
            let refused =
                |error: wiko_imaging::FlatFieldRefused| CamerasError::Unfit(error.to_string());
            let mut sum = match average.take() {
                Some(sum) => sum,
                None => Average::like(FlatFieldKind::Pixels, raw).map_err(refused)?,
            };
            sum.add(raw).map_err(refused)?;
            average = Some(sum);
        }
        average.ok_or_else(|| CamerasError::Unfit("the camera gave no frame".to_owned()))
    }

    /// Of lines as they come: on an even target there is no part, and so no picture of one.
    async fn average_of_lines(&self, entry: &CameraEntry) -> Result<Average, CamerasError> {
        let feed = self.feed(entry)?;
        let average = self.line_field(&entry.id).average(LINES);
        match tokio::time::timeout(LINES_WITHIN, average).await {
            Ok(Ok(Ok(average))) => Ok(average),
            Ok(Ok(Err(refused))) => Err(CamerasError::Unfit(refused.to_string())),
            // Somebody else takes it anew.
            Ok(Err(_)) => Err(CamerasError::Unfit(
                "the flat field is being taken twice: try again".to_owned(),
            )),
            Err(_) => Err(match feed.last_error() {
                Some(error) if feed.state() != CameraState::Streaming => error.into(),
                _ => CamerasError::Unfit(format!(
                    "{LINES} lines did not come within {} s: let the belt run, or look at line rate and encoder",
                    LINES_WITHIN.as_secs()
                )),
            }),
        }
    }
}

fn raw_of(frame: &Arc<Frame>) -> Result<&RawImage, CamerasError> {
    match &frame.picture {
        FramePicture::Raw(raw) => Ok(raw),
        FramePicture::Encoded(_) => Err(CamerasError::Unfit(
            "a flat field needs pixels as they are: choose another PixelFormat than MJPEG"
                .to_owned(),
        )),
    }
}

fn number(features: &[Feature], name: &str) -> f64 {
    let feature = features.iter().find(|feature| feature.name == name);
    let value = feature.and_then(|feature| feature.value.as_ref()?.number());
    value.unwrap_or_default()
}
