//! Casts: an array of one type in, one of another out; a cell that does not fit is null.
//! Keeps: text is read as DuckDB reads it, blanks around it aside; a float becomes the nearest
//! whole number, halves to even; a decimal one rounds halves away from zero.

use std::fmt::Write as _;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array, PrimitiveArray,
    StringBuilder, new_null_array,
};
use arrow::datatypes::{Date32Type, Decimal128Type, DecimalType, Float64Type, Int64Type};

use super::civil;
use super::moment;
use super::time::{moments, ticks};
use super::types::Type;
use crate::base::{Result, TimeUnit};

/// Casts cells of type `from` to type `to`.
pub(super) fn cast(array: &ArrayRef, from: &Type, to: &Type) -> Result<ArrayRef> {
    Ok(match (from, to) {
        (one, other) if one == other => Arc::clone(array),
        (Type::Null, _) => new_null_array(&to.arrow(), array.len()),
        (Type::Text, _) => read(array, to),
        (_, Type::Text) => print(array, from),
        (Type::Float64, Type::Int64) => {
            let floats = array.as_primitive::<Float64Type>();
            Arc::new(floats.unary_opt::<_, Int64Type>(float_to_integer))
        }
        (Type::Float64, &Type::Decimal { precision, scale }) => {
            let floats = array.as_primitive::<Float64Type>();
            let decimals: PrimitiveArray<Decimal128Type> =
                floats.unary_opt(|value| float_to_decimal(value, precision, scale));
            typed(decimals, precision, scale)
        }
        (&Type::Decimal { scale, .. }, Type::Int64) => {
            let decimals = array.as_primitive::<Decimal128Type>();
            let unit = 10_i128.pow(scale.unsigned_abs().into());
            Arc::new(decimals.unary_opt::<_, Int64Type>(|value| {
                i64::try_from(divide_rounding(value, unit)).ok()
            }))
        }
        (&Type::Decimal { scale, .. }, Type::Float64) => {
            let decimals = array.as_primitive::<Decimal128Type>();
            Arc::new(decimals.unary::<_, Float64Type>(|value| decimal_to_float(value, scale)))
        }
        (Type::Boolean, Type::Int64) => Arc::new(numbers(array.as_boolean())),
        (Type::Boolean, Type::Float64) => {
            let numbers = numbers(array.as_boolean());
            Arc::new(numbers.unary::<_, Float64Type>(|value| value as f64))
        }
        (Type::Int64, Type::Float64) => {
            let integers = array.as_primitive::<Int64Type>();
            Arc::new(integers.unary::<_, Float64Type>(|value| value as f64))
        }
        (Type::Int64, &Type::Decimal { precision, scale }) => {
            let integers = array.as_primitive::<Int64Type>();
            let decimals: PrimitiveArray<Decimal128Type> =
                integers.unary_opt(|value| rescale(value.into(), 0, precision, scale));
            typed(decimals, precision, scale)
        }
        (&Type::Decimal { scale: from, .. }, &Type::Decimal { precision, scale }) => {
            let decimals = array.as_primitive::<Decimal128Type>();
            let decimals: PrimitiveArray<Decimal128Type> =
                decimals.unary_opt(|value| rescale(value, from, precision, scale));
            typed(decimals, precision, scale)
        }
        (Type::Int64, Type::Boolean) => {
            let integers = array.as_primitive::<Int64Type>();
            Arc::new(BooleanArray::from_unary(integers, |value| value != 0))
        }
        (Type::Float64, Type::Boolean) => {
            let floats = array.as_primitive::<Float64Type>();
            Arc::new(BooleanArray::from_unary(floats, |value| value != 0.0))
        }
        (Type::Date | Type::Timestamp { .. }, Type::Date | Type::Timestamp { .. }) => {
            between_moments(array, from, to)
        }
        _ => unreachable!("the binder makes no cast of {from} to {to}"),
    })
}

/// 1 for true, 0 for false.
fn numbers(booleans: &BooleanArray) -> Int64Array {
    let numbers = booleans.values().iter().map(i64::from);
    Int64Array::new(
        numbers.collect::<Vec<_>>().into(),
        booleans.nulls().cloned(),
    )
}

/// The unscaled decimal of scale `from`, of another scale; `None` if it has too many digits.
fn rescale(value: i128, from: i8, precision: u8, scale: i8) -> Option<i128> {
    let unit = 10_i128.pow(from.abs_diff(scale).into());
    let rescaled = match scale >= from {
        true => value.checked_mul(unit)?,
        false => divide_rounding(value, unit),
    };
    (rescaled.unsigned_abs() < 10_u128.pow(precision.into())).then_some(rescaled)
}

