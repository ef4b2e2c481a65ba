//! Files that are not RFC 4180: each part of a dialect, each repair, each kind of lost quote, through
//! the binary, in chunks of any size and on any number of threads.

use std::path::Path;

use chunketl::Receipt;
use chunketl::report::RepairsReceipt;

use crate::lake;
use crate::program::Home;

/// The rows of the lake at `lake`, cells joined by `|`, nulls as `~`.
fn rows(lake: &Path) -> Vec<String> {
    let rows = lake::read(lake).rows.into_iter();
    let text = |cell: Option<String>| cell.unwrap_or_else(|| "~".into());
    rows.map(|row| row.into_iter().map(text).collect::<Vec<_>>().join("|"))
        .collect()
}

/// The lines of a file that a run keeps beside its rows, without the name of the source.
fn kept(home: &Home, run: usize, what: &str) -> Vec<String> {
    let file = format!("lake-{run}/_rejects/{what}-00000.csv");
    let Ok(mut reader) = csv::Reader::from_path(home.path().join(file)) else {
        return Vec::new();
    };
    let lines = reader.records().map(|record| {
        let record = record.expect("the file is CSV");
        record.iter().skip(1).collect::<Vec<_>>().join(" ")
    });
    lines.collect()
}

/// Reads `text` with `flags` in several ways that must not differ; the receipt and rows of the first.
fn read(text: &[u8], flags: &str) -> (Receipt, Vec<String>, Home) {
    let home = Home::new();
    home.write("in.csv", text);
    let run = |index: usize, how: &str| {
        let receipt = home.receipt(&format!("-i in.csv -o lake-{index} {flags} {how}"));
        assert_eq!(receipt.totals.accounted(), receipt.totals.rows_read);
        (receipt, rows(&home.path().join(format!("lake-{index}"))))
    };
    let (receipt, rows) = run(0, "-t 1");
    for (index, how) in [(1, "-t 3 --chunk-rows 1"), (2, "-t 2 --chunk-rows 3")] {
        let (other, other_rows) = run(index, how);
        assert_eq!(other_rows, rows, "{flags} {how}");
        assert_eq!(other.totals, receipt.totals, "{flags} {how}");
        assert_eq!(other.repaired, receipt.repaired, "{flags} {how}");
        for what in ["rejects", "repairs"] {
            assert_eq!(
                kept(&home, index, what),
                kept(&home, 0, what),
                "{flags} {how}"
            );
        }
    }
    (receipt, rows, home)
}

/// The rows of a text none of which is rejected.
fn read_rows(text: &str, flags: &str) -> Vec<String> {
    let (receipt, rows, _) = read(text.as_bytes(), flags);
    assert_eq!(receipt.totals.rows_rejected, 0, "{flags}");
    rows
}

#[test]
fn escapes() {
    let text = "id,name,note\n1,a\\,b,\"say \\\"hi\\\", ok\"\n2,\\\"x,two\\\nlines\n\
                3,c\\\\d,\"e\\\\\"\n4,\\n,\"\"\"\"\n5,,\"\"\n\\6,f\\,g,h\n";
    let expected = [
        "1|a,b|say \"hi\", ok",
        "2|\"x|two\nlines",
        "3|c\\d|e\\",
        "4|n|\"",
        "5|~|",
        "6|f,g|h",
    ];
    assert_eq!(read_rows(text, "--escape \\"), expected);
    let plain = read_rows("a,b\n\"x\"\"y\",\\\n", "--escape '\"'");
    assert_eq!(plain, ["x\"y|\\"]);
    let dump = "id,name,n\n1,\\N,\\N\n2,\\\\N,3\n3,\"\\N\",4\n";
    let expected = ["1|~|~", "2|\\N|3", "3|N|4"];
    assert_eq!(read_rows(dump, "--escape \\"), expected);
    assert_eq!(
        read_rows("a,b\n\\N,1\n2,\\N\n", "--no-sniff"),
        ["~|1", "2|~"]
    );
}

#[test]
fn escapes_in_more_texts_than_a_dictionary_takes() {
    let row = |row: usize| format!("{row},{row}\\,{row},\"\\\"{row}\\\"\"\n");
    let rows: String = (0..3000).map(row).collect();
    let found = read_rows(&format!("id,name,note\n{rows}"), "--escape \\");
    assert_eq!(found[2999], "2999|2999,2999|\"2999\"");
}

