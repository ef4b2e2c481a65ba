//! Columns as people write them: numbers, dates and booleans of several countries, through the whole
//! program. Keeps: what is read is what is written; what may be an identifier stays text; what does
//! not fit is among the rejects.

use std::fs;

use arrow::datatypes::DataType;
use chunketl::Receipt;

use crate::lake::{self, Table};
use crate::program::Home;

/// Loads `text` with `flags`.
fn load(text: &str, flags: &str) -> (Table, Receipt, Home) {
    let home = Home::new();
    home.write("in.csv", text);
    let receipt = home.receipt(&format!("-i in.csv -o lake {flags}"));
    (lake::read(&home.lake()), receipt, home)
}

/// Why the column called `name` has its type.
fn why<'a>(receipt: &'a Receipt, name: &str) -> &'a str {
    let column = receipt.columns.iter().find(|column| column.name == name);
    &column.expect("a column").why
}

#[test]
fn numbers_of_four_countries() {
    let german = "Artikel;Preis;Menge;Rabatt;PLZ\n\
        Tisch;1.234,50 €;1.000;12,5 %;01234\n\
        Stuhl;99,90 €;12.345.678;3 %;10115\n\
        Lampe;-5,00 €;7;0,25 %;80331\n";
    let (table, receipt, _home) = load(german, "");
    assert_eq!(
        table.column("Preis"),
        [Some("1234.5"), Some("99.9"), Some("-5.0")]
    );
    assert_eq!(
        table.column("Menge"),
        [Some("1000"), Some("12345678"), Some("7")]
    );
    assert_eq!(
        table.column("Rabatt"),
        [Some("12.5"), Some("3.0"), Some("0.25")]
    );
    assert_eq!(table.column("PLZ")[0], Some("01234"));
    assert_eq!(table.types[2], DataType::Int64);
    assert!(why(&receipt, "Preis").contains("written like `1.234,50 €`"));

    let american = "item,price,units,change,phone,version\n\
        desk,\"$1,234.50\",\"1,000\",(12.5),555-1234,1.2.3\n\
        chair,$99.90,\"12,345,678\",3,555-9876,1.10.0\n";
    let (table, _, _home) = load(american, "");
    assert_eq!(table.column("price"), [Some("1234.5"), Some("99.9")]);
    assert_eq!(table.column("units"), [Some("1000"), Some("12345678")]);
    assert_eq!(table.column("change"), [Some("-12.5"), Some("3.0")]);
    assert_eq!(table.column("phone"), [Some("555-1234"), Some("555-9876")]);
    assert_eq!(table.column("version"), [Some("1.2.3"), Some("1.10.0")]);

    let french = "ville;habitants;part\nLyon;522 250;3,14\nParis;2\u{a0}102\u{202f}650;12,5\n";
    let (table, _, _home) = load(french, "");
    assert_eq!(table.column("habitants"), [Some("522250"), Some("2102650")]);
    assert_eq!(table.column("part"), [Some("3.14"), Some("12.5")]);

    let swiss = "Ort,Betrag\nBern,CHF 1'234.50\nChur,CHF 12’000.05\n";
    let (table, _, _home) = load(swiss, "");
    assert_eq!(table.column("Betrag"), [Some("1234.5"), Some("12000.05")]);
}

#[test]
fn an_ambiguous_number_is_told_and_can_be_declared() {
    let text = "a;b\n1,234;x\n5,678;y\n";
    let (table, receipt, _home) = load(text, "");
    assert_eq!(table.column("a"), [Some("1234"), Some("5678")]);
    assert!(why(&receipt, "a").contains("ambiguous: --dtype a=float64(1234,50)"));
    assert_eq!(receipt.columns[0].ambiguous, 2);
    assert_eq!(receipt.columns[0].format.as_deref(), Some("1,234.50"));
    let (table, receipt, _home) = load(text, "--dtype a=float64(1234,50)");
    assert_eq!(table.column("a"), [Some("1.234"), Some("5.678")]);
    assert_eq!(why(&receipt, "a"), "float64: declared");
}

#[test]
fn dates_of_each_kind() {
    let text = "a|b|c|d|e|f\n\
        31/01/2024|01/31/2024|31.01.2024|31-Jan-2024|Jan 31, 2024|31 January 2024\n\
        1/2/2024|2/1/2024|1.2.2024|1-Feb-2024|Feb 1, 2024|1 February 2024\n";
    let (table, _, _home) = load(text, "");
    for name in ["a", "b", "c", "d", "e", "f"] {
        let days = [Some("2024-01-31"), Some("2024-02-01")];
        assert_eq!(table.column(name), days, "{name}");
    }
    let text = "a|b|c\n\
        31/01/2024 10:15|01/31/2024 10:15:30 PM|Wed, 31 Jan 2024 10:15:00 +0200\n\
        01/02/2024 09:05|02/01/2024 9:05:00 AM|Thu, 1 Feb 2024 00:00:00 -0100\n";
    let (table, _, _home) = load(text, "");
    let expected = ["2024-01-31T10:15:00", "2024-02-01T09:05:00"].map(Some);
    assert_eq!(table.column("a"), expected);
    let expected = ["2024-01-31T22:15:30", "2024-02-01T09:05:00"].map(Some);
    assert_eq!(table.column("b"), expected);
    let expected = ["2024-01-31T08:15:00", "2024-02-01T01:00:00"].map(Some);
    assert_eq!(table.column("c"), expected);
}

