//! Keys of one shard -> dense ids, from 0 in order of first appearance.
//!
//! Invariant: equal keys get the same id and different keys different ids; the hash only finds
//! candidates, whole keys decide. A key costs an entry of 12 bytes over the table's load; framed
//! keys and texts add their bytes and an offset.

mod lookup;

use arrow::array::{Array, AsArray, DictionaryArray};
use arrow::datatypes::Int32Type;

use super::KeyRows;
use super::encode::Keys;
use crate::base::{Probe, ProbeEntry, ProbeRoom, Result};

/// Rows between asking for a key's entry and looking at it.
pub(super) const AHEAD_ROWS: usize = 16;

/// Key -> dense id for one shard. All its rows must come from the same
/// [`KeySpec`](super::KeySpec).
#[derive(Debug, Default)]
pub struct KeyTable {
    entries: Probe<Entry>,
    /// The id of the null key of a single column.
    null_id: Option<u32>,
    len: u32,
    /// The bytes of all keys that are not words, in id order.
    arena: Vec<u8>,
    /// Where each of them ends in `arena`; the null key has an empty place.
    ends: Vec<usize>,
}

/// A key's id, with its word or, for keys that are bytes, its hash. Three `u32` instead of a `u64`
/// and a `u32` save the padding.
#[derive(Debug, Clone, Copy)]
struct Entry {
    word_low: u32,
    word_high: u32,
    id: u32,
}

impl Entry {
    fn new(word: u64, id: u32) -> Self {
        Self {
            word_low: word as u32,
            word_high: (word >> 32) as u32,
            id,
        }
    }

    fn word(self) -> u64 {
        u64::from(self.word_low) | u64::from(self.word_high) << 32
    }
}

impl ProbeEntry for Entry {
    /// No key has the last id.
    const VACANT: Self = Self {
        word_low: 0,
        word_high: 0,
        id: u32::MAX,
    };

    fn is_vacant(self) -> bool {
        self.id == Self::VACANT.id
    }
}

impl KeyTable {
    /// Replaces `out` by the id of each of the shard's rows, in the order of
    /// [`KeyRows::rows`]. Keys seen for the first time get the next ids. Before a part of the table
    /// doubles, `room` is asked for the bytes that takes, beside [`Self::memory_bytes`].
    ///
    /// # Errors
    /// Those of `room`; ids are then missing from `out`.
    ///
    /// # Panics
    /// At 2³² − 1 keys in one shard; the memory budget ends a run long before.
    pub fn ids(
        &mut self,
        keys: &KeyRows,
        shard: usize,
        out: &mut Vec<u32>,
        room: &mut ProbeRoom<'_>,
    ) -> Result<()> {
        out.clear();
        self.more_ids(keys, keys.rows(shard), out, room)
    }

    /// Appends to `out` the ids of `rows`, some of a shard's; otherwise as [`Self::ids`].
    ///
    /// # Errors
    /// Those of `room`: `out` then ends before the row whose key is new and has no room.
    ///
    /// # Panics
    /// As [`Self::ids`].
    pub fn more_ids(
        &mut self,
        keys: &KeyRows,
        rows: &[u32],
        out: &mut Vec<u32>,
        room: &mut ProbeRoom<'_>,
    ) -> Result<()> {
        out.reserve(rows.len());
        match &keys.keys {
            Keys::One => {
                out.resize(out.len() + rows.len(), 0);
                if !rows.is_empty() {
                    self.len = 1;
                    self.null_id = Some(0);
                }
            }
            Keys::Words { words, nulls } => {
                let nulls = nulls.as_ref().filter(|nulls| nulls.null_count() > 0);
                // Neighbours often share a key, and comparing is cheaper than probing.
                let mut last = None;
                for (index, &row) in rows.iter().enumerate() {
                    self.fetch_ahead(rows, index, &keys.hashes);
                    let row = row as usize;
                    let word = words[row];
                    let id = if nulls.is_some_and(|nulls| nulls.is_null(row)) {
                        self.null(room)?
                    } else if let Some((last, id)) = last
                        && last == word
                    {
                        id
                    } else {
                        let id = self.word(word, keys.hashes[row], room)?;
                        last = Some((word, id));
                        id
                    };
                    out.push(id);
                }
            }
            // The texts of a small dictionary are fewer than its rows.
            Keys::Dictionary(cells) if cells.values().len() <= rows.len() => {
                self.ids_by_code(cells, &keys.hashes, rows, out, room)?;
            }
            bytes => {
                let mut last = None;
                for (index, &row) in rows.iter().enumerate() {
                    self.fetch_ahead(rows, index, &keys.hashes);
                    let row = row as usize;
                    let id = match (bytes.bytes(row), last) {
                        (None, _) => self.null(room)?,
                        (Some(key), Some((last, id))) if key == last => id,
                        (Some(key), _) => {
                            let id = self.bytes(key, keys.hashes[row], room)?;
                            last = Some((key, id));
                            id
                        }
                    };
                    out.push(id);
                }
            }
        }
        Ok(())
    }

