//! Tables against a plain twin, over any cuts into batches, shards and spills.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BooleanArray, Decimal128Array, Float64Array, Int64Array, StringArray,
    TimestampMicrosecondArray,
};
use arrow::datatypes::Int32Type;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use proptest::prelude::*;

use super::layout::Layout;
use super::state::State;
use super::*;
use crate::base::{DataType, Measure, TimeUnit};
use crate::spill::{Runs, TempSpace};
use crate::steps::LaneKeys;
use crate::steps::key::{KeySpec, KeyTable};

/// How a test runs a table.
#[derive(Debug, Clone, Copy)]
struct Cut {
    batch_rows: usize,
    shards: usize,
    /// Groups that a shard has in memory, at most.
    groups_max: usize,
}

const WHOLE: Cut = Cut {
    batch_rows: usize::MAX,
    shards: 1,
    groups_max: usize::MAX,
};

fn space() -> Arc<TempSpace> {
    Arc::new(TempSpace::new(&std::env::temp_dir(), None))
}

fn layout(keys: &[(usize, DataType)], measures: &[(Measure, Option<(usize, DataType)>)]) -> Layout {
    pivoted(keys, measures, None)
}

fn pivoted(
    keys: &[(usize, DataType)],
    measures: &[(Measure, Option<(usize, DataType)>)],
    pivot: Option<PivotColumns>,
) -> Layout {
    let keys = keys.iter().map(|(slot, data_type)| KeyColumn {
        name: format!("k{slot}"),
        slot: *slot,
        data_type: data_type.clone(),
    });
    let measures = measures.iter().enumerate();
    let measures = measures.map(|(index, (measure, argument))| MeasureColumn {
        name: format!("m{index}"),
        measure: *measure,
        argument: argument.clone(),
        place: format!("m{index}"),
    });
    let (keys, measures) = (keys.collect(), measures.collect());
    Layout::new("aggregate test", keys, measures, pivot)
        .map_err(|refusal| refusal.message)
        .unwrap()
}

/// The table over `columns`, with its header.
fn try_table(layout: Layout, columns: &[ArrayRef], cut: Cut) -> Result<Vec<Vec<String>>> {
    let layout = Arc::new(layout);
    let rows = columns[0].len();
    let spec = KeySpec::new(layout.key_slots.clone(), cut.shards);
    let mut shards = Vec::new();
    for shard in 0..cut.shards {
        let mut state = Box::new(State::new(&layout));
        let mut table = KeyTable::default();
        let mut runs = None;
        for from in (0..rows).step_by(cut.batch_rows.min(rows.max(1))) {
            let length = cut.batch_rows.min(rows - from);
            let batch = Batch {
                seq: 0,
                source: 0,
                rows: length,
                records: None,
                columns: columns
                    .iter()
                    .map(|it| Some(it.slice(from, length)))
                    .collect(),
            };
            let keys = spec.partition(&batch);
            let mut ids = Vec::new();
            table.ids(&keys, shard, &mut ids, &mut |_| Ok(()))?;
            state.advance(&batch, keys.rows(shard), &ids)?;
            if table.len() > cut.groups_max {
                let runs = runs.get_or_insert_with(|| Runs::new(&space()).unwrap());
                state.spill(&std::mem::take(&mut table).into_sorted(), runs)?;
            }
        }
        let sorted = table.into_sorted();
        let keys = match runs {
            None => LaneKeys::Held(Arc::new(sorted)),
            Some(mut runs) => {
                state.spill(&sorted, &mut runs)?;
                LaneKeys::Spilt(runs)
            }
        };
        shards.extend(state.end(keys, &mut || Ok(()))?.map(|learnt| learnt.value));
    }
    let mut rows = TableRows::new(&layout, shards)?;
    let names = rows.schema().columns.iter().map(|it| it.name.to_string());
    let mut table = vec![names.collect::<Vec<_>>()];
    let types = rows.schema().to_arrow();
    while let Some(columns) = rows.next()? {
        for (column, field) in columns.iter().zip(types.fields()) {
            if *column.data_type() != arrow::datatypes::DataType::Utf8 {
                assert_eq!(column.data_type(), field.data_type());
            }
        }
        let options = FormatOptions::new().with_null("-");
        let columns: Vec<ArrayRef> = columns.iter().map(cells::zoneless).collect();
        let cells = columns
            .iter()
            .map(|it| ArrayFormatter::try_new(it, &options).unwrap());
        let cells: Vec<_> = cells.collect();
        for row in 0..columns[0].len() {
            table.push(cells.iter().map(|it| it.value(row).to_string()).collect());
        }
    }
    Ok(table)
}

