//! [`Config`] and the input's columns -> whether every column it names is there.
//! Keeps: an error names the flag and the nearest column; no new column hides another one, but for
//! one that is derived. What expressions name is checked where they are read.

mod fitted;

use std::collections::HashSet;
use std::slice;

use super::columns::{choose_columns, left_out};
use super::{BySpec, Config, JoinSpec, RowStep, SeriesStep, StepSpec};
use crate::base::{Error, Result};

/// Checks every column that `config` names against the input's columns, `header`, of which some may
/// be left out or renamed. A step may also name a column that an earlier step makes, but none that
/// one leaves out. Those that a join makes are known once its table is open.
///
/// # Errors
/// [`ErrorKind::Usage`](crate::ErrorKind::Usage) naming the flag and the nearest column.
pub fn check_columns(config: &Config, header: &[String]) -> Result<()> {
    check_learnt(config, header, &[])
}

/// As [`check_columns`], once the categories of the first steps that make flags of `learnt` ones are
/// known.
///
/// # Errors
/// As [`check_columns`].
pub fn check_learnt(config: &Config, header: &[String], learnt: &[Vec<String>]) -> Result<()> {
    let flags = fitted::flags(config, learnt);
    let chosen = choose_columns(config, header)?;
    let columns: Vec<&str> = chosen.iter().map(|column| &*column.name).collect();
    let mut columns = Columns {
        config,
        header,
        known: columns.iter().copied().collect(),
        columns,
        left_out: Vec::new(),
        flags: flags.iter(),
        open: Vec::new(),
    };
    for (column, _) in &config.dtypes {
        columns.find(column, || format!("--dtype {column}=…"))?;
    }
    for (column, _) in &config.null_values.columns {
        columns.find(column, || format!("--null-values {column}=…"))?;
    }
    if let Some(name) = &config.source_column {
        if columns.known.contains(name.as_str()) {
            let message = format!("the input has a column `{name}` already; choose another name");
            return Err(Error::usage(format!("--source-column {name}"), message));
        }
        columns.add(name);
    }
    for column in &config.key {
        columns.find(column, || format!("--key {column}"))?;
    }
    if let Some(column) = &config.time {
        columns.find(column, || format!("--time {column}"))?;
    }
    for step in &config.steps {
        match step {
            StepSpec::Impute { column, .. } => columns.find(column, || step.to_string())?,
            StepSpec::Rolling { column, name, .. } => {
                columns.find(column, || step.to_string())?;
                if columns.known.contains(name.as_str()) {
                    return Err(Error::usage(
                        step.to_string(),
                        format!(
                            "the input has a column `{name}` already; add another name: \
                             COL:FN:WINDOW:NAME"
                        ),
                    ));
                }
                columns.add(name);
            }
            StepSpec::Sort { spec, place } => {
                for (column, _) in &spec.by {
                    columns.find(column, || place.clone())?;
                }
            }
            StepSpec::Dedup { dedup, place } => {
                for column in &dedup.by {
                    columns.find(column, || place.clone())?;
                }
            }
            StepSpec::Join { join, place } => columns.join(join, place)?,
            StepSpec::Series { step, place } => columns.with(step, place)?,
            StepSpec::Row { step, place } => columns.after(step, place)?,
            StepSpec::Fitted { step, place } => columns.after_fitted(step, place)?,
        }
    }
    columns.bring_back();
    for by in config.aggregates.iter().flat_map(|aggregate| &aggregate.by) {
        columns.group(by)?;
    }
    Ok(())
}

/// Whether `text`, which is no column, looks like an expression.
fn looks_computed(text: &str) -> bool {
    text.contains(['(', '+', '*', '/', '%', '<', '>', '=', '|']) || text.contains("::")
}

/// Says how rows are grouped by what the expression `text` gives.
fn computed(text: &str) -> String {
    format!(
        "rows are grouped by columns, and there is none called `{0}`; make one of the expression in a \
         step before, and group by that: derive = {{ group = \"{0}\" }}",
        text.escape_debug()
    )
}

