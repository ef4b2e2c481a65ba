//! The grammar, one byte at a time: the plain twin of every fast path, and their fallback where
//! quotes stand in illegal places.
//!
//! ```text
//! FieldStart ──"──▶ Quoted ◀──"──▶ QuoteInQuoted ──\r──▶ CarriageAfterQuote
//!     │                                 │                      │
//!     └─────other──▶ Unquoted ◀──other──┴────────not \n────────┘     (text after the quote)
//! ```
//! A delimiter outside quotes leads back to `FieldStart`, a line end outside quotes ends the
//! record. Input that does not end with a line end is read as if one followed.
//!
//! 1. The escape byte makes the next byte ordinary everywhere but in comments; before CR LF it
//!    does so for both. As the last byte of the input it is ordinary itself.
//! 2. A line that starts with the comment prefix where a record could start is no record.
//! 3. With `skip_space`, spaces before a field and between its closing quote and the delimiter are
//!    no part of it.
//! 4. A quoted field is never closed if the input ends in it, if it grows longer than a record may
//!    be (unless whoever knows the table reads on: see `long.rs`), or if, some lines on, the quote that would close it stands before what belongs in a field,
//!    and either where a field opens, or all lines from the opening quote on have as many delimiters:
//!    each is a record of its own, the last one with a stray quote. Then the record ends with the
//!    line its opening quote is in. No record of RFC 4180 within the limit is torn by that, and a
//!    chunk that ends at any later record start tells the same: it ends inside those quotes, or has
//!    all of those lines. What is closed beyond the limit is in no chunk.
//! 5. Reading on there costs no more than reading twice: what was passed holds quotes in pairs only,
//!    so that no field opens in it and stays open.

use crate::base::{Dialect, LineEnd, Reason};

use super::extent::Extent;
use super::long::{Closing, LongField};

/// How far a walk through a record that is too long goes before it reports, in bytes.
pub(super) const PASSED_BYTES: usize = 1 << 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    FieldStart,
    Unquoted,
    Quoted,
    QuoteInQuoted,
    /// Behind a closing quote.
    Space,
    CarriageAfterQuote,
    Comment,
}

/// Walks through one record. Invariant: all bytes before `pos` have been taken in.
#[derive(Debug, Clone)]
pub(super) struct Machine {
    dialect: Dialect,
    /// A quoted field that is longer is never closed.
    quoted_bytes_max: usize,
    state: State,
    start: usize,
    /// Whether a comment may start at `start`.
    may_be_comment: bool,
    pos: usize,
    newlines: u64,
    delimiters: usize,
    field_start: usize,
    /// Just past the last escaped byte.
    escaped_end: usize,
    /// The last one.
    opening_quote: usize,
    /// Line ends before it.
    newlines_before_quote: u64,
    /// Whether a line ended since.
    spans_lines: bool,
    /// Just past the quote that closed the field.
    quote_end: usize,
    /// End of the content, where a line end was found.
    end: Option<usize>,
    text_after_quote: bool,
    never_closed: bool,
    literal_quote: bool,
    /// Where the last quoted field was found to end, if it was too long.
    closing: Option<Closing>,
}

impl Machine {
    /// At the record that starts at `start`, which may hold quoted fields up to the given length.
    pub(super) fn new(dialect: Dialect, start: usize, quoted_bytes_max: usize) -> Self {
        Self {
            dialect,
            quoted_bytes_max,
            state: State::FieldStart,
            start,
            may_be_comment: true,
            pos: start,
            newlines: 0,
            delimiters: 0,
            field_start: start,
            escaped_end: start,
            opening_quote: start,
            newlines_before_quote: 0,
            spans_lines: false,
            quote_end: start,
            end: None,
            text_after_quote: false,
            never_closed: false,
            literal_quote: false,
            closing: None,
        }
    }

    /// At any byte, assumed to be inside quotes or not.
    pub(super) fn in_middle(dialect: Dialect, bytes: &[u8], pos: usize, inside: bool) -> Self {
        let before = bytes[..pos].last();
        let state = match before {
            _ if inside => State::Quoted,
            Some(&byte) if byte != dialect.delimiter && !is_line_end(byte, dialect) => {
                State::Unquoted
            }
            _ => State::FieldStart,
        };
        Self {
            state,
            may_be_comment: !inside && before.is_none_or(|&byte| is_line_end(byte, dialect)),
            ..Self::new(dialect, pos, usize::MAX)
        }
    }

