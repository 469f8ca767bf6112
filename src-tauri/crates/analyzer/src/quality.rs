//! The one gate before every analyzer: a picture that shows too little is for a person, whoever would be asked.

use image::GrayImage;
use wiko_core::{
    ports::{AnalysisError, Language},
    verdict::UndeterminedReason,
};
use wiko_imaging::{QualityFault, quality_fault};

/// No camera that looks at parts gives fewer pixels an edge.
const LEAST_EDGE_PX: u32 = 32;

/// Refuses a picture that nobody could judge, and says what to do about it.
pub(crate) fn refuse_unfit(luma: &GrayImage, language: Language) -> Result<(), AnalysisError> {
    if luma.width().min(luma.height()) < LEAST_EDGE_PX {
        return Err(unfit(match language {
            Language::En => {
                "the picture has too few pixels: check the camera's region of interest and binning, then capture the \
                 part again"
            }
            Language::ZhCn => "画面像素太少：请检查相机的感兴趣区域和像素合并设置，然后重新拍摄",
        }));
    }
    match quality_fault(luma) {
        None => Ok(()),
        Some(fault) => Err(unfit(what_to_do(fault, language))),
    }
}

fn unfit(what_to_do: &str) -> AnalysisError {
    AnalysisError::Unusable {
        reason: UndeterminedReason::ImageUnfit,
        detail: what_to_do.to_owned(),
    }
}

fn what_to_do(fault: QualityFault, language: Language) -> &'static str {
    match (fault, language) {
        (QualityFault::Dark, Language::En) => {
            "the picture is nearly black: check the lamp and the lens cap, then capture the part again"
        }
        (QualityFault::Dark, Language::ZhCn) => "画面几乎全黑：请检查光源和镜头盖，然后重新拍摄",
        (QualityFault::Clipped, Language::En) => {
            "the picture is white nearly all over: lower the exposure or the lamp, then capture the part again"
        }
        (QualityFault::Clipped, Language::ZhCn) => {
            "画面几乎全白：请降低曝光或光源亮度，然后重新拍摄"
        }
        (QualityFault::Flat, Language::En) => {
            "the picture is the same grey all over: check that nothing covers the lens, then capture the part again"
        }
        (QualityFault::Flat, Language::ZhCn) => {
            "画面一片均匀，没有内容：请检查镜头是否被遮挡，然后重新拍摄"
        }
        (QualityFault::Blurred, Language::En) => {
            "nothing in the picture is sharp: check the focus and that the lens is clean, then capture the part again"
        }
        (QualityFault::Blurred, Language::ZhCn) => {
            "画面中没有清晰的边缘：请检查对焦和镜头是否清洁，然后重新拍摄"
        }
    }
}
