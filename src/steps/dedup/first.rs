//! The first row of each key stays, as the rows come.
//!
//! Invariant: ids of keys are dense, in order of first appearance, so that a row is the first of its
//! key exactly where its id is the number of keys before it.

use crate::base::{Batch, Result};
use crate::steps::{Effect, KeyUse, KeyedState, KeyedStep, ShardColumns, ShardOutput};

/// Keeps the first row of each key.
pub(super) struct First;

impl KeyedStep for First {
    fn state(&self, _: usize) -> Box<dyn KeyedState> {
        Box::new(Known { keys: 0 })
    }

    fn key_use(&self) -> KeyUse {
        KeyUse::Bounded
    }

    fn assemble(&self, batch: &mut Batch, outputs: Vec<ShardOutput>) -> Result<Effect> {
        super::remove(batch, &outputs)
    }
}

/// How many keys there have been.
struct Known {
    keys: u32,
}

impl KeyedState for Known {
    fn advance(&mut self, _: &Batch, rows: &[u32], keys: &[u32]) -> Result<ShardColumns> {
        let mut gone = Vec::new();
        for (&row, &key) in rows.iter().zip(keys) {
            if key == self.keys {
                self.keys += 1;
            } else {
                gone.push(row);
            }
        }
        Ok(ShardColumns::Dropped(gone))
    }

    fn memory_bytes(&self) -> usize {
        0
    }
}
