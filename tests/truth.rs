//! Receipts against what the generator knows it has put into the files.

use std::path::Path;

use chunketl::Receipt;
use generator::{Job, LineEnding, Rates, Shape};
use serde_json::Value;

use crate::lake;
use crate::made;
use crate::program::Home;

const TEXT_COLUMNS: [&str; 8] = [
    "region",
    "product_category",
    "payment_method",
    "note",
    "title",
    "description",
    "review",
    "reply",
];

/// Rates that put every kind of fault into a few thousand rows; below one misfit in a hundred, so
/// that columns keep their type.
const RATES: Rates = Rates {
    missing: 0.05,
    type_faults: 0.004,
    duplicates: 0.02,
    invalid: 0.01,
    late: 0.02,
};

fn count(value: &Value, pointer: &str) -> u64 {
    let found = value.pointer(pointer);
    found
        .and_then(Value::as_u64)
        .unwrap_or_else(|| panic!("no count at {pointer}"))
}

/// Cells of `column` that do not fit its type.
fn misfits(truth: &Value, column: &str, data_type: &str) -> u64 {
    let kinds = &truth["columns"][column]["type_faults"];
    let kind = |name: &str| kinds[name].as_u64().expect("a count");
    // 7.0 is no fault where other cells have made the column a float.
    let floats = if data_type == "float64" {
        0
    } else {
        kind("float_in_integer")
    };
    kind("decimal_comma") + kind("word") + kind("other_date_format") + floats
}

/// Compares a receipt with the truth about its files.
fn check(receipt: &Receipt, truth: &Value, lake: &Path) {
    let totals = receipt.totals;
    let rows = count(truth, "/rows");
    assert_eq!(totals.rows_read, rows);
    assert_eq!(totals.rows_written, rows, "duplicates stay");
    assert_eq!((totals.rows_filtered, totals.rows_rejected), (0, 0));
    let inputs = &receipt.inputs;
    assert_eq!(inputs.len() as u64, count(truth, "/files"));
    assert_eq!(
        inputs.iter().map(|input| input.bytes).sum::<u64>(),
        count(truth, "/bytes")
    );
    assert_eq!(inputs.iter().map(|input| input.records).sum::<u64>(), rows);
    assert_eq!(receipt.throughput.input_bytes, count(truth, "/bytes"));
    assert_eq!(
        receipt.parts.iter().map(|part| part.rows).sum::<u64>(),
        rows
    );

    let mut nulled = 0;
    for column in &receipt.columns {
        let known = &truth["columns"][&column.name];
        let name = &column.name;
        let empty = count(known, "/missing_empty");
        let tokens = count(known, "/missing") - empty;
        if TEXT_COLUMNS.contains(&name.as_str()) {
            assert_eq!(column.data_type, "utf8", "{name}");
            assert_eq!((column.nulls_in, column.nulled), (empty, 0), "{name}");
            assert_eq!(column.null_lookalikes, tokens, "{name}");
            assert_eq!(column.null_lookalikes_hint.is_some(), tokens > 0, "{name}");
        } else {
            assert_ne!(column.data_type, "utf8", "{name}: {}", column.why);
            assert_eq!(
                column.nulled,
                misfits(truth, name, &column.data_type),
                "{name}"
            );
            assert_eq!(column.nulls_in, empty + tokens, "{name}");
            assert_eq!(column.null_lookalikes, 0, "{name}");
        }
        nulled += column.nulled;
    }
    assert!(nulled > 0, "the rates are high enough");
    assert_eq!(receipt.rejects.by_reason["type_mismatch"], nulled);
    check_rejects(receipt, lake, nulled);
}

