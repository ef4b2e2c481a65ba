//! Rolling per function, window and number of keys; divan's items are values.
//!
//! Rows come key after key in a random order, in batches of 16,384, to one shard. Each case is
//! compared with the plain twin on a prefix before it is timed.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, TimestampMicrosecondArray};
use chunketl::base::{Batch, Column, DataType, Function, Order, Origin, Schema, TimeUnit, Window};
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

/// Batches with a time and a value, and the key id of each row.
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
    fn new(keys: u32) -> Self {
        let mut ids = vec![u32::MAX; keys as usize];
        let mut next = 0;
        // Ids come in order of first appearance.
        let mut id = |row: usize| {
            let id = &mut ids[(random(row as u64) % u64::from(keys)) as usize];
            if *id == u32::MAX {
                *id = next;
                next += 1;
            }
            *id
        };
        let batch = |seq: usize| {
            let rows = seq * BATCH_ROWS..(seq + 1) * BATCH_ROWS;
            // Each key has about 30 rows a day.
            let step = 2_880_000_000 / u64::from(keys);
            let times = rows.clone().map(|row| (row as u64 * step) as i64);
            let times: ArrayRef = Arc::new(TimestampMicrosecondArray::from_iter_values(times));
            let values = rows.map(|row| (random(row as u64 + 7) % 100_000) as f64 / 100.0);
            let values: ArrayRef = Arc::new(Float64Array::from_iter_values(values));
            Batch {
                seq: seq as u64,
                source: 0,
                rows: BATCH_ROWS,
                records: None,
                columns: vec![Some(times), Some(values)],
            }
        };
        let chunks = 0..ROWS / BATCH_ROWS;
        Self {
            batches: chunks.clone().map(batch).collect(),
            keys: chunks
                .map(|seq| {
                    (seq * BATCH_ROWS..(seq + 1) * BATCH_ROWS)
                        .map(&mut id)
                        .collect()
                })
                .collect(),
        }
    }
}

fn plan(function: &str, window: &str) -> (Rolling, RollingSpec) {
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
    let spec = RollingSpec {
        column: 1,
        function: function
            .parse::<Function>()
            .expect("the case names a function"),
        window: window.parse::<Window>().expect("the case names a window"),
        min_samples: Some(1),
        output: 2,
    };
    let rolling = Rolling::new(vec![spec.clone()], Some(0), Order::Error, &schema, "bench");
    (rolling.expect("the case is valid"), spec)
}

fn dense(columns: ShardColumns) -> Vec<f64> {
    match columns {
        ShardColumns::Dense(mut columns) => columns.remove(0),
        _ => unreachable!("rolling makes dense columns"),
    }
}

/// Compares the first rows with the plain twin.
fn verify(rolling: &Rolling, spec: &RollingSpec, input: &Input) {
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

fn bench(bencher: Bencher<'_, '_>, function: &str, window: &str, keys: u32) {
    let input = Input::new(keys);
    let (rolling, spec) = plan(function, window);
    verify(&rolling, &spec, &input);
    let rows: Vec<u32> = (0..BATCH_ROWS as u32).collect();
    bencher.counter(ItemsCount::new(ROWS)).bench_local(|| {
        let mut state = rolling.state(0);
        let mut last = 0.0;
        for (batch, keys) in input.batches.iter().zip(&input.keys) {
            let columns = state.advance(batch, &rows, keys);
            last = dense(columns.expect("rows come in order"))[BATCH_ROWS - 1];
        }
        last
    });
}

const FUNCTIONS: [&str; 8] = ["mean", "sum", "std", "min", "max", "count", "median", "q95"];
const KEYS: [u32; 3] = [1, 1000, 1_000_000];

macro_rules! windows {
    ($($name:ident $window:literal),*) => {$(
        #[divan::bench(args = cases(), sample_count = 3, sample_size = 1)]
        fn $name(bencher: Bencher<'_, '_>, (function, keys): (&str, u32)) {
            bench(bencher, function, $window, keys);
        }
    )*};
}

windows!(rows_7 "7", rows_30 "30", rows_1000 "1000", one_day "1d");

fn cases() -> Vec<(&'static str, u32)> {
    let with_keys = |function| KEYS.map(|keys| (function, keys));
    FUNCTIONS.into_iter().flat_map(with_keys).collect()
}
