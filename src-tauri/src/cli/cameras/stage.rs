//! What the stage asks of a camera's pictures: limits, region of interest, and how lines become pictures.

use super::{Failure, opened};
use crate::{
    cameras::{Cameras, CamerasError, roster::LineScanEntry},
    cli::{
        output::Output,
        pairs::{edited, shown},
    },
};
use serde_json::{Value, json};
use std::time::Duration;
use wiko_core::geometry::BoxPx;

/// A picture with a new region is waited for so long.
const SHOWN_WITHIN: Duration = Duration::from_secs(3);

/// What was changed of which camera; none where it was only shown.
type Change = Option<(String, Value)>;

pub(super) fn limits(
    cameras: &Cameras,
    id: String,
    changes: &[String],
    output: &Output,
) -> Result<Change, Failure> {
    let limits = match changes {
        [] => cameras.entry(&id)?.limits,
        changes => cameras.edit_limits(&id, |before| {
            edited(before, changes).map_err(|refused| CamerasError::Unfit(refused.to_string()))
        })?,
    };
    output.line(
        &json!({"event": "limits", "camera": id, "limits": limits}),
        shown(&limits)?,
    );
    Ok((!changes.is_empty()).then(|| (id, json!({"limits": limits}))))
}

pub(super) fn line_scan(
    cameras: &Cameras,
    id: String,
    changes: &[String],
    output: &Output,
) -> Result<Change, Failure> {
    let lines = |entry: Option<LineScanEntry>| {
        entry.ok_or_else(|| {
            CamerasError::Unfit(format!(
                "{id} is an area-scan camera; a line-scan camera is assigned with --longest-rows ROWS"
            ))
        })
    };
    let line_scan = match changes {
        [] => lines(cameras.entry(&id)?.line_scan)?,
        changes => cameras.edit_line_scan(&id, |before| {
            edited(&lines(before)?, changes)
                .map_err(|refused| CamerasError::Unfit(refused.to_string()))
        })?,
    };
    output.line(
        &json!({"event": "line_scan", "camera": id, "line_scan": line_scan}),
        shown(&line_scan)?,
    );
    Ok((!changes.is_empty()).then(|| (id, json!({"line_scan": line_scan}))))
}

pub(super) async fn region(
    cameras: &Cameras,
    id: String,
    region: Option<Vec<u32>>,
    output: &Output,
) -> Result<Change, Failure> {
    let region = match region.as_deref() {
        Some(&[x, y, width, height]) => Some(BoxPx {
            x,
            y,
            width,
            height,
        }),
        _ => None,
    };
    opened(cameras, &id).await?;
    cameras.set_region(&id, region).await?;
    // A camera that waits for its trigger may give none for long; the region holds all the same.
    let next = tokio::time::timeout(SHOWN_WITHIN, cameras.next_frame(&id)).await;
    let size_px = next.ok().and_then(Result::ok).map(|frame| frame.size_px());
    let size = size_px.map_or_else(
        || format!("the next picture of {id} shows it"),
        |(width, height)| format!("the picture of {id} is {width} × {height} now"),
    );
    output.line(
        &json!({
            "event": "region",
            "camera": id,
            "region": region,
            "width_px": size_px.map(|size| size.0),
            "height_px": size_px.map(|size| size.1),
        }),
        size,
    );
    Ok(Some((id, json!({"region": region}))))
}
