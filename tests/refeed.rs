//! Rejects are mended and fed in again, through the binary.
//! Keeps: what was rejected once and mended is in the lake once.

use std::fs;

use crate::lake;
use crate::program::Home;

/// Changes the text of the file `name` in `home`.
fn mend(home: &Home, name: &str, from: &str, to: &str) {
    let path = home.path().join(name);
    let text = fs::read_to_string(&path).expect("a file of text");
    assert!(text.contains(from), "{name}: {text}");
    fs::write(path, text.replace(from, to)).expect("a file that can be written");
}

fn rows(home: &Home) -> Vec<String> {
    let cell = |cell: &Option<String>| cell.clone().unwrap_or_else(|| "-".to_owned());
    let table = lake::read(&home.lake());
    let rows = table.rows.iter();
    rows.map(|row| row.iter().map(cell).collect::<Vec<_>>().join(" "))
        .collect()
}

#[test]
fn mended_records_join_the_lake_once() {
    for ways in [
        "",
        "--threads 1 --chunk-rows 1",
        "--threads 3 --chunk-rows 2",
    ] {
        let home = Home::new();
        home.write("in.csv", "id,when,note\n1,2024-01-31,a\n2,2024-02-01\n3,2024-02-02,c,d\nx,2024-02-03,e\n5,2024-02-04,f\n");
        home.receipt(&format!("-i in.csv -o lake --dtype id=int64 {ways}"));
        assert_eq!(
            rows(&home),
            ["1 2024-01-31 a", "- 2024-02-03 e", "5 2024-02-04 f"]
        );

        mend(
            &home,
            "lake/_rejects/rejects-00000.csv",
            "\"2,2024-02-01\"",
            "\"2,2024-02-01,\"\"b, it was\"\"\"",
        );
        let receipt = home.receipt(&format!("--input lake/_rejects --mode append {ways}"));
        assert_eq!(
            (receipt.totals.rows_read, receipt.totals.rows_written),
            (2, 1)
        );
        let evidence = &receipt.inputs[0]
            .dialect
            .as_ref()
            .expect("a dialect")
            .evidence;
        assert!(
            evidence[1].starts_with("1 rejected cells are of rows"),
            "{evidence:?}"
        );
        assert_eq!(rows(&home)[3..], ["2 2024-02-01 b, it was"]);
        let again = fs::read_to_string(home.lake().join("_rejects/rejects-00001.csv"));
        let again = again.expect("the other record is rejected again");
        assert!(
            again.contains(",3,") && again.contains("too_many_fields"),
            "{again}"
        );

        // What was fed in is put aside, so only what was rejected again is left.
        mend(&home, "lake/_rejects/rejects-00001.csv", "c,d\"", "cd\"");
        let receipt = home.receipt(&format!("--input lake/_rejects --mode append {ways}"));
        assert_eq!(
            (receipt.totals.rows_read, receipt.totals.rows_written),
            (1, 1)
        );
        assert_eq!(rows(&home)[4..], ["3 2024-02-02 cd"]);
        let message = home.fails("--input lake/_rejects --mode append", 2);
        assert!(message.contains("nothing in"), "{message}");
        assert!(home.lake().join("_rejects/fed-00001.csv").is_file());
    }
}

#[test]
fn each_record_is_read_as_its_source_was() {
    let home = Home::new();
    home.write(
        "a.csv",
        "zip;place;sum\n01234;'A; b';1,5\n01235;'B'\n01236;C;2,5\n",
    );
    home.write(
        "b.csv",
        "place|zip|sum\nD|04567|7,25\nE|04568\nF|04569|8,5\n",
    );
    let line = "-i a.csv b.csv -o lake --quote ' --rename place=town --source-column from \
                --dtype zip=utf8 --dtype sum=float64(1.234,50)";
    let line = line.replace("--quote '", "--quote \\x27");
    home.receipt(&line);
    assert_eq!(rows(&home).len(), 4);
    mend(
        &home,
        "lake/_rejects/rejects-00000.csv",
        "01235;'B'",
        "\"01235;'B; c';9,5\"",
    );
    mend(
        &home,
        "lake/_rejects/rejects-00000.csv",
        "E|04568",
        "\"E|04568|10,5\"",
    );
    home.receipt("-i lake/_rejects/rejects-00000.csv -o lake --mode append");
    let fed = ["01235 B; c 9.5 a.csv", "04568 E 10.5 b.csv"];
    assert_eq!(rows(&home)[4..], fed);
}

#[test]
fn rejects_of_cells_alone_hold_up_no_others() {
    let home = Home::new();
    home.write("cells.csv", "id,note\nx,a\n2,b\n");
    home.write("records.csv", "id,note\n3\n4,d\n");
    home.receipt("-i cells.csv -o lake --dtype id=int64");
    let message = home.fails("-i lake/_rejects --mode append", 2);
    assert!(
        message.contains("1 rejected cells are of rows"),
        "{message}"
    );
    home.receipt("-i records.csv -o lake --dtype id=int64 --mode append");
    mend(&home, "lake/_rejects/rejects-00001.csv", ",3", ",\"3,c\"");
    let receipt = home.receipt("-i lake/_rejects --mode append");
    assert_eq!(receipt.totals.rows_written, 1);
    assert_eq!(rows(&home), ["- a", "2 b", "4 d", "3 c"]);
}

#[test]
fn what_cannot_be_fed_in_says_why() {
    let home = Home::new();
    let long = "x".repeat(100_000);
    home.write("in.csv", format!("id,note\n1,a\n2,{long},{long}\n3,c\n"));
    home.receipt("-i in.csv -o lake");
    let message = home.fails("-i lake/_rejects --mode append", 1);
    assert!(
        message.contains("only the first 65536 of the record's 200003 bytes"),
        "{message}"
    );
    assert!(message.contains("rejects-00000.csv:2"), "{message}");

    let home = Home::new();
    home.write("in.csv", "id,note\n1,a\n2\n");
    home.receipt("-i in.csv -o lake");
    let message = home.fails("-i lake/_rejects --mode overwrite", 2);
    assert!(message.contains("is part of it"), "{message}");
    mend(
        &home,
        "lake/_rejects/rejects-00000.csv",
        "in.csv",
        "other.csv",
    );
    let message = home.fails("-i lake/_rejects --mode append", 2);
    assert!(message.contains("`other.csv`"), "{message}");
    fs::remove_file(home.lake().join("_rejects/refeed-00000.json")).expect("removed");
    let message = home.fails("-i lake/_rejects --mode append", 1);
    assert!(message.contains("refeed-00000.json"), "{message}");
}
