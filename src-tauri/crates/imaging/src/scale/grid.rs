//! Corners that hang together as a board: each found from its neighbour a square away.

use super::corners::Corner;
use std::collections::{HashMap, VecDeque};
use std::f64::consts::PI;

/// A neighbour lies where it is expected to so great a share of a square.
const MOST_OFF: f64 = 0.3;
/// The light quarters of neighbours are a right angle apart, to this.
const MOST_TURNED_RAD: f64 = 0.5;
/// From so many corners a board is looked for.
const STARTS: usize = 24;

/// A corner and its column and row on the board.
pub(super) type Placed = ((i32, i32), usize);

/// The largest board among the corners.
pub(super) fn board_of(corners: &[Corner]) -> Vec<Placed> {
    let mut best = Vec::new();
    let mut tried = vec![false; corners.len()];
    let step = (corners.len() / STARTS).max(1);
    for start in (0..corners.len()).step_by(step) {
        if tried[start] {
            continue;
        }
        let Some(board) = grown(corners, start) else {
            continue;
        };
        for (_, index) in &board {
            tried[*index] = true;
        }
        if board.len() > best.len() {
            best = board;
        }
    }
    best
}

/// Right angles apart.
fn is_neighbour(a: &Corner, b: &Corner) -> bool {
    let turned = (a.light_rad - b.light_rad).rem_euclid(PI);
    (turned - PI / 2.0).abs() < MOST_TURNED_RAD
}

fn grown(corners: &[Corner], start: usize) -> Option<Vec<Placed>> {
    let own = corners[start];
    // Edges run half way between light and dark quarters.
    let along = |angle: f64| {
        let (sin, cos) = angle.sin_cos();
        let near = corners
            .iter()
            .filter(|other| is_neighbour(&own, other))
            .filter_map(|other| {
                let (dx, dy) = (other.x - own.x, other.y - own.y);
                let length = dx.hypot(dy);
                let straight = length > 0.0 && (dx * cos + dy * sin) > 0.9 * length;
                straight.then_some((length, (dx, dy)))
            });
        near.min_by(|a, b| a.0.total_cmp(&b.0))
            .map(|(_, step)| step)
    };
    let edge = own.light_rad + PI / 4.0;
    let across = along(edge).or_else(|| along(edge + PI).map(|(x, y)| (-x, -y)))?;
    let down = along(edge + PI / 2.0).or_else(|| along(edge - PI / 2.0).map(|(x, y)| (-x, -y)))?;
    let mut placed: HashMap<(i32, i32), usize> = HashMap::from([((0, 0), start)]);
    let mut taken = vec![false; corners.len()];
    taken[start] = true;
    let mut open = VecDeque::from([((0, 0), start, across, down)]);
    while let Some((place, index, across, down)) = open.pop_front() {
        let from = corners[index];
        for (column, row) in [(1, 0), (-1, 0), (0, 1), (0, -1)] {
            let there = (place.0 + column, place.1 + row);
            if placed.contains_key(&there) {
                continue;
            }
            let (sign, step) = if column != 0 {
                (column, across)
            } else {
                (row, down)
            };
            let sign = f64::from(sign);
            let expected = (from.x + sign * step.0, from.y + sign * step.1);
            let room = MOST_OFF * step.0.hypot(step.1);
            let nearest = (0..corners.len())
                .filter(|at| !taken[*at] && is_neighbour(&from, &corners[*at]))
                .map(|at| {
                    (
                        (corners[at].x - expected.0).hypot(corners[at].y - expected.1),
                        at,
                    )
                })
                .filter(|(off, _)| *off <= room)
                .min_by(|a, b| a.0.total_cmp(&b.0));
            let Some((_, found)) = nearest else {
                continue;
            };
            // The step as it was, so that perspective and distortion are followed.
            let made = (
                sign * (corners[found].x - from.x),
                sign * (corners[found].y - from.y),
            );
            let (across, down) = if column != 0 {
                (made, down)
            } else {
                (across, made)
            };
            taken[found] = true;
            placed.insert(there, found);
            open.push_back((there, found, across, down));
        }
    }
    let mut board: Vec<Placed> = placed.into_iter().collect();
    board.sort_unstable();
    Some(board)
}
