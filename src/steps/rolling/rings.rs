//! The last rows of every key: rows in, what windows see of them out.
//!
//! A key has one record in a slab, so that a row touches few cache lines and one page:
//!
//! ```text
//!   header │ state of the kernels │ ring of values │ ring of times, where TIMED
//! ```
//!
//! Rings start small and grow on demand: a key of three rows does not pay for a window of a
//! million. A ring for row windows ends up one row longer than the longest of them, so that the
//! row that leaves is still there; one for time windows shrinks after a burst.
//! Invariant: the rows that the windows of the last push asked for, and those that leave them with
//! the next one, are present, in order.

use super::slab::{ArrayId, Slab};
use crate::base::prefetch;

/// Rows of the first ring of a key, unless its windows are shorter; a time window shows few.
const FIRST_ROWS: [usize; 2] = [4, 2];
/// Rings of so many rows do not shrink.
const KEPT_ROWS: usize = 4;
/// Rows between two stages of asking for memory, each of which needs what the one before it got.
const AHEAD_ROWS: usize = 8;
/// Words of a cache line.
const LINE_WORDS: usize = 8;
/// With fewer keys the caches hold their rings anyway.
const AHEAD_KEYS_MIN: usize = 1024;

/// The rings of all keys of one shard over one column.
#[derive(Debug)]
pub(super) struct Rings<const TIMED: bool> {
    slab: Slab,
    /// The ring lengths, ascending.
    class_rows: Vec<usize>,
    longest: usize,
    /// By key.
    records: Vec<ArrayId>,
    /// Words of a record before its ring.
    head_words: usize,
}

/// The first word of a record.
#[derive(Debug, Clone, Copy)]
struct Header {
    /// Where the next row goes.
    next: u32,
    /// Rows present.
    rows: u32,
}

impl Header {
    #[inline]
    fn read(word: f64) -> Self {
        let bits = word.to_bits();
        Self {
            next: bits as u32,
            rows: (bits >> 32) as u32,
        }
    }

    #[inline]
    fn write(self, word: &mut f64) {
        *word = f64::from_bits(u64::from(self.next) | u64::from(self.rows) << 32);
    }
}

/// One key's record, with the present row in its ring.
pub(super) struct Record<'a> {
    header: &'a mut f64,
    /// Of the kernels; zeros for a new key.
    pub(super) state: &'a mut [f64],
    pub(super) ring: Ring<'a>,
}

impl Record<'_> {
    /// Forgets all but the last `rows` rows.
    #[inline]
    pub(super) fn keep(self, rows: usize) {
        let header = Header {
            rows: rows as u32,
            ..Header::read(*self.header)
        };
        header.write(self.header);
    }
}

/// The rows of one key, in a circle.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ring<'a> {
    values: &'a [f64],
    /// As long as `values`, or empty in rings without times.
    times: &'a [f64],
    next: usize,
    /// Rows present, the newest one included.
    pub(super) rows: usize,
    /// Of the newest row: never before that of the row before it.
    pub(super) time: i64,
}

impl<'a> Ring<'a> {
    /// Where the row stands that was pushed `back` − 1 rows before the newest one.
    #[inline]
    fn place(&self, back: usize) -> usize {
        if back <= self.next {
            self.next - back
        } else {
            self.next + self.values.len() - back
        }
    }

    /// The value that was pushed `back` − 1 rows before the newest one.
    #[inline]
    pub(super) fn value(&self, back: usize) -> f64 {
        self.values[self.place(back)]
    }

    /// The time of that row.
    #[inline]
    pub(super) fn time(&self, back: usize) -> i64 {
        self.times[self.place(back)].to_bits() as i64
    }

    /// The last `from` rows but for the last `to`, in two parts.
    #[inline]
    pub(super) fn values(&self, from: usize, to: usize) -> [&'a [f64]; 2] {
        let (start, count) = (self.place(from), from - to);
        match self.values.get(start..start + count) {
            Some(values) => [values, &[]],
            None => {
                let (rest, first) = self.values.split_at(start);
                [first, &rest[..count - first.len()]]
            }
        }
    }
}

