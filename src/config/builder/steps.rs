//! Steps of the builder, each spelled as in its flag or in the file.

use super::Builder;
use crate::base::{Ewm, Expanding, KeepRow, Running, Series};
use crate::config::StepSpec;
use crate::config::aggregate::Aggregate;
use crate::config::dedup::DedupSpec;
use crate::config::join::JoinSpec;
use crate::config::row::{CutSpec, RowStep};
use crate::config::series::{SeriesStep, parse_decay, parse_gap};

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

    /// Adds a step that looks rows up in a small table.
    pub fn join(self, join: JoinSpec) -> Self {
        let place = format!("--{join}");
        let step = join.checked();
        let step = step.map(|join| StepSpec::join(join, place.clone()));
        self.step(place, step)
    }

    /// Adds a step that keeps the rows for which `condition`, in SQL, is true.
    pub fn filter(self, condition: &str) -> Self {
        self.row_step("--filter".to_owned(), RowStep::filter(condition))
    }

    /// Adds a step that keeps one row, as `keep` says, of those that are the same in the columns
    /// `by`; `*` alone stands for all columns there are then.
    pub fn dedup<T: Into<String>>(self, by: impl IntoIterator<Item = T>, keep: KeepRow) -> Self {
        let by: Vec<String> = by.into_iter().map(Into::into).collect();
        let option = format!("--dedup {}", by.join(","));
        self.step(option, DedupSpec::new(by, keep).map(StepSpec::dedup))
    }

    /// Keeps the rows that filters drop, under `_filtered` of the lake.
    pub fn keep_filtered(mut self) -> Self {
        self.options.keep_filtered = true;
        self
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

    /// Adds a table beside the lake, of this run's rows as they leave the last step.
    pub fn aggregate(self, table: Aggregate) -> Self {
        let (place, settled) = match table.settle() {
            Ok(spec) => (String::new(), Ok(spec)),
            Err((place, message)) => (place, Err(message)),
        };
        self.set(place, settled, |options, spec| {
            options.aggregates.push(spec);
        })
    }

    fn row_step(self, option: String, parsed: Result<RowStep, String>) -> Self {
        self.step(option, parsed.map(StepSpec::row))
    }
}

/// Columns made along the rows of each key, in file order; without a key all rows are one group.
impl Builder {
    /// Adds a step that makes the column `COLUMN_lag_PERIODS` of the cells so many rows before.
    pub fn lag(self, column: &str, periods: u32) -> Self {
        self.series(Some(column), Series::Lag(periods), None)
    }

    /// Adds a step that makes the column `COLUMN_lead_PERIODS` of the cells so many rows behind.
    pub fn lead(self, column: &str, periods: u32) -> Self {
        self.series(Some(column), Series::Lead(periods), None)
    }

    /// Adds a step that makes the column `COLUMN_diff_PERIODS` of what cells differ from those so
    /// many rows before.
    pub fn diff(self, column: &str, periods: u32) -> Self {
        self.series(Some(column), Series::Diff(periods), None)
    }

    /// Adds a step that makes the column `COLUMN_pct_change_PERIODS` of the change from the cells so
    /// many rows before, as a share of them.
    pub fn pct_change(self, column: &str, periods: u32) -> Self {
        self.series(Some(column), Series::PercentChange(periods), None)
    }

    /// Adds a step that makes the column `COLUMN_cumsum` of the sums so far.
    pub fn cumsum(self, column: &str) -> Self {
        self.series(Some(column), Series::Running(Running::Sum), None)
    }

    /// Adds a step that makes the column `COLUMN_cumprod` of the products so far.
    pub fn cumprod(self, column: &str) -> Self {
        self.series(Some(column), Series::Running(Running::Product), None)
    }

    /// Adds a step that makes the column `COLUMN_cummax` of the largest cells so far.
    pub fn cummax(self, column: &str) -> Self {
        self.series(Some(column), Series::Running(Running::Max), None)
    }

    /// Adds a step that makes the column `COLUMN_cummin` of the smallest cells so far.
    pub fn cummin(self, column: &str) -> Self {
        self.series(Some(column), Series::Running(Running::Min), None)
    }

    /// Adds a step that makes the column `name` of the number of rows before, from 0.
    pub fn cumcount(self, name: &str) -> Self {
        self.series(None, Series::Count, Some(name))
    }

    /// Adds a step that makes the column `COLUMN_rank`, from 1 and the smallest cell up; `method`,
    /// `average`, `min`, `max`, `first` or `dense`, says what equal cells get.
    pub fn rank(self, column: &str, method: &str) -> Self {
        let step = SeriesStep::rank(column, method);
        self.step(format!("rank {column}"), step.map(StepSpec::series))
    }

    /// Adds a step that makes the column `COLUMN_ewm_FUNCTION_SPAN` of an exponentially weighted
    /// `mean`, `std` or `var` over a span of rows, as pandas has it by default.
    pub fn ewm(self, column: &str, function: &str, span: f64) -> Self {
        let span = span.to_string();
        let ewm = || {
            let ewm = Ewm {
                function: function.parse()?,
                decay: parse_decay("span", &span)?,
                adjust: true,
                ignore_nulls: false,
                min_samples: 1,
            };
            SeriesStep::new(Some(column), Series::Ewm(ewm), Some(&span), None)
        };
        self.step(format!("ewm {column}"), ewm().map(StepSpec::series))
    }

    /// Adds a step that makes the column `COLUMN_expanding_FUNCTION` of a function, spelled as for
    /// `--rolling`, over all rows so far.
    pub fn expanding(self, column: &str, function: &str) -> Self {
        let expanding = || {
            let expanding = Expanding {
                function: function.parse()?,
                min_samples: 1,
            };
            SeriesStep::new(
                Some(column),
                Series::Expanding(expanding),
                Some(function),
                None,
            )
        };
        self.step(
            format!("expanding {column}"),
            expanding().map(StepSpec::series),
        )
    }

    /// Adds a step that makes the column `name` of the numbers of sessions, from 0; a row that comes
    /// later than `gap`, such as `30m`, after the one before it begins a new one.
    pub fn sessionise(self, gap: &str, name: &str) -> Self {
        let session = || {
            let series = Series::Session(parse_gap(gap)?);
            SeriesStep::new(None, series, None, Some(name))
        };
        self.step(
            format!("sessionise {name}"),
            session().map(StepSpec::series),
        )
    }

    /// Adds a step that makes `series` of `column`, where it is made of one. The default name is
    /// that of the column, the step and its function or number, where it has one.
    pub fn series(self, column: Option<&str>, series: Series, name: Option<&str>) -> Self {
        let option = format!("{} {}", series.name(), column.unwrap_or_default());
        let step = SeriesStep::new(column, series, None, name);
        let step = step.map(StepSpec::series);
        self.step(option.trim_end().to_owned(), step)
    }
}
