//! Medians and modes per key: a shard's rows in, a table with one cell per key out. Each key's
//! distinct values are counted, in one table for all keys of the shard.

use std::any::Any;
use std::cmp::Ordering;
use std::sync::Arc;

use arrow::array::Array;

use super::cells::Cell;
use super::column::ColumnContext;
use super::counts::Counts;
use super::interner::Interner;
use super::keyed::{for_each_valid, keys_len};
use super::mean::Measure;
use super::median::{locate, middle_ranks};
use super::mode::most_frequent;
use super::table::{CellTable, FixedTable, TextColumn, TextTable};
use crate::base::{Batch, DataType, Result};
use crate::steps::{KeyedState, ShardColumns};

/// Picks a cell from one key's distinct values, ascending, and their counts.
type Pick<T> = fn(&[(<T as Cell>::Key, u64)], &DataType) -> T;

/// A statistic of each key's fixed-width cells.
pub(super) struct KeyedCountFit<T: Cell> {
    context: ColumnContext,
    counts: Counts<(u32, T::Key)>,
    keys: usize,
    pick: Pick<T>,
}

impl<T: Cell> KeyedCountFit<T> {
    fn new(context: ColumnContext, pick: Pick<T>) -> Self {
        let counts = Counts::new(context.bytes_max);
        Self {
            context,
            counts,
            keys: 0,
            pick,
        }
    }

    /// The most frequent value of each key.
    pub(super) fn mode(context: ColumnContext) -> Self {
        Self::new(context, |values, _| {
            let mode = most_frequent(values.iter().copied(), Ord::cmp);
            T::from_key(mode.expect("a key is listed with its values"))
        })
    }
}

impl<T: Measure> KeyedCountFit<T> {
    /// The median of each key.
    pub(super) fn median(context: ColumnContext) -> Self {
        Self::new(context, |values, data_type| {
            let counts: Vec<_> = values.iter().map(|&(_, count)| count).collect();
            let ranks = middle_ranks(counts.iter().sum());
            let cell = |rank: &u64| T::from_key(values[locate(&counts, *rank).0].0);
            let middle = ranks.first().zip(ranks.last());
            let (low, high) = middle.expect("a key is listed with its values");
            cell(low).midpoint(cell(high), data_type).0
        })
    }
}

impl<T: Cell> KeyedState for KeyedCountFit<T> {
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
        let mut entries = self.counts.into_entries();
        entries.sort_unstable();
        let mut table = FixedTable::<T>::default();
        table.extend_to(self.keys);
        let mut values = Vec::new();
        for of_key in entries.chunk_by(|a, b| a.0.0 == b.0.0) {
            values.clear();
            values.extend(of_key.iter().map(|&((_, value), count)| (value, count)));
            table.set(
                of_key[0].0.0 as usize,
                (self.pick)(&values, &self.context.data_type),
            );
        }
        Some(Arc::new(table))
    }

    fn memory_bytes(&self) -> usize {
        self.counts.memory_bytes()
    }
}

/// The most frequent text of each key.
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
            let id = self.texts.intern(column.get(row));
            all_fit &= self.counts.add((key as u32, id));
        });
        if all_fit && self.memory_bytes() <= self.context.bytes_max {
            return Ok(ShardColumns::None);
        }
        let needed_bytes = self.counts.grown_bytes() + self.texts.memory_bytes();
        Err(self.context.memory_limit(needed_bytes))
    }

    fn finish(self: Box<Self>) -> Option<Arc<dyn Any + Send + Sync>> {
        let mut entries = self.counts.into_entries();
        entries.sort_unstable();
        let mut table = TextTable::default();
        table.extend_to(self.keys);
        let alphabetic =
            |a: &u32, b: &u32| -> Ordering { self.texts.text(*a).cmp(self.texts.text(*b)) };
        for of_key in entries.chunk_by(|a, b| a.0.0 == b.0.0) {
            let values = of_key.iter().map(|&((_, id), count)| (id, count));
            if let Some(mode) = most_frequent(values, alphabetic) {
                table.set(of_key[0].0.0 as usize, self.texts.text(mode));
            }
        }
        Some(Arc::new(table))
    }

    fn memory_bytes(&self) -> usize {
        self.counts.memory_bytes() + self.texts.memory_bytes()
    }
}
