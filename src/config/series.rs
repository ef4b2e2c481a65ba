//! Steps along the rows of each key: what the file or the builder says -> [`SeriesStep`].
//! Keeps: numbers are in the range that their step can work with; a column's name is what the user
//! gave it, or is made of what the user wrote.

use std::fmt;

use crate::base::{Decay, Ewm, Rank, Series, Ties, Weighted, Window};

/// One column made along the rows of each key.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesStep {
    /// The column it is made of; counts of rows and sessions are made of none.
    pub column: Option<String>,
    /// What is made of it.
    pub series: Series,
    /// The new column's name.
    pub name: String,
}

impl SeriesStep {
    /// What `series` makes of `column`; `suffix` ends the default name: how the decay of weights, or
    /// an expanding function, is written.
    pub(super) fn new(
        column: Option<&str>,
        series: Series,
        suffix: Option<&str>,
        name: Option<&str>,
    ) -> Result<Self, String> {
        check(&series)?;
        if column.is_some() != series.takes_column() {
            let what = series.name();
            return Err(match column {
                Some(_) => format!("{what} is made of no column"),
                None => format!("{what} needs a column"),
            });
        }
        let default = || {
            let mut parts: Vec<String> = column.map(str::to_owned).into_iter().collect();
            match series {
                Series::Session(_) => parts.push("session".to_owned()),
                _ => parts.push(series.name().to_owned()),
            }
            match series {
                Series::Lag(rows)
                | Series::Lead(rows)
                | Series::Diff(rows)
                | Series::PercentChange(rows) => parts.push(rows.to_string()),
                Series::Ewm(Ewm { function, .. }) => parts.push(function.to_string()),
                Series::Expanding(expanding) if suffix.is_none() => {
                    parts.push(expanding.function.to_string());
                }
                _ => {}
            }
            parts.extend(suffix.map(str::to_owned));
            parts.join("_")
        };
        let name = name.map_or_else(default, str::to_owned);
        if name.is_empty() {
            return Err("the new column needs a name".to_owned());
        }
        Ok(Self {
            column: column.map(str::to_owned),
            series,
            name,
        })
    }

    /// The ranks of `column`, from 1 up, the smallest cell first.
    pub(super) fn rank(column: &str, method: &str) -> Result<Self, String> {
        let rank = Rank {
            ties: method.parse::<Ties>()?,
            descending: false,
            share: false,
        };
        Self::new(Some(column), Series::Rank(rank), None, None)
    }
}

/// Refuses numbers that a step cannot work with.
fn check(series: &Series) -> Result<(), String> {
    match *series {
        Series::Lag(rows)
        | Series::Lead(rows)
        | Series::Diff(rows)
        | Series::PercentChange(rows)
            if !(1..=Window::ROWS_MAX).contains(&rows) =>
        {
            Err(format!("{rows} periods; choose 1 to {}", Window::ROWS_MAX))
        }
        Series::Ewm(Ewm {
            function, decay, ..
        }) => match decay {
            Decay::Row(share) if !(share > 0.0 && share <= 1.0) => Err(format!(
                "weights cannot fall by {share} a row; choose a share above 0, at most 1"
            )),
            Decay::Time(half_life) if half_life < 1 => {
                Err("the half-life must be 1ns or more".to_owned())
            }
            Decay::Time(_) if function != Weighted::Mean => Err(format!(
                "a half-life of time has a mean, but no {function}; give the half-life in rows"
            )),
            _ => Ok(()),
        },
        Series::Session(gap) if gap < 1 => Err("the gap must be 1ns or more".to_owned()),
        _ => Ok(()),
    }
}

/// A number of rows. Those of the other direction have a step of their own.
pub(super) fn parse_periods(text: &str) -> Result<u32, String> {
    if text.starts_with('-') {
        return Err(format!(
            "{text} periods; rows behind are what `lead` looks at, rows before are counted from 1"
        ));
    }
    let form = || {
        format!(
            "`{text}` is no number of rows; choose 1 to {}",
            Window::ROWS_MAX
        )
    };
    text.replace('_', "").parse().map_err(|_| form())
}

