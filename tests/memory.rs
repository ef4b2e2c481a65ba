//! `--memory-limit` against the resident set as the kernel counts it, seen from outside.

use std::fs;
use std::io::Write;
use std::process::{Child, Output, Stdio};
use std::thread::sleep;
use std::time::Duration;

use chunketl::Receipt;
use generator::{Extent, Job, Rates, Shape};

use crate::made;
use crate::program::{Home, message};

const MIB: u64 = 1 << 20;

/// The highest resident set of `child` so far, in bytes, mapped file pages included.
fn peak_bytes(child: &Child) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

/// Runs `line` to its end; returns its receipt and its highest resident set.
fn watched(home: &Home, line: &str) -> (Receipt, u64) {
    let (output, peak) = watched_to_the_end(home, line);
    assert!(output.status.success(), "{line}: {}", message(&output));
    let json = fs::read(home.path().join("receipt")).expect("the receipt");
    let receipt: Receipt = serde_json::from_slice(&json).expect("the receipt is JSON");
    // What it says of itself is the last look.
    let own = receipt.memory.peak_rss_bytes.unwrap_or(0);
    (receipt, peak.max(own))
}

/// Runs `line`, well or not; returns what it said and its highest resident set as last seen.
fn watched_to_the_end(home: &Home, line: &str) -> (Output, u64) {
    let mut command = home.command(&format!("{line} --json"));
    command.stdout(fs::File::create(home.path().join("receipt")).expect("a file"));
    let mut child = command
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let mut peak = 0;
    while child.try_wait().expect("a child").is_none() {
        peak = peak_bytes(&child).unwrap_or(0).max(peak);
        sleep(Duration::from_millis(2));
    }
    (child.wait_with_output().expect("it ends"), peak)
}

/// Runs `flags` on `home` under `limit`; the peak stays below it.
fn check(home: &Home, limit_mib: u64, flags: &str) {
    let line =
        format!("-i 'in-*.csv' -o lake --mode overwrite --memory-limit {limit_mib}MiB {flags}");
    let (receipt, peak) = watched(home, &line);
    let input: u64 = receipt.inputs.iter().map(|input| input.bytes).sum();
    let budget = receipt.memory.budget_bytes;
    let figures = format!(
        "{:.0} of {limit_mib} MiB, {:.2} of it in the budget, on {} MB: {flags}",
        peak as f64 / MIB as f64,
        budget as f64 / peak as f64,
        input / 1_000_000
    );
    println!("{figures}");
    assert!(peak <= limit_mib * MIB, "{figures}");
    let share = budget as f64 / peak as f64;
    assert!((0.85..=1.15).contains(&share), "{figures}");
    assert!(
        input > limit_mib * MIB,
        "the input is larger than the limit: {figures}"
    );
    assert_eq!(receipt.totals.rows_written, receipt.totals.rows_read);
}

fn write(shape: Shape, bytes: u64, customers: u64) -> Home {
    let home = Home::new();
    let mut job = Job {
        rates: Rates {
            late: 0.0,
            ..Rates::REALISTIC
        },
        clean_time: true,
        ..made::job(shape, 0)
    };
    job.extent = Extent::Bytes(bytes);
    job.customers.count = customers;
    job.customers.zipf = 0.0;
    made::write(&job, home.path());
    home
}

#[test]
fn long_text_and_quotes() {
    let home = write(Shape::Quotes, 140_000_000, 50_000);
    check(&home, 64, "-t 2");
    check(&home, 128, "-t 4 --compression snappy");
}

#[test]
fn a_tiny_limit_and_many_row_groups() {
    let home = write(Shape::Transactions, 60_000_000, 50_000);
    check(&home, 40, "-t 2");
    check(&home, 40, "-t 1 --row-group-rows 100");
}

#[test]
fn rows_sorted_by_temporary_files() {
    let home = write(Shape::Transactions, 140_000_000, 50_000);
    check(&home, 64, "-t 2 --sort=customer_id,-amount");
    check(
        &home,
        128,
        "-t 4 --key customer_id --impute amount=mean --time timestamp --order sort",
    );
}

#[test]
fn many_keys_with_fills_and_windows() {
    let home = write(Shape::Transactions, 140_000_000, 50_000);
    check(&home, 64, "-t 1 --key customer_id --impute amount=ffill");
    check(
        &home,
        128,
        "-t 2 --key customer_id --impute amount=median --rolling amount:mean:7",
    );
}

#[test]
fn a_million_keys() {
    let home = write(Shape::Keys, 210_000_000, 1_000_000);
    check(&home, 192, "-t 2 --key customer_id --rolling amount:mean:3");
    let line = "-i 'in-*.csv' -o lake --mode overwrite -t 2 --memory-limit 64MiB \
                --key customer_id --rolling amount:mean:7";
    let (output, peak) = watched_to_the_end(&home, line);
    assert_eq!(output.status.code(), Some(4), "{}", message(&output));
    let text = message(&output);
    assert!(
        text.contains("state per key") && text.contains("--memory-limit"),
        "{text}"
    );
    assert!(peak <= 64 * MIB, "{peak} bytes although there was no room");
}

