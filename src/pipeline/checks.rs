//! What checks find in batches -> what becomes of the rows, of the run, and what the receipt says.
//!
//! In: the checks of a plan and the batches that are about to leave. Out: rows that fail a check of
//! that severity are rejects, with their raw text, so that they can be mended and fed in again; at the
//! end a verdict on each check. Invariant: which rows are shown as examples depends on file order
//! alone.

use std::sync::Arc;

use arrow::array::BooleanArray;

use super::origins::Whence;
use super::plan::PlannedCheck;
use super::tally::Rejected;
use super::travel::Travel;
use crate::base::{Error, ErrorKind, Position, Reason, Reject, Result, Schema};
use crate::config::{CheckKind, CheckSpec, RejectsMax, Severity};
use crate::report::{self, CheckReceipt};
use crate::steps::{CheckStep, Seen};

/// Rows that are shown of those that fail a check.
const EXAMPLES_MAX: usize = 5;

/// A check on the belt.
pub(crate) struct Check {
    look: Arc<dyn CheckStep>,
    /// Whether rows that fail are rejected.
    rejects: bool,
    label: Arc<str>,
}

/// What a check found in a batch.
pub(crate) struct Found {
    step: usize,
    rows: u64,
    failed: u64,
    /// The first records that fail, by their index in the chunk, and where that is.
    examples: Vec<usize>,
    whence: Option<Whence>,
    newest: Option<i64>,
}

impl Check {
    /// The check called `label`; whether it `rejects` the rows that fail.
    pub(crate) fn new(look: Arc<dyn CheckStep>, rejects: bool, label: String) -> Self {
        Self {
            look,
            rejects,
            label: label.into(),
        }
    }

    /// Looks at a batch, and takes out the rows that are to be rejected. With `schema` given, the
    /// first reject ends the run.
    pub(crate) fn apply(
        &self,
        step: usize,
        travel: &mut Travel,
        schema: Option<&Schema>,
    ) -> Result<()> {
        let seen = self.look.look(&travel.batch);
        let seen = seen.map_err(|error| travel.locate(error))?;
        let mut found = Found {
            step,
            rows: travel.batch.rows as u64,
            failed: 0,
            examples: Vec::new(),
            whence: None,
            newest: None,
        };
        match seen {
            Seen::Newest(newest) => found.newest = newest,
            Seen::Failing(failing) => {
                found.failed = failing.true_count() as u64;
                if found.failed > 0 {
                    let rows = failing.values().set_indices().take(EXAMPLES_MAX);
                    found.examples = rows.map(|row| travel.batch.record(row)).collect();
                    found.whence = travel.whence();
                }
                if self.rejects && found.failed > 0 {
                    self.reject(&failing, travel)?;
                    let ends = schema.and_then(|schema| travel.tally.first_reject(schema));
                    ends.map_or(Ok(()), Err)?;
                }
            }
        }
        travel.tally.found.push(found);
        Ok(())
    }

    fn reject(&self, failing: &BooleanArray, travel: &mut Travel) -> Result<()> {
        let rows = failing.values().set_indices();
        let records: Vec<usize> = rows.map(|row| travel.batch.record(row)).collect();
        let whence = travel.whence().expect("rows that fail were read somewhere");
        let mut rejected = Vec::with_capacity(records.len());
        whence.records(&records, &mut |position, raw, moved| {
            let reject = Reject::new(Reason::CheckFailed, None, 0, raw);
            rejected.push(Rejected::by_check(position, reject, &self.label, moved));
        });
        travel.tally.reject(rejected.into_iter());
        let kept = BooleanArray::new(!failing.values(), None);
        travel.batch.keep(&kept, "reject rows")?;
        if let Some(moved) = &mut travel.moved {
            // They are counted as rejected, source by source.
            moved.changes(&travel.batch);
        }
        Ok(())
    }
}

/// What the checks of a run have found so far.
pub(crate) struct CheckTotals {
    checks: Vec<(PlannedCheck, Total)>,
    /// The instant of the run, in microseconds since 1970-01-01T00:00:00Z.
    now_us: i64,
}

