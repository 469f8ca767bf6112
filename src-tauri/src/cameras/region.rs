//! What of a camera's picture is inspected: read out by the camera alone where it can be told so, else cut out of each frame.

use super::{Cameras, CamerasError};
use wiko_core::{
    camera::{Feature, FeatureKind, FeatureValue},
    geometry::BoxPx,
};

/// The largest block of a JPEG, along either side.
const BLOCK_PX: u32 = 32;

/// Less shows no part.
const LEAST_PX: u32 = 16;

fn too_small() -> CamerasError {
    CamerasError::Unfit(format!(
        "the region has to be {LEAST_PX} pixels each way at least: draw a larger one"
    ))
}

/// Refuses what leaves the picture: no camera is left to make the best of it.
fn check_within(region: BoxPx, (width, height): (u32, u32)) -> Result<(), CamerasError> {
    let leaves =
        |start: u32, length: u32, all: u32| start.checked_add(length).is_none_or(|end| end > all);
    if leaves(region.x, region.width, width) || leaves(region.y, region.height, height) {
        return Err(CamerasError::Unfit(format!(
            "the region leaves the picture, which is {width} × {height} now"
        )));
    }
    Ok(())
}

impl Cameras {
    /// The region of interest, on the picture as it is now; none for the whole sensor. The camera reads out nothing else
    /// then. Sizes go to the nearest step that holds the region.
    pub async fn set_region(&self, id: &str, region: Option<BoxPx>) -> Result<(), CamerasError> {
        if region.is_some_and(|region| region.width < LEAST_PX || region.height < LEAST_PX) {
            return Err(too_small());
        }
        let features = self.features(id).await?;
        let named = |name: &str| features.iter().find(|feature| feature.name == name);
        let axes = [("OffsetX", "Width"), ("OffsetY", "Height")];
        if axes
            .iter()
            .any(|(offset, size)| named(offset).is_none() || named(size).is_none())
        {
            return self.set_cut(id, region);
        }
        let now = |name: &str| named(name).and_then(whole_value).unwrap_or_default();
        let before = axes.map(|(offset, size)| (now(offset), now(size)));
        let size = |axis: usize| u32::try_from(before[axis].1).unwrap_or(u32::MAX);
        if let Some(region) = region {
            check_within(region, (size(0), size(1)))?;
        }
        let wanted = |axis: usize| match (region, axis) {
            (None, _) => (0, i64::MAX),
            (Some(region), 0) => (before[0].0 + i64::from(region.x), i64::from(region.width)),
            (Some(region), _) => (before[1].0 + i64::from(region.y), i64::from(region.height)),
        };
        let set = self.set_axes(id, [wanted(0), wanted(1)]).await;
        let Err(refused) = set else {
            return Ok(());
        };
        // Half a region would be worse than none.
        let back = match self.set_axes(id, before).await {
            Ok(()) => "it is as it was".to_owned(),
            Err(error) => format!("it could not be put back ({error})"),
        };
        Err(CamerasError::Unfit(format!(
            "{refused}; {back}, and reference and flat field are to be taken anew"
        )))
    }

    /// Start and length along either axis, each to the nearest step that holds it.
    async fn set_axes(&self, id: &str, wanted: [(i64, i64); 2]) -> Result<(), CamerasError> {
        let axes = [("OffsetX", "Width"), ("OffsetY", "Height")];
        // An offset leaves less room for a size, so it goes first, and is set last.
        for (offset, _) in axes {
            self.set_whole(id, offset, 0, Rounded::Down).await?;
        }
        for (axis, (offset, size)) in axes.into_iter().enumerate() {
            let (start, length) = wanted[axis];
            self.set_whole(id, size, length, Rounded::Up).await?;
            if start > 0 {
                self.set_whole(id, offset, start, Rounded::Down).await?;
            }
        }
        Ok(())
    }