    /// Takes in `bytes[pos..to]`, and two bytes more at most, up to the line end that ends the
    /// record or the byte that shows a quote to be never closed; whether either was found.
    /// Calls `field` with where each field but the last starts and ends.
    pub(super) fn run(&mut self, bytes: &[u8], to: usize, field: impl FnMut(usize, usize)) -> bool {
        self.run_hopping(bytes, to, |pos| pos, field)
    }

    /// [`Self::run`], told by `next` where the first byte at or behind an offset is that is neither
    /// ordinary nor a space.
    #[inline(always)]
    pub(super) fn run_hopping(
        &mut self,
        bytes: &[u8],
        to: usize,
        mut next: impl FnMut(usize) -> usize,
        mut field: impl FnMut(usize, usize),
    ) -> bool {
        let quote = self.dialect.quote;
        self.begin(bytes);
        while self.pos < to {
            if let State::Unquoted | State::Quoted | State::Comment = self.state {
                let hopped = self.pos;
                self.pos = next(hopped).min(to);
                if self.state == State::Quoted && self.pos > hopped && self.grew_too_long() {
                    return true;
                }
                if self.pos == to {
                    return false;
                }
            }
            let byte = bytes[self.pos];
            let pos = self.pos;
            self.pos += 1;
            self.newlines += u64::from(self.ends_line(byte, bytes));
            if self.takes_escape(byte, bytes) {
                if self.never_closed {
                    return true;
                }
                continue;
            }
            if self.state == State::Quoted {
                self.spans_lines |= is_line_end(byte, self.dialect);
                if Some(byte) == quote {
                    self.state = State::QuoteInQuoted;
                    self.quote_end = self.pos;
                } else if self.grew_too_long() {
                    return true;
                }
                continue;
            }
            if is_line_end(byte, self.dialect) {
                self.end_line(bytes, pos);
                return true;
            }
            if byte == self.dialect.delimiter && self.state != State::Comment {
                if self.state == State::CarriageAfterQuote {
                    self.text_behind_quote(bytes);
                    if self.never_closed {
                        return true;
                    }
                }
                field(self.field_start, self.field_end(pos));
                self.delimiters += 1;
                self.field_start = self.pos;
                self.state = State::FieldStart;
            } else {
                self.state = self.after(byte, bytes, pos);
                if self.never_closed {
                    return true;
                }
            }
        }
        false
    }

    /// Whether a line ends with `byte`, the last taken in.
    #[inline(always)]
    fn ends_line(&self, byte: u8, bytes: &[u8]) -> bool {
        byte == b'\n' || (is_line_end(byte, self.dialect) && bytes.get(self.pos) != Some(&b'\n'))
    }

    fn begin(&mut self, bytes: &[u8]) {
        if self.pos == self.start
            && self.may_be_comment
            && let Some(prefix) = &self.dialect.comment
            && bytes[self.pos..].starts_with(prefix.bytes())
        {
            self.state = State::Comment;
        }
    }

    /// The state after a byte outside quotes that neither ends a field nor is escaped.
    fn after(&mut self, byte: u8, bytes: &[u8], pos: usize) -> State {
        let quote = self.dialect.quote;
        let is_skipped = byte == b' ' && self.dialect.skip_space;
        match self.state {
            State::Comment => State::Comment,
            State::FieldStart if is_skipped => {
                self.field_start = pos + 1;
                State::FieldStart
            }
            State::FieldStart if Some(byte) == quote => {
                self.opening_quote = pos;
                self.newlines_before_quote = self.newlines;
                self.spans_lines = false;
                self.closing = None;
                State::Quoted
            }
            State::QuoteInQuoted if Some(byte) == quote => State::Quoted,
            State::QuoteInQuoted | State::Space if is_skipped => State::Space,
            State::QuoteInQuoted | State::Space if byte == b'\r' => State::CarriageAfterQuote,
            State::QuoteInQuoted | State::Space | State::CarriageAfterQuote => {
                self.text_behind_quote(bytes);
                State::Unquoted
            }
            _ => {
                self.literal_quote |= Some(byte) == quote;
                State::Unquoted
            }
        }
    }

