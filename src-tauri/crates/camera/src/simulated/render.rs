//! Puts the product on the fixture and lights it.

use super::{
    defect::{Flaw, Target},
    field::{Field, HEIGHT, WIDTH},
    noise::{Rng, bell, cloud, mix, smoothstep, value},
    shape::{Kind, Shape, logo_path},
};
use image::RgbImage;
use std::sync::OnceLock;
use tiny_skia::{FillRule, Path, PathBuilder, Transform};
use wiko_core::stage::Stage;

/// How the part lies and is lit; the same for a part with and without its defect.
#[derive(Debug, Clone)]
pub(crate) struct Pose {
    dx: f32,
    dy: f32,
    degrees: f32,
    light: f32,
    tilt: (f32, f32),
    glint: f32,
    texture: u32,
}

impl Pose {
    pub(crate) fn of(seed: u64) -> Self {
        let mut rng = Rng::new(seed, 0x9053);
        Self {
            dx: rng.between(-12.0, 12.0),
            dy: rng.between(-12.0, 12.0),
            degrees: rng.between(-1.5, 1.5),
            light: rng.between(0.92, 1.08),
            tilt: (rng.between(-0.05, 0.05), rng.between(-0.04, 0.04)),
            glint: rng.between(-24.0, 24.0),
            texture: rng.next() as u32,
        }
    }

    fn transform(&self) -> Transform {
        Transform::from_rotate(self.degrees)
            .post_translate(WIDTH as f32 / 2.0 + self.dx, HEIGHT as f32 / 2.0 + self.dy)
    }

    /// From the frame to the product's own coordinates.
    fn inverse(&self, x: f32, y: f32) -> (f32, f32) {
        let (x, y) = (
            x + 0.5 - WIDTH as f32 / 2.0 - self.dx,
            y + 0.5 - HEIGHT as f32 / 2.0 - self.dy,
        );
        let (sin, cos) = self.degrees.to_radians().sin_cos();
        (x * cos + y * sin, -x * sin + y * cos)
    }
}

type Shade<'a> = Box<dyn Fn(f32, f32) -> [f32; 3] + 'a>;

/// One sheet of the picture, from below to above.
struct Layer<'a> {
    mask: Field,
    /// Width and strength of the rounded rim; 0 strength for flat print.
    rim: (i32, f32),
    shadow: f32,
    target: Option<Target>,
    shade: Shade<'a>,
}

/// The picture of one part, without the sensor's noise.
pub(crate) fn render(shape: &Shape, stage: Stage, pose: &Pose, flaw: Option<&Flaw>) -> RgbImage {
    let mut pixels = fixture(stage).clone();
    for layer in layers(shape, stage, pose, flaw) {
        compose(&mut pixels, &layer, pose, flaw);
    }
    let bytes = pixels
        .as_chunks::<3>()
        .0
        .iter()
        .enumerate()
        .flat_map(|(index, color)| {
            let x = (index % WIDTH as usize) as f32 / WIDTH as f32 - 0.5;
            let y = (index / WIDTH as usize) as f32 / HEIGHT as f32 - 0.5;
            let vignette = 1.04 - 0.34 * (x * x + y * y);
            let light = pose.light * vignette * (1.0 + 2.0 * (x * pose.tilt.0 + y * pose.tilt.1));
            color.map(|channel| (channel * light).clamp(0.0, 255.0) as u8)
        })
        .collect();
    RgbImage::from_raw(WIDTH, HEIGHT, bytes).unwrap_or_default()
}

/// The matt plate that parts lie on; at packaging, the carton. It stays while parts come and go, so it
/// is drawn once.
fn fixture(stage: Stage) -> &'static Vec<f32> {
    static PLATE: OnceLock<Vec<f32>> = OnceLock::new();
    static CARTON: OnceLock<Vec<f32>> = OnceLock::new();
    if stage == Stage::Packaging {
        CARTON.get_or_init(|| {
            ground(|_, y, grain| {
                let flute = (y * 0.32).sin() * 1.8;
                [150.0, 118.0, 82.0].map(|channel| channel + grain * 7.0 + flute)
            })
        })
    } else {
        PLATE.get_or_init(|| {
            ground(|x, y, grain| {
                let light = 1.0 + 0.3 * bell(x, 1080.0, 760.0) * bell(y, 420.0, 520.0);
                [45.0, 48.0, 52.0].map(|channel| channel * light + grain * 3.4)
            })
        })
    }
}

