//! `[[check]]` tables, `--check` and the builder's checks: what is written -> what rows are held
//! against.
//! Keeps: what is looked at row by row is one condition in SQL, whose columns and types are known
//! only once the input's are.

use std::fmt;

use clap::ValueEnum;

use super::RejectsMax;
use crate::base::Window;

/// What a check that fails does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Severity {
    /// It is told.
    Warn,
    /// The rows that fail are rejected.
    Reject,
    /// Nothing is published.
    #[default]
    Fail,
}

/// A check over the rows that are about to be written.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckSpec {
    /// What is checked.
    pub kind: CheckKind,
    /// What it is called.
    pub name: String,
    /// What it does when it fails.
    pub severity: Severity,
    /// The most rows that may fail; `None` for none, or for any number of rejected ones.
    pub tolerate: Option<RejectsMax>,
    /// Where it was asked for: a flag, or a key and its line.
    pub place: String,
}

/// What is checked.
#[derive(Debug, Clone, PartialEq)]
pub enum CheckKind {
    /// A condition, in SQL, that no row may be false for.
    Condition {
        /// The condition.
        condition: String,
        /// Whether rows fail for which it is null.
        nulls_fail: bool,
    },
    /// No two rows have the same cells in these columns; rows with a null in one are left out.
    Unique(Vec<String>),
    /// How many rows there are.
    RowCount {
        /// So many at least.
        min: Option<u64>,
        /// So many at most.
        max: Option<u64>,
    },
    /// How old the newest time in a column may be.
    Freshness {
        /// The column, of dates or timestamps.
        column: String,
        /// In microseconds.
        max_age_us: i64,
        /// As it was written.
        max_age: String,
    },
}

impl CheckSpec {
    /// A check called `name` by default, which fails the run.
    pub(super) fn new(kind: CheckKind, name: String, place: &str) -> Self {
        Self {
            kind,
            name,
            severity: Severity::default(),
            tolerate: None,
            place: place.to_owned(),
        }
    }

    /// A condition that no row may be false for.
    pub(super) fn condition(text: &str, place: &str) -> Result<Self, String> {
        match text.trim() {
            "" => Err("needs a condition, such as amount >= 0".to_owned()),
            text => Ok(Self::new(sql(text.to_owned()), text.to_owned(), place)),
        }
    }

    /// No cell of `column` is null.
    pub(super) fn not_null(column: &str, place: &str) -> Self {
        let condition = sql(format!("{} IS NOT NULL", quoted(column)));
        Self::new(condition, format!("not_null {column}"), place)
    }

    /// Every cell of `column` that is not null is one of `values`.
    pub(super) fn in_set(column: &str, values: &[Literal], place: &str) -> Result<Self, String> {
        if values.is_empty() {
            return Err("name a value".to_owned());
        }
        let values: Vec<String> = values.iter().map(ToString::to_string).collect();
        let condition = format!("{} IN ({})", quoted(column), values.join(", "));
        Ok(Self::new(sql(condition), format!("in_set {column}"), place))
    }

    /// Every cell of `column` that is not null lies between two limits, which belong to the range.
    pub(super) fn range(column: &str, limits: &[Literal], place: &str) -> Result<Self, String> {
        let [lowest, highest] = limits else {
            return Err("needs two limits: [LOWEST, HIGHEST]".to_owned());
        };
        let column_name = quoted(column);
        let above = (!lowest.is_infinite()).then(|| format!("{column_name} >= {lowest}"));
        let below = (!highest.is_infinite()).then(|| format!("{column_name} <= {highest}"));
        let sides: Vec<String> = above.into_iter().chain(below).collect();
        if sides.is_empty() {
            return Err("a range without limits holds everything; give it one".to_owned());
        }
        let condition = sql(sides.join(" AND "));
        Ok(Self::new(condition, format!("range {column}"), place))
    }