    /// Takes in what the escape byte `byte` escapes, if it does.
    #[inline(always)]
    fn takes_escape(&mut self, byte: u8, bytes: &[u8]) -> bool {
        self.dialect.escape == Some(byte) && self.escape(bytes)
    }

    fn escape(&mut self, bytes: &[u8]) -> bool {
        if self.state == State::Comment {
            return false;
        }
        let escaped = match bytes[self.pos..] {
            [b'\r', b'\n', ..] => b"\r\n".len(),
            [_, ..] => 1,
            [] => return false,
        };
        for &byte in &bytes[self.pos..self.pos + escaped] {
            self.pos += 1;
            self.newlines += u64::from(self.ends_line(byte, bytes));
            self.spans_lines |= is_line_end(byte, self.dialect);
        }
        self.escaped_end = self.pos;
        match self.state {
            State::Quoted => {
                self.grew_too_long();
            }
            State::QuoteInQuoted | State::Space | State::CarriageAfterQuote => {
                self.text_behind_quote(bytes);
                self.state = State::Unquoted;
            }
            _ => self.state = State::Unquoted,
        }
        true
    }

    fn grew_too_long(&mut self) -> bool {
        self.never_closed = self.pos - self.opening_quote > self.quoted_bytes_max;
        self.never_closed
    }

    /// What stands between a closing quote and the delimiter reads on as an unquoted field, unless
    /// it shows that the quote opens a field, so that the one before was never closed.
    fn text_behind_quote(&mut self, bytes: &[u8]) {
        self.text_after_quote = true;
        let mut before = &bytes[self.opening_quote..self.quote_end - 1];
        while self.dialect.skip_space
            && let [rest @ .., b' '] = before
        {
            before = rest;
        }
        let opens = |byte: &u8| *byte == self.dialect.delimiter || is_line_end(*byte, self.dialect);
        let opens_field = before.last().is_some_and(opens);
        self.never_closed = self.spans_lines
            && (opens_field
                || match &self.closing {
                    None => self.are_lines_alike(bytes),
                    Some(closing) => closing.is_behind_records,
                });
    }

    /// Whether the walk stopped since a quoted field grew too long.
    pub(super) fn outgrew(&self) -> bool {
        self.never_closed && self.state == State::Quoted
    }

    /// Behind [`Self::outgrew`], in a table of `fields` fields: moves to the quote that closes the field,
    /// from where to run on. False if there is none, and the record ends as one that is never closed.
    pub(super) fn read_on(
        &mut self,
        bytes: &[u8],
        fields: usize,
        passed: &mut dyn FnMut(usize),
    ) -> bool {
        let long = LongField {
            bytes,
            dialect: self.dialect,
            quote: bytes[self.opening_quote],
            fields,
            record_bytes_max: self.quoted_bytes_max,
            delimiters: self.delimiters,
        };
        self.closing = long.closing(self.opening_quote, passed);
        if let Some(closing) = &self.closing {
            self.never_closed = false;
            self.pos = closing.quote;
            self.newlines = self.newlines_before_quote + closing.newlines;
            self.spans_lines = closing.spans_lines;
        }
        self.closing.is_some()
    }

    /// Whether all lines from that of the opening quote to that of the one that seems to close it
    /// have as many delimiters. No line is looked at for more than two fields.
    fn are_lines_alike(&self, bytes: &[u8]) -> bool {
        let ends = |byte: &u8| is_line_end(*byte, self.dialect);
        let before = bytes[self.start..self.opening_quote].iter();
        let start = { before }.rposition(ends).map_or(0, |at| at + 1);
        let behind = bytes[self.quote_end..].iter().take(self.quoted_bytes_max);
        let behind = { behind }.take_while(|byte| !ends(byte)).count();
        let lines = bytes[self.start + start..self.quote_end + behind].split(ends);
        let mut delimiters = { lines }
            .filter(|line| !line.is_empty())
            .map(|line| memchr::memchr_iter(self.dialect.delimiter, line).count());
        let of_opening = delimiters.next();
        of_opening > Some(0) && delimiters.all(|count| Some(count) == of_opening)
    }

