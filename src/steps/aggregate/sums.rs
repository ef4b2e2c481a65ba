//! Sums and means per group: exact over whole numbers and decimals, rounded once over floats.
//! Keeps: a sum is null where there is no value, and one beyond its type is an error, never another
//! number.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array};
use arrow::datatypes::{Decimal128Type, DecimalType};
use foldhash::fast::FixedState;

use super::accumulator::{Accumulator, Beyond};
use super::cells::{Cells, Form, Rows, decimal_column, decimals_of, words_of};
use super::counts::Counts;
use super::exact::{ExactSums, mean};
use super::wire::{Taker, put_count};
use crate::base::{DataType, Measure, Result};

/// Sums of floats.
#[derive(Default)]
pub(super) struct FloatSums {
    counts: Counts,
    sums: ExactSums<2>,
}

impl FloatSums {
    #[inline(always)]
    pub(super) fn add(&mut self, group: u32, cell: f64) {
        self.counts.add(group);
        self.sums.add(group, cell);
    }

    pub(super) fn count(&self, group: u32) -> u64 {
        self.counts.of(group)
    }

    pub(super) fn pair(&self, group: u32) -> (f64, f64) {
        self.sums.pair(group)
    }
}

impl Accumulator for FloatSums {
    fn grow(&mut self, groups: usize) {
        self.counts.grow(groups);
        self.sums.grow(groups);
    }

    fn update(&mut self, cells: &Cells, rows: Rows<'_>) {
        let floats = cells.floats();
        rows.visit(
            floats.values(),
            arrow::array::Array::nulls(&*floats),
            |group, cell| {
                if !cell.is_nan() {
                    self.add(group, cell);
                }
            },
        );
    }

    fn write(&self, group: u32, out: &mut Vec<u8>) {
        self.counts.write(group, out);
        self.sums.write(group, out);
    }

    fn merge(&mut self, group: u32, taker: &mut Taker<'_>) {
        self.counts.merge(group, taker);
        self.sums.merge(group, taker);
    }

    fn finish(&self, measure: Measure, groups: &[u32]) -> Result<ArrayRef, Beyond> {
        if measure == Measure::Count {
            return Ok(self.counts.column(groups));
        }
        let cell = |&group: &u32| {
            let count = self.count(group);
            (count > 0).then(|| match measure {
                Measure::Mean => mean(self.pair(group), count),
                _ => self.pair(group).0,
            })
        };
        Ok(Arc::new(groups.iter().map(cell).collect::<Float64Array>()))
    }

    fn memory_bytes(&self) -> usize {
        self.counts.memory_bytes() + self.sums.memory_bytes()
    }
}

/// Sums of whole numbers, truth values and unscaled decimals.
pub(super) struct WholeSums {
    data_type: DataType,
    counts: Counts,
    sums: Vec<i128>,
    /// How often a sum has gone over the end of 128 bits; up counts up.
    over: HashMap<u32, i64, FixedState>,
}

impl WholeSums {
    pub(super) fn new(data_type: &DataType) -> Self {
        Self {
            data_type: data_type.clone(),
            counts: Counts::default(),
            sums: Vec::new(),
            over: HashMap::default(),
        }
    }

    #[inline(always)]
    fn add(&mut self, group: u32, cell: i128) {
        let sum = &mut self.sums[group as usize];
        let (next, is_over) = sum.overflowing_add(cell);
        *sum = next;
        if is_over {
            *self.over.entry(group).or_default() += if cell < 0 { -1 } else { 1 };
        }
    }

    fn over(&self, group: u32) -> i64 {
        self.over.get(&group).copied().unwrap_or_default()
    }