/// The columns that there are, from step to step.
struct Columns<'a> {
    config: &'a Config,
    header: &'a [String],
    known: HashSet<&'a str>,
    columns: Vec<&'a str>,
    /// Those that a step left out.
    left_out: Vec<&'a str>,
    /// What the columns of each step to come are called that makes flags, if that is known.
    flags: slice::Iter<'a, Option<Vec<String>>>,
    /// How columns may begin that are not known yet.
    open: Vec<String>,
}

impl<'a> Columns<'a> {
    fn find(&self, column: &str, option: impl Fn() -> String) -> Result<()> {
        let may_be = |open: &String| column.starts_with(open.as_str());
        if self.known.contains(column) || self.open.iter().any(may_be) {
            return Ok(());
        }
        let is_input = self.header.iter().any(|name| name == column);
        let why = is_input.then(|| left_out(self.config, column)).flatten();
        let unknown = || crate::base::unknown("column", column, self.columns.iter().copied());
        let message = why.unwrap_or_else(unknown);
        Err(Error::usage(option(), message))
    }

    /// Finds a column that rows are grouped by.
    fn group(&self, by: &BySpec) -> Result<()> {
        let found = self.find(&by.column, || by.place.clone());
        found.map_err(|error| match looks_computed(&by.column) {
            true => Error::usage(&*by.place, computed(&by.column)),
            false => error,
        })
    }

    fn add(&mut self, name: &'a str) {
        if self.known.insert(name) {
            self.columns.push(name);
        }
    }

    /// The columns behind `join`, which was asked for at `place`.
    fn join(&mut self, join: &'a JoinSpec, place: &str) -> Result<()> {
        let keys = join.on.iter().map(|(main, _)| main);
        let time = join.asof.iter().map(|asof| &asof.time);
        for column in keys.chain(time) {
            self.find(column, || place.to_owned())?;
        }
        for (column, name) in &join.added {
            if self.known.contains(name.as_str()) {
                let message = format!(
                    "there is a column `{name}` already; call the one of {} otherwise: rename = \
                     {{ {column} = \"…\" }}, or all of them: prefix = \"…\"",
                    join.with
                );
                return Err(Error::usage(place, message));
            }
            self.add(name);
        }
        Ok(())
    }

    /// The columns and the one that `step`, which was asked for at `place`, makes.
    fn with(&mut self, step: &'a SeriesStep, place: &str) -> Result<()> {
        if let Some(column) = &step.column {
            self.find(column, || place.to_owned())?;
        }
        if self.known.contains(step.name.as_str()) {
            let message = format!(
                "there is a column `{}` already; give another `name`",
                step.name
            );
            return Err(Error::usage(place, message));
        }
        self.is_free(&step.name, place)?;
        self.add(&step.name);
        Ok(())
    }

    /// The columns behind `step`, which was asked for at `place`.
    fn after(&mut self, step: &'a RowStep, place: &str) -> Result<()> {
        let option = || place.to_owned();
        match step {
            RowStep::Filter(_) => {}
            RowStep::Derive { name, .. } => {
                self.is_free(name, place)?;
                self.add(name);
            }
            RowStep::Cut(cut) => {
                self.find(&cut.column, option)?;
                self.is_free(&cut.name, place)?;
                self.add(&cut.name);
            }
            RowStep::Cast { column, .. } | RowStep::Clip { column, .. } => {
                self.find(column, option)?;
                self.is_free(column, place)?;
            }
            RowStep::Select(columns) => {
                for column in columns {
                    self.find(column, option)?;
                }
                let goes = |name: &&&str| !columns.iter().any(|column| column == **name);
                self.left_out.extend(self.columns.iter().filter(goes));
                self.set(columns.iter().map(String::as_str).collect());
            }
            RowStep::Drop(columns) => {
                for column in columns {
                    self.find(column, option)?;
                }
                self.left_out.extend(columns.iter().map(String::as_str));
                let mut left = self.columns.clone();
                left.retain(|name| !columns.iter().any(|column| column == name));
                if left.is_empty() {
                    return Err(Error::usage(place, "leaves out every column; keep one"));
                }
                self.set(left);
            }
            RowStep::Rename(pairs) => {
                for (old, _) in pairs {
                    self.find(old, option)?;
                }
                let new = |name: &&'a str| pairs.iter().find(|(old, _)| old == name);
                let names = self
                    .columns
                    .iter()
                    .map(|name| new(name).map_or(*name, |(_, new)| new));
                let names: Vec<&str> = names.collect();
                let mut seen = HashSet::new();
                if let Some(twice) = names.iter().find(|name| !seen.insert(**name)) {
                    let message =
                        format!("there is a column `{twice}` already; choose another name");
                    return Err(Error::usage(place, message));
                }
                self.set(names);
            }
        }
        Ok(())
    }

