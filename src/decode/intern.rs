//! Raw fields -> ids: equal texts get equal ids, from 0 in order of first appearance; null fields
//! get [`NULL`]. Invariant: an id depends on the fields so far only.
//!
//! ```text
//! 1  a field of up to 16 bytes is two words, those past its end made zero: two words and the length
//!    say which field it is, without a look at its bytes one by one
//! 2  the words lead to a slot of a table; nearly always it holds just them, and the id
//! 3  what a field means (null, quoted, which text) is asked once per distinct raw field
//! 4  longer fields have their hash in place of the first word, and are compared in full
//! ```

use std::hash::BuildHasher;

use bumpalo::Bump;
use foldhash::fast::RandomState;

use super::field::{GROUP_ROWS, Group, word};
use super::strings::Strings;
use super::text::TextCells;

/// The id of a null field.
pub(super) const NULL: i32 = -1;

/// Slots of an empty table; a power of two.
const SLOTS: usize = 512;
/// Fields up to this long are told apart by two words.
const SHORT_BYTES: usize = 16;
/// Set in the length of a text that stood in quotes and without them would mean something else: one
/// that is empty or starts with the quote.
const BARE: u32 = 1 << 31;

/// What tells a text from others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Key {
    /// The bytes of a short text, or a hash.
    first: u64,
    /// The bytes of a short text, or where a long one is kept.
    second: u64,
    len: u32,
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    key: Key,
    id: i32,
}

impl Slot {
    /// No text is that long.
    const FREE: Self = Self {
        key: Key {
            first: 0,
            second: 0,
            len: u32::MAX,
        },
        id: NULL,
    };
}

/// Bits of the bytes before each length from 0 to 16, in two words.
const MASKS: [[u64; 2]; SHORT_BYTES + 1] = {
    let mut masks = [[0; 2]; SHORT_BYTES + 1];
    let mut len = 1;
    while len <= SHORT_BYTES {
        let bits = u128::MAX >> (128 - 8 * len);
        masks[len] = [bits as u64, (bits >> 64) as u64];
        len += 1;
    }
    masks
};

impl Key {
    #[inline(always)]
    fn of_window(window: &[u8; SHORT_BYTES], len: usize) -> Self {
        let [first, second] = MASKS[len];
        Self {
            first: word(window, 0) & first,
            second: word(window, 8) & second,
            len: len as u32,
        }
    }

    /// Whether two keys of short texts are equal, without a branch.
    #[inline(always)]
    fn equals(&self, other: &Self) -> bool {
        let first = self.first ^ other.first;
        let second = self.second ^ other.second;
        first | second | u64::from(self.len ^ other.len) == 0
    }

    fn is_short(&self) -> bool {
        self.len & !BARE <= SHORT_BYTES as u32
    }
}

/// Gives each distinct text an id.
pub(super) struct Interner {
    /// As many as a power of two, at least half of them free.
    slots: Vec<Slot>,
    used: usize,
    /// The text of each id.
    values: Strings,
    /// The keys' long texts.
    long: Strings,
    /// Ids of texts that look like a missing cell.
    lookalikes: Vec<i32>,
    state: RandomState,
    seeds: [u64; 2],
}

impl Interner {
    pub(super) fn new() -> Self {
        let state = RandomState::default();
        Self {
            slots: vec![Slot::FREE; SLOTS],
            used: 0,
            values: Strings::default(),
            long: Strings::default(),
            lookalikes: Vec::new(),
            seeds: [0_u64, 1].map(|seed| state.hash_one(seed)),
            state,
        }
    }

    /// Forgets all texts.
    pub(super) fn clear(&mut self) {
        self.slots.truncate(SLOTS);
        self.slots.fill(Slot::FREE);
        self.used = 0;
        self.values.clear();
        self.long.clear();
        self.lookalikes.clear();
    }

    /// The text of each id so far.
    pub(super) fn values(&self) -> &Strings {
        &self.values
    }

    /// [`Self::values`], and forgets all texts.
    pub(super) fn take_values(&mut self) -> Strings {
        std::mem::take(&mut self.values)
    }

    /// How many of `ids` look like a missing cell.
    pub(super) fn count_lookalikes(&self, ids: &[i32]) -> u64 {
        let count = |lookalike: &i32| ids.iter().filter(|id| *id == lookalike).count() as u64;
        self.lookalikes.iter().map(count).sum()
    }

