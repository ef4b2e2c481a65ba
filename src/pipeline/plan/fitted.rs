//! Steps that learn something of a whole column first -> slots and steps.
//!
//! Invariant: a plan ends before the first step whose columns are not known yet, and says what must
//! be learnt to go on; behind it stand only more steps that ask for the same.

use std::sync::Arc;

use super::{Plan, Request};
use crate::base::{DataType, Error, Result};
use crate::config::{FittedStep, OneHotSpec, StepSpec};
use crate::steps::fitted::{
    ClipOutliers, LearnCategories, OneHot, Ordinal, Qcut, Quantiles, Scale, Site,
};

/// What must be learnt before a plan can go on.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    /// The steps that learn it, by their index.
    pub(crate) steps: Vec<usize>,
    /// The columns whose categories those learn.
    pub(crate) columns: Vec<String>,
    /// Steps that are not planned until then, in words.
    pub(crate) waiting: Vec<String>,
    /// Categories that were learnt before and are used by now.
    used: usize,
}

impl Plan {
    /// Whether `spec` waits until what is asked for is learnt.
    pub(super) fn waits(&mut self, spec: &StepSpec) -> bool {
        if self.asked.steps.is_empty() {
            return false;
        }
        let asks_too = match spec {
            StepSpec::Fitted {
                step: FittedStep::OneHot(spec),
                ..
            } => {
                let is_known = self.names.iter().any(|name| **name == *spec.column);
                spec.categories.is_none() && is_known
            }
            _ => false,
        };
        if asks_too && self.asked.waiting.is_empty() {
            return false;
        }
        self.asked.waiting.push(spec.to_string());
        true
    }

    /// Adds what `step`, asked for at `place`, comes to.
    pub(super) fn add_fitted(
        &mut self,
        step: &FittedStep,
        place: &str,
        request: Request<'_>,
    ) -> Result<()> {
        let input = self.slot(step.column());
        let site = Site {
            label: step.to_string(),
            place: place.to_owned(),
            column: self.column(input),
            input,
            fit_bytes_max: request.fit_bytes_max,
            strict: request.expressions.strict,
        };
        let added = match step {
            FittedStep::OneHot(spec) => self.add_one_hot(spec, site, request),
            step => self.add_in_one_column(step, site),
        };
        added.map_err(|message| Error::usage(place, message))
    }

    /// Adds a step that makes one column.
    fn add_in_one_column(
        &mut self,
        step: &FittedStep,
        site: Site,
    ) -> std::result::Result<(), String> {
        let output = self.schema.columns.len();
        let label = site.label.clone();
        let input_type = site.column.data_type.clone();
        let (name, data_type, step): (_, _, Arc<dyn super::Step>) = match step {
            FittedStep::Qcut(qcut) => {
                let quantiles = Quantiles {
                    shares: qcut.shares.clone(),
                    labels: qcut.labels.clone(),
                    merge_edges: qcut.merge_edges,
                };
                let step = Qcut::new(site, output, quantiles)?;
                (&qcut.name, DataType::Categorical, Arc::new(step))
            }
            FittedStep::Scale { scaling, name, .. } => {
                let step = Scale::new(site, output, *scaling)?;
                (name, DataType::Float64, Arc::new(step))
            }
            FittedStep::ClipOutliers {
                outliers,
                beyond,
                name,
                ..
            } => {
                let step = ClipOutliers::new(site, output, *outliers, *beyond)?;
                let data_type = ClipOutliers::output_type(&input_type, *beyond);
                (name, data_type, Arc::new(step))
            }
            FittedStep::Ordinal { order, name, .. } => {
                let order = order.as_ref().map(|names| site.categories(names));
                let step = Ordinal::new(site, output, order.transpose()?)?;
                (name, DataType::Int64, Arc::new(step))
            }
            FittedStep::OneHot(_) => unreachable!("it makes more than one column"),
        };
        self.add_column(name, data_type, label);
        self.add_step(step, None);
        Ok(())
    }

    fn add_one_hot(
        &mut self,
        spec: &OneHotSpec,
        site: Site,
        request: Request<'_>,
    ) -> std::result::Result<(), String> {
        let categories = match &spec.categories {
            Some(names) => site.categories(names)?,
            None => match request.learnt.get(self.asked.used) {
                Some(learnt) => {
                    self.asked.used += 1;
                    learnt.clone()
                }
                None => {
                    let step = LearnCategories::new(site, spec.categories_max)?;
                    self.asked.steps.push(self.steps.len());
                    self.asked.columns.push(spec.column.clone());
                    self.add_step(Arc::new(step), None);
                    return Ok(());
                }
            },
        };
        let label = site.label.clone();
        let outputs = spec.columns(&categories.names);
        let outputs: Vec<usize> = outputs
            .map(|name| self.add_column(&name, DataType::Boolean, label.clone()))
            .collect();
        if spec.drop {
            let at = { self.names.iter() }.position(|name| **name == *spec.column);
            let at = at.expect("the configuration was checked against the columns");
            self.names.remove(at);
            self.output.remove(at);
        }
        let step = OneHot::new(site, outputs, categories, spec.null)?;
        self.add_step(Arc::new(step), None);
        Ok(())
    }
}
