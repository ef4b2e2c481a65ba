//! What rows are held against before they are written -> steps behind all others.
//!
//! Invariant: a check sees the columns of the lake, as it calls them.

use std::sync::Arc;

use super::{Plan, Request};
use crate::base::{Column, DataType, Error, KeepRow, Origin, Result};
use crate::config::{CheckKind, CheckSpec, Config, Severity};
use crate::steps::check::{Condition, Flagged, Newest, Repeated};
use crate::steps::dedup::Dedup;
use crate::steps::expr::Expression;

/// A check, and the step that looks for it.
#[derive(Debug, Clone)]
pub(crate) struct PlannedCheck {
    pub(crate) spec: CheckSpec,
    /// By its index; a number of rows needs none.
    pub(crate) step: Option<usize>,
}

impl Plan {
    /// Adds the checks of `config`.
    pub(super) fn add_checks(&mut self, config: &Config, request: Request<'_>) -> Result<()> {
        if !self.asked.steps.is_empty() {
            let names = config
                .checks
                .iter()
                .map(|spec| format!("check {}", spec.name));
            self.asked.waiting.extend(names);
            return Ok(());
        }
        for spec in &config.checks {
            let added = self.add_check(spec, request);
            added.map_err(|message| Error::usage(&spec.place, message))?;
        }
        Ok(())
    }

    fn add_check(
        &mut self,
        spec: &CheckSpec,
        request: Request<'_>,
    ) -> std::result::Result<(), String> {
        let label = format!("check {}", spec.name);
        let rejects = spec.severity == Severity::Reject;
        let step: Option<Arc<dyn super::Step>> = match &spec.kind {
            CheckKind::Condition {
                condition,
                nulls_fail,
            } => {
                let settings = request.expressions;
                let condition = Expression::condition(condition, &self.scope(), settings)?;
                let step = Condition::new(label, condition, *nulls_fail, rejects);
                Some(Arc::new(step))
            }
            CheckKind::Freshness { column, .. } => {
                let slot = self.find(column)?;
                let data_type = &self.schema.columns[slot].data_type;
                Some(Arc::new(Newest::new(label, slot, data_type)?))
            }
            CheckKind::RowCount { .. } => None,
            CheckKind::Unique(columns) => {
                let by = columns.iter().map(|column| self.find(column));
                let by = by.collect::<std::result::Result<Vec<_>, _>>()?;
                let flags = self.add_flags(&label, by, request);
                Some(Arc::new(Flagged::new(label, flags, rejects)))
            }
        };
        self.checks.push(PlannedCheck {
            spec: spec.clone(),
            step: step.is_some().then_some(self.steps.len()),
        });
        if let Some(step) = step {
            self.add_step(step, None);
        }
        Ok(())
    }

    /// Adds a step that flags rows which agree with an earlier one in the slots `by`; returns the slot
    /// of the flags, which is not in the lake.
    fn add_flags(&mut self, label: &str, by: Vec<usize>, request: Request<'_>) -> usize {
        let output = self.schema.columns.len();
        self.schema.columns.push(Column {
            name: label.into(),
            data_type: DataType::Boolean,
            format: None,
            origin: Origin::Derived,
        });
        self.made.push(label.to_owned());
        let is_outgrown = request.outgrown.contains(&self.steps.len());
        let dedup = Dedup::new(label.to_owned(), by.clone(), KeepRow::First);
        let dedup = Arc::new(dedup.outgrown(is_outgrown));
        let step = Repeated::new(label.to_owned(), dedup, by, output);
        self.flagging.insert(self.steps.len());
        self.add_step(Arc::new(step), None);
        output
    }

    /// The slot of the column of the lake called `name`.
    fn find(&self, name: &str) -> std::result::Result<usize, String> {
        let at = self.names.iter().position(|known| **known == *name);
        let known = self.names.iter().map(AsRef::as_ref);
        at.map(|at| self.output[at])
            .ok_or_else(|| crate::base::unknown("column", name, known))
    }

    /// Whether the column in `slot` is only there for a check.
    pub(crate) fn is_of_check(&self, slot: usize) -> bool {
        let mut flagging = self.flagging.iter();
        flagging.any(|&step| self.steps[step].writes().contains(&slot))
    }

    /// Whether step `index` is that of a check, or works for one.
    pub(crate) fn is_check(&self, index: usize) -> bool {
        let mut checks = self.checks.iter();
        checks.any(|check| check.step == Some(index)) || self.flagging.contains(&index)
    }
}
