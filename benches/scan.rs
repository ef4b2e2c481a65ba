//! Splitting and indexing: bytes per second, per kernel and kind of data.

use chunketl::base::Dialect;
use chunketl::base::masks::Kernel;
use chunketl::csv::{Indexer, Splitter};
use chunketl::input::{RecordSplit, SplitLimits, Stop};
use divan::counter::BytesCount;
use divan::{Bencher, black_box};

fn main() {
    divan::main();
}

const RECORDS: usize = 200_000;
const COLUMNS: usize = 10;
const LIMITS: SplitLimits = SplitLimits {
    records_max: 65_536,
    bytes_max: 1 << 20,
    record_bytes_max: 1 << 24,
};

/// Records of one kind, numbered so that no two are alike.
fn data(kind: &str) -> Vec<u8> {
    let mut text = String::new();
    for record in 0..RECORDS {
        for column in 0..COLUMNS {
            let number = record.wrapping_mul(7919).wrapping_add(column * 1_000_003);
            let field = match (kind, column) {
                ("quoted", 2 | 5) => format!("\"{:.>9}, \"\"x\"\"\"", number % 1000),
                ("all quoted", _) => format!("\"{}\"", number % 10_000_000),
                ("stray", 3) if record % 50 == 0 => format!("{}\"", number % 100),
                _ => format!("{}", number % 10_000_000),
            };
            text.push_str(&field);
            text.push_str(match (kind, column + 1 == COLUMNS) {
                (_, false) => ",",
                ("crlf", true) => "\r\n",
                (_, true) => "\n",
            });
        }
    }
    text.into_bytes()
}

const KINDS: [&str; 5] = ["plain", "crlf", "quoted", "all quoted", "stray"];

/// Kernels and kinds of data.
fn cases() -> Vec<(String, &'static str)> {
    let kernels = Kernel::available();
    let best = kernels.last().map(|kernel| kernel.name().to_string());
    let mut cases: Vec<_> = kernels
        .iter()
        .map(|kernel| (kernel.name().to_string(), "plain"))
        .collect();
    for kind in &KINDS[1..] {
        cases.push((best.clone().expect("there is a kernel"), kind));
    }
    cases
}

fn kernel(name: &str) -> Kernel {
    let mut kernels = Kernel::available().into_iter();
    kernels
        .find(|kernel| kernel.name() == name)
        .expect("cases come from the available kernels")
}

fn split(splitter: &Splitter, data: &[u8]) -> u64 {
    let (mut at, mut records) = (0, 0);
    loop {
        let split = splitter.split(data, at, &LIMITS, &mut |_| {});
        records += u64::from(split.records);
        at = split.end;
        match split.stop {
            Stop::Full => {}
            Stop::EndOfInput => return records,
            Stop::Oversize { .. } => panic!("no record is that long"),
        }
    }
}

fn index(indexer: &mut Indexer, data: &[u8]) -> usize {
    let (mut at, mut rows) = (0, 0);
    while let Some(fields) = indexer.next(data, &mut at, 256) {
        rows += fields.rows();
        black_box(fields.bounds());
    }
    rows
}

#[divan::bench(args = cases())]
fn split_chunks(bencher: Bencher<'_, '_>, (name, kind): &(String, &str)) {
    let data = data(kind);
    let splitter = Splitter::with_kernel(Dialect::default(), kernel(name));
    assert_eq!(split(&splitter, &data), RECORDS as u64);
    bencher
        .counter(BytesCount::new(data.len()))
        .bench_local(|| split(&splitter, black_box(&data)));
}

#[divan::bench(args = cases())]
fn index_fields(bencher: Bencher<'_, '_>, (name, kind): &(String, &str)) {
    let data = data(kind);
    let mut indexer = Indexer::with_kernel(Dialect::default(), COLUMNS, 1 << 24, kernel(name));
    assert_eq!(index(&mut indexer, &data), RECORDS);
    bencher
        .counter(BytesCount::new(data.len()))
        .bench_local(|| index(&mut indexer, black_box(&data)));
}

#[divan::bench(args = KINDS)]
fn summarize_blocks(bencher: Bencher<'_, '_>, kind: &str) {
    let data = data(kind);
    let splitter = Splitter::new(Dialect::default());
    let block_bytes = 1 << 16;
    let blocks = || -> Vec<_> {
        (0..data.len())
            .step_by(block_bytes)
            .map(|from| splitter.summarize(&data, from, data.len().min(from + block_bytes)))
            .collect()
    };
    let located = splitter.locate(&data, &LIMITS, block_bytes, &blocks());
    let records: u64 = located.iter().map(|split| u64::from(split.records)).sum();
    assert_eq!(records, RECORDS as u64);
    bencher
        .counter(BytesCount::new(data.len()))
        .bench_local(blocks);
}
