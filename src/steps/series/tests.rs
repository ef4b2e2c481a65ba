//! The fast paths against their plain twins, over shards and batches of any size.

mod edges;

use arrow::array::{
    Array, AsArray, Date32Array, Decimal128Array, DictionaryArray, Float64Array, StringArray,
    TimestampMicrosecondArray, TimestampNanosecondArray,
};
use arrow::datatypes::{Decimal128Type, Float64Type, Int32Type};
use proptest::prelude::*;

use super::*;
use crate::base::{
    Column, Decay, Ewm, Expanding, Function, Origin, Rank, Ties, TimeUnit, Weighted,
};
use crate::spill::{Sizes, TempSpace};
use crate::steps::LaneKeys;
use crate::steps::key::{KeySpec, KeyTable};

const NANOSECONDS: DataType = DataType::Timestamp {
    unit: TimeUnit::Nanosecond,
    utc: false,
};
const CONDUCT: Conduct = Conduct {
    order: Order::Error,
    strict: false,
};

fn column(name: &str, data_type: DataType) -> Column {
    Column {
        name: name.into(),
        data_type,
        format: None,
        origin: Origin::Inferred,
    }
}

/// A step that makes `all` of slot 0, with the times in slot 1; results go to slots 2 and up.
fn plan(
    all: &[Series],
    input: DataType,
    time: DataType,
    conduct: Conduct,
) -> Result<Along, String> {
    let schema = Schema {
        columns: vec![column("v", input), column("t", time)],
    };
    let specs = all.iter().enumerate().map(|(index, series)| SeriesSpec {
        series: *series,
        output: 2 + index,
    });
    let takes_column = all[0].takes_column().then_some(0);
    Along::new(
        specs.collect(),
        takes_column,
        Some(1),
        conduct,
        &schema,
        "test",
    )
}

/// How a step is run.
#[derive(Debug, Clone)]
struct Run {
    /// A power of two.
    shards: usize,
    batch_rows: Vec<usize>,
    /// What a shard may hold where it can spill, and where it cannot, until it counts as outgrown.
    bytes_max: usize,
}

fn any_run() -> impl Strategy<Value = Run> {
    let bytes_max = prop_oneof![Just(usize::MAX), 0..3000_usize];
    let batch_rows = prop::collection::vec(1..20_usize, 1..4);
    (0..3_u32, batch_rows, bytes_max).prop_map(|(shards, batch_rows, bytes_max)| Run {
        shards: 1 << shards,
        batch_rows,
        bytes_max,
    })
}

impl Run {
    /// By so many batches of so many rows in turn, with all the memory there is.
    fn plain(shards: usize, batch_rows: &[usize]) -> Self {
        Self {
            shards,
            batch_rows: batch_rows.to_vec(),
            bytes_max: usize::MAX,
        }
    }

    /// The slots 0 and 1, and the key behind those of `outputs` results, batch by batch.
    fn batches(&self, columns: [&ArrayRef; 2], keys: &[u32], outputs: usize) -> Vec<Batch> {
        let key: ArrayRef = Arc::new(Int64Array::from_iter_values(
            keys.iter().map(|&key| i64::from(key)),
        ));
        let (mut first, mut batches) = (0, Vec::new());
        for &size in self.batch_rows.iter().cycle() {
            let rows = size.min(keys.len() - first);
            if rows == 0 {
                break;
            }
            let slice = |array: &ArrayRef| Some(array.slice(first, rows));
            let mut slots = vec![slice(columns[0]), slice(columns[1])];
            slots.resize(2 + outputs, None);
            slots.push(slice(&key));
            batches.push(Batch {
                seq: batches.len() as u64,
                source: 0,
                rows,
                records: None,
                columns: slots,
            });
            first += rows;
        }
        batches
    }

