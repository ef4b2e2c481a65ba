//! A [`Chunk`]: a byte range of a source that holds whole records, and its place in file order.
//!
//! Invariant: dropping a chunk lets go of its mapped pages, so a chunk's memory lives as long as
//! the chunk.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use super::Source;
use super::lines::{count_and_release, count_newlines};
use crate::base::{Position, Reason, Reject};

/// A run of whole records of one source.
pub struct Chunk {
    /// Its place in file order over all sources, from 0.
    pub seq: u64,
    /// Where its bytes are.
    pub source: Arc<Source>,
    /// Index of the source.
    pub source_index: u32,
    /// Offset of its first byte from the start of the source.
    pub offset: u64,
    /// Length, in bytes, without the oversize record.
    pub length: usize,
    /// Index of its first record within the source; the header is not counted.
    pub first_record: u64,
    /// Number, from 1, of the line of the source that its first byte is in.
    pub first_line: u64,
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
        let within = chunk_offset.min(self.length);
        let lines = self.first_line + count_newlines(&self.bytes()[..within]);
        let start = self.offset as usize;
        lines + count_and_release(&self.source, start + within, start + chunk_offset)
    }

    /// The place `chunk_offset` bytes into the chunk, with its line.
    pub fn position(&self, chunk_offset: usize) -> Position {
        Position {
            line: Some(self.line_number(chunk_offset)),
            ..self.source.position(self.offset + chunk_offset as u64)
        }
    }

    /// Lets go of its mapped pages. Reading them again brings back the same bytes.
    pub fn release(&self) {
        self.source.release(self.range());
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
