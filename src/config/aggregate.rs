//! Tables beside the lake: what the file or the builder says -> [`AggregateSpec`].
//! Keeps: every column of such a table has a name of its own; a pivot names columns of it; what
//! measures are taken of is text until the columns' types are known.

use std::collections::HashSet;
use std::fmt;
use std::path::PathBuf;

use crate::base::{Bucket, Error, Measured, Result, TableFormat};

/// One table of measures over groups of rows.
#[derive(Debug, Clone, PartialEq)]
pub struct AggregateSpec {
    /// Its name.
    pub name: String,
    /// What rows are grouped by; all rows are one group where there is nothing.
    pub by: Vec<BySpec>,
    /// The measures, in order.
    pub measures: Vec<MeasureSpec>,
    /// What becomes columns.
    pub pivot: Option<PivotSpec>,
    /// Where it goes; `None` for a file of its name in the lake's `_aggregates`.
    pub out: Option<PathBuf>,
    /// How it is written.
    pub format: TableFormat,
    /// Where it was asked for.
    pub place: String,
}

/// A column that rows are grouped by.
#[derive(Debug, Clone, PartialEq)]
pub struct BySpec {
    /// The column.
    pub column: String,
    /// The spans of time that its values are put into.
    pub bucket: Option<Bucket>,
    /// What it is called in the table.
    pub name: String,
    /// Where it was asked for.
    pub place: String,
}

/// A measure.
#[derive(Debug, Clone, PartialEq)]
pub struct MeasureSpec {
    /// What it is called in the table.
    pub name: String,
    /// What it is.
    pub measured: Measured,
    /// Where it was asked for.
    pub place: String,
}

/// Which column of a table becomes several.
#[derive(Debug, Clone, PartialEq)]
pub struct PivotSpec {
    /// The one of the columns that rows are grouped by, each of whose values becomes a column.
    pub columns: String,
    /// The measures that are in those columns.
    pub values: Vec<String>,
}

impl BySpec {
    /// `COLUMN` or `COLUMN:BUCKET`, such as `timestamp:1h`.
    pub(super) fn parse(text: &str, place: &str) -> Result<Self, String> {
        match text.rsplit_once(':') {
            // Two colons are a cast, which is no column.
            Some((column, bucket)) if !column.is_empty() && !column.ends_with(':') => {
                Self::new(column, Some(bucket), None, place)
            }
            _ => Self::new(text, None, None, place),
        }
    }

    /// A column, its bucket still as text; it keeps its name unless it is given another.
    pub(super) fn new(
        column: &str,
        bucket: Option<&str>,
        name: Option<&str>,
        place: &str,
    ) -> Result<Self, String> {
        let name = name.unwrap_or(column);
        if column.is_empty() || name.is_empty() {
            return Err("a column that rows are grouped by needs a name".to_owned());
        }
        Ok(Self {
            column: column.to_owned(),
            bucket: bucket.map(str::parse).transpose()?,
            name: name.to_owned(),
            place: place.to_owned(),
        })
    }
}

impl AggregateSpec {
    /// A table without columns.
    pub(super) fn new(place: &str) -> Self {
        Self {
            name: String::new(),
            by: Vec::new(),
            measures: Vec::new(),
            pivot: None,
            out: None,
            format: TableFormat::Parquet,
            place: place.to_owned(),
        }
    }

    /// Settles its format: that which is given, or that which the name of its file tells.
    pub(super) fn settle_format(&mut self, given: Option<&str>) -> Result<(), String> {
        let told = self.out.as_deref().and_then(TableFormat::of);
        self.format = match given {
            Some("parquet") => TableFormat::Parquet,
            Some("csv") => TableFormat::Csv,
            Some(other) => {
                return Err(crate::base::unknown(
                    "format",
                    other,
                    ["parquet", "csv"].into_iter(),
                ));
            }
            None if self.out.is_some() && told.is_none() => {
                return Err(
                    "its name does not tell the format; let it end in .parquet or .csv, or add \
                     format = \"csv\""
                        .to_owned(),
                );
            }
            None => told.unwrap_or(TableFormat::Parquet),
        };
        Ok(())
    }

