use super::{
    defect::{flaw, is_visible, region_of, severity_of},
    field::{HEIGHT, WIDTH},
    noise::Rng,
    render::{Pose, render},
    shape::shape_of,
};
use image::RgbImage;
use wiko_core::{
    defect::{DefectType, Region, Severity},
    geometry::BoxPx,
    sku::ProductSku,
    stage::Stage,
};

/// A change of fewer grey levels is nothing that a person could see; it is not part of the defect.
const VISIBLE_LEVELS: u8 = 4;

/// A defect that was put into a picture: the ground truth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SimulatedDefect {
    /// What it is.
    pub defect_type: DefectType,
    /// How bad.
    pub severity: Severity,
    /// Where on the product.
    pub region: Region,
    /// Encloses every pixel that the defect changed, and no row or column more.
    pub box_px: BoxPx,
}

/// True where that part of the product which the defect sits on can be seen at that stage.
pub fn can_show(stage: Stage, defect: DefectType) -> bool {
    is_visible(defect, stage)
}

/// Renders one part at 1920×1080, without the sensor's noise, with a defect or without. The same
/// arguments give the same pixels; a part with a defect differs from the one without in its box alone.
/// Where the defect cannot show at that stage the part is good, and no defect is returned.
pub fn render_part(
    sku: &ProductSku,
    stage: Stage,
    seed: u64,
    defect: Option<DefectType>,
) -> (RgbImage, Vec<SimulatedDefect>) {
    let Some(shape) = shape_of(sku.as_str()) else {
        return (RgbImage::new(WIDTH, HEIGHT), vec![]);
    };
    let pose = Pose::of(seed);
    let mut image = render(&shape, stage, &pose, None);
    let defect = defect.filter(|defect| can_show(stage, *defect));
    let Some((defect_type, flaw)) =
        defect.and_then(|defect| Some((defect, flaw(defect, &shape, seed)?)))
    else {
        return (image, vec![]);
    };
    let flawed = render(&shape, stage, &pose, Some(&flaw));
    let found = merge_visible(&mut image, &flawed).map(|box_px| SimulatedDefect {
        defect_type,
        severity: severity_of(defect_type, &mut Rng::new(seed, 0x5e7e)),
        region: region_of(defect_type, shape.kind),
        box_px,
    });
    (image, found.into_iter().collect())
}

/// Takes over each pixel that visibly differs, and returns the box around them.
fn merge_visible(image: &mut RgbImage, flawed: &RgbImage) -> Option<BoxPx> {
    let mut bounds: Option<(u32, u32, u32, u32)> = None;
    for (x, y, pixel) in image.enumerate_pixels_mut() {
        let other = flawed.get_pixel(x, y);
        let differs = pixel
            .0
            .iter()
            .zip(other.0)
            .any(|(a, b)| a.abs_diff(b) >= VISIBLE_LEVELS);
        if differs {
            *pixel = *other;
            let (left, top, right, bottom) = bounds.unwrap_or((x, y, x, y));
            bounds = Some((left.min(x), top.min(y), right.max(x), bottom.max(y)));
        }
    }
    bounds.map(|(left, top, right, bottom)| BoxPx {
        x: left,
        y: top,
        width: right - left + 1,
        height: bottom - top + 1,
    })
}
