//! What the stage asks of a camera's pictures: limits, region of interest, and how lines become pictures.

use super::{Failure, opened};
use crate::{
    cameras::Cameras,
    cli::{
        output::Output,
        pairs::{edited, shown},
    },
};
use serde_json::{Value, json};
use wiko_core::geometry::BoxPx;

/// What was changed of which camera; none where it was only shown.
type Change = Option<(String, Value)>;

pub(super) fn limits(
    cameras: &Cameras,
    id: String,
    changes: &[String],
    output: &Output,
) -> Result<Change, Failure> {
    let before = cameras.entry(&id)?.limits;
    if !changes.is_empty() {
        cameras.set_limits(&id, edited(&before, changes)?)?;
    }
    let limits = cameras.entry(&id)?.limits;
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
    let before = cameras.entry(&id)?.line_scan.ok_or_else(|| {
        format!(
            "{id} is an area-scan camera; a line-scan camera is assigned with --longest-rows ROWS"
        )
    })?;
    let line_scan = edited(&before, changes)?;
    if !changes.is_empty() {
        cameras.set_line_scan(&id, line_scan)?;
    }
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
    let frame = cameras.next_frame(&id).await?;
    let (width_px, height_px) = frame.size_px();
    output.line(
        &json!({"event": "region", "camera": id, "region": region, "width_px": width_px, "height_px": height_px}),
        format_args!("the picture of {id} is {width_px} × {height_px} now"),
    );
    Ok(Some((id, json!({"region": region}))))
}
