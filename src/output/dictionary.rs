//! The cells of a column -> its distinct cells, and for each cell which one it is.
//!
//! Numbers are ordered: those that occur about as often stand together, the frequent ones first,
//! and ascend. So ids of frequent cells have equal high bits and neighbours in the dictionary
//! equal high bytes, which a codec makes use of. Texts keep the order in which they first appear.
//! Either way ids do not depend on how rows were cut into pieces. Cells are equal when their bits
//! are: zeros of either sign are two cells.

mod numbers;
mod texts;

use arrow::array::{Array, ArrayRef};

use self::numbers::Numbers;
use self::texts::Texts;
use super::cells::{TextPiece, put_valid, valid_rows};

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
        self.numbers
            .read(cells, range, expected, cells_max, &mut self.ids)
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
                    valid_rows(piece).try_for_each(|row| {
                        let id = self.texts.id(cells, row, limits)?;
                        self.ids.push(id);
                        Some(())
                    })?;
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
                            known[key] = self.texts.id(texts, key, limits)?;
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
        self.texts.by_id()
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

#[inline]
fn hash(number: i64) -> u64 {
    // Folds the product, so that both its halves count.
    let product = u128::from(number as u64 ^ 0x9E37_79B9_7F4A_7C15) * 0xD6E8_FEB8_6659_FD93;
    (product >> 64) as u64 ^ product as u64
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, HashMap};
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
        cells_max: 5_000,
        bytes_max: 1 << 20,
    };

    /// The numbers by id, found with an ordered map.
    fn ordered(cells: &[i64]) -> Vec<i64> {
        let mut counts: BTreeMap<i64, u32> = BTreeMap::new();
        for &cell in cells {
            *counts.entry(cell).or_default() += 1;
        }
        let mut counts: Vec<(i64, u32)> = counts.into_iter().collect();
        if counts.len() > numbers::UNORDERED_MAX {
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
        let text = |row: usize| "é\0".repeat(row % 9) + &(row % 1_500).to_string();
        let texts = (0..4_500).map(text);
        let pieces: [ArrayRef; 1] = [Arc::new(StringArray::from_iter_values(texts))];
        let mut dictionary = Dictionary::default();
        dictionary.read_texts(&pieces, LIMITS).unwrap();
        let mut ids: HashMap<String, u32> = HashMap::new();
        let ids: Vec<u32> = (0..4_500)
            .map(|row| {
                let next = ids.len() as u32;
                *ids.entry(text(row)).or_insert(next)
            })
            .collect();
        assert_eq!(dictionary.ids(), ids);
        let distinct: Vec<&[u8]> = dictionary.texts().collect();
        for (row, &id) in ids.iter().enumerate() {
            assert_eq!(distinct[id as usize], text(row).as_bytes());
        }
        assert!(dictionary.memory_bytes() > 4_500 * 4 + distinct.len() * 32);
    }

    #[test]
    fn zeros_of_either_sign_are_kept_apart() {
        let cells = [0.0, -0.0, 0.0].map(float_key);
        let mut dictionary = Dictionary::default();
        dictionary.read_numbers(&cells, None, 8, LIMITS).unwrap();
        assert_eq!(dictionary.ids(), [1, 0, 1]);
    }
}
