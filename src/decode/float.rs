//! Text -> float64: the nearest float64 of any decimal notation, and the spellings of infinity and
//! NaN. Invariant: finite digits never become infinite, and an inferred column never takes an
//! integer that float64 cannot hold.

use arrow::array::ArrayRef;
use arrow::buffer::NullBuffer;
use arrow::datatypes::Float64Type;

use super::class::{Class, classify};
use super::column::{Leaf, Misfit, fast_each, primitive, shared};
use super::decimal::Short;
use super::field::{Field, GROUP_ROWS, Group, Unsigned};
use super::integer::{ZEROS, are_digits, eight, up};
use crate::base::masks::{Kernel, Masks, Task};

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

/// Powers of ten that float64 holds exactly.
const POWERS: [f64; 16] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
];

/// The nearest float64 of a field that starts as a number; infinity and NaN are left to the plain
/// way, as they may be null tokens.
///
/// Fifteen digits are an exact float64, and so is the power of ten: one division rounds once
/// (W. Clinger, "How to read floating point numbers accurately", 1990).
#[inline(always)]
fn parse_number(field: Field<'_>) -> Option<f64> {
    Short::of(field)
        .map(scale)
        .or_else(|| parse_long(field.text()))
}

/// The nearest float64 of a notation that was read.
#[inline(always)]
fn scale(short: Short) -> f64 {
    // Fifteen digits are fewer than 63 bits, and signed integers convert faster.
    let value = short.unscaled as i64 as f64 / POWERS[short.fraction];
    if short.negative { -value } else { value }
}

/// Reads the short notations of a group, all of at most 16 bytes.
///
/// ```text
/// 1  digit values, and zero behind the field; the first byte that equals the point is found by its
///    zero after a xor (a borrow may only mark later ones)
/// 2  the bytes behind the point move down by one, over it
/// 3  missing digits behind the last are zeros, so the number has 8 or 15 digits, and the power of
///    ten depends only on how many stand before the point
/// ```
struct ReadGroup<'a, 'b> {
    group: &'a mut Group<'b>,
    cells: &'a mut [f64; GROUP_ROWS],
    /// Whether to leave out what may be an identifier: a zero before another digit.
    inferred: bool,
}

impl Task for ReadGroup<'_, '_> {
    /// A bit for each field that was read.
    type Output = u64;

    #[inline(always)]
    fn run<M: Masks>(self, masks: M) -> u64 {
        if self.group.len_max() <= 8 {
            let of = self.group.load_unsigned(false);
            read_each(masks, of, self.cells, self.inferred, up_to_8)
        } else {
            let of = self.group.load_unsigned(true);
            read_each(masks, of, self.cells, self.inferred, up_to_16)
        }
    }
}

/// What a kernel has read: `unscaled / 10^scale`, if it is `good`.
struct Scaled {
    unscaled: u64,
    scale: u64,
    good: bool,
}

const ONES: u64 = u64::from_le_bytes([1; 8]);

/// Ones below the first byte of `values` that is a point, all if there is none; and whether there
/// is one.
#[inline(always)]
fn before_point(values: u64) -> (u64, bool) {
    let points = values ^ (ONES * u64::from(b'.' ^ b'0'));
    let zeros = points.wrapping_sub(ONES) & !points & (ONES << 7);
    let first = zeros & zeros.wrapping_neg();
    ((first >> 7).wrapping_sub(1), first != 0)
}

/// Number of bytes of a mask of whole bytes.
#[inline(always)]
fn count_bytes(mask: u64) -> u64 {
    (mask & ONES).wrapping_mul(ONES) >> 56
}

/// The number of a field of `count` bytes, at most 8, given as digit values.
#[inline(always)]
fn up_to_8([word, _]: [u64; 2], count: u64) -> Scaled {
    let field = u64::MAX >> up(count);
    let word = word & field;
    let (before, has_point) = before_point(word);
    let values = word & before | word >> 8 & !before;
    let digits = count.wrapping_sub(u64::from(has_point));
    Scaled {
        unscaled: eight(values),
        scale: 8_u64.wrapping_sub(count_bytes(before & field)),
        good: are_digits(values) & (digits.wrapping_sub(1) < 8),
    }
}

/// [`up_to_8`] of two words and 15 digits.
#[inline(always)]
fn up_to_16([first, second]: [u64; 2], count: u64) -> Scaled {
    let is_long = count > 8;
    let last = u64::MAX >> up(count);
    let fields = if is_long { [u64::MAX, last] } else { [last, 0] };
    let (first, second) = (first & fields[0], second & fields[1]);
    let (before_first, in_first) = before_point(first);
    let (before_second, in_second) = before_point(second);
    let before_second = if in_first { 0 } else { before_second };
    let joined = first >> 8 | second << 56;
    let high = first & before_first | joined & !before_first;
    let low = second & before_second | second >> 8 & !before_second;
    let digits = count.wrapping_sub(u64::from(in_first | in_second));
    let before = count_bytes(before_first & fields[0]) + count_bytes(before_second & fields[1]);
    Scaled {
        // There is no sixteenth digit.
        unscaled: eight(high) * 10_000_000 + eight(low << 8),
        scale: 15_u64.wrapping_sub(before),
        good: are_digits(high) & are_digits(low) & (digits.wrapping_sub(1) < 15),
    }
}

