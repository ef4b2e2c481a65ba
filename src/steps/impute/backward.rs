//! Backward fill: each null is filled with its key's next value, without looking ahead in the
//! file. A fit pass meets the gaps (runs of nulls of one key) of a shard in the order in which they
//! open and notes for each the value that ends it; the fill pass meets the same gaps in the same
//! order. A gap that no value ends stays null.
//!
//! Held per gap: one fixed-width cell and a bit, or 4 bytes for a text, each distinct text once.

use std::any::Any;
use std::sync::Arc;

use arrow::array::Array;

use super::column::ColumnContext;
use super::keyed::{cover, nothing};
use super::table::CellTable;
use crate::base::{Batch, Result};
use crate::steps::{KeyedState, ShardColumns};

/// Which gap each key is in.
#[derive(Default)]
struct OpenGaps {
    /// The key's gap plus 1; 0 where its last row was no null.
    gap_of_key: Vec<usize>,
    /// How many keys are in a gap.
    open: usize,
    /// How many gaps there have been.
    gaps: usize,
}

impl OpenGaps {
    /// The gap that a null of `key` lies in: the open one, or a new one.
    fn enter(&mut self, key: usize) -> usize {
        let gap = &mut self.gap_of_key[key];
        if *gap == 0 {
            self.gaps += 1;
            self.open += 1;
            *gap = self.gaps;
        }
        *gap - 1
    }

    /// The gap that a value of `key` ends, if one is open.
    fn leave(&mut self, key: usize) -> Option<usize> {
        let gap = std::mem::take(&mut self.gap_of_key[key]).checked_sub(1)?;
        self.open -= 1;
        Some(gap)
    }

    fn memory_bytes(&self) -> usize {
        self.gap_of_key.capacity() * size_of::<usize>()
    }
}

/// Notes the value that ends each gap of a shard.
pub(super) struct BackwardFit<C> {
    context: ColumnContext,
    gaps: OpenGaps,
    ends: C,
}

impl<C: CellTable> BackwardFit<C> {
    pub(super) fn new(context: ColumnContext) -> Self {
        Self {
            context,
            gaps: OpenGaps::default(),
            ends: C::default(),
        }
    }
}

impl<C: CellTable> KeyedState for BackwardFit<C> {
    fn advance(&mut self, batch: &Batch, rows: &[u32], keys: &[u32]) -> Result<ShardColumns> {
        let array = batch.column(self.context.slot);
        let nulls = array.nulls();
        if nulls.is_none() && self.gaps.open == 0 {
            return Ok(ShardColumns::None);
        }
        cover(&mut self.gaps.gap_of_key, keys);
        let mut ended: Vec<(usize, u32)> = Vec::new();
        for (&row, &key) in rows.iter().zip(keys) {
            if nulls.is_some_and(|nulls| nulls.is_null(row as usize)) {
                self.gaps.enter(key as usize);
            } else if let Some(gap) = self.gaps.leave(key as usize) {
                ended.push((gap, row));
            }
        }
        self.ends.extend_to(self.gaps.gaps);
        self.ends.set_from(array, &ended);
        self.context.check(self.memory_bytes())?;
        Ok(ShardColumns::None)
    }

    fn finish(self: Box<Self>) -> Option<Arc<dyn Any + Send + Sync>> {
        Some(Arc::new(self.ends))
    }

    fn memory_bytes(&self) -> usize {
        self.gaps.memory_bytes() + self.ends.memory_bytes()
    }
}

/// Fills each gap with the value that ends it.
pub(super) struct BackwardFill<C> {
    slot: usize,
    gaps: OpenGaps,
    ends: Arc<C>,
}

impl<C: CellTable> BackwardFill<C> {
    pub(super) fn new(slot: usize, ends: Arc<C>) -> Self {
        Self {
            slot,
            gaps: OpenGaps::default(),
            ends,
        }
    }
}

impl<C: CellTable> KeyedState for BackwardFill<C> {
    fn advance(&mut self, batch: &Batch, rows: &[u32], keys: &[u32]) -> Result<ShardColumns> {
        let array = batch.column(self.slot);
        let nulls = array.nulls();
        if nulls.is_none() && self.gaps.open == 0 {
            return Ok(nothing(batch, self.slot));
        }
        cover(&mut self.gaps.gap_of_key, keys);
        let (mut filled_rows, mut filled) = (Vec::new(), Vec::new());
        for (&row, &key) in rows.iter().zip(keys) {
            if nulls.is_none_or(|nulls| nulls.is_valid(row as usize)) {
                self.gaps.leave(key as usize);
                continue;
            }
            let gap = self.gaps.enter(key as usize);
            if self.ends.has(gap) {
                filled_rows.push(row);
                filled.push(gap);
            }
        }
        let values = self.ends.gather(&filled, array.data_type())?;
        Ok(ShardColumns::Sparse {
            rows: filled_rows,
            values,
        })
    }

    fn memory_bytes(&self) -> usize {
        self.gaps.memory_bytes() + self.ends.memory_bytes()
    }
}
