//! Constants to fill in: the text after `const:` in, a value of the column's type out, or a message
//! that says what such a value looks like.

use jiff::civil::{Date, DateTime};
use jiff::fmt::strtime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use crate::base::{Column, DataType, TimeUnit, Value};

/// Reads `text` as a cell of `column`.
///
/// # Errors
/// The message to show after the option's name.
pub fn parse_value(text: &str, column: &Column) -> Result<Value, String> {
    let wanted = |example: &str| {
        format!(
            "`{text}` is no {}; write it like {example}",
            column.data_type
        )
    };
    match column.data_type {
        DataType::Int64 => text.parse().map(Value::Int64).map_err(|_| wanted("42")),
        DataType::Float64 => match text.parse::<f64>() {
            Ok(cell) if !cell.is_nan() => Ok(Value::Float64(cell)),
            _ => Err(wanted("0.5")),
        },
        DataType::Boolean => match text.to_ascii_lowercase().as_str() {
            "true" | "1" => Ok(Value::Boolean(true)),
            "false" | "0" => Ok(Value::Boolean(false)),
            _ => Err(wanted("true or false")),
        },
        DataType::Date => parse_date(text, column.format.as_deref())
            .map(Value::Date)
            .ok_or_else(|| wanted("2024-12-31")),
        DataType::Timestamp { unit, utc } => {
            let example = if utc {
                "2024-12-31T23:59:59Z"
            } else {
                "2024-12-31T23:59:59"
            };
            parse_timestamp(text, column.format.as_deref(), utc)
                .and_then(|timestamp| ticks(timestamp, unit))
                .map(Value::Timestamp)
                .ok_or_else(|| wanted(example))
        }
        DataType::Utf8 | DataType::Categorical => Ok(Value::Utf8(text.to_owned())),
        DataType::Decimal { precision, scale } => parse_decimal(text, precision, scale)
            .map(Value::Decimal)
            .ok_or_else(|| {
                wanted(&format!(
                    "12.5, with at most {scale} digits after the point"
                ))
            }),
    }
}

fn parse_date(text: &str, format: Option<&str>) -> Option<i32> {
    let date = text
        .parse::<Date>()
        .ok()
        .filter(|_| !text.contains(['T', ' ']))
        .or_else(|| Date::strptime(format?, text).ok())?;
    let midnight = date.to_zoned(TimeZone::UTC).ok()?.timestamp();
    i32::try_from(midnight.as_second().div_euclid(86_400)).ok()
}

/// ISO 8601 or the column's own format. A local time in a UTC column is taken as UTC; an offset in
/// a column without a zone is refused.
fn parse_timestamp(text: &str, format: Option<&str>, utc: bool) -> Option<Timestamp> {
    let local = |civil: DateTime| civil.to_zoned(TimeZone::UTC).ok();
    if let Ok(instant) = text.parse::<Timestamp>() {
        return utc.then_some(instant);
    }
    let zoned = match text.parse::<DateTime>() {
        Ok(civil) => local(civil),
        Err(_) => {
            let broken = strtime::parse(format?, text).ok()?;
            match broken.offset() {
                Some(_) => broken.to_timestamp().ok().filter(|_| utc).map(in_utc),
                None => broken.to_datetime().ok().and_then(local),
            }
        }
    };
    zoned.map(|zoned| zoned.timestamp())
}

fn in_utc(timestamp: Timestamp) -> Zoned {
    timestamp.to_zoned(TimeZone::UTC)
}

fn ticks(timestamp: Timestamp, unit: TimeUnit) -> Option<i64> {
    let tick = 1_000_000_000 / i128::from(unit.per_second());
    let nanoseconds = timestamp.as_nanosecond();
    (nanoseconds % tick == 0).then(|| i64::try_from(nanoseconds / tick).ok())?
}

