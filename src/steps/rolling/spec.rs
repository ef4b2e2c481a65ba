//! What the user writes -> [`Function`] and [`Window`], and back.
//!
//! Invariant: what is displayed parses to the same value again.

use std::fmt;
use std::str::FromStr;

use crate::base::Error;

const OPTION: &str = "--rolling";

/// What is computed over each window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Function {
    /// Arithmetic mean.
    Mean,
    /// Sum; 0 over no values where `min_samples` is 0.
    Sum,
    /// Smallest value.
    Min,
    /// Largest value.
    Max,
    /// Sample standard deviation (n − 1); null below two values.
    Std,
    /// Sample variance (n − 1); null below two values.
    Var,
    /// Number of values, infinite ones included; `min_samples` counts rows here, null ones too.
    Count,
    /// Middle value, or the mean of the two middle ones.
    Median,
    /// Quantile of this level, 0 to 1, with linear interpolation.
    Quantile(f64),
    /// First value.
    First,
    /// Last value.
    Last,
}

impl FromStr for Function {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        const NAMED: [Function; 10] = [
            Function::Mean,
            Function::Sum,
            Function::Min,
            Function::Max,
            Function::Std,
            Function::Var,
            Function::Count,
            Function::Median,
            Function::First,
            Function::Last,
        ];
        if let Some(function) = NAMED.into_iter().find(|named| named.to_string() == text) {
            return Ok(function);
        }
        let percent = text.strip_prefix('q').filter(|percent| {
            let digits = percent.bytes().all(|b| b.is_ascii_digit() || b == b'.');
            digits && percent.len() <= 12
        });
        // Shifting the decimal point in the text rounds once; dividing by 100 would round twice.
        let level = percent.and_then(|percent| format!("{percent}e-2").parse::<f64>().ok());
        match level {
            Some(level) if level <= 1.0 => Ok(Self::Quantile(level)),
            _ => Err(Error::usage(
                OPTION,
                format!(
                    "no function is called `{text}`; there are mean, sum, min, max, std, var, \
                     count, median, first, last and quantiles in percent such as q05 or q99.9"
                ),
            )),
        }
    }
}

impl fmt::Display for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Mean => "mean",
            Self::Sum => "sum",
            Self::Min => "min",
            Self::Max => "max",
            Self::Std => "std",
            Self::Var => "var",
            Self::Count => "count",
            Self::Median => "median",
            Self::First => "first",
            Self::Last => "last",
            Self::Quantile(level) => {
                let percent = format!("{:.10}", level * 100.0);
                let percent = percent.trim_end_matches('0').trim_end_matches('.');
                return write!(f, "q{percent:0>2}");
            }
        })
    }
}

/// Which rows a row sees: itself and rows of its key before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    /// The last so many rows, null ones included; 1 to [`Window::ROWS_MAX`].
    Rows(u32),
    /// The rows whose time is in `(t − w, t]`, where `w` is this many nanoseconds, from 1.
    Time(i64),
}

/// The units of a time window, largest first, in nanoseconds.
const UNITS: [(&str, i64); 8] = [
    ("w", 7 * 86_400_000_000_000),
    ("d", 86_400_000_000_000),
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
];

impl Window {
    /// The longest row window.
    pub const ROWS_MAX: u32 = 1_000_000;
}

impl FromStr for Window {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
            let rows = text.parse().ok();
            let rows = rows.filter(|rows| (1..=Self::ROWS_MAX).contains(rows));
            return rows.map(Self::Rows).ok_or_else(|| {
                let message = format!(
                    "a window of {text} rows is out of range; it takes 1 to {}",
                    Self::ROWS_MAX
                );
                Error::usage(OPTION, message)
            });
        }
        let window = nanoseconds(text).filter(|&window| window > 0);
        window.map(Self::Time).ok_or_else(|| {
            let message = format!(
                "`{text}` is no window; write a number of rows such as 7, or a time such as 1d, \
                 6h, 30m, 90s, 1d12h, 500ms (w, d, h, m, s, ms, us, ns)"
            );
            Error::usage(OPTION, message)
        })
    }
}

/// A sum of whole numbers with units, such as `1d12h`.
fn nanoseconds(mut text: &str) -> Option<i64> {
    let mut total = 0_i64;
    while !text.is_empty() {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, rest) = text.split_at(digits);
        let letters = rest.bytes().take_while(u8::is_ascii_alphabetic).count();
        let (unit, rest) = rest.split_at(letters);
        let unit = if unit == "min" { "m" } else { unit };
        let (_, scale) = UNITS.into_iter().find(|(name, _)| *name == unit)?;
        let part = number.parse::<i64>().ok()?.checked_mul(scale)?;
        total = total.checked_add(part)?;
        text = rest;
    }
    Some(total)
}

impl fmt::Display for Window {
    /// `7`, or a time in the largest unit up to days that needs no second one: `90s`, `36h`, `7d`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Rows(rows) => write!(f, "{rows}"),
            Self::Time(window) => {
                let fits = |(_, scale): &&(&str, i64)| window % scale == 0;
                let (unit, scale) = UNITS[1..].iter().find(fits).expect("1 ns divides all");
                write!(f, "{}{unit}", window / scale)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn functions_parse_and_display() {
        for text in [
            "mean", "sum", "min", "max", "std", "var", "count", "median", "first", "last", "q05",
            "q95", "q99.9", "q100", "q00", "q07",
        ] {
            assert_eq!(text.parse::<Function>().unwrap().to_string(), text);
        }
        assert_eq!(
            "q99.9".parse::<Function>().unwrap(),
            Function::Quantile(0.999)
        );
        assert_eq!("q5".parse::<Function>().unwrap(), Function::Quantile(0.05));
        for text in ["", "Mean", "q", "q101", "q-5", "q1e1", "qx", "q.", "q1.2.3"] {
            assert!(text.parse::<Function>().is_err(), "{text}");
        }
    }

    #[test]
    fn windows_parse() {
        let second = 1_000_000_000;
        for (text, window) in [
            ("1", Window::Rows(1)),
            ("1000000", Window::Rows(1_000_000)),
            ("1d", Window::Time(86_400 * second)),
            ("1w", Window::Time(7 * 86_400 * second)),
            ("30m", Window::Time(1_800 * second)),
            ("30min", Window::Time(1_800 * second)),
            ("90s", Window::Time(90 * second)),
            ("1d12h", Window::Time(36 * 3_600 * second)),
            ("500ms", Window::Time(second / 2)),
            ("3ns", Window::Time(3)),
        ] {
            assert_eq!(text.parse::<Window>().unwrap(), window, "{text}");
        }
        for text in [
            "",
            "0",
            "1000001",
            "-1",
            "0d",
            "d",
            "1x",
            "1d2",
            "1.5h",
            "é",
            "1é",
            "99999999w",
            "99999999999999999999",
        ] {
            assert!(text.parse::<Window>().is_err(), "{text}");
        }
    }

    #[test]
    fn windows_display_in_one_unit() {
        for (text, shown) in [("7", "7"), ("90s", "90s"), ("1d12h", "36h"), ("1w", "7d")] {
            assert_eq!(text.parse::<Window>().unwrap().to_string(), shown);
        }
    }

    proptest! {
        #[test]
        fn what_is_displayed_parses_to_the_same(window in 1..=i64::MAX, permille in 0..=1000_u32) {
            let window = Window::Time(window);
            prop_assert_eq!(window.to_string().parse::<Window>().unwrap(), window);
            let function = Function::Quantile(f64::from(permille) / 1000.0);
            prop_assert_eq!(function.to_string().parse::<Function>().unwrap(), function);
        }
    }
}
