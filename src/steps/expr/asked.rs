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

#[cfg(test)]
mod tests {
    use std::cmp::Ordering;
    use std::sync::Arc;

    use arrow::array::{
        Array, BooleanArray, Date32Array, Float64Array, Int64Array, StringArray,
        TimestampMicrosecondArray,
    };

    use super::super::{ScopeColumn, Settings};
    use super::*;
    use crate::base::{Batch, DataType, TimeUnit};

    const NAMES: [&str; 6] = ["i", "f", "b", "s", "d", "t"];

    fn condition(text: &str) -> Expression {
        let unit = TimeUnit::Microsecond;
        let types = [
            DataType::Int64,
            DataType::Float64,
            DataType::Boolean,
            DataType::Utf8,
            DataType::Date,
            DataType::Timestamp { unit, utc: false },
        ];
        let columns = NAMES.iter().zip(types).enumerate();
        let columns = columns.map(|(slot, (name, data_type))| ScopeColumn {
            name: (*name).into(),
            slot,
            data_type,
        });
        let columns: Vec<_> = columns.collect();
        let condition = Expression::condition(text, &columns, Settings::default());
        condition.unwrap_or_else(|message| panic!("{text}: {message}"))
    }

    /// What is asked of each column, in words.
    fn asked(text: &str) -> Vec<String> {
        let asked = condition(text).asked().into_iter();
        asked
            .map(|(slot, comparison)| format!("{} {comparison:?}", NAMES[slot]))
            .collect()
    }

    #[test]
    fn a_column_beside_a_constant_is_asked_for_either_way_round() {
        for (text, expected) in [
            ("i = 1", "i Equal(Int64(1))"),
            ("1 = i", "i Equal(Int64(1))"),
            ("i <> 1", "i NotEqual(Int64(1))"),
            ("i < 1", "i Less(Int64(1))"),
            ("1 < i", "i Greater(Int64(1))"),
            ("i <= 1", "i LessOrEqual(Int64(1))"),
            ("1 <= i", "i GreaterOrEqual(Int64(1))"),
            ("i > 1", "i Greater(Int64(1))"),
            ("1 > i", "i Less(Int64(1))"),
            ("i >= 1", "i GreaterOrEqual(Int64(1))"),
            ("1 >= i", "i LessOrEqual(Int64(1))"),
            ("f < 1.5", "f Less(Float64(1.5))"),
            ("f < 2", "f Less(Float64(2.0))"),
            ("b = true", "b Equal(Boolean(true))"),
            ("s > 'a'", "s Greater(Utf8(\"a\"))"),
            ("d >= DATE '1970-01-03'", "d GreaterOrEqual(Date(2))"),
            ("d >= '1970-01-03'", "d GreaterOrEqual(Date(2))"),
            (
                "t < TIMESTAMP '1970-01-01 00:00:01'",
                "t Less(Timestamp(1000000))",
            ),
            ("i IS NULL", "i IsNull"),
            ("s IS NOT NULL", "s IsNotNull"),
        ] {
            assert_eq!(asked(text), [expected], "{text}");
        }
    }

    #[test]
    fn of_both_sides_of_and_all_is_asked_and_of_or_and_not_nothing() {
        let both = ["i Greater(Int64(1))", "s IsNotNull"];
        assert_eq!(asked("i > 1 AND s IS NOT NULL"), both);
        let range = ["i GreaterOrEqual(Int64(1))", "i LessOrEqual(Int64(3))"];
        assert_eq!(asked("i BETWEEN 1 AND 3"), range);
        assert_eq!(asked("i > 1 AND (f > 2.5 OR b)"), both[..1]);
        assert_eq!(asked("(i > 1 AND b) AND s IS NOT NULL"), both);
        for text in [
            "i > 1 OR i > 2",
            "NOT (i > 1)",
            "NOT (i > 1 AND s IS NOT NULL)",
            "(i > 1) IS NOT TRUE",
            "i NOT BETWEEN 1 AND 3",
            "CASE WHEN i > 1 THEN true ELSE false END",
            "b",
        ] {
            assert_eq!(asked(text), [""; 0], "{text}");
        }
    }

    #[test]
    fn only_a_column_as_it_is_and_a_constant_are_asked_about() {
        for text in [
            "i < f",
            "i = i",
            "1 = 1",
            "i < 1.5",
            "i < NULL",
            "f = CAST('nan' AS double)",
            "upper(s) = 'A'",
            "s LIKE 'a%'",
            "t < d",
            "d < TIMESTAMP '1970-01-03 12:00:00'",
            "(i > 1) IS NULL",
            "i IS DISTINCT FROM 1",
        ] {
            assert_eq!(asked(text), [""; 0], "{text}");
        }
    }

