//! The time column of a shard's rows -> how long ago the row of the same key before them was.
//!
//! Invariant: no row is earlier than the one of its key before it; a late one ends the run, or
//! counts as if it came at the same time.

use std::any::Any;
use std::sync::Arc;

use super::Plan;
use super::per_key::PerKey;
use crate::base::{Batch, Order, Result};
use crate::steps::rolling::{Late, Skipped, Time, gather_times, out_of_order};

/// The latest time of each key.
pub(super) struct Clock {
    time: Time,
    order: Order,
    latest: PerKey<Option<i64>>,
    /// The times of the rows at hand.
    times: Vec<Option<i64>>,
    null_times: u64,
}

/// When a row comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Since {
    /// Its time is null.
    Never,
    /// It is the first of its key.
    Start,
    /// So many ticks after the one of its key before it.
    Ticks(u64),
}

impl Clock {
    /// The clock of a plan whose steps need the time.
    pub(super) fn new(plan: &Plan) -> Option<Self> {
        Some(Self {
            time: plan.time.clone()?,
            order: plan.conduct.order,
            latest: PerKey::new(None),
            times: Vec::new(),
            null_times: 0,
        })
    }

    /// Ticks of the time column in so many nanoseconds, but for a rest.
    pub(super) fn whole_ticks(&self, nanoseconds: i64) -> u64 {
        nanoseconds.unsigned_abs() / self.time.tick_nanoseconds()
    }

    /// Nanoseconds of a tick.
    pub(super) fn tick_nanoseconds(&self) -> u64 {
        self.time.tick_nanoseconds()
    }

    /// Reads the times of `rows`.
    pub(super) fn read(&mut self, batch: &Batch, rows: &[u32], keys: &[u32]) {
        self.latest.cover(keys);
        gather_times(batch.column(self.time.slot), rows, &mut self.times);
        let nulls = self.times.iter().filter(|time| time.is_none());
        self.null_times += nulls.count() as u64;
    }

    /// When the `at`th of `rows`, which have been read, comes.
    ///
    /// # Errors
    /// [`ErrorKind::OutOfOrder`](crate::base::ErrorKind::OutOfOrder) where it is late and that is
    /// not to be.
    #[inline]
    pub(super) fn since(&mut self, rows: &[u32], at: usize, key: u32) -> Result<Since> {
        let Some(time) = self.times[at] else {
            return Ok(Since::Never);
        };
        let latest = &mut self.latest[key];
        let Some(previous) = latest.replace(time) else {
            return Ok(Since::Start);
        };
        if time >= previous {
            return Ok(Since::Ticks(time.wrapping_sub(previous) as u64));
        }
        if self.order == Order::Error {
            let late = Late {
                cell: at,
                time,
                previous,
            };
            return Err(out_of_order(Some(&self.time), rows, &late));
        }
        *latest = Some(previous);
        Ok(Since::Ticks(0))
    }

    /// What is told at the end of the pass.
    pub(super) fn skipped(&self) -> Arc<dyn Any + Send + Sync> {
        Arc::new(Skipped {
            null_times: self.null_times,
        })
    }

    /// Memory held, in bytes.
    pub(super) fn memory_bytes(&self) -> usize {
        self.latest.memory_bytes() + self.times.capacity() * size_of::<Option<i64>>()
    }
}
