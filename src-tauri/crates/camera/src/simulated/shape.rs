//! The outlines of the six products, in pixels around the middle of the product, the tip to the right
//! and the cutting edge down.

use tiny_skia::{Path, PathBuilder, Rect, Stroke, Transform};

/// A product's outlines, and the places on it where a defect can sit.
pub(crate) struct Shape {
    /// The steel or iron body.
    pub(crate) body: Path,
    /// What the handle is put on, seen before there is a handle.
    pub(crate) tang: Option<Path>,
    pub(crate) bolster: Option<Path>,
    pub(crate) handle: Path,
    /// Centre and radius.
    pub(crate) rivets: Vec<(f32, f32, f32)>,
    /// Points along the cutting edge or rim, from heel to tip.
    pub(crate) edge: Vec<(f32, f32)>,
    /// Rectangles `(x, y, width, height)` that lie wholly on their part.
    pub(crate) surface: (f32, f32, f32, f32),
    pub(crate) grip: (f32, f32, f32, f32),
    pub(crate) joint: (f32, f32, f32, f32),
    pub(crate) logo: (f32, f32, f32),
    pub(crate) kind: Kind,
    /// Top and height of the body.
    pub(crate) body_top: f32,
    pub(crate) body_height: f32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Knife,
    Scissors,
    CastIron,
}

/// The shape of a SKU; a SKU that is not known looks like the chef's knife of 8 inches.
pub(crate) fn shape_of(sku: &str) -> Option<Shape> {
    match sku {
        "WK-KN-150" => knife(720.0, 552.0, 182.0),
        "WK-KN-100" => knife(480.0, 504.0, 128.0),
        "WK-SC-200" => scissors(),
        "WK-CI-200" => pan(),
        "WK-CI-280" => wok(),
        _ => knife(960.0, 600.0, 222.0),
    }
}

fn knife(blade: f32, grip: f32, height: f32) -> Option<Shape> {
    let start = -(blade + grip) / 2.0;
    let heel = start + grip;
    let tip = heel + blade;
    let spine = -height * 0.45;
    let edge = spine + height;
    let axis = spine + height * 0.30;
    let half = (height * 0.29).clamp(48.0, 62.0);

    let mut body = PathBuilder::new();
    body.move_to(heel - 12.0, spine + 2.0);
    body.line_to(heel + blade * 0.45, spine);
    body.cubic_to(
        heel + blade * 0.72,
        spine,
        heel + blade * 0.9,
        spine + height * 0.2,
        tip,
        spine + height * 0.52,
    );
    body.cubic_to(
        heel + blade * 0.93,
        spine + height * 0.78,
        heel + blade * 0.78,
        edge,
        heel + blade * 0.5,
        edge,
    );
    body.line_to(heel + 22.0, edge + 1.0);
    body.cubic_to(
        heel + 8.0,
        edge,
        heel + 6.0,
        edge - 30.0,
        heel - 12.0,
        axis + half * 0.8,
    );
    body.close();

    let tang = Rect::from_xywh(start + 36.0, axis - half * 0.62, grip + 10.0, half * 1.24)
        .map(PathBuilder::from_rect);

    let mut bolster = PathBuilder::new();
    bolster.move_to(heel - 62.0, axis - half);
    bolster.line_to(heel - 8.0, spine - 1.0);
    bolster.line_to(heel + 16.0, spine + 1.0);
    bolster.cubic_to(
        heel + 34.0,
        axis,
        heel + 26.0,
        axis + half * 0.7,
        heel + 4.0,
        edge - height * 0.26,
    );
    bolster.line_to(heel - 24.0, axis + half + 4.0);
    bolster.line_to(heel - 62.0, axis + half - 2.0);
    bolster.close();

    let mut handle = PathBuilder::new();
    let front = heel - 58.0;
    handle.move_to(front, axis - half);
    handle.cubic_to(
        start + grip * 0.62,
        axis - half * 1.12,
        start + grip * 0.3,
        axis - half * 1.1,
        start + 52.0,
        axis - half * 0.98,
    );
    handle.cubic_to(
        start + 6.0,
        axis - half * 0.9,
        start - 6.0,
        axis + half * 0.6,
        start + 14.0,
        axis + half * 1.28,
    );
    handle.cubic_to(
        start + 26.0,
        axis + half * 1.52,
        start + 60.0,
        axis + half * 1.42,
        start + 96.0,
        axis + half * 1.14,
    );
    handle.cubic_to(
        start + grip * 0.36,
        axis + half * 0.86,
        start + grip * 0.6,
        axis + half * 1.2,
        front,
        axis + half,
    );
    handle.close();

    let along = |share: f32| start + (grip - 58.0) * share;
    let curve = |t: f32| {
        // The belly of the edge, as the body's second curve.
        let points = [
            (heel + blade * 0.5, edge),
            (heel + blade * 0.78, edge),
            (heel + blade * 0.93, spine + height * 0.78),
            (tip, spine + height * 0.52),
        ];
        let s = 1.0 - t;
        let weights = [s * s * s, 3.0 * s * s * t, 3.0 * s * t * t, t * t * t];
        points
            .iter()
            .zip(weights)
            .fold((0.0, 0.0), |sum, (point, weight)| {
                (sum.0 + point.0 * weight, sum.1 + point.1 * weight)
            })
    };
    let mut edge_points = vec![(heel + 40.0, edge + 1.0), (heel + blade * 0.25, edge + 0.5)];
    edge_points.extend((0..=20).map(|step| curve(step as f32 / 20.0)));

    Some(Shape {
        body: body.finish()?,
        tang,
        bolster: bolster.finish(),
        handle: handle.finish()?,
        rivets: [0.2, 0.5, 0.8]
            .map(|share| (along(share), axis + half * 0.04, half * 0.25))
            .to_vec(),
        edge: edge_points,
        surface: (
            heel + 60.0,
            spine + height * 0.14,
            blade * 0.62,
            height * 0.66,
        ),
        grip: (
            along(0.1),
            axis - half * 0.7,
            (grip - 58.0) * 0.8,
            half * 1.3,
        ),
        joint: (heel - 52.0, axis - half * 0.6, 60.0, half * 1.2),
        logo: (heel + 80.0, spine + height * 0.16, height * 0.2),
        kind: Kind::Knife,
        body_top: spine,
        body_height: height,
    })
}

