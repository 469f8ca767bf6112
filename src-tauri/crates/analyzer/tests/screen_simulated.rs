//! The screen on the simulated line: what the demo rests on.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::print_stderr, reason = "the figures are what the test is for")]

use image::{GrayImage, RgbImage};
use std::{collections::BTreeMap, time::Instant};
use wiko_analyzer::screen::{Screening, learn};
use wiko_camera::{render_part, simulated::can_show};
use wiko_core::{defect::DefectType, matching::LEAST_IOU, sku::ProductSku, stage::Stage};

/// As the camera gives it: with the sensor's noise, as JPEG.
fn captured(mut picture: RgbImage, seed: u64) -> GrayImage {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    for level in picture.iter_mut() {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let noise = (state % 7) as i16 - 3;
        *level = (i16::from(*level) + noise).clamp(0, 255) as u8;
    }
    let jpeg = wiko_imaging::encode_jpeg(&picture, 90).unwrap();
    let encoded = wiko_imaging::inspect(jpeg).unwrap();
    wiko_imaging::decode_luma(&encoded).unwrap()
}

#[derive(Default)]
struct Tally {
    good: u32,
    alarmed: u32,
    unfit: u32,
    planted: BTreeMap<String, [u32; 3]>,
    judged: u32,
    total_ms: f64,
}

impl Tally {
    /// Learns from the first good parts, then judges new good ones and one of each defect.
    fn run(&mut self, sku: &str, stage: Stage, learnt: u64, good: u64, each: u64) {
        let sku = ProductSku::new(sku).unwrap();
        let part = |seed: u64, defect: Option<DefectType>| {
            let (picture, truth) = render_part(&sku, stage, seed, defect);
            (captured(picture, seed), truth)
        };
        let model = learn(
            sku.clone(),
            stage,
            (1..=learnt).map(|seed| part(seed, None).0),
        )
        .unwrap();
        let alarmed_before = self.alarmed;
        for seed in 1000..1000 + good {
            self.good += 1;
            match self.judge(&model, part(seed, None).0) {
                Screening::Judged { found, .. } => self.alarmed += u32::from(!found.is_empty()),
                Screening::Unfit(_) => self.unfit += 1,
            }
        }
        eprintln!(
            "{sku} {stage}: scores {:.2?}, alarms {}",
            model.scores(),
            self.alarmed - alarmed_before
        );
        let types = DefectType::ALL
            .iter()
            .filter(|defect| can_show(stage, **defect));
        for defect in types {
            for seed in 2000..2000 + each {
                let (picture, truth) = part(seed, Some(*defect));
                let Some(truth) = truth.first() else { continue };
                let [planted, flagged, located] =
                    self.planted.entry(defect.to_string()).or_default();
                *planted += 1;
                let started = Instant::now();
                let screening = model.screen(picture);
                self.total_ms += started.elapsed().as_secs_f64() * 1000.0;
                self.judged += 1;
                if let Screening::Judged { found, .. } = screening {
                    *flagged += u32::from(!found.is_empty());
                    let hit = found
                        .iter()
                        .any(|found| found.box_px.iou(&truth.box_px) >= LEAST_IOU);
                    *located += u32::from(hit);
                } else {
                    *flagged += 1;
                }
            }
        }
    }

    fn judge(
        &mut self,
        model: &wiko_analyzer::screen::ScreenModel,
        picture: GrayImage,
    ) -> Screening {
        let started = Instant::now();
        let screening = model.screen(picture);
        self.total_ms += started.elapsed().as_secs_f64() * 1000.0;
        self.judged += 1;
        screening
    }

    fn print(&self) {
        eprintln!(
            "good parts: {} of {} alarmed, {} not fit; {:.1} ms a picture",
            self.alarmed,
            self.good,
            self.unfit,
            self.total_ms / f64::from(self.judged.max(1))
        );
        for (defect, [planted, flagged, located]) in &self.planted {
            eprintln!("{defect}: {planted} planted, {flagged} not passed, {located} located");
        }
    }
}

#[test]
fn on_the_simulated_line_good_parts_pass_and_planted_defects_do_not() {
    let mut tally = Tally::default();
    tally.run("WK-KN-200", Stage::BladeGlazing, 8, 4, 1);
    tally.print();
    assert_eq!(tally.alarmed, 0);
    assert_eq!(tally.unfit, 0);
    let (planted, flagged) = tally
        .planted
        .values()
        .fold((0, 0), |sum, [planted, flagged, _]| {
            (sum.0 + planted, sum.1 + flagged)
        });
    assert!(flagged * 10 >= planted * 7, "{flagged} of {planted}");
}

/// The figures of `docs/screen.md`; takes minutes.
#[test]
#[ignore = "takes minutes; run it to renew the figures"]
fn figures_of_the_simulated_line() {
    let mut tally = Tally::default();
    for (sku, stage) in [
        ("WK-KN-200", Stage::BladeStamp),
        ("WK-KN-200", Stage::BladeGlazing),
        ("WK-KN-150", Stage::RivetAssembly),
        ("WK-SC-200", Stage::HandlePolishing),
        ("WK-CI-280", Stage::Inspection),
    ] {
        tally.run(sku, stage, 12, 20, 3);
    }
    tally.print();
    assert!(tally.alarmed * 20 <= tally.good, "at most 5 % false alarms");
}
