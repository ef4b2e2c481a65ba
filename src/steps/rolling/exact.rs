//! A sum of doubles without any rounding: the way out where a compensated sum is in doubt.
//!
//! A fixed-point number that spans the whole range of doubles, after the "small superaccumulator"
//! of R. Neal, *Fast exact summation using small and large superaccumulators* (2015). Adding and
//! subtracting are exact, so what has left a window leaves no trace. Invariant: the value is
//! Σ `limbs[i]` · 2^(32 i − 1074).

/// 2098 bits for the range of doubles and 64 for sums of many.
const LIMBS: usize = 68;
/// A limb takes less than 2³² from each addition, so carries may wait for so many additions.
const PENDING_MAX: u32 = 1 << 29;

/// An exact sum.
#[derive(Debug, Clone)]
pub(in crate::steps) struct ExactSum {
    limbs: [i64; LIMBS],
    pending: u32,
}

impl ExactSum {
    pub(in crate::steps) fn new() -> Self {
        Self {
            limbs: [0; LIMBS],
            pending: 0,
        }
    }

    /// The sum of the finite values.
    pub(super) fn of<'a>(values: impl IntoIterator<Item = &'a f64>) -> Self {
        let mut sum = Self::new();
        values.into_iter().for_each(|&value| sum.add(value));
        sum
    }

    /// Adds `value`; one that is not finite is no value and adds nothing.
    pub(in crate::steps) fn add(&mut self, value: f64) {
        if !value.is_finite() {
            return;
        }
        let bits = value.to_bits();
        let exponent = (bits >> 52 & 0x7ff) as usize;
        let fraction = bits & ((1 << 52) - 1);
        let (mantissa, shift) = match exponent {
            0 => (fraction, 0),
            _ => (fraction | 1 << 52, exponent - 1),
        };
        let shifted = u128::from(mantissa) << (shift % 32);
        let first = shift / 32;
        for (limb, part) in self.limbs[first..first + 3].iter_mut().zip(0..) {
            let part = (shifted >> (32 * part)) as u32;
            *limb += if value < 0.0 {
                -i64::from(part)
            } else {
                i64::from(part)
            };
        }
        self.pending += 1;
        if self.pending == PENDING_MAX {
            self.carry();
        }
    }

    /// Takes back an earlier [`ExactSum::add`].
    pub(super) fn subtract(&mut self, value: f64) {
        self.add(-value);
    }

    /// The sum over `divisor`, rounded to nearest.
    fn divided(&mut self, divisor: u32) -> f64 {
        self.carry();
        let negative = self.limbs[LIMBS - 1] < 0;
        let mut magnitude = self.limbs;
        if negative {
            magnitude.iter_mut().for_each(|limb| *limb = -*limb);
            carry(&mut magnitude);
        }
        let Some(top) = magnitude.iter().rposition(|&limb| limb != 0) else {
            return 0.0;
        };
        let lowest = top.saturating_sub(3);
        let mut mantissa = 0_u128;
        for &limb in magnitude[lowest..=top].iter().rev() {
            mantissa = mantissa << 32 | limb as u128;
        }
        let zeros = mantissa.leading_zeros();
        mantissa <<= zeros;
        let divisor = u128::from(divisor);
        let rest =
            !mantissa.is_multiple_of(divisor) || magnitude[..lowest].iter().any(|&limb| limb != 0);
        // Over 80 bits stand above the last one, so it can say that something lies below.
        let mantissa = ((mantissa / divisor) | u128::from(rest)) as f64;
        let exponent = 32 * lowest as i32 - 1074 - zeros as i32;
        scale(if negative { -mantissa } else { mantissa }, exponent)
    }

    /// The sum, rounded to nearest; infinite beyond the range of doubles.
    pub(in crate::steps) fn sum(&mut self) -> f64 {
        self.divided(1)
    }

    /// The sum over `count`, rounded to nearest; finite even where the sum is not.
    pub(in crate::steps) fn mean(&mut self, count: u32) -> f64 {
        self.divided(count)
    }

    fn carry(&mut self) {
        carry(&mut self.limbs);
        self.pending = 0;
    }
}

/// Leaves 32 bits in every limb but the last, which carries the sign.
fn carry(limbs: &mut [i64; LIMBS]) {
    for i in 0..LIMBS - 1 {
        limbs[i + 1] += limbs[i] >> 32;
        limbs[i] &= 0xffff_ffff;
    }
}

/// `mantissa · 2^exponent` for exponents from −1201 to 1102 and mantissas from 2^95 to 2^128. Half
/// the exponent at a time stays in range until the last step.
fn scale(mantissa: f64, exponent: i32) -> f64 {
    let power = |exponent: i32| f64::from_bits(((exponent + 1023) as u64) << 52);
    let half = exponent / 2;
    mantissa * power(half) * power(exponent - half)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sums_are_exact_and_correctly_rounded() {
        let tiny = f64::from_bits(1);
        let half_ulp = f64::EPSILON / 2.0;
        for (values, sum) in [
            (vec![], 0.0),
            (vec![1e300, 1e200, 1.0, -1e200, -1e300], 1.0),
            (vec![1.0, half_ulp], 1.0),
            (vec![1.0, half_ulp, tiny], 1.0 + f64::EPSILON),
            (vec![1.0, half_ulp, -tiny], 1.0),
            (vec![tiny, tiny, f64::NAN, f64::INFINITY], 2.0 * tiny),
            (vec![-tiny, f64::MIN_POSITIVE], f64::MIN_POSITIVE - tiny),
            (vec![f64::MAX, f64::MAX, -f64::MAX], f64::MAX),
            (vec![f64::MAX, f64::MAX], f64::INFINITY),
            (vec![-f64::MAX, -f64::MAX], f64::NEG_INFINITY),
            (vec![-1e16, 1.0], -9_999_999_999_999_999.0),
            (vec![0.1; 10], 1.0),
        ] {
            assert_eq!(ExactSum::of(&values).sum(), sum, "{values:?}");
        }
        assert_eq!(ExactSum::of(&[f64::MAX; 9]).mean(9), f64::MAX);
        assert_eq!(ExactSum::of(&[tiny; 3]).mean(3), tiny);
    }

    proptest! {
        #[test]
        fn what_was_subtracted_leaves_no_trace(
            kept in prop::collection::vec(any::<f64>(), 0..20),
            gone in prop::collection::vec(any::<f64>(), 0..20),
        ) {
            let mut sum = ExactSum::of(&gone);
            kept.iter().for_each(|&value| sum.add(value));
            gone.iter().for_each(|&value| sum.subtract(value));
            prop_assert_eq!(sum.sum(), ExactSum::of(&kept).sum());
        }

        #[test]
        fn integers_agree_with_integer_arithmetic(values in prop::collection::vec(-(1_i64 << 53)..(1 << 53), 0..50)) {
            let expected = values.iter().map(|&value| i128::from(value)).sum::<i128>();
            let values = values.iter().map(|&value| value as f64).collect::<Vec<_>>();
            prop_assert_eq!(ExactSum::of(&values).sum(), expected as f64);
        }

        #[test]
        fn waiting_carries_change_nothing(values in prop::collection::vec(any::<f64>(), 0..50)) {
            let mut sum = ExactSum::new();
            for &value in &values {
                sum.add(value);
                sum.carry();
            }
            prop_assert_eq!(sum.sum(), ExactSum::of(&values).sum());
        }
    }
}
