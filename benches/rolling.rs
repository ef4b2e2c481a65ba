//! Rolling per function, window and spread of keys, and looking up keys; divan's items are rows.
//!
//! Rows come in a random order of keys, in batches of 16,384, to one shard. Each case is compared
//! with the plain twin on a prefix before it is timed.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array, TimestampMicrosecondArray};
use chunketl::base::{Batch, Column, DataType, Function, Order, Origin, Schema, TimeUnit, Window};
use chunketl::steps::key::{KeySpec, KeyTable};
use chunketl::steps::rolling::{Rolling, RollingSpec, naive};
use chunketl::steps::{KeyedStep, ShardColumns};
use divan::Bencher;
use divan::counter::ItemsCount;

const ROWS: usize = 1 << 21;
const BATCH_ROWS: usize = 1 << 14;
/// Rows that are compared with the plain twin.
const PREFIX: usize = 3000;

fn main() {
    divan::main();
}

/// How rows spread over keys.
#[derive(Debug, Clone, Copy)]
enum Keys {
    /// One key has all rows.
    One,
    /// Of 100,000 keys the k-th has rows in proportion to 1/k, as customers do.
    Zipf,
    /// A million keys have about two rows each.
    Even,
}

impl Keys {
    /// The key of a row.
    fn of(self, row: usize) -> u64 {
        let share = random(row as u64) as f64 / 2_f64.powi(64);
        match self {
            Self::One => 0,
            Self::Zipf => 1e5_f64.powf(share) as u64,
            Self::Even => (share * 1e6) as u64,
        }
    }
}

/// Batches with a time, a value and a key, and the key id of each row.
struct Input {
    batches: Vec<Batch>,
    keys: Vec<Vec<u32>>,
}

