//! Text -> int64. A *canonical* text is what printing the value gives; a declared column takes any
//! spelling whose value is exact. Invariant: no digit is ever lost; what does not fit is a misfit.
//!
//! The kernels read eight digits at a time:
//!
//! ```text
//! 1  the word of d <= 8 digits, whatever follows them in the chunk
//!    is shifted out, and the missing leading digits become zero bytes
//! 2  every byte must be 0 to 9: neither it nor it + 6 may reach the upper half byte
//! 3  pairs, then fours, then eights: two multiplications (D. Lemire, "Quickly parsing eight
//!    digits", 2018)
//! 4  up to 16 digits are two such words; of a group whose longest field is that short, every
//!    field is read as if it were, and a bit says afterwards whether it was: there is no branch
//! 5  17 to 19 digits are three words; they always fit u64, so the range is checked last
//! ```

use arrow::array::ArrayRef;
use arrow::buffer::NullBuffer;
use arrow::datatypes::Int64Type;

use super::class::{Class, classify};
use super::column::{Leaf, Misfit, fast_each, primitive, shared};
use super::decimal;
use super::field::{Field, GROUP_ROWS, Group, Unsigned, word};
use crate::base::DataType;
use crate::base::masks::{Kernel, Masks, Task};

/// Eight ASCII zeros.
pub(super) const ZEROS: u64 = u64::from_le_bytes(*b"00000000");

/// Ten to the eighth.
pub(super) const EIGHT: u64 = 100_000_000;

/// How many bits the lowest `count` bytes of a word move up to fill it, where they do not yet:
/// modulo 64.
#[inline(always)]
pub(super) fn up(count: u64) -> u64 {
    count.wrapping_mul(8).wrapping_neg() & 63
}

/// Whether every byte of `values` is 0 to 9.
#[inline(always)]
pub(super) fn are_digits(values: u64) -> bool {
    (values | values.wrapping_add(0x0606_0606_0606_0606)) & 0xF0F0_F0F0_F0F0_F0F0 == 0
}

/// The number whose eight digit values are the bytes of `values`, the first in the lowest place.
#[inline(always)]
pub(super) fn eight(values: u64) -> u64 {
    const EVEN: u64 = 0x0000_00FF_0000_00FF;
    let pairs = values.wrapping_mul(10).wrapping_add(values >> 8);
    let first = (pairs & EVEN).wrapping_mul(100 + (1_000_000 << 32));
    let second = (pairs >> 16 & EVEN).wrapping_mul(1 + (10_000 << 32));
    first.wrapping_add(second) >> 32
}

/// The value of the lowest `count` bytes of `word`, if all are digits; 1 to 8 of them.
#[inline(always)]
fn digits(word: u64, count: usize) -> Option<u64> {
    let values = (word ^ ZEROS) << (64 - 8 * count);
    are_digits(values).then(|| eight(values))
}

/// The value of a canonical field: `-?(0|[1-9][0-9]*)` within 64 bits, and not `-0`.
#[inline(always)]
pub fn parse_canonical(field: Field<'_>) -> Option<i64> {
    let Some(window) = field.window::<9>() else {
        return parse_canonical_plain(field.text());
    };
    let negative = window[0] == b'-';
    let count = field.len().wrapping_sub(usize::from(negative));
    if !(1..=8).contains(&count) {
        return parse_long(field.text());
    }
    let word = word(window, usize::from(negative));
    if word as u8 == b'0' && field.len() > 1 {
        return None;
    }
    let magnitude = digits(word, count)? as i64;
    Some(if negative { -magnitude } else { magnitude })
}

/// Reads the canonical fields of a group, all of at most 16 bytes.
struct ReadGroup<'a, 'b> {
    group: &'a mut Group<'b>,
    cells: &'a mut [i64; GROUP_ROWS],
}

impl Task for ReadGroup<'_, '_> {
    /// A bit for each field that is canonical.
    type Output = u64;

    #[inline(always)]
    fn run<M: Masks>(self, masks: M) -> u64 {
        if self.group.len_max() <= 8 {
            let of = self.group.load_unsigned(false);
            read_each(masks, of, self.cells, up_to_8)
        } else {
            let of = self.group.load_unsigned(true);
            read_each(masks, of, self.cells, up_to_16)
        }
    }
}

/// The number of `count` digits whose values are the first bytes of `word`, and whether it is one.
#[inline(always)]
fn up_to_8([word, _]: [u64; 2], count: u64) -> (u64, bool) {
    let values = word << up(count);
    let good = are_digits(values) & (count.wrapping_sub(1) < 8);
    (eight(values), good)
}

