//! Rolling by shards, batches and rings against its plain twin, for any rows and windows.
//!
//! Bytes or a [`Scenario`] in, a panic out where the two differ. Invariant checked: the same nulls,
//! and the same numbers to 1e-9, whatever the shards and batches.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Float64Array, Int64Array, TimestampNanosecondArray};
use arrow::datatypes::{Float64Type, Int64Type};
use chunketl::base::{Batch, Column, DataType, Function, Order, Origin, Schema, TimeUnit, Window};
use chunketl::steps::key::{KeySpec, KeyTable};
use chunketl::steps::rolling::{Rolling, RollingSpec, naive};
use chunketl::steps::{KeyedState, KeyedStep, ShardOutput};

/// Slots of the columns every scenario has; results follow.
const KEY: usize = 0;
const TIME: usize = 1;
const VALUE: usize = 2;
const RESULTS: usize = 3;

/// Rows, windows over them, and how they are cut up.
#[derive(Debug, Clone)]
pub(crate) struct Scenario {
    /// Key, time in nanoseconds and value of each row.
    pub(crate) rows: Vec<(Option<i64>, Option<i64>, Option<f64>)>,
    /// Function, window and `min_samples` of each result.
    pub(crate) windows: Vec<(Function, Window, Option<u32>)>,
    /// Number of shards, a power of two.
    pub(crate) shards: usize,
    /// Rows of the batches, taken in turn.
    pub(crate) batch_rows: Vec<usize>,
}

/// Reads a scenario off `data` and compares.
pub(crate) fn check(data: &[u8]) {
    let mut bytes = data.iter().copied();
    let mut next = || bytes.next().unwrap_or(0);
    let shards = 1 << (next() % 4);
    let batch_rows = (0..4).map(|_| 1 + usize::from(next())).collect();
    let windows = (0..1 + next() % 6).map(|_| {
        let (function, window, min_samples) = (function(next()), next(), next());
        match window {
            0..160 => {
                let rows = u32::from(window) + 1;
                let min_samples =
                    (min_samples < 128).then_some(u32::from(min_samples) % (rows + 1));
                (function, Window::Rows(rows), min_samples)
            }
            _ => {
                let length = i64::from(window - 159).pow(2);
                let min_samples = (min_samples < 128).then_some(u32::from(min_samples) % 9);
                (function, Window::Time(length), min_samples)
            }
        }
    });
    let windows = windows.collect();
    let mut time = -5;
    let mut rows = Vec::new();
    while let (Some(shape), Some(value)) = (bytes.next(), bytes.next()) {
        // Small steps, mostly forward; late rows are trusted.
        time += i64::from(shape >> 5) - 2;
        let key = (shape & 3 > 0).then_some(i64::from(shape & 3));
        let time = (shape & 28 > 0).then_some(time);
        rows.push((key, time, number(value)));
    }
    compare(&Scenario {
        rows,
        windows,
        shards,
        batch_rows,
    });
}

fn function(byte: u8) -> Function {
    const NAMED: [Function; 10] = [
        Function::Mean,
        Function::Sum,
        Function::Min,
        Function::Max,
        Function::Std,
        Function::Var,
        Function::Count,
        Function::Median,
        Function::First,
        Function::Last,
    ];
    let named = NAMED.get(usize::from(byte % 16));
    named
        .copied()
        .unwrap_or(Function::Quantile(f64::from(byte) / 255.0))
}

/// Everyday values and hard ones.
pub(crate) fn number(byte: u8) -> Option<f64> {
    Some(match byte {
        0..16 => return None,
        16..200 => f64::from(byte) / 8.0 - 12.0,
        200..220 => 1e9 + f64::from(byte) / 1000.0,
        220..224 => 1e16,
        224..228 => -1e16,
        228 => 1e300,
        229 => -1e300,
        230 => 1e200,
        231 => -1e200,
        232 => f64::MAX,
        233 => -f64::MAX,
        234 => f64::from_bits(1),
        235 => -f64::MIN_POSITIVE,
        236 => f64::NAN,
        237 => f64::INFINITY,
        238 => f64::NEG_INFINITY,
        239 => -0.0,
        240.. => 0.1,
    })
}

/// Asserts that the step and its plain twin agree.
pub(crate) fn compare(scenario: &Scenario) {
    let specs = specs(scenario);
    let results = run(scenario, &specs);
    let keys: Vec<u32> = scenario
        .rows
        .iter()
        .map(|row| row.0.map_or(0, |key| key as u32 + 1))
        .collect();
    let times: Vec<_> = scenario.rows.iter().map(|row| row.1).collect();
    let values: Vec<_> = scenario.rows.iter().map(|row| row.2).collect();
    for (spec, result) in specs.iter().zip(results) {
        let expected = naive::rolling(spec, &values, &keys, Some(&times));
        assert_eq!(result.len(), expected.len());
        for (row, (&result, &expected)) in result.iter().zip(&expected).enumerate() {
            assert!(
                agree(result, expected),
                "row {row} of {}:{}: {result:?} instead of {expected:?}",
                spec.function,
                spec.window
            );
        }
    }
}

