//! What came of a check, as the receipt tells it.

use serde::{Deserialize, Serialize};

use super::{printable, units};

/// A check, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct CheckReceipt {
    /// What it is called.
    pub name: String,
    /// What it does when it fails: warn, reject or fail.
    pub severity: String,
    /// Whether no more rows failed than it tolerates.
    pub passed: bool,
    /// Rows that were looked at.
    pub rows: u64,
    /// Rows that failed.
    pub failed: u64,
    /// The most rows that may fail, as a number or a share, where that is given.
    pub tolerated: Option<String>,
    /// What was found, where no single rows are looked at.
    pub found: Option<String>,
    /// The first rows that failed, in file order.
    pub examples: Vec<String>,
}

impl CheckReceipt {
    /// What came of it, on one line.
    pub fn in_words(&self) -> String {
        let name = printable(&self.name);
        let verdict = match (self.passed, self.severity.as_str()) {
            (true, _) => "passed",
            (false, "warn") => "failed, a warning",
            (false, _) => "failed",
        };
        if let Some(found) = &self.found {
            return format!("{name}: {verdict}; {}", printable(found));
        }
        let mut line = format!(
            "{name}: {verdict}; {} of {} rows",
            units::count(self.failed),
            units::count(self.rows)
        );
        if self.failed > 0 {
            line += &format!(
                " ({:.3} %) fail",
                self.failed as f64 / self.rows as f64 * 100.0
            );
        } else {
            line += " fail";
        }
        if let Some(tolerated) = &self.tolerated {
            line += &format!(", {tolerated} tolerated");
        }
        if self.severity == "reject" && self.failed > 0 {
            line += ", rejected";
        }
        if !self.examples.is_empty() {
            let examples = self.examples.iter().map(|place| printable(place));
            line += &format!("; first {}", examples.collect::<Vec<_>>().join(", "));
        }
        line
    }
}
