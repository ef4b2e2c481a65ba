//! Sorts and `--order` through the whole program: against a stable sort of the rows, against DuckDB,
//! and against themselves in memory and by temporary files, for any threads and chunks.

use std::fs;
use std::path::Path;

use chunketl::Receipt;

use crate::lake::{self, Table};
use crate::program::Home;

/// Chunks and threads; where chunks are small, rows go through many runs in temporary files.
const VARIANTS: [(usize, usize); 4] = [(100_000, 1), (1, 3), (2, 2), (7, 1)];

const TYPES: &str =
    "--dtype id=int64 --dtype shop=utf8 --dtype amount=float64 --dtype at=timestamp";

/// A row of the inputs: everything but its number, which is its place.
#[derive(Debug, Clone)]
struct Row {
    file: usize,
    shop: Option<String>,
    amount: Option<f64>,
    /// Seconds behind the hour.
    at: Option<u32>,
}

/// Rows over three files with many ties and gaps, in no order; each late by up to `late` seconds.
fn rows(count: usize, late: u32) -> Vec<Row> {
    let mut random = 7_u64;
    let mut next = |below: u64| {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (random >> 33) % below
    };
    let rows = (0..count).map(|index| Row {
        file: index * 3 / count,
        shop: (next(8) > 0).then(|| ["a", "B", "b", "é", "ab", ""][next(6) as usize].to_owned()),
        amount: (next(9) > 0).then(|| next(20) as f64 / 4.0 - 2.0),
        at: (next(30) > 0)
            .then(|| (1000 + index as u32).saturating_sub(next(u64::from(late) + 1) as u32)),
    });
    rows.collect()
}

fn time(seconds: u32) -> String {
    format!(
        "2024-05-06T{:02}:{:02}:{:02}",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60
    )
}

/// Writes `in-0.csv` and so on; a row's number is its place in `rows`.
fn write(home: &Home, rows: &[Row]) {
    for file in 0..3 {
        let mut text = "id,shop,amount,at\n".to_owned();
        for (id, row) in rows.iter().enumerate().filter(|(_, row)| row.file == file) {
            let shop = row
                .shop
                .as_ref()
                .map(|shop| format!("\"{shop}\""))
                .unwrap_or_default();
            let amount = row
                .amount
                .map(|amount| amount.to_string())
                .unwrap_or_default();
            let at = row.at.map(time).unwrap_or_default();
            text += &format!("{id},{shop},{amount},{at}\n");
        }
        home.write(&format!("in-{file}.csv"), text);
    }
}

/// Runs `flags` in all variants, which must agree to the byte; returns what one has come to, and
/// whether rows were written to temporary files in another.
fn run(home: &Home, flags: &str) -> (Receipt, Table, bool) {
    let mut first = None;
    let mut spilled = false;
    for (chunk_rows, threads) in VARIANTS {
        let receipt = home.receipt(&format!(
            "-o lake --mode overwrite --chunk-rows {chunk_rows} -t {threads} {flags}"
        ));
        assert_eq!(receipt.totals.accounted(), receipt.totals.rows_read);
        let mut receipt = receipt;
        for step in &mut receipt.steps {
            spilled |= std::mem::take(&mut step.spilled_bytes) > 0;
        }
        let files = lake::results(&home.lake());
        match &first {
            None => first = Some((receipt, files)),
            Some((expected, bytes)) => {
                assert_eq!(receipt.totals, expected.totals);
                assert_eq!(receipt.steps, expected.steps);
                assert_eq!(receipt.inputs, expected.inputs);
                assert!(
                    files == *bytes,
                    "chunks of {chunk_rows}, {threads} threads: {flags}"
                );
            }
        }
    }
    let (receipt, _) = first.expect("there were runs");
    (receipt, lake::read(&home.lake()), spilled)
}

fn ids(table: &Table) -> Vec<usize> {
    let ids = table.column("id").into_iter();
    ids.map(|id| id.expect("a number").parse().expect("a number"))
        .collect()
}

/// The numbers of `rows` in the order that `key` gives them.
fn sorted<K: PartialOrd>(rows: &[Row], key: impl Fn(&Row) -> K) -> Vec<usize> {
    let mut order: Vec<usize> = (0..rows.len()).collect();
    order.sort_by(|&one, &other| {
        let keys = (key(&rows[one]), key(&rows[other]));
        keys.0.partial_cmp(&keys.1).expect("no NaN")
    });
    order
}

/// Null behind all values.
fn last<T>(value: Option<T>) -> (bool, Option<T>) {
    (value.is_none(), value)
}

