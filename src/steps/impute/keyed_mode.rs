//! The mode of each key: a shard's rows in, a table with one cell per key out. How often each value
//! occurs under each key is counted in one table for all keys of the shard, which must fit the
//! step's bytes, or the run ends saying so.

use std::any::Any;
use std::sync::Arc;

use arrow::array::Array;

use super::cells::Cell;
use super::column::ColumnContext;
use super::counts::Counts;
use super::interner::Interner;
use super::keyed::{for_each_valid, keys_len};
use super::mode::most_frequent;
use super::table::{CellTable, FixedTable, TextColumn, TextTable};
use crate::base::{Batch, Result};
use crate::steps::{KeyedState, ShardColumns};

/// The counts of each key's values, key by key.
fn by_key<K: Copy + Eq + Ord + std::hash::Hash>(
    counts: Counts<(u32, K)>,
    mut visit: impl FnMut(usize, &[((u32, K), u64)]),
) {
    let mut entries = counts.into_entries();
    entries.sort_unstable();
    for of_key in entries.chunk_by(|a, b| a.0.0 == b.0.0) {
        visit(of_key[0].0.0 as usize, of_key);
    }
}

/// The mode of each key's fixed-width cells.
pub(super) struct KeyedModeFit<T: Cell> {
    context: ColumnContext,
    counts: Counts<(u32, T::Key)>,
    keys: usize,
}

impl<T: Cell> KeyedModeFit<T> {
    pub(super) fn new(context: ColumnContext) -> Self {
        let counts = Counts::new(context.bytes_max);
        Self {
            context,
            counts,
            keys: 0,
        }
    }
}

impl<T: Cell> KeyedState for KeyedModeFit<T> {
    fn advance(&mut self, batch: &Batch, rows: &[u32], keys: &[u32]) -> Result<ShardColumns> {
        let array = batch.column(self.context.slot);
        let cells = T::read(array);
        self.keys = self.keys.max(keys_len(keys));
        let mut all_fit = true;
        for_each_valid(array.nulls(), rows, keys, |row, key| {
            if let Some(value) = cells[row].key() {
                all_fit &= self.counts.add((key as u32, value));
            }
        });
        if all_fit {
            Ok(ShardColumns::None)
        } else {
            Err(self.context.memory_limit(self.counts.grown_bytes()))
        }
    }

    fn finish(self: Box<Self>) -> Option<Arc<dyn Any + Send + Sync>> {
        let mut table = FixedTable::<T>::default();
        table.extend_to(self.keys);
        by_key(self.counts, |key, values| {
            let values = values.iter().map(|&((_, value), count)| (value, count));
            if let Some(mode) = most_frequent(values) {
                table.set(key, T::from_key(mode));
            }
        });
        Some(Arc::new(table))
    }

    fn memory_bytes(&self) -> usize {
        self.counts.memory_bytes()
    }
}

/// The mode of each key's texts.
pub(super) struct KeyedTextModeFit {
    context: ColumnContext,
    texts: Interner,
    counts: Counts<(u32, u32)>,
    keys: usize,
}

impl KeyedTextModeFit {
    pub(super) fn new(context: ColumnContext) -> Self {
        let counts = Counts::new(context.bytes_max);
        Self {
            context,
            texts: Interner::default(),
            counts,
            keys: 0,
        }
    }
}

impl KeyedState for KeyedTextModeFit {
    fn advance(&mut self, batch: &Batch, rows: &[u32], keys: &[u32]) -> Result<ShardColumns> {
        let array = batch.column(self.context.slot);
        let column = TextColumn::of(array);
        self.keys = self.keys.max(keys_len(keys));
        let mut all_fit = true;
        for_each_valid(array.nulls(), rows, keys, |row, key| {
            let text = self.texts.intern(column.get(row));
            all_fit &= self.counts.add((key as u32, text));
        });
        if all_fit && self.memory_bytes() <= self.context.bytes_max {
            return Ok(ShardColumns::None);
        }
        let needed_bytes = self.texts.memory_bytes() + self.counts.grown_bytes();
        Err(self.context.memory_limit(needed_bytes))
    }

    fn finish(self: Box<Self>) -> Option<Arc<dyn Any + Send + Sync>> {
        let mut table = TextTable::default();
        table.extend_to(self.keys);
        by_key(self.counts, |key, values| {
            let values = values.iter();
            let values = values.map(|&((_, text), count)| (self.texts.text(text), count));
            if let Some(mode) = most_frequent(values) {
                table.set(key, mode);
            }
        });
        Some(Arc::new(table))
    }

    fn memory_bytes(&self) -> usize {
        self.counts.memory_bytes() + self.texts.memory_bytes()
    }
}
