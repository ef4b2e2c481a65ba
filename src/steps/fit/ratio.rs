//! A sum over a count, exactly: rounded half to even to a cell, rounded once to a float, or printed
//! for the receipt. Integers in, no intermediate float.

use arrow::datatypes::i256;
use jiff::Timestamp;
use jiff::tz::Offset;

use crate::base::{DataType, TimeUnit};

/// Digits after the point that are printed beyond the column's scale.
const EXTRA_DIGITS_MAX: u32 = 17;

/// `sum / count`, `count > 0`. The sum takes at most 192 bits.
#[derive(Debug, Clone, Copy)]
pub(in crate::steps) struct Ratio {
    pub(in crate::steps) sum: i256,
    pub(in crate::steps) count: u64,
}

impl Ratio {
    /// A whole number.
    pub(in crate::steps) fn of(cell: i128) -> Self {
        Self {
            sum: i256::from_i128(cell),
            count: 1,
        }
    }

    /// The nearest integer, halves to even.
    ///
    /// # Panics
    /// If it exceeds 128 bits: a mean lies between its cells, so that is a bug.
    pub(in crate::steps) fn round_half_even(self) -> i128 {
        let count = i256::from_i128(i128::from(self.count));
        let (quotient, remainder) = self.sum.wrapping_div_rem(count);
        let quotient = quotient.to_i128().expect("a mean lies between its cells");
        // Truncated toward zero: twice the remainder tells which neighbour is nearer.
        let remainder = remainder.as_i128();
        let away = match (remainder.unsigned_abs() * 2).cmp(&u128::from(self.count)) {
            std::cmp::Ordering::Less => false,
            std::cmp::Ordering::Equal => quotient & 1 != 0,
            std::cmp::Ordering::Greater => true,
        };
        quotient + if away { remainder.signum() } else { 0 }
    }

    /// The exact result as the receipt prints it, for cells of `data_type`.
    pub(in crate::steps) fn print(self, data_type: &DataType) -> String {
        match *data_type {
            DataType::Date => self.print_time(86_400_000_000_000, false),
            DataType::Timestamp { unit, utc } => match unit {
                TimeUnit::Microsecond => self.print_time(1000, utc),
                TimeUnit::Nanosecond => self.print_time(1, utc),
            },
            DataType::Decimal { scale, .. } => self.print_decimal(scale.unsigned_abs().into()),
            _ => self.print_integer(),
        }
    }

    /// As the nearest float where a float holds the integer part, else digit by digit.
    fn print_integer(self) -> String {
        let magnitude = self.sum.wrapping_abs().to_le_bytes();
        let mut limbs = [0u64; 4];
        for (limb, bytes) in limbs.iter_mut().zip(magnitude.as_chunks::<8>().0) {
            *limb = u64::from_le_bytes(*bytes);
        }
        let nearest = quotient_to_f64(&limbs, 0, self.count);
        if nearest >= 2f64.powi(53) {
            return self.print_decimal(0);
        }
        format!(
            "{}",
            if self.sum.is_negative() {
                -nearest
            } else {
                nearest
            }
        )
    }

    /// `sum / (count * 10^scale)` by long division, trailing zeros beyond the scale cut.
    fn print_decimal(self, scale: u32) -> String {
        let ten = i256::from_i128(10);
        let unit = ten.wrapping_pow(scale);
        let divisor = unit.wrapping_mul(i256::from_i128(self.count.into()));
        let (whole, mut rest) = self.sum.wrapping_abs().wrapping_div_rem(divisor);
        let sign = if self.sum.is_negative() { "-" } else { "" };
        let mut text = format!("{sign}{whole}");
        for digit in 0..scale + EXTRA_DIGITS_MAX {
            if digit >= scale && rest == i256::ZERO {
                break;
            }
            if digit == 0 {
                text.push('.');
            }
            let (next, left) = rest.wrapping_mul(ten).wrapping_div_rem(divisor);
            text.push(char::from(b'0' + next.as_i128() as u8));
            rest = left;
        }
        text
    }

    /// As a date and time, to the nanosecond; a whole day as a date.
    fn print_time(self, nanoseconds_per_tick: i128, utc: bool) -> String {
        let nanoseconds = Self {
            sum: self.sum.wrapping_mul(i256::from_i128(nanoseconds_per_tick)),
            count: self.count,
        }
        .round_half_even();
        let Ok(timestamp) = Timestamp::from_nanosecond(nanoseconds) else {
            return format!("{nanoseconds} ns since 1970-01-01");
        };
        let civil = Offset::UTC.to_datetime(timestamp);
        let midnight = civil.time() == jiff::civil::Time::midnight();
        if midnight && nanoseconds_per_tick == 86_400_000_000_000 {
            civil.date().to_string()
        } else {
            format!("{civil}{}", if utc { "Z" } else { "" })
        }
    }
}

/// `magnitude * 2^exponent / count`, correctly rounded to the nearest float (ties to even).
///
/// `magnitude` is little endian; `count > 0`; `exponent >= -1074 - 64`.
pub(in crate::steps) fn quotient_to_f64(magnitude: &[u64], exponent: i32, count: u64) -> f64 {
    // Two limbs below the point leave at least 64 significant bits in the quotient; the remainder
    // only says whether it is exact.
    let mut quotient = vec![0; magnitude.len() + 2];
    let mut remainder = 0u128;
    for (index, slot) in quotient.iter_mut().enumerate().rev() {
        let limb = index.checked_sub(2).map_or(0, |index| magnitude[index]);
        let dividend = (remainder << 64) | u128::from(limb);
        *slot = (dividend / u128::from(count)) as u64;
        remainder = dividend % u128::from(count);
    }
    round_to_f64(&quotient, exponent - 128, remainder != 0)
}

