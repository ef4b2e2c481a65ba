//! Text -> decimal, exactly. Comes in as any decimal notation, goes out unscaled in 128 bits.
//! Invariant: the value of the text and that of the cell are equal; there is no rounding.

use arrow::array::ArrayRef;
use arrow::buffer::NullBuffer;
use arrow::datatypes::Decimal128Type;

use super::column::{Leaf, Misfit, primitive, shared};

/// The most digits that 128 bits can hold.
const PRECISION_MAX: u8 = 38;

/// The parts of `[+-]digits[.digits][e[+-]digits]`, with a digit before or after the point.
struct Notation<'a> {
    negative: bool,
    whole: &'a [u8],
    fraction: &'a [u8],
    exponent: i32,
}

fn split_digits(text: &[u8]) -> (&[u8], &[u8]) {
    text.split_at(text.iter().take_while(|byte| byte.is_ascii_digit()).count())
}

fn split_sign(text: &[u8]) -> (bool, &[u8]) {
    match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    }
}

impl<'a> Notation<'a> {
    fn of(text: &'a [u8]) -> Option<Self> {
        let (negative, rest) = split_sign(text);
        let (whole, rest) = split_digits(rest);
        let (fraction, rest) = match rest {
            [b'.', rest @ ..] => split_digits(rest),
            _ => (&rest[..0], rest),
        };
        let exponent = match rest {
            [] => 0,
            [b'e' | b'E', rest @ ..] => {
                let (down, rest) = split_sign(rest);
                let (digits, rest) = split_digits(rest);
                if digits.is_empty() || !rest.is_empty() {
                    return None;
                }
                // Far beyond any text's length the exact exponent no longer matters.
                let size = digits.iter().fold(0_i32, |size, &byte| {
                    size.saturating_mul(10)
                        .saturating_add(i32::from(byte - b'0'))
                });
                if down { -size } else { size }
            }
            _ => return None,
        };
        (!whole.is_empty() || !fraction.is_empty()).then_some(Self {
            negative,
            whole,
            fraction,
            exponent,
        })
    }
}

/// The unscaled value of `text` as a decimal of at most `precision` digits, `scale` of them after
/// the point.
///
/// # Errors
/// [`Misfit::Mismatch`] if it is no number, [`Misfit::OutOfRange`] if it has more digits than the
/// type before or (other than zeros) after the point.
pub fn parse(text: &[u8], precision: u8, scale: i8) -> Result<i128, Misfit> {
    let notation = Notation::of(text).ok_or(Misfit::Mismatch)?;
    let mut unscaled = 0_u128;
    // Trailing zeros count into the shift, so that only significant digits take up room.
    let mut zeros = 0_i64;
    for &byte in notation.whole.iter().chain(notation.fraction) {
        zeros += 1;
        if byte != b'0' {
            let room = u32::try_from(zeros)
                .ok()
                .and_then(|zeros| 10_u128.checked_pow(zeros));
            unscaled = match (unscaled, room) {
                (0, _) => 0,
                (_, Some(room)) => unscaled.checked_mul(room).ok_or(Misfit::OutOfRange)?,
                (_, None) => return Err(Misfit::OutOfRange),
            };
            unscaled = unscaled
                .checked_add(u128::from(byte - b'0'))
                .ok_or(Misfit::OutOfRange)?;
            zeros = 0;
        }
    }
    if unscaled == 0 {
        return Ok(0);
    }
    let shift =
        zeros - notation.fraction.len() as i64 + i64::from(notation.exponent) + i64::from(scale);
    // The last digit is not zero: a negative shift would drop it.
    let shift = u32::try_from(shift).map_err(|_| Misfit::OutOfRange)?;
    let unscaled = 10_u128
        .checked_pow(shift)
        .and_then(|power| unscaled.checked_mul(power))
        .filter(|&unscaled| unscaled < 10_u128.pow(u32::from(precision.min(PRECISION_MAX))))
        .ok_or(Misfit::OutOfRange)?;
    let unscaled = unscaled as i128;
    Ok(if notation.negative {
        -unscaled
    } else {
        unscaled
    })
}

/// The short way of [`parse`]: up to 18 digits, no exponent.
#[inline]
fn parse_short(text: &[u8], precision: u8, scale: i8) -> Option<i128> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, text),
    };
    if digits.is_empty() || digits.len() > 18 {
        return None;
    }
    let mut unscaled = 0_u64;
    let mut point = None;
    for (at, &byte) in digits.iter().enumerate() {
        if byte.is_ascii_digit() {
            unscaled = unscaled * 10 + u64::from(byte - b'0');
        } else if byte == b'.' && point.is_none() {
            point = Some(at);
        } else {
            return None;
        }
    }
    let fraction = point.map_or(0, |at| digits.len() - at - 1);
    let shift = u32::try_from(i64::from(scale) - fraction as i64).ok()?;
    if digits.len() == usize::from(point.is_some()) || shift > 19 {
        return None;
    }
    let unscaled = u128::from(unscaled) * u128::from(10_u64.pow(shift));
    if unscaled >= 10_u128.pow(u32::from(precision)) {
        return None;
    }
    let unscaled = unscaled as i128;
    Some(if negative { -unscaled } else { unscaled })
}

