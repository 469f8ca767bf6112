use super::{
    noise::Rng,
    part::{SimulatedDefect, can_show, render_part},
};
use crate::pacing::{Pacer, Pacing};
use image::RgbImage;
use std::{collections::VecDeque, sync::Arc, thread::JoinHandle, time::Duration};
use wiko_core::{
    camera::{CameraId, Frame, FramePicture},
    defect::DefectType,
    geometry::BoxPx,
    ports::{Camera, CameraError, Clock},
    sku::ProductSku,
    stage::Stage,
};
use wiko_imaging::{JpegEncoder, inspect_trusted};

const QUALITY: u8 = 88;
/// Frames in which the next part moves in.
const SLIDE_FRAMES: u64 = 10;
/// How many frames' ground truth is kept: a minute at 30 frames a second.
const TRUTHS_KEPT: usize = 1800;

/// What the simulated camera looks at.
#[derive(Debug, Clone)]
pub struct SimulatedCameraConfig {
    /// Its name.
    pub id: CameraId,
    /// The product.
    pub sku: ProductSku,
    /// Where in the making.
    pub stage: Stage,
    /// Everything follows from it.
    pub seed: u64,
    /// The share of parts with a defect, 0 to 1.
    pub defect_rate: f32,
    /// The defects to choose from; empty: those usual at the stage.
    pub defects: Vec<DefectType>,
    /// Frames for which a part stays in view.
    pub part_period: u64,
    /// How fast frames come.
    pub pacing: Pacing,
}

impl SimulatedCameraConfig {
    /// The demo: 30 frames a second, a new part every three seconds, one in four with a defect.
    pub fn demo(sku: ProductSku, stage: Stage, seed: u64) -> Self {
        Self {
            id: CameraId("simulated".to_owned()),
            sku,
            stage,
            seed,
            defect_rate: 0.25,
            defects: vec![],
            part_period: 90,
            pacing: Pacing::Fps(30.0),
        }
    }

    /// The part of that number: its picture and what is wrong with it.
    pub fn part(&self, number: u64) -> SimulatedPart {
        let seed = self.seed.wrapping_mul(0x0100_0000_01b3) ^ number;
        let mut rng = Rng::new(seed, 0x9a27);
        let defective = rng.unit() < self.defect_rate;
        let choice = self.choice();
        let defect = (defective && !choice.is_empty()).then(|| choice[rng.below(choice.len())]);
        let (image, defects) = render_part(&self.sku, self.stage, seed, defect);
        SimulatedPart { image, defects }
    }

    fn choice(&self) -> Vec<DefectType> {
        let all = || DefectType::ALL.iter().copied();
        let showing = |defect: &DefectType| can_show(self.stage, *defect);
        if !self.defects.is_empty() {
            return self.defects.iter().copied().filter(showing).collect();
        }
        let usual: Vec<_> = all()
            .filter(|defect| defect.usual_stages().contains(&self.stage) && showing(defect))
            .collect();
        // Where nothing is usual, at the last looks, everything can turn up.
        if usual.is_empty() {
            all().filter(showing).collect()
        } else {
            usual
        }
    }
}

/// One part as it lies still under the camera.
#[derive(Debug, Clone)]
pub struct SimulatedPart {
    /// Without the sensor's noise.
    pub image: RgbImage,
    /// What is wrong with it.
    pub defects: Vec<SimulatedDefect>,
}

/// A camera over the simulated line.
pub struct SimulatedCamera {
    config: SimulatedCameraConfig,
    clock: Arc<dyn Clock>,
    pacer: Pacer,
    encoder: JpegEncoder,
    previous: Option<SimulatedPart>,
    current: SimulatedPart,
    number: u64,
    /// The next part, rendered meanwhile: a part takes longer than a frame may.
    coming: Option<JoinHandle<SimulatedPart>>,
    noise: Vec<i8>,
    frame: Vec<u8>,
    sequence: u64,
    truths: VecDeque<(u64, Vec<SimulatedDefect>)>,
}

impl SimulatedCamera {
    /// Renders the first part and begins with the second.
    pub fn open(config: SimulatedCameraConfig, clock: Arc<dyn Clock>) -> Result<Self, CameraError> {
        let lost = |reason: String| CameraError::failed(reason);
        let encoder = JpegEncoder::new(QUALITY).map_err(|error| lost(error.to_string()))?;
        let current = config.part(0);
        let mut rng = Rng::new(config.seed, 0x6e01);
        // The sum of four dice: close enough to a sensor's noise of 2 grey levels.
        let noise = (0..current.image.as_raw().len() + 65_536)
            .map(|_| {
                let dice = rng.next();
                let sum: i32 = (0..4).map(|die| ((dice >> (die * 8)) & 0xff) as i32).sum();
                ((sum - 510) / 74) as i8
            })
            .collect();
        let frame = vec![0; current.image.as_raw().len()];
        let mut camera = Self {
            pacer: Pacer::new(config.pacing),
            config,
            clock,
            encoder,
            previous: None,
            current,
            number: 0,
            coming: None,
            noise,
            frame,
            sequence: 0,
            truths: VecDeque::new(),
        };
        camera.render_ahead()?;
        Ok(camera)
    }

    /// What is wrong with the part in that frame, with the boxes where that frame shows them; nothing
    /// for a frame that was never given or is older than a minute.
    pub fn truth_of(&self, frame_sequence: u64) -> &[SimulatedDefect] {
        self.truths
            .iter()
            .rev()
            .find(|(sequence, _)| *sequence == frame_sequence)
            .map_or(&[], |(_, defects)| defects)
    }

