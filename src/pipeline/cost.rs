//! A pass over the columns of a plan -> what a row takes in memory, as far as that is known before
//! the first is read.

use super::plan::Plan;
use super::stages::PassPlan;
use crate::base::Column;

/// What a cell takes in its array, with its validity.
pub(crate) const CELL_BYTES: usize = 9;
/// What a text that a step makes is taken to be long.
const TEXT_BYTES: usize = 16;
/// What a row takes to be grouped by key: its index, hash and dense key id.
const KEY_BYTES: usize = 16;

/// What a row takes in memory, as far as that is known beforehand.
#[derive(Clone, Copy)]
pub(crate) struct RowCost {
    /// Its decoded cells, apart from their text.
    pub(crate) decoded_bytes: usize,
    /// Whether some of them are text.
    pub(crate) has_text: bool,
    /// What the stages add to it.
    pub(crate) derived_bytes: usize,
}

impl RowCost {
    /// What `pass` makes a row of the plan's columns cost.
    pub(crate) fn new(plan: &Plan, pass: &PassPlan) -> Self {
        let columns = plan.schema.columns.iter().zip(&pass.needed);
        let read = columns.filter(|(_, needed)| **needed);
        let keyed = pass.stages.iter().any(|stage| !stage.keyed.is_empty());
        let made = plan.schema.columns.iter().skip(plan.input_columns);
        let cell_bytes = |column: &Column| match column.data_type.is_text() {
            true => CELL_BYTES + TEXT_BYTES,
            false => CELL_BYTES,
        };
        let made = made.map(cell_bytes);
        // The cells of a key of several columns are put side by side.
        let framed = pass.stages.iter().filter(|stage| stage.key.len() > 1);
        let framed = framed.map(|stage| {
            let columns = stage.key.iter().map(|&slot| &plan.schema.columns[slot]);
            columns.map(cell_bytes).sum::<usize>()
        });
        let made_bytes: usize = match pass.fits {
            true => 0,
            false => made.sum(),
        };
        Self {
            decoded_bytes: read.clone().count() * CELL_BYTES,
            has_text: { read }.any(|(column, _)| column.data_type.is_text()),
            derived_bytes: made_bytes + usize::from(keyed) * KEY_BYTES + framed.max().unwrap_or(0),
        }
    }
}
