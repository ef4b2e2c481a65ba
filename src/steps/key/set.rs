//! Keys of one shard -> whether each was there before.
//!
//! Invariant: the answers are those of a [`KeyTable`] whose ids tell new keys from known ones. Keys
//! that are words are kept as bits of blocks of neighbouring words, so that numbers counted up, as
//! ids mostly are, cost a few bits each; those that are far apart cost an entry of 12 bytes over the
//! table's load, as in a [`KeyTable`].

use super::KeyRows;
use super::encode::Keys;
use super::table::{AHEAD_ROWS, KeyTable};
use crate::base::{Probe, ProbeEntry, ProbeRoom, Result};

/// The words of a block agree in all but so many of their lowest bits.
pub(super) const BLOCK_BITS: u32 = 5;

/// The keys of one shard. All its rows must come from the same
/// [`KeySpec`](super::KeySpec), one that keeps neighbours together.
#[derive(Debug, Default)]
pub struct KeySet {
    blocks: Probe<Block>,
    has_null: bool,
    /// The keys that are no words.
    others: KeyTable,
}

/// Which words of a block there are. Two `u32` instead of a `u64` save the padding.
#[derive(Debug, Clone, Copy)]
struct Block {
    number_low: u32,
    number_high: u32,
    words: u32,
}

impl Block {
    fn number(self) -> u64 {
        u64::from(self.number_low) | u64::from(self.number_high) << 32
    }
}

impl ProbeEntry for Block {
    const VACANT: Self = Self {
        number_low: 0,
        number_high: 0,
        words: 0,
    };

    fn is_vacant(self) -> bool {
        self.words == 0
    }
}

impl KeySet {
    /// Replaces `out` by 1 for each of the shard's rows whose key was there before, and 0 for the
    /// others, in the order of [`KeyRows::rows`]. Before a part of the set doubles, `room` is asked for the bytes that
    /// takes, beside [`Self::memory_bytes`].
    ///
    /// # Errors
    /// Those of `room`; answers are then missing from `out`.
    pub fn were_there(
        &mut self,
        keys: &KeyRows,
        shard: usize,
        out: &mut Vec<u32>,
        room: &mut ProbeRoom<'_>,
    ) -> Result<()> {
        out.clear();
        let rows = keys.rows(shard);
        let Keys::Words { words, nulls } = &keys.keys else {
            let mut known = self.others.len() as u32;
            self.others.ids(keys, shard, out, room)?;
            for id in out {
                let is_new = *id == known;
                known += u32::from(is_new);
                *id = u32::from(!is_new);
            }
            return Ok(());
        };
        let nulls = nulls.as_ref().filter(|nulls| nulls.null_count() > 0);
        out.reserve(rows.len());
        let mut last = None;
        for (index, &row) in rows.iter().enumerate() {
            if let Some(&row) = rows.get(index + AHEAD_ROWS) {
                self.blocks.fetch(keys.hashes[row as usize]);
            }
            let row = row as usize;
            if nulls.is_some_and(|nulls| nulls.is_null(row)) {
                out.push(u32::from(std::mem::replace(&mut self.has_null, true)));
                continue;
            }
            let number = words[row] >> BLOCK_BITS;
            let word = 1 << (words[row] & ((1 << BLOCK_BITS) - 1));
            let place = match last {
                Some((last, place)) if last == number => Some(place),
                _ => self.find(number, keys.hashes[row]),
            };
            let place = match place {
                Some(place) => {
                    let block = self.blocks.at(place);
                    out.push(u32::from(block.words & word != 0));
                    block.words |= word;
                    place
                }
                None => {
                    out.push(0);
                    self.add(number, word, keys.hashes[row], room)?
                }
            };
            last = Some((number, place));
        }
        Ok(())
    }

    #[inline]
    fn find(&self, number: u64, hash: u64) -> Option<usize> {
        self.blocks.find(hash, |block| block.number() == number)
    }

    #[cold]
    fn add(
        &mut self,
        number: u64,
        word: u32,
        hash: u64,
        room: &mut ProbeRoom<'_>,
    ) -> Result<usize> {
        let hash_of = |block: Block| Keys::hash_word(block.number());
        self.blocks.make_room(hash_of, room)?;
        let block = Block {
            number_low: number as u32,
            number_high: (number >> 32) as u32,
            words: word,
        };
        Ok(self.blocks.put(block, hash))
    }

    /// Memory held, in bytes.
    pub fn memory_bytes(&self) -> usize {
        self.blocks.memory_bytes() + self.others.memory_bytes()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Float64Array, Int64Array, StringArray};
    use proptest::prelude::*;

    use super::*;
    use crate::base::{Batch, ErrorKind};
    use crate::steps::key::KeySpec;

    fn batch(columns: Vec<ArrayRef>) -> Batch {
        Batch {
            seq: 0,
            source: 0,
            rows: columns[0].len(),
            records: None,
            columns: columns.into_iter().map(Some).collect(),
        }
    }