/// Numbers that look random: SplitMix64.
fn random(index: u64) -> u64 {
    let mut x = index.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

impl Input {
    fn new(keys: Keys) -> Self {
        let batch = |seq: usize| {
            let rows = seq * BATCH_ROWS..(seq + 1) * BATCH_ROWS;
            // About 27,000 rows a day.
            let times = rows.clone().map(|row| row as i64 * 3_200_000);
            let values = rows
                .clone()
                .map(|row| (random(row as u64 + 7) % 100_000) as f64 / 100.0);
            let cells = rows.map(|row| keys.of(row) as i64);
            let columns: [ArrayRef; 3] = [
                Arc::new(TimestampMicrosecondArray::from_iter_values(times)),
                Arc::new(Float64Array::from_iter_values(values)),
                Arc::new(Int64Array::from_iter_values(cells)),
            ];
            Batch {
                seq: seq as u64,
                source: 0,
                rows: BATCH_ROWS,
                records: None,
                columns: columns.map(Some).to_vec(),
            }
        };
        let batches: Vec<Batch> = (0..ROWS / BATCH_ROWS).map(batch).collect();
        let mut table = KeyTable::default();
        let keys = batches.iter().map(|batch| look_up(&mut table, batch));
        Self {
            keys: keys.collect(),
            batches,
        }
    }
}

/// The ids of a batch's keys.
fn look_up(table: &mut KeyTable, batch: &Batch) -> Vec<u32> {
    let mut ids = Vec::new();
    let rows = KeySpec::new(vec![2], 1).partition(batch);
    let room = &mut |_| Ok(());
    table.ids(&rows, 0, &mut ids, room).expect("there is room");
    ids
}

/// A step of the windows `cases`, such as `mean:7`.
fn plan(cases: &[&str]) -> (Rolling, Vec<RollingSpec>) {
    let time = DataType::Timestamp {
        unit: TimeUnit::Microsecond,
        utc: false,
    };
    let column = |(name, data_type): (&str, DataType)| Column {
        name: name.into(),
        data_type,
        format: None,
        origin: Origin::Inferred,
    };
    let columns = [("time", time), ("value", DataType::Float64)];
    let schema = Schema {
        columns: columns.into_iter().map(column).collect(),
    };
    let spec = |(index, case): (usize, &&str)| {
        let (function, window) = case.split_once(':').expect("a function and a window");
        RollingSpec {
            column: 1,
            function: function.parse::<Function>().expect("a function"),
            window: window.parse::<Window>().expect("a window"),
            min_samples: Some(1),
            output: 3 + index,
        }
    };
    let specs: Vec<_> = cases.iter().enumerate().map(spec).collect();
    let rolling = Rolling::new(specs.clone(), Some(0), Order::Error, &schema, "bench");
    (rolling.expect("the case is valid"), specs)
}

fn dense(columns: ShardColumns) -> Vec<Vec<f64>> {
    match columns {
        ShardColumns::Dense(columns) => columns,
        _ => unreachable!("rolling makes dense columns"),
    }
}

/// Compares the first rows with the plain twin.
fn verify(rolling: &Rolling, specs: &[RollingSpec], input: &Input) {
    use arrow::array::AsArray;
    use arrow::datatypes::{Float64Type, TimestampMicrosecondType};
    let (batch, keys) = (&input.batches[0], &input.keys[0]);
    let rows: Vec<u32> = (0..PREFIX as u32).collect();
    let result = rolling.state(0).advance(batch, &rows, &keys[..PREFIX]);
    let result = dense(result.expect("rows come in order"));
    let times = batch
        .column(0)
        .as_primitive::<TimestampMicrosecondType>()
        .iter();
    let times: Vec<_> = times
        .take(PREFIX)
        .map(|time| time.map(|time| time * 1000))
        .collect();
    let values: Vec<_> = batch
        .column(1)
        .as_primitive::<Float64Type>()
        .iter()
        .take(PREFIX)
        .collect();
    for (spec, result) in specs.iter().zip(result) {
        let expected = naive::rolling(spec, &values, &keys[..PREFIX], Some(&times));
        for (result, expected) in result.into_iter().zip(expected) {
            let expected = expected.unwrap_or(f64::NAN);
            let equal = (result - expected).abs() <= expected.abs() * 1e-9;
            assert!(
                equal || result.is_nan() && expected.is_nan(),
                "{result} is not {expected}"
            );
        }
    }
}

fn bench(bencher: Bencher<'_, '_>, cases: &[&str], keys: Keys) {
    let input = Input::new(keys);
    let (rolling, specs) = plan(cases);
    verify(&rolling, &specs, &input);
    let rows: Vec<u32> = (0..BATCH_ROWS as u32).collect();
    bencher.counter(ItemsCount::new(ROWS)).bench_local(|| {
        let mut state = rolling.state(0);
        let mut last = 0.0;
        for (batch, keys) in input.batches.iter().zip(&input.keys) {
            let columns = state.advance(batch, &rows, keys);
            last = dense(columns.expect("rows come in order"))[0][BATCH_ROWS - 1];
        }
        last
    });
}

const KEYS: [Keys; 3] = [Keys::One, Keys::Zipf, Keys::Even];

/// Three windows over one column in one step.
#[divan::bench(args = KEYS, sample_count = 3, sample_size = 1)]
fn features(bencher: Bencher<'_, '_>, keys: Keys) {
    bench(bencher, &["mean:7", "max:30", "sum:1d"], keys);
}

/// Hashing a batch's keys and giving them ids.
#[divan::bench(args = KEYS, sample_count = 3, sample_size = 1)]
fn key_ids(bencher: Bencher<'_, '_>, keys: Keys) {
    let input = Input::new(keys);
    let last = *input.keys.iter().flatten().max().expect("there are rows");
    bencher.counter(ItemsCount::new(ROWS)).bench_local(|| {
        let mut table = KeyTable::default();
        let batches = input.batches.iter();
        let max = batches.flat_map(|batch| look_up(&mut table, batch)).max();
        assert_eq!(max, Some(last));
    });
}

const FUNCTIONS: [&str; 8] = ["mean", "sum", "std", "min", "max", "count", "median", "q95"];

macro_rules! windows {
    ($($name:ident $window:literal),*) => {$(
        #[divan::bench(args = cases(), sample_count = 3, sample_size = 1)]
        fn $name(bencher: Bencher<'_, '_>, (function, keys): (&str, Keys)) {
            bench(bencher, &[&format!("{function}:{}", $window)], keys);
        }
    )*};
}

windows!(rows_7 "7", rows_30 "30", rows_1000 "1000", one_day "1d");

fn cases() -> Vec<(&'static str, Keys)> {
    let with_keys = |function| KEYS.map(|keys| (function, keys));
    FUNCTIONS.into_iter().flat_map(with_keys).collect()
}