/// A decimal column; it is always a declared one.
pub(super) struct Decimal {
    pub(super) precision: u8,
    pub(super) scale: i8,
}

impl Leaf for Decimal {
    type Cell = i128;

    fn parse(&mut self, text: &[u8]) -> Result<i128, Misfit> {
        parse(text, self.precision, self.scale)
    }

    #[inline]
    fn fast(&mut self, field: super::field::Field<'_>) -> Option<i128> {
        parse_short(field.text(), self.precision, self.scale)
    }

    fn array(&self, cells: Vec<i128>, nulls: Option<NullBuffer>) -> ArrayRef {
        let array = primitive::<Decimal128Type>(cells, nulls)
            .with_precision_and_scale(self.precision, self.scale)
            .expect("precision and scale were checked with the options");
        shared(array)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str, precision: u8, scale: i8) -> Result<i128, Misfit> {
        let value = parse(text.as_bytes(), precision, scale);
        if let Some(short) = parse_short(text.as_bytes(), precision, scale) {
            assert_eq!(Ok(short), value, "{text}");
        }
        value
    }

    #[test]
    fn spellings_and_limits() {
        let cases = [
            ("12.34", Ok(1234)),
            ("-12.34", Ok(-1234)),
            ("+012.3", Ok(1230)),
            ("12.3400", Ok(1234)),
            (".5", Ok(50)),
            ("5.", Ok(500)),
            ("1e2", Ok(10_000)),
            ("1230e-2", Ok(1230)),
            ("0e99999999999", Ok(0)),
            ("-0", Ok(0)),
            ("999.99", Ok(99_999)),
            ("1000", Err(Misfit::OutOfRange)),
            ("12.345", Err(Misfit::OutOfRange)),
            ("1e99999999999", Err(Misfit::OutOfRange)),
            ("1e-99999999999", Err(Misfit::OutOfRange)),
            ("", Err(Misfit::Mismatch)),
            (".", Err(Misfit::Mismatch)),
            ("-", Err(Misfit::Mismatch)),
            ("1e", Err(Misfit::Mismatch)),
            ("1e5x", Err(Misfit::Mismatch)),
            ("1.2.3", Err(Misfit::Mismatch)),
            ("1,5", Err(Misfit::Mismatch)),
            ("nan", Err(Misfit::Mismatch)),
        ];
        for (text, expected) in cases {
            assert_eq!(read(text, 5, 2), expected, "{text}");
        }
        let nines = "9".repeat(38);
        assert_eq!(read(&nines, 38, 0), Ok(10_i128.pow(38) - 1));
        assert_eq!(read(&format!("{nines}9"), 38, 0), Err(Misfit::OutOfRange));
        assert_eq!(read(&format!("1.{}", "0".repeat(100)), 38, 0), Ok(1));
        assert_eq!(read(&format!("{}1", "0".repeat(100)), 38, 0), Ok(1));
    }

    proptest! {
        #[test]
        fn reads_what_integer_arithmetic_prints(
            unscaled in -10_i128.pow(38) + 1..10_i128.pow(38), digits in 0..38_u32, scale in 0..=38_u32,
        ) {
            let unscaled = unscaled / 10_i128.pow(digits);
            let power = 10_i128.pow(scale);
            let sign = if unscaled < 0 { "-" } else { "" };
            let (whole, fraction) = (unscaled.abs() / power, unscaled.abs() % power);
            let text = if scale == 0 {
                format!("{sign}{whole}")
            } else {
                format!("{sign}{whole}.{fraction:0width$}", width = scale as usize)
            };
            prop_assert_eq!(read(&text, 38, scale as i8), Ok(unscaled));
            if unscaled % 10 != 0 && scale > 0 {
                prop_assert_eq!(read(&text, 38, scale as i8 - 1), Err(Misfit::OutOfRange));
            }
            let size = unscaled.abs().to_string().len() as u8;
            if size > 1 && size > scale as u8 {
                prop_assert_eq!(read(&text, size, scale as i8), Ok(unscaled));
                prop_assert_eq!(read(&text, size - 1, scale as i8), Err(Misfit::OutOfRange));
            }
        }

        #[test]
        fn short_and_plain_agree(text in "-?[0-9]{0,12}\\.?[0-9]{0,8}|\\PC{0,8}", scale in 0..9_i8) {
            let _ = read(&text, 12, scale);
        }
    }
}
