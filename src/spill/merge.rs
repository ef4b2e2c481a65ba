//! Written runs -> their entries in order.
//!
//! Invariant: one block of each run is in memory, and one packed block besides.

use std::sync::Arc;

use super::block::{self, Entry};
use super::runs::Run;
use super::tree::Losers;
use crate::base::Result;

/// The entries of several runs in order; of equal keys that of the earlier run comes first.
pub struct Merge {
    readers: Vec<Reader>,
    losers: Losers,
    packed: Vec<u8>,
    /// Whether the winner's entry has been handed out.
    is_taken: bool,
}

/// Where a run has been read to.
struct Reader {
    run: Arc<Run>,
    /// The block that comes next.
    next_block: usize,
    raw: Vec<u8>,
    /// The entry that comes next; `None` at the end of the run.
    entry: Option<Entry>,
}

impl Reader {
    /// Goes on to the entry behind the one at hand.
    fn advance(&mut self, packed: &mut Vec<u8>) -> Result<()> {
        let at = self.entry.as_ref().map_or(0, |entry| entry.payload.end);
        self.entry = match block::entry(&self.raw, at) {
            Some(entry) => Some(entry),
            None => self.read_block(packed)?,
        };
        Ok(())
    }

    #[cold]
    fn read_block(&mut self, packed: &mut Vec<u8>) -> Result<Option<Entry>> {
        let Some(block) = self.run.blocks.get(self.next_block) else {
            self.raw = Vec::new();
            return Ok(None);
        };
        self.next_block += 1;
        block.read(&self.run.file, packed, &mut self.raw)?;
        Ok(block::entry(&self.raw, 0))
    }

    fn key(&self) -> Option<&[u8]> {
        let entry = self.entry.as_ref()?;
        Some(&self.raw[entry.key.clone()])
    }
}

impl Merge {
    pub(super) fn new(runs: &[Arc<Run>]) -> Result<Self> {
        let mut packed = Vec::new();
        let readers = runs.iter().map(|run| {
            let mut reader = Reader {
                run: Arc::clone(run),
                next_block: 0,
                raw: Vec::new(),
                entry: None,
            };
            reader.advance(&mut packed)?;
            Ok(reader)
        });
        let readers: Vec<Reader> = readers.collect::<Result<_>>()?;
        Ok(Self {
            losers: Losers::new(readers.len(), |input| readers[input].key()),
            readers,
            packed,
            is_taken: false,
        })
    }

    /// The next entry: its key and its payload.
    ///
    /// # Errors
    /// Where a block cannot be read back as it was written.
    #[allow(clippy::should_implement_trait, reason = "it lends what it returns")]
    pub fn next(&mut self) -> Result<Option<(&[u8], &[u8])>> {
        if self.is_taken {
            let winner = self.losers.winner();
            self.readers[winner].advance(&mut self.packed)?;
            let readers = &self.readers;
            self.losers.replay(|input| readers[input].key());
        }
        let Some(reader) = self.readers.get(self.losers.winner()) else {
            return Ok(None);
        };
        self.is_taken = reader.entry.is_some();
        let entry = reader.entry.as_ref();
        Ok(entry.map(|entry| {
            let key = &reader.raw[entry.key.clone()];
            (key, &reader.raw[entry.payload.clone()])
        }))
    }

    /// Memory held, in bytes.
    pub fn memory_bytes(&self) -> usize {
        let blocks = self.readers.iter().map(|reader| reader.raw.capacity());
        blocks.sum::<usize>()
            + self.readers.capacity() * size_of::<Reader>()
            + self.losers.memory_bytes()
            + self.packed.capacity()
    }
}
