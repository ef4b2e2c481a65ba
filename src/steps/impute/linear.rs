//! Linear interpolation, as pandas' `interpolate(method="linear")`: within a key, the nulls between
//! two values are filled in equal steps from row to row; nulls after the last value take it; nulls
//! before the first stay null. Like backward fill, a fit pass notes each gap's end and length, in
//! the order in which gaps open, so the fill pass never looks ahead.
//!
//! Held per gap: one cell and 8 bytes.

use std::any::Any;
use std::sync::Arc;

use arrow::array::Array;
use arrow::datatypes::i256;

use super::cells::Cell;
use super::column::ColumnContext;
use super::keyed::{cover, shard_table};
use super::ratio::Ratio;
use crate::base::{Batch, Result};
use crate::steps::{KeyedState, ShardColumns};

/// Cells between which there are others.
pub(super) trait Interpolate: Cell {
    /// The cell `step / steps` of the way from `self` to `other`; `0 < step < steps`.
    fn toward(self, other: Self, step: u64, steps: u64) -> Self;
}

macro_rules! interpolate_integers {
    ($type:ty) => {
        impl Interpolate for $type {
            fn toward(self, other: Self, step: u64, steps: u64) -> Self {
                // Between the two cells, so it fits their type.
                weighted_mean(self.into(), other.into(), step, steps) as Self
            }
        }
    };
}

interpolate_integers!(i32);
interpolate_integers!(i64);
interpolate_integers!(i128);

/// `(from * (steps - step) + to * step) / steps`, halves to even.
fn weighted_mean(from: i128, to: i128, step: u64, steps: u64) -> i128 {
    let weighted = |cell: i128, weight: u64| {
        i256::from_i128(cell).wrapping_mul(i256::from_i128(weight.into()))
    };
    let sum = weighted(from, steps - step).wrapping_add(weighted(to, step));
    Ratio { sum, count: steps }.round_half_even()
}

impl Interpolate for f64 {
    fn toward(self, other: Self, step: u64, steps: u64) -> Self {
        let (step, steps) = (step as Self, steps as Self);
        let slope = (other - self) / steps;
        if slope.is_finite() {
            // The order of operations that numpy.interp has.
            return slope * step + self;
        }
        if self.is_finite() && other.is_finite() {
            // Only the difference overflowed.
            return self * (1.0 - step / steps) + other * (step / steps);
        }
        if self == other {
            return self;
        }
        let forward = slope * step + self;
        if forward.is_nan() {
            slope * (step - steps) + other
        } else {
            forward
        }
    }
}

/// What is known of the gaps of a shard, in the order in which they open.
pub(super) struct Gaps<T> {
    ends: Vec<T>,
    /// How many nulls long; 0 for a gap that no value ends.
    lengths: Vec<u64>,
}

impl<T> Gaps<T> {
    fn memory_bytes(&self) -> usize {
        self.ends.capacity() * size_of::<T>() + self.lengths.capacity() * 8
    }
}

/// Where a key stands.
#[derive(Clone, Copy, Default)]
struct Place<T> {
    /// Its last value.
    last: Option<T>,
    /// The gap it is in, plus 1; 0 where its last row was no null.
    gap: usize,
    /// How many nulls of that gap there have been.
    step: u64,
}

/// Notes the end and the length of each gap of a shard.
pub(super) struct LinearFit<T> {
    context: ColumnContext,
    /// `last` only says whether the key had a value: before its first there is no gap.
    places: Vec<Place<()>>,
    gaps: Gaps<T>,
}

impl<T: Cell> LinearFit<T> {
    pub(super) fn new(context: ColumnContext) -> Self {
        let gaps = Gaps {
            ends: Vec::new(),
            lengths: Vec::new(),
        };
        Self {
            context,
            places: Vec::new(),
            gaps,
        }
    }
}

impl<T: Cell> KeyedState for LinearFit<T> {
    fn advance(&mut self, batch: &Batch, rows: &[u32], keys: &[u32]) -> Result<ShardColumns> {
        let array = batch.column(self.context.slot);
        let cells = T::read(array);
        cover(&mut self.places, keys);
        let nulls = array.nulls();
        for (&row, &key) in rows.iter().zip(keys) {
            let place = &mut self.places[key as usize];
            if nulls.is_none_or(|nulls| nulls.is_valid(row as usize)) {
                if place.gap > 0 {
                    self.gaps.ends[place.gap - 1] = cells[row as usize];
                    self.gaps.lengths[place.gap - 1] = place.step;
                }
                *place = Place {
                    last: Some(()),
                    gap: 0,
                    step: 0,
                };
            } else if place.last.is_some() {
                if place.gap == 0 {
                    self.gaps.ends.push(T::default());
                    self.gaps.lengths.push(0);
                    place.gap = self.gaps.ends.len();
                }
                place.step += 1;
            }
        }
        self.context.check(self.memory_bytes())?;
        Ok(ShardColumns::None)
    }

