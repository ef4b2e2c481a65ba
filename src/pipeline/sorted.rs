//! Rows that have been sorted -> portions of them in order, to be decoded by any worker; as often as
//! the passes behind the sort ask for them.
//!
//! Invariant: portions are cut by rows (or bytes) only, so that they do not depend on whether the
//! rows were written to temporary files.

use std::sync::Arc;

use super::budget::{Budget, Permit, Term};
use super::layout::Layout;
use super::origins::{Origins, Places};
use crate::base::{Batch, Result};
use crate::spill::{Merge, Runs};
use crate::steps::sort::{PackedRows, RowLayout, SortedRun};

/// A run that is the only one, and has stayed in memory.
pub(crate) struct HeldRun {
    run: SortedRun,
    _permits: Vec<Permit>,
}

impl HeldRun {
    pub(crate) fn new(run: SortedRun, permits: Vec<Permit>) -> Self {
        Self {
            run,
            _permits: permits,
        }
    }
}

/// All rows in order.
pub(crate) struct Sorted {
    layout: Arc<RowLayout>,
    places: Arc<Places>,
    runs: Option<Runs>,
    held: Option<Arc<HeldRun>>,
    budget: Arc<Budget>,
    /// What is held to find runs again.
    _index: Permit,
}

impl Sorted {
    pub(crate) fn new(
        layout: Arc<RowLayout>,
        places: Arc<Places>,
        runs: Option<Runs>,
        held: Option<HeldRun>,
        budget: &Arc<Budget>,
    ) -> Self {
        let index_bytes = runs.as_ref().map_or(0, Runs::memory_bytes);
        Self {
            layout,
            places,
            runs,
            held: held.map(Arc::new),
            budget: Arc::clone(budget),
            _index: budget.hold(Term::Sorting, index_bytes),
        }
    }

    /// How many rows there are.
    fn rows(&self) -> u64 {
        let held = self.held.as_ref().map_or(0, |held| held.run.len() as u64);
        held + self.runs.as_ref().map_or(0, Runs::entries)
    }

    /// Bytes written to temporary files.
    pub(crate) fn spilled(&self) -> u64 {
        self.runs.as_ref().map_or(0, |runs| runs.spilled().bytes())
    }

    /// Reads them from the first on, in portions as large as `sizes` has chunks; as progress goes,
    /// they stand for `input_bytes`. `go_on` is asked now and then where there are so many runs that
    /// some must be merged before.
    pub(crate) fn read(
        &mut self,
        sizes: &Layout,
        input_bytes: u64,
        go_on: &mut dyn FnMut() -> Result<()>,
    ) -> Result<SortedRows> {
        let rows = match (&mut self.runs, &self.held) {
            (Some(runs), _) => {
                let merge = runs.merge_while(go_on)?;
                let permit = self.budget.hold(Term::Sorting, merge.memory_bytes());
                Rows::Merged(Box::new(merge), permit)
            }
            (None, Some(held)) => Rows::Held(Arc::clone(held), 0),
            (None, None) => Rows::None,
        };
        Ok(SortedRows {
            rows,
            layout: Arc::clone(&self.layout),
            places: Arc::clone(&self.places),
            rows_max: sizes.chunk_rows,
            bytes_max: sizes.chunk_bytes_max,
            next_seq: 0,
            row_bytes: input_bytes as f64 / self.rows().max(1) as f64,
        })
    }
}

/// Sorted rows being read.
pub(crate) struct SortedRows {
    rows: Rows,
    layout: Arc<RowLayout>,
    places: Arc<Places>,
    rows_max: usize,
    bytes_max: usize,
    next_seq: u64,
    /// Bytes of the input that a row stands for.
    row_bytes: f64,
}

enum Rows {
    None,
    /// And the first that has not been read.
    Held(Arc<HeldRun>, usize),
    Merged(Box<Merge>, Permit),
}

/// As many sorted rows as a chunk has records.
pub(crate) struct SortedChunk {
    seq: u64,
    rows: PackedRows,
    layout: Arc<RowLayout>,
    places: Arc<Places>,
    input_bytes: u64,
}

impl SortedRows {
    /// The next rows; `None` behind the last.
    pub(crate) fn next(&mut self) -> Result<Option<SortedChunk>> {
        let mut rows = PackedRows::default();
        while rows.len() < self.rows_max && rows.data_bytes() < self.bytes_max {
            match &mut self.rows {
                Rows::Held(held, at) if *at < held.run.len() => {
                    rows.push(held.run.entry(*at).1);
                    *at += 1;
                }
                Rows::Merged(merge, _) => match merge.next()? {
                    Some((_, row)) => rows.push(row),
                    None => break,
                },
                _ => break,
            }
        }
        if let Rows::Merged(merge, permit) = &mut self.rows {
            permit.resize(Term::Sorting, merge.memory_bytes());
        }
        if rows.is_empty() {
            return Ok(None);
        }
        let seq = self.next_seq;
        self.next_seq += 1;
        let layout = Arc::clone(&self.layout);
        let input_bytes = (rows.len() as f64 * self.row_bytes) as u64;
        Ok(Some(SortedChunk {
            seq,
            rows,
            layout,
            places: Arc::clone(&self.places),
            input_bytes,
        }))
    }
}

impl SortedChunk {
    /// Number of rows.
    pub(crate) fn rows(&self) -> usize {
        self.rows.len()
    }

    /// Bytes of the input that it stands for.
    pub(crate) fn input_bytes(&self) -> u64 {
        self.input_bytes
    }

    /// Memory held, in bytes.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.rows.memory_bytes()
    }

    /// Its columns, as far as they are `wanted` by slot, and where its rows came from.
    pub(crate) fn decode(&self, wanted: &[bool]) -> Result<(Batch, Origins)> {
        let batch = Batch {
            seq: self.seq,
            source: 0,
            rows: self.rows.len(),
            records: None,
            columns: self.layout.unpack(&self.rows, wanted.len(), wanted)?,
        };
        let origins = self.layout.origins(&self.rows);
        Ok((batch, Origins::new(origins, &self.places)))
    }
}
