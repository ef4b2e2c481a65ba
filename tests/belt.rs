//! Hard CSV in, a lake out: read back, it equals a plain serial reading by the `csv` crate, cell
//! by cell, whatever the chunks and the threads.

use std::path::Path;

use arrow::datatypes::DataType;
use chunketl::{Builder, Pipeline, Receipt};
use proptest::prelude::*;

use crate::lake::{self, Table};
use crate::program::{Home, message};

const CHUNK_ROWS: [usize; 4] = [1, 2, 7, 1000];
const THREADS: [usize; 3] = [1, 2, 7];
const NULL_TOKENS: [&str; 4] = ["", "NA", "null", "NaN"];

/// The columns and records of `files` as the `csv` crate reads them one after the other.
fn plainly(files: &[&[u8]], reader: &csv::ReaderBuilder) -> (Vec<String>, Vec<Vec<String>>) {
    let texts = |record: &csv::StringRecord| record.iter().map(str::to_owned).collect();
    let (mut names, mut rows) = (Vec::new(), Vec::new());
    for file in files {
        let mut reader = reader.from_reader(*file);
        if reader.has_headers() {
            let header: Vec<String> = texts(reader.headers().expect("a header in UTF-8"));
            if !header.is_empty() {
                names = header;
            }
        }
        rows.extend(
            reader
                .records()
                .map(|row| texts(&row.expect("a record in UTF-8"))),
        );
    }
    (names, rows)
}

/// The text of a cell of a column of type `data_type` that holds `text`.
fn expected_cell(text: &str, data_type: &DataType) -> Option<String> {
    if *data_type == DataType::Utf8 {
        return Some(text.to_owned());
    }
    if NULL_TOKENS.contains(&text.trim()) {
        return None;
    }
    match data_type {
        DataType::Int64 => text.parse::<i64>().ok().map(|value| value.to_string()),
        DataType::Float64 => text.parse::<f64>().ok().map(|value| format!("{value:?}")),
        DataType::Boolean => text
            .to_lowercase()
            .parse::<bool>()
            .ok()
            .map(|value| value.to_string()),
        DataType::Date32 => Some(text.to_owned()),
        other => panic!("no test makes a column of type {other}"),
    }
}

/// Compares cells; an empty text may be null, which the `csv` crate cannot tell from `""`.
fn assert_same(table: &Table, rows: &[Vec<String>], context: &str) {
    assert_eq!(table.rows.len(), rows.len(), "{context}");
    for (index, (found, texts)) in table.rows.iter().zip(rows).enumerate() {
        assert_eq!(found.len(), texts.len(), "{context}: row {index}");
        for ((cell, text), data_type) in found.iter().zip(texts).zip(&table.types) {
            let expected = expected_cell(text, data_type);
            let same = *cell == expected || (text.is_empty() && cell.is_none());
            assert!(
                same,
                "{context}: row {index}: {cell:?}, not {expected:?} ({text:?})"
            );
        }
    }
}

fn run(builder: Builder, lake: &Path) -> Receipt {
    let config = builder.out(lake).build().expect("valid options");
    Pipeline::new(config).run().expect("a run without errors")
}

/// Runs `builder` for all chunks and threads; each lake equals the plain reading of `files`.
fn check(files: &[&[u8]], reader: &csv::ReaderBuilder, builder: impl Fn(&Home) -> Builder) {
    let (names, rows) = plainly(files, reader);
    for chunk_rows in CHUNK_ROWS {
        for threads in THREADS {
            let home = Home::new();
            for (index, file) in files.iter().enumerate() {
                home.write(&format!("in-{index}.csv"), file);
            }
            let glob = home.path().join("in-*.csv").display().to_string();
            let builder = builder(&home).input(glob).threads(threads);
            let receipt = run(builder.chunk_rows(chunk_rows), &home.lake());
            let context = format!("chunks of {chunk_rows}, {threads} threads");
            let table = lake::read(&home.lake());
            if !names.is_empty() {
                assert_eq!(table.names, names, "{context}");
            }
            assert_same(&table, &rows, &context);
            assert_eq!(receipt.totals.rows_read, rows.len() as u64);
            assert_eq!(receipt.totals.accounted(), receipt.totals.rows_read);
        }
    }
}

fn comma() -> csv::ReaderBuilder {
    csv::ReaderBuilder::new()
}

fn plain(_: &Home) -> Builder {
    Builder::new()
}

#[test]
fn quotes_line_ends_and_blank_lines() {
    let texts = [
        "id,text,amount\n1,\"a,b\",1.5\n2,\"say \"\"hi\"\"\",2\n3,\"two\nlines\",\n4,,7.25\n",
        "id,text,amount\r\n1,\"a\r\nb\",1.5\r\n2,x y ,2\r\n3,\"\",NA\r\n",
        "\u{feff}id,text,amount\n1,é,1\n2,\"日本\",2",
        "id,text,amount\n\n\n1,a,1\n\r\n2,b\"c,2\n\n",
        "\"id\",\"te\"\"xt\",\"amo\nunt\"\n1,\"\"\"\",0\n",
    ];
    for text in texts {
        check(&[text.as_bytes()], &comma(), plain);
    }
}