#[test]
fn rows_of_several_files_are_sorted_and_accounted_for() {
    let home = Home::new();
    let rows = rows(1500, 0);
    write(&home, &rows);
    let flags = format!("-i 'in-*.csv' {TYPES} --sort=shop,-amount");
    let (receipt, table, spilled) = run(&home, &flags);
    assert!(spilled);
    let expected = sorted(&rows, |row| {
        (
            last(row.shop.clone()),
            last(row.amount.map(|amount| -amount)),
        )
    });
    assert_eq!(ids(&table), expected);
    assert_eq!(receipt.steps[0].label, "sort shop,-amount");
    assert!(receipt.inputs.iter().all(|input| input.written == 500));
}

#[test]
fn what_is_dropped_behind_a_sort_counts_for_its_file() {
    let home = Home::new();
    let rows = rows(900, 0);
    write(&home, &rows);
    let steps = "
        input = 'in-*.csv'
        dtype = { id = 'int64', shop = 'utf8', amount = 'float64', at = 'timestamp' }
        [[step]]
        filter = \"id % 7 <> 3\"
        [[step]]
        sort = { by = ['amount', 'at'], descending = ['amount'], nulls = 'first' }
        [[step]]
        filter = 'amount > 0'
        [[step]]
        impute = { shop = 'drop' }
        [[step]]
        select = ['id', 'amount']
        [[step]]
        sort = '-id'
    ";
    home.write("run.toml", steps);
    let (receipt, table, spilled) = run(&home, "--config run.toml");
    assert!(spilled);
    let is_kept = |(id, row): &(usize, &Row)| {
        id % 7 != 3 && row.amount.is_some_and(|amount| amount > 0.0) && row.shop.is_some()
    };
    let mut expected: Vec<usize> = { rows.iter().enumerate() }
        .filter(is_kept)
        .map(|(id, _)| id)
        .collect();
    for (file, input) in receipt.inputs.iter().enumerate() {
        let written = expected.iter().filter(|id| rows[**id].file == file).count() as u64;
        assert_eq!((input.written, input.filtered), (written, 300 - written));
    }
    expected.reverse();
    assert_eq!(ids(&table), expected);
    assert_eq!(table.names, ["id", "amount"]);
}

/// Writes the rows of `in-0.csv` and so on to `ordered.csv`, in the order of `order`.
fn write_in_order(home: &Home, order: &[usize]) {
    let lines = lines(home);
    let lines: Vec<&str> = { lines.iter().flatten() }.map(String::as_str).collect();
    let lines: Vec<&str> = order.iter().map(|id| lines[*id]).collect();
    home.write(
        "ordered.csv",
        format!("id,shop,amount,at\n{}\n", lines.join("\n")),
    );
}

/// The lines of each input, without its header.
fn lines(home: &Home) -> [Vec<String>; 3] {
    std::array::from_fn(|file| {
        let text = fs::read_to_string(home.path().join(format!("in-{file}.csv"))).unwrap();
        text.lines().skip(1).map(str::to_owned).collect()
    })
}

/// Windows and fills behind a sort see what they would see in sorted files.
#[test]
fn fits_and_windows_behind_a_sort_go_by_the_new_order() {
    let home = Home::new();
    let rows: Vec<Row> = { rows(700, 600).into_iter() }
        .filter(|row| row.at.is_some())
        .collect();
    write(&home, &rows);
    let flags = format!(
        "{TYPES} --key shop --time at --impute amount=ffill --impute amount=mean \
         --rolling amount:mean:3 --rolling amount:sum:2m"
    );
    let (receipt, table, spilled) = run(&home, &format!("-i 'in-*.csv' {flags} --order sort"));
    assert!(spilled);
    assert_eq!(receipt.steps[0].label, "order sort by at");
    // The same from a file that is in order.
    let order = sorted(&rows, |row| row.at);
    assert_ne!(order, (0..rows.len()).collect::<Vec<_>>());
    assert_eq!(ids(&table), order);
    write_in_order(&home, &order);
    home.receipt(&format!("-i ordered.csv -o ordered {flags}"));
    assert_eq!(lake::read(&home.path().join("ordered")), table);
    // And without a sort it is refused.
    let message = home.fails(&format!("-i 'in-*.csv' -o other {flags}"), 1);
    assert!(message.contains("comes after"), "{message}");
}

