//! Steps over single rows that learn something of the whole column first.
//!
//! [`Qcut`] sorts numbers into bins of equal shares, [`Scale`] scales them, [`ClipOutliers`] holds
//! what lies too far out; [`Ordinal`] and [`OneHot`] turn categories into numbers and flags. What is
//! learnt is exact, so it does not depend on threads or chunks; null stays null unless it is said
//! otherwise. A new column has a slot of its own, also where it takes the place of the column it is
//! made of.

mod codes;
#[cfg(test)]
mod naive;
mod one_hot;
mod ordinal;
mod outliers;
mod qcut;
mod scale;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::util::display::array_value_to_string;

pub use one_hot::{LearnCategories, OneHot};
pub use ordinal::Ordinal;
pub use outliers::ClipOutliers;
pub use qcut::{Qcut, Quantiles};
pub use scale::Scale;

use self::codes::UNKNOWN;
use crate::base::{Column, DataType, ErrorKind, Flaws, Result};
use crate::steps::fit::FitColumn;
use crate::steps::impute::parse_value;
use crate::steps::{Categories, Effect};

/// What a step over one column is made for.
#[derive(Debug, Clone)]
pub struct Site {
    /// What the user calls the step.
    pub label: String,
    /// What errors call it: where it was asked for.
    pub place: String,
    /// The column that it reads.
    pub column: Column,
    /// Its slot.
    pub input: usize,
    /// The most that the fit may hold, in bytes.
    pub fit_bytes_max: usize,
    /// Whether a cell that is none of the categories that are named ends the run.
    pub strict: bool,
}

/// What becomes of cells that are none of the categories that are named.
#[derive(Debug, Clone)]
struct Strangers {
    label: String,
    column: Arc<str>,
    strict: bool,
}

impl Strangers {
    /// Counts them among the cells of `array`, which have these `codes`, or ends the run at the first.
    fn count(&self, codes: &[i32], array: &ArrayRef) -> Result<Effect> {
        let strangers = (0..codes.len()).filter(|&row| codes[row] == UNKNOWN);
        if let Some(row) = strangers.clone().next().filter(|_| self.strict) {
            let value = array_value_to_string(array, row).unwrap_or_default();
            return Err(ErrorKind::Row {
                row,
                position: None,
                message: format!(
                    "{}: column `{}`: `{}` is none of the categories that are named; name it too, or \
                     make it one of them before; nothing was published (--strict)",
                    self.label.escape_debug(),
                    self.column.escape_debug(),
                    value.escape_debug()
                ),
            }
            .into());
        }
        Ok(Effect {
            flaws: Flaws {
                unknown_categories: strangers.count() as u64,
                ..Flaws::default()
            },
            ..Effect::default()
        })
    }
}

impl Site {
    fn strangers(&self) -> Strangers {
        Strangers {
            label: self.label.clone(),
            column: Arc::clone(&self.column.name),
            strict: self.strict,
        }
    }

    fn fit_column(&self) -> FitColumn {
        FitColumn {
            slot: self.input,
            term: format!("the state of {}", self.label).into(),
            bytes_max: self.fit_bytes_max,
        }
    }

    /// Refuses a column that does not hold numbers.
    fn wants_numbers(&self) -> std::result::Result<(), String> {
        match &self.column.data_type {
            data_type if data_type.is_numeric() => Ok(()),
            data_type => Err(format!("needs numbers; the column is {data_type}")),
        }
    }

    /// Refuses a column whose values are no categories.
    fn wants_categories(&self) -> std::result::Result<(), String> {
        match &self.column.data_type {
            DataType::Utf8
            | DataType::Categorical
            | DataType::Int64
            | DataType::Boolean
            | DataType::Date => Ok(()),
            data_type => Err(format!(
                "the values of a {data_type} column are no categories; cast it to utf8, or cut it \
                 into bins first"
            )),
        }
    }

    /// The categories called `names`, in this order.
    ///
    /// # Errors
    /// The first that is no value of the column.
    pub fn categories(&self, names: &[String]) -> std::result::Result<Categories, String> {
        let values = names.iter().map(|name| parse_value(name, &self.column));
        Ok(Categories {
            values: values.collect::<std::result::Result<_, _>>()?,
            names: names.to_vec(),
        })
    }
}