    /// Appends to `out` the ids of `rows`, each text of the dictionary looked up once.
    fn ids_by_code(
        &mut self,
        cells: &DictionaryArray<Int32Type>,
        hashes: &[u64],
        rows: &[u32],
        out: &mut Vec<u32>,
        room: &mut ProbeRoom<'_>,
    ) -> Result<()> {
        let (codes, texts) = (cells.keys(), cells.values().as_string::<i32>());
        let mut known: Vec<Option<u32>> = vec![None; texts.len()];
        for &row in rows {
            let row = row as usize;
            let code = codes.is_valid(row).then(|| codes.value(row) as usize);
            let id = match code.filter(|code| texts.is_valid(*code)) {
                None => self.null(room)?,
                Some(code) => match known[code] {
                    Some(id) => id,
                    None => {
                        let text = texts.value(code).as_bytes();
                        *known[code].insert(self.bytes(text, hashes[row], room)?)
                    }
                },
            };
            out.push(id);
        }
        Ok(())
    }

    /// The number of keys seen.
    pub fn len(&self) -> usize {
        self.len as usize
    }

    /// Whether no key has been seen.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Memory held, in bytes.
    pub fn memory_bytes(&self) -> usize {
        self.entries.memory_bytes()
            + self.arena.capacity()
            + self.ends.capacity() * size_of::<usize>()
    }

    /// Asks for the entry of a row after `rows[index]`, so that the waits for memory overlap.
    #[inline(always)]
    fn fetch_ahead(&self, rows: &[u32], index: usize, hashes: &[u64]) {
        if let Some(&row) = rows.get(index + AHEAD_ROWS) {
            self.entries.fetch(hashes[row as usize]);
        }
    }

    fn null(&mut self, room: &mut ProbeRoom<'_>) -> Result<u32> {
        match self.null_id {
            Some(id) => Ok(id),
            None => {
                // Only tables of bytes use the places; an empty one costs a word table 8 bytes.
                make_room(&mut self.ends, 1, room)?;
                self.ends.push(self.arena.len());
                Ok(*self.null_id.insert(next_id(&mut self.len)))
            }
        }
    }

    /// The id of a key that is bytes; `None` if it is new.
    fn find_bytes(&self, key: &[u8], hash: u64) -> Option<u32> {
        self.find(hash, |entry| {
            let id = entry.id as usize;
            let start = |id: usize| id.checked_sub(1).map_or(0, |previous| self.ends[previous]);
            entry.word() == hash && &self.arena[start(id)..self.ends[id]] == key
        })
    }

    /// Adds a word that is new and returns its id.
    #[cold]
    fn add(&mut self, word: u64, hash: u64, room: &mut ProbeRoom<'_>) -> Result<u32> {
        let hash_of = |entry: Entry| Keys::hash_word(entry.word());
        self.entries.make_room(hash_of, room)?;
        Ok(self.put_new(word, hash))
    }

    /// Puts a key that is new where there is room for it and returns its id.
    fn put_new(&mut self, word: u64, hash: u64) -> u32 {
        let id = next_id(&mut self.len);
        self.entries.put(Entry::new(word, id), hash);
        id
    }

    /// The id of the key that `equal` accepts among those with this hash; `None` if it is new.
    #[inline(always)]
    fn find(&self, hash: u64, equal: impl Fn(Entry) -> bool) -> Option<u32> {
        let place = self.entries.find(hash, equal)?;
        Some(self.entries.get(place).id)
    }

    #[inline]
    fn word(&mut self, word: u64, hash: u64, room: &mut ProbeRoom<'_>) -> Result<u32> {
        match self.find(hash, |entry| entry.word() == word) {
            Some(id) => Ok(id),
            None => self.add(word, hash, room),
        }
    }

    fn bytes(&mut self, key: &[u8], hash: u64, room: &mut ProbeRoom<'_>) -> Result<u32> {
        if let Some(id) = self.find_bytes(key, hash) {
            return Ok(id);
        }
        // All room is made before anything is put: a key that has none leaves no trace.
        make_room(&mut self.arena, key.len(), room)?;
        make_room(&mut self.ends, 1, room)?;
        self.entries.make_room(Entry::word, room)?;
        self.arena.extend_from_slice(key);
        self.ends.push(self.arena.len());
        Ok(self.put_new(hash, hash))
    }