fn ground(color: impl Fn(f32, f32, f32) -> [f32; 3]) -> Vec<f32> {
    let mut pixels = Vec::with_capacity((WIDTH * HEIGHT * 3) as usize);
    for y in 0..HEIGHT {
        for x in 0..WIDTH {
            let (x, y) = (x as f32, y as f32);
            let grain = value(x * 0.7, y * 0.7, 76) * 0.6 + value(x * 0.19, y * 0.19, 77) * 0.6;
            pixels.extend(color(x, y, grain));
        }
    }
    pixels
}

fn compose(pixels: &mut [f32], layer: &Layer<'_>, pose: &Pose, flaw: Option<&Flaw>) {
    let mask = &layer.mask;
    if layer.shadow > 0.0 {
        let soft = mask.blurred(11);
        for y in mask.top..(mask.top + mask.height).min(HEIGHT as i32) {
            for x in mask.left..(mask.left + mask.width).min(WIDTH as i32) {
                let dark = soft.at(x - 5, y - 9) * layer.shadow;
                if dark > 0.0 {
                    let at = (y as usize * WIDTH as usize + x as usize) * 3;
                    for channel in &mut pixels[at..at + 3] {
                        *channel *= 1.0 - dark;
                    }
                }
            }
        }
    }
    let paint = match flaw {
        Some(Flaw::Paint(target, paint)) if layer.target == Some(*target) => Some(paint),
        _ => None,
    };
    let height = (layer.rim.1 > 0.0).then(|| mask.blurred(layer.rim.0));
    for y in mask.top..mask.top + mask.height {
        for x in mask.left..mask.left + mask.width {
            let cover = mask.at(x, y);
            if cover <= 0.0 {
                continue;
            }
            let (u, v) = pose.inverse(x as f32, y as f32);
            let mut color = (layer.shade)(u, v);
            if let Some(height) = &height {
                // The light comes from above, a little from the left.
                let slope_x = height.at(x + 1, y) - height.at(x - 1, y);
                let slope_y = height.at(x, y + 1) - height.at(x, y - 1);
                let lit = (slope_x * 0.4 + slope_y * 0.92) * layer.rim.1 * layer.rim.0 as f32;
                let glint = smoothstep(0.35, 0.9, lit) * 46.0;
                color = color.map(|channel| channel * (1.0 + lit * 0.55) + glint);
            }
            if let Some(paint) = paint {
                color = paint(u, v, color);
            }
            let at = (y as usize * WIDTH as usize + x as usize) * 3;
            for (channel, value) in pixels[at..at + 3].iter_mut().zip(color) {
                *channel = mix(*channel, value, cover);
            }
        }
    }
}

