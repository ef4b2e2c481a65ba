//! The head of a source -> the dialect it is written in, where its table lies, and what speaks for
//! both.
//!
//! Every candidate (a delimiter, a quote, an escape, a line end) reads the head with the plain
//! machine. The one wins under which most records have the same number of fields and most cells look
//! like values, after G. van den Burg, A. Nazábal and C. Sutton, *Wrangling messy CSV files by
//! detecting row and type patterns* (2019). Invariants: the answer depends on the bytes alone; it is
//! a single column only where no candidate reads most records as the same number of several fields;
//! a source that RFC 4180 describes is read by RFC 4180.

mod candidates;
mod cells;
mod header;
mod layout;
mod places;
mod reading;
mod tables;
mod words;

use std::ops::Range;

use crate::base::{Dialect, Known, LineEnd};

pub use self::places::{Confirmed, confirm, footer};

use self::candidates::Choice;
use self::reading::Reading;

/// Bytes of the head that decide; where they hold less than a few lines, more are needed.
pub const HEAD_BYTES: usize = 256 << 10;
/// The longest head that is looked at.
pub const HEAD_BYTES_MAX: usize = 4 << 20;

/// A dialect, the place of the table, and what speaks for them. Offsets are into the head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sniffed {
    /// The dialect.
    pub dialect: Dialect,
    /// Fields of a record.
    pub fields: usize,
    /// How many of them are columns; the others stand behind a trailing delimiter and are empty.
    pub columns: usize,
    /// Records of the table that were read.
    pub records: usize,
    /// How many of them have that many fields.
    pub regular: usize,
    /// Where the first record of the header starts, or the first of all where there is none.
    pub start: usize,
    /// How many records name the columns.
    pub header_rows: usize,
    /// Whether the header has a name less than the records have fields, for the first of them.
    pub lacks_first_name: bool,
    /// Whether it has one less for the last of them, which is empty in every record.
    pub lacks_last_name: bool,
    /// Where the first record starts that is data.
    pub data: usize,
    /// Where the table ends, if not with the source.
    pub end: Option<usize>,
    /// What is no part of the table, in order.
    pub skipped: Vec<Skipped>,
    /// The tables found, if there are several.
    pub tables: Vec<Table>,
    /// What speaks for all this, in words.
    pub evidence: Vec<String>,
}

/// Lines that are no part of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// Where they are.
    pub range: Range<usize>,
    /// What they are.
    pub what: What,
}

/// What lines are that are no part of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// Before the header.
    Preamble,
    /// The units of the columns.
    Units,
    /// Behind the last record.
    Footer,
}

/// One of several tables in a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Where it is.
    pub range: Range<usize>,
    /// Fields of a record.
    pub fields: usize,
    /// Its records, the header included.
    pub records: usize,
    /// Whether it is the one to load.
    pub is_chosen: bool,
}

/// The format of a text that starts with `head`, if that is one that is no table of fields.
fn other_format(head: &[u8]) -> Option<&'static str> {
    const MARKS: [(&[u8], &str); 3] = [
        (b"<!doctype html", "a web page (HTML)"),
        (b"<html", "a web page (HTML)"),
        (b"<?xml", "XML"),
    ];
    let text = head.trim_ascii_start();
    let starts = |mark: &[u8]| {
        text.get(..mark.len())?
            .eq_ignore_ascii_case(mark)
            .then_some(())
    };
    let mut marks = MARKS.iter();
    if let Some((_, name)) = marks.find(|(mark, _)| starts(mark).is_some()) {
        return Some(name);
    }
    // An object, alone or in a list: its first name and the colon behind that.
    let list = text.strip_prefix(b"[").map(<[u8]>::trim_ascii_start);
    let object = list.unwrap_or(text).strip_prefix(b"{")?;
    let name = object.trim_ascii_start().strip_prefix(b"\"")?;
    let behind = &name[memchr::memchr(b'"', name)? + 1..];
    behind
        .trim_ascii_start()
        .starts_with(b":")
        .then_some("JSON")
}

/// Finds the dialect and the table of a source that starts with `head`, which is all of it if it
/// `is_whole`.
///
/// # Errors
/// What is wrong, in words, if there is no such table as the known one.
pub fn sniff(head: &[u8], is_whole: bool, known: &Known) -> Result<Sniffed, String> {
    if let Some(format) = other_format(head).filter(|_| known.delimiter.is_none()) {
        return Err(format!(
            "this looks like {format}, not CSV; convert it first, or load its lines as they stand \
             with --no-sniff"
        ));
    }
    let line_end = known
        .line_end
        .unwrap_or(match has_lone_carriages_only(head) {
            true => LineEnd::Any,
            false => LineEnd::Lf,
        });
    let skipped = known.skip_rows.unwrap_or(0);
    let skipped = after_lines(head, skipped, line_end);
    let choice = Choice::best(&head[skipped..], is_whole, known);
    let reading = Reading::new(
        &head[skipped..],
        is_whole,
        choice.reading.dialect(),
        usize::MAX,
    );
    let mut sniffed = layout::lay_out(&reading, is_whole, known)?;
    sniffed.evidence.splice(0..0, choice.words());
    sniffed.move_by(skipped);
    Ok(sniffed)
}

/// Where the line after the first `lines` starts.
pub fn after_lines(bytes: &[u8], lines: usize, line_end: LineEnd) -> usize {
    match lines.checked_sub(1) {
        None => 0,
        Some(last) => line_end.ends(bytes).nth(last).unwrap_or(bytes.len()),
    }
}

/// Whether `head` has lone carriage returns and no line feed, so that they must end its lines.
fn has_lone_carriages_only(head: &[u8]) -> bool {
    memchr::memchr(b'\n', head).is_none() && memchr::memchr(b'\r', head).is_some()
}

impl Sniffed {
    /// The same, with a head that begins `by` bytes earlier.
    fn move_by(&mut self, by: usize) {
        self.start += by;
        self.data += by;
        self.end = self.end.map(|end| end + by);
        let tables = self.tables.iter_mut().map(|table| &mut table.range);
        let skipped = self.skipped.iter_mut().map(|skipped| &mut skipped.range);
        for range in tables.chain(skipped) {
            *range = range.start + by..range.end + by;
        }
        if by > 0 {
            let lines = Skipped {
                range: 0..by,
                what: What::Preamble,
            };
            self.skipped.insert(0, lines);
        }
    }
}

impl What {
    /// In a word.
    pub fn in_words(self) -> &'static str {
        match self {
            Self::Preamble => "preamble",
            Self::Units => "units",
            Self::Footer => "footer",
        }
    }
}

#[cfg(test)]
mod tests;
