//! Text -> int64. A *canonical* text is what printing the value gives; a declared column takes any
//! spelling whose value is exact. Invariant: no digit is ever lost; what does not fit is a misfit.
//!
//! The kernel reads eight digits at a time:
//!
//! ```text
//! 1  the word of d <= 8 digits, shifted up so that the missing leading digits are zero bytes
//! 2  every byte must be 0 to 9: neither it nor it + 6 may reach the upper half byte
//! 3  pairs, then fours, then eights: two multiplications (D. Lemire, "Quickly parsing eight
//!    digits", 2018)
//! 4  17 to 19 digits are three words; they always fit u64, so the range is checked last
//! ```

use arrow::array::ArrayRef;
use arrow::buffer::NullBuffer;
use arrow::datatypes::Int64Type;

use super::class::{Class, classify};
use super::column::{Leaf, Misfit, primitive, shared};
use super::decimal;
use super::field::Field;
use crate::base::DataType;

/// The value of the `count` digits from `at`, 1 to 8 of them.
#[inline]
fn digits(field: Field<'_>, at: usize, count: usize) -> Option<u64> {
    let values = (field.word(at) ^ 0x3030_3030_3030_3030) << (64 - 8 * count);
    let above_nine = values | values.wrapping_add(0x0606_0606_0606_0606);
    if above_nine & 0xF0F0_F0F0_F0F0_F0F0 != 0 {
        return None;
    }
    const EVEN: u64 = 0x0000_00FF_0000_00FF;
    let pairs = values.wrapping_mul(10).wrapping_add(values >> 8);
    let first = (pairs & EVEN).wrapping_mul(100 + (1_000_000 << 32));
    let second = (pairs >> 16 & EVEN).wrapping_mul(1 + (10_000 << 32));
    Some(first.wrapping_add(second) >> 32)
}

/// The value of a canonical field: `-?(0|[1-9][0-9]*)` within 64 bits, and not `-0`.
#[inline]
pub fn parse_canonical(field: Field<'_>) -> Option<i64> {
    let negative = field.byte(0) == b'-';
    let start = usize::from(negative);
    let count = field.len().checked_sub(start)?;
    if field.byte(start) == b'0' && field.len() > 1 {
        return None;
    }
    let magnitude = match count {
        1..=8 => digits(field, start, count)?,
        9..=16 => {
            let low = digits(field, start + count - 8, 8)?;
            digits(field, start, count - 8)? * 100_000_000 + low
        }
        17..=19 => {
            let low = digits(field, start + count - 8, 8)?;
            let middle = digits(field, start + count - 16, 8)?;
            let high = digits(field, start, count - 16)?;
            (high * 100_000_000 + middle) * 100_000_000 + low
        }
        _ => return None,
    };
    if negative {
        0_i64.checked_sub_unsigned(magnitude)
    } else {
        i64::try_from(magnitude).ok()
    }
}

/// The plain twin of [`parse_canonical`].
pub fn parse_canonical_plain(text: &[u8]) -> Option<i64> {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    if digits.is_empty() || (digits[0] == b'0' && text.len() > 1) {
        return None;
    }
    digits.iter().try_fold(0_i64, |value, &byte| {
        let digit = byte.is_ascii_digit().then(|| i64::from(byte - b'0'))?;
        let value = value.checked_mul(10)?;
        if text.len() > digits.len() {
            value.checked_sub(digit)
        } else {
            value.checked_add(digit)
        }
    })
}

/// An inferred int64 column: canonical texts only.
pub(super) struct Inferred;

impl Leaf for Inferred {
    type Cell = i64;

    fn parse(&mut self, text: &[u8]) -> Result<i64, Misfit> {
        if let Some(value) = parse_canonical_plain(text) {
            return Ok(value);
        }
        Err(match classify(text).class {
            Class::Float => Misfit::Wider(DataType::Float64),
            Class::Huge => Misfit::OutOfRange,
            _ => Misfit::Mismatch,
        })
    }

    #[inline]
    fn fast(&mut self, field: Field<'_>) -> Option<i64> {
        parse_canonical(field)
    }

    fn array(&self, cells: Vec<i64>, nulls: Option<NullBuffer>) -> ArrayRef {
        shared(primitive::<Int64Type>(cells, nulls))
    }
}

