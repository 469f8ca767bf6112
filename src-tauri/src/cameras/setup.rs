//! What the field tech does with a camera beyond single features: white balance, scale, files of settings.

use super::{
    Cameras, CamerasError,
    roster::{CalibrationEntry, CameraEntry, LineScanEntry},
};
use crate::set_up_file::write_whole;
use serde::{Deserialize, Serialize};
use std::{path::PathBuf, time::Duration};
use wiko_core::camera::{
    DeviceIdentity, Feature, FeatureKind, FeatureSettings, FeatureValue, Mismatch, QualityLimits,
};

/// From finer to coarser than any camera that looks at parts.
const MM_PER_PX: std::ops::RangeInclusive<f64> = 0.000_1..=100.0;

/// How long a camera may take to find its white.
const BALANCE_WITHIN: Duration = Duration::from_secs(5);
const BALANCE_POLL: Duration = Duration::from_millis(250);

/// Longer than any file of settings.
pub const MOST_SETTINGS_BYTES: usize = 1 << 20;

/// Marks the file.
const FORM: &str = "wiko-camera-settings-1";

/// A file of settings, for another camera of the same model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SettingsFile {
    form: String,
    /// The camera that they come from.
    device: DeviceIdentity,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    line_scan: Option<LineScanEntry>,
    limits: QualityLimits,
    features: FeatureSettings,
}

impl Cameras {
    /// Lets the camera find its white on what it sees now, and stay with it.
    pub async fn balance_white(&self, id: &str) -> Result<(), CamerasError> {
        const AUTO: &str = "BalanceWhiteAuto";
        let entries = self.white_modes(id).await?.1;
        let has = |entry: &str| entries.iter().any(|known| known == entry);
        let text = |entry: &str| FeatureValue::Text(entry.to_owned());
        if has("Once") {
            self.set_feature(id, AUTO, text("Once")).await?;
            let done = async {
                while self.white_modes(id).await?.0.as_deref() == Some("Once") {
                    tokio::time::sleep(BALANCE_POLL).await;
                }
                Ok::<_, CamerasError>(())
            };
            tokio::time::timeout(BALANCE_WITHIN, done)
                .await
                .map_err(|_| {
                    CamerasError::Unfit(
                        "the camera did not find its white: show it an even, grey or white target"
                            .to_owned(),
                    )
                })??;
        } else if has("Continuous") && has("Off") {
            self.set_feature(id, AUTO, text("Continuous")).await?;
            tokio::time::sleep(BALANCE_WITHIN / 2).await;
        } else {
            return Err(CamerasError::Unfit(
                "this camera has no white balance of its own".to_owned(),
            ));
        }
        // Left to itself it would change colours from part to part.
        self.set_feature(id, AUTO, text("Off")).await.map(drop)
    }

    async fn white_modes(&self, id: &str) -> Result<(Option<String>, Vec<String>), CamerasError> {
        let features = self.features(id).await?;
        let feature = features
            .into_iter()
            .find(|feature| feature.name == "BalanceWhiteAuto");
        Ok(match feature {
            Some(Feature {
                kind: FeatureKind::Enumeration { entries },
                value,
                ..
            }) => (value.map(|value| value.to_string()), entries),
            _ => (None, Vec::new()),
        })
    }

    /// The scale from two points of the picture and how far they are apart.
    pub fn calibrate_by_points(
        &self,
        id: &str,
        a_px: [f64; 2],
        b_px: [f64; 2],
        distance_mm: f64,
    ) -> Result<(), CamerasError> {
        let distance_px = (a_px[0] - b_px[0]).hypot(a_px[1] - b_px[1]);
        // Also turns away what is no number.
        if !(distance_px >= 10.0 && distance_px.is_finite()) {
            return Err(CamerasError::Unfit(
                "the two points are too close together: take two at the ends of the part"
                    .to_owned(),
            ));
        }
        let mm_per_px = distance_mm / distance_px;
        if !MM_PER_PX.contains(&mm_per_px) {
            return Err(CamerasError::Unfit(format!(
                "{distance_mm} mm over {distance_px:.0} px cannot be: give the distance in millimetres"
            )));
        }
        let calibration = CalibrationEntry {
            mm_per_px,
            checkerboard: false,
            residual_px: None,
            distortion_percent: None,
            taken_at: self.clock.now(),
            plane: None,
        };
        let entry = self.change(id, |entry| entry.calibration = Some(calibration))?;
        if entry.line_scan.is_some() {
            self.reopen(id)?;
        }
        Ok(())
    }

