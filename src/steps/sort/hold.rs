//! Rows that may come somewhat late -> the same rows in time order: each is held back until none can
//! come before it any more.
//!
//! A row goes once the latest time seen is `delay` beyond its own; of equal times the row that came
//! first goes first, and rows without a time go last of all. So the rows leave as a stable sort by
//! time would leave them, and no more are held than have come within `delay`, but for those without a
//! time.
//!
//! Invariant: a row that comes later than that is an error, never a row out of place.

use std::collections::VecDeque;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, UInt32Array, new_empty_array};
use arrow::compute::{cast, interleave, take};
use arrow::datatypes::{DataType as ArrowType, Int64Type};
use arrow::error::ArrowError;
use arrow::util::display::array_value_to_string;

use crate::base::{Batch, DataType, Error, ErrorKind, Result, TimeUnit, Window};
use crate::steps::{Fitted, Prepared, Released, ReorderState, ReorderStep, RowOrigin, Step};

/// A step that puts rows in time order that come late by no more than some time.
#[derive(Debug, Clone)]
pub struct Hold {
    plan: Arc<Plan>,
}

#[derive(Debug)]
struct Plan {
    label: String,
    /// The slot of the time column.
    slot: usize,
    /// How late rows may come, in nanoseconds.
    delay: i64,
    /// The same in ticks of the column.
    delay_ticks: i64,
}

impl Hold {
    /// Goes by the column in `slot`, a date or timestamp; rows may be `delay` nanoseconds late.
    pub fn new(label: String, slot: usize, data_type: &DataType, delay: i64) -> Self {
        let tick = match data_type {
            DataType::Timestamp { unit, .. } => match unit {
                TimeUnit::Microsecond => 1_000,
                TimeUnit::Nanosecond => 1,
            },
            _ => 86_400_000_000_000,
        };
        Self {
            plan: Arc::new(Plan {
                label,
                slot,
                delay,
                delay_ticks: delay / tick,
            }),
        }
    }
}

impl Step for Hold {
    fn label(&self) -> String {
        self.plan.label.clone()
    }

    fn reads(&self) -> Vec<usize> {
        vec![self.plan.slot]
    }

    fn writes(&self) -> Vec<usize> {
        Vec::new()
    }

    fn moves_rows(&self) -> bool {
        true
    }

    fn prepare(&self, _: Option<&Fitted>) -> Result<Prepared> {
        Ok(Prepared::Reorder(Arc::new(self.clone())))
    }
}

impl ReorderStep for Hold {
    fn state(&self) -> Box<dyn ReorderState> {
        Box::new(Held {
            plan: Arc::clone(&self.plan),
            batches: VecDeque::new(),
            first: 0,
            waiting: Vec::new(),
            untimed: Vec::new(),
            latest: None,
            late: 0,
        })
    }
}

/// The rows that are held back.
struct Held {
    plan: Arc<Plan>,
    /// The batches whose rows they are; `None` for one that has none left.
    batches: VecDeque<Option<HeldBatch>>,
    /// The number of the first of them.
    first: u64,
    /// The rows that have a time, in the order in which they will go.
    waiting: Vec<Waiting>,
    /// The rows that have none.
    untimed: Vec<HeldBatch>,
    latest: Option<i64>,
    late: u64,
}

struct HeldBatch {
    columns: Vec<Option<ArrayRef>>,
    /// Where each row was read.
    origins: Vec<RowOrigin>,
    /// Rows that are still held.
    left: usize,
    bytes: usize,
}

#[derive(Clone, Copy)]
struct Waiting {
    time: i64,
    batch: u64,
    row: u32,
}

impl HeldBatch {
    fn new(columns: Vec<Option<ArrayRef>>, origins: Vec<RowOrigin>, left: usize) -> Self {
        let arrays = columns.iter().flatten();
        let bytes: usize = arrays.map(|array| array.get_buffer_memory_size()).sum();
        Self {
            bytes: bytes + origins.len() * size_of::<RowOrigin>(),
            columns,
            origins,
            left,
        }
    }
}

