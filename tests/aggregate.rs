//! Tables beside the lake, through the whole program: what is in them, where they are, what is said
//! of them, and that neither threads nor chunks nor memory change any of it.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use chunketl::config::Aggregate;
use chunketl::{Builder, Pipeline, Receipt};

use crate::lake::{self, Table};
use crate::program::{Home, message, names};

const SALES: &str = "\
id,shop,amount,quantity,time
1,north,10.5,2,2024-01-31T10:59:59
2,south,,3,2024-02-01T11:00:00
3,north,-4,1,2024-01-31T10:00:00
4,east
5,,250,x,2024-05-06T00:00:00
6,north,99.5,7,
7,south,1000,4,2024-02-01T11:59:00
";

const TYPES: &str = "input = 'in.csv'\ndtype = { id = 'int64', shop = 'utf8', \
    amount = 'float64', quantity = 'int64', time = 'timestamp' }\n";

/// The file of the table `name` in the lake.
fn table(home: &Home, name: &str) -> Table {
    let path = home.lake().join(format!("_aggregates/{name}.parquet"));
    lake::read_files(&[path])
}

fn lines(table: &Table) -> Vec<String> {
    let cell = |cell: &Option<String>| cell.clone().unwrap_or_else(|| "-".to_owned());
    let row = |row: &Vec<Option<String>>| row.iter().map(cell).collect::<Vec<_>>().join(" ");
    let header = table.names.join(" ");
    std::iter::once(header)
        .chain(table.rows.iter().map(row))
        .collect()
}

fn run(home: &Home, toml: &str, flags: &str) -> Receipt {
    home.write("in.csv", SALES);
    home.write("run.toml", format!("{TYPES}{toml}"));
    home.receipt(&format!("--config run.toml -o lake {flags}"))
}

#[test]
fn tables_are_of_the_rows_that_leave_the_last_step() {
    let toml = "\
        [[step]]\n\
        filter = 'amount IS NULL OR amount > 0'\n\
        [[step]]\n\
        derive = { total = 'amount * quantity' }\n\
        [[step]]\n\
        select = ['id']\n\
        [[aggregate]]\n\
        name = 'shops'\n\
        by = 'id'\n\
        measures = { n = 'count()', most = 'max(total)', shop = 'first(shop)' }\n";
    // What a step leaves out of the lake is still there for tables.
    let home = Home::new();
    let receipt = run(&home, toml, "");
    assert_eq!(
        lines(&table(&home, "shops"))[..3],
        ["id n most shop", "1 1 21.0 north", "2 1 - south"]
    );
    assert_eq!(receipt.aggregates[0].groups, 5);
    assert_eq!(lake::read(&home.lake()).names, ["id"]);

    let toml = toml.replace("[[step]]\nselect = ['id']\n", "").replace(
        "by = 'id'\nmeasures = { n = 'count()', most = 'max(total)', shop = 'first(shop)' }",
        "by = 'shop'\nmeasures = { n = 'count()', total = 'sum(total)', twice = 'max(2 * id)', \
         shops = 'nunique(shop)', seen = 'count(quantity)' }",
    );
    let mut first = None;
    for (chunk_rows, threads) in [(100, 1), (1, 3), (2, 2)] {
        let flags = format!("--mode overwrite --chunk-rows {chunk_rows} -t {threads}");
        let receipt = run(&home, &toml, &flags);
        assert_eq!(
            lines(&table(&home, "shops")),
            [
                "shop n total twice shops seen",
                "north 2 717.5 12 1 2",
                "south 2 4000.0 14 1 2",
                "- 1 - 10 0 0"
            ]
        );
        assert_eq!(
            lake::read(&home.lake()).names.len(),
            6,
            "nothing hidden is in the lake"
        );
        let told = &receipt.aggregates[0];
        assert_eq!(
            (told.name.as_str(), &*told.file),
            ("shops", "_aggregates/shops.parquet")
        );
        assert_eq!((told.groups, told.rows, told.rows_seen), (3, 3, 5));
        let file = fs::read(home.lake().join(&told.file)).expect("the table");
        assert_eq!(told.bytes, file.len() as u64);
        let found = first.get_or_insert_with(|| file.clone());
        assert!(
            *found == file,
            "the same bytes, whatever the threads and chunks"
        );
    }
}