fn layers<'a>(
    shape: &'a Shape,
    stage: Stage,
    pose: &'a Pose,
    flaw: Option<&Flaw>,
) -> Vec<Layer<'a>> {
    let transform = pose.transform();
    let field = |path: &Path, margin| Field::of(path, FillRule::Winding, transform, margin);
    let hollow = |path: &Path, margin| Field::of(path, FillRule::EvenOdd, transform, margin);
    let mut layers = Vec::new();
    let has_handle = stage >= Stage::HandleInjection || shape.kind == Kind::CastIron;
    let body_shade = || -> Shade<'a> {
        match shape.kind {
            Kind::CastIron => Box::new(move |u, v| iron(shape, stage, pose, u, v)),
            Kind::Knife | Kind::Scissors => Box::new(move |u, v| steel(shape, stage, pose, u, v)),
        }
    };

    if let (Some(tang), false) = (&shape.tang, has_handle) {
        let mut mask = field(tang, 40);
        for (x, y, radius) in &shape.rivets {
            if let Some(hole) = PathBuilder::from_circle(*x, *y, radius * 0.8) {
                mask.subtract(&field(&hole, 2));
            }
        }
        layers.push(Layer {
            mask,
            rim: (2, 0.7),
            shadow: 0.5,
            target: None,
            shade: body_shade(),
        });
    }

    let mut body = field(&shape.body, 44);
    if let Some(Flaw::Cut(cut)) = flaw {
        body.subtract(&field(cut, 2));
    }
    let honed = (stage >= Stage::CuttingEdgeHoning && shape.kind == Kind::Knife).then(|| {
        let mut bevel = body.clone();
        let raised = shape
            .body
            .clone()
            .transform(Transform::from_translate(0.0, -8.0));
        if let Some(raised) = raised {
            bevel.subtract(&field(&raised, 2));
        }
        bevel
    });
    layers.push(Layer {
        mask: body,
        rim: if shape.kind == Kind::CastIron {
            (9, 1.1)
        } else {
            (2, 0.8)
        },
        shadow: 0.55,
        target: Some(Target::Body),
        shade: body_shade(),
    });
    if let Some(mask) = honed {
        layers.push(Layer {
            mask,
            rim: (1, 0.0),
            shadow: 0.0,
            target: Some(Target::Body),
            shade: Box::new(|u, v| {
                let grind = value(u * 0.9, v * 0.08, pose.texture ^ 21) * 12.0;
                [212.0, 216.0, 220.0].map(|channel| channel + grind)
            }),
        });
    }

    if has_handle {
        let polymer = stage >= Stage::HandleInjection;
        let gloss = if stage >= Stage::HandlePolishing {
            1.0
        } else {
            0.35
        };
        layers.push(Layer {
            mask: hollow_or_wound(shape, &field, &hollow),
            rim: (13, if polymer { 1.25 + gloss * 0.5 } else { 1.0 }),
            shadow: 0.55,
            target: Some(Target::Handle),
            shade: if polymer {
                Box::new(move |u, v| grip(shape, gloss, pose, u, v))
            } else {
                body_shade()
            },
        });
    }
    if let (Some(bolster), true) = (&shape.bolster, stage >= Stage::BolsterWelding) {
        layers.push(Layer {
            mask: field(bolster, 36),
            rim: (6, 1.2),
            shadow: 0.35,
            target: Some(Target::Bolster),
            shade: Box::new(move |u, v| bolster_steel(shape, stage, pose, u, v)),
        });
    }
    if has_handle {
        push_rivets(&mut layers, shape, stage, pose, flaw);
    }
    if stage >= Stage::LogoPrint
        && let Some(logo) = logo_path(shape.logo.0, shape.logo.1, shape.logo.2)
    {
        let ink = if shape.kind == Kind::CastIron {
            112.0
        } else {
            62.0
        };
        layers.push(Layer {
            mask: field(&logo, 4),
            rim: (1, 0.0),
            shadow: 0.0,
            target: Some(Target::Body),
            shade: Box::new(move |u, v| [ink + value(u * 0.4, v * 0.4, 31) * 5.0; 3]),
        });
    }
    layers
}

/// Only a pan's handle has a hole that is drawn by even and odd; overlapping outlines of a pair of
/// scissors must not cancel each other out.
fn hollow_or_wound(
    shape: &Shape,
    field: &dyn Fn(&Path, i32) -> Field,
    hollow: &dyn Fn(&Path, i32) -> Field,
) -> Field {
    match shape.kind {
        Kind::CastIron => hollow(&shape.handle, 44),
        Kind::Knife | Kind::Scissors => field(&shape.handle, 44),
    }
}

