//! The grammar, one byte at a time: the plain twin of every fast path, their fallback where quotes
//! stand in illegal places, and the reader of headers.
//!
//! ```text
//! FieldStart ──"──▶ Quoted ◀──"──▶ QuoteInQuoted ──\r──▶ CarriageAfterQuote
//!     │                                 │                      │
//!     └─────other──▶ Unquoted ◀──other──┴────────not \n────────┘     (text after the quote)
//! ```
//! A delimiter outside quotes leads back to `FieldStart`, a line feed outside quotes ends the
//! record. Input that does not end with a line end is read as if one followed.

use crate::base::{Dialect, Reason};

use super::unquote::unquote_into;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    FieldStart,
    Unquoted,
    Quoted,
    QuoteInQuoted,
    CarriageAfterQuote,
}

/// Walks through one record. Invariant: all bytes before `pos` have been taken in.
#[derive(Debug, Clone)]
pub(super) struct Machine {
    dialect: Dialect,
    state: State,
    start: usize,
    pos: usize,
    newlines: u64,
    delimiters: usize,
    opening_quote: usize,
    text_after_quote: bool,
    literal_quote: bool,
}

/// Where a record ends and what is wrong with it. Offsets are into the walked bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Extent {
    /// First byte.
    pub(super) start: usize,
    /// Just past the last byte, without the line end.
    pub(super) end: usize,
    /// Just past the line end.
    pub(super) next: usize,
    /// Number of fields.
    pub(super) fields: usize,
    /// Line feeds in `start..next`.
    pub(super) newlines: u64,
    /// An illegal quote, and the offset to report.
    pub(super) flaw: Option<(Reason, usize)>,
}

impl Extent {
    /// A line without content, which is no record.
    pub(super) fn is_blank(&self) -> bool {
        self.start == self.end
    }

    /// Length without the line end, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.end - self.start
    }
}

impl Machine {
    /// At the record that starts at `start`.
    pub(super) fn new(dialect: Dialect, start: usize) -> Self {
        Self {
            dialect,
            state: State::FieldStart,
            start,
            pos: start,
            newlines: 0,
            delimiters: 0,
            opening_quote: start,
            text_after_quote: false,
            literal_quote: false,
        }
    }

    /// At any byte, assumed to be inside quotes or not.
    pub(super) fn in_middle(dialect: Dialect, bytes: &[u8], pos: usize, inside: bool) -> Self {
        let state = match bytes[..pos].last() {
            _ if inside => State::Quoted,
            Some(&byte) if byte != dialect.delimiter && byte != b'\n' => State::Unquoted,
            _ => State::FieldStart,
        };
        Self {
            state,
            ..Self::new(dialect, pos)
        }
    }

    /// Takes in `bytes[pos..to]` up to the line feed that ends the record; whether it was found.
    /// Calls `delimiter` with the offset of each structural delimiter.
    pub(super) fn run(
        &mut self,
        bytes: &[u8],
        to: usize,
        mut delimiter: impl FnMut(usize),
    ) -> bool {
        let quote = self.dialect.quote;
        while self.pos < to {
            let byte = bytes[self.pos];
            let pos = self.pos;
            self.pos += 1;
            self.newlines += u64::from(byte == b'\n');
            if self.state == State::Quoted {
                if Some(byte) == quote {
                    self.state = State::QuoteInQuoted;
                }
                continue;
            }
            if byte == b'\n' {
                return true;
            }
            self.state = match self.state {
                State::CarriageAfterQuote => self.unquoted_text(byte),
                _ if byte == self.dialect.delimiter => State::FieldStart,
                State::FieldStart if Some(byte) == quote => {
                    self.opening_quote = pos;
                    State::Quoted
                }
                State::QuoteInQuoted if Some(byte) == quote => State::Quoted,
                State::QuoteInQuoted if byte == b'\r' => State::CarriageAfterQuote,
                State::QuoteInQuoted => self.unquoted_text(byte),
                _ => {
                    self.literal_quote |= Some(byte) == quote;
                    State::Unquoted
                }
            };
            if self.state == State::FieldStart {
                self.delimiters += 1;
                delimiter(pos);
            }
        }
        false
    }

