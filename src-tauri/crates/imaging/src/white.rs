//! The gains that make a white white, for a camera's `BalanceRatio`.

use image::RgbImage;

/// As bright or brighter may have lost colour.
const BRIGHTEST: u8 = 245;
/// As dark or darker has little but noise.
const DARKEST: u8 = 20;
/// So great a share of the picture tells the balance.
const LEAST_SHARE: f64 = 0.2;

/// By what each colour is multiplied; green stays as it is, as SFNC's `BalanceRatio` has it.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct WhiteBalance {
    /// `BalanceRatioSelector` Red.
    pub red: f32,
    /// Green: 1.
    pub green: f32,
    /// Blue.
    pub blue: f32,
}

/// Why a picture tells no balance.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum NotWhite {
    /// Too little of it is bright and not clipped.
    #[error(
        "only {} of the picture is bright and not clipped: fill it with a white or grey card and set the exposure so that it is bright",
        share_text(*.share)
    )]
    Exposure {
        /// 0 to 1.
        share: f64,
    },
}

pub(crate) fn share_text(share: f64) -> String {
    format!("{:.1}%", share * 100.0)
}

/// Of a picture of a white or grey card. What is clipped or dark is not counted.
pub fn white_balance_of(card: &RgbImage) -> Result<WhiteBalance, NotWhite> {
    let (mut sums, mut counted) = ([0_u64; 3], 0_u64);
    for pixel in card.as_raw().as_chunks::<3>().0 {
        if pixel
            .iter()
            .all(|level| (DARKEST..BRIGHTEST).contains(level))
        {
            counted += 1;
            for (sum, level) in sums.iter_mut().zip(pixel) {
                *sum += u64::from(*level);
            }
        }
    }
    let pixels = u64::from(card.width()) * u64::from(card.height());
    let share = counted as f64 / pixels.max(1) as f64;
    if share < LEAST_SHARE {
        return Err(NotWhite::Exposure { share });
    }
    let [red, green, blue] = sums.map(|sum| sum as f64);
    Ok(WhiteBalance {
        red: (green / red) as f32,
        green: 1.0,
        blue: (green / blue) as f32,
    })
}
