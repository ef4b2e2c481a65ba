//! Summaries of a run of rows that can be merged: what a window's blocks are folded into.
//!
//! Values that are not finite are missing, as in pandas; only a count takes infinities.
//! Invariant: merging the summaries of two neighbouring runs gives the summary of both, and no
//! summary ever takes a value back, so what has left the window leaves no trace.

use super::exact::ExactSum;
use crate::base::Function;

/// Lanes of the unrolled loops; the compiler turns them into vectors.
const LANES: usize = 4;

/// A summary of neighbouring rows.
pub(super) trait Aggregate: Copy + Send + 'static {
    /// Of no rows.
    const EMPTY: Self;

    /// Of all `values`.
    fn of(values: &[f64]) -> Self;

    /// Of these rows and the ones after them.
    #[must_use]
    fn merge(self, later: Self) -> Self;

    /// Rows that `min_samples` counts.
    fn samples(&self) -> u32;

    /// The function's value, NaN where it has none; `None` where rounding may have spoiled it.
    fn result(&self, function: Function) -> Option<f64>;

    /// The function's value from an exact sum of the same rows, for aggregates that may doubt.
    fn exact_result(&self, function: Function, _: &mut ExactSum) -> f64 {
        unreachable!("{function} never doubts its result")
    }
}

/// The value, or 0 for a missing one, and whether it is present.
#[inline]
fn present(value: f64) -> (f64, bool) {
    let present = value.abs() < f64::INFINITY;
    (if present { value } else { 0.0 }, present)
}

/// `a + b` rounded, and the error of that rounding (Knuth's TwoSum).
#[inline]
fn two_sum(a: f64, b: f64) -> (f64, f64) {
    let sum = a + b;
    let of_b = sum - a;
    (sum, (a - (sum - of_b)) + (b - of_b))
}

/// Count and compensated sum.
///
/// `high + low` is the sum as if computed with twice the digits (Ogita, Rump and Oishi, *Accurate
/// sum and dot product*, 2005). `doubt` is the sum of what was rounded off, in size: `low` itself
/// is off by no more than a few ulps of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sum {
    count: u32,
    high: f64,
    low: f64,
    doubt: f64,
}

impl Sum {
    /// The relative error that goes unnoticed.
    const ERROR_MAX: f64 = 1e-13;
}

impl Aggregate for Sum {
    const EMPTY: Self = Self {
        count: 0,
        high: 0.0,
        low: 0.0,
        doubt: 0.0,
    };

    fn of(values: &[f64]) -> Self {
        let (chunks, rest) = values.as_chunks::<LANES>();
        let mut count = [0_u64; LANES];
        let (mut high, mut low, mut doubt) = ([0.0; LANES], [0.0; LANES], [0.0; LANES]);
        for chunk in chunks {
            for lane in 0..LANES {
                let (value, present) = present(chunk[lane]);
                let (sum, error) = two_sum(high[lane], value);
                count[lane] += u64::from(present);
                high[lane] = sum;
                low[lane] += error;
                doubt[lane] += error.abs();
            }
        }
        let lane = |lane: usize| Self {
            count: count[lane] as u32,
            high: high[lane],
            low: low[lane],
            doubt: doubt[lane],
        };
        let mut total = if chunks.is_empty() {
            Self::EMPTY
        } else {
            lane(0).merge(lane(1)).merge(lane(2).merge(lane(3)))
        };
        for &value in rest {
            let (value, present) = present(value);
            let (sum, error) = two_sum(total.high, value);
            total.count += u32::from(present);
            total.high = sum;
            total.low += error;
            total.doubt += error.abs();
        }
        total
    }

    #[inline]
    fn merge(self, later: Self) -> Self {
        let (high, error) = two_sum(self.high, later.high);
        Self {
            count: self.count + later.count,
            high,
            low: self.low + later.low + error,
            doubt: self.doubt + later.doubt + error.abs(),
        }
    }

    fn samples(&self) -> u32 {
        self.count
    }