fn push_rivets<'a>(
    layers: &mut Vec<Layer<'a>>,
    shape: &'a Shape,
    stage: Stage,
    pose: &'a Pose,
    flaw: Option<&Flaw>,
) {
    let set = stage >= Stage::RivetAssembly;
    if !set && stage < Stage::HandleInjection {
        return;
    }
    for (index, (x, y, radius)) in shape.rivets.iter().copied().enumerate() {
        let (dx, dy) = match flaw {
            Some(Flaw::Rivet {
                index: moved,
                dx,
                dy,
            }) if *moved == index => (*dx, *dy),
            _ => (0.0, 0.0),
        };
        let (x, y) = (x + dx, y + dy);
        let Some(circle) = PathBuilder::from_circle(x, y, radius) else {
            continue;
        };
        layers.push(Layer {
            mask: Field::of(&circle, FillRule::Winding, pose.transform(), 24),
            rim: if set { (3, 1.3) } else { (3, 0.0) },
            shadow: if set { 0.4 } else { 0.0 },
            target: None,
            shade: if set {
                Box::new(move |u, v| {
                    // Turned on a lathe: rings, and a highlight like an hourglass.
                    let far = (u - x).hypot(v - y) / radius;
                    let angle = (v - y).atan2(u - x);
                    let sheen = (2.0 * (angle + 0.6)).cos() * 0.16;
                    let rings = (far * radius * 1.9).sin() * 0.03;
                    let base = 186.0 * (1.0 + sheen + rings - 0.1 * far * far);
                    [base, base * 0.99, base * 0.95]
                })
            } else {
                Box::new(move |u, v| {
                    let far = (u - x).hypot(v - y) / radius;
                    [10.0 + far * 8.0; 3]
                })
            },
        });
    }
}

fn tinted(grey: f32) -> [f32; 3] {
    [grey * 0.975, grey, grey * 1.03]
}

fn steel(shape: &Shape, stage: Stage, pose: &Pose, u: f32, v: f32) -> [f32; 3] {
    let seed = pose.texture;
    let down = (v - shape.body_top) / shape.body_height;
    let lengthwise =
        value(u * 0.006, v * 0.9, seed) * 0.6 + value(u * 0.02, v * 2.2, seed ^ 1) * 0.4;
    let crosswise =
        value(u * 0.85, v * 0.012, seed ^ 2) * 0.6 + value(u * 2.1, v * 0.03, seed ^ 3) * 0.4;
    // A bar light: two soft bands across the blade, as anisotropic steel shows them.
    let bands = bell(u, 330.0 + pose.glint, 190.0) + 0.55 * bell(u, 20.0 + pose.glint, 110.0);
    let ground = stage >= Stage::TaperGrinding && shape.kind == Kind::Knife;
    let taper = if ground {
        smoothstep(0.40, 0.425, down)
    } else {
        0.0
    };
    let line = if ground { bell(down, 0.41, 0.012) } else { 0.0 };

    match stage {
        Stage::BladeStamp | Stage::BolsterWelding | Stage::BackEdgePolishing => {
            let scale = cloud(u * 0.012, v * 0.012, seed ^ 4) * 9.0;
            let mut grey = 126.0 + bands * 26.0 + lengthwise * 9.0 + scale;
            if stage == Stage::BackEdgePolishing {
                grey += 84.0 * smoothstep(0.075, 0.03, down) * (1.0 + lengthwise * 0.15);
            }
            tinted(grey)
        }
        Stage::TaperGrinding => {
            let flat = 134.0 + bands * 30.0 + lengthwise * 10.0;
            let bevel = 158.0 + bands * 40.0 + crosswise * 17.0 - (down - 0.4) * 40.0;
            tinted(mix(flat, bevel, taper) + line * 40.0)
        }
        Stage::HeatTreatment => {
            let oxide = cloud(u * 0.008, v * 0.012, seed ^ 5) * 12.0;
            let grey = 92.0 + bands * 20.0 + oxide + lengthwise * 5.0 + taper * 10.0 + line * 14.0;
            // Straw towards the tip, blue towards the heel: an even temper.
            let warm = smoothstep(-250.0, 600.0, u + oxide * 4.0);
            [
                grey * mix(0.90, 1.10, warm),
                grey * mix(0.96, 1.0, warm),
                grey * mix(1.20, 0.84, warm),
            ]
        }
        Stage::VacuumQuench | Stage::HandleInjection | Stage::RivetAssembly => {
            let matt = value(u * 0.5, v * 0.5, seed ^ 6) * 5.0;
            let grey = 124.0 + bands * 22.0 + matt + crosswise * 7.0 * taper + taper * 12.0;
            tinted(grey + line * 22.0)
        }
        Stage::HandlePolishing => {
            let grey = 136.0 + bands * 34.0 + mix(lengthwise, crosswise, taper) * 10.0;
            tinted(grey + taper * 14.0 + line * 26.0)
        }
        _ => {
            // Glazed: the light's picture is sharp, the room's dark ceiling above it.
            let soft = 0.5 + 0.5 * (u * 0.0042 + down * 1.6 - pose.glint * 0.006).sin();
            let mirror = 122.0 + 78.0 * soft * soft + bands * 34.0;
            let flat = mirror + lengthwise * 7.0;
            let bevel = mirror * 0.86 + 34.0 + crosswise * 6.0 - (down - 0.4) * 24.0;
            tinted(mix(flat, bevel, taper) + line * 46.0)
        }
    }
}

