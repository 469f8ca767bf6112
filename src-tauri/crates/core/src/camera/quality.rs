//! How good a frame is, and what makes one unfit to be judged.
//!
//! Invariant: a frame with a fault never becomes a Pass; it goes to a person with what to do.

use crate::{coded, ports::Language};

/// What is measured of each frame.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct FrameQuality {
    /// How much of an edge's rise happens within one pixel, in hundredths, noise taken out, in the sharper direction: 100 for
    /// a perfect step, a few out of focus. What is good on a stage its good frames say. At least 0.
    pub focus: f32,
    /// Mean level of the picture, 0 to 255.
    pub mean_level: f32,
    /// The share of pixels at or near the darkest level, 0 to 1.
    pub dark_share: f32,
    /// The share of pixels at the brightest level, 0 to 1.
    pub clipped_share: f32,
    /// The same, of the part alone where it can be told from the background; else of the whole picture.
    pub clipped_on_part: f32,
    /// Standard deviation of the sensor's noise, in levels (Immerkær's estimate).
    pub noise: f32,
    /// How much sharper edges are along one direction than along the other, 1 for alike or as in the reference: motion blurs
    /// one.
    pub motion_blur: f32,
    /// How much of the reference's structure the frame still shows, 1 for all; none without a reference.
    pub likeness: Option<f32>,
    /// How far the fixture has moved against the reference, in pixels; none without a reference.
    pub shift_px: Option<f32>,
}

/// What a stage asks of its frames. A limit that is none is not looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct QualityLimits {
    /// The least [`FrameQuality::focus`].
    pub least_focus: Option<f32>,
    /// The least [`FrameQuality::mean_level`].
    pub least_mean_level: Option<f32>,
    /// The most [`FrameQuality::mean_level`].
    pub most_mean_level: Option<f32>,
    /// The most [`FrameQuality::clipped_on_part`].
    pub most_clipped_on_part: Option<f32>,
    /// The most [`FrameQuality::noise`].
    pub most_noise: Option<f32>,
    /// The most [`FrameQuality::motion_blur`].
    pub most_motion_blur: Option<f32>,
    /// The least [`FrameQuality::likeness`].
    pub least_likeness: Option<f32>,
    /// The most [`FrameQuality::shift_px`].
    pub most_shift_px: Option<f32>,
}

/// Rows of a picture, the first included and the end not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct RowSpan {
    /// The first row.
    pub from: u32,
    /// The row after the last.
    pub until: u32,
}

/// Why a frame is unfit to be judged.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    serde::Serialize,
    serde::Deserialize,
    strum::IntoStaticStr,
    strum::VariantArray,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub enum FrameFault {
    /// Rows of a line-scan picture never came.
    MissingRows,
    /// The belt stopped within the part: the picture ends before it does.
    CutShort,
    /// Line rate and belt speed do not fit: the part is stretched or squeezed.
    WrongAspect,
    /// Out of focus.
    OutOfFocus,
    /// The part moved while it was exposed.
    MotionBlur,
    /// Too dark.
    TooDark,
    /// Too bright.
    TooBright,
    /// The part itself is white where it could have shown something.
    ClippedPart,
    /// Too noisy: gain too high, light too weak.
    Noisy,
    /// The lens is covered or dirty.
    LensCovered,
    /// The fixture or the camera has moved.
    FixtureMoved,
    /// The camera does not do what it was told: exposure, gain or another setting differs.
    WrongSettings,
}
coded!(FrameFault, "frame fault");

impl FrameFault {
    /// What is wrong and what to do, for the person who has to look.
    pub fn what_to_do(self, language: Language) -> &'static str {
        match (self, language) {
            (Self::MissingRows, Language::En) => {
                "lines of the picture never came: check the camera's network, then capture the part again"
            }
            (Self::MissingRows, Language::ZhCn) => "画面缺行：请检查相机网络，然后重新拍摄",
            (Self::CutShort, Language::En) => {
                "the belt stopped within the part: run the whole part past the camera again"
            }
            (Self::CutShort, Language::ZhCn) => "传送带中途停止，工件不完整：请让整件重新通过相机",
            (Self::WrongAspect, Language::En) => {
                "the part is stretched or squeezed: check belt speed, encoder and line rate, then capture it again"
            }
            (Self::WrongAspect, Language::ZhCn) => {
                "画面被拉长或压缩：请检查传送带速度、编码器和行频，然后重新拍摄"
            }
            (Self::OutOfFocus, Language::En) => {
                "the picture is out of focus: check the lens and the distance, then capture the part again"
            }
            (Self::OutOfFocus, Language::ZhCn) => "画面失焦：请检查镜头和距离，然后重新拍摄",
            (Self::MotionBlur, Language::En) => {
                "the part moved while it was exposed: wait until it lies still, or shorten the exposure, then capture it again"
            }
            (Self::MotionBlur, Language::ZhCn) => {
                "曝光时工件在移动：请等工件静止或缩短曝光时间，然后重新拍摄"
            }
            (Self::TooDark, Language::En) => {
                "the picture is too dark: check the lamp and the exposure, then capture the part again"
            }
            (Self::TooDark, Language::ZhCn) => "画面太暗：请检查光源和曝光，然后重新拍摄",
            (Self::TooBright, Language::En) => {
                "the picture is too bright: check the lamp and the exposure, then capture the part again"
            }
            (Self::TooBright, Language::ZhCn) => "画面太亮：请检查光源和曝光，然后重新拍摄",
            (Self::ClippedPart, Language::En) => {
                "the part is white where it could show a defect: lower the exposure or move the lamp, then capture it again"
            }
            (Self::ClippedPart, Language::ZhCn) => {
                "工件表面过曝，看不出缺陷：请降低曝光或调整光源，然后重新拍摄"
            }
            (Self::Noisy, Language::En) => {
                "the picture is noisy: lower the gain and give more light, then capture the part again"
            }
            (Self::Noisy, Language::ZhCn) => "画面噪点过多：请降低增益并增强光源，然后重新拍摄",
            (Self::LensCovered, Language::En) => {
                "the lens is covered or dirty: clean it, then capture the part again"
            }
            (Self::LensCovered, Language::ZhCn) => "镜头被遮挡或脏污：请清洁镜头，然后重新拍摄",
            (Self::FixtureMoved, Language::En) => {
                "the fixture or the camera has moved: put it back, or take the reference again in set-up"
            }
            (Self::FixtureMoved, Language::ZhCn) => {
                "夹具或相机已移位：请复位，或在设置中重新拍摄参考图"
            }
            (Self::WrongSettings, Language::En) => {
                "the camera does not do what it was told: look at its settings in set-up"
            }
            (Self::WrongSettings, Language::ZhCn) => "相机参数与设定不符：请在设置中检查相机参数",
        }
    }
}

