//! The first row of each key stays, as the rows come.
//!
//! Invariant: a row goes exactly where its key was there before.

use crate::base::{Batch, Result};
use crate::steps::{Effect, KeyUse, KeyedState, KeyedStep, ShardColumns, ShardOutput};

/// Keeps the first row of each key.
pub(super) struct First;

impl KeyedStep for First {
    fn state(&self, _: usize) -> Box<dyn KeyedState> {
        Box::new(Known)
    }

    fn key_use(&self) -> KeyUse {
        KeyUse::Seen
    }

    fn assemble(&self, batch: &mut Batch, outputs: Vec<ShardOutput>) -> Result<Effect> {
        super::remove(batch, &outputs)
    }
}

/// The lane has the set of keys.
struct Known;

impl KeyedState for Known {
    fn advance(&mut self, _: &Batch, rows: &[u32], known: &[u32]) -> Result<ShardColumns> {
        let gone = rows.iter().zip(known).filter(|(_, known)| **known == 1);
        Ok(ShardColumns::Dropped(gone.map(|(row, _)| *row).collect()))
    }

    fn memory_bytes(&self) -> usize {
        0
    }
}
