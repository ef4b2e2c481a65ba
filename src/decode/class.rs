//! What a text looks like when nothing is known of its column: the one place that says which
//! spellings are numbers, dates or plain text, for inference and for widening alike.

use super::boolean;
use super::float;
use super::integer;
use super::timestamp::parse_iso;

/// What a text looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// true or false.
    Boolean,
    /// A canonical integer that float64 holds.
    Integer,
    /// A canonical integer beyond 2^53.
    Wide,
    /// A canonical integer beyond 64 bits.
    Huge,
    /// Digits whose spelling a number would lose: `01234`, `+5`, `00.5`.
    Padded,
    /// A number that needs float64: `3.0`, `1e5`, `-0`, `inf`.
    Float,
    /// A day without a time.
    Date,
    /// A day and time without an offset.
    Naive,
    /// A day and time with an offset.
    Offset,
    /// Anything else.
    Text,
}

/// A class, and whether the text is finer than microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Look {
    pub(super) class: Class,
    pub(super) nanoseconds: bool,
}

/// Looks at a text without quotes and spaces around it.
pub(super) fn classify(text: &[u8]) -> Look {
    let class = match text.first() {
        Some(b'0'..=b'9' | b'+' | b'-' | b'.' | b'i' | b'I' | b'n' | b'N') => number(text),
        Some(b't' | b'T' | b'f' | b'F') => boolean::parse_word(text).map(|_| Class::Boolean),
        _ => None,
    };
    if let Some(class) = class {
        return Look {
            class,
            nanoseconds: false,
        };
    }
    let Some(moment) = parse_iso(text) else {
        return Look {
            class: Class::Text,
            nanoseconds: false,
        };
    };
    let class = match (moment.offset, moment.has_time) {
        (Some(_), _) => Class::Offset,
        (None, true) => Class::Naive,
        (None, false) => Class::Date,
    };
    Look {
        class,
        nanoseconds: moment.needs_nanoseconds(),
    }
}

/// The class of a number; `None` if it is none, or beyond float64.
fn number(text: &[u8]) -> Option<Class> {
    float::parse_nearest(text).ok()?;
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    let padded = matches!(
        digits,
        [b'0', b'0'..=b'9', ..] | [b'+', b'0', b'0'..=b'9', ..]
    );
    let whole = digits
        .strip_prefix(b"+")
        .unwrap_or(digits)
        .iter()
        .all(u8::is_ascii_digit);
    Some(if padded || (whole && text[0] == b'+') {
        Class::Padded
    } else if !whole || text == b"-0" {
        Class::Float
    } else {
        match integer::parse_canonical_plain(text) {
            Some(value) if value.unsigned_abs() <= 1 << 53 => Class::Integer,
            Some(_) => Class::Wide,
            None => Class::Huge,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks() {
        let cases = [
            ("0", Class::Integer),
            ("-12", Class::Integer),
            ("9007199254740992", Class::Integer),
            ("-9007199254740993", Class::Wide),
            ("9223372036854775807", Class::Wide),
            ("9223372036854775808", Class::Huge),
            ("01234", Class::Padded),
            ("+5", Class::Padded),
            ("00.5", Class::Padded),
            ("+01.5", Class::Padded),
            ("-0", Class::Float),
            ("0.5", Class::Float),
            ("+1.5", Class::Float),
            ("-.5e-3", Class::Float),
            ("inf", Class::Float),
            ("NaN", Class::Float),
            ("1e999", Class::Text),
            ("true", Class::Boolean),
            ("FALSE", Class::Boolean),
            ("2024-01-31", Class::Date),
            ("2024/01/31", Class::Date),
            ("20240131", Class::Integer),
            ("2024-01-31T10:15", Class::Naive),
            ("20240131T101500", Class::Naive),
            ("2024-01-31 10:15:00Z", Class::Offset),
            ("2024-02-30", Class::Text),
            ("", Class::Text),
            ("-", Class::Text),
            ("information", Class::Text),
            ("12 km", Class::Text),
        ];
        for (text, class) in cases {
            assert_eq!(classify(text.as_bytes()).class, class, "{text}");
        }
        let nanoseconds = |text: &str| classify(text.as_bytes()).nanoseconds;
        assert!(nanoseconds("2024-01-31T10:15:00.1234567"));
        assert!(!nanoseconds("2024-01-31T10:15:00.123456000"));
    }
}
