//! Tables beside the lake -> slots and steps.
//!
//! Invariant: they are made of the rows as they leave the last step, and change none; what a measure
//! is taken of, and the time bucket that rows are grouped by, has a slot that the lake does not have.

use std::collections::HashMap;
use std::sync::Arc;

use super::Plan;
use crate::base::{Bucket, Column, DataType, Error, Origin, Result};
use crate::config::{AggregateSpec, BySpec, MeasureSpec};
use crate::steps::aggregate::{
    Aggregate, KeyColumn, MeasureColumn, PivotColumns, Refusal, TimeBucket,
};
use crate::steps::expr::{Expression, Settings};
use crate::steps::row::Derive;

/// A table that a step of the plan makes.
pub(crate) struct PlannedTable {
    /// The step.
    pub(crate) step: usize,
    pub(crate) aggregate: Aggregate,
}

/// The index of the name that is `wanted`.
fn index<'n>(mut names: impl Iterator<Item = &'n str>, wanted: &str) -> usize {
    let index = names.position(|name| name == wanted);
    index.expect("the configuration was checked for it")
}

/// The slots of what tables are made of, by its text.
type Hidden = HashMap<String, usize>;

impl Plan {
    /// Adds what the tables `specs` come to, behind all other steps. They may also be made of columns
    /// that a step left out of the lake.
    pub(super) fn add_aggregates(
        &mut self,
        specs: &[AggregateSpec],
        settings: Settings,
    ) -> Result<()> {
        let in_lake = self.names.len();
        // What was left out last of a name is meant.
        for (name, slot) in std::mem::take(&mut self.left_out).into_iter().rev() {
            if !self.names.contains(&name) {
                self.names.push(name);
                self.output.push(slot);
            }
        }
        let mut hidden = Hidden::new();
        let mut specs = specs.iter();
        let added = specs.try_for_each(|spec| self.add_aggregate(spec, settings, &mut hidden));
        self.names.truncate(in_lake);
        self.output.truncate(in_lake);
        added
    }

    fn add_aggregate(
        &mut self,
        spec: &AggregateSpec,
        settings: Settings,
        hidden: &mut Hidden,
    ) -> Result<()> {
        let mut keys = Vec::with_capacity(spec.by.len());
        for by in &spec.by {
            keys.push(self.key_column(by, settings, hidden)?);
        }
        let mut measures = Vec::with_capacity(spec.measures.len());
        for measure in &spec.measures {
            measures.push(self.measure_column(measure, settings, hidden)?);
        }
        let pivot = spec.pivot.as_ref().map(|pivot| PivotColumns {
            key: index(spec.by.iter().map(|by| &*by.name), &pivot.columns),
            values: { pivot.values.iter() }
                .map(|value| index(spec.measures.iter().map(|it| &*it.name), value))
                .collect(),
        });
        let aggregate = Aggregate::new(spec.to_string(), keys, measures, pivot);
        let aggregate = aggregate.map_err(|Refusal { place, message }| {
            let place = if place.is_empty() {
                &spec.place
            } else {
                &place
            };
            Error::usage(place, message)
        })?;
        self.tables.push(PlannedTable {
            step: self.steps.len(),
            aggregate: aggregate.clone(),
        });
        self.add_step(Arc::new(aggregate), None);
        Ok(())
    }

    fn key_column(
        &mut self,
        by: &BySpec,
        settings: Settings,
        hidden: &mut Hidden,
    ) -> Result<KeyColumn> {
        let input = self.slot(&by.column);
        let slot = match by.bucket {
            None => input,
            Some(bucket) => {
                let text = format!("{}:{bucket}", by.column);
                match hidden.get(&text) {
                    Some(slot) => *slot,
                    None => {
                        let slot = self.add_bucket(by, bucket, settings, &text)?;
                        hidden.insert(text, slot);
                        slot
                    }
                }
            }
        };
        Ok(KeyColumn {
            name: by.name.clone(),
            slot,
            data_type: self.schema.columns[slot].data_type.clone(),
        })
    }

    fn add_bucket(
        &mut self,
        by: &BySpec,
        bucket: Bucket,
        settings: Settings,
        text: &str,
    ) -> Result<usize> {
        let input = self.slot(&by.column);
        let data_type = self.schema.columns[input].data_type.clone();
        let usage = |message| Error::usage(&*by.place, message);
        let label = format!("bucket {text}");
        match bucket.ticks(&data_type).map_err(usage)? {
            Some(length) => {
                let output = self.add_hidden(text, data_type.clone(), label.clone());
                let step = TimeBucket::new(label, (input, &data_type), output, length);
                self.add_step(Arc::new(step), None);
                Ok(output)
            }
            None => {
                let quoted = by.column.replace('"', "\"\"");
                let expression = format!("date_trunc('{bucket}', \"{quoted}\")");
                let expression = Expression::new(&expression, &self.scope(), settings);
                Ok(self.derive_hidden(text, label, expression.map_err(usage)?))
            }
        }
    }

    fn measure_column(
        &mut self,
        spec: &MeasureSpec,
        settings: Settings,
        hidden: &mut Hidden,
    ) -> Result<MeasureColumn> {
        let argument = match &spec.measured.argument {
            None => None,
            Some(text) => {
                let slot = match self.names.iter().position(|name| **name == **text) {
                    Some(index) => self.output[index],
                    None => match hidden.get(text) {
                        Some(slot) => *slot,
                        None => {
                            let expression = Expression::new(text, &self.scope(), settings);
                            let usage = |message| Error::usage(&*spec.place, message);
                            let expression = expression.map_err(usage)?;
                            let label = format!("derive {text}");
                            let slot = self.derive_hidden(text, label, expression);
                            hidden.insert(text.clone(), slot);
                            slot
                        }
                    },
                };
                Some((slot, self.schema.columns[slot].data_type.clone()))
            }
        };
        Ok(MeasureColumn {
            name: spec.name.clone(),
            measure: spec.measured.measure,
            argument,
            place: spec.place.clone(),
        })
    }

    fn derive_hidden(&mut self, name: &str, label: String, expression: Expression) -> usize {
        let data_type = expression.data_type().clone();
        let output = self.add_hidden(name, data_type, label.clone());
        self.add_step(Arc::new(Derive::new(label, output, expression)), None);
        output
    }

    /// A new slot that the lake does not have, called `name` where it is told of.
    fn add_hidden(&mut self, name: &str, data_type: DataType, how: String) -> usize {
        let slot = self.schema.columns.len();
        self.schema.columns.push(Column {
            name: name.into(),
            data_type,
            format: None,
            origin: Origin::Derived,
        });
        self.made.push(how);
        slot
    }
}
