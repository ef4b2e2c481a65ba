//! The cells of a column -> its distinct cells, and for each cell which one it is.
//!
//! Numbers are ordered: those that occur about as often stand together, the frequent ones first,
//! and ascend. So ids of frequent cells have equal high bits and neighbours in the dictionary
//! equal high bytes, which a codec makes use of. Texts keep the order in which they first appear.
//! Either way ids do not depend on how rows were cut into pieces. Cells are equal when their bits
//! are: zeros of either sign are two cells.

use std::hash::BuildHasher;

use arrow::array::{Array, ArrayRef};
use foldhash::fast::FixedState;

use super::cells::{TextPiece, put_valid, valid_rows};
use super::slots::Slots;

/// Numbers whose range has more than this many values, or this many for each cell, are hashed.
const TABLE_MAX: usize = 1 << 19;
const TABLE_PER_CELL: usize = 4;
/// Slots of a table that are looked at together: most may be empty.
const STRETCH: usize = 16;
/// The order of a dictionary whose ids take a byte makes no difference.
const UNORDERED_MAX: usize = 256;

/// When a dictionary is given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct DictionaryLimits {
    /// Distinct cells that are expected, for which room is made.
    pub(super) expected: usize,
    /// Distinct cells.
    pub(super) cells_max: usize,
    /// Bytes of them in Parquet's plain encoding.
    pub(super) bytes_max: usize,
}

/// A column as ids of its distinct cells; a buffer for one after another.
#[derive(Debug, Default)]
pub(super) struct Dictionary {
    /// The id of each cell.
    ids: Vec<u32>,
    numbers: Numbers,
    texts: Texts,
}

impl Dictionary {
    /// Makes it that of `cells`, which lie in `range`; `None` beyond the limits. A number takes
    /// `width` bytes in Parquet.
    pub(super) fn read_numbers(
        &mut self,
        cells: &[i64],
        range: Option<(i64, i64)>,
        width: usize,
        limits: DictionaryLimits,
    ) -> Option<()> {
        self.ids.clear();
        let cells_max = limits.cells_max.min(limits.bytes_max / width);
        let expected = limits.expected.min(cells_max);
        match range.and_then(|range| table(range, cells.len())) {
            Some((least, slots)) => {
                self.numbers
                    .read_by_table(cells, least, slots, cells_max, &mut self.ids)
            }
            None => self
                .numbers
                .read_by_hash(cells, expected, cells_max, &mut self.ids),
        }
    }

    /// Makes it that of the texts in `pieces`; `None` beyond the limits.
    pub(super) fn read_texts(
        &mut self,
        pieces: &[ArrayRef],
        limits: DictionaryLimits,
    ) -> Option<()> {
        self.ids.clear();
        self.texts.clear(limits);
        for piece in pieces {
            match TextPiece::new(piece) {
                TextPiece::Plain(cells) => {
                    self.ids.reserve(cells.len());
                    for row in valid_rows(piece) {
                        self.ids
                            .push(self.texts.id(cells.value(row).as_bytes(), limits)?);
                    }
                }
                TextPiece::Dictionary(cells, texts) => {
                    let keys = cells.keys();
                    let first = self.ids.len();
                    put_valid(keys.values(), keys.nulls(), &mut self.ids, |key| key as u32);
                    const UNKNOWN: u32 = u32::MAX;
                    let mut known = vec![UNKNOWN; texts.len()];
                    for id in &mut self.ids[first..] {
                        let key = *id as usize;
                        if known[key] == UNKNOWN {
                            known[key] = self.texts.id(texts.value(key).as_bytes(), limits)?;
                        }
                        *id = known[key];
                    }
                }
            }
        }
        Some(())
    }

    /// The id of each cell.
    pub(super) fn ids(&self) -> &[u32] {
        &self.ids
    }

    /// The numbers by id.
    pub(super) fn numbers(&mut self) -> &mut [i64] {
        &mut self.numbers.by_id
    }

    /// The texts by id.
    pub(super) fn texts(&self) -> impl Iterator<Item = &[u8]> {
        let texts = &self.texts;
        texts.by_id.iter().map(|text| text.of(&texts.plain))
    }

