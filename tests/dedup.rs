//! Duplicates through the whole program: against pandas, whatever the threads, chunks and memory;
//! what the receipt and the plan say; and what happens where there is no room.

use std::collections::HashSet;
use std::fmt::Write;
use std::path::Path;

use chunketl::Receipt;

use crate::lake::{self, Table};
use crate::program::{Home, message};

/// Runs `flags` over `in.csv` for several sizes of chunks and numbers of threads: it is always the
/// same.
fn run(home: &Home, flags: &str) -> (Receipt, Table) {
    let mut first: Option<(Receipt, Table)> = None;
    for (chunk_rows, threads) in [(65_536, 1), (1, 3), (7, 2)] {
        let receipt = home.receipt(&format!(
            "-i in.csv -o lake --mode overwrite --chunk-rows {chunk_rows} -t {threads} {flags}"
        ));
        assert_eq!(receipt.totals.accounted(), receipt.totals.rows_read);
        let table = lake::read(&home.lake());
        match &first {
            None => first = Some((receipt, table)),
            Some((expected, rows)) => {
                assert_eq!(receipt.totals, expected.totals, "{flags}");
                assert_eq!(receipt.steps, expected.steps, "{flags}");
                assert_eq!(receipt.inputs, expected.inputs, "{flags}");
                assert_eq!(table, *rows, "{flags}");
            }
        }
    }
    first.expect("there were runs")
}

fn column(table: &Table, name: &str) -> String {
    let cells = table.column(name).into_iter();
    cells
        .map(|cell| cell.unwrap_or("-"))
        .collect::<Vec<_>>()
        .join(" ")
}

#[test]
fn rows_that_stay_are_those_of_pandas() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/expected/dedup");
    let home = Home::new();
    home.write(
        "in.csv",
        std::fs::read(folder.join("in.csv")).expect("the table"),
    );
    let (_, all) = run(&home, "");
    let mut cases = csv::Reader::from_path(folder.join("kept.csv")).expect("the expected rows");
    let mut count = 0;
    for case in cases.records() {
        let case = case.expect("a case");
        let kept = case[2]
            .split_whitespace()
            .map(|row| row.parse().expect("a number"));
        let kept: Vec<usize> = kept.collect();
        let (receipt, table) = run(&home, &format!("--dedup '{}:{}'", &case[0], &case[1]));
        let expected: Vec<_> = kept.iter().map(|&row| all.rows[row].clone()).collect();
        assert_eq!(table.rows, expected, "{case:?}");
        let removed = (all.rows.len() - kept.len()) as u64;
        assert_eq!(receipt.totals.rows_duplicate, removed);
        assert_eq!(receipt.inputs[0].duplicate, removed);
        assert_eq!(
            (
                receipt.steps[0].rows_duplicate,
                receipt.steps[0].rows_dropped
            ),
            (removed, 0)
        );
        assert_eq!(receipt.passes, if &case[1] == "first" { 1 } else { 2 });
        count += 1;
    }
    assert_eq!(count, 21);
}

/// A key, a value, a text and a bad record.
const SALES: &str = "\
id,shop,amount,note
1,north,10,a
2,south,20,b
1,north,30,c
3,north,,a
broken
2,east,50,a
4,south,60,d
3,north,,a
1,south,80,e
";

fn sales() -> Home {
    let home = Home::new();
    home.write("in.csv", SALES);
    home
}

