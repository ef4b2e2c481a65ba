//! One chunk's typed columns.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray, UInt32Array};
use arrow::compute::{FilterBuilder, take};

use super::{ErrorKind, Result};

/// The rows of one chunk as Arrow arrays; from decoding on, only batches travel.
///
/// Invariant: every present column has exactly `rows` cells.
#[derive(Debug, Clone)]
pub struct Batch {
    /// The chunk's place in file order, over all sources, from 0.
    pub seq: u64,
    /// Index of the source the rows came from.
    pub source: u32,
    /// Number of rows.
    pub rows: usize,
    /// For each row, the index of its record within the chunk; `None` when row i is record i.
    pub records: Option<Arc<[u32]>>,
    /// One array per slot of the schema; `None` where this pass does not need the column or no
    /// step has made it yet.
    pub columns: Vec<Option<ArrayRef>>,
}

impl Batch {
    /// The array in `slot`.
    ///
    /// # Panics
    /// If the column is absent: the plan asked for less than its steps read, which is a bug.
    pub fn column(&self, slot: usize) -> &ArrayRef {
        self.columns[slot]
            .as_ref()
            .expect("the plan decodes every column its steps read")
    }

    /// Index within the chunk of the record that row `row` came from.
    pub fn record(&self, row: usize) -> usize {
        self.records
            .as_ref()
            .map_or(row, |records| records[row] as usize)
    }

    /// Keeps the rows that `mask`, which has no nulls, is true for; returns how many leave. `action`
    /// is what is being done.
    ///
    /// # Errors
    /// [`ErrorKind::Encode`] if Arrow refuses, which it has no reason to.
    pub fn keep(&mut self, mask: &BooleanArray, action: &'static str) -> Result<u64> {
        let kept = mask.true_count();
        let dropped = self.rows - kept;
        if dropped == 0 {
            return Ok(0);
        }
        let filter = FilterBuilder::new(mask).optimize().build();
        for column in self.columns.iter_mut().flatten() {
            let filtered = filter.filter(column);
            *column = filtered.map_err(|source| ErrorKind::Encode {
                action,
                source: source.into(),
            })?;
        }
        let mut records = Vec::with_capacity(kept);
        let rows = mask.values().set_indices();
        match &self.records {
            None => records.extend(rows.map(|row| row as u32)),
            Some(known) => records.extend(rows.map(|row| known[row])),
        }
        self.records = Some(records.into());
        self.rows = kept;
        Ok(dropped as u64)
    }

    /// Makes row `rows[i]` the new row `i`, as often as it is named; `action` is what is being done.
    ///
    /// # Errors
    /// [`ErrorKind::Encode`] if Arrow refuses, which it has no reason to.
    pub fn repeat(&mut self, rows: &UInt32Array, action: &'static str) -> Result<()> {
        for column in self.columns.iter_mut().flatten() {
            let repeated = take(column, rows, None);
            *column = repeated.map_err(|source| ErrorKind::Encode {
                action,
                source: source.into(),
            })?;
        }
        let records = rows
            .values()
            .iter()
            .map(|&row| self.record(row as usize) as u32);
        self.records = Some(records.collect());
        self.rows = rows.len();
        Ok(())
    }

    /// Length of the cells, in bytes: the same for the same cells, whatever buffers hold them.
    pub fn data_bytes(&self) -> usize {
        let arrays = self.columns.iter().flatten();
        let lengths = arrays.map(|array| array.to_data().get_slice_memory_size());
        lengths
            .map(|length| length.expect("primitive and text arrays have slices of known length"))
            .sum()
    }

    /// Memory held by the arrays, in bytes.
    pub fn memory_bytes(&self) -> usize {
        let arrays = self.columns.iter().flatten();
        let records = self.records.as_ref().map_or(0, |records| records.len() * 4);
        arrays
            .map(|array| array.get_buffer_memory_size())
            .sum::<usize>()
            + records
    }
}
