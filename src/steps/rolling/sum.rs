//! Sums and means that know how exact they are.
//!
//! Invariant: a result is either within 1e-13 of the exact one, or reported as doubtful.

use super::aggregate::{Aggregate, LANES, two_sum};
use super::exact::ExactSum;
use crate::base::Function;

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
        // Joining the lanes costs as much as a few values.
        let short = values.len() < 4 * LANES;
        let (chunks, rest) = if short {
            (&[][..], values)
        } else {
            values.as_chunks::<LANES>()
        };
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
            Function::Mean => exact_mean(sum, self.high - sum + self.low, f64::from(self.count)),
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

/// `(sum + rest) / count`, where `rest` is what rounding took off `sum`.
///
/// One step of refinement: the mean of equal values is exactly that value. The upper half of the
/// mean times a count is exact.
#[inline]
pub(in crate::steps) fn exact_mean(sum: f64, rest: f64, count: f64) -> f64 {
    let mean = sum / count;
    let upper = f64::from_bits(mean.to_bits() & !0xffff_ffff);
    let rest = (sum - upper * count) - (mean - upper) * count + rest;
    mean + rest / count
}

/// The value, or 0 for a missing one, and whether it is present.
#[inline]
pub(super) fn present(value: f64) -> (f64, bool) {
    let present = value.abs() < f64::INFINITY;
    (if present { value } else { 0.0 }, present)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_value() -> impl Strategy<Value = f64> {
        prop_oneof![
            8 => -1e3..1e3,
            2 => prop::sample::select(vec![1e16, -1e16, 1e300, -1e300, 1e200, f64::MAX, 5e-324]),
            1 => prop::sample::select(vec![f64::NAN, f64::INFINITY, f64::NEG_INFINITY]),
        ]
    }

    proptest! {
        #[test]
        fn results_are_exact_or_doubted(
            values in prop::collection::vec(any_value(), 0..40),
            cut in 0..40_usize,
        ) {
            let (first, later) = values.split_at(cut.min(values.len()));
            let sum = Sum::of(first).merge(Sum::of(later));
            let mut exact = ExactSum::of(&values);
            let count = values.iter().filter(|value| value.is_finite()).count();
            prop_assert_eq!(sum.samples() as usize, count);
            let expected = [exact.sum(), if count > 0 { exact.mean(sum.count) } else { f64::NAN }];
            for (function, expected) in [Function::Sum, Function::Mean].into_iter().zip(expected) {
                if let Some(result) = sum.result(function) {
                    let close = (result - expected).abs() <= 1e-13 * expected.abs();
                    prop_assert!(close || result.is_nan() && expected.is_nan());
                }
            }
        }
    }

    #[test]
    fn doubt_is_raised_where_digits_are_gone_and_only_there() {
        let lost = Sum::of(&[1e300, 1e200, 1.0, -1e200, -1e300]);
        assert_eq!(lost.result(Function::Sum), None);
        assert_eq!(Sum::of(&[f64::MAX, f64::MAX]).result(Function::Mean), None);
        for values in [
            &[1e16, 1.0, -1e16][..],
            &[0.1, 0.2, -0.3],
            &[0.0; 3],
            &[1.0, -1.0],
            &[],
        ] {
            let expected = ExactSum::of(values).sum();
            assert_eq!(
                Sum::of(values).result(Function::Sum),
                Some(expected),
                "{values:?}"
            );
        }
    }

    #[test]
    fn the_mean_of_equal_values_is_that_value() {
        for value in [0.1, 1e9 / 3.0, -7.7e-200, 1.0 / 3.0] {
            for count in 1..70 {
                let sum = Sum::of(&vec![value; count]);
                assert_eq!(sum.result(Function::Mean), Some(value));
            }
        }
    }
}
