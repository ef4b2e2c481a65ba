//! Runs killed at any moment: the lake is as it was or complete, and the next run finds nothing in
//! its way and leaves nothing behind.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::Stdio;
use std::thread::sleep;
use std::time::{Duration, Instant};

use generator::Shape;

use crate::lake;
use crate::made;
use crate::program::{Home, names};

const FLAGS: &str = "-i in-0.csv -o lake --chunk-rows 500 --part-size 200k --row-group-rows 2000 \
                     --impute amount=mean";
const ROWS: u64 = 10_000;
const KILLS: u32 = 8;

type Files = BTreeMap<String, Vec<u8>>;

/// The lake before the run that is killed.
fn prepare(home: &Home, mode: &str) {
    made::write(&made::job(Shape::Transactions, ROWS), home.path());
    if mode != "error" {
        home.receipt("-i in-0.csv -o lake --impute amount=const:0");
    }
}

/// What `mode` makes of the lake, and how long that takes.
fn complete(mode: &str) -> (Files, Duration) {
    let home = Home::new();
    prepare(&home, mode);
    let started = Instant::now();
    home.receipt(&format!("{FLAGS} --mode {mode}"));
    (lake::results(&home.lake()), started.elapsed())
}

/// Kills a run after `delay`; returns whether it had published.
fn kill(home: &Home, mode: &str, delay: Duration) -> bool {
    let mut command = home.command(&format!("{FLAGS} --mode {mode}"));
    let command = command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().expect("the binary starts");
    sleep(delay);
    // It may have ended already.
    let _ = child.kill();
    child.wait().expect("it ends").success()
}

/// No staging, no journal, no lock: neither in the lake nor beside it.
fn assert_swept(home: &Home) {
    assert_eq!(home.names(), ["in-0.csv", "lake"]);
    let hidden: Vec<String> = names(&home.lake());
    let strange = |name: &&String| !name.starts_with("part-") && !name.starts_with("_re");
    assert_eq!(hidden.iter().find(strange), None, "{hidden:?}");
}

/// Kills runs in `mode` at moments spread over their whole length.
fn check(mode: &str) {
    let (expected, length) = complete(mode);
    let mut seen = [0, 0];
    for kill_number in 0..KILLS {
        let home = Home::new();
        prepare(&home, mode);
        let before = lake::files(&home.lake());
        // The last moments, when the lake is published, are tried more often.
        let share = 1.15 * (1.0 - (1.0 - f64::from(kill_number) / f64::from(KILLS)).powi(2));
        let published = kill(&home, mode, length.mul_f64(share));
        let after = lake::files(&home.lake());
        let is_complete = lake::results(&home.lake()) == expected;
        let is_before = after == before;
        assert!(
            is_complete || (is_before && !published),
            "killed at {share:.2} in mode {mode}: {:?}",
            after.keys()
        );
        seen[usize::from(is_complete)] += 1;
        let again = if mode == "error" && is_complete {
            "overwrite"
        } else {
            mode
        };
        home.receipt(&format!("{FLAGS} --mode {again}"));
        assert_swept(&home);
        let runs = match mode {
            "append" => 2 + u64::from(is_complete),
            _ => 1,
        };
        assert_eq!(lake::read(&home.lake()).rows.len() as u64, runs * ROWS);
        if mode != "append" {
            assert!(lake::results(&home.lake()) == expected);
        }
    }
    assert!(seen[0] > 0, "no run was killed before its end");
}

#[test]
fn a_new_lake() {
    check("error");
}

#[test]
fn a_lake_to_be_replaced() {
    check("overwrite");
}

#[test]
fn a_lake_to_be_added_to() {
    check("append");
}

#[test]
fn a_lake_that_must_stay_the_directory_it_is() {
    let (_, length) = complete("overwrite");
    for kill_number in 0..KILLS {
        let home = Home::new();
        prepare(&home, "overwrite");
        // A directory of somebody else cannot be linked into a new lake.
        std::fs::create_dir(home.lake().join("keep")).expect("a directory");
        home.write("lake/keep/notes.txt", "mine");
        kill(
            &home,
            "overwrite",
            length.mul_f64(1.1 * f64::from(kill_number) / f64::from(KILLS)),
        );
        home.receipt(&format!("{FLAGS} --mode overwrite"));
        assert_eq!(home.names(), ["in-0.csv", "lake"]);
        let files = lake::files(&home.lake());
        assert_eq!(files["keep/notes.txt"], b"mine");
        assert_eq!(lake::read(&home.lake()).rows.len() as u64, ROWS);
        assert!(
            !files
                .keys()
                .any(|name| name.starts_with("_") && !name.starts_with("_re")),
            "{:?}",
            files.keys()
        );
    }
}

/// Rows whose keys and order take more memory than there is.
const SPILLING: &str = "-i in.csv -o lake --mode overwrite --memory-limit 48MiB --temp-dir temp -t 2 \
                        --dedup key:last --sort key";

/// The keys of the first rows come again at the end.
fn prepare_to_spill(home: &Home) {
    const ROWS: u64 = 300_000;
    let mut text = String::from("key,text\n");
    for row in 0..ROWS {
        let key = row.wrapping_mul(2_654_435_761) % (ROWS - 1000);
        writeln!(text, "{key},text {row}").expect("memory has room");
    }
    home.write("in.csv", text);
    home.write("small.csv", "key,text\n1,a\n");
    std::fs::create_dir(home.path().join("temp")).expect("a directory");
    home.receipt("-i small.csv -o lake");
}

#[test]
fn a_run_that_has_spilled() {
    let whole = Home::new();
    prepare_to_spill(&whole);
    let started = Instant::now();
    let receipt = whole.receipt(SPILLING);
    let length = started.elapsed();
    let spilled = |step: usize| receipt.steps[step].spilled_bytes;
    assert!(spilled(0) > 0 && spilled(1) > 0, "{:?}", receipt.steps);
    let expected = lake::results(&whole.lake());
    for share in [0.2, 0.4, 0.6, 0.8] {
        let home = Home::new();
        prepare_to_spill(&home);
        let before = lake::files(&home.lake());
        let mut command = home.command(SPILLING);
        let command = command.stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().expect("the binary starts");
        sleep(length.mul_f64(share));
        // It may have ended already.
        let _ = child.kill();
        let published = child.wait().expect("it ends").success();
        assert!(published || lake::files(&home.lake()) == before, "{share}");
        assert_eq!(names(&home.path().join("temp")), [""; 0], "{share}");
        home.receipt(SPILLING);
        assert!(lake::results(&home.lake()) == expected, "{share}");
        assert_eq!(home.names(), ["in.csv", "lake", "small.csv", "temp"]);
    }
}

#[test]
fn a_run_that_finds_no_room_to_spill() {
    for limit in ["--max-temp-size 100k", "--max-temp-size 2MB"] {
        let home = Home::new();
        prepare_to_spill(&home);
        let before = lake::files(&home.lake());
        let said = home.fails(&format!("{SPILLING} {limit}"), 4);
        assert!(said.contains("--max-temp-size"), "{said}");
        assert!(lake::files(&home.lake()) == before, "{limit}");
        assert_eq!(names(&home.path().join("temp")), [""; 0]);
        assert_eq!(home.names(), ["in.csv", "lake", "small.csv", "temp"]);
    }
}
