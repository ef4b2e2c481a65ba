//! A table that a step looks rows up in, as receipts tell of it.

use serde::{Deserialize, Serialize};

use super::{PlanInput, printable, units};

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
    /// How its files are read.
    pub files: Vec<PlanInput>,
}

impl JoinedTable {
    /// `table customers.csv of 1,000 rows in 52 KiB`, and how many lines are no part of it.
    pub(super) fn in_words(&self) -> String {
        let skipped: u64 = { self.files.iter() }
            .map(|file| file.dialect.skipped_lines)
            .sum();
        let skipped = match skipped {
            0 => String::new(),
            lines => format!(" ({} lines skipped)", units::count(lines)),
        };
        format!(
            "table {} of {} rows in {}{skipped}",
            printable(&self.path),
            units::count(self.rows),
            units::bytes(self.bytes)
        )
    }
}
