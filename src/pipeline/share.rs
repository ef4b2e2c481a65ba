//! What batches have held so far -> what the next one will hold at most.
//!
//! Invariant: text is measured by its bytes, typed rows by their number: how long they are in their
//! file says nothing of what they become.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::input::Chunk;

/// The most that batches have held for each byte of text or typed row of their chunks.
#[derive(Debug, Default)]
pub(crate) struct DecodedShare {
    /// Bytes for each byte of text, in units of 2^-[`BITS`].
    of_text: AtomicUsize,
    /// Bytes for each typed row.
    of_row: AtomicUsize,
}

const BITS: u32 = 10;

impl DecodedShare {
    /// What the batch made of `chunk` will hold at most; `None` before the first of its kind.
    pub(crate) fn expect(&self, chunk: &Chunk) -> Option<usize> {
        if chunk.source.columnar().is_some() {
            let most = self.of_row.load(Ordering::Relaxed);
            return (most > 0).then_some(chunk.records as usize * most);
        }
        let most = self.of_text.load(Ordering::Relaxed);
        (most > 0).then_some((chunk.length * most) >> BITS)
    }

    /// Notes that the batch made of `chunk` holds `bytes`.
    pub(crate) fn note(&self, chunk: &Chunk, bytes: usize) {
        if chunk.source.columnar().is_some() {
            let each = bytes / (chunk.records as usize).max(1) + 1;
            self.of_row.fetch_max(each, Ordering::Relaxed);
            return;
        }
        let share = (bytes << BITS) / chunk.length.max(1) + 1;
        self.of_text.fetch_max(share, Ordering::Relaxed);
    }
}