fn bolster_steel(shape: &Shape, stage: Stage, pose: &Pose, u: f32, v: f32) -> [f32; 3] {
    if shape.kind == Kind::CastIron {
        return iron(shape, stage, pose, u, v).map(|channel| channel * 1.1);
    }
    let polished = stage >= Stage::HandlePolishing;
    let brush = value(u * 0.7, v * 0.02, pose.texture ^ 11) * if polished { 4.0 } else { 12.0 };
    let band = bell(v, shape.body_top + shape.body_height * 0.2, 26.0);
    let grey = if polished { 168.0 } else { 140.0 } + band * 52.0 + brush;
    if stage == Stage::BolsterWelding {
        // The seam is still raw, and the heat has left a little straw.
        let (joint, _, width, _) = shape.joint;
        let seam = bell(u + value(v * 0.3, 0.0, 5) * 2.0, joint + width + 6.0, 5.0);
        let ripple = 0.75 + 0.25 * (v * 0.75).sin();
        let grey = grey * (1.0 - 0.4 * seam * ripple);
        return [grey * 1.03, grey * 0.99, grey * (0.96 - 0.08 * seam)];
    }
    tinted(grey)
}

fn grip(shape: &Shape, gloss: f32, pose: &Pose, u: f32, v: f32) -> [f32; 3] {
    let (_, top, _, height) = shape.grip;
    let grain = value(u * 0.6, v * 0.6, pose.texture ^ 14) * mix(5.0, 2.2, gloss);
    let flow = value(u * 0.015, v * 0.12, pose.texture ^ 15) * 2.5;
    let sheen = gloss * bell(v, top + height * 0.12, height * 0.16) * 40.0;
    let base = 40.0 + grain + flow + sheen;
    [base, base * 0.98, base * 0.97]
}

fn iron(shape: &Shape, stage: Stage, pose: &Pose, u: f32, v: f32) -> [f32; 3] {
    let radius = shape.body_height / 2.0;
    let center = shape.surface.0 + shape.surface.2 / 2.0;
    let far = (u - center).hypot(v) / radius;
    let seasoned = stage >= Stage::BladeGlazing;
    let cast = cloud(u * 0.12, v * 0.12, pose.texture ^ 17) * if seasoned { 5.0 } else { 10.0 };
    let turned = (far * radius * 0.55).sin() * if seasoned { 1.2 } else { 3.0 };
    let wall = smoothstep(0.74, 0.80, far) * smoothstep(0.99, 0.93, far);
    let angle = v.atan2(u - center);
    // The wall rises towards the light on one side and turns away on the other.
    let lit = -(angle.sin() * 0.92 + angle.cos() * 0.4);
    let base = if seasoned { 58.0 } else { 88.0 };
    let sheen =
        if seasoned { 44.0 } else { 20.0 } * bell(u, center + 90.0, 150.0) * bell(v, -60.0, 190.0);
    let lip = bell(far, 0.955, 0.016) * 34.0;
    let grey = base + cast + turned + sheen * (1.0 - wall) - lit * wall * 24.0 + lip;
    [grey * 1.01, grey, grey * 0.985]
}
