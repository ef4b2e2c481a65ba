//! The words of rolling columns: a [`Function`] and the [`Window`] it is taken over, from text and
//! back.
//! Keeps: a window that parses has a positive length that fits its type, and prints as text that
//! parses to the same window.

use std::fmt;
use std::str::FromStr;

use super::names;

/// What is computed over a window. Nulls are skipped.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Function {
    /// Arithmetic mean.
    Mean,
    /// Sum.
    Sum,
    /// Smallest value.
    Min,
    /// Largest value.
    Max,
    /// Sample standard deviation (ddof 1).
    Std,
    /// Sample variance (ddof 1).
    Var,
    /// Number of values.
    Count,
    /// Middle value.
    Median,
    /// The quantile at this share, 0 to 1, between neighbours linearly.
    Quantile(f64),
    /// Earliest value.
    First,
    /// Latest value.
    Last,
}

/// How far a window reaches back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    /// The row itself and the rows of its key before it, so many in all, 1 to 1,000,000.
    Rows(u32),
    /// Rows of its key whose time lies in `(t - w, t]`.
    /// The length w is in nanoseconds, at least 1.
    Time(i64),
}

impl Window {
    /// The largest row window.
    pub const ROWS_MAX: u32 = 1_000_000;
}

const FUNCTIONS: [(&str, Function); 10] = [
    ("mean", Function::Mean),
    ("sum", Function::Sum),
    ("min", Function::Min),
    ("max", Function::Max),
    ("std", Function::Std),
    ("var", Function::Var),
    ("count", Function::Count),
    ("median", Function::Median),
    ("first", Function::First),
    ("last", Function::Last),
];

/// Largest first, as they are written one after the other.
const UNITS: [(&str, i64); 8] = [
    ("w", 604_800_000_000_000),
    ("d", 86_400_000_000_000),
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
];

/// One of the names, or `qNN` with a percentage from 0 to 100 (`q95`, `q99.9`).
impl FromStr for Function {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some((_, function)) = FUNCTIONS.into_iter().find(|(name, _)| *name == text) {
            return Ok(function);
        }
        // `99.9e-2` is the double nearest to 0.999; 99.9 / 100.0 is another one.
        let share = text
            .strip_prefix('q')
            .filter(|digits| digits.starts_with(|c: char| c.is_ascii_digit()))
            .and_then(|digits| format!("{digits}e-2").parse::<f64>().ok());
        match share {
            Some(share) if share <= 1.0 => Ok(Function::Quantile(share)),
            Some(_) => Err(format!(
                "`{text}` is beyond the last percentile; write q0 to q100"
            )),
            None => {
                let known = FUNCTIONS.iter().map(|(name, _)| *name);
                Err(names::unknown("function", text, known.chain(["qNN"])))
            }
        }
    }
}

/// Rows (`7`) or time (`1d`, `6h`, `30m`, `1d12h`).
impl FromStr for Window {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            return match text.parse() {
                Ok(rows @ 1..=Window::ROWS_MAX) => Ok(Window::Rows(rows)),
                _ => Err(format!(
                    "a window of {text} rows; choose 1 to {}",
                    Window::ROWS_MAX
                )),
            };
        }
        let nanoseconds = parse_duration(text)?;
        Ok(Window::Time(nanoseconds))
    }
}

/// A positive time in nanoseconds: whole numbers with units, largest unit first.
fn parse_duration(text: &str) -> Result<i64, String> {
    let form = || {
        format!(
            "`{text}` is no window; write rows (7) or a time in w, d, h, m (minutes), s, ms, us \
             or ns (1d, 6h, 30m, 1d12h)"
        )
    };
    let mut rest = text;
    let mut units = UNITS.as_slice();
    let mut total = 0_i64;
    while !rest.is_empty() {
        let (digits, after) = split_run(rest, |c| c.is_ascii_digit());
        let (name, after) = split_run(after, |c| !c.is_ascii_digit());
        let at = units.iter().position(|(unit, _)| *unit == name);
        let at = at.ok_or_else(form)?;
        let number: i64 = digits.parse().map_err(|_| form())?;
        total = number
            .checked_mul(units[at].1)
            .and_then(|length| total.checked_add(length))
            .ok_or_else(|| format!("`{text}` is too long; choose at most 106751d"))?;
        units = &units[at + 1..];
        rest = after;
    }
    if total == 0 {
        return Err(form());
    }
    Ok(total)
}

