//! Joins with a small table through the whole program: what is found, what is refused, what the
//! receipt and the plan say, and that neither threads nor chunks change any of it.

use std::fmt::Write as _;
use std::path::Path;

use chunketl::Receipt;
use serde_json::Value;

use crate::lake::{self, Table};
use crate::program::{Home, message};

const ORDERS: &str = "\
id,customer,amount,day
1,00123,10.5,2024-01-31
2,7,,2024-02-01
3,00123,4,2024-02-02
4,,3,2024-02-02
5,9,250,2024-05-06
6,123,1,2024-05-07
";

const CUSTOMERS: &str = "\
customer;name;segment;since
7;Bo;B;2020-02-01
00123;Ada;A;2019-05-06
55;Cy;B;
;Nobody;C;2000-01-01
";

fn home() -> Home {
    let home = Home::new();
    home.write("in.csv", ORDERS);
    home.write("customers.csv", CUSTOMERS);
    home
}

/// Runs the steps `toml` over the orders.
fn run(home: &Home, toml: &str) -> (Receipt, Table) {
    home.write("run.toml", format!("input = 'in.csv'\n{toml}"));
    home.however_cut([(100, 1), (1, 3), (2, 2)], |receipt, expected| {
        assert_eq!(receipt.totals, expected.totals);
        assert_eq!(receipt.steps, expected.steps);
    })
}

fn texts(table: &Table, column: &str) -> Vec<String> {
    let cells = table.column(column).into_iter();
    cells.map(|cell| cell.unwrap_or("-").to_owned()).collect()
}

fn step(with: &str) -> String {
    format!("[[step]]\njoin = {{ {with} }}\n")
}

#[test]
fn rows_find_their_key_as_it_is_spelt() {
    let home = home();
    let (receipt, table) = run(&home, &step("with = 'customers.csv', on = 'customer'"));
    assert_eq!(
        table.names,
        [
            "id", "customer", "amount", "day", "name", "segment", "since"
        ]
    );
    assert_eq!(texts(&table, "name"), ["Ada", "Bo", "Ada", "-", "-", "-"]);
    assert_eq!(texts(&table, "since")[..2], ["2019-05-06", "2020-02-01"]);
    assert_eq!(table.types[6], arrow::datatypes::DataType::Date32);
    let step = &receipt.steps[0];
    assert_eq!(step.label, "join customers.csv:customer");
    let side = step.table.as_ref().expect("a table");
    assert_eq!((side.path.as_str(), side.rows), ("customers.csv", 4));
    assert_eq!((step.rows_matched, step.rows_unmatched), (3, 3));
    assert_eq!(receipt.inputs.len(), 1, "a table is no input");
    assert!(
        home.run("plan --config run.toml -o lake --mode overwrite")
            .status
            .success()
    );
}

#[test]
fn rows_stay_by_whether_they_match() {
    let home = home();
    for (how, ids, matched) in [
        ("left", vec!["1", "2", "3", "4", "5", "6"], 3),
        ("inner", vec!["1", "2", "3"], 3),
        ("semi", vec!["1", "2", "3"], 3),
        ("anti", vec!["4", "5", "6"], 3),
    ] {
        let with = format!("with = 'customers.csv', on = 'customer', how = '{how}'");
        let (receipt, table) = run(&home, &step(&with));
        assert_eq!(texts(&table, "id"), ids, "{how}");
        assert_eq!(receipt.totals.rows_filtered, 6 - ids.len() as u64);
        assert_eq!(receipt.steps[0].rows_matched, matched);
        let columns = if matches!(how, "left" | "inner") {
            7
        } else {
            4
        };
        assert_eq!(table.names.len(), columns);
    }
    home.receipt("-i in.csv -o lake --mode overwrite --join customers.csv:customer:anti");
    assert_eq!(texts(&lake::read(&home.lake()), "id"), ["4", "5", "6"]);
}