#[test]
fn first_and_last_follow_the_order_of_a_sort() {
    let home = Home::new();
    let toml = "\
        [[step]]\n\
        sort = ['-amount']\n\
        [[step]]\n\
        drop = ['shop', 'amount']\n\
        [[aggregate]]\n\
        name = 'order'\n\
        by = 'shop'\n\
        measures = { first = 'first(id)', last = 'last(id)', low = 'min(amount / 2)' }\n";
    for flags in [
        "-t 1 --chunk-rows 2",
        "-t 3 --chunk-rows 1 --mode overwrite",
    ] {
        run(&home, toml, flags);
        assert_eq!(
            lines(&table(&home, "order")),
            [
                "shop first last low",
                "north 6 3 -2.0",
                "south 7 2 500.0",
                "- 5 5 125.0"
            ]
        );
    }
}

#[test]
fn times_fall_into_buckets() {
    let home = Home::new();
    let toml = "\
        [[aggregate]]\n\
        name = 'hours'\n\
        by = ['time:1h', { column = 'time', bucket = 'month', name = 'month' }]\n\
        measures = { n = 'count()', first = 'first(id)', last = 'last(id)' }\n";
    run(&home, toml, "");
    assert_eq!(
        lines(&table(&home, "hours")),
        [
            "time month n first last",
            "2024-01-31T10:00:00 2024-01-01T00:00:00 2 1 3",
            "2024-02-01T11:00:00 2024-02-01T00:00:00 2 2 7",
            "2024-05-06T00:00:00 2024-05-01T00:00:00 1 5 5",
            "- - 1 6 6"
        ]
    );
}

#[test]
fn a_table_goes_where_it_is_told_in_the_format_of_its_name() {
    let home = Home::new();
    let toml = "\
        [[aggregate]]\n\
        name = 'wide'\n\
        by = ['shop', 'time:month']\n\
        measures = { n = 'count()', sum = 'sum(quantity)' }\n\
        pivot = { columns = 'time', values = 'sum' }\n\
        out = 'reports/wide.csv'\n\
        [[aggregate]]\n\
        name = 'all'\n\
        format = 'csv'\n\
        measures = { n = 'count()', mean = 'mean(quantity)' }\n";
    let receipt = run(&home, toml, "");
    let wide = fs::read_to_string(home.path().join("reports/wide.csv")).expect("a report");
    assert_eq!(
        wide,
        "shop,2024-01-01T00:00:00,2024-02-01T00:00:00,2024-05-01T00:00:00,null\n\
         north,3,,,7\nsouth,,7,,\n,,,,\n"
    );
    assert_eq!(names(&home.path().join("reports")), ["wide.csv"]);
    let all = fs::read_to_string(home.lake().join("_aggregates/all.csv")).expect("a table");
    assert_eq!(all, "n,mean\n6,3.4\n");
    let files: Vec<&str> = receipt
        .aggregates
        .iter()
        .map(|table| &*table.file)
        .collect();
    assert_eq!(files, ["reports/wide.csv", "_aggregates/all.csv"]);
    assert_eq!(
        (receipt.aggregates[0].groups, receipt.aggregates[0].rows),
        (4, 3)
    );

    // A run that publishes no lake publishes no report either.
    let gate = format!("max-rejects = 0\n{toml}");
    home.write("run.toml", format!("{TYPES}{gate}"));
    fs::write(home.path().join("reports/wide.csv"), "old").expect("a report");
    home.fails("--config run.toml -o other", 3);
    assert!(!home.path().join("other").exists());
    let report = fs::read_to_string(home.path().join("reports/wide.csv"));
    assert_eq!(report.expect("the report"), "old");
    assert_eq!(names(&home.path().join("reports")), ["wide.csv"]);
}

