//! Times -> the beginnings of the spans of one length that they are in.
//! Keeps: spans are counted from Monday, 2000-01-03, at midnight, as DuckDB's `time_bucket` does, so
//! that weeks begin on Mondays; null stays null.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType as ArrowType, Date32Type, TimeUnit as ArrowUnit,
    TimestampMicrosecondType, TimestampNanosecondType,
};

use crate::base::{Batch, DataType, Result, TimeUnit};
use crate::steps::{Effect, Fitted, LocalStep, Prepared, Step};

/// Days from 1970-01-01 to 2000-01-03.
const ORIGIN_DAYS: i64 = 10_959;

/// A step that makes a column of beginnings.
#[derive(Debug, Clone)]
pub struct TimeBucket {
    label: String,
    begin: Begin,
}

#[derive(Debug, Clone)]
struct Begin {
    input: usize,
    output: usize,
    /// Ticks of a span.
    length: i64,
    /// A beginning of one, in ticks since 1970-01-01.
    origin: i64,
}

impl TimeBucket {
    /// Puts into the slot `output` where the spans of `length` ticks begin that the times in the slot
    /// `input`, of `data_type`, are in.
    pub fn new(
        label: String,
        (input, data_type): (usize, &DataType),
        output: usize,
        length: i64,
    ) -> Self {
        let day = match data_type {
            DataType::Timestamp { unit, .. } => 86_400 * TimeUnit::per_second(*unit),
            _ => 1,
        };
        let begin = Begin {
            input,
            output,
            length,
            origin: (ORIGIN_DAYS * day).rem_euclid(length),
        };
        Self { label, begin }
    }
}

impl Step for TimeBucket {
    fn label(&self) -> String {
        self.label.clone()
    }

    fn reads(&self) -> Vec<usize> {
        vec![self.begin.input]
    }

    fn writes(&self) -> Vec<usize> {
        vec![self.begin.output]
    }

    fn prepare(&self, _: Option<&Fitted>) -> Result<Prepared> {
        Ok(Prepared::Local(Arc::new(self.begin.clone())))
    }
}

impl Begin {
    fn of(&self, ticks: i64) -> i64 {
        let since = (ticks.rem_euclid(self.length) - self.origin).rem_euclid(self.length);
        // The first span there is may have begun before the first tick.
        ticks.saturating_sub(since)
    }

    fn column<T: ArrowPrimitiveType<Native = i64>>(&self, times: &ArrayRef) -> ArrayRef {
        let begins = times
            .as_primitive::<T>()
            .unary::<_, T>(|ticks| self.of(ticks));
        Arc::new(begins.with_data_type(times.data_type().clone()))
    }
}

impl LocalStep for Begin {
    fn apply(&self, batch: &mut Batch) -> Result<Effect> {
        let times = batch.column(self.input);
        let begins: ArrayRef = match times.data_type() {
            ArrowType::Date32 => {
                let days = times.as_primitive::<Date32Type>();
                Arc::new(days.unary::<_, Date32Type>(|day| self.of(day.into()) as i32))
            }
            ArrowType::Timestamp(ArrowUnit::Microsecond, _) => {
                self.column::<TimestampMicrosecondType>(times)
            }
            _ => self.column::<TimestampNanosecondType>(times),
        };
        batch.columns[self.output] = Some(begins);
        Ok(Effect::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_begin_at_midnight_and_weeks_on_mondays() {
        let date = |length| TimeBucket::new(String::new(), (0, &DataType::Date), 1, length).begin;
        // 2024-02-29 was a Thursday.
        assert_eq!(date(7).of(19_782), 19_779);
        assert_eq!(date(1).of(-1), -1);
        assert_eq!(date(7).of(ORIGIN_DAYS - 1), ORIGIN_DAYS - 7);
        let time = DataType::Timestamp {
            unit: TimeUnit::Microsecond,
            utc: false,
        };
        let hour = 3_600_000_000;
        let hours = TimeBucket::new(String::new(), (0, &time), 1, hour).begin;
        assert_eq!(hours.of(5 * hour + 17), 5 * hour);
        assert_eq!(hours.of(-1), -hour);
        assert_eq!(hours.of(i64::MIN), i64::MIN);
    }
}
