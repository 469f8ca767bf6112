//! Defects of every type, drawn as they look under the inspection light.

use super::noise::{Rng, cloud, mix, smoothstep, value};
use super::shape::{Kind, Shape};
use tiny_skia::{Path, PathBuilder};
use wiko_core::{
    defect::{DefectType, Region, Severity},
    stage::Stage,
};

pub(crate) type Paint = Box<dyn Fn(f32, f32, [f32; 3]) -> [f32; 3] + Send>;

/// Which part of the product a defect is painted on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    Body,
    Handle,
    Bolster,
}

/// What a defect does to the picture.
pub(crate) enum Flaw {
    /// Takes a piece of the body away; the background shows.
    Cut(Path),
    /// Moves a rivet.
    Rivet { index: usize, dx: f32, dy: f32 },
    /// Changes colours, in the product's own coordinates.
    Paint(Target, Paint),
}

/// True where the part of the product that the defect sits on is there at that stage.
pub(crate) fn is_visible(defect: DefectType, stage: Stage) -> bool {
    let from = match defect {
        DefectType::HandleCrack | DefectType::HandleDiscoloration => Stage::HandleInjection,
        DefectType::AssemblyMisalignment => Stage::RivetAssembly,
        DefectType::WeldDefect => Stage::BolsterWelding,
        _ => Stage::BladeStamp,
    };
    stage >= from
}

pub(crate) fn severity_of(defect: DefectType, rng: &mut Rng) -> Severity {
    let usual = match defect {
        DefectType::BladeScratch | DefectType::PolishDefect | DefectType::Unknown => {
            Severity::Minor
        }
        DefectType::HandleDiscoloration | DefectType::SurfaceContamination => Severity::Cosmetic,
        _ => Severity::Major,
    };
    let worse = match usual {
        Severity::Cosmetic if rng.unit() > 0.6 => Severity::Minor,
        Severity::Minor if rng.unit() > 0.6 => Severity::Major,
        same => same,
    };
    worse.max(defect.least_severity())
}

pub(crate) fn region_of(defect: DefectType, kind: Kind) -> Region {
    match defect {
        DefectType::BladeChip | DefectType::EdgeIrregularity => Region::BladeEdge,
        DefectType::DimensionalError if kind == Kind::CastIron => Region::BladeEdge,
        DefectType::DimensionalError => Region::Tip,
        DefectType::WeldDefect => Region::Bolster,
        DefectType::AssemblyMisalignment
        | DefectType::HandleCrack
        | DefectType::HandleDiscoloration => Region::HandleLeft,
        _ => Region::BladeSurface,
    }
}

/// Puts a defect somewhere on the product.
pub(crate) fn flaw(defect: DefectType, shape: &Shape, seed: u64) -> Option<Flaw> {
    let mut rng = Rng::new(seed, 0xdefec7);
    let texture = rng.next() as u32;
    let body = |paint| Some(Flaw::Paint(Target::Body, paint));
    let mut on = |area: (f32, f32, f32, f32), inset: f32| {
        let inset_x = inset.min(area.2 * 0.4);
        let inset_y = inset.min(area.3 * 0.4);
        (
            rng.between(area.0 + inset_x, area.0 + area.2 - inset_x),
            rng.between(area.1 + inset_y, area.1 + area.3 - inset_y),
        )
    };
    match defect {
        DefectType::RustSpot => {
            let at = on(shape.surface, 34.0);
            body(rust(at, rng.between(16.0, 30.0), texture))
        }
        DefectType::BladeScratch => {
            let at = on(shape.surface, 60.0);
            body(scratch(
                at,
                rng.between(90.0, 190.0),
                rng.between(-0.5, 0.5),
            ))
        }
        DefectType::PolishDefect => {
            let at = on(shape.surface, 60.0);
            body(haze(at, rng.between(60.0, 100.0), texture))
        }
        DefectType::HeatTreatmentDefect => {
            let at = on(shape.surface, 60.0);
            body(temper_colours(at, rng.between(52.0, 80.0), texture))
        }
        DefectType::SurfaceContamination => {
            let at = on(shape.surface, 60.0);
            body(smear(
                at,
                rng.between(60.0, 100.0),
                rng.between(-0.5, 0.5),
                texture,
            ))
        }
        DefectType::Unknown => {
            let at = on(shape.surface, 40.0);
            body(ring_stain(at, rng.between(24.0, 36.0), texture))
        }
        DefectType::HandleCrack => {
            let at = on(shape.grip, 50.0);
            let length = rng.between(70.0, 120.0);
            Some(Flaw::Paint(Target::Handle, crack(at, length, texture)))
        }
        DefectType::HandleDiscoloration => {
            let at = on(shape.grip, 50.0);
            let radius = rng.between(34.0, 56.0);
            Some(Flaw::Paint(Target::Handle, faded(at, radius, texture)))
        }
        DefectType::WeldDefect => {
            let pores = (0..9)
                .map(|_| {
                    let (x, y) = on(shape.joint, 10.0);
                    (x, y)
                })
                .collect::<Vec<_>>();
            Some(Flaw::Paint(Target::Bolster, porosity(pores, texture)))
        }
        DefectType::AssemblyMisalignment => {
            let index = rng.below(shape.rivets.len());
            let down = if rng.unit() > 0.5 { 1.0 } else { -1.0 };
            Some(Flaw::Rivet {
                index,
                dx: rng.between(-6.0, 6.0),
                dy: down * rng.between(12.0, 17.0),
            })
        }
        DefectType::BladeChip => chip(shape, &mut rng).map(Flaw::Cut),
        DefectType::EdgeIrregularity => waves(shape, &mut rng).map(Flaw::Cut),
        DefectType::DimensionalError => short(shape, &mut rng).map(Flaw::Cut),
    }
}

