//! One shard's windows: its rows of each batch in, one dense column per spec out.
//!
//! Specs are grouped by column and kind of window: a group has one ring per key, and each of its
//! windows slides over that ring. Invariant: every group sees every row of the shard, in order.

use std::any::Any;
use std::sync::Arc;

use jiff::SignedDuration;
use jiff::civil::DateTime;

use super::columns::{gather_numbers, gather_times};
use super::group::{Cells, Group, Late, group};
use super::{Plan, RollingSpec, Time};
use crate::base::{Batch, DataType, Error, ErrorKind, Order, Result, Window};
use crate::steps::{KeyedState, ShardColumns};

/// What [`KeyedState::finish`] of a rolling step hands back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Skipped {
    /// Rows that entered no time window because their time is null.
    pub null_times: u64,
}

/// The state of one shard.
pub(super) struct ShardState {
    time: Option<Time>,
    order: Order,
    /// Each with the slot of its column.
    groups: Vec<(usize, Box<dyn Group>)>,
    skipped: Skipped,
    /// Scratch: a block's values of one column, its times, and its results.
    numbers: Vec<f64>,
    times: Vec<Option<i64>>,
    block: Vec<Vec<f64>>,
}

/// Rows that go through all windows before the next ones: their cells stay in the nearest cache.
const BLOCK_ROWS: usize = 1024;

impl ShardState {
    pub(super) fn new(plan: &Plan) -> Self {
        let tick = plan.time.as_ref().map_or(1, Time::tick_nanoseconds);
        let specs = plan.specs.iter().enumerate();
        let mut specs: Vec<(usize, &RollingSpec, u64)> = specs
            .map(|(index, spec)| (index, spec, length(spec.window, tick)))
            .collect();
        specs.sort_by_key(|&(_, _, length)| std::cmp::Reverse(length));
        let mut groups: Vec<(usize, Box<dyn Group>)> = Vec::new();
        let is_timed = |spec: &RollingSpec| matches!(spec.window, Window::Time(_));
        while let Some(&(_, first, _)) = specs.first() {
            let timed = is_timed(first);
            let same = |spec: &RollingSpec| spec.column == first.column && is_timed(spec) == timed;
            let members: Vec<_> = specs.extract_if(.., |(_, spec, _)| same(spec)).collect();
            let make = if timed { group::<true> } else { group::<false> };
            groups.push((first.column, make(&members)));
        }
        Self {
            time: plan.time.clone(),
            order: plan.order,
            groups,
            skipped: Skipped { null_times: 0 },
            numbers: Vec::new(),
            times: Vec::new(),
            block: vec![Vec::new(); plan.specs.len()],
        }
    }
}

/// The length of a window in rows, or in ticks of the time column. `(t − w, t]` in whole ticks is
/// the same for `w` rounded up.
fn length(window: Window, tick_nanoseconds: u64) -> u64 {
    match window {
        Window::Rows(rows) => u64::from(rows),
        Window::Time(length) => (length as u64).div_ceil(tick_nanoseconds),
    }
}

impl ShardState {
    /// Works on some of the shard's rows, whose keys `keys` begins with.
    fn advance_block(
        &mut self,
        batch: &Batch,
        rows: &[u32],
        keys: &[u32],
        keys_max: usize,
    ) -> Result<()> {
        for column in &mut self.block {
            column.clear();
            column.resize(rows.len(), f64::NAN);
        }
        if let Some(time) = &self.time {
            gather_times(batch.column(time.slot), rows, &mut self.times);
            let nulls = self.times.iter().filter(|time| time.is_none());
            self.skipped.null_times += nulls.count() as u64;
        }
        for (slot, group) in &mut self.groups {
            gather_numbers(batch.column(*slot), rows, &mut self.numbers);
            let cells = Cells {
                keys,
                keys_max,
                numbers: &self.numbers,
                times: &self.times,
                order: self.order,
            };
            let late = group.advance(&cells, &mut self.block);
            late.map_err(|late| out_of_order(self.time.as_ref(), rows, &late))?;
        }
        Ok(())
    }
}

