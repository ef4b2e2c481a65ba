//! Checks over single batches, against plain loops.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BooleanArray, Date32Array, Int64Array, TimestampNanosecondArray,
};
use proptest::prelude::*;

use super::{Condition, Newest};
use crate::base::{Batch, DataType, TimeUnit};
use crate::steps::expr::{Expression, ScopeColumn, Settings};
use crate::steps::{Prepared, Seen, Step};

fn batch(column: ArrayRef) -> Batch {
    Batch {
        seq: 0,
        source: 0,
        rows: column.len(),
        records: None,
        columns: vec![Some(column)],
    }
}

fn look(step: &dyn Step, column: ArrayRef) -> Seen {
    match step.prepare(None).unwrap() {
        Prepared::Check(check) => check.look(&batch(column)).unwrap(),
        _ => panic!("a check only looks"),
    }
}

proptest! {
    #[test]
    fn conditions_fail_where_they_are_false(
        cells in prop::collection::vec(prop::option::weighted(0.8, -9..9i64), 0..50),
        limit in -9..9i64,
        nulls_fail in any::<bool>(),
    ) {
        let columns = [ScopeColumn { name: "a".into(), slot: 0, data_type: DataType::Int64 }];
        let text = format!("a > {limit}");
        let condition = Expression::condition(&text, &columns, Settings::default()).unwrap();
        let step = Condition::new("check".to_owned(), condition, nulls_fail, false);
        let column: ArrayRef = Arc::new(Int64Array::from(cells.clone()));
        let Seen::Failing(failing) = look(&step, column) else { panic!("rows are looked at") };
        let expected: BooleanArray = { cells.iter() }
            .map(|cell| Some(cell.map_or(nulls_fail, |cell| cell <= limit)))
            .collect();
        prop_assert_eq!(&failing, &expected);
    }

    #[test]
    fn the_newest_time_is_the_largest(
        cells in prop::collection::vec(prop::option::weighted(0.8, -90..90i32), 0..50),
    ) {
        let newest = |step: &Newest, column| match look(step, column) {
            Seen::Newest(newest) => newest,
            Seen::Failing(_) => panic!("times are looked at"),
        };
        let largest = cells.iter().flatten().max().copied().map(i64::from);
        let step = Newest::new("check".to_owned(), 0, &DataType::Date).unwrap();
        let days: ArrayRef = Arc::new(Date32Array::from(cells.clone()));
        prop_assert_eq!(newest(&step, days), largest.map(|days| days * 86_400_000_000));
        let unit = TimeUnit::Nanosecond;
        let data_type = DataType::Timestamp { unit, utc: true };
        let step = Newest::new("check".to_owned(), 0, &data_type).unwrap();
        let ticks = cells.iter().map(|cell| cell.map(i64::from));
        let ticks = ticks.collect::<TimestampNanosecondArray>().with_timezone("UTC");
        let expected = largest.map(|ticks| ticks.div_euclid(1000));
        prop_assert_eq!(newest(&step, Arc::new(ticks)), expected);
    }
}

#[test]
fn what_is_no_time_is_refused() {
    let message = Newest::new("check".to_owned(), 0, &DataType::Utf8).unwrap_err();
    assert_eq!(message, "needs dates or timestamps; the column is utf8");
}
