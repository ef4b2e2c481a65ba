//! The rows that a fit has found go.

use std::sync::Arc;

use super::bits::Bits;
use crate::base::{Batch, Result};
use crate::steps::{Effect, KeyUse, KeyedState, KeyedStep, ShardColumns, ShardOutput};

/// Removes the rows whose bits are set, shard by shard.
pub(super) struct Remove {
    pub(super) gone: Vec<Arc<Bits>>,
}

impl KeyedStep for Remove {
    fn state(&self, shard: usize) -> Box<dyn KeyedState> {
        Box::new(Removing {
            gone: Arc::clone(&self.gone[shard]),
            rows: 0,
        })
    }

    fn key_use(&self) -> KeyUse {
        KeyUse::Unused
    }

    fn assemble(&self, batch: &mut Batch, outputs: Vec<ShardOutput>) -> Result<Effect> {
        super::remove(batch, &outputs)
    }
}

struct Removing {
    gone: Arc<Bits>,
    /// Rows so far.
    rows: u64,
}

impl KeyedState for Removing {
    fn advance(&mut self, _: &Batch, rows: &[u32], _: &[u32]) -> Result<ShardColumns> {
        let places = (self.rows..).zip(rows);
        let gone = places.filter(|(place, _)| self.gone.has(*place));
        let gone = gone.map(|(_, &row)| row).collect();
        self.rows += rows.len() as u64;
        Ok(ShardColumns::Dropped(gone))
    }

    fn memory_bytes(&self) -> usize {
        // The budget has counted the bits since they were learnt.
        0
    }
}
