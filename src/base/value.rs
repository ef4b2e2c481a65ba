//! One typed cell outside an Arrow array: a constant to fill in, a fitted statistic.

/// A typed cell. The variant matches the [`DataType`](super::DataType) of its column: dates are
/// days and timestamps ticks of the column's unit since 1970-01-01, decimals are unscaled.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// An int64 cell.
    Int64(i64),
    /// A float64 cell.
    Float64(f64),
    /// A bool cell.
    Boolean(bool),
    /// A date cell: days since 1970-01-01.
    Date(i32),
    /// A timestamp cell: ticks of the column's unit since 1970-01-01T00:00:00.
    Timestamp(i64),
    /// A utf8 or categorical cell.
    Utf8(String),
    /// A decimal cell, unscaled.
    Decimal(i128),
}
