//! Batch -> Batch: what is done to typed rows, a room per kind of step.
//!
//! A [`Step`] is row-local (any worker, any order) or keyed (per-key state, file order within each
//! key). A step that must learn something first (a mean, the value after a gap) hands out a fit
//! for one more forward pass over the columns it reads. Steps know no threads: the pipeline calls
//! each shard's state in `seq` order and lands the outputs in the rows they came from.

pub mod aggregate;
pub mod check;
pub mod dedup;
pub mod expr;
mod fit;
pub mod fitted;
#[macro_use]
pub mod impute;
pub mod join;
pub mod key;
mod landing;
pub mod rolling;
pub mod row;
pub mod series;
pub mod sort;

use std::any::Any;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray};

pub(crate) use landing::{floats, land};

use crate::base::{Batch, Comparison, DataType, Flaws, Result, Value};
use crate::spill::Runs;
use crate::steps::key::SortedKeys;

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
    /// Whether it makes a table of its own, beside the rows.
    fn makes_table(&self) -> bool {
        false
    }
    /// Whether it makes several rows of one.
    fn adds_rows(&self) -> bool {
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
    /// The slots of a key of its own, if it is keyed by other columns than the run's key: its rows
    /// are then grouped by these, and it gets lanes of its own. Without any all rows are one group.
    fn key(&self) -> Option<&[usize]> {
        None
    }
    /// What to do next: fit, or run with what was fitted. `fitted` is `None` at first. The rows that
    /// a step removes when it has been fitted all stay in the pass that fits it.
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
    /// Ready: it changes nothing, and only tells what it sees.
    Check(Arc<dyn CheckStep>),
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
    /// Some numbers of the whole column; none when there was nothing to learn from.
    Numbers {
        /// What they are, printed for the receipt.
        exact: String,
        /// The numbers, in an order that the step knows.
        values: Vec<f64>,
    },
    /// The categories of the whole column.
    Categories {
        /// How many there are and the first of them, printed for the receipt.
        exact: String,
        /// All of them, sorted.
        categories: Categories,
    },
    /// One table per shard, in shard order.
    Shards(Vec<Arc<dyn Any + Send + Sync>>),
}

/// The categories of a column, in the order of their codes.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Categories {
    /// Their cells.
    pub values: Vec<Value>,
    /// What they are called.
    pub names: Vec<String>,
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
    /// Rows removed because there is another of the same key; they are not among `rows_dropped`.
    pub rows_duplicate: u64,
    /// Rows more than there were, where several were made of one.
    pub rows_added: u64,
    /// Rows that found their match in a joined table.
    pub rows_matched: u64,
    /// Rows that looked for one and found none.
    pub rows_unmatched: u64,
    /// Numbers that lay too far out.
    pub outliers: u64,
    /// Cells that became null because something was wrong with them.
    pub flaws: Flaws,
}

/// A step that needs no other row than the one it works on.
pub trait LocalStep: Send + Sync {
    /// Changes `batch` in place.
    fn apply(&self, batch: &mut Batch) -> Result<Effect>;
}

/// A step that looks at rows and changes nothing.
pub trait CheckStep: Send + Sync {
    /// What there is to see in `batch`.
    fn look(&self, batch: &Batch) -> Result<Seen>;
}

/// What a check sees in a batch.
#[derive(Debug)]
pub enum Seen {
    /// Which rows fail; no cell is null.
    Failing(BooleanArray),
    /// The newest time, in microseconds since 1970-01-01T00:00:00, if there is one.
    Newest(Option<i64>),
}

/// A step with state per key.
pub trait KeyedStep: Send + Sync {
    /// The empty state of shard `shard`.
    fn state(&self, shard: usize) -> Box<dyn KeyedState>;
    /// What its lanes hold of keys.
    fn key_use(&self) -> KeyUse {
        KeyUse::Held
    }
    /// Lands the outputs of all shards in the batch; together they cover each row once.
    fn assemble(&self, batch: &mut Batch, outputs: Vec<ShardOutput>) -> Result<Effect>;
}

