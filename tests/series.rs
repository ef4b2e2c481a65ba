//! Steps along the rows of each key through the whole program: against what pandas made of them
//! (`expected/series.py`), and what the plan, the receipt and errors say.

use std::fmt::Write as _;
use std::path::Path;

use crate::lake::{self, Table};
use crate::program::{Home, names};

/// Relative error that two right ways of summing up may differ by.
const TOLERANCE: f64 = 1e-9;

fn is_same(found: Option<&str>, expected: &str) -> bool {
    let Some(found) = found else {
        return expected.is_empty();
    };
    match (found.parse::<f64>(), expected.parse::<f64>()) {
        (Ok(found), Ok(expected)) => {
            found == expected || (found - expected).abs() <= TOLERANCE * expected.abs().max(1.0)
        }
        // Timestamps are printed with a T in between.
        _ => found.replace('T', " ") == expected.replace('T', " "),
    }
}

#[test]
fn every_step_equals_that_of_pandas() {
    let home = Home::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/expected/series");
    let mut reader = csv::Reader::from_path(folder.join("out.csv")).expect("the expected table");
    let names = reader.headers().expect("a header").clone();
    let rows: Vec<csv::StringRecord> = reader.records().map(|row| row.expect("a row")).collect();
    let (input, steps) = (folder.join("in.csv"), folder.join("steps.toml"));
    let mut first: Option<Table> = None;
    for (chunk_rows, threads) in [(1, 2), (7, 3), (100, 1), (65_536, 2)] {
        let receipt = home.receipt(&format!(
            "-i {} --config {} -o lake --mode overwrite --chunk-rows {chunk_rows} -t {threads}",
            input.display(),
            steps.display(),
        ));
        assert_eq!(receipt.totals.rows_written, rows.len() as u64);
        assert_eq!(receipt.passes, 2, "all fits share a pass");
        let table = lake::read(&home.lake());
        assert!(table.names.iter().eq(names.iter()), "{:?}", table.names);
        for (row, (found, expected)) in table.rows.iter().zip(&rows).enumerate() {
            for ((name, cell), text) in names.iter().zip(found).zip(expected) {
                assert!(
                    is_same(cell.as_deref(), text),
                    "row {row}, {name}: {cell:?}, not {text:?} (chunks of {chunk_rows})"
                );
            }
        }
        let timed = receipt
            .steps
            .iter()
            .filter(|step| step.rows_without_time > 0);
        let labels: Vec<&str> = timed.map(|step| &*step.label).collect();
        assert_eq!(
            labels,
            [
                "ewm amount_ewm_mean_1d=amount",
                "ewm faded=amount",
                "sessionise session"
            ]
        );
        match &first {
            None => first = Some(table),
            Some(first) => assert!(*first == table, "chunks of {chunk_rows}, {threads} threads"),
        }
    }
}

/// Runs `toml` over `input` by chunks of all sizes; the lake.
fn run(input: &str, toml: &str) -> Table {
    let home = Home::new();
    home.write("in.csv", input);
    home.write("run.toml", format!("input = 'in.csv'\n{toml}"));
    let tables = [(1, 2), (2, 3), (100, 1)].map(|(chunk_rows, threads)| {
        home.receipt(&format!(
            "--config run.toml -o lake --mode overwrite --chunk-rows {chunk_rows} -t {threads}"
        ));
        lake::read(&home.lake())
    });
    assert!(tables[0] == tables[1] && tables[1] == tables[2]);
    let [table, ..] = tables;
    table
}

fn texts(table: &Table, column: &str) -> Vec<String> {
    let cells = table.column(column).into_iter();
    cells.map(|cell| cell.unwrap_or("-").to_owned()).collect()
}

#[test]
fn without_a_key_all_rows_are_one_group() {
    let table = run(
        "a,b\n1,x\n5,y\n,z\n2,x\n",
        "[[step]]\nlag = 'b'\ncumsum = 'a'\nlead = 'a'\nrank = 'a'\ncumcount = {}\n",
    );
    assert_eq!(texts(&table, "b_lag_1"), ["-", "x", "y", "z"]);
    assert_eq!(texts(&table, "a_cumsum"), ["1", "6", "-", "8"]);
    assert_eq!(texts(&table, "a_lead_1"), ["5", "-", "2", "-"]);
    assert_eq!(texts(&table, "a_rank"), ["1.0", "3.0", "-", "2.0"]);
    assert_eq!(texts(&table, "cumcount"), ["0", "1", "2", "3"]);
}

