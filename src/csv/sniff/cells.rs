//! What a cell looks like when nothing is known of its column: a value, or something torn apart.

/// What a cell looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Nothing but spaces, or a word for a missing value.
    Empty,
    /// A number in any notation: digits with separators, a sign, a currency or percent sign.
    Number,
    /// A date, a time of day, or both.
    Moment,
    /// Words.
    Text,
    /// Something with a quote at one end or a usual delimiter within.
    Odd,
}

impl Kind {
    pub(super) const ALL: [Self; 5] = [
        Self::Empty,
        Self::Number,
        Self::Moment,
        Self::Text,
        Self::Odd,
    ];

    /// Whether it is a number or a moment, which seldom name a column.
    pub(super) fn is_value(self) -> bool {
        matches!(self, Self::Number | Self::Moment)
    }
}

/// Spellings of a missing value, in lower case.
const MISSING: [&[u8]; 9] = [
    b"na", b"n/a", b"#n/a", b"nan", b"null", b"none", b"-", b"?", b"nil",
];

/// What `cell` looks like.
pub(super) fn kind(cell: &[u8]) -> Kind {
    let cell = cell.trim_ascii();
    let is_missing = |word: &&[u8]| word.eq_ignore_ascii_case(cell);
    if cell.is_empty() || MISSING.iter().any(is_missing) {
        Kind::Empty
    } else if is_number(cell) {
        Kind::Number
    } else if is_moment(cell) {
        Kind::Moment
    } else if is_torn(cell) {
        Kind::Odd
    } else {
        Kind::Text
    }
}

/// Whether `cell` is a number: `-1.5e3`, `1,234.50`, `1.234,50`, `$ 5`, `5 %`, `(5)`.
fn is_number(cell: &[u8]) -> bool {
    let text = String::from_utf8_lossy(cell);
    let text = text.trim_matches(|c: char| "()$€£¥% ".contains(c));
    let text = text.strip_prefix(['+', '-']).unwrap_or(text);
    let text = text.trim_start_matches(['$', '€', '£', '¥', ' ']);
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let has_digit = mantissa.bytes().any(|byte| byte.is_ascii_digit());
    has_digit && is_digits(exponent) && are_groups(mantissa)
}

/// Whether digits and separators stand as in a number: at most one point or comma, or groups of
/// three digits with one separator between them and perhaps another before the fraction.
fn are_groups(mantissa: &str) -> bool {
    let is_separator = |c: char| matches!(c, '.' | ',' | '\'' | ' ' | '_');
    if !mantissa
        .chars()
        .all(|c| c.is_ascii_digit() || is_separator(c))
    {
        return false;
    }
    let separators: Vec<char> = mantissa.chars().filter(|c| is_separator(*c)).collect();
    let Some((last, before)) = separators.split_last() else {
        return true;
    };
    if before.is_empty() {
        return matches!(last, '.' | ',') || is_grouped(mantissa, *last);
    }
    let group = before[0];
    let (whole, fraction) = match *last == group {
        true => (mantissa, ""),
        false => mantissa.rsplit_once(*last).unwrap_or((mantissa, "")),
    };
    before.iter().all(|separator| *separator == group)
        && fraction.bytes().all(|byte| byte.is_ascii_digit())
        && is_grouped(whole, group)
}

/// Whether all groups behind the first have three digits.
fn is_grouped(whole: &str, separator: char) -> bool {
    let mut groups = whole.split(separator);
    let first = groups.next().unwrap_or_default();
    (1..=3).contains(&first.len()) && groups.all(|group| group.len() == 3)
}