    fn finish(self: Box<Self>) -> Option<Arc<dyn Any + Send + Sync>> {
        Some(Arc::new(self.gaps))
    }

    fn memory_bytes(&self) -> usize {
        self.places.capacity() * size_of::<Place<()>>() + self.gaps.memory_bytes()
    }
}

/// Fills each gap in equal steps.
pub(super) struct LinearFill<T> {
    slot: usize,
    places: Vec<Place<T>>,
    gaps: Arc<Gaps<T>>,
    gaps_met: usize,
}

impl<T: Cell> LinearFill<T> {
    pub(super) fn new(slot: usize, tables: &[Arc<dyn Any + Send + Sync>], shard: usize) -> Self {
        let gaps = shard_table(tables, shard);
        Self {
            slot,
            places: Vec::new(),
            gaps,
            gaps_met: 0,
        }
    }
}

impl<T: Interpolate> KeyedState for LinearFill<T> {
    fn advance(&mut self, batch: &Batch, rows: &[u32], keys: &[u32]) -> Result<ShardColumns> {
        let array = batch.column(self.slot);
        let cells = T::read(array);
        cover(&mut self.places, keys);
        let nulls = array.nulls();
        let (mut filled_rows, mut filled) = (Vec::new(), Vec::new());
        for (&row, &key) in rows.iter().zip(keys) {
            let place = &mut self.places[key as usize];
            if nulls.is_none_or(|nulls| nulls.is_valid(row as usize)) {
                *place = Place {
                    last: Some(cells[row as usize]),
                    gap: 0,
                    step: 0,
                };
            } else if let Some(last) = place.last {
                if place.gap == 0 {
                    self.gaps_met += 1;
                    place.gap = self.gaps_met;
                }
                place.step += 1;
                let length = self.gaps.lengths[place.gap - 1];
                filled_rows.push(row);
                filled.push(match length {
                    0 => last,
                    _ => last.toward(self.gaps.ends[place.gap - 1], place.step, length + 1),
                });
            }
        }
        let values = T::build(filled, None, array.data_type());
        Ok(ShardColumns::Sparse {
            rows: filled_rows,
            values,
        })
    }

    fn memory_bytes(&self) -> usize {
        self.places.capacity() * size_of::<Place<T>>() + self.gaps.memory_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::steps::impute::naive;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn integers_equal_the_plain_twin(from: i64, to: i64, steps in 2..1000u64, part: u64) {
            let step = 1 + part % (steps - 1);
            prop_assert_eq!(from.toward(to, step, steps), naive::between(from, to, step, steps));
        }

        /// A span of any length: no step leaves it, none is lost to overflow.
        #[test]
        fn floats_stay_between(from: f64, to: f64, steps in 2..1000u64, part: u64) {
            let cell = from.toward(to, 1 + part % (steps - 1), steps);
            let slack = 1e-12 * from.abs().max(to.abs());
            prop_assert!(cell >= from.min(to) - slack && cell <= from.max(to) + slack, "{cell}");
        }
    }

    #[test]
    fn the_widest_spans_do_not_overflow() {
        assert_eq!((-f64::MAX).toward(f64::MAX, 1, 2), 0.0);
        assert_eq!(f64::MAX.toward(f64::MAX, 1, 3), f64::MAX);
        let limit = 10i128.pow(38) - 1;
        assert_eq!((-limit).toward(limit, 1, 2), 0);
        assert_eq!(limit.toward(limit, u64::MAX - 1, u64::MAX), limit);
        assert_eq!(i64::MIN.toward(i64::MAX, 1, 2), 0);
        assert_eq!(0i32.toward(1, 1, 2), 0);
        assert_eq!(1i32.toward(2, 1, 2), 2);
    }

    #[test]
    fn infinities_are_those_of_numpy() {
        let infinity = f64::INFINITY;
        assert_eq!(1.0.toward(infinity, 1, 2), infinity);
        assert_eq!(infinity.toward(1.0, 1, 2), infinity);
        assert_eq!(infinity.toward(infinity, 1, 2), infinity);
        assert!(infinity.toward(-infinity, 1, 2).is_nan());
    }
}
