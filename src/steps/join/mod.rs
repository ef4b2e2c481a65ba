//! Joins with a small table: each row finds the row of the table that has its key, or of those the
//! nearest in time, and takes over its cells; or stays or leaves by whether there is one. Where all
//! rows of a key are asked for, it becomes as many.
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

/// What is being done, where an error says so.
const ACTION: &str = "join rows";

/// A step that looks rows up in a table.
#[derive(Debug, Clone)]
pub struct Join(Arc<Lookup>);

/// Where rows are looked up, and what becomes of them.
#[derive(Debug)]
pub struct Lookup {
    /// What the user calls it.
    pub label: String,
    /// The table.
    pub table: Arc<Table>,
    /// The slots of the key, in the order of the table's.
    pub keys: Vec<usize>,
    /// The slot of the time, if the table's rows are told apart by time.
    pub time: Option<usize>,
    /// Which rows stay.
    pub how: JoinHow,
    /// Which of the table's columns are added, and the slots that they go to.
    pub outputs: Vec<(usize, usize)>,
    /// What a batch may take once there are more rows in it, in bytes.
    pub batch_bytes_max: usize,
}

impl Join {
    /// A step that does what `lookup` says.
    pub fn new(lookup: Lookup) -> Self {
        Self(Arc::new(lookup))
    }
}

impl Step for Join {
    fn label(&self) -> String {
        self.0.label.clone()
    }

    fn reads(&self) -> Vec<usize> {
        let Lookup { keys, time, .. } = &*self.0;
        keys.iter().chain(time).copied().collect()
    }

    fn writes(&self) -> Vec<usize> {
        self.0.outputs.iter().map(|(_, slot)| *slot).collect()
    }

    fn drops_rows(&self) -> bool {
        self.0.how.drops_rows()
    }

    fn adds_rows(&self) -> bool {
        self.0.table.repeats_keys()
    }

    fn prepare(&self, _: Option<&Fitted>) -> Result<Prepared> {
        let lookup = Arc::clone(&self.0);
        Ok(Prepared::Local(lookup))
    }
}

impl LocalStep for Lookup {
    fn apply(&self, batch: &mut Batch) -> Result<Effect> {
        let fits = |rows| self.fits(batch, rows);
        let index = &self.table.index;
        let mut found = index.look_up(batch, &self.keys, self.time, fits)?;
        let unmatched = batch.rows - found.matched;
        let mut effect = Effect {
            rows_matched: found.matched as u64,
            rows_unmatched: unmatched as u64,
            ..Effect::default()
        };
        if let Some(origins) = found.origins.take() {
            effect.rows_added = (origins.len() - batch.rows) as u64;
            batch.repeat(&UInt32Array::from(origins), ACTION)?;
        }
        if self.how.drops_rows() {
            let keeps_matched = self.how != JoinHow::Anti;
            let mask = found.rows.iter();
            let mask = mask.map(|row| (*row != NO_ROW) == keeps_matched);
            let mask = BooleanArray::from(mask.collect::<Vec<bool>>());
            effect.rows_dropped = batch.keep(&mask, ACTION)?;
            found.rows.retain(|row| (*row != NO_ROW) == keeps_matched);
        }
        if self.outputs.is_empty() {
            return Ok(effect);
        }
        let rows = indices(found.rows);
        for &(column, slot) in &self.outputs {
            let cells = take(&self.table.columns[column], &rows, None).map_err(|source| {
                ErrorKind::Encode {
                    action: ACTION,
                    source: source.into(),
                }
            })?;
            batch.columns[slot] = Some(cells);
        }
        Ok(effect)
    }
}

impl Lookup {
    /// Fails if `rows` rows like those of `batch`, with their matches, are too large for one batch.
    fn fits(&self, batch: &Batch, rows: usize) -> Result<()> {
        let of_table = self.table.memory_bytes() / self.table.rows().max(1);
        let needed = (batch.data_bytes() / batch.rows.max(1) + of_table).saturating_mul(rows);
        if needed <= self.batch_bytes_max && u32::try_from(rows).is_ok() {
            return Ok(());
        }
        Err(ErrorKind::MemoryLimit {
            term: format!(
                "a chunk of {} rows that find {rows} rows of the table in `{}`",
                batch.rows, self.label
            ),
            needed_bytes: needed as u64,
            limit_bytes: self.batch_bytes_max as u64,
            advice: "this is the share of one chunk: lower --chunk-rows, raise --memory-limit, or \
                     take one row of each key: duplicates = \"first\""
                .to_owned(),
        }
        .into())
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
