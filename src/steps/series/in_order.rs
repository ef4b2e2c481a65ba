//! Results of a shard's rows, made in another order than that of the rows -> temporary files, and
//! from there in the order of the rows, as often as passes ask for them.
//!
//! Invariant: each row has one result, that of its place among the rows of its shard.

use std::sync::Mutex;

use crate::base::Result;
use crate::spill::{Merge, Runs};

/// Results are sorted, and merged, in so many parts of the memory that the rows were sorted in.
const PARTS: usize = 8;

/// Results as they come.
pub(super) struct Results {
    runs: Runs,
    held: Vec<Held>,
    /// The bytes of all that are held.
    bytes: Vec<u8>,
}

/// A result that is held.
#[derive(Clone, Copy)]
struct Held {
    place: u64,
    /// Where it begins, and how long it is.
    start: u32,
    length: u32,
}

impl Results {
    /// None yet; they go beside `rows`.
    pub(super) fn beside(rows: &Runs) -> Result<Self> {
        Ok(Self {
            runs: rows.beside(PARTS)?,
            held: Vec::new(),
            bytes: Vec::new(),
        })
    }

    /// Adds the result of the row at `place`.
    pub(super) fn push(&mut self, place: u64, result: &[u8]) -> Result<()> {
        let fits = "the results that are held take less than 4 GiB";
        self.held.push(Held {
            place,
            start: u32::try_from(self.bytes.len()).expect(fits),
            length: u32::try_from(result.len()).expect(fits),
        });
        self.bytes.extend_from_slice(result);
        let held = self.bytes.len() + self.held.len() * size_of::<Held>();
        match held >= self.runs.merge_bytes_max() {
            true => self.write(),
            false => Ok(()),
        }
    }

    fn write(&mut self) -> Result<()> {
        self.held.sort_unstable_by_key(|held| held.place);
        let mut run = self.runs.writer();
        for held in self.held.drain(..) {
            let start = held.start as usize;
            let result = &self.bytes[start..start + held.length as usize];
            run.push(&held.place.to_be_bytes(), result)?;
        }
        self.runs.add(run.finish()?);
        self.bytes.clear();
        Ok(())
    }

    /// All of them; `go_on` is asked now and then.
    pub(super) fn finish(mut self, go_on: &mut dyn FnMut() -> Result<()>) -> Result<InOrder> {
        self.write()?;
        // What takes rounds of merging is done once, and not by each pass.
        self.runs.merge_while(go_on)?;
        Ok(InOrder {
            memory_bytes: self.runs.memory_bytes(),
            runs: Mutex::new(self.runs),
        })
    }
}

/// The results of all rows of a shard that have one.
pub(super) struct InOrder {
    runs: Mutex<Runs>,
    pub(super) memory_bytes: usize,
}

impl InOrder {
    /// From the first row on.
    pub(super) fn read(&self) -> Result<InOrderRows> {
        let mut runs = self.runs.lock().expect("no holder of this lock panics");
        Ok(InOrderRows {
            merge: runs.merge()?,
            next: 0,
        })
    }
}

/// The results of a shard's rows, from one on.
pub(super) struct InOrderRows {
    merge: Merge,
    next: u64,
}

impl InOrderRows {
    /// The result of the next row.
    ///
    /// # Panics
    /// Behind the last row, and where a row has no result.
    pub(super) fn next(&mut self) -> Result<&[u8]> {
        let next = self.merge.next()?;
        let (place, result) = next.expect("both passes see the same rows");
        assert_eq!(place, self.next.to_be_bytes(), "each row has one result");
        self.next += 1;
        Ok(result)
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.merge.memory_bytes()
    }
}
