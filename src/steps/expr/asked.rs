//! A condition -> what every row that it keeps has in single columns.
//!
//! Invariant: a row that does not have all of it is not kept; one that has may be kept or not.

use arrow::array::{ArrayRef, AsArray};
use arrow::datatypes::{
    DataType as ArrowType, Date32Type, Decimal128Type, Float64Type, Int64Type, TimeUnit,
    TimestampMicrosecondType, TimestampNanosecondType,
};

use super::Expression;
use super::node::{Comparison as Compared, Kind, Node};
use crate::base::{Comparison, Value};

impl Expression {
    /// The slots of columns, and how their cells compare with constants in each row for which the
    /// condition is TRUE, as far as that is plain to see.
    pub fn asked(&self) -> Vec<(usize, Comparison)> {
        let mut asked = Vec::new();
        if !self.root.may_flaw {
            gather(&self.root, &mut asked);
        }
        asked
    }
}

fn gather(node: &Node, asked: &mut Vec<(usize, Comparison)>) {
    match &node.kind {
        Kind::And(left, right) => {
            gather(left, asked);
            gather(right, asked);
        }
        Kind::Compare(compared, left, right) => {
            let found = match (&left.kind, &right.kind) {
                (Kind::Column(slot), Kind::Literal { cell, .. }) => {
                    value(cell).map(|value| (*slot, comparison(*compared, value)))
                }
                (Kind::Literal { cell, .. }, Kind::Column(slot)) => {
                    value(cell).map(|value| (*slot, comparison(turned(*compared), value)))
                }
                _ => None,
            };
            asked.extend(found);
        }
        Kind::IsNull { negated, child } => {
            if let Kind::Column(slot) = child.kind {
                asked.push(match negated {
                    true => (slot, Comparison::IsNotNull),
                    false => (slot, Comparison::IsNull),
                });
            }
        }
        _ => {}
    }
}

/// The comparison that holds if `compared` does with its sides exchanged.
fn turned(compared: Compared) -> Compared {
    match compared {
        Compared::Less => Compared::Greater,
        Compared::LessOrEqual => Compared::GreaterOrEqual,
        Compared::Greater => Compared::Less,
        Compared::GreaterOrEqual => Compared::LessOrEqual,
        same => same,
    }
}

fn comparison(compared: Compared, value: Value) -> Comparison {
    match compared {
        Compared::Equal => Comparison::Equal(value),
        Compared::NotEqual => Comparison::NotEqual(value),
        Compared::Less => Comparison::Less(value),
        Compared::LessOrEqual => Comparison::LessOrEqual(value),
        Compared::Greater => Comparison::Greater(value),
        Compared::GreaterOrEqual => Comparison::GreaterOrEqual(value),
    }
}

/// The only cell of an array, unless it is null or NaN, which sorts apart.
fn value(cell: &ArrayRef) -> Option<Value> {
    if cell.len() != 1 || cell.is_null(0) {
        return None;
    }
    match cell.data_type() {
        ArrowType::Int64 => Some(Value::Int64(cell.as_primitive::<Int64Type>().value(0))),
        ArrowType::Float64 => {
            let value = cell.as_primitive::<Float64Type>().value(0);
            (!value.is_nan()).then_some(Value::Float64(value))
        }
        ArrowType::Boolean => Some(Value::Boolean(cell.as_boolean().value(0))),
        ArrowType::Date32 => Some(Value::Date(cell.as_primitive::<Date32Type>().value(0))),
        ArrowType::Timestamp(TimeUnit::Microsecond, _) => {
            let ticks = cell.as_primitive::<TimestampMicrosecondType>().value(0);
            Some(Value::Timestamp(ticks))
        }
        ArrowType::Timestamp(TimeUnit::Nanosecond, _) => {
            let ticks = cell.as_primitive::<TimestampNanosecondType>().value(0);
            Some(Value::Timestamp(ticks))
        }
        ArrowType::Utf8 => Some(Value::Utf8(cell.as_string::<i32>().value(0).to_owned())),
        ArrowType::Decimal128(..) => Some(Value::Decimal(
            cell.as_primitive::<Decimal128Type>().value(0),
        )),
        _ => None,
    }
}