#[test]
fn columns_are_chosen_and_called_otherwise() {
    let home = home();
    home.write("names.csv", "key,day,id\n7,1,x\n9,2,y\n");
    let with = "with = 'names.csv', on = { id = 'key' }, select = ['id', 'day', 'key'], \
                rename = { id = 'letter' }, prefix = 'n_'";
    let first = step(with);
    let second = step("with = 'customers.csv', on = ['customer'], select = 'segment'");
    let (_, table) = run(
        &home,
        &format!("{first}[[step]]\nderive = {{ b = 'amount + 1' }}\n{second}"),
    );
    assert_eq!(
        table.names,
        [
            "id", "customer", "amount", "day", "letter", "n_day", "n_key", "b", "segment"
        ]
    );
    let (_, table) = run(&home, &step(&with.replace("id = 'key'", "amount = 'key'")));
    assert_eq!(texts(&table, "letter"), ["-", "-", "-", "-", "-", "-"]);
    for (with, expected) in [
        (
            "with = 'names.csv', on = { id = 'key' }",
            "run.toml:3): there is a column `day` already; call the one of names.csv otherwise: \
             rename = { day = \"…\" }, or all of them: prefix = \"…\"",
        ),
        (
            "with = 'customers.csv', on = 'costumer'",
            "customers.csv: unknown column `costumer`; did you mean `customer`?",
        ),
        (
            "with = 'customers.csv', on = { costumer = 'customer' }",
            "unknown column `costumer`; did you mean `customer`?",
        ),
        (
            "with = 'customers.csv', on = 'customer', select = ['nam']",
            "did you mean `name`?",
        ),
        (
            "with = 'customers.csv', on = 'customer', dtype = { nam = 'utf8' }",
            "did you mean `name`?",
        ),
        (
            "with = 'customers.csv', on = 'customer', selct = 'left'",
            "unknown key `selct`; did you mean `select`?",
        ),
        (
            "with = 'customer.csv', on = 'customer'",
            "run.toml:3): customer.csv: ",
        ),
        ("with = '-', on = 'customer'", "standard input is no table"),
        (
            "with = 'customers.csv', on = 'customer', how = 'semi', select = ['name']",
            "adds no columns",
        ),
    ] {
        home.write("run.toml", format!("input = 'in.csv'\n{}", step(with)));
        let told = home.fails("--config run.toml -o other", 2);
        assert!(told.contains(expected), "{with}: {told}");
    }
    assert!(!home.path().join("other").exists());
}

#[test]
fn a_key_that_stands_twice_is_an_error_unless_asked_for() {
    let home = home();
    home.write("names.csv", "key,name\n1,a\n2,b\n\n1,c\n,d\n,e\n");
    let with = "with = 'names.csv', on = { id = 'key' }";
    home.write("run.toml", format!("input = 'in.csv'\n{}", step(with)));
    let told = home.fails("--config run.toml -o lake", 1);
    assert!(told.contains("names.csv:5"), "{told}");
    assert!(
        told.contains("the key 1 stands in line 2 already"),
        "{told}"
    );
    assert!(
        told.contains("duplicates = \"first\", \"last\" or \"all\""),
        "{told}"
    );
    for (which, expected) in [("first", "a"), ("last", "c")] {
        let (_, table) = run(&home, &step(&format!("{with}, duplicates = '{which}'")));
        assert_eq!(texts(&table, "name")[..2], [expected, "b"]);
    }
}

#[test]
fn rows_become_as_many_as_they_find() {
    let home = home();
    home.write("names.csv", "key,name\n1,a\n2,b\n1,c\n,d\n3,e\n1,f\n");
    let all = "with = 'names.csv', on = { id = 'key' }, duplicates = 'all'";
    let (receipt, table) = run(&home, &step(all));
    assert_eq!(texts(&table, "id").join(" "), "1 1 1 2 3 4 5 6");
    assert_eq!(texts(&table, "name").join(" "), "a c f b e - - -");
    assert_eq!(texts(&table, "customer")[..3], ["00123"; 3]);
    let totals = receipt.totals;
    assert_eq!((totals.rows_read, totals.rows_added), (6, 2));
    assert_eq!((totals.rows_written, totals.rows_filtered), (8, 0));
    assert_eq!(
        (receipt.inputs[0].added, receipt.steps[0].rows_added),
        (2, 2)
    );
    assert_eq!(receipt.steps[0].rows_matched, 3);

    // Steps by key before it and behind it see the rows that there are then.
    let toml = format!(
        "key = 'customer'\nmin-samples = 1\n[[step]]\nrolling = 'id:count:9:before'\n{}\
         [[step]]\nrolling = 'id:count:9:behind'\n[[step]]\nfilter = \"name <> 'c'\"\n",
        step(&format!("{all}, how = 'inner'"))
    );
    let (receipt, table) = run(&home, &toml);
    assert_eq!(texts(&table, "name").join(" "), "a f b e");
    assert_eq!(texts(&table, "before").join(" "), "1 1 1 2");
    assert_eq!(texts(&table, "behind").join(" "), "1 3 1 4");
    let totals = receipt.totals;
    assert_eq!((totals.rows_added, totals.rows_filtered), (2, 4));
    let page = home
        .run("--config run.toml -o lake --mode overwrite")
        .stdout;
    let page = String::from_utf8(page).expect("text");
    assert!(
        page.contains("6 read + 2 added = 4 written + 4 filtered"),
        "{page}"
    );

    // What only asks whether there is a match needs no choice.
    for how in ["semi", "anti"] {
        let with = format!("with = 'names.csv', on = {{ id = 'key' }}, how = '{how}'");
        let (receipt, table) = run(&home, &step(&with));
        assert_eq!((table.rows.len(), receipt.totals.rows_added), (3, 0));
    }
}

