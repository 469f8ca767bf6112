//! What `wiko-station cameras` understands.

use crate::cameras::roster::{LineScanEntry, background_level, contrast_levels};
use std::path::PathBuf;

#[derive(Debug, clap::Subcommand)]
pub(crate) enum CamerasCommand {
    /// List the station's cameras
    List,
    /// Look for cameras that are there, also those that were not set up
    Find,
    /// Put a camera that is there to a stage; one that is assigned already keeps its settings
    Assign {
        /// Its id in records: letters, digits, - and _
        id: String,
        /// Where it looks
        #[arg(long)]
        stage: String,
        /// What tells it from the others that are there: serial number, MAC address, port, address or model
        #[arg(long, value_name = "TEXT")]
        device: String,
        /// It is a line-scan camera: rows of the longest part
        #[arg(long, value_name = "ROWS")]
        longest_rows: Option<u32>,
        #[command(flatten)]
        lines: LineArguments,
        /// Put another device in the place of the one that has this id
        #[arg(long)]
        replace: bool,
    },
    /// Take a camera out of the station
    Remove {
        /// Which
        id: String,
    },
    /// Print what a camera does, a line a second, until interrupted
    Watch {
        /// Which
        id: String,
        /// Stop after so many seconds
        #[arg(long, value_name = "SECONDS")]
        seconds: Option<u64>,
    },
    /// Show features of a camera with their limits
    Get {
        /// Which
        id: String,
        /// Only these; all where none is given
        features: Vec<String>,
    },
    /// Set features of a camera and keep them: NAME=VALUE
    Set {
        /// Which
        id: String,
        /// Such as ExposureTime=5000 or TriggerSoftware=true
        #[arg(required = true)]
        features: Vec<String>,
    },
    /// Take one frame and say what it measures; nothing is recorded
    Test {
        /// Which
        id: String,
    },
    /// Keep the picture as it is now as reference, and learn limits from it
    Reference {
        /// Which
        id: String,
    },
    /// Show the limits that frames of a camera must meet, or set them: NAME=VALUE
    Limits {
        /// Which
        id: String,
        /// Such as least_focus=20 or most_noise=none; without any they are shown
        limits: Vec<String>,
    },
    /// Inspect a part of the picture alone: read out by the camera where it can, else cut out of each frame
    Region {
        /// Which
        id: String,
        /// On the picture as it is now, in pixels
        #[arg(num_args = 4, value_names = ["X", "Y", "WIDTH", "HEIGHT"], required_unless_present = "whole")]
        region: Option<Vec<u32>>,
        /// All that the sensor has
        #[arg(long, conflicts_with = "region")]
        whole: bool,
    },
    /// Show how the lines of a line-scan camera become pictures, or set it: NAME=VALUE
    LineScan {
        /// Which
        id: String,
        /// Such as continuous=true or overlap_rows=128; without any they are shown
        settings: Vec<String>,
    },
    /// Show how a camera's pictures were over the last days, and what has drifted
    Quality {
        /// Which
        id: String,
    },
    /// Measure how many millimetres a pixel is
    Calibrate {
        /// Which
        id: String,
        /// Two points of the picture in pixels
        #[arg(long, num_args = 4, value_names = ["X1", "Y1", "X2", "Y2"], requires = "mm")]
        points: Option<Vec<f64>>,
        /// Millimetres between the points
        #[arg(long)]
        mm: Option<f64>,
        /// A checkerboard before the camera: squares across, squares down, millimetres of a square
        #[arg(long, num_args = 3, value_names = ["ACROSS", "DOWN", "MM"], conflicts_with = "points")]
        board: Option<Vec<f64>>,
    },
    /// Take a flat field: asks for the covered lens, then for an even white target
    FlatField {
        /// Which
        id: String,
        /// Show frames as they come again
        #[arg(long)]
        clear: bool,
    },
    /// Let the camera find its white on what it sees now
    BalanceWhite {
        /// Which
        id: String,
    },
    /// Print the settings of a camera as a file
    Export {
        /// Which
        id: String,
    },
    /// Take over settings of a file, or of standard input
    Import {
        /// Which
        id: String,
        /// The file
        file: Option<PathBuf>,
    },
}

/// How the lines of a line-scan camera become pictures.
#[derive(Debug, Clone, Copy, PartialEq, clap::Args)]
pub(crate) struct LineArguments {
    /// Of a line-scan camera: rows kept before and after the part
    #[arg(long, value_name = "ROWS", default_value_t = ROLL_ROWS)]
    roll_rows: u32,
    /// Of a line-scan camera: level of the empty belt, 0 to 255
    #[arg(long, value_name = "LEVEL", default_value_t = background_level())]
    background_level: u8,
    /// Of a line-scan camera: by how many levels a part differs from the belt
    #[arg(long, value_name = "LEVELS", default_value_t = contrast_levels())]
    contrast_levels: u8,
    /// Of a line-scan camera: speed of the belt
    #[arg(
        long,
        value_name = "MM",
        default_value_t = 0.0,
        allow_negative_numbers = true
    )]
    belt_mm_per_s: f64,
}

const ROLL_ROWS: u32 = 64;

impl LineArguments {
    /// True where nothing was said of lines.
    pub(super) fn are_default(&self) -> bool {
        *self
            == Self {
                roll_rows: ROLL_ROWS,
                background_level: background_level(),
                contrast_levels: contrast_levels(),
                belt_mm_per_s: 0.0,
            }
    }

    pub(super) fn entry(&self, longest_rows: u32) -> LineScanEntry {
        LineScanEntry {
            continuous: false,
            pre_roll_rows: self.roll_rows,
            post_roll_rows: self.roll_rows,
            longest_rows,
            overlap_rows: 0,
            belt_mm_per_s: self.belt_mm_per_s,
            background_level: self.background_level,
            contrast_levels: self.contrast_levels,
        }
    }
}

impl CamerasCommand {
    /// True where it changes nothing of the station.
    pub(in crate::cli) fn only_reads(&self) -> bool {
        match self {
            Self::List
            | Self::Find
            | Self::Watch { .. }
            | Self::Get { .. }
            | Self::Test { .. }
            | Self::Quality { .. } => true,
            Self::Limits { limits: set, .. } | Self::LineScan { settings: set, .. } => {
                set.is_empty()
            }
            _ => false,
        }
    }
}
