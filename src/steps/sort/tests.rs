//! Sorting in memory against plain twins: rows that come back as they were, and keys whose bytes have
//! the order of their values.

use std::cmp::Ordering;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Date32Array, Decimal128Array, DictionaryArray,
    Float64Array, Int64Array, StringArray, TimestampNanosecondArray, UInt32Array,
};
use arrow::compute::take;
use arrow::datatypes::{Float64Type, Int32Type, Int64Type};
use proptest::prelude::*;

use super::*;
use crate::base::{Batch, DataType, TimeUnit};
use crate::steps::{RowOrigin, SortKey};

/// The cells of a row: a number, a float, a text.
type Cells = (Option<i64>, Option<f64>, Option<String>);

const TYPES: [DataType; 8] = [
    DataType::Int64,
    DataType::Float64,
    DataType::Utf8,
    DataType::Categorical,
    DataType::Boolean,
    DataType::Date,
    DataType::Decimal {
        precision: 20,
        scale: 2,
    },
    DataType::Timestamp {
        unit: TimeUnit::Nanosecond,
        utc: true,
    },
];

/// A batch with a column of each type.
fn batch(rows: &[Cells]) -> Batch {
    let numbers = || rows.iter().map(|row| row.0);
    let texts = || rows.iter().map(|row| row.2.as_deref());
    let decimals: Decimal128Array = numbers().map(|cell| cell.map(i128::from)).collect();
    let times: TimestampNanosecondArray = numbers().collect();
    let columns: [ArrayRef; 8] = [
        Arc::new(numbers().collect::<Int64Array>()),
        Arc::new(rows.iter().map(|row| row.1).collect::<Float64Array>()),
        Arc::new(texts().collect::<StringArray>()),
        Arc::new(texts().collect::<DictionaryArray<Int32Type>>()),
        Arc::new(
            numbers()
                .map(|cell| cell.map(|n| n % 2 == 0))
                .collect::<BooleanArray>(),
        ),
        Arc::new(
            numbers()
                .map(|cell| cell.map(|n| n as i32))
                .collect::<Date32Array>(),
        ),
        Arc::new(decimals.with_precision_and_scale(20, 2).expect("it fits")),
        Arc::new(times.with_timezone("UTC")),
    ];
    Batch {
        seq: 0,
        source: 0,
        rows: rows.len(),
        records: None,
        columns: columns.into_iter().map(Some).collect(),
    }
}

fn cells() -> impl Strategy<Value = Cells> {
    let number = prop_oneof![-2..3_i64, any::<i64>()];
    let float = prop_oneof![
        Just(0.0),
        Just(-0.0),
        Just(f64::NAN),
        Just(-f64::NAN),
        Just(f64::NEG_INFINITY),
        -2.0..2.0_f64,
    ];
    let text = prop_oneof!["[ab]{0,3}", "\\PC{0,40}"];
    let null = |share| proptest::option::weighted(share, Just(()));
    (number, float, text, null(0.9), null(0.8), null(0.9)).prop_map(
        |(n, x, t, has_n, has_x, has_t)| (has_n.map(|()| n), has_x.map(|()| x), has_t.map(|()| t)),
    )
}

fn layout() -> RowLayout {
    RowLayout::new(TYPES.into_iter().enumerate())
}

/// Each row of a batch of `rows` read somewhere else.
fn origins(rows: usize) -> Vec<RowOrigin> {
    let origin = |row: u32| RowOrigin {
        chunk: u32::MAX - row,
        record: row * 3,
    };
    (0..rows as u32).map(origin).collect()
}

/// The texts of a categorical column, the cells of any other.
fn plain(column: &ArrayRef) -> ArrayRef {
    match column.as_dictionary_opt::<Int32Type>() {
        None => Arc::clone(column),
        Some(categories) => {
            let texts = categories.downcast_dict::<StringArray>().expect("texts");
            Arc::new(texts.into_iter().collect::<StringArray>())
        }
    }
}

/// Cells of one column as the twin orders them: nulls behind or before, whatever the direction.
fn compare<T>(
    one: Option<T>,
    other: Option<T>,
    (descending, nulls_first): (bool, bool),
    by: impl Fn(&T, &T) -> Ordering,
) -> Ordering {
    match (one, other) {
        (None, None) => Ordering::Equal,
        (None, Some(_)) => {
            if nulls_first {
                Ordering::Less
            } else {
                Ordering::Greater
            }
        }
        (Some(_), None) => {
            if nulls_first {
                Ordering::Greater
            } else {
                Ordering::Less
            }
        }
        (Some(one), Some(other)) if descending => by(&other, &one),
        (Some(one), Some(other)) => by(&one, &other),
    }
}

/// NaN is greater than every other number, and there is one zero.
fn floats(one: &f64, other: &f64) -> Ordering {
    let by_value = one.partial_cmp(other);
    by_value.unwrap_or_else(|| one.is_nan().cmp(&other.is_nan()))
}

