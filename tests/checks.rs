//! Checks through the whole program: what fails, what becomes of rows and of the run, what the receipt
//! says, and that neither threads nor chunks change any of it.

use std::fs;
use std::path::PathBuf;

use chunketl::config::Severity;
use chunketl::report::CheckReceipt;
use chunketl::{Builder, Pipeline, Receipt};

use crate::lake::Table;
use crate::program::Home;

/// Rows with blank lines, a comment of quotes, a bad record and nulls.
const SALES: &str = "\
id,shop,amount,day
1,north,10,2024-01-31
2,south,,2024-02-01

3,\"nor
th\",-4,2024-02-02
4,east
5,west,250,

6,,-1,2024-11-30
6,south,1000,2024-12-01
";

const TYPES: &str = "dtype = { id = 'int64', shop = 'utf8', amount = 'int64', day = 'date' }\n";

/// Runs `toml` over the sales, however they are cut.
fn run(toml: &str) -> (Receipt, Table, Home) {
    let home = Home::new();
    home.write("in.csv", SALES);
    home.write("run.toml", format!("input = 'in.csv'\n{TYPES}{toml}"));
    let (receipt, table) = home.however_cut([(100, 1), (1, 3), (2, 2)], |receipt, expected| {
        assert_eq!(receipt.checks, expected.checks);
        assert_eq!(receipt.totals, expected.totals);
        assert_eq!(receipt.rejects.by_reason, expected.rejects.by_reason);
    });
    (receipt, table, home)
}

/// What the program says of `toml` over the sales, which ends with `code`.
fn failure(toml: &str, code: i32) -> String {
    let mut first: Option<String> = None;
    for (chunk_rows, threads) in [(100, 1), (1, 3), (2, 2)] {
        let home = Home::new();
        home.write("in.csv", SALES);
        let text = format!("input = 'in.csv'\nout = 'lake'\n{TYPES}{toml}");
        home.write("run.toml", text);
        let output = home.run(&format!(
            "--config run.toml --chunk-rows {chunk_rows} -t {threads}"
        ));
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{message}");
        assert!(!home.lake().exists(), "nothing is published");
        assert_eq!(*first.get_or_insert_with(|| message.clone()), message);
    }
    first.expect("there were runs")
}

fn ids(table: &Table) -> Vec<&str> {
    let ids = table.column("id").into_iter();
    ids.map(|id| id.expect("no null")).collect()
}

#[test]
fn a_failed_check_publishes_nothing_and_names_the_rows() {
    let message = failure(
        "[[check]]\nexpr = 'amount >= 0'\n[[check]]\nnot_null = ['amount', 'id']\nseverity = 'fail'\n\
         [[check]]\nrange = { id = [0, 5] }\nname = 'few ids'\n[[check]]\nrow_count = { min = 100 }\n",
        3,
    );
    assert!(
        message.contains("4 checks failed; nothing was published"),
        "{message}"
    );
    for expected in [
        "amount >= 0: failed; 2 of 6 rows (33.333 %) fail; first in.csv:5 (byte 62), in.csv:10 (",
        "not_null amount: failed; 1 of 6 rows (16.667 %) fail; first in.csv:3 (",
        "few ids: failed; 2 of 6 rows (33.333 %) fail; first in.csv:10 (",
        "row_count: failed; 6 rows, at least 100 wanted",
    ] {
        assert!(message.contains(expected), "{expected}: {message}");
    }
    assert!(!message.contains("not_null id"), "{message}");
}

#[test]
fn what_passes_is_told_too() {
    let (receipt, table, _) = run("[[step]]\nderive = { double = 'amount * 2' }\n\
         [[check]]\nexpr = 'double >= -8'\n[[check]]\nin_set = { shop = ['north', 'south', 'west', \
         \"nor\\nth\"], id = [1, 2, 3, 5, 6] }\n[[check]]\nmatches = { shop = '^[a-z\\n]+$' }\n\
         [[check]]\nrow_count = { min = 6, max = 6 }\n\
         [[check]]\nrange = { day = [2024-01-31, inf], amount = [-inf, 1000] }\n\
         [[check]]\nnot_null = 'id'\n");
    assert_eq!(table.rows.len(), 6);
    let names: Vec<&str> = { receipt.checks.iter() }
        .map(|check| check.name.as_str())
        .collect();
    assert_eq!(
        names,
        [
            "double >= -8",
            "in_set shop",
            "in_set id",
            "matches shop",
            "row_count",
            "range day",
            "range amount",
            "not_null id"
        ]
    );
    assert!(
        receipt
            .checks
            .iter()
            .all(|check| check.passed && check.failed == 0)
    );
    assert!(receipt.checks.iter().all(|check| check.rows == 6));
    let labels: Vec<&str> = receipt
        .steps
        .iter()
        .map(|step| step.label.as_str())
        .collect();
    assert_eq!(labels, ["derive double=amount * 2"], "a check is no step");
    let page = receipt.render(false);
    assert!(
        page.contains("double >= -8: passed; 0 of 6 rows fail"),
        "{page}"
    );
}

