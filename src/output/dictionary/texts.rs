//! Texts -> the distinct ones in order of first appearance, and the id of each text.

use std::hash::BuildHasher;

use arrow::array::StringArray;
use foldhash::fast::FixedState;

use super::{DictionaryLimits, hash};
use crate::output::slots::{Slots, Vacant};

/// Distinct texts, in order of first appearance.
#[derive(Debug, Default)]
pub(super) struct Texts {
    /// In Parquet's plain encoding.
    pub(super) plain: Vec<u8>,
    by_id: Vec<Text>,
    slots: Slots,
}

#[derive(Debug)]
struct Text {
    key: TextKey,
    /// Where it lies in the plain encoding.
    start: u32,
    end: u32,
}

impl Text {
    #[inline]
    fn of<'a>(&self, plain: &'a [u8]) -> &'a [u8] {
        &plain[self.start as usize..self.end as usize]
    }
}

/// A short text and its length, or the hash of a longer one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct TextKey(u128);

impl TextKey {
    const SHORT_BYTES: usize = 15;
    const LENGTH_SHIFT: u32 = 120;
    const LONG: u128 = 0xFF << Self::LENGTH_SHIFT;

    /// The key of `bytes[start..end]`. Looks beyond the end where it can, so that texts of all
    /// lengths take the same path.
    #[inline]
    fn new(bytes: &[u8], start: usize, end: usize) -> Self {
        let length = end - start;
        if length > Self::SHORT_BYTES {
            let hash = FixedState::default().hash_one(&bytes[start..end]);
            return Self(u128::from(hash) | Self::LONG);
        }
        let word = match bytes[start..].first_chunk() {
            Some(window) => u128::from_le_bytes(*window),
            None => {
                let mut window = [0; 16];
                window[..length].copy_from_slice(&bytes[start..end]);
                u128::from_le_bytes(window)
            }
        };
        let text = word & !(u128::MAX << (8 * length));
        Self(text | (length as u128) << Self::LENGTH_SHIFT)
    }

    #[inline]
    fn is_short(self) -> bool {
        self.0 < Self::LONG
    }

    #[inline]
    fn hash(self) -> u64 {
        hash((self.0 as u64).rotate_left(32) as i64 ^ hash((self.0 >> 64) as i64) as i64)
    }
}

impl Texts {
    /// Empties it, and makes room for as many as are expected.
    pub(super) fn clear(&mut self, limits: DictionaryLimits) {
        self.plain.clear();
        self.by_id.clear();
        self.slots.reset(limits.expected.min(limits.cells_max));
    }

    /// The id of the text in `row`, which may be a new one; `None` beyond the limits.
    #[inline]
    pub(super) fn id(
        &mut self,
        cells: &StringArray,
        row: usize,
        limits: DictionaryLimits,
    ) -> Option<u32> {
        let (plain, by_id) = (&self.plain, &self.by_id);
        let ends = cells.value_offsets();
        let [start, end] = [ends[row], ends[row + 1]].map(|end| end as usize);
        let key = TextKey::new(cells.value_data(), start, end);
        let found = self.slots.find(key.hash(), |id| {
            let other = &by_id[id as usize];
            let text = || &cells.value_data()[start..end];
            other.key == key && (key.is_short() || other.of(plain) == text())
        });
        match found {
            Ok(id) => Some(id),
            Err(vacant) => self.insert(&vacant, key, &cells.value_data()[start..end], limits),
        }
    }

    #[cold]
    fn insert(
        &mut self,
        vacant: &Vacant,
        key: TextKey,
        text: &[u8],
        limits: DictionaryLimits,
    ) -> Option<u32> {
        let start = self.plain.len() + size_of::<u32>();
        let end = start.checked_add(text.len())?;
        if end > limits.bytes_max || self.by_id.len() == limits.cells_max {
            return None;
        }
        let length = u32::try_from(text.len()).ok()?;
        self.plain.extend_from_slice(&length.to_le_bytes());
        self.plain.extend_from_slice(text);
        let (start, end) = (u32::try_from(start).ok()?, u32::try_from(end).ok()?);
        self.by_id.push(Text { key, start, end });
        let by_id = &self.by_id;
        self.slots
            .insert(vacant, |id| by_id[id as usize].key.hash());
        Some(by_id.len() as u32 - 1)
    }

    /// The texts by id.
    pub(super) fn by_id(&self) -> impl Iterator<Item = &[u8]> {
        self.by_id.iter().map(|text| text.of(&self.plain))
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.plain.capacity()
            + self.by_id.capacity() * size_of::<Text>()
            + self.slots.memory_bytes()
    }
}