#[test]
fn each_step_sees_what_those_before_it_leave() {
    let home = sales();
    let steps = |toml: &str| {
        home.write("run.toml", toml);
        run(&home, "--config run.toml --dtype note=categorical")
    };
    let (receipt, table) = steps("[[step]]\ndedup = { by = ['id'], keep = 'first' }\n");
    assert_eq!(column(&table, "amount"), "10 20 - 60");
    assert_eq!(
        (receipt.totals.rows_rejected, receipt.totals.rows_duplicate),
        (1, 4)
    );

    let behind = "[[step]]\nfilter = 'amount > 10'\n[[step]]\ndedup = 'id'\n";
    assert_eq!(column(&steps(behind).1, "amount"), "20 30 60");
    let before = "[[step]]\ndedup = 'id'\n[[step]]\nfilter = 'amount > 10'\n";
    assert_eq!(column(&steps(before).1, "amount"), "20 60");
    let both = "[[step]]\nfilter = 'amount > 10'\n[[step]]\ndedup = 'id:last'\n[[step]]\n\
                filter = 'id < 4'\n";
    let (receipt, table) = steps(both);
    assert_eq!(column(&table, "amount"), "50 80");
    let totals = receipt.totals;
    assert_eq!((totals.rows_filtered, totals.rows_duplicate), (3 + 1, 2));

    // By a column that a step makes, and by one that is not in the lake.
    let (_, table) = steps(
        "[[step]]\nderive = { half = 'id // 2' }\n[[step]]\ndedup = { by = ['half', 'shop'] }\n\
         [[step]]\ndrop = ['half', 'shop']\n",
    );
    assert_eq!(column(&table, "amount"), "10 20 - 50 60 80");
    // Several, by different columns, texts among them.
    let (receipt, table) = steps(
        "[[step]]\ndedup = { by = ['id', 'shop'], keep = 'last' }\n[[step]]\n\
         dedup = { by = ['note'], keep = 'none' }\n[[step]]\ndedup = true\n",
    );
    assert_eq!(column(&table, "note"), "b c d e");
    let removed = receipt.steps.iter().map(|step| step.rows_duplicate);
    assert_eq!(removed.collect::<Vec<_>>(), [2, 2, 0]);
    assert_eq!(receipt.passes, 3);
    // All columns are those that there are then.
    let (_, table) = steps("[[step]]\nselect = ['shop']\n[[step]]\ndedup = { by = '*' }\n");
    assert_eq!(column(&table, "shop"), "north south east");
}

#[test]
fn windows_and_fills_see_the_rows_that_stay() {
    let home = sales();
    let flags = "--key id --dedup id,shop --rolling amount:count:9 --min-samples 1 \
                 --impute amount=ffill";
    let (_, table) = run(&home, flags);
    assert_eq!(column(&table, "amount"), "10 20 - 50 60 80");
    assert_eq!(column(&table, "amount_count_9"), "1 1 0 2 1 2");
    // The key of the run is the key of the dedup, and a fit before it sees all rows.
    home.write(
        "run.toml",
        "key = 'id'\n[[step]]\nimpute = { amount = 'mean' }\n[[step]]\ndedup = 'id:last'\n\
         [[step]]\nrolling = 'amount:count:2'\n[[step]]\nimpute = { note = 'mode:key' }\n",
    );
    let (receipt, table) = run(&home, "--config run.toml");
    assert_eq!(column(&table, "id"), "2 4 3 1");
    assert_eq!(column(&table, "amount"), "50 60 42 80");
    assert_eq!(receipt.passes, 3);
}

#[test]
fn a_limit_and_a_sample_come_first() {
    let home = sales();
    let (receipt, table) = run(&home, "--limit 4 --dedup id:last");
    assert_eq!(column(&table, "amount"), "20 30 -");
    assert_eq!(
        (receipt.totals.rows_read, receipt.totals.rows_duplicate),
        (4, 1)
    );
    let (sampled, _) = run(&home, "--sample 0.5 --seed 3");
    let (receipt, table) = run(&home, "--sample 0.5 --seed 3 --dedup id:last");
    assert_eq!(receipt.totals.rows_filtered, sampled.totals.rows_filtered);
    let ids = table.column("id");
    assert_eq!(ids.iter().collect::<HashSet<_>>().len(), ids.len());
}

#[test]
fn what_cannot_be_is_said() {
    let home = sales();
    let fails = |toml: &str| {
        home.write("run.toml", toml);
        home.fails("-i in.csv -o lake --config run.toml", 2)
    };
    for (toml, expected) in [
        (
            "step = [{ dedup = { by = ['idd'] } }]",
            "unknown column `idd`; did you mean `id`?",
        ),
        (
            "step = [{ dedup = { by = ['idd'] } }]",
            "dedup (run.toml:1)",
        ),
        (
            "step = [{ dedup = { by = ['id'], keep = 'frist' } }]",
            "did you mean `first`?",
        ),
        ("step = [{ dedup = { keep = 'last' } }]", "lacks its `by`"),
        ("step = [{ dedup = { by = [] } }]", "name the columns"),
        (
            "step = [{ dedup = { bye = ['id'] } }]",
            "did you mean `by`?",
        ),
        ("step = [{ dedup = false }]", "leave it out"),
        ("step = [{ dedup = 'id,id' }]", "`id` stands twice"),
        (
            "step = [{ drop = ['id'] }, { dedup = 'id' }]",
            "unknown column `id`",
        ),
    ] {
        let message = fails(toml);
        assert!(message.contains(expected), "{toml}: {message}");
    }
    let message = home.fails("-i in.csv -o lake --dedup ids", 2);
    assert!(message.contains("--dedup ids"), "{message}");
}