#[test]
fn steps_see_what_earlier_ones_made_and_the_rows_they_left() {
    let table = run(
        "k,a\nx,1\nx,-9\ny,2\nx,3\nx,6\ny,8\n",
        "key = 'k'\n[[step]]\nfilter = 'a > 0'\n[[step]]\ndiff = 'a'\n\
         [[step]]\nlag = 'a_diff_1'\n[[step]]\nlead = 'a_diff_1_lag_1'\n\
         [[step]]\nexpanding = { column = 'a_diff_1', functions = 'sum', min_samples = 0 }\n",
    );
    assert_eq!(texts(&table, "a_diff_1"), ["-", "-", "2", "3", "6"]);
    assert_eq!(texts(&table, "a_diff_1_lag_1"), ["-", "-", "-", "2", "-"]);
    assert_eq!(
        texts(&table, "a_diff_1_lag_1_lead_1"),
        ["-", "-", "2", "-", "-"]
    );
    assert_eq!(
        texts(&table, "a_diff_1_expanding_sum"),
        ["0.0", "0.0", "2.0", "5.0", "6.0"]
    );
}

#[test]
fn times_and_keys_are_known_by_the_names_they_were_read_by() {
    let table = run(
        "k,t,a\nx,2024-01-01,1\nx,2024-01-05,5\n",
        "key = 'k'\ntime = 't'\n[[step]]\nrename = { k = 'key', t = 'day' }\n\
         [[step]]\nsessionise = { gap = '1d' }\newm = { column = 'a', half_life = '4d' }\n",
    );
    assert_eq!(texts(&table, "session"), ["0", "1"]);
    // Weights 1/2 and 1.
    let means = table.column("a_ewm_mean_4d");
    let mean: f64 = means[1].expect("a mean").parse().expect("a number");
    assert!((mean - 11.0 / 3.0).abs() < 1e-12, "{mean}");
}

#[test]
fn decimals_dates_and_categories_keep_their_types() {
    let table = run(
        "price,day,kind\n1.25,2024-02-28,b\n,2024-03-01,a\n-0.50,,b\n",
        "dtype = { price = 'decimal(5,2)', kind = 'categorical' }\n[[step]]\n\
         cumsum = 'price'\ndiff = [{ column = 'price', periods = 2 }, 'day']\n\
         cummin = ['price', 'kind']\nlead = 'kind'\nlag = 'price'\n",
    );
    assert_eq!(texts(&table, "price_cumsum"), ["1.25", "-", "0.75"]);
    assert_eq!(texts(&table, "price_diff_2"), ["-", "-", "-1.75"]);
    assert_eq!(texts(&table, "day_diff_1"), ["-", "2", "-"]);
    assert_eq!(texts(&table, "price_cummin"), ["1.25", "-", "-0.50"]);
    assert_eq!(texts(&table, "kind_cummin"), ["b", "a", "a"]);
    assert_eq!(texts(&table, "kind_lead_1"), ["a", "b", "-"]);
    let types = |name: &str| {
        let index = table.names.iter().position(|known| known == name);
        table.types[index.expect("it is there")].to_string()
    };
    assert_eq!(types("price_cumsum"), "Decimal128(38, 2)");
    assert_eq!(types("price_diff_2"), "Decimal128(6, 2)");
    assert_eq!(types("price_lag_1"), "Decimal128(5, 2)");
    assert_eq!(types("day_diff_1"), "Int64");
    assert!(types("kind_lead_1").starts_with("Dictionary"));
}

#[test]
fn what_does_not_fit_is_null_and_counted_or_ends_the_run() {
    let home = Home::new();
    home.write("in.csv", "a\n9223372036854775807\n1\n-1\n");
    home.write("run.toml", "input = 'in.csv'\n[[step]]\ncumsum = 'a'\n");
    let receipt = home.receipt("--config run.toml -o lake");
    assert_eq!(receipt.steps[0].overflows, 1);
    let table = lake::read(&home.lake());
    let most = i64::MAX.to_string();
    assert_eq!(texts(&table, "a_cumsum"), [&*most, "-", &*most]);
    let message = home.fails("--config run.toml -o lake --mode overwrite --strict", 1);
    assert!(message.contains("in.csv:3"), "{message}");
    assert!(
        message.contains("cumsum a_cumsum=a: a result does not fit its type"),
        "{message}"
    );
}

