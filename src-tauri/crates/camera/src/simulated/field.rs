//! Masks of shapes over a part of the frame, and their blurs.

use tiny_skia::{FillRule, Mask, Path, Transform};

pub(crate) const WIDTH: u32 = 1920;
pub(crate) const HEIGHT: u32 = 1080;

/// How much of each pixel a shape covers, 0 to 1, over the rectangle that holds it.
#[derive(Debug, Clone)]
pub(crate) struct Field {
    pub(crate) left: i32,
    pub(crate) top: i32,
    pub(crate) width: i32,
    pub(crate) height: i32,
    data: Vec<f32>,
}

impl Field {
    /// The shape as the frame sees it, with `margin` pixels around for blurs. Empty where nothing of it
    /// is in the frame.
    pub(crate) fn of(path: &Path, rule: FillRule, transform: Transform, margin: i32) -> Self {
        let empty = Self {
            left: 0,
            top: 0,
            width: 0,
            height: 0,
            data: vec![],
        };
        let (Some(moved), Some(mut mask)) =
            (path.clone().transform(transform), Mask::new(WIDTH, HEIGHT))
        else {
            return empty;
        };
        let bounds = moved.bounds();
        let left = (bounds.left().floor() as i32 - margin).max(0);
        let top = (bounds.top().floor() as i32 - margin).max(0);
        let right = (bounds.right().ceil() as i32 + margin).min(WIDTH as i32);
        let bottom = (bounds.bottom().ceil() as i32 + margin).min(HEIGHT as i32);
        if left >= right || top >= bottom {
            return empty;
        }
        mask.fill_path(&moved, rule, true, Transform::identity());
        let mut data = Vec::with_capacity(((right - left) * (bottom - top)) as usize);
        for y in top..bottom {
            let row = y as usize * WIDTH as usize;
            let pixels = &mask.data()[row + left as usize..row + right as usize];
            data.extend(pixels.iter().map(|value| f32::from(*value) / 255.0));
        }
        Self {
            left,
            top,
            width: right - left,
            height: bottom - top,
            data,
        }
    }

    /// 0 outside.
    pub(crate) fn at(&self, x: i32, y: i32) -> f32 {
        let (column, row) = (x - self.left, y - self.top);
        if column < 0 || row < 0 || column >= self.width || row >= self.height {
            return 0.0;
        }
        self.data[(row * self.width + column) as usize]
    }

    /// Takes `other` away.
    pub(crate) fn subtract(&mut self, other: &Field) {
        let (left, top, width) = (self.left, self.top, self.width);
        for (index, value) in self.data.iter_mut().enumerate() {
            let (column, row) = (index as i32 % width, index as i32 / width);
            *value *= 1.0 - other.at(left + column, top + row);
        }
    }

    /// Two passes of a box blur: close to a tent.
    pub(crate) fn blurred(&self, radius: i32) -> Field {
        let mut blurred = self.clone();
        for _ in 0..2 {
            blurred.blur_rows(radius);
            blurred.blur_columns(radius);
        }
        blurred
    }

    fn blur_rows(&mut self, radius: i32) {
        let width = self.width as usize;
        if width == 0 {
            return;
        }
        let mut line = vec![0.0; width];
        for row in self.data.chunks_exact_mut(width) {
            line.copy_from_slice(row);
            box_blur(&line, row.iter_mut(), radius as usize);
        }
    }

    fn blur_columns(&mut self, radius: i32) {
        let (width, height) = (self.width as usize, self.height as usize);
        let mut line = vec![0.0; height];
        for column in 0..width {
            for (row, value) in line.iter_mut().enumerate() {
                *value = self.data[row * width + column];
            }
            let out = self.data[column..].iter_mut().step_by(width);
            box_blur(&line, out, radius as usize);
        }
    }
}

/// Running mean over `2 * radius + 1`; 0 beyond the ends.
fn box_blur<'a>(line: &[f32], out: impl Iterator<Item = &'a mut f32>, radius: usize) {
    let share = 1.0 / (2 * radius + 1) as f32;
    let mut sum: f32 = line.iter().take(radius).sum();
    for (index, value) in out.enumerate() {
        sum += line.get(index + radius).copied().unwrap_or(0.0);
        *value = sum * share;
        if let Some(past) = index.checked_sub(radius) {
            sum -= line[past];
        }
    }
}
