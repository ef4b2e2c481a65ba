//! What imputation costs per cell: fits and fills over batches that are as large as a chunk's.
//! Each bench checks its answer before it is timed.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, DictionaryArray, Float64Array, Int64Array, StringArray,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType as ArrowType, Float64Type, Int32Type};
use chunketl::base::{Batch, Column, DataType, Origin};
use chunketl::steps::impute::{Impute, naive};
use chunketl::steps::{Effect, Fit, FitOutcome, Fitted, KeyedStep, Prepared, ShardOutput, Step};
use divan::Bencher;
use divan::counter::ItemsCount;

const ROWS: usize = 1 << 17;
const BATCHES: usize = 8;
const KEYS: u32 = 1000;

fn main() {
    divan::main();
}

/// A step of the splitmix64 generator.
fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// Batches of random cells, one in twenty of them null if `nulls`.
fn batches(
    nulls: bool,
    build: impl Fn(&mut dyn Iterator<Item = Option<u64>>) -> ArrayRef,
) -> Vec<Batch> {
    let mut state = 42;
    let batch = |seq| {
        let mut cells = (0..ROWS).map(|_| {
            let cell = random(&mut state);
            (!nulls || !cell.is_multiple_of(20)).then_some(cell >> 16)
        });
        Batch {
            seq,
            source: 0,
            rows: ROWS,
            records: None,
            columns: vec![Some(build(&mut cells))],
        }
    };
    (0..BATCHES as u64).map(batch).collect()
}

fn floats(cells: &mut dyn Iterator<Item = Option<u64>>) -> ArrayRef {
    let amount = |cell: u64| (cell % 100_000_000) as f64 / 100.0;
    Arc::new(cells.map(|cell| cell.map(amount)).collect::<Float64Array>())
}

fn integers(cells: &mut dyn Iterator<Item = Option<u64>>) -> ArrayRef {
    Arc::new(
        cells
            .map(|cell| cell.map(|cell| (cell % 1000) as i64))
            .collect::<Int64Array>(),
    )
}

fn texts(cells: &mut dyn Iterator<Item = Option<u64>>) -> ArrayRef {
    let region = |cell: u64| format!("region {}", cell % 50);
    Arc::new(cells.map(|cell| cell.map(region)).collect::<StringArray>())
}

fn categories(cells: &mut dyn Iterator<Item = Option<u64>>) -> ArrayRef {
    let regions: Vec<_> = cells
        .map(|cell| cell.map(|cell| format!("region {}", cell % 50)))
        .collect();
    let regions = regions.iter().map(Option::as_deref);
    Arc::new(regions.collect::<DictionaryArray<Int32Type>>())
}

fn step(method: &str, data_type: DataType) -> Impute {
    let column = Column {
        name: "c".into(),
        data_type,
        format: None,
        origin: Origin::Inferred,
    };
    Impute::new(&column, 0, &method.parse().unwrap(), true, 1 << 30).unwrap()
}

fn fit(step: &Impute) -> Box<dyn Fit> {
    match step.prepare(None).unwrap() {
        Prepared::Fit(fit) => fit,
        _ => panic!("fitted over the whole column"),
    }
}

/// All passes of a fit; returns what it learnt, as printed.
fn learn(step: &Impute, batches: &[Batch]) -> String {
    let mut fit = fit(step);
    loop {
        batches.iter().for_each(|batch| fit.observe(batch).unwrap());
        fit = match fit.finish().unwrap() {
            FitOutcome::Again(fit) => fit,
            FitOutcome::Done(Fitted::Statistic { exact, .. }) => return exact,
            FitOutcome::Done(_) => panic!("a statistic"),
        };
    }
}

fn bench_fit(
    bencher: Bencher,
    (method, data_type): (&str, DataType),
    batches: &[Batch],
    is_right: impl Fn(&str) -> bool,
) {
    let step = step(method, data_type);
    let exact = learn(&step, batches);
    assert!(is_right(&exact), "{exact}");
    bencher
        .counter(ItemsCount::new(ROWS * BATCHES))
        .bench(|| learn(&step, batches));
}

/// Every number of the column, ascending.
fn sorted_numbers(batches: &[Batch]) -> Vec<f64> {
    let mut numbers = Vec::new();
    for batch in batches {
        let column = cast(batch.column(0), &ArrowType::Float64).unwrap();
        numbers.extend(column.as_primitive::<Float64Type>().iter().flatten());
    }
    numbers.sort_unstable_by(f64::total_cmp);
    numbers
}

fn bench_mean(bencher: Bencher, data_type: DataType, batches: &[Batch]) {
    let numbers = sorted_numbers(batches);
    let mean = numbers.iter().sum::<f64>() / numbers.len() as f64;
    bench_fit(bencher, ("mean", data_type), batches, |exact| {
        (exact.parse::<f64>().unwrap() - mean).abs() < 1e-9 * mean
    });
}

fn bench_median(bencher: Bencher, data_type: DataType, batches: &[Batch]) {
    let numbers = sorted_numbers(batches);
    let (low, high) = ((numbers.len() - 1) / 2, numbers.len() / 2);
    let median = (numbers[low] + numbers[high]) / 2.0;
    bench_fit(bencher, ("median", data_type), batches, |exact| {
        exact.parse::<f64>().unwrap() == median
    });
}