    /// Refuses what contradicts itself.
    pub(super) fn check(&self) -> Result<(), String> {
        check_name(&self.name)?;
        if self.measures.is_empty() {
            return Err("needs measures, such as { revenue = \"sum(amount)\" }".to_owned());
        }
        let mut seen = HashSet::new();
        for name in self.names() {
            if name.is_empty() {
                return Err("a measure needs a name".to_owned());
            }
            if !seen.insert(name) {
                return Err(format!(
                    "two of its columns are called `{name}`; rename one"
                ));
            }
        }
        let Some(pivot) = &self.pivot else {
            return Ok(());
        };
        let by = self.by.iter().map(|by| by.name.as_str());
        if !by.clone().any(|name| name == pivot.columns) {
            let unknown = crate::base::unknown("column of `by`", &pivot.columns, by);
            return Err(format!("pivot: {unknown}"));
        }
        let measures = self.measures.iter().map(|measure| measure.name.as_str());
        for value in &pivot.values {
            if !measures.clone().any(|name| name == value) {
                let unknown = crate::base::unknown("measure", value, measures);
                return Err(format!("pivot: {unknown}"));
            }
        }
        if pivot.values.is_empty() {
            return Err("pivot: lacks its `values`, the name of a measure".to_owned());
        }
        Ok(())
    }

    /// The names of its columns, before any becomes several.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let by = self.by.iter().map(|by| by.name.as_str());
        by.chain(self.measures.iter().map(|measure| measure.name.as_str()))
    }
}

/// Refuses names that are no names of files.
fn check_name(name: &str) -> Result<(), String> {
    /// Most file systems take 255 bytes.
    const BYTES_MAX: usize = 200;
    let is_odd = |c: char| c.is_control() || "/\\:*?\"<>|".contains(c);
    match name {
        "" => Err("lacks its `name`, such as name = \"region\"".to_owned()),
        _ if name.starts_with(['.', ' ']) || name.contains(is_odd) || name.len() > BYTES_MAX => {
            Err(format!(
                "`{}` names no file; use letters, digits, _ and -",
                name.escape_debug()
            ))
        }
        _ => Ok(()),
    }
}

/// Refuses tables that would be one file.
pub(super) fn check_distinct(aggregates: &[AggregateSpec]) -> Result<()> {
    let (mut names, mut files) = (HashSet::new(), HashSet::new());
    for aggregate in aggregates {
        // Some file systems take names that differ in case alone for one.
        if !names.insert(aggregate.name.to_lowercase()) {
            let message = format!("another one is called `{}`; rename it", aggregate.name);
            return Err(Error::usage(&*aggregate.place, message));
        }
        if let Some(out) = &aggregate.out
            && !files.insert(out)
        {
            let message = format!("another one goes to {} as well", out.display());
            return Err(Error::usage(&*aggregate.place, message));
        }
    }
    Ok(())
}

impl fmt::Display for AggregateSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let by = self.by.iter().map(|by| match by.bucket {
            Some(bucket) => format!("{}:{bucket}", by.column),
            None => by.column.clone(),
        });
        let measures = self.measures.iter();
        let measures = measures.map(|it| format!("{} = {}", it.name, it.measured));
        write!(f, "aggregate {}: ", self.name)?;
        f.write_str(&measures.collect::<Vec<_>>().join(", "))?;
        if !self.by.is_empty() {
            write!(f, " by {}", by.collect::<Vec<_>>().join(", "))?;
        }
        Ok(())
    }
}

/// A table beside the lake, for [`Builder::aggregate`](super::Builder::aggregate), each part
/// spelled as in the file.
#[derive(Debug, Clone)]
#[must_use = "it does nothing until it is handed to a builder"]
pub struct Aggregate {
    spec: AggregateSpec,
    format: Option<String>,
    error: Option<(String, String)>,
}

impl Aggregate {
    /// A table called `name`.
    pub fn new(name: &str) -> Self {
        let spec = AggregateSpec::new(&format!("aggregate {name}"));
        Self {
            spec: AggregateSpec {
                name: name.to_owned(),
                ..spec
            },
            format: None,
            error: None,
        }
    }

