//! A batch's rows by key: grouped by shard at once, given dense key ids by each shard's lane.
//!
//! Invariant: the ids of a shard are looked up once, by the first stage that needs them, and hold
//! for every later stage until rows or key cells change.

use std::sync::OnceLock;

use crate::base::{Batch, Result};
use crate::steps::key::{KeyRows, KeySpec, KeyTable};

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

    /// The rows of `shard`, and the dense key id of each from `table`; without a table all rows
    /// have one key. `room` is asked before the table grows.
    pub(crate) fn of_shard(
        &self,
        shard: usize,
        table: Option<&mut KeyTable>,
        room: &mut dyn FnMut(usize) -> Result<()>,
    ) -> Result<(&[u32], &[u32])> {
        let rows = self.rows.rows(shard);
        if self.ids[shard].get().is_none() {
            let mut ids = Vec::with_capacity(rows.len());
            match table {
                Some(table) => table.ids(&self.rows, shard, &mut ids, room)?,
                None => ids.resize(rows.len(), 0),
            }
            self.ids[shard].get_or_init(|| ids);
        }
        let ids = self.ids[shard].get().expect("they have just been set");
        Ok((rows, ids))
    }
}
