//! Sums and extremes that slide: constant work for each row, whatever the window.
//!
//! Each kernel keeps a little state beside a key's rows and falls back on [`Fold`] where that will
//! not do. Invariant: what has left the window leaves no trace: a sum takes a value back only
//! where every digit of the sum has been kept.

use super::aggregate::{Aggregate, two_sum};
use super::extreme::Extreme;
use super::fold::{ANEW_ROWS_MAX, Fold};
use super::sum::{Sum, exact_mean, present};
use super::window::{Kernel, Output, View};
use crate::base::Function;

/// Two 32-bit numbers in a word of state.
#[inline]
fn pack(first: u32, second: u32) -> f64 {
    f64::from_bits(u64::from(first) | u64::from(second) << 32)
}

#[inline]
fn unpack(word: f64) -> (u32, u32) {
    let bits = word.to_bits();
    (bits as u32, (bits >> 32) as u32)
}

/// The sum `high + low`, without any rounding: `high` is the sum rounded, `low` the rest. Sums of
/// doubles from 2^53 to 2^106 times as large as their last digits, such as nearly all in real data,
/// have that form.
#[derive(Debug, Clone, Copy)]
struct ExactPair {
    high: f64,
    low: f64,
}

impl ExactPair {
    const EMPTY: Self = Self {
        high: 0.0,
        low: 0.0,
    };

    /// Adds one value and takes back another; `false` where digits were lost.
    #[inline(always)]
    fn exchange(self, new: f64, old: f64) -> (Self, bool) {
        let (change, change_rest) = two_sum(new, -old);
        let (sum, error) = two_sum(self.high, change);
        let (rest, lost) = two_sum(self.low, change_rest);
        let (rest, lost_too) = two_sum(error, rest);
        let (high, low) = two_sum(sum, rest);
        // Not-a-number, from sums beyond the range of doubles, equals nothing.
        (Self { high, low }, lost == 0.0 && lost_too == 0.0)
    }

    /// The sum of the values that are present.
    fn of(values: [&[f64]; 2]) -> Option<Self> {
        let mut values = values.into_iter().flatten();
        values.try_fold(Self::EMPTY, |pair, &value| {
            let (pair, exact) = pair.exchange(present(value).0, 0.0);
            exact.then_some(pair)
        })
    }
}

/// Sums and means of one window.
///
/// The state is an [`ExactPair`], the number of values, and, once digits were lost, in how many
/// rows to try again: when all rows of today's window have left, so that trying costs as much as
/// each row.
pub(super) struct SlidingSum {
    outputs: Vec<Output>,
    fold: Fold<Sum>,
    /// The sums of the batch, whose results are worked out together: a division takes long, but
    /// many at once take little longer.
    sums: Vec<ExactPair>,
    counts: Vec<u32>,
}

/// Stands for the count of a row whose results are written, or that has none.
const SETTLED: u32 = u32::MAX;

impl SlidingSum {
    pub(super) fn new(outputs: Vec<Output>) -> Self {
        Self {
            outputs,
            fold: Fold::new(),
            sums: Vec::new(),
            counts: Vec::new(),
        }
    }

    /// Works out a window whose digits exceed an [`ExactPair`], or have done so lately.
    #[cold]
    fn inexact(
        &mut self,
        key: u32,
        state: &mut [f64; 3],
        view: &View<'_>,
        cell: usize,
        columns: &mut [Vec<f64>],
    ) {
        let (count, wait) = unpack(state[2]);
        let wait = match wait {
            0 => view.rows as u32,
            1 => match ExactPair::of(view.window()) {
                Some(pair) => {
                    *state = [pair.high, pair.low, pack(count, 0)];
                    self.fold.forget(key);
                    self.sums[cell] = pair;
                    self.counts[cell] = count;
                    return;
                }
                None => view.rows as u32,
            },
            wait => wait - 1,
        };
        state[2] = pack(count, wait);
        let total = self.fold.total(key, view);
        let Self { outputs, fold, .. } = self;
        fold.write(outputs, &total, (key, view), cell, columns);
    }
}

impl Kernel for SlidingSum {
    fn state_words(&self) -> usize {
        3
    }

    fn begin(&mut self, rows: usize) {
        self.sums.clear();
        self.sums.resize(rows, ExactPair::EMPTY);
        self.counts.clear();
        self.counts.resize(rows, SETTLED);
    }

    #[inline(always)]
    fn row(
        &mut self,
        key: u32,
        state: &mut [f64],
        view: &View<'_>,
        cell: usize,
        columns: &mut [Vec<f64>],
    ) {
        let state: &mut [f64; 3] = state.first_chunk_mut().expect("as many as asked for");
        let (mut count, wait) = unpack(state[2]);
        let mut pair = ExactPair {
            high: state[0],
            low: state[1],
        };
        let mut left = view.left;
        let mut leave = |left: usize| {
            let (oldest, was_present) = present(view.ring.value(view.rows + left));
            count -= u32::from(was_present);
            oldest
        };
        // The present row comes in with the first one that leaves.
        let oldest = if left > 0 { leave(left) } else { 0.0 };
        let (newest, is_present) = present(view.newest());
        let mut exact;
        (pair, exact) = pair.exchange(newest, oldest);
        while left > 1 {
            left -= 1;
            let still;
            (pair, still) = pair.exchange(0.0, leave(left));
            exact &= still;
        }
        count += u32::from(is_present);
        state[2] = pack(count, wait);
        if exact && wait == 0 {
            (state[0], state[1]) = (pair.high, pair.low);
            self.sums[cell] = pair;
            self.counts[cell] = count;
        } else {
            self.inexact(key, state, view, cell, columns);
        }
    }

