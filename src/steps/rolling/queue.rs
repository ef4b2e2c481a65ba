//! Smallest and largest values of short row windows, without the rows: a monotonic queue per key.
//!
//! Of the rows in a window only those can ever be its extreme that beat all rows after them. Their
//! values, oldest first, are all that is kept, in a record of a slab:
//!
//! ```text
//!   PRESENT │ QUEUED │ values of the queue, the first of them the extreme
//! ```
//!
//! The first two words have a bit for each row of the window, the newest in the lowest place:
//! whether it has a value, and whether that is in the queue. Random values queue a handful whatever
//! the window; falling ones (for a largest value) the whole window.
//! Invariant: there are as many values as bits in QUEUED, each beats those after it, and all are of
//! rows in the window.

use super::group::{Cells, Group, Late};
use super::slab::{ArrayId, Slab};
use super::window::Output;
use crate::base::prefetch;

/// The longest window: a bit for each row in a word.
pub(super) const ROWS_MAX: u64 = u64::BITS as u64;

const PRESENT: usize = 0;
const QUEUED: usize = 1;
/// Words of a record before its values.
const HEAD_WORDS: usize = 2;
/// Values of the first record of a key, unless the window is shorter; with its head, a cache line.
const FIRST_VALUES: usize = 6;
/// Rows between asking for the place of a record and for the record, and between that and its turn.
const AHEAD_ROWS: usize = 12;
/// With fewer keys the caches hold their records anyway.
const AHEAD_KEYS_MIN: usize = 1024;
const LINE_WORDS: usize = 8;

/// The smallest or, where `LARGEST`, largest values of one window, for all keys of one shard.
pub(super) struct Queues<const LARGEST: bool> {
    outputs: Vec<Output>,
    /// A bit for each row of the window.
    window: u64,
    slab: Slab,
    /// How many values records have room for, ascending.
    class_values: Vec<usize>,
    /// By key.
    records: Vec<ArrayId>,
    /// Of each row of the batch: the extreme, and how many values the window has.
    extremes: Vec<(f64, u32)>,
}

impl<const LARGEST: bool> Queues<LARGEST> {
    /// For windows of `rows`, at most [`ROWS_MAX`].
    pub(super) fn new(rows: u64, outputs: Vec<Output>) -> Self {
        let longest = rows as usize;
        let growing = std::iter::successors(Some(FIRST_VALUES), |values| {
            Some(values + values.div_ceil(2))
        });
        let mut class_values: Vec<_> = growing.take_while(|&values| values < longest).collect();
        class_values.push(longest);
        Self {
            outputs,
            window: u64::MAX >> (ROWS_MAX - rows),
            slab: Slab::default(),
            class_values,
            records: Vec::new(),
            extremes: Vec::new(),
        }
    }

    /// Gives every key below `keys` an empty queue.
    fn reserve(&mut self, keys: usize) {
        for key in self.records.len()..keys {
            let words = HEAD_WORDS + self.class_values[0];
            let record = self.slab.allocate(0, words, key as u32);
            self.slab.array_mut(record)[..HEAD_WORDS].fill(0.0);
            self.records.push(record);
        }
    }

    /// Takes in the next row of `key`; the extreme of its window, and how many values that has.
    #[inline(always)]
    fn push(&mut self, key: u32, value: f64) -> (f64, u32) {
        let place = self.slab.place(self.records[key as usize]);
        let (head, values) = self.slab.at_mut(place).split_at_mut(HEAD_WORDS);
        let is_present = value.is_finite();
        let present = (head[PRESENT].to_bits() << 1 | u64::from(is_present)) & self.window;
        let before = head[QUEUED].to_bits();
        let mut queued = before << 1 & self.window;
        let mut len = queued.count_ones() as usize;
        if len < before.count_ones() as usize {
            values.copy_within(1..=len, 0);
        }
        if is_present {
            while len > 0 && !Self::beats(values[len - 1], value) {
                len -= 1;
                queued &= queued - 1;
            }
            queued |= 1;
        }
        head[PRESENT] = f64::from_bits(present);
        head[QUEUED] = f64::from_bits(queued);
        let is_sparse = len * 4 < values.len() && values.len() > self.class_values[0];
        let extreme = if len > 0 { values[0] } else { value };
        if is_present && len < values.len() {
            values[len] = value;
        }
        if is_sparse || (is_present && len == values.len()) {
            self.resize(key, is_present.then_some(value), len);
        }
        (extreme, present.count_ones())
    }

    /// Whether `value` stays the extreme when `later` comes.
    #[inline(always)]
    fn beats(value: f64, later: f64) -> bool {
        if LARGEST {
            value > later
        } else {
            value < later
        }
    }

    /// Moves a key's queue of `len` values, and perhaps one more, to a record that suits it.
    #[cold]
    fn resize(&mut self, key: u32, last: Option<f64>, len: usize) {
        let old = self.records[key as usize];
        let room = self.slab.array(old).len() - HEAD_WORDS;
        let class_of = |values: usize| {
            let class = self.class_values.iter().position(|&room| room >= values);
            class.expect("a window has no more values than rows")
        };
        let (old_class, class) = (class_of(room), class_of(len + 1));
        let words = HEAD_WORDS + self.class_values[class];
        let new = self.slab.allocate(class, words, key);
        let (from, to) = self.slab.pair_mut(old, new);
        to[..HEAD_WORDS + len].copy_from_slice(&from[..HEAD_WORDS + len]);
        if let Some(last) = last {
            to[HEAD_WORDS + len] = last;
        }
        if let Some(moved) = self.slab.free(old_class, old) {
            self.records[moved as usize] = old;
        }
        self.records[key as usize] = new;
    }