    fn result(&self, function: Function) -> Option<f64> {
        let sum = self.high + self.low;
        // Each addition to `low` rounds off at most half an ulp of `doubt`. Not-a-number, from
        // sums beyond the range of doubles, is doubtful too.
        let error = self.doubt * f64::EPSILON * f64::from(self.count);
        let trusted = error <= sum.abs() * Self::ERROR_MAX;
        if !trusted {
            return None;
        }
        Some(match function {
            Function::Mean if self.count == 0 => f64::NAN,
            Function::Mean => {
                // One step of refinement: the mean of equal values is exactly that value. The
                // upper half of the mean times a count is exact.
                let count = f64::from(self.count);
                let mean = sum / count;
                let upper = f64::from_bits(mean.to_bits() & !0xffff_ffff);
                let rest = (self.high - upper * count) - (mean - upper) * count + self.low;
                mean + rest / count
            }
            _ => sum,
        })
    }

    fn exact_result(&self, function: Function, sum: &mut ExactSum) -> f64 {
        match function {
            Function::Mean => sum.mean(self.count),
            _ => sum.sum(),
        }
    }
}

/// Count, mean and sum of squared deviations from it.
///
/// Runs are merged after Chan, Golub and LeVeque, *Updating formulae and a pairwise algorithm for
/// computing sample variances* (1979). The mean is kept as `mean + mean_rest`, or the difference
/// of two means would lose its digits where the mean is large beside the deviation.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moments {
    count: u32,
    mean: f64,
    mean_rest: f64,
    squares: f64,
}

impl Aggregate for Moments {
    const EMPTY: Self = Self {
        count: 0,
        mean: 0.0,
        mean_rest: 0.0,
        squares: 0.0,
    };

    /// Two passes: deviations from a point near the mean are exact but for one rounding each, and
    /// starting from one of the values makes those of equal values exactly 0.
    fn of(values: &[f64]) -> Self {
        let Some(&origin) = values.iter().find(|value| value.is_finite()) else {
            return Self::EMPTY;
        };
        let (count, sum, _) = deviations(values, origin);
        let mean = origin + sum / f64::from(count);
        let (count, sum, squares) = deviations(values, mean);
        let mean_rest = sum / f64::from(count);
        Self {
            count,
            mean,
            mean_rest,
            squares: (squares - sum * mean_rest).max(0.0),
        }
    }

    fn merge(self, later: Self) -> Self {
        if self.count == 0 {
            return later;
        }
        if later.count == 0 {
            return self;
        }
        let count = self.count + later.count;
        let share = f64::from(later.count) / f64::from(count);
        let delta = (later.mean - self.mean) + (later.mean_rest - self.mean_rest);
        let (mean, error) = two_sum(self.mean, delta * share);
        Self {
            count,
            mean,
            mean_rest: self.mean_rest + error,
            squares: self.squares + later.squares + delta * delta * f64::from(self.count) * share,
        }
    }

    fn samples(&self) -> u32 {
        self.count
    }

    fn result(&self, function: Function) -> Option<f64> {
        if self.count < 2 {
            return Some(f64::NAN);
        }
        let variance = self.squares / f64::from(self.count - 1);
        // Deviations beyond the range of doubles may have met as ∞ − ∞.
        let variance = if variance.is_nan() {
            f64::INFINITY
        } else {
            variance
        };
        Some(match function {
            Function::Std => variance.sqrt(),
            _ => variance,
        })
    }
}

/// Count, sum and sum of squares of the deviations from `origin`.
fn deviations(values: &[f64], origin: f64) -> (u32, f64, f64) {
    let (chunks, rest) = values.as_chunks::<LANES>();
    let (mut counts, mut sums, mut squares) = ([0_u64; LANES], [0.0; LANES], [0.0; LANES]);
    for chunk in chunks {
        for lane in 0..LANES {
            let present = chunk[lane].abs() < f64::INFINITY;
            let deviation = if present { chunk[lane] - origin } else { 0.0 };
            counts[lane] += u64::from(present);
            sums[lane] += deviation;
            squares[lane] += deviation * deviation;
        }
    }
    let mut count = counts.iter().sum::<u64>() as u32;
    let mut sum = sums[0] + sums[1] + (sums[2] + sums[3]);
    let mut square = squares[0] + squares[1] + (squares[2] + squares[3]);
    for value in rest.iter().filter(|value| value.is_finite()) {
        let deviation = value - origin;
        count += 1;
        sum += deviation;
        square += deviation * deviation;
    }
    (count, sum, square)
}

