//! `--dtype` text -> a column's declared type.
//! Keeps: only the documented spellings are types; any other one is an error with the nearest.

use super::names;
use crate::base::{DataType, Notation, TimeUnit};

/// A declared column type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DtypeSpec {
    /// The type. A timestamp's unit and zone are what its text turns out to hold: here they are
    /// microseconds without a zone.
    pub data_type: DataType,
    /// The strptime pattern of a date or timestamp, or the notation of a number, where one was
    /// given; `duration` for seconds that are written as a duration.
    pub format: Option<String>,
}

/// What `--dtype` takes.
const SPELLINGS: [&str; 11] = [
    "int64",
    "float64",
    "float64(1.234,50)",
    "bool",
    "date",
    "date(FORMAT)",
    "timestamp",
    "timestamp(FORMAT)",
    "duration",
    "utf8",
    "categorical",
];

/// Names that other programs use, and ours for them.
const ALIASES: [(&str, &[&str]); 8] = [
    (
        "int64",
        &[
            "int", "integer", "i64", "i32", "int8", "int16", "int32", "uint32", "uint64", "bigint",
            "long",
        ],
    ),
    (
        "float64",
        &["float", "float32", "f64", "f32", "double", "real"],
    ),
    ("bool", &["boolean"]),
    (
        "utf8",
        &["string", "str", "text", "varchar", "char", "object"],
    ),
    (
        "timestamp",
        &["datetime", "datetime64", "datetime64[ns]", "time"],
    ),
    (
        "duration",
        &["timedelta", "timedelta64", "timedelta64[ns]", "interval"],
    ),
    ("categorical", &["category", "enum", "dictionary"]),
    ("decimal(P,S)", &["numeric", "decimal"]),
];

/// `COL=TYPE`.
pub(super) fn parse_column_dtype(text: &str) -> Result<(String, DtypeSpec), String> {
    names::split_column(text, "COL=TYPE, such as amount=float64", parse_dtype)
}

/// One type as `--dtype` spells it.
pub(super) fn parse_dtype(text: &str) -> Result<DtypeSpec, String> {
    const TIMESTAMP: DataType = DataType::Timestamp {
        unit: TimeUnit::Microsecond,
        utc: false,
    };
    let (name, argument) = match text.split_once('(') {
        Some((name, rest)) => {
            let argument = rest
                .strip_suffix(')')
                .ok_or_else(|| format!("`{text}` lacks its closing parenthesis"))?;
            (name, Some(argument))
        }
        None => (text, None),
    };
    let data_type = match (name, argument) {
        ("int64", None) => DataType::Int64,
        ("float64", None) => DataType::Float64,
        ("bool", None) => DataType::Boolean,
        ("utf8", None) => DataType::Utf8,
        ("categorical", None) => DataType::Categorical,
        ("int64", Some(sample)) => return parse_notated(DataType::Int64, sample),
        ("float64", Some(sample)) => return parse_notated(DataType::Float64, sample),
        ("date", _) => DataType::Date,
        ("timestamp", _) => TIMESTAMP,
        ("duration", None) => {
            return Ok(DtypeSpec {
                data_type: DataType::Float64,
                format: Some("duration".to_owned()),
            });
        }
        ("decimal", Some(digits)) => return parse_decimal(digits),
        _ => return Err(unknown(name, argument)),
    };
    if argument.is_some_and(|format| format.trim().is_empty()) {
        return Err(format!(
            "`{text}` has an empty format; write {name}, or a pattern such as {name}(%d/%m/%Y)"
        ));
    }
    if name == "date" && argument.is_some_and(|format| format.starts_with("epoch_")) {
        return Err(format!(
            "a date has no epoch; write timestamp{}",
            &text[4..]
        ));
    }
    Ok(DtypeSpec {
        data_type,
        format: argument.map(str::to_owned),
    })
}

/// A number in the notation of `sample`; an integer's sample may leave out the decimals.
fn parse_notated(data_type: DataType, sample: &str) -> Result<DtypeSpec, String> {
    let whole = |decimal| match data_type {
        DataType::Int64 => Notation::parse(&sample.replacen("234", &format!("234{decimal}50"), 1)),
        _ => None,
    };
    let notation = Notation::parse(sample)
        .or_else(|| whole(','))
        .or_else(|| whole('.'));
    let notation = notation.ok_or_else(|| {
        format!(
            "`{sample}` is no notation; write {data_type}, or how it writes the number 1234.50, \
             such as {data_type}(1.234,50) or {data_type}($1,234.50)"
        )
    })?;
    Ok(DtypeSpec {
        data_type,
        format: Some(notation.to_string()),
    })
}