#[test]
fn sessions_need_times_in_order() {
    let home = Home::new();
    let rows = "k,t\nx,2024-01-01 10:00\ny,2024-01-01 09:00\nx,2024-01-01 10:30\n\
                x,2024-01-01 11:01\nx,2024-01-01 10:59\ny,2024-01-02\n";
    home.write("in.csv", rows.replace("2024-01-02\n", "2024-01-02 00:00\n"));
    let toml = "input = 'in.csv'\nkey = 'k'\n[[step]]\nsessionise = { gap = '30m', name = 's' }\n";
    home.write("run.toml", toml);
    let message = home.fails("--config run.toml -o lake", 2);
    assert!(message.contains("run.toml:4"), "{message}");
    assert!(message.contains("pass --time COL"), "{message}");
    let message = home.fails("--config run.toml -o lake --time t", 1);
    assert!(message.contains("in.csv:6"), "{message}");
    home.receipt("--config run.toml -o lake --time t --order trust");
    let table = lake::read(&home.lake());
    assert_eq!(texts(&table, "s"), ["0", "0", "0", "1", "1", "1"]);
}

#[test]
fn mistakes_name_the_key_and_its_line() {
    let home = Home::new();
    home.write("in.csv", "k,a,b\nx,1,u\n");
    for (step, expected) in [
        ("lag = { column = 'a', periods = 0 }", "choose 1 to 1000000"),
        ("lag = { column = 'a', periods = -1 }", "`lead`"),
        ("lag = { periods = 1 }", "lacks its `column`"),
        ("lag = { column = 'c' }", "unknown column `c`"),
        (
            "lag = { column = 'a', period = 1 }",
            "did you mean `periods`?",
        ),
        ("lag = { column = 'a', name = 'b' }", "a column `b` already"),
        (
            "lag = { column = 'a', periods = [1, 2], name = 'c' }",
            "one new column",
        ),
        ("lag = ['a', 'a']", "a column `a_lag_1` already"),
        ("cumsum = 'b'", "cumsum is made of numbers only"),
        (
            "rank = { column = 'a', method = 'dens' }",
            "did you mean `dense`?",
        ),
        ("rank = 'b'", "numbers, dates and times only"),
        (
            "ewm = { column = 'a' }",
            "needs one of span, com, alpha, half_life",
        ),
        ("ewm = { column = 'a', span = 3, com = 1 }", "needs one of"),
        ("ewm = { column = 'a', span = 0.5 }", "no span"),
        (
            "ewm = { column = 'a', functions = 'sum', span = 3 }",
            "mean, std, var",
        ),
        (
            "ewm = { column = 'a', functions = 'std', half_life = '1d' }",
            "but no std",
        ),
        ("expanding = { column = 'a' }", "`functions`"),
        (
            "expanding = { column = 'a', functions = 'men' }",
            "did you mean `mean`?",
        ),
        ("sessionise = { name = 's' }", "lacks its `gap`"),
        ("sessionise = { gap = 30 }", "no length of time"),
        ("cumcount = { column = 'a' }", "unknown key `column`"),
        ("cumsun = 'a'", "did you mean `cumsum`?"),
    ] {
        let toml = format!("input = 'in.csv'\n[[step]]\n{step}\n");
        home.write("run.toml", toml);
        let message = home.fails("--config run.toml -o lake", 2);
        assert!(message.contains(expected), "{step}: {message}");
        assert!(message.contains("run.toml:3"), "{step}: {message}");
    }
}

#[test]
fn the_plan_tells_what_is_fitted_and_what_shares_its_memory() {
    let home = Home::new();
    home.write("in.csv", "k,a,b\nx,1,2\n");
    home.write(
        "run.toml",
        "input = 'in.csv'\nkey = 'k'\n[[step]]\nlag = { column = 'a', periods = [1, 7] }\n\
         diff = ['a', 'b']\nrank = 'a'\ncumcount = { name = 'n' }\n\
         [[step]]\nselect = ['a_lag_1', 'b_diff_1', 'a_rank', 'n']\n",
    );
    let output = home.run("plan --config run.toml -o lake --json");
    let plan: serde_json::Value = serde_json::from_slice(&output.stdout).expect("a plan");
    let steps = plan["steps"].as_array().expect("steps");
    let told: Vec<String> = { steps.iter() }
        .map(|step| format!("{}: {}", step["label"], step["how"]).replace('"', ""))
        .collect();
    assert_eq!(
        told,
        [
            "lag a_lag_1=a, lag a_lag_7=a, diff a_diff_1=a: by key, in file order",
            "diff b_diff_1=b: by key, in file order",
            "rank a_rank=a: fitted by key, then by key; keys that memory has no room for are spilled",
            "cumcount n: by key, in file order",
        ]
    );
    let passes = plan["passes"].as_array().expect("passes");
    assert_eq!(passes.len(), 2);
    assert_eq!(passes[0]["columns"], serde_json::json!(["k", "a"]));
}

