//! The built binary: what it writes where, what it says, and its exit codes.

use std::fs;
use std::io::Read;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

fn generator(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gen"));
    command.args(args);
    command
}

fn run(args: &[&str]) -> Output {
    generator(args).output().unwrap()
}

fn stderr(output: &Output) -> &str {
    str::from_utf8(&output.stderr).unwrap()
}

#[test]
fn a_file_and_its_truth() {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("big.csv");
    let truth = directory.path().join("truth.json");
    let (out, truth) = (out.to_str().unwrap(), truth.to_str().unwrap());
    let output = run(&[
        "--rows", "1k", "--out", out, "--truth", truth, "--seed", "9",
    ]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(output.stdout.is_empty());
    assert!(
        stderr(&output).contains("wrote 1,000 rows"),
        "{}",
        stderr(&output)
    );
    let told: Value = serde_json::from_slice(&fs::read(truth).unwrap()).unwrap();
    assert_eq!(told["rows"], 1000);
    assert_eq!(told["seed"], 9);
    assert_eq!(told["shape"], "transactions");
    assert_eq!(told["bytes"], fs::metadata(out).unwrap().len());

    let piped = run(&[
        "--rows", "1000", "--out", "-", "--seed", "9", "-q", "-t", "3",
    ]);
    assert_eq!(piped.stdout, fs::read(out).unwrap());
    assert_eq!(stderr(&piped), "");
}

#[test]
fn numbered_files() {
    let directory = tempfile::tempdir().unwrap();
    let into = directory.path().join("in");
    let output = run(&[
        "--size",
        "20kB",
        "--files",
        "3",
        "-q",
        "-o",
        into.to_str().unwrap(),
    ]);
    assert!(output.status.success(), "{}", stderr(&output));
    let mut names: Vec<_> = fs::read_dir(&into)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["part-0000.csv", "part-0001.csv", "part-0002.csv"]);
}

#[test]
fn rates_typed_win_over_clean_and_shape() {
    let output = run(&[
        "--rows",
        "50",
        "--shape",
        "nulls",
        "--clean",
        "--missing",
        "100%",
        "-q",
        "-o",
        "-",
    ]);
    let mut reader = csv::Reader::from_reader(&output.stdout[..]);
    for record in reader.records() {
        let region = record.unwrap()[3].to_owned();
        assert!(
            ["", "N/A", "NA", "null", "NaN", "None"].contains(&&*region),
            "{region}"
        );
    }
}

#[test]
fn missing_cells_are_empty_where_asked() {
    let output = run(&[
        "--rows",
        "50",
        "--clean",
        "--missing",
        "100%",
        "--missing-as",
        "empty",
        "--clean-time",
        "-q",
        "-o",
        "-",
    ]);
    let mut reader = csv::Reader::from_reader(&output.stdout[..]);
    for record in reader.records() {
        let record = record.unwrap();
        assert!(
            record.iter().skip(3).take(6).all(str::is_empty),
            "{record:?}"
        );
        assert!(!record[2].is_empty(), "{record:?}");
    }
}

#[test]
fn a_broken_pipe_is_quiet() {
    let mut child = generator(&["--rows", "1M", "--out", "-", "-q"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = [0; 10];
    let mut stdout = child.stdout.take().unwrap();
    stdout.read_exact(&mut first).unwrap();
    drop(stdout);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    assert_eq!(stderr(&output), "");
}

#[test]
fn failures_exit_1_and_name_the_file() {
    let output = run(&["--rows", "10", "--out", "/nowhere/at/all.csv"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("/nowhere/at/all.csv"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn wrong_usage_exits_2_and_names_the_option() {
    let cases: [(&[&str], &str); 9] = [
        (&["--out", "-"], "--rows"),
        (&["--rows", "1", "--size", "1", "--out", "-"], "--size"),
        (&["--rows", "1"], "--out"),
        (&["--rows", "some", "--out", "-"], "--rows"),
        (
            &["--rows", "1", "--missing", "2", "--out", "-"],
            "--missing",
        ),
        (
            &[
                "--rows",
                "1",
                "--missing",
                "99%",
                "--late",
                "9%",
                "--out",
                "-",
            ],
            "timestamp",
        ),
        (&["--rows", "1", "--files", "2", "--out", "-"], "--files"),
        (
            &["--rows", "1", "--shape", "round", "--out", "-"],
            "--shape",
        ),
        (
            &["--rows", "1", "--out", "same.csv", "--truth", "same.csv"],
            "--truth",
        ),
    ];
    for (args, named) in cases {
        let output = run(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(
            stderr(&output).contains(named),
            "{args:?}: {}",
            stderr(&output)
        );
    }
}

#[test]
fn help_shows_examples() {
    let output = run(&["--help"]);
    assert!(output.status.success());
    assert!(
        str::from_utf8(&output.stdout)
            .unwrap()
            .contains("gen --rows 10M --out big.csv")
    );
}
