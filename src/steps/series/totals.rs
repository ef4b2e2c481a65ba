//! Sums of doubles that only grow, as if rounded once: a key and a value in, its sum so far out.
//!
//! A sum is a pair of doubles without any rounding as long as its digits fit, as nearly all do; from
//! the first that does not on, the key has an [`ExactSum`]. Invariant: what is held is exactly the
//! sum of the finite values; an infinite one makes it infinite for good, and both make it NaN.

use std::collections::HashMap;

use super::per_key::PerKey;
use crate::steps::rolling::{ExactSum, exact_mean, two_sum};

/// The sums of all keys.
#[derive(Debug)]
pub(super) struct Totals {
    pairs: PerKey<Pair>,
    /// Of the keys whose digits exceed a pair.
    exact: HashMap<u32, ExactSum>,
}

/// `high + low`, which do not overlap; `low` is NaN where the sum is an exact one.
#[derive(Debug, Clone, Copy, Default)]
struct Pair {
    high: f64,
    low: f64,
}

/// A sum so far.
pub(super) enum Total<'a> {
    Pair { high: f64, low: f64 },
    Exact(&'a mut ExactSum),
}

impl Default for Totals {
    fn default() -> Self {
        Self {
            pairs: PerKey::new(Pair::default()),
            exact: HashMap::new(),
        }
    }
}

impl Totals {
    pub(super) fn cover(&mut self, keys: &[u32]) {
        self.pairs.cover(keys);
    }

    #[inline(always)]
    pub(super) fn fetch_ahead(&self, keys: &[u32], at: usize) {
        self.pairs.fetch_ahead(keys, at);
    }

    /// Adds `value`, which is not NaN, to the sum of `key`.
    #[inline(always)]
    pub(super) fn add(&mut self, key: u32, value: f64) -> Total<'_> {
        let pair = &mut self.pairs[key];
        let (sum, error) = two_sum(pair.high, value);
        let (rest, lost) = two_sum(pair.low, error);
        // Not-a-number, from infinities and exact sums, equals nothing.
        if lost == 0.0 {
            (pair.high, pair.low) = two_sum(sum, rest);
            return Total::Pair {
                high: pair.high,
                low: pair.low,
            };
        }
        self.add_exactly(key, value)
    }

    #[cold]
    fn add_exactly(&mut self, key: u32, value: f64) -> Total<'_> {
        let pair = &mut self.pairs[key];
        if !value.is_finite() || !pair.high.is_finite() {
            self.exact.remove(&key);
            *pair = Pair {
                high: pair.high + value,
                low: 0.0,
            };
            let Pair { high, low } = *pair;
            return Total::Pair { high, low };
        }
        let Pair { high, low } = *pair;
        let exact = self.exact.entry(key).or_insert_with(|| {
            let mut exact = ExactSum::new();
            exact.add(high);
            exact.add(low);
            exact
        });
        exact.add(value);
        *pair = Pair {
            high: 0.0,
            low: f64::NAN,
        };
        Total::Exact(exact)
    }

    /// The sum of `key`.
    pub(super) fn total(&mut self, key: u32) -> Total<'_> {
        let Pair { high, low } = self.pairs[key];
        if low.is_nan()
            && let Some(exact) = self.exact.get_mut(&key)
        {
            return Total::Exact(exact);
        }
        Total::Pair { high, low }
    }

    /// Memory held, in bytes.
    pub(super) fn memory_bytes(&self) -> usize {
        self.pairs.memory_bytes() + self.exact.capacity() * (size_of::<(u32, ExactSum)>() + 1)
    }
}

impl Total<'_> {
    /// The sum, rounded to nearest.
    #[inline(always)]
    pub(super) fn sum(self) -> f64 {
        match self {
            Self::Pair { high, .. } => high,
            Self::Exact(exact) => exact.sum(),
        }
    }

    /// The sum over `count`, which is above 0.
    #[inline(always)]
    pub(super) fn mean(self, count: u64) -> f64 {
        match self {
            Self::Pair { high, low } => exact_mean(high, low, count as f64),
            Self::Exact(exact) => match u32::try_from(count) {
                Ok(count) => exact.mean(count),
                Err(_) => exact.sum() / count as f64,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_value() -> impl Strategy<Value = f64> {
        prop_oneof![
            8 => -1e3..1e3,
            2 => prop::sample::select(vec![1e16, -1e16, 1e300, -1e300, 1e200, f64::MAX, 5e-324]),
        ]
    }

    proptest! {
        #[test]
        fn sums_are_exact(values in prop::collection::vec((0_u32..3, any_value()), 0..200)) {
            let mut totals = Totals::default();
            let mut plain = [const { Vec::new() }; 3];
            for (key, value) in values {
                totals.cover(&[key]);
                let values = &mut plain[key as usize];
                values.push(value);
                let mut exact = ExactSum::new();
                values.iter().for_each(|&value| exact.add(value));
                prop_assert_eq!(totals.add(key, value).sum(), exact.sum());
                prop_assert_eq!(totals.total(key).sum(), exact.sum());
                let mean = totals.total(key).mean(values.len() as u64);
                let expected = exact.mean(values.len() as u32);
                prop_assert!((mean - expected).abs() <= 1e-15 * expected.abs(), "{mean} {expected}");
            }
        }
    }

    #[test]
    fn what_cancels_leaves_no_trace() {
        let mut totals = Totals::default();
        totals.cover(&[0]);
        let sums = [1e300, 1e200, 1.0, -1e200, -1e300].map(|value| totals.add(0, value).sum());
        assert_eq!(sums[4], 1.0);
    }

    #[test]
    fn infinities_stay() {
        let mut totals = Totals::default();
        totals.cover(&[0, 1]);
        totals.add(0, f64::MAX);
        assert_eq!(totals.add(0, f64::MAX).sum(), f64::INFINITY);
        assert_eq!(
            totals.add(0, -f64::MAX).sum(),
            f64::MAX,
            "only the result was beyond"
        );
        assert_eq!(totals.add(0, f64::INFINITY).sum(), f64::INFINITY);
        assert_eq!(totals.add(0, 1.0).sum(), f64::INFINITY);
        assert!(totals.add(0, f64::NEG_INFINITY).sum().is_nan());
        assert!(totals.add(0, 1.0).sum().is_nan());
        assert_eq!(totals.add(1, 1.0).sum(), 1.0);
    }
}