impl ReorderState for Held {
    fn advance(
        &mut self,
        batch: &Batch,
        origins: Vec<RowOrigin>,
        is_last: bool,
    ) -> Result<Released> {
        self.take_in(batch, origins)?;
        let ready = match self.latest {
            _ if is_last => self.waiting.len(),
            None => 0,
            Some(latest) => {
                let gone = latest.saturating_sub(self.plan.delay_ticks);
                // One that comes with this very time comes behind them.
                self.waiting.partition_point(|row| row.time <= gone)
            }
        };
        let behind = self.waiting.split_off(ready);
        let ready = std::mem::replace(&mut self.waiting, behind);
        let mut untimed = Vec::new();
        if is_last {
            untimed.append(&mut self.untimed);
        }
        let released = self.release(&ready, &untimed, batch).map_err(|source| {
            let action = "put rows in time order";
            let source = source.into();
            Error::from(ErrorKind::Encode { action, source })
        })?;
        self.forget(&ready);
        Ok(released)
    }

    fn late_rows(&self) -> u64 {
        self.late
    }

    fn memory_bytes(&self) -> usize {
        let batches = self.batches.iter().flatten().chain(&self.untimed);
        batches.map(|batch| batch.bytes).sum::<usize>()
            + self.waiting.capacity() * size_of::<Waiting>()
    }
}

impl Held {
    /// Adds the rows of `batch` to those that wait.
    fn take_in(&mut self, batch: &Batch, origins: Vec<RowOrigin>) -> Result<()> {
        let column = batch.column(self.plan.slot);
        let times = ticks(column);
        let number = self.first + self.batches.len() as u64;
        let mut coming = Vec::with_capacity(batch.rows);
        let mut untimed = Vec::new();
        for row in 0..batch.rows {
            if times.is_null(row) {
                untimed.push(row as u32);
                continue;
            }
            let time = times.value(row);
            if let Some(latest) = self.latest.filter(|latest| time < *latest) {
                self.late += 1;
                if time < latest.saturating_sub(self.plan.delay_ticks) {
                    return Err(self.too_late(column, row, latest));
                }
            }
            self.latest = self.latest.max(Some(time));
            let row = row as u32;
            coming.push(Waiting {
                time,
                batch: number,
                row,
            });
        }
        if !untimed.is_empty() {
            let origins = untimed.iter().map(|row| origins[*row as usize]).collect();
            let rows = UInt32Array::from(untimed);
            let columns = batch.columns.iter().map(|column| {
                let column = column.as_ref().map(|column| take(column, &rows, None));
                column.transpose()
            });
            let columns = columns.collect::<Result<Vec<_>, ArrowError>>();
            let columns = columns.map_err(|source| {
                let action = "put rows in time order";
                let source = source.into();
                Error::from(ErrorKind::Encode { action, source })
            })?;
            self.untimed
                .push(HeldBatch::new(columns, origins, rows.len()));
        }
        let held = (!coming.is_empty())
            .then(|| HeldBatch::new(batch.columns.clone(), origins, coming.len()));
        self.batches.push_back(held);
        coming.sort_by_key(|row| row.time);
        self.waiting = merged(std::mem::take(&mut self.waiting), coming);
        Ok(())
    }

    fn too_late(&self, column: &ArrayRef, row: usize, latest: i64) -> Error {
        let text = |cells: &ArrayRef, row| array_value_to_string(cells, row).unwrap_or_default();
        let latest: ArrayRef = Arc::new(Int64Array::from(vec![latest]));
        let latest = match column.data_type() {
            ArrowType::Date32 => cast(&latest, &ArrowType::Int32),
            _ => Ok(latest),
        };
        let latest = latest.and_then(|latest| cast(&latest, column.data_type()));
        let latest = latest.map_or_else(|_| String::new(), |latest| text(&latest, 0));
        let delay = Window::Time(self.plan.delay);
        let time = text(column, row);
        let message = format!(
            "the time {time} comes after {latest}, more than {delay} late; allow more (--order \
             allow:TIME), or sort all rows (--order sort)"
        );
        ErrorKind::Row {
            row,
            position: None,
            message,
        }
        .into()
    }