#[test]
fn comments() {
    let text = "# made \"by hand\nid,name\n# one, two, three\n1,#a\n\n#\n2,\"b\n# c\"\n#3,d\n4,e";
    let rows = read_rows(text, "--comment #");
    assert_eq!(rows, ["1|#a", "2|b\n# c", "4|e"]);
    // Lines of comments count as lines.
    let (_, _, home) = read(format!("{text}\n5,f,g\n").as_bytes(), "--comment #");
    assert!(kept(&home, 0, "rejects")[0].starts_with("11 "));
}

#[test]
fn line_ends() {
    let text = "id,name\r1,a\r2,\"b\rc\"\r\r\n3,d\n4,e\r";
    assert_eq!(
        read_rows(text, "--line-end any"),
        ["1|a", "2|b\rc", "3|d", "4|e"]
    );
}

#[test]
fn lines_that_end_with_lone_carriage_returns_are_counted() {
    let mut text = "made by hand\r\rid,name\r".to_owned();
    for row in 0..500 {
        text += &match row {
            300 => format!("{row},\"a\rb\"\r"),
            400 => format!("{row}\r"),
            450 => format!("x{row},c\r"),
            499 => format!("{row},\"d"),
            _ => format!("{row},c\r"),
        };
    }
    for flags in ["--dtype id=int64", "--dtype id=int64 --line-end any"] {
        let (receipt, _, home) = read(text.as_bytes(), flags);
        let rejects = kept(&home, 0, "rejects");
        let lines: Vec<&str> = { rejects.iter() }
            .map(|reject| reject.split(' ').next().expect("a line"))
            .collect();
        assert_eq!(lines, ["405", "455", "504"], "{flags}");
        let skipped = &receipt.inputs[0].dialect.as_ref().expect("text").skipped;
        assert_eq!((skipped[0].line, skipped.len()), (1, 2), "{flags}");
    }
    let (receipt, ..) = read(text.as_bytes(), "--skip-rows 2");
    assert_eq!(receipt.totals.rows_read, 500);
}

/// A table of so many rows, its lines ended by `line_end` from row `from` on.
fn table_with(rows: usize, from: usize, line_end: &str) -> String {
    let row = |row: usize| {
        let line_end = if row < from { "\n" } else { line_end };
        format!("{row},some words for row {row},c{line_end}")
    };
    "id,note,code\n".to_owned() + &(0..rows).map(row).collect::<String>()
}

#[test]
fn lines_may_end_with_lone_carriage_returns_only_behind_the_head() {
    const ROWS: usize = 40_000;
    let home = Home::new();
    home.write("in.csv", table_with(ROWS, ROWS / 3, "\r"));
    let receipt = home.receipt("-i in.csv -o lake");
    let totals = receipt.totals;
    assert_eq!(
        (totals.rows_written, totals.rows_rejected),
        (ROWS as u64, 0)
    );
    let dialect = receipt.inputs[0].dialect.as_ref().expect("text");
    let evidence = dialect.evidence.join("\n");
    assert!(evidence.contains("--line-end lf"), "{evidence}");
    let receipt = home.receipt("-i in.csv -o lake --mode overwrite --line-end lf");
    let totals = receipt.totals;
    assert_eq!(totals.rows_written, (ROWS / 3) as u64);
    assert_eq!(totals.rows_rejected, 1);
}

#[test]
fn comments_only_behind_the_head_are_rejects_and_said() {
    let home = Home::new();
    let row = |row: usize| match row % 100 {
        99 if row > 20_000 => "# a note of somebody\n".to_owned(),
        _ => format!("{row},some words for row {row},c\n"),
    };
    let text = "id,note,code\n".to_owned() + &(0..40_050).map(row).collect::<String>();
    home.write("in.csv", text);
    let receipt = home.receipt("-i in.csv -o lake");
    assert_eq!(receipt.totals.rows_rejected, 200);
    let dialect = receipt.inputs[0].dialect.as_ref().expect("text");
    let evidence = dialect.evidence.join("\n");
    assert!(evidence.contains("pass --comment"), "{evidence}");
    let receipt = home.receipt("-i in.csv -o lake --mode overwrite --comment #");
    let totals = receipt.totals;
    assert_eq!((totals.rows_written, totals.rows_rejected), (39_850, 0));
}

