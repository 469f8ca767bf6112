//! The plots of a study, as SVG that stands in the page: no script, no font file.

use super::figures::{AppraiserFigures, OutcomeCounts};
use plotters::{
    coord::Shift,
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};
use wiko_core::agreement::Calibration;

/// Colours that people who see red and green alike can tell apart, dark enough to be printed grey.
pub(super) const RIGHT: RGBColor = RGBColor(31, 111, 178);
pub(super) const WRONG: RGBColor = RGBColor(178, 34, 34);
pub(super) const UNDETERMINED: RGBColor = RGBColor(240, 173, 48);
pub(super) const NOT_ANSWERED: RGBColor = RGBColor(205, 209, 214);
const INK: RGBColor = RGBColor(28, 32, 38);
const LINES: RGBColor = RGBColor(190, 195, 202);

const FONT: &str = "sans-serif";
const LABELS_PX: i32 = 210;
const BARS_PX: i32 = 520;
const ROW_PX: i32 = 26;
const GAP_PX: i32 = 14;
/// Longer names are cut in a plot; tables show them whole.
const MOST_CHARACTERS: usize = 22;

/// A plot could not be drawn.
pub(super) type PlotError = Box<dyn std::error::Error + Send + Sync>;

type Canvas<'a> = DrawingArea<SVGBackend<'a>, Shift>;

fn drawn(
    size: (u32, u32),
    draw: impl FnOnce(&Canvas<'_>) -> Result<(), PlotError>,
) -> Result<String, PlotError> {
    let mut svg = String::new();
    {
        let canvas = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        draw(&canvas)?;
        canvas.present().map_err(failed)?;
    }
    Ok(svg)
}

fn failed(error: impl std::fmt::Display) -> PlotError {
    error.to_string().into()
}

fn written(size_px: i32, colour: RGBColor, x: HPos) -> TextStyle<'static> {
    let mut style = TextStyle::from((FONT, size_px).into_font());
    style.color = colour.to_backend_color();
    style.pos(Pos::new(x, VPos::Center))
}

/// A name that fits beside a bar.
fn short(name: &str) -> String {
    if name.chars().count() <= MOST_CHARACTERS {
        return name.to_owned();
    }
    let kept: String = name.chars().take(MOST_CHARACTERS - 1).collect();
    format!("{kept}…")
}

/// What the looks of each appraiser came to, at defective parts and at good ones, as shares of a bar. `words` names
/// the two kinds of parts.
pub(super) fn outcomes(
    appraisers: &[AppraiserFigures],
    words: (&str, &str),
) -> Result<String, PlotError> {
    let rows = i32::try_from(appraisers.len())?;
    let height = rows * (2 * ROW_PX + GAP_PX) + 30;
    let size = (
        u32::try_from(LABELS_PX + BARS_PX + 20)?,
        u32::try_from(height)?,
    );
    drawn(size, |canvas| {
        for tenth in 0..=10 {
            let x = LABELS_PX + BARS_PX * tenth / 10;
            let line = PathElement::new(vec![(x, 4), (x, height - 24)], LINES.stroke_width(1));
            canvas.draw(&line).map_err(failed)?;
            if tenth % 2 == 0 {
                let label = format!("{} %", tenth * 10);
                let style = written(12, INK, HPos::Center);
                let text = Text::new(label, (x, height - 12), style);
                canvas.draw(&text).map_err(failed)?;
            }
        }
        let mut top = GAP_PX / 2;
        for of in appraisers {
            let name = Text::new(
                short(&of.appraiser.name),
                (4, top + ROW_PX),
                written(14, INK, HPos::Left),
            );
            canvas.draw(&name).map_err(failed)?;
            bar(canvas, top, words.0, &of.on_defective, of.on_defective.fail)?;
            bar(canvas, top + ROW_PX, words.1, &of.on_good, of.on_good.pass)?;
            top += 2 * ROW_PX + GAP_PX;
        }
        Ok(())
    })
}

fn bar(
    canvas: &Canvas<'_>,
    top: i32,
    word: &str,
    counts: &OutcomeCounts,
    right: usize,
) -> Result<(), PlotError> {
    let middle = top + ROW_PX / 2;
    let label = Text::new(
        word.to_owned(),
        (LABELS_PX - 8, middle),
        written(12, INK, HPos::Right),
    );
    canvas.draw(&label).map_err(failed)?;
    let asked = counts.asked();
    let wrong = counts.answered() - counts.undetermined - right;
    let at = |count: usize| LABELS_PX + (count as f64 / asked as f64 * f64::from(BARS_PX)) as i32;
    let mut before = 0;
    for (count, colour, ink) in [
        (right, RIGHT, WHITE),
        (counts.undetermined, UNDETERMINED, INK),
        (wrong, WRONG, WHITE),
        (counts.not_answered, NOT_ANSWERED, INK),
    ] {
        if count == 0 {
            continue;
        }
        let (from, to) = (at(before), at(before + count));
        let piece = Rectangle::new([(from, top + 2), (to, top + ROW_PX - 2)], colour.filled());
        canvas.draw(&piece).map_err(failed)?;
        let number = count.to_string();
        if to - from > 9 * i32::try_from(number.len())? {
            let style = written(12, ink, HPos::Center);
            let text = Text::new(number, (i32::midpoint(from, to), middle), style);
            canvas.draw(&text).map_err(failed)?;
        }
        before += count;
    }
    Ok(())
}

/// How often findings of each confidence were right, with their 95 % intervals, beside the diagonal on which they
/// would be. `words` names the axes.
pub(super) fn reliability(of: &Calibration, words: (&str, &str)) -> Result<String, PlotError> {
    drawn((340, 320), |canvas| {
        let mut chart = ChartBuilder::on(canvas)
            .margin(8)
            .x_label_area_size(40)
            .y_label_area_size(46)
            .build_cartesian_2d(0.0..1.0, 0.0..1.0)
            .map_err(failed)?;
        chart
            .configure_mesh()
            .x_labels(6)
            .y_labels(6)
            .x_label_formatter(&|value| format!("{value:.1}"))
            .y_label_formatter(&|value| format!("{value:.1}"))
            .x_desc(words.0)
            .y_desc(words.1)
            .axis_desc_style((FONT, 13).into_font().color(&INK))
            .label_style((FONT, 12).into_font().color(&INK))
            .light_line_style(TRANSPARENT)
            .bold_line_style(LINES.mix(0.6))
            .axis_style(INK)
            .draw()
            .map_err(failed)?;
        let diagonal = PathElement::new(vec![(0.0, 0.0), (1.0, 1.0)], INK.mix(0.5).stroke_width(1));
        chart.draw_series([diagonal]).map_err(failed)?;
        let bins: Vec<_> = of
            .bins
            .iter()
            .filter_map(|bin| {
                let right = bin.right;
                Some((
                    bin.mean_confidence?,
                    right.share?,
                    right.low_95?,
                    right.high_95?,
                ))
            })
            .collect();
        let intervals = bins.iter().map(|(confidence, _, low, high)| {
            let ends = vec![(*confidence, *low), (*confidence, *high)];
            PathElement::new(ends, RIGHT.stroke_width(2))
        });
        chart.draw_series(intervals).map_err(failed)?;
        let points = bins
            .iter()
            .map(|(confidence, right, ..)| Circle::new((*confidence, *right), 5, RIGHT.filled()));
        chart.draw_series(points).map_err(failed)?;
        Ok(())
    })
}
