//! Text -> int64 or float64 as people write numbers: grouped digits, decimal commas, currency and
//! percent signs, negatives in parentheses. Comes in as a text and its column's notation, goes out
//! as the number that is written (`12.5 %` is 12.5). Invariant: groups are exactly three digits,
//! and what may be an identifier (a leading zero, a plus before grouped digits, more than 18 digits)
//! is no number.

use arrow::array::ArrayRef;
use arrow::buffer::NullBuffer;

use super::column::{Leaf, Misfit};
use super::{float, integer};
use crate::base::{DataType, Grouping, Notation, unit_before, unit_behind};

/// Digits before the decimal mark at most.
const WHOLE_DIGITS_MAX: usize = 18;
/// The longest canonical text.
const BYTES_MAX: usize = 64;
/// The minus sign of typography.
const MINUS: &[u8] = "\u{2212}".as_bytes();
/// Spaces that do not break, and thin ones.
const SPACES: [&[u8]; 4] = [
    " ".as_bytes(),
    "\u{a0}".as_bytes(),
    "\u{202f}".as_bytes(),
    "\u{2009}".as_bytes(),
];
const APOSTROPHES: [&[u8]; 2] = ["'".as_bytes(), "\u{2019}".as_bytes()];

/// A number without what stands around its digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bare<'a> {
    pub(super) negative: bool,
    pub(super) unit: Option<&'static str>,
    plus: bool,
    digits: &'a [u8],
}

/// Takes off sign, parentheses and unit; `None` if what is left does not start as digits do.
pub(super) fn bare(text: &[u8]) -> Option<Bare<'_>> {
    let (mut text, mut signs) = (trim(text), 0);
    if let [b'(', inner @ .., b')'] = text {
        (text, signs) = (trim(inner), 1);
    }
    let (mut unit, mut plus) = (None, false);
    // `-$5`, `$-5`.
    for _ in 0..2 {
        let signed = strip(text, |text, minus| text.strip_prefix(minus));
        if let Some(rest) = signed {
            (text, signs) = (rest, signs + 1);
        } else if let Some(rest) = text.strip_prefix(b"+") {
            (text, plus, signs) = (trim(rest), true, signs + 2 * usize::from(plus));
        }
        if unit.is_none()
            && let Some((found, rest)) = unit_before(text)
        {
            (unit, text) = (Some(found), trim(rest));
        }
    }
    // `5-€`, `5 €-`.
    for _ in 0..2 {
        if let Some(rest) = strip(text, |text, minus| text.strip_suffix(minus)) {
            (text, signs) = (rest, signs + 1);
        }
        if unit.is_none()
            && let Some((found, rest)) = unit_behind(text)
        {
            (unit, text) = (Some(found), trim(rest));
        }
    }
    let starts = matches!(text.first()?, b'0'..=b'9' | b'.' | b',');
    (starts && signs + usize::from(plus) <= 1).then_some(Bare {
        negative: signs == 1,
        unit,
        plus,
        digits: text,
    })
}

/// What is left of `text` once `off` took a minus sign off it.
fn strip<'a>(
    text: &'a [u8],
    off: impl Fn(&'a [u8], &[u8]) -> Option<&'a [u8]>,
) -> Option<&'a [u8]> {
    [&b"-"[..], MINUS]
        .into_iter()
        .find_map(|minus| off(text, minus))
        .map(trim)
}

fn trim(mut text: &[u8]) -> &[u8] {
    while let Some(rest) = SPACES.iter().find_map(|space| text.strip_prefix(*space)) {
        text = rest;
    }
    while let Some(rest) = SPACES.iter().find_map(|space| text.strip_suffix(*space)) {
        text = rest;
    }
    text
}

/// A number in canonical spelling, and what it looked like.
#[derive(Debug, Clone, Copy)]
pub(super) struct Canonical {
    bytes: [u8; BYTES_MAX],
    len: usize,
    /// Groups of digits before the decimal mark.
    pub(super) groups: usize,
    /// Whether it has decimals.
    pub(super) is_fraction: bool,
    /// Digits before the decimal mark.
    pub(super) whole_digits: usize,
}