    /// The region of a camera that cannot be told one, which is then cut out of each frame. `region` is on the picture as it
    /// is now.
    fn set_cut(&self, id: &str, region: Option<BoxPx>) -> Result<(), CamerasError> {
        let entry = self.entry(id)?;
        if entry.line_scan.is_some() {
            return Err(CamerasError::Unfit(
                "a line-scan camera gives whole lines: set its Width and OffsetX instead"
                    .to_owned(),
            ));
        }
        let shown = self.feed(&entry)?.latest();
        let shown = shown.map(|frame| frame.size_px()).ok_or_else(|| {
            CamerasError::Unfit("there is no picture to draw a region on: wait for it".to_owned())
        })?;
        if let Some(region) = region {
            check_within(region, shown)?;
        }
        let origin = entry.region.map_or((0, 0), |before| (before.x, before.y));
        let own = region.map(|region| {
            let (x, width) = on_blocks(region.x, region.width, shown.0, origin.0);
            let (y, height) = on_blocks(region.y, region.height, shown.1, origin.1);
            BoxPx {
                x,
                y,
                width,
                height,
            }
        });
        if own.is_some_and(|own| own.width < LEAST_PX || own.height < LEAST_PX) {
            return Err(too_small());
        }
        self.change(id, |entry| {
            entry.region = own;
            entry.flat_field_taken_at = None;
            entry.reference_taken_at = None;
            // Two points tell how long a pixel is wherever it lies; a board tells of the whole picture.
            if entry.calibration.is_some_and(|known| known.checkerboard) {
                entry.calibration = None;
            }
        })?;
        self.measures_changed(id);
        self.reopen(id)
    }

    /// Sets a whole number to the nearest one that the feature takes now.
    async fn set_whole(
        &self,
        id: &str,
        name: &str,
        wanted: i64,
        rounded: Rounded,
    ) -> Result<(), CamerasError> {
        let features = self.features(id).await?;
        let feature = features.iter().find(|feature| feature.name == name);
        let Some(FeatureKind::Integer {
            min,
            max,
            increment,
        }) = feature.map(|feature| feature.kind.clone())
        else {
            return Err(CamerasError::Unfit(format!("{name} is no whole number")));
        };
        let steps = (wanted.clamp(min, max) - min) as f64 / increment.max(1) as f64;
        let steps = match rounded {
            Rounded::Up => steps.ceil(),
            Rounded::Down => steps.floor(),
        };
        let most = (max - min) / increment.max(1);
        let value = min + (steps as i64).min(most) * increment.max(1);
        if feature.and_then(whole_value) == Some(value) {
            return Ok(());
        }
        self.set_feature(id, name, FeatureValue::Integer(value))
            .await
            .map(drop)
    }
}

/// Start and length along one side of what is cut, in pixels of the camera's own picture: outward to where a JPEG can be cut,
/// so that what is kept of it is what is cut, and not beyond the picture that is shown, which begins at `origin`.
fn on_blocks(start: u32, length: u32, shown: u32, origin: u32) -> (u32, u32) {
    let end = start.saturating_add(length).min(shown) + origin;
    let start = (start.min(shown) + origin) / BLOCK_PX * BLOCK_PX;
    let start = start.max(origin);
    let end = end.next_multiple_of(BLOCK_PX).min(origin + shown);
    (start, end.saturating_sub(start))
}

#[derive(Clone, Copy)]
enum Rounded {
    Up,
    Down,
}

fn whole_value(feature: &Feature) -> Option<i64> {
    match feature.value {
        Some(FeatureValue::Integer(value)) => Some(value),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_grows_to_blocks_of_the_cameras_own_picture_and_stays_where_it_was_drawn() {
        // Of a whole picture of 1920.
        assert_eq!(on_blocks(10, 100, 1920, 0), (0, 128));
        assert_eq!(on_blocks(1900, 20, 1920, 0), (1888, 32));
        assert_eq!(on_blocks(0, 5000, 1920, 0), (0, 1920));
        // Of what a region from 64 on shows, 640 wide.
        assert_eq!(on_blocks(100, 50, 640, 64), (160, 64));
        assert_eq!(on_blocks(0, 640, 640, 64), (64, 640));
        assert_eq!(on_blocks(700, 10, 640, 64).1, 0);
    }
}