impl QualityLimits {
    /// What is wrong with a frame that measures so.
    pub fn faults(&self, quality: &FrameQuality) -> Vec<FrameFault> {
        // What is not a number is beyond any limit.
        let below = |value: f32, least: Option<f32>| {
            least.is_some_and(|least| value.is_nan() || value < least)
        };
        let above =
            |value: f32, most: Option<f32>| most.is_some_and(|most| value.is_nan() || value > most);
        // A limit on what was not measured is not met.
        let asked = |limit: Option<f32>, value: Option<f32>, test: &dyn Fn(f32) -> bool| {
            limit.is_some() && value.is_none_or(test)
        };
        let mut faults = Vec::new();
        let mut note = |fault, is: bool| {
            if is {
                faults.push(fault);
            }
        };
        let covered = asked(self.least_likeness, quality.likeness, &|value| {
            below(value, self.least_likeness)
        });
        note(FrameFault::LensCovered, covered);
        note(
            FrameFault::TooDark,
            below(quality.mean_level, self.least_mean_level),
        );
        note(
            FrameFault::TooBright,
            above(quality.mean_level, self.most_mean_level),
        );
        note(
            FrameFault::ClippedPart,
            above(quality.clipped_on_part, self.most_clipped_on_part),
        );
        note(
            FrameFault::OutOfFocus,
            below(quality.focus, self.least_focus),
        );
        note(
            FrameFault::MotionBlur,
            above(quality.motion_blur, self.most_motion_blur),
        );
        note(FrameFault::Noisy, above(quality.noise, self.most_noise));
        let moved = asked(self.most_shift_px, quality.shift_px, &|value| {
            above(value, self.most_shift_px)
        });
        // Where nothing of the reference is seen, where it has moved to means nothing.
        note(FrameFault::FixtureMoved, moved && !covered);
        faults
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> FrameQuality {
        FrameQuality {
            focus: 40.0,
            mean_level: 110.0,
            dark_share: 0.01,
            clipped_share: 0.001,
            clipped_on_part: 0.001,
            noise: 2.0,
            motion_blur: 1.1,
            likeness: Some(0.95),
            shift_px: Some(1.0),
        }
    }

    fn limits() -> QualityLimits {
        QualityLimits {
            least_focus: Some(20.0),
            least_mean_level: Some(60.0),
            most_mean_level: Some(200.0),
            most_clipped_on_part: Some(0.02),
            most_noise: Some(6.0),
            most_motion_blur: Some(2.0),
            least_likeness: Some(0.7),
            most_shift_px: Some(20.0),
        }
    }

    #[test]
    fn a_good_frame_has_no_fault_and_each_limit_finds_its_own() {
        assert_eq!(limits().faults(&good()), []);
        type Spoil = fn(&mut FrameQuality);
        let cases: [(FrameFault, Spoil); 8] = [
            (FrameFault::OutOfFocus, |q| q.focus = 19.0),
            (FrameFault::TooDark, |q| q.mean_level = 59.0),
            (FrameFault::TooBright, |q| q.mean_level = 201.0),
            (FrameFault::ClippedPart, |q| q.clipped_on_part = 0.03),
            (FrameFault::Noisy, |q| q.noise = 7.0),
            (FrameFault::MotionBlur, |q| q.motion_blur = 2.1),
            (FrameFault::LensCovered, |q| q.likeness = Some(0.1)),
            (FrameFault::FixtureMoved, |q| q.shift_px = Some(21.0)),
        ];
        for (fault, spoil) in cases {
            let mut frame = good();
            spoil(&mut frame);
            assert_eq!(limits().faults(&frame), [fault]);
        }
    }

    #[test]
    fn what_is_not_a_number_is_beyond_any_limit() {
        let frame = FrameQuality {
            focus: f32::NAN,
            noise: f32::NAN,
            ..good()
        };
        assert_eq!(
            limits().faults(&frame),
            [FrameFault::OutOfFocus, FrameFault::Noisy]
        );
    }

    #[test]
    fn a_limit_on_what_was_not_measured_is_not_met() {
        let frame = FrameQuality {
            likeness: None,
            shift_px: None,
            ..good()
        };
        assert_eq!(limits().faults(&frame), [FrameFault::LensCovered]);
        let limits = QualityLimits {
            least_likeness: None,
            ..limits()
        };
        assert_eq!(limits.faults(&frame), [FrameFault::FixtureMoved]);
    }

    #[test]
    fn without_limits_nothing_is_looked_at() {
        let frame = FrameQuality {
            focus: 0.0,
            mean_level: 0.0,
            ..good()
        };
        assert_eq!(QualityLimits::default().faults(&frame), []);
    }
}
