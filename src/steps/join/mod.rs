//! Joins with a small table: each row finds the row of the table that has its key, or of those the
//! nearest in time, and takes over its cells; or stays or leaves by whether there is one.
//!
//! A [`Table`] is built once, and all workers look rows up in it at a time. As in SQL no null is
//! equal to another; −0 equals 0 and all NaN are equal, as in keys everywhere here.

mod clock;
mod index;
#[cfg(test)]
mod naive;
mod table;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use arrow::array::{BooleanArray, UInt32Array};
use arrow::buffer::NullBuffer;
use arrow::compute::take;

pub use clock::Clock;
pub use index::{AsOf, Twice};
pub use table::{Keyed, Room, Table};

use self::index::NO_ROW;
use crate::base::{Batch, ErrorKind, JoinHow, Result};
use crate::steps::{Effect, Fitted, LocalStep, Prepared, Step};

/// A step that looks rows up in a table.
#[derive(Debug, Clone)]
pub struct Join {
    label: String,
    lookup: Arc<Lookup>,
}

/// Where rows are looked up, and what becomes of them.
#[derive(Debug)]
pub struct Lookup {
    /// The table.
    pub table: Arc<Table>,
    /// The slots of the key, in the order of the table's.
    pub keys: Vec<usize>,
    /// The slot of the time, if the table's rows are told apart by time.
    pub time: Option<usize>,
    /// Which rows stay.
    pub how: JoinHow,
    /// The slots that the table's columns go to, in their order.
    pub outputs: Vec<usize>,
}

impl Join {
    /// A step called `label`.
    pub fn new(label: String, lookup: Lookup) -> Self {
        Self {
            label,
            lookup: Arc::new(lookup),
        }
    }
}

impl Step for Join {
    fn label(&self) -> String {
        self.label.clone()
    }

    fn reads(&self) -> Vec<usize> {
        let Lookup { keys, time, .. } = &*self.lookup;
        keys.iter().chain(time).copied().collect()
    }

    fn writes(&self) -> Vec<usize> {
        self.lookup.outputs.clone()
    }

    fn drops_rows(&self) -> bool {
        self.lookup.how.drops_rows()
    }

    fn prepare(&self, _: Option<&Fitted>) -> Result<Prepared> {
        let lookup = Arc::clone(&self.lookup);
        Ok(Prepared::Local(lookup))
    }
}

impl LocalStep for Lookup {
    fn apply(&self, batch: &mut Batch) -> Result<Effect> {
        let mut found = self.table.index.look_up(batch, &self.keys, self.time);
        let matched = found.iter().filter(|row| **row != NO_ROW).count();
        let mut effect = Effect {
            rows_matched: matched as u64,
            rows_unmatched: (found.len() - matched) as u64,
            ..Effect::default()
        };
        if self.how.drops_rows() {
            let keeps_matched = self.how != JoinHow::Anti;
            let mask = found.iter().map(|row| (*row != NO_ROW) == keeps_matched);
            let mask = BooleanArray::from(mask.collect::<Vec<bool>>());
            effect.rows_dropped = batch.keep(&mask, "join rows")?;
            found.retain(|row| (*row != NO_ROW) == keeps_matched);
        }
        if self.outputs.is_empty() {
            return Ok(effect);
        }
        let rows = indices(found);
        for (column, &slot) in self.table.columns.iter().zip(&self.outputs) {
            let cells = take(column, &rows, None).map_err(|source| ErrorKind::Encode {
                action: "join rows",
                source: source.into(),
            })?;
            batch.columns[slot] = Some(cells);
        }
        Ok(effect)
    }
}

/// The rows to take, null where there is none.
fn indices(mut found: Vec<u32>) -> UInt32Array {
    if !found.contains(&NO_ROW) {
        return UInt32Array::from(found);
    }
    let is_row = NullBuffer::from_iter(found.iter().map(|row| *row != NO_ROW));
    for row in &mut found {
        if *row == NO_ROW {
            *row = 0;
        }
    }
    UInt32Array::new(found.into(), Some(is_row))
}
