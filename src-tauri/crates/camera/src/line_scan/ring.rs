//! The last rows that came.
//!
//! Invariants:
//! - All of its memory is taken once, when it is made.
//! - A row has one number for ever, counted from the first that came; rows that never came have one too.

use super::{config::LineLayout, level::grey};
use std::sync::Arc;
use wiko_core::camera::{FrameFault, RowSpan};

/// The row never came.
const INVALID: u16 = 1 << 15;
const _: () = assert!(FrameFault::ALL.len() < 15, "a bit for each fault");

/// A ring of rows.
pub(crate) struct RowRing {
    bytes: Box<[u8]>,
    /// For each row the faults of its block, a bit each, and [`INVALID`].
    marks: Box<[u16]>,
    layout: LineLayout,
    /// One row of grey.
    grey: Vec<u8>,
    /// The number of the next row.
    head: u64,
}

impl RowRing {
    pub(crate) fn new(rows: usize, widest: LineLayout) -> Self {
        let mut ring = Self {
            bytes: vec![0; rows * widest.row_bytes()].into_boxed_slice(),
            marks: vec![0; rows].into_boxed_slice(),
            layout: widest,
            grey: Vec::with_capacity(widest.row_bytes()),
            head: 0,
        };
        ring.set_layout(widest);
        ring
    }

    /// From the next row on lines lie so; they are no longer than the widest. What is in the ring is void.
    pub(crate) fn set_layout(&mut self, layout: LineLayout) {
        self.layout = layout;
        self.grey.clear();
        let row = grey(layout.format).iter().copied().cycle();
        self.grey.extend(row.take(layout.row_bytes()));
    }

    pub(crate) fn layout(&self) -> LineLayout {
        self.layout
    }

    pub(crate) fn head(&self) -> u64 {
        self.head
    }

    pub(crate) fn rows(&self) -> usize {
        self.marks.len()
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        self.bytes.len() + size_of_val(&*self.marks)
    }

    fn slot(&self, row: u64) -> usize {
        (row % self.marks.len() as u64) as usize
    }

    /// The bytes of the next rows, at most so many and without a break; they are rows once [`RowRing::advance`] says so.
    pub(crate) fn next_rows(&mut self, at_most: usize) -> &mut [u8] {
        let slot = self.slot(self.head);
        let rows = at_most.min(self.marks.len() - slot);
        let row_bytes = self.layout.row_bytes();
        &mut self.bytes[slot * row_bytes..(slot + rows) * row_bytes]
    }

    /// So many rows have been written, of a block with these faults.
    pub(crate) fn advance(&mut self, rows: usize, faults: &[FrameFault]) {
        let slot = self.slot(self.head);
        let mark = faults.iter().fold(0, |mark, fault| mark | bit(*fault));
        self.marks[slot..slot + rows].fill(mark);
        self.head += rows as u64;
    }

    /// That row turned out to be none: it is grey from now on.
    pub(crate) fn invalidate(&mut self, row: u64) {
        let (slot, row_bytes) = (self.slot(row), self.layout.row_bytes());
        self.bytes[slot * row_bytes..(slot + 1) * row_bytes].copy_from_slice(&self.grey);
        self.marks[slot] |= INVALID;
    }

    /// The bytes of a row that is still there; none where it never came.
    pub(crate) fn row(&self, row: u64) -> Option<&[u8]> {
        let (slot, row_bytes) = (self.slot(row), self.layout.row_bytes());
        let came = self.marks[slot] & INVALID == 0;
        came.then(|| &self.bytes[slot * row_bytes..(slot + 1) * row_bytes])
    }

    /// Copies these rows out, which are all still there; not empty.
    pub(crate) fn copy(&self, from: u64, until: u64) -> Arc<[u8]> {
        let row_bytes = self.layout.row_bytes();
        let rows = (until - from) as usize;
        let slot = self.slot(from);
        let before_end = rows.min(self.marks.len() - slot);
        let first = &self.bytes[slot * row_bytes..(slot + before_end) * row_bytes];
        if before_end == rows {
            return Arc::from(first);
        }
        let second = &self.bytes[..(rows - before_end) * row_bytes];
        let mut picture: Arc<[u8]> = std::iter::repeat_n(0, rows * row_bytes).collect();
        // Nobody else has it yet.
        if let Some(bytes) = Arc::get_mut(&mut picture) {
            bytes[..first.len()].copy_from_slice(first);
            bytes[first.len()..].copy_from_slice(second);
        }
        picture
    }

    /// Which of these rows never came, counted from the first of them, and the faults of the blocks that they came in.
    pub(crate) fn marks(&self, from: u64, until: u64) -> (Vec<RowSpan>, Vec<FrameFault>) {
        let mut spans: Vec<RowSpan> = Vec::new();
        let mut all = 0;
        for (index, row) in (0_u32..).zip(from..until) {
            let mark = self.marks[self.slot(row)];
            all |= mark;
            if mark & INVALID == 0 {
                continue;
            }
            match spans.last_mut() {
                Some(span) if span.until == index => span.until += 1,
                _ => spans.push(RowSpan {
                    from: index,
                    until: index + 1,
                }),
            }
        }
        let faults = FrameFault::ALL.iter().copied();
        (
            spans,
            faults.filter(|fault| all & bit(*fault) != 0).collect(),
        )
    }
}

fn bit(fault: FrameFault) -> u16 {
    1 << fault as u16
}
