//! Rejects, counted source by source -> whether there are too many for the lake to be published.
//!
//! Invariant: what the gates say depends on the rows alone, never on which worker came first.

use crate::base::{ErrorKind, Result};
use crate::config::RejectsMax;

/// The gates, and what has come up to them.
pub(crate) struct Gates {
    all: Option<RejectsMax>,
    per_file: Option<RejectsMax>,
    /// Rejected records and cells of each source.
    rejected: Vec<u64>,
    /// The first of all, in words, and where each source has a gate the first of each.
    first: Option<String>,
    firsts: Vec<Option<String>>,
}

impl Gates {
    pub(crate) fn new(
        all: Option<RejectsMax>,
        per_file: Option<RejectsMax>,
        sources: usize,
    ) -> Self {
        Self {
            all,
            per_file,
            rejected: vec![0; sources],
            first: None,
            firsts: vec![None; sources],
        }
    }

    /// Counts a reject of source `source`; `describe` says which.
    pub(crate) fn count(&mut self, source: usize, describe: impl Fn() -> String) {
        self.rejected[source] += 1;
        self.first.get_or_insert_with(&describe);
        if self.per_file.is_some() {
            self.firsts[source].get_or_insert_with(&describe);
        }
    }

    /// Fails if all sources, or `source` alone, have more rejects than a number allows.
    pub(crate) fn check_numbers(&self, source: usize) -> Result<()> {
        let is_past = |gate: Option<RejectsMax>, rejected: u64| match gate {
            Some(RejectsMax::Count(max)) => rejected > max,
            _ => false,
        };
        if is_past(self.all, self.total()) {
            return Err(self.past_all());
        }
        if is_past(self.per_file, self.rejected[source]) {
            return Err(self.past_one(source));
        }
        Ok(())
    }

    /// Fails if all sources, or one alone, have more rejects than a share of the rows `read` from
    /// each allows.
    pub(crate) fn check_shares(&self, read: &[u64]) -> Result<()> {
        let is_past = |gate: Option<RejectsMax>, rejected: u64, read: u64| match gate {
            Some(RejectsMax::Share(share)) => rejected as f64 > share * read as f64,
            _ => false,
        };
        if is_past(self.all, self.total(), read.iter().sum()) {
            return Err(self.past_all());
        }
        let mut sources = self.rejected.iter().zip(read);
        match sources.position(|(&rejected, &read)| is_past(self.per_file, rejected, read)) {
            Some(source) => Err(self.past_one(source)),
            None => Ok(()),
        }
    }

    fn total(&self) -> u64 {
        self.rejected.iter().sum()
    }

    fn past_all(&self) -> crate::Error {
        past("--max-rejects", self.all, self.total(), &self.first)
    }

    fn past_one(&self, source: usize) -> crate::Error {
        let (rejected, first) = (self.rejected[source], &self.firsts[source]);
        past("--max-rejects-per-file", self.per_file, rejected, first)
    }
}

fn past(
    flag: &str,
    gate: Option<RejectsMax>,
    rejected: u64,
    first: &Option<String>,
) -> crate::Error {
    let gate = gate.expect("the gate was passed");
    let first = first.as_ref().expect("something was rejected");
    let of_one = if flag.ends_with("file") {
        " of one file"
    } else {
        ""
    };
    ErrorKind::Gate(format!(
        "{rejected} records or cells{of_one} were rejected, more than {flag} {gate} allows; nothing \
         was published; the first: {first}"
    ))
    .into()
}