    /// The texts by id, in Parquet's plain encoding.
    pub(super) fn plain_texts(&self) -> &[u8] {
        &self.texts.plain
    }

    /// Memory held, in bytes.
    pub(super) fn memory_bytes(&self) -> usize {
        self.ids.capacity() * size_of::<u32>()
            + self.numbers.memory_bytes()
            + self.texts.memory_bytes()
    }
}

/// The least number and the length of a table of a slot for each value of `range`, if that is not
/// too long for `cells` cells.
fn table((least, most): (i64, i64), cells: usize) -> Option<(i64, usize)> {
    let slots = usize::try_from(most.wrapping_sub(least) as u64).ok()?;
    let slots_max = TABLE_MAX.min(cells.saturating_mul(TABLE_PER_CELL));
    (slots < slots_max).then(|| (least, slots + 1))
}

/// Distinct numbers.
#[derive(Debug, Default)]
struct Numbers {
    by_id: Vec<i64>,
    slots: Slots,
    /// By slot of the table, or by the order of first appearance: how often a number occurs, and
    /// in the end its id.
    counts: Vec<u32>,
    /// Each number and its place in `counts`.
    places: Vec<(i64, u32)>,
    ordered: Vec<(i64, u32)>,
}

impl Numbers {
    /// Finds a number's place by its distance from `least`.
    fn read_by_table(
        &mut self,
        cells: &[i64],
        least: i64,
        slots: usize,
        cells_max: usize,
        ids: &mut Vec<u32>,
    ) -> Option<()> {
        let place = |cell: i64| cell.wrapping_sub(least) as usize;
        self.counts.clear();
        self.counts.resize(slots, 0);
        for &cell in cells {
            self.counts[place(cell)] += 1;
        }
        self.places.clear();
        for (index, counts) in self.counts.chunks(STRETCH).enumerate() {
            if counts.iter().fold(0, |any, count| any | count) == 0 {
                continue;
            }
            let places = index * STRETCH..;
            let seen = places.zip(counts).filter(|&(_, &count)| count > 0);
            self.places
                .extend(seen.map(|(place, _)| (least.wrapping_add(place as i64), place as u32)));
        }
        if self.places.len() > cells_max {
            return None;
        }
        self.order();
        ids.extend(cells.iter().map(|&cell| self.counts[place(cell)]));
        Some(())
    }

    /// Finds a number's place by its hash.
    fn read_by_hash(
        &mut self,
        cells: &[i64],
        expected: usize,
        cells_max: usize,
        ids: &mut Vec<u32>,
    ) -> Option<()> {
        self.slots.reset(expected);
        self.counts.clear();
        let seen = &mut self.by_id;
        seen.clear();
        ids.reserve(cells.len());
        for &cell in cells {
            let found = self.slots.find(hash(cell), |id| seen[id as usize] == cell);
            let id = match found {
                Ok(id) => id,
                Err(vacant) => {
                    if seen.len() == cells_max {
                        return None;
                    }
                    seen.push(cell);
                    self.counts.push(0);
                    self.slots.insert(&vacant, |id| hash(seen[id as usize]));
                    seen.len() as u32 - 1
                }
            };
            self.counts[id as usize] += 1;
            ids.push(id);
        }
        self.places.clear();
        self.places.extend(seen.iter().copied().zip(0..));
        self.places.sort_unstable();
        self.order();
        for id in ids {
            *id = self.counts[*id as usize];
        }
        Some(())
    }

    /// Gives ids to the numbers in `places`, which ascend, and leaves them in `counts`.
    fn order(&mut self) {
        if self.places.len() > UNORDERED_MAX {
            self.partition();
        }
        self.by_id.clear();
        for (id, &(number, place)) in self.places.iter().enumerate() {
            self.by_id.push(number);
            self.counts[place as usize] = id as u32;
        }
    }

