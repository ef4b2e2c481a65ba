//! Times of two columns -> whole numbers that can be compared.
//!
//! Invariant: both columns count in the finer of their two units; a time too far off for it stands at
//! the end of its range.

use arrow::array::{Array, AsArray};
use arrow::datatypes::{
    DataType as ArrowType, Date32Type, Int64Type, TimeUnit as ArrowUnit, TimestampMicrosecondType,
    TimestampNanosecondType,
};

use crate::base::{DataType, TimeUnit, Window};

const NANOSECONDS_PER_DAY: i64 = 86_400_000_000_000;

/// What times are counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    /// They are numbers.
    Numbers,
    /// Ticks of so many nanoseconds.
    Ticks(i64),
}

impl Clock {
    /// What the times of two columns are compared in; `None` if they are no times, or not of the
    /// same kind. A date is its midnight.
    pub fn new(one: &DataType, other: &DataType) -> Option<Self> {
        use DataType as D;
        let nanoseconds = |data_type: &DataType| match data_type {
            D::Date => Some(NANOSECONDS_PER_DAY),
            D::Timestamp { unit, .. } => Some(match unit {
                TimeUnit::Microsecond => 1000,
                TimeUnit::Nanosecond => 1,
            }),
            _ => None,
        };
        match (one, other) {
            (D::Int64, D::Int64) => Some(Self::Numbers),
            (D::Timestamp { utc, .. }, D::Timestamp { utc: other, .. }) if utc != other => None,
            _ => Some(Self::Ticks(nanoseconds(one)?.min(nanoseconds(other)?))),
        }
    }

    /// `tolerance` as a number of what is counted; `None` if it is none.
    pub fn length(self, tolerance: Window) -> Option<i64> {
        match (self, tolerance) {
            (Self::Numbers, Window::Rows(number)) => Some(number.into()),
            (Self::Ticks(nanoseconds), Window::Time(length)) => Some(length / nanoseconds),
            _ => None,
        }
    }

    /// The cells of `column`, which is of one of the types that it was made for; those of null cells
    /// are unspecified.
    pub(super) fn count(self, column: &dyn Array) -> Vec<i64> {
        let scaled = |nanoseconds: i64| match self {
            Self::Numbers => 1,
            Self::Ticks(tick) => nanoseconds / tick,
        };
        let all = |cells: &[i64], factor: i64| match factor {
            1 => cells.to_vec(),
            _ => cells
                .iter()
                .map(|cell| cell.saturating_mul(factor))
                .collect(),
        };
        match column.data_type() {
            ArrowType::Date32 => {
                let factor = scaled(NANOSECONDS_PER_DAY);
                let days = column.as_primitive::<Date32Type>().values().iter();
                days.map(|&day| i64::from(day).saturating_mul(factor))
                    .collect()
            }
            ArrowType::Timestamp(ArrowUnit::Microsecond, _) => {
                let cells = column.as_primitive::<TimestampMicrosecondType>();
                all(cells.values(), scaled(1000))
            }
            ArrowType::Timestamp(ArrowUnit::Nanosecond, _) => {
                all(column.as_primitive::<TimestampNanosecondType>().values(), 1)
            }
            _ => all(column.as_primitive::<Int64Type>().values(), 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{Date32Array, TimestampMicrosecondArray};

    use super::*;

    #[test]
    fn times_meet_in_the_finer_unit() {
        let at = |unit, utc| DataType::Timestamp { unit, utc };
        let (us, ns) = (TimeUnit::Microsecond, TimeUnit::Nanosecond);
        let day = Clock::Ticks(NANOSECONDS_PER_DAY);
        for (one, other, expected) in [
            (DataType::Date, DataType::Date, Some(day)),
            (DataType::Date, at(us, true), Some(Clock::Ticks(1000))),
            (at(us, false), at(ns, false), Some(Clock::Ticks(1))),
            (at(us, false), at(us, true), None),
            (DataType::Int64, DataType::Int64, Some(Clock::Numbers)),
            (DataType::Int64, DataType::Date, None),
            (DataType::Utf8, DataType::Utf8, None),
        ] {
            assert_eq!(Clock::new(&one, &other), expected, "{one} and {other}");
            assert_eq!(Clock::new(&other, &one), expected, "{other} and {one}");
        }
        let (days, ticks) = (
            Date32Array::from(vec![1, -1]),
            TimestampMicrosecondArray::from(vec![3]),
        );
        assert_eq!(day.count(&days), [1, -1]);
        assert_eq!(Clock::Ticks(1000).count(&days)[1], -86_400_000_000);
        assert_eq!(Clock::Ticks(1).count(&ticks), [3000]);
        assert_eq!(Clock::Ticks(1000).count(&ticks), [3]);
        assert_eq!(
            day.length(Window::Time(NANOSECONDS_PER_DAY * 3 / 2)),
            Some(1)
        );
        assert_eq!(day.length(Window::Rows(1)), None);
        assert_eq!(Clock::Numbers.length(Window::Rows(5)), Some(5));
    }
}
