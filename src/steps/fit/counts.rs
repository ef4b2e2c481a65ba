//! How often each distinct value occurs: values in, one count per distinct value out, within a
//! stated number of bytes. A value that would need more is refused, never dropped in silence.

use std::hash::{BuildHasher, Hash};

use foldhash::fast::FixedState;
use hashbrown::HashTable;

/// Counts of distinct values.
pub(in crate::steps) struct Counts<K> {
    table: HashTable<(K, u64)>,
    hasher: FixedState,
    bytes_max: usize,
}

impl<K: Copy + Eq + Hash> Counts<K> {
    /// Empty; its table never grows beyond `bytes_max` bytes.
    pub(in crate::steps) fn new(bytes_max: usize) -> Self {
        Self {
            table: HashTable::new(),
            hasher: FixedState::default(),
            bytes_max,
        }
    }

    /// Counts `value`. Returns `false`, and counts nothing, if the table would have to grow beyond
    /// its bound.
    #[must_use]
    pub(in crate::steps) fn add(&mut self, value: K) -> bool {
        let hash = self.hasher.hash_one(value);
        if let Some((_, count)) = self.table.find_mut(hash, |(known, _)| *known == value) {
            *count += 1;
            return true;
        }
        if self.table.len() == self.table.capacity() && self.grown_bytes() > self.bytes_max {
            return false;
        }
        let hasher = &self.hasher;
        self.table
            .insert_unique(hash, (value, 1), |(known, _)| hasher.hash_one(known));
        true
    }

    /// What the table would take after it had to grow once more, in bytes.
    pub(in crate::steps) fn grown_bytes(&self) -> usize {
        let smallest = 4 * size_of::<(K, u64)>() + 20;
        (2 * self.table.allocation_size()).max(smallest)
    }

    /// The distinct values and their counts, in no order.
    pub(in crate::steps) fn into_entries(self) -> Vec<(K, u64)> {
        self.table.into_iter().collect()
    }

    /// The distinct values and their counts, in no order.
    pub(in crate::steps) fn iter(&self) -> impl Iterator<Item = (K, u64)> {
        self.table.iter().copied()
    }

    /// Memory held, in bytes.
    pub(in crate::steps) fn memory_bytes(&self) -> usize {
        self.table.allocation_size()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_does_not_fit_and_keeps_counting_what_does() {
        let mut counts = Counts::new(200);
        let fitting = (0..100).take_while(|&value| counts.add(value)).count() as i32;
        assert!((3..=20).contains(&fitting), "{fitting}");
        assert!(!counts.add(1000));
        assert!(counts.add(0));
        assert!(counts.memory_bytes() <= 200);
        let mut entries = counts.into_entries();
        entries.sort_unstable();
        let expected: Vec<_> = (0..fitting).map(|v| (v, 1 + u64::from(v == 0))).collect();
        assert_eq!(entries, expected);
    }

    #[test]
    fn nothing_fits_into_nothing() {
        assert!(!Counts::new(0).add(1u64));
    }
}
