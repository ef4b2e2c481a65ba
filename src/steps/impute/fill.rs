//! Row-local fills: a batch in, its nulls filled with one cell, or the rows that hold them removed.
//! A column without nulls passes as it is.

use arrow::array::{Array, BooleanArray};

use super::column::{ColumnContext, null_rows};
use super::patch::{fill_cells, fill_texts};
use crate::base::{Batch, Result, Value};
use crate::steps::{Effect, LocalStep};

/// Fills every null with `value`; with nothing if there is none.
pub(super) struct ConstantFill {
    pub(super) context: ColumnContext,
    pub(super) value: Option<Value>,
}

impl LocalStep for ConstantFill {
    fn apply(&self, batch: &mut Batch) -> Result<Effect> {
        let slot = self.context.slot;
        let array = batch.column(slot);
        let Some(value) = self.value.as_ref().filter(|_| array.null_count() > 0) else {
            return Ok(Effect::default());
        };
        let rows = null_rows(array);
        let filled = with_column_kind!(self.context.data_type,
            T => {
                let cell = <T as super::cells::Cell>::from_value(value).expect(MISMATCH);
                fill_cells::<T>(array, rows.iter().copied(), std::iter::repeat(cell))
            },
            text => {
                let Value::Utf8(text) = value else { panic!("{MISMATCH}") };
                fill_texts(array, rows.iter().map(|&row| (row, text.as_str())))?
            }
        );
        batch.columns[slot] = Some(filled);
        Ok(Effect {
            cells_filled: rows.len() as u64,
            ..Effect::default()
        })
    }
}

const MISMATCH: &str = "a fill value was made for its column's type";

/// Removes the rows in which the column is null.
pub(super) struct DropRows {
    pub(super) slot: usize,
}

impl LocalStep for DropRows {
    fn apply(&self, batch: &mut Batch) -> Result<Effect> {
        let array = batch.column(self.slot);
        let Some(nulls) = array.nulls().filter(|nulls| nulls.null_count() > 0) else {
            return Ok(Effect::default());
        };
        let mask = BooleanArray::new(nulls.inner().clone(), None);
        Ok(Effect {
            rows_dropped: batch.keep(&mask, "remove rows")?,
            ..Effect::default()
        })
    }
}
