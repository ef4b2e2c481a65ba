//! Distinct texts, each kept once: text in, a dense id out, and back. Ids count from 0 in order of
//! first appearance.

use foldhash::fast::FixedState;
use hashbrown::HashTable;
use std::hash::BuildHasher;

/// Distinct texts in one arena.
#[derive(Default)]
pub(in crate::steps) struct Interner {
    ids: HashTable<u32>,
    arena: String,
    ends: Vec<usize>,
    hasher: FixedState,
}

impl Interner {
    /// The id of `text`, a new one if it was not seen before.
    ///
    /// # Panics
    /// Beyond 2^32 distinct texts, which no memory limit lets through.
    pub(in crate::steps) fn intern(&mut self, text: &str) -> u32 {
        let Self {
            ids,
            arena,
            ends,
            hasher,
        } = self;
        let hash = hasher.hash_one(text);
        if let Some(&id) = ids.find(hash, |&id| slice(arena, ends, id) == text) {
            return id;
        }
        let id = u32::try_from(ends.len()).expect("fewer than 2^32 distinct texts fit in memory");
        arena.push_str(text);
        ends.push(arena.len());
        ids.insert_unique(hash, id, |&id| hasher.hash_one(slice(arena, ends, id)));
        id
    }

    /// The text of an id.
    pub(in crate::steps) fn text(&self, id: u32) -> &str {
        slice(&self.arena, &self.ends, id)
    }

    /// Memory held, in bytes.
    pub(in crate::steps) fn memory_bytes(&self) -> usize {
        self.ids.allocation_size()
            + self.arena.capacity()
            + self.ends.capacity() * size_of::<usize>()
    }
}

fn slice<'a>(arena: &'a str, ends: &[usize], id: u32) -> &'a str {
    let id = id as usize;
    let start = if id == 0 { 0 } else { ends[id - 1] };
    &arena[start..ends[id]]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_text_has_one_id() {
        let mut interner = Interner::default();
        let texts = ["b", "", "a", "ä", "ab"];
        for _ in 0..2 {
            let ids: Vec<_> = texts.iter().map(|text| interner.intern(text)).collect();
            assert_eq!(ids, [0, 1, 2, 3, 4]);
        }
        let many: Vec<_> = (0..1000).map(|i| interner.intern(&i.to_string())).collect();
        assert_eq!(interner.text(many[777]), "777");
        for (id, text) in texts.iter().enumerate() {
            assert_eq!(interner.text(id as u32), *text);
        }
        assert!(interner.memory_bytes() > 2890 + 1005 * 8);
    }
}
