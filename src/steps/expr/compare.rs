//! Comparisons: two sides of one type in, TRUE, FALSE or null out.
//! Keeps: of floats, NaN equals NaN and is greater than all others, and the two zeros are equal,
//! as in DuckDB; so sorting, grouping and comparing agree.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray};
use arrow::buffer::BooleanBuffer;
use arrow::compute::kernels::cmp;
use arrow::datatypes::Float64Type;

use super::cells::{Cells, refused};
use super::node::Comparison;
use super::types::Type;
use crate::base::Result;

/// Compares cell by cell.
pub(super) fn compare(
    comparison: Comparison,
    left: &Cells,
    right: &Cells,
    data_type: &Type,
) -> Result<BooleanArray> {
    let (left, right) = (canonical(left, data_type), canonical(right, data_type));
    let result = match comparison {
        Comparison::Equal => cmp::eq(&left, &right),
        Comparison::NotEqual => cmp::neq(&left, &right),
        Comparison::Less => cmp::lt(&left, &right),
        Comparison::LessOrEqual => cmp::lt_eq(&left, &right),
        Comparison::Greater => cmp::gt(&left, &right),
        Comparison::GreaterOrEqual => cmp::gt_eq(&left, &right),
    };
    result.map_err(refused)
}

/// Whether cells differ, null being a value of its own; never null.
pub(super) fn distinct(left: &Cells, right: &Cells, data_type: &Type) -> Result<BooleanArray> {
    let (left, right) = (canonical(left, data_type), canonical(right, data_type));
    cmp::distinct(&left, &right).map_err(refused)
}

/// Arrow compares floats by their total order: zeros become one zero, and NaNs one NaN.
fn canonical(cells: &Cells, data_type: &Type) -> Cells {
    if *data_type != Type::Float64 {
        return cells.clone();
    }
    let floats = cells.array().as_primitive::<Float64Type>();
    const NEGATIVE_ZERO: u64 = 1 << 63;
    let is_odd = |value: f64| value.is_nan() | (value.to_bits() == NEGATIVE_ZERO);
    let odd = floats
        .values()
        .iter()
        .fold(false, |odd, &value| odd | is_odd(value));
    if !odd {
        return cells.clone();
    }
    let one = |value: f64| match value.is_nan() {
        true => f64::NAN.abs(),
        // Of the two zeros the sum is the positive one.
        false => value + 0.0,
    };
    cells.with(Arc::new(floats.unary::<_, Float64Type>(one)) as ArrayRef)
}

/// TRUE and FALSE only: whether each cell is `value`, or is not.
pub(super) fn is(array: &BooleanArray, value: bool, negated: bool) -> BooleanArray {
    let same = match value {
        true => array.values().clone(),
        false => !array.values(),
    };
    let same: BooleanBuffer = match array.nulls() {
        Some(nulls) => &same & nulls.inner(),
        None => same,
    };
    BooleanArray::new(if negated { !&same } else { same }, None)
}
