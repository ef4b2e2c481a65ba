//! Variances of doubles that only grow in number: a value in, the variance so far out.
//!
//! Only squares are ever added, and the mean is kept with twice the digits, so the relative error
//! stays near that of one rounding per value, whatever the mean; equal values give exactly 0.

use crate::steps::rolling::two_sum;

/// Mean and sum of squared deviations from it, after Welford.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Spread {
    mean: f64,
    mean_rest: f64,
    squares: f64,
}

impl Spread {
    /// Takes in the `count`th value.
    #[inline]
    pub(super) fn add(&mut self, value: f64, count: u64) {
        let count = count as f64;
        if count == 1.0 {
            self.mean = value;
            return;
        }
        let beyond = (value - self.mean) - self.mean_rest;
        let (mean, error) = two_sum(self.mean, beyond / count);
        self.mean = mean;
        self.mean_rest += error;
        self.squares += beyond * beyond * ((count - 1.0) / count);
    }

    /// The variance of `count` values; NaN below two, infinite beyond the range of doubles.
    #[inline]
    pub(super) fn variance(&self, count: u64) -> f64 {
        if count < 2 {
            return f64::NAN;
        }
        let variance = self.squares / (count - 1) as f64;
        // Deviations beyond the range may have met as ∞ − ∞.
        match variance.is_nan() {
            true => f64::INFINITY,
            false => variance,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn variance(values: &[f64]) -> f64 {
        let mut spread = Spread::default();
        for (value, count) in values.iter().zip(1..) {
            spread.add(*value, count);
        }
        spread.variance(values.len() as u64)
    }

    proptest! {
        #[test]
        fn variance_agrees_with_the_sum_over_pairs(
            base in prop::sample::select(vec![0.0, 1e3, 1e9, -1e12, 1e15]),
            values in prop::collection::vec(-4.0..4.0, 2..80),
        ) {
            let values: Vec<_> = values.into_iter().map(|value: f64| base + value).collect();
            let count = values.len() as f64;
            let pairs = values.iter().flat_map(|a| values.iter().map(move |b| (a - b) * (a - b)));
            let expected = pairs.sum::<f64>() / 2.0 / count / (count - 1.0);
            let found = variance(&values);
            prop_assert!((found - expected).abs() <= 1e-12 * expected, "{found} for {expected}");
        }
    }

    #[test]
    fn equal_values_give_exactly_zero() {
        for value in [0.1, 1e9 / 3.0, -7.7e-200, f64::MAX] {
            assert_eq!(variance(&vec![value; 70]), 0.0);
        }
        assert!(variance(&[1.0]).is_nan());
        assert_eq!(variance(&[f64::MAX, -f64::MAX]), f64::INFINITY);
    }
}
