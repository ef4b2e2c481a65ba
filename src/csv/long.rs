//! A quoted field that has grown longer than a record may be -> the quote that closes it, unless the
//! one that opened it was lost.
//!
//! ```text
//! id,note                              id,note
//! 1,"however many lines a field        1,"a lost quote
//! has, further on it is closed"        2,and the records behind it
//! 2,next                               3,go on as they did
//! ```
//! 1. What was passed holds quotes in pairs only. Read as records, it is lines of unquoted fields.
//! 2. It is looked at in stretches as long as a record may be, at the head of each. Where nearly all
//!    lines have as many fields as the table, as on the right, the stretch is like records; so many of
//!    these in a row, and the quote was lost. Anything else is read on, to the end of the input if
//!    need be: a quote that was lost there is found late, but it is found.
//! 3. In a table of one column any line is like a record, so that none says anything.
//! 4. A quote behind such a stretch closes the field only if its record then has as many fields as
//!    the table.
//! 5. So a record of RFC 4180 is torn only if a field of it holds [`STRETCHES_MAX`] stretches of
//!    another table of as many columns.

use memchr::{memchr_iter, memchr2};

use crate::base::{Dialect, LineEnd};

use super::machine::PASSED_BYTES;

/// Stretches like records in a row that tell that a quote was lost.
const STRETCHES_MAX: usize = 8;
/// What is looked at of a stretch, in bytes.
const LOOK_BYTES: usize = 64 << 10;

/// A table in which a field is too long.
#[derive(Debug, Clone, Copy)]
pub(super) struct LongField<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) dialect: Dialect,
    /// The quote around it.
    pub(super) quote: u8,
    /// Fields of a record.
    pub(super) fields: usize,
    /// Longest record, in bytes; at least 1.
    pub(super) record_bytes_max: usize,
    /// Delimiters of its record before it.
    pub(super) delimiters: usize,
}

/// The end of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Closing {
    /// Offset of the first quote that is not one of a pair.
    pub(super) quote: usize,
    /// Line ends before it.
    pub(super) newlines: u64,
    /// Whether a line ends before it.
    pub(super) spans_lines: bool,
    /// Whether the stretch before the one that it is in is like records.
    pub(super) is_behind_records: bool,
}

