use serde::Serialize;
use specta::Type;
use tauri_specta::Event;
use wiko_core::{
    queue::{Obstacle, Queue},
    trigger::TriggerSource,
};

use super::{AnalysisDto, CommandError, HistoryRowDto, LiveDto, TriggerSettingsDto, VerdictDto};

/// Something happened; sent to every window. The record is the truth, this only tells of it.
#[derive(Debug, Clone, Serialize, Type, Event)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum StationUpdate {
    /// The frame is safe.
    Captured {
        /// The part as the history shows it.
        row: HistoryRowDto,
        /// The picture's pixels across.
        image_width_px: u32,
        /// The picture's pixels down.
        image_height_px: u32,
    },
    /// The local screen has answered; the part may still be pending.
    Screened {
        /// The part.
        id: String,
        /// What it says.
        screening: AnalysisDto,
    },
    /// The part is decided.
    Decided {
        /// The part.
        id: String,
        /// How.
        verdict: VerdictDto,
        /// What it rests on.
        analysis: Option<AnalysisDto>,
    },
    /// A try failed; the part waits on.
    Delayed {
        /// The part.
        id: String,
        /// Where it waits.
        queue: Queue,
        /// What stands in the way.
        obstacle: Obstacle,
        /// Why, with what to do.
        reason: String,
    },
    /// A person has spoken, or the cloud has it: read the part again.
    Changed {
        /// The part.
        id: String,
    },
    /// Counts, queues, camera, cloud or disk changed.
    Live {
        /// All of them.
        live: LiveDto,
    },
    /// A trigger that nobody at the window gave took no part.
    TriggerFailed {
        /// Who triggered.
        source: TriggerSource,
        /// Why there is no part.
        error: CommandError,
    },
    /// Triggers were set up beside the window, and hold from now on.
    Triggers {
        /// As they are now.
        settings: TriggerSettingsDto,
    },
    /// Some updates were lost: read the station and the part on the screen again.
    Reload,
}