fn table(layout: Layout, columns: &[ArrayRef], cut: Cut) -> Vec<Vec<String>> {
    try_table(layout, columns, cut).unwrap()
}

fn lines(table: &[Vec<String>]) -> Vec<String> {
    table.iter().map(|row| row.join(" ")).collect()
}

/// All measures of a column of numbers.
fn all(slot: usize, data_type: &DataType) -> Vec<(Measure, Option<(usize, DataType)>)> {
    let measures = [
        Measure::Count,
        Measure::Sum,
        Measure::Mean,
        Measure::Min,
        Measure::Max,
        Measure::Std,
        Measure::Var,
        Measure::Quantile(0.5),
        Measure::Quantile(0.9),
        Measure::Distinct,
        Measure::First,
        Measure::Last,
        Measure::Mode,
        Measure::ApproxDistinct,
        Measure::ApproxQuantile(0.5),
    ];
    measures
        .map(|it| (it, Some((slot, data_type.clone()))))
        .to_vec()
}

#[test]
fn every_type_has_its_measures() {
    let decimal = DataType::Decimal {
        precision: 9,
        scale: 2,
    };
    let time = DataType::Timestamp {
        unit: TimeUnit::Microsecond,
        utc: true,
    };
    let cells = [Some(3), Some(1), None, Some(3), Some(2)];
    let texts = [Some("b"), Some("a"), None, Some("b"), Some("c")];
    let times = cells.map(|cell| cell.map(|cell| cell * 3_600_000_000));
    let dictionary: arrow::array::DictionaryArray<Int32Type> = texts.into_iter().collect();
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from(vec![1; 5])),
        Arc::new(
            Decimal128Array::from(cells.map(|it| it.map(i128::from)).to_vec())
                .with_precision_and_scale(9, 2)
                .unwrap(),
        ),
        Arc::new(BooleanArray::from(
            cells.map(|it| it.map(|it| it == 3)).to_vec(),
        )),
        Arc::new(dictionary),
        Arc::new(TimestampMicrosecondArray::from(times.to_vec()).with_timezone("UTC")),
    ];
    let mut measures = vec![(Measure::Rows, None)];
    for (slot, data_type) in [(1, &decimal), (2, &DataType::Boolean)] {
        for measure in [Measure::Sum, Measure::Mean, Measure::Max, Measure::Mode] {
            measures.push((measure, Some((slot, data_type.clone()))));
        }
    }
    measures.push((Measure::Std, Some((1, decimal))));
    for (slot, data_type) in [(3, &DataType::Categorical), (4, &time)] {
        for measure in [
            Measure::Min,
            Measure::Max,
            Measure::First,
            Measure::Last,
            Measure::Mode,
            Measure::Distinct,
        ] {
            measures.push((measure, Some((slot, data_type.clone()))));
        }
    }
    for cut in [
        WHOLE,
        Cut {
            batch_rows: 2,
            shards: 2,
            groups_max: 0,
        },
    ] {
        let found = table(layout(&[(0, DataType::Int64)], &measures), &columns, cut);
        assert_eq!(
            found[1][..15].join(" "),
            "1 5 0.09 0.0225 0.03 0.03 2 0.5 true false 0.00957427107756338 a c b c"
        );
        let hour = |hour| format!("1970-01-01T0{hour}:00:00");
        assert_eq!(found[1][15..17], ["b", "3"]);
        let expected = [hour(1), hour(3), hour(3), hour(2), hour(3), "3".to_owned()];
        assert_eq!(found[1][17..], expected);
    }
}

#[test]
fn groups_are_in_order_and_null_is_one_of_them() {
    let keys = [Some("b"), None, Some("a"), Some("b"), None, Some("")];
    let columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from(keys.to_vec())),
        Arc::new(Int64Array::from(vec![1, 2, 3, 4, 5, 6])),
    ];
    let sum = [(Measure::Sum, Some((1, DataType::Int64)))];
    for shards in [1, 2, 8] {
        let layout = layout(&[(0, DataType::Utf8)], &sum);
        let cut = Cut {
            batch_rows: 4,
            shards,
            groups_max: 1,
        };
        let found = lines(&table(layout, &columns, cut));
        assert_eq!(found, ["k0 m0", " 6", "a 3", "b 5", "- 7"]);
    }
}

