//! [`Config`] and the input's columns -> whether every column it names is there.
//! Keeps: an error names the flag and the nearest column; no new column hides another one.

use std::collections::HashSet;

use super::columns::{choose_columns, left_out};
use super::{Config, StepSpec};
use crate::base::{Error, Result};

/// Checks every column that `config` names against the input's columns, `header`, of which some may
/// be left out or renamed. A step may also name a column that an earlier step makes.
///
/// # Errors
/// [`ErrorKind::Usage`](crate::ErrorKind::Usage) naming the flag and the nearest column.
pub fn check_columns(config: &Config, header: &[String]) -> Result<()> {
    let chosen = choose_columns(config, header)?;
    let mut columns: Vec<&str> = chosen.iter().map(|column| &*column.name).collect();
    let mut known: HashSet<&str> = columns.iter().copied().collect();
    let find = |column: &str, known: &HashSet<&str>, columns: &[&str], option: String| {
        if known.contains(column) {
            return Ok(());
        }
        let is_input = header.iter().any(|name| name == column);
        let why = is_input.then(|| left_out(config, column)).flatten();
        let unknown = || crate::base::unknown("column", column, columns.iter().copied());
        let message = why.unwrap_or_else(unknown);
        Err(Error::usage(option, message))
    };
    for (column, _) in &config.dtypes {
        find(column, &known, &columns, format!("--dtype {column}=…"))?;
    }
    for (column, _) in &config.null_values.columns {
        find(
            column,
            &known,
            &columns,
            format!("--null-values {column}=…"),
        )?;
    }
    if let Some(name) = &config.source_column {
        if !known.insert(name) {
            let message = format!("the input has a column `{name}` already; choose another name");
            return Err(Error::usage(format!("--source-column {name}"), message));
        }
        columns.push(name);
    }
    for column in &config.key {
        find(column, &known, &columns, format!("--key {column}"))?;
    }
    if let Some(column) = &config.time {
        find(column, &known, &columns, format!("--time {column}"))?;
    }
    for step in &config.steps {
        find(step.column(), &known, &columns, step.to_string())?;
        let StepSpec::Rolling { name, .. } = step else {
            continue;
        };
        if !known.insert(name) {
            return Err(Error::usage(
                step.to_string(),
                format!(
                    "the input has a column `{name}` already; add another name: COL:FN:WINDOW:NAME"
                ),
            ));
        }
        columns.push(name);
    }
    Ok(())
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