#[test]
fn a_later_run_keeps_tables_when_it_appends_and_replaces_them_otherwise() {
    let home = Home::new();
    let toml = "[[aggregate]]\nname = 'n'\nmeasures = { n = 'count()' }\n";
    run(&home, toml, "");
    run(&home, toml, "--mode append --limit 2");
    let found = |name: &str| lines(&table(&home, name))[1].clone();
    assert_eq!(
        (found("n"), found("n-00000")),
        ("2".to_owned(), "6".to_owned())
    );
    run(&home, toml, "--mode append --limit 1");
    assert_eq!(
        (found("n"), found("n-00001")),
        ("1".to_owned(), "2".to_owned())
    );
    run(&home, toml, "--mode overwrite");
    assert_eq!(names(&home.lake().join("_aggregates")), ["n.parquet"]);
    run(&home, "", "--mode overwrite");
    assert!(names(&home.lake().join("_aggregates")).is_empty());
}

#[test]
fn what_is_wrong_is_said_before_the_first_row_is_read() {
    let home = Home::new();
    home.write("in.csv", SALES);
    let table = |rest: &str| format!("[[aggregate]]\nname = 't'\n{rest}");
    let count = "measures = { n = 'count()' }\n";
    for (toml, expected) in [
        (
            table(&format!("{count}by = ['shpo']")),
            "by (run.toml:6): unknown column `shpo`; did you mean `shop`?",
        ),
        (
            table("measures = { a = 'sum(amuont)' }"),
            "a (run.toml:5): unknown column `amuont`; did you mean `amount`?",
        ),
        (
            table("measures = { a = 'sum(shop)' }"),
            "a (run.toml:5): only numbers have a sum; the column is utf8",
        ),
        (
            table("measures = { a = 'summ(amount)' }"),
            "a (run.toml:5): unknown function `summ`; did you mean `sum`?",
        ),
        (
            table(&format!("{count}by = ['amount:1h']")),
            "by (run.toml:6): only dates and timestamps have buckets; it is float64",
        ),
        (
            table(&format!("{count}out = 'lake/t.csv'")),
            "out: lake/t.csv is in the lake",
        ),
        (
            table(&format!("{count}out = 'in.csv'")),
            "out: in.csv is an input",
        ),
        (
            format!("{}{}", table(count), table(count)),
            "another one is called `t`",
        ),
    ] {
        home.write("run.toml", format!("{TYPES}{toml}"));
        let said = home.fails("--config run.toml -o lake", 2);
        assert!(said.contains(expected), "{toml}: {said}");
        assert!(!home.lake().exists());
    }
}

#[test]
fn a_sum_beyond_its_type_ends_the_run() {
    let home = Home::new();
    home.write(
        "in.csv",
        format!("a,b\nx,1\ny,{}\ny,{}\n", i64::MAX, i64::MAX),
    );
    home.write(
        "run.toml",
        "input = 'in.csv'\n[[aggregate]]\nname = 't'\nby = 'a'\nmeasures = { s = 'sum(b)' }",
    );
    let said = home.fails("--config run.toml -o lake", 1);
    let expected = "s (run.toml:5): the sum 18446744073709551614 is beyond int64";
    assert!(
        said.contains(expected) && said.contains("in the group a = y"),
        "{said}"
    );
    assert!(!home.lake().exists());
}

#[test]
fn the_plan_tells_of_tables() {
    let home = Home::new();
    home.write("in.csv", SALES);
    let toml = "[[aggregate]]\nname = 't'\nby = ['shop', 'time:1d']\n\
        measures = { m = 'mean(2 * quantity)', last = 'last(shop)' }\n\
        pivot = { columns = 'shop', values = 'm' }\n";
    home.write("run.toml", format!("{TYPES}{toml}"));
    let output = home.run("plan --config run.toml -o lake --json");
    assert!(output.status.success(), "{}", message(&output));
    let plan: serde_json::Value = serde_json::from_slice(&output.stdout).expect("the plan");
    let told = &plan["aggregates"][0];
    assert_eq!(told["file"], "_aggregates/t.parquet");
    assert_eq!(told["pivot"], "shop");
    let columns = told["columns"].as_array().expect("columns").iter();
    let columns: Vec<String> = columns
        .map(|it| {
            format!(
                "{} {}",
                it["name"].as_str().unwrap(),
                it["type"].as_str().unwrap()
            )
        })
        .collect();
    assert_eq!(
        columns,
        ["time timestamp[us]", "shop utf8", "m float64", "last utf8"]
    );
    let page = home.run("plan --config run.toml -o lake");
    let page = String::from_utf8(page.stdout).expect("text");
    assert!(page.contains("a column for each value of shop"), "{page}");
    assert!(!home.lake().exists());
}