/// The unscaled decimal, if it is one and loses no digit.
fn parse_decimal(text: &str, precision: u8, scale: i8) -> Option<i128> {
    let scale = usize::from(scale.unsigned_abs());
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let fraction = fraction.trim_end_matches('0');
    let is_number = !(digits.is_empty() || digits == ".")
        && whole
            .bytes()
            .chain(fraction.bytes())
            .all(|byte| byte.is_ascii_digit());
    if !is_number || fraction.len() > scale {
        return None;
    }
    let unscaled: i128 = format!("0{whole}{fraction:0<scale$}").parse().ok()?;
    let fits = unscaled < 10i128.checked_pow(precision.into())?;
    fits.then_some(if text.starts_with('-') {
        -unscaled
    } else {
        unscaled
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Origin;

    fn parse(text: &str, data_type: DataType) -> Result<Value, String> {
        parse_with(text, data_type, None)
    }

    fn parse_with(text: &str, data_type: DataType, format: Option<&str>) -> Result<Value, String> {
        let column = Column {
            name: "c".into(),
            data_type,
            format: format.map(Into::into),
            origin: Origin::Inferred,
        };
        parse_value(text, &column)
    }

    #[test]
    fn numbers() {
        assert_eq!(parse("-3", DataType::Int64), Ok(Value::Int64(-3)));
        assert!(
            parse("3.5", DataType::Int64)
                .unwrap_err()
                .contains("`3.5` is no int64")
        );
        assert_eq!(parse("3", DataType::Float64), Ok(Value::Float64(3.0)));
        assert!(parse("nan", DataType::Float64).is_err());
        assert_eq!(parse("True", DataType::Boolean), Ok(Value::Boolean(true)));
        assert!(parse("2", DataType::Boolean).is_err());
        assert_eq!(parse("", DataType::Utf8), Ok(Value::Utf8(String::new())));
    }

    #[test]
    fn decimals_lose_no_digit() {
        let decimal = DataType::Decimal {
            precision: 5,
            scale: 2,
        };
        for (text, unscaled) in [
            ("1", Some(100)),
            ("-1.5", Some(-150)),
            ("+0.25", Some(25)),
            (".5", Some(50)),
            ("7.", Some(700)),
            ("1.500", Some(150)),
            ("999.99", Some(99999)),
            ("1000", None),
            ("1.005", None),
            ("", None),
            (".", None),
            ("-", None),
            ("1e2", None),
            ("--1", None),
        ] {
            let value = unscaled.map(Value::Decimal);
            assert_eq!(parse(text, decimal.clone()).ok(), value, "{text}");
        }
        let widest = DataType::Decimal {
            precision: 38,
            scale: 0,
        };
        let nines = "9".repeat(38);
        assert_eq!(
            parse(&nines, widest.clone()),
            Ok(Value::Decimal(10i128.pow(38) - 1))
        );
        assert!(parse(&"9".repeat(60), widest).is_err());
    }

    #[test]
    fn dates() {
        assert_eq!(parse("1970-01-02", DataType::Date), Ok(Value::Date(1)));
        assert_eq!(parse("1969-12-31", DataType::Date), Ok(Value::Date(-1)));
        assert!(
            parse("1970-02-30", DataType::Date)
                .unwrap_err()
                .contains("2024-12-31")
        );
        assert!(parse("1970-01-01T10:00", DataType::Date).is_err());
        let day_first = parse_with("02/01/1970", DataType::Date, Some("%d/%m/%Y"));
        assert_eq!(day_first, Ok(Value::Date(1)));
    }

    #[test]
    fn timestamps() {
        let micros = |utc| DataType::Timestamp {
            unit: TimeUnit::Microsecond,
            utc,
        };
        let nanos = DataType::Timestamp {
            unit: TimeUnit::Nanosecond,
            utc: false,
        };
        let ticks = |ticks| Ok(Value::Timestamp(ticks));
        assert_eq!(
            parse("1970-01-01T00:00:01.5", micros(false)),
            ticks(1_500_000)
        );
        assert_eq!(parse("1970-01-01 00:00:01", micros(true)), ticks(1_000_000));
        assert_eq!(parse("1970-01-02", micros(false)), ticks(86_400_000_000));
        assert_eq!(parse("1970-01-01T01:00:00+01:00", micros(true)), ticks(0));
        assert!(parse("1970-01-01T00:00:00Z", micros(false)).is_err());
        assert!(parse("1970-01-01T00:00:00.0000001", micros(false)).is_err());
        assert_eq!(
            parse("1970-01-01T00:00:00.000000001", nanos.clone()),
            ticks(1)
        );
        assert!(parse("2500-01-01", nanos).is_err());
        let format = Some("%d.%m.%Y %H:%M");
        assert_eq!(
            parse_with("01.01.1970 00:01", micros(false), format),
            ticks(60_000_000)
        );
    }
}
