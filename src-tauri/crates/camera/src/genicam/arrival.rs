//! What comes out of a buffer, and when it was exposed.

use super::pixels::{NoPicture, format_of, picture};
use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};
use wiko_aravis::{Buffer, BufferStatus, Image};
use wiko_core::{camera::RawImage, ports::Clock, time::UnixMillis};

/// Times that go back by no more come from packets that came at an uneven pace, not from a clock that was set.
const JITTER_MS: i64 = 1000;

/// From when a frame arrived to when it was exposed.
pub(super) struct Arrival {
    clock: Arc<dyn Clock>,
    last_exposed: Option<UnixMillis>,
    exposure: Duration,
}

impl Arrival {
    pub(super) fn by(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            last_exposed: None,
            exposure: Duration::ZERO,
        }
    }

    /// What makes no sense is none.
    pub(super) fn set_exposure_us(&mut self, exposure_us: f64) {
        let sensible = (0.0..60e6).contains(&exposure_us);
        // Lines of a block are exposed one after the other, the first of them just before the block begins to come.
        self.exposure = Duration::from_secs_f64(if sensible { exposure_us / 1e6 } else { 0.0 });
    }

    pub(super) fn exposed_at(&mut self, arrived_ns: u64) -> UnixMillis {
        let now_ns = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .map_or(0, |now| now.as_nanos());
        let age_ns = now_ns.saturating_sub(u128::from(arrived_ns));
        // A stream that says no time says 0.
        let age_ms = if arrived_ns == 0 {
            0
        } else {
            age_ns / 1_000_000
        };
        let before_ms = age_ms + self.exposure.as_millis();
        let mut at = UnixMillis(self.clock.now().0 - i64::try_from(before_ms).unwrap_or(0));
        if let Some(last) = self.last_exposed
            && at < last
            && last.0 - at.0 < JITTER_MS
        {
            at = last;
        }
        self.last_exposed = Some(at);
        at
    }
}

/// What was in a buffer, out of which it is copied.
pub(super) struct Came {
    pub(super) id: u64,
    pub(super) arrived_ns: u64,
    pub(super) picture: Result<RawImage, NoPicture>,
}

impl Came {
    /// `payload_bytes` is how large the camera said that its frames are. Blocks of a line sensor may have fewer rows.
    pub(super) fn of(buffer: &Buffer<'_>, payload_bytes: usize, line_scan: bool) -> Option<Self> {
        let status = buffer.status();
        let picture = match status {
            BufferStatus::Cleared | BufferStatus::Aborted => return None,
            BufferStatus::Success => buffer
                .image()
                .ok_or_else(|| NoPicture::Torn("what came is no picture".to_owned()))
                .and_then(|image| {
                    let most = (!line_scan).then_some(image.height_px);
                    must_fit(&image, payload_bytes)?;
                    picture(&image).and_then(|raw| must_be_whole(raw, most))
                }),
            failed => Err(NoPicture::Torn(failed.to_string())),
        };
        Some(Self {
            id: buffer.frame_id(),
            arrived_ns: buffer.arrived_ns(),
            picture,
        })
    }
}

/// What is larger than the camera had said does not fit into a buffer, and the library leaves its rest out without a word.
fn must_fit(image: &Image<'_>, payload_bytes: usize) -> Result<(), NoPicture> {
    if format_of(image.code).is_none() {
        // Which is the worse fault, and is said of it.
        return Ok(());
    }
    let bits_per_pixel = u64::from(image.code >> 16 & 0xff);
    let said_bytes = u64::from(image.width_px) * u64::from(image.height_px) * bits_per_pixel / 8;
    if said_bytes <= payload_bytes as u64 {
        return Ok(());
    }
    Err(NoPicture::Torn(format!(
        "{}x{} pixels came, which is a size that the camera was not set to",
        image.width_px, image.height_px
    )))
}

/// An area sensor knows how many rows it has.
fn must_be_whole(raw: RawImage, rows: Option<u32>) -> Result<RawImage, NoPicture> {
    match rows {
        Some(rows) if raw.height_px() != rows => Err(NoPicture::Torn(format!(
            "{} rows of {rows} came",
            raw.height_px()
        ))),
        _ => Ok(raw),
    }
}