#[test]
fn a_table_must_be_right() {
    let home = home();
    let mut lines: Vec<String> = (0..3000).map(|key| format!("{key},{key}.5,x")).collect();
    lines[1400] = "1400,many,x".to_owned();
    home.write("t.csv", format!("key,weight,note\n{}\n", lines.join("\n")));
    let with = "with = 't.csv', on = { id = 'key' }";
    home.write("run.toml", format!("input = 'in.csv'\n{}", step(with)));
    let told = home.fails("--config run.toml -o lake", 1);
    assert!(told.contains("t.csv:1402"), "{told}");
    assert!(
        told.contains("column `weight`: `many` is no float64"),
        "{told}"
    );
    // Columns that nobody asks for may hold anything, and what is said of others counts.
    run(&home, &step(&format!("{with}, select = ['note']")));
    let (_, table) = run(&home, &step(&format!("{with}, null_values = ['many']")));
    assert_eq!(texts(&table, "weight")[0], "1.5");
    let (_, table) = run(
        &home,
        &step(&format!("{with}, dtype = {{ weight = 'utf8' }}")),
    );
    assert_eq!(texts(&table, "weight")[1], "2.5");

    lines[1400] = "1400,1".to_owned();
    home.write("t.csv", format!("key,weight,note\n{}\n", lines.join("\n")));
    home.write("run.toml", format!("input = 'in.csv'\n{}", step(with)));
    let told = home.fails("--config run.toml -o other", 1);
    assert!(told.contains("t.csv:1402"), "{told}");
    assert!(told.contains("bad record (too_few_fields)"), "{told}");
    home.receipt("--config run.toml -o other --too-few pad");
}

#[test]
fn keys_of_different_types_are_read_alike_or_told() {
    let home = home();
    // Numbers there, text here; and the other way.
    home.write("t.csv", "customer,x\n7,1\n9,2\n");
    let (_, table) = run(&home, &step("with = 't.csv', on = 'customer'"));
    assert_eq!(texts(&table, "x"), ["-", "1", "-", "-", "2", "-"]);
    home.write("t.csv", "id,x\n01,1\n5,2\n");
    let (_, table) = run(&home, &step("with = 't.csv', on = 'id'"));
    assert_eq!(texts(&table, "x"), ["1", "-", "-", "-", "2", "-"]);
    // A whole number meets a float.
    home.write("t.csv", "amount,x\n4,1\n250,2\n");
    let (_, table) = run(&home, &step("with = 't.csv', on = 'amount'"));
    assert_eq!(texts(&table, "x"), ["-", "-", "1", "-", "2", "-"]);
    home.write("t.csv", "day,x\n4,1\n250,2\n");
    home.write(
        "run.toml",
        format!("input = 'in.csv'\n{}", step("with = 't.csv', on = 'day'")),
    );
    let told = home.fails("--config run.toml -o other", 2);
    assert!(
        told.contains("`day` is date, but `day` of t.csv is int64"),
        "{told}"
    );
    assert!(told.contains("dtype = { day = \"date\" }"), "{told}");
}

#[test]
fn a_key_that_widens_is_looked_up_anew() {
    let home = Home::new();
    let mut text = "key,day\n".to_owned();
    for key in 0..400_000 {
        // One key is of another kind, somewhere between two samples.
        let more = if key == 199_000 { ".5" } else { "" };
        text += &format!("{key}{more},01/02/2024\n");
    }
    home.write("in.csv", text);
    home.write("t.csv", "key,name\n1,one\n399999,last\n");
    let receipt = home.receipt("-i in.csv -o lake --join t.csv:key");
    assert_eq!(receipt.restarts.len(), 1, "the key became a float");
    assert_eq!(receipt.steps[0].rows_matched, 2);
    let table = lake::read(&home.lake());
    assert_eq!(table.column("name")[399_999], Some("last"));
}

