//! Steps over single rows -> slots and steps.
//!
//! Invariant: an expression is bound to the columns that there are before its step.

use std::sync::Arc;

use super::Plan;
use crate::base::{DataType, Error, Result};
use crate::config::{CutSpec, RowStep};
use crate::steps::expr::{Expression, ScopeColumn, Settings};
use crate::steps::row::{Bins, Cut, Derive, Filter};

impl Plan {
    /// Adds what `step`, asked for at `place`, comes to.
    pub(super) fn add_row(
        &mut self,
        step: &RowStep,
        place: &str,
        settings: Settings,
    ) -> Result<()> {
        let usage = |message: String| Error::usage(place, message);
        let label = step.to_string();
        match step {
            RowStep::Filter(condition) => {
                let condition = Expression::condition(condition, &self.scope(), settings);
                let filter = Filter::new(label, condition.map_err(usage)?);
                self.add_step(Arc::new(filter), None);
            }
            RowStep::Derive { name, expression } => {
                let expression = Expression::new(expression, &self.scope(), settings);
                self.derive(name, label, expression.map_err(usage)?);
            }
            RowStep::Cast { column, data_type } => {
                let cast = Expression::cast(column, data_type, &self.scope(), settings);
                self.derive(column, label, cast.map_err(usage)?);
            }
            RowStep::Clip {
                column,
                lowest,
                highest,
            } => {
                let clip = Expression::clip(column, [*lowest, *highest], &self.scope(), settings);
                self.derive(column, label, clip.map_err(usage)?);
            }
            RowStep::Cut(cut) => self.cut(cut, label).map_err(usage)?,
            RowStep::Select(columns) => {
                self.note_left_out(|name| !columns.iter().any(|column| **column == *name));
                self.output = columns.iter().map(|column| self.slot(column)).collect();
                self.names = columns
                    .iter()
                    .map(|column| column.as_str().into())
                    .collect();
            }
            RowStep::Drop(columns) => {
                self.note_left_out(|name| columns.iter().any(|column| **column == *name));
                let kept =
                    |index: &usize| !columns.iter().any(|name| **name == *self.names[*index]);
                let kept: Vec<usize> = (0..self.output.len()).filter(kept).collect();
                self.names = kept
                    .iter()
                    .map(|&index| Arc::clone(&self.names[index]))
                    .collect();
                self.output = kept.iter().map(|&index| self.output[index]).collect();
            }
            RowStep::Rename(pairs) => {
                for name in &mut self.names {
                    if let Some((_, new)) = pairs.iter().find(|(old, _)| **old == **name) {
                        *name = new.as_str().into();
                    }
                }
            }
        }
        Ok(())
    }

    /// Notes the columns that go, for tables that are made of them all the same.
    fn note_left_out(&mut self, goes: impl Fn(&str) -> bool) {
        let columns = self.names.iter().zip(&self.output);
        let gone = columns.filter(|(name, _)| goes(name));
        let gone = gone.map(|(name, &slot)| (Arc::clone(name), slot));
        self.left_out.extend(gone);
    }

    /// The columns that an expression may name here.
    pub(super) fn scope(&self) -> Vec<ScopeColumn> {
        let columns = self.names.iter().zip(&self.output);
        let columns = columns.map(|(name, &slot)| ScopeColumn {
            name: Arc::clone(name),
            slot,
            data_type: self.schema.columns[slot].data_type.clone(),
        });
        columns.collect()
    }

    fn derive(&mut self, name: &str, label: String, expression: Expression) {
        let data_type = expression.data_type().clone();
        let output = self.add_column(name, data_type, label.clone());
        self.add_step(Arc::new(Derive::new(label, output, expression)), None);
    }

    fn cut(&mut self, cut: &CutSpec, label: String) -> std::result::Result<(), String> {
        let input = self.slot(&cut.column);
        let data_type = self.schema.columns[input].data_type.clone();
        let bins = Bins {
            edges: cut.edges.clone(),
            labels: cut.labels.clone(),
            right: cut.right,
            include_lowest: cut.include_lowest,
        };
        let output = self.schema.columns.len();
        let step = Cut::new(label.clone(), (input, &data_type), output, bins)?;
        self.add_column(&cut.name, DataType::Categorical, label);
        self.add_step(Arc::new(step), None);
        Ok(())
    }
}
