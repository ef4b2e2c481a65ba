//! The step as a whole: any column, split into any batches and shards, must come out as the plain
//! twins and as pandas make it.

mod fits;

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, DictionaryArray, StringArray};
use arrow::compute::{cast, concat};
use arrow::datatypes::{DataType as ArrowType, Float64Type, Int32Type, Int64Type};
use proptest::prelude::*;

use super::cells::Cell;
use super::*;
use crate::base::{Batch, DataType, ErrorKind, Origin, TimeUnit};
use crate::steps::{Effect, FitOutcome, ShardOutput};

/// How a run cuts up its rows.
#[derive(Debug, Clone, Copy)]
struct Cut {
    batch_rows: usize,
    shards: usize,
    /// Whether fits see the batches backwards.
    backwards: bool,
}

const WHOLE: Cut = Cut {
    batch_rows: usize::MAX,
    shards: 1,
    backwards: false,
};

fn column(data_type: &DataType) -> Column {
    Column {
        name: "c".into(),
        data_type: data_type.clone(),
        format: None,
        origin: Origin::Inferred,
    }
}

fn impute(method: &str, data_type: &DataType) -> Result<Impute> {
    let method = method.parse().unwrap();
    Impute::new(&column(data_type), 0, &method, true, 1 << 20)
}

/// `array` cut up; of text, every other piece is a dictionary.
fn batches(array: &ArrayRef, cut: Cut) -> Vec<Batch> {
    let rows = cut.batch_rows.clamp(1, array.len().max(1));
    let starts = (0..array.len()).step_by(rows);
    let batch = |(seq, start): (usize, usize)| {
        let rows = rows.min(array.len() - start);
        let mut piece = array.slice(start, rows);
        if seq % 2 == 1 && array.data_type() == &ArrowType::Utf8 {
            piece = cast(&piece, &DataType::Categorical.to_arrow()).unwrap();
        }
        Batch {
            seq: seq as u64,
            source: 0,
            rows,
            records: None,
            columns: vec![Some(piece), None],
        }
    };
    starts.enumerate().map(batch).collect()
}

/// Runs one pass of a keyed step and returns what its shards learnt.
fn keyed_pass(
    step: &dyn KeyedStep,
    batches: &mut [Batch],
    keys: &[u32],
    shards: usize,
    lands: bool,
) -> Result<(Vec<Arc<dyn Any + Send + Sync>>, Effect)> {
    let mut states: Vec<_> = (0..shards).map(|shard| step.state(shard)).collect();
    let mut ids = vec![HashMap::new(); shards];
    let mut effect = Effect::default();
    let mut start = 0;
    for batch in batches {
        let mut outputs = Vec::new();
        for (shard, state) in states.iter_mut().enumerate() {
            let (mut rows, mut dense) = (Vec::new(), Vec::new());
            for row in 0..batch.rows {
                let key = keys[start + row];
                if key as usize % shards == shard {
                    let next = ids[shard].len() as u32;
                    rows.push(row as u32);
                    dense.push(*ids[shard].entry(key).or_insert(next));
                }
            }
            let columns = state.advance(batch, &rows, &dense)?;
            outputs.push(ShardOutput { rows, columns });
        }
        start += batch.rows;
        if lands {
            effect.cells_filled += step.assemble(batch, outputs)?.cells_filled;
        }
    }
    let learnt = states
        .into_iter()
        .filter_map(|state| state.finish())
        .collect();
    Ok((learnt, effect))
}