#[test]
fn a_null_passes_unless_it_is_said_otherwise() {
    let check = "[[check]]\nexpr = 'amount <> 0'\nseverity = 'warn'\n";
    let (receipt, ..) = run(check);
    assert_eq!(
        (receipt.checks[0].failed, receipt.checks[0].passed),
        (0, true)
    );
    let (receipt, ..) = run(&format!("{check}null = 'fail'\n"));
    let expected = CheckReceipt {
        name: "amount <> 0".into(),
        severity: "warn".into(),
        passed: false,
        rows: 6,
        failed: 1,
        examples: vec!["in.csv:3 (byte 41)".into()],
        ..CheckReceipt::default()
    };
    assert_eq!(receipt.checks, [expected]);
}

#[test]
fn some_rows_may_fail_if_they_are_tolerated() {
    for (tolerate, passed) in [
        ("2", true),
        ("1", false),
        ("'33.4%'", true),
        ("'33%'", false),
    ] {
        let check =
            format!("[[check]]\nexpr = 'amount >= 0'\ntolerate = {tolerate}\nseverity = 'warn'\n");
        let (receipt, ..) = run(&check);
        assert_eq!(receipt.checks[0].passed, passed, "{tolerate}");
        let check = check.replace("warn", "fail");
        if passed {
            run(&check);
        } else {
            let message = failure(&check, 3);
            assert!(message.contains("tolerated"), "{message}");
        }
    }
}

#[test]
fn rows_that_fail_can_be_rejected_mended_and_fed_in_again() {
    let toml = "[[check]]\nexpr = 'amount >= 0'\nseverity = 'reject'\n\
                [[check]]\nexpr = 'id < 6'\nseverity = 'reject'\ntolerate = 1\n";
    let (receipt, table, home) = run(toml);
    assert_eq!(ids(&table), ["1", "2", "5"]);
    assert_eq!(receipt.rejects.by_reason["check_failed"], 3);
    assert_eq!(receipt.totals.rows_rejected, 4);
    // The row that the first check rejects is not there for the second.
    let counts: Vec<(u64, u64, bool)> = { receipt.checks.iter() }
        .map(|check| (check.rows, check.failed, check.passed))
        .collect();
    assert_eq!(counts, [(6, 2, true), (4, 1, true)]);

    let kept = fs::read_dir(home.lake().join("_rejects")).expect("rejects");
    let kept = kept.map(|entry| entry.expect("an entry").path());
    let is_list = |path: &PathBuf| path.extension().is_some_and(|end| end == "csv");
    let rejects = kept.filter(is_list).max().expect("a list of rejects");
    let mut reader = csv::Reader::from_path(&rejects).expect("the rejects");
    let rows: Vec<Vec<String>> = { reader.records() }
        .map(|row| row.expect("a row").iter().map(str::to_owned).collect())
        .collect();
    let shown: Vec<[&str; 4]> = { rows.iter() }
        .map(|row| [&*row[1], &*row[4], &*row[5], &*row[7]])
        .collect();
    assert_eq!(
        shown,
        [
            [
                "5",
                "check_failed",
                "check amount >= 0",
                "3,\"nor\nth\",-4,2024-02-02"
            ],
            ["7", "too_few_fields", "", "4,east"],
            [
                "10",
                "check_failed",
                "check amount >= 0",
                "6,,-1,2024-11-30"
            ],
            [
                "11",
                "check_failed",
                "check id < 6",
                "6,south,1000,2024-12-01"
            ],
        ]
    );
    let mended = fs::read_to_string(&rejects).expect("the rejects");
    let mended = mended.replace(",-4,", ",4,").replace("6,,-1,", "4,,1,");
    let mended = mended.replace("6,south", "5,south");
    let mended = mended.replace("4,east", "4,east,0,");
    fs::write(&rejects, mended).expect("mended");
    let again = home.receipt(&format!(
        "--config run.toml -i {} -o lake --mode append",
        rejects.display()
    ));
    assert_eq!(again.totals.rows_written, 4, "{:?}", again.rejects);
    assert_eq!(again.totals.rows_rejected, 0);
}

