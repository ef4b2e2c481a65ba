//! The names of the methods: what is typed after `--impute COL=` in, a [`Method`] out. A name
//! that does not exist is answered with the nearest one that does.

use std::fmt;
use std::str::FromStr;

use super::names;

/// What a statistic summarises a column by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Statistic {
    /// The arithmetic mean.
    Mean,
    /// The middle value, or the mean of the two middle values.
    Median,
    /// The most frequent value; the smallest of them on a tie.
    Mode,
}

impl Statistic {
    /// The name, as typed.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mean => "mean",
            Self::Median => "median",
            Self::Mode => "mode",
        }
    }
}

/// How nulls are filled, as typed: `mean`, `median`, `mode` (each also `:key`, per key),
/// `const:VALUE`, `ffill`, `bfill`, `linear` or `drop`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Method {
    /// A statistic of the column.
    Statistic {
        /// Which.
        statistic: Statistic,
        /// Whether of the row's own key rather than of the whole column.
        by_key: bool,
    },
    /// A given value, still as text.
    Const(String),
    /// The value before, in file order within the key.
    ForwardFill,
    /// The value after, in file order within the key.
    BackwardFill,
    /// Equal steps, row by row, from the value before to the value after, within the key.
    Linear,
    /// No filling: the row is removed.
    Drop,
}

/// Every method, as a message lists them.
const NAMES: [&str; 8] = [
    "mean",
    "median",
    "mode",
    "const:VALUE",
    "ffill",
    "bfill",
    "linear",
    "drop",
];

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Statistic { statistic, by_key } => {
                write!(
                    f,
                    "{}{}",
                    statistic.name(),
                    if *by_key { ":key" } else { "" }
                )
            }
            Self::Const(text) => write!(f, "const:{text}"),
            Self::ForwardFill => f.write_str("ffill"),
            Self::BackwardFill => f.write_str("bfill"),
            Self::Linear => f.write_str("linear"),
            Self::Drop => f.write_str("drop"),
        }
    }
}

impl FromStr for Method {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, argument) = match text.split_once(':') {
            Some((name, argument)) => (name, Some(argument)),
            None => (text, None),
        };
        let statistic = |statistic| match argument {
            None => Ok(Self::Statistic {
                statistic,
                by_key: false,
            }),
            Some("key") => Ok(Self::Statistic {
                statistic,
                by_key: true,
            }),
            Some(other) => Err(format!(
                "`{name}:{other}` is no method; write `{name}` for the whole column or \
                 `{name}:key` for the row's own key"
            )),
        };
        let plain = |method| match argument {
            None => Ok(method),
            Some(_) => Err(format!("`{name}` takes nothing after it; write `{name}`")),
        };
        match name {
            "mean" => statistic(Statistic::Mean),
            "median" => statistic(Statistic::Median),
            "mode" => statistic(Statistic::Mode),
            "const" => match argument {
                Some(value) => Ok(Self::Const(value.to_owned())),
                None => Err("`const` needs a value; write `const:VALUE`".to_owned()),
            },
            "ffill" => plain(Self::ForwardFill),
            "bfill" => plain(Self::BackwardFill),
            "linear" => plain(Self::Linear),
            "drop" => plain(Self::Drop),
            _ => Err(names::unknown("method", name, NAMES.into_iter())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back_as_typed() {
        for text in [
            "mean",
            "mean:key",
            "median",
            "median:key",
            "mode",
            "mode:key",
            "const:",
            "const:a:b",
            "ffill",
            "bfill",
            "linear",
            "drop",
        ] {
            assert_eq!(text.parse::<Method>().unwrap().to_string(), text);
        }
        let constant: Method = "const:key".parse().unwrap();
        assert_eq!(constant, Method::Const("key".to_owned()));
    }

    #[test]
    fn wrong_names_are_answered_with_the_nearest() {
        let message = |text: &str| text.parse::<Method>().unwrap_err();
        assert!(message("meen").contains("`mean`"));
        assert!(message("FFILL").contains("`ffill`"));
        assert!(message("medain").contains("`median`"));
        assert!(message("cosnt:3").contains("`const:VALUE`"));
        assert!(message("interpolate").contains("linear, drop"));
        assert!(message("const").contains("const:VALUE"));
        assert!(message("mean:all").contains("`mean:key`"));
        assert!(message("drop:key").contains("`drop`"));
    }
}