#[derive(Default)]
struct Total {
    rows: u64,
    failed: u64,
    examples: Vec<Position>,
    newest: Option<i64>,
}

impl CheckTotals {
    pub(crate) fn new(checks: Vec<PlannedCheck>, now_us: i64) -> Self {
        let checks = checks.into_iter().map(|check| (check, Total::default()));
        Self {
            checks: checks.collect(),
            now_us,
        }
    }

    /// Adds what was found in the next batch in file order.
    pub(crate) fn add(&mut self, found: Vec<Found>) {
        for found in found {
            let mut checks = self.checks.iter_mut();
            let own = checks.find(|(check, _)| check.step == Some(found.step));
            let (_, total) = own.expect("only the plan's checks look");
            total.rows += found.rows;
            total.failed += found.failed;
            total.newest = total.newest.max(found.newest);
            let wanted = EXAMPLES_MAX - total.examples.len();
            if let Some(whence) = found.whence.filter(|_| wanted > 0) {
                let records = &found.examples[..found.examples.len().min(wanted)];
                whence.records(records, &mut |position, _, _| total.examples.push(position));
            }
        }
    }

    /// What came of each check, if `rows` rows are written.
    pub(crate) fn finish(self, rows: u64) -> Vec<CheckReceipt> {
        let now_us = self.now_us;
        let checks = self.checks.into_iter();
        checks
            .map(|(check, total)| total.verdict(&check.spec, rows, now_us))
            .collect()
    }
}

impl Total {
    fn verdict(self, spec: &CheckSpec, written: u64, now_us: i64) -> CheckReceipt {
        let mut receipt = CheckReceipt {
            name: spec.name.clone(),
            severity: spec.severity.to_string(),
            rows: self.rows,
            failed: self.failed,
            tolerated: spec.tolerate.map(|most| most.to_string()),
            examples: self.examples.iter().map(ToString::to_string).collect(),
            ..CheckReceipt::default()
        };
        match &spec.kind {
            CheckKind::Condition { .. } | CheckKind::Unique(_) => {
                receipt.passed = match (spec.tolerate, spec.severity) {
                    (Some(RejectsMax::Count(most)), _) => self.failed <= most,
                    (Some(RejectsMax::Share(share)), _) => {
                        self.failed as f64 <= share * self.rows as f64
                    }
                    (None, Severity::Reject) => true,
                    (None, Severity::Warn | Severity::Fail) => self.failed == 0,
                };
            }
            CheckKind::RowCount { min, max } => {
                receipt.rows = written;
                receipt.passed =
                    min.is_none_or(|min| written >= min) && max.is_none_or(|max| written <= max);
                let wanted = [
                    min.map(|min| format!("at least {min}")),
                    max.map(|max| format!("at most {max}")),
                ];
                let wanted: Vec<String> = wanted.into_iter().flatten().collect();
                receipt.found = Some(format!("{written} rows, {} wanted", wanted.join(", ")));
            }
            CheckKind::Freshness {
                max_age_us,
                max_age,
                ..
            } => {
                let is_new = |newest: i64| now_us.saturating_sub(newest) <= *max_age_us;
                receipt.passed = self.newest.is_some_and(is_new);
                let newest = self.newest.map(report::rfc3339);
                let newest = newest.unwrap_or_else(|| "none".to_owned());
                receipt.found = Some(format!(
                    "the newest time is {newest}, no older than {max_age} wanted"
                ));
            }
        }
        receipt
    }
}

/// Fails if a check that fails the run has, or one has rejected more rows than it may.
pub(crate) fn judge(checks: &[CheckReceipt]) -> Result<(), Error> {
    let warn = Severity::Warn.to_string();
    let failed: Vec<String> = { checks.iter() }
        .filter(|check| !check.passed && check.severity != warn)
        .map(CheckReceipt::in_words)
        .collect();
    if failed.is_empty() {
        return Ok(());
    }
    let plural = if failed.len() == 1 { "check" } else { "checks" };
    Err(ErrorKind::Gate(format!(
        "{} {plural} failed; nothing was published\n  {}",
        failed.len(),
        failed.join("\n  ")
    ))
    .into())
}
