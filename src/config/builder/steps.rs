//! Steps of the builder, each spelled as in its flag or in the file.

use super::Builder;
use crate::config::StepSpec;
use crate::config::row::{CutSpec, RowStep};

impl Builder {
    /// Adds a step that fills a column's missing values, the method spelled as for `--impute`.
    pub fn impute(self, column: &str, method: &str) -> Self {
        let option = format!("--impute {column}={method}");
        self.step(option, StepSpec::impute(column, method))
    }

    /// Adds a step that makes the column `COL_FN_WINDOW`, function and window spelled as for
    /// `--rolling`.
    pub fn rolling(self, column: &str, function: &str, window: &str) -> Self {
        let option = format!("--rolling {column}:{function}:{window}");
        self.step(option, StepSpec::rolling(column, function, window, None))
    }

    /// Adds a rolling step whose new column is called `name`.
    pub fn rolling_named(self, column: &str, function: &str, window: &str, name: &str) -> Self {
        let option = format!("--rolling {column}:{function}:{window}:{name}");
        let parsed = StepSpec::rolling(column, function, window, Some(name));
        self.step(option, parsed)
    }

    /// Adds a step that keeps the rows for which `condition`, in SQL, is true.
    pub fn filter(self, condition: &str) -> Self {
        self.row_step("--filter".to_owned(), RowStep::filter(condition))
    }

    /// Adds a step that makes the column `name` of an expression in SQL, or replaces it.
    pub fn derive(self, name: &str, expression: &str) -> Self {
        self.row_step(
            format!("--derive {name}"),
            RowStep::derive(name, expression),
        )
    }

    /// Adds a step that keeps these columns only, in this order, of those there are then.
    pub fn then_select<T: Into<String>>(self, columns: impl IntoIterator<Item = T>) -> Self {
        let columns = columns.into_iter().map(Into::into).collect();
        self.row_step("select".to_owned(), RowStep::select(columns))
    }

    /// Adds a step that leaves these columns out, of those there are then.
    pub fn then_drop<T: Into<String>>(self, columns: impl IntoIterator<Item = T>) -> Self {
        let columns = columns.into_iter().map(Into::into).collect();
        self.row_step("drop".to_owned(), RowStep::drop(columns))
    }

    /// Adds a step that calls the column `old` `new`.
    pub fn then_rename(self, old: &str, new: &str) -> Self {
        let pair = (old.to_owned(), new.to_owned());
        self.row_step("rename".to_owned(), RowStep::rename(vec![pair]))
    }

    /// Adds a step that gives a column another type, spelled as for `--dtype`.
    pub fn cast(self, column: &str, data_type: &str) -> Self {
        self.row_step(format!("cast {column}"), RowStep::cast(column, data_type))
    }

    /// Adds a step that makes the column `name` of the labels of the bins that the numbers of
    /// `column` fall into; a bin holds its upper edge.
    pub fn cut(self, column: &str, edges: &[f64], labels: &[&str], name: &str) -> Self {
        let labels = labels.iter().map(|label| (*label).to_owned()).collect();
        let cut = CutSpec::new(column, edges.to_vec(), Some(labels), Some(name));
        self.row_step(format!("cut {name}"), cut.map(RowStep::Cut))
    }

    /// Adds a step that holds the values of a column between two limits, which may be infinite.
    pub fn clip(self, column: &str, lowest: f64, highest: f64) -> Self {
        let step = RowStep::clip(column, lowest, highest);
        self.row_step(format!("clip {column}"), step)
    }

    /// Adds a step that sorts all rows by `columns`, with a minus before those whose large values
    /// come first. Rows of equal values keep their order; missing values come last.
    pub fn sort<T: Into<String>>(self, columns: impl IntoIterator<Item = T>) -> Self {
        let columns: Vec<String> = columns.into_iter().map(Into::into).collect();
        let option = format!("sort {}", columns.join(","));
        self.step(option, StepSpec::sort(&columns))
    }

    fn row_step(self, option: String, parsed: Result<RowStep, String>) -> Self {
        self.step(option, parsed.map(StepSpec::row))
    }
}
