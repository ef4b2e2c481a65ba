//! A column of numbers of any type -> its cells as floats.

use std::borrow::Cow;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType as ArrowType, Decimal128Type, Float64Type, Int64Type};

/// The cells of an int64, float64 or decimal column; those of nulls are arbitrary.
pub(in crate::steps) fn numbers(array: &ArrayRef) -> Cow<'_, [f64]> {
    match array.data_type() {
        ArrowType::Float64 => Cow::Borrowed(array.as_primitive::<Float64Type>().values()),
        ArrowType::Int64 => {
            let cells = array.as_primitive::<Int64Type>().values().iter();
            Cow::Owned(cells.map(|cell| *cell as f64).collect())
        }
        _ => {
            let decimals = array.as_primitive::<Decimal128Type>();
            let unit = 10_f64.powi(decimals.scale().into());
            let cells = decimals.values().iter();
            Cow::Owned(cells.map(|cell| *cell as f64 / unit).collect())
        }
    }
}
