//! Rows -> tables of measures over groups of them, beside the lake.
//!
//! An [`Aggregate`] is a step with a key of its own that changes no row. Each shard keeps what its
//! measures need in columns by group; the shards' groups are merged in the order of their keys by
//! [`TableRows`], which hands over the finished table piece by piece. Nulls and NaN are no values; a
//! null key is a group like any other, and comes last. No result depends on how rows were cut into
//! batches, spread over shards or spilled; sums are exact until they are rounded once.

mod accumulator;
mod bucket;
mod cells;
mod chosen;
mod counts;
mod distinct;
mod exact;
mod groups;
mod layout;
mod moments;
mod picks;
mod pivot;
mod registers;
mod shard;
mod spilled;
mod state;
mod sums;
mod table;
#[cfg(test)]
mod tests;
mod texts;
mod values;
mod wire;

use std::sync::Arc;

pub use accumulator::output_type;
pub use bucket::TimeBucket;
pub use layout::{KeyColumn, MeasureColumn, PivotColumns, Refusal};
pub use table::TableRows;

use crate::base::{Batch, Result};
use crate::steps::{Effect, Fitted, KeyUse, KeyedState, KeyedStep, Prepared, ShardOutput, Step};
use layout::Layout;
use state::State;

/// A step that makes a table of measures over groups of rows.
#[derive(Clone)]
pub struct Aggregate {
    label: String,
    layout: Arc<Layout>,
}

impl Aggregate {
    /// Groups rows by `keys` and takes `measures` of each group.
    ///
    /// # Errors
    /// The first measure that is not defined for its column.
    pub fn new(
        label: String,
        keys: Vec<KeyColumn>,
        measures: Vec<MeasureColumn>,
        pivot: Option<PivotColumns>,
    ) -> Result<Self, Refusal> {
        let layout = Layout::new(&label, keys, measures, pivot)?;
        Ok(Self {
            label,
            layout: Arc::new(layout),
        })
    }

    /// What the columns of the table are called, and their types, before any becomes several.
    pub fn columns(&self) -> Vec<(String, crate::base::DataType)> {
        self.layout.columns()
    }

    /// The table, of what the shards have left behind.
    ///
    /// # Errors
    /// As [`TableRows::next`].
    ///
    /// # Panics
    /// If they are another step's, which is a bug.
    pub fn rows(&self, shards: Vec<Arc<dyn std::any::Any + Send + Sync>>) -> Result<TableRows> {
        TableRows::new(&self.layout, shards)
    }
}

impl Step for Aggregate {
    fn label(&self) -> String {
        self.label.clone()
    }

    fn reads(&self) -> Vec<usize> {
        self.layout.reads()
    }

    fn writes(&self) -> Vec<usize> {
        Vec::new()
    }

    fn makes_table(&self) -> bool {
        true
    }

    fn key(&self) -> Option<&[usize]> {
        Some(&self.layout.key_slots)
    }

    fn prepare(&self, _: Option<&Fitted>) -> Result<Prepared> {
        Ok(Prepared::Keyed(Arc::new(Grouped {
            layout: Arc::clone(&self.layout),
        })))
    }
}

struct Grouped {
    layout: Arc<Layout>,
}

impl KeyedStep for Grouped {
    fn state(&self, _: usize) -> Box<dyn KeyedState> {
        Box::new(State::new(&self.layout))
    }

    fn key_use(&self) -> KeyUse {
        KeyUse::Spilt
    }

    fn assemble(&self, _: &mut Batch, _: Vec<ShardOutput>) -> Result<Effect> {
        Ok(Effect::default())
    }
}