/// Runs a step to its end, as the pipeline does.
fn run(step: &Impute, array: &ArrayRef, keys: &[u32], cut: Cut) -> Result<(Vec<Batch>, Effect)> {
    let mut batches = batches(array, cut);
    let mut prepared = step.prepare(None)?;
    loop {
        let fitted = match prepared {
            Prepared::Fit(mut fit) => loop {
                let mut order: Vec<_> = batches.iter().collect();
                if cut.backwards {
                    order.reverse();
                }
                order.into_iter().try_for_each(|batch| fit.observe(batch))?;
                fit = match fit.finish()? {
                    FitOutcome::Done(fitted) => break fitted,
                    FitOutcome::Again(fit) => fit,
                };
            },
            Prepared::FitKeyed(fit) => {
                let (tables, _) = keyed_pass(&*fit, &mut batches, keys, cut.shards, false)?;
                Fitted::Shards(tables)
            }
            Prepared::Check(_) => unreachable!("a fill checks nothing"),
            Prepared::Local(local) => {
                let mut effect = Effect::default();
                for batch in &mut batches {
                    let of_batch = local.apply(batch)?;
                    effect.cells_filled += of_batch.cells_filled;
                    effect.rows_dropped += of_batch.rows_dropped;
                }
                return Ok((batches, effect));
            }
            Prepared::Reorder(_) => unreachable!("a fill moves no rows"),
            Prepared::Keyed(keyed) => {
                let (_, effect) = keyed_pass(&*keyed, &mut batches, keys, cut.shards, true)?;
                return Ok((batches, effect));
            }
        };
        prepared = step.prepare(Some(&fitted))?;
    }
}

/// Runs a step and returns the column it made.
fn filled(step: &Impute, array: &ArrayRef, keys: &[u32], cut: Cut) -> ArrayRef {
    let (batches, effect) = run(step, array, keys, cut).unwrap();
    if batches.is_empty() {
        return array.clone();
    }
    let pieces = batches.iter().map(|batch| {
        let column = batch.column(0);
        column.to_data().validate_full().unwrap();
        if array.data_type() == &ArrowType::Utf8 {
            return cast(column, array.data_type()).unwrap();
        }
        assert_eq!(column.data_type(), array.data_type());
        Arc::clone(column)
    });
    let pieces: Vec<_> = pieces.collect();
    let pieces: Vec<_> = pieces.iter().map(AsRef::as_ref).collect();
    let filled = concat(&pieces).unwrap();
    let expected = array.null_count() - filled.null_count();
    assert_eq!(
        effect,
        Effect {
            cells_filled: expected as u64,
            ..Effect::default()
        }
    );
    filled
}

fn all_types() -> Vec<DataType> {
    let timestamp = |unit, utc| DataType::Timestamp { unit, utc };
    vec![
        DataType::Int64,
        DataType::Float64,
        DataType::Boolean,
        DataType::Date,
        timestamp(TimeUnit::Microsecond, true),
        timestamp(TimeUnit::Nanosecond, false),
        DataType::Utf8,
        DataType::Categorical,
        DataType::Decimal {
            precision: 20,
            scale: 3,
        },
    ]
}

/// Small numbers as cells of any type, in the same order.
fn encode(cells: &[Option<i64>], data_type: &DataType) -> ArrayRef {
    let arrow = data_type.to_arrow();
    let nulls = cells.iter().map(Option::is_some).collect::<Vec<_>>().into();
    let nulls = Some(nulls);
    let numbers: Vec<i64> = cells.iter().map(|cell| cell.unwrap_or(77)).collect();
    let texts = || {
        cells
            .iter()
            .map(|cell| cell.map(|cell| format!("{:04}", cell + 1000)))
    };
    match data_type {
        DataType::Int64 | DataType::Timestamp { .. } => i64::build(numbers, nulls, &arrow),
        DataType::Float64 => f64::build(
            numbers.into_iter().map(|n| n as f64).collect(),
            nulls,
            &arrow,
        ),
        DataType::Boolean => {
            bool::build(numbers.into_iter().map(|n| n > 0).collect(), nulls, &arrow)
        }
        DataType::Date => i32::build(
            numbers.into_iter().map(|n| n as i32).collect(),
            nulls,
            &arrow,
        ),
        DataType::Decimal { .. } => {
            i128::build(numbers.into_iter().map(i128::from).collect(), nulls, &arrow)
        }
        DataType::Utf8 => Arc::new(texts().collect::<StringArray>()),
        DataType::Categorical => {
            let texts: Vec<_> = texts().collect();
            let texts = texts.iter().map(Option::as_deref);
            Arc::new(texts.collect::<DictionaryArray<Int32Type>>())
        }
    }
}