#[test]
fn rejected_rows_count_for_every_gate() {
    let check = "[[check]]\nexpr = 'amount >= 0'\nseverity = 'reject'\n";
    let message = failure(&format!("max-rejects = 2\n{check}"), 3);
    assert!(
        message.contains("more than --max-rejects 2 allows"),
        "{message}"
    );
    let message = failure(&format!("{check}tolerate = 1\n"), 3);
    assert!(
        message.contains("amount >= 0: failed; 2 of 6 rows"),
        "{message}"
    );
    let home = Home::new();
    home.write("in.csv", "a\n1\n-1\n");
    home.write(
        "run.toml",
        format!("on-bad-row = 'fail'\n{}", check.replace("amount", "a")),
    );
    let output = home.run("-i in.csv -o lake --config run.toml");
    assert_eq!(output.status.code(), Some(3));
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        message.contains("in.csv:3 (byte 4): the row fails check a >= 0: `-1`"),
        "{message}"
    );
}

#[test]
fn times_may_be_too_old() {
    let toml = "[[check]]\nfreshness = { column = 'day', max_age = '2d' }\nseverity = 'warn'\n";
    let (receipt, ..) = run(toml);
    let check = &receipt.checks[0];
    assert!(!check.passed && check.failed == 0);
    let found = check.found.as_deref().expect("the newest");
    assert!(found.starts_with("the newest time is 2024-12-01T00:00:00.000Z, no older than 2d"));
    let (receipt, ..) = run(&toml.replace("2d", "5000w"));
    assert!(receipt.checks[0].passed);
    // Without any time nothing is fresh.
    let none = "[[step]]\nfilter = 'day IS NULL'\n";
    let (receipt, ..) = run(&format!("{none}{}", toml.replace("2d", "5000w")));
    assert!(!receipt.checks[0].passed);
}

#[test]
fn what_is_wrong_is_told_before_anything_is_read() {
    for (check, expected) in [
        ("expr = 'amont >= 0'", "amont"),
        ("expr = 'amount + 1'", "a condition is wanted"),
        ("not_null = 'amont'", "amont"),
        ("unique = []", "name the columns"),
        ("in_set = { amount = [] }", "name a value"),
        ("in_set = { amount = ['x'] }", "amount"),
        ("range = { amount = [1] }", "two limits"),
        ("range = { amount = [-inf, inf] }", "without limits"),
        ("matches = { shop = '(' }", "("),
        ("row_count = {}", "a `min` or a `max`"),
        (
            "row_count = { min = 2, max = 1 }",
            "at least 2 and at most 1",
        ),
        (
            "row_count = { min = 2 }\nseverity = 'reject'",
            "choose the severity warn or fail",
        ),
        (
            "row_count = { min = 2 }\ntolerate = 2",
            "none can be tolerated",
        ),
        (
            "freshness = { column = 'shop', max_age = '2d' }",
            "needs dates or timestamps",
        ),
        (
            "freshness = { column = 'days', max_age = '2d' }",
            "did you mean `day`?",
        ),
        ("freshness = { column = 'day', max_age = '2' }", "no time"),
        ("expr = 'true'\nseverity = 'fial'", "`fail`"),
        ("expr = 'true'\nnull = 'x'", "choose from: pass, fail"),
        ("expr = 'true'\nunique = ['id']", "a [[check]] of its own"),
        ("name = 'x'", "checks nothing"),
        ("exp = 'true'", "did you mean `expr`?"),
    ] {
        let message = failure(&format!("[[check]]\n{check}\n"), 2);
        assert!(message.contains(expected), "{check}: {message}");
        assert!(message.contains("run.toml:"), "{check}: {message}");
    }
}