#[test]
fn the_plan_tells_of_the_pass_and_of_what_may_be_spilled() {
    let home = sales();
    let plan = |flags: &str| {
        let output = home.run(&format!("plan -i in.csv -o lake {flags}"));
        assert!(output.status.success(), "{}", message(&output));
        String::from_utf8(output.stdout).expect("text")
    };
    let page = plan("--dedup id");
    for expected in [
        "dedup id: by key, in file order; keys that memory has no room for are spilled, in one \
         more pass, may remove rows",
        "1. writes the lake",
    ] {
        assert!(page.contains(expected), "{expected}: {page}");
    }
    let page = plan("--dedup id:last --impute amount=mean");
    for expected in [
        "dedup id:last: fitted by key, then by key; keys that memory has no room for are spilled",
        "1. fits dedup id:last: decodes 1 of 4 columns",
        "2. fits impute amount=mean: decodes 2 of 4 columns",
        "3. writes the lake",
    ] {
        assert!(page.contains(expected), "{expected}: {page}");
    }
}

const ROWS: usize = 300_000;
const KEYS: usize = 180_000;

/// Rows of more keys than a small limit holds, each key a text of some length.
fn many_keys() -> Home {
    let home = Home::new();
    let mut text = String::from("key,row\n");
    for row in 0..ROWS {
        let key = row * 7919 % KEYS;
        writeln!(text, "customer-{key:016},{row}").expect("text grows");
    }
    home.write("in.csv", text);
    home
}

#[test]
fn more_keys_than_memory_holds_are_spilled() {
    let home = many_keys();
    for (keep, rows) in [
        ("first", 0..KEYS),
        ("last", ROWS - KEYS..ROWS),
        ("none", ROWS - KEYS..KEYS),
    ] {
        for (threads, limit) in [(1, "44MiB"), (3, "48MiB")] {
            let receipt = home.receipt(&format!(
                "-i in.csv -o lake --mode overwrite -t {threads} --memory-limit {limit} \
                 --dedup key:{keep} --temp-dir ."
            ));
            let step = &receipt.steps[0];
            assert!(step.spilled_bytes > 0, "{keep}: {:?}", receipt.memory);
            assert_eq!(receipt.passes, if keep == "first" { 3 } else { 2 });
            let started_over = receipt
                .restarts
                .iter()
                .filter(|why| why.contains("dedup key"));
            assert_eq!(started_over.count(), usize::from(keep == "first"));
            let peak = receipt.memory.peak_rss_bytes.unwrap_or(0);
            assert!(
                peak <= receipt.memory.limit_bytes,
                "{peak} bytes under {limit}"
            );
            let table = lake::read(&home.lake());
            let found = table.column("row").into_iter().map(|row| {
                row.and_then(|row| row.parse::<usize>().ok())
                    .expect("a number")
            });
            assert!(found.eq(rows.clone()), "{keep}, {threads} threads");
            assert_eq!(step.rows_duplicate as usize, ROWS - rows.len());
            assert_eq!(home.names(), ["in.csv", "lake"]);
        }
    }
}

#[test]
fn a_spill_without_room_ends_the_run_and_leaves_the_lake() {
    let home = many_keys();
    home.write("small.csv", "a\n1\n");
    home.receipt("-i small.csv -o lake");
    let before = lake::files(&home.lake());
    let line = "-i in.csv -o lake --mode overwrite -t 1 --memory-limit 44MiB --dedup key:last \
                --temp-dir . --max-temp-size 100k";
    let message = home.fails(line, 4);
    assert!(message.contains("--max-temp-size"), "{message}");
    assert!(lake::files(&home.lake()) == before);
    assert_eq!(home.names(), ["in.csv", "lake", "small.csv"]);
}
