//! Any bytes in; nothing out. The integer, float, date and timestamp leaves must read the bytes as
//! the standard library and jiff do, and each fast path as its plain twin.

// Whether `check` can be reached depends on who includes this file.
#![allow(unreachable_pub)]

use std::str::FromStr;

use chunketl::decode::column::Misfit;
use chunketl::decode::field::Field;
use chunketl::decode::timestamp::{Iso, Moment, ReadMoment, parse_iso};
use chunketl::decode::{date, decimal, float, integer};

/// Compares the leaves on `data`: a text, and behind a newline what follows it in its chunk.
///
/// # Panics
/// If two of them disagree.
pub fn check(data: &[u8]) {
    let end = data
        .iter()
        .position(|byte| *byte == b'\n')
        .unwrap_or(data.len());
    let field = Field::within(data, 0, end);
    // A reader keeps the last day: it must not leak into the next text.
    let mut iso = Iso::default();
    let _ = iso.read_fast(Field::new(b"2024-01-31T10:15:00"));
    let fast = iso.read_fast(field);
    let moment = parse_iso(field.text());
    assert!(fast.is_none() || fast == moment, "{data:?}");

    let value = integer::parse_canonical(field);
    assert_eq!(
        value,
        integer::parse_canonical_plain(field.text()),
        "{data:?}"
    );
    if let Ok(text) = str::from_utf8(field.text()) {
        integers(text, value);
        floats(text);
        days(text);
        moments(text, moment);
    }
}

fn integers(text: &str, value: Option<i64>) {
    let std = text.parse::<i64>().ok();
    assert_eq!(
        value,
        std.filter(|value| value.to_string() == text),
        "{text}"
    );
    // The decimal leaf takes every spelling that std takes, and more.
    if std.is_some() {
        let exact = decimal::parse(text.as_bytes(), 38, 0);
        assert_eq!(exact.ok(), std.map(i128::from), "{text}");
    }
}

fn floats(text: &str) {
    let std = text.parse::<f64>().ok();
    let overflows = text.contains(|character: char| character.is_ascii_digit());
    let expected = match std {
        None => Err(Misfit::Mismatch),
        Some(value) if value.is_infinite() && overflows => Err(Misfit::OutOfRange),
        Some(value) => Ok(value.to_bits()),
    };
    let nearest = float::parse_nearest(text.as_bytes()).map(f64::to_bits);
    assert_eq!(nearest, expected, "{text}");
    // Whatever is a decimal is a float, and near it.
    if let Ok(hundredths) = decimal::parse(text.as_bytes(), 15, 2) {
        let float = std.expect("a decimal is a float");
        assert_eq!(hundredths as f64 / 100.0, float, "{text}");
    }
}

/// Days from 1970-01-01.
fn day_number(date: jiff::civil::Date) -> i32 {
    (date - jiff::civil::Date::constant(1970, 1, 1)).get_days()
}

fn days(text: &str) {
    let day = date::parse_day(text.as_bytes());
    let dashes = text.replace('/', "-");
    let jiff = jiff::civil::Date::from_str(&dashes).ok();
    let jiff = jiff.filter(|date| date.year() > 0 && date.to_string() == dashes);
    let mixed = text.contains('/') && text.contains('-');
    assert_eq!(day, jiff.map(day_number).filter(|_| !mixed), "{text}");
}

fn moments(text: &str, moment: Option<Moment>) {
    let Some(moment) = moment else {
        // What jiff prints, this room reads.
        let jiff = jiff::civil::DateTime::from_str(text).ok();
        let printed = jiff.is_some_and(|jiff| jiff.year() > 0 && jiff.to_string() == text);
        assert!(!printed, "{text}");
        return;
    };
    // jiff wants one spelling of the day, of UTC, and no space before an offset.
    let plain = text.replace('/', "-").replace(',', ".").replace("UTC", "Z");
    let plain = plain
        .to_uppercase()
        .replace(" Z", "Z")
        .replace(" +", "+")
        .replace(" -", "-");
    let jiff = jiff::civil::DateTime::from_str(plain.trim_end_matches('Z'))
        .unwrap_or_else(|error| panic!("{text}: {error}"));
    assert_eq!(moment.day, day_number(jiff.date()), "{text}");
    let time = jiff.time();
    let second = (time.hour() as u32 * 60 + time.minute() as u32) * 60 + time.second() as u32;
    assert_eq!(moment.second, second, "{text}");
    assert_eq!(moment.nanosecond, time.subsec_nanosecond() as u32, "{text}");
    if let (Some(offset), Ok(instant)) = (moment.offset, jiff::Timestamp::from_str(&plain)) {
        let seconds = i64::from(moment.day) * 86_400 + i64::from(second) - i64::from(offset);
        assert_eq!(
            seconds,
            instant.as_nanosecond().div_euclid(1_000_000_000) as i64,
            "{text}"
        );
    }
}
