//! One shard's windows: its rows of each batch in, one dense column per spec out.
//!
//! Specs are grouped by column and kind of window: a group has one ring per key, each of its
//! windows slides over that ring, and each window feeds its kernels. Invariant: every kernel sees
//! every row of every key that enters its window, in order.

use std::any::Any;
use std::sync::Arc;

use jiff::SignedDuration;
use jiff::civil::DateTime;

use super::aggregate::{Count, Edge, Extreme, Moments, Sum};
use super::columns::{gather_numbers, gather_times};
use super::fold::{Fold, Kernel, Output};
use super::quantile::Quantiles;
use super::rings::{Rings, View};
use super::{Function, Order, Plan, RollingSpec, Time, Window};
use crate::base::{Batch, DataType, Error, ErrorKind, Result};
use crate::steps::{KeyedState, ShardColumns};

/// What [`KeyedState::finish`] of a rolling step hands back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Skipped {
    /// Rows that entered no time window because their time is null.
    pub null_times: u64,
}

/// The state of one shard.
pub(super) struct ShardState {
    columns: usize,
    time: Option<Time>,
    order: Order,
    groups: Vec<Group>,
    skipped: Skipped,
    /// Scratch: the shard's rows of one column.
    numbers: Vec<f64>,
    times: Vec<Option<i64>>,
}

/// The windows of one kind over one column.
struct Group {
    slot: usize,
    timed: bool,
    rings: Rings,
    /// Longest first.
    windows: Vec<Sliding>,
}

/// One window, sliding over the rings of all keys.
struct Sliding {
    /// In rows or in ticks of the time column.
    length: u64,
    /// Where the window of each key's last row begins; only for time windows.
    starts: Vec<u64>,
    kernels: Vec<Box<dyn Kernel>>,
}

