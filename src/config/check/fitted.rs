//! The columns behind a step that learns something of a whole column first.
//! Keeps: what a step makes hides no column but the one that it replaces; of categories that are not
//! learnt yet any name may come to be.

use super::Columns;
use crate::base::{Error, Result};
use crate::config::fitted::{FittedStep, OneHotSpec, QcutSpec};
use crate::config::{Config, StepSpec};

impl<'a> Columns<'a> {
    /// The columns behind `step`, which was asked for at `place`.
    pub(super) fn after_fitted(&mut self, step: &'a FittedStep, place: &str) -> Result<()> {
        self.find(step.column(), || place.to_owned())?;
        match step {
            FittedStep::Qcut(QcutSpec { name, .. })
            | FittedStep::Scale { name, .. }
            | FittedStep::ClipOutliers { name, .. }
            | FittedStep::Ordinal { name, .. } => {
                self.is_free(name, place)?;
                self.add(name.as_str());
                Ok(())
            }
            FittedStep::OneHot(spec) => self.after_one_hot(spec, place),
        }
    }

    fn after_one_hot(&mut self, spec: &'a OneHotSpec, place: &str) -> Result<()> {
        if spec.drop {
            self.is_free(&spec.column, place)?;
        }
        match self.flags.next().expect("each of these steps was counted") {
            None => self.open.push(format!("{}_", spec.column)),
            Some(names) => {
                for name in names {
                    if self.known.contains(name.as_str()) {
                        let message = format!(
                            "there is a column `{name}` already, which a category of `{}` would \
                             hide; rename it first",
                            spec.column
                        );
                        return Err(Error::usage(place, message));
                    }
                    self.add(name);
                }
            }
        }
        self.leave_out(spec);
        Ok(())
    }

    fn leave_out(&mut self, spec: &OneHotSpec) {
        if spec.drop {
            self.known.remove(spec.column.as_str());
            self.columns.retain(|name| *name != spec.column);
        }
    }
}

/// What the columns of each step that makes flags are called, as far as its categories are named or
/// among the `learnt` ones, in their order.
pub(super) fn flags(config: &Config, learnt: &[Vec<String>]) -> Vec<Option<Vec<String>>> {
    let mut learnt = learnt.iter();
    let one_hots = config.steps.iter().filter_map(|step| match step {
        StepSpec::Fitted {
            step: FittedStep::OneHot(spec),
            ..
        } => Some(spec),
        _ => None,
    });
    let flags = one_hots.map(|spec| {
        let categories = spec.categories.as_ref().or_else(|| learnt.next());
        categories.map(|names| spec.columns(names).collect())
    });
    flags.collect()
}