    /// How lines become pictures from now on. The camera is opened anew.
    pub fn set_line_scan(&self, id: &str, line_scan: LineScanEntry) -> Result<(), CamerasError> {
        self.edit_line_scan(id, |_| Ok(line_scan)).map(drop)
    }

    /// The same by what they are now, which nobody else changes meanwhile.
    pub fn edit_line_scan(
        &self,
        id: &str,
        edit: impl FnOnce(Option<LineScanEntry>) -> Result<LineScanEntry, CamerasError>,
    ) -> Result<LineScanEntry, CamerasError> {
        let mut line_scan = None;
        self.try_change(id, |entry| {
            let edited = edit(entry.line_scan)?.checked();
            entry.line_scan = Some(edited.map_err(CamerasError::Unfit)?);
            line_scan = entry.line_scan;
            Ok(())
        })?;
        self.measures_changed(id);
        self.reopen(id)?;
        line_scan.ok_or_else(|| CamerasError::Unfit("nothing was set".to_owned()))
    }

    /// The settings of a camera as a file, and where a copy was put.
    pub fn export_settings(&self, id: &str) -> Result<(String, PathBuf), CamerasError> {
        let entry = self.entry(id)?;
        let file = SettingsFile {
            form: FORM.to_owned(),
            device: entry.device,
            line_scan: entry.line_scan,
            limits: entry.limits,
            features: entry.features,
        };
        let text =
            toml::to_string(&file).map_err(|error| CamerasError::Unfit(error.to_string()))?;
        let path = self.roster().folder(id).join(format!("{id}-settings.toml"));
        write_whole(&path, text.as_bytes()).map_err(|error| super::roster::RosterError::Io {
            path: path.clone(),
            error,
        })?;
        Ok((text, path))
    }

    /// Takes over settings of a file. Those of another model are refused. Answers with how many the camera took, and those
    /// that it did not: as long as there are any it gives no part.
    pub async fn import_settings(
        &self,
        id: &str,
        text: &str,
    ) -> Result<(usize, Vec<Mismatch>), CamerasError> {
        let (entry, file) = self.settings_file(id, text)?;
        let count = file.features.len();
        let feed = self.feed(&entry)?;
        let mismatches = feed.apply_settings(file.features.clone()).await?;
        self.change(id, |entry| {
            entry.features = file.features;
            entry.limits = file.limits;
            if file.line_scan.is_some() {
                entry.line_scan = file.line_scan;
            }
            entry.flat_field_taken_at = None;
            entry.reference_taken_at = None;
            entry.calibration = None;
        })?;
        self.measures_changed(id);
        if entry.line_scan.is_some() || file.line_scan.is_some() {
            self.reopen(id)?;
        }
        Ok((count.saturating_sub(mismatches.len()), mismatches))
    }

    /// Refuses what is no file of settings of that camera.
    pub fn check_settings(&self, id: &str, text: &str) -> Result<(), CamerasError> {
        self.settings_file(id, text).map(drop)
    }

    fn settings_file(
        &self,
        id: &str,
        text: &str,
    ) -> Result<(CameraEntry, SettingsFile), CamerasError> {
        let entry = self.entry(id)?;
        if text.len() > MOST_SETTINGS_BYTES {
            return Err(CamerasError::Unfit(
                "this is no file of settings".to_owned(),
            ));
        }
        let file: SettingsFile = toml::from_str(text).map_err(|error| {
            CamerasError::Unfit(format!("this is no file of settings: {error}"))
        })?;
        if file.form != FORM {
            return Err(CamerasError::Unfit(format!(
                "this file is of another form ({}): export it anew with this version",
                file.form
            )));
        }
        let model = |device: &DeviceIdentity| (device.transport, device.model.clone());
        if model(&file.device) != model(&entry.device) {
            return Err(CamerasError::Unfit(format!(
                "these settings are of a {}; this camera is a {}",
                file.device.label(),
                entry.device.label()
            )));
        }
        let line_scan = file.line_scan.map(LineScanEntry::checked).transpose();
        line_scan.map_err(CamerasError::Unfit)?;
        Ok((entry, file))
    }
}