    fn spec(columns: usize, shards: usize) -> KeySpec {
        KeySpec::new((0..columns).collect(), shards).with_neighbours()
    }

    /// Whether the key of each row was there before, by a set for each shard.
    fn answers(batches: &[Vec<ArrayRef>], shards: usize) -> Vec<Vec<bool>> {
        let mut sets: Vec<KeySet> = (0..shards).map(|_| KeySet::default()).collect();
        let answers = batches.iter().map(|columns| {
            let keys = spec(columns.len(), shards).partition(&batch(columns.clone()));
            let mut all = vec![false; columns[0].len()];
            for (shard, set) in sets.iter_mut().enumerate() {
                let mut answers = Vec::new();
                let asked = set.were_there(&keys, shard, &mut answers, &mut |_| Ok(()));
                asked.expect("there is room");
                for (&row, answer) in keys.rows(shard).iter().zip(answers) {
                    all[row as usize] = answer == 1;
                }
            }
            all
        });
        answers.collect()
    }

    proptest! {
        #[test]
        fn keys_are_there_once_they_have_been_seen(
            cells in prop::collection::vec(
                prop::collection::vec(
                    prop::option::of(prop_oneof![-70..70_i64, any::<i64>(), Just(i64::MIN)]),
                    1..80,
                ),
                1..5,
            ),
            bits in 0..4_usize,
        ) {
            let mut seen = HashSet::new();
            let expected: Vec<Vec<bool>> = cells
                .iter()
                .map(|cells| cells.iter().map(|cell| !seen.insert(*cell)).collect())
                .collect();
            let words = |cells: &Vec<Option<i64>>| -> ArrayRef {
                Arc::new(cells.iter().copied().collect::<Int64Array>())
            };
            let floats = |cells: &Vec<Option<i64>>| -> ArrayRef {
                // Every cell is another float.
                let floats = cells.iter().map(|cell| cell.map(|cell| (cell % 1000) as f64 / 8.0));
                Arc::new(floats.collect::<Float64Array>())
            };
            let texts = |cells: &Vec<Option<i64>>| -> ArrayRef {
                let texts = cells.iter().map(|cell| cell.map(|cell| cell.to_string()));
                Arc::new(texts.collect::<StringArray>())
            };
            let shards = 1 << bits;
            let one = |column: &dyn Fn(&Vec<Option<i64>>) -> ArrayRef| {
                cells.iter().map(|cells| vec![column(cells)]).collect::<Vec<_>>()
            };
            prop_assert_eq!(&answers(&one(&words), shards), &expected);
            prop_assert_eq!(&answers(&one(&texts), shards), &expected);
            let both: Vec<_> = cells.iter().map(|cells| vec![words(cells), texts(cells)]).collect();
            prop_assert_eq!(&answers(&both, shards), &expected);

            let mut seen = HashSet::new();
            let expected: Vec<Vec<bool>> = cells
                .iter()
                .map(|cells| {
                    let cells = cells.iter();
                    cells.map(|cell| !seen.insert(cell.map(|cell| cell % 1000))).collect()
                })
                .collect();
            prop_assert_eq!(answers(&one(&floats), shards), expected);
        }
    }

    #[test]
    fn numbers_counted_up_cost_a_byte_at_most_and_others_no_more_than_in_a_table() {
        let count = 100_000;
        let held = |number: &dyn Fn(i64) -> i64| {
            let column: ArrayRef = Arc::new(Int64Array::from_iter_values((0..count).map(number)));
            let keys = spec(1, 1).partition(&batch(vec![column]));
            let (mut set, mut asked) = (KeySet::default(), 0);
            let room = &mut |bytes| {
                asked += bytes;
                Ok(())
            };
            set.were_there(&keys, 0, &mut Vec::new(), room).unwrap();
            // What was held while it grew was asked for, too.
            assert!(asked >= set.memory_bytes(), "{asked}");
            set.memory_bytes()
        };
        assert!(held(&|row| 1_000_000_000 + row) <= count as usize);
        assert!(held(&|row| row << 40) <= 40 * count as usize);
    }

    #[test]
    fn a_set_without_room_says_so() {
        let column: ArrayRef = Arc::new(Int64Array::from_iter_values((0..1000).map(|it| it << 9)));
        let keys = spec(1, 1).partition(&batch(vec![column]));
        let mut left = 4096_usize;
        let mut set = KeySet::default();
        let mut room = |bytes| {
            left = left.checked_sub(bytes).ok_or(ErrorKind::Interrupted)?;
            Ok(())
        };
        let refused = set.were_there(&keys, 0, &mut Vec::new(), &mut room);
        assert!(refused.is_err());
        assert!(set.memory_bytes() <= 4096, "{}", set.memory_bytes());
    }
}