/// The rejects file has a row for each nulled cell, found again at its place in the input.
fn check_rejects(receipt: &Receipt, lake: &Path, nulled: u64) {
    let file = receipt.rejects.file.as_ref().expect("there are rejects");
    let mut reader = csv::Reader::from_path(lake.join(file)).expect("a rejects file");
    let mut rows = 0;
    let mut input: (String, Vec<u8>) = Default::default();
    for row in reader.records() {
        let row = row.expect("a row of the rejects file");
        let path = lake.parent().expect("a home").join(&row[0]);
        if input.0 != row[0] {
            input = (row[0].to_owned(), std::fs::read(path).expect("the input"));
        }
        let offset: usize = row[2].parse().expect("an offset");
        let cell = &input.1[offset..];
        assert!(cell.starts_with(row[7].as_bytes()), "{row:?}");
        let line = 1 + input.1[..offset]
            .iter()
            .filter(|byte| **byte == b'\n')
            .count();
        assert_eq!(row[1], line.to_string(), "{row:?}");
        rows += 1;
    }
    assert_eq!(rows, nulled);
}

#[test]
fn every_fault_is_counted() {
    for (shape, line_ending) in [
        (Shape::Transactions, LineEnding::Lf),
        (Shape::Transactions, LineEnding::Crlf),
        (Shape::Quotes, LineEnding::Lf),
        (Shape::Floats, LineEnding::Lf),
        (Shape::Narrow, LineEnding::Crlf),
    ] {
        let home = Home::new();
        let rates = if shape == Shape::Floats {
            Rates {
                type_faults: 0.0005,
                ..RATES
            }
        } else {
            RATES
        };
        let job = Job {
            files: 2,
            rates,
            line_ending,
            ..made::job(shape, 12_000)
        };
        let truth = made::write(&job, home.path());
        let receipt = home.receipt("-i 'in-*.csv' -o lake --chunk-rows 1000");
        check(&receipt, &truth, &home.lake());
    }
}

#[test]
fn tokens_of_text_columns_are_missing_once_set() {
    let home = Home::new();
    let truth = made::write(&made::job(Shape::Nulls, 5_000), home.path());
    let receipt = home.receipt(
        "-i in-0.csv -o lake --null-values region=NA,N/A,null,NaN,None --impute region=const:Unknown",
    );
    let missing = count(&truth, "/columns/region/missing");
    let region = receipt
        .columns
        .iter()
        .find(|column| column.name == "region");
    let region = region.expect("a column of the shape");
    assert_eq!((region.nulls_in, region.filled), (missing, missing));
    let table = lake::read(&home.lake());
    let cells = table.column("region");
    assert!(cells.iter().all(Option::is_some));
    assert_eq!(
        cells
            .iter()
            .filter(|cell| **cell == Some("Unknown"))
            .count() as u64,
        missing
    );
}

#[test]
fn dropped_rows_are_counted_as_filtered() {
    let home = Home::new();
    let truth = made::write(&made::job(Shape::Nulls, 5_000), home.path());
    let receipt = home.receipt("-i in-0.csv -o lake --impute quantity=drop --chunk-rows 64");
    let column = receipt
        .columns
        .iter()
        .find(|column| column.name == "quantity");
    let column = column.expect("a column of the shape");
    let dropped = count(&truth, "/columns/quantity/missing") + column.nulled;
    assert_eq!(
        column.nulled,
        misfits(&truth, "quantity", &column.data_type)
    );
    assert_eq!(receipt.totals.rows_filtered, dropped);
    assert_eq!(
        receipt.totals.rows_written,
        count(&truth, "/rows") - dropped
    );
    assert_eq!(receipt.steps[0].rows_dropped, dropped);
    let table = lake::read(&home.lake());
    assert_eq!(table.rows.len() as u64, receipt.totals.rows_written);
    assert!(table.column("quantity").iter().all(Option::is_some));
}

#[test]
fn half_of_everything_missing() {
    let home = Home::new();
    let truth = made::write(&made::job(Shape::Nulls, 5_000), home.path());
    let receipt =
        home.receipt("-i in-0.csv -o lake --dtype amount=float64 --dtype discount=float64");
    let amount = receipt
        .columns
        .iter()
        .find(|column| column.name == "amount");
    let amount = amount.expect("a column of the shape");
    assert_eq!(amount.nulls_in, count(&truth, "/columns/amount/missing"));
    let table = lake::read(&home.lake());
    let nulls = table
        .column("amount")
        .iter()
        .filter(|cell| cell.is_none())
        .count() as u64;
    assert_eq!(nulls, amount.nulls_in + amount.nulled);
}