fn distance(u: f32, v: f32, at: (f32, f32)) -> f32 {
    (u - at.0).hypot(v - at.1)
}

fn blend(from: [f32; 3], to: [f32; 3], share: f32) -> [f32; 3] {
    [0, 1, 2].map(|channel| mix(from[channel], to[channel], share))
}

fn rust(at: (f32, f32), radius: f32, seed: u32) -> Paint {
    Box::new(move |u, v, color| {
        let far = distance(u, v, at) / radius;
        let lobes = cloud(u * 0.055, v * 0.055, seed) * 0.85 + cloud(u * 0.2, v * 0.2, seed) * 0.2;
        let bloom = smoothstep(0.18, 0.42, 1.0 - far / 1.35 + lobes) * smoothstep(1.7, 1.25, far);
        // Pits around the main spot.
        let pits =
            smoothstep(0.48, 0.62, cloud(u * 0.16, v * 0.16, seed ^ 9)) * smoothstep(2.1, 1.2, far);
        let cover = bloom.max(pits);
        let grain = cloud(u * 0.35, v * 0.35, seed ^ 3);
        let brown = [
            112.0 + grain * 48.0,
            60.0 + grain * 30.0,
            28.0 + grain * 16.0,
        ];
        blend(color, brown, cover * 0.93)
    })
}

fn scratch(at: (f32, f32), length: f32, angle: f32) -> Paint {
    let (cos, sin) = (angle.cos(), angle.sin());
    Box::new(move |u, v, color| {
        let (du, dv) = (u - at.0, v - at.1);
        let along = du * cos + dv * sin;
        let across = -du * sin + dv * cos + (along * 0.02).sin() * 1.6;
        let fade = smoothstep(length * 0.5, length * 0.38, along.abs());
        let groove = fade * smoothstep(1.9, 0.5, across.abs());
        let shadow = fade * smoothstep(1.8, 0.4, (across - 2.6).abs());
        let dark = blend(color, [52.0, 54.0, 58.0], shadow * 0.7);
        blend(dark, [252.0, 252.0, 250.0], groove * 0.92)
    })
}

fn haze(at: (f32, f32), radius: f32, seed: u32) -> Paint {
    Box::new(move |u, v, color| {
        let far = ((u - at.0) / radius).hypot((v - at.1) / (radius * 0.52));
        let cover = smoothstep(1.05, 0.7, far + cloud(u * 0.03, v * 0.03, seed) * 0.3);
        let swirl = value((u + v) * 0.28, (u - v) * 0.05, seed ^ 5) * 14.0;
        let swirl = swirl + value((u - v) * 0.3, (u + v) * 0.05, seed ^ 6) * 12.0;
        let grey = color.iter().sum::<f32>() / 3.0;
        let milky = mix(grey, 148.0, 0.75) + swirl;
        let milky = if grey > 150.0 {
            milky - 34.0
        } else {
            milky + 42.0
        };
        blend(color, [milky, milky, milky * 0.99], cover * 0.85)
    })
}