    /// The keys in the order of their bytes. Takes no more memory than the table.
    pub fn into_sorted(self) -> SortedKeys {
        let Self {
            entries,
            null_id,
            arena,
            ends,
            len,
        } = self;
        let mut entries = entries.into_entries();
        // All keys that are bytes have an end, of those that are words only the null key.
        let are_words = ends.len() < len as usize;
        let mut keys = SortedKeys {
            entries: Vec::new(),
            are_words,
            null_id,
            arena,
            ends,
        };
        match are_words {
            true => entries.sort_unstable_by_key(|entry| entry.word()),
            false => entries.sort_unstable_by(|a, b| keys.bytes(a.id).cmp(keys.bytes(b.id))),
        }
        keys.entries = entries;
        keys
    }
}

/// The keys of a table in ascending order of their bytes, each with its id.
///
/// The bytes of a key tell it from all others that the same [`KeySpec`](super::KeySpec) yields: a
/// cell of 64 bits or less is its word, the highest byte first; a text is itself; what has several
/// columns is framed; null is [`SortedKeys::NULL`].
#[derive(Debug, Default)]
pub struct SortedKeys {
    entries: Vec<Entry>,
    are_words: bool,
    null_id: Option<u32>,
    arena: Vec<u8>,
    ends: Vec<usize>,
}

impl SortedKeys {
    /// The bytes of the null key. No word is as long, no text in UTF-8 has such a byte, and it is
    /// the last of all keys.
    pub const NULL: [u8; 9] = [0xff; 9];

    /// The number of keys.
    pub fn len(&self) -> usize {
        self.entries.len() + usize::from(self.null_id.is_some())
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Hands the bytes and the id of each key to `visit`, in ascending order of the bytes.
    ///
    /// # Errors
    /// The first that `visit` returns.
    pub fn for_each(&self, mut visit: impl FnMut(&[u8], u32) -> Result<()>) -> Result<()> {
        for entry in &self.entries {
            match self.are_words {
                true => visit(&entry.word().to_be_bytes(), entry.id)?,
                false => visit(self.bytes(entry.id), entry.id)?,
            }
        }
        self.null_id.map_or(Ok(()), |id| visit(&Self::NULL, id))
    }

    /// Memory held, in bytes.
    pub fn memory_bytes(&self) -> usize {
        self.entries.capacity() * size_of::<Entry>()
            + self.arena.capacity()
            + self.ends.capacity() * size_of::<usize>()
    }

    /// The key `id` of those that are bytes.
    fn bytes(&self, id: u32) -> &[u8] {
        let id = id as usize;
        let start = id.checked_sub(1).map_or(0, |previous| self.ends[previous]);
        &self.arena[start..self.ends[id]]
    }
}

/// Makes room for `more` items by doubling, after asking for the bytes.
fn make_room<T>(items: &mut Vec<T>, more: usize, room: &mut ProbeRoom<'_>) -> Result<()> {
    let needed = items.len() + more;
    if needed > items.capacity() {
        let doubled = needed.max(2 * items.capacity());
        room(doubled * size_of::<T>())?;
        items.reserve_exact(doubled - items.len());
    }
    Ok(())
}

fn next_id(len: &mut u32) -> u32 {
    let id = *len;
    assert!(id < u32::MAX, "a shard has fewer than 2^32 - 1 keys");
    *len = id + 1;
    id
}

#[cfg(test)]
mod tests {
    use super::super::KeySpec;
    use super::*;
    use crate::base::{Batch, ErrorKind};

    use std::collections::HashMap;
    use std::fmt::Debug;
    use std::hash::Hash;
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Int64Array, StringArray};
    use proptest::prelude::*;