#[test]
fn the_nearest_in_time_is_found() {
    let home = home();
    home.write(
        "prices.csv",
        "from,who,price\n2024-02-02,9,2\n2024-01-01,9,1\n2024-02-01,7,5\n2024-06-01,9,3\n",
    );
    let price = |more: &str| {
        let with =
            format!("with = 'prices.csv', asof = {{ time = 'day', side_time = 'from' {more} }}");
        let (_, table) = run(
            &home,
            &step(&format!("{with}, on = {{ customer = 'who' }}")),
        );
        assert_eq!(table.names[4..], ["from", "price"]);
        texts(&table, "price").join(" ")
    };
    assert_eq!(price(""), "- 5 - - 2 -");
    assert_eq!(price(", allow_exact = false"), "- - - - 2 -");
    assert_eq!(price(", direction = 'forward'"), "- 5 - - 3 -");
    assert_eq!(price(", direction = 'nearest'"), "- 5 - - 3 -");
    assert_eq!(price(", tolerance = '93d'"), "- 5 - - - -");
    assert_eq!(price(", tolerance = '94d'"), "- 5 - - 2 -");
    // Without a key time alone decides.
    let with = "with = 'prices.csv', asof = { time = 'day', side_time = 'from' }, how = 'inner', \
                select = ['price']";
    let (receipt, table) = run(&home, &step(with));
    assert_eq!(texts(&table, "price"), ["1", "5", "2", "2", "2", "2"]);
    assert_eq!(
        receipt.steps[0].label,
        "join prices.csv:inner as of day backward from"
    );
    for (with, expected) in [
        (
            "time = 'day', side_time = 'price'",
            "`day` is date, but `price` of prices.csv is int64",
        ),
        (
            "time = 'day', side_time = 'from', tolerance = 7",
            "the tolerance 7 is a number, but `day` is date; write a time, such as 7d",
        ),
        (
            "time = 'day', side_time = 'from', tolerance = 'x'",
            "`x` is no tolerance",
        ),
        ("time = 'day', side = 'from'", "did you mean `side-time`?"),
    ] {
        let with = format!("with = 'prices.csv', asof = {{ {with} }}");
        home.write("run.toml", format!("input = 'in.csv'\n{}", step(&with)));
        let told = home.fails("--config run.toml -o other", 2);
        assert!(told.contains(expected), "{with}: {told}");
    }
}

#[test]
fn parquet_and_compressed_tables_are_tables_too() {
    let home = home();
    home.receipt("-i customers.csv -o side");
    let with = |path: &str| {
        step(&format!(
            "with = '{path}', on = 'customer', select = ['name']"
        ))
    };
    let (_, expected) = run(&home, &with("customers.csv"));
    let (receipt, table) = run(&home, &with("side/part-00000.parquet"));
    assert_eq!(table, expected);
    assert_eq!(receipt.steps[0].table.as_ref().expect("a table").rows, 4);
    let packed = zstd::encode_all(CUSTOMERS.as_bytes(), 1).expect("packed");
    home.write("packed.csv.zst", packed);
    assert_eq!(run(&home, &with("packed.csv.zst")).1, expected);
    assert_eq!(run(&home, &with("side")).1, expected, "a directory");
    home.write("empty.csv", "customer,name\n");
    let (_, table) = run(&home, &with("empty.csv"));
    assert_eq!(texts(&table, "name"), ["-"; 6]);
}

#[test]
fn how_a_table_is_read_is_told() {
    let home = home();
    home.write(
        "noted.csv",
        format!("Our customers, as of March\n\n{CUSTOMERS}"),
    );
    let (receipt, table) = run(
        &home,
        &step("with = 'noted.csv', on = 'customer', select = ['name']"),
    );
    assert_eq!(texts(&table, "name").join(" "), "Ada Bo Ada - - -");
    let side = receipt.steps[0].table.as_ref().expect("a table");
    let dialect = &side.files[0].dialect;
    assert_eq!((dialect.delimiter.as_str(), side.files.len()), (";", 1));
    assert_eq!(dialect.skipped[0].text, "Our customers, as of March");
    let page = home
        .run("--config run.toml -o lake --mode overwrite")
        .stdout;
    let page = String::from_utf8(page).expect("text");
    let lines = format!("({} lines skipped)", dialect.skipped_lines);
    assert!(page.contains(&lines), "{page}");

    home.write("t.csv", "id,since\n1,01/02/2024\n2,03/04/2024\n");
    let told = home.fails("-i in.csv -o other --join t.csv:id --strict", 2);
    assert!(
        told.starts_with("chunketl: error: --join t.csv:id: t.csv: "),
        "{told}"
    );
    assert!(told.contains("can be read in two ways"), "{told}");
}

