//! Tables per measure and spread of groups, from batches to the last row of the table; divan's items
//! are rows.
//!
//! Rows come in a random order of groups, in batches of 16,384, to one shard, which holds all of
//! them. Before a measure is timed its table is compared with what a plain twin makes of a prefix.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Float64Array, Int64Array};
use arrow::datatypes::{Float64Type, Int64Type};
use chunketl::base::{Batch, DataType, Measured};
use chunketl::steps::aggregate::{Aggregate, KeyColumn, MeasureColumn};
use chunketl::steps::key::{KeySpec, KeyTable};
use chunketl::steps::{KeyedStep, LaneKeys, Prepared, Step};
use divan::Bencher;
use divan::counter::ItemsCount;

const ROWS: usize = 1 << 20;
const BATCH_ROWS: usize = 1 << 14;
/// Batches that are compared with the plain twin.
const PREFIX: usize = 2;

fn main() {
    divan::main();
}

/// How many groups there are, about; rows are spread evenly over them.
const GROUPS: [u64; 3] = [5, 1_000, 1_000_000];
const MEASURES: [&str; 8] = [
    "count()",
    "sum(value)",
    "std(value)",
    "max(value)",
    "nunique(value)",
    "median(value)",
    "approx_nunique(value)",
    "approx_quantile(value, 0.95)",
];

/// Numbers that look random: SplitMix64.
fn random(index: u64) -> u64 {
    let mut x = index.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

fn batches(groups: u64) -> Vec<Batch> {
    let batch = |seq: usize| {
        let rows = (seq * BATCH_ROWS) as u64..((seq + 1) * BATCH_ROWS) as u64;
        let keys = rows.clone().map(|row| (random(row) % groups) as i64);
        let values = rows.map(|row| (random(row + 7) % 100_000) as f64 / 100.0);
        let columns: [ArrayRef; 2] = [
            Arc::new(Int64Array::from_iter_values(keys)),
            Arc::new(Float64Array::from_iter_values(values)),
        ];
        Batch {
            seq: seq as u64,
            source: 0,
            rows: BATCH_ROWS,
            records: None,
            columns: columns.map(Some).to_vec(),
        }
    };
    (0..ROWS / BATCH_ROWS).map(batch).collect()
}

fn aggregate(measures: &[&str]) -> Aggregate {
    let keys = vec![KeyColumn {
        name: "key".into(),
        slot: 0,
        data_type: DataType::Int64,
    }];
    let measures = measures.iter().map(|text| {
        let measured: Measured = text.parse().expect("a measure");
        MeasureColumn {
            name: (*text).to_owned(),
            measure: measured.measure,
            argument: measured.argument.map(|_| (1, DataType::Float64)),
            place: String::new(),
        }
    });
    Aggregate::new("bench".into(), keys, measures.collect(), None).expect("defined for floats")
}

fn keyed(aggregate: &Aggregate) -> Arc<dyn KeyedStep> {
    match aggregate.prepare(None).expect("ready") {
        Prepared::Keyed(step) => step,
        _ => unreachable!("a table is made group by group"),
    }
}

/// The columns of the table, piece after piece.
fn table(aggregate: &Aggregate, batches: &[Batch]) -> Vec<Vec<ArrayRef>> {
    let mut state = keyed(aggregate).state(0);
    let (mut keys, spec) = (KeyTable::default(), KeySpec::new(vec![0], 1));
    let mut ids = Vec::new();
    for batch in batches {
        let rows = spec.partition(batch);
        keys.ids(&rows, 0, &mut ids, &mut |_| Ok(()))
            .expect("there is room");
        state
            .advance(batch, rows.rows(0), &ids)
            .expect("nothing is spilled");
    }
    let keys = LaneKeys::Held(Arc::new(keys.into_sorted()));
    let learnt = state.end(keys, &mut || Ok(())).expect("nothing is read");
    let shard = learnt.expect("a shard leaves its groups behind").value;
    let mut rows = aggregate.rows(vec![shard]).expect("a table");
    let mut pieces = Vec::new();
    while let Some(columns) = rows.next().expect("no cell is beyond its type") {
        pieces.push(columns);
    }
    pieces
}

/// The plain twin: rows and sum of each group.
fn twin(batches: &[Batch]) -> BTreeMap<i64, (i64, f64)> {
    let mut groups = BTreeMap::new();
    for batch in batches {
        let keys = batch.column(0).as_primitive::<Int64Type>().values();
        let values = batch.column(1).as_primitive::<Float64Type>().values();
        for (key, value) in keys.iter().zip(values) {
            let group: &mut (i64, f64) = groups.entry(*key).or_default();
            group.0 += 1;
            group.1 += value;
        }
    }
    groups
}

fn check(measure: &str, batches: &[Batch]) {
    let prefix = &batches[..PREFIX];
    let mut expected = twin(prefix).into_iter();
    for columns in table(&aggregate(&["count()", "sum(value)", measure]), prefix) {
        let keys = columns[0].as_primitive::<Int64Type>().values();
        let counts = columns[1].as_primitive::<Int64Type>().values();
        let sums = columns[2].as_primitive::<Float64Type>().values();
        for ((key, count), sum) in keys.iter().zip(counts).zip(sums) {
            let (wanted, (rows, total)) = expected.next().expect("as many groups");
            assert_eq!((*key, *count), (wanted, rows));
            assert!((sum - total).abs() <= 1e-9 * total.abs());
        }
        assert_eq!(columns[3].len(), keys.len());
    }
    assert!(expected.next().is_none());
}

#[divan::bench(consts = GROUPS, args = MEASURES, sample_count = 5)]
fn measure<const GROUPS: u64>(bencher: Bencher<'_, '_>, measure: &str) {
    let batches = batches(GROUPS);
    check(measure, &batches);
    let aggregate = aggregate(&[measure]);
    bencher
        .counter(ItemsCount::new(ROWS))
        .bench_local(|| table(&aggregate, &batches));
}