impl<const TIMED: bool> Rings<TIMED> {
    /// Rings for windows of at most `rows_max` rows, or of any number where `TIMED`, with
    /// `state_words` words of state for each key.
    pub(super) fn new(rows_max: usize, state_words: usize) -> Self {
        let longest = if TIMED { 1 << 31 } else { rows_max + 1 };
        let first = FIRST_ROWS[usize::from(TIMED)];
        let growing = std::iter::successors(Some(first), |rows| Some(rows + rows.div_ceil(2)));
        let mut class_rows: Vec<_> = growing.take_while(|rows| rows * 4 <= longest * 3).collect();
        class_rows.push(longest);
        Self {
            slab: Slab::default(),
            class_rows,
            longest,
            records: Vec::new(),
            head_words: 1 + state_words,
        }
    }

    /// Gives every key below `keys` a ring.
    pub(super) fn reserve(&mut self, keys: usize) {
        for key in self.records.len()..keys {
            let record = self.slab.allocate(0, self.record_words(0), key as u32);
            self.slab.array_mut(record)[..self.head_words].fill(0.0);
            self.records.push(record);
        }
    }

    /// Length of a record with a ring of this class.
    fn record_words(&self, class: usize) -> usize {
        self.head_words + self.class_rows[class] * (1 + usize::from(TIMED))
    }

    /// Rows that fit into the ring of a record of so many words.
    #[inline]
    fn ring_rows(&self, record_words: usize) -> usize {
        (record_words - self.head_words) / (1 + usize::from(TIMED))
    }

