//! Numbers of rows and of sessions: a shard's rows in, the number of each out.

use std::any::Any;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array};

use super::Plan;
use super::clock::{Clock, Since};
use super::per_key::PerKey;
use crate::base::{Batch, Result};
use crate::steps::{KeyedState, ShardColumns};

/// Numbers the rows of each key from 0.
pub(super) struct Rows {
    next: PerKey<i64>,
}

impl Rows {
    pub(super) fn new() -> Self {
        Self {
            next: PerKey::new(0),
        }
    }
}

impl KeyedState for Rows {
    fn advance(&mut self, _: &Batch, _: &[u32], keys: &[u32]) -> Result<ShardColumns> {
        self.next.cover(keys);
        let numbers = keys.iter().enumerate().map(|(at, &key)| {
            self.next.fetch_ahead(keys, at);
            let next = &mut self.next[key];
            *next += 1;
            *next - 1
        });
        let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(numbers));
        Ok(ShardColumns::Typed(vec![numbers]))
    }

    fn memory_bytes(&self) -> usize {
        self.next.memory_bytes()
    }
}

/// Numbers the sessions of each key from 0; a row later than the gap after the one before it begins
/// a new one.
pub(super) struct Sessions {
    clock: Clock,
    gap_ticks: u64,
    current: PerKey<i64>,
}

impl Sessions {
    pub(super) fn new(plan: &Plan, gap_nanoseconds: i64) -> Self {
        let clock = Clock::new(plan).expect("sessions are planned with a time");
        Self {
            // Of whole ticks, those beyond the gap are those beyond its whole part.
            gap_ticks: clock.whole_ticks(gap_nanoseconds),
            clock,
            current: PerKey::new(0),
        }
    }
}

impl KeyedState for Sessions {
    fn advance(&mut self, batch: &Batch, rows: &[u32], keys: &[u32]) -> Result<ShardColumns> {
        self.current.cover(keys);
        self.clock.read(batch, rows, keys);
        let mut numbers = Vec::with_capacity(rows.len());
        for (at, &key) in keys.iter().enumerate() {
            self.current.fetch_ahead(keys, at);
            let current = &mut self.current[key];
            numbers.push(match self.clock.since(rows, at, key)? {
                Since::Never => None,
                Since::Start => Some(*current),
                Since::Ticks(ticks) => {
                    *current += i64::from(ticks > self.gap_ticks);
                    Some(*current)
                }
            });
        }
        let numbers: ArrayRef = Arc::new(Int64Array::from(numbers));
        Ok(ShardColumns::Typed(vec![numbers]))
    }

    fn finish(self: Box<Self>) -> Option<Arc<dyn Any + Send + Sync>> {
        Some(self.clock.skipped())
    }

    fn memory_bytes(&self) -> usize {
        self.clock.memory_bytes() + self.current.memory_bytes()
    }
}