impl Canonical {
    /// As the plain leaves read it.
    pub(super) fn text(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    fn push(&mut self, bytes: &[u8]) -> Option<()> {
        let room = self.bytes.get_mut(self.len..self.len + bytes.len())?;
        room.copy_from_slice(bytes);
        self.len += bytes.len();
        Some(())
    }
}

impl Bare<'_> {
    /// The number in `notation`, whose unit is another's business.
    pub(super) fn canonical(&self, notation: &Notation) -> Option<Canonical> {
        let mut number = Canonical {
            bytes: [0; BYTES_MAX],
            len: 0,
            groups: 0,
            is_fraction: false,
            whole_digits: 0,
        };
        if self.negative {
            number.push(b"-")?;
        }
        let mut rest = self.digits;
        loop {
            let count = count_digits(rest);
            let (group, behind) = rest.split_at(count);
            number.push(group)?;
            number.groups += 1;
            number.whole_digits += count;
            if number.groups > 1 && count != 3 {
                return None;
            }
            rest = behind;
            match strip_mark(rest, notation.grouping) {
                // The first group has one to three digits, the others three.
                Some(behind) if (1..=3).contains(&count) => rest = behind,
                Some(_) => return None,
                None => break,
            }
        }
        if let [mark, fraction @ ..] = rest {
            let whole = *mark == notation.decimal && !fraction.is_empty();
            if !whole || count_digits(fraction) < fraction.len() {
                return None;
            }
            number.push(b".")?;
            number.push(fraction)?;
            number.is_fraction = true;
        }
        let padded = matches!(self.digits, [b'0', next, ..] if *next != notation.decimal);
        let grouped_plus = self.plus && !number.is_fraction && self.unit.is_none();
        let fits = !padded && !grouped_plus && number.whole_digits <= WHOLE_DIGITS_MAX;
        (fits && number.whole_digits + usize::from(number.is_fraction) > 0).then_some(number)
    }
}

fn count_digits(text: &[u8]) -> usize {
    text.iter().take_while(|byte| byte.is_ascii_digit()).count()
}

/// What is behind the mark between groups.
fn strip_mark(text: &[u8], grouping: Grouping) -> Option<&[u8]> {
    let marks: &[&[u8]] = match grouping {
        Grouping::None => return None,
        Grouping::Comma => &[b","],
        Grouping::Point => &[b"."],
        Grouping::Space => &SPACES,
        Grouping::Apostrophe => &APOSTROPHES,
    };
    marks.iter().find_map(|mark| text.strip_prefix(*mark))
}

/// The number that a column's notation makes of `text`.
fn read(text: &[u8], notation: &Notation) -> Result<Canonical, Misfit> {
    let bare = bare(text).filter(|bare| bare.unit.is_none() || bare.unit == notation.unit);
    // A share without its sign is another number.
    let bare = bare.filter(|bare| bare.unit.is_some() || notation.unit != Some("%"));
    let number = bare.and_then(|bare| bare.canonical(notation));
    number.ok_or(Misfit::Mismatch)
}

/// An int64 column of a notation.
pub(super) struct Integers {
    pub(super) notation: Notation,
    pub(super) declared: bool,
}

impl Leaf for Integers {
    type Cell = i64;

    fn parse(&mut self, text: &[u8]) -> Result<i64, Misfit> {
        let number = read(text, &self.notation)?;
        if number.is_fraction {
            return Err(match self.declared {
                true => Misfit::OutOfRange,
                false => Misfit::Wider(DataType::Float64),
            });
        }
        let zero = number.text() == b"-0";
        let text = if zero { &b"0"[..] } else { number.text() };
        integer::parse_canonical_plain(text).ok_or(Misfit::OutOfRange)
    }

