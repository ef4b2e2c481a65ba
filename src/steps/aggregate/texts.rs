//! Distinct pieces of bytes, each kept once: bytes in, a dense id out, and back.

use std::hash::BuildHasher;

use foldhash::fast::FixedState;
use hashbrown::HashTable;

/// Distinct pieces of bytes in one arena.
#[derive(Default)]
pub(super) struct Texts {
    ids: HashTable<u32>,
    arena: Vec<u8>,
    ends: Vec<usize>,
}

fn hash(bytes: &[u8]) -> u64 {
    FixedState::with_seed(0).hash_one(bytes)
}

fn slice<'a>(arena: &'a [u8], ends: &[usize], id: u32) -> &'a [u8] {
    let id = id as usize;
    let start = id.checked_sub(1).map_or(0, |before| ends[before]);
    &arena[start..ends[id]]
}

impl Texts {
    /// The id of `bytes`, a new one if they were not seen before.
    ///
    /// # Panics
    /// Beyond 2^32 pieces, which no memory limit lets through.
    pub(super) fn intern(&mut self, bytes: &[u8]) -> u32 {
        let Self { ids, arena, ends } = self;
        let hashed = hash(bytes);
        if let Some(&id) = ids.find(hashed, |&id| slice(arena, ends, id) == bytes) {
            return id;
        }
        let id = u32::try_from(ends.len()).expect("fewer than 2^32 texts fit in memory");
        arena.extend_from_slice(bytes);
        ends.push(arena.len());
        ids.insert_unique(hashed, id, |&id| hash(slice(arena, ends, id)));
        id
    }

    /// What an id stands for.
    pub(super) fn bytes(&self, id: u32) -> &[u8] {
        slice(&self.arena, &self.ends, id)
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.ids.allocation_size()
            + self.arena.capacity()
            + self.ends.capacity() * size_of::<usize>()
    }
}
