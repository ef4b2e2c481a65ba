//! Text -> decimal, exactly. Comes in as any decimal notation, goes out unscaled in 128 bits.
//! Invariant: the value of the text and that of the cell are equal; there is no rounding.

use arrow::array::ArrayRef;
use arrow::buffer::NullBuffer;
use arrow::datatypes::Decimal128Type;

use super::column::{Leaf, Misfit, primitive, shared};
use super::field::{Field, word};
use super::integer::{EIGHT, ZEROS, are_digits, eight};

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

/// `[-]digits[.digits]` of at most 15 digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Short {
    pub(super) negative: bool,
    /// All digits, without the point.
    pub(super) unscaled: u64,
    /// How many of them stand behind the point.
    pub(super) fraction: usize,
}

impl Short {
    const DIGITS_MAX: usize = 15;

    /// Reads a field in one go.
    ///
    /// ```text
    /// 1  all bytes in one word; the first that equals the point is found by its zero after a xor
    ///    (a borrow may only mark later ones)
    /// 2  the bytes behind the point move down by one, over it
    /// 3  the digits go up, so that leading zeros fill the word, and are read eight at a time
    /// ```
    #[inline(always)]
    pub(super) fn of(field: Field<'_>) -> Option<Self> {
        let window = field.window::<17>()?;
        let negative = window[0] == b'-';
        let at = usize::from(negative);
        let count = field.len().wrapping_sub(at);
        let (unscaled, fraction) = match count {
            1..=8 => Self::read(word(window, at), count)?,
            9..=16 => Self::read_long([word(window, at), word(window, at + 8)], count)?,
            _ => return None,
        };
        Some(Self {
            negative,
            unscaled,
            fraction,
        })
    }

    /// Digits and fraction digits of the lowest `count` bytes of `word`, 1 to 8 of them.
    #[inline(always)]
    fn read(word: u64, count: usize) -> Option<(u64, usize)> {
        let points = word ^ u64::from_le_bytes([b'.'; 8]);
        let zeros = points.wrapping_sub(u64::from_le_bytes([1; 8])) & !points;
        let point = (zeros & u64::from_le_bytes([0x80; 8])).trailing_zeros() as usize / 8;
        if point >= count {
            let values = (word ^ ZEROS) << (64 - 8 * count);
            return are_digits(values).then(|| (eight(values), 0));
        }
        let before = (1_u64 << (8 * point)) - 1;
        let word = (word ^ ZEROS) & before | (word ^ ZEROS) >> 8 & !before;
        // Two shifts, as the point may be all there is.
        let values = word << 8 << (64 - 8 * count);
        (count > 1 && are_digits(values)).then(|| (eight(values), count - 1 - point))
    }

    /// [`Self::read`] of 9 to 16 bytes.
    #[inline(never)]
    fn read_long(words: [u64; 2], count: usize) -> Option<(u64, usize)> {
        let word = u128::from(words[1]) << 64 | u128::from(words[0]);
        let points = word ^ u128::from_le_bytes([b'.'; 16]);
        let zeros = points.wrapping_sub(u128::from_le_bytes([1; 16])) & !points;
        let point = (zeros & u128::from_le_bytes([0x80; 16])).trailing_zeros() as usize / 8;
        let word = word ^ u128::from_le_bytes([b'0'; 16]);
        let (digits, fraction, word) = if point < count {
            let before = (1_u128 << (8 * point)) - 1;
            (
                count - 1,
                count - 1 - point,
                word & before | word >> 8 & !before,
            )
        } else {
            (count, 0, word)
        };
        if digits > Self::DIGITS_MAX {
            return None;
        }
        let values = word << (128 - 8 * digits);
        let (first, last) = (values as u64, (values >> 64) as u64);
        let good = are_digits(first) && are_digits(last);
        good.then(|| (eight(first) * EIGHT + eight(last), fraction))
    }

    /// The value as a decimal of at most `precision` digits, `scale` of them behind the point.
    #[inline]
    fn to_decimal(self, precision: u8, scale: i8) -> Option<i128> {
        let shift = u32::try_from(i64::from(scale) - self.fraction as i64).ok()?;
        let unscaled = u128::from(self.unscaled) * u128::from(10_u64.checked_pow(shift)?);
        if unscaled >= 10_u128.pow(u32::from(precision.min(PRECISION_MAX))) {
            return None;
        }
        let unscaled = unscaled as i128;
        Some(if self.negative { -unscaled } else { unscaled })
    }
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

    #[inline(always)]
    fn fast(&mut self, field: Field<'_>) -> Option<i128> {
        Short::of(field)?.to_decimal(self.precision, self.scale)
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
        for behind in ["", ",.5.5.5.5.5.5.5.5.5.5", "00000000000000000000"] {
            let bytes = [text, behind].concat();
            let field = Field::within(bytes.as_bytes(), 0, text.len());
            if let Some(fast) = (Decimal { precision, scale }).fast(field) {
                assert_eq!(Ok(fast), value, "{text}");
            }
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

    #[test]
    fn short_notations() {
        let short = |text: &str| {
            let bytes = [text, ",000000000000000000"].concat();
            let short = Short::of(Field::within(bytes.as_bytes(), 0, text.len()))?;
            Some((short.negative, short.unscaled, short.fraction))
        };
        assert_eq!(short("123.45"), Some((false, 12_345, 2)));
        assert_eq!(short("-.5"), Some((true, 5, 1)));
        assert_eq!(short("5."), Some((false, 5, 0)));
        assert_eq!(
            short("-12345678.9012345"),
            Some((true, 123_456_789_012_345, 7))
        );
        assert_eq!(
            short("123456789012345"),
            Some((false, 123_456_789_012_345, 0))
        );
        for text in [
            "",
            "-",
            ".",
            "-.",
            "1.2.3",
            "1,5",
            "1e5",
            "+1",
            "1 ",
            "1234567890123456",
            "1.234567890123456",
        ] {
            assert_eq!(short(text), None, "{text}");
        }
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
        fn short_and_plain_agree(text in "-?[0-9]{0,9}[0-9.]?[0-9]{0,8}|[-0-9.]{0,17}|\\PC{0,17}", scale in 0..9_i8) {
            let _ = read(&text, 12, scale);
        }
    }
}