    /// Adds the columns that were left out: tables may be made of them.
    fn bring_back(&mut self) {
        for name in std::mem::take(&mut self.left_out) {
            self.add(name);
        }
    }

    fn set(&mut self, columns: Vec<&'a str>) {
        self.known = columns.iter().copied().collect();
        self.columns = columns;
    }

    /// Refuses to put something else in the place of a key or time column.
    fn is_free(&self, name: &str, place: &str) -> Result<()> {
        let flag = match self.config.key.iter().any(|key| key == name) {
            true => "--key",
            false if self.config.time.as_deref() == Some(name) => "--time",
            false => return Ok(()),
        };
        let message = format!(
            "`{name}` is given as {flag}, which keeps what was read; make a column of another name"
        );
        Err(Error::usage(place, message))
    }
}

#[cfg(test)]
mod tests {
    use super::super::Builder;
    use super::*;

    fn run() -> Builder {
        Builder::new().input("in.csv").out("lake")
    }

    fn check(builder: Builder) -> Result<()> {
        let header = ["id", "amount", "region", "timestamp"].map(str::to_owned);
        check_columns(&builder.build().unwrap(), &header)
    }

    #[test]
    fn a_missing_column_names_the_flag_and_the_nearest() {
        for (builder, expected) in [
            (
                run().dtype("amonut", "int64"),
                "--dtype amonut=…: unknown column `amonut`; did you mean `amount`?",
            ),
            (
                run().null_values_of("Region", ["x"]),
                "--null-values Region=…: ",
            ),
            (
                run().key(["id", "x"]),
                "--key x: unknown column `x`; choose from: id, amount, region, timestamp",
            ),
            (
                run().time("time"),
                "--time time: unknown column `time`; did you mean `timestamp`?",
            ),
            (
                run().impute("amuont", "mean"),
                "--impute amuont=mean: unknown column `amuont`; did you mean `amount`?",
            ),
            (
                run().rolling("amont", "mean", "7"),
                "--rolling amont:mean:7: ",
            ),
            (
                run().rolling_named("id", "mean", "7", "amount"),
                "--rolling id:mean:7:amount: the input has a column `amount` already",
            ),
        ] {
            let error = check(builder).unwrap_err();
            let message = error.to_string();
            assert!(message.starts_with(expected), "{message}");
            assert_eq!(error.exit_code(), 2);
        }
    }

    #[test]
    fn a_column_that_is_left_out_names_both_flags() {
        for (builder, expected) in [
            (
                run().key(["id"]).exclude(["i*"]),
                "--key id: --exclude i* leaves out the column `id`",
            ),
            (
                run().impute("amount", "mean").select(["id", "region"]),
                "--impute amount=mean: --select id,region leaves out the column `amount`",
            ),
            (
                run().time("timestamp").rename("timestamp", "ts"),
                "--time timestamp: --rename timestamp=ts calls the column `timestamp` otherwise; \
                 write `ts`",
            ),
        ] {
            let message = check(builder).unwrap_err().to_string();
            assert!(message.starts_with(expected), "{message}");
        }
        let renamed = run().rename("amount", "id").rename("id", "n");
        assert!(check(renamed.key(["id", "n"]).dtype("id", "int64")).is_ok());
    }

    #[test]
    fn a_step_may_use_what_an_earlier_one_makes() {
        let mean = run().rolling("amount", "mean", "7");
        assert!(check(mean.impute("amount_mean_7", "const:0")).is_ok());
        let early = run().impute("amount_mean_7", "const:0");
        let error = check(early.rolling("amount", "mean", "7")).unwrap_err();
        assert!(error.to_string().contains("did you mean `amount`?"));
    }
}