/// Count and smallest value, or, where `LARGEST`, largest value.
#[derive(Debug, Clone, Copy)]
pub(super) struct Extreme<const LARGEST: bool> {
    count: u32,
    value: f64,
}

impl<const LARGEST: bool> Extreme<LARGEST> {
    const WORST: f64 = if LARGEST {
        f64::NEG_INFINITY
    } else {
        f64::INFINITY
    };

    #[inline]
    fn better(a: f64, b: f64) -> f64 {
        let b_wins = if LARGEST { b > a } else { b < a };
        if b_wins { b } else { a }
    }
}

impl<const LARGEST: bool> Aggregate for Extreme<LARGEST> {
    const EMPTY: Self = Self {
        count: 0,
        value: Self::WORST,
    };

    fn of(values: &[f64]) -> Self {
        let (chunks, rest) = values.as_chunks::<LANES>();
        let mut counts = [0_u64; LANES];
        let mut best = [Self::WORST; LANES];
        for chunk in chunks {
            for lane in 0..LANES {
                let present = chunk[lane].abs() < f64::INFINITY;
                let value = if present { chunk[lane] } else { Self::WORST };
                counts[lane] += u64::from(present);
                best[lane] = Self::better(best[lane], value);
            }
        }
        let mut total = Self {
            count: counts.iter().sum::<u64>() as u32,
            value: best.into_iter().fold(Self::WORST, Self::better),
        };
        for &value in rest.iter().filter(|value| value.is_finite()) {
            total.count += 1;
            total.value = Self::better(total.value, value);
        }
        total
    }

    #[inline]
    fn merge(self, later: Self) -> Self {
        Self {
            count: self.count + later.count,
            value: Self::better(self.value, later.value),
        }
    }

    fn samples(&self) -> u32 {
        self.count
    }

    fn result(&self, _: Function) -> Option<f64> {
        Some(if self.count == 0 {
            f64::NAN
        } else {
            self.value
        })
    }
}

/// Count and first value, or, where `LAST`, last value.
#[derive(Debug, Clone, Copy)]
pub(super) struct Edge<const LAST: bool> {
    count: u32,
    value: f64,
}

impl<const LAST: bool> Aggregate for Edge<LAST> {
    const EMPTY: Self = Self {
        count: 0,
        value: f64::NAN,
    };

    fn of(values: &[f64]) -> Self {
        let mut present = values.iter().filter(|value| value.is_finite());
        let edge = if LAST {
            present.next_back()
        } else {
            present.next()
        };
        Self {
            count: u32::from(edge.is_some()) + present.count() as u32,
            value: edge.copied().unwrap_or(f64::NAN),
        }
    }

    #[inline]
    fn merge(self, later: Self) -> Self {
        let keep_own = if LAST {
            later.count == 0
        } else {
            self.count > 0
        };
        Self {
            count: self.count + later.count,
            value: if keep_own { self.value } else { later.value },
        }
    }

    fn samples(&self) -> u32 {
        self.count
    }

    fn result(&self, _: Function) -> Option<f64> {
        Some(self.value)
    }
}

/// Number of values, infinite ones included, and of rows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Count {
    rows: u32,
    count: u32,
}

impl Aggregate for Count {
    const EMPTY: Self = Self { rows: 0, count: 0 };

    fn of(values: &[f64]) -> Self {
        Self {
            rows: values.len() as u32,
            count: values.iter().map(|value| u32::from(!value.is_nan())).sum(),
        }
    }

    #[inline]
    fn merge(self, later: Self) -> Self {
        Self {
            rows: self.rows + later.rows,
            count: self.count + later.count,
        }
    }

    fn samples(&self) -> u32 {
        self.rows
    }

    fn result(&self, _: Function) -> Option<f64> {
        Some(f64::from(self.count))
    }
}