/// What the lanes of a keyed step hold of keys, and what becomes of them if there are more than fit
/// into memory. Steps share lanes with those of the same use only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyUse {
    /// A table of all keys, in memory; past the run's limit the run ends.
    Held,
    /// A set of all keys, in memory, that only tells new ones from known ones; past the lane's share
    /// of it the run starts over, and is told that this step is to be planned for more keys.
    Seen,
    /// A table of keys that starts anew when the lane's share of the memory is used up: what the
    /// states hold of each key is written out then ([`KeyedState::spill`]) and put together at the
    /// end ([`KeyedState::end`]). Such a step has no outputs for rows.
    Spilt,
    /// None: rows are handed over without the ids of their keys.
    Unused,
}

/// One shard's state of one keyed step.
pub trait KeyedState: Send {
    /// Works on this shard's rows of the next batch in `seq` order. `rows` are row indices,
    /// ascending, and `keys` the dense key id of each (from 0, in order of first appearance); for a
    /// step of [`KeyUse::Seen`] 1 where the key was there before and 0 where it is new.
    fn advance(&mut self, batch: &Batch, rows: &[u32], keys: &[u32]) -> Result<ShardColumns>;
    /// What was learnt, after the last batch of a fit pass.
    fn finish(self: Box<Self>) -> Option<Arc<dyn Any + Send + Sync>> {
        None
    }
    /// Writes what is held of each of `keys` as one run of `runs`, and forgets it: from the next row
    /// on ids start from 0 again. The entries have the bytes of the keys; what they carry besides is
    /// the step's own. Asked of the states of a step of [`KeyUse::Spilt`] only.
    ///
    /// # Errors
    /// What keeps the run from being written.
    fn spill(&mut self, _keys: &SortedKeys, _runs: &mut Runs) -> Result<()> {
        unreachable!("only the states of steps that spill are asked to")
    }
    /// What was learnt, after the last batch, where the step is one of [`KeyUse::Spilt`]: from the
    /// state and the `keys` that it knows the ids of, or from what it has written. `go_on` is to be
    /// asked now and then, and whatever it returns to be handed on.
    ///
    /// # Errors
    /// What keeps runs from being read, and those of `go_on`.
    fn end(
        self: Box<Self>,
        _keys: LaneKeys,
        _go_on: &mut dyn FnMut() -> Result<()>,
    ) -> Result<Option<Learnt>> {
        unreachable!("only the states of steps that spill are ended so")
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
    /// Takes in the rows of the next batch in `seq` order, which were read at `origins`; returns the
    /// rows that may go now, and all that are left if it is the last.
    fn advance(
        &mut self,
        batch: &Batch,
        origins: Vec<RowOrigin>,
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
    /// Where each row was read.
    pub origins: Vec<RowOrigin>,
}

/// Where a row was read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RowOrigin {
    /// The place of its chunk in file order.
    pub chunk: u32,
    /// The index of its record within the chunk.
    pub record: u32,
}

/// The keys of a lane that may spill, at the end of a pass.
pub enum LaneKeys {
    /// All of them, and their ids: nothing was written.
    Held(Arc<SortedKeys>),
    /// Everything was written, what was held last too: a key is in as many runs as it was held for,
    /// and those come in the order of its rows.
    Spilt(Runs),
}

/// What a shard leaves behind.
pub struct Learnt {
    /// For [`Fitted::Shards`], or whoever knows the step.
    pub value: Arc<dyn Any + Send + Sync>,
    /// Its memory.
    pub bytes: usize,
}

/// What one shard made of its rows.
pub enum ShardColumns {
    /// Nothing (a fit pass).
    None,
    /// For each output column a value for each of the shard's rows; NaN stands for null.
    Dense(Vec<Vec<f64>>),
    /// For each output column an array with a cell for each of the shard's rows.
    Typed(Vec<ArrayRef>),
    /// New values for some rows of the batch: `rows[i]` (a row index of the batch, ascending)
    /// takes cell `i` of `values`.
    Sparse {
        /// Row indices of the batch.
        rows: Vec<u32>,
        /// The cells, of the column's type.
        values: ArrayRef,
    },
    /// Row indices of the batch, ascending: these rows go.
    Dropped(Vec<u32>),
}

/// The rows of one shard and what was made of them.
pub struct ShardOutput {
    /// Row indices, ascending.
    pub rows: Vec<u32>,
    /// The results.
    pub columns: ShardColumns,
}
