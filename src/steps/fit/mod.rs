//! What a pass over a column learns: sums, counts, ranks and categories, whatever the order in which
//! batches come.
//!
//! Every result is exact, or rounded once from an exact one, so that it depends on neither order,
//! chunks nor threads, and is held in memory that is known beforehand: what would outgrow it is
//! refused. Steps that fill, scale, sort into bins or encode build on these.

pub(in crate::steps) mod cells;
pub(in crate::steps) mod counts;
pub(in crate::steps) mod float_sum;
pub(in crate::steps) mod interner;
pub(in crate::steps) mod ranks;
pub(in crate::steps) mod ratio;

mod categories;
mod numbers;
mod summary;
mod texts;

pub(in crate::steps) use categories::categories_fit;
pub(in crate::steps) use numbers::numbers;
pub(in crate::steps) use summary::{Summary, SummaryFit};
pub(in crate::steps) use texts::TextColumn;

use std::sync::Arc;

use crate::base::{Error, ErrorKind};

/// Where a fit looks, and what it may hold.
#[derive(Debug, Clone)]
pub(in crate::steps) struct FitColumn {
    /// The slot of the column.
    pub(in crate::steps) slot: usize,
    /// What is fitted, in words.
    pub(in crate::steps) term: Arc<str>,
    /// The most that the fit may hold, in bytes.
    pub(in crate::steps) bytes_max: usize,
}

impl FitColumn {
    /// The error of a fit that needs more than it may hold.
    fn memory_limit(&self, needed_bytes: usize) -> Error {
        ErrorKind::MemoryLimit {
            term: self.term.to_string(),
            needed_bytes: needed_bytes as u64,
            limit_bytes: self.bytes_max as u64,
            advice: "raise --memory-limit, or name the categories".to_owned(),
        }
        .into()
    }
}
