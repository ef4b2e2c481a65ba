//! The last rows of every key: rows in, one straight slice per window out.
//!
//! A key's ring is an array that is filled to its end; then the rows still wanted move to its
//! front, or to a longer or shorter array. So every window is one slice without a seam, at the
//! price of moving each row a few times. Rings start small and grow on demand: a key of three rows
//! does not pay for a window of a million. Invariant: the rows from `keep_from` of the last push
//! to the last row are present, in order.

use super::slab::{ArrayId, Slab};

/// Rows of the first ring of a key.
const FIRST_ROWS: usize = 4;

/// The rings of all keys of one shard over one column.
#[derive(Debug)]
pub(super) struct Rings {
    slab: Slab,
    /// The ring lengths, ascending.
    class_rows: Vec<usize>,
    rings: Vec<Ring>,
}

/// One key's ring.
#[derive(Debug, Clone, Copy)]
struct Ring {
    /// How many rows of the key came before the first one kept.
    first: u64,
    array: ArrayId,
    rows: u32,
    class: u32,
}

/// The rows kept of one key, up to the present one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rows<'a> {
    pub(super) values: &'a [f64],
    /// As long as `values`, or empty in rings without times.
    pub(super) times: &'a [i64],
    /// Index of the first of them among all rows of the key.
    pub(super) first: u64,
}

/// What the rows of one key look like to a window.
#[derive(Debug, Clone, Copy)]
pub(super) struct View<'a> {
    /// The rows kept, up to the present one; a value that is not finite is missing.
    pub(super) values: &'a [f64],
    /// Index of the first of them among all rows of the key.
    pub(super) first: u64,
    /// Where the window of the key's row before this one began.
    pub(super) previous: u64,
    /// Where this row's window begins.
    pub(super) start: u64,
}

impl<'a> View<'a> {
    /// The rows `from..to` of the key.
    #[inline]
    pub(super) fn rows(&self, from: u64, to: u64) -> &'a [f64] {
        &self.values[(from - self.first) as usize..(to - self.first) as usize]
    }

    /// The window.
    #[inline]
    pub(super) fn window(&self) -> &'a [f64] {
        &self.values[(self.start - self.first) as usize..]
    }

    /// One past the present row.
    #[inline]
    pub(super) fn end(&self) -> u64 {
        self.first + self.values.len() as u64
    }

    /// The rows that left the window with this row.
    #[inline]
    pub(super) fn left(&self) -> &'a [f64] {
        self.rows(self.previous, self.start)
    }
}

impl Rings {
    /// Rings for windows of at most `rows_max` rows, or of any number with times if `None`.
    pub(super) fn new(rows_max: Option<u32>) -> Self {
        // A row window keeps one row more than it shows: the one that leaves it next.
        let longest = rows_max.map_or(1 << 31, |rows| rows as usize + rows as usize / 8 + 2);
        let doubling = std::iter::successors(Some(FIRST_ROWS), |rows| Some(2 * rows));
        let mut class_rows: Vec<_> = doubling
            .take_while(|rows| rows * 4 <= longest * 3)
            .collect();
        class_rows.push(longest);
        Self {
            slab: Slab::new(rows_max.is_none()),
            class_rows,
            rings: Vec::new(),
        }
    }

    /// Gives every key below `keys` a ring.
    pub(super) fn reserve(&mut self, keys: usize) {
        for _ in self.rings.len()..keys {
            self.rings.push(Ring {
                first: 0,
                array: self.slab.allocate(0, self.class_rows[0]),
                rows: 0,
                class: 0,
            });
        }
    }

    /// The number of keys.
    pub(super) fn keys(&self) -> usize {
        self.rings.len()
    }

    /// How many rows the key has had.
    #[inline]
    pub(super) fn end(&self, key: u32) -> u64 {
        let ring = &self.rings[key as usize];
        ring.first + u64::from(ring.rows)
    }

