//! Open addressing with linear probing: where an entry is follows from its hash alone, so that it can
//! be asked for some rows ahead.
//!
//! Invariant: an entry is between the place of its hash and the next vacant one; at most three
//! quarters of the places are taken.

use super::{Result, prefetch};

/// Places of the first table.
const FIRST_PLACES: usize = 16;

/// Is asked for so many bytes before they are allocated.
pub(crate) type ProbeRoom<'a> = dyn FnMut(usize) -> Result<()> + 'a;

/// What lies in a place.
pub(crate) trait ProbeEntry: Copy {
    /// Nothing.
    const VACANT: Self;

    /// Whether it is nothing.
    fn is_vacant(self) -> bool;
}

/// A table of entries by their hashes.
#[derive(Debug)]
pub(crate) struct Probe<E> {
    /// A power of two of them, or none.
    places: Vec<E>,
    taken: usize,
}

impl<E> Default for Probe<E> {
    fn default() -> Self {
        Self {
            places: Vec::new(),
            taken: 0,
        }
    }
}

impl<E: ProbeEntry> Probe<E> {
    /// Fetches the first place of `hash`.
    #[inline(always)]
    pub(crate) fn fetch(&self, hash: u64) {
        let place = hash as usize & self.places.len().saturating_sub(1);
        prefetch(&self.places, place);
    }

    /// The place of the entry that `equal` accepts among those with this hash, if there is one.
    #[inline(always)]
    pub(crate) fn find(&self, hash: u64, equal: impl Fn(E) -> bool) -> Option<usize> {
        let mask = self.places.len().wrapping_sub(1);
        let mut place = hash as usize & mask;
        loop {
            // An empty table has no place at all.
            let entry = *self.places.get(place)?;
            if entry.is_vacant() {
                return None;
            }
            if equal(entry) {
                return Some(place);
            }
            place = (place + 1) & mask;
        }
    }

    /// The entry in a place that [`Self::find`] returned.
    #[inline(always)]
    pub(crate) fn get(&self, place: usize) -> E {
        self.places[place]
    }

    /// The entry in a place that [`Self::find`] or [`Self::put`] returned, to change it.
    #[inline(always)]
    pub(crate) fn at(&mut self, place: usize) -> &mut E {
        &mut self.places[place]
    }

    /// Makes room for one more entry: `room` is asked before the table doubles, and `hash_of` tells
    /// the hash of any entry.
    ///
    /// # Errors
    /// Those of `room`; nothing has changed then.
    pub(crate) fn make_room(
        &mut self,
        hash_of: impl Fn(E) -> u64,
        room: &mut ProbeRoom<'_>,
    ) -> Result<()> {
        if self.taken < self.places.len() / 4 * 3 {
            return Ok(());
        }
        let places = (2 * self.places.len()).max(FIRST_PLACES);
        room(places * size_of::<E>())?;
        let old = std::mem::replace(&mut self.places, vec![E::VACANT; places]);
        for entry in old.into_iter().filter(|entry| !entry.is_vacant()) {
            self.settle(entry, hash_of(entry));
        }
        Ok(())
    }

    /// Puts an entry that is new where there is room for it; returns its place.
    pub(crate) fn put(&mut self, entry: E, hash: u64) -> usize {
        self.taken += 1;
        self.settle(entry, hash)
    }

    fn settle(&mut self, entry: E, hash: u64) -> usize {
        let mask = self.places.len() - 1;
        let mut place = hash as usize & mask;
        while !self.places[place].is_vacant() {
            place = (place + 1) & mask;
        }
        self.places[place] = entry;
        place
    }

    /// The entries, in no order.
    pub(crate) fn entries(&self) -> impl Iterator<Item = E> {
        self.places
            .iter()
            .copied()
            .filter(|entry| !entry.is_vacant())
    }

    /// The entries, in no order, in the table's own memory.
    pub(crate) fn into_entries(mut self) -> Vec<E> {
        self.places.retain(|entry| !entry.is_vacant());
        self.places
    }

    /// Memory held, in bytes.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.places.capacity() * size_of::<E>()
    }
}
