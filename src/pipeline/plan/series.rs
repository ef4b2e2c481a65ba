//! Steps along the rows of each key -> slots and steps.
//!
//! Invariant: neighbouring columns that are made from the same memory of the same column become one
//! step.

use std::iter::Peekable;
use std::slice::Iter;
use std::sync::Arc;

use super::{Plan, Request};
use crate::base::{Error, Result, Schema};
use crate::config::{Config, SeriesStep, StepSpec};
use crate::steps::series::{Along, Conduct, SeriesSpec, output_type};

impl Plan {
    /// Adds what `step`, asked for at `place`, comes to, with those of the steps behind it that
    /// share its memory; they are taken from `behind`.
    pub(super) fn add_series(
        &mut self,
        (step, place): (&SeriesStep, &str),
        behind: &mut Peekable<Iter<'_, StepSpec>>,
        config: &Config,
        time: Option<usize>,
        request: Request,
    ) -> Result<()> {
        let usage = |message: String| Error::usage(place, message);
        let input = step.column.as_deref().map(|column| self.slot(column));
        let columns = (0..self.schema.columns.len()).map(|slot| self.column(slot));
        let before = Schema {
            columns: columns.collect(),
        };
        let mut group = vec![step];
        let joins = |next: &&StepSpec| match next {
            StepSpec::Series { step: next, .. } => {
                next.column == step.column && next.series.shares_with(&step.series)
            }
            _ => false,
        };
        while let Some(StepSpec::Series { step, .. }) = behind.next_if(joins) {
            group.push(step);
        }
        let mut specs = Vec::with_capacity(group.len());
        for step in &group {
            let column = input.map(|slot| &before.columns[slot]);
            let data_type = output_type(&step.series, column).map_err(usage)?;
            specs.push(SeriesSpec {
                series: step.series,
                output: self.add_column(&step.name, data_type, step.to_string()),
            });
        }
        let labels: Vec<String> = group.iter().map(ToString::to_string).collect();
        let conduct = Conduct {
            order: config.order,
            strict: config.strict,
        };
        let along = Along::new(specs, input, time, conduct, &before, labels.join(", "));
        let is_outgrown = request.outgrown.contains(&self.steps.len());
        let along = along.map_err(usage)?.outgrown(is_outgrown);
        self.add_step(Arc::new(along), None);
        Ok(())
    }
}
