//! What rows are held against before they are written -> steps behind all others.
//!
//! Invariant: a check sees the columns of the lake, as it calls them.

use std::sync::Arc;

use super::{Plan, Request};
use crate::base::{Error, Result};
use crate::config::{CheckKind, CheckSpec, Config, Severity};
use crate::steps::check::{Condition, Newest};
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
            CheckKind::Unique(_) => return Err("not planned yet".to_owned()),
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

    /// The slot of the column of the lake called `name`.
    fn find(&self, name: &str) -> std::result::Result<usize, String> {
        let at = self.names.iter().position(|known| **known == *name);
        let known = self.names.iter().map(AsRef::as_ref);
        at.map(|at| self.output[at])
            .ok_or_else(|| crate::base::unknown("column", name, known))
    }

    /// Whether step `index` is that of a check.
    pub(crate) fn is_check(&self, index: usize) -> bool {
        self.checks.iter().any(|check| check.step == Some(index))
    }
}
