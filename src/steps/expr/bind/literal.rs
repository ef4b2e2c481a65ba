//! Constants: numbers, texts, sets of them, and the names of types.
//! Keeps: a number with a point is a float64 beside floats and whole numbers, and exactly what was
//! written beside decimals.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BooleanArray, Decimal128Array, Float64Array, Int64Array, StringArray,
    new_null_array,
};
use sqlparser::ast::Value;
use sqlparser::tokenizer::Span as Place;

use super::Binder;
use crate::base::TimeUnit;
use crate::steps::expr::cast;
use crate::steps::expr::node::{Kind, Node, Set};
use crate::steps::expr::types::{DIGITS_MAX, Type};

const LOCAL: Type = Type::Timestamp {
    unit: TimeUnit::Microsecond,
    utc: false,
};
const UTC: Type = Type::Timestamp {
    unit: TimeUnit::Microsecond,
    utc: true,
};
const NANOS: Type = Type::Timestamp {
    unit: TimeUnit::Nanosecond,
    utc: false,
};
/// What DuckDB takes a bare DECIMAL for.
const DECIMAL: Type = Type::Decimal {
    precision: 18,
    scale: 3,
};

/// The names of types, ours first.
pub(super) const TYPE_NAMES: [(&str, Type); 37] = [
    ("int64", Type::Int64),
    ("float64", Type::Float64),
    ("bool", Type::Boolean),
    ("date", Type::Date),
    ("timestamp", LOCAL),
    ("utf8", Type::Text),
    ("decimal", DECIMAL),
    ("bigint", Type::Int64),
    ("double", Type::Float64),
    ("boolean", Type::Boolean),
    ("varchar", Type::Text),
    ("timestamptz", UTC),
    ("timestamp with time zone", UTC),
    ("timestamp without time zone", LOCAL),
    ("timestamp_ns", NANOS),
    ("datetime", LOCAL),
    ("int8", Type::Int64),
    ("integer", Type::Int64),
    ("int", Type::Int64),
    ("int4", Type::Int64),
    ("int2", Type::Int64),
    ("smallint", Type::Int64),
    ("tinyint", Type::Int64),
    ("long", Type::Int64),
    ("signed", Type::Int64),
    ("double precision", Type::Float64),
    ("float", Type::Float64),
    ("float8", Type::Float64),
    ("float4", Type::Float64),
    ("real", Type::Float64),
    ("logical", Type::Boolean),
    ("text", Type::Text),
    ("string", Type::Text),
    ("char", Type::Text),
    ("categorical", Type::Text),
    ("numeric", DECIMAL),
    ("dec", DECIMAL),
];

/// The type called `name`, such as `bigint` or `decimal(12,2)`.
pub(super) fn type_named(name: &str) -> Option<Type> {
    let name = name.to_lowercase();
    let (word, digits) = match name.split_once('(') {
        Some((word, digits)) => (word.trim(), Some(digits.strip_suffix(')')?)),
        None => (name.as_str(), None),
    };
    let (_, found) = TYPE_NAMES.iter().find(|(known, _)| *known == word)?;
    match (found, digits) {
        (Type::Decimal { .. }, Some(digits)) => {
            let (precision, scale) = digits.split_once(',').unwrap_or((digits, "0"));
            let precision: u8 = precision.trim().parse().ok()?;
            let scale: u8 = scale.trim().parse().ok()?;
            let exists = (1..=DIGITS_MAX).contains(&precision) && scale <= precision;
            exists.then(|| Type::Decimal {
                precision,
                scale: scale.cast_signed(),
            })
        }
        // The length of a VARCHAR says nothing, as in DuckDB.
        (Type::Text, _) | (_, None) => Some(found.clone()),
        _ => None,
    }
}

fn literal(cell: ArrayRef, data_type: Type, text: Option<&str>) -> Node {
    let text = text.map(Into::into);
    Node::new(Kind::Literal { cell, text }, data_type)
}

/// NULL of a type.
pub(super) fn null(data_type: &Type) -> Node {
    literal(
        new_null_array(&data_type.arrow(), 1),
        data_type.clone(),
        None,
    )
}

/// The number written as `digits`.
pub(super) fn number(digits: &str) -> Node {
    let digits = digits.replace('_', "");
    if let Ok(value) = digits.parse::<i64>() {
        let cell = Arc::new(Int64Array::from(vec![value]));
        return literal(cell, Type::Int64, Some(&digits));
    }
    let value = digits.parse::<f64>().unwrap_or(f64::NAN);
    literal(
        Arc::new(Float64Array::from(vec![value])),
        Type::Float64,
        Some(&digits),
    )
}