fn temper_colours(at: (f32, f32), radius: f32, seed: u32) -> Paint {
    // From the middle outwards: grey blue, purple, brown, straw.
    const COLOURS: [[f32; 3]; 5] = [
        [96.0, 128.0, 176.0],
        [84.0, 72.0, 158.0],
        [146.0, 76.0, 110.0],
        [186.0, 128.0, 62.0],
        [204.0, 176.0, 110.0],
    ];
    Box::new(move |u, v, color| {
        let far = ((u - at.0) / (radius * 1.25)).hypot((v - at.1) / (radius * 0.72))
            + cloud(u * 0.02, v * 0.02, seed) * 0.25;
        let cover = smoothstep(1.0, 0.72, far);
        let place = (far.clamp(0.0, 0.999) * 4.0).max(0.0);
        let index = place as usize;
        let tint = blend(COLOURS[index], COLOURS[(index + 1).min(4)], place.fract());
        let shade = (color.iter().sum::<f32>() / 3.0 / 150.0).clamp(0.55, 1.3);
        blend(color, tint.map(|channel| channel * shade), cover * 0.62)
    })
}

fn smear(at: (f32, f32), length: f32, angle: f32, seed: u32) -> Paint {
    let (cos, sin) = (angle.cos(), angle.sin());
    Box::new(move |u, v, color| {
        let (du, dv) = (u - at.0, v - at.1);
        let along = (du * cos + dv * sin) / length;
        let across = (-du * sin + dv * cos) / (length * 0.26);
        let streaks = value(across * 5.0, along * 1.2, seed) * 0.35;
        let cover = smoothstep(1.0, 0.45, along.hypot(across) + streaks);
        let oil = [72.0, 62.0, 44.0];
        let wet = smoothstep(0.55, 0.8, value(u * 0.06, v * 0.06, seed ^ 4)) * 60.0;
        blend(color, oil.map(|channel| channel + wet), cover * 0.68)
    })
}

fn ring_stain(at: (f32, f32), radius: f32, seed: u32) -> Paint {
    Box::new(move |u, v, color| {
        let far = distance(u, v, at) / radius + cloud(u * 0.06, v * 0.06, seed) * 0.16;
        let ring = smoothstep(0.22, 0.05, (far - 0.85).abs());
        let inside = smoothstep(0.9, 0.7, far) * 0.3;
        blend(color, [58.0, 74.0, 66.0], (ring * 0.8).max(inside))
    })
}

fn crack(at: (f32, f32), length: f32, seed: u32) -> Paint {
    Box::new(move |u, v, color| {
        let along = (u - at.0) / length;
        let bend = |x: f32, salt: u32| {
            value(x * 7.0, 0.5, seed ^ salt) * 13.0 + value(x * 19.0, 0.5, seed ^ salt ^ 8) * 4.0
        };
        let main = v - at.1 - bend(along, 0) - along * 26.0;
        let open = smoothstep(0.5, 0.2, along.abs());
        let width = 0.7 + open * 1.9;
        let mut depth = open.min(1.0) * smoothstep(width + 1.0, width * 0.4, main.abs());
        // A branch leaves halfway.
        if along > 0.05 {
            let branch = main - (along - 0.05) * 62.0;
            depth = depth.max(open * smoothstep(2.0, 0.4, branch.abs()) * 0.9);
        }
        let lip = open * smoothstep(1.8, 0.3, (main - width - 2.0).abs()) * 0.42;
        let lit = blend(color, [168.0, 166.0, 160.0], lip);
        blend(lit, [5.0, 5.0, 6.0], depth * 0.96)
    })
}

fn faded(at: (f32, f32), radius: f32, seed: u32) -> Paint {
    Box::new(move |u, v, color| {
        let far = ((u - at.0) / (radius * 1.4)).hypot((v - at.1) / radius);
        let cover = smoothstep(1.0, 0.5, far + cloud(u * 0.04, v * 0.04, seed) * 0.35);
        let shade = (color.iter().sum::<f32>() / 3.0 / 60.0).clamp(0.7, 1.4);
        blend(
            color,
            [132.0, 112.0, 84.0].map(|channel| channel * shade),
            cover * 0.62,
        )
    })
}

fn porosity(pores: Vec<(f32, f32)>, seed: u32) -> Paint {
    Box::new(move |u, v, color| {
        let mut painted = color;
        for (index, pore) in pores.iter().enumerate() {
            let radius = 2.6 + (index % 4) as f32 * 1.3;
            let far = distance(u, v, *pore) + value(u * 0.5, v * 0.5, seed) * 0.9;
            let lip = smoothstep(1.8, 0.4, (far - radius - 0.8).abs());
            painted = blend(painted, [226.0, 224.0, 218.0], lip * 0.5);
            painted = blend(
                painted,
                [22.0, 20.0, 19.0],
                smoothstep(radius, radius - 1.8, far),
            );
        }
        painted
    })
}

