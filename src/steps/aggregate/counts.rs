//! Rows, or the values among them, per group.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array};

use super::accumulator::{Accumulator, Beyond};
use super::cells::{Cells, Rows};
use super::wire::{Taker, put_count};
use crate::base::{Measure, Result};

/// A count per group.
#[derive(Default)]
pub(super) struct Counts(pub(super) Vec<u64>);

impl Counts {
    #[inline(always)]
    pub(super) fn add(&mut self, group: u32) {
        self.0[group as usize] += 1;
    }

    pub(super) fn of(&self, group: u32) -> u64 {
        self.0[group as usize]
    }

    /// The counts as a column.
    pub(super) fn column(&self, groups: &[u32]) -> ArrayRef {
        let counts = groups.iter().map(|group| self.of(*group).cast_signed());
        Arc::new(Int64Array::from_iter_values(counts))
    }
}

impl Accumulator for Counts {
    fn grow(&mut self, groups: usize) {
        self.0.resize(groups, 0);
    }

    fn update(&mut self, cells: &Cells, rows: Rows<'_>) {
        match cells {
            Cells::Rows => rows.groups.iter().for_each(|group| self.add(*group)),
            cells => cells.visit_present(rows, |group| self.add(group)),
        }
    }

    fn write(&self, group: u32, out: &mut Vec<u8>) {
        put_count(out, self.of(group));
    }

    fn merge(&mut self, group: u32, taker: &mut Taker<'_>) {
        self.0[group as usize] += taker.count();
    }

    fn finish(&self, _: Measure, groups: &[u32]) -> Result<ArrayRef, Beyond> {
        Ok(self.column(groups))
    }

    fn memory_bytes(&self) -> usize {
        self.0.capacity() * size_of::<u64>()
    }
}