    /// Has the states of `keyed` work on `batches`, and hands what they make to `made`; what they
    /// leave behind, where they are asked for it. `None` where they have outgrown their memory.
    fn pass(
        &self,
        keyed: &dyn KeyedStep,
        batches: &mut [Batch],
        mut made: impl FnMut(&mut Batch, Vec<ShardOutput>) -> Result<()>,
    ) -> Result<Option<Vec<Arc<dyn Any + Send + Sync>>>> {
        let key_slot = batches.first().map_or(0, |batch| batch.columns.len() - 1);
        let spec = KeySpec::new(vec![key_slot], self.shards);
        let mut lanes: Vec<_> = (0..self.shards)
            .map(|shard| (KeyTable::default(), keyed.state(shard), None))
            .collect();
        let space = Arc::new(TempSpace::new(&std::env::temp_dir(), None));
        let spill = |(table, state, runs): &mut (KeyTable, Box<dyn KeyedState>, Option<Runs>)| {
            let sizes = Sizes {
                block_bytes: 100,
                merge_bytes_max: self.bytes_max.min(1 << 16),
            };
            let runs = runs.get_or_insert_with(|| Runs::sized(&space, sizes).unwrap());
            state.spill(&std::mem::take(table).into_sorted(), runs)
        };
        for batch in batches {
            let rows = spec.partition(batch);
            let mut outputs = Vec::new();
            for (shard, lane) in lanes.iter_mut().enumerate() {
                let (table, state, _) = lane;
                let mut ids = Vec::new();
                if keyed.key_use() != KeyUse::Unused {
                    table.ids(&rows, shard, &mut ids, &mut |_| Ok(())).unwrap();
                }
                let of_shard = rows.rows(shard);
                let columns = state.advance(batch, of_shard, &ids)?;
                outputs.push(ShardOutput {
                    rows: of_shard.to_vec(),
                    columns,
                });
                match keyed.key_use() {
                    KeyUse::Bounded if state.memory_bytes() > self.bytes_max => return Ok(None),
                    KeyUse::Spilt if state.memory_bytes() > self.bytes_max => spill(lane)?,
                    _ => assert!(state.memory_bytes() < 1 << 30),
                }
            }
            made(batch, outputs)?;
        }
        let left = lanes.into_iter().filter_map(|mut lane| {
            if keyed.key_use() != KeyUse::Spilt {
                return lane.1.finish().map(Ok);
            }
            if lane.2.is_some() || lane.1.is_for_runs() {
                spill(&mut lane).unwrap();
            }
            let keys = match lane.2 {
                Some(runs) => LaneKeys::Spilt(runs),
                None => LaneKeys::Held(Arc::new(lane.0.into_sorted())),
            };
            let learnt = lane.1.end(keys, &mut || Ok(()));
            learnt.map(|learnt| learnt.map(|it| it.value)).transpose()
        });
        left.collect::<Result<_>>().map(Some)
    }
}

/// Runs `step` over the columns of slots 0 and 1, in all passes it wants; its results, and its
/// effect.
fn run(
    step: &Along,
    columns: [&ArrayRef; 2],
    keys: &[u32],
    how: &Run,
) -> Result<(Vec<ArrayRef>, Effect)> {
    let outputs = step.plan.outputs.len();
    let mut fitted = None;
    loop {
        let (keyed, fits) = match step.prepare(fitted.as_ref())? {
            Prepared::FitKeyed(keyed) => (keyed, true),
            Prepared::Keyed(keyed) => (keyed, false),
            _ => unreachable!("these steps are keyed"),
        };
        let (mut results, mut total) = (vec![Vec::new(); outputs], Effect::default());
        let mut batches = how.batches(columns, keys, outputs);
        let left = how.pass(&*keyed, &mut batches, |batch, made| {
            if !fits {
                total.flaws += keyed.assemble(batch, made)?.flaws;
                for (index, results) in results.iter_mut().enumerate() {
                    results.push(Arc::clone(batch.column(2 + index)));
                }
            }
            Ok(())
        })?;
        let Some(left) = left else {
            return run(&step.clone().outgrown(true), columns, keys, how);
        };
        if !fits {
            let whole = results.into_iter().map(|arrays| {
                let arrays: Vec<&dyn Array> = arrays.iter().map(|array| &**array).collect();
                arrow::compute::concat(&arrays).expect("the arrays are of one type")
            });
            return Ok((whole.collect(), total));
        }
        fitted = Some(Fitted::Shards(left));
    }
}

fn numbers(array: &ArrayRef) -> Vec<Option<f64>> {
    let floats = arrow::compute::cast(array, &arrow::datatypes::DataType::Float64);
    let floats = floats.expect("results are numbers");
    floats.as_primitive::<Float64Type>().iter().collect()
}