    /// The rows `ready`, and those of `untimed` behind them, with the columns that `like` has.
    fn release(
        &self,
        ready: &[Waiting],
        untimed: &[HeldBatch],
        like: &Batch,
    ) -> Result<Released, ArrowError> {
        // Of the batches, only those that have rows among them are looked at.
        let mut used: Vec<&HeldBatch> = Vec::new();
        let mut places = vec![usize::MAX; self.batches.len()];
        let mut rows = Vec::with_capacity(ready.len());
        for waiting in ready {
            let index = (waiting.batch - self.first) as usize;
            if places[index] == usize::MAX {
                places[index] = used.len();
                let batch = self.batches[index].as_ref();
                used.push(batch.expect("it has a row that waits"));
            }
            rows.push((places[index], waiting.row as usize));
        }
        for batch in untimed {
            rows.extend((0..batch.left).map(|row| (used.len(), row)));
            used.push(batch);
        }
        let columns = like.columns.iter().enumerate().map(|(slot, column)| {
            let Some(column) = column else {
                return Ok(None);
            };
            if rows.is_empty() {
                return Ok(Some(new_empty_array(column.data_type())));
            }
            let cells = used.iter().map(|batch| {
                let cells = batch.columns[slot].as_ref();
                &**cells.expect("all batches have the same columns")
            });
            let cells: Vec<&dyn Array> = cells.collect();
            interleave(&cells, &rows).map(Some)
        });
        Ok(Released {
            columns: columns.collect::<Result<_, ArrowError>>()?,
            origins: { rows.iter() }
                .map(|&(batch, row)| used[batch].origins[row])
                .collect(),
        })
    }

    /// Gives up what is held for the rows `gone` only.
    fn forget(&mut self, gone: &[Waiting]) {
        for waiting in gone {
            let held = &mut self.batches[(waiting.batch - self.first) as usize];
            let batch = held.as_mut().expect("it had a row that waited");
            batch.left -= 1;
            if batch.left == 0 {
                *held = None;
            }
        }
        while let Some(None) = self.batches.front() {
            self.batches.pop_front();
            self.first += 1;
        }
    }
}

/// Two lists in order as one; of equal times those of `before` come first.
fn merged(before: Vec<Waiting>, behind: Vec<Waiting>) -> Vec<Waiting> {
    let (Some(last), Some(next)) = (before.last(), behind.first()) else {
        return if before.is_empty() { behind } else { before };
    };
    if last.time <= next.time {
        return [before, behind].concat();
    }
    // What comes before all of the new rows stays where it is.
    let kept = before.partition_point(|row| row.time <= next.time);
    let mut all = Vec::with_capacity(before.len() + behind.len());
    all.extend_from_slice(&before[..kept]);
    let mut before = before[kept..].iter().peekable();
    for row in behind {
        while let Some(earlier) = before.next_if(|earlier| earlier.time <= row.time) {
            all.push(*earlier);
        }
        all.push(row);
    }
    all.extend(before);
    all
}

/// The times of a column as whole numbers.
fn ticks(column: &ArrayRef) -> Int64Array {
    let whole = match column.data_type() {
        ArrowType::Date32 => {
            cast(column, &ArrowType::Int32).and_then(|days| cast(&days, &ArrowType::Int64))
        }
        _ => cast(column, &ArrowType::Int64),
    };
    let whole = whole.expect("dates and timestamps are whole numbers");
    whole.as_primitive::<Int64Type>().clone()
}

#[cfg(test)]
mod tests {
    use arrow::array::TimestampMicrosecondArray;
    use proptest::prelude::*;

    use super::*;

    const SECOND: i64 = 1_000_000_000;

    fn hold(seconds: i64) -> Box<dyn ReorderState> {
        let data_type = DataType::Timestamp {
            unit: TimeUnit::Microsecond,
            utc: false,
        };
        Hold::new("order".into(), 0, &data_type, seconds * SECOND).state()
    }

