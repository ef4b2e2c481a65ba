//! A small table through the whole belt against what pandas made of it (`expected/e2e.py`).

use std::path::Path;

use crate::lake;
use crate::program::Home;

const STEPS: &str = "--key shop --time at --impute amount=linear --impute quantity=median \
    --impute price=mean:key --impute stock=ffill --impute rate=bfill --impute region=mode \
    --rolling amount:mean:7 --rolling amount:sum:3d --rolling amount:std:5 \
    --rolling amount:median:6 --rolling amount:q90:36h --rolling quantity:max:4 \
    --rolling price:min:2d --rolling price:var:5d --rolling stock:first:3 --rolling rate:last:1d \
    --rolling rate:count:2d";

/// Relative error that two right ways of summing up may differ by.
const TOLERANCE: f64 = 1e-9;

fn is_same(found: Option<&str>, expected: &str) -> bool {
    let Some(found) = found else {
        return expected.is_empty();
    };
    match (found.parse::<f64>(), expected.parse::<f64>()) {
        (Ok(found), Ok(expected)) => {
            (found - expected).abs() <= TOLERANCE * expected.abs().max(1.0)
        }
        // Timestamps are printed with a T in between.
        _ => found.replace('T', " ") == expected.replace('T', " "),
    }
}

#[test]
fn fills_and_windows_equal_those_of_pandas() {
    let home = Home::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/expected/e2e");
    let mut reader = csv::Reader::from_path(folder.join("out.csv")).expect("the expected table");
    let names: Vec<String> = reader
        .headers()
        .expect("a header")
        .iter()
        .map(str::to_owned)
        .collect();
    let rows: Vec<csv::StringRecord> = reader.records().map(|row| row.expect("a row")).collect();
    let input = folder.join("in.csv");
    for (chunk_rows, threads) in [(1, 2), (7, 3), (100, 1), (65_536, 2)] {
        let receipt = home.receipt(&format!(
            "-i {} -o lake --mode overwrite --chunk-rows {chunk_rows} -t {threads} {STEPS}",
            input.display()
        ));
        assert_eq!(receipt.totals.rows_written, rows.len() as u64);
        let table = lake::read(&home.lake());
        assert_eq!(table.names, names);
        for (row, (found, expected)) in table.rows.iter().zip(&rows).enumerate() {
            for ((name, cell), text) in names.iter().zip(found).zip(expected) {
                assert!(
                    is_same(cell.as_deref(), text),
                    "row {row}, {name}: {cell:?}, not {text:?} (chunks of {chunk_rows})"
                );
            }
        }
    }
}