/// Null together, infinite together, or equal to 1e-9 and to the smallest normal numbers.
pub(crate) fn agree(result: Option<f64>, expected: Option<f64>) -> bool {
    match (result, expected) {
        (None, None) => true,
        (Some(a), Some(b)) if b.is_finite() => (a - b).abs() <= (b.abs() * 1e-9).max(1e-300),
        (Some(a), Some(b)) => a == b,
        _ => false,
    }
}

/// The results asked for, as specs.
pub(crate) fn specs(scenario: &Scenario) -> Vec<RollingSpec> {
    let spec = |(index, &(function, window, min_samples)): (usize, &_)| RollingSpec {
        column: VALUE,
        function,
        window,
        min_samples,
        output: RESULTS + index,
    };
    scenario.windows.iter().enumerate().map(spec).collect()
}

/// Runs the step as a pipeline would, and returns the result columns.
pub(crate) fn run(scenario: &Scenario, specs: &[RollingSpec]) -> Vec<Vec<Option<f64>>> {
    let time = DataType::Timestamp {
        unit: TimeUnit::Nanosecond,
        utc: false,
    };
    let inputs = [
        ("key", DataType::Int64),
        ("time", time),
        ("value", DataType::Float64),
    ];
    let column = |(name, data_type): (&str, DataType)| Column {
        name: name.into(),
        data_type,
        format: None,
        origin: Origin::Inferred,
    };
    let schema = Schema {
        columns: inputs.into_iter().map(column).collect(),
    };
    let rolling = Rolling::new(specs.to_vec(), Some(TIME), Order::Trust, &schema, "rolling")
        .expect("scenarios are valid");
    let key = KeySpec::new(vec![KEY], scenario.shards);
    let mut tables: Vec<_> = (0..scenario.shards).map(|_| KeyTable::default()).collect();
    let mut states: Vec<_> = (0..scenario.shards)
        .map(|shard| rolling.state(shard))
        .collect();
    let mut results = vec![Vec::new(); specs.len()];
    let mut rest = scenario.rows.as_slice();
    for seq in 0.. {
        let rows = scenario.batch_rows[seq % scenario.batch_rows.len()].clamp(1, rest.len().max(1));
        let (taken, left) = rest.split_at(rows.min(rest.len()));
        let mut batch = batch(seq as u64, taken, RESULTS + specs.len());
        advance(&rolling, &key, &mut tables, &mut states, &mut batch);
        for (spec, result) in specs.iter().zip(&mut results) {
            result.extend(cells(batch.column(spec.output)));
        }
        rest = left;
        if rest.is_empty() {
            return results;
        }
    }
    unreachable!("batches have rows")
}

fn batch(seq: u64, rows: &[(Option<i64>, Option<i64>, Option<f64>)], slots: usize) -> Batch {
    let keys: ArrayRef = Arc::new(rows.iter().map(|row| row.0).collect::<Int64Array>());
    let times: ArrayRef = Arc::new(
        rows.iter()
            .map(|row| row.1)
            .collect::<TimestampNanosecondArray>(),
    );
    let values: ArrayRef = Arc::new(rows.iter().map(|row| row.2).collect::<Float64Array>());
    let mut columns = vec![Some(keys), Some(times), Some(values)];
    columns.resize(slots, None);
    Batch {
        seq,
        source: 0,
        rows: rows.len(),
        records: None,
        columns,
    }
}

fn advance(
    rolling: &Rolling,
    key: &KeySpec,
    tables: &mut [KeyTable],
    states: &mut [Box<dyn KeyedState>],
    batch: &mut Batch,
) {
    let keys = key.partition(batch);
    let mut ids = Vec::new();
    let shards = tables.iter_mut().zip(states).enumerate();
    let outputs = shards.map(|(shard, (table, state))| {
        table
            .ids(&keys, shard, &mut ids, &mut |_| Ok(()))
            .expect("there is room");
        let rows = keys.rows(shard).to_vec();
        let columns = state.advance(batch, &rows, &ids);
        ShardOutput {
            columns: columns.expect("late rows are trusted"),
            rows,
        }
    });
    let outputs = outputs.collect();
    rolling
        .assemble(batch, outputs)
        .expect("assembling cannot fail");
}

/// The cells of a result column.
fn cells(array: &ArrayRef) -> Vec<Option<f64>> {
    match array.as_primitive_opt::<Int64Type>() {
        Some(counts) => counts
            .iter()
            .map(|count| count.map(|count| count as f64))
            .collect(),
        None => array.as_primitive::<Float64Type>().iter().collect(),
    }
}