#[test]
fn calls_make_the_same_columns() {
    let home = Home::new();
    home.write(
        "in.csv",
        "k,t,a\nx,2024-01-01,1\ny,2024-01-02,2\nx,2024-01-03,4\n",
    );
    let at = |name: &str| home.path().join(name);
    let input = at("in.csv");
    let config = chunketl::Builder::new()
        .input(input.to_str().expect("UTF-8"))
        .out(at("lake"))
        .key(["k"])
        .time("t")
        .lag("a", 1)
        .lead("a", 1)
        .diff("a", 1)
        .pct_change("a", 1)
        .cumsum("a")
        .cumprod("a")
        .cummax("a")
        .cummin("a")
        .cumcount("n")
        .rank("a", "min")
        .ewm("a", "mean", 3.0)
        .expanding("a", "max")
        .sessionise("1d", "session")
        .build()
        .expect("a configuration");
    chunketl::Pipeline::new(config).run().expect("a run");
    let table = lake::read(&home.lake());
    let last: Vec<String> = { table.names.iter().zip(&table.rows[2]).skip(3) }
        .map(|(name, cell)| format!("{name}={}", cell.as_deref().unwrap_or("-")))
        .collect();
    assert_eq!(
        last,
        [
            "a_lag_1=1",
            "a_lead_1=-",
            "a_diff_1=3",
            "a_pct_change_1=3.0",
            "a_cumsum=5",
            "a_cumprod=4",
            "a_cummax=4",
            "a_cummin=1",
            "n=1",
            "a_rank=2.0",
            "a_ewm_mean_3=3.0",
            "a_expanding_max=4.0",
            "session=1",
        ]
    );
    for builder in [
        chunketl::Builder::new().lag("a", 0),
        chunketl::Builder::new().rank("a", "dens"),
        chunketl::Builder::new().ewm("a", "sum", 3.0),
        chunketl::Builder::new().sessionise("30", "s"),
    ] {
        let error = builder.input("in.csv").out("lake").build().unwrap_err();
        assert_eq!(error.exit_code(), 2, "{error}");
    }
}

/// Rows of one key that has half of them and of many others, far more than memory has room for.
fn write_many(home: &Home) {
    let mut text = String::from("key,text,value\n");
    for row in 0..240_000_u64 {
        let drawn = row.wrapping_mul(2_654_435_761) % 100_003;
        let key = if drawn % 2 == 0 { 0 } else { drawn };
        let value = match drawn % 11 {
            0 => String::new(),
            _ => format!("{}.5", drawn * 7 % 5_003),
        };
        writeln!(text, "{key},text {},{value}", row % 20_011).expect("memory has room");
    }
    home.write("in.csv", text);
    std::fs::create_dir(home.path().join("temp")).expect("a directory");
}

#[test]
fn what_memory_has_no_room_for_is_spilled() {
    let home = Home::new();
    write_many(&home);
    let steps = "[[step]]\nrank = [{ column = 'value', name = 'place' }, \
                 { column = 'value', method = 'first', descending = true, pct = true, name = 'share' }]\n\
                 [[step]]\nlead = [{ column = 'text', periods = 3 }, 'value']\n\
                 [[step]]\nexpanding = { column = 'value', functions = ['median', 'mean', 'q90', 'count'] }\n";
    for key in ["", "key = 'key'\n"] {
        home.write("p.toml", format!("input = 'in.csv'\n{key}{steps}"));
        let run = |settings: &str| {
            let receipt = home.receipt(&format!(
                "--config p.toml -o lake --mode overwrite --temp-dir temp --max-rejects 0 \
                 --row-group-rows 20000 {settings}"
            ));
            assert_eq!(names(&home.path().join("temp")), [""; 0]);
            (lake::results(&home.lake()), receipt)
        };
        let (expected, receipt) = run("--memory-limit 2GiB -t 1");
        assert!(receipt.steps.iter().all(|step| step.spilled_bytes == 0));
        assert_eq!(receipt.restarts.len(), 0);
        for settings in [
            "-t 1 --memory-limit 40MiB",
            "-t 2 --memory-limit 48MiB --chunk-rows 3000",
        ] {
            let (found, receipt) = run(settings);
            assert!(found == expected, "{key}{settings}");
            for step in &receipt.steps {
                if key.is_empty() && step.label.starts_with("lead") {
                    // Of a single key, few rows look into the next chunk.
                    continue;
                }
                assert!(step.spilled_bytes > 100_000, "{key}{settings}: {step:?}");
            }
            assert!(!receipt.restarts.is_empty(), "{key}{settings}");
        }
    }
}