    /// Moves numbers that occur often before those that do not, by powers of two.
    fn partition(&mut self) {
        let class = |count: u32| count.leading_zeros() as usize;
        let mut starts = [0; 33];
        for &(_, place) in &self.places {
            starts[class(self.counts[place as usize])] += 1;
        }
        let mut sum = 0;
        for start in &mut starts {
            sum += std::mem::replace(start, sum);
        }
        self.ordered.resize(self.places.len(), (0, 0));
        for &(number, place) in &self.places {
            let next = &mut starts[class(self.counts[place as usize])];
            self.ordered[*next] = (number, place);
            *next += 1;
        }
        std::mem::swap(&mut self.places, &mut self.ordered);
    }

    fn memory_bytes(&self) -> usize {
        let places = self.places.capacity() + self.ordered.capacity();
        self.by_id.capacity() * size_of::<i64>()
            + self.slots.memory_bytes()
            + self.counts.capacity() * size_of::<u32>()
            + places * size_of::<(i64, u32)>()
    }
}

/// Distinct texts, in order of first appearance.
#[derive(Debug, Default)]
struct Texts {
    plain: Vec<u8>,
    by_id: Vec<Text>,
    slots: Slots,
}

/// Where a text lies in the plain encoding.
#[derive(Debug)]
struct Text {
    hash: u64,
    start: u32,
    end: u32,
}

impl Text {
    #[inline]
    fn of<'a>(&self, plain: &'a [u8]) -> &'a [u8] {
        &plain[self.start as usize..self.end as usize]
    }
}

impl Texts {
    fn clear(&mut self, limits: DictionaryLimits) {
        self.plain.clear();
        self.by_id.clear();
        self.slots.reset(limits.expected.min(limits.cells_max));
    }

    /// The id of `text`, which may be a new one; `None` beyond the limits.
    #[inline]
    fn id(&mut self, text: &[u8], limits: DictionaryLimits) -> Option<u32> {
        let (plain, by_id) = (&self.plain, &self.by_id);
        let hash = FixedState::default().hash_one(text);
        let found = self.slots.find(hash, |id| {
            let other = &by_id[id as usize];
            other.hash == hash && other.of(plain) == text
        });
        let vacant = match found {
            Ok(id) => return Some(id),
            Err(vacant) => vacant,
        };
        let start = self.plain.len() + size_of::<u32>();
        let end = start.checked_add(text.len())?;
        if end > limits.bytes_max || self.by_id.len() == limits.cells_max {
            return None;
        }
        self.plain
            .extend_from_slice(&u32::try_from(text.len()).ok()?.to_le_bytes());
        self.plain.extend_from_slice(text);
        let (start, end) = (u32::try_from(start).ok()?, u32::try_from(end).ok()?);
        self.by_id.push(Text { hash, start, end });
        let by_id = &self.by_id;
        self.slots.insert(&vacant, |id| by_id[id as usize].hash);
        Some(by_id.len() as u32 - 1)
    }

    fn memory_bytes(&self) -> usize {
        self.plain.capacity()
            + self.by_id.capacity() * size_of::<Text>()
            + self.slots.memory_bytes()
    }
}

