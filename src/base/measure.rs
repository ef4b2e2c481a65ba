//! The words of aggregates: what a [`Measure`] computes over the rows of a group, and the text of
//! its argument, from text and back.
//! Keeps: the argument of a measure is any text, read later as an expression; a share is 0 to 1.

use std::fmt;
use std::str::FromStr;

use super::names;

/// What is computed over the rows of a group. Nulls and NaN are skipped, but by [`Measure::Rows`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Measure {
    /// Number of rows.
    Rows,
    /// Number of values.
    Count,
    /// Sum.
    Sum,
    /// Arithmetic mean.
    Mean,
    /// Smallest value.
    Min,
    /// Largest value.
    Max,
    /// Sample standard deviation (ddof 1).
    Std,
    /// Sample variance (ddof 1).
    Var,
    /// The quantile at this share, 0 to 1, between neighbours linearly.
    Quantile(f64),
    /// Number of distinct values.
    Distinct,
    /// Value of the first row that has one.
    First,
    /// Value of the last row that has one.
    Last,
    /// The most frequent value; the smallest of several.
    Mode,
    /// Number of distinct values, estimated.
    ApproxDistinct,
    /// The quantile at this share, of values that are rounded to some digits.
    ApproxQuantile(f64),
}

/// A measure and what it is taken of.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    /// What is computed.
    pub measure: Measure,
    /// Of which column or expression; only [`Measure::Rows`] has none.
    pub argument: Option<String>,
}

/// The functions, each under all of its names, and how it is written.
const FUNCTIONS: [(&[&str], &str); 15] = [
    (&["count"], "count() or count(COLUMN)"),
    (&["sum"], "sum(COLUMN)"),
    (&["mean", "avg"], "mean(COLUMN)"),
    (&["min"], "min(COLUMN)"),
    (&["max"], "max(COLUMN)"),
    (&["std", "stddev"], "std(COLUMN)"),
    (&["var", "variance"], "var(COLUMN)"),
    (&["median"], "median(COLUMN)"),
    (&["quantile"], "quantile(COLUMN, 0.95)"),
    (&["nunique", "count_distinct"], "nunique(COLUMN)"),
    (&["first"], "first(COLUMN)"),
    (&["last"], "last(COLUMN)"),
    (&["mode"], "mode(COLUMN)"),
    (&["approx_nunique"], "approx_nunique(COLUMN)"),
    (&["approx_quantile"], "approx_quantile(COLUMN, 0.95)"),
];

impl FromStr for Measured {
    type Err = String;

    /// `function(COLUMN)`, where an expression may stand for the column.
    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let form = || {
            format!(
                "`{text}` is no measure; write FUNCTION(COLUMN), such as sum(amount), or count()"
            )
        };
        let open = text.find('(').ok_or_else(form)?;
        let (name, rest) = text.split_at(open);
        let name = name.trim().to_lowercase();
        let known = { FUNCTIONS.iter() }.find(|(names, _)| names.contains(&name.as_str()));
        let Some((names, spelling)) = known else {
            let known = FUNCTIONS
                .iter()
                .flat_map(|(names, _)| names.iter().copied());
            return Err(names::unknown("function", &name, known));
        };
        let arguments = arguments(rest).map_err(|behind| match behind {
            None => format!("`{text}` lacks a closing bracket; write {spelling}"),
            Some(behind) if has_prefix(behind, "filter") => format!(
                "`{text}` has a filter, which no measure takes; let its rows alone have a value: \
                 {name}(CASE WHEN … THEN … END)"
            ),
            Some(_) => format!(
                "`{text}` is more than one function; write {spelling} here, and what is done with \
                 several columns inside its brackets"
            ),
        })?;
        let spelled = || format!("`{text}` is not how it is written: {spelling}");
        let (argument, share) = match &arguments[..] {
            [] => (None, None),
            [one] => (Some((*one).to_owned()), None),
            [one, share] => (Some((*one).to_owned()), Some(*share)),
            _ => return Err(spelled()),
        };
        let takes_share = names[0].ends_with("quantile");
        if takes_share != share.is_some() {
            return Err(spelled());
        }
        let share = share.map(parse_share).transpose()?.unwrap_or_default();
        let (measure, argument) = match (names[0], argument) {
            ("count", None) => (Measure::Rows, None),
            ("count", Some(argument)) if argument == "*" => (Measure::Rows, None),
            ("count", Some(argument)) if has_prefix(&argument, DISTINCT) => {
                let of = argument[DISTINCT.len()..].trim();
                (Measure::Distinct, Some(of.to_owned()))
            }
            (_, None) => return Err(spelled()),
            (name, argument) => (with_argument(name, share), argument),
        };
        Ok(Self { measure, argument })
    }
}

/// What makes `count` that of different values, as in SQL.
const DISTINCT: &str = "distinct";

/// Whether `text` begins with the word `word`, in whatever case.
fn has_prefix(text: &str, word: &str) -> bool {
    let (begins, behind) = match (text.get(..word.len()), text.get(word.len()..)) {
        (Some(first), Some(behind)) => (first.eq_ignore_ascii_case(word), behind),
        _ => return false,
    };
    begins && behind.starts_with([' ', '('])
}

