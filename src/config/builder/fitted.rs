//! Steps of the builder that learn something of a whole column first, each spelled as in the file.

use super::Builder;
use crate::base::Beyond;
use crate::config::StepSpec;
use crate::config::fitted::{FittedStep, OneHotSpec, QcutSpec};

impl Builder {
    /// Adds a step that makes the column `name` of the labels of bins that hold equal shares of the
    /// numbers of `column`: as many bins as there are labels.
    pub fn qcut(self, column: &str, labels: &[&str], name: &str) -> Self {
        let labels: Vec<String> = labels.iter().map(|label| (*label).to_owned()).collect();
        let shares = QcutSpec::equal_shares(labels.len());
        let qcut = shares.and_then(|shares| QcutSpec::new(column, shares, labels, Some(name)));
        self.fitted_step(format!("qcut {name}"), qcut.map(FittedStep::Qcut))
    }

    /// Adds a step that scales the numbers of a column in place: `standard`, `min-max` or `robust`.
    pub fn scale(self, column: &str, scaling: &str) -> Self {
        let step = FittedStep::scale(column, scaling, None);
        self.fitted_step(format!("scale {column}"), step)
    }

    /// Adds a step that makes a column of flags for each of `categories`, `COL_CATEGORY`; none to
    /// learn them.
    pub fn one_hot(self, column: &str, categories: &[&str]) -> Self {
        let spec = OneHotSpec::new(column);
        let spec = match categories {
            [] => Ok(spec),
            _ => spec.of(categories.iter().map(|name| (*name).to_owned()).collect()),
        };
        self.fitted_step(format!("one_hot {column}"), spec.map(FittedStep::OneHot))
    }

    /// Adds a step that makes categories their places in `order`, from 0; none to learn and sort
    /// them.
    pub fn ordinal(self, column: &str, order: &[&str]) -> Self {
        let order: Vec<String> = order.iter().map(|name| (*name).to_owned()).collect();
        let order = Some(order).filter(|order| !order.is_empty());
        let step = FittedStep::ordinal(column, order, None);
        self.fitted_step(format!("ordinal {column}"), step)
    }

    /// Adds a step that holds the outliers of a column at a limit, or makes them null: `iqr`,
    /// `iqr:TIMES`, `zscore`, `zscore:TIMES` or `quantile:LOW,HIGH`.
    pub fn clip_outliers(self, column: &str, outliers: &str, beyond: Beyond) -> Self {
        let step = FittedStep::clip_outliers(column, outliers, beyond, None);
        self.fitted_step(format!("clip_outliers {column}"), step)
    }

    fn fitted_step(self, option: String, parsed: Result<FittedStep, String>) -> Self {
        let step = parsed.map(|step| StepSpec::Fitted {
            place: option.clone(),
            step,
        });
        self.step(option, step)
    }
}