fn scissors() -> Option<Shape> {
    let blade = |lower: bool| {
        let side = if lower { 1.0 } else { -1.0 };
        let mut path = PathBuilder::new();
        path.move_to(-190.0, side * -52.0);
        path.cubic_to(-90.0, side * -50.0, -40.0, side * -10.0, 40.0, side * -5.0);
        path.line_to(700.0, side * 3.0);
        path.cubic_to(690.0, side * 40.0, 560.0, side * 84.0, 380.0, side * 96.0);
        path.cubic_to(200.0, side * 104.0, 60.0, side * 76.0, -30.0, side * 44.0);
        path.cubic_to(-80.0, side * 20.0, -140.0, side * -4.0, -190.0, side * -8.0);
        path.close();
        path
    };
    let mut body = blade(false);
    body.push_path(&blade(true).finish()?);

    let ring = |side: f32| {
        let outline =
            PathBuilder::from_oval(Rect::from_xywh(-690.0, side * 176.0 - 112.0, 420.0, 224.0)?)?;
        let stroke = Stroke {
            width: 62.0,
            ..Stroke::default()
        };
        let turned =
            outline.transform(Transform::from_rotate_at(side * -9.0, -480.0, side * 176.0))?;
        let mut path = PathBuilder::new();
        path.push_path(&turned.stroke(&stroke, 1.0)?);
        // The neck between ring and blade, wound as the ring is: opposite windings would cancel out.
        if side < 0.0 {
            path.move_to(-300.0, -96.0);
            path.cubic_to(-240.0, -60.0, -210.0, -46.0, -150.0, -50.0);
            path.line_to(-160.0, 4.0);
            path.cubic_to(-230.0, 0.0, -300.0, -40.0, -340.0, -76.0);
        } else {
            path.move_to(-340.0, 76.0);
            path.cubic_to(-300.0, 40.0, -230.0, 0.0, -160.0, -4.0);
            path.line_to(-150.0, 50.0);
            path.cubic_to(-210.0, 46.0, -240.0, 60.0, -300.0, 96.0);
        }
        path.close();
        path.finish()
    };
    let mut handle = PathBuilder::new();
    handle.push_path(&ring(-1.0)?);
    handle.push_path(&ring(1.0)?);

    let mut tang = PathBuilder::new();
    for side in [-1.0, 1.0] {
        tang.move_to(-180.0, side * 10.0);
        tang.line_to(-460.0, side * 150.0);
        tang.line_to(-440.0, side * 190.0);
        tang.line_to(-160.0, side * 50.0);
        tang.close();
    }
    let steps = (0..=20).map(|step| {
        let x = 340.0 + step as f32 * 12.0;
        (x, 97.0 - (x - 340.0).powi(2) * 0.0006)
    });
    Some(Shape {
        body: body.finish()?,
        tang: tang.finish(),
        bolster: PathBuilder::from_circle(-38.0, 0.0, 50.0),
        handle: handle.finish()?,
        rivets: vec![(-38.0, 0.0, 27.0)],
        edge: steps.collect(),
        surface: (140.0, 26.0, 330.0, 50.0),
        grip: (-600.0, 262.0, 240.0, 44.0),
        joint: (-70.0, -30.0, 64.0, 60.0),
        logo: (150.0, -76.0, 38.0),
        kind: Kind::Scissors,
        body_top: -104.0,
        body_height: 208.0,
    })
}