fn typed(decimals: PrimitiveArray<Decimal128Type>, precision: u8, scale: i8) -> ArrayRef {
    let typed = decimals.with_precision_and_scale(precision, scale);
    Arc::new(typed.expect("the planner makes decimals that there are"))
}

/// Dates and timestamps of either unit; those without a zone count as UTC.
fn between_moments(array: &ArrayRef, from: &Type, to: &Type) -> ArrayRef {
    let per_second = |data_type: &Type| match data_type {
        Type::Timestamp { unit, .. } => Some(unit.per_second()),
        _ => None,
    };
    let values = ticks(array);
    let converted: Int64Array = match (per_second(from), per_second(to)) {
        (Some(from), None) => values.unary(|moment| moment.div_euclid(from * 86_400)),
        (None, Some(to)) => values.unary_opt(|day| day.checked_mul(to * 86_400)),
        (Some(from), Some(to)) if to > from => {
            values.unary_opt(|moment| moment.checked_mul(to / from))
        }
        (Some(from), Some(to)) if to < from => values.unary(|moment| moment.div_euclid(from / to)),
        _ => values,
    };
    moments(&converted, to)
}

pub(super) fn float_to_integer(value: f64) -> Option<i64> {
    let rounded = value.round_ties_even();
    // 2^63 itself is no int64, and the next float below it is far below.
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    (-LIMIT..LIMIT).contains(&rounded).then_some(rounded as i64)
}

pub(super) fn float_to_decimal(value: f64, precision: u8, scale: i8) -> Option<i128> {
    let unscaled = (value * 10_f64.powi(scale.into())).round();
    let limit = 10_f64.powi(precision.into());
    (unscaled.abs() < limit).then_some(unscaled as i128)
}

pub(super) fn decimal_to_float(value: i128, scale: i8) -> f64 {
    value as f64 / 10_f64.powi(scale.into())
}

/// The quotient, halves away from zero.
pub(super) fn divide_rounding(value: i128, unit: i128) -> i128 {
    let half = unit / 2;
    let away = if value < 0 { -half } else { half };
    // Half a unit more than a decimal of 38 digits is far from the limits of the type.
    (value + away) / unit
}

/// Texts read as another type.
fn read(array: &ArrayRef, to: &Type) -> ArrayRef {
    let texts = array.as_string::<i32>();
    let texts = || texts.iter().map(|text| text.map(str::trim));
    match *to {
        Type::Int64 => Arc::new(Int64Array::from_iter(texts().map(|t| t.and_then(integer)))),
        Type::Float64 => Arc::new(Float64Array::from_iter(texts().map(|t| t.and_then(float)))),
        Type::Boolean => Arc::new(BooleanArray::from_iter(
            texts().map(|t| t.and_then(boolean)),
        )),
        Type::Decimal { precision, scale } => {
            let cells = texts().map(|text| {
                let text = text?;
                match text.contains(['e', 'E']) {
                    true => float_to_decimal(float(text)?, precision, scale),
                    false => decimal(text, precision, scale),
                }
            });
            typed(PrimitiveArray::from_iter(cells), precision, scale)
        }
        Type::Date => {
            let cells = texts().map(|text| moment::date(text?));
            Arc::new(PrimitiveArray::<Date32Type>::from_iter(cells))
        }
        Type::Timestamp { unit, .. } => {
            let cells = texts().map(|text| moment::timestamp(text?, unit));
            moments(&Int64Array::from_iter(cells), to)
        }
        Type::Null | Type::Text | Type::Interval => {
            unreachable!("the binder casts to no such type")
        }
    }
}

pub(super) fn integer(text: &str) -> Option<i64> {
    if let Ok(value) = text.parse() {
        return Some(value);
    }
    // A decimal or an exponent: exactly, as a decimal of as many digits as there may be.
    match decimal(text, 38, 9) {
        Some(unscaled) => i64::try_from(divide_rounding(unscaled, 1_000_000_000)).ok(),
        None => float(text).and_then(float_to_integer),
    }
}

pub(super) fn float(text: &str) -> Option<f64> {
    fast_float2::parse(text).ok()
}

pub(super) fn boolean(text: &str) -> Option<bool> {
    let is = |words: &[&str]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
    if is(&["true", "t", "1", "yes", "y"]) {
        return Some(true);
    }
    is(&["false", "f", "0", "no", "n"]).then_some(false)
}