/// Whether `cell` is made of two or three numbers between dashes, slashes, points or colons, and
/// of what else stands in dates and times.
fn is_moment(cell: &[u8]) -> bool {
    const LONGEST: usize = 40;
    let starts = cell[0].is_ascii_digit() || cell[0].is_ascii_alphabetic();
    if cell.len() > LONGEST || !starts {
        return false;
    }
    let mut numbers = 0;
    let mut marks = 0;
    for run in cell.chunk_by(|one, other| class(*one) == class(*other)) {
        match class(run[0]) {
            Class::Digit if run.len() <= 9 => numbers += 1,
            // A comma within a moment has a space behind it.
            Class::Mark if run.len() <= 2 && (!run.contains(&b',') || run == b", ") => marks += 1,
            Class::Letter if is_word_of_time(run) => {}
            _ => return false,
        }
    }
    numbers >= 2 && marks >= 1
}

#[derive(PartialEq)]
enum Class {
    Digit,
    Letter,
    Mark,
    Other,
}

fn class(byte: u8) -> Class {
    match byte {
        b'0'..=b'9' => Class::Digit,
        b'-' | b'/' | b'.' | b':' | b' ' | b',' | b'+' => Class::Mark,
        byte if byte.is_ascii_alphabetic() => Class::Letter,
        _ => Class::Other,
    }
}

/// Whether `word` stands in dates and times: months, days, halves of the day, zones.
fn is_word_of_time(word: &[u8]) -> bool {
    const STARTS: [&[u8]; 19] = [
        b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov",
        b"dec", b"mon", b"tue", b"wed", b"thu", b"fri", b"sat", b"sun",
    ];
    const WORDS: [&[u8]; 7] = [b"t", b"z", b"am", b"pm", b"utc", b"gmt", b"h"];
    let word = word.to_ascii_lowercase();
    WORDS.contains(&&*word)
        || (word.len() <= 9 && STARTS.iter().any(|start| word.starts_with(start)))
}

/// Whether a delimiter or an end of quoting seems to stand within `cell`.
fn is_torn(cell: &[u8]) -> bool {
    let quotes = |byte: &u8| matches!(byte, b'"');
    let at_ends = cell.first().is_some_and(quotes) || cell.last().is_some_and(quotes);
    // A comma stands in text too, behind which there is a space.
    let tears = |pair: &[u8]| match pair[0] {
        b';' | b'\t' | b'|' => true,
        b',' => pair.get(1).is_some_and(|byte| *byte != b' '),
        byte => byte.is_ascii_control() && !matches!(byte, b'\n' | b'\r'),
    };
    at_ends || cell.windows(2).any(tears) || tears(&cell[cell.len() - 1..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_of_cells() {
        let cases: [(Kind, &[&str]); 5] = [
            (Kind::Empty, &["", "  ", "NA", "null", "-"]),
            (
                Kind::Number,
                &[
                    "0",
                    "-12",
                    "+3.5",
                    "1e-9",
                    ".5",
                    "5.",
                    "1,5",
                    "1,234.50",
                    "1.234,50",
                    "1 234 567",
                    "1'000'000.5",
                    "$5",
                    "€ 1.000",
                    "-£3",
                    "5 %",
                    "(1,000)",
                    "12,345",
                ],
            ),
            (
                Kind::Moment,
                &[
                    "2024-01-31",
                    "31.01.2024",
                    "1/2/24",
                    "12:30",
                    "12:30:15.25",
                    "2024-01-31T10:15:00Z",
                    "31 Jan 2024",
                    "Jan 31, 2024",
                    "2024-01-31 10:15 PM",
                    "Wed, 31 Jan 2024 10:15:00 +0100",
                ],
            ),
            (
                Kind::Text,
                &[
                    "abc",
                    "Smith, John",
                    "it's",
                    "a-b_c",
                    "x1",
                    "12 km",
                    "ä ö",
                    "5\" pipe is wide",
                    "http://a.b/c?d=e",
                ],
            ),
            (
                Kind::Odd,
                &["\"abc", "abc\"", "1;2", "a\tb", "a,b", "x|", "2024-01-31,5"],
            ),
        ];
        for (expected, texts) in cases {
            for text in texts {
                assert_eq!(kind(text.as_bytes()), expected, "{text}");
            }
        }
    }
}