/// A declared int64 column: `+5`, `007` and `3.00` too.
pub(super) struct Declared;

impl Leaf for Declared {
    type Cell = i64;

    fn parse(&mut self, text: &[u8]) -> Result<i64, Misfit> {
        let value = decimal::parse(text, 38, 0)?;
        i64::try_from(value).map_err(|_| Misfit::OutOfRange)
    }

    #[inline]
    fn fast(&mut self, field: Field<'_>) -> Option<i64> {
        parse_canonical(field)
    }

    fn array(&self, cells: Vec<i64>, nulls: Option<NullBuffer>) -> ArrayRef {
        Inferred.array(cells, nulls)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Both twins, with something and with nothing behind the field.
    fn canonical(text: &str) -> Option<i64> {
        let plain = parse_canonical_plain(text.as_bytes());
        assert_eq!(
            parse_canonical(Field::new(text.as_bytes())),
            plain,
            "{text}"
        );
        for behind in [",1234567890", "\n", "00000000000"] {
            let bytes = [text, behind].concat();
            let field = Field::within(bytes.as_bytes(), 0, text.len());
            assert_eq!(parse_canonical(field), plain, "{text}");
        }
        plain
    }

    #[test]
    fn canonical_is_what_printing_gives() {
        for value in [0, 1, -1, 9, 10, 99_999_999, 100_000_000, i64::MIN, i64::MAX] {
            assert_eq!(canonical(&value.to_string()), Some(value));
        }
        for text in [
            "",
            "-",
            "+",
            "+5",
            "-0",
            "00",
            "01234",
            "-012",
            "1 ",
            "1.0",
            "1e5",
            "1-",
            "/",
            ":",
            "9223372036854775808",
            "-9223372036854775809",
            "99999999999999999999",
            "1234567:",
            "12345678\u{fa}",
            "0x10",
            "1_000",
            "--1",
            "123456789-",
        ] {
            assert_eq!(canonical(text), None, "{text}");
        }
    }

    #[test]
    fn declared_takes_any_exact_spelling() {
        let cases: [(&str, Result<i64, Misfit>); 12] = [
            ("007", Ok(7)),
            ("+5", Ok(5)),
            ("-0", Ok(0)),
            ("3.00", Ok(3)),
            ("3.", Ok(3)),
            ("1e3", Ok(1000)),
            ("-9223372036854775808.0", Ok(i64::MIN)),
            ("3.5", Err(Misfit::OutOfRange)),
            ("9223372036854775808", Err(Misfit::OutOfRange)),
            ("1e99", Err(Misfit::OutOfRange)),
            ("abc", Err(Misfit::Mismatch)),
            ("1,5", Err(Misfit::Mismatch)),
        ];
        for (text, expected) in cases {
            assert_eq!(Declared.parse(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn inferred_misfits() {
        for text in ["3.5", "3.0", "1e5", "-0", "-.5"] {
            let widen = Err(Misfit::Wider(DataType::Float64));
            assert_eq!(Inferred.parse(text.as_bytes()), widen, "{text}");
        }
        for text in ["01234", "+5", "abc", "true", "2024-01-31", "1e999"] {
            assert_ne!(Inferred.parse(text.as_bytes()), Ok(0), "{text}");
            let misfit = Inferred.parse(text.as_bytes()).unwrap_err();
            assert!(!matches!(misfit, Misfit::Wider(_)), "{text}");
        }
        let misfit = Inferred.parse(b"9223372036854775808");
        assert_eq!(misfit, Err(Misfit::OutOfRange));
    }

    proptest! {
        #[test]
        fn any_integer_reads_as_std_reads_it(value in any::<i64>(), shift in 0..64) {
            let value: i64 = value >> shift;
            prop_assert_eq!(canonical(&value.to_string()), Some(value));
        }

        #[test]
        fn twins_agree_on_anything(text in "-?[0-9]{0,21}|-?[0-9 .+e-]{0,12}|\\PC{0,12}") {
            let std = text.parse::<i64>().ok().filter(|value| value.to_string() == text);
            prop_assert_eq!(canonical(&text), std);
        }
    }
}