impl LongField<'_> {
    /// The end of the field that `opening_quote` opens; `None` if that quote was lost. `passed` hears of
    /// offsets as [`Machine::finish_passing`](super::machine::Machine::finish_passing) tells them, but a
    /// lost quote is where reading goes on.
    pub(super) fn closing(
        &self,
        opening_quote: usize,
        passed: &mut dyn FnMut(usize),
    ) -> Option<Closing> {
        let mut closing = Closing {
            quote: opening_quote,
            newlines: 0,
            spans_lines: false,
            is_behind_records: false,
        };
        let mut like_records = 0;
        let mut at = opening_quote + 1;
        while at < self.bytes.len() && like_records < STRETCHES_MAX {
            let end = at
                .saturating_add(self.record_bytes_max)
                .min(self.bytes.len());
            let is_like_records = self.is_like_records(&self.bytes[at..end.min(at + LOOK_BYTES)]);
            while at < end {
                let (next, is_unpaired) = self.pass_pairs(at, end.min(at + PASSED_BYTES));
                let piece = &self.bytes[at..next];
                closing.newlines += self.dialect.line_end.count(self.bytes, at..next);
                closing.spans_lines |= piece.iter().any(|&byte| self.is_line_end(byte));
                if is_unpaired {
                    closing.quote = next;
                    return self.is_end(&closing).then_some(closing);
                }
                passed(next);
                at = next;
            }
            closing.is_behind_records = is_like_records;
            like_records = if is_like_records { like_records + 1 } else { 0 };
        }
        None
    }

    /// The first byte at or behind `from` that is an unpaired quote, and true; or `to`, or what is escaped
    /// or paired there, and false.
    fn pass_pairs(&self, from: usize, to: usize) -> (usize, bool) {
        let (bytes, quote) = (self.bytes, self.quote);
        let escape = self.dialect.escape.unwrap_or(quote);
        let mut at = from;
        while at < to {
            let Some(found) = memchr2(quote, escape, &bytes[at..to]) else {
                return (to, false);
            };
            at += found;
            at += match bytes[at..] {
                [first, second, ..] if first == quote && second == quote => 2,
                [first, ..] if first == quote => return (at, true),
                [_, b'\r', b'\n', ..] => 3,
                [_, _, ..] => 2,
                _ => 1,
            };
        }
        (at, false)
    }

    /// Whether nearly all lines in `piece`, without those that it cuts, are like records of the table.
    pub(super) fn is_like_records(&self, piece: &[u8]) -> bool {
        let mut lines: Vec<&[u8]> = piece.split(|&byte| self.is_line_end(byte)).collect();
        lines.pop();
        let lines = lines.into_iter().skip(1);
        let (mut all, mut alike) = (0, 0);
        for line in lines.filter(|line| !matches!(*line, [] | [b'\r'])) {
            all += 1;
            alike += usize::from(self.delimiters_in(line) + 1 == self.fields);
        }
        self.fields > 1 && all > 0 && 10 * alike >= 9 * all
    }

    /// Whether the quote ends the field: behind records, only if its record is one too.
    fn is_end(&self, closing: &Closing) -> bool {
        let behind = &self.bytes[closing.quote + 1..];
        let behind = &behind[..behind.len().min(self.record_bytes_max)];
        let line = behind.split(|&byte| self.is_line_end(byte)).next();
        let line = line.unwrap_or_default();
        // Another quote in the line may hide delimiters.
        let is_plain = !line.contains(&self.quote);
        let fields = self.delimiters + self.delimiters_in(line) + 1;
        !(closing.is_behind_records && is_plain && fields != self.fields)
    }

    fn delimiters_in(&self, line: &[u8]) -> usize {
        memchr_iter(self.dialect.delimiter, line).count()
    }

    fn is_line_end(&self, byte: u8) -> bool {
        byte == b'\n' || (byte == b'\r' && self.dialect.line_end == LineEnd::Any)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX: usize = 50;

    /// The end of the field that opens with the first quote of `text`, in a table of so many fields, and
    /// how far was looked.
    fn closing(text: &str, fields: usize) -> (Option<Closing>, usize) {
        let opening_quote = text.find('"').expect("a quote");
        let long = LongField {
            bytes: text.as_bytes(),
            dialect: Dialect::default(),
            quote: b'"',
            fields,
            record_bytes_max: MAX,
            delimiters: text[..opening_quote].matches(',').count(),
        };
        let mut looked = opening_quote;
        let found = long.closing(opening_quote, &mut |offset| looked = offset);
        (found, looked)
    }

    fn ends(text: &str, fields: usize) -> Option<usize> {
        closing(text, fields).0.map(|closing| closing.quote)
    }

    #[test]
    fn text_of_any_length_is_a_field() {
        for line in [
            "some words\n",
            "\n",
            "a, \"\"b\"\", c, d\n",
            "x",
            "a,b\nc\n",
        ] {
            let text = format!("1,\"{}\",2\n3,4,5\n", line.repeat(200));
            let (found, _) = closing(&text, 3);
            let found = found.expect("it is closed");
            assert_eq!(found.quote, text.rfind('"').expect("a quote"), "{line:?}");
            let newlines = 200 * line.matches('\n').count();
            assert_eq!(found.newlines, newlines as u64);
            assert_eq!(found.spans_lines, newlines > 0);
            assert!(!found.is_behind_records);
        }
    }

    #[test]
    fn a_lost_quote_before_records_is_found_early() {
        let table = "1,\"a\n".to_owned() + &"2,b\n".repeat(2000);
        let (found, looked) = closing(&table, 2);
        assert_eq!(found, None);
        assert!(looked <= 3 + STRETCHES_MAX * MAX, "{looked}");
        // Here and there one of another width changes nothing.
        let table = "1,\"a\n".to_owned() + &("2,b\n".repeat(20) + "3\n").repeat(200);
        let (found, looked) = closing(&table, 2);
        assert_eq!(found, None);
        assert!(looked < 30 * MAX, "{looked}");
    }

    #[test]
    fn a_lost_quote_before_other_text_is_found_at_the_end() {
        assert_eq!(ends(&("\"a".to_owned() + &"b\n".repeat(2000)), 2), None);
        assert_eq!(ends(&("\"a".to_owned() + &"b\n".repeat(2000)), 1), None);
        assert_eq!(ends("\"", 2), None);
    }

    #[test]
    fn another_table_in_a_field_is_no_proof_while_it_is_short() {
        let field = |rows| format!("1,\"a\n{}\",2\n", "2,b,c\n".repeat(rows));
        let rows = STRETCHES_MAX * MAX / 6 - 2;
        assert_eq!(ends(&field(rows), 3), field(rows).rfind('"'));
        assert_eq!(ends(&field(rows + 9), 3), None);
    }

    #[test]
    fn behind_records_a_quote_ends_a_field_only_where_its_record_is_one() {
        let lost = "1,\"a\n".to_owned() + &"2,b\n".repeat(20);
        for (rest, is_end) in [
            ("3,c\"\n", true),
            ("3,c\",d\n", false),
            ("3,c\",d", false),
            ("3,c\",\"d\"\n", true),
        ] {
            assert_eq!(ends(&(lost.clone() + rest), 2).is_some(), is_end, "{rest}");
        }
    }

    #[test]
    fn one_column_says_nothing() {
        let text = format!("\"{}\"\n", "a\n".repeat(3000));
        assert_eq!(ends(&text, 1), text.rfind('"'));
    }

    #[test]
    fn what_is_escaped_is_passed() {
        let long = |text: &str| {
            let long = LongField {
                bytes: text.as_bytes(),
                dialect: Dialect {
                    escape: Some(b'\\'),
                    ..Dialect::default()
                },
                quote: b'"',
                fields: 2,
                record_bytes_max: 1,
                delimiters: 0,
            };
            long.closing(0, &mut |_| {}).map(|closing| closing.quote)
        };
        assert_eq!(long("\"\\\"\\\r\n\\\\\"\n"), Some(8));
        assert_eq!(long("\"\\\r\n\"\n"), Some(4));
        assert_eq!(long("\"a\\"), None);
        assert_eq!(long("\"a\\\""), None);
    }
}