/// `magnitude * 2^exponent`, plus a little if `inexact`, rounded to the nearest float.
fn round_to_f64(magnitude: &[u64], exponent: i32, inexact: bool) -> f64 {
    let Some(top) = magnitude.iter().rposition(|&limb| limb != 0) else {
        return 0.0;
    };
    let length = 64 * top as i32 + 64 - magnitude[top].leading_zeros() as i32;
    // The lowest bit that the float keeps: 53 bits, fewer below the normal range.
    let lowest = (length - 53).max(-1074 - exponent);
    let bit = |index: i32| {
        index >= 0
            && magnitude
                .get(index as usize / 64)
                .is_some_and(|limb| limb >> (index % 64) & 1 == 1)
    };
    let mut kept = 0u64;
    for index in (lowest..length).rev() {
        kept = kept << 1 | u64::from(bit(index));
    }
    let half = bit(lowest - 1);
    let below = inexact || (0..lowest - 1).any(bit);
    if half && (below || kept & 1 == 1) {
        kept += 1;
    }
    scale(kept as f64, exponent + lowest)
}

/// `x * 2^exponent`, which is exact or overflows: in two steps, as a power below 2^-1022 would
/// itself lose bits.
fn scale(x: f64, exponent: i32) -> f64 {
    let first = exponent.clamp(-1000, 1000);
    x * 2f64.powi(first) * 2f64.powi(exponent - first)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ratio(sum: i128, count: u64) -> Ratio {
        Ratio {
            sum: i256::from_i128(sum),
            count,
        }
    }

    #[test]
    fn halves_go_to_even() {
        let cases = [
            (5, 2, 2),
            (7, 2, 4),
            (-5, 2, -2),
            (-7, 2, -4),
            (8, 3, 3),
            (-8, 3, -3),
        ];
        for (sum, count, rounded) in cases {
            assert_eq!(
                ratio(sum, count).round_half_even(),
                rounded,
                "{sum}/{count}"
            );
        }
    }

    #[test]
    fn prints_each_type() {
        let decimal = DataType::Decimal {
            precision: 10,
            scale: 2,
        };
        assert_eq!(ratio(25, 2).print(&DataType::Int64), "12.5");
        assert_eq!(ratio(-10, 3).print(&DataType::Int64), "-3.3333333333333335");
        assert_eq!(ratio(36, 3).print(&DataType::Int64), "12");
        assert_eq!(
            ratio((1 << 60) + 1, 2).print(&DataType::Int64),
            "576460752303423488.5"
        );
        assert_eq!(ratio(-2501, 2).print(&decimal), "-12.505");
        assert_eq!(ratio(2400, 2).print(&decimal), "12.00");
        assert_eq!(ratio(-1, 4).print(&decimal), "-0.0025");
        assert_eq!(ratio(1, 2).print(&DataType::Date), "1970-01-01T12:00:00");
        assert_eq!(ratio(3, 3).print(&DataType::Date), "1970-01-02");
        let micros = DataType::Timestamp {
            unit: TimeUnit::Microsecond,
            utc: true,
        };
        assert_eq!(ratio(3, 2).print(&micros), "1970-01-01T00:00:00.0000015Z");
        let nanos = DataType::Timestamp {
            unit: TimeUnit::Nanosecond,
            utc: false,
        };
        assert_eq!(ratio(4_000_000_000, 2).print(&nanos), "1970-01-01T00:00:02");
        assert_eq!(
            ratio(i128::from(i64::MAX), 1).print(&micros),
            "9223372036854775807000 ns since 1970-01-01"
        );
    }

    #[test]
    fn floats_are_rounded_once_down_to_subnormals() {
        assert_eq!(quotient_to_f64(&[1], -1074, 1), 5e-324);
        assert_eq!(quotient_to_f64(&[1], -1074, 2), 0.0);
        assert_eq!(quotient_to_f64(&[3], -1074, 2), 1e-323);
        assert_eq!(
            quotient_to_f64(&[0, 1 << 52], 1023 - 116 + 1, 1),
            f64::INFINITY
        );
        assert_eq!(quotient_to_f64(&[u64::MAX << 11], 960, 1), f64::MAX);
        assert_eq!(quotient_to_f64(&[0, 0], 0, 7), 0.0);
    }

    proptest! {
        /// A division of two integers that floats hold is correctly rounded by the processor.
        #[test]
        fn quotients_equal_the_processor(sum in 0u64..1 << 53, count in 1u64..1 << 53) {
            prop_assert_eq!(quotient_to_f64(&[sum, 0], 0, count), sum as f64 / count as f64);
        }

        #[test]
        fn magnitudes_equal_the_cast(sum in any::<u128>()) {
            let limbs = [sum as u64, (sum >> 64) as u64];
            prop_assert_eq!(quotient_to_f64(&limbs, 0, 1), sum as f64);
        }

        #[test]
        fn rounding_equals_floor_arithmetic(sum in -1_000_000i128..1_000_000, count in 1u64..50) {
            let divisor = i128::from(count);
            let (floor, rest) = (sum.div_euclid(divisor), sum.rem_euclid(divisor));
            let up = 2 * rest > divisor || (2 * rest == divisor && floor % 2 != 0);
            prop_assert_eq!(ratio(sum, count).round_half_even(), floor + i128::from(up));
        }
    }
}