fn parse_decimal(digits: &str) -> Result<DtypeSpec, String> {
    const PRECISION_MAX: u8 = 38;
    const FORM: &str = "write decimal(P,S) with 1 to 38 digits P, S of them after the point, \
        such as decimal(12,2)";
    let (precision, scale) = digits.split_once(',').ok_or(FORM)?;
    let precision: u8 = precision.trim().parse().map_err(|_| FORM)?;
    let scale: u8 = scale.trim().parse().map_err(|_| FORM)?;
    if !(1..=PRECISION_MAX).contains(&precision) || scale > precision {
        return Err(FORM.to_owned());
    }
    let scale = i8::try_from(scale).expect("at most 38");
    Ok(DtypeSpec {
        data_type: DataType::Decimal { precision, scale },
        format: None,
    })
}

fn unknown(name: &str, argument: Option<&str>) -> String {
    let lower = name.to_lowercase();
    if argument.is_some() && SPELLINGS.contains(&name) {
        return format!("{name} takes nothing in parentheses; write {name}");
    }
    let alias = ALIASES
        .iter()
        .find(|(_, aliases)| aliases.contains(&lower.as_str()));
    if let Some((ours, _)) = alias {
        return format!("unknown type `{name}`; did you mean `{ours}`?");
    }
    let known = SPELLINGS.into_iter().chain(["decimal(P,S)"]);
    crate::base::unknown("type", name, known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings() {
        let plain = |text| {
            let spec = parse_dtype(text).unwrap();
            assert_eq!(spec.format, None, "{text}");
            spec.data_type
        };
        assert_eq!(plain("int64"), DataType::Int64);
        assert_eq!(plain("float64"), DataType::Float64);
        assert_eq!(plain("bool"), DataType::Boolean);
        assert_eq!(plain("date"), DataType::Date);
        assert_eq!(plain("utf8"), DataType::Utf8);
        assert_eq!(plain("categorical"), DataType::Categorical);
        let decimal = |precision, scale| DataType::Decimal { precision, scale };
        assert_eq!(plain("decimal(12,2)"), decimal(12, 2));
        assert_eq!(plain("decimal(38, 38)"), decimal(38, 38));
        let (column, spec) = parse_column_dtype("ts=timestamp(%d/%m/%Y=(%H:%M))").unwrap();
        assert_eq!(column, "ts");
        assert_eq!(spec.format.as_deref(), Some("%d/%m/%Y=(%H:%M)"));
        assert!(matches!(spec.data_type, DataType::Timestamp { .. }));
        assert_eq!(parse_column_dtype("a=b=int64").unwrap().0, "a=b");
        let duration = parse_dtype("duration").unwrap();
        assert_eq!(duration.data_type, DataType::Float64);
        assert_eq!(duration.format.as_deref(), Some("duration"));
    }

    #[test]
    fn other_names_lead_to_ours() {
        for (ours, aliases) in ALIASES {
            for alias in aliases {
                let message = parse_dtype(alias).unwrap_err();
                assert!(
                    message.contains(&format!("did you mean `{ours}`?")),
                    "{message}"
                );
            }
        }
        assert!(parse_dtype("Int64").unwrap_err().contains("`int64`"));
        assert!(parse_dtype("timestmp").unwrap_err().contains("`timestamp`"));
        assert!(
            parse_dtype("xyz")
                .unwrap_err()
                .contains("choose from: int64")
        );
        assert!(parse_dtype("int64(5)").unwrap_err().contains("write int64"));
    }

    #[test]
    fn notations() {
        let format = |text| parse_dtype(text).unwrap().format.unwrap();
        assert_eq!(format("float64(1.234,50)"), "1.234,50");
        assert_eq!(format("float64(€1.234,50)"), "1.234,50 €");
        assert_eq!(format("float64(1 234,50)"), "1 234,50");
        assert_eq!(format("int64(1,234)"), "1,234.50");
        assert_eq!(format("int64(1.234)"), "1.234,50");
        assert_eq!(format("int64($1,234)"), "$1,234.50");
        assert_eq!(format("timestamp(epoch_ms)"), "epoch_ms");
        let message = parse_dtype("date(epoch_s)").unwrap_err();
        assert!(message.contains("timestamp(epoch_s)"), "{message}");
        let message = parse_dtype("float64(1,23)").unwrap_err();
        assert!(message.contains("float64(1.234,50)"), "{message}");
    }

    #[test]
    fn decimals_and_formats_at_their_limits() {
        for text in [
            "decimal(39,2)",
            "decimal(0,0)",
            "decimal(2,3)",
            "decimal(5)",
            "decimal(a,b)",
            "decimal(5,-1)",
            "numeric(5,2)",
        ] {
            assert!(
                parse_dtype(text).unwrap_err().contains("decimal(P,S)"),
                "{text}"
            );
        }
        assert!(parse_dtype("date()").unwrap_err().contains("empty format"));
        assert!(parse_dtype("date(%Y").unwrap_err().contains("parenthesis"));
        assert!(
            parse_column_dtype("int64")
                .unwrap_err()
                .contains("COL=TYPE")
        );
    }
}