impl ShardState {
    pub(super) fn new(plan: &Plan) -> Self {
        let tick = plan.time.as_ref().map_or(1, Time::tick_nanoseconds);
        let mut groups: Vec<Group> = Vec::new();
        let mut specs: Vec<_> = plan.specs.iter().enumerate().collect();
        // Longest first, so that the first window of a group says which rows to keep.
        specs.sort_by_key(|(_, spec)| std::cmp::Reverse(length(spec.window, tick)));
        while let Some(&(_, first)) = specs.first() {
            let same_window: Vec<_> = specs
                .extract_if(.., |(_, spec)| {
                    spec.column == first.column && spec.window == first.window
                })
                .collect();
            let timed = matches!(first.window, Window::Time(_));
            let length = length(first.window, tick);
            let sliding = Sliding {
                length,
                starts: Vec::new(),
                kernels: kernels(&same_window),
            };
            let same = |group: &&mut Group| group.slot == first.column && group.timed == timed;
            match groups.iter_mut().find(same) {
                Some(group) => group.windows.push(sliding),
                None => groups.push(Group {
                    slot: first.column,
                    timed,
                    rings: Rings::new((!timed).then_some(length as u32)),
                    windows: vec![sliding],
                }),
            }
        }
        Self {
            columns: plan.specs.len(),
            time: plan.time.clone(),
            order: plan.order,
            groups,
            skipped: Skipped { null_times: 0 },
            numbers: Vec::new(),
            times: Vec::new(),
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

/// The kernels for specs over one window: functions of the same aggregate share one.
fn kernels(specs: &[(usize, &RollingSpec)]) -> Vec<Box<dyn Kernel>> {
    type Make = fn(Vec<Output>) -> Box<dyn Kernel>;
    let families: [(&[Function], Make); 7] = [
        (&[Function::Sum, Function::Mean], |o| {
            Box::new(Fold::<Sum>::new(o))
        }),
        (&[Function::Std, Function::Var], |o| {
            Box::new(Fold::<Moments>::new(o))
        }),
        (&[Function::Min], |o| {
            Box::new(Fold::<Extreme<false>>::new(o))
        }),
        (&[Function::Max], |o| {
            Box::new(Fold::<Extreme<true>>::new(o))
        }),
        (&[Function::First], |o| {
            Box::new(Fold::<Edge<false>>::new(o))
        }),
        (&[Function::Last], |o| Box::new(Fold::<Edge<true>>::new(o))),
        (&[Function::Count], |o| Box::new(Fold::<Count>::new(o))),
    ];
    let outputs = |belongs: &dyn Fn(Function) -> bool| {
        let specs = specs.iter().filter(|(_, spec)| belongs(spec.function));
        let output = |&(column, spec): &(usize, &RollingSpec)| Output {
            column,
            function: spec.function,
            min_samples: spec.min_samples(),
        };
        specs.map(output).collect::<Vec<_>>()
    };
    let mut kernels: Vec<Box<dyn Kernel>> = Vec::new();
    for (functions, make) in families {
        let outputs = outputs(&|function| functions.contains(&function));
        if !outputs.is_empty() {
            kernels.push(make(outputs));
        }
    }
    let ranks = |function| matches!(function, Function::Median | Function::Quantile(_));
    let outputs = outputs(&ranks);
    if !outputs.is_empty() {
        kernels.push(Box::new(Quantiles::new(outputs)));
    }
    kernels
}

impl KeyedState for ShardState {
    fn advance(&mut self, batch: &Batch, rows: &[u32], keys: &[u32]) -> Result<ShardColumns> {
        let mut columns = vec![vec![f64::NAN; rows.len()]; self.columns];
        let keys_max = keys.iter().max().map_or(0, |&key| key as usize + 1);
        if let Some(time) = &self.time {
            gather_times(batch.column(time.slot), rows, &mut self.times);
            let nulls = self.times.iter().filter(|time| time.is_none());
            self.skipped.null_times += nulls.count() as u64;
        }
        for group in &mut self.groups {
            gather_numbers(batch.column(group.slot), rows, &mut self.numbers);
            group.rings.reserve(keys_max);
            if group.timed {
                let late =
                    group.advance_times(keys, &self.numbers, &self.times, self.order, &mut columns);
                late.map_err(|late| out_of_order(self.time.as_ref(), rows, &late))?;
            } else {
                group.advance_rows(keys, &self.numbers, &mut columns);
            }
        }
        Ok(ShardColumns::Dense(columns))
    }

    fn finish(self: Box<Self>) -> Option<Arc<dyn Any + Send + Sync>> {
        Some(Arc::new(self.skipped))
    }

    fn memory_bytes(&self) -> usize {
        self.groups.iter().map(Group::memory_bytes).sum::<usize>()
            + self.numbers.capacity() * size_of::<f64>()
            + self.times.capacity() * size_of::<Option<i64>>()
    }
}

/// A row before the latest time of its key.
struct Late {
    /// Index among the shard's rows of the batch.
    cell: usize,
    time: i64,
    previous: i64,
}

/// The error about a late row. Its key is left empty: only the owner of the keys knows it.
fn out_of_order(time: Option<&Time>, rows: &[u32], late: &Late) -> Error {
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

impl Group {
    fn advance_rows(&mut self, keys: &[u32], numbers: &[f64], columns: &mut [Vec<f64>]) {
        let Self { rings, windows, .. } = self;
        let longest = windows[0].length;
        for (cell, (&key, &number)) in keys.iter().zip(numbers).enumerate() {
            let end = rings.end(key);
            rings.push(key, number, 0, end.saturating_sub(longest));
            let (values, first) = rings.values(key);
            for window in &mut *windows {
                let view = View {
                    values,
                    first,
                    previous: end.saturating_sub(window.length),
                    start: (end + 1).saturating_sub(window.length),
                };
                for kernel in &mut window.kernels {
                    kernel.row(key, &view, cell, columns);
                }
            }
        }
    }

    fn advance_times(
        &mut self,
        keys: &[u32],
        numbers: &[f64],
        times: &[Option<i64>],
        order: Order,
        columns: &mut [Vec<f64>],
    ) -> Result<(), Late> {
        let Self { rings, windows, .. } = self;
        for window in &mut *windows {
            window.starts.resize(rings.keys(), 0);
        }
        for (cell, (&key, &number)) in keys.iter().zip(numbers).enumerate() {
            let Some(mut time) = times[cell] else {
                continue;
            };
            if let Some(&previous) = rings.times(key).0.last()
                && time < previous
            {
                match order {
                    Order::Error => {
                        return Err(Late {
                            cell,
                            time,
                            previous,
                        });
                    }
                    Order::Trust => time = previous,
                }
            }
            rings.push(key, number, time, windows[0].starts[key as usize]);
            let (values, first) = rings.values(key);
            let (times, _) = rings.times(key);
            for window in &mut *windows {
                let start = &mut window.starts[key as usize];
                let previous = *start;
                // In ascending order no difference exceeds a u64.
                while time.wrapping_sub(times[(*start - first) as usize]) as u64 >= window.length {
                    *start += 1;
                }
                let view = View {
                    values,
                    first,
                    previous,
                    start: *start,
                };
                for kernel in &mut window.kernels {
                    kernel.row(key, &view, cell, columns);
                }
            }
        }
        Ok(())
    }

    fn memory_bytes(&self) -> usize {
        let windows = self.windows.iter().map(|window| {
            let kernels = window.kernels.iter().map(|kernel| kernel.memory_bytes());
            window.starts.capacity() * size_of::<u64>() + kernels.sum::<usize>()
        });
        self.rings.memory_bytes() + windows.sum::<usize>()
    }
}
