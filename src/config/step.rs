//! `--impute` and `--rolling` text -> steps; what is done row by row is read in `row`.
//! Keeps: a column's name may hold `=` and `:`; a rolling output's name is what the user gave it,
//! or is made of what the user wrote.

use std::fmt;
use std::sync::Arc;

use super::dedup::DedupSpec;
use super::fitted::FittedStep;
use super::join::JoinSpec;
use super::names;
use super::row::RowStep;
use super::series::SeriesStep;
use super::sort::SortSpec;
use crate::base::{Function, Method, Window};

/// One step, in the user's order.
#[derive(Debug, Clone, PartialEq)]
pub enum StepSpec {
    /// Fill (or drop) the nulls of a column.
    Impute {
        /// The column.
        column: String,
        /// How.
        method: Method,
    },
    /// Make a new column from a window over another one.
    Rolling {
        /// The column the window runs over.
        column: String,
        /// What is computed.
        function: Function,
        /// Over which rows.
        window: Window,
        /// The new column's name.
        name: String,
    },
    /// Put all rows in another order.
    Sort {
        /// Which.
        spec: SortSpec,
        /// Where it was asked for: a flag, or a key and its line.
        place: String,
    },
    /// Remove rows that are the same in some columns.
    Dedup {
        /// Which, and what stays.
        dedup: DedupSpec,
        /// Where it was asked for: a flag, or a key and its line.
        place: String,
    },
    /// Look rows up in a small table.
    Join {
        /// Which table, and how.
        join: Box<JoinSpec>,
        /// Where it was asked for: a flag, or a key and its line.
        place: String,
    },
    /// Make a new column along the rows of each key.
    Series {
        /// What.
        step: SeriesStep,
        /// Where it was asked for: a key and its line, or a call.
        place: String,
    },
    /// Something done row by row.
    Row {
        /// What.
        step: RowStep,
        /// Where it was asked for: a flag, or a key and its line.
        place: String,
    },
    /// Something done row by row once the whole column is known.
    Fitted {
        /// What.
        step: FittedStep,
        /// Where it was asked for, likewise.
        place: String,
    },
}

impl StepSpec {
    /// Whether it is a window over one of the columns `known`: neighbouring windows over those share
    /// rings.
    pub fn rolls_over(&self, known: &[Arc<str>]) -> bool {
        match self {
            Self::Rolling { column, .. } => known.iter().any(|name| **name == **column),
            _ => false,
        }
    }

    /// A step over single rows that a flag, or a call that stands for it, asks for.
    pub(super) fn row(step: RowStep) -> Self {
        let place = match &step {
            RowStep::Filter(_) => "--filter".to_owned(),
            RowStep::Derive { name, .. } => format!("--derive {name}"),
            other => other.to_string(),
        };
        Self::Row { step, place }
    }

    /// A sort by columns as `--sort` takes them.
    pub(super) fn sort(columns: &[String]) -> Result<Self, String> {
        let spec = SortSpec::parse(columns)?;
        let place = format!("--sort {}", columns.join(","));
        Ok(Self::Sort { spec, place })
    }

    /// A join asked for at `place`.
    pub(super) fn join(join: JoinSpec, place: String) -> Self {
        let join = Box::new(join);
        Self::Join { join, place }
    }

    /// A step along the rows of each key that a call asks for.
    pub(super) fn series(step: SeriesStep) -> Self {
        let place = step.to_string();
        Self::Series { step, place }
    }

    /// An impute step, its method still as text.
    pub(super) fn impute(column: &str, method: &str) -> Result<Self, String> {
        Ok(Self::Impute {
            column: column.to_owned(),
            method: method.parse()?,
        })
    }

    /// A rolling step, its parts still as text; the name defaults to `COL_FN_WINDOW`.
    pub(super) fn rolling(
        column: &str,
        function: &str,
        window: &str,
        name: Option<&str>,
    ) -> Result<Self, String> {
        if name == Some("") {
            return Err("the new column needs a name".to_owned());
        }
        Ok(Self::Rolling {
            column: column.to_owned(),
            function: function.parse()?,
            window: window.parse()?,
            name: name.map_or_else(|| format!("{column}_{function}_{window}"), str::to_owned),
        })
    }
}

/// `COL=METHOD`.
pub(super) fn parse_impute(text: &str) -> Result<StepSpec, String> {
    let form = "COL=METHOD, such as amount=mean";
    let (column, method) = names::split_column(text, form, str::parse)?;
    Ok(StepSpec::Impute { column, method })
}

/// `COL:FN:WINDOW[:NAME]`. The last function with a window behind it counts, so that a column's
/// name may look like anything.
pub(super) fn parse_rolling(text: &str) -> Result<StepSpec, String> {
    const FORM: &str = "write COL:FN:WINDOW or COL:FN:WINDOW:NAME, such as amount:mean:7";
    let fields: Vec<&str> = text.split(':').collect();
    if fields.len() < 3 {
        return Err(FORM.to_owned());
    }
    let is_function = |at: &usize| fields[*at].parse::<Function>().is_ok();
    let mut functions = (1..fields.len() - 1).rev().filter(is_function);
    let function = functions
        .clone()
        .find(|at| fields[at + 1].parse::<Window>().is_ok())
        .or_else(|| functions.next())
        .unwrap_or(1);
    let column = fields[..function].join(":");
    if column.is_empty() {
        return Err(FORM.to_owned());
    }
    let name = fields.get(function + 2..).map(|name| name.join(":"));
    let name = name.filter(|_| fields.len() > function + 2);
    StepSpec::rolling(
        &column,
        fields[function],
        fields[function + 1],
        name.as_deref(),
    )
}