#[inline]
fn hash(number: i64) -> u64 {
    // Folds the product, so that both its halves count.
    let product = u128::from(number as u64 ^ 0x9E37_79B9_7F4A_7C15) * 0xD6E8_FEB8_6659_FD93;
    (product >> 64) as u64 ^ product as u64
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use arrow::array::{DictionaryArray, StringArray};
    use arrow::compute::cast;
    use arrow::datatypes::Int32Type;
    use proptest::prelude::*;

    use super::super::cells::float_key;
    use super::super::statistics::range;
    use super::*;

    const LIMITS: DictionaryLimits = DictionaryLimits {
        expected: 3,
        cells_max: 2_000,
        bytes_max: 1 << 20,
    };

    /// The numbers by id, found with an ordered map.
    fn ordered(cells: &[i64]) -> Vec<i64> {
        let mut counts: BTreeMap<i64, u32> = BTreeMap::new();
        for &cell in cells {
            *counts.entry(cell).or_default() += 1;
        }
        let mut counts: Vec<(i64, u32)> = counts.into_iter().collect();
        if counts.len() > UNORDERED_MAX {
            counts.sort_by_key(|&(_, count)| count.leading_zeros());
        }
        counts.into_iter().map(|(number, _)| number).collect()
    }

    proptest! {
        #[test]
        fn a_table_and_hashes_make_the_same_dictionary(
            base in any::<i64>(),
            most in prop::sample::select(vec![1u64, 20, 900, 3_000, 1 << 40]),
            cells in prop::collection::vec(any::<u64>(), 1..3_000),
        ) {
            // Small numbers occur more often.
            let cells: Vec<i64> = cells
                .iter()
                .map(|&cell| base.wrapping_add((cell % (1 + cell % most)) as i64))
                .collect();
            let expected = ordered(&cells);
            prop_assume!(expected.len() <= LIMITS.cells_max);
            let mut dictionary = Dictionary::default();
            for range in [None, range(&cells)] {
                prop_assert!(dictionary.read_numbers(&cells, range, 8, LIMITS).is_some());
                prop_assert_eq!(dictionary.numbers(), expected.as_slice());
                let numbers = dictionary.numbers().to_vec();
                let back = dictionary.ids().iter().map(|&id| numbers[id as usize]);
                prop_assert_eq!(back.collect::<Vec<_>>(), cells.as_slice());
                let fewer = DictionaryLimits { cells_max: expected.len() - 1, ..LIMITS };
                prop_assert!(dictionary.read_numbers(&cells, range, 8, fewer).is_none());
                let smaller = DictionaryLimits { bytes_max: expected.len() * 8 - 1, ..LIMITS };
                prop_assert!(dictionary.read_numbers(&cells, range, 8, smaller).is_none());
            }
        }
    }

    #[test]
    fn both_forms_of_text_come_out_alike() {
        let text: ArrayRef = Arc::new(StringArray::from(vec!["b", "", "b", "ä"]));
        let other: ArrayRef = Arc::new(StringArray::from(vec![None, Some("ä"), Some("c")]));
        let data_type = DictionaryArray::<Int32Type>::from_iter(["a"])
            .data_type()
            .clone();
        let plain = [text, other];
        let encoded = plain
            .each_ref()
            .map(|piece| cast(piece, &data_type).unwrap());
        let mixed = [Arc::clone(&encoded[0]), Arc::clone(&plain[1])];
        let mut dictionary = Dictionary::default();
        for pieces in [plain, encoded, mixed] {
            dictionary.read_texts(&pieces, LIMITS).unwrap();
            assert_eq!(dictionary.ids(), [0, 1, 0, 2, 2, 3]);
            let texts: Vec<&[u8]> = dictionary.texts().collect();
            assert_eq!(texts, [b"b".as_slice(), b"", "ä".as_bytes(), b"c"]);
            let bytes = b"\x01\0\0\0b\0\0\0\0\x02\0\0\0\xc3\xa4\x01\0\0\0c";
            assert_eq!(dictionary.plain_texts(), bytes);
            for (cells_max, bytes_max) in [(3, 100), (4, bytes.len() - 1)] {
                let limits = DictionaryLimits {
                    cells_max,
                    bytes_max,
                    ..LIMITS
                };
                assert_eq!(dictionary.read_texts(&pieces, limits), None);
            }
        }
    }

    #[test]
    fn many_texts_are_told_apart() {
        let texts = (0..4_000).map(|row| format!("text {}", row % 1_500));
        let pieces: [ArrayRef; 1] = [Arc::new(StringArray::from_iter_values(texts))];
        let mut dictionary = Dictionary::default();
        dictionary.read_texts(&pieces, LIMITS).unwrap();
        let ids: Vec<u32> = (0..4_000).map(|row| row % 1_500).collect();
        assert_eq!(dictionary.ids(), ids);
        assert!(dictionary.memory_bytes() > 4_000 * 4 + 1_500 * 16);
    }

    #[test]
    fn zeros_of_either_sign_are_kept_apart() {
        let cells = [0.0, -0.0, 0.0].map(float_key);
        let mut dictionary = Dictionary::default();
        dictionary.read_numbers(&cells, None, 8, LIMITS).unwrap();
        assert_eq!(dictionary.ids(), [1, 0, 1]);
    }
}
