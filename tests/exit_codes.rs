//! What can go wrong -> the exit code and what the message names. Keeps: whatever fails leaves
//! nothing behind, neither a lake nor anything beside it.

use std::process::Stdio;

use crate::program::{Home, message, names};

const SALES: &str = "shop,amount,day\na,1,2024-01-01\nb,x,2024-01-02\na,3,2024-01-03\n";

/// A directory with `in.csv`.
fn home(text: &str) -> Home {
    let home = Home::new();
    home.write("in.csv", text);
    home
}

/// `line` fails with `code`, says all of `expected`, and leaves only the input.
fn fails(text: &str, line: &str, code: i32, expected: &[&str]) {
    let home = home(text);
    let said = home.fails(line, code);
    for part in expected {
        assert!(said.contains(part), "{line}: {part:?} is not in: {said}");
    }
    assert_eq!(home.names(), ["in.csv"], "{line}");
    assert!(!said.contains("panicked"), "{said}");
}

#[test]
fn wrong_usage_is_2_and_names_the_nearest() {
    for (line, expected) in [
        ("-i in.csv -o lake --thread 2", ["--thread", "--threads"]),
        ("-i in.csv -o lake --dtype amount=int", ["--dtype", "int64"]),
        (
            "-i in.csv -o lake --dtype amuont=int64",
            ["amuont", "did you mean `amount`"],
        ),
        ("-i in.csv -o lake --key shp", ["--key", "`shop`"]),
        (
            "-i in.csv -o lake --impute amonut=mean",
            ["--impute", "`amount`"],
        ),
        (
            "-i in.csv -o lake --impute amount=meen",
            ["--impute", "`mean`"],
        ),
        (
            "-i in.csv -o lake --rolling amount:avg:7",
            ["--rolling", "mean"],
        ),
        (
            "-i in.csv -o lake --rolling amount:mean:1d",
            ["--time", "1d"],
        ),
        (
            "-i in.csv -o lake --memory-limit 5X",
            ["--memory-limit", "5X"],
        ),
        ("-i in.csv -o lake --threads 0", ["--threads", "0"]),
        ("-i nothing.csv -o lake", ["--input", "nothing.csv"]),
        ("-i '*.tsv' -o lake", ["--input", "*.tsv"]),
        ("-i in.csv", ["--out", "lake/"]),
        ("-o lake", ["--input", "at least one"]),
        (
            "-i in.csv -o lake --config no.toml",
            ["no.toml", "No such file"],
        ),
    ] {
        fails(SALES, line, 2, &expected);
    }
}

#[test]
fn steps_that_do_not_fit_their_column_are_refused_before_the_first_row() {
    let text = "shop,amount,day\na,1,2024-01-01\nb,2,2024-01-02\n";
    for (line, expected) in [
        ("--impute shop=mean", ["shop", "utf8"]),
        ("--rolling shop:sum:2", ["shop", "utf8"]),
        ("--impute amount=const:many", ["amount", "many"]),
        ("--rolling amount:sum:1d --time shop", ["shop", "time"]),
    ] {
        fails(text, &format!("-i in.csv -o lake {line}"), 2, &expected);
    }
}

#[test]
fn a_lake_in_the_way_is_2_and_stays_as_it_is() {
    let home = home("a\n1\n");
    home.receipt("-i in.csv -o lake");
    let before = crate::lake::files(&home.lake());
    let said = home.fails("-i in.csv -o lake", 2);
    assert!(
        said.contains("--mode overwrite") && said.contains("--mode append"),
        "{said}"
    );
    home.write("other.csv", "a,b\n1,2\n");
    let said = home.fails("-i other.csv -o lake --mode append", 2);
    assert!(
        said.contains("part-00000.parquet") && said.contains("\"b\""),
        "{said}"
    );
    assert!(crate::lake::files(&home.lake()) == before);
    assert_eq!(home.names(), ["in.csv", "lake", "other.csv"]);
}

#[test]
fn an_input_is_never_overwritten() {
    let home = Home::new();
    std::fs::create_dir(home.lake()).expect("a directory");
    home.write("lake/in.csv", "a\n1\n");
    for line in [
        "-i lake/in.csv -o lake --mode overwrite",
        "-i lake/in.csv -o lake/in.csv",
    ] {
        let said = home.fails(line, 2);
        assert!(said.contains("lake"), "{said}");
        assert_eq!(names(&home.lake()), ["in.csv"]);
    }
}

