//! Rows in another order: sorted by columns, or let go in time order once none can come before them.
//!
//! [`Hold`] holds rows back for a time and needs no pass of its own. [`Sort`] is no work on batches: it ends the passes before it, and the rows that come out of them
//! are packed ([`PackedBatch`]), sorted run by run ([`SortedRun`]), and read again in order by the
//! passes behind it.
//!
//! The order: text by its bytes, false before true, NaN greater than every other number, −0 equal to
//! 0; null behind all values unless asked for otherwise, descending or not. Rows of equal keys keep
//! their order.

mod hold;
mod layout;
mod order;
mod run;
#[cfg(test)]
mod tests;

pub use hold::Hold;
pub use layout::{PackedRows, RowLayout};
pub use run::{PackedBatch, SortedRun};

use super::{Fitted, Prepared, SortOrder, Step};
use crate::base::Result;

/// A step that sorts all rows.
#[derive(Debug, Clone)]
pub struct Sort {
    label: String,
    order: SortOrder,
}

impl Sort {
    /// Sorts by `order`.
    pub fn new(label: String, order: SortOrder) -> Self {
        Self { label, order }
    }
}

impl Step for Sort {
    fn label(&self) -> String {
        self.label.clone()
    }

    fn reads(&self) -> Vec<usize> {
        self.order.keys.iter().map(|key| key.slot).collect()
    }

    fn writes(&self) -> Vec<usize> {
        Vec::new()
    }

    fn sorts(&self) -> Option<&SortOrder> {
        Some(&self.order)
    }

    fn prepare(&self, _: Option<&Fitted>) -> Result<Prepared> {
        unreachable!("passes end before a step that sorts")
    }
}