    fn end_line(&mut self, bytes: &[u8], pos: usize) {
        let mut end = pos;
        if bytes[pos] == b'\r' {
            if bytes.get(self.pos) == Some(&b'\n') {
                self.pos += 1;
                self.newlines += 1;
            }
        } else {
            end = self.without_carriage(bytes, pos);
        }
        self.end = Some(end);
    }

    /// `end` without a carriage return before it that is no part of the record.
    fn without_carriage(&self, bytes: &[u8], end: usize) -> usize {
        let has_carriage = bytes[self.start..end].ends_with(b"\r");
        end - usize::from(has_carriage && self.escaped_end < end)
    }

    fn field_end(&self, end: usize) -> usize {
        match self.state {
            State::QuoteInQuoted | State::Space | State::CarriageAfterQuote => self.quote_end,
            _ => end,
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

    /// Where nothing before will be looked at again.
    pub(super) fn settled(&self) -> usize {
        match self.state {
            State::Quoted | State::QuoteInQuoted => self.opening_quote,
            _ => self.pos,
        }
    }

    /// The record that ends with the byte last taken in (its line end, or the last of the input),
    /// or with the line of the quote that is never closed.
    pub(super) fn finish(&self, bytes: &[u8]) -> Extent {
        self.finish_passing(bytes, &mut |_| {})
    }

    /// The same; `passed` hears of offsets before which nothing is looked at again, at least every
    /// [`PASSED_BYTES`].
    pub(super) fn finish_passing(&self, bytes: &[u8], passed: &mut dyn FnMut(usize)) -> Extent {
        if self.never_closed || self.state == State::Quoted {
            return self.finish_unclosed(bytes, passed);
        }
        let end = self
            .end
            .unwrap_or_else(|| self.without_carriage(bytes, self.pos));
        let flaw = (Reason::TextAfterQuote, self.start);
        Extent {
            start: self.start,
            end,
            next: self.pos,
            fields: self.delimiters + 1,
            last: (self.field_start.min(end), self.field_end(end)),
            newlines: self.newlines,
            flaw: self.text_after_quote.then_some(flaw),
            is_record: end > self.start && self.state != State::Comment,
        }
    }

    fn finish_unclosed(&self, bytes: &[u8], passed: &mut dyn FnMut(usize)) -> Extent {
        let mut from = self.opening_quote;
        let line_end = loop {
            let to = bytes.len().min(from + PASSED_BYTES);
            let mut piece = bytes[from..to].iter();
            if let Some(at) = piece.position(|&byte| is_line_end(byte, self.dialect)) {
                break Some(from + at);
            }
            if to == bytes.len() {
                break None;
            }
            // The last of them may be a carriage return of the line end.
            passed(to - 1);
            from = to;
        };
        let (mut end, mut next) = (bytes.len(), bytes.len());
        if let Some(at) = line_end {
            (end, next) = (at, at + 1);
            if bytes[at..].starts_with(b"\r\n") {
                next += 1;
            } else if bytes[self.opening_quote..at].ends_with(b"\r") {
                end -= 1;
            }
        }
        Extent {
            start: self.start,
            end,
            next,
            fields: self.delimiters + 1,
            last: (self.field_start, end),
            newlines: self.newlines_before_quote + u64::from(line_end.is_some()),
            flaw: Some((Reason::UnclosedQuote, self.opening_quote)),
            is_record: true,
        }
    }
}

fn is_line_end(byte: u8, dialect: Dialect) -> bool {
    byte == b'\n' || (byte == b'\r' && dialect.line_end == LineEnd::Any)
}

/// The record that starts at `start`, which may be none.
pub(super) fn walk(
    bytes: &[u8],
    start: usize,
    dialect: Dialect,
    quoted_bytes_max: usize,
    field: impl FnMut(usize, usize),
) -> Extent {
    let mut machine = Machine::new(dialect, start, quoted_bytes_max);
    machine.run(bytes, bytes.len(), field);
    machine.finish(bytes)
}