/// Reads `-12.345` as an unscaled decimal, rounded where it has more digits than `scale`.
pub(super) fn decimal(text: &str, precision: u8, scale: i8) -> Option<i128> {
    let (is_negative, digits) = match text.strip_prefix(['-', '+']) {
        Some(digits) => (text.starts_with('-'), digits),
        None => (false, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all = || whole.bytes().chain(fraction.bytes());
    if all().next().is_none() || !all().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let scale = usize::from(scale.unsigned_abs());
    let mut unscaled = 0_i128;
    let padding = std::iter::repeat_n(b'0', scale.saturating_sub(fraction.len()));
    let kept = whole.bytes().chain(fraction.bytes().take(scale));
    for byte in kept.chain(padding) {
        unscaled = unscaled
            .checked_mul(10)?
            .checked_add(i128::from(byte - b'0'))?;
    }
    if fraction
        .as_bytes()
        .get(scale)
        .is_some_and(|digit| *digit >= b'5')
    {
        unscaled = unscaled.checked_add(1)?;
    }
    let fits = unscaled < 10_i128.pow(precision.into());
    fits.then_some(if is_negative { -unscaled } else { unscaled })
}

/// Cells as text.
fn print(array: &ArrayRef, from: &Type) -> ArrayRef {
    let mut texts = StringBuilder::with_capacity(array.len(), array.len() * 8);
    let nulls = array.logical_nulls();
    let mut line = String::new();
    let printer = Printer::of(array, from);
    for row in 0..array.len() {
        if nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
            texts.append_null();
            continue;
        }
        line.clear();
        printer.print(row, &mut line);
        texts.append_value(&line);
    }
    Arc::new(texts.finish())
}

/// Prints the cells of an array one by one.
enum Printer<'a> {
    Booleans(&'a BooleanArray),
    Integers(&'a Int64Array),
    Floats(&'a Float64Array),
    Decimals(&'a PrimitiveArray<Decimal128Type>, u8, i8),
    Days(Int64Array),
    Moments(Int64Array, TimeUnit, bool),
    Nothing,
}

impl<'a> Printer<'a> {
    fn of(array: &'a ArrayRef, data_type: &Type) -> Self {
        match *data_type {
            Type::Boolean => Self::Booleans(array.as_boolean()),
            Type::Int64 => Self::Integers(array.as_primitive()),
            Type::Float64 => Self::Floats(array.as_primitive()),
            Type::Decimal { precision, scale } => {
                Self::Decimals(array.as_primitive(), precision, scale)
            }
            Type::Date => Self::Days(ticks(array)),
            Type::Timestamp { unit, utc } => Self::Moments(ticks(array), unit, utc),
            Type::Null | Type::Text | Type::Interval => Self::Nothing,
        }
    }

    fn print(&self, row: usize, text: &mut String) {
        let written = match self {
            Self::Booleans(array) => write!(text, "{}", array.value(row)),
            Self::Integers(array) => write!(text, "{}", array.value(row)),
            Self::Floats(array) => write!(text, "{}", float_text(array.value(row))),
            Self::Decimals(array, precision, scale) => {
                let value = array.value(row);
                write!(
                    text,
                    "{}",
                    Decimal128Type::format_decimal(value, *precision, *scale)
                )
            }
            Self::Days(array) => write!(text, "{}", day_text(array.value(row))),
            Self::Moments(array, unit, utc) => {
                write!(text, "{}", moment_text(array.value(row), *unit, *utc))
            }
            Self::Nothing => Ok(()),
        };
        written.expect("a text takes anything");
    }
}

/// The shortest text that reads back as `value`, in the form of DuckDB.
pub(super) fn float_text(value: f64) -> String {
    if value.is_nan() {
        return "nan".to_owned();
    }
    let text = format!("{value:?}");
    let Some((digits, exponent)) = text.split_once('e') else {
        return text;
    };
    let (sign, exponent) = match exponent.strip_prefix('-') {
        Some(exponent) => ('-', exponent),
        None => ('+', exponent),
    };
    format!("{digits}e{sign}{exponent:0>2}")
}

pub(super) fn day_text(day: i64) -> String {
    let (year, month, day) = civil::civil(day);
    match year {
        1.. => format!("{year:04}-{month:02}-{day:02}"),
        _ => format!("{:04}-{month:02}-{day:02} (BC)", 1 - year),
    }
}

pub(super) fn moment_text(moment: i64, unit: TimeUnit, utc: bool) -> String {
    let per_second = unit.per_second();
    let (seconds, fraction) = (moment.div_euclid(per_second), moment.rem_euclid(per_second));
    let (day, clock) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let mut text = format!(
        "{} {:02}:{:02}:{:02}",
        day_text(day),
        clock / 3600,
        clock / 60 % 60,
        clock % 60
    );
    if fraction > 0 {
        let width = if per_second == 1_000_000 { 6 } else { 9 };
        let digits = format!("{fraction:0width$}");
        let _ = write!(text, ".{}", digits.trim_end_matches('0'));
    }
    if utc {
        text.push_str("+00");
    }
    text
}