    /// Asks for what the rows after row `cell`, of `keys`, will need, so that the waits overlap.
    #[inline(always)]
    fn fetch_ahead(&self, keys: &[u32], cell: usize) {
        if self.records.len() < AHEAD_KEYS_MIN {
            return;
        }
        if let Some(&key) = keys.get(cell + 2 * AHEAD_ROWS) {
            prefetch(&self.records, key as usize);
        }
        if let Some(&key) = keys.get(cell + AHEAD_ROWS) {
            let place = self.slab.place(self.records[key as usize]);
            self.slab.prefetch(place, 0);
            self.slab.prefetch(place, LINE_WORDS - 1);
        }
    }
}

impl<const LARGEST: bool> Group for Queues<LARGEST> {
    fn advance(&mut self, cells: &Cells<'_>, columns: &mut [Vec<f64>]) -> Result<(), Late> {
        self.reserve(cells.keys_max);
        self.extremes.clear();
        for (cell, (&key, &number)) in cells.keys.iter().zip(cells.numbers).enumerate() {
            self.fetch_ahead(cells.keys, cell);
            let extreme = self.push(key, number);
            self.extremes.push(extreme);
        }
        for output in &self.outputs {
            let samples_min = output.min_samples.max(1);
            let cells = columns[output.column].iter_mut().zip(&self.extremes);
            for (cell, &(extreme, samples)) in cells {
                if samples >= samples_min {
                    *cell = extreme;
                }
            }
        }
        Ok(())
    }

    fn memory_bytes(&self) -> usize {
        self.slab.memory_bytes()
            + self.records.capacity() * size_of::<ArrayId>()
            + self.extremes.capacity() * size_of::<(f64, u32)>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Function, Order};
    use proptest::prelude::*;

    fn queues<const LARGEST: bool>(rows: u64) -> Queues<LARGEST> {
        let output = Output {
            column: 0,
            function: Function::Max,
            min_samples: 0,
        };
        Queues::new(rows, vec![output])
    }

    fn advance<const LARGEST: bool>(queues: &mut Queues<LARGEST>, rows: &[(u32, f64)]) -> Vec<f64> {
        let (keys, numbers): (Vec<u32>, Vec<f64>) = rows.iter().copied().unzip();
        let cells = Cells {
            keys: &keys,
            keys_max: keys.iter().max().map_or(0, |&key| key as usize + 1),
            numbers: &numbers,
            times: &[],
            order: Order::Trust,
        };
        let mut columns = [vec![f64::NAN; rows.len()]];
        assert!(queues.advance(&cells, &mut columns).is_ok());
        let [column] = columns;
        column
    }

    fn check<const LARGEST: bool>(window: u64, batches: &[Vec<(u32, f64)>]) {
        let mut queues = queues::<LARGEST>(window);
        let mut seen: Vec<(u32, f64)> = Vec::new();
        for batch in batches {
            let results = advance(&mut queues, batch);
            for (&(key, value), result) in batch.iter().zip(results) {
                seen.push((key, value));
                let own = seen.iter().rev().filter(|row| row.0 == key);
                let values = own.take(window as usize).map(|row| row.1);
                let better = if LARGEST { f64::max } else { f64::min };
                let expected = values.filter(|value| value.is_finite()).reduce(better);
                assert_eq!((!result.is_nan()).then_some(result), expected);
            }
        }
    }

    proptest! {
        #[test]
        fn agrees_with_a_plain_loop(
            window in 1..=ROWS_MAX,
            batches in prop::collection::vec(prop::collection::vec((0..3_u32, -9..12_i32), 0..150), 1..4),
            slope in -1..=1_i32,
        ) {
            let batches: Vec<Vec<(u32, f64)>> = batches.iter().map(|batch| {
                let rows = batch.iter().zip(0..);
                rows.map(|(&(key, value), row)| (key, match value {
                    10 => f64::NAN,
                    11 => f64::INFINITY,
                    value => f64::from(value + slope * row),
                })).collect()
            }).collect();
            check::<false>(window, &batches);
            check::<true>(window, &batches);
        }
    }

    /// Falling values queue the whole window, one larger value ends that.
    #[test]
    fn a_record_grows_and_shrinks_with_its_queue() {
        let mut queues = queues::<true>(ROWS_MAX);
        let mut advance_all = |value: f64| {
            let rows: Vec<_> = (0..1000).map(|key| (key, value)).collect();
            advance(&mut queues, &rows);
            queues.memory_bytes()
        };
        let first = advance_all(0.0);
        let grown = (1..100).map(|row| advance_all(-f64::from(row))).last();
        let grown = grown.expect("there are rows");
        assert!(grown > first + 1000 * 50 * 8, "{first} {grown}");
        let shrunk = advance_all(1.0);
        assert!(shrunk < first + (grown - first) / 8, "{first} {shrunk}");
    }
}