    /// Runs the batches through one table per shard; ids must agree with a plain map.
    fn check<T: Clone + Eq + Hash + Debug>(
        cells: &[Vec<T>],
        shards: usize,
        columns: impl Fn(&[T]) -> Vec<ArrayRef>,
    ) {
        let mut tables: Vec<KeyTable> = (0..shards).map(|_| KeyTable::default()).collect();
        let mut expected: Vec<HashMap<T, u32>> = vec![HashMap::new(); shards];
        let mut shard_of = HashMap::new();
        let mut ids = Vec::new();
        for cells in cells {
            let columns = columns(cells);
            let spec = KeySpec::new((0..columns.len()).collect(), shards);
            let keys = spec.partition(&Batch {
                seq: 0,
                source: 0,
                rows: cells.len(),
                records: None,
                columns: columns.into_iter().map(Some).collect(),
            });
            let mut rows_seen = 0;
            for shard in 0..shards {
                let room = &mut |_| Ok(());
                tables[shard]
                    .ids(&keys, shard, &mut ids, room)
                    .expect("there is room");
                assert_eq!(ids.len(), keys.rows(shard).len());
                rows_seen += ids.len();
                for (&row, &id) in keys.rows(shard).iter().zip(&ids) {
                    let key = &cells[row as usize];
                    assert_eq!(*shard_of.entry(key.clone()).or_insert(shard), shard);
                    let next = expected[shard].len() as u32;
                    assert_eq!(id, *expected[shard].entry(key.clone()).or_insert(next));
                }
                assert_eq!(tables[shard].len(), expected[shard].len());
            }
            assert_eq!(rows_seen, cells.len());
        }
    }

    fn batches<T: Strategy>(cell: T) -> impl Strategy<Value = Vec<Vec<T::Value>>> {
        prop::collection::vec(prop::collection::vec(cell, 0..60), 0..5)
    }

    proptest! {
        #[test]
        fn integers(cells in batches(prop::option::of(0..40_i64)), bits in 0..4_usize) {
            check(&cells, 1 << bits, |cells| {
                vec![Arc::new(cells.iter().copied().collect::<Int64Array>())]
            });
        }

        #[test]
        fn texts(cells in batches(prop::option::of("[ab]{0,3}")), bits in 0..4_usize) {
            check(&cells, 1 << bits, |cells| {
                vec![Arc::new(cells.iter().cloned().collect::<StringArray>())]
            });
            check(&cells, 1 << bits, |cells| {
                let cells = cells.iter().map(Option::as_deref);
                vec![Arc::new(cells.collect::<DictionaryArray<Int32Type>>())]
            });
        }

        #[test]
        fn pairs(cells in batches((prop::option::of(0..4_i64), "[ab]{0,2}")), bits in 0..4_usize) {
            check(&cells, 1 << bits, |cells| {
                let first = cells.iter().map(|cell| cell.0);
                let second = cells.iter().map(|cell| Some(cell.1.clone()));
                vec![
                    Arc::new(first.collect::<Int64Array>()),
                    Arc::new(second.collect::<StringArray>()),
                ]
            });
        }
    }

    #[test]
    fn without_key_columns_there_is_one_key() {
        let keys = KeySpec::new(Vec::new(), 4).partition(&Batch {
            seq: 0,
            source: 0,
            rows: 3,
            records: None,
            columns: Vec::new(),
        });
        let mut tables: [KeyTable; 4] = Default::default();
        let mut ids = Vec::new();
        let mut rows = 0;
        for (shard, table) in tables.iter_mut().enumerate() {
            table.ids(&keys, shard, &mut ids, &mut |_| Ok(())).unwrap();
            rows += ids.len();
            assert!(ids.iter().all(|&id| id == 0));
        }
        assert_eq!(rows, 3);
        assert_eq!(tables.iter().map(KeyTable::len).sum::<usize>(), 1);
    }

    #[test]
    fn a_table_asks_before_it_grows() {
        let texts = (0..1000).map(|key| format!("key {key}"));
        let column: ArrayRef = Arc::new(StringArray::from_iter_values(texts));
        let keys = KeySpec::new(vec![0], 1).partition(&Batch {
            seq: 0,
            source: 0,
            rows: 1000,
            records: None,
            columns: vec![Some(column)],
        });
        let mut asked = 0;
        let mut table = KeyTable::default();
        let mut grant = |bytes| {
            asked += bytes;
            Ok(())
        };
        table.ids(&keys, 0, &mut Vec::new(), &mut grant).unwrap();
        // What was held while it grew was asked for, too.
        assert!(asked >= table.memory_bytes(), "{asked}");
        assert!(asked <= 3 * table.memory_bytes(), "{asked}");

        let mut left = 4096_usize;
        let mut table = KeyTable::default();
        let mut grant = |bytes| {
            left = left.checked_sub(bytes).ok_or(ErrorKind::Interrupted)?;
            Ok(())
        };
        let refused = table.ids(&keys, 0, &mut Vec::new(), &mut grant);
        assert!(refused.is_err());
        assert!(table.memory_bytes() <= 4096, "{}", table.memory_bytes());
    }