#[test]
fn a_header_that_comes_again_among_texts_is_rejected() {
    let text = "name,city\na,b\nname,city\nname,c\nd,city\n\"name\",city\ne,f\nname,city\n";
    let expected = ["a|b", "name|c", "d|city", "name|city", "e|f"];
    for flags in [
        "",
        "--dtype name=categorical",
        "--impute city=mode",
        "--no-sniff",
    ] {
        let (receipt, rows, home) = read(text.as_bytes(), flags);
        assert_eq!(rows, expected, "{flags}");
        assert_eq!(receipt.totals.rows_rejected, 2, "{flags}");
        assert!(kept(&home, 0, "rejects")[0].contains("repeated_header"));
    }
    let (_, rows, _) = read(text.as_bytes(), "--select city");
    assert_eq!(rows, ["b", "c", "city", "city", "f"]);
    let quoted = text.replace("name,city\n", "\"name\",\"city\"\n");
    let (receipt, ..) = read(quoted.as_bytes(), "");
    assert_eq!(receipt.totals.rows_rejected, 2);
    // A single name is a text like any other.
    let (receipt, ..) = read(b"name\nb\nname\nc\n", "--header");
    assert_eq!(
        (receipt.totals.rows_read, receipt.totals.rows_rejected),
        (3, 0)
    );
}

#[test]
fn spaces() {
    let text = "id,  name, note\n 1, \"a, b\" ,  c d \n2,,  \n  3,\"\" , \"e\"\"\" \r\n";
    assert_eq!(
        read_rows(text, "--skip-space"),
        ["1|a, b|c d ", "2|~|~", "3||e\""]
    );
}

#[test]
fn all_parts_at_once() {
    let text = "%% x\rid;name\r% 1; 'a\\'; b' \r%%2\n3; c\\;d\r\n4;''''";
    let flags = "--delimiter ; --quote \\x27 --escape \\ --comment %% --line-end any --skip-space";
    let rows = read_rows(text, &format!("{flags} --dtype id=utf8"));
    assert_eq!(rows, ["% 1|a'; b", "3|c;d", "4|'"]);
}

#[test]
fn too_few_and_too_many() {
    let text = b"a,b,c\n1,2\n3,4,5\n6,7,8,9\n10\n11,12,\"x\ny\",z\n13,\"14\"\"15\n16,17,18\n";
    let flags = "--dtype a=utf8 --dtype b=utf8 --dtype c=utf8";
    let (receipt, found, _) = read(text, flags);
    assert_eq!(found, ["3|4|5", "16|17|18"]);
    assert_eq!(receipt.totals.rows_rejected, 5);
    assert_eq!(receipt.repaired, RepairsReceipt::default());

    let mend = format!("{flags} --too-few pad --too-many merge-last");
    let (receipt, found, home) = read(text, &mend);
    let expected = ["1|2|~", "3|4|5", "6|7|8,9", "10|~|~", "16|17|18"];
    assert_eq!(found, expected);
    let counts = receipt.repaired.counts;
    assert_eq!((counts.padded, counts.truncated, counts.merged), (2, 0, 1));
    assert_eq!(receipt.inputs[0].repaired, counts);
    assert_eq!(
        receipt.repaired.file.as_deref(),
        Some("_rejects/repairs-00000.csv")
    );
    let repairs = [
        "2 6 padded 3 1,2",
        "4 16 merged 7 6,7,8,9",
        "5 24 padded 2 10",
    ];
    assert_eq!(kept(&home, 0, "repairs"), repairs);
    let rejects = kept(&home, 0, "rejects");
    assert!(rejects[0].contains("too_many_fields"), "{rejects:?}");
    assert!(rejects[1].starts_with("8 44  unclosed"), "{rejects:?}");

    let (receipt, found, _) = read(text, &format!("{flags} --too-many truncate"));
    assert_eq!(found, ["3|4|5", "6|7|8", "11|12|x\ny", "16|17|18"]);
    assert_eq!(receipt.repaired.counts.truncated, 2);
}

#[test]
fn types_are_inferred_from_rows_as_they_are_repaired() {
    let text = b"a,b,c\n1,2\n3,4\n";
    let (receipt, found, _) = read(text, "--too-few pad");
    assert_eq!(found, ["1|2|~", "3|4|~"]);
    assert_eq!(receipt.columns[0].data_type, "int64");
    let text = b"a,b\n1,2\n3,4,5\n";
    let (receipt, found, _) = read(text, "--too-many merge-last");
    assert_eq!(found, ["1|2", "3|4,5"]);
    assert_eq!(receipt.columns[1].data_type, "utf8");
}