#[test]
fn the_builder_makes_the_same_tables() {
    let home = Home::new();
    let input = home.write("in.csv", SALES);
    let hourly = Aggregate::new("hourly")
        .by(["shop"])
        .by_time("time", "1d", "day")
        .measure("n", "count()")
        .measure("p90", "quantile(quantity, 0.9)")
        .pivot("shop", ["n"])
        .out(home.path().join("hourly.csv"));
    let config = Builder::new()
        .input(input.to_str().expect("UTF-8"))
        .out(home.lake())
        .dtype("quantity", "int64")
        .aggregate(hourly)
        .build()
        .expect("a sound configuration");
    let receipt = Pipeline::new(config).run().expect("a run");
    assert_eq!(receipt.aggregates[0].rows, 4);
    let written = fs::read_to_string(home.path().join("hourly.csv")).expect("the table");
    assert!(written.starts_with("day,north,south,null\n"), "{written}");
}

/// Many groups, of text and of numbers, a few of them with most rows.
fn many_groups() -> String {
    let mut text = "name,group,value\n".to_owned();
    for row in 0..60_000_u64 {
        let noise = row.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33;
        let group = if noise % 3 == 0 {
            noise % 5
        } else {
            noise % 40_000
        };
        let value = noise % 10_007;
        writeln!(
            text,
            "name of group {group},{group},{}.{:02}",
            value / 100,
            value % 100
        )
        .expect("memory");
    }
    text
}

#[test]
fn groups_that_do_not_fit_into_memory_are_spilled() {
    let home = Home::new();
    home.write("in.csv", many_groups());
    home.write(
        "run.toml",
        "input = 'in.csv'\n[[aggregate]]\nname = 'many'\nby = ['name', 'group']\n\
         measures = { n = 'count()', sum = 'sum(value)', mean = 'mean(value)', std = 'std(value)', \
         p90 = 'quantile(value, 0.9)', values = 'nunique(value)', mode = 'mode(value)', \
         first = 'first(name)', near = 'approx_nunique(value)', q = 'approx_quantile(value, 0.5)' }\n",
    );
    let run = |flags: &str| {
        let receipt = home.receipt(&format!(
            "--config run.toml -o lake --mode overwrite {flags}"
        ));
        let told = receipt.aggregates[0].clone();
        assert_eq!(told.rows_seen, 60_000);
        (told.groups, told.spilled_bytes, table(&home, "many"))
    };
    let (groups, spilled, held) = run("-t 2");
    assert_eq!(spilled, 0);
    assert_eq!(held.rows.len() as u64, groups);
    for flags in [
        "-t 1 --memory-limit 48MiB --chunk-rows 1000",
        "-t 2 --memory-limit 56MiB",
    ] {
        let (_, spilled, found) = run(flags);
        assert!(spilled > 100_000, "{flags}: {spilled}");
        assert!(found == held, "{flags}: the same table");
    }
}

/// Relative error that two right ways of summing up may differ by.
const TOLERANCE: f64 = 1e-9;

fn is_same(found: &str, expected: &str) -> bool {
    match (found.parse::<f64>(), expected.parse::<f64>()) {
        (Ok(found), Ok(expected)) => {
            (found - expected).abs() <= TOLERANCE * expected.abs().max(1.0)
        }
        // Timestamps are printed with a T in between.
        _ => found.replace('T', " ") == expected.replace('T', " "),
    }
}

/// Compares two tables in CSV; the names of columns too, where these are not `made` of values.
fn compare(found: &Path, expected: &Path) {
    let read = |path: &Path| -> Vec<csv::StringRecord> {
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .from_path(path)
            .expect("a table");
        reader.records().map(|row| row.expect("a row")).collect()
    };
    let (rows, wanted) = (read(found), read(expected));
    assert_eq!(rows.len(), wanted.len(), "{}", expected.display());
    for (row, (found, wanted)) in rows.iter().zip(&wanted).enumerate() {
        assert_eq!(found.len(), wanted.len(), "{}", expected.display());
        for (index, (cell, text)) in found.iter().zip(wanted).enumerate() {
            let name = &wanted[index.min(wanted.len() - 1)];
            assert!(
                is_same(cell, text),
                "{} row {row}, {name}: {cell:?}, not {text:?}",
                expected.display()
            );
        }
    }
}

