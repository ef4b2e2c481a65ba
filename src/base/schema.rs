//! Column names and types, and their Arrow counterparts.

use std::fmt;
use std::sync::Arc;

use arrow::datatypes::{DataType as ArrowType, Field, Schema as ArrowSchema};

/// The unit of a timestamp column.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
pub enum TimeUnit {
    /// Microseconds since 1970-01-01T00:00:00.
    Microsecond,
    /// Nanoseconds since 1970-01-01T00:00:00; chosen when fractions need it.
    Nanosecond,
}

impl TimeUnit {
    /// Ticks in one second.
    pub fn per_second(self) -> i64 {
        match self {
            Self::Microsecond => 1_000_000,
            Self::Nanosecond => 1_000_000_000,
        }
    }
}

/// The type of a column.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub enum DataType {
    /// 64-bit signed integer.
    Int64,
    /// 64-bit IEEE 754 float.
    Float64,
    /// true or false.
    Boolean,
    /// Days since 1970-01-01.
    Date,
    /// A point in time; `utc` when the text carries an offset (it is then stored as UTC),
    /// otherwise local time without a zone.
    Timestamp {
        /// The unit of the stored ticks.
        unit: TimeUnit,
        /// Whether the ticks count from 1970-01-01T00:00:00Z rather than from local midnight.
        utc: bool,
    },
    /// Text.
    Utf8,
    /// Text of few values, kept as an Arrow dictionary with int32 keys.
    Categorical,
    /// A 128-bit decimal of at most `precision` digits, `scale` of them after the point.
    Decimal {
        /// Digits in all, 1 to 38.
        precision: u8,
        /// Digits after the point, 0 to `precision`.
        scale: i8,
    },
}

impl DataType {
    /// The Arrow type of a column's arrays.
    pub fn to_arrow(&self) -> ArrowType {
        match *self {
            Self::Int64 => ArrowType::Int64,
            Self::Float64 => ArrowType::Float64,
            Self::Boolean => ArrowType::Boolean,
            Self::Date => ArrowType::Date32,
            Self::Timestamp { unit, utc } => {
                let unit = match unit {
                    TimeUnit::Microsecond => arrow::datatypes::TimeUnit::Microsecond,
                    TimeUnit::Nanosecond => arrow::datatypes::TimeUnit::Nanosecond,
                };
                ArrowType::Timestamp(unit, utc.then(|| Arc::from("UTC")))
            }
            Self::Utf8 => ArrowType::Utf8,
            Self::Categorical => {
                ArrowType::Dictionary(Box::new(ArrowType::Int32), Box::new(ArrowType::Utf8))
            }
            Self::Decimal { precision, scale } => ArrowType::Decimal128(precision, scale),
        }
    }

    /// Whether cells are text (utf8 or categorical).
    pub fn is_text(&self) -> bool {
        matches!(self, Self::Utf8 | Self::Categorical)
    }

    /// Whether cells are numbers (int64, float64 or decimal).
    pub fn is_numeric(&self) -> bool {
        matches!(self, Self::Int64 | Self::Float64 | Self::Decimal { .. })
    }
}

impl fmt::Display for DataType {
    /// The spelling `--dtype` takes, plus unit and zone for timestamps.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int64 => f.write_str("int64"),
            Self::Float64 => f.write_str("float64"),
            Self::Boolean => f.write_str("bool"),
            Self::Date => f.write_str("date"),
            Self::Timestamp { unit, utc } => {
                let unit = match unit {
                    TimeUnit::Microsecond => "us",
                    TimeUnit::Nanosecond => "ns",
                };
                write!(f, "timestamp[{unit}{}]", if *utc { ", UTC" } else { "" })
            }
            Self::Utf8 => f.write_str("utf8"),
            Self::Categorical => f.write_str("categorical"),
            Self::Decimal { precision, scale } => write!(f, "decimal({precision},{scale})"),
        }
    }
}

/// How a column came by its type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origin {
    /// The user named it with `--dtype`: it never widens.
    Declared,
    /// Read off samples: a later cell may widen it.
    Inferred,
    /// Made by a step.
    Derived,
}

/// A named, typed column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// The name, unique in its schema.
    pub name: Arc<str>,
    /// The type of its cells.
    pub data_type: DataType,
    /// How cells are spelt, where not plainly: the strptime pattern of dates and timestamps, the
    /// [`Notation`](super::Notation) of numbers, the pair of words of booleans.
    pub format: Option<Arc<str>>,
    /// How the type was found.
    pub origin: Origin,
}

/// The columns of a batch, in order. A column's index here is its slot in [`super::Batch`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Schema {
    /// The columns, in slot order.
    pub columns: Vec<Column>,
}

impl Schema {
    /// The slot of the column called `name`.
    pub fn slot(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| &*column.name == name)
    }

    /// The Arrow schema of complete batches; every column is nullable.
    pub fn to_arrow(&self) -> ArrowSchema {
        let fields = self
            .columns
            .iter()
            .map(|column| Field::new(column.name.as_ref(), column.data_type.to_arrow(), true));
        ArrowSchema::new(fields.collect::<Vec<_>>())
    }
}