#[test]
fn many_files_some_of_them_empty() {
    let files: [&[u8]; 6] = [
        b"a,b\n1,x\n2,y\n3,z\n",
        b"a,b\n",
        b"",
        b"\xEF\xBB\xBFa,b\r\n4,\"p\nq\"\r\n",
        b"a,b",
        b"a,b\n5,last",
    ];
    check(&files, &comma(), plain);
}

#[test]
fn a_header_alone_gives_an_empty_lake_with_its_columns() {
    let home = Home::new();
    home.write("in.csv", "a,b\r\n");
    let receipt = home.receipt("-i in.csv -o lake");
    assert_eq!(receipt.totals.rows_written, 0);
    let table = lake::read(&home.lake());
    assert_eq!(table.names, ["a", "b"]);
    assert!(table.rows.is_empty());
}

#[test]
fn other_dialects() {
    let mut semicolons = comma();
    semicolons.delimiter(b';').quote(b'\'');
    check(&[b"a;b\n1;'x;''y'\n2;a,b\"\n"], &semicolons, |_| {
        Builder::new().delimiter(b';').quote(Some(b'\''))
    });
    let mut tabs = comma();
    tabs.delimiter(b'\t').quoting(false);
    check(&[b"a\tb\n1\t\"x\n2\ty\"\"\n\"3\"\t\n"], &tabs, |_| {
        Builder::new().delimiter(b'\t').quote(None)
    });
    let mut headless = comma();
    headless.has_headers(false);
    check(&[b"1,x\n2,\"y\nz\"\n", b"3,w"], &headless, |_| {
        Builder::new().no_header()
    });
}

#[test]
fn dialects_and_standard_input_from_the_command_line() {
    let home = Home::new();
    let cases = [
        ("--delimiter ;", "a;b\n1;x,y\n2;\"p;q\"\n", b';', true, true),
        (
            "--delimiter '\\t' --quote none",
            "a\tb\n1\t\"x\n2\ty\n",
            b'\t',
            false,
            true,
        ),
        ("--no-header", "1,x\n2,y\n", b',', true, false),
    ];
    for (index, (flags, text, delimiter, quoting, header)) in cases.into_iter().enumerate() {
        let mut reader = comma();
        reader
            .delimiter(delimiter)
            .quoting(quoting)
            .has_headers(header);
        let (_, rows) = plainly(&[text.as_bytes()], &reader);
        let lake = format!("lake-{index}");
        home.write("in.csv", text);
        home.receipt(&format!("-i in.csv -o {lake} {flags}"));
        assert_same(&lake::read(&home.path().join(&lake)), &rows, flags);

        // The same through a pipe, which is spooled, and as a file on standard input.
        let piped = format!("piped-{index}");
        let mut command =
            assert_cmd::Command::from(home.command(&format!("-i - -o {piped} {flags}")));
        command.write_stdin(text).assert().success();
        let redirected = format!("redirected-{index}");
        let file = std::fs::File::open(home.path().join("in.csv")).expect("just written");
        let mut command = home.command(&format!("-i - -o {redirected} {flags}"));
        let output = command.stdin(file).output().expect("the binary starts");
        assert!(output.status.success(), "{}", message(&output));
        for other in [piped, redirected] {
            let same = lake::results(&home.path().join(&lake));
            assert!(
                lake::results(&home.path().join(&other)) == same,
                "{flags}: {other}"
            );
        }
    }
}

#[test]
fn bad_records_are_rejected_and_every_other_cell_is_there() {
    let home = Home::new();
    home.write(
        "in.csv",
        b"a,b\n1,x\n2\n3,y,z\n4,\xff\n5,\"p\"q\n6,w\n7,\"open\n8,v\n",
    );
    for chunk_rows in CHUNK_ROWS {
        let line = format!("-i in.csv -o lake --mode overwrite --chunk-rows {chunk_rows}");
        let receipt = home.receipt(&line);
        let table = lake::read(&home.lake());
        assert_eq!(table.column("a"), [Some("1"), Some("6"), Some("8")]);
        assert_eq!(table.column("b"), [Some("x"), Some("w"), Some("v")]);
        let totals = receipt.totals;
        assert_eq!(
            (totals.rows_read, totals.rows_rejected),
            (8, 5),
            "chunks of {chunk_rows}"
        );
        let reasons = [
            ("invalid_utf8", 1),
            ("text_after_quote", 1),
            ("too_few_fields", 1),
            ("too_many_fields", 1),
            ("unclosed_quote", 1),
        ];
        let found: Vec<_> = receipt.rejects.by_reason.iter().collect();
        let found: Vec<_> = found
            .into_iter()
            .map(|(code, count)| (code.as_str(), *count))
            .collect();
        let found: Vec<_> = found.into_iter().filter(|(_, count)| *count > 0).collect();
        assert_eq!(found, reasons);
        let file = receipt.rejects.file.expect("rejects are kept");
        let mut rejects = csv::Reader::from_path(home.lake().join(file)).expect("a rejects file");
        let lines: Vec<String> = rejects
            .records()
            .map(|row| row.expect("a row of the rejects file")[1].to_owned())
            .collect();
        assert_eq!(lines, ["3", "4", "5", "6", "8"]);
    }
}