#[test]
fn flags_and_the_builder_check_too() {
    let home = Home::new();
    let input = home.write("in.csv", "a,b\n1,x\n-1,\n");
    let output = home.run("-i in.csv -o lake --check a>=0");
    assert_eq!(output.status.code(), Some(3));
    let output = home.run("plan -i in.csv -o lake --check a>=0");
    let page = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(page.contains("check a>=0: looks at the rows"), "{page}");
    let builder = || {
        let input = input.to_str().expect("a path in UTF-8");
        Builder::new().input(input).out(home.lake())
    };
    let run = |builder: Builder| Pipeline::new(builder.build().expect("valid")).run();
    for builder in [
        builder().check("a >= 0"),
        builder().check_not_null(["a", "b"]),
        builder().check_with("a >= 0", Severity::Fail, "0"),
    ] {
        let error = run(builder).expect_err("a check fails");
        assert_eq!(error.exit_code(), 3);
    }
    let warned = builder().check_with("a >= 0", Severity::Warn, "10%");
    let receipt = run(warned).expect("a warning is no error");
    assert!(!receipt.checks[0].passed);
    assert!(
        builder()
            .check_with("a", Severity::Warn, "x")
            .build()
            .is_err()
    );
}

#[test]
fn rows_must_be_unique() {
    let check = "[[check]]\nunique = ['id']\nseverity = 'warn'\n";
    let (receipt, table, _) = run(check);
    assert_eq!(table.rows.len(), 6, "nothing leaves");
    assert_eq!(table.names, ["id", "shop", "amount", "day"]);
    let expected = CheckReceipt {
        name: "unique id".into(),
        severity: "warn".into(),
        passed: false,
        rows: 6,
        failed: 1,
        examples: vec!["in.csv:11 (byte 124)".into()],
        ..CheckReceipt::default()
    };
    assert_eq!(receipt.checks, [expected]);
    assert!(receipt.steps.is_empty());
    // Whole keys are compared, and a row with a null among them is unique.
    let (receipt, ..) = run(&check.replace("['id']", "['id', 'shop']"));
    assert!(receipt.checks[0].passed);
    let halves = "[[step]]\nderive = { half = 'id // 4', shop = 'NULLIF(id, id)' }\n";
    let (receipt, ..) = run(&format!("{halves}{}", check.replace("'id'", "'half'")));
    assert_eq!(receipt.checks[0].failed, 4);
    let (receipt, ..) = run(&format!(
        "{halves}{}",
        check.replace("'id'", "'half', 'shop'")
    ));
    assert_eq!(receipt.checks[0].failed, 0);
    let (receipt, table, _) = run(&check.replace("warn", "reject"));
    assert_eq!(ids(&table), ["1", "2", "3", "5", "6"]);
    assert_eq!(receipt.rejects.by_reason["check_failed"], 1);
    let message = failure("[[check]]\nunique = ['id']\n", 3);
    assert!(
        message.contains("unique id: failed; 1 of 6 rows"),
        "{message}"
    );
    let message = failure("[[check]]\nunique = ['ids']\n", 2);
    assert!(message.contains("did you mean `id`?"), "{message}");
}

#[test]
fn more_keys_than_memory_holds_may_be_unique() {
    const ROWS: u64 = 400_000;
    let home = Home::new();
    let mut text = String::from("key\n");
    for row in 0..ROWS {
        // Scattered, and the last ten once more.
        let key = if row < ROWS - 10 { row } else { row - 1000 };
        text += &format!("{:016x}\n", key.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    }
    home.write("in.csv", text);
    home.write(
        "run.toml",
        "input = 'in.csv'\ndtype = { key = 'utf8' }\n[[check]]\nunique = 'key'\nseverity = 'warn'\n",
    );
    let mut checks = Vec::new();
    for flags in [
        "-t 1 --memory-limit 44MiB",
        "-t 2 --memory-limit 48MiB --chunk-rows 4096",
        "-t 2",
    ] {
        let receipt = home.receipt(&format!(
            "--config run.toml -o lake --mode overwrite --temp-dir . {flags}"
        ));
        let started_over = receipt
            .restarts
            .iter()
            .any(|why| why.contains("unique key"));
        assert_eq!(
            started_over,
            flags.contains("limit"),
            "{flags}: {:?}",
            receipt.memory
        );
        checks.push(receipt.checks[0].clone());
    }
    assert_eq!((checks[0].failed, checks[0].rows), (10, ROWS));
    assert!(checks.windows(2).all(|pair| pair[0] == pair[1]));
}