#[test]
fn a_table_of_the_lake_is_not_written_over() {
    let home = home();
    home.receipt("-i customers.csv -o lake");
    let before = lake::results(&home.lake());
    let line = "-i in.csv -o lake --mode overwrite --join lake/part-00000.parquet:customer";
    let told = home.fails(line, 2);
    assert!(told.contains("is part of it"), "{told}");
    assert_eq!(lake::results(&home.lake()), before);
}

#[test]
fn a_table_that_does_not_fit_is_told() {
    let home = home();
    let rows: Vec<String> = (0..400_000)
        .map(|key| format!("{key},a text of the key {key}, as long as any"))
        .collect();
    let rows = rows.join("\n").replace(", as", " as");
    home.write("t.csv", format!("id,text\n{rows}\n"));
    let told = home.fails(
        "-i in.csv -o lake --join t.csv:id --memory-limit 64MiB -t 1",
        4,
    );
    assert!(told.contains("t.csv"), "{told}");
    assert!(told.contains("--memory-limit"), "{told}");
    assert!(told.contains("select"), "{told}");
    let receipt = home.receipt("-i in.csv -o lake --join t.csv:id");
    let budget = receipt.memory.budget.iter();
    let held: Vec<u64> = { budget }
        .filter(|term| term.name == "tables of joins")
        .map(|term| term.bytes)
        .collect();
    let side = receipt.steps[0].table.as_ref().expect("a table");
    assert_eq!(held, [side.bytes]);
    assert!(side.bytes > 400_000 * 40, "{side:?}");
    assert_eq!(receipt.steps[0].rows_matched, 6);
}

#[test]
fn a_large_table_stays_within_the_limit() {
    const LIMIT: u64 = 160 << 20;
    let home = Home::new();
    let rows = |text: &str| {
        let rows = (0..500_000).map(|key| format!("{key},{}{text}{key}\n", key % 77));
        rows.collect::<String>()
    };
    home.write("in.csv", format!("id,n\n{}", rows(".")));
    home.write(
        "t.csv",
        format!("id,m,text\n{}", rows(",the text of the key ")),
    );
    let line = "-i in.csv -o lake --join t.csv:id --memory-limit 160MiB -t 2";
    let receipt = home.receipt(line);
    assert_eq!(receipt.steps[0].rows_matched, 500_000);
    let side = receipt.steps[0].table.as_ref().expect("a table");
    assert!(side.bytes > 30 << 20, "{side:?}");
    let peak = receipt.memory.peak_rss_bytes.expect("the system tells");
    assert!(peak <= LIMIT, "{} MiB", peak >> 20);
}

#[test]
fn the_plan_tells_of_the_table() {
    let home = home();
    home.write(
        "run.toml",
        format!(
            "input = 'in.csv'\n{}",
            step("with = 'customers.csv', on = 'customer', how = 'inner'")
        ),
    );
    let output = home.run("plan --config run.toml -o lake --json");
    assert!(output.status.success(), "{}", message(&output));
    let plan: Value = serde_json::from_slice(&output.stdout).expect("the plan is JSON");
    let step = &plan["steps"][0];
    assert_eq!(step["table"]["path"], "customers.csv");
    assert_eq!(step["table"]["rows"], 4);
    assert_eq!(step["drops_rows"], true);
    assert_eq!(step["reads"][0], "customer");
    assert_eq!(step["writes"][2]["name"], "since");
    assert_eq!(step["writes"][2]["type"], "date");
    assert_eq!(plan["inputs"].as_array().expect("inputs").len(), 1);
    let output = home.run("plan --config run.toml -o lake");
    let page = String::from_utf8(output.stdout).expect("text");
    let line = "  join customers.csv:customer:inner: row by row, table customers.csv of 4 rows in ";
    assert!(page.lines().any(|found| found.starts_with(line)), "{page}");
    assert!(!home.lake().exists());
}

