//! A source -> as much of its head as its format is found by, and what places behind it say.
//!
//! Invariant: what stands further in never changes how the head is read. It confirms or warns; it
//! ends the table where a footer begins; and it lets lone carriage returns end records where whole
//! places have no other line end. What looks like a comment only further in stays a record, and so a
//! reject that is seen: a row that was left out by mistake would not be. Few places are looked at,
//! whatever the length.

use std::ops::Range;

use super::dialect::SourceFormat;
use crate::base::{Known, LineEnd};
use crate::csv::sniff::{self, Skipped, What};
use crate::input::{Source, sample_ranges};

/// Places further in that must confirm what the head says.
const PLACES: usize = 8;
/// Bytes read at one of them.
const PLACE_BYTES: usize = 16 << 10;
/// The head of a source that begins like the one before it.
const LIKE_HEAD_BYTES: usize = 32 << 10;
/// Lines that a head must have to say something.
const LINES_MIN: usize = 3;

impl SourceFormat {
    /// Looks at places behind the head, and for a footer at the end.
    pub(super) fn look_behind(&mut self, source: &Source, behind: Range<usize>, known: &Known) {
        let start = behind.start.max(self.range.start);
        if self.range.end < behind.end || start >= behind.end || self.fields < 2 {
            return;
        }
        let bytes = &source.bytes()[..behind.end];
        let places = sample_ranges(start..behind.end, PLACES, PLACE_BYTES);
        let mut confirmed = sniff::confirm(bytes, &places, self.fields, self.dialect);
        if confirmed.carriages > 0 && known.line_end.is_none() {
            let head = &bytes[..behind.start];
            let any = LineEnd::Any.count(head, 0..head.len());
            if any == LineEnd::Lf.count(head, 0..head.len()) {
                self.dialect.line_end = LineEnd::Any;
                self.is_plain = false;
                self.evidence.push(format!(
                    "line ends: at {} of {} places further in only lone carriage returns \
                     (--line-end lf)",
                    confirmed.carriages, confirmed.places
                ));
                confirmed = sniff::confirm(bytes, &places, self.fields, self.dialect);
            }
        }
        self.evidence.push(format!(
            "further in: {} of {} records at {} places have {} fields",
            confirmed.regular, confirmed.records, confirmed.places, self.fields
        ));
        for at in confirmed.against.iter().take(2) {
            let fields = self.fields;
            let against = format!("against it: no records of {fields} fields behind byte {at}");
            self.evidence.push(against);
        }
        if let Some(at) = confirmed.first_comment {
            let like = confirmed.like_comments;
            self.evidence.push(format!(
                "against it: {like} of them start as comments do, the first at byte {at}; if they are, \
                 pass --comment"
            ));
        }
        if known.keep.footer || source.reading().is_cut {
            return;
        }
        let tail = start.max(behind.end.saturating_sub(PLACE_BYTES));
        let footer = sniff::footer(bytes, tail, self.fields, self.dialect);
        // Without a quote in it, it cannot be the end of a quoted field.
        let is_bare = |at: &usize| {
            let quote = self.dialect.quote;
            quote.is_none_or(|quote| memchr::memchr(quote, &bytes[*at..]).is_none())
        };
        if let Some(at) = footer.filter(is_bare) {
            self.range.end = at;
            self.skipped.push(Skipped {
                range: at..behind.end,
                what: What::Footer,
            });
            self.evidence
                .push("footer: records of other width at the end (--keep footer)".to_owned());
        }
    }
}

/// As much of `data` as says something.
pub(super) fn head<'a>(data: &'a [u8], like: Option<&[u8]>) -> &'a [u8] {
    let is_like = like.is_some_and(|like| !like.is_empty() && data.starts_with(like));
    let mut bytes = if is_like {
        LIKE_HEAD_BYTES
    } else {
        sniff::HEAD_BYTES
    };
    loop {
        let head = &data[..bytes.min(data.len())];
        let lines = match memchr::memchr(b'\n', head) {
            Some(_) => LineEnd::Lf.ends(head).take(LINES_MIN).count(),
            None => LineEnd::Any.ends(head).take(LINES_MIN).count(),
        };
        if lines == LINES_MIN || head.len() == data.len() || bytes >= sniff::HEAD_BYTES_MAX {
            return head;
        }
        bytes *= 4;
    }
}
