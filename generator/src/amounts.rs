//! Random bits in, amounts of money in cents out. Invariant: they lie between 1.00 and 5000.00,
//! most of them small, like log-normal ones.

const INTERVALS: u32 = 1 << 11;
const MEDIAN_CENTS: f64 = 3600.0;
const CENTS_MIN: f64 = 100.0;
const CENTS_MAX: f64 = 500_000.0;

/// Quantiles of the log-logistic distribution, which has the shape of a log-normal one and an
/// inverse that can be written down: `median * (u / (1 - u))^0.8`.
pub(crate) struct Amounts {
    /// In cents, at the ends of [`INTERVALS`] equally likely intervals.
    quantiles: Vec<i64>,
}

impl Amounts {
    pub(crate) fn new() -> Self {
        let quantile = |i: u32| {
            let u = f64::from(i) / f64::from(INTERVALS);
            let cents = MEDIAN_CENTS * (u / (1.0 - u)).powf(0.8);
            cents.clamp(CENTS_MIN, CENTS_MAX) as i64
        };
        Self {
            quantiles: (0..=INTERVALS).map(quantile).collect(),
        }
    }

    /// The amount in cents that 32 random bits pick: an interval, and a place within it.
    pub(crate) fn pick(&self, dice: u32) -> i64 {
        let interval = (dice % INTERVALS) as usize;
        let (low, high) = (self.quantiles[interval], self.quantiles[interval + 1]);
        low + (((high - low) * i64::from(dice)) >> 32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Rng;

    #[test]
    fn amounts_have_their_bounds_median_and_tail() {
        let amounts = Amounts::new();
        let mut rng = Rng::for_row(2, 0);
        let mut drawn: Vec<i64> = (0..100_000).map(|_| amounts.pick(rng.dice())).collect();
        drawn.sort_unstable();
        assert!(drawn[0] >= 100 && drawn[99_999] <= 500_000);
        assert!((3500..3700).contains(&drawn[50_000]), "{}", drawn[50_000]);
        // At 99%: 3600 * 99^0.8.
        assert!(
            (135_000..150_000).contains(&drawn[99_000]),
            "{}",
            drawn[99_000]
        );
    }
}
