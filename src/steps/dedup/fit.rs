//! A pass that finds out which rows go.
//!
//! A row's place is its number among the rows of its shard, from 0; shards see the same rows in the
//! same order in every pass. Of each key the place of the row that stays so far is held. Where the
//! keys outgrow their memory these places are written as a run, and the runs are merged at the end:
//! of a key that is in several, the places meet once more, in the order of the runs, which is that of
//! the rows. Held for good is a bit for each row.

use std::sync::Arc;

use super::bits::Bits;
use crate::base::{Batch, KeepRow, Result};
use crate::spill::{Merge, Runs};
use crate::steps::key::SortedKeys;
use crate::steps::{
    Effect, KeyUse, KeyedState, KeyedStep, LaneKeys, Learnt, ShardColumns, ShardOutput,
};

/// Learns which rows go.
pub(super) struct Choose {
    pub(super) keep: KeepRow,
}

impl KeyedStep for Choose {
    fn state(&self, _: usize) -> Box<dyn KeyedState> {
        Box::new(Choosing {
            keep: self.keep,
            rows: 0,
            kept: Vec::new(),
            gone: Bits::default(),
        })
    }

    fn key_use(&self) -> KeyUse {
        KeyUse::Spilt
    }

    fn assemble(&self, _: &mut Batch, _: Vec<ShardOutput>) -> Result<Effect> {
        unreachable!("nothing lands in a fit pass")
    }
}

/// What one shard has seen.
struct Choosing {
    keep: KeepRow,
    /// Rows so far.
    rows: u64,
    /// For each key the place of its row that stays as things are; with [`KeepRow::None`] that of
    /// its first row.
    kept: Vec<u64>,
    gone: Bits,
}

impl Choosing {
    /// Marks which row goes where the row at `place` has the key of the one at `kept`, and says
    /// which of the two stays in its place.
    fn meet(keep: KeepRow, kept: u64, place: u64, gone: &mut Bits) -> u64 {
        match keep {
            KeepRow::First => gone.set(place),
            KeepRow::Last => {
                gone.set(kept);
                return place;
            }
            KeepRow::None => {
                gone.set(kept);
                gone.set(place);
            }
        }
        kept
    }

    /// Lets the places meet that different runs have of the same key.
    fn meet_in(&mut self, mut merge: Merge, go_on: &mut dyn FnMut() -> Result<()>) -> Result<()> {
        /// Keys between two looks at whether to go on.
        const KEYS: usize = 1 << 16;
        let mut last_key = Vec::new();
        let mut kept = None;
        let mut keys = 0;
        while let Some((key, place)) = merge.next()? {
            let place = u64::from_le_bytes(place.try_into().expect("runs hold places"));
            kept = match kept {
                Some(kept) if key == last_key => {
                    Some(Self::meet(self.keep, kept, place, &mut self.gone))
                }
                _ => {
                    last_key.clear();
                    last_key.extend_from_slice(key);
                    keys += 1;
                    Some(place)
                }
            };
            if keys % KEYS == 0 {
                go_on()?;
            }
        }
        Ok(())
    }
}

impl KeyedState for Choosing {
    fn advance(&mut self, _: &Batch, _: &[u32], keys: &[u32]) -> Result<ShardColumns> {
        for &key in keys {
            let place = self.rows;
            match self.kept.get_mut(key as usize) {
                Some(kept) => *kept = Self::meet(self.keep, *kept, place, &mut self.gone),
                None => self.kept.push(place),
            }
            self.rows += 1;
        }
        Ok(ShardColumns::None)
    }

    fn spill(&mut self, keys: &SortedKeys, runs: &mut Runs) -> Result<()> {
        let mut run = runs.writer();
        keys.for_each(|key, id| run.push(key, &self.kept[id as usize].to_le_bytes()))?;
        runs.add(run.finish()?);
        self.kept = Vec::new();
        Ok(())
    }

    fn end(
        mut self: Box<Self>,
        keys: LaneKeys,
        go_on: &mut dyn FnMut() -> Result<()>,
    ) -> Result<Option<Learnt>> {
        if let LaneKeys::Spilt(mut runs) = keys {
            let merge = runs.merge_while(go_on)?;
            self.meet_in(merge, go_on)?;
        }
        Ok(Some(Learnt {
            bytes: self.gone.memory_bytes(),
            value: Arc::new(self.gone),
        }))
    }

    fn memory_bytes(&self) -> usize {
        self.kept.capacity() * size_of::<u64>() + self.gone.memory_bytes()
    }
}