    /// A batch of rows with these seconds, numbered from `first`.
    fn batch(seq: u64, first: i64, seconds: &[Option<i64>]) -> Batch {
        let times = seconds
            .iter()
            .map(|seconds| seconds.map(|at| at * 1_000_000));
        let numbers = (first..).take(seconds.len());
        Batch {
            seq,
            source: 0,
            rows: seconds.len(),
            records: None,
            columns: vec![
                Some(Arc::new(times.collect::<TimestampMicrosecondArray>())),
                None,
                Some(Arc::new(numbers.collect::<Int64Array>())),
            ],
        }
    }

    fn origins(batch: &Batch) -> Vec<RowOrigin> {
        let chunk = batch.seq as u32;
        let records = 0..batch.rows as u32;
        records.map(|record| RowOrigin { chunk, record }).collect()
    }

    fn numbers(released: &Released) -> Vec<i64> {
        let column = released.columns[2].as_ref().expect("it was there");
        column.as_primitive::<Int64Type>().values().to_vec()
    }

    #[test]
    fn rows_go_once_none_can_come_before_them() {
        let mut state = hold(10);
        let mut advance = |seq, first, seconds: &[Option<i64>], is_last| {
            let batch = batch(seq, first, seconds);
            let released = state.advance(&batch, origins(&batch), is_last).unwrap();
            let chunks = released.origins.iter().map(|origin| origin.chunk);
            (numbers(&released), chunks.collect())
        };
        let (rows, _): (_, Vec<u32>) =
            advance(0, 0, &[Some(100), Some(95), None, Some(105)], false);
        assert_eq!(rows, [1]);
        let (rows, sources) = advance(1, 4, &[Some(95), Some(111)], false);
        assert_eq!((rows, sources), (vec![4, 0], vec![1, 0]));
        let (rows, _) = advance(2, 6, &[], false);
        assert!(rows.is_empty());
        let (rows, sources) = advance(3, 6, &[], true);
        assert_eq!((rows, sources), (vec![3, 5, 2], vec![0, 1, 0]));
        assert_eq!((state.late_rows(), state.memory_bytes()), (2, 0));
    }

    #[test]
    fn a_row_that_is_too_late_is_named() {
        let mut state = hold(60);
        let rows = batch(0, 0, &[Some(120), Some(60), Some(59)]);
        let late = state.advance(&rows, origins(&rows), false);
        let error = late.err().expect("too late");
        let ErrorKind::Row {
            row: 2, message, ..
        } = error.kind()
        else {
            panic!("{error}");
        };
        for part in ["00:00:59", "00:02:00", "more than 1m late", "--order sort"] {
            assert!(message.contains(part), "{message}");
        }
    }

    proptest! {
        /// Against a stable sort of all rows.
        #[test]
        fn rows_leave_as_a_stable_sort_leaves_them(
            rows in proptest::collection::vec(
                (0..100_i64, proptest::option::weighted(0.9, 0..8_i64)), 0..120
            ),
            cuts in proptest::collection::vec(0..9_usize, 1..40),
        ) {
            // Each is late by up to seven seconds.
            let mut clock = 0;
            let seconds: Vec<Option<i64>> = { rows.iter() }
                .map(|(step, late)| {
                    clock += step / 20;
                    late.map(|late| clock - late)
                })
                .collect();
            let mut expected: Vec<i64> = (0..seconds.len() as i64).collect();
            expected.sort_by_key(|row| seconds[*row as usize].map_or(i64::MAX, |at| at));
            let mut state = hold(7);
            let (mut found, mut at, mut held) = (Vec::new(), 0, 0);
            for (seq, cut) in cuts.iter().cycle().enumerate() {
                let end = (at + cut).min(seconds.len());
                let is_last = at == seconds.len() && seq >= cuts.len();
                let next = batch(seq as u64, at as i64, &seconds[at..end]);
                let origins = origins(&next);
                found.extend(numbers(&state.advance(&next, origins, is_last).unwrap()));
                held = held.max(state.memory_bytes());
                at = end;
                if is_last || (seq > 4000) {
                    break;
                }
            }
            prop_assume!(at == seconds.len());
            prop_assert_eq!(found, expected);
            prop_assert_eq!(state.memory_bytes(), 0);
        }
    }
}
