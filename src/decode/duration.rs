//! Text -> seconds, as float64: `PT1H30M`, `3 days 04:05:06`, `1:23:45`, `02:03:04.5`. Invariant:
//! a length that a calendar decides (years, months) is no duration, and the seconds are the float64
//! nearest to what is written.

use arrow::array::ArrayRef;
use arrow::buffer::NullBuffer;

use super::column::{Leaf, Misfit};
use super::float;

/// What a column's format says where its cells are durations.
pub(super) const FORMAT: &str = "duration";

const NANOSECONDS: i128 = 1_000_000_000;
/// Digits of a number, at most: all sums fit.
const DIGITS_MAX: usize = 18;
const FRACTION_DIGITS_MAX: usize = 9;
const MINUTE: i128 = 60;
const HOUR: i128 = 60 * MINUTE;
const DAY: i128 = 24 * HOUR;
const WEEK: i128 = 7 * DAY;

/// A column of durations.
pub(super) struct Durations;

impl Leaf for Durations {
    type Cell = f64;

    fn parse(&mut self, text: &[u8]) -> Result<f64, Misfit> {
        let nanoseconds = nanoseconds(text).ok_or(Misfit::Mismatch)?;
        let sign = if nanoseconds < 0 { "-" } else { "" };
        let (whole, rest) = (
            nanoseconds.abs() / NANOSECONDS,
            nanoseconds.abs() % NANOSECONDS,
        );
        float::parse_nearest(format!("{sign}{whole}.{rest:09}").as_bytes())
    }

    fn array(&self, cells: Vec<f64>, nulls: Option<NullBuffer>) -> ArrayRef {
        float::Declared.array(cells, nulls)
    }
}

/// Whether `text` is a duration and nothing else, such as a time of day.
pub(super) fn is_clear(text: &[u8]) -> bool {
    let is_marked = text.contains(&b'P') || text.windows(3).any(|word| word == b"day");
    is_marked && nanoseconds(text).is_some()
}

fn nanoseconds(text: &[u8]) -> Option<i128> {
    let (sign, unsigned) = sign(text);
    match unsigned.strip_prefix(b"P") {
        Some(parts) => Some(sign * iso(parts)?),
        None => days_and_clock(text),
    }
}

/// The parts of ISO 8601 behind the `P`, each at most once and in their order.
fn iso(mut text: &[u8]) -> Option<i128> {
    const PARTS: [(u8, bool, i128); 5] = [
        (b'W', false, WEEK),
        (b'D', false, DAY),
        (b'H', true, HOUR),
        (b'M', true, MINUTE),
        (b'S', true, 1),
    ];
    let (mut sum, mut parts, mut in_time) = (0, PARTS.as_slice(), false);
    loop {
        if let Some(time) = text.strip_prefix(b"T").filter(|_| !in_time) {
            (text, in_time) = (time, true);
        }
        let (whole, behind) = number(text)?;
        let (fraction, behind) = fraction(behind)?;
        let (&unit, behind) = behind.split_first()?;
        let at = parts
            .iter()
            .position(|part| (part.0, part.1) == (unit, in_time))?;
        if fraction != 0 && unit != b'S' {
            return None;
        }
        sum += whole * parts[at].2 * NANOSECONDS + fraction;
        (text, parts) = (behind, &parts[at + 1..]);
        if text.is_empty() {
            return Some(sum);
        }
    }
}

/// `3 days`, `3 days 04:05:06`, `-1 day, 23:59:59`, `-1 days +23:59:59`, `04:05:06`: each of the
/// two has its own sign.
fn days_and_clock(text: &[u8]) -> Option<i128> {
    let (of_days, unsigned) = sign(text);
    let (whole, behind) = number(unsigned)?;
    let Some(behind) = behind.strip_prefix(b" day") else {
        return clock(text);
    };
    let days = of_days * whole * DAY * NANOSECONDS;
    let behind = behind.strip_prefix(b"s").unwrap_or(behind);
    let behind = behind.strip_prefix(b",").unwrap_or(behind);
    match behind.strip_prefix(b" ") {
        Some(time) => Some(days + clock(time)?),
        None => behind.is_empty().then_some(days),
    }
}