    /// The sum, if it has at most 38 digits, or fits 64 bits where it has no scale.
    fn sum(&self, group: u32) -> Result<i128, Beyond> {
        let sum = self.sums[group as usize];
        let fits = match self.data_type {
            DataType::Decimal { .. } => {
                Decimal128Type::validate_decimal_precision(sum, 38, 0).is_ok()
            }
            _ => i64::try_from(sum).is_ok(),
        };
        if fits && self.over(group) == 0 {
            return Ok(sum);
        }
        let message = match self.data_type {
            DataType::Decimal { .. } => {
                "the sum has more than 38 digits; write sum(CAST(… AS float64))".to_owned()
            }
            _ => format!(
                "the sum {sum} is beyond int64; write sum(CAST(… AS decimal(38,0))) or \
                 sum(CAST(… AS float64))"
            ),
        };
        Err(Beyond::Group(group, message))
    }

    fn mean(&self, group: u32) -> f64 {
        let count = self.counts.of(group) as f64;
        let scale = match self.data_type {
            DataType::Decimal { scale, .. } => 10_f64.powi(scale.into()),
            _ => 1.0,
        };
        // Beyond 128 bits nothing is left to lose but digits.
        let over = self.over(group) as f64 * 2_f64.powi(128);
        let sum = self.sums[group as usize];
        let high = sum as f64;
        // A float of 2^127 is one more than fits.
        let low = match high as i128 {
            i128::MAX => 0.0,
            whole => (sum - whole) as f64,
        };
        (mean((high, low), self.counts.of(group)) + over / count) / scale
    }
}

impl Accumulator for WholeSums {
    fn grow(&mut self, groups: usize) {
        self.counts.grow(groups);
        self.sums.resize(groups, 0);
    }

    fn update(&mut self, cells: &Cells, rows: Rows<'_>) {
        use arrow::array::Array;
        match Form::of(&self.data_type) {
            Form::Decimals => {
                let decimals = decimals_of(cells);
                rows.visit(decimals.values(), decimals.nulls(), |group, cell| {
                    self.counts.add(group);
                    self.add(group, cell);
                });
            }
            _ => {
                let words = words_of(cells);
                rows.visit(words.values(), words.nulls(), |group, cell| {
                    self.counts.add(group);
                    self.add(group, cell.into());
                });
            }
        }
    }

    fn write(&self, group: u32, out: &mut Vec<u8>) {
        self.counts.write(group, out);
        out.extend_from_slice(&self.sums[group as usize].to_le_bytes());
        put_count(out, self.over(group) as u64);
    }

    fn merge(&mut self, group: u32, taker: &mut Taker<'_>) {
        self.counts.merge(group, taker);
        self.add(group, i128::from_le_bytes(taker.array()));
        let over = taker.count() as i64;
        if over != 0 {
            *self.over.entry(group).or_default() += over;
        }
    }

    fn finish(&self, measure: Measure, groups: &[u32]) -> Result<ArrayRef, Beyond> {
        let is_there = |group: &u32| self.counts.of(*group) > 0;
        match measure {
            Measure::Count => return Ok(self.counts.column(groups)),
            Measure::Mean => {
                let cell = |group: &u32| is_there(group).then(|| self.mean(*group));
                return Ok(Arc::new(groups.iter().map(cell).collect::<Float64Array>()));
            }
            _ => {}
        }
        let sums = groups
            .iter()
            .map(|group| is_there(group).then(|| self.sum(*group)).transpose())
            .collect::<Result<Vec<Option<i128>>, Beyond>>()?;
        match self.data_type {
            DataType::Decimal { scale, .. } => {
                let precision = 38;
                Ok(decimal_column(
                    sums,
                    &DataType::Decimal { precision, scale },
                ))
            }
            _ => {
                let sums = sums.into_iter().map(|sum| sum.map(|sum| sum as i64));
                Ok(Arc::new(sums.collect::<Int64Array>()))
            }
        }
    }

    fn memory_bytes(&self) -> usize {
        self.counts.memory_bytes()
            + self.sums.capacity() * size_of::<i128>()
            + self.over.capacity() * size_of::<(u32, i64)>()
    }
}