fn any_series() -> impl Strategy<Value = Vec<Series>> {
    let periods = || prop::sample::select(vec![1_u32, 1, 2, 3, 7, 30]);
    let shift = (0..3_u8, periods()).prop_map(|(kind, periods)| match kind {
        0 => Series::Lag(periods),
        1 => Series::Diff(periods),
        _ => Series::PercentChange(periods),
    });
    let running = prop::sample::select(vec![Running::Sum, Running::Max, Running::Min]);
    let ties = vec![
        Ties::Average,
        Ties::Min,
        Ties::Max,
        Ties::First,
        Ties::Dense,
    ];
    let rank = (prop::sample::select(ties), any::<bool>(), any::<bool>());
    let rank = rank.prop_map(|(ties, descending, share)| Rank {
        ties,
        descending,
        share,
    });
    prop_oneof![
        3 => prop::collection::vec(shift, 1..4),
        2 => periods().prop_map(|periods| vec![Series::Lead(periods)]),
        2 => running.prop_map(|running| vec![Series::Running(running)]),
        1 => Just(vec![Series::Count]),
        2 => rank.prop_map(|rank| vec![Series::Rank(rank)]),
        3 => any_ewm(),
        3 => prop::collection::vec(any_expanding(), 1..4),
        1 => (1..9_i64).prop_map(|gap| vec![Series::Session(gap)]),
    ]
}

fn any_ewm() -> impl Strategy<Value = Vec<Series>> {
    let decay = prop_oneof![
        3 => (0.05..1.0).prop_map(Decay::Row),
        1 => (1..20_i64).prop_map(Decay::Time),
    ];
    let functions = vec![Weighted::Mean, Weighted::Std, Weighted::Var];
    let functions = prop::collection::vec(prop::sample::select(functions), 1..4);
    let shape = (decay, any::<bool>(), any::<bool>(), 0..4_u32);
    (shape, functions).prop_map(|((decay, adjust, ignore_nulls, min_samples), functions)| {
        let is_timed = matches!(decay, Decay::Time(_));
        let ewm = |function| {
            Series::Ewm(Ewm {
                function: if is_timed { Weighted::Mean } else { function },
                decay,
                adjust,
                ignore_nulls,
                min_samples,
            })
        };
        functions.into_iter().map(ewm).collect()
    })
}

fn any_expanding() -> impl Strategy<Value = Series> {
    let functions = prop_oneof![
        prop::sample::select(vec![
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
        ]),
        (0.0..=1.0).prop_map(Function::Quantile),
    ];
    (functions, 0..4_u32).prop_map(|(function, min_samples)| {
        Series::Expanding(Expanding {
            function,
            min_samples,
        })
    })
}

/// Key, pause and value of rows; a null time, now and then.
type Row = (u32, Option<i64>, Option<f64>);

fn any_rows() -> impl Strategy<Value = Vec<Row>> {
    let value = prop_oneof![
        6 => (-50..50_i32).prop_map(|number| f64::from(number) / 4.0),
        2 => -1e3..1e3,
        1 => prop::sample::select(vec![0.0, 1e16, -1e16]),
    ];
    let row = (
        0..5_u32,
        prop::option::weighted(0.9, 0..6_i64),
        prop::option::weighted(0.8, value),
    );
    prop::collection::vec(row, 0..50)
}

/// The times of rows: pauses added up.
fn times(rows: &[Row]) -> Vec<Option<i64>> {
    let mut now = 0;
    let rows = rows.iter().map(|(_, pause, _)| {
        pause.map(|pause| {
            now += pause;
            now
        })
    });
    rows.collect()
}

