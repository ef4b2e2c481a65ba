//! The column that a step works on: where it stands, what it is called, and what its fit may hold.
//! In go a fit's bare results, out come what receipts and errors say about them.

use std::sync::Arc;

use arrow::array::Array;

use super::cells::Cell;
use crate::base::{DataType, Error, ErrorKind, Result, Value};
use crate::steps::Fitted;

/// What every fit and fill of a step knows of its column.
#[derive(Debug, Clone)]
pub(super) struct ColumnContext {
    /// Its slot in a batch.
    pub(super) slot: usize,
    /// The type of its cells.
    pub(super) data_type: DataType,
    /// What is being fitted, in words, such as "the mode of column region".
    pub(super) term: Arc<str>,
    /// The most that the fit may hold, in bytes.
    pub(super) bytes_max: usize,
}

impl ColumnContext {
    /// A statistic of the column; none of a column without values, nor one that is NaN.
    pub(super) fn statistic<T: Cell>(&self, fit: Option<(T, String)>) -> Fitted {
        match fit {
            Some((cell, exact)) => Fitted::Statistic {
                exact,
                value: cell.key().map(|_| cell.to_value(&self.data_type)),
            },
            None => no_values(),
        }
    }

    /// A text statistic of the column.
    pub(super) fn text_statistic(&self, fit: Option<&str>) -> Fitted {
        fit.map_or_else(no_values, |text| Fitted::Statistic {
            exact: text.to_owned(),
            value: Some(Value::Utf8(text.to_owned())),
        })
    }

    /// Refuses a fit that holds more than it may.
    pub(super) fn check(&self, held_bytes: usize) -> Result<()> {
        if held_bytes > self.bytes_max {
            return Err(self.memory_limit(held_bytes));
        }
        Ok(())
    }

    /// The error of a fit that needs more than it may hold.
    pub(super) fn memory_limit(&self, needed_bytes: usize) -> Error {
        ErrorKind::MemoryLimit {
            term: self.term.to_string(),
            needed_bytes: needed_bytes as u64,
            limit_bytes: self.bytes_max as u64,
            advice: "raise --memory-limit, or fill the column by another method".to_owned(),
        }
        .into()
    }
}

fn no_values() -> Fitted {
    Fitted::Statistic {
        exact: "no values".to_owned(),
        value: None,
    }
}

/// The rows of `array` that are null, ascending.
pub(super) fn null_rows(array: &dyn Array) -> Vec<u32> {
    match array.nulls() {
        Some(nulls) => (!nulls.inner()).set_indices_u32().collect(),
        None => Vec::new(),
    }
}