    fn finish(&mut self, columns: &mut [Vec<f64>]) {
        for output in &self.outputs {
            let result = match output.function {
                Function::Mean => |pair: ExactPair, count| exact_mean(pair.high, pair.low, count),
                _ => |pair: ExactPair, _| pair.high,
            };
            let sums = self.sums.iter().zip(&self.counts);
            for (cell, (&pair, &count)) in columns[output.column].iter_mut().zip(sums) {
                if count != SETTLED {
                    let result = result(pair, f64::from(count));
                    *cell = if count < output.min_samples {
                        f64::NAN
                    } else {
                        result
                    };
                }
            }
        }
    }

    fn memory_bytes(&self) -> usize {
        self.fold.memory_bytes()
            + self.sums.capacity() * size_of::<ExactPair>()
            + self.counts.capacity() * size_of::<u32>()
    }
}

/// The smallest or, where `LARGEST`, largest value of one window.
///
/// The state is that value, the number of values, and how many rows ago the value came. Only when
/// it has left is the window looked through again. A window may be too long for that.
pub(super) struct SlidingExtreme<const LARGEST: bool> {
    outputs: Vec<Output>,
    fold: Fold<Extreme<LARGEST>>,
    /// Of each row of the batch.
    extremes: Vec<Extreme<LARGEST>>,
}

/// The age of the extreme of a long window, which is in the hands of a [`Fold`].
const FOLDED: u32 = u32::MAX;

impl<const LARGEST: bool> SlidingExtreme<LARGEST> {
    pub(super) fn new(outputs: Vec<Output>) -> Self {
        Self {
            outputs,
            fold: Fold::new(),
            extremes: Vec::new(),
        }
    }

    /// Looks through the window, or has it folded where it is long.
    #[inline(never)]
    fn anew(&mut self, key: u32, state: &mut [f64; 2], view: &View<'_>) -> Extreme<LARGEST> {
        let (_, age) = unpack(state[1]);
        let total = self.fold.total(key, view);
        let rows_max = if age == FOLDED {
            ANEW_ROWS_MAX / 2
        } else {
            ANEW_ROWS_MAX
        };
        let age = if view.rows > rows_max {
            FOLDED
        } else {
            self.fold.forget(key);
            let [first, second] = view.window();
            let mut latest = second.iter().rev().chain(first.iter().rev());
            let age = latest.position(|&value| value == total.value());
            age.unwrap_or(0) as u32
        };
        *state = [total.value(), pack(total.samples(), age)];
        total
    }
}

impl<const LARGEST: bool> Kernel for SlidingExtreme<LARGEST> {
    fn state_words(&self) -> usize {
        2
    }

    fn begin(&mut self, rows: usize) {
        self.extremes.clear();
        self.extremes.resize(rows, Extreme::EMPTY);
    }

    #[inline(always)]
    fn row(
        &mut self,
        key: u32,
        state: &mut [f64],
        view: &View<'_>,
        cell: usize,
        _: &mut [Vec<f64>],
    ) {
        let state: &mut [f64; 2] = state.first_chunk_mut().expect("as many as asked for");
        let (mut count, age) = unpack(state[1]);
        let newest = Extreme::<LARGEST>::of_one(view.newest());
        let is_best = newest.samples() > 0 && newest.beats(state[0]);
        let is_short = age != FOLDED && view.rows <= ANEW_ROWS_MAX;
        self.extremes[cell] = if is_short && (is_best || (age as usize) + 1 < view.rows) {
            for back in view.rows + 1..=view.rows + view.left {
                count -= u32::from(view.ring.value(back).is_finite());
            }
            count += newest.samples();
            let (value, age) = if is_best {
                (newest.value(), 0)
            } else {
                (state[0], age + 1)
            };
            *state = [value, pack(count, age)];
            Extreme::new(count, value)
        } else {
            self.anew(key, state, view)
        };
    }

    fn finish(&mut self, columns: &mut [Vec<f64>]) {
        for output in &self.outputs {
            let samples_min = output.min_samples.max(1);
            for (cell, extreme) in columns[output.column].iter_mut().zip(&self.extremes) {
                if extreme.samples() >= samples_min {
                    *cell = extreme.value();
                }
            }
        }
    }

    fn memory_bytes(&self) -> usize {
        self.fold.memory_bytes() + self.extremes.capacity() * size_of::<Extreme<LARGEST>>()
    }
}
