//! Steps along the rows of each key, per spread of keys; divan's items are rows.
//!
//! Rows come in a random order of keys, in batches of 16,384, to one shard. Each case is compared
//! with the plain twin on a prefix before it is timed.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, Int64Array};
use arrow::datatypes::Float64Type;
use chunketl::base::{
    Batch, Column, DataType, Decay, Ewm, Expanding, Function, Order, Origin, Rank, Running, Schema,
    Series, Ties, Weighted,
};
use chunketl::steps::key::{KeySpec, KeyTable};
use chunketl::steps::series::{Along, Conduct, SeriesSpec, naive};
use chunketl::steps::{
    Fitted, KeyUse, KeyedState, KeyedStep, LaneKeys, Prepared, ShardOutput, Step,
};
use divan::Bencher;
use divan::counter::ItemsCount;

const ROWS: usize = 1 << 20;
const BATCH_ROWS: usize = 1 << 14;
/// Rows that are compared with the plain twin.
const PREFIX: usize = 400;

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
    /// A million keys have about one row each.
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

/// Numbers that look random: SplitMix64.
fn random(index: u64) -> u64 {
    let mut x = index.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// Batches with a value and a key, and room for a result; and the key id of each row.
struct Input {
    batches: Vec<Batch>,
    keys: Vec<Vec<u32>>,
}

impl Input {
    fn new(keys: Keys, is_whole: bool) -> Self {
        let batch = |seq: usize| {
            let rows = seq * BATCH_ROWS..(seq + 1) * BATCH_ROWS;
            let values = rows.clone().map(|row| random(row as u64 + 7) % 100_000);
            let values: ArrayRef = match is_whole {
                true => Arc::new(Int64Array::from_iter_values(
                    values.map(|value| value as i64),
                )),
                false => Arc::new(Float64Array::from_iter_values(
                    values.map(|value| value as f64 / 100.0),
                )),
            };
            let cells = Int64Array::from_iter_values(rows.map(|row| keys.of(row) as i64));
            Batch {
                seq: seq as u64,
                source: 0,
                rows: BATCH_ROWS,
                records: None,
                columns: vec![Some(values), Some(Arc::new(cells)), None],
            }
        };
        let batches: Vec<Batch> = (0..ROWS / BATCH_ROWS).map(batch).collect();
        let mut table = KeyTable::default();
        let ids = batches.iter().map(|batch| {
            let mut ids = Vec::new();
            let rows = KeySpec::new(vec![1], 1).partition(batch);
            let room = &mut |_| Ok(());
            table.ids(&rows, 0, &mut ids, room).expect("there is room");
            ids
        });
        Self {
            keys: ids.collect(),
            batches,
        }
    }

    fn data_type(&self) -> DataType {
        match self.batches[0].column(0).data_type() {
            arrow::datatypes::DataType::Int64 => DataType::Int64,
            _ => DataType::Float64,
        }
    }
}

fn plan(series: Series, data_type: DataType) -> Along {
    let column = Column {
        name: "value".into(),
        data_type,
        format: None,
        origin: Origin::Inferred,
    };
    let schema = Schema {
        columns: vec![column],
    };
    let conduct = Conduct {
        order: Order::Error,
        strict: false,
    };
    let specs = vec![SeriesSpec { series, output: 2 }];
    let column = series.takes_column().then_some(0);
    Along::new(specs, column, None, conduct, &schema, "bench").expect("the case is valid")
}

/// One pass over all batches; the results of the first one.
fn pass(
    keyed: &dyn KeyedStep,
    batches: &[Batch],
    keys: &[Vec<u32>],
    fits: bool,
) -> (Box<dyn KeyedState>, Option<ArrayRef>) {
    let mut state = keyed.state(0);
    let mut first = None;
    for (batch, keys) in batches.iter().zip(keys) {
        let rows: Vec<u32> = (0..batch.rows as u32).collect();
        let columns = state.advance(batch, &rows, keys).expect("nothing is wrong");
        if !fits {
            let mut batch = batch.clone();
            let output = ShardOutput { rows, columns };
            keyed.assemble(&mut batch, vec![output]).expect("landed");
            first.get_or_insert_with(|| Arc::clone(batch.column(2)));
        }
    }
    (state, first)
}

/// All passes; the results of the first batch.
fn run(step: &Along, batches: &[Batch], keys: &[Vec<u32>]) -> ArrayRef {
    let mut fitted = None;
    loop {
        match step.prepare(fitted.as_ref()).expect("a plan") {
            Prepared::FitKeyed(keyed) => {
                let (state, _) = pass(&*keyed, batches, keys, true);
                let learnt = match keyed.key_use() {
                    KeyUse::Spilt => {
                        let end = state.end(LaneKeys::Held(Arc::default()), &mut || Ok(()));
                        end.expect("nothing is written").map(|learnt| learnt.value)
                    }
                    _ => state.finish(),
                };
                fitted = Some(Fitted::Shards(learnt.into_iter().collect()));
            }
            Prepared::Keyed(keyed) => {
                let (_, first) = pass(&*keyed, batches, keys, false);
                return first.expect("there are rows");
            }
            _ => unreachable!("these steps are keyed"),
        }
    }
}

/// Compares the first rows with the plain twin.
fn verify(step: &Along, series: &Series, input: &Input) {
    let whole = &input.batches[0];
    let prefix = |slot: usize| Some(whole.column(slot).slice(0, PREFIX));
    let batch = Batch {
        rows: PREFIX,
        columns: vec![prefix(0), prefix(1), None],
        ..whole.clone()
    };
    let keys = input.keys[0][..PREFIX].to_vec();
    let floats = |array: &ArrayRef| -> Vec<Option<f64>> {
        let floats = arrow::compute::cast(array, &arrow::datatypes::DataType::Float64);
        let floats = floats.expect("numbers");
        floats.as_primitive::<Float64Type>().iter().collect()
    };
    let cells = floats(batch.column(0));
    let expected = naive::series(series, &cells, &keys, None);
    let found = run(step, &[batch], &[keys]);
    for (found, expected) in floats(&found).into_iter().zip(expected) {
        let (found, expected) = (found.unwrap_or(f64::NAN), expected.unwrap_or(f64::NAN));
        let equal = (found - expected).abs() <= expected.abs().max(1.0) * 1e-9;
        assert!(
            equal || found.is_nan() && expected.is_nan(),
            "{found} is not {expected}"
        );
    }
}

fn bench(bencher: Bencher<'_, '_>, series: Series, keys: Keys, is_whole: bool) {
    let input = Input::new(keys, is_whole);
    let step = plan(series, input.data_type());
    verify(&step, &series, &input);
    bencher
        .counter(ItemsCount::new(ROWS))
        .bench_local(|| run(&step, &input.batches, &input.keys));
}

const KEYS: [Keys; 3] = [Keys::One, Keys::Zipf, Keys::Even];

macro_rules! cases {
    ($($name:ident $series:expr, $is_whole:literal;)*) => {$(
        #[divan::bench(args = KEYS, sample_count = 3, sample_size = 1)]
        fn $name(bencher: Bencher<'_, '_>, keys: Keys) {
            bench(bencher, $series, keys, $is_whole);
        }
    )*};
}

fn rank() -> Series {
    Series::Rank(Rank {
        ties: Ties::Average,
        descending: false,
        share: false,
    })
}

fn ewm(function: Weighted) -> Series {
    Series::Ewm(Ewm {
        function,
        decay: Decay::Row(0.2),
        adjust: true,
        ignore_nulls: false,
        min_samples: 1,
    })
}

fn expanding(function: Function) -> Series {
    Series::Expanding(Expanding {
        function,
        min_samples: 1,
    })
}

cases! {
    lag_1 Series::Lag(1), false;
    lag_7 Series::Lag(7), false;
    lead_1 Series::Lead(1), false;
    diff_1 Series::Diff(1), true;
    cumsum Series::Running(Running::Sum), false;
    cumsum_of_integers Series::Running(Running::Sum), true;
    cummax Series::Running(Running::Max), false;
    cumcount Series::Count, false;
    ranks rank(), false;
    ewm_mean ewm(Weighted::Mean), false;
    ewm_std ewm(Weighted::Std), false;
    expanding_mean expanding(Function::Mean), false;
    expanding_std expanding(Function::Std), false;
    expanding_median expanding(Function::Median), false;
}
