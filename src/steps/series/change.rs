//! Cells now and before -> their differences and relative changes.
//!
//! The types of columns are told apart here, once per array. Invariant: null where either cell is,
//! and where the difference does not fit its type, which is told.

use arrow::array::{Array, ArrayRef};
use arrow::buffer::{BooleanBuffer, NullBuffer};

use crate::base::DataType;
use crate::steps::fit::cells::Cell;
use crate::steps::floats;
use crate::steps::rolling::gather_numbers;

/// The cells of some rows, and for each of them one before it.
pub(super) struct Change<'a> {
    /// The column.
    pub(super) now: &'a ArrayRef,
    /// The rows of it.
    pub(super) rows: &'a [u32],
    /// For each of the rows the cell before it.
    pub(super) before: &'a ArrayRef,
}

/// The differences, of `data_type`; adds the places of those that do not fit to `overflows`.
pub(super) fn difference(
    change: &Change<'_>,
    data_type: &DataType,
    overflows: &mut Vec<u32>,
) -> ArrayRef {
    match (change.before.data_type(), data_type) {
        (arrow::datatypes::DataType::Float64, _) => {
            let (now, before) = change.numbers();
            let pairs = now.into_iter().zip(before);
            floats(pairs.map(|(now, before)| now - before).collect())
        }
        (arrow::datatypes::DataType::Date32, _) => {
            let less = |now: i32, before: i32| Some(i64::from(now) - i64::from(before));
            subtract(change, data_type, less, overflows)
        }
        (arrow::datatypes::DataType::Decimal128(..), DataType::Decimal { precision, .. }) => {
            let limit = 10_i128.pow(u32::from(*precision));
            let less = |now: i128, before: i128| {
                let difference = now.checked_sub(before);
                difference.filter(|&difference| -limit < difference && difference < limit)
            };
            subtract(change, data_type, less, overflows)
        }
        _ => subtract(change, data_type, i64::checked_sub, overflows),
    }
}

fn subtract<T: Cell, D: Cell>(
    change: &Change<'_>,
    data_type: &DataType,
    less: impl Fn(T, T) -> Option<D>,
    overflows: &mut Vec<u32>,
) -> ArrayRef {
    let (now, before) = (T::read(change.now), T::read(change.before));
    let is_value =
        |nulls: Option<&NullBuffer>, row: usize| nulls.is_none_or(|nulls| nulls.is_valid(row));
    let mut cells = Vec::with_capacity(change.rows.len());
    let valid = BooleanBuffer::collect_bool(change.rows.len(), |cell| {
        let row = change.rows[cell] as usize;
        let both = is_value(change.now.nulls(), row) && is_value(change.before.nulls(), cell);
        let difference = both.then(|| less(now[row], before[cell]));
        if difference == Some(None) {
            overflows.push(cell as u32);
        }
        let difference = difference.flatten();
        cells.push(difference.unwrap_or_default());
        difference.is_some()
    });
    let nulls = Some(NullBuffer::new(valid)).filter(|nulls| nulls.null_count() > 0);
    D::build(cells, nulls, &data_type.to_arrow())
}

/// How much the cells are beyond those before, as a share of these.
pub(super) fn percent_change(change: &Change<'_>) -> ArrayRef {
    let (now, before) = change.numbers();
    let pairs = now.into_iter().zip(before);
    floats(pairs.map(|(now, before)| now / before - 1.0).collect())
}

impl Change<'_> {
    /// The cells now and before, as the nearest doubles; NaN for null.
    fn numbers(&self) -> (Vec<f64>, Vec<f64>) {
        let all: Vec<u32> = (0..self.before.len() as u32).collect();
        let (mut now, mut before) = (Vec::new(), Vec::new());
        gather_numbers(self.now, self.rows, &mut now);
        gather_numbers(self.before, &all, &mut before);
        (now, before)
    }
}
