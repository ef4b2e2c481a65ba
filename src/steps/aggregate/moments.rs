//! Sums of values and of their squares per group, for the spread of floats; exact, so that a large
//! mean leaves digits of a small spread.
//!
//! The square of a float is the sum of two floats, its rounded square and what rounding lost
//! (Dekker, "A floating-point technique for extending the available precision", 1971).

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Float64Array};

use super::accumulator::{Accumulator, Beyond};
use super::cells::{Cells, Rows};
use super::exact::{ExactSums, variance};
use super::sums::FloatSums;
use super::wire::Taker;
use crate::base::{Measure, Result};

/// Sums, and sums of squares.
#[derive(Default)]
pub(super) struct Moments {
    sums: FloatSums,
    squares: ExactSums<4>,
}

/// The square of a float, rounded, and what rounding lost.
#[inline(always)]
fn square(cell: f64) -> (f64, f64) {
    /// 2^27 + 1 cuts 53 bits in two halves.
    const CUT: f64 = 134_217_729.0;
    let square = cell * cell;
    let upper = {
        let cut = CUT * cell;
        cut - (cut - cell)
    };
    let lower = cell - upper;
    let lost = ((upper * upper - square) + 2.0 * upper * lower) + lower * lower;
    (square, lost)
}

impl Accumulator for Moments {
    fn grow(&mut self, groups: usize) {
        self.sums.grow(groups);
        self.squares.grow(groups);
    }

    fn update(&mut self, cells: &Cells, rows: Rows<'_>) {
        let floats = cells.floats();
        rows.visit(floats.values(), floats.nulls(), |group, cell| {
            if !cell.is_nan() {
                self.sums.add(group, cell);
                let (square, lost) = square(cell);
                self.squares.add(group, square);
                if lost.is_finite() {
                    self.squares.add(group, lost);
                }
            }
        });
    }

    fn write(&self, group: u32, out: &mut Vec<u8>) {
        self.sums.write(group, out);
        self.squares.write(group, out);
    }

    fn merge(&mut self, group: u32, taker: &mut Taker<'_>) {
        self.sums.merge(group, taker);
        self.squares.merge(group, taker);
    }

    fn finish(&self, measure: Measure, groups: &[u32]) -> Result<ArrayRef, Beyond> {
        if !matches!(measure, Measure::Std | Measure::Var) {
            return self.sums.finish(measure, groups);
        }
        let cell = |&group: &u32| {
            let count = self.sums.count(group);
            let variance = (count > 1)
                .then(|| variance(self.sums.pair(group), self.squares.pair(group), count));
            let is_std = measure == Measure::Std;
            variance.map(|it| if is_std { it.sqrt() } else { it })
        };
        let cells = groups.iter().map(cell);
        // As in pandas, a spread that is no number is missing.
        let cells = cells.map(|cell| cell.filter(|cell| !cell.is_nan()));
        Ok(Arc::new(cells.collect::<Float64Array>()))
    }

    fn memory_bytes(&self) -> usize {
        self.sums.memory_bytes() + self.squares.memory_bytes()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_square_is_two_floats(cell in -1e150..1e150_f64) {
            let (rounded, lost) = square(cell);
            prop_assert_eq!(lost, cell.mul_add(cell, -rounded));
        }
    }
}