#[test]
fn a_carriage_return_alone_ends_no_record() {
    let home = Home::new();
    home.write("in.csv", "a,b\n1,x\ry\n2,\r\r\n");
    home.receipt("-i in.csv -o lake");
    let table = lake::read(&home.lake());
    assert_eq!(table.column("a"), [Some("1"), Some("2")]);
    assert_eq!(table.column("b"), [Some("x\ry"), Some("\r")]);
}

#[test]
fn numbers_that_would_be_damaged_stay_text() {
    let home = Home::new();
    home.write(
        "in.csv",
        "zip,big,long\n01234,9223372036854775808,1e400\n10115,1,2\n",
    );
    home.receipt("-i in.csv -o lake");
    let table = lake::read(&home.lake());
    assert_eq!(table.column("zip"), [Some("01234"), Some("10115")]);
    assert_eq!(
        table.column("big"),
        [Some("9223372036854775808"), Some("1")]
    );
}

/// A cell and whether it stands in quotes.
fn cell(kind: u8) -> BoxedStrategy<(String, bool)> {
    let text = match kind {
        0 => "-?[0-9]{1,3}|-?[1-9][0-9]{3,17}".boxed(),
        1 => "-?[0-9]{1,4}\\.[0-9]{1,6}".boxed(),
        2 => "true|false".boxed(),
        3 => "20[0-9]{2}-0[1-9]-[12][0-9]".boxed(),
        4 => "[a-c,\"\n\r ;é]{0,6}".boxed(),
        _ => "[ -~]{0,12}".boxed(),
    };
    let filled = (text, any::<bool>());
    let empty = prop_oneof![Just(("NA".to_owned(), false)), Just((String::new(), false))];
    prop_oneof![8 => filled, 1 => empty].boxed()
}

/// A table: its header, then its rows, as cells and whether they are quoted.
fn table() -> impl Strategy<Value = Vec<Vec<(String, bool)>>> {
    let kinds = proptest::collection::vec(0..6_u8, 2..5);
    kinds.prop_flat_map(|kinds| {
        let row: Vec<_> = kinds.iter().map(|kind| cell(*kind)).collect();
        let rows = proptest::collection::vec(row, 0..40);
        rows.prop_map(move |mut rows| {
            let names = (0..kinds.len()).map(|index| (format!("c{index}"), index % 2 == 0));
            rows.insert(0, names.collect());
            rows
        })
    })
}

/// `rows` as CSV; quotes stand where they must or are asked for.
fn csv_text(rows: &[Vec<(String, bool)>], line_end: &str, ends: bool) -> String {
    let field = |(text, quoted): &(String, bool)| {
        if *quoted || text.contains(['"', ',', '\n', '\r']) {
            format!("\"{}\"", text.replace('"', "\"\""))
        } else {
            text.clone()
        }
    };
    let lines: Vec<String> = rows
        .iter()
        .map(|row| row.iter().map(field).collect::<Vec<_>>().join(","))
        .collect();
    lines.join(line_end) + if ends { line_end } else { "" }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn random_tables_come_back(
        rows in table(),
        crlf: bool,
        ends: bool,
        forced: bool,
        chunk_rows in proptest::sample::select(CHUNK_ROWS.as_slice()),
        threads in proptest::sample::select(THREADS.as_slice()),
    ) {
        let home = Home::new();
        let text = csv_text(&rows, if crlf { "\r\n" } else { "\n" }, ends);
        let path = home.write("in.csv", &text);
        let mut builder = Builder::new().input(path.display().to_string());
        if forced {
            for (name, _) in &rows[0] {
                builder = builder.dtype(name, "utf8");
            }
        }
        let receipt = run(builder.threads(threads).chunk_rows(chunk_rows), &home.lake());
        let table = lake::read(&home.lake());
        let (_, plain) = plainly(&[text.as_bytes()], &comma());
        assert_same(&table, &plain, &text);
        prop_assert_eq!(receipt.totals.rows_written, plain.len() as u64);
        if forced {
            let null = |cell: &(String, bool)| cell.0.is_empty() && !cell.1;
            for (found, given) in table.rows.iter().zip(&rows[1..]) {
                for (cell, given) in found.iter().zip(given) {
                    prop_assert_eq!(cell.is_none(), null(given));
                }
            }
        }
    }
}
