//! Cells -> the smallest and largest of a column chunk, and how many are null or not a number.

use parquet::basic::Type as PhysicalType;
use parquet::file::statistics::{Statistics, ValueStatistics};

use super::cells::{float, float_key};

/// The smallest and largest of `cells`.
pub(super) fn range(cells: &[i64]) -> Option<(i64, i64)> {
    let first = *cells.first()?;
    let wider = |(least, most): (i64, i64), &cell: &i64| (least.min(cell), most.max(cell));
    Some(cells.iter().fold((first, first), wider))
}

/// The statistics of integers of type `physical_type` that lie in `range`.
pub(super) fn of_integers(
    range: Option<(i64, i64)>,
    physical_type: PhysicalType,
    nulls: u64,
) -> Statistics {
    let (least, most) = range.unzip();
    if physical_type == PhysicalType::INT32 {
        let [least, most] = [least, most].map(|cell| cell.map(|cell| cell as i32));
        signed(ValueStatistics::new(least, most, None, Some(nulls), false)).into()
    } else {
        signed(ValueStatistics::new(least, most, None, Some(nulls), false)).into()
    }
}

/// The statistics of the floats whose keys are `cells` and lie in `range`. Those that are no
/// numbers are counted, and compared only where there is no other.
pub(super) fn of_floats(cells: &[i64], range: Option<(i64, i64)>, nulls: u64) -> Statistics {
    let numbers = float_key(f64::NEG_INFINITY)..=float_key(f64::INFINITY);
    let is_number = |key: &i64| numbers.contains(key);
    let (mut found, mut nans) = (range, 0);
    if range.is_some_and(|(least, most)| !is_number(&least) || !is_number(&most)) {
        nans = cells.iter().filter(|key| !is_number(key)).count() as u64;
        let only = cells.iter().copied().filter(is_number);
        found = only.clone().min().zip(only.max()).or(range);
    }
    let (least, most) = found.unzip();
    let statistics =
        ValueStatistics::new(least.map(float), most.map(float), None, Some(nulls), false);
    signed(statistics.with_nan_count(Some(nans))).into()
}

fn signed<T>(statistics: ValueStatistics<T>) -> ValueStatistics<T> {
    statistics.with_backwards_compatible_min_max(true)
}