impl fmt::Display for StepSpec {
    /// The flag that asks for this step, or what a step without a flag does.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Impute { column, method } => write!(f, "--impute {column}={method}"),
            Self::Rolling {
                column,
                function,
                window,
                name,
            } => {
                write!(f, "--rolling {column}:{function}:{window}")?;
                if *name == format!("{column}_{function}_{window}") {
                    return Ok(());
                }
                write!(f, ":{name}")
            }
            Self::Sort { spec, .. } => spec.fmt(f),
            Self::Dedup { dedup, .. } => write!(f, "--{dedup}"),
            Self::Join { join, .. } if join.is_plain() => write!(f, "--{join}"),
            Self::Join { join, .. } => join.fmt(f),
            Self::Series { step, .. } => step.fmt(f),
            Self::Row { step, .. } => match step {
                RowStep::Filter(_) | RowStep::Derive { .. } => write!(f, "--{step}"),
                step => step.fmt(f),
            },
            Self::Fitted { step, .. } => step.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rolling(column: &str, function: &str, window: &str, name: &str) -> StepSpec {
        StepSpec::rolling(column, function, window, Some(name)).unwrap()
    }

    #[test]
    fn imputes_whose_column_or_constant_holds_the_separators() {
        for (text, column, method) in [
            ("amount=mean", "amount", "mean"),
            ("region=const:a=b", "region", "const:a=b"),
            ("a=b=median:key", "a=b", "median:key"),
            ("a:b=ffill", "a:b", "ffill"),
            ("x=const:y=mean", "x", "const:y=mean"),
            ("==mean", "=", "mean"),
        ] {
            let expected = StepSpec::impute(column, method).unwrap();
            assert_eq!(parse_impute(text), Ok(expected), "{text}");
        }
        for (text, expected) in [
            ("amount", "COL=METHOD"),
            ("=mean", "COL=METHOD"),
            ("amount=meen", "`mean`"),
            ("a=b=meen", "`mean`"),
        ] {
            let message = parse_impute(text).unwrap_err();
            assert!(message.contains(expected), "{text}: {message}");
        }
    }

    #[test]
    fn rollings_whose_column_or_name_holds_the_separator() {
        for (text, column, function, window, name) in [
            ("amount:mean:7", "amount", "mean", "7", "amount_mean_7"),
            ("amount:sum:1d", "amount", "sum", "1d", "amount_sum_1d"),
            ("amount:q95:30", "amount", "q95", "30", "amount_q95_30"),
            ("amount:q05:1w", "amount", "q05", "1w", "amount_q05_1w"),
            ("amount:mean:7:weekly", "amount", "mean", "7", "weekly"),
            ("a:b:mean:7", "a:b", "mean", "7", "a:b_mean_7"),
            ("a:mean:b:sum:7", "a:mean:b", "sum", "7", "a:mean:b_sum_7"),
            ("a:mean:7:b:c", "a", "mean", "7", "b:c"),
        ] {
            let expected = rolling(column, function, window, name);
            assert_eq!(parse_rolling(text), Ok(expected), "{text}");
        }
        for (text, expected) in [
            ("amount", "COL:FN:WINDOW"),
            ("amount:mean", "COL:FN:WINDOW"),
            (":mean:7", "COL:FN:WINDOW"),
            ("amount:men:7", "`mean`"),
            ("amount:mean:0", "choose 1 to 1000000"),
            ("a:b:mean:1x", "no window"),
            ("amount:mean:7:", "needs a name"),
        ] {
            let message = parse_rolling(text).unwrap_err();
            assert!(message.contains(expected), "{text}: {message}");
        }
    }

    #[test]
    fn steps_print_as_the_flag_they_came_from() {
        for text in ["a=mean:key", "a=const:x=y", "a=drop"] {
            let step = parse_impute(text).unwrap();
            assert_eq!(step.to_string(), format!("--impute {text}"));
        }
        for text in ["a:mean:7", "a:q99.9:1d12h", "a:sum:7:total"] {
            let step = parse_rolling(text).unwrap();
            assert_eq!(step.to_string(), format!("--rolling {text}"));
        }
    }

    proptest! {
        #[test]
        fn any_column_name_survives(column in "[a-z=:é ]{1,12}") {
                let step = parse_impute(&format!("{column}=linear")).unwrap();
            let StepSpec::Impute { column: found, .. } = step else { unreachable!() };
            prop_assert_eq!(&found, &column);
            let step = parse_rolling(&format!("{column}:median:9")).unwrap();
            let StepSpec::Rolling { column: found, .. } = step else { unreachable!() };
            prop_assert_eq!(&found, &column);
        }
    }
}
