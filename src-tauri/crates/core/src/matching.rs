//! Which of the boxes that were found is which of the boxes that are there.

use crate::geometry::BoxPx;

/// From this intersection over union on a finding counts as the labelled box.
pub const LEAST_IOU: f64 = 0.33;

/// Findings with their strength matched one to one with labelled boxes: the strongest finding first, each with the
/// box that is still open and that it overlaps most. One index into `truth` for each finding, none where no open
/// box overlaps it by `least_iou`.
pub fn matched(found: &[(BoxPx, f64)], truth: &[BoxPx], least_iou: f64) -> Vec<Option<usize>> {
    let mut order: Vec<usize> = (0..found.len()).collect();
    order.sort_by(|a, b| found[*b].1.total_cmp(&found[*a].1));
    let mut open = vec![true; truth.len()];
    let mut matches = vec![None; found.len()];
    for index in order {
        let best = (0..truth.len())
            .filter(|at| open[*at])
            .map(|at| (at, truth[at].iou(&found[index].0)))
            .max_by(|a, b| a.1.total_cmp(&b.1));
        if let Some((at, iou)) = best
            && iou >= least_iou
        {
            open[at] = false;
            matches[index] = Some(at);
        }
    }
    matches
}

#[cfg(test)]
mod tests {
    use super::*;

    fn square(x: u32, side: u32) -> BoxPx {
        BoxPx {
            x,
            y: 0,
            width: side,
            height: side,
        }
    }

    #[test]
    fn a_box_is_matched_once_and_by_the_strongest_finding() {
        let found = [
            (square(0, 10), 2.0),
            (square(1, 10), 3.0),
            (square(50, 10), 1.0),
        ];
        let truth = [square(0, 10), square(100, 10)];
        assert_eq!(matched(&found, &truth, LEAST_IOU), [None, Some(0), None]);
    }

    #[test]
    fn how_much_must_overlap_decides() {
        // They share 6 of 14 columns: an IoU of 0.43.
        let (found, truth) = ([(square(4, 10), 1.0)], [square(0, 10)]);
        assert_eq!(matched(&found, &truth, LEAST_IOU), [Some(0)]);
        assert_eq!(matched(&found, &truth, 0.5), [None]);
        assert_eq!(matched(&[], &truth, 0.5), []);
    }
}