    /// Appends a row and returns the rows kept; rows before `keep_from` may be forgotten. `time`
    /// is ignored by rings without times.
    #[inline]
    pub(super) fn push(&mut self, key: u32, value: f64, time: i64, keep_from: u64) -> Rows<'_> {
        let ring = &self.rings[key as usize];
        if ring.rows as usize == self.class_rows[ring.class as usize] {
            self.rings[key as usize] = self.make_room(*ring, keep_from);
        }
        // Changed in place: writing a field and then copying the whole would stall.
        let ring = &mut self.rings[key as usize];
        let newest = ring.rows as usize;
        ring.rows += 1;
        let first = ring.first;
        let (values, times) = self.slab.array_mut(ring.array);
        values[newest] = value;
        if let Some(slot) = times.get_mut(newest) {
            *slot = time;
        }
        let timed = newest < times.len();
        Rows {
            values: &values[..=newest],
            times: if timed { &times[..=newest] } else { &[] },
            first,
        }
    }

    /// Moves the rows from `keep_from` to the front of an array with room for more.
    #[cold]
    fn make_room(&mut self, ring: Ring, keep_from: u64) -> Ring {
        let gone = (keep_from - ring.first) as usize;
        let kept = ring.rows as usize - gone;
        let longest = self.class_rows.len() - 1;
        let roomy = |&rows: &usize| rows > kept + kept / 4;
        let class = self.class_rows.iter().position(roomy).unwrap_or(longest);
        assert!(
            kept < self.class_rows[class],
            "a window of 2^31 rows exceeds every memory budget"
        );
        let mut array = ring.array;
        if class == ring.class as usize {
            let (values, times) = self.slab.array_mut(array);
            values.copy_within(gone..gone + kept, 0);
            if !times.is_empty() {
                times.copy_within(gone..gone + kept, 0);
            }
        } else {
            array = self.slab.allocate(class, self.class_rows[class]);
            self.slab.copy(ring.array, gone..gone + kept, array);
            self.slab.free(ring.class as usize, ring.array);
        }
        Ring {
            first: keep_from,
            array,
            rows: kept as u32,
            class: class as u32,
        }
    }

    /// The time of the key's last row.
    #[inline]
    pub(super) fn latest(&self, key: u32) -> Option<i64> {
        let ring = &self.rings[key as usize];
        let newest = (ring.rows as usize).checked_sub(1)?;
        Some(self.slab.times(ring.array)[newest])
    }

    /// Touches what pushing to `keys` will need, so that the waits for memory overlap: beyond the
    /// caches, they are most of the time.
    pub(super) fn warm(&self, keys: &[u32]) {
        let mut seen = 0;
        for &key in keys {
            let ring = &self.rings[key as usize];
            let rows = self.slab.values(ring.array);
            let newest = (ring.rows as usize).saturating_sub(1);
            seen ^= rows[newest].to_bits();
        }
        std::hint::black_box(seen);
    }

    /// Memory held, in bytes.
    pub(super) fn memory_bytes(&self) -> usize {
        self.slab.memory_bytes() + self.rings.capacity() * size_of::<Ring>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_rows_wanted_are_present(
            keys in prop::collection::vec(0..4_u32, 0..300),
            window in 1..20_u32,
            timed: bool,
        ) {
            let mut rings = Rings::new((!timed).then_some(window));
            rings.reserve(4);
            let mut rows: [Vec<f64>; 4] = Default::default();
            for (step, key) in keys.into_iter().enumerate() {
                let history = &mut rows[key as usize];
                let keep_from = (history.len() as u64).saturating_sub(u64::from(window));
                history.push(step as f64);
                let rows = rings.push(key, step as f64, -(step as i64), keep_from);
                prop_assert!(rows.first <= keep_from);
                prop_assert_eq!(rows.values, &history[rows.first as usize..]);
                let times = rows.times.iter().map(|&time| -time as f64).collect::<Vec<_>>();
                prop_assert_eq!(times, if timed { rows.values } else { &[] });
                prop_assert_eq!(rings.end(key), history.len() as u64);
                if timed {
                    prop_assert_eq!(rings.latest(key), Some(-(step as i64)));
                }
            }
        }
    }

    #[test]
    fn a_key_of_few_rows_does_not_pay_for_a_window_of_a_million() {
        let mut rings = Rings::new(Some(1_000_000));
        rings.reserve(1000);
        for row in 0..3000 {
            rings.push(row % 1000, 1.0, 0, 0);
        }
        assert!(rings.memory_bytes() < 200_000, "{}", rings.memory_bytes());
    }

    #[test]
    fn a_ring_shrinks_after_a_burst() {
        let mut rings = Rings::new(None);
        rings.reserve(1);
        for row in 0..100_000 {
            rings.push(0, 1.0, row, 0);
        }
        let burst = rings.memory_bytes();
        for row in 100_000..300_000 {
            rings.push(0, 1.0, row, row as u64 - 3);
        }
        assert!(rings.memory_bytes() < burst / 4);
        assert_eq!(rings.end(0), 300_000);
    }
}
