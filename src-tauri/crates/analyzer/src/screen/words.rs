//! What the screen says to people, in their language.

use super::detect::Unfit;
use wiko_core::ports::Language;

pub(super) fn summary(findings: usize, language: Language) -> String {
    match (findings, language) {
        (0, Language::ZhCn) => "本地筛查：与良品一致，未发现差异。".to_owned(),
        (0, Language::En) => "Local screen: like the good parts, no difference found.".to_owned(),
        (n, Language::ZhCn) => format!("本地筛查：发现 {n} 处与良品不同，请人工确认。"),
        (1, Language::En) => {
            "Local screen: 1 place differs from the good parts; a person has to look.".to_owned()
        }
        (n, Language::En) => {
            format!("Local screen: {n} places differ from the good parts; a person has to look.")
        }
    }
}

pub(super) fn finding(language: Language) -> String {
    match language {
        Language::ZhCn => "此处与良品不同，类型未知",
        Language::En => "Differs from the good parts here; of what kind is not known",
    }
    .to_owned()
}

pub(super) fn unfit(unfit: Unfit, learnt_px: (u32, u32), language: Language) -> String {
    let (width, height) = learnt_px;
    match (unfit, language) {
        (Unfit::OtherSize, Language::ZhCn) => format!(
            "图像尺寸与学习时不同（应为 {width}×{height}）：请恢复相机设置，或重新学习。"
        ),
        (Unfit::OtherSize, Language::En) => format!(
            "The picture has another size than learnt ({width}×{height}): set the camera back, or learn again."
        ),
        (unfit, Language::ZhCn) => match unfit {
            Unfit::NotFound => "图中未找到该零件：请检查产品型号、夹具和镜头。",
            Unfit::OutOfPlace => "零件偏离位置过大：请重新放入夹具后再拍。",
            Unfit::OtherLight => "亮度与学习时相差过大：请检查光源和曝光。",
            Unfit::Blurred => "图像模糊：请检查对焦和镜头是否清洁。",
            Unfit::Aged => "零件表面整体已变化：请用新的良品图像重新学习。",
            Unfit::OtherPart | Unfit::OtherSize => "大部分区域与学习的良品不同：请检查产品型号和工序。",
        }
        .to_owned(),
        (unfit, Language::En) => match unfit {
            Unfit::NotFound => {
                "The part was not found in the picture: check the SKU, the fixture and the lens."
            }
            Unfit::OutOfPlace => {
                "The part lies too far out of its place: put it into the fixture again and take a new picture."
            }
            Unfit::OtherLight => {
                "The light is far from what was learnt: check the lamp and the exposure."
            }
            Unfit::Blurred => "The picture is blurred: check the focus and that the lens is clean.",
            Unfit::Aged => {
                "The surface as a whole has changed since it was learnt: learn again from new good parts."
            }
            Unfit::OtherPart | Unfit::OtherSize => {
                "Most of it differs from the good parts that were learnt: check the SKU and the stage."
            }
        }
        .to_owned(),
    }
}