#[test]
fn a_lost_quote_costs_its_line() {
    let row = |number: usize| format!("{number},\"a, {number}\",b\n");
    let regular: String = (0..50).map(row).collect();
    let lost = [
        // Never closed at all, in a file without further quotes.
        ("1,\"x,y\n", "2,a,b\n".repeat(50)),
        // Closed by what opens the next field.
        ("1,\"x,y\n", regular.clone()),
        ("1,x,\"y\n", regular.clone()),
        ("\"1,x,y\n", format!("2,,\"\"\n{regular}")),
    ];
    for (line, rest) in lost {
        for before in ["", &regular] {
            let text = format!("id,name,note\n{before}{line}{rest}");
            let (receipt, _, home) = read(text.as_bytes(), "");
            assert_eq!(receipt.totals.rows_rejected, 1, "{line}");
            let lines = before.lines().count() + rest.lines().count();
            assert_eq!(receipt.totals.rows_written, lines as u64, "{line}");
            let number = format!("{} ", 2 + before.lines().count());
            let reject = &kept(&home, 0, "rejects")[0];
            assert!(reject.starts_with(&number), "{line}: {reject:?}");
            assert!(reject.contains("unclosed_quote"), "{reject:?}");
        }
    }
}

#[test]
fn a_quoted_field_may_be_as_long_as_a_record() {
    let lines = "x,\"\"y\"\",z\n".repeat(2000);
    let text = format!("id,note\n1,\"{lines}\"\n2,b\n");
    let (receipt, rows, _) = read(text.as_bytes(), "");
    assert_eq!((rows.len(), receipt.totals.rows_rejected), (2, 0));
    // A longer one costs its record.
    let (receipt, rows, home) = read(text.as_bytes(), "--max-record-bytes 4096");
    assert!(kept(&home, 0, "rejects")[0].contains("record_too_long"));
    assert_eq!(
        (rows, receipt.totals.rows_read),
        (vec!["2|b".to_owned()], 2)
    );
}

#[test]
fn text_behind_a_closing_quote_and_stray_quotes() {
    let text = b"id,name\n1,\"a\"b\n2,c\"d\"\n3,\"e\" \n4,\"f\"\n";
    let (receipt, rows, home) = read(text, "--quote '\"'");
    assert_eq!(rows, ["2|c\"d\"", "4|f"]);
    assert_eq!(receipt.totals.rows_rejected, 2);
    assert!(kept(&home, 0, "rejects")[0].contains("text_after_quote"));
    let (_, rows, _) = read(text, "--skip-space");
    assert_eq!(rows, ["2|c\"d\"", "3|e", "4|f"]);
}

#[test]
fn lost_quotes_take_linear_time() {
    // Each line opens a quote that the next one seems to close and open again, or nearly.
    for line in ["\"x\",\"y\n", "x\",\",\n", "a,\"b\n", ",\"\"\"x\n"] {
        let home = Home::new();
        home.write("in.csv", format!("a,b\n{}", line.repeat(200_000)));
        let started = std::time::Instant::now();
        let receipt = home.receipt("-i in.csv -o lake -t 2");
        assert_eq!(receipt.totals.accounted(), receipt.totals.rows_read);
        assert!(started.elapsed().as_secs() < 60, "{line:?}");
    }
}

#[test]
fn a_table_that_is_too_wide_ends_the_run_at_once() {
    let home = Home::new();
    let header: Vec<String> = (0..200_000).map(|number| number.to_string()).collect();
    home.write("in.csv", header.join(","));
    let message = home.fails("-i in.csv -o lake", 1);
    assert!(
        message.contains("200000 columns, more than --max-columns 65536"),
        "{message}"
    );
    assert!(message.contains("in.csv"), "{message}");
    home.write("in.csv", "a,b,c\n1,2,3\n");
    home.fails("-i in.csv -o lake --max-columns 2", 1);
    home.receipt("-i in.csv -o lake --max-columns 3");
}

#[test]
fn flags_that_contradict_each_other() {
    let home = Home::new();
    home.write("in.csv", "a\n");
    for (flags, expected) in [
        ("--escape ,", "--escape: , is the delimiter"),
        ("--comment '\"x'", "--comment: no line"),
        ("--delimiter \\x20 --skip-space", "--skip-space: the space"),
        ("--line-end cr", "--line-end"),
        ("--skip-space maybe", "--skip-space"),
        ("--keep all", "--keep"),
        ("--max-field-bytes 2GiB", "at most 1GiB"),
        ("--too-few fill", "--too-few"),
        ("--too-many join", "--too-many"),
    ] {
        let message = home.fails(&format!("-i in.csv -o lake {flags}"), 2);
        assert!(message.contains(expected), "{flags}: {message}");
    }
}
