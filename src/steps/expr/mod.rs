//! Expressions over the columns of a row, in SQL: text and the columns there are in, cells out.
//!
//! [`Expression::new`] parses the text, gives every part of it a type and refuses what has none,
//! pointing into the text, before any row is read. [`Expression::evaluate`] works on whole columns
//! with Arrow's kernels. Names, nulls and numbers are as in DuckDB, with three exceptions: a number
//! with a point is a float64 unless it stands beside a decimal; what does not fit its type, a
//! division by zero and a failed CAST are null and counted; and `hash` is our own. Where the
//! category of a column is known once, its texts are worked on once.

mod arithmetic;
mod asked;
mod bind;
mod call;
mod cast;
mod cells;
mod civil;
mod compare;
mod evaluate;
mod flaws;
mod hash;
mod like;
mod moment;
#[cfg(test)]
mod naive;
mod node;
mod parse;
#[cfg(test)]
mod tests;
mod text;
mod time;
mod types;

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BooleanArray, DictionaryArray};
use arrow::datatypes::Int32Type;

pub use bind::ScopeColumn;

use crate::base::{Batch, DataType, Flaws, Result};
use bind::Binder;
use evaluate::Evaluation;
use node::{Kind, Node};
use types::Type;

/// What expressions of a run have in common.
#[derive(Debug, Clone, Copy, Default)]
pub struct Settings {
    /// `now()`, in microseconds since 1970-01-01T00:00:00Z: one instant for the whole run.
    pub now: i64,
    /// Whether the first cell that something is wrong with ends the run.
    pub strict: bool,
}

/// An expression that is ready to be evaluated.
#[derive(Debug, Clone)]
pub struct Expression {
    text: String,
    root: Node,
    data_type: DataType,
    strict: bool,
}

impl Expression {
    /// Reads `text` over `columns`.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub fn new(
        text: &str,
        columns: &[ScopeColumn],
        settings: Settings,
    ) -> std::result::Result<Self, String> {
        let tree = parse::parse(text)?;
        let mut binder = Binder {
            text,
            columns,
            now: settings.now,
            depth: 0,
        };
        let root = binder.bind(&tree)?;
        let Some(mut data_type) = root.data_type.column() else {
            return Err(match root.data_type {
                Type::Null => "it is always NULL; give it a type: CAST(NULL AS …)".to_owned(),
                _ => "an interval is no column; add it to a date or timestamp".to_owned(),
            });
        };
        if let Kind::Column(slot) = root.kind {
            let column = columns.iter().find(|column| column.slot == slot);
            data_type = column.expect("it was found there").data_type.clone();
        }
        Ok(Self {
            text: text.to_owned(),
            root,
            data_type,
            strict: settings.strict,
        })
    }

    /// As [`Expression::new`], for a condition.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub fn condition(
        text: &str,
        columns: &[ScopeColumn],
        settings: Settings,
    ) -> std::result::Result<Self, String> {
        let expression = Self::new(text, columns, settings)?;
        match expression.data_type {
            DataType::Boolean => Ok(expression),
            ref other => Err(format!(
                "a condition is wanted, not {other}; write a comparison, such as `… > 0`"
            )),
        }
    }

    /// The column called `name`, cast to `data_type`.
    ///
    /// # Errors
    /// If there is no such cast.
    pub fn cast(
        name: &str,
        data_type: &DataType,
        columns: &[ScopeColumn],
        settings: Settings,
    ) -> std::result::Result<Self, String> {
        let quoted = name.replace('"', "\"\"");
        let sql = match data_type {
            DataType::Timestamp { utc: true, .. } => "timestamptz".to_owned(),
            DataType::Timestamp { .. } => "timestamp".to_owned(),
            other => other.to_string(),
        };
        let text = format!("CAST(\"{quoted}\" AS {sql})");
        let mut expression = Self::new(&text, columns, settings)?;
        if expression.data_type.is_text() {
            expression.data_type = data_type.clone();
        }
        Ok(expression)
    }

    /// The column called `name`, its values held between two limits, which may be infinite.
    ///
    /// # Errors
    /// If they are no numbers.
    pub fn clip(
        name: &str,
        limits: [f64; 2],
        columns: &[ScopeColumn],
        settings: Settings,
    ) -> std::result::Result<Self, String> {
        let quoted = name.replace('"', "\"\"");
        let limit = |limit: f64| match limit.is_finite() {
            true => limit.to_string(),
            false => "NULL".to_owned(),
        };
        let [lowest, highest] = limits.map(limit);
        let text = format!("clip(\"{quoted}\", {lowest}, {highest})");
        Self::new(&text, columns, settings)
    }

    /// The type of its cells.
    pub fn data_type(&self) -> &DataType {
        &self.data_type
    }

    /// The slots of the columns it names.
    pub fn reads(&self) -> Vec<usize> {
        let mut slots = Vec::new();
        self.root.slots(&mut slots);
        slots
    }

    /// Whether it may null and count a cell.
    pub fn may_flaw(&self) -> bool {
        self.root.may_flaw
    }

    /// Its cells over `batch`, of its type, and how many of them something was wrong with.
    ///
    /// # Errors
    /// The first such cell, where they end the run; texts beyond what an array holds.
    pub fn evaluate(&self, batch: &Batch) -> Result<(ArrayRef, Flaws)> {
        let mut evaluation = Evaluation {
            batch,
            strict: self.strict.then_some(self.text.as_str()),
            flaws: Flaws::default(),
        };
        let cells = evaluation.cells(&self.root, None)?;
        let array = cells.into_rows(batch.rows)?;
        Ok((as_column(array, &self.data_type)?, evaluation.flaws))
    }

    /// The rows of `batch` for which the condition is TRUE.
    ///
    /// # Errors
    /// As [`Expression::evaluate`].
    pub fn trues(&self, batch: &Batch) -> Result<(BooleanArray, Flaws)> {
        let (array, flaws) = self.evaluate(batch)?;
        Ok((compare::is(array.as_boolean(), true, false), flaws))
    }
}

/// Texts in the form that their column has: plain, or a dictionary.
fn as_column(array: ArrayRef, data_type: &DataType) -> Result<ArrayRef> {
    let is_dictionary = array.as_dictionary_opt::<Int32Type>().is_some();
    match data_type {
        DataType::Utf8 if is_dictionary => cells::plain(&array),
        DataType::Categorical if !is_dictionary => {
            let texts = array.as_string::<i32>().iter();
            Ok(Arc::new(texts.collect::<DictionaryArray<Int32Type>>()))
        }
        _ => Ok(array),
    }
}