#[test]
fn a_day_that_contradicts_its_column_is_rejected() {
    let mut text = "day,n\n".to_owned();
    (1..=300).for_each(|n| text += &format!("{:02}/{:02}/2024,{n}\n", n % 12 + 1, n % 12 + 1));
    let (table, receipt, _home) = load(&text, "");
    assert_eq!(table.types[0], DataType::Date32);
    assert!(why(&receipt, "day").contains("ambiguous: --dtype day=date(%d/%m/%Y)"));
    // Nine days beyond twelve decide that the month is first; one cell is no such day.
    (13..=21).for_each(|day| text += &format!("01/{day}/2024,0\n"));
    text += "31/01/2024,301\n";
    let (table, receipt, home) = load(&text, "");
    assert_eq!(table.column("day").last(), Some(&None));
    assert_eq!(receipt.columns[0].nulled, 1);
    let rejects = fs::read_dir(home.lake().join("_rejects")).expect("rejects");
    let rejects: String = rejects
        .map(|file| fs::read_to_string(file.expect("a file").path()).expect("text"))
        .collect();
    assert!(rejects.contains("31/01/2024"), "{rejects}");
}

#[test]
fn booleans_and_epochs() {
    let text = "a,b,c,at,created_at\nyes,Y,N,1706696100,1706696100\nNo,n,N,1706696101,1706696101\n";
    let (table, receipt, _home) = load(text, "--dtype at=timestamp(epoch_s)");
    assert_eq!(table.column("a"), [Some("true"), Some("false")]);
    assert_eq!(table.column("b"), [Some("true"), Some("false")]);
    assert_eq!(table.column("c"), [Some("N"), Some("N")]);
    let expected = ["2024-01-31T10:15:00", "2024-01-31T10:15:01"].map(Some);
    assert_eq!(table.column("at"), expected);
    assert_eq!(table.column("created_at")[0], Some("1706696100"));
    assert!(why(&receipt, "created_at").contains("timestamp(epoch_s)"));
}

#[test]
fn a_full_look_leaves_nothing_to_widen() {
    let mut text = "n,day\n".to_owned();
    for n in 0..400_000 {
        // One cell of each column is of another kind, somewhere between two samples.
        let (n, day) = match n {
            199_000 => ("1.5".into(), "31/01/2024"),
            _ => (n.to_string(), "01/02/2024"),
        };
        text += &format!("{n},{day}\n");
    }
    let (table, receipt, _home) = load(&text, "--infer full");
    assert_eq!(receipt.restarts, Vec::<String>::new());
    assert_eq!(table.types, [DataType::Float64, DataType::Date32]);
    assert_eq!(table.column("day")[199_000], Some("2024-01-31"));
    assert_eq!(table.column("day")[0], Some("2024-02-01"));
    assert_eq!(why(&receipt, "n"), "float64: 400000 of 400000 cells");
    assert_eq!(receipt.rejects.file, None);
}

#[test]
fn durations_are_seconds_where_they_are_clear_or_declared() {
    let text = "id,iso,interval,clock,day\n\
        1,PT1H30M,3 days 04:05:06,1:23:45,31/12/69\n\
        2,PT0.5S,1 day,0:00:01.5,01/02/24\n\
        3,,-1 days +23:59:59,100:00:00,28/02/68\n";
    let (table, receipt, _home) = load(text, "");
    assert_eq!(table.column("iso"), [Some("5400.0"), Some("0.5"), None]);
    let interval = [Some("273906.0"), Some("86400.0"), Some("-1.0")];
    assert_eq!(table.column("interval"), interval);
    assert!(why(&receipt, "iso").contains("durations, taken in as seconds"));
    // Times of day stay text.
    assert_eq!(table.column("clock")[0], Some("1:23:45"));
    let flags = "--dtype clock=duration --dtype day=date(%d/%m/%y)";
    let (table, _, _home) = load(text, flags);
    let clock = [Some("5025.0"), Some("1.5"), Some("360000.0")];
    assert_eq!(table.column("clock"), clock);
    let day = [Some("1969-12-31"), Some("2024-02-01"), Some("2068-02-28")];
    assert_eq!(table.column("day"), day);
    let flags = "--dtype day=timestamp(%d/%m/%y) --dtype iso=duration --dtype interval=duration";
    let (table, _, home) = load(text, flags);
    assert_eq!(table.column("day")[1], Some("2024-02-01T00:00:00"));
    assert_eq!(table.column("interval"), interval);
    let receipt = home.receipt("-i in.csv -o lake --mode overwrite --dtype id=duration");
    assert_eq!(receipt.columns[0].nulled, 3);
}
