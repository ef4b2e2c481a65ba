//! A pass over the columns of a plan -> what a row takes in memory, as far as that is known before
//! the first is read.

use super::plan::Plan;
use super::stages::PassPlan;

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
        let made = made.map(|column| match column.data_type.is_text() {
            true => CELL_BYTES + TEXT_BYTES,
            false => CELL_BYTES,
        });
        let made_bytes: usize = match pass.fits {
            true => 0,
            false => made.sum(),
        };
        Self {
            decoded_bytes: read.clone().count() * CELL_BYTES,
            has_text: { read }.any(|(column, _)| column.data_type.is_text()),
            derived_bytes: made_bytes + usize::from(keyed) * KEY_BYTES,
        }
    }
}