fn pan() -> Option<Shape> {
    let (center, radius) = (250.0, 372.0);
    let mut body = PathBuilder::new();
    body.push_circle(center, 0.0, radius);
    let handle = grip_path(-760.0, center - radius + 20.0, 50.0)?;
    Some(iron(body.finish()?, handle, center, radius, -760.0))
}

fn wok() -> Option<Shape> {
    let (center, radius) = (230.0, 448.0);
    let mut body = PathBuilder::new();
    body.push_circle(center, 0.0, radius);
    let handle = grip_path(-800.0, center - radius + 26.0, 58.0)?;
    Some(iron(body.finish()?, handle, center, radius, -800.0))
}

fn grip_path(from: f32, to: f32, half: f32) -> Option<Path> {
    let mut path = PathBuilder::new();
    path.move_to(to, -half * 1.2);
    path.cubic_to(
        to - 120.0,
        -half * 0.6,
        from + 160.0,
        -half * 0.8,
        from + 40.0,
        -half,
    );
    path.cubic_to(from - 10.0, -half, from - 10.0, half, from + 40.0, half);
    path.cubic_to(
        from + 160.0,
        half * 0.8,
        to - 120.0,
        half * 0.6,
        to,
        half * 1.2,
    );
    path.close();
    path.push_circle(from + 46.0, 0.0, half * 0.42);
    path.finish()
}

fn iron(body: Path, handle: Path, center: f32, radius: f32, from: f32) -> Shape {
    let rim = |step: i32| {
        let angle = (20.0 + step as f32 * 4.0).to_radians();
        (center + radius * angle.cos(), radius * angle.sin())
    };
    let joint_x = center - radius;
    Shape {
        body,
        tang: None,
        bolster: Rect::from_xywh(joint_x - 34.0, -66.0, 70.0, 132.0).map(PathBuilder::from_rect),
        handle,
        rivets: [-34.0, 34.0].map(|y| (joint_x + 8.0, y, 13.0)).to_vec(),
        edge: (0..=20).rev().map(rim).collect(),
        surface: (center - radius * 0.5, -radius * 0.5, radius, radius),
        grip: (from + 110.0, -24.0, joint_x - from - 190.0, 48.0),
        joint: (joint_x - 28.0, -54.0, 58.0, 108.0),
        logo: (center - 88.0, -26.0, 56.0),
        kind: Kind::CastIron,
        body_top: -radius,
        body_height: 2.0 * radius,
    }
}

/// The maker's name in strokes, `height` tall, its top left corner at `(x, y)`.
pub(crate) fn logo_path(x: f32, y: f32, height: f32) -> Option<Path> {
    let mut path = PathBuilder::new();
    let unit = height;
    let strokes: [&[(f32, f32)]; 4] = [
        &[(0.0, 0.0), (0.25, 1.0), (0.5, 0.2), (0.75, 1.0), (1.0, 0.0)],
        &[(1.35, 0.0), (1.35, 1.0)],
        &[(1.7, 0.0), (1.7, 1.0)],
        &[(2.35, 0.0), (1.7, 0.55), (2.35, 1.0)],
    ];
    for stroke in strokes {
        for (index, (across, down)) in stroke.iter().enumerate() {
            let (px, py) = (x + across * unit, y + down * unit);
            if index == 0 {
                path.move_to(px, py);
            } else {
                path.line_to(px, py);
            }
        }
    }
    path.push_circle(x + unit * 3.15, y + unit * 0.5, unit * 0.5);
    let width = (height * 0.15).max(2.0);
    path.finish()?.stroke(
        &Stroke {
            width,
            ..Stroke::default()
        },
        1.0,
    )
}
