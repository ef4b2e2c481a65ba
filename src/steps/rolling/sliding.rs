//! Sums and extremes that slide: constant work for each row, whatever the window.
//!
//! Each kernel keeps a little state beside a key's rows and falls back on [`Fold`] where that will
//! not do. Invariant: what has left the window leaves no trace: a sum takes a value back only
//! where every digit of the sum has been kept.

use super::aggregate::{Aggregate, two_sum};
use super::extreme::Extreme;
use super::fold::{ANEW_ROWS_MAX, Fold};
use super::sum::{Sum, present};
use super::window::{Kernel, Output, View};

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
    /// Adds one value and takes back another; `None` where digits would be lost.
    #[inline]
    fn exchange(self, new: f64, old: f64) -> Option<Self> {
        let (change, change_rest) = two_sum(new, -old);
        let (sum, error) = two_sum(self.high, change);
        let (rest, lost) = two_sum(self.low, change_rest);
        let (rest, lost_too) = two_sum(error, rest);
        let (high, low) = two_sum(sum, rest);
        // Not-a-number, from sums beyond the range of doubles, equals nothing.
        (lost == 0.0 && lost_too == 0.0).then_some(Self { high, low })
    }

    /// The sum of the values that are present.
    fn of(values: [&[f64]; 2]) -> Option<Self> {
        let empty = Self {
            high: 0.0,
            low: 0.0,
        };
        let mut values = values.into_iter().flatten();
        values.try_fold(empty, |pair, &value| pair.exchange(present(value).0, 0.0))
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
}

impl SlidingSum {
    pub(super) fn new(outputs: Vec<Output>) -> Self {
        let fold = Fold::new();
        Self { outputs, fold }
    }

    /// The sum of a window whose digits exceed an [`ExactPair`], or have done so lately.
    #[cold]
    fn inexact(&mut self, key: u32, state: &mut [f64; 3], view: &View<'_>) -> Sum {
        let (count, wait) = unpack(state[2]);
        let wait = match wait {
            0 => view.rows as u32,
            1 => match ExactPair::of(view.window()) {
                Some(pair) => {
                    *state = [pair.high, pair.low, pack(count, 0)];
                    self.fold.forget(key);
                    return Sum::exact(count, pair.high, pair.low);
                }
                None => view.rows as u32,
            },
            wait => wait - 1,
        };
        state[2] = pack(count, wait);
        self.fold.total(key, view)
    }
}

impl Kernel for SlidingSum {
    fn state_words(&self) -> usize {
        3
    }

    #[inline]
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
        let mut pair = Some(ExactPair {
            high: state[0],
            low: state[1],
        });
        let (mut newest, is_present) = present(view.newest());
        count += u32::from(is_present);
        // The present row comes in with the first one that leaves, or alone.
        for back in (view.rows + 1..=view.rows + view.left).rev() {
            let (oldest, was_present) = present(view.ring.value(back));
            count -= u32::from(was_present);
            pair = pair.and_then(|pair| pair.exchange(newest, oldest));
            newest = 0.0;
        }
        if view.left == 0 {
            pair = pair.and_then(|pair| pair.exchange(newest, 0.0));
        }
        state[2] = pack(count, wait);
        let total = match pair {
            Some(pair) if wait == 0 => {
                (state[0], state[1]) = (pair.high, pair.low);
                Sum::exact(count, pair.high, pair.low)
            }
            _ => self.inexact(key, state, view),
        };
        let Self { outputs, fold } = self;
        fold.write(outputs, &total, (key, view), cell, columns);
    }

    fn memory_bytes(&self) -> usize {
        self.fold.memory_bytes()
    }
}

/// The smallest or, where `LARGEST`, largest value of one window.
///
/// The state is that value, the number of values, and how many rows ago the value came. Only when
/// it has left is the window looked through again. A window may be too long for that.
pub(super) struct SlidingExtreme<const LARGEST: bool> {
    outputs: Vec<Output>,
    fold: Fold<Extreme<LARGEST>>,
}

/// The age of the extreme of a long window, which is in the hands of a [`Fold`].
const FOLDED: u32 = u32::MAX;

impl<const LARGEST: bool> SlidingExtreme<LARGEST> {
    pub(super) fn new(outputs: Vec<Output>) -> Self {
        let fold = Fold::new();
        Self { outputs, fold }
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

    #[inline]
    fn row(
        &mut self,
        key: u32,
        state: &mut [f64],
        view: &View<'_>,
        cell: usize,
        columns: &mut [Vec<f64>],
    ) {
        let state: &mut [f64; 2] = state.first_chunk_mut().expect("as many as asked for");
        let (mut count, age) = unpack(state[1]);
        let newest = Extreme::<LARGEST>::of_one(view.newest());
        let is_best = newest.samples() > 0 && newest.beats(state[0]);
        let total = if age == FOLDED || view.rows > ANEW_ROWS_MAX {
            self.anew(key, state, view)
        } else if is_best || (age as usize) + 1 < view.rows {
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
        let Self { outputs, fold } = self;
        fold.write(outputs, &total, (key, view), cell, columns);
    }

    fn memory_bytes(&self) -> usize {
        self.fold.memory_bytes()
    }
}
