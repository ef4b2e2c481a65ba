//! Time per cell of each leaf, and of the float and integer kernels alone. Every bench first checks
//! that the cells are what they should be.

use std::hint::black_box;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::TimestampMicrosecondType;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use bumpalo::Bump;
use chunketl::base::{Column, DataType, Origin, Quoting, TimeUnit};
use chunketl::decode::column::{ColumnBuilder, Misfits};
use chunketl::decode::field::FieldColumn;
use chunketl::decode::{NullTokens, column_builder};
use divan::Bencher;
use divan::counter::ItemsCount;

/// Rows of a chunk, and of the blocks it comes in.
const ROWS: usize = 1 << 16;
const BLOCK_ROWS: usize = 1 << 8;

fn main() {
    divan::main();
}

/// The same numbers in every run.
fn noise(row: usize) -> u64 {
    (row as u64 + 1)
        .wrapping_mul(0x9E37_79B9_7F4A_7C15)
        .rotate_left(29)
        ^ row as u64
}

fn decode(builder: &mut dyn ColumnBuilder, blocks: &[FieldColumn<'_>]) -> ArrayRef {
    let scratch = Bump::new();
    let mut misfits = Misfits::default();
    builder.begin(ROWS);
    for block in blocks {
        builder.push(*block, &scratch, &mut misfits);
    }
    assert!(misfits.rejects.is_empty());
    builder.finish().0
}

/// Times a column of `data_type` whose raw fields `field` gives, after checking that each cell
/// prints as `shown` says.
fn column(
    bencher: Bencher<'_, '_>,
    data_type: DataType,
    format: Option<&str>,
    field: impl Fn(usize) -> String,
    shown: impl Fn(&str) -> String,
) {
    let (mut bytes, mut bounds) = (Vec::new(), Vec::new());
    for row in 0..ROWS {
        bounds.push(bytes.len() as u32);
        bytes.extend_from_slice(field(row).as_bytes());
        bytes.push(b'\n');
        bounds.push(bytes.len() as u32);
    }
    let blocks = bounds.chunks(2 * BLOCK_ROWS);
    let blocks: Vec<_> = blocks
        .map(|bounds| FieldColumn::new(&bytes, bounds, 1, 0))
        .collect();
    let column = Column {
        name: "c".into(),
        data_type,
        format: format.map(Into::into),
        origin: Origin::Inferred,
    };
    let mut builder = column_builder(
        &column,
        0,
        &NullTokens::default(),
        Quoting::doubled(Some(b'"')),
    );
    let array = in_local_time(decode(&mut *builder, &blocks));
    let options = FormatOptions::default();
    let cells = ArrayFormatter::try_new(&array, &options).expect("a printable array");
    assert_eq!(array.len(), ROWS);
    for row in 0..ROWS {
        assert_eq!(
            cells.value(row).to_string(),
            shown(&field(row)),
            "row {row}"
        );
    }
    bencher
        .counter(ItemsCount::new(ROWS))
        .bench_local(|| decode(&mut *builder, black_box(&blocks)));
}

/// Arrow prints the zone "UTC" only with a time zone database.
fn in_local_time(array: ArrayRef) -> ArrayRef {
    match array.as_primitive_opt::<TimestampMicrosecondType>() {
        Some(timestamps) if timestamps.timezone().is_some() => {
            Arc::new(timestamps.clone().with_timezone_opt(None::<&str>))
        }
        _ => array,
    }
}

fn same(text: &str) -> String {
    text.to_string()
}

#[divan::bench]
fn int64_ascending(bencher: Bencher<'_, '_>) {
    column(
        bencher,
        DataType::Int64,
        None,
        |row| (row + 1_000_000).to_string(),
        same,
    );
}

#[divan::bench]
fn int64_up_to_8_digits(bencher: Bencher<'_, '_>) {
    let field = |row| (noise(row) % 10_u64.pow(noise(row + 7) as u32 % 8 + 1)).to_string();
    column(bencher, DataType::Int64, None, field, same);
}

#[divan::bench]
fn int64_17_to_19_digits(bencher: Bencher<'_, '_>) {
    let field = |row| (noise(row) as i64 >> (noise(row + 7) % 4)).to_string();
    column(bencher, DataType::Int64, None, field, same);
}

#[divan::bench]
fn int64_half_null(bencher: Bencher<'_, '_>) {
    let field = |row| {
        if noise(row).is_multiple_of(2) {
            String::new()
        } else {
            row.to_string()
        }
    };
    column(bencher, DataType::Int64, None, field, same);
}

#[divan::bench]
fn int64_quoted(bencher: Bencher<'_, '_>) {
    let field = |row: usize| format!("\"{}\"", row + 1_000_000);
    column(bencher, DataType::Int64, None, field, |text| {
        text.replace('"', "")
    });
}

#[divan::bench]
fn float64_cents(bencher: Bencher<'_, '_>) {
    let field = |row| format!("{}.{:02}", noise(row) % 1000, noise(row) % 99 + 1);
    let shown = |text: &str| text.parse::<f64>().expect("a float").to_string();
    column(bencher, DataType::Float64, None, field, |text| {
        fraction(shown(text))
    });
}

#[divan::bench]
fn float64_17_digits(bencher: Bencher<'_, '_>) {
    let field = |row| format!("1.{:017}", noise(row) >> 8);
    let shown = |text: &str| text.parse::<f64>().expect("a float").to_string();
    column(bencher, DataType::Float64, None, field, |text| {
        fraction(shown(text))
    });
}

/// Arrow prints whole floats with a point.
fn fraction(text: String) -> String {
    if text.contains('.') {
        text
    } else {
        text + ".0"
    }
}

#[divan::bench]
fn bool(bencher: Bencher<'_, '_>) {
    let field = |row| {
        if noise(row).is_multiple_of(2) {
            "true".into()
        } else {
            "false".into()
        }
    };
    column(bencher, DataType::Boolean, None, field, same);
}

#[divan::bench]
fn date_random(bencher: Bencher<'_, '_>) {
    column(bencher, DataType::Date, None, |row| day(noise(row)), same);
}

#[divan::bench]
fn date_ascending(bencher: Bencher<'_, '_>) {
    column(
        bencher,
        DataType::Date,
        None,
        |row| day(row as u64 / 1000),
        same,
    );
}

fn day(number: u64) -> String {
    format!(
        "{}-{:02}-{:02}",
        1990 + number / 336 % 40,
        number / 28 % 12 + 1,
        number % 28 + 1
    )
}

fn clock(second: u64) -> String {
    format!(
        "{:02}:{:02}:{:02}",
        second / 3600 % 24,
        second / 60 % 60,
        second % 60
    )
}

const NAIVE: DataType = DataType::Timestamp {
    unit: TimeUnit::Microsecond,
    utc: false,
};
const ZONED: DataType = DataType::Timestamp {
    unit: TimeUnit::Microsecond,
    utc: true,
};

#[divan::bench]
fn timestamp_ascending(bencher: Bencher<'_, '_>) {
    let field = |row| format!("{}T{}", day(row as u64 / 8640), clock(row as u64 * 10));
    column(bencher, NAIVE, None, field, same);
}

#[divan::bench]
fn timestamp_random(bencher: Bencher<'_, '_>) {
    let field = |row| format!("{}T{}", day(noise(row)), clock(noise(row) >> 20));
    column(bencher, NAIVE, None, field, same);
}

#[divan::bench]
fn timestamp_micros_utc(bencher: Bencher<'_, '_>) {
    let field = |row| {
        // Arrow prints three or six digits.
        let micros = noise(row) % 1000 * 1000 + noise(row) % 999 + 1;
        format!(
            "{}T{}.{micros:06}Z",
            day(row as u64 / 8640),
            clock(row as u64 * 10)
        )
    };
    column(bencher, ZONED, None, field, |text| text.replace('Z', ""));
}

#[divan::bench]
fn timestamp_compiled_pattern(bencher: Bencher<'_, '_>) {
    let field = |row| {
        let text = day(row as u64 / 8640);
        format!(
            "{}/{}/{} {}",
            &text[8..],
            &text[5..7],
            &text[..4],
            clock(row as u64 * 10)
        )
    };
    let shown = |text: &str| {
        format!(
            "{}-{}-{}T{}",
            &text[6..10],
            &text[3..5],
            &text[..2],
            &text[11..]
        )
    };
    column(bencher, NAIVE, Some("%d/%m/%Y %H:%M:%S"), field, shown);
}

#[divan::bench]
fn timestamp_jiff_pattern(bencher: Bencher<'_, '_>) {
    let field = |row| format!("{} at {}", day(row as u64 / 8640), clock(row as u64 * 10));
    let shown = |text: &str| text.replace(" at ", "T");
    column(bencher, NAIVE, Some("%Y-%m-%d at %R:%S"), field, shown);
}

#[divan::bench]
fn decimal_cents(bencher: Bencher<'_, '_>) {
    let field = |row| format!("{}.{:02}", noise(row) % 100_000, noise(row) % 100);
    column(
        bencher,
        DataType::Decimal {
            precision: 12,
            scale: 2,
        },
        None,
        field,
        same,
    );
}

#[divan::bench]
fn utf8_short(bencher: Bencher<'_, '_>) {
    let field = |row| format!("item{}", noise(row) % 1_000_000);
    column(bencher, DataType::Utf8, None, field, same);
}

#[divan::bench]
fn utf8_100_bytes(bencher: Bencher<'_, '_>) {
    let field = |row| format!("{:0100}", noise(row));
    column(bencher, DataType::Utf8, None, field, same);
}

#[divan::bench]
fn utf8_quoted(bencher: Bencher<'_, '_>) {
    let field = |row| format!("\"a \"\"b\"\" {}\"", noise(row) % 1000);
    let shown = |text: &str| text.trim_matches('"').replace("\"\"", "\"");
    column(bencher, DataType::Utf8, None, field, shown);
}

#[divan::bench]
fn utf8_long_quoted(bencher: Bencher<'_, '_>) {
    let field = |row| format!("\"{:050} \"\"b\"\", \"\"{:050}\"\"\"", noise(row), row);
    let shown = |text: &str| text[1..text.len() - 1].replace("\"\"", "\"");
    column(bencher, DataType::Utf8, None, field, shown);
}

#[divan::bench]
fn utf8_20_values(bencher: Bencher<'_, '_>) {
    let field = |row| format!("category{}", noise(row) % 20);
    column(bencher, DataType::Utf8, None, field, same);
}

#[divan::bench]
fn categorical_20_values(bencher: Bencher<'_, '_>) {
    let field = |row| format!("category{}", noise(row) % 20);
    column(bencher, DataType::Categorical, None, field, same);
}