#[test]
fn without_a_key_there_is_one_group_even_of_no_rows() {
    let measures = [
        (Measure::Rows, None),
        (Measure::Sum, Some((0, DataType::Int64))),
        (Measure::Mode, Some((0, DataType::Int64))),
        (Measure::Quantile(0.5), Some((0, DataType::Int64))),
        (Measure::Distinct, Some((0, DataType::Int64))),
    ];
    for groups_max in [0, 9] {
        for (cells, expected) in [(vec![], "0 - - - 0"), (vec![Some(5), None], "2 5 5 5.0 1")] {
            let columns: Vec<ArrayRef> = vec![Arc::new(Int64Array::from(cells))];
            let cut = Cut {
                batch_rows: 1,
                shards: 1,
                groups_max,
            };
            assert_eq!(
                lines(&table(layout(&[], &measures), &columns, cut))[1..],
                [expected]
            );
        }
    }
}

#[test]
fn a_sum_beyond_its_type_names_the_group() {
    let columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from(vec!["a", "b", "b"])),
        Arc::new(Int64Array::from(vec![1, i64::MAX, 1])),
    ];
    let sum = [(Measure::Sum, Some((1, DataType::Int64)))];
    for groups_max in [0, 9] {
        let cut = Cut {
            batch_rows: 1,
            shards: 1,
            groups_max,
        };
        let error = try_table(layout(&[(0, DataType::Utf8)], &sum), &columns, cut);
        let message = error.unwrap_err().to_string();
        assert!(
            message.starts_with("m0: the sum 9223372036854775808 is beyond int64; write sum(CAST"),
            "{message}"
        );
        assert!(message.contains("in the group k0 = b"), "{message}");
    }
}

#[test]
fn a_pivot_makes_columns_of_values() {
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from(vec![
            Some(2),
            Some(1),
            None,
            Some(10),
            Some(2),
        ])),
        Arc::new(StringArray::from(vec![
            Some("x"),
            Some("y"),
            Some("x"),
            None,
            Some("x"),
        ])),
        Arc::new(Int64Array::from(vec![1, 2, 3, 4, 5])),
    ];
    let keys = [(0, DataType::Int64), (1, DataType::Utf8)];
    let measures = [
        (Measure::Sum, Some((2, DataType::Int64))),
        (Measure::Rows, None),
    ];
    for (batch_rows, shards, groups_max) in [(9, 1, 9), (1, 4, 0), (2, 2, 1)] {
        let cut = Cut {
            batch_rows,
            shards,
            groups_max,
        };
        let pivot = |values: &[usize]| {
            let pivot = PivotColumns {
                key: 0,
                values: values.to_vec(),
            };
            lines(&table(
                pivoted(&keys, &measures, Some(pivot)),
                &columns,
                cut,
            ))
        };
        assert_eq!(
            pivot(&[0]),
            ["k1 1 2 10 null", "x - 6 - 3", "y 2 - - -", "- - - 4 -"]
        );
        assert_eq!(
            pivot(&[1, 0])[..2],
            [
                "k1 m1_1 m0_1 m1_2 m0_2 m1_10 m0_10 m1_null m0_null",
                "x - - 2 6 - - 1 3"
            ]
        );
    }
    let many: ArrayRef = Arc::new(Int64Array::from_iter_values(0..1001));
    let pivot = PivotColumns {
        key: 0,
        values: vec![0],
    };
    let layout = pivoted(
        &[(0, DataType::Int64)],
        &[(Measure::Rows, None)],
        Some(pivot),
    );
    let message = try_table(layout, &[many], WHOLE).unwrap_err().to_string();
    assert!(
        message.contains("`k0` has more than 1000 values"),
        "{message}"
    );
}