    /// What stands between a closing quote and the delimiter reads on as an unquoted field.
    fn unquoted_text(&mut self, byte: u8) -> State {
        self.text_after_quote = true;
        if byte == self.dialect.delimiter {
            State::FieldStart
        } else {
            State::Unquoted
        }
    }

    /// Bytes taken in.
    pub(super) fn walked(&self) -> usize {
        self.pos - self.start
    }

    /// Whether an unquoted field has a quote, which is legal but rare.
    pub(super) fn literal_quote(&self) -> bool {
        self.literal_quote
    }

    /// Just past the last byte taken in.
    pub(super) fn pos(&self) -> usize {
        self.pos
    }

    /// The record that ends with the byte last taken in (its line feed, or the last of the input).
    pub(super) fn finish(&self, bytes: &[u8]) -> Extent {
        let unclosed = self.state == State::Quoted;
        let record = &bytes[self.start..self.pos];
        let content = if unclosed {
            record
        } else {
            without_line_end(record)
        };
        let flaw = if unclosed {
            Some((Reason::UnclosedQuote, self.opening_quote))
        } else if self.text_after_quote {
            Some((Reason::TextAfterQuote, self.start))
        } else {
            None
        };
        Extent {
            start: self.start,
            end: self.start + content.len(),
            next: self.pos,
            fields: self.delimiters + 1,
            newlines: self.newlines,
            flaw,
        }
    }
}

/// `record` without LF, CRLF or (at the end of the input) CR.
fn without_line_end(record: &[u8]) -> &[u8] {
    let record = record.strip_suffix(b"\n").unwrap_or(record);
    record.strip_suffix(b"\r").unwrap_or(record)
}

/// The record that starts at `start`, which may be a blank line.
pub(super) fn walk(
    bytes: &[u8],
    start: usize,
    dialect: Dialect,
    delimiter: impl FnMut(usize),
) -> Extent {
    let mut machine = Machine::new(dialect, start);
    machine.run(bytes, bytes.len(), delimiter);
    machine.finish(bytes)
}

/// One record, unquoted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The fields' bytes without their quotes; empty when the record has a flaw.
    pub fields: Vec<Vec<u8>>,
    /// Number of fields, also when the record has a flaw.
    pub field_count: usize,
    /// Offset of the first byte.
    pub start: usize,
    /// Offset just past the last byte, without the line end.
    pub end: usize,
    /// Offset just past the line end, where the next record starts.
    pub next: usize,
    /// What is wrong, and the offset to report.
    pub flaw: Option<(Reason, usize)>,
}

/// Reads the first record at or after `at`, which must be a record start. `None` when only blank
/// lines are left.
///
/// A record longer than `record_bytes_max` has the flaw [`Reason::RecordTooLong`] and is not read
/// to its end: its `end` and `next` then say how far it was read.
pub fn read_record(
    bytes: &[u8],
    mut at: usize,
    dialect: Dialect,
    record_bytes_max: usize,
) -> Option<Record> {
    while at < bytes.len() {
        let mut delimiters = Vec::new();
        let mut machine = Machine::new(dialect, at);
        let line_bytes_max = record_bytes_max.saturating_add(b"\r\n".len());
        let to = at.saturating_add(line_bytes_max).min(bytes.len());
        let ended = machine.run(bytes, to, |pos| delimiters.push(pos));
        let mut extent = machine.finish(bytes);
        at = extent.next;
        if extent.is_blank() {
            continue;
        }
        if extent.bytes() > record_bytes_max || (!ended && to < bytes.len()) {
            extent.flaw = Some((Reason::RecordTooLong, extent.start));
        }
        let mut fields = Vec::new();
        if extent.flaw.is_none() {
            let mut start = extent.start;
            for end in delimiters.into_iter().chain([extent.end]) {
                let mut field = Vec::new();
                unquote_into(&bytes[start..end], dialect.quote, &mut field);
                fields.push(field);
                start = end + 1;
            }
        }
        return Some(Record {
            fields,
            field_count: extent.fields,
            start: extent.start,
            end: extent.end,
            next: extent.next,
            flaw: extent.flaw,
        });
    }
    None
}