    /// The part of that number, apart from the stream.
    pub fn part(&self, number: u64) -> SimulatedPart {
        self.config.part(number)
    }

    fn render_ahead(&mut self) -> Result<(), CameraError> {
        let (config, number) = (self.config.clone(), self.number + 1);
        let thread = std::thread::Builder::new()
            .name("simulated-part".to_owned())
            .spawn(move || config.part(number))
            .map_err(|error| {
                CameraError::failed(format!("no thread for the next part: {error}"))
            })?;
        self.coming = Some(thread);
        Ok(())
    }

    fn advance(&mut self) -> Result<(), CameraError> {
        let next = match self.coming.take().map(JoinHandle::join) {
            Some(Ok(part)) => part,
            Some(Err(_)) | None => self.config.part(self.number + 1),
        };
        self.previous = Some(std::mem::replace(&mut self.current, next));
        self.number += 1;
        self.render_ahead()
    }

    /// Columns of the part before that are still in view while the new one moves in from the right.
    fn still_in_view(&self, in_part: u64) -> usize {
        let width = u64::from(self.current.image.width());
        if self.previous.is_none() || in_part >= SLIDE_FRAMES {
            return 0;
        }
        // Brakes towards the end, as a belt does.
        let left = SLIDE_FRAMES - in_part;
        (width * left * left / (SLIDE_FRAMES * SLIDE_FRAMES)) as usize
    }

    fn fill_frame(&mut self, old_columns: usize) {
        let row_bytes = self.current.image.width() as usize * 3;
        let old_bytes = old_columns * 3;
        let mut rng = Rng::new(self.config.seed, self.sequence ^ 0xf4a3e);
        let mut noise = &self.noise[rng.below(65_536)..];
        let current = self.current.image.as_raw().chunks_exact(row_bytes);
        let previous = self.previous.as_ref().map(|part| part.image.as_raw());
        for (row, (out, new)) in self
            .frame
            .chunks_exact_mut(row_bytes)
            .zip(current)
            .enumerate()
        {
            let (left, right) = out.split_at_mut(old_bytes);
            if let Some(previous) = previous {
                let old = &previous[row * row_bytes..(row + 1) * row_bytes];
                add(left, &old[row_bytes - old_bytes..], noise);
            }
            add(right, &new[..row_bytes - old_bytes], &noise[old_bytes..]);
            noise = &noise[row_bytes..];
        }
    }

    fn truth(&self, old_columns: u32) -> Vec<SimulatedDefect> {
        let width = self.current.image.width();
        let leaving = self
            .previous
            .iter()
            .flat_map(|part| &part.defects)
            .filter_map(|defect| {
                shifted(
                    defect,
                    i64::from(old_columns) - i64::from(width),
                    old_columns,
                    0,
                )
            });
        let here = self
            .current
            .defects
            .iter()
            .filter_map(|defect| shifted(defect, i64::from(old_columns), width, old_columns));
        leaving.chain(here).collect()
    }
}

impl Camera for SimulatedCamera {
    fn id(&self) -> &CameraId {
        &self.config.id
    }

    fn next_frame(&mut self, timeout: Duration) -> Result<Frame, CameraError> {
        if !self.pacer.wait(timeout) {
            return Err(CameraError::Timeout {
                waited_ms: timeout.as_millis() as u64,
            });
        }
        let exposed_at = self.clock.now();
        let in_part = self.sequence % self.config.part_period.max(SLIDE_FRAMES + 1);
        if in_part == 0 && self.sequence > 0 {
            self.advance()?;
        }
        let old_columns = self.still_in_view(in_part);
        self.fill_frame(old_columns);
        let (width, height) = self.current.image.dimensions();
        let lost = |error: wiko_imaging::ImageRefused| CameraError::failed(error);
        let jpeg = self
            .encoder
            .encode_rows(
                &self.frame,
                width as usize,
                height as usize,
                width as usize * 3,
            )
            .map_err(lost)?;
        let image = inspect_trusted(jpeg).map_err(lost)?;
        let sequence = self.sequence;
        self.sequence += 1;
        if self.truths.len() == TRUTHS_KEPT {
            self.truths.pop_front();
        }
        self.truths
            .push_back((sequence, self.truth(old_columns as u32)));
        Ok(Frame {
            sequence,
            exposed_at,
            camera: self.config.id.clone(),
            picture: FramePicture::Encoded(image),
            faults: Vec::new(),
            invalid_rows: Vec::new(),
        })
    }
}

fn add(out: &mut [u8], pixels: &[u8], noise: &[i8]) {
    for ((out, pixel), noise) in out.iter_mut().zip(pixels).zip(noise) {
        *out = pixel.saturating_add_signed(*noise);
    }
}

/// The defect moved across by `by`, cut to the columns from `from` until before `until`.
fn shifted(defect: &SimulatedDefect, by: i64, until: u32, from: u32) -> Option<SimulatedDefect> {
    let left = (i64::from(defect.box_px.x) + by).max(i64::from(from));
    let right = i64::from(defect.box_px.x + defect.box_px.width) + by;
    let right = right.min(i64::from(until));
    let width = u32::try_from(right - left)
        .ok()
        .filter(|width| *width > 0)?;
    Some(SimulatedDefect {
        box_px: BoxPx {
            x: u32::try_from(left).ok()?,
            width,
            ..defect.box_px
        },
        ..defect.clone()
    })
}