/// The cells of any type as the numbers they were made from.
fn decode(array: &ArrayRef) -> Vec<Option<i64>> {
    match array.data_type() {
        ArrowType::Decimal128(..) => {
            let cells = i128::read(array);
            (0..array.len())
                .map(|row| array.is_valid(row).then(|| cells[row] as i64))
                .collect()
        }
        ArrowType::Utf8 | ArrowType::Dictionary(..) => {
            let texts = cast(array, &ArrowType::Utf8).unwrap();
            let number = |text: &str| text.parse::<i64>().unwrap() - 1000;
            texts
                .as_string::<i32>()
                .iter()
                .map(|text| text.map(number))
                .collect()
        }
        ArrowType::Date32 => {
            let days = i32::read(array);
            (0..array.len())
                .map(|row| array.is_valid(row).then(|| days[row].into()))
                .collect()
        }
        _ => {
            let numbers = cast(array, &ArrowType::Int64).unwrap();
            numbers.as_primitive::<Int64Type>().iter().collect()
        }
    }
}

fn oracle(method: &str, cells: &[Option<i64>], keys: &[u32]) -> Vec<Option<i64>> {
    let one_key = vec![0; keys.len()];
    match method {
        "ffill" => naive::forward_fill(cells, keys),
        "bfill" => naive::backward_fill(cells, keys),
        "linear" => naive::linear(cells, keys, naive::between),
        "mean" => naive::statistic(cells, &one_key, naive::mean),
        "median" => naive::statistic(cells, &one_key, naive::median),
        "mode" => naive::statistic(cells, &one_key, naive::mode),
        "mean:key" => naive::statistic(cells, keys, naive::mean),
        "median:key" => naive::statistic(cells, keys, naive::median),
        "mode:key" => naive::statistic(cells, keys, naive::mode),
        _ => unreachable!("{method} has no oracle"),
    }
}

const METHODS: [&str; 9] = [
    "ffill",
    "bfill",
    "linear",
    "mean",
    "median",
    "mode",
    "mean:key",
    "median:key",
    "mode:key",
];

fn cells_and_keys() -> impl Strategy<Value = (Vec<Option<i64>>, Vec<u32>)> {
    (0.05..0.95, 1..6u32).prop_flat_map(|(valid, keys)| {
        let cell = prop::option::weighted(valid, -8..8i64);
        prop::collection::vec((cell, 0..keys), 0..60).prop_map(|pairs| pairs.into_iter().unzip())
    })
}

