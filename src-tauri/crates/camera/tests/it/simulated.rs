use wiko_camera::{render_part, simulated::can_show};
use wiko_core::{defect::DefectType, sku::ProductSku, stage::Stage};

#[test]
#[ignore = "writes pictures to look at"]
fn gallery() {
    let Ok(folder) = std::env::var("WIKO_GALLERY_DIR") else {
        return;
    };
    std::fs::create_dir_all(&folder).unwrap();
    let save = |name: String, image: image::RgbImage| {
        let small = wiko_imaging::resize_rgb(&image, 960, 540).unwrap();
        small.save(format!("{folder}/{name}.png")).unwrap();
    };
    let knife = ProductSku::new("WK-KN-200").unwrap();
    for stage in Stage::ALL {
        let (image, _) = render_part(&knife, *stage, 7, None);
        save(format!("stage-{:02}-{stage}", *stage as u8 + 1), image);
    }
    for defect in DefectType::ALL {
        assert!(can_show(Stage::Inspection, *defect));
        let begun = std::time::Instant::now();
        let (image, found) = render_part(&knife, Stage::Inspection, 11, Some(*defect));
        println!("{defect} {:?} {found:?}", begun.elapsed());
        save(format!("defect-{defect}"), image);
    }
    for sku in [
        "WK-KN-150",
        "WK-KN-100",
        "WK-SC-200",
        "WK-CI-200",
        "WK-CI-280",
    ] {
        let sku = ProductSku::new(sku).unwrap();
        save(
            format!("sku-{sku}"),
            render_part(&sku, Stage::Inspection, 3, None).0,
        );
        save(
            format!("sku-{sku}-stamp"),
            render_part(&sku, Stage::BladeStamp, 3, None).0,
        );
    }
}
