//! A table that a step looks rows up in, as receipts tell of it.

use serde::{Deserialize, Serialize};

use super::{printable, units};

/// A table that a step looks rows up in.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct JoinedTable {
    /// The path as the user wrote it.
    pub path: String,
    /// Its rows.
    pub rows: u64,
    /// What it takes in memory with its index, in bytes.
    pub bytes: u64,
}

impl JoinedTable {
    /// `table customers.csv of 1,000 rows in 52 KiB`.
    pub(super) fn in_words(&self) -> String {
        format!(
            "table {} of {} rows in {}",
            printable(&self.path),
            units::count(self.rows),
            units::bytes(self.bytes)
        )
    }
}
