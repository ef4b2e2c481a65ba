//! Checks of the builder, each spelled as in the file.

use super::Builder;
use crate::config::expect::{CheckSpec, Severity};
use crate::config::quantity::parse_rejects_max;

impl Builder {
    /// Holds every row that is about to be written against `condition`, in SQL: if it is false for
    /// one, the run fails and publishes nothing.
    pub fn check(self, condition: &str) -> Self {
        let check = CheckSpec::condition(condition, "--check");
        self.set("--check", check, |options, check| options.check.push(check))
    }

    /// As [`Builder::check`], with what a failure does, and the most rows that may fail, `1000` or
    /// `0.5%`.
    pub fn check_with(self, condition: &str, severity: Severity, tolerate: &str) -> Self {
        let check = CheckSpec::condition(condition, "--check").and_then(|check| {
            let tolerate = Some(parse_rejects_max(tolerate)?);
            Ok(CheckSpec {
                severity,
                tolerate,
                ..check
            })
        });
        self.set("--check", check, |options, check| options.check.push(check))
    }

    /// No row has a null in one of `columns`.
    pub fn check_not_null<T: AsRef<str>>(mut self, columns: impl IntoIterator<Item = T>) -> Self {
        let checks = columns.into_iter();
        let checks = checks.map(|column| CheckSpec::not_null(column.as_ref(), "check not_null"));
        self.options.check.extend(checks);
        self
    }

    /// No two rows have the same cells in `columns`.
    pub fn check_unique<T: Into<String>>(self, columns: impl IntoIterator<Item = T>) -> Self {
        let columns = columns.into_iter().map(Into::into).collect();
        let check = CheckSpec::unique(columns, "check unique");
        self.set("check unique", check, |options, check| {
            options.check.push(check);
        })
    }
}
