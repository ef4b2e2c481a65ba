//! An entry for each key of a shard, by its dense id.
//!
//! Entries lie in pages, so that however many keys come, none is moved and nothing is held twice
//! while room is made; the first page grows by doubling, as most shards have few keys. Invariant: an
//! entry is what it was set to, or `empty`.

use std::ops::{Index, IndexMut};

use crate::base::prefetch;

/// Entries of a page.
const PAGE: usize = 1 << PAGE_BITS;
const PAGE_BITS: u32 = 12;
/// How many rows before it is needed an entry is asked for.
const AHEAD: usize = 12;

/// An entry for each key.
#[derive(Debug)]
pub(super) struct PerKey<S> {
    /// All full but the first, where it is alone.
    pages: Vec<Vec<S>>,
    empty: S,
}

impl<S: Clone> PerKey<S> {
    /// No keys yet; each begins with `empty`.
    pub(super) fn new(empty: S) -> Self {
        Self {
            pages: vec![Vec::new()],
            empty,
        }
    }

    /// Adds entries until there is one for all of `keys`.
    pub(super) fn cover(&mut self, keys: &[u32]) {
        let len = keys.iter().max().map_or(0, |&key| key as usize + 1);
        let first = &mut self.pages[0];
        if first.len() < len.min(PAGE) {
            first.resize(len.next_power_of_two().min(PAGE), self.empty.clone());
        }
        while self.pages.len() * PAGE < len {
            self.pages.push(vec![self.empty.clone(); PAGE]);
        }
    }

    /// Asks for the entry of a key that comes soon after the `at`th.
    #[inline(always)]
    pub(super) fn fetch_ahead(&self, keys: &[u32], at: usize) {
        if let Some(&key) = keys.get(at + AHEAD) {
            prefetch(
                &self.pages[(key >> PAGE_BITS) as usize],
                key as usize % PAGE,
            );
        }
    }

    /// All entries, those of keys that are still to come among them.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut S> {
        self.pages.iter_mut().flatten()
    }

    /// Memory held, in bytes, but for what entries hold elsewhere.
    pub(super) fn memory_bytes(&self) -> usize {
        let further = self.pages.len() - 1;
        (self.pages[0].capacity() + further * PAGE) * size_of::<S>()
            + self.pages.capacity() * size_of::<Vec<S>>()
    }
}

impl<S> Index<u32> for PerKey<S> {
    type Output = S;

    #[inline(always)]
    fn index(&self, key: u32) -> &S {
        &self.pages[(key >> PAGE_BITS) as usize][key as usize % PAGE]
    }
}

impl<S> IndexMut<u32> for PerKey<S> {
    #[inline(always)]
    fn index_mut(&mut self, key: u32) -> &mut S {
        &mut self.pages[(key >> PAGE_BITS) as usize][key as usize % PAGE]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_stay_while_keys_come() {
        let mut entries = PerKey::new(7_u64);
        let empty = entries.memory_bytes();
        entries.cover(&[]);
        assert_eq!(entries.memory_bytes(), empty);
        entries.cover(&[2, 0]);
        assert!(entries.memory_bytes() <= empty + 4 * 8);
        for key in 0..3 * PAGE as u32 {
            entries.cover(&[key]);
            entries.fetch_ahead(&[key; 20], 3);
            assert_eq!(entries[key], 7);
            entries[key] = u64::from(key);
        }
        assert!((0..3 * PAGE as u32).all(|key| entries[key] == u64::from(key)));
        assert_eq!(entries.iter_mut().count(), 3 * PAGE);
        let bytes = entries.memory_bytes();
        assert!(
            (3 * PAGE * 8..3 * PAGE * 8 + 1000).contains(&bytes),
            "{bytes}"
        );
    }
}
