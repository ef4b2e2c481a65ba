//! What happens to rows that are not in time order: its spelling, and back.
//! Keeps: what is printed is read as the same order.

use std::fmt;
use std::str::FromStr;

use super::{Window, names};

/// What happens to rows that are not in time order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Order {
    /// Where a time window is asked for: end the run at the first row of a key that comes before its
    /// predecessor, naming it.
    #[default]
    Error,
    /// Take rows as they come.
    Trust,
    /// Sort all rows by time before the first step that goes by their order.
    Sort,
    /// Hold rows back before that step until none can come before them that is late by no more than
    /// this time, in nanoseconds; end the run at the first row that is, naming it.
    Allow(i64),
}

impl Order {
    /// The words, the time of the last to be chosen.
    pub const WORDS: [&'static str; 4] = ["error", "trust", "sort", "allow:TIME"];
}

impl FromStr for Order {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(delay) = text.strip_prefix("allow:") {
            return match delay.parse() {
                Ok(Window::Time(nanoseconds)) => Ok(Self::Allow(nanoseconds)),
                _ => Err(format!(
                    "`{delay}` is no time; write how late rows may come in w, d, h, m (minutes), s, \
                     ms, us or ns, such as allow:10m"
                )),
            };
        }
        match text {
            "error" => Ok(Self::Error),
            "trust" => Ok(Self::Trust),
            "sort" => Ok(Self::Sort),
            "allow" => Err("says how late rows may come: allow:10m".to_owned()),
            _ => Err(names::unknown("value", text, Self::WORDS.into_iter())),
        }
    }
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Error => f.write_str("error"),
            Self::Trust => f.write_str("trust"),
            Self::Sort => f.write_str("sort"),
            Self::Allow(nanoseconds) => write!(f, "allow:{}", Window::Time(*nanoseconds)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_is_read_again() {
        for text in ["error", "trust", "sort", "allow:10m", "allow:1d12h"] {
            let order: Order = text.parse().unwrap();
            assert_eq!(order.to_string(), text);
        }
        assert_eq!("trust".parse(), Ok(Order::Trust));
        assert_eq!("allow:1m".parse(), Ok(Order::Allow(60_000_000_000)));
        for (text, expected) in [
            ("x", "choose from: error, trust, sort"),
            ("srt", "`sort`"),
            ("allow", "allow:10m"),
            ("allow:", "allow:10m"),
            ("allow:7", "allow:10m"),
            ("allow:0m", "allow:10m"),
        ] {
            let message = text.parse::<Order>().unwrap_err();
            assert!(message.contains(expected), "{text}: {message}");
        }
    }
}