/// The runs of `expected/join.py`: the name of each answer, and the step.
const ANSWERS: [(&str, &str); 12] = [
    ("left", "on = 'key'"),
    ("inner", "on = 'key', how = 'inner'"),
    ("two_keys", "on = ['key', 'shop']"),
    ("all", "on = 'key', duplicates = 'all'"),
    ("all_inner", "on = 'key', duplicates = 'all', how = 'inner'"),
    (
        "backward",
        "on = 'key', asof = { time = 'at', side_time = 'at' }",
    ),
    (
        "backward_strict",
        "on = 'key', asof = { time = 'at', allow_exact = false }",
    ),
    (
        "forward",
        "on = 'key', asof = { time = 'at', direction = 'forward' }",
    ),
    (
        "forward_strict",
        "on = 'key', asof = { time = 'at', direction = 'forward', allow_exact = false }",
    ),
    (
        "nearest",
        "on = 'key', asof = { time = 'at', direction = 'nearest' }",
    ),
    (
        "tolerance",
        "on = 'key', asof = { time = 'at', direction = 'nearest', tolerance = '90m' }",
    ),
    ("no_key", "asof = { time = 'at' }"),
];

#[test]
fn joins_equal_those_of_pandas_and_duckdb() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/expected/join");
    let home = Home::new();
    for (name, on) in ANSWERS {
        let side = match name {
            "left" | "inner" => "keys.csv",
            // Keys stand there many times.
            "two_keys" => "shops.csv",
            _ => "times.csv",
        };
        let with = format!(
            "with = '{}', select = ['value'], {on}",
            folder.join(side).display()
        );
        let input = folder.join("in.csv");
        home.write(
            "run.toml",
            format!("input = '{}'\n{}", input.display(), step(&with)),
        );
        let expected = std::fs::read_to_string(folder.join(format!("{name}.csv")));
        let expected = expected.expect("the expected rows");
        for (chunk_rows, threads) in [(7, 3), (65_536, 1)] {
            home.receipt(&format!(
                "--config run.toml -o lake --mode overwrite --chunk-rows {chunk_rows} -t {threads}"
            ));
            let table = lake::read(&home.lake());
            let rows = table.column("row").into_iter().zip(table.column("value"));
            let found: Vec<String> = rows
                .map(|(row, value)| format!("{},{}\n", row.expect("a number"), value.unwrap_or("")))
                .collect();
            assert_eq!(format!("row,value\n{}", found.concat()), expected, "{name}");
        }
    }
}

#[test]
fn joins_with_the_same_table_by_the_same_key_share_it() {
    let home = Home::new();
    let mut customers = String::from("customer,name,segment,town\n");
    for customer in 0..20_000 {
        writeln!(
            customers,
            "{customer},name {customer},{},town {customer}",
            customer % 7
        )
        .expect("room");
    }
    home.write("customers.csv", customers);
    home.write("in.csv", "id,customer,other\n1,5,6\n2,77777,8\n3,9,\n");
    let held = |steps: &str| {
        home.write("run.toml", format!("input = 'in.csv'\n{steps}"));
        let receipt = home.receipt("--config run.toml -o lake --mode overwrite");
        let tables = { receipt.memory.budget.iter() }.filter(|term| term.name == "tables of joins");
        (
            tables.map(|term| term.bytes).sum::<u64>(),
            lake::read(&home.lake()),
        )
    };
    let by = "with = 'customers.csv', on = { customer = 'customer' }";
    let by_other = "with = 'customers.csv', on = { other = 'customer' }";
    let (one, _) = held(&step(&format!("{by}, select = ['name', 'segment']")));
    assert!(one > 100_000, "{one}");
    let (shared, table) = held(&format!(
        "{}{}{}",
        step(&format!("{by}, how = 'semi'")),
        step(&format!("{by}, select = ['segment']")),
        step(&format!(
            "{by_other}, select = ['name', 'segment'], prefix = 'other_'"
        )),
    ));
    assert_eq!(shared, one, "it is held once");
    assert_eq!(
        table.names,
        [
            "id",
            "customer",
            "other",
            "segment",
            "other_name",
            "other_segment"
        ]
    );
    assert_eq!(texts(&table, "id"), ["1", "3"]);
    assert_eq!(texts(&table, "segment"), ["5", "2"]);
    assert_eq!(texts(&table, "other_name"), ["name 6", "-"]);
    assert_eq!(texts(&table, "other_segment"), ["6", "-"]);
    // Another key, or another way with keys that stand twice, is another table.
    let (two, table) = held(&format!(
        "{}{}",
        step(&format!("{by}, select = ['name', 'segment']")),
        step(
            "with = 'customers.csv', on = { customer = 'segment' }, duplicates = 'last', \
              select = ['town']"
        ),
    ));
    assert!(two > one, "{two}");
    assert_eq!(texts(&table, "town"), ["town 19997", "-", "-"]);
}
