//! The tables that a run makes beside the lake, for the receipt and the plan.

use serde::{Deserialize, Serialize};

use super::PlanColumn;

/// A table of measures over groups of rows.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct AggregateReceipt {
    /// Its name.
    pub name: String,
    /// Where it is: relative to the lake, or as the user wrote it.
    pub file: String,
    /// Its length, in bytes.
    pub bytes: u64,
    /// Rows in it.
    pub rows: u64,
    /// Groups that were found.
    pub groups: u64,
    /// Rows of this run that it was made of.
    pub rows_seen: u64,
    /// Bytes that went to temporary files on the way.
    pub spilled_bytes: u64,
}

/// A table, as it would be made.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct PlanAggregate {
    /// Its name.
    pub name: String,
    /// Where it would be: relative to the lake, or as the user wrote it.
    pub file: String,
    /// Its columns, before any becomes several.
    pub columns: Vec<PlanColumn>,
    /// The column each of whose values becomes a column, if there is one.
    pub pivot: Option<String>,
}

impl AggregateReceipt {
    /// What it is, on a line.
    pub(super) fn line(&self) -> String {
        let count = |number: u64, one: &str| {
            let plural = if number == 1 { "" } else { "s" };
            format!("{} {one}{plural}", super::units::count(number))
        };
        let mut line = format!(
            "{}: {} of {} in {}",
            super::printable(&self.name),
            count(self.groups, "group"),
            count(self.rows_seen, "row"),
            super::printable(&self.file)
        );
        if self.spilled_bytes > 0 {
            let spilled = super::units::bytes(self.spilled_bytes);
            line += &format!(", {spilled} spilled on the way");
        }
        line
    }
}

impl PlanAggregate {
    /// What it would be, on a line.
    pub(super) fn line(&self) -> String {
        let columns = self.columns.iter().map(|column| {
            let (name, data_type) = (&column.name, &column.data_type);
            format!("{} {}", super::printable(name), super::printable(data_type))
        });
        let columns = columns.collect::<Vec<_>>().join(", ");
        let pivot = self
            .pivot
            .as_deref()
            .map(|name| format!("; a column for each value of {}", super::printable(name)));
        format!(
            "{}: {columns}{} -> {}",
            super::printable(&self.name),
            pivot.unwrap_or_default(),
            super::printable(&self.file)
        )
    }
}
