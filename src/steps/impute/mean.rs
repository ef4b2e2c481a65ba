//! Means: one of a whole column, observed in any order, or one per key, in file order. Sums are
//! exact for integers, dates, timestamps, decimals and the floats of a whole column.

use std::any::Any;
use std::sync::Arc;

use arrow::array::Array;
use arrow::datatypes::i256;

use super::cells::Cell;
use super::column::ColumnContext;
use super::float_sum::{ExactSum, PairSum};
use super::ratio::Ratio;
use super::table::{CellTable, FixedTable};
use crate::base::{Batch, DataType, Result};
use crate::steps::{Fit, FitOutcome, KeyedState, ShardColumns};

/// Cells that have a mean and a middle between two of them.
pub(super) trait Measure: Cell {
    /// The sum of a whole column.
    type Sum: Sum<Self>;
    /// The sum of one key: small.
    type KeySum: Sum<Self>;

    /// The mean of two cells, and its exact value as printed.
    fn midpoint(self, other: Self, data_type: &DataType) -> (Self, String);
}

/// A running sum that ends in a mean.
pub(super) trait Sum<T>: Clone + Default + Send + 'static {
    /// Adds cells.
    fn add(&mut self, cells: &[T]);
    /// The mean as a cell, and its exact value as printed; `None` without a cell.
    fn mean(&self, data_type: &DataType) -> Option<(T, String)>;
}

/// An exact sum of integers, in 192 bits, and their number.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct IntegerSum {
    low: u128,
    high: i64,
    count: u64,
}

impl IntegerSum {
    fn add_one(&mut self, cell: i128) {
        let (low, carry) = self.low.overflowing_add(cell as u128);
        self.low = low;
        self.high += i64::from(carry) + (cell >> 127) as i64;
        self.count += 1;
    }

    fn ratio(&self) -> Option<Ratio> {
        (self.count > 0).then(|| Ratio {
            sum: i256::from_parts(self.low, self.high.into()),
            count: self.count,
        })
    }
}

macro_rules! measure_integers {
    ($type:ty) => {
        impl Sum<$type> for IntegerSum {
            fn add(&mut self, cells: &[$type]) {
                cells.iter().for_each(|&cell| self.add_one(cell.into()));
            }

            fn mean(&self, data_type: &DataType) -> Option<($type, String)> {
                let ratio = self.ratio()?;
                // Between the smallest and the largest cell, so it fits their type.
                let rounded = ratio.round_half_even() as $type;
                Some((rounded, ratio.print(data_type)))
            }
        }

        impl Measure for $type {
            type Sum = IntegerSum;
            type KeySum = IntegerSum;

            fn midpoint(self, other: Self, data_type: &DataType) -> (Self, String) {
                let mut sum = IntegerSum::default();
                Sum::<$type>::add(&mut sum, &[self, other]);
                sum.mean(data_type).expect("two cells have a mean")
            }
        }
    };
}

measure_integers!(i32);
measure_integers!(i64);
measure_integers!(i128);

impl Sum<f64> for ExactSum {
    fn add(&mut self, cells: &[f64]) {
        self.add(cells);
    }

    fn mean(&self, _: &DataType) -> Option<(f64, String)> {
        self.mean().map(|mean| (mean, mean.to_string()))
    }
}

impl Sum<f64> for PairSum {
    fn add(&mut self, cells: &[f64]) {
        cells.iter().for_each(|&cell| self.add(cell));
    }

    fn mean(&self, _: &DataType) -> Option<(f64, String)> {
        self.mean().map(|mean| (mean, mean.to_string()))
    }
}

impl Measure for f64 {
    type Sum = ExactSum;
    type KeySum = PairSum;

    fn midpoint(self, other: Self, _: &DataType) -> (Self, String) {
        let sum = self + other;
        let middle = if sum.is_finite() {
            sum / 2.0
        } else {
            self / 2.0 + other / 2.0
        };
        (middle, middle.to_string())
    }
}

/// The mean of a whole column.
pub(super) struct MeanFit<T: Measure> {
    context: ColumnContext,
    sum: T::Sum,
}

impl<T: Measure> MeanFit<T> {
    pub(super) fn new(context: ColumnContext) -> Self {
        Self {
            context,
            sum: T::Sum::default(),
        }
    }
}

impl<T: Measure> Fit for MeanFit<T> {
    fn observe(&mut self, batch: &Batch) -> Result<()> {
        let array = batch.column(self.context.slot);
        let cells = T::read(array);
        match array.nulls() {
            None => self.sum.add(&cells),
            Some(nulls) => {
                for (start, end) in nulls.valid_slices() {
                    self.sum.add(&cells[start..end]);
                }
            }
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<FitOutcome> {
        let mean = self.sum.mean(&self.context.data_type);
        Ok(FitOutcome::Done(self.context.statistic(mean)))
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Self>()
    }
}

/// The mean of each key of a shard.
pub(super) struct KeyedMeanFit<T: Measure> {
    context: ColumnContext,
    sums: Vec<T::KeySum>,
}

impl<T: Measure> KeyedMeanFit<T> {
    pub(super) fn new(context: ColumnContext) -> Self {
        Self {
            context,
            sums: Vec::new(),
        }
    }
}

impl<T: Measure> KeyedState for KeyedMeanFit<T> {
    fn advance(&mut self, batch: &Batch, rows: &[u32], keys: &[u32]) -> Result<ShardColumns> {
        let array = batch.column(self.context.slot);
        let cells = T::read(array);
        super::keyed::cover(&mut self.sums, keys);
        super::keyed::for_each_valid(array.nulls(), rows, keys, |row, key| {
            self.sums[key].add(&cells[row..=row]);
        });
        self.context.check(self.memory_bytes())?;
        Ok(ShardColumns::None)
    }

    fn finish(self: Box<Self>) -> Option<Arc<dyn Any + Send + Sync>> {
        let mut table = FixedTable::<T>::default();
        table.extend_to(self.sums.len());
        for (key, sum) in self.sums.iter().enumerate() {
            if let Some((mean, _)) = sum.mean(&self.context.data_type) {
                table.set(key, mean);
            }
        }
        Some(Arc::new(table))
    }

    fn memory_bytes(&self) -> usize {
        self.sums.capacity() * size_of::<T::KeySum>()
    }
}