proptest! {
    #[test]
    fn rows_come_back_as_they_were(
        rows in proptest::collection::vec(cells(), 0..30),
        wanted in proptest::collection::vec(any::<bool>(), 8),
        shift in 0..5_usize,
    ) {
        let batch = batch(&rows);
        let layout = layout();
        let read = origins(rows.len());
        let packed = layout.pack(&batch, &read);
        prop_assert_eq!(packed.len(), rows.len());
        // In another order, each row moved by itself.
        let mut moved = PackedRows::default();
        let order: Vec<u32> = (0..rows.len()).map(|row| ((row + shift) % rows.len()) as u32).collect();
        order.iter().for_each(|row| moved.push(packed.row(*row as usize)));
        let columns = layout.unpack(&moved, 10, &[&wanted[..], &[true, true]].concat()).unwrap();
        prop_assert_eq!(columns.len(), 10);
        let order = UInt32Array::from(order);
        for (slot, column) in columns.iter().enumerate().take(8) {
            prop_assert_eq!(column.is_some(), wanted[slot]);
            let Some(column) = column else { continue };
            column.to_data().validate_full().unwrap();
            let expected = take(batch.column(slot), &order, None).unwrap();
            prop_assert_eq!(column.data_type(), expected.data_type());
            if slot == 1 {
                let bits = |cells: &ArrayRef| -> Vec<Option<u64>> {
                    let cells = cells.as_primitive::<Float64Type>();
                    cells.iter().map(|cell| cell.map(f64::to_bits)).collect()
                };
                prop_assert_eq!(bits(column), bits(&expected));
            } else {
                prop_assert_eq!(&plain(column), &plain(&expected));
            }
        }
        let expected: Vec<RowOrigin> = order.values().iter().map(|row| read[*row as usize]).collect();
        prop_assert_eq!(&*layout.origins(&moved), &expected[..]);
    }

    /// Against a stable sort by comparing cells.
    #[test]
    fn a_run_is_a_stable_sort(
        batches in proptest::collection::vec(proptest::collection::vec(cells(), 0..20), 0..5),
        keys in Just([0_usize, 1, 2, 3, 4]).prop_shuffle(),
        count in 1..4_usize,
        descending in proptest::collection::vec(any::<bool>(), 5),
        nulls_first in any::<bool>(),
    ) {
        let keys = &keys[..count];
        let order = SortOrder {
            keys: { keys.iter() }
                .map(|&slot| SortKey {
                    slot,
                    data_type: TYPES[slot].clone(),
                    descending: descending[slot],
                })
                .collect(),
            nulls_first,
        };
        let layout = RowLayout::new([(0, DataType::Int64)]);
        let mut all = Vec::new();
        let packed: Vec<PackedBatch> = { batches.iter() }
            .map(|rows| {
                let mut batch = batch(rows);
                let read = origins(rows.len());
                let packed = PackedBatch::new(&batch, &order, &layout, &read).unwrap();
                // What is carried through the sort is the number of the row.
                let first = all.len() as i64;
                let numbers = (first..).take(rows.len()).collect::<Int64Array>();
                batch.columns[0] = Some(Arc::new(numbers));
                all.extend(rows.iter().cloned());
                packed.with_rows(layout.pack(&batch, &read))
            })
            .collect();
        let bytes: usize = packed.iter().map(PackedBatch::memory_bytes).sum();
        let run = SortedRun::new(packed);
        prop_assert!(bytes >= run.len() * 16);
        let mut expected: Vec<usize> = (0..all.len()).collect();
        expected.sort_by(|&one, &other| {
            let (one, other) = (&all[one], &all[other]);
            let mut by_key = keys.iter().map(|&slot| {
                let how = (descending[slot], nulls_first);
                let text = |row: &Cells| row.2.clone().map(String::into_bytes);
                match slot {
                    0 => compare(one.0, other.0, how, Ord::cmp),
                    1 => compare(one.1, other.1, how, floats),
                    4 => {
                        let is_even = |row: &Cells| row.0.map(|number| number % 2 == 0);
                        compare(is_even(one), is_even(other), how, Ord::cmp)
                    }
                    _ => compare(text(one), text(other), how, Ord::cmp),
                }
            });
            by_key.find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
        });
        let mut rows = PackedRows::default();
        (0..run.len()).for_each(|index| rows.push(run.entry(index).1));
        let keys: Vec<&[u8]> = (0..run.len()).map(|index| run.entry(index).0).collect();
        prop_assert!(keys.is_sorted());
        let found = layout.unpack(&rows, 1, &[true]).unwrap();
        let found = found[0].as_ref().unwrap().as_primitive::<Int64Type>();
        let found: Vec<usize> = found.values().iter().map(|row| *row as usize).collect();
        prop_assert_eq!(found, expected);
    }
}