#[test]
fn steps_along_the_rows_of_many_keys() {
    let home = write(Shape::Transactions, 140_000_000, 50_000);
    home.write(
        "steps.toml",
        "key = 'customer_id'\n[[step]]\nlag = { column = 'amount', periods = [1, 7] }\n\
         cumsum = 'amount'\newm = { column = 'amount', functions = ['mean', 'std'], span = 10 }\n\
         cumcount = {}\nexpanding = { column = 'amount', functions = 'median' }\n",
    );
    check(&home, 128, "-t 2 --config steps.toml");
    // What grows with the rows is spilled.
    home.write(
        "spilling.toml",
        "key = 'customer_id'\n[[step]]\nrank = 'amount'\nlead = 'note'\n\
         expanding = { column = 'amount', functions = 'median' }\n",
    );
    home.write("rank.toml", "[[step]]\nrank = 'amount'\n");
    for (limit_mib, flags) in [
        (96, "-t 2 --config spilling.toml"),
        (64, "-t 1 --config rank.toml"),
    ] {
        let line =
            format!("-i 'in-*.csv' -o lake --mode overwrite --memory-limit {limit_mib}MiB {flags}");
        let (receipt, peak) = watched(&home, &line);
        println!("{peak} bytes of {limit_mib} MiB: {flags}");
        assert!(peak <= limit_mib * MIB, "{peak} bytes: {flags}");
        let spilled = receipt.steps.iter().map(|step| step.spilled_bytes);
        assert!(spilled.sum::<u64>() > MIB, "{flags}");
        assert_eq!(receipt.totals.rows_written, receipt.totals.rows_read);
    }
}

#[test]
fn wide_rows() {
    let home = write(Shape::Floats, 80_000_000, 50_000);
    check(&home, 64, "-t 2 --impute f00=mean");
}

#[test]
fn a_lake_as_input() {
    let home = write(Shape::Transactions, 140_000_000, 50_000);
    let flags = "--compression none --row-group-rows 400000";
    home.receipt(&format!("-i 'in-*.csv' -o source {flags}"));
    for (limit_mib, threads) in [(64, 2), (128, 4)] {
        let line = format!(
            "-i source -o lake --mode overwrite -t {threads} --memory-limit {limit_mib}MiB \
             --impute amount=mean"
        );
        let (receipt, peak) = watched(&home, &line);
        println!("{peak} bytes of {limit_mib} MiB");
        assert!(peak <= limit_mib * MIB, "{peak} bytes of {limit_mib} MiB");
        assert_eq!(receipt.totals.rows_written, receipt.totals.rows_read);
    }
}

/// A file of three records and then a long one, which `write` writes, of which and behind which no
/// more than two rows are left.
fn check_long(write: impl FnOnce(&mut fs::File) -> std::io::Result<()>, rejected: u64) {
    let home = Home::new();
    let path = home.write("in.csv", "id,note,n\n1,a,2\n2,b,3\n3,\"c\n");
    let file = fs::OpenOptions::new().append(true).open(path);
    let mut file = file.expect("the file");
    write(&mut file).expect("room on the disk");
    file.write_all(b"4,d,5\n5,e,6\n").expect("room on the disk");
    let line = "-i in.csv -o lake --mode overwrite -t 2 --memory-limit 96MiB";
    let (receipt, peak) = watched(&home, line);
    println!("{peak} bytes, {} s", receipt.seconds);
    assert!(peak <= 96 * MIB, "{peak} bytes");
    let totals = receipt.totals;
    assert_eq!((totals.rows_written, totals.rows_rejected), (4, rejected));
}

#[test]
fn a_field_of_300_megabytes() {
    let lines = "some words, in lines\nof many a length,\n, and \"\"quotes\"\"\n".repeat(20_000);
    check_long(
        |file| {
            for _ in 0..300_000_000 / lines.len() {
                file.write_all(lines.as_bytes())?;
            }
            file.write_all(b"\",4\n")
        },
        1,
    );
}

#[test]
fn a_lost_quote_before_300_megabytes_without_a_line_end() {
    let hole = |file: &mut fs::File| {
        file.set_len(300_000_000)?;
        file.write_all(b"\n")
    };
    check_long(hole, 2);
}

#[test]
fn a_table_too_wide_for_the_limit_is_refused_before_it_takes_the_memory() {
    let home = Home::new();
    let record: Vec<String> = (0..60_000).map(|number| format!("c{number}")).collect();
    home.write("in.csv", format!("{0}\n{0}\n", record.join(",")));
    let line = "-i in.csv -o lake -t 2 --memory-limit 128MiB";
    let (output, peak) = watched_to_the_end(&home, line);
    let message = message(&output);
    assert_eq!(output.status.code(), Some(4), "{message}");
    assert!(
        message.contains("finding out the types of 60000 columns"),
        "{message}"
    );
    assert!(message.contains("--select"), "{message}");
    assert!(peak < 128 * MIB, "{peak}");
}

#[test]
fn blocks_of_bzip2_that_are_bombs() {
    let home = Home::new();
    let row = "x".repeat(2000) + "\n";
    let text = "text\n".to_owned() + &row.repeat(60_000);
    let level = bzip2::Compression::fast();
    let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), level);
    encoder.write_all(text.as_bytes()).expect("memory");
    let packed = encoder.finish().expect("memory");
    assert!(packed.len() < 20_000);
    home.write("in.csv", packed);
    for threads in [1, 2, 4] {
        let line = format!("-i in.csv -o lake --mode overwrite --memory-limit 64MiB -t {threads}");
        let (receipt, peak) = watched(&home, &line);
        assert_eq!(receipt.totals.rows_written, 60_000);
        let mib = peak / MIB;
        println!("{mib} MiB with {threads} threads");
        assert!(mib <= 64, "{mib} MiB with {threads} threads");
    }
}
