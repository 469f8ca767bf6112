//! Draws what was found onto a picture: the evidence that is read without the station's window.

use crate::canvas::{Canvas, GLYPH_HEIGHT, GLYPH_WIDTH};
use embedded_graphics::{
    pixelcolor::Rgb888,
    prelude::*,
    primitives::{Circle, Line, PrimitiveStyle, PrimitiveStyleBuilder, Rectangle, StrokeAlignment},
};
use image::RgbImage;
use wiko_core::{analysis::Finding, defect::Severity, verdict::VerdictCode};

const DARK: Rgb888 = Rgb888::new(16, 18, 20);
const LIGHT: Rgb888 = Rgb888::new(245, 246, 247);

/// Draws each finding's box with its number, and below a line of text for each: number, type,
/// severity, confidence.
pub fn annotate(image: &mut RgbImage, findings: &[Finding]) {
    let scale = text_scale(image);
    let (width, height) = image.dimensions();
    let mut canvas = Canvas { image };
    for (index, finding) in findings.iter().enumerate() {
        // A finding that leaves the picture has no place on it; it still gets its line of text.
        if finding.box_px.lies_in(width, height) {
            draw_box(&mut canvas, finding, index + 1, scale);
        }
    }

    let margin = GLYPH_WIDTH * scale;
    let line_height = GLYPH_HEIGHT * scale + GLYPH_HEIGHT * scale / 5;
    let lines: Vec<_> = findings
        .iter()
        .enumerate()
        .map(|(index, finding)| (legend(index + 1, finding), color_of(finding.severity)))
        .collect();
    let Some(longest) = lines.iter().map(|(text, _)| text.len() as u32).max() else {
        return;
    };
    let panel_height = line_height * lines.len() as u32 + margin;
    let panel_top = height.saturating_sub(panel_height) as i32;
    let panel_width = (longest * GLYPH_WIDTH * scale + 3 * margin).min(width);
    canvas.shade(Point::new(0, panel_top), panel_width, panel_height);
    for (row, (text, color)) in lines.iter().enumerate() {
        let y = panel_top + (margin / 2 + row as u32 * line_height) as i32;
        let swatch = Rectangle::new(
            Point::new((margin / 2) as i32, y),
            Size::new(margin, GLYPH_HEIGHT * scale),
        );
        fill(&mut canvas, swatch, *color);
        canvas.text(text, Point::new(2 * margin as i32, y), LIGHT, scale);
    }
}

/// Draws the verdict as a strip along the top: colour, shape and word. What is not found good is never
/// green.
pub fn annotate_verdict(image: &mut RgbImage, verdict: VerdictCode) {
    let scale = text_scale(image) * 2;
    let width = image.width();
    let margin = GLYPH_WIDTH * scale;
    let side = GLYPH_HEIGHT * scale;
    let (color, ink, word) = match verdict {
        VerdictCode::Pass => (Rgb888::new(21, 128, 61), LIGHT, "PASS"),
        VerdictCode::Fail => (Rgb888::new(200, 30, 30), LIGHT, "FAIL"),
        VerdictCode::Undetermined => (
            Rgb888::new(250, 190, 30),
            DARK,
            "UNDETERMINED: a person has to look",
        ),
        VerdictCode::Pending => (Rgb888::new(71, 85, 105), LIGHT, "PENDING: no verdict yet"),
    };
    let mut canvas = Canvas { image };
    let strip = Rectangle::new(Point::zero(), Size::new(width, side + margin));
    fill(&mut canvas, strip, color);
    let at = Point::new(margin as i32, (margin / 2) as i32);
    draw_shape(&mut canvas, verdict, at, side, ink);
    let text_at = at + Point::new((side + margin) as i32, 0);
    canvas.text(word, text_at, ink, scale);
}