#[test]
fn tables_equal_those_of_pandas_and_duckdb() {
    let home = Home::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/expected");
    let input = folder.join("e2e/in.csv");
    home.write(
        "run.toml",
        "\
        [[step]]\n\
        derive = { month = 'month(at)' }\n\
        [[aggregate]]\n\
        name = 'pandas'\n\
        format = 'csv'\n\
        by = ['shop', 'region']\n\
        measures = { n = 'count()', amounts = 'count(amount)', total = 'sum(amount)', \
        average = 'mean(amount)', low = 'min(amount)', high = 'max(amount)', std = 'std(price)', \
        var = 'var(price)', median = 'median(price)', p95 = 'quantile(price, 0.95)', \
        stocks = 'nunique(stock)', first = 'first(stock)', last = 'last(stock)', \
        mode = 'mode(quantity)' }\n\
        [[aggregate]]\n\
        name = 'pivot'\n\
        format = 'csv'\n\
        by = ['shop', 'month']\n\
        measures = { amount = 'sum(amount)' }\n\
        pivot = { columns = 'month', values = 'amount' }\n\
        [[aggregate]]\n\
        name = 'duckdb'\n\
        format = 'csv'\n\
        by = [{ column = 'at', bucket = '36h', name = 'span' }, 'region']\n\
        measures = { n = 'count()', revenue = 'sum(amount * quantity)', stock = 'avg(stock)', \
        shops = 'nunique(shop)', q25 = 'quantile(amount, 0.25)', var = 'variance(rate)', \
        std = 'stddev(rate)', first_shop = 'min(shop)', latest = 'max(at)', rates = 'count(rate)' }\n\
        [[aggregate]]\n\
        name = 'quarters'\n\
        format = 'csv'\n\
        by = [{ column = 'at', bucket = 'quarter', name = 'quarter' }]\n\
        measures = { stock = 'sum(stock)', region = 'mode(region)' }\n",
    );
    for (chunk_rows, threads) in [(1, 2), (7, 3), (65_536, 1)] {
        home.receipt(&format!(
            "--config run.toml -i {} -o lake --mode overwrite --chunk-rows {chunk_rows} -t {threads}",
            input.display()
        ));
        for name in ["pandas", "pivot", "duckdb", "quarters"] {
            let found = home.lake().join(format!("_aggregates/{name}.csv"));
            compare(&found, &folder.join(format!("aggregate/{name}.csv")));
        }
    }
}

#[test]
fn an_expression_that_rows_are_to_be_grouped_by_is_sent_to_derive() {
    let home = Home::new();
    home.write("in.csv", "at,amount,price (EUR)\n2024-01-01,1,2\n");
    for by in ["year(at)", "amount * 2", "at::date", "amount > 5"] {
        home.write(
            "run.toml",
            format!(
                "input = 'in.csv'\n[[aggregate]]\nname = 't'\nby = ['{by}']\n\
                 measures = {{ n = 'count()' }}\n"
            ),
        );
        let told = home.fails("--config run.toml -o lake", 2);
        assert!(
            told.contains(&format!("derive = {{ group = \"{by}\" }}")),
            "{told}"
        );
        assert!(told.contains("run.toml"), "{told}");
    }
    home.write(
        "run.toml",
        "input = 'in.csv'\n[[step]]\nderive = { group = 'year(at)' }\n[[aggregate]]\nname = 't'\n\
         by = ['group', 'price (EUR)']\nmeasures = { n = 'count()' }\n",
    );
    home.receipt("--config run.toml -o lake");
    let text = fs::read_to_string(home.path().join("run.toml")).expect("it was written");
    home.write("run.toml", text.replace("price (EUR)", "amuont"));
    let told = home.fails("--config run.toml -o lake --mode overwrite", 2);
    assert!(told.contains("did you mean `amount`"), "{told}");
}