/// A row of a test: a key, a whole number, a float and a text.
type Row = (Option<u8>, Option<i64>, Option<f64>, Option<&'static str>);

fn row() -> impl Strategy<Value = Row> {
    let float = prop_oneof![
        6 => -1e3..1e3_f64,
        2 => (-5..5_i32).prop_map(f64::from),
        1 => Just(f64::NAN),
        1 => prop_oneof![Just(1e300), Just(-1e300), Just(1e-300), Just(-0.0)],
    ];
    (
        prop::option::weighted(0.9, 0..6_u8),
        prop::option::weighted(0.9, prop_oneof![-9..9_i64, Just(i64::MAX / 1000)]),
        prop::option::weighted(0.9, float),
        prop::option::weighted(
            0.9,
            prop::sample::select(vec!["", "a", "b", "a longer text"]),
        ),
    )
}

fn columns(rows: &[Row]) -> Vec<ArrayRef> {
    let key = |row: &Row| row.0.map(|key| format!("k{key}"));
    vec![
        Arc::new(rows.iter().map(key).collect::<StringArray>()),
        Arc::new(rows.iter().map(|row| row.1).collect::<Int64Array>()),
        Arc::new(rows.iter().map(|row| row.2).collect::<Float64Array>()),
        Arc::new(rows.iter().map(|row| row.3).collect::<StringArray>()),
    ]
}

fn everything() -> Vec<(Measure, Option<(usize, DataType)>)> {
    let mut measures = vec![(Measure::Rows, None)];
    measures.extend(all(1, &DataType::Int64));
    measures.extend(all(2, &DataType::Float64));
    let text = all(3, &DataType::Utf8).into_iter();
    let is_for_text = |measure: &Measure| output_type(*measure, Some(&DataType::Utf8)).is_ok();
    measures.extend(text.filter(|(measure, _)| is_for_text(measure)));
    measures
}

/// The quantile of sorted values.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let exact = (sorted.len() - 1) as f64 * share;
    let (below, above) = (
        sorted[exact.floor() as usize],
        sorted[exact.ceil() as usize],
    );
    if below == above {
        below
    } else {
        below + (above - below) * exact.fract()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn neither_batches_nor_shards_nor_spills_matter(
        rows in prop::collection::vec(row(), 0..120),
        batch_rows in 1..40_usize,
        shards in prop::sample::select(vec![1, 2, 4]),
        groups_max in 0..8_usize,
    ) {
        let columns = columns(&rows);
        let made = || layout(&[(0, DataType::Utf8)], &everything());
        let whole = table(made(), &columns, WHOLE);
        let cut = Cut { batch_rows, shards, groups_max };
        prop_assert_eq!(table(made(), &columns, cut), whole);
    }

    #[test]
    fn numbers_are_those_of_the_plain_twin(rows in prop::collection::vec(row(), 1..80)) {
        let mut groups: BTreeMap<(bool, Option<u8>), Vec<f64>> = BTreeMap::new();
        for (key, _, float, _) in &rows {
            let group = groups.entry((key.is_none(), *key)).or_default();
            group.extend(float.filter(|float| !float.is_nan() && float.abs() < 1e6));
        }
        let usual: Vec<Row> = rows
            .iter()
            .map(|row| (row.0, row.1, row.2.filter(|it| it.is_nan() || it.abs() < 1e6), row.3))
            .collect();
        let measures = all(2, &DataType::Float64);
        let found = table(layout(&[(0, DataType::Utf8)], &measures), &columns(&usual), WHOLE);
        prop_assert_eq!(found.len() - 1, groups.len());
        for (cells, values) in found[1..].iter().zip(groups.values()) {
            let (count, sum) = (values.len() as f64, values.iter().sum::<f64>());
            let mean = sum / count;
            let squares = values.iter().map(|it| (it - mean).powi(2)).sum::<f64>();
            let var = squares / (count - 1.0);
            let mut sorted = values.clone();
            sorted.sort_by(f64::total_cmp);
            let near = |cell: &str, expected: f64, is_there: bool| match cell {
                "-" => !is_there,
                cell => {
                    let cell: f64 = cell.parse().unwrap();
                    is_there && (cell - expected).abs() <= 1e-9 * expected.abs().max(1.0)
                }
            };
            prop_assert_eq!(&cells[1], &values.len().to_string());
            let some = !values.is_empty();
            prop_assert!(near(&cells[2], sum, some) && near(&cells[3], mean, some));
            let two = values.len() > 1;
            prop_assert!(near(&cells[6], var.sqrt(), two) && near(&cells[7], var, two));
            if some {
                prop_assert!(near(&cells[4], sorted[0], true));
                prop_assert!(near(&cells[5], sorted[sorted.len() - 1], true));
                prop_assert!(near(&cells[8], quantile(&sorted, 0.5), true));
                prop_assert!(near(&cells[9], quantile(&sorted, 0.9), true));
                prop_assert!(near(&cells[11], values[0], true));
                prop_assert!(near(&cells[12], values[values.len() - 1], true));
                let approx: f64 = cells[15].parse().unwrap();
                let median = [sorted[(sorted.len() - 1) / 2], sorted[sorted.len() / 2]];
                let error = median.iter().map(|it| it.abs()).fold(0.0, f64::max) / 127.0;
                let (low, high) = (median[0] - error, median[1] + error);
                prop_assert!((low..=high).contains(&approx), "{approx} {median:?}");
            }
            let mut distinct = sorted.clone();
            distinct.dedup();
            prop_assert_eq!(&cells[10], &distinct.len().to_string());
            let times = |value: f64| sorted.iter().filter(|it| **it == value).count();
            let most = distinct.iter().map(|it| times(*it)).max();
            let mode = distinct.iter().copied().find(|it| Some(times(*it)) == most);
            prop_assert!(near(&cells[13], mode.unwrap_or_default(), some));
        }
    }
}