fn bench_text_mode(bencher: Bencher, data_type: DataType, batches: &[Batch]) {
    let mut texts = Vec::new();
    for batch in batches {
        let column = cast(batch.column(0), &ArrowType::Utf8).unwrap();
        let of_batch = column.as_string::<i32>().iter().flatten();
        texts.extend(of_batch.map(str::to_owned));
    }
    let mode = naive::mode(&texts);
    bench_fit(bencher, ("mode", data_type), batches, |exact| exact == mode);
}

#[divan::bench(args = [false, true])]
fn mean_float(bencher: Bencher, nulls: bool) {
    bench_mean(bencher, DataType::Float64, &batches(nulls, floats));
}

#[divan::bench(args = [false, true])]
fn mean_integer(bencher: Bencher, nulls: bool) {
    bench_mean(bencher, DataType::Int64, &batches(nulls, integers));
}

/// A million distinct values: every pass there is.
#[divan::bench]
fn median_float(bencher: Bencher) {
    bench_median(bencher, DataType::Float64, &batches(true, floats));
}

#[divan::bench]
fn median_integer(bencher: Bencher) {
    bench_median(bencher, DataType::Int64, &batches(true, integers));
}

#[divan::bench]
fn mode_utf8(bencher: Bencher) {
    bench_text_mode(bencher, DataType::Utf8, &batches(true, texts));
}

#[divan::bench]
fn mode_categorical(bencher: Bencher) {
    bench_text_mode(bencher, DataType::Categorical, &batches(true, categories));
}

fn bench_constant(bencher: Bencher, method: &str, data_type: DataType, batches: &[Batch]) {
    let Prepared::Local(fill) = step(method, data_type).prepare(None).unwrap() else {
        panic!("filled row by row")
    };
    let apply = || {
        let mut effect = Effect::default();
        for batch in batches {
            effect.cells_filled += fill.apply(&mut batch.clone()).unwrap().cells_filled;
        }
        effect.cells_filled as usize
    };
    assert_eq!(
        apply(),
        batches
            .iter()
            .map(|batch| batch.column(0).null_count())
            .sum::<usize>()
    );
    bencher
        .counter(ItemsCount::new(ROWS * BATCHES))
        .bench(apply);
}

#[divan::bench]
fn const_float(bencher: Bencher) {
    bench_constant(
        bencher,
        "const:0",
        DataType::Float64,
        &batches(true, floats),
    );
}

#[divan::bench]
fn const_utf8(bencher: Bencher) {
    bench_constant(
        bencher,
        "const:Unknown",
        DataType::Utf8,
        &batches(true, texts),
    );
}

#[divan::bench]
fn const_categorical(bencher: Bencher) {
    bench_constant(
        bencher,
        "const:Unknown",
        DataType::Categorical,
        &batches(true, categories),
    );
}

/// A pass of a keyed step over one shard; returns the cells filled, or learns.
fn keyed_pass(step: &dyn KeyedStep, batches: &[Batch], keys: &[u32]) -> (u64, Option<Fitted>) {
    let rows: Vec<u32> = (0..ROWS as u32).collect();
    let mut state = step.state(0);
    let mut filled = 0;
    for batch in batches {
        let columns = state.advance(batch, &rows, keys).unwrap();
        let outputs = vec![ShardOutput {
            rows: Vec::new(),
            columns,
        }];
        filled += step
            .assemble(&mut batch.clone(), outputs)
            .unwrap()
            .cells_filled;
    }
    (
        filled,
        state.finish().map(|table| Fitted::Shards(vec![table])),
    )
}

/// All passes of a keyed fill.
fn fill(step: &Impute, batches: &[Batch], keys: &[u32]) -> u64 {
    let mut fitted = None;
    loop {
        match step.prepare(fitted.as_ref()).unwrap() {
            Prepared::FitKeyed(fit) => fitted = keyed_pass(&*fit, batches, keys).1,
            Prepared::Keyed(keyed) => return keyed_pass(&*keyed, batches, keys).0,
            _ => panic!("filled key by key"),
        }
    }
}

#[divan::bench(args = ["ffill", "bfill", "linear", "mean:key", "median:key"])]
fn keyed_float(bencher: Bencher, method: &str) {
    bench_keyed(bencher, method, DataType::Float64, &batches(true, floats));
}

#[divan::bench(args = ["ffill", "bfill", "mode:key"])]
fn keyed_utf8(bencher: Bencher, method: &str) {
    bench_keyed(bencher, method, DataType::Utf8, &batches(true, texts));
}

fn bench_keyed(bencher: Bencher, method: &str, data_type: DataType, batches: &[Batch]) {
    let step = step(method, data_type);
    let mut state = 7;
    let keys: Vec<u32> = (0..ROWS)
        .map(|_| random(&mut state) as u32 % KEYS)
        .collect();
    let nulls: usize = batches
        .iter()
        .map(|batch| batch.column(0).null_count())
        .sum();
    let filled = fill(&step, batches, &keys) as usize;
    // All but a null before its key's first value or after its last.
    assert!(
        filled <= nulls && filled + 200 > nulls,
        "{filled} of {nulls}"
    );
    bencher
        .counter(ItemsCount::new(ROWS * BATCHES))
        .bench(|| fill(&step, batches, &keys));
}