    /// The ids of the rows of one batch, asked for again where `left` bytes did not do: by then
    /// there is more room.
    fn in_pieces(columns: Vec<ArrayRef>, mut left: usize) -> (Vec<u32>, KeyTable) {
        let rows = columns[0].len();
        let keys = KeySpec::new((0..columns.len()).collect(), 1).partition(&Batch {
            seq: 0,
            source: 0,
            rows,
            records: None,
            columns: columns.into_iter().map(Some).collect(),
        });
        let (mut table, mut ids) = (KeyTable::default(), Vec::new());
        while ids.len() < rows {
            let room = &mut |bytes: usize| {
                left = left.checked_sub(bytes).ok_or(ErrorKind::Interrupted)?;
                Ok(())
            };
            let rest = &keys.rows(0)[ids.len()..];
            let found = table.more_ids(&keys, rest, &mut ids, room);
            assert_eq!(found.is_ok(), ids.len() == rows);
            left += 300;
        }
        (ids, table)
    }

    proptest! {
        #[test]
        fn a_key_without_room_leaves_no_trace_and_sorted_keys_have_their_ids(
            cells in prop::collection::vec((prop::option::of(-9..60_i64), "[ab]{0,5}"), 1..90),
            left in 0..2000_usize,
        ) {
            let words: ArrayRef = Arc::new(cells.iter().map(|cell| cell.0).collect::<Int64Array>());
            let texts = cells.iter().map(|cell| cell.0.map(|_| cell.1.clone()));
            let texts: ArrayRef = Arc::new(texts.collect::<StringArray>());
            for columns in [vec![words.clone()], vec![texts.clone()], vec![words, texts]] {
                let (ids, table) = in_pieces(columns.clone(), left);
                let (expected, _) = in_pieces(columns, usize::MAX / 2);
                prop_assert_eq!(&ids, &expected);
                let (len, held) = (table.len(), table.memory_bytes());
                let sorted = table.into_sorted();
                prop_assert_eq!(sorted.len(), len);
                prop_assert!(sorted.memory_bytes() <= held);
                let mut keys: Vec<(Vec<u8>, u32)> = Vec::new();
                sorted
                    .for_each(|key, id| {
                        keys.push((key.to_vec(), id));
                        Ok(())
                    })
                    .expect("no visit fails");
                prop_assert!(keys.windows(2).all(|pair| pair[0].0 < pair[1].0));
                let mut seen: Vec<u32> = keys.iter().map(|(_, id)| *id).collect();
                seen.sort_unstable();
                prop_assert!(seen.into_iter().eq(0..len as u32));
            }
        }
    }

    #[test]
    fn sorted_keys_are_words_or_texts() {
        let sorted = |columns: Vec<ArrayRef>| {
            let mut keys = Vec::new();
            let (_, table) = in_pieces(columns, usize::MAX / 2);
            let visit = |key: &[u8], id| {
                keys.push((key.to_vec(), id));
                Ok(())
            };
            table.into_sorted().for_each(visit).expect("no visit fails");
            keys
        };
        let words = sorted(vec![Arc::new(Int64Array::from(vec![
            Some(258),
            None,
            Some(-1),
            Some(2),
        ]))]);
        let word = |word: i64| word.to_be_bytes().to_vec();
        let null = SortedKeys::NULL.to_vec();
        assert_eq!(
            words,
            [
                (word(2), 3),
                (word(258), 0),
                (word(-1), 2),
                (null.clone(), 1)
            ]
        );
        let texts = sorted(vec![Arc::new(StringArray::from(vec![
            None,
            Some("b"),
            Some(""),
            Some("ab"),
        ]))]);
        let text = |text: &str| text.as_bytes().to_vec();
        assert_eq!(
            texts,
            [
                (text(""), 2),
                (text("ab"), 3),
                (text("b"), 1),
                (null.clone(), 0)
            ]
        );
        let only_null = sorted(vec![Arc::new(Int64Array::from(vec![None::<i64>]))]);
        assert_eq!(only_null, [(null, 0)]);
    }

    #[test]
    fn an_integer_key_costs_at_most_forty_bytes() {
        let count = 100_000;
        let column: ArrayRef = Arc::new(Int64Array::from_iter_values(0..count));
        let keys = KeySpec::new(vec![0], 1).partition(&Batch {
            seq: 0,
            source: 0,
            rows: count as usize,
            records: None,
            columns: vec![Some(column)],
        });
        let mut table = KeyTable::default();
        table
            .ids(&keys, 0, &mut Vec::new(), &mut |_| Ok(()))
            .unwrap();
        assert_eq!(table.len(), count as usize);
        assert!(table.memory_bytes() > 12 * count as usize);
        assert!(table.memory_bytes() <= 40 * count as usize);
    }
}
