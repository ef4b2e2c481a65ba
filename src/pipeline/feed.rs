//! Where a pass takes its rows from: chunks of the files, or what the pass before a sort has left.

use super::sorted::{SortedChunk, SortedRows};
use crate::base::Result;
use crate::input::{Chunk, Chunks, Outline};

/// What a pass reads.
pub(crate) enum Feed {
    Files(Chunks),
    Sorted(SortedRows),
}

/// A part of it, which one worker decodes.
pub(crate) enum Portion {
    Chunk(Box<Chunk>),
    Sorted(SortedChunk),
}

impl Feed {
    /// The next portion; `None` behind the last.
    pub(crate) fn next(&mut self) -> Result<Option<Portion>> {
        Ok(match self {
            Self::Files(chunks) => chunks.next().map(|chunk| Portion::Chunk(Box::new(chunk))),
            Self::Sorted(rows) => rows.next()?.map(Portion::Sorted),
        })
    }

    /// Where chunks were found, all of which have been read.
    pub(crate) fn into_outline(self) -> Option<Outline> {
        match self {
            Self::Files(chunks) => chunks.into_outline(),
            Self::Sorted(_) => None,
        }
    }
}

impl Portion {
    /// Bytes that it holds until it is decoded.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Chunk(chunk) => chunk.length,
            Self::Sorted(rows) => rows.memory_bytes(),
        }
    }

    /// Has what comes after it read, so that nobody waits for that while it is split off. Takes as
    /// much memory as [`Self::bytes`] until then.
    pub(crate) fn read_ahead(&self) {
        if let Self::Chunk(chunk) = self {
            chunk.read_ahead();
        }
    }

    /// Rows that it comes to at most.
    pub(crate) fn rows(&self) -> usize {
        match self {
            Self::Chunk(chunk) => chunk.records as usize,
            Self::Sorted(rows) => rows.rows(),
        }
    }
}
