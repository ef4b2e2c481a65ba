//! Packed batches -> their rows in order, where all of them are in memory.
//!
//! Invariant: equal keys keep the order of their rows.

use arrow::row::Rows;

use super::layout::{PackedRows, RowLayout};
use crate::base::{Batch, Result};
use crate::steps::{RowOrigin, SortOrder};

/// What sorting takes for each row besides the row and its key.
const PLACE_BYTES: usize = size_of::<Place>();

/// A batch on its way through a sort: its keys and its rows, as bytes.
pub struct PackedBatch {
    keys: Rows,
    rows: PackedRows,
}

/// Where a row is, and the first bytes of its key as a number that has their order.
#[derive(Clone, Copy)]
struct Place {
    prefix: u64,
    batch: u32,
    row: u32,
}

/// The rows of several batches in order.
pub struct SortedRun {
    batches: Vec<PackedBatch>,
    order: Vec<Place>,
}

impl PackedBatch {
    /// Packs `batch`, whose rows were read at `origins`, to be ordered by `order`.
    ///
    /// # Errors
    /// Those of [`SortOrder::encode`].
    pub fn new(
        batch: &Batch,
        order: &SortOrder,
        layout: &RowLayout,
        origins: &[RowOrigin],
    ) -> Result<Self> {
        Ok(Self {
            keys: order.encode(batch)?,
            rows: layout.pack(batch, origins),
        })
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Memory held, and what sorting it will take, in bytes.
    pub fn memory_bytes(&self) -> usize {
        self.keys.size() + self.rows.memory_bytes() + self.rows.len() * PLACE_BYTES
    }

    #[cfg(test)]
    pub(super) fn with_rows(self, rows: PackedRows) -> Self {
        Self { rows, ..self }
    }

    fn key(&self, row: u32) -> &[u8] {
        self.keys.row(row as usize).data()
    }
}

impl SortedRun {
    /// Sorts the rows of `batches`, which are in their order.
    pub fn new(batches: Vec<PackedBatch>) -> Self {
        let rows = batches.iter().map(PackedBatch::len).sum();
        let mut order = Vec::with_capacity(rows);
        for (index, batch) in batches.iter().enumerate() {
            order.extend((0..batch.len()).map(|row| Place {
                prefix: prefix(batch.key(row as u32)),
                batch: index as u32,
                row: row as u32,
            }));
        }
        let key = |place: &Place| batches[place.batch as usize].key(place.row);
        order.sort_unstable_by(|one, other| {
            let by_key = one.prefix.cmp(&other.prefix);
            let by_key = by_key.then_with(|| key(one).cmp(key(other)));
            by_key.then_with(|| (one.batch, one.row).cmp(&(other.batch, other.row)))
        });
        Self { batches, order }
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// The row that is `index`-th in order: its key and its cells.
    pub fn entry(&self, index: usize) -> (&[u8], &[u8]) {
        let place = self.order[index];
        let batch = &self.batches[place.batch as usize];
        (batch.key(place.row), batch.rows.row(place.row as usize))
    }

    /// Memory held, in bytes.
    pub fn memory_bytes(&self) -> usize {
        self.batches.iter().map(PackedBatch::memory_bytes).sum()
    }
}

fn prefix(key: &[u8]) -> u64 {
    let mut bytes = [0; 8];
    let length = key.len().min(8);
    bytes[..length].copy_from_slice(&key[..length]);
    u64::from_be_bytes(bytes)
}
