//! What the keyed steps of this room share: a step that hands out states and lands their sparse
//! cells, walks over a shard's rows, and the state that fills from a table of cells per key.

use std::any::Any;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef};
use arrow::buffer::NullBuffer;

use super::cells::Cell;
use super::patch::{fill_cells, fill_texts};
use super::table::{CellTable, TextColumn};
use crate::base::{Batch, DataType, Result};
use crate::steps::{Effect, KeyedState, KeyedStep, ShardColumns, ShardOutput};

/// A keyed step on the column in `slot`: a fit (whose outputs are dropped) or a fill.
pub(super) struct KeyedFill<F> {
    pub(super) slot: usize,
    pub(super) data_type: DataType,
    /// Makes the empty state of a shard.
    pub(super) make: F,
}

impl<F> KeyedStep for KeyedFill<F>
where
    F: Fn(usize) -> Box<dyn KeyedState> + Send + Sync,
{
    fn state(&self, shard: usize) -> Box<dyn KeyedState> {
        (self.make)(shard)
    }

    fn assemble(&self, batch: &mut Batch, outputs: Vec<ShardOutput>) -> Result<Effect> {
        let sparse: Vec<_> = outputs
            .into_iter()
            .filter_map(|output| match output.columns {
                ShardColumns::Sparse { rows, values } if !rows.is_empty() => Some((rows, values)),
                _ => None,
            })
            .collect();
        let filled: usize = sparse.iter().map(|(rows, _)| rows.len()).sum();
        if filled > 0 {
            let array = batch.column(self.slot);
            let merged = with_column_kind!(self.data_type,
                T => land_cells::<T>(array, &sparse),
                text => land_texts(array, &sparse)?
            );
            batch.columns[self.slot] = Some(merged);
        }
        Ok(Effect {
            cells_filled: filled as u64,
            ..Effect::default()
        })
    }
}

fn land_cells<T: Cell>(array: &ArrayRef, sparse: &[(Vec<u32>, ArrayRef)]) -> ArrayRef {
    let rows = sparse.iter().flat_map(|(rows, _)| rows.iter().copied());
    let cells = sparse
        .iter()
        .flat_map(|(_, values)| T::read(values).into_owned());
    fill_cells(array, rows, cells)
}

fn land_texts(array: &ArrayRef, sparse: &[(Vec<u32>, ArrayRef)]) -> Result<ArrayRef> {
    let mut fills: Vec<(u32, &str)> = Vec::new();
    for (rows, values) in sparse {
        let texts = TextColumn::of(values);
        fills.extend(
            rows.iter()
                .enumerate()
                .map(|(index, &row)| (row, texts.get(index))),
        );
    }
    fills.sort_unstable_by_key(|&(row, _)| row);
    fill_texts(array, fills.iter().copied())
}

/// Grows a table of one entry per key until it covers all of `keys`.
pub(super) fn cover<T: Clone + Default>(entries: &mut Vec<T>, keys: &[u32]) {
    let len = keys_len(keys);
    if len > entries.len() {
        entries.resize(len, T::default());
    }
}

/// The number of entries that a table indexed by `keys` needs.
pub(super) fn keys_len(keys: &[u32]) -> usize {
    keys.iter().max().map_or(0, |&key| key as usize + 1)
}

/// Calls `visit` with row and key of each of a shard's rows that is not null.
pub(super) fn for_each_valid(
    nulls: Option<&NullBuffer>,
    rows: &[u32],
    keys: &[u32],
    mut visit: impl FnMut(usize, usize),
) {
    let pairs = rows.iter().zip(keys);
    let pairs = pairs.map(|(&row, &key)| (row as usize, key as usize));
    match nulls {
        None => pairs.for_each(|(row, key)| visit(row, key)),
        Some(nulls) => pairs
            .filter(|&(row, _)| nulls.is_valid(row))
            .for_each(|(row, key)| visit(row, key)),
    }
}

/// No filled cells, of the column's type.
pub(super) fn nothing(batch: &Batch, slot: usize) -> ShardColumns {
    ShardColumns::Sparse {
        rows: Vec::new(),
        values: batch.column(slot).slice(0, 0),
    }
}

/// Fills each null from its own key's entry in a table; a key without one stays null.
pub(super) struct LookupFill<C> {
    pub(super) slot: usize,
    pub(super) table: Arc<C>,
}

impl<C: CellTable> KeyedState for LookupFill<C> {
    fn advance(&mut self, batch: &Batch, rows: &[u32], keys: &[u32]) -> Result<ShardColumns> {
        let array = batch.column(self.slot);
        let Some(nulls) = array.nulls() else {
            return Ok(nothing(batch, self.slot));
        };
        let mut filled_rows = Vec::new();
        let mut entries = Vec::new();
        for (&row, &key) in rows.iter().zip(keys) {
            if nulls.is_null(row as usize) && self.table.has(key as usize) {
                filled_rows.push(row);
                entries.push(key as usize);
            }
        }
        let values = self.table.gather(&entries, array.data_type())?;
        Ok(ShardColumns::Sparse {
            rows: filled_rows,
            values,
        })
    }

    fn memory_bytes(&self) -> usize {
        self.table.memory_bytes()
    }
}

/// The table that the fit of shard `shard` left behind.
///
/// # Panics
/// If it is of another type: the pipeline hands back what this step's own fit returned.
pub(super) fn shard_table<C: Send + Sync + 'static>(
    tables: &[Arc<dyn Any + Send + Sync>],
    shard: usize,
) -> Arc<C> {
    Arc::clone(&tables[shard])
        .downcast()
        .expect("a step is handed what its own fit learnt")
}
