//! Quoted fields longer than a record may be, and quotes that were lost before as much text.
//! Keeps: the first cost their record and nothing else, the second their line; the answer does not
//! depend on chunks or threads.

use std::fs;

use crate::lake;
use crate::program::Home;

const ROWS: usize = 40;
/// The row that is odd.
const ODD: usize = 20;

/// What is loaded: the first cells of the rows, and of each reject its reason, line and length.
type Loaded = (Vec<String>, Vec<(String, u64)>);

/// The table, in which `odd` stands in place of one row.
fn table(rows: usize, odd: &str, line_end: &str) -> String {
    let row = |row: usize| match row == ODD {
        true => odd.to_owned() + line_end,
        false => format!("k{row},text {row},more {row}{line_end}"),
    };
    format!("id,note,more{line_end}") + &(0..rows).map(row).collect::<String>()
}

fn load(home: &Home, text: &str, flags: &str) -> Loaded {
    home.write("in.csv", text);
    let line = format!("-i in.csv -o lake --mode overwrite --max-record-bytes 1000 {flags}");
    let receipt = home.receipt(&line);
    assert_eq!(receipt.columns.len(), 3, "{flags}");
    let table = lake::read(&home.lake());
    let ids = table.column("id");
    let ids = ids.into_iter().map(|id| id.expect("an id").to_owned());
    let ids = ids.collect();
    let rejects = home.lake().join("_rejects/rejects-00000.csv");
    let rejects = match csv::Reader::from_path(rejects) {
        Err(_) => Vec::new(),
        Ok(mut reader) => {
            let records = reader.records().map(|record| {
                let record = record.expect("the file is CSV");
                (record[4].to_owned(), record[1].parse().expect("a line"))
            });
            records.collect()
        }
    };
    assert_eq!(receipt.totals.rows_rejected as usize, rejects.len());
    (ids, rejects)
}

/// All rows but the odd one, which is rejected for that reason, if for any.
fn all_but_odd(rows: usize, reason: &str) -> Loaded {
    let ids = (0..rows).filter(|&row| row != ODD);
    let ids = ids.map(|row| format!("k{row}")).collect();
    (ids, vec![(reason.to_owned(), ODD as u64 + 2)])
}

#[test]
fn a_long_field_costs_its_record_wherever_it_stands() {
    let home = Home::new();
    for line in ["some words, and more", "", "a,b", "\"\"quoted\"\", so"] {
        for bytes in [1100, 9_000, 300_000] {
            let field = format!("{line}\n").repeat(bytes / (line.len() + 1));
            for (odd, line_end) in [
                (format!("\"{field}\",b,c"), "\n"),
                (format!("a,\"{field}\",c"), "\r\n"),
                (format!("a,b,\"{field}\""), "\n"),
                (format!("\"{field}\",\"{field}\",\"{field}\""), "\r\n"),
            ] {
                let text = table(ROWS, &odd, line_end);
                let found = load(&home, &text, "");
                assert_eq!(found, all_but_odd(ROWS, "record_too_long"), "{line}");
            }
        }
    }
}

#[test]
fn a_long_field_that_holds_a_table_costs_its_record() {
    let home = Home::new();
    let odd = format!("a,\"{}\",c", "1,2,3\n".repeat(1000));
    let text = table(ROWS, &odd, "\n");
    let found = load(&home, &text, "");
    assert_eq!(found, all_but_odd(ROWS, "record_too_long"));
}

#[test]
fn a_lost_quote_costs_its_line() {
    let home = Home::new();
    for rows in [100, 3000] {
        for (odd, line_end) in [
            ("a,\"b,c", "\n"),
            ("\"a,b,c", "\r\n"),
            ("a,b,\"c", "\n"),
            ("a,b,\"", "\n"),
        ] {
            let text = table(rows, odd, line_end);
            let found = load(&home, &text, "");
            assert_eq!(found, all_but_odd(rows, "unclosed_quote"), "{odd}");
        }
    }
    // Far behind it a quote that could close it.
    let mut text = table(200, "a,\"b,c", "\n") + "k200,inches,5\" 3\"\n";
    text += "k201,\"text\",more\n";
    let (ids, rejects) = load(&home, &text, "");
    assert_eq!(rejects, all_but_odd(0, "unclosed_quote").1);
    assert_eq!(ids.len(), 201);
}

#[test]
fn chunks_and_threads_change_nothing() {
    let home = Home::new();
    let field = "some words, and more\n\n".repeat(400);
    for (odd, reason) in [
        (format!("a,\"{field}\",c"), "record_too_long"),
        ("a,\"b,c".to_owned(), "unclosed_quote"),
    ] {
        let text = table(1000, &odd, "\n");
        for flags in [
            "",
            "-t 1 --chunk-rows 1",
            "-t 3 --chunk-rows 7",
            "--infer full",
            "--comment #",
            "--no-sniff --escape \\",
        ] {
            let found = load(&home, &text, flags);
            assert_eq!(found, all_but_odd(1000, reason), "{flags}");
        }
    }
}

#[test]
fn the_first_record_may_be_the_long_one() {
    let home = Home::new();
    let field = "some words, and more of them; others\n".repeat(40_000);
    let text = format!("id,note,more\nk0,\"{field}\",c\nk1,a,b\nk2,c,d\n");
    let (ids, rejects) = load(&home, &text, "");
    assert_eq!(ids, ["k1", "k2"]);
    assert_eq!(rejects, [("record_too_long".to_owned(), 2)]);
    let types = "id,n\n1,\"".to_owned() + &"a,b\n9\n".repeat(400_000) + "\"\n";
    let types = types + &"2,5\n".repeat(1000);
    home.write("in.csv", types);
    let receipt = home.receipt("-i in.csv -o lake --mode overwrite --max-record-bytes 1MiB");
    let types: Vec<&str> = { receipt.columns.iter() }
        .map(|column| column.data_type.as_str())
        .collect();
    assert_eq!(types, ["int64", "int64"]);
    assert_eq!(receipt.totals.rows_written, 1000);
    fs::remove_dir_all(home.lake()).expect("the lake");
}
