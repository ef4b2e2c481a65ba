//! Arrow arrays -> plain numbers and times of a shard's rows.
//!
//! The types of arrays are told apart here, once per array. Invariant: NaN stands for null.

use arrow::array::{Array, AsArray, PrimitiveArray};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Date32Type, Decimal128Type, Float64Type, Int64Type, TimeUnit,
    TimestampMicrosecondType, TimestampNanosecondType,
};

/// Replaces `out` by the cells of `rows`, `missing` for null ones.
fn gather<T: ArrowPrimitiveType, C: Copy>(
    array: &dyn Array,
    rows: &[u32],
    missing: C,
    cell: impl Fn(T::Native) -> C,
    out: &mut Vec<C>,
) {
    let array: &PrimitiveArray<T> = array.as_primitive();
    let values = array.values();
    out.clear();
    out.extend(rows.iter().map(|&row| cell(values[row as usize])));
    if let Some(nulls) = array.nulls().filter(|nulls| nulls.null_count() > 0) {
        for (out, &row) in out.iter_mut().zip(rows) {
            if nulls.is_null(row as usize) {
                *out = missing;
            }
        }
    }
}

/// The numbers of `rows`, as the nearest doubles; NaN for null.
///
/// # Panics
/// If the column is not numeric; the plan has checked that it is.
pub(in crate::steps) fn gather_numbers(array: &dyn Array, rows: &[u32], out: &mut Vec<f64>) {
    match array.data_type() {
        DataType::Float64 => gather::<Float64Type, _>(array, rows, f64::NAN, |cell| cell, out),
        DataType::Int64 => {
            gather::<Int64Type, _>(array, rows, f64::NAN, |cell| cell as f64, out);
        }
        DataType::Decimal128(_, scale) => {
            let unit = 10_f64.powi(i32::from(*scale));
            let cell = |cell| cell as f64 / unit;
            gather::<Decimal128Type, _>(array, rows, f64::NAN, cell, out);
        }
        other => panic!("a column of {other} got past the plan"),
    }
}

/// The times of `rows` in ticks of the column; `None` for null.
///
/// # Panics
/// If the column holds no times; the plan has checked that it does.
pub(in crate::steps) fn gather_times(array: &dyn Array, rows: &[u32], out: &mut Vec<Option<i64>>) {
    match array.data_type() {
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            gather::<TimestampMicrosecondType, _>(array, rows, None, Some, out);
        }
        DataType::Timestamp(TimeUnit::Nanosecond, _) => {
            gather::<TimestampNanosecondType, _>(array, rows, None, Some, out);
        }
        DataType::Date32 => {
            let cell = |cell| Some(i64::from(cell));
            gather::<Date32Type, _>(array, rows, None, cell, out);
        }
        other => panic!("a time column of {other} got past the plan"),
    }
}