fn draw_box(canvas: &mut Canvas<'_>, finding: &Finding, number: usize, scale: u32) {
    let color = color_of(finding.severity);
    let stroke = (2 * scale).clamp(2, 4);
    let area = Rectangle::new(
        Point::new(signed(finding.box_px.x), signed(finding.box_px.y)),
        Size::new(finding.box_px.width, finding.box_px.height),
    );
    // The line runs outside the box, so that the defect itself is never covered; a dark line on either
    // side of it keeps it visible on bright steel.
    outline(canvas, area, DARK, 1);
    let first = area.offset(1);
    outline(canvas, first, color, stroke);
    outline(canvas, first.offset(signed(stroke)), DARK, 1);

    let number = number.to_string();
    let badge_size = Size::new(
        (number.len() as u32 + 1) * GLYPH_WIDTH * scale,
        GLYPH_HEIGHT * scale,
    );
    let corner = first.offset(signed(stroke)).top_left;
    let above = corner.y - signed(badge_size.height);
    let badge_at = if above >= 0 {
        Point::new(corner.x.max(0), above)
    } else {
        // No room above: below the box, so that the defect stays visible.
        Point::new(
            corner.x.max(0),
            area.top_left.y + signed(area.size.height) + 1,
        )
    };
    fill(canvas, Rectangle::new(badge_at, badge_size), color);
    let inset = Point::new(signed(GLYPH_WIDTH * scale / 2), 0);
    canvas.text(&number, badge_at + inset, ink_on(finding.severity), scale);
}

fn draw_shape(canvas: &mut Canvas<'_>, verdict: VerdictCode, at: Point, side: u32, ink: Rgb888) {
    let stroke = (side / 7).max(2);
    let point =
        |x: f32, y: f32| at + Point::new((x * side as f32) as i32, (y * side as f32) as i32);
    let mut lines = |corners: &[Point]| {
        for pair in corners.windows(2) {
            let style = PrimitiveStyle::with_stroke(ink, stroke);
            let Ok(()) = Line::new(pair[0], pair[1]).into_styled(style).draw(canvas);
        }
    };
    match verdict {
        VerdictCode::Pass => lines(&[point(0.1, 0.55), point(0.4, 0.85), point(0.9, 0.15)]),
        VerdictCode::Fail => {
            lines(&[point(0.1, 0.1), point(0.9, 0.9)]);
            lines(&[point(0.9, 0.1), point(0.1, 0.9)]);
        }
        VerdictCode::Undetermined => {
            lines(&[
                point(0.5, 0.05),
                point(0.95, 0.9),
                point(0.05, 0.9),
                point(0.5, 0.05),
            ]);
            lines(&[point(0.5, 0.4), point(0.5, 0.65)]);
        }
        VerdictCode::Pending => {
            lines(&[point(0.5, 0.2), point(0.5, 0.5), point(0.7, 0.6)]);
            let style = PrimitiveStyleBuilder::new()
                .stroke_color(ink)
                .stroke_width(stroke)
                .stroke_alignment(StrokeAlignment::Inside)
                .build();
            let Ok(()) = Circle::new(at, side).into_styled(style).draw(canvas);
        }
    }
}

fn legend(number: usize, finding: &Finding) -> String {
    let percent = (finding.confidence * 100.0).round();
    format!(
        "{number} {} {} {percent}%",
        finding.defect_type, finding.severity
    )
}

fn color_of(severity: Severity) -> Rgb888 {
    match severity {
        Severity::Critical => Rgb888::new(225, 29, 42),
        Severity::Major => Rgb888::new(249, 115, 22),
        Severity::Minor => Rgb888::new(250, 204, 21),
        Severity::Cosmetic => Rgb888::new(96, 165, 250),
    }
}

fn ink_on(severity: Severity) -> Rgb888 {
    match severity {
        Severity::Critical => LIGHT,
        Severity::Major | Severity::Minor | Severity::Cosmetic => DARK,
    }
}

fn outline(canvas: &mut Canvas<'_>, inner: Rectangle, color: Rgb888, stroke: u32) {
    let style = PrimitiveStyleBuilder::new()
        .stroke_color(color)
        .stroke_width(stroke)
        .stroke_alignment(StrokeAlignment::Outside)
        .build();
    let Ok(()) = inner.into_styled(style).draw(canvas);
}

fn fill(canvas: &mut Canvas<'_>, area: Rectangle, color: Rgb888) {
    let Ok(()) = area
        .into_styled(PrimitiveStyle::with_fill(color))
        .draw(canvas);
}

/// Text of a size that can still be read when the whole picture is shown in a window.
fn text_scale(image: &RgbImage) -> u32 {
    (image.width().max(image.height()) / 960).max(1)
}

fn signed(length: u32) -> i32 {
    i32::try_from(length).unwrap_or(i32::MAX)
}