    fn array(&self, cells: Vec<i64>, nulls: Option<NullBuffer>) -> ArrayRef {
        integer::Declared.array(cells, nulls)
    }
}

/// A float64 column of a notation.
pub(super) struct Floats {
    pub(super) notation: Notation,
    pub(super) declared: bool,
}

impl Leaf for Floats {
    type Cell = f64;

    fn parse(&mut self, text: &[u8]) -> Result<f64, Misfit> {
        let number = read(text, &self.notation)?;
        match self.declared {
            true => float::parse_nearest(number.text()),
            false => float::Inferred.parse(number.text()),
        }
    }

    fn array(&self, cells: Vec<f64>, nulls: Option<NullBuffer>) -> ArrayRef {
        float::Declared.array(cells, nulls)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn notation(sample: &str) -> Notation {
        Notation::parse(sample).unwrap_or(Notation::ALL[0])
    }

    fn float(sample: &str, text: &str) -> Result<f64, Misfit> {
        let notation = notation(sample);
        let declared = false;
        Floats { notation, declared }.parse(text.as_bytes())
    }

    #[test]
    fn numbers_in_their_notations() {
        for (sample, text, expected) in [
            ("1,234.50", "1,234.50", 1234.5),
            ("1,234.50", "1234.50", 1234.5),
            ("1,234.50", "-1,234,567", -1_234_567.0),
            ("1,234.50", "(1,234)", -1234.0),
            ("1,234.50", "1,234.5-", -1234.5),
            ("1,234.50", "\u{2212}1,234", -1234.0),
            ("1,234.50", "- 12", -12.0),
            ("1,234.50", "+1,234.5", 1234.5),
            ("1,234.50", ".5", 0.5),
            ("1.234,50", "1.234.567,8", 1_234_567.8),
            ("1.234,50", "0,5", 0.5),
            ("1.234,50 €", "1.200 €", 1200.0),
            ("1.234,50 €", "-1.200,75€", -1200.75),
            ("1.234,50 €", "€ 5", 5.0),
            ("1 234,50", "1 234 567,25", 1_234_567.25),
            ("1 234,50", "1\u{202f}234\u{a0}567", 1_234_567.0),
            ("1'234.50", "1\u{2019}234.50", 1234.5),
            ("1'234.50", "1'234'567.5", 1_234_567.5),
            ("1234,50", "3,25", 3.25),
            ("$1,234.50", "$1,200", 1200.0),
            ("$1,234.50", "($1,200.10)", -1200.1),
            ("$1,234.50", "-$5", -5.0),
            ("$1,234.50", "$-5", -5.0),
            ("$1,234.50", "5", 5.0),
            ("USD 1,234.50", "USD 5", 5.0),
            ("EUR 1,234.50", "5 EUR", 5.0),
            ("R$1.234,50", "R$ 1.234,50", 1234.5),
            ("1234.50%", "12.5 %", 12.5),
            ("1234.50%", "-3%", -3.0),
        ] {
            assert_eq!(float(sample, text), Ok(expected), "{sample}: {text}");
        }
    }

    #[test]
    fn what_is_no_number_of_the_notation() {
        for (sample, texts) in [
            (
                "1,234.50",
                &[
                    "",
                    "-",
                    "()",
                    "(",
                    "1,23",
                    "12,34,567",
                    "1234,567",
                    ",123",
                    "1,234,",
                    "1,,234",
                    "0,123",
                    "01234",
                    "00",
                    "1.234.567",
                    "1.",
                    "--1",
                    "(-1)",
                    "-1-",
                    "$5",
                    "5%",
                    "+",
                    "1 234",
                    "1e5",
                    "+1 555",
                    "555-1234",
                    "1.2.3",
                    "1,234.5.6",
                    "١٢",
                    "1,234,567,890,123,456,789",
                    "+1,234",
                    "inf",
                    ".",
                ][..],
            ),
            (
                "1.234,50",
                &["192.168.1.1", "1.2.3", "1.5", "12.34,5", "1,234.5"],
            ),
            (
                "1 234,50",
                &["+1 555 123 4567", "555 1234", "1  234", "01 234"],
            ),
            ("$1,234.50", &["€5", "USD 5", "$", "$5$", "$ ", "5%"]),
            ("1234.50%", &["12.5", "%5", "%"]),
        ] {
            for text in texts {
                assert_eq!(
                    float(sample, text),
                    Err(Misfit::Mismatch),
                    "{sample}: {text}"
                );
            }
        }
        assert_eq!(
            float("1,234.50", "9,007,199,254,740,993"),
            Err(Misfit::OutOfRange)
        );
    }

    #[test]
    fn integers() {
        let notation = notation("1,234.50");
        let [mut inferred, mut declared] =
            [false, true].map(|declared| Integers { notation, declared });
        assert_eq!(inferred.parse(b"1,234"), Ok(1234));
        assert_eq!(inferred.parse(b"(0)"), Ok(0));
        assert_eq!(inferred.parse(b"-0"), Ok(0));
        assert_eq!(
            inferred.parse(b"1,234.5"),
            Err(Misfit::Wider(DataType::Float64))
        );
        assert_eq!(declared.parse(b"1,234.5"), Err(Misfit::OutOfRange));
        assert_eq!(declared.parse(b"x"), Err(Misfit::Mismatch));
    }

    /// `value / 100` as people write it.
    fn write(value: i64, sample: &str, style: usize) -> String {
        let notation = notation(sample);
        let mark = match notation.grouping {
            Grouping::None => "",
            Grouping::Comma => ",",
            Grouping::Point => ".",
            Grouping::Space => [" ", "\u{a0}", "\u{202f}"][style % 3],
            Grouping::Apostrophe => ["'", "\u{2019}"][style % 2],
        };
        let digits = (value.unsigned_abs() / 100).to_string();
        let mut whole = String::new();
        for (index, digit) in digits.chars().enumerate() {
            if index > 0 && (digits.len() - index).is_multiple_of(3) {
                whole += mark;
            }
            whole.push(digit);
        }
        let decimal = char::from(notation.decimal);
        let number = format!("{whole}{decimal}{:02}", value.unsigned_abs() % 100);
        let number = match (notation.unit, style % 3) {
            (None, _) => number,
            (Some(unit), 0) if unit != "%" => format!("{unit}{number}"),
            (Some(unit), 1) if unit != "%" => format!("{unit} {number}"),
            (Some(unit), _) => format!("{number} {unit}"),
        };
        match (value < 0, style % 4) {
            (false, _) => number,
            (true, 0) => format!("({number})"),
            (true, 1) => format!("{number}-"),
            (true, 2) => format!("\u{2212}{number}"),
            (true, _) => format!("-{number}"),
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(value in -9_007_199_254_740_992..9_007_199_254_740_992_i64, shift in 0..50, style in 0..12_usize, at in 0..12_usize) {
            const SAMPLES: [&str; 12] = [
                "1,234.50", "1.234,50", "1 234,50", "1 234.50", "1'234.50", "1'234,50", "1234,50",
                "$1,234.50", "1.234,50 €", "CHF 1'234.50", "1.234,50%", "1234.50 kr",
            ];
            let value = value >> shift;
            let text = write(value, SAMPLES[at], style);
            let plain = format!("{}{}.{:02}", if value < 0 { "-" } else { "" }, value.unsigned_abs() / 100, value.unsigned_abs() % 100);
            prop_assert_eq!(float(SAMPLES[at], &text), Ok(plain.parse().unwrap()), "{}", text);
        }

        #[test]
        fn no_text_is_a_panic(text in "[-+()$€%., '0-9\u{2212}\u{a0}]{0,20}|\\PC{0,12}") {
            for notation in Notation::ALL {
                let _ = Floats { notation, declared: false }.parse(text.as_bytes());
            }
        }
    }
}