    /// Groups rows by these columns, spelled `COLUMN` or `COLUMN:BUCKET`, such as `timestamp:1h`.
    pub fn by<'a>(mut self, columns: impl IntoIterator<Item = &'a str>) -> Self {
        for column in columns {
            let place = format!("{}: by {column}", self.spec.place);
            match BySpec::parse(column, &place) {
                Ok(by) => self.spec.by.push(by),
                Err(message) => self.note(place, message),
            }
        }
        self
    }

    /// Groups rows by the spans of time that the values of `column` are in; the table calls it
    /// `name`.
    pub fn by_time(mut self, column: &str, bucket: &str, name: &str) -> Self {
        let place = format!("{}: by {column}", self.spec.place);
        match BySpec::new(column, Some(bucket), Some(name), &place) {
            Ok(by) => self.spec.by.push(by),
            Err(message) => self.note(place, message),
        }
        self
    }

    /// Adds a measure called `name`, such as `sum(amount)`.
    pub fn measure(mut self, name: &str, measure: &str) -> Self {
        let place = format!("{}: {name}", self.spec.place);
        match measure.parse() {
            Ok(measured) => self.spec.measures.push(MeasureSpec {
                name: name.to_owned(),
                measured,
                place,
            }),
            Err(message) => self.note(place, message),
        }
        self
    }

    /// Makes a column of each value of the column `columns`, with the measures `values`.
    pub fn pivot<'a>(mut self, columns: &str, values: impl IntoIterator<Item = &'a str>) -> Self {
        self.spec.pivot = Some(PivotSpec {
            columns: columns.to_owned(),
            values: values.into_iter().map(str::to_owned).collect(),
        });
        self
    }

    /// Writes it to `path`.
    pub fn out(mut self, path: impl Into<PathBuf>) -> Self {
        self.spec.out = Some(path.into());
        self
    }

    /// Writes it as `parquet` or `csv`, whatever its path ends in.
    pub fn format(mut self, format: &str) -> Self {
        self.format = Some(format.to_owned());
        self
    }

    fn note(&mut self, place: String, message: String) {
        self.error.get_or_insert((place, message));
    }

    /// What it says, or where which call went wrong.
    pub(super) fn settle(mut self) -> Result<AggregateSpec, (String, String)> {
        if let Some(error) = self.error {
            return Err(error);
        }
        let settled = self.spec.settle_format(self.format.as_deref());
        match settled.and_then(|()| self.spec.check()) {
            Ok(()) => Ok(self.spec),
            Err(message) => Err((self.spec.place, message)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Builder;
    use super::*;

    fn region() -> Aggregate {
        Aggregate::new("region")
            .by(["region", "time:1h"])
            .measure("revenue", "sum(total)")
    }

    fn refusal(aggregate: Aggregate) -> String {
        let run = Builder::new()
            .input("in.csv")
            .out("lake")
            .aggregate(aggregate);
        run.build().unwrap_err().to_string()
    }

    #[test]
    fn a_table_prints_as_it_was_asked_for() {
        let spec = region().out("x.csv").settle().unwrap();
        assert_eq!(
            spec.to_string(),
            "aggregate region: revenue = sum(total) by region, time:1h"
        );
        assert_eq!(spec.format, TableFormat::Csv);
        assert_eq!(
            spec.names().collect::<Vec<_>>(),
            ["region", "time", "revenue"]
        );
        assert_eq!(spec.by[1].bucket, Some(Bucket::Length(3_600_000_000_000)));
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for (aggregate, expected) in [
            (
                region().measure("n", "cuont()"),
                "aggregate region: n: unknown function `cuont`; did you mean `count`?",
            ),
            (
                region().by(["a:1x"]),
                "aggregate region: by a:1x: unknown time bucket `1x`",
            ),
            (
                region().measure("time", "count()"),
                "aggregate region: two of its columns are called `time`",
            ),
            (
                region().pivot("regoin", ["revenue"]),
                "pivot: unknown column of `by` `regoin`; did you mean `region`?",
            ),
            (
                region().pivot("region", ["revenues"]),
                "did you mean `revenue`?",
            ),
            (region().pivot("region", []), "pivot: lacks its `values`"),
            (region().out("x.txt"), "let it end in .parquet or .csv"),
            (
                region().format("cvs"),
                "unknown format `cvs`; choose from: parquet, csv",
            ),
            (
                Aggregate::new("a/b").measure("n", "count()"),
                "`a/b` names no file",
            ),
            (
                Aggregate::new("").measure("n", "count()"),
                "lacks its `name`",
            ),
            (Aggregate::new("a"), "aggregate a: needs measures"),
        ] {
            let message = refusal(aggregate);
            assert!(message.contains(expected), "{message}");
        }
        let run = Builder::new().input("in.csv").out("lake");
        let run = run.aggregate(region()).aggregate(region());
        let message = run.build().unwrap_err().to_string();
        assert!(
            message.contains("another one is called `region`"),
            "{message}"
        );
    }
}