/// A point of the edge, its direction along the edge and the direction into the body.
fn on_edge(shape: &Shape, share: f32) -> ((f32, f32), (f32, f32), (f32, f32)) {
    let place = share.clamp(0.0, 0.999) * (shape.edge.len() - 1) as f32;
    let index = place as usize;
    let (a, b) = (shape.edge[index], shape.edge[index + 1]);
    let point = (mix(a.0, b.0, place.fract()), mix(a.1, b.1, place.fract()));
    let length = (b.0 - a.0).hypot(b.1 - a.1).max(1e-3);
    let along = ((b.0 - a.0) / length, (b.1 - a.1) / length);
    (point, along, (along.1, -along.0))
}

fn chip(shape: &Shape, rng: &mut Rng) -> Option<Path> {
    let (at, along, inwards) = on_edge(shape, rng.between(0.12, 0.6));
    let (width, depth) = (rng.between(22.0, 40.0), rng.between(12.0, 20.0));
    let mut path = PathBuilder::new();
    let corners = [
        (-0.6, -0.8),
        (-0.5, 0.05),
        (-0.32, 0.55),
        (-0.12, 0.72),
        (0.04, 1.0),
        (0.2, 0.8),
        (0.34, 0.42),
        (0.5, 0.04),
        (0.6, -0.8),
    ];
    for (index, (across, deep)) in corners.iter().enumerate() {
        let across = (across + rng.between(-0.04, 0.04)) * width;
        let deep = deep * depth;
        let x = at.0 + along.0 * across + inwards.0 * deep;
        let y = at.1 + along.1 * across + inwards.1 * deep;
        if index == 0 {
            path.move_to(x, y);
        } else {
            path.line_to(x, y);
        }
    }
    path.close();
    path.finish()
}

fn waves(shape: &Shape, rng: &mut Rng) -> Option<Path> {
    let from = rng.between(0.1, 0.35);
    let amplitude = rng.between(5.0, 8.0);
    let steps = 60;
    let mut path = PathBuilder::new();
    for step in 0..=steps {
        let t = step as f32 / steps as f32;
        let (at, _, inwards) = on_edge(shape, from + t * 0.34);
        let ends = smoothstep(0.0, 0.12, t) * smoothstep(1.0, 0.88, t);
        let deep = (0.5 - 0.5 * (t * std::f32::consts::TAU * 4.0).cos()) * amplitude * ends;
        let (x, y) = (at.0 + inwards.0 * deep, at.1 + inwards.1 * deep);
        if step == 0 {
            path.move_to(x, y);
        } else {
            path.line_to(x, y);
        }
    }
    for step in (0..=steps).rev() {
        let (at, _, inwards) = on_edge(shape, from + step as f32 / steps as f32 * 0.34);
        path.line_to(at.0 - inwards.0 * 12.0, at.1 - inwards.1 * 12.0);
    }
    path.close();
    path.finish()
}

/// The blank is short: its tip is cut straight off. A round body has a flat instead.
fn short(shape: &Shape, rng: &mut Rng) -> Option<Path> {
    let missing = rng.between(26.0, 46.0);
    let (at, along, inwards) = match shape.kind {
        Kind::CastIron => on_edge(shape, 0.4),
        Kind::Knife | Kind::Scissors => {
            let tip = shape.edge.last().copied()?;
            let tip = match shape.kind {
                Kind::Scissors => (700.0, 0.0),
                _ => tip,
            };
            (tip, (0.0, 1.0), (-1.0, 0.0))
        }
    };
    let mut path = PathBuilder::new();
    let deep = if shape.kind == Kind::CastIron {
        missing * 0.5
    } else {
        missing
    };
    let corners = [
        (-220.0, -90.0),
        (-220.0, deep),
        (220.0, deep),
        (220.0, -90.0),
    ];
    for (index, (across, into)) in corners.iter().enumerate() {
        let x = at.0 + along.0 * across + inwards.0 * into;
        let y = at.1 + along.1 * across + inwards.1 * into;
        if index == 0 {
            path.move_to(x, y);
        } else {
            path.line_to(x, y);
        }
    }
    path.close();
    path.finish()
}
