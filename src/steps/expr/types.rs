//! The types of expressions: those of columns, NULL before it has a type, and intervals, which are
//! constants only.
//! Keeps: [`common`] is what two sides of an operator are cast to before a kernel sees them.

use std::fmt;

use arrow::datatypes::DataType as ArrowType;

use crate::base::{DataType, TimeUnit};

/// The most digits of a decimal.
pub(super) const DIGITS_MAX: u8 = 38;

/// The type of a part of an expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Type {
    /// NULL by itself: it takes whatever type is wanted.
    Null,
    Boolean,
    Int64,
    Float64,
    Decimal {
        precision: u8,
        scale: i8,
    },
    /// Text, whether its arrays are dictionaries or not.
    Text,
    Date,
    Timestamp {
        unit: TimeUnit,
        utc: bool,
    },
    /// A constant span of time, to be added to dates and timestamps.
    Interval,
}

impl Type {
    /// The type of a column's cells.
    pub(super) fn of(data_type: &DataType) -> Self {
        match *data_type {
            DataType::Int64 => Self::Int64,
            DataType::Float64 => Self::Float64,
            DataType::Boolean => Self::Boolean,
            DataType::Date => Self::Date,
            DataType::Timestamp { unit, utc } => Self::Timestamp { unit, utc },
            DataType::Utf8 | DataType::Categorical => Self::Text,
            DataType::Decimal { precision, scale } => Self::Decimal { precision, scale },
        }
    }

    /// The column type of its cells; `None` where there can be no such column.
    pub(super) fn column(&self) -> Option<DataType> {
        Some(match *self {
            Self::Null | Self::Interval => return None,
            Self::Boolean => DataType::Boolean,
            Self::Int64 => DataType::Int64,
            Self::Float64 => DataType::Float64,
            Self::Decimal { precision, scale } => DataType::Decimal { precision, scale },
            Self::Text => DataType::Utf8,
            Self::Date => DataType::Date,
            Self::Timestamp { unit, utc } => DataType::Timestamp { unit, utc },
        })
    }

    /// The Arrow type of its arrays; text may come as a dictionary instead.
    pub(super) fn arrow(&self) -> ArrowType {
        match self.column() {
            Some(column) => column.to_arrow(),
            None => ArrowType::Null,
        }
    }

    /// Whether it is a number.
    pub(super) fn is_number(&self) -> bool {
        matches!(self, Self::Int64 | Self::Float64 | Self::Decimal { .. })
    }

    /// Whether it is a date or a timestamp.
    pub(super) fn is_time(&self) -> bool {
        matches!(self, Self::Date | Self::Timestamp { .. })
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.column() {
            Some(column) => column.fmt(f),
            None if *self == Self::Null => f.write_str("NULL"),
            None => f.write_str("interval"),
        }
    }
}

/// The type that holds the cells of both; `None` if there is none.
pub(super) fn common(left: &Type, right: &Type) -> Option<Type> {
    use Type::{Date, Decimal, Float64, Int64, Null, Timestamp};
    Some(match (left, right) {
        (one, other) if one == other => one.clone(),
        (Null, one) | (one, Null) => one.clone(),
        (Float64, one) | (one, Float64) if one.is_number() => Float64,
        (Int64, &Decimal { precision, scale }) | (&Decimal { precision, scale }, Int64) => {
            both(19, 0, precision, scale)
        }
        (
            &Decimal { precision, scale },
            &Decimal {
                precision: other,
                scale: other_scale,
            },
        ) => both(precision, scale, other, other_scale),
        (Date, &Timestamp { unit, utc }) | (&Timestamp { unit, utc }, Date) => {
            Timestamp { unit, utc }
        }
        (
            &Timestamp { unit, utc },
            &Timestamp {
                unit: other,
                utc: other_utc,
            },
        ) => Timestamp {
            unit: unit.max(other),
            utc: utc || other_utc,
        },
        _ => return None,
    })
}

/// The decimal that holds the digits of both on both sides of the point, or a float where there is
/// none.
fn both(precision: u8, scale: i8, other: u8, other_scale: i8) -> Type {
    let whole = |precision: u8, scale: i8| i16::from(precision) - i16::from(scale);
    let wide = whole(precision, scale).max(whole(other, other_scale));
    decimal(
        wide + i16::from(scale.max(other_scale)),
        scale.max(other_scale),
    )
}

/// A decimal of so many digits, or a float where those are too many.
pub(super) fn decimal(precision: i16, scale: i8) -> Type {
    match u8::try_from(precision) {
        Ok(precision @ 1..=DIGITS_MAX) if i16::from(scale) <= i16::from(precision) => {
            Type::Decimal { precision, scale }
        }
        _ => Type::Float64,
    }
}
