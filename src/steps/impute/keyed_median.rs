//! The median of each key: a shard's rows in, a table with one cell per key out. Each key's distinct
//! values are held with their counts, 16 bytes each (32 for decimals); what is held is counted and
//! bounded.

use std::any::Any;
use std::sync::Arc;

use arrow::array::Array;

use super::cells::Cell;
use super::column::ColumnContext;
use super::keyed::{cover, for_each_valid};
use super::mean::Measure;
use super::median::middle;
use super::table::{CellTable, FixedTable};
use crate::base::{Batch, Result};
use crate::steps::{KeyedState, ShardColumns};

/// The values of one key. New ones are held loose and sorted into the counted ones in bulk, once
/// there are as many of them, so that many values cost no more than a sort.
#[derive(Clone)]
struct Values<K> {
    /// Distinct values, ascending, and how often each occurs.
    counted: Vec<(K, u64)>,
    loose: Vec<K>,
}

impl<K> Default for Values<K> {
    fn default() -> Self {
        Self {
            counted: Vec::new(),
            loose: Vec::new(),
        }
    }
}

impl<K: Copy + Ord> Values<K> {
    /// Loose values that are worth sorting.
    const LOOSE_MIN: usize = 64;

    /// Adds a value; returns by how many bytes more are held.
    fn add(&mut self, value: K) -> isize {
        if self.loose.len() < self.loose.capacity() {
            self.loose.push(value);
            return 0;
        }
        let before = self.memory_bytes();
        if self.loose.len() >= Self::LOOSE_MIN.max(self.counted.len()) {
            self.settle();
        }
        self.loose.push(value);
        self.memory_bytes() as isize - before as isize
    }

    /// Sorts the loose values in.
    fn settle(&mut self) {
        self.loose.sort_unstable();
        let loose = self.loose.drain(..).map(|value| (value, 1));
        self.counted.extend(loose);
        // Two ascending runs, which the stable sort merges in linear time.
        self.counted.sort_by_key(|&(value, _)| value);
        self.counted.dedup_by(|next, kept| {
            let same = next.0 == kept.0;
            kept.1 += if same { next.1 } else { 0 };
            same
        });
        self.counted.shrink_to(2 * self.counted.len());
    }

    /// The distinct values, ascending, and their counts.
    fn counts(&mut self) -> &[(K, u64)] {
        self.settle();
        &self.counted
    }

    fn memory_bytes(&self) -> usize {
        self.counted.capacity() * size_of::<(K, u64)>() + self.loose.capacity() * size_of::<K>()
    }
}

/// The values of each key of a shard.
struct KeyedValues<K> {
    values: Vec<Values<K>>,
    held_bytes: usize,
}

impl<K: Copy + Ord> KeyedValues<K> {
    fn new() -> Self {
        Self {
            values: Vec::new(),
            held_bytes: 0,
        }
    }

    /// Adds a value of `key`, which is covered.
    fn add(&mut self, key: usize, value: K) {
        let grown = self.values[key].add(value);
        self.held_bytes = self.held_bytes.wrapping_add_signed(grown);
    }

    fn memory_bytes(&self) -> usize {
        self.held_bytes + self.values.capacity() * size_of::<Values<K>>()
    }
}

/// The median of each key's cells.
pub(super) struct KeyedMedianFit<T: Cell> {
    context: ColumnContext,
    keys: KeyedValues<T::Key>,
}

impl<T: Measure> KeyedMedianFit<T> {
    pub(super) fn new(context: ColumnContext) -> Self {
        let keys = KeyedValues::new();
        Self { context, keys }
    }
}

impl<T: Measure> KeyedState for KeyedMedianFit<T> {
    fn advance(&mut self, batch: &Batch, rows: &[u32], keys: &[u32]) -> Result<ShardColumns> {
        let array = batch.column(self.context.slot);
        let cells = T::read(array);
        cover(&mut self.keys.values, keys);
        for_each_valid(array.nulls(), rows, keys, |row, key| {
            if let Some(value) = cells[row].key() {
                self.keys.add(key, value);
            }
        });
        self.context.check(self.memory_bytes())?;
        Ok(ShardColumns::None)
    }

    fn finish(mut self: Box<Self>) -> Option<Arc<dyn Any + Send + Sync>> {
        let mut table = FixedTable::<T>::default();
        table.extend_to(self.keys.values.len());
        for (key, values) in self.keys.values.iter_mut().enumerate() {
            if let Some([low, high]) = middle(values.counts()) {
                let [low, high] = [low, high].map(T::from_key);
                table.set(key, low.midpoint(high, &self.context.data_type).0);
            }
        }
        Some(Arc::new(table))
    }

    fn memory_bytes(&self) -> usize {
        self.keys.memory_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn values_are_counted_and_their_memory_is_known() {
        let mut keys = KeyedValues::new();
        cover(&mut keys.values, &[1]);
        let mut expected: BTreeMap<u64, u64> = BTreeMap::new();
        for step in 0..5000u64 {
            let value = step * step % 1009;
            keys.add(1, value);
            *expected.entry(value).or_default() += 1;
            let held: usize = keys.values.iter().map(Values::memory_bytes).sum();
            assert_eq!(keys.held_bytes, held);
        }
        assert!(keys.values[0].counts().is_empty());
        let counts = keys.values[1].counts();
        assert!(counts.iter().copied().eq(expected));
    }

    #[test]
    fn repeated_values_take_no_memory() {
        let mut values = Values::default();
        let held: isize = (0..100_000u64).map(|step| values.add(step % 3)).sum();
        assert!(held < 4096, "{held}");
        assert_eq!(values.counts(), [(0, 33334), (1, 33333), (2, 33333)]);
    }
}
