//! How numbers are scaled, and which of them lie too far out: what is typed in, the choice out. A
//! name that does not exist is answered with the nearest one that does.

use std::fmt;
use std::str::FromStr;

use clap::ValueEnum;

use super::names;

/// What the numbers of a column are scaled by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scaling {
    /// Less the mean, by the standard deviation.
    Standard,
    /// From 0, the smallest, to 1, the largest.
    MinMax,
    /// Less the median, by the distance between the quartiles.
    Robust,
}

impl Scaling {
    const ALL: [Self; 3] = [Self::Standard, Self::MinMax, Self::Robust];
}

impl fmt::Display for Scaling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Standard => "standard",
            Self::MinMax => "min-max",
            Self::Robust => "robust",
        })
    }
}

impl FromStr for Scaling {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = Self::ALL.map(|scaling| scaling.to_string());
        let found = known.iter().position(|name| name == text);
        found
            .map(|at| Self::ALL[at])
            .ok_or_else(|| names::unknown("scaling", text, known.iter().map(String::as_str)))
    }
}

/// Which numbers of a column lie too far out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Outliers {
    /// Those farther from the quartiles than so many times the distance between them.
    Iqr(f64),
    /// Those farther from the mean than so many standard deviations.
    ZScore(f64),
    /// Those below the one quantile or above the other.
    Quantiles(f64, f64),
}

impl Outliers {
    /// Tukey's fences.
    const IQR: f64 = 1.5;
    /// What is usual.
    const Z_SCORE: f64 = 3.0;
    const NAMES: [&str; 3] = ["iqr", "zscore", "quantile"];
}

impl fmt::Display for Outliers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Iqr(times) => write!(f, "iqr:{times}"),
            Self::ZScore(times) => write!(f, "zscore:{times}"),
            Self::Quantiles(low, high) => write!(f, "quantile:{low},{high}"),
        }
    }
}

impl FromStr for Outliers {
    type Err = String;

    /// `iqr`, `iqr:TIMES`, `zscore`, `zscore:TIMES` or `quantile:LOW,HIGH`.
    fn from_str(text: &str) -> Result<Self, String> {
        let (name, argument) = match text.split_once(':') {
            Some((name, argument)) => (name, Some(argument)),
            None => (text, None),
        };
        let times = |default: f64| match argument.map(str::parse::<f64>) {
            None => Ok(default),
            Some(Ok(times)) if times.is_finite() && times > 0.0 => Ok(times),
            Some(_) => Err(format!("`{text}` needs a number over 0, such as {name}:3")),
        };
        match name {
            "iqr" => times(Self::IQR).map(Self::Iqr),
            "zscore" => times(Self::Z_SCORE).map(Self::ZScore),
            "quantile" => {
                let shares = argument.and_then(|shares| shares.split_once(','));
                let share = |text: &str| text.trim().parse::<f64>().ok();
                let shares = shares.and_then(|(low, high)| Some((share(low)?, share(high)?)));
                match shares {
                    Some((low, high)) if 0.0 <= low && low < high && high <= 1.0 => {
                        Ok(Self::Quantiles(low, high))
                    }
                    _ => Err(format!(
                        "`{text}` needs two shares from 0 to 1, the lower one first, such as \
                         quantile:0.01,0.99"
                    )),
                }
            }
            _ => Err(names::unknown("rule", name, Self::NAMES.into_iter())),
        }
    }
}

/// What becomes of a number that lies too far out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Beyond {
    /// The limit that it lies beyond.
    #[default]
    Limit,
    /// Null.
    Null,
}

/// What the flags of a null cell are, of those that tell categories.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum NullCategory {
    /// All false.
    #[default]
    False,
    /// All null.
    Null,
    /// All false, but for one in a column of its own, the last.
    Column,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back_as_typed() {
        for text in ["standard", "min-max", "robust"] {
            assert_eq!(text.parse::<Scaling>().unwrap().to_string(), text);
        }
        for (text, printed) in [
            ("iqr", "iqr:1.5"),
            ("iqr:3", "iqr:3"),
            ("zscore", "zscore:3"),
            ("zscore:2.5", "zscore:2.5"),
            ("quantile:0.01, 0.99", "quantile:0.01,0.99"),
            ("quantile:0,1", "quantile:0,1"),
        ] {
            assert_eq!(text.parse::<Outliers>().unwrap().to_string(), printed);
        }
    }

    #[test]
    fn what_is_no_choice_is_answered() {
        assert!(
            "minmax"
                .parse::<Scaling>()
                .unwrap_err()
                .contains("`min-max`")
        );
        for (text, expected) in [
            ("zscor", "`zscore`"),
            ("iqr:0", "over 0"),
            ("iqr:nan", "over 0"),
            ("zscore:x", "zscore:3"),
            ("quantile", "two shares"),
            ("quantile:0.9,0.1", "the lower one first"),
            ("quantile:0,1.5", "from 0 to 1"),
        ] {
            let message = text.parse::<Outliers>().unwrap_err();
            assert!(message.contains(expected), "{text}: {message}");
        }
    }
}