/// All records of `bytes`, one byte at a time: what every fast path must equal.
pub fn records(
    bytes: &[u8],
    dialect: Dialect,
    record_bytes_max: usize,
) -> impl Iterator<Item = Record> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let record = read_record(bytes, at, dialect, record_bytes_max)?;
        at = record.next;
        Some(record)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(text: &str) -> Vec<Vec<String>> {
        let records = records(text.as_bytes(), Dialect::default(), usize::MAX);
        let text = |field: &Vec<u8>| String::from_utf8(field.clone()).expect("tests use UTF-8");
        records
            .inspect(|record| assert_eq!(record.flaw, None))
            .map(|record| record.fields.iter().map(text).collect())
            .collect()
    }

    fn flaws(text: &str) -> Vec<Option<(Reason, usize)>> {
        records(text.as_bytes(), Dialect::default(), usize::MAX)
            .map(|record| record.flaw)
            .collect()
    }

    #[test]
    fn line_ends_are_lf_or_crlf_and_the_last_may_be_missing() {
        let expected = vec![vec!["a", "b"], vec!["c", "d"]];
        for text in ["a,b\nc,d\n", "a,b\r\nc,d", "a,b\nc,d\r\n", "a,b\r\nc,d\r"] {
            assert_eq!(fields(text), expected, "{text:?}");
        }
    }

    #[test]
    fn blank_lines_are_no_records() {
        assert_eq!(fields("\n\r\na\n\n\r\n\nb\r\n\r"), [["a"], ["b"]]);
        assert_eq!(fields(""), Vec::<Vec<String>>::new());
        assert_eq!(fields("\"\"\n"), [[""]]);
    }

    #[test]
    fn a_lone_carriage_return_is_text() {
        assert_eq!(fields("a\rb,\r,\r\r\n"), [["a\rb", "\r", "\r"]]);
    }

    #[test]
    fn quotes_quote_only_at_the_start_of_a_field() {
        assert_eq!(fields("\"a,\nb\",c\n"), [["a,\nb", "c"]]);
        assert_eq!(fields("\"a\"\"b\",\"\"\"\"\r\n"), [["a\"b", "\""]]);
        assert_eq!(fields("a\"b,\"\"\n"), [["a\"b", ""]]);
        assert_eq!(fields(" \"a,b\n"), [[" \"a", "b"]]);
    }

    #[test]
    fn without_a_quote_byte_nothing_quotes() {
        let dialect = Dialect {
            quote: None,
            ..Dialect::default()
        };
        let record = read_record(b"\"a,b\"\n", 0, dialect, 99).expect("there is a record");
        assert_eq!(record.fields, [b"\"a", b"b\""]);
    }

    #[test]
    fn text_after_a_closing_quote_is_a_flaw_of_its_record_only() {
        let flaw = Some((Reason::TextAfterQuote, 2));
        for text in [
            "a\n\"b\"c\",d\ne\n",
            "a\n\"b\"\rc\ne\n",
            "a\n\"b\"\r,c\ne",
            "a\n\"b\"\r\r\ne",
            "a\n\"b\" \ne",
        ] {
            assert_eq!(flaws(text), [None, flaw, None], "{text:?}");
        }
    }

    #[test]
    fn an_unclosed_quote_is_reported_where_it_opens() {
        let flaw = Some((Reason::UnclosedQuote, 4));
        assert_eq!(flaws("a\nb,\"c\nd\n"), [None, flaw]);
        assert_eq!(flaws("a\nb,\""), [None, flaw]);
        assert_eq!(flaws("a\nb,\"\"\"\n"), [None, flaw]);
    }

    #[test]
    fn a_long_record_is_not_read_to_its_end() {
        let read = |max| read_record(b"abcd\r\nef\n", 0, Dialect::default(), max);
        assert_eq!(read(4).expect("a record").flaw, None);
        let long = read(3).expect("a record");
        assert_eq!(long.flaw, Some((Reason::RecordTooLong, 0)));
        assert!(long.next <= 5);
    }
}