/// `HH:MM` or `HH:MM:SS`, of any number of hours.
fn clock(text: &[u8]) -> Option<i128> {
    let (sign, text) = sign(text);
    let (hours, behind) = number(text)?;
    let (minutes, behind) = sixtieths(behind)?;
    let (seconds, fraction) = match behind {
        [] => (0, 0),
        behind => {
            let (seconds, behind) = sixtieths(behind)?;
            let (fraction, behind) = fraction(behind)?;
            behind.is_empty().then_some((seconds, fraction))?
        }
    };
    let whole = hours * HOUR + minutes * MINUTE + seconds;
    Some(sign * (whole * NANOSECONDS + fraction))
}

/// A colon and two digits under sixty, and the rest.
fn sixtieths(text: &[u8]) -> Option<(i128, &[u8])> {
    let digits = text.strip_prefix(b":")?;
    let (number, behind) = number(digits)?;
    (digits.len() - behind.len() == 2 && number < 60).then_some((number, behind))
}

fn sign(text: &[u8]) -> (i128, &[u8]) {
    match text {
        [b'-', rest @ ..] => (-1, rest),
        [b'+', rest @ ..] => (1, rest),
        _ => (1, text),
    }
}

/// The digits that `text` starts with, at least one, and the rest.
fn number(text: &[u8]) -> Option<(i128, &[u8])> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = text.split_at(digits);
    let value = |sum: i128, digit: &u8| sum * 10 + i128::from(digit - b'0');
    let fits = (1..=DIGITS_MAX).contains(&digits.len());
    fits.then(|| (digits.iter().fold(0, value), rest))
}

/// What stands behind a point or comma, as nanoseconds, and the rest; nothing is zero.
fn fraction(text: &[u8]) -> Option<(i128, &[u8])> {
    let [b'.' | b',', digits @ ..] = text else {
        return Some((0, text));
    };
    let (value, rest) = number(digits)?;
    let missing = FRACTION_DIGITS_MAX.checked_sub(digits.len() - rest.len())?;
    Some((value * 10_i128.pow(missing as u32), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_in_their_spellings() {
        for (text, expected) in [
            ("PT1H30M", 5400.0),
            ("PT0S", 0.0),
            ("P1DT2H", 93_600.0),
            ("P2W", 1_209_600.0),
            ("-PT1.5S", -1.5),
            ("PT36H", 129_600.0),
            ("PT0,000000001S", 1e-9),
            ("1:23:45", 5025.0),
            ("100:00", 360_000.0),
            ("02:03:04.5", 7384.5),
            ("-00:00:01", -1.0),
            ("0:00:03723.4", f64::NAN),
            ("1:02:03.4", 3723.4),
            ("3 days 04:05:06", 273_906.0),
            ("1 day, 2:03:04.1", 93_784.1),
            ("-1 day, 23:59:59", -1.0),
            ("-1 days +23:59:59.5", -0.5),
            ("2 days", 172_800.0),
        ] {
            let found = Durations.parse(text.as_bytes());
            match expected.is_nan() {
                true => assert!(found.is_err(), "{text}"),
                false => assert_eq!(found, Ok(expected), "{text}"),
            }
        }
    }

    #[test]
    fn what_is_no_duration() {
        for text in [
            "",
            "P",
            "PT",
            "P1",
            "P1Y",
            "P1M",
            "PT1D",
            "PT1M1H",
            "PT1.5H",
            "PT1S1S",
            "PTT1S",
            "1",
            "12",
            "1:2",
            "1:60",
            "1:23:4",
            "1:23:60",
            "1:23:45.",
            "1:23:45.1234567891",
            ":30",
            "1 month",
            "3 dayz",
            "3 days04:05",
            "12:30 PM",
            "9999999999999999999:00",
            "-",
            "1:",
        ] {
            assert_eq!(
                Durations.parse(text.as_bytes()),
                Err(Misfit::Mismatch),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_nothing_else() {
        for text in ["PT1H30M", "-P1D", "3 days 04:05:06", "1 day"] {
            assert!(is_clear(text.as_bytes()), "{text}");
        }
        for text in ["1:23:45", "100:00:00", "02:03", "P", "Monday 12:30", "P12"] {
            assert!(!is_clear(text.as_bytes()), "{text}");
        }
    }
}