#[test]
fn files_that_are_no_tables_are_1() {
    for (bytes, expected) in [
        (b"".as_slice(), "not even a header"),
        (b"\n\n", "not even a header"),
        (b"PK\x03\x04\x14\x00", "unzip"),
        (b"PAR1\x15\x04\x15", "arquet"),
        (b"\xff\xfe\x00\x00a\x00\x00\x00", "UTF-32"),
        (b"a,\xff\n1,2\n", "UTF-8"),
    ] {
        let home = Home::new();
        home.write("in.csv", bytes);
        let said = home.fails("-i in.csv -o lake", 1);
        assert!(
            said.contains(expected) && said.contains("in.csv:1"),
            "{said}"
        );
        assert_eq!(home.names(), ["in.csv"]);
    }
    let home = home("a,b\n1,2\n");
    home.write("other.csv", "a,c\n1,2\n");
    let said = home.fails("-i in.csv other.csv -o lake --schema-drift fail", 1);
    assert!(
        said.contains("`c`") && said.contains("`b`") && said.contains("other.csv"),
        "{said}"
    );
    let receipt = home.receipt("-i in.csv other.csv -o lake");
    assert_eq!(receipt.inputs[1].columns_missing, ["b"]);
    assert_eq!(receipt.inputs[1].columns_extra, ["c"]);
}

#[test]
fn the_gate_is_3_past_a_count_or_a_share() {
    let rows =
        |bad: usize, good: usize| "a,b\n".to_owned() + &"1,2\n".repeat(good) + &"1\n".repeat(bad);
    let home = home(&rows(5, 95));
    home.receipt("-i in.csv -o five --max-rejects 5");
    home.receipt("-i in.csv -o share --max-rejects 5%");
    for (gate, flags) in [
        ("4", "--max-rejects 4"),
        ("4.9%", "--max-rejects 4.9%"),
        ("0", "--max-rejects 0"),
    ] {
        let said = home.fails(&format!("-i in.csv -o lake {flags} --chunk-rows 7"), 3);
        for part in [gate, "--max-rejects", "in.csv:97", "too_few_fields"] {
            assert!(said.contains(part), "{part}: {said}");
        }
        assert_eq!(home.names(), ["five", "in.csv", "share"]);
    }
}

#[test]
fn the_gate_of_each_file_is_3_too() {
    let home = home("a,b\n1,2\n3\n4,5\n6\n");
    home.write("other.csv", "a,b\n1,2\n2,3\n3\n4,5\n5,6\n6,7\n");
    let inputs = "-i other.csv in.csv -o lake --mode overwrite --chunk-rows 1";
    for flags in ["2", "50%", "2 --max-rejects 3"] {
        home.receipt(&format!("{inputs} --max-rejects-per-file {flags}"));
    }
    for gate in ["1", "49%"] {
        let said = home.fails(&format!("{inputs} --max-rejects-per-file {gate}"), 3);
        for part in [
            "--max-rejects-per-file",
            gate,
            "2 records or cells of one file",
            "in.csv:3",
        ] {
            assert!(said.contains(part), "{part}: {said}");
        }
    }
    let said = home.fails(
        &format!("{inputs} --max-rejects-per-file 2 --max-rejects 2"),
        3,
    );
    assert!(said.contains("more than --max-rejects 2 allows"), "{said}");
}

#[test]
fn a_bad_row_fails_where_that_is_asked_for_and_is_named() {
    let text = "id,amount\n1,2\n2,3\n3,many\n4,5\n";
    let flags = "-i in.csv -o lake --on-bad-row fail --dtype amount=int64";
    let expected = ["in.csv:4", "amount", "many", "int64", "--on-bad-row fail"];
    fails(text, flags, 3, &expected);
    fails(
        "a,b\n1,2\n3\n",
        "-i in.csv -o lake --on-bad-row fail",
        3,
        &["in.csv:3", "too_few_fields"],
    );
    let home = home("a,b\n1,2\n");
    home.receipt("-i in.csv -o lake --on-bad-row fail");
}

#[test]
fn a_limit_that_is_too_small_is_4_and_says_what_to_set() {
    fails(
        SALES,
        "-i in.csv -o lake --memory-limit 4MiB",
        4,
        &["memory limit", "raise --memory-limit"],
    );
    let lines: Vec<String> = (0..400_000)
        .map(|row| format!("customer-{row},{row}\n"))
        .collect();
    let text = format!("id,amount\n{}", lines.concat());
    let line = "-i in.csv -o lake -t 2 --memory-limit 48MiB --key id --rolling amount:median:500";
    fails(
        &text,
        line,
        4,
        &["key tables", "--memory-limit", "fewer values"],
    );
}

#[test]
fn rows_out_of_time_order_are_1_and_named() {
    let text = "k,t,v\na,2024-01-03,1\nb,2024-01-02,2\na,2024-01-01,3\n";
    let line = "-i in.csv -o lake --key k --time t --rolling v:sum:2d --chunk-rows 1";
    fails(
        text,
        line,
        1,
        &["in.csv:4", "2024-01-01", "2024-01-03", "--order trust"],
    );
    let home = home(text);
    home.receipt(&format!("{line} --order trust"));
}

#[test]
fn a_reader_that_has_left_is_no_error() {
    let home = home("a\n1\n");
    for flags in ["", "--json"] {
        let line = format!("-i in.csv -o lake --mode overwrite {flags}");
        let mut child = home
            .command(&line)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        drop(child.stdout.take());
        let output = child.wait_with_output().expect("it ends");
        assert_eq!(output.status.code(), Some(0), "{}", message(&output));
        assert_eq!(message(&output), "");
    }
    assert_eq!(home.names(), ["in.csv", "lake"]);
}