fn cuts() -> impl Strategy<Value = Cut> {
    (1..20usize, 1..4usize, any::<bool>()).prop_map(|(batch_rows, shards, backwards)| Cut {
        batch_rows,
        shards,
        backwards,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    /// Every method on every type that has it, whatever the batches and shards.
    #[test]
    fn equals_the_plain_twin((cells, keys) in cells_and_keys(), cut in cuts()) {
        for data_type in all_types() {
            let cells: Vec<_> = match data_type {
                DataType::Boolean => cells.iter().map(|c| c.map(|c| i64::from(c > 0))).collect(),
                _ => cells.clone(),
            };
            let array = encode(&cells, &data_type);
            for method in METHODS {
                let Ok(step) = impute(method, &data_type) else { continue };
                // Float results are no integers; pandas is their oracle.
                let rounds = ["mean", "median", "linear"].iter().any(|m| method.starts_with(m));
                if rounds && data_type == DataType::Float64 {
                    continue;
                }
                let filled = decode(&filled(&step, &array, &keys, cut));
                prop_assert_eq!(filled, oracle(method, &cells, &keys), "{} {}", method, data_type);
            }
        }
    }

    #[test]
    fn constants_fill_every_null((cells, keys) in cells_and_keys(), cut in cuts()) {
        let filled_with = |method, data_type: &DataType| {
            let step = impute(method, data_type).unwrap();
            decode(&filled(&step, &encode(&cells, data_type), &keys, cut))
        };
        let expected: Vec<_> = cells.iter().map(|cell| cell.or(Some(5))).collect();
        let decimal = DataType::Decimal { precision: 20, scale: 3 };
        let expected_of = [
            ("const:5", DataType::Int64),
            ("const:5", DataType::Float64),
            ("const:1970-01-06", DataType::Date),
            ("const:0.005", decimal),
            ("const:1005", DataType::Utf8),
            ("const:1005", DataType::Categorical),
        ];
        for (method, data_type) in expected_of {
            prop_assert_eq!(&filled_with(method, &data_type), &expected, "{}", data_type);
        }
    }

    #[test]
    fn drop_keeps_the_other_rows((cells, keys) in cells_and_keys(), cut in cuts()) {
        for data_type in all_types() {
            let step = impute("drop", &data_type).unwrap();
            prop_assert!(step.drops_rows());
            let array = encode(&cells, &data_type);
            let before = batches(&array, cut);
            let (after, effect) = run(&step, &array, &keys, cut).unwrap();
            let mut start = 0;
            let mut kept = Vec::new();
            for (batch, whole) in after.iter().zip(before) {
                prop_assert_eq!(batch.column(0).len(), batch.rows);
                prop_assert_eq!(batch.column(0).null_count(), 0);
                kept.extend((0..batch.rows).map(|row| start + batch.record(row)));
                start += whole.rows;
            }
            let expected: Vec<_> = (0..cells.len()).filter(|&row| cells[row].is_some()).collect();
            prop_assert_eq!(effect.rows_dropped as usize, cells.len() - expected.len());
            prop_assert_eq!(kept, expected);
        }
    }
}

#[test]
fn equals_pandas() {
    let text = include_str!("../../../tests/expected/impute/fills.csv");
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let names = reader.headers().unwrap().clone();
    let records: Vec<_> = reader.records().map(|record| record.unwrap()).collect();
    let cell = |text: &str| (!text.is_empty()).then(|| text.parse::<f64>().unwrap());
    let mut cases = 0;
    for case in records.chunk_by(|a, b| a[0] == b[0]) {
        cases += 1;
        let keys: Vec<u32> = case
            .iter()
            .map(|record| record[1].as_bytes()[0].into())
            .collect();
        let cells: Vec<_> = case.iter().map(|record| cell(&record[2])).collect();
        let nulls = cells.iter().map(Option::is_some).collect::<Vec<_>>();
        let numbers = cells.iter().map(|cell| cell.unwrap_or(77.0)).collect();
        let array = f64::build(numbers, Some(nulls.into()), &ArrowType::Float64);
        for field in 3..names.len() {
            let name = &names[field];
            // A fill that follows keys follows the one key there is where none is given.
            let follows = ["ffill", "bfill", "linear"]
                .iter()
                .find(|m| name.starts_with(**m));
            let keys = if name.ends_with(":key") {
                keys.clone()
            } else {
                vec![0; keys.len()]
            };
            let step = impute(follows.unwrap_or(&name), &DataType::Float64).unwrap();
            for batch_rows in [1, 7, 1000] {
                let cut = Cut {
                    batch_rows,
                    shards: 2,
                    backwards: batch_rows == 7,
                };
                let filled = filled(&step, &array, &keys, cut);
                let filled = filled.as_primitive::<Float64Type>();
                for (row, record) in case.iter().enumerate() {
                    let (ours, pandas) = (
                        filled.is_valid(row).then(|| filled.value(row)),
                        cell(&record[field]),
                    );
                    assert!(
                        same(ours, pandas),
                        "{} row {row} {name}: {ours:?}, pandas {pandas:?}",
                        &record[0]
                    );
                }
            }
        }
    }
    assert_eq!(cases, 22);
}

/// Equal, to 12 digits.
fn same(ours: Option<f64>, pandas: Option<f64>) -> bool {
    match (ours, pandas) {
        (Some(ours), Some(pandas)) => {
            ours == pandas || (ours - pandas).abs() <= 1e-12 * pandas.abs()
        }
        (ours, pandas) => ours == pandas,
    }
}