#[inline(always)]
fn read_each<M: Masks>(
    masks: M,
    of: &Unsigned,
    cells: &mut [f64; GROUP_ROWS],
    inferred: bool,
    read: impl Fn([u64; 2], u64) -> Scaled,
) -> u64 {
    /// 2^52 and its bits: a smaller integer put below them makes the float64 that much larger.
    const LARGE: f64 = (1_u64 << 52) as f64;
    let mut good = [0; GROUP_ROWS];
    for row in 0..GROUP_ROWS {
        let words = [of.words[row] ^ ZEROS, of.more[row] ^ ZEROS];
        let count = of.counts[row];
        let scaled = read(words, count);
        let is_padded = (words[0] & 0xFF == 0) & (words[0] >> 8 & 0xFF <= 9) & (count > 1);
        let is_read = scaled.good & !(is_padded & inferred);
        let unscaled = f64::from_bits(scaled.unscaled | LARGE.to_bits()) - LARGE;
        let value = unscaled / POWERS[(scaled.scale & 15) as usize];
        let value = f64::from_bits(value.to_bits() | of.signs[row] << 63);
        cells[row] = if is_read { value } else { 0.0 };
        good[row] = u8::from(is_read);
    }
    masks.equal(masks.load(&good), 1)
}

/// [`Leaf::fast_group`] of a float64 column.
#[inline(always)]
fn fast_group<L: Leaf<Cell = f64>>(
    leaf: &mut L,
    kernel: Kernel,
    group: &mut Group<'_>,
    cells: &mut [f64; GROUP_ROWS],
    inferred: bool,
) -> u64 {
    if group.len_max() <= 16 {
        kernel.run(ReadGroup {
            group,
            cells,
            inferred,
        })
    } else {
        fast_each(leaf, group, cells)
    }
}

#[inline(never)]
fn parse_long(text: &[u8]) -> Option<f64> {
    let start = text.strip_prefix(b"-").unwrap_or(text).first()?;
    if !matches!(start, b'0'..=b'9' | b'.') {
        return None;
    }
    let value: f64 = fast_float2::parse(text).ok()?;
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

    #[inline(always)]
    fn fast(&mut self, field: Field<'_>) -> Option<f64> {
        let value = parse_number(field)?;
        let text = field.text();
        // What may be an identifier, or an integer that float64 does not hold, is left to the
        // plain way.
        let padded = matches!(
            text,
            [b'0', b'0'..=b'9', ..] | [b'-', b'0', b'0'..=b'9', ..]
        );
        let is_fraction = |byte: &u8| matches!(byte, b'.' | b'e' | b'E');
        let exact = text.len() <= EXACT_DIGITS || text.iter().any(is_fraction);
        (exact && !padded).then_some(value)
    }

    #[inline(always)]
    fn fast_group(
        &mut self,
        kernel: Kernel,
        group: &mut Group<'_>,
        cells: &mut [f64; GROUP_ROWS],
    ) -> u64 {
        fast_group(self, kernel, group, cells, true)
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

    #[inline(always)]
    fn fast(&mut self, field: Field<'_>) -> Option<f64> {
        parse_number(field)
    }

    #[inline(always)]
    fn fast_group(
        &mut self,
        kernel: Kernel,
        group: &mut Group<'_>,
        cells: &mut [f64; GROUP_ROWS],
    ) -> u64 {
        fast_group(self, kernel, group, cells, false)
    }

    fn array(&self, cells: Vec<f64>, nulls: Option<NullBuffer>) -> ArrayRef {
        Inferred.array(cells, nulls)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tests::assert_group_reads;
    use super::*;

    fn declared(text: &str) -> Result<u64, Misfit> {
        let plain = Declared.parse(text.as_bytes()).map(f64::to_bits);
        for behind in ["", ",.5.5.5.5.5.5.5.5.5.5", "00000000000000000000"] {
            let bytes = [text, behind].concat();
            let field = Field::within(bytes.as_bytes(), 0, text.len());
            if let Some(fast) = Declared.fast(field) {
                assert_eq!(Ok(fast.to_bits()), plain, "{text}");
            }
        }
        plain
    }

    fn inferred(text: &str) -> Result<u64, Misfit> {
        let plain = Inferred.parse(text.as_bytes()).map(f64::to_bits);
        let behind = [text, "5.5555555555555555555"].concat();
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

    #[test]
    fn groups_take_short_notations() {
        let texts = [
            "0", "-0", "5", "1.5", "-.25", "7.", "123456.8", "0.0", "00", "01.5", "x",
        ];
        let taken = assert_group_reads(&mut Inferred, &texts);
        assert_eq!(taken, 0b000_1111_1111);
        let texts = [&texts[..], &["123456789.012345", "-12345678901234", "1e5"]].concat();
        let taken = assert_group_reads(&mut Declared, &texts);
        assert_eq!(taken, 0b01_1011_1111_1111);
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
            text in "[+-]?[0-9]{0,25}\\.?[0-9]{0,25}([eE][+-]?[0-9]{0,4})?|-?[0-9]{0,8}\\.[0-9]{0,8}|[-+0-9.eEinfaINF]{0,8}|\\PC{0,8}",
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

        #[test]
        fn groups_read_as_the_plain_twin(
            texts in prop::collection::vec("-?[0-9]{0,9}[.]?[0-9]{0,8}|[-0-9.]{0,17}|\\PC{0,9}", 1..=64), len_max in 1..20_usize,
        ) {
            let texts: Vec<&str> = texts.iter().map(String::as_str).filter(|text| text.len() <= len_max).collect();
            assert_group_reads(&mut Inferred, &texts);
            assert_group_reads(&mut Declared, &texts);
        }
    }
}