/// [`up_to_8`] of two words.
#[inline(always)]
fn up_to_16([first, second]: [u64; 2], count: u64) -> (u64, bool) {
    let is_long = count > 8;
    let up = up(count);
    let high = if is_long { first << up } else { 0 };
    // What the first word loses; two shifts, as it may be nothing.
    let carried = first >> 1 >> (63 - up);
    let low = if is_long {
        second << up | carried
    } else {
        first << up
    };
    let good = are_digits(low) & are_digits(high) & (count.wrapping_sub(1) < 16);
    (eight(high) * EIGHT + eight(low), good)
}

#[inline(always)]
fn read_each<M: Masks>(
    masks: M,
    of: &Unsigned,
    cells: &mut [i64; GROUP_ROWS],
    read: impl Fn([u64; 2], u64) -> (u64, bool),
) -> u64 {
    let mut good = [0; GROUP_ROWS];
    for row in 0..GROUP_ROWS {
        let words = [of.words[row] ^ ZEROS, of.more[row] ^ ZEROS];
        let (count, sign) = (of.counts[row], of.signs[row]);
        let (magnitude, is_number) = read(words, count);
        let padded = (words[0] & 0xFF == 0) & (count + sign > 1);
        let is_read = is_number & !padded;
        let value = (magnitude ^ sign.wrapping_neg()).wrapping_add(sign);
        cells[row] = if is_read { value as i64 } else { 0 };
        good[row] = u8::from(is_read);
    }
    masks.equal(masks.load(&good), 1)
}

/// [`Leaf::fast_group`] of an int64 column.
#[inline(always)]
fn fast_group<L: Leaf<Cell = i64>>(
    leaf: &mut L,
    kernel: Kernel,
    group: &mut Group<'_>,
    cells: &mut [i64; GROUP_ROWS],
) -> u64 {
    if group.len_max() <= 16 {
        kernel.run(ReadGroup { group, cells })
    } else {
        fast_each(leaf, group, cells)
    }
}

/// [`parse_canonical`] of 9 to 19 digits.
#[inline(never)]
fn parse_long(text: &[u8]) -> Option<i64> {
    let negative = text.first() == Some(&b'-');
    let start = usize::from(negative);
    let count = text.len().checked_sub(start)?;
    if !(9..=19).contains(&count) || text[start] == b'0' {
        return None;
    }
    let low = digits(word(text, text.len() - 8), 8)?;
    let high = match count - 8 {
        more @ 1..=8 => digits(word(text, start), more)?,
        more => {
            let middle = digits(word(text, text.len() - 16), 8)?;
            digits(word(text, start), more - 8)? * EIGHT + middle
        }
    };
    let magnitude = high * EIGHT + low;
    if negative {
        0_i64.checked_sub_unsigned(magnitude)
    } else {
        i64::try_from(magnitude).ok()
    }
}

/// The plain twin of [`parse_canonical`], which turns to it for the last field of a chunk.
#[inline(never)]
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

    #[inline(always)]
    fn fast(&mut self, field: Field<'_>) -> Option<i64> {
        parse_canonical(field)
    }

    #[inline(always)]
    fn fast_group(
        &mut self,
        kernel: Kernel,
        group: &mut Group<'_>,
        cells: &mut [i64; GROUP_ROWS],
    ) -> u64 {
        fast_group(self, kernel, group, cells)
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

    #[inline(always)]
    fn fast(&mut self, field: Field<'_>) -> Option<i64> {
        parse_canonical(field)
    }

    #[inline(always)]
    fn fast_group(
        &mut self,
        kernel: Kernel,
        group: &mut Group<'_>,
        cells: &mut [i64; GROUP_ROWS],
    ) -> u64 {
        fast_group(self, kernel, group, cells)
    }

    fn array(&self, cells: Vec<i64>, nulls: Option<NullBuffer>) -> ArrayRef {
        Inferred.array(cells, nulls)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tests::assert_group_reads;
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

        #[test]
        fn groups_read_as_the_plain_twin(
            texts in prop::collection::vec("-?[0-9]{0,9}|-?[0-9]{0,21}|-?[0-9 .+e-]{0,12}|\\PC{0,9}", 1..=64), len_max in 1..20_usize,
        ) {
            let texts: Vec<&str> = texts.iter().map(String::as_str).filter(|text| text.len() <= len_max).collect();
            let canonical = |(row, text): (usize, &&str)| u64::from(canonical(text).is_some()) << row;
            let expected: u64 = texts.iter().enumerate().map(canonical).sum();
            prop_assert_eq!(assert_group_reads(&mut Inferred, &texts), expected);
        }
    }
}