impl KeyedState for ShardState {
    fn advance(&mut self, batch: &Batch, rows: &[u32], keys: &[u32]) -> Result<ShardColumns> {
        let mut columns: Vec<_> = self
            .block
            .iter()
            .map(|_| Vec::with_capacity(rows.len()))
            .collect();
        let keys_max = keys.iter().max().map_or(0, |&key| key as usize + 1);
        for (first, block_rows) in (0..).step_by(BLOCK_ROWS).zip(rows.chunks(BLOCK_ROWS)) {
            self.advance_block(batch, block_rows, &keys[first..], keys_max)?;
            for (column, block) in columns.iter_mut().zip(&self.block) {
                column.extend_from_slice(block);
            }
        }
        Ok(ShardColumns::Dense(columns))
    }

    fn finish(self: Box<Self>) -> Option<Arc<dyn Any + Send + Sync>> {
        Some(Arc::new(self.skipped))
    }

    fn memory_bytes(&self) -> usize {
        let groups = self.groups.iter().map(|(_, group)| group.memory_bytes());
        groups.sum::<usize>()
            + self.numbers.capacity() * size_of::<f64>()
            + self.times.capacity() * size_of::<Option<i64>>()
            + self.block.iter().map(Vec::capacity).sum::<usize>() * size_of::<f64>()
    }
}

/// The error about a late row. Its key is left empty: only the owner of the keys knows it.
pub(in crate::steps) fn out_of_order(time: Option<&Time>, rows: &[u32], late: &Late) -> Error {
    let data_type = &time.expect("late rows have a time").data_type;
    ErrorKind::OutOfOrder {
        row: rows[late.cell] as usize,
        position: None,
        key: String::new(),
        time: describe_time(late.time, data_type),
        previous: describe_time(late.previous, data_type),
    }
    .into()
}

