//! What the user meets before, beside and after a run: help, completions, the file of options, the
//! receipt, progress. Keeps: standard output holds results alone.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Output};

use chunketl::Receipt;

use crate::lake;
use crate::program::{Home, binary, message};

fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

/// What a run of `line` prints, which succeeds.
fn prints(home: &Home, line: &str) -> String {
    let output = home.run(line);
    assert!(output.status.success(), "{line}: {}", message(&output));
    text(&output)
}

#[test]
fn help_names_every_flag() {
    let home = Home::new();
    let help = prints(&home, "--help");
    for flag in [
        "--input",
        "--out",
        "--threads",
        "--memory-limit",
        "--config",
        "--dtype",
        "--null-values",
        "--key",
        "--time",
        "--order",
        "--impute",
        "--rolling",
        "--min-samples",
        "--compression",
        "--row-group-rows",
        "--part-size",
        "--mode",
        "--on-bad-row",
        "--max-rejects",
        "--max-rejects-per-file",
        "--strict",
        "--progress",
        "--json",
        "--quiet",
        "--verbose",
        "--delimiter",
        "--quote",
        "--header",
        "--no-header",
        "--skip-rows",
        "--header-rows",
        "--table",
        "--no-sniff",
        "--max-record-bytes",
        "--schema-drift",
        "--select",
        "--exclude",
        "--rename",
        "--source-column",
        "--limit",
        "--sample",
        "--seed",
        "--max-columns",
        "--chunk-rows",
        "--temp-dir",
        "--help",
        "--version",
    ] {
        assert!(help.contains(flag), "{flag}");
    }
    let short = prints(&home, "-h");
    assert!(short.len() < help.len() / 2 && short.contains("--rolling"));
    assert_eq!(
        prints(&home, "--version"),
        format!("chunketl {}\n", env!("CARGO_PKG_VERSION"))
    );
    let output = home.run("");
    assert_eq!(output.status.code(), Some(2));
    assert!(message(&output).contains("Usage:"));
}

#[test]
fn completions_for_every_shell() {
    let home = Home::new();
    for shell in ["bash", "zsh", "fish"] {
        let script = prints(&home, &format!("completions {shell}"));
        assert!(
            script.contains("chunketl") && script.contains("memory-limit"),
            "{shell}"
        );
    }
    assert!(home.fails("completions tcsh", 2).contains("bash"));
}

#[test]
fn the_file_of_options_suggests_the_nearest_key() {
    let home = Home::new();
    home.write("in.csv", "a\n1\n");
    for (toml, expected) in [
        ("thread = 2", "`threads`"),
        (
            "input = 'in.csv'\n[[step]]\nimput = { a = 'mean' }",
            "`impute`",
        ),
        ("threads = 'many'", "threads"),
        ("threads = ", "run.toml"),
    ] {
        home.write("run.toml", toml);
        let said = home.fails("--config run.toml -i in.csv -o lake", 2);
        assert!(said.contains(expected), "{toml}: {said}");
    }
    home.write(
        "run.toml",
        "input = 'in.csv'\nout = 'nowhere'\nthreads = 2\njson = true",
    );
    let json = prints(&home, "--config run.toml --threads 1 -o lake");
    let receipt: Receipt = serde_json::from_str(&json).expect("the receipt");
    assert_eq!(receipt.threads, 1, "a flag wins over the file");
    assert_eq!(home.names(), ["in.csv", "lake", "run.toml"]);
}

#[test]
fn the_weather_example_runs_as_it_stands() {
    let home = Home::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut command = Command::new(binary());
    command
        .current_dir(root)
        .args(["--config", "examples/weather.toml", "--json", "-o"]);
    let output = command
        .arg(home.lake())
        .output()
        .expect("the binary starts");
    assert!(output.status.success(), "{}", message(&output));
    let receipt: Receipt = serde_json::from_slice(&output.stdout).expect("the receipt");
    assert_eq!(receipt.totals.rows_written, 26_115);
    let table = lake::read(&home.lake());
    assert_eq!(table.rows.len(), 26_115);
    for column in [
        "temp_mean_24",
        "temp_std_7d",
        "wind_speed_q95_168",
        "rain_1d",
    ] {
        let filled = table
            .column(column)
            .iter()
            .filter(|cell| cell.is_some())
            .count();
        assert!(filled > 26_000 - 3 * 168, "{column}: {filled}");
    }
    for column in ["temp", "pressure", "wind_gust"] {
        assert!(table.column(column).iter().all(Option::is_some), "{column}");
    }
}

#[test]
fn the_comfort_example_runs_as_it_stands() {
    let home = Home::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut command = Command::new(binary());
    command
        .current_dir(root)
        .args(["--config", "examples/comfort.toml", "--json", "-o"]);
    let output = command
        .arg(home.lake())
        .output()
        .expect("the binary starts");
    assert!(output.status.success(), "{}", message(&output));
    let receipt: Receipt = serde_json::from_slice(&output.stdout).expect("the receipt");
    let totals = receipt.totals;
    assert_eq!(totals.accounted(), totals.rows_read);
    assert!(
        totals.rows_filtered > 2_000 && totals.rows_written > 23_000,
        "{totals:?}"
    );
    let table = lake::read(&home.lake());
    assert_eq!(table.names.len(), 12);
    let months = table.column("day").into_iter().flatten();
    assert!(months.clone().all(|day| day < "2013-12-01"));
    let classes: BTreeSet<Option<&str>> = table.column("felt").into_iter().collect();
    assert_eq!(
        classes,
        ["cold", "freezing", "hot", "mild"].map(Some).into()
    );
}

#[test]
fn standard_output_holds_the_receipt_and_standard_error_the_rest() {
    let home = Home::new();
    home.write("in.csv", "shop,amount\na,1\nb,\nc,x\n");
    let line = "-i in.csv -o lake --mode overwrite --impute amount=mean --dtype amount=float64";
    let plain = home.run(line);
    assert!(plain.status.success());
    assert!(text(&plain).contains("amount") && !text(&plain).contains('\u{1b}'));
    let json = home.run(&format!("{line} --json --progress always"));
    let receipt: Receipt = serde_json::from_slice(&json.stdout).expect("nothing but the receipt");
    let kept = std::fs::read(home.lake().join("_receipt.json")).expect("it is kept as well");
    let kept: Receipt = serde_json::from_slice(&kept).expect("JSON");
    assert_eq!(kept, receipt);
    assert_eq!(receipt.totals.accounted(), receipt.totals.rows_read);
    assert_eq!(receipt.columns[1].filled, 2);
    let quiet = home.run(&format!("{line} -q"));
    assert!(quiet.status.success());
    assert_eq!(
        (text(&quiet), message(&quiet)),
        (String::new(), String::new())
    );
}
