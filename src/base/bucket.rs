//! The words of time buckets: a [`Bucket`] from text and back.
//! Keeps: a length is positive, and prints as text that parses to it.

use std::fmt;
use std::str::FromStr;

use super::window::Window;
use super::{DataType, TimeUnit, names};

/// Neighbouring spans of time, each known by its beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bucket {
    /// Spans of so many nanoseconds, one of which begins on Monday, 2000-01-03, at midnight.
    Length(i64),
    /// Calendar months.
    Month,
    /// Quarters of a year.
    Quarter,
    /// Years.
    Year,
}

const HOUR: i64 = 3_600_000_000_000;
const DAY: i64 = 24 * HOUR;
const WORDS: [(&str, Bucket); 8] = [
    ("second", Bucket::Length(1_000_000_000)),
    ("minute", Bucket::Length(60_000_000_000)),
    ("hour", Bucket::Length(HOUR)),
    ("day", Bucket::Length(DAY)),
    ("week", Bucket::Length(7 * DAY)),
    ("month", Bucket::Month),
    ("quarter", Bucket::Quarter),
    ("year", Bucket::Year),
];

impl FromStr for Bucket {
    type Err = String;

    /// A time (`1h`, `15m`, `1d`) or a word (`month`).
    fn from_str(text: &str) -> Result<Self, String> {
        if let Some((_, bucket)) = WORDS.iter().find(|(word, _)| *word == text) {
            return Ok(*bucket);
        }
        if let Ok(Window::Time(length)) = text.parse() {
            return Ok(Self::Length(length));
        }
        let words = WORDS.iter().map(|(word, _)| *word);
        if let Some(near) = names::nearest(text, words.clone()) {
            return Err(format!(
                "unknown time bucket `{text}`; did you mean `{near}`?"
            ));
        }
        let words: Vec<&str> = words.collect();
        Err(format!(
            "unknown time bucket `{text}`; write a time such as 1h, 15m or 1d, or one of {}",
            words.join(", ")
        ))
    }
}

impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Length(length) => Window::Time(length).fmt(f),
            Self::Month => f.write_str("month"),
            Self::Quarter => f.write_str("quarter"),
            Self::Year => f.write_str("year"),
        }
    }
}

impl Bucket {
    /// The length in ticks of a column of `data_type`; `None` for what the calendar measures.
    ///
    /// # Errors
    /// Says so if the column is no time, or cannot tell such spans.
    pub fn ticks(self, data_type: &DataType) -> Result<Option<i64>, String> {
        let (tick, what) = match data_type {
            DataType::Date => (DAY, "a day"),
            DataType::Timestamp {
                unit: TimeUnit::Microsecond,
                ..
            } => (1_000, "a microsecond"),
            DataType::Timestamp {
                unit: TimeUnit::Nanosecond,
                ..
            } => (1, "a nanosecond"),
            other => {
                return Err(format!(
                    "only dates and timestamps have buckets; it is {other}"
                ));
            }
        };
        match self {
            Self::Length(length) if length % tick == 0 => Ok(Some(length / tick)),
            Self::Length(_) => Err(format!(
                "{self} is no multiple of {what}, as {data_type} counts"
            )),
            _ => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_print_as_what_parses_to_them() {
        for text in ["1h", "15m", "1d", "7d", "1h30m", "month", "quarter", "year"] {
            assert_eq!(text.parse::<Bucket>().unwrap().to_string(), text);
        }
        assert_eq!("1w".parse(), Ok(Bucket::Length(7 * DAY)));
        assert_eq!("week".parse(), Ok(Bucket::Length(7 * DAY)));
        for (text, expected) in [
            ("monht", "did you mean `month`?"),
            ("7", "such as 1h"),
            ("", "such as 1h"),
        ] {
            let message = text.parse::<Bucket>().unwrap_err();
            assert!(message.contains(expected), "{text}: {message}");
        }
    }

    #[test]
    fn lengths_count_in_the_ticks_of_the_column() {
        let time = |unit| DataType::Timestamp { unit, utc: false };
        let hour = Bucket::Length(HOUR);
        assert_eq!(
            hour.ticks(&time(TimeUnit::Microsecond)),
            Ok(Some(3_600_000_000))
        );
        assert_eq!(hour.ticks(&time(TimeUnit::Nanosecond)), Ok(Some(HOUR)));
        assert_eq!(Bucket::Length(2 * DAY).ticks(&DataType::Date), Ok(Some(2)));
        assert_eq!(Bucket::Month.ticks(&DataType::Date), Ok(None));
        for (bucket, data_type, expected) in [
            (hour, DataType::Date, "no multiple of a day"),
            (
                Bucket::Length(500),
                time(TimeUnit::Microsecond),
                "no multiple of a microsecond",
            ),
            (hour, DataType::Utf8, "only dates and timestamps"),
        ] {
            let message = bucket.ticks(&data_type).unwrap_err();
            assert!(message.contains(expected), "{message}");
        }
    }
}
