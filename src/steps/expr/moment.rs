//! Text -> dates and timestamps: `2024-01-31`, and a time behind it.
//! Keeps: what is no day of the calendar or no time of a day is none; an offset is taken off, so
//! that the result counts UTC.

use super::civil;
use crate::base::TimeUnit;

/// The years that there may be.
const YEAR_MAX: i64 = 290_000;

/// The day that `text` names.
pub(super) fn date(text: &str) -> Option<i32> {
    let (day, rest) = day(text)?;
    // A time behind it is read, to be sure that it is one, and left out.
    if !rest.is_empty() {
        timestamp(text, TimeUnit::Microsecond)?;
    }
    i32::try_from(day).ok()
}

/// The ticks of the moment that `text` names.
pub(super) fn timestamp(text: &str, unit: TimeUnit) -> Option<i64> {
    let per_second = unit.per_second();
    let (day, rest) = day(text)?;
    let midnight = day.checked_mul(86_400 * per_second)?;
    if rest.is_empty() {
        return Some(midnight);
    }
    let rest = rest.strip_prefix(['T', ' ', 't'])?.trim_start();
    let (hour, rest) = number(rest, 2)?;
    let (minute, rest) = number(rest.strip_prefix(':')?, 2)?;
    let (second, rest) = match rest.strip_prefix(':') {
        Some(rest) => number(rest, 2)?,
        None => (0, rest),
    };
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let (fraction, rest) = match rest.strip_prefix('.') {
        Some(rest) => fraction(rest, per_second)?,
        None => (0, rest),
    };
    let offset_seconds = offset(rest.trim_start())?;
    let seconds = hour * 3600 + minute * 60 + second - offset_seconds;
    midnight.checked_add(seconds * per_second + fraction)
}

/// The day at the start of `text`, and what is behind it.
fn day(text: &str) -> Option<(i64, &str)> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text),
    };
    let (year, rest) = number(digits, 6)?;
    let separator = rest.chars().next().filter(|c| ['-', '/'].contains(c))?;
    let (month, rest) = number(&rest[1..], 2)?;
    let (day, rest) = number(rest.strip_prefix(separator)?, 2)?;
    let year = sign * year;
    let exists = (1..=12).contains(&month)
        && (1..=YEAR_MAX).contains(&year.abs())
        && (1..=civil::month_length(year, month)).contains(&day);
    exists.then(|| (civil::days(year, month, day), rest))
}

/// A number of at most so many digits.
fn number(text: &str, digits_max: usize) -> Option<(i64, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    if digits == 0 || digits > digits_max {
        return None;
    }
    let (number, rest) = text.split_at(digits);
    Some((number.parse().ok()?, rest))
}

/// The ticks of a fraction of a second; digits beyond the ticks are cut off.
fn fraction(text: &str, per_second: i64) -> Option<(i64, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (fraction, rest) = text.split_at(digits);
    let mut tick = per_second;
    let mut ticks = 0;
    for digit in fraction.bytes() {
        tick /= 10;
        ticks += i64::from(digit - b'0') * tick;
    }
    (digits > 0).then_some((ticks, rest))
}

/// The seconds that a zone is ahead of UTC: `Z`, `+01`, `-05:30`, or nothing.
fn offset(text: &str) -> Option<i64> {
    if text.is_empty() || text.eq_ignore_ascii_case("z") || text.eq_ignore_ascii_case("utc") {
        return Some(0);
    }
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let digits = text.strip_prefix(['+', '-'])?;
    let (hours, minutes) = match digits.split_once(':') {
        Some(parts) => parts,
        None if digits.len() == 4 && digits.is_ascii() => digits.split_at(2),
        None => (digits, "0"),
    };
    let (hours, rest) = number(hours, 2)?;
    let (minutes, after) = number(minutes, 2)?;
    let is_whole = rest.is_empty() && after.is_empty() && hours < 16 && minutes < 60;
    is_whole.then_some(sign * (hours * 3600 + minutes * 60))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments() {
        let micros = |text| timestamp(text, TimeUnit::Microsecond);
        assert_eq!(date("1970-01-02"), Some(1));
        assert_eq!(date("1970/1/2"), Some(1));
        assert_eq!(date("1969-12-31"), Some(-1));
        assert_eq!(date("1970-01-02 10:00:00"), Some(1));
        assert_eq!(micros("1970-01-01 00:00:01.5"), Some(1_500_000));
        assert_eq!(micros("1970-01-01T00:01"), Some(60_000_000));
        assert_eq!(micros("1970-01-01 01:00:00+01"), Some(0));
        assert_eq!(micros("1970-01-01 01:00:00+0130"), Some(-1_800_000_000));
        assert_eq!(micros("1970-01-01 00:00:00Z"), Some(0));
        assert_eq!(micros("1970-01-01 00:00:00.0000019"), Some(1));
        assert_eq!(
            timestamp("1970-01-01 00:00:00.000000001", TimeUnit::Nanosecond),
            Some(1)
        );
        for text in [
            "",
            "1970",
            "1970-13-01",
            "1970-02-30",
            "1970-01-01x",
            "1970-01/01",
            "1970-01-01 24:00",
            "1970-01-01 10",
            "1970-01-01 10:00 PM",
            "é970-01-01",
            "1970-01-01 10:00+é",
        ] {
            assert_eq!(micros(text), None, "{text}");
        }
    }
}
