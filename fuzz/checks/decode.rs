//! Any bytes in; nothing out. The integer, float, date and timestamp leaves must read the bytes as
//! the standard library and jiff do, and each fast path, alone and over columns, as its plain twin.

// Whether `check` can be reached depends on who includes this file.
#![allow(unreachable_pub)]

use std::str::FromStr;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType as ArrowType, Float64Type, Int64Type, TimestampNanosecondType};
use bumpalo::Bump;
use chunketl::base::{Column, DataType, Origin, Quoting, TimeUnit};
use chunketl::decode::column::{Misfit, Misfits};
use chunketl::decode::field::{Field, FieldColumn};
use chunketl::decode::timestamp::{Iso, Moment, ReadMoment, parse_iso};
use chunketl::decode::{NullTokens, column_builder, date, decimal, float, integer};

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
    if let Ok(text) = str::from_utf8(data) {
        columns(text);
    }
    if let Ok(text) = str::from_utf8(field.text()) {
        integers(text, value);
        floats(text);
        days(text);
        moments(text, moment);
    }
}

/// Whole columns of the lines of `text`, against the plain twins.
fn columns(text: &str) {
    let texts: Vec<&str> = text.split('\n').collect();
    let tokens = NullTokens::default();
    let plain = |text: &str| text.trim_matches([' ', '\t']) == text;
    let unit = TimeUnit::Nanosecond;
    let integers = column(&texts, DataType::Int64);
    let integers = integers.as_primitive::<Int64Type>();
    let floats = column(&texts, DataType::Float64);
    let floats = floats.as_primitive::<Float64Type>();
    let times = column(&texts, DataType::Timestamp { unit, utc: false });
    let times = times.as_primitive::<TimestampNanosecondType>();
    let strings = column(&texts, DataType::Utf8);
    let strings = cast(&strings, &ArrowType::Utf8).expect("text is text");
    let strings = strings.as_string::<i32>();
    for (row, text) in texts.iter().enumerate() {
        let bytes = text.as_bytes();
        let string = strings.is_valid(row).then(|| strings.value(row));
        assert_eq!(string, (!text.is_empty()).then_some(*text));
        if !plain(text) {
            continue;
        }
        let integer = integers.is_valid(row).then(|| integers.value(row));
        let exact = decimal::parse(bytes, 38, 0).ok();
        assert_eq!(
            integer,
            exact.and_then(|value| value.try_into().ok()),
            "{text}"
        );
        let float = floats.is_valid(row).then(|| floats.value(row).to_bits());
        let is_missing = tokens.default.iter().any(|token| token == text);
        let nearest = float::parse_nearest(bytes).ok().filter(|_| !is_missing);
        assert_eq!(float, nearest.map(f64::to_bits), "{text}");
        let time = times.is_valid(row).then(|| times.value(row));
        let moment = parse_iso(bytes).filter(|moment| moment.offset.is_none());
        assert_eq!(
            time,
            moment.and_then(|moment| moment.ticks(unit).ok()),
            "{text}"
        );
    }
}

/// A declared column of raw fields, in which nothing is quoted.
fn column(texts: &[&str], data_type: DataType) -> ArrayRef {
    let (mut bytes, mut bounds) = (Vec::new(), Vec::new());
    for text in texts {
        bounds.push(bytes.len() as u32);
        bytes.extend_from_slice(text.as_bytes());
        bytes.push(b'\n');
        bounds.push(bytes.len() as u32);
    }
    let column = Column {
        name: "c".into(),
        data_type,
        format: None,
        origin: Origin::Declared,
    };
    let mut builder = column_builder(&column, 0, &NullTokens::default(), Quoting::doubled(None));
    builder.begin(texts.len());
    for bounds in bounds.chunks(2 * 100) {
        let fields = FieldColumn::new(&bytes, bounds, 1, 0);
        builder.push(fields, &Bump::new(), &mut Misfits::default());
    }
    builder.finish().0
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
