//! Typed columns -> encoded columns: MB/s of Arrow data per codec, for columns like those of real
//! tables. The bytes each takes are printed once, before anything is timed.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, DictionaryArray, Float64Array, Int64Array, StringArray, TimestampMicrosecondArray,
};
use arrow::datatypes::Int32Type;
use chunketl::base::{Column, DataType, Origin, Schema, TimeUnit};
use chunketl::config::Compression;
use chunketl::output::{EncodeOptions, Encoder};
use divan::Bencher;
use divan::counter::BytesCount;

const ROWS: usize = 256 * 1024;
const NAMES: [&str; 9] = [
    "customer_id",
    "order_id",
    "quantity",
    "timestamp",
    "amount",
    "amount_mean_7",
    "region",
    "sku",
    "note",
];
const CODECS: [&str; 4] = ["zstd:1", "zstd:3", "lz4", "none"];

fn main() {
    for name in NAMES {
        let (data_type, array) = column(name);
        let sizes = CODECS.map(|codec| {
            let encoder = encoder(&data_type, codec);
            let encoded = encoder.encode(0, std::slice::from_ref(&array)).unwrap();
            assert_eq!(encoded.rows(), ROWS);
            let again = encoder.encode(0, &[array.slice(0, 1000), array.slice(1000, ROWS - 1000)]);
            assert_eq!(
                encoded.bytes(),
                again.unwrap().bytes(),
                "pieces make no difference"
            );
            format!("{codec} {:.2}", encoded.bytes() as f64 / ROWS as f64)
        });
        println!("{name:14} bytes a row: {}", sizes.join("  "));
    }
    divan::main();
}

#[divan::bench(args = NAMES, consts = [0, 1, 2, 3], sample_count = 20)]
fn encode<const CODEC: usize>(bencher: Bencher, name: &str) {
    let (data_type, array) = column(name);
    let encoder = encoder(&data_type, CODECS[CODEC]);
    let bytes = array.get_buffer_memory_size();
    bencher
        .counter(BytesCount::new(bytes))
        .bench(|| encoder.encode(0, std::slice::from_ref(&array)).unwrap());
}

fn encoder(data_type: &DataType, codec: &str) -> Encoder {
    let column = Column {
        name: "column".into(),
        data_type: data_type.clone(),
        format: None,
        origin: Origin::Inferred,
    };
    let columns = vec![column];
    let options = EncodeOptions {
        compression: codec.parse::<Compression>().unwrap(),
        ..EncodeOptions::default()
    };
    Encoder::new(&Schema { columns }, &options).unwrap()
}

/// A column of `ROWS` cells, the same in every run.
fn column(name: &str) -> (DataType, ArrayRef) {
    let mut random = Random(name.len() as u64);
    let rows = 0..ROWS;
    match name {
        "customer_id" => integers(rows.map(|_| random.below(10_000))),
        "order_id" => integers(rows.map(|row| row as i64)),
        "quantity" => integers(rows.map(|_| 1 + random.below(20))),
        "timestamp" => {
            let (unit, utc) = (TimeUnit::Microsecond, false);
            let mut now = 1_700_000_000_000_000;
            let cells = rows.map(|_| {
                now += 1_000_000 * random.below(5);
                now
            });
            let array = TimestampMicrosecondArray::from_iter_values(cells);
            (DataType::Timestamp { unit, utc }, Arc::new(array))
        }
        "amount" => floats(rows.map(|_| random.amount())),
        "amount_mean_7" => {
            let amounts: Vec<f64> = (0..ROWS + 6).map(|_| random.amount()).collect();
            floats(
                amounts
                    .windows(7)
                    .map(|window| window.iter().sum::<f64>() / 7.0),
            )
        }
        "region" => {
            let regions = ["North", "South", "East", "West", "Central"];
            let cells = rows.map(|_| regions[random.below(5) as usize]);
            let array = cells.collect::<DictionaryArray<Int32Type>>();
            (DataType::Categorical, Arc::new(array))
        }
        "sku" => text(rows.map(|_| format!("SKU-{:05}", random.below(5_000)))),
        "note" => text(rows.map(|_| random.note())),
        _ => unreachable!("no column is called {name}"),
    }
}

fn integers(cells: impl Iterator<Item = i64>) -> (DataType, ArrayRef) {
    (
        DataType::Int64,
        Arc::new(Int64Array::from_iter_values(cells)),
    )
}

fn floats(cells: impl Iterator<Item = f64>) -> (DataType, ArrayRef) {
    (
        DataType::Float64,
        Arc::new(Float64Array::from_iter_values(cells)),
    )
}

fn text(cells: impl Iterator<Item = String>) -> (DataType, ArrayRef) {
    (
        DataType::Utf8,
        Arc::new(StringArray::from_iter_values(cells)),
    )
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        word ^ (word >> 31)
    }

    fn below(&mut self, limit: u64) -> i64 {
        (self.next() % limit) as i64
    }

    /// Exponential with mean 50, to the cent.
    fn amount(&mut self) -> f64 {
        let uniform = (self.next() >> 11).max(1) as f64 / (1u64 << 53) as f64;
        (uniform.ln() * -5_000.0).round() / 100.0
    }

    fn note(&mut self) -> String {
        let words = [
            "late", "delivery", "customer", "called", "again", "refund", "broken", "box",
        ];
        let words = (0..3 + self.below(8)).map(|_| words[self.below(8) as usize]);
        words.collect::<Vec<_>>().join(" ")
    }
}
