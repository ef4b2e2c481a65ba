//! Batch -> Batch: what is done to typed rows, a room per kind of step.
//!
//! A [`Step`] is row-local (any worker, any order) or keyed (per-key state, file order within each
//! key). A step that must learn something first (a mean, the value after a gap) hands out a fit
//! for one more forward pass over the columns it reads. Steps know no threads: the pipeline calls
//! each shard's state in `seq` order and lands the outputs in the rows they came from.

pub mod expr;
pub mod impute;
pub mod key;
pub mod rolling;
pub mod row;
pub mod sort;

use std::any::Any;
use std::sync::Arc;

use arrow::array::ArrayRef;

use crate::base::{Batch, Comparison, DataType, Flaws, Result, Value};

/// A planned step: which slots it reads and writes, and how it runs.
pub trait Step: Send + Sync {
    /// What the user calls it, such as `impute amount=mean`.
    fn label(&self) -> String;
    /// The slots it reads.
    fn reads(&self) -> Vec<usize>;
    /// The slots it writes (an impute step writes the slot it reads).
    fn writes(&self) -> Vec<usize>;
    /// Whether it removes rows.
    fn drops_rows(&self) -> bool {
        false
    }
    /// If all that it does is to keep rows, each by itself: what the cells of single columns are in
    /// every row that it keeps, as far as that is known.
    fn keeps(&self) -> Option<Vec<(usize, Comparison)>> {
        None
    }
    /// How it orders all rows, if that is what it does: it then is never prepared, and passes end
    /// before it.
    fn sorts(&self) -> Option<&SortOrder> {
        None
    }
    /// Whether rows leave it in another order than they came.
    fn moves_rows(&self) -> bool {
        self.sorts().is_some()
    }
    /// What to do next: fit, or run with what was fitted. `fitted` is `None` at first.
    fn prepare(&self, fitted: Option<&Fitted>) -> Result<Prepared>;
}

/// How rows are ordered: by the first key, then by the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SortOrder {
    /// The keys.
    pub keys: Vec<SortKey>,
    /// Whether null comes before every value, and not behind.
    pub nulls_first: bool,
}

/// One column that rows are sorted by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SortKey {
    /// Its slot.
    pub slot: usize,
    /// Its type.
    pub data_type: DataType,
    /// Whether large values come first.
    pub descending: bool,
}

/// What a step needs now.
pub enum Prepared {
    /// A pass that observes each batch, in any order.
    Fit(Box<dyn Fit>),
    /// A pass through each shard's state in order; its outputs are dropped and
    /// [`KeyedState::finish`] returns what was learnt.
    FitKeyed(Arc<dyn KeyedStep>),
    /// Ready: row by row.
    Local(Arc<dyn LocalStep>),
    /// Ready: key by key.
    Keyed(Arc<dyn KeyedStep>),
    /// Ready: rows leave in another order than they came.
    Reorder(Arc<dyn ReorderStep>),
}

/// What a fit pass learnt, handed back to [`Step::prepare`].
#[derive(Clone)]
#[non_exhaustive]
pub enum Fitted {
    /// One statistic of the whole column; `value` is `None` when there was nothing to learn from.
    Statistic {
        /// The exact result, printed for the receipt.
        exact: String,
        /// The cell to fill in, after rounding to the column's type.
        value: Option<Value>,
    },
    /// One table per shard, in shard order.
    Shards(Vec<Arc<dyn Any + Send + Sync>>),
}

/// How a fit ends its pass.
pub enum FitOutcome {
    /// Learnt.
    Done(Fitted),
    /// One more pass is needed, with this.
    Again(Box<dyn Fit>),
}

/// Learns from batches in any order; the result must not depend on that order.
pub trait Fit: Send {
    /// Takes in one batch.
    fn observe(&mut self, batch: &Batch) -> Result<()>;
    /// Ends the pass.
    fn finish(self: Box<Self>) -> Result<FitOutcome>;
    /// Memory held, in bytes.
    fn memory_bytes(&self) -> usize;
}

/// What a step did to a batch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Effect {
    /// Null cells filled.
    pub cells_filled: u64,
    /// Rows removed.
    pub rows_dropped: u64,
    /// Cells that became null because something was wrong with them.
    pub flaws: Flaws,
}

/// A step that needs no other row than the one it works on.
pub trait LocalStep: Send + Sync {
    /// Changes `batch` in place.
    fn apply(&self, batch: &mut Batch) -> Result<Effect>;
}

/// A step with state per key.
pub trait KeyedStep: Send + Sync {
    /// The empty state of shard `shard`.
    fn state(&self, shard: usize) -> Box<dyn KeyedState>;
    /// Lands the outputs of all shards in the batch; together they cover each row once.
    fn assemble(&self, batch: &mut Batch, outputs: Vec<ShardOutput>) -> Result<Effect>;
}

/// One shard's state of one keyed step.
pub trait KeyedState: Send {
    /// Works on this shard's rows of the next batch in `seq` order. `rows` are row indices,
    /// ascending, and `keys` the dense key id of each (from 0, in order of first appearance).
    fn advance(&mut self, batch: &Batch, rows: &[u32], keys: &[u32]) -> Result<ShardColumns>;
    /// What was learnt, after the last batch of a fit pass.
    fn finish(self: Box<Self>) -> Option<Arc<dyn Any + Send + Sync>> {
        None
    }
    /// Memory held, in bytes. Called after every batch: must be cheap.
    fn memory_bytes(&self) -> usize;
}

/// A step that lets rows go in another order than they came.
pub trait ReorderStep: Send + Sync {
    /// Its state before the first batch.
    fn state(&self) -> Box<dyn ReorderState>;
}

/// The rows that a step holds back.
pub trait ReorderState: Send {
    /// Takes in the rows of the next batch in `seq` order, of which `sources` says where each came
    /// from if not all from that of the batch; returns the rows that may go now, and all that are
    /// left if it is the last.
    fn advance(
        &mut self,
        batch: &Batch,
        sources: Option<&[u32]>,
        is_last: bool,
    ) -> Result<Released>;
    /// Rows so far that came behind one they belong before.
    fn late_rows(&self) -> u64;
    /// Memory held, in bytes.
    fn memory_bytes(&self) -> usize;
}

/// Rows that a step lets go, in their order.
pub struct Released {
    /// Their cells, by slot, as in the batches they came in.
    pub columns: Vec<Option<ArrayRef>>,
    /// The source of each row.
    pub sources: Vec<u32>,
}

/// What one shard made of its rows.
pub enum ShardColumns {
    /// Nothing (a fit pass).
    None,
    /// For each output column a value for each of the shard's rows; NaN stands for null.
    Dense(Vec<Vec<f64>>),
    /// New values for some rows of the batch: `rows[i]` (a row index of the batch, ascending)
    /// takes cell `i` of `values`.
    Sparse {
        /// Row indices of the batch.
        rows: Vec<u32>,
        /// The cells, of the column's type.
        values: ArrayRef,
    },
}

/// The rows of one shard and what was made of them.
pub struct ShardOutput {
    /// Row indices, ascending.
    pub rows: Vec<u32>,
    /// The results.
    pub columns: ShardColumns,
}