    /// Every text of `column` that is not null has a part that `pattern` matches.
    pub(super) fn matches(column: &str, pattern: &str, place: &str) -> Self {
        let pattern = Literal::Text(pattern.to_owned());
        let condition = format!("regexp_matches({}, {pattern})", quoted(column));
        Self::new(sql(condition), format!("matches {column}"), place)
    }

    /// No two rows have the same cells in `columns`.
    pub(super) fn unique(columns: Vec<String>, place: &str) -> Result<Self, String> {
        if columns.is_empty() {
            return Err("name the columns".to_owned());
        }
        let name = format!("unique {}", columns.join(", "));
        Ok(Self::new(CheckKind::Unique(columns), name, place))
    }

    /// There are so many rows.
    pub(super) fn row_count(
        min: Option<u64>,
        max: Option<u64>,
        place: &str,
    ) -> Result<Self, String> {
        match (min, max) {
            (None, None) => Err("needs a `min` or a `max`".to_owned()),
            (Some(min), Some(max)) if min > max => {
                Err(format!("no number is at least {min} and at most {max}"))
            }
            _ => {
                let kind = CheckKind::RowCount { min, max };
                Ok(Self::new(kind, "row_count".to_owned(), place))
            }
        }
    }

    /// The newest time in `column` is no older than `max_age`.
    pub(super) fn freshness(column: &str, max_age: &str, place: &str) -> Result<Self, String> {
        let max_age_us = match max_age.parse()? {
            Window::Time(nanoseconds) => nanoseconds / 1000,
            Window::Rows(_) => return Err(format!("`{max_age}` is no time; write 2d or 12h")),
        };
        let kind = CheckKind::Freshness {
            column: column.to_owned(),
            max_age_us,
            max_age: max_age.to_owned(),
        };
        Ok(Self::new(kind, format!("freshness {column}"), place))
    }

    /// Refuses what a check cannot do.
    pub(super) fn checked(self) -> Result<Self, String> {
        if !matches!(
            self.kind,
            CheckKind::RowCount { .. } | CheckKind::Freshness { .. }
        ) {
            return Ok(self);
        }
        if self.severity == Severity::Reject {
            return Err("no single row fails here; choose the severity warn or fail".to_owned());
        }
        if self.tolerate.is_some() {
            return Err("no single row fails here, so none can be tolerated".to_owned());
        }
        Ok(self)
    }

    /// With rows failing for which the condition is null, or not.
    pub(super) fn with_nulls(mut self, fail: bool) -> Result<Self, String> {
        match &mut self.kind {
            CheckKind::Condition { nulls_fail, .. } => *nulls_fail = fail,
            _ if !fail => {}
            _ => return Err("only a condition can be null".to_owned()),
        }
        Ok(self)
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Warn => "warn",
            Self::Reject => "reject",
            Self::Fail => "fail",
        })
    }
}

/// A value in a check.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Literal {
    /// A number.
    Number(f64),
    /// A whole number.
    Integer(i64),
    /// True or false.
    Flag(bool),
    /// A text, or a date or time.
    Text(String),
}

impl Literal {
    fn is_infinite(&self) -> bool {
        matches!(self, Self::Number(number) if number.is_infinite())
    }
}

impl fmt::Display for Literal {
    /// In SQL.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number:?}"),
            Self::Integer(number) => number.fmt(f),
            Self::Flag(flag) => flag.fmt(f),
            Self::Text(text) => write!(f, "'{}'", text.replace('\'', "''")),
        }
    }
}

fn sql(condition: String) -> CheckKind {
    CheckKind::Condition {
        condition,
        nulls_fail: false,
    }
}

/// A column's name in SQL.
fn quoted(column: &str) -> String {
    format!("\"{}\"", column.replace('"', "\"\""))
}

/// What `--check` takes.
pub(super) fn parse_check(text: &str) -> Result<CheckSpec, String> {
    CheckSpec::condition(text, "--check")
}