/// A text.
pub(super) fn text(text: &str) -> Node {
    literal(
        Arc::new(StringArray::from(vec![text])),
        Type::Text,
        Some(text),
    )
}

/// The text that `node` is, if it is one in quotes.
pub(super) fn text_of(node: &Node) -> Option<&str> {
    match &node.kind {
        Kind::Literal {
            text: Some(text), ..
        } if node.data_type == Type::Text => Some(text),
        _ => None,
    }
}

/// The number that `node` is, as it was written, if it is one.
pub(super) fn number_of(node: &Node) -> Option<&str> {
    match &node.kind {
        Kind::Literal {
            text: Some(text), ..
        } if node.data_type != Type::Text => Some(text),
        _ => None,
    }
}

/// The whole number that `node` is, if it is one.
pub(super) fn integer_of(node: &Node) -> Option<i64> {
    match &node.kind {
        Kind::Literal {
            text: Some(text), ..
        } if node.data_type == Type::Int64 => text.parse().ok(),
        _ => None,
    }
}

/// Makes a number that was written without an exponent a decimal of just its digits.
pub(super) fn make_exact(node: &mut Node) {
    let Kind::Literal {
        text: Some(text), ..
    } = &node.kind
    else {
        return;
    };
    if !matches!(node.data_type, Type::Int64 | Type::Float64) {
        return;
    }
    let digits = text.trim_start_matches('-');
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let (Ok(count), Ok(scale)) = (
        u8::try_from((whole.len() + fraction.len()).max(1)),
        i8::try_from(fraction.len()),
    ) else {
        return;
    };
    if count > DIGITS_MAX {
        return;
    }
    if let Some(cell) = decimal_cell(text, count, scale) {
        let data_type = Type::Decimal {
            precision: count,
            scale,
        };
        *node = literal(cell, data_type, Some(text));
    }
}

/// The decimal written as `text`; `None` if there is none.
pub(super) fn decimal_cell(text: &str, precision: u8, scale: i8) -> Option<ArrayRef> {
    let unscaled = cast::decimal(text.trim(), precision, scale)?;
    let cell = Decimal128Array::from(vec![unscaled]);
    let cell = cell.with_precision_and_scale(precision, scale).ok()?;
    Some(Arc::new(cell))
}

/// `child IN (items)` as one look-up, where all of them are texts or whole numbers.
pub(super) fn set(child: &Node, items: &[(Node, Place)]) -> Option<Node> {
    let is_null = |node: &Node| node.data_type == Type::Null;
    let has_null = items.iter().any(|(item, _)| is_null(item));
    let values = || {
        items
            .iter()
            .map(|(item, _)| item)
            .filter(|item| !is_null(item))
    };
    let set = match child.data_type {
        Type::Text => {
            let texts = values().map(|item| text_of(item).map(Box::from));
            Set::Texts(texts.collect::<Option<_>>()?)
        }
        Type::Int64 => Set::Numbers(values().map(integer_of).collect::<Option<_>>()?),
        _ => return None,
    };
    let kind = Kind::In {
        child: Box::new(child.clone()),
        set,
        has_null,
    };
    Some(Node::new(kind, Type::Boolean))
}

impl Binder<'_> {
    /// A constant of the parser's.
    pub(super) fn value(&self, value: &Value) -> Option<Node> {
        Some(match value {
            Value::Number(digits, _) => number(digits),
            Value::SingleQuotedString(it) | Value::EscapedStringLiteral(it) => text(it),
            Value::Boolean(value) => {
                let cell = Arc::new(BooleanArray::from(vec![*value]));
                literal(cell, Type::Boolean, None)
            }
            Value::Null => null(&Type::Null),
            _ => return None,
        })
    }

    /// A moment that has a name of its own.
    pub(super) fn moment_constant(&self, name: &str) -> Option<Node> {
        let now = Int64Array::from(vec![self.now]);
        let day = Int64Array::from(vec![self.now.div_euclid(86_400_000_000)]);
        let (values, data_type) = match name.to_ascii_lowercase().as_str() {
            "now" | "current_timestamp" | "get_current_timestamp" => (now, UTC),
            "today" | "current_date" => (day, Type::Date),
            _ => return None,
        };
        let cell = crate::steps::expr::time::moments(&values, &data_type);
        debug_assert!(cell.is_valid(0));
        Some(literal(cell, data_type, None))
    }
}
