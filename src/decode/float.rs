//! Text -> float64: the nearest float64 of any decimal notation, and the spellings of infinity and
//! NaN. Invariant: finite digits never become infinite, and an inferred column never takes an
//! integer that float64 cannot hold.

use arrow::array::ArrayRef;
use arrow::buffer::NullBuffer;
use arrow::datatypes::Float64Type;

use super::class::{Class, classify};
use super::column::{Leaf, Misfit, primitive, shared};
use super::field::Field;

/// No integer of fewer digits is beyond 2^53.
const EXACT_DIGITS: usize = 15;

/// The float64 nearest to `text`.
///
/// # Errors
/// [`Misfit::Mismatch`] if it is no number, [`Misfit::OutOfRange`] if it is finite and nearest to
/// infinity.
pub fn parse_nearest(text: &[u8]) -> Result<f64, Misfit> {
    let value: f64 = fast_float2::parse(text).map_err(|_| Misfit::Mismatch)?;
    if value.is_infinite() && text.iter().any(u8::is_ascii_digit) {
        return Err(Misfit::OutOfRange);
    }
    Ok(value)
}

/// The nearest float64 of a field that starts as a number; infinity and NaN are left to the plain
/// way, as they may be null tokens.
#[inline]
fn parse_number(field: Field<'_>) -> Option<f64> {
    let start = field.byte(usize::from(matches!(field.byte(0), b'-' | b'+')));
    if !(start.is_ascii_digit() || start == b'.') {
        return None;
    }
    let value: f64 = fast_float2::parse(field.text()).ok()?;
    value.is_finite().then_some(value)
}

/// Whether float64 holds the integer literal `text`. Beyond 38 digits the answer is no.
fn holds(text: &[u8]) -> bool {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    let value = digits.iter().try_fold(0_u128, |value, byte| {
        value.checked_mul(10)?.checked_add(u128::from(byte - b'0'))
    });
    digits.len() <= 38 && value.is_some_and(|value| value as f64 as u128 == value)
}

/// An inferred float64 column.
pub(super) struct Inferred;

impl Leaf for Inferred {
    type Cell = f64;

    fn parse(&mut self, text: &[u8]) -> Result<f64, Misfit> {
        match classify(text).class {
            Class::Wide | Class::Huge if !holds(text) => Err(Misfit::OutOfRange),
            Class::Padded => Err(Misfit::Mismatch),
            _ => parse_nearest(text),
        }
    }

    #[inline]
    fn fast(&mut self, field: Field<'_>) -> Option<f64> {
        let value = parse_number(field)?;
        let start = usize::from(field.byte(0) == b'-');
        let padded = field.byte(start) == b'0' && field.byte(start + 1).is_ascii_digit();
        let is_fraction = |byte: &u8| matches!(byte, b'.' | b'e' | b'E');
        let short = field.len() <= EXACT_DIGITS;
        let plain = padded || field.byte(0) == b'+';
        (!plain && (short || field.text().iter().any(is_fraction))).then_some(value)
    }

    fn array(&self, cells: Vec<f64>, nulls: Option<NullBuffer>) -> ArrayRef {
        shared(primitive::<Float64Type>(cells, nulls))
    }
}

/// A declared float64 column: the user knows that float64 rounds.
pub(super) struct Declared;

impl Leaf for Declared {
    type Cell = f64;

    fn parse(&mut self, text: &[u8]) -> Result<f64, Misfit> {
        parse_nearest(text)
    }

    #[inline]
    fn fast(&mut self, field: Field<'_>) -> Option<f64> {
        parse_number(field)
    }

    fn array(&self, cells: Vec<f64>, nulls: Option<NullBuffer>) -> ArrayRef {
        Inferred.array(cells, nulls)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn declared(text: &str) -> Result<u64, Misfit> {
        let plain = Declared.parse(text.as_bytes()).map(f64::to_bits);
        if let Some(fast) = Declared.fast(Field::new(text.as_bytes())) {
            assert_eq!(Ok(fast.to_bits()), plain, "{text}");
        }
        plain
    }

    fn inferred(text: &str) -> Result<u64, Misfit> {
        let plain = Inferred.parse(text.as_bytes()).map(f64::to_bits);
        let behind = [text, "5.5"].concat();
        for bytes in [text, &behind] {
            let field = Field::within(bytes.as_bytes(), 0, text.len());
            if let Some(fast) = Inferred.fast(field) {
                assert_eq!(Ok(fast.to_bits()), plain, "{text}");
            }
        }
        plain
    }

    #[test]
    fn inferred_never_damages_an_integer() {
        for text in [
            "0",
            "-0",
            "5",
            "9007199254740992",
            "-9007199254740994",
            ".5",
            "5.",
            "1e5",
            "+1.5",
            "0.5",
            "inf",
            "-Infinity",
            "NaN",
            "9007199254740993.0",
            "18446744073709551616",
        ] {
            assert_eq!(
                inferred(text),
                Ok(text.parse::<f64>().unwrap().to_bits()),
                "{text}"
            );
        }
        let long = "1".repeat(39);
        for text in [
            "9007199254740993",
            "-9223372036854775807",
            "18446744073709551617",
            &long,
        ] {
            assert_eq!(inferred(text), Err(Misfit::OutOfRange), "{text}");
            assert_eq!(
                declared(text),
                Ok(text.parse::<f64>().unwrap().to_bits()),
                "{text}"
            );
        }
        for text in [
            "01234",
            "+5",
            "00.5",
            "-01",
            "+0123456789012345",
            "",
            "-",
            ".",
            "e5",
            "1e",
            "abc",
            "1,5",
            "0x10",
            "1_0",
            "2024-01-31",
            "true",
        ] {
            assert_eq!(inferred(text), Err(Misfit::Mismatch), "{text}");
        }
    }

    #[test]
    fn finite_digits_never_become_infinite() {
        for text in ["1e309", "-1e309", "1e99999999999999999999"] {
            assert_eq!(inferred(text), Err(Misfit::OutOfRange), "{text}");
            assert_eq!(declared(text), Err(Misfit::OutOfRange), "{text}");
        }
        assert_eq!(declared("1e-400"), Ok(0));
        assert_eq!(declared("inf"), Ok(f64::INFINITY.to_bits()));
    }

    proptest! {
        #[test]
        fn any_float_reads_back(bits: u64, digits in 0..20_usize) {
            let value = f64::from_bits(bits);
            for text in [format!("{value}"), format!("{value:e}"), format!("{value:.digits$e}")] {
                let std = text.parse::<f64>().unwrap();
                if std.is_finite() {
                    prop_assert_eq!(declared(&text), Ok(std.to_bits()), "{}", text);
                }
            }
        }

        #[test]
        fn any_text_reads_as_std_reads_it(
            text in "[+-]?[0-9]{0,25}\\.?[0-9]{0,25}([eE][+-]?[0-9]{0,4})?|[-+0-9.eEinfaINF]{0,8}|\\PC{0,8}",
        ) {
            let std = text.parse::<f64>().map_err(|_| Misfit::Mismatch);
            let std = std.and_then(|value| {
                let overflow = value.is_infinite() && text.contains(|c: char| c.is_ascii_digit());
                if overflow { Err(Misfit::OutOfRange) } else { Ok(value.to_bits()) }
            });
            prop_assert_eq!(declared(&text), std.clone());
            if let Ok(bits) = inferred(&text) {
                prop_assert_eq!(Ok(bits), std);
            }
        }
    }
}