/// How fast weights fall, said as the option `how` says it.
pub(super) fn parse_decay(how: &str, text: &str) -> Result<Decay, String> {
    let number = text.replace('_', "").parse::<f64>();
    if how == "half_life"
        && number.is_err()
        && let Ok(Window::Time(nanoseconds)) = text.parse()
    {
        return Ok(Decay::Time(nanoseconds));
    }
    let (in_range, form): (fn(f64) -> bool, _) = match how {
        "span" => (|span| span >= 1.0, "rows, 1 or more"),
        "com" => (|com| com >= 0.0, "rows, 0 or more"),
        "alpha" => (
            |alpha| alpha > 0.0 && alpha <= 1.0,
            "a share above 0, at most 1",
        ),
        _ => (
            |rows| rows > 0.0,
            "rows above 0 (3), or a time (1d, 6h, 30m)",
        ),
    };
    let number = number
        .ok()
        .filter(|&number| number.is_finite() && in_range(number));
    let number = number.ok_or_else(|| format!("`{text}` is no {how}; write {form}"))?;
    Ok(Decay::Row(match how {
        "span" => 2.0 / (number + 1.0),
        "com" => 1.0 / (1.0 + number),
        "alpha" => number,
        _ => -(-std::f64::consts::LN_2 / number).exp_m1(),
    }))
}

/// The length of a pause, in nanoseconds.
pub(super) fn parse_gap(text: &str) -> Result<i64, String> {
    match text.parse() {
        Ok(Window::Time(nanoseconds)) => Ok(nanoseconds),
        _ => Err(format!(
            "`{text}` is no length of time; write it in w, d, h, m (minutes), s, ms, us or ns \
             (30m, 1h30m)"
        )),
    }
}

impl fmt::Display for SeriesStep {
    /// What it does, in a few words.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.series.name(), self.name)?;
        match &self.column {
            Some(column) => write!(f, "={column}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Expanding, Function, Running};

    #[test]
    fn names_are_made_of_what_was_written() {
        let name = |column, series, suffix| {
            let step = SeriesStep::new(column, series, suffix, None);
            step.expect("it is valid").name
        };
        let amount = Some("amount");
        assert_eq!(name(amount, Series::Lag(7), None), "amount_lag_7");
        let change = Series::PercentChange(1);
        assert_eq!(name(amount, change, None), "amount_pct_change_1");
        let sum = Series::Running(Running::Sum);
        let sum = SeriesStep::new(amount, sum, None, None).unwrap();
        assert_eq!(sum.name, "amount_cumsum");
        assert_eq!(sum.to_string(), "cumsum amount_cumsum=amount");
        assert_eq!(name(None, Series::Count, None), "cumcount");
        assert_eq!(name(None, Series::Session(1), None), "session");
        let ewm = Series::Ewm(Ewm {
            function: Weighted::Mean,
            decay: Decay::Row(0.5),
            adjust: true,
            ignore_nulls: false,
            min_samples: 1,
        });
        assert_eq!(name(amount, ewm, Some("10")), "amount_ewm_mean_10");
        let expanding = Series::Expanding(Expanding {
            function: Function::Quantile(0.95),
            min_samples: 1,
        });
        assert_eq!(name(amount, expanding, None), "amount_expanding_q95");
        let rank = SeriesStep::rank("amount", "dense").unwrap();
        assert_eq!(rank.name, "amount_rank");
        assert!(SeriesStep::new(amount, Series::Lag(1), None, Some("")).is_err());
    }

    #[test]
    fn decays_are_what_pandas_makes_of_them() {
        for (how, text, alpha) in [
            ("span", "3", 0.5),
            ("span", "1", 1.0),
            ("com", "1", 0.5),
            ("alpha", "0.25", 0.25),
            ("half_life", "1", 0.5),
            ("half_life", "2", 1.0 - 0.5_f64.sqrt()),
        ] {
            let Ok(Decay::Row(found)) = parse_decay(how, text) else {
                panic!("{how} {text}")
            };
            assert!((found - alpha).abs() < 1e-15, "{how} {text}: {found}");
        }
        let day = Decay::Time(86_400_000_000_000);
        assert_eq!(parse_decay("half_life", "1d"), Ok(day));
        for (how, text) in [
            ("span", "0.5"),
            ("span", "1d"),
            ("com", "-1"),
            ("alpha", "0"),
            ("alpha", "1.5"),
            ("alpha", "nan"),
            ("half_life", "0"),
            ("half_life", "inf"),
            ("half_life", "1x"),
        ] {
            let message = parse_decay(how, text).unwrap_err();
            assert!(message.contains(how), "{message}");
        }
    }

    #[test]
    fn periods_and_gaps_out_of_range() {
        assert_eq!(parse_periods("1_000"), Ok(1000));
        assert!(parse_periods("-1").unwrap_err().contains("`lead`"));
        assert!(parse_periods("1.5").is_err());
        for rows in [0, Window::ROWS_MAX + 1] {
            let step = SeriesStep::new(Some("a"), Series::Lag(rows), None, None);
            assert!(step.unwrap_err().contains("choose 1 to 1000000"));
        }
        assert_eq!(parse_gap("30m"), Ok(1_800_000_000_000));
        assert!(parse_gap("30").unwrap_err().contains("length of time"));
    }
}
