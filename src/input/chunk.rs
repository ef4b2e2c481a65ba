//! A [`Chunk`]: a byte range of a source that holds whole records, and its place in file order.
//!
//! Of a source of typed columns it is a run of rows of one row group: what is called an offset into
//! the chunk is a row's index in it then, and what is called a line its row number.
//!
//! Invariant: dropping a chunk lets go of its mapped pages, so a chunk's memory lives as long as
//! the chunk.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use super::Source;
use super::lines::count_and_release;
use crate::base::{LineEnd, Position, Reason, Reject};

/// A run of whole records of one source.
pub struct Chunk {
    /// Its place in file order over all sources, from 0.
    pub seq: u64,
    /// Where its bytes are.
    pub source: Arc<Source>,
    /// Index of the source.
    pub source_index: u32,
    /// Offset of its first byte from the start of the source. Typed rows stand for their share of the
    /// source, as if all took the same room.
    pub offset: u64,
    /// Length, in bytes, without the oversize record.
    pub length: usize,
    /// Index of its first record within the source; the header is not counted.
    pub first_record: u64,
    /// Number, from 1, of the line of the source that its first byte is in.
    pub first_line: u64,
    /// What ends a line.
    pub line_end: LineEnd,
    /// Records in it, the oversize one included; blank lines are no records.
    pub records: u32,
    /// The record after its last one, if that is too long to be read.
    pub oversize: Option<Oversize>,
}

/// A record longer than any chunk may hold; it is rejected without being read as fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Oversize {
    /// [`Reason::RecordTooLong`], or [`Reason::UnclosedQuote`] where a quote that is never closed
    /// made it so.
    pub reason: Reason,
    /// Offset of the record, or of the quote that is never closed, from the start of the source.
    pub offset: u64,
    /// Number, from 1, of the line that `offset` is in.
    pub line: u64,
    /// Length of the record, in bytes.
    pub record_bytes: u64,
    /// Its first bytes, at most [`Reject::RAW_BYTES_MAX`].
    pub raw: Box<[u8]>,
}

impl Chunk {
    fn range(&self) -> Range<usize> {
        let start = self.offset as usize;
        start..start + self.length
    }

    /// The row group that holds its rows, and which rows of the source they are, if it has typed
    /// columns.
    pub fn typed_rows(&self) -> Option<(usize, Range<u64>)> {
        let group = self.source.columnar()?.group_of(self.first_record);
        let end = self.first_record + u64::from(self.records);
        Some((group, self.first_record..end))
    }

    /// Offset from the start of the source of its first byte, or of the row group of its rows.
    pub fn place(&self) -> u64 {
        let group = self.group_range();
        group.map_or(self.offset, |group| group.start as u64)
    }

    /// The offsets of its row group, if it has typed columns.
    fn group_range(&self) -> Option<Range<usize>> {
        let columnar = self.source.columnar()?;
        let bytes = columnar.group_bytes(columnar.group_of(self.first_record));
        Some(bytes.start as usize..bytes.end as usize)
    }

    /// The bytes of its records, the oversize one excluded.
    pub fn bytes(&self) -> &[u8] {
        &self.source.bytes()[self.range()]
    }

    /// The oversize record as a reject; always the last of the chunk's records.
    pub fn oversize_reject(&self) -> Option<Reject> {
        self.oversize.as_ref().map(|oversize| Reject {
            chunk_offset: (oversize.offset - self.offset) as usize,
            slot: None,
            reason: oversize.reason,
            raw: oversize.raw.clone(),
            raw_bytes: oversize.record_bytes,
        })
    }

    /// Number, from 1, of the line that holds the byte `chunk_offset` bytes into the chunk, which
    /// may be that of the oversize record.
    pub fn line_number(&self, chunk_offset: usize) -> u64 {
        if self.source.columnar().is_some() {
            return self.first_line + chunk_offset as u64;
        }
        let within = chunk_offset.min(self.length);
        let start = self.offset as usize;
        let (end, line_end) = (start + within, self.line_end);
        let lines = self.first_line + line_end.count(self.source.bytes(), start..end);
        lines + count_and_release(&self.source, line_end, end, start + chunk_offset)
    }

    /// The place `chunk_offset` bytes into the chunk, with its line; of a typed row that of its row
    /// group, with its number.
    pub fn position(&self, chunk_offset: usize) -> Position {
        let within = match self.source.columnar() {
            None => chunk_offset as u64,
            Some(_) => 0,
        };
        Position {
            line: Some(self.line_number(chunk_offset)),
            ..self.source.position(self.place() + within)
        }
    }

    /// Reads as many bytes behind it as it has itself: most likely those of the chunk after it.
    pub fn read_ahead(&self) {
        if self.source.columnar().is_none() {
            let end = self.range().end;
            self.source.read_ahead(end..end + self.length);
        }
    }

    /// Lets go of its mapped pages. Reading them again brings back the same bytes.
    pub fn release(&self) {
        self.source
            .release(self.group_range().unwrap_or_else(|| self.range()));
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        self.release();
    }
}

impl fmt::Debug for Chunk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chunk")
            .field("seq", &self.seq)
            .field("source", &self.source.path())
            .field("range", &self.range())
            .field("first_record", &self.first_record)
            .field("first_line", &self.first_line)
            .field("records", &self.records)
            .field("oversize", &self.oversize)
            .finish()
    }
}