/// Steps of every kind do to sorted rows what they do to those of a file in order, and what they
/// remove, add and reject counts for the files that the rows came from.
#[test]
fn steps_of_every_kind_go_on_behind_a_sort() {
    let home = Home::new();
    let rows: Vec<Row> = { rows(600, 300).into_iter() }
        .filter(|row| row.at.is_some())
        .collect();
    write(&home, &rows);
    write_in_order(&home, &sorted(&rows, |row| row.at));
    home.write("side.csv", "shop,area\na,1\na,2\nB,3\nb,4\né,5\na,6\n");
    let steps = |sort: &str| {
        format!(
            "dtype = {{ id = 'int64', shop = 'utf8', amount = 'float64', at = 'timestamp' }}
            key = 'shop'
            time = 'at'
            {sort}
            [[step]]
            dedup = {{ by = ['amount', 'at'], keep = 'last' }}
            [[step]]
            dedup = {{ by = ['id'] }}
            [[step]]
            join = {{ with = 'side.csv', on = 'shop', how = 'inner', duplicates = 'all' }}
            [[step]]
            filter = 'area <> 3'
            [[step]]
            impute = {{ amount = 'mean' }}
            [[step]]
            lag = 'amount'
            [[step]]
            rolling = 'amount:sum:2m'
            [[step]]
            scale = {{ amount = 'standard' }}
            [[step]]
            one_hot = {{ column = 'shop' }}
            [[check]]
            expr = 'id % 10 <> 3'
            severity = 'reject'
            [[aggregate]]
            name = 'areas'
            by = ['area']
            measures = {{ n = 'count()', total = 'sum(amount)', newest = 'last(id)' }}
            "
        )
    };
    home.write("ordered.toml", steps(""));
    let expected = home.receipt("--config ordered.toml -i ordered.csv -o ordered");
    let tables = |lake: &Path| fs::read(lake.join("_aggregates/areas.parquet")).unwrap();
    for (name, sort) in [
        ("sort", "[[step]]\nsort = 'at'"),
        ("hold", "order = 'allow:5m'"),
    ] {
        home.write("run.toml", steps(sort));
        let (receipt, table, _) = run(&home, "--config run.toml -i 'in-*.csv'");
        let ordered = lake::read(&home.path().join("ordered"));
        assert_eq!(table, ordered, "{name}");
        assert!(tables(&home.lake()) == tables(&home.path().join("ordered")));
        assert_eq!(receipt.totals, expected.totals);
        assert!(receipt.totals.rows_added > 0 && receipt.totals.rows_duplicate > 0);
        let lines = lines(&home);
        let rejects = home.lake().join("_rejects/rejects-00000.csv");
        let mut rejects = csv::Reader::from_path(rejects).expect("rejects");
        let mut rejected = [0; 3];
        for reject in rejects.records() {
            let reject = reject.expect("a record");
            let file: usize = reject[0][3..4].parse().expect("in-N.csv");
            let line: usize = reject[1].parse().expect("a line");
            assert_eq!(&reject[7], lines[file][line - 2], "{name}: {reject:?}");
            rejected[file] += 1;
        }
        assert!(rejected.iter().all(|rejected| *rejected > 0));
        for (input, rejected) in receipt.inputs.iter().zip(rejected) {
            assert_eq!(input.rejected, rejected);
        }
    }
}

#[test]
fn rows_that_come_late_are_put_in_order() {
    let home = Home::new();
    let rows = rows(800, 90);
    write(&home, &rows);
    let flags = format!(
        "-i 'in-*.csv' {TYPES} --key shop --time at --impute amount=mean --rolling amount:sum:2m \
         --filter 'id % 5 < 4'"
    );
    let (_, sorted, _) = run(&home, &format!("{flags} --order sort"));
    let (receipt, table, spilled) = run(&home, &format!("{flags} --order allow:90s"));
    assert_eq!(table, sorted);
    assert!(!spilled);
    let step = receipt
        .steps
        .iter()
        .find(|step| step.label == "order allow:1m30s by at");
    let late = step.expect("a step that puts rows in order").rows_late;
    assert!((300..800).contains(&late), "{late}");
    assert!(receipt.inputs.iter().all(|input| input.filtered > 40));
    // One that comes later than that is named by its line.
    for (chunk_rows, threads) in VARIANTS {
        let line =
            format!("{flags} --order allow:20s -o other --chunk-rows {chunk_rows} -t {threads}");
        let message = home.fails(&line, 1);
        assert!(message.contains("in-0.csv:"), "{message}");
        assert!(message.contains("more than 20s late"), "{message}");
    }
}

#[test]
fn without_a_step_that_needs_it_rows_are_put_in_order_at_the_end() {
    let home = Home::new();
    let rows = rows(300, 30);
    write(&home, &rows);
    let flags = format!("-i 'in-*.csv' {TYPES} --time at --derive 'x=amount + 1'");
    let (_, sorted, _) = run(&home, &format!("{flags} --order sort"));
    let (_, table, _) = run(&home, &format!("{flags} --order allow:1h"));
    assert_eq!(table, sorted);
    assert_eq!(ids(&table), self::sorted(&rows, |row| last(row.at)));
}

