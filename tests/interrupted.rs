//! A run that is disturbed from outside while it works: signals, and inputs that change under it.
//! Keeps: the lake stays what it was, and nothing is left beside it.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::process::{Child, Output, Stdio};
use std::thread::sleep;
use std::time::Duration;

use chunketl::Receipt;
use generator::Shape;
use rustix::process::{Pid, Signal, kill_process};

use crate::lake;
use crate::made;
use crate::program::{Home, message};

/// Long enough to be in the middle of something whenever it is stopped.
const SLOW: &str =
    "-i in-0.csv -o lake --chunk-rows 50 --impute amount=median --impute amount=mean";

/// A directory with `in-0.csv`, and a lake where `published` says so.
fn home(published: bool) -> Home {
    let home = Home::new();
    made::write(&made::job(Shape::Transactions, 150_000), home.path());
    if published {
        home.write("small.csv", "a\n1\n");
        home.receipt("-i small.csv -o lake");
    }
    home
}

/// Starts `line` and waits until it has begun to write.
fn start(home: &Home, line: &str) -> Child {
    let mut command = home.command(line);
    let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the binary starts");
    let staging = || {
        home.names()
            .iter()
            .any(|name| name.starts_with(".lake.chunketl-"))
    };
    while !staging() {
        let ended = child.try_wait().expect("a child");
        assert!(ended.is_none(), "it ended before it was disturbed");
        sleep(Duration::from_millis(1));
    }
    sleep(Duration::from_millis(100));
    child
}

fn send(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).expect("the child still runs");
}

fn end(child: Child) -> Output {
    child.wait_with_output().expect("it ends")
}

#[test]
fn signals_end_a_run_with_130_and_leave_the_lake() {
    let home = home(true);
    let before = lake::files(&home.lake());
    for signal in [Signal::INT, Signal::TERM] {
        let line = SLOW.replace("-o lake", "-o lake --mode overwrite");
        let child = start(&home, &line);
        send(&child, signal);
        let output = end(child);
        let said = message(&output);
        assert_eq!(output.status.code(), Some(130), "{said}");
        assert!(
            said.contains("interrupted; the lake is as it was"),
            "{said}"
        );
        assert!(output.stdout.is_empty());
        assert!(lake::files(&home.lake()) == before);
        assert_eq!(home.names(), ["in-0.csv", "lake", "small.csv"]);
    }
}

#[test]
fn a_signal_reaches_a_run_that_waits_for_standard_input() {
    let home = Home::new();
    for signal in [Signal::INT, Signal::TERM] {
        let mut command = home.command("-i - -o lake");
        let command = command.stdin(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary starts");
        let mut stdin = child.stdin.take().expect("a pipe");
        stdin.write_all(b"a,b\n1,2\n").expect("it reads");
        sleep(Duration::from_millis(300));
        send(&child, signal);
        let output = end(child);
        drop(stdin);
        assert_eq!(output.status.code(), Some(130), "{}", message(&output));
        assert!(home.names().is_empty());
    }
}

#[test]
fn a_file_that_shrinks_ends_the_run() {
    let home = home(false);
    let path = home.path().join("in-0.csv");
    let length = fs::metadata(&path).expect("the input").len();
    let child = start(&home, SLOW);
    send(&child, Signal::STOP);
    let file = OpenOptions::new()
        .write(true)
        .open(&path)
        .expect("the input");
    file.set_len(length / 3).expect("it can be cut");
    send(&child, Signal::CONT);
    let output = end(child);
    let said = message(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    let expected = format!(
        "in-0.csv: the file shrank from {length} to {} bytes",
        length / 3
    );
    assert!(
        said.contains(&expected) && said.contains("nothing was published"),
        "{said}"
    );
    assert_eq!(home.names(), ["in-0.csv"]);
}

#[test]
fn a_file_that_grows_or_changes_ends_the_run() {
    for grows in [true, false] {
        let home = home(false);
        let path = home.path().join("in-0.csv");
        let child = start(&home, SLOW);
        send(&child, Signal::STOP);
        let mut options = OpenOptions::new();
        let mut file = options
            .write(true)
            .append(grows)
            .open(&path)
            .expect("the input");
        file.write_all(b"transaction_id")
            .expect("it can be written");
        drop(file);
        send(&child, Signal::CONT);
        let output = end(child);
        let said = message(&output);
        assert_eq!(output.status.code(), Some(1), "{said}");
        let expected = if grows {
            "the file grew from"
        } else {
            "the file changed while"
        };
        assert!(said.contains(expected), "{said}");
        assert_eq!(home.names(), ["in-0.csv"]);
    }
}

#[test]
fn two_runs_on_one_lake_do_not_meet() {
    let home = home(true);
    let child = start(&home, &SLOW.replace("-o lake", "-o lake --mode overwrite"));
    send(&child, Signal::STOP);
    let said = home.fails("-i small.csv -o lake --mode append", 2);
    assert!(
        said.contains("another run is writing to this lake"),
        "{said}"
    );
    send(&child, Signal::CONT);
    let output = end(child);
    assert!(output.status.success(), "{}", message(&output));
    assert_eq!(lake::read(&home.lake()).rows.len(), 150_000);
    assert_eq!(home.names(), ["in-0.csv", "lake", "small.csv"]);
}

#[test]
fn a_run_that_takes_long_shows_lines_of_progress_on_standard_error_only() {
    let home = home(false);
    let child = start(&home, &format!("{SLOW} --dtype amount=float64 --json"));
    send(&child, Signal::STOP);
    // Longer than the time between two lines.
    sleep(Duration::from_millis(3200));
    send(&child, Signal::CONT);
    let output = end(child);
    assert!(output.status.success(), "{}", message(&output));
    assert!(message(&output).contains(" % · "), "{}", message(&output));
    let receipt: Receipt = serde_json::from_slice(&output.stdout).expect("the receipt alone");
    assert_eq!(receipt.totals.rows_written, 150_000);
}
