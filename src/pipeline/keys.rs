//! A batch's rows by key: grouped by shard at once, given dense key ids by each shard's lane.
//!
//! Invariant: the ids of a shard are looked up once, by the first stage that needs them, and hold
//! for every later stage until rows or key cells change.

use std::sync::OnceLock;

use crate::base::{Batch, Result};
use crate::steps::key::{KeyRows, KeySet, KeySpec, KeyTable};

/// The rows of a batch by shard.
pub(crate) struct Keys {
    rows: KeyRows,
    ids: Vec<OnceLock<Vec<u32>>>,
}

impl Keys {
    /// Groups the rows of `batch` by shard.
    pub(crate) fn new(key: &KeySpec, batch: &Batch) -> Self {
        Self {
            rows: key.partition(batch),
            ids: (0..key.shards()).map(|_| OnceLock::new()).collect(),
        }
    }

    /// The row indices of `shard`, ascending.
    pub(crate) fn rows(&self, shard: usize) -> &[u32] {
        self.rows.rows(shard)
    }

    /// Appends the ids of `rows`, some of a shard's, to `ids`, as far as `room` allows; they hold for
    /// `table` only.
    pub(crate) fn more_ids(
        &self,
        table: &mut KeyTable,
        rows: &[u32],
        ids: &mut Vec<u32>,
        room: &mut dyn FnMut(usize) -> Result<()>,
    ) -> Result<()> {
        table.more_ids(&self.rows, rows, ids, room)
    }

    /// For each row of `shard` 1 if its key was in `set` before, else 0. `room` is asked before the
    /// set grows.
    pub(crate) fn were_there(
        &self,
        shard: usize,
        set: &mut KeySet,
        room: &mut dyn FnMut(usize) -> Result<()>,
    ) -> Result<Vec<u32>> {
        let mut known = Vec::new();
        set.were_there(&self.rows, shard, &mut known, room)?;
        Ok(known)
    }

    /// The dense key id of each row of `shard` from `table`; without a table all rows have one key.
    /// `room` is asked before the table grows.
    pub(crate) fn of_shard(
        &self,
        shard: usize,
        table: Option<&mut KeyTable>,
        room: &mut dyn FnMut(usize) -> Result<()>,
    ) -> Result<&[u32]> {
        if self.ids[shard].get().is_none() {
            let rows = self.rows.rows(shard).len();
            let mut ids = Vec::with_capacity(rows);
            match table {
                Some(table) => table.ids(&self.rows, shard, &mut ids, room)?,
                None => ids.resize(rows, 0),
            }
            self.ids[shard].get_or_init(|| ids);
        }
        Ok(self.ids[shard].get().expect("they have just been set"))
    }
}