#[test]
fn a_plan_tells_where_rows_are_sorted() {
    let home = Home::new();
    write(&home, &rows(30, 0));
    let flags = "-o lake --key shop --time at --impute amount=mean --rolling amount:sum:2m";
    let output = home.run(&format!(
        "plan -i 'in-*.csv' {flags} --order sort --sort=-id"
    ));
    let text = String::from_utf8(output.stdout).expect("text");
    for part in [
        "order sort by at: all rows sorted, by temporary files where they do not fit into memory",
        "1. fits impute amount=mean",
        "2. sorts (order sort by at)",
        "3. sorts (sort -id)",
        "reads 4 columns as sorted (order sort by at)",
        "4. writes the lake: reads 5 columns as sorted (sort -id)",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!home.lake().exists());
}

#[test]
fn a_sort_without_room_leaves_the_lake_as_it_was() {
    let home = Home::new();
    write(&home, &rows(3000, 0));
    fs::create_dir(home.path().join("temp")).expect("a directory");
    let line = format!("-i 'in-*.csv' {TYPES} --sort amount --temp-dir temp");
    home.receipt(&format!("{line} -o lake --chunk-rows 3"));
    let before = lake::files(&home.lake());
    let tight = "-o lake --mode overwrite --chunk-rows 3 --max-temp-size 10k";
    let message = home.fails(&format!("{line} {tight}"), 4);
    assert!(message.contains("--max-temp-size"), "{message}");
    assert!(lake::files(&home.lake()) == before);
    assert!(names(&home.path().join("temp")).is_empty());
    // In memory there is room.
    let receipt = home.receipt(&format!("{line} -o other --max-temp-size 10k"));
    assert_eq!(receipt.steps[0].spilled_bytes, 0);
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).expect("a directory");
    entries
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .collect()
}

#[test]
fn what_cannot_be_meant_is_refused() {
    let home = Home::new();
    write(&home, &rows(10, 0));
    for (flags, expected) in [
        ("--sort shp", "did you mean `shop`?"),
        ("--sort shop,-shop", "given twice"),
        ("--order sort", "--time COL"),
        ("--order allow:10m", "--time COL"),
        ("--order allow:10 --time at", "allow:10m"),
        ("--order srt --time at", "`sort`"),
        ("--order sort --time shop", "dates or timestamps"),
    ] {
        let message = home.fails(&format!("-i in-0.csv -o lake {TYPES} {flags}"), 2);
        assert!(message.contains(expected), "{flags}: {message}");
    }
    for (step, expected) in [
        ("sort = []", "name the columns"),
        (
            "sort = { by = ['id'], descending = ['shop'] }",
            "not in `by`",
        ),
        ("sort = { by = ['id'], nulls = 'lst' }", "`last`"),
        ("sort = { descending = ['id'] }", "lacks its `by`"),
        ("sort = { by = ['id'], desc = true }", "descending"),
    ] {
        home.write(
            "run.toml",
            format!("input = 'in-0.csv'\n[[step]]\n{step}\n"),
        );
        let message = home.fails("--config run.toml -o lake", 2);
        assert!(message.contains(expected), "{step}: {message}");
        assert!(message.contains("run.toml:3"), "{step}: {message}");
    }
}

/// Against DuckDB; see tests/expected/sort.py.
#[test]
fn the_order_is_that_of_duckdb() {
    let expected = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/expected/sort");
    let orders = fs::read_to_string(expected.join("orders.txt")).expect("the orders");
    let input = expected.join("in.csv");
    let types = "dtype = { id = 'int64', n = 'int64', x = 'float64', t = 'utf8', d = 'date', \
                 b = 'bool', c = 'categorical', p = 'decimal(12,2)' }";
    let mut seen = 0;
    for order in orders.lines() {
        let (sort, expected) = order.split_once('|').expect("an order");
        let home = Home::new();
        // NaN is made, since the word is a missing number where it is read.
        let toml = format!(
            "input = {input:?}\n{types}\n[[step]]\nderive = {{ x = \"CASE WHEN x = 99 THEN \
             ln(-1) ELSE x END\" }}\n[[step]]\nsort = {sort}\n"
        );
        home.write("run.toml", toml.replace("ln(-1)", "CAST('NaN' AS DOUBLE)"));
        let (_, table, _) = run(&home, "--config run.toml");
        let found: Vec<String> = ids(&table).iter().map(ToString::to_string).collect();
        assert_eq!(found.join(","), expected, "{sort}");
        seen += 1;
    }
    assert_eq!(seen, 12);
}