fn split_run(text: &str, belongs: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(|c| !belongs(c)).unwrap_or(text.len()))
}

impl fmt::Display for Function {
    /// The spelling `--rolling` takes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Self::Quantile(share) = self {
            // A hundred times the nearest double of 0.07 is not 7: cut what only rounding added.
            let percent = (share * 1e12).round() / 1e10;
            return write!(f, "q{percent}");
        }
        let (name, _) = FUNCTIONS
            .iter()
            .find(|(_, function)| function == self)
            .expect("every other function is listed");
        f.write_str(name)
    }
}

impl fmt::Display for Window {
    /// The spelling `--rolling` takes; weeks are printed as days.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = match *self {
            Self::Rows(rows) => return write!(f, "{rows}"),
            Self::Time(nanoseconds) => nanoseconds,
        };
        for (unit, length) in &UNITS[1..] {
            if rest >= *length {
                write!(f, "{}{unit}", rest / length)?;
                rest %= length;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HOUR: i64 = 3_600_000_000_000;

    #[test]
    fn functions() {
        for (name, function) in FUNCTIONS {
            assert_eq!(name.parse::<Function>(), Ok(function));
            assert_eq!(function.to_string(), name);
        }
        for (text, share) in [("q0", 0.0), ("q05", 0.05), ("q99.9", 0.999), ("q100", 1.0)] {
            assert_eq!(text.parse::<Function>(), Ok(Function::Quantile(share)));
        }
        for percent in 0..=1000 {
            let text = format!("q{}", f64::from(percent) / 10.0);
            assert_eq!(text.parse::<Function>().unwrap().to_string(), text);
        }
        for (text, expected) in [
            ("q101", "q0 to q100"),
            ("q-1", "unknown function"),
            ("qnan", "unknown function"),
            ("q", "unknown function"),
            ("men", "`mean`"),
            ("stdd", "`std`"),
            ("average", "choose from: mean, sum"),
        ] {
            let message = text.parse::<Function>().unwrap_err();
            assert!(message.contains(expected), "{text}: {message}");
        }
    }

    #[test]
    fn windows() {
        let time = Window::Time;
        for (text, window) in [
            ("1", Window::Rows(1)),
            ("1000000", Window::Rows(1_000_000)),
            ("1d", time(24 * HOUR)),
            ("1w", time(168 * HOUR)),
            ("1d12h", time(36 * HOUR)),
            ("30m", time(HOUR / 2)),
            ("90s", time(HOUR / 40)),
            ("500ms", time(500_000_000)),
            ("2us3ns", time(2_003)),
        ] {
            assert_eq!(text.parse::<Window>(), Ok(window), "{text}");
        }
        for text in [
            "",
            "0",
            "1000001",
            "-1",
            "0d",
            "1D",
            "d",
            "1d1d",
            "1h1d",
            "1.5d",
            "1d ",
            "7 rows",
            "1month",
            "99999999999",
            "999999999999999999999d",
            "106752d",
        ] {
            assert!(text.parse::<Window>().is_err(), "{text}");
        }
        assert!("106751d".parse::<Window>().is_ok());
    }

    proptest! {
        #[test]
        fn a_window_prints_as_it_parses(nanoseconds in 1..i64::MAX) {
            let window = Window::Time(nanoseconds);
            prop_assert_eq!(window.to_string().parse(), Ok(window));
        }

        #[test]
        fn no_text_panics(text in "[0-9wdhmsun]{0,12}|\\PC*") {
            let _ = (text.parse::<Window>(), text.parse::<Function>());
        }
    }
}