fn with_argument(name: &str, share: f64) -> Measure {
    match name {
        "count" => Measure::Count,
        "sum" => Measure::Sum,
        "mean" => Measure::Mean,
        "min" => Measure::Min,
        "max" => Measure::Max,
        "std" => Measure::Std,
        "var" => Measure::Var,
        "median" => Measure::Quantile(0.5),
        "quantile" => Measure::Quantile(share),
        "nunique" => Measure::Distinct,
        "first" => Measure::First,
        "last" => Measure::Last,
        "mode" => Measure::Mode,
        "approx_nunique" => Measure::ApproxDistinct,
        _ => Measure::ApproxQuantile(share),
    }
}

fn parse_share(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(share) if (0.0..=1.0).contains(&share) => Ok(share),
        _ => Err(format!(
            "`{text}` is no share; write a number from 0 to 1, such as 0.95"
        )),
    }
}

/// What stands between the brackets that `text` begins with, split at its commas. Brackets, and commas
/// in them or in quotes, belong to what is around them.
///
/// # Errors
/// What stands behind them, if they do not close at the end; nothing if they do not close at all.
fn arguments(text: &str) -> Result<Vec<&str>, Option<&str>> {
    let (mut depth, mut quote) = (0_usize, None);
    let (mut arguments, mut start) = (Vec::new(), 1);
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (Some(open), _) => {
                if open == c {
                    quote = None;
                }
            }
            (None, '\'' | '"') => quote = Some(c),
            (None, '(' | '[') => depth += 1,
            (None, ')' | ']') => {
                depth -= 1;
                if depth == 0 {
                    let behind = text[at + 1..].trim();
                    if !behind.is_empty() {
                        return Err(Some(behind));
                    }
                    arguments.push(text[start..at].trim());
                }
            }
            (None, ',') if depth == 1 => {
                arguments.push(text[start..at].trim());
                start = at + 1;
            }
            (None, _) => {}
        }
    }
    if depth > 0 {
        return Err(None);
    }
    if arguments == [""] {
        arguments.clear();
    }
    Ok(arguments)
}

impl fmt::Display for Measured {
    /// The spelling that parses to the same.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let argument = self.argument.as_deref().unwrap_or_default();
        let name = match self.measure {
            Measure::Rows | Measure::Count => "count",
            Measure::Sum => "sum",
            Measure::Mean => "mean",
            Measure::Min => "min",
            Measure::Max => "max",
            Measure::Std => "std",
            Measure::Var => "var",
            Measure::Quantile(0.5) => "median",
            Measure::Quantile(share) => return write!(f, "quantile({argument}, {share})"),
            Measure::Distinct => "nunique",
            Measure::First => "first",
            Measure::Last => "last",
            Measure::Mode => "mode",
            Measure::ApproxDistinct => "approx_nunique",
            Measure::ApproxQuantile(share) => {
                return write!(f, "approx_quantile({argument}, {share})");
            }
        };
        write!(f, "{name}({argument})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measures_print_as_what_parses_to_them() {
        for (text, measure, argument) in [
            ("count()", Measure::Rows, None),
            ("count(x)", Measure::Count, Some("x")),
            (
                "sum(quantity * amount)",
                Measure::Sum,
                Some("quantity * amount"),
            ),
            ("mean(round(a, 2))", Measure::Mean, Some("round(a, 2)")),
            ("median(x)", Measure::Quantile(0.5), Some("x")),
            ("quantile(x, 0.95)", Measure::Quantile(0.95), Some("x")),
            (
                "approx_quantile(f(a, b), 0.1)",
                Measure::ApproxQuantile(0.1),
                Some("f(a, b)"),
            ),
            ("nunique(\"a), (b\")", Measure::Distinct, Some("\"a), (b\"")),
            (
                "first(replace(a, ')', ','))",
                Measure::First,
                Some("replace(a, ')', ',')"),
            ),
        ] {
            let expected = Measured {
                measure,
                argument: argument.map(str::to_owned),
            };
            assert_eq!(text.parse(), Ok(expected.clone()), "{text}");
            assert_eq!(expected.to_string(), text);
        }
        let parsed = |text: &str| text.parse::<Measured>().unwrap().to_string();
        assert_eq!(parsed(" AVG( x ) "), "mean(x)");
        assert_eq!(parsed("count(*)"), "count()");
        assert_eq!(parsed("count(DISTINCT x)"), "nunique(x)");
        assert_eq!(parsed("Count(distinct(a + b))"), "nunique((a + b))");
        assert_eq!(parsed("count(distinct_x)"), "count(distinct_x)");
        assert_eq!(parsed("quantile(x, 0.5)"), "median(x)");
    }

    #[test]
    fn what_is_no_measure_says_what_to_write() {
        for (text, expected) in [
            ("sum", "write FUNCTION(COLUMN)"),
            ("summ(x)", "unknown function `summ`; did you mean `sum`?"),
            ("total(x)", "choose from: count, sum"),
            ("sum()", "sum(COLUMN)"),
            ("sum(a, b)", "sum(COLUMN)"),
            ("quantile(x)", "quantile(COLUMN, 0.95)"),
            ("quantile(x, 95)", "`95` is no share"),
            ("sum(a) / count()", "more than one function"),
            ("sum(a", "lacks a closing bracket; write sum(COLUMN)"),
            ("sum(a))", "more than one function"),
            ("sum(a) FILTER (WHERE b)", "sum(CASE WHEN … THEN … END)"),
        ] {
            let message = text.parse::<Measured>().unwrap_err();
            assert!(message.contains(expected), "{text}: {message}");
        }
    }
}