fn agree(found: Option<f64>, expected: Option<f64>) -> bool {
    match (found, expected) {
        (Some(found), Some(expected)) => {
            found == expected || (found - expected).abs() <= 1e-9 * expected.abs().max(1.0)
        }
        (found, expected) => found.is_none() && expected.is_none(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn floats_agree_with_the_plain_twin(
        all in any_series(),
        rows in any_rows(),
        how in any_run(),
    ) {
        let keys: Vec<u32> = rows.iter().map(|row| row.0).collect();
        let cells: Vec<Option<f64>> = rows.iter().map(|row| row.2).collect();
        let times = times(&rows);
        let columns: [ArrayRef; 2] = [
            Arc::new(Float64Array::from(cells.clone())),
            Arc::new(TimestampNanosecondArray::from(times.clone())),
        ];
        prop_assume!(!rows.is_empty());
        // Only what shares its memory stands in one step.
        let all: Vec<Series> = { all.iter() }
            .filter(|series| all.len() == 1 || series.shares_with(&all[0]))
            .copied()
            .collect();
        let step = plan(&all, DataType::Float64, NANOSECONDS, CONDUCT).unwrap();
        let inputs = [&columns[0], &columns[1]];
        let (results, effect) = run(&step, inputs, &keys, &how).unwrap();
        prop_assert_eq!(effect, Effect::default());
        for (series, result) in all.iter().zip(&results) {
            let expected = naive::series(series, &cells, &keys, Some(&times));
            for (row, (found, expected)) in numbers(result).into_iter().zip(expected).enumerate() {
                prop_assert!(
                    agree(found, expected),
                    "{:?} in row {}: {:?}, not {:?}", series, row, found, expected
                );
            }
        }
    }

    #[test]
    fn every_type_agrees_with_the_plain_twin(
        all in prop_oneof![
            (1..9_u32).prop_map(Series::Lag),
            (1..9_u32).prop_map(Series::Lead),
            (1..9_u32).prop_map(Series::Diff),
            prop::sample::select(vec![Running::Sum, Running::Max, Running::Min])
                .prop_map(Series::Running),
            Just(Series::Rank(Rank { ties: Ties::Max, descending: false, share: false })),
        ],
        rows in prop::collection::vec((0..5_u32, prop::option::weighted(0.8, 0..99_i64)), 1..60),
        how in any_run(),
    ) {
        let keys: Vec<u32> = rows.iter().map(|row| row.0).collect();
        let cells: Vec<Option<i64>> = rows.iter().map(|row| row.1).collect();
        let floats: Vec<_> = cells.iter().map(|cell| cell.map(|cell| cell as f64)).collect();
        let expected = naive::series(&all, &floats, &keys, None);
        for (data_type, array) in in_types(&cells) {
            let Ok(step) = plan(&[all], data_type.clone(), DataType::Date, CONDUCT) else {
                let is_text = data_type.is_text();
                let takes = matches!(all, Series::Lag(_) | Series::Lead(_) | Series::Rank(_));
                prop_assert!(is_text || !takes, "{:?} of {}", all, data_type);
                continue;
            };
            let (results, _) = run(&step, [&array, &array], &keys, &how).unwrap();
            let wanted = step.plan.outputs[0].1.to_arrow();
            prop_assert_eq!(results[0].data_type(), &wanted);
            results[0].to_data().validate_full().unwrap();
            prop_assert_eq!(as_numbers(&results[0]), expected.clone(), "{:?} of {}", all, data_type);
        }
    }
}

/// Whole numbers below 100 in every type that orders and keeps them.
fn in_types(cells: &[Option<i64>]) -> Vec<(DataType, ArrayRef)> {
    let decimal = DataType::Decimal {
        precision: 5,
        scale: 2,
    };
    let hundreds = cells
        .iter()
        .map(|cell| cell.map(|cell| i128::from(cell) * 100));
    let hundreds = Decimal128Array::from_iter(hundreds).with_data_type(decimal.to_arrow());
    let days = cells.iter().map(|cell| cell.map(|cell| cell as i32));
    let texts: Vec<Option<String>> = { cells.iter() }
        .map(|cell| cell.map(|cell| format!("{cell:02}")))
        .collect();
    let categories: DictionaryArray<Int32Type> = texts.iter().map(Option::as_deref).collect();
    let times = DataType::Timestamp {
        unit: TimeUnit::Microsecond,
        utc: true,
    };
    vec![
        (DataType::Int64, Arc::new(Int64Array::from(cells.to_vec()))),
        (decimal, Arc::new(hundreds)),
        (DataType::Date, Arc::new(Date32Array::from_iter(days))),
        (
            times,
            Arc::new(TimestampMicrosecondArray::from(cells.to_vec()).with_timezone("UTC")),
        ),
        (DataType::Utf8, Arc::new(StringArray::from(texts.clone()))),
        (DataType::Categorical, Arc::new(categories)),
    ]
}

/// What cells of any of these types mean.
fn as_numbers(array: &ArrayRef) -> Vec<Option<f64>> {
    use arrow::datatypes::DataType as ArrowType;
    match array.data_type() {
        ArrowType::Decimal128(..) => {
            let cells = array.as_primitive::<Decimal128Type>().iter();
            cells
                .map(|cell| cell.map(|cell| cell as f64 / 100.0))
                .collect()
        }
        ArrowType::Utf8 | ArrowType::Dictionary(..) => {
            let texts = arrow::compute::cast(array, &ArrowType::Utf8).unwrap();
            let texts = texts.as_string::<i32>().iter();
            texts
                .map(|text| text.map(|text| text.parse().unwrap()))
                .collect()
        }
        ArrowType::Float64 => numbers(array),
        ArrowType::Date32 => {
            let days = arrow::compute::cast(array, &ArrowType::Int32).unwrap();
            numbers(&days)
        }
        _ => numbers(&arrow::compute::cast(array, &ArrowType::Int64).unwrap()),
    }
}
