//! One window: the rows of a key in, what its kernel makes of those in the window out.
//!
//! Invariant: a kernel sees every row of every key that enters its window, in order, and is told
//! how many leave it.

use super::rings::Ring;
use crate::base::Function;

/// One result asked for.
#[derive(Debug, Clone)]
pub(super) struct Output {
    /// Which of the step's columns it goes into.
    pub(super) column: usize,
    pub(super) function: Function,
    /// The result is null with fewer samples.
    pub(super) min_samples: u32,
}

/// Computes results over the windows of all keys.
pub(super) trait Kernel: Send {
    /// Words of state that each key needs beside its rows; they start as zeros.
    fn state_words(&self) -> usize {
        0
    }

    /// Makes ready for a batch in which the shard has `rows` rows.
    fn begin(&mut self, _rows: usize) {}

    /// Works out the present row of `key` and writes cell `cell` of each of its columns. Must be
    /// called for each row of a key.
    fn row(
        &mut self,
        key: u32,
        state: &mut [f64],
        view: &View<'_>,
        cell: usize,
        columns: &mut [Vec<f64>],
    );

    /// Writes what [`Kernel::row`] has put off to the end of the batch.
    fn finish(&mut self, _columns: &mut [Vec<f64>]) {}

    /// Memory held beyond the state words, in bytes; constant time.
    fn memory_bytes(&self) -> usize;
}

impl Kernel for Box<dyn Kernel> {
    fn state_words(&self) -> usize {
        (**self).state_words()
    }

    fn begin(&mut self, rows: usize) {
        (**self).begin(rows);
    }

    fn row(
        &mut self,
        key: u32,
        state: &mut [f64],
        view: &View<'_>,
        cell: usize,
        columns: &mut [Vec<f64>],
    ) {
        (**self).row(key, state, view, cell, columns);
    }

    fn finish(&mut self, columns: &mut [Vec<f64>]) {
        (**self).finish(columns);
    }

    fn memory_bytes(&self) -> usize {
        (**self).memory_bytes()
    }
}

/// What a window shows of a key's rows; a value that is not finite is missing.
#[derive(Debug, Clone, Copy)]
pub(super) struct View<'a> {
    pub(super) ring: Ring<'a>,
    /// Rows in the window, the present one included.
    pub(super) rows: usize,
    /// Rows that left it with this one.
    pub(super) left: usize,
}

impl<'a> View<'a> {
    /// The values of the window, in two parts.
    #[inline]
    pub(super) fn window(&self) -> [&'a [f64]; 2] {
        self.ring.values(self.rows, 0)
    }

    /// The value of the present row.
    #[inline]
    pub(super) fn newest(&self) -> f64 {
        self.ring.value(1)
    }

    /// The values that left the window with this row, in two parts.
    #[inline]
    pub(super) fn left(&self) -> [&'a [f64]; 2] {
        self.ring.values(self.rows + self.left, self.rows)
    }
}

/// The windows over one ring.
pub(super) trait Windows<const TIMED: bool>: Send {
    /// Words of state that each key needs.
    fn state_words(&self) -> usize;

    /// Makes ready for a batch in which the shard has `rows` rows.
    fn begin(&mut self, rows: usize);

    /// Works out the newest row of `key` and returns how many rows the longest window shows.
    fn row(
        &mut self,
        key: u32,
        state: &mut [f64],
        ring: &Ring<'_>,
        cell: usize,
        columns: &mut [Vec<f64>],
    ) -> usize;

    /// Ends the batch.
    fn finish(&mut self, columns: &mut [Vec<f64>]);

    /// Memory held beyond the state words, in bytes; constant time.
    fn memory_bytes(&self) -> usize;
}

/// A window with its kernel.
pub(super) struct Sliding<K> {
    /// In rows or in ticks of the time column.
    pub(super) length: u64,
    pub(super) kernel: K,
}

impl<K: Kernel> Sliding<K> {
    /// Works out the newest row of `key`, given how many rows the window would show if none left
    /// it, and returns how many it shows.
    #[inline(always)]
    fn slide<const TIMED: bool>(
        &mut self,
        (key, state): (u32, &mut [f64]),
        ring: &Ring<'_>,
        reach: usize,
        cell: usize,
        columns: &mut [Vec<f64>],
    ) -> usize {
        let mut rows = reach;
        if TIMED {
            // In ascending order no difference exceeds a u64, and the newest row is in reach.
            while ring.time.wrapping_sub(ring.time(rows)) as u64 >= self.length {
                rows -= 1;
            }
        } else {
            rows = rows.min(self.length as usize);
        }
        let view = View {
            ring: *ring,
            rows,
            left: reach - rows,
        };
        self.kernel.row(key, state, &view, cell, columns);
        rows
    }
}

/// One window alone: the ring holds the rows it showed last, and nothing more.
impl<K: Kernel, const TIMED: bool> Windows<TIMED> for Sliding<K> {
    fn state_words(&self) -> usize {
        self.kernel.state_words()
    }

    fn begin(&mut self, rows: usize) {
        self.kernel.begin(rows);
    }

    fn finish(&mut self, columns: &mut [Vec<f64>]) {
        self.kernel.finish(columns);
    }

    #[inline(always)]
    fn row(
        &mut self,
        key: u32,
        state: &mut [f64],
        ring: &Ring<'_>,
        cell: usize,
        columns: &mut [Vec<f64>],
    ) -> usize {
        self.slide::<TIMED>((key, state), ring, ring.rows, cell, columns)
    }

    fn memory_bytes(&self) -> usize {
        self.kernel.memory_bytes()
    }
}

/// Several windows. In state, each time window keeps how many rows it shows.
pub(super) struct Several(pub(super) Vec<Sliding<Box<dyn Kernel>>>);

impl<const TIMED: bool> Windows<TIMED> for Several {
    fn state_words(&self) -> usize {
        let words = self.0.iter().map(|window| window.kernel.state_words());
        words.sum::<usize>() + self.0.len() * usize::from(TIMED)
    }

    fn begin(&mut self, rows: usize) {
        let windows = self.0.iter_mut();
        windows.for_each(|window| window.kernel.begin(rows));
    }

    fn finish(&mut self, columns: &mut [Vec<f64>]) {
        let windows = self.0.iter_mut();
        windows.for_each(|window| window.kernel.finish(columns));
    }

    fn row(
        &mut self,
        key: u32,
        state: &mut [f64],
        ring: &Ring<'_>,
        cell: usize,
        columns: &mut [Vec<f64>],
    ) -> usize {
        let (shown, mut state) = state.split_at_mut(self.0.len() * usize::from(TIMED));
        let mut longest = 0;
        for (index, window) in self.0.iter_mut().enumerate() {
            let own;
            (own, state) = state.split_at_mut(window.kernel.state_words());
            let reach = if TIMED {
                shown[index].to_bits() as usize + 1
            } else {
                ring.rows.min(window.length as usize + 1)
            };
            let rows = window.slide::<TIMED>((key, own), ring, reach, cell, columns);
            if TIMED {
                shown[index] = f64::from_bits(rows as u64);
            }
            longest = longest.max(rows);
        }
        longest
    }

    fn memory_bytes(&self) -> usize {
        let kernels = self.0.iter().map(|window| window.kernel.memory_bytes());
        kernels.sum::<usize>() + self.0.capacity() * size_of::<Sliding<Box<dyn Kernel>>>()
    }
}