    /// Appends a row. A `time` before that of the row before it is raised to it; without times it
    /// is ignored.
    #[inline(always)]
    pub(super) fn push(&mut self, key: u32, value: f64, time: i64) -> Record<'_> {
        let mut place = self.slab.place(self.records[key as usize]);
        let record = self.slab.at_mut(place);
        let header = Header::read(record[0]);
        let rows_max = (record.len() - self.head_words) / (1 + usize::from(TIMED));
        let full = header.rows as usize == rows_max && (TIMED || rows_max < self.longest);
        let turns = TIMED && header.next == 0 && rows_max > KEPT_ROWS;
        if full || turns {
            self.resize(key);
            place = self.slab.place(self.records[key as usize]);
        }
        let record = self.slab.at_mut(place);
        let rows_max = (record.len() - self.head_words) / (1 + usize::from(TIMED));
        let (head, ring) = record.split_at_mut(self.head_words);
        let (values, times) = ring.split_at_mut(rows_max);
        let Header { next, rows } = Header::read(head[0]);
        let place = next as usize;
        values[place] = value;
        let mut latest = time;
        if TIMED {
            if rows > 0 {
                let previous = place.checked_sub(1).unwrap_or(rows_max - 1);
                latest = time.max(times[previous].to_bits() as i64);
            }
            times[place] = f64::from_bits(latest as u64);
        }
        let header = Header {
            next: if place + 1 == rows_max { 0 } else { next + 1 },
            rows: rows_max.min(rows as usize + 1) as u32,
        };
        let (word, state) = head.split_first_mut().expect("a record has a header");
        header.write(word);
        Record {
            header: word,
            state,
            ring: Ring {
                values,
                times,
                next: place + 1,
                rows: header.rows as usize,
                time: latest,
            },
        }
    }

    /// Moves a key's rows to a ring of a length that suits them, if theirs does not.
    #[cold]
    fn resize(&mut self, key: u32) {
        let old = self.records[key as usize];
        let Header { next, rows } = Header::read(self.slab.array(old)[0]);
        let (next, rows) = (next as usize, rows as usize);
        let rows_max = self.ring_rows(self.slab.array(old).len());
        let is_sparse = rows * 4 <= rows_max;
        if rows < rows_max && !is_sparse {
            return;
        }
        let class_of = |roomy: &dyn Fn(usize) -> bool| {
            let class = self.class_rows.iter().position(|&rows| roomy(rows));
            class.expect("a window of 2^31 rows exceeds every memory budget")
        };
        let old_class = class_of(&|class_rows| class_rows == rows_max);
        let class = class_of(&|class_rows| class_rows > rows + rows / 4 * usize::from(is_sparse));
        let new = self.slab.allocate(class, self.record_words(class), key);
        let (from, to) = self.slab.pair_mut(old, new);
        let head = self.head_words;
        to[..head].copy_from_slice(&from[..head]);
        let to_rows = self.class_rows[class];
        let parts = 1 + usize::from(TIMED);
        for part in 0..parts {
            let from = &from[head + part * rows_max..][..rows_max];
            let ring = Ring {
                values: from,
                times: &[],
                next,
                rows,
                time: 0,
            };
            let [first, second] = ring.values(rows, 0);
            let to = &mut to[head + part * to_rows..][..rows];
            to[..first.len()].copy_from_slice(first);
            to[first.len()..].copy_from_slice(second);
        }
        let header = Header {
            next: rows as u32,
            rows: rows as u32,
        };
        header.write(&mut to[0]);
        if let Some(moved) = self.slab.free(old_class, old) {
            self.records[moved as usize] = old;
        }
        self.records[key as usize] = new;
    }

    /// Asks for what the rows after row `cell`, of `keys`, will need, so that the waits for memory
    /// overlap: beyond the caches, they are most of the time.
    #[inline(always)]
    pub(super) fn fetch_ahead(&self, keys: &[u32], cell: usize) {
        if self.records.len() < AHEAD_KEYS_MIN {
            return;
        }
        if let Some(&key) = keys.get(cell + 3 * AHEAD_ROWS) {
            prefetch(&self.records, key as usize);
        }
        let is_short = !TIMED && self.head_words + self.longest <= 2 * LINE_WORDS;
        if let Some(&key) = keys.get(cell + 2 * AHEAD_ROWS) {
            let place = self.slab.place(self.records[key as usize]);
            self.slab.prefetch(place, 0);
            if is_short {
                self.slab.prefetch(place, LINE_WORDS);
            }
        }
        if is_short {
            return;
        }
        if let Some(&key) = keys.get(cell + AHEAD_ROWS) {
            let record = self.slab.array(self.records[key as usize]);
            let Header { next, rows } = Header::read(record[0]);
            let next = self.head_words + next as usize;
            prefetch(record, next);
            if TIMED {
                let rows_max = self.ring_rows(record.len());
                prefetch(record, next + rows_max);
                let oldest = next.wrapping_sub(rows as usize);
                prefetch(record, oldest);
                prefetch(record, oldest.wrapping_add(rows_max));
            }
        }
    }

    /// Memory held, in bytes.
    pub(super) fn memory_bytes(&self) -> usize {
        self.slab.memory_bytes() + self.records.capacity() * size_of::<ArrayId>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Pushes rows of random keys with windows of random lengths; everything asked for is there.
    fn check<const TIMED: bool>(rows: &[(u32, usize)], window: usize) {
        let mut rings = Rings::<TIMED>::new(window, 2);
        rings.reserve(4);
        let mut history: [Vec<f64>; 4] = Default::default();
        let mut kept = [0; 4];
        for (step, &(key, length)) in rows.iter().enumerate() {
            let (history, kept) = (&mut history[key as usize], &mut kept[key as usize]);
            history.push(step as f64);
            let record = rings.push(key, step as f64, -(step as i64));
            let ring = record.ring;
            *kept = if TIMED {
                *kept + 1
            } else {
                history.len().min(window + 1)
            };
            assert_eq!(ring.rows, *kept);
            assert_eq!(record.state[0], (history.len() - 1) as f64);
            record.state[0] += 1.0;
            for to in 0..*kept {
                let [first, second] = ring.values(*kept, to);
                let seen = [first, second].concat();
                assert_eq!(seen, history[history.len() - *kept..history.len() - to]);
                assert_eq!(ring.value(to + 1), history[history.len() - to - 1]);
                if TIMED {
                    // Later times are smaller here, so each counts as the first one.
                    assert_eq!(ring.time(to + 1), -(history[0] as i64));
                }
            }
            if TIMED {
                *kept = length.clamp(1, *kept);
                record.keep(*kept);
            }
        }
    }

    proptest! {
        #[test]
        fn the_rows_wanted_are_present(
            rows in prop::collection::vec((0..4_u32, 0..60_usize), 0..300),
            window in 1..40_usize,
        ) {
            check::<false>(&rows, window);
            check::<true>(&rows, window);
        }
    }

    #[test]
    fn a_key_of_few_rows_does_not_pay_for_a_window_of_a_million() {
        let mut rings = Rings::<false>::new(1_000_000, 1);
        rings.reserve(1000);
        for row in 0..3000 {
            rings.push(row % 1000, 1.0, 0);
        }
        assert!(rings.memory_bytes() < 100_000, "{}", rings.memory_bytes());
    }

    #[test]
    fn a_ring_shrinks_after_a_burst() {
        let mut rings = Rings::<true>::new(0, 1);
        rings.reserve(1);
        for row in 0..100_000 {
            rings.push(0, 1.0, row);
        }
        let burst = rings.memory_bytes();
        for row in 100_000..400_000 {
            rings.push(0, 1.0, row).keep(3);
        }
        assert!(rings.memory_bytes() < burst / 100);
    }
}
