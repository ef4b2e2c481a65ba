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

/// Runs with a table outside of the lake are killed: once the lake is the new one, the next run to it,
/// whatever that does, sees to it that the table is too.
#[test]
fn a_table_outside_of_the_lake() {
    const FLAGS: &str = "--config run.toml -o lake --mode overwrite --chunk-rows 500";
    let home = Home::new();
    made::write(&made::job(Shape::Transactions, ROWS), home.path());
    home.write("small.csv", "region,amount\nnowhere,1\n");
    let aggregate = "[[aggregate]]\nname = 'regions'\nout = 'tables/regions.csv'\nby = ['region']\n\
                     measures = { sum = 'sum(amount)' }\n";
    home.write("old.toml", format!("input = 'small.csv'\n{aggregate}"));
    home.write("run.toml", format!("input = 'in-0.csv'\n{aggregate}"));
    let read = || {
        let table = home.path().join("tables/regions.csv");
        (
            std::fs::read_to_string(table).expect("a table"),
            lake::results(&home.lake()),
        )
    };
    home.receipt("--config old.toml -o lake");
    let old = read();
    let started = Instant::now();
    home.receipt(FLAGS);
    let length = started.elapsed();
    let new = read();
    assert!(old.0 != new.0 && old.1 != new.1);
    for kill_number in 0..KILLS {
        home.receipt("--config old.toml -o lake --mode overwrite");
        assert_eq!(names(&home.path().join("tables")), ["regions.csv"]);
        let mut command = home.command(FLAGS);
        let command = command.stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().expect("the binary starts");
        // The end of the run, when all is published, is tried most often.
        sleep(length.mul_f64(0.5 + 0.6 * f64::from(kill_number) / f64::from(KILLS)));
        let _ = child.kill();
        child.wait().expect("it ends");
        let (table, _) = read();
        let is_new = lake::read(&home.lake()).rows.len() as u64 == ROWS;
        let is_listed = home.lake().join("_pending.json").exists();
        assert!(table == old.0 || is_new, "the table is never the first");
        assert!(table == new.0 || !is_new || is_listed);
        // It has no table of its own.
        home.receipt("-i small.csv -o lake --mode overwrite");
        let expected = if is_new { &new.0 } else { &old.0 };
        assert_eq!(read().0, *expected);
        assert!(!home.lake().join("_pending.json").exists());
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

/// The open files without a name that process `id` has in `directory`.
#[cfg(target_os = "linux")]
fn spilled(id: u32, directory: &std::path::Path) -> Vec<std::path::PathBuf> {
    let Ok(open) = std::fs::read_dir(format!("/proc/{id}/fd")) else {
        return Vec::new();
    };
    let paths = open.flatten().map(|entry| entry.path());
    let is_there = |path: &std::path::PathBuf| {
        std::fs::read_link(path).is_ok_and(|to| to.starts_with(directory))
    };
    paths.filter(is_there).collect()
}

/// What a run has written to temporary files is changed while it is at work.
#[cfg(target_os = "linux")]
#[test]
fn a_run_whose_temporary_files_are_damaged() {
    use std::os::unix::fs::FileExt;
    const ENOUGH_BYTES: u64 = 200_000;
    for steps in ["--dedup key:last", "--sort key"] {
        let home = Home::new();
        prepare_to_spill(&home);
        let before = lake::files(&home.lake());
        let temp = std::fs::canonicalize(home.path().join("temp")).expect("a directory");
        let mut command = home.command(&format!(
            "-i in.csv -o lake --mode overwrite --memory-limit 48MiB --temp-dir temp -t 2 {steps}"
        ));
        let command = command.stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary starts");
        let id = child.id();
        let signal = |name: &str| {
            let id = id.to_string();
            let sent = std::process::Command::new("kill")
                .args([name, &id])
                .status();
            assert!(sent.expect("there is a kill").success());
        };
        let large = loop {
            let mut files = spilled(id, &temp).into_iter();
            let has_enough = |path: &std::path::PathBuf| {
                std::fs::metadata(path).is_ok_and(|file| file.len() > ENOUGH_BYTES)
            };
            if let Some(file) = files.find(has_enough) {
                break file;
            }
            let ended = child.try_wait().expect("it can be asked");
            assert!(ended.is_none(), "it must spill: {ended:?}");
            sleep(Duration::from_micros(200));
        };
        signal("-STOP");
        let file = std::fs::OpenOptions::new()
            .read(true)
            .write(true)
            .open(&large);
        let file = file.expect("it is open");
        let mut byte = [0];
        for at in [100, ENOUGH_BYTES / 2] {
            file.read_exact_at(&mut byte, at).expect("it is as long");
            file.write_all_at(&[!byte[0]], at)
                .expect("it can be written");
        }
        drop(file);
        signal("-CONT");
        let output = child.wait_with_output().expect("it ends");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{steps}: {said}");
        for part in [
            "read back a temporary file in",
            "temp",
            "is not as it was written",
        ] {
            assert!(said.contains(part), "{part}: {said}");
        }
        assert!(lake::files(&home.lake()) == before, "{steps}");
        assert_eq!(names(&home.path().join("temp")), [""; 0]);
        assert_eq!(home.names(), ["in.csv", "lake", "small.csv", "temp"]);
    }
}