/// A time as text; its ticks where the calendar ends.
fn describe_time(ticks: i64, data_type: &DataType) -> String {
    let (per_second, suffix) = match data_type {
        DataType::Timestamp { unit, utc } => (unit.per_second(), if *utc { "Z" } else { "" }),
        _ => (1, ""),
    };
    let is_date = *data_type == DataType::Date;
    let seconds = if is_date {
        ticks.saturating_mul(86_400)
    } else {
        ticks.div_euclid(per_second)
    };
    let nanoseconds = ticks.rem_euclid(per_second) * (1_000_000_000 / per_second);
    let since = SignedDuration::new(seconds, nanoseconds as i32);
    match DateTime::constant(1970, 1, 1, 0, 0, 0, 0).checked_add(since) {
        Ok(time) if is_date => time.date().to_string(),
        Ok(time) => format!("{time}{suffix}"),
        Err(_) => ticks.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Rolling;
    use super::*;
    use crate::base::{Column, Origin, Schema, TimeUnit};
    use crate::steps::{KeyedStep, ShardOutput};

    use arrow::array::{
        Array, ArrayRef, AsArray, Date32Array, Decimal128Array, Float64Array, Int64Array,
        TimestampMicrosecondArray,
    };
    use arrow::datatypes::{Float64Type, Int64Type};

    const MICROSECONDS: DataType = DataType::Timestamp {
        unit: TimeUnit::Microsecond,
        utc: true,
    };

    /// A step over one column in slot 0, by the time in slot 1; results go to slots 2 and up.
    fn plan(value: DataType, time: DataType, order: Order, windows: &[&str]) -> Rolling {
        let column = |(name, data_type): (&str, DataType)| Column {
            name: name.into(),
            data_type,
            format: None,
            origin: Origin::Inferred,
        };
        let schema = Schema {
            columns: [("v", value), ("t", time)]
                .into_iter()
                .map(column)
                .collect(),
        };
        let specs = windows.iter().enumerate().map(|(index, text)| {
            let (function, window) = text.split_once(':').unwrap();
            RollingSpec {
                column: 0,
                function: function.parse().unwrap(),
                window: window.parse().unwrap(),
                min_samples: Some(1),
                output: 2 + index,
            }
        });
        Rolling::new(specs.collect(), Some(1), order, &schema, "test").unwrap()
    }

    fn batch(values: ArrayRef, times: ArrayRef, results: usize) -> Batch {
        let mut columns = vec![Some(values), Some(times)];
        let rows = columns[0].as_ref().map_or(0, |values| values.len());
        columns.resize(2 + results, None);
        Batch {
            seq: 0,
            source: 0,
            rows,
            records: None,
            columns,
        }
    }

    fn micros(times: Vec<Option<i64>>) -> ArrayRef {
        Arc::new(TimestampMicrosecondArray::from(times).with_timezone("UTC"))
    }

    /// All rows as one shard and one key.
    fn advance(state: &mut dyn KeyedState, batch: &Batch) -> Result<Vec<Vec<f64>>> {
        let rows: Vec<u32> = (0..batch.rows as u32).collect();
        match state.advance(batch, &rows, &vec![0; batch.rows])? {
            ShardColumns::Dense(columns) => Ok(columns),
            _ => unreachable!("rolling makes dense columns"),
        }
    }

    #[test]
    fn integers_and_decimals_roll_as_doubles() {
        let times = || micros(vec![Some(0); 3]);
        let integers: ArrayRef = Arc::new(Int64Array::from(vec![Some(1), None, Some(5)]));
        let step = plan(DataType::Int64, MICROSECONDS, Order::Error, &["sum:2"]);
        let sums = advance(&mut *step.state(0), &batch(integers, times(), 1)).unwrap();
        assert_eq!(sums, [[1.0, 1.0, 5.0]]);

        let decimals = Decimal128Array::from(vec![Some(125), Some(-25), None]);
        let decimals: ArrayRef = Arc::new(decimals.with_precision_and_scale(9, 2).unwrap());
        let data_type = DataType::Decimal {
            precision: 9,
            scale: 2,
        };
        let step = plan(data_type, MICROSECONDS, Order::Error, &["sum:2"]);
        let sums = advance(&mut *step.state(0), &batch(decimals, times(), 1)).unwrap();
        assert_eq!(sums, [[1.25, 1.0, -0.25]]);
    }

    #[test]
    fn time_windows_are_open_at_their_start_in_every_unit() {
        let ones = || -> ArrayRef { Arc::new(Float64Array::from(vec![1.0; 4])) };
        let step = plan(
            DataType::Float64,
            MICROSECONDS,
            Order::Error,
            &["sum:2us", "sum:1500ns"],
        );
        let times = micros(vec![Some(-1), Some(0), Some(1), Some(3)]);
        let sums = advance(&mut *step.state(0), &batch(ones(), times, 2)).unwrap();
        assert_eq!(sums, [[1.0, 2.0, 2.0, 1.0], [1.0, 2.0, 2.0, 1.0]]);

        let step = plan(
            DataType::Float64,
            DataType::Date,
            Order::Error,
            &["sum:2d", "sum:36h", "sum:1h"],
        );
        let days: ArrayRef = Arc::new(Date32Array::from(vec![-1, 0, 1, 3]));
        let sums = advance(&mut *step.state(0), &batch(ones(), days, 3)).unwrap();
        assert_eq!(sums, [[1.0, 2.0, 2.0, 1.0], [1.0, 2.0, 2.0, 1.0], [1.0; 4]]);
    }

    #[test]
    fn a_late_row_ends_the_run_or_counts_as_the_latest() {
        let values = || -> ArrayRef { Arc::new(Float64Array::from(vec![1.0, 2.0, 4.0])) };
        let hour = 3_600_000_000;
        let times = || micros(vec![Some(26 * hour), None, Some(hour + 500_000)]);
        let step = plan(
            DataType::Float64,
            MICROSECONDS,
            Order::Error,
            &["sum:1d", "sum:2"],
        );
        let error = advance(&mut *step.state(0), &batch(values(), times(), 2)).unwrap_err();
        let ErrorKind::OutOfOrder {
            row,
            time,
            previous,
            ..
        } = error.kind()
        else {
            panic!("{error}")
        };
        assert_eq!(*row, 2);
        assert_eq!(time, "1970-01-01T01:00:00.5Z");
        assert_eq!(previous, "1970-01-02T02:00:00Z");

        let step = plan(
            DataType::Float64,
            MICROSECONDS,
            Order::Trust,
            &["sum:1d", "sum:2"],
        );
        let sums = advance(&mut *step.state(0), &batch(values(), times(), 2)).unwrap();
        assert_eq!((sums[0][0], sums[0][2]), (1.0, 5.0));
        assert!(sums[0][1].is_nan(), "a null time enters no time window");
        assert_eq!(sums[1], [1.0, 3.0, 6.0]);

        let step = plan(DataType::Float64, MICROSECONDS, Order::Error, &["sum:2"]);
        assert!(advance(&mut *step.state(0), &batch(values(), times(), 1)).is_ok());
    }

    #[test]
    fn dates_and_times_beyond_the_calendar_are_described() {
        assert_eq!(describe_time(-1, &DataType::Date), "1969-12-31");
        assert_eq!(
            describe_time(i64::MAX, &DataType::Date),
            i64::MAX.to_string()
        );
        assert_eq!(describe_time(i64::MIN, &MICROSECONDS), i64::MIN.to_string());
        let nanoseconds = DataType::Timestamp {
            unit: TimeUnit::Nanosecond,
            utc: false,
        };
        assert_eq!(
            describe_time(-1, &nanoseconds),
            "1969-12-31T23:59:59.999999999"
        );
    }

    #[test]
    fn rows_with_a_null_time_are_counted_once() {
        let step = plan(
            DataType::Float64,
            MICROSECONDS,
            Order::Error,
            &["sum:1d", "max:2d"],
        );
        let mut state = step.state(0);
        let values: ArrayRef = Arc::new(Float64Array::from(vec![1.0; 3]));
        let batch = batch(values, micros(vec![None, Some(5), None]), 2);
        for _ in 0..2 {
            advance(&mut *state, &batch).unwrap();
        }
        let skipped = state.finish().unwrap();
        assert_eq!(skipped.downcast_ref(), Some(&Skipped { null_times: 4 }));
    }

    #[test]
    fn shards_land_in_the_rows_they_came_from() {
        let step = plan(
            DataType::Float64,
            MICROSECONDS,
            Order::Error,
            &["sum:9", "count:9"],
        );
        let values: ArrayRef = Arc::new(Float64Array::from(vec![
            Some(1.0),
            Some(2.0),
            None,
            Some(8.0),
        ]));
        let mut batch = batch(values, micros(vec![None; 4]), 2);
        let shards = [vec![0, 3], vec![1, 2], Vec::new()].map(|rows: Vec<u32>| {
            let keys = vec![0; rows.len()];
            let columns = step.state(0).advance(&batch, &rows, &keys).unwrap();
            ShardOutput { rows, columns }
        });
        step.assemble(&mut batch, shards.into()).unwrap();
        let sums = batch.column(2).as_primitive::<Float64Type>();
        assert_eq!(sums.values(), &[1.0, 2.0, 2.0, 9.0]);
        let counts = batch.column(3).as_primitive::<Int64Type>();
        assert_eq!(counts.values(), &[1, 1, 1, 2]);
        assert_eq!(sums.null_count() + counts.null_count(), 0);
    }

    /// Memory grows with the keys, is about what rings of such windows need, and stays when
    /// nothing new comes.
    #[test]
    fn memory_is_accounted_for() {
        let step = plan(
            DataType::Float64,
            MICROSECONDS,
            Order::Error,
            &["mean:7", "median:7", "sum:200", "max:1h"],
        );
        let mut state = step.state(0);
        let empty = state.memory_bytes();
        let rows: Vec<u32> = (0..1000).collect();
        let values: ArrayRef = Arc::new(Float64Array::from(vec![1.0; 1000]));
        let batch = batch(values, micros(vec![Some(0); 1000]), 4);
        state.advance(&batch, &rows, &rows).unwrap();
        let keys = state.memory_bytes();
        assert!(keys > empty + 1000 * (2 * 32 + 64 + 32), "{keys}");
        assert!(keys < empty + 1000 * 600, "{keys}");
        for _ in 0..3 {
            state.advance(&batch, &rows, &[0; 1000]).unwrap();
        }
        let long = state.memory_bytes();
        // Time ring of 3001 rows, row ring of 227 and blocks for both.
        assert!(long > keys + 3001 * 16, "{keys} {long}");
        assert!(long < keys + 3001 * 16 * 4, "{keys} {long}");
        state.advance(&batch, &[], &[]).unwrap();
        assert!(state.memory_bytes() <= long);
    }
}
