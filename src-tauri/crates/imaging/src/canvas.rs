//! An RGB picture as a drawing surface, and text on it in whole multiples of the font's size.

use embedded_graphics::{
    Pixel,
    mono_font::{MonoTextStyle, ascii::FONT_10X20},
    pixelcolor::Rgb888,
    prelude::*,
    text::{Baseline, Text},
};
use image::{Rgb, RgbImage};
use std::convert::Infallible;

pub(crate) const GLYPH_WIDTH: u32 = 10;
pub(crate) const GLYPH_HEIGHT: u32 = 20;

/// What lies outside the picture is not drawn.
pub(crate) struct Canvas<'a> {
    pub(crate) image: &'a mut RgbImage,
}

impl OriginDimensions for Canvas<'_> {
    fn size(&self) -> Size {
        Size::new(self.image.width(), self.image.height())
    }
}

impl DrawTarget for Canvas<'_> {
    type Color = Rgb888;
    type Error = Infallible;

    fn draw_iter<I>(&mut self, pixels: I) -> Result<(), Infallible>
    where
        I: IntoIterator<Item = Pixel<Rgb888>>,
    {
        for Pixel(point, color) in pixels {
            self.set(point.x, point.y, color);
        }
        Ok(())
    }
}

impl Canvas<'_> {
    fn set(&mut self, x: i32, y: i32, color: Rgb888) {
        let (Ok(x), Ok(y)) = (u32::try_from(x), u32::try_from(y)) else {
            return;
        };
        if let Some(pixel) = self.image.get_pixel_mut_checked(x, y) {
            *pixel = Rgb([color.r(), color.g(), color.b()]);
        }
    }

    /// Writes ASCII, each dot of the font `scale` pixels wide, with its top left corner at `at`.
    pub(crate) fn text(&mut self, text: &str, at: Point, color: Rgb888, scale: u32) {
        let style = MonoTextStyle::new(&FONT_10X20, color);
        let mut dots = Dots {
            canvas: self,
            at,
            scale: scale.max(1) as i32,
        };
        let Ok(_) = Text::with_baseline(text, Point::zero(), style, Baseline::Top).draw(&mut dots);
    }

    /// Darkens a rectangle, so that light text on it can be read.
    pub(crate) fn shade(&mut self, at: Point, width: u32, height: u32) {
        let (left, top) = (at.x.max(0) as u32, at.y.max(0) as u32);
        let right = left.saturating_add(width).min(self.image.width());
        let bottom = top.saturating_add(height).min(self.image.height());
        for y in top..bottom {
            for x in left..right {
                let pixel = self.image.get_pixel_mut(x, y);
                pixel.0 = pixel.0.map(|value| value / 4);
            }
        }
    }
}

/// Draws each dot as a square of pixels.
struct Dots<'c, 'a> {
    canvas: &'c mut Canvas<'a>,
    at: Point,
    scale: i32,
}

impl Dimensions for Dots<'_, '_> {
    fn bounding_box(&self) -> embedded_graphics::primitives::Rectangle {
        self.canvas.bounding_box()
    }
}

impl DrawTarget for Dots<'_, '_> {
    type Color = Rgb888;
    type Error = Infallible;

    fn draw_iter<I>(&mut self, pixels: I) -> Result<(), Infallible>
    where
        I: IntoIterator<Item = Pixel<Rgb888>>,
    {
        for Pixel(point, color) in pixels {
            for dy in 0..self.scale {
                for dx in 0..self.scale {
                    let x = self.at.x + point.x * self.scale + dx;
                    let y = self.at.y + point.y * self.scale + dy;
                    self.canvas.set(x, y, color);
                }
            }
        }
        Ok(())
    }
}