    #[test]
    fn a_condition_in_which_a_cell_may_be_flawed_asks_nothing() {
        // A row that is passed over would not count its flaw.
        for text in [
            "i > 1 AND i + 1 > 3",
            "i > 1 AND CAST(s AS bigint) = 2",
            "f > 1.5 AND f / 0 > 1",
        ] {
            assert_eq!(asked(text), [""; 0], "{text}");
        }
        assert_eq!(
            asked("i > 1 AND TRY_CAST(s AS bigint) = 2"),
            ["i Greater(Int64(1))"]
        );
    }

    /// Rows of every combination of a few cells of each column.
    fn rows() -> Batch {
        let mut rows = Vec::new();
        for i in [None, Some(i64::MIN), Some(0), Some(1), Some(2)] {
            for f in [None, Some(f64::NAN), Some(-0.0), Some(0.0), Some(1.5)] {
                for b in [None, Some(true), Some(false)] {
                    for s in [None, Some(""), Some("a"), Some("b")] {
                        for d in [None, Some(-1), Some(2)] {
                            rows.push((i, f, b, s, d));
                        }
                    }
                }
            }
        }
        let all = rows.iter();
        let columns: [ArrayRef; 6] = [
            Arc::new(all.clone().map(|row| row.0).collect::<Int64Array>()),
            Arc::new(all.clone().map(|row| row.1).collect::<Float64Array>()),
            Arc::new(all.clone().map(|row| row.2).collect::<BooleanArray>()),
            Arc::new(all.clone().map(|row| row.3).collect::<StringArray>()),
            Arc::new(all.clone().map(|row| row.4).collect::<Date32Array>()),
            Arc::new({ all.map(|row| row.0) }.collect::<TimestampMicrosecondArray>()),
        ];
        Batch {
            seq: 0,
            source: 0,
            rows: rows.len(),
            records: None,
            columns: columns.into_iter().map(Some).collect(),
        }
    }

    /// Whether the cell at `row` is as asked; NaN is greater than all numbers.
    fn has(cells: &ArrayRef, row: usize, comparison: &Comparison) -> bool {
        let compare = |to: &Value| -> Option<Ordering> {
            let cell = value(&cells.slice(row, 1));
            match (cell, to) {
                (None, _) if cells.is_valid(row) => Some(Ordering::Greater),
                (None, _) => None,
                (Some(Value::Int64(cell)), Value::Int64(to))
                | (Some(Value::Timestamp(cell)), Value::Timestamp(to)) => Some(cell.cmp(to)),
                (Some(Value::Float64(cell)), Value::Float64(to)) => cell.partial_cmp(to),
                (Some(Value::Boolean(cell)), Value::Boolean(to)) => Some(cell.cmp(to)),
                (Some(Value::Date(cell)), Value::Date(to)) => Some(cell.cmp(to)),
                (Some(Value::Utf8(cell)), Value::Utf8(to)) => Some(cell.cmp(to)),
                (cell, to) => panic!("{cell:?} beside {to:?}"),
            }
        };
        match comparison {
            Comparison::IsNull => cells.is_null(row),
            Comparison::IsNotNull => cells.is_valid(row),
            Comparison::Equal(to) => compare(to).is_some_and(Ordering::is_eq),
            Comparison::NotEqual(to) => compare(to).is_some_and(Ordering::is_ne),
            Comparison::Less(to) => compare(to).is_some_and(Ordering::is_lt),
            Comparison::LessOrEqual(to) => compare(to).is_some_and(Ordering::is_le),
            Comparison::Greater(to) => compare(to).is_some_and(Ordering::is_gt),
            Comparison::GreaterOrEqual(to) => compare(to).is_some_and(Ordering::is_ge),
        }
    }

    #[test]
    fn every_row_that_is_kept_has_all_that_is_asked() {
        let batch = rows();
        let simple = [
            "i = 1",
            "0 < i",
            "i <> 0",
            "f >= 0.0",
            "f <> 1.5",
            "f > 1.5",
            "f = -0.0",
            "b = false",
            "b <> false",
            "s >= 'a'",
            "s = ''",
            "s IS NULL",
            "f IS NOT NULL",
            "d < '1970-01-02'",
            "t <= '1970-01-01 00:00:00'",
        ];
        let mut kept = 0;
        for one in simple {
            for other in simple {
                for text in [
                    format!("{one} AND {other}"),
                    format!("{one} AND NOT ({other})"),
                    format!("{one} OR {other}"),
                    format!("({one} OR {other}) AND {one}"),
                ] {
                    let condition = condition(&text);
                    let (trues, _) = condition.trues(&batch).expect("no flaws");
                    for row in (0..batch.rows).filter(|&row| trues.value(row)) {
                        kept += 1;
                        for (slot, comparison) in condition.asked() {
                            let cells = batch.column(slot);
                            assert!(has(cells, row, &comparison), "{text}, row {row}");
                        }
                    }
                }
            }
        }
        assert!(kept > 10_000, "{kept}");
    }
}