    /// The ids of a group's fields.
    #[inline]
    pub(super) fn read_group(
        &mut self,
        group: &Group<'_>,
        cells: &TextCells,
        scratch: &Bump,
        ids: &mut [i32; GROUP_ROWS],
    ) {
        for (row, (field, id)) in group.iter().zip(ids).enumerate() {
            let found = match field.window() {
                Some(window) if field.len() <= SHORT_BYTES => {
                    let key = Key::of_window(window, field.len());
                    let slot = &self.slots[self.home_of(key.first, key.second)];
                    slot.key.equals(&key).then_some(slot.id)
                }
                _ => None,
            };
            *id = found.unwrap_or_else(|| self.read(group, row, cells, scratch));
        }
    }

    /// The id of a field that is not where it is looked for first. Takes no field, so that the
    /// loop need not keep one in memory.
    #[inline(never)]
    fn read(&mut self, group: &Group<'_>, row: usize, cells: &TextCells, scratch: &Bump) -> i32 {
        let field = group.field(row);
        let key = self.key(field.text());
        let raw = field.text();
        self.find(&key, raw).unwrap_or_else(|| {
            let id = match cells.text(field, scratch) {
                None => NULL,
                Some(text) if text.as_ptr_range() == raw.as_ptr_range() => self.add(text, cells),
                Some(text) => self.read_unquoted(text, cells),
            };
            self.insert(key, raw, id);
            id
        })
    }

    /// The id of a text that stood in quotes or had escapes.
    fn read_unquoted(&mut self, text: &[u8], cells: &TextCells) -> i32 {
        let mut key = self.key(text);
        if cells.differs_raw(text) {
            key.len |= BARE;
        }
        self.find(&key, text).unwrap_or_else(|| {
            let id = self.add(text, cells);
            self.insert(key, text, id);
            id
        })
    }

    /// A new id for `text`.
    fn add(&mut self, text: &[u8], cells: &TextCells) -> i32 {
        let id = self.values.len() as i32;
        self.values.push(text);
        if cells.looks_null(text) {
            self.lookalikes.push(id);
        }
        id
    }

    fn key(&self, text: &[u8]) -> Key {
        if text.len() <= SHORT_BYTES {
            let mut window = [0; SHORT_BYTES];
            window[..text.len()].copy_from_slice(text);
            return Key::of_window(&window, text.len());
        }
        Key {
            first: self.state.hash_one(text),
            second: 0,
            len: text.len() as u32,
        }
    }

    /// The slot where `key` is looked for first.
    fn home(&self, key: &Key) -> usize {
        let second = if key.is_short() { key.second } else { 0 };
        self.home_of(key.first, second)
    }

    #[inline(always)]
    fn home_of(&self, first: u64, second: u64) -> usize {
        let product = u128::from(first ^ self.seeds[0]) * u128::from(second ^ self.seeds[1]);
        (product as u64 ^ (product >> 64) as u64) as usize & (self.slots.len() - 1)
    }

    fn find(&self, key: &Key, text: &[u8]) -> Option<i32> {
        let mut at = self.home(key);
        loop {
            let slot = &self.slots[at];
            if slot.key.len == Slot::FREE.key.len {
                return None;
            }
            let same = if key.is_short() {
                slot.key == *key
            } else {
                let hash = (slot.key.first, slot.key.len) == (key.first, key.len);
                hash && self.long.get(slot.key.second as usize) == text
            };
            if same {
                return Some(slot.id);
            }
            at = (at + 1) & (self.slots.len() - 1);
        }
    }

    /// Gives `text`, which is in no slot, the id `id`.
    fn insert(&mut self, mut key: Key, text: &[u8], id: i32) {
        if !key.is_short() {
            key.second = self.long.len() as u64;
            self.long.push(text);
        }
        self.used += 1;
        if 2 * self.used > self.slots.len() {
            let slots = vec![Slot::FREE; 2 * self.slots.len()];
            for slot in std::mem::replace(&mut self.slots, slots) {
                if slot.key.len != Slot::FREE.key.len {
                    self.place(slot);
                }
            }
        }
        self.place(Slot { key, id });
    }

    /// Puts `slot` into the first free place from its home on.
    fn place(&mut self, slot: Slot) {
        let mut at = self.home(&slot.key);
        while self.slots[at].key.len != Slot::FREE.key.len {
            at = (at + 1) & (self.slots.len() - 1);
        }
        self.slots[at] = slot;
    }

    /// Memory held, in bytes.
    pub(super) fn memory_bytes(&self) -> usize {
        self.slots.capacity() * size_of::<Slot>()
            + self.values.memory_bytes()
            + self.long.memory_bytes()
            + self.lookalikes.capacity() * size_of::<i32>()
    }
}
