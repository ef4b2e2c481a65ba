//! Variances and standard deviations without cancellation.
//!
//! Invariant: only squares are ever added, so the relative error stays near that of one rounding
//! per value, whatever the mean; equal values give exactly 0.

use super::aggregate::{Aggregate, LANES, two_sum};
use crate::base::Function;

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
        let squares = squares - sum * mean_rest;
        Self {
            count,
            mean,
            mean_rest,
            // Not `max`, which would turn an overflow's NaN into 0.
            squares: if squares < 0.0 { 0.0 } else { squares },
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn variance(moments: Moments) -> f64 {
        moments.result(Function::Var).unwrap()
    }

    /// Σ over pairs: every term is positive and near exact.
    fn variance_of_pairs(values: &[f64]) -> f64 {
        let count = values.len() as f64;
        let squares = values
            .iter()
            .flat_map(|a| values.iter().map(move |b| (a - b) * (a - b)));
        squares.sum::<f64>() / 2.0 / count / (count - 1.0)
    }

    proptest! {
        #[test]
        fn variance_agrees_with_the_sum_over_pairs(
            base in prop::sample::select(vec![0.0, 1e3, 1e9, -1e12, 1e15]),
            values in prop::collection::vec(-4.0..4.0, 2..80),
            cuts in (0..80_usize, 0..80_usize),
        ) {
            let values: Vec<_> = values.into_iter().map(|value: f64| base + value).collect();
            let first = cuts.0.min(values.len());
            let second = cuts.1.clamp(first, values.len());
            let merged = Moments::of(&values[..first])
                .merge(Moments::of(&values[first..second]))
                .merge(Moments::of(&values[second..]));
            let expected = variance_of_pairs(&values);
            for moments in [Moments::of(&values), merged] {
                let error = (variance(moments) - expected).abs();
                prop_assert!(error <= 1e-12 * expected, "{} for {expected}", variance(moments));
            }
        }
    }

    #[test]
    fn equal_values_give_exactly_zero() {
        for value in [0.1, 1e9 / 3.0, -7.7e-200, f64::MAX] {
            for count in 2..70 {
                let moments = Moments::of(&vec![value; count]);
                assert_eq!(variance(moments.merge(moments)), 0.0);
            }
        }
    }

    #[test]
    fn one_value_has_none_and_a_range_beyond_doubles_an_infinite_one() {
        assert!(variance(Moments::of(&[1.0, f64::NAN, f64::INFINITY])).is_nan());
        assert_eq!(variance(Moments::of(&[f64::MAX, -f64::MAX])), f64::INFINITY);
    }
}
