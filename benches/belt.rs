//! The whole belt: generated transactions to a Parquet lake, plain and with features per customer.
//!
//! ```sh
//! cargo bench --bench belt
//! ```

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use chunketl::config::Mode;
use chunketl::{Builder, Pipeline};
use divan::Bencher;
use divan::counter::BytesCount;
use generator::{Extent, Job, Rates, Shape, Sink};

const ROWS: u64 = 500_000;

/// The input, made once; it lies in the target directory and is written over by the next run.
fn input() -> &'static Path {
    static INPUT: OnceLock<PathBuf> = OnceLock::new();
    INPUT.get_or_init(|| {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("belt.csv");
        let job = Job {
            rates: Rates {
                late: 0.0,
                ..Rates::REALISTIC
            },
            clean_time: true,
            ..Job::new(Shape::Transactions, Extent::Rows(ROWS))
        };
        let mut open = |_| {
            let file = File::create(&path).expect("a file in the target directory");
            Ok(Sink {
                name: path.display().to_string(),
                writer: Box::new(file),
            })
        };
        job.run(&mut open, &mut |_, _, _| {}).expect("made-up rows");
        path
    })
}

fn plain(threads: usize) -> Builder {
    Builder::new()
        .input(input().to_str().expect("a path in UTF-8"))
        .out(Path::new(env!("CARGO_TARGET_TMPDIR")).join("belt-lake"))
        .mode(Mode::Overwrite)
        .progress(chunketl::config::Progress::Never)
        .threads(threads)
}

fn with_features(builder: Builder) -> Builder {
    builder
        .key(["customer_id"])
        .time("timestamp")
        .impute("amount", "mean")
        .impute("quantity", "median")
        .impute("region", "const:Unknown")
        .rolling("amount", "mean", "7")
        .rolling("quantity", "max", "30")
        .rolling("amount", "sum", "1d")
}

fn bench(bencher: Bencher<'_, '_>, builder: Builder, columns: usize) {
    let pipeline = Pipeline::new(builder.build().expect("a valid configuration"));
    let receipt = pipeline.run().expect("a run");
    assert_eq!(receipt.totals.rows_written, ROWS);
    assert_eq!(receipt.columns.len(), columns);
    let bytes = fs::metadata(input()).expect("the input").len();
    bencher
        .counter(BytesCount::new(bytes))
        .bench(|| pipeline.run().expect("a run"));
}

#[divan::bench(args = [1, 2])]
fn convert(bencher: Bencher<'_, '_>, threads: usize) {
    bench(bencher, plain(threads), 10);
}

#[divan::bench(args = [1, 2])]
fn features(bencher: Bencher<'_, '_>, threads: usize) {
    bench(bencher, with_features(plain(threads)), 13);
}

fn main() {
    divan::main();
}
