//! Expressions through the whole program against what DuckDB made of them (`expected/expr.py`), and
//! what ours do differently: cells that something is wrong with become null and are counted.

use std::fmt::Write as _;
use std::path::Path;

use serde::Deserialize;

use crate::lake::{self, Table};
use crate::program::Home;

/// Relative error that two libraries of mathematics may differ by.
const TOLERANCE: f64 = 1e-14;

const DTYPES: &str = "[dtype]\nid = 'int64'\ni = 'int64'\nj = 'int64'\nf = 'float64'\n\
    g = 'float64'\nb = 'bool'\ns = 'utf8'\nt = 'utf8'\nc = 'categorical'\nd = 'date'\n\
    e = 'date'\nts = 'timestamp'\nus = 'timestamp'\np = 'decimal(12,2)'\nq = 'decimal(6,3)'\n\
    n = 'utf8'\n";

/// An expression and its cells.
#[derive(Deserialize)]
struct Answer {
    sql: String,
    #[serde(rename = "type")]
    kind: String,
    cells: Vec<Option<String>>,
}

fn answers() -> Vec<Answer> {
    let path = folder().join("answers.jsonl");
    let text = std::fs::read_to_string(path).expect("the frozen answers");
    let lines = text.lines();
    lines
        .map(|line| serde_json::from_str(line).expect("an answer"))
        .collect()
}

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/expected/expr")
}

/// A file of options that derives `expressions`, as the columns `x0`, `x1`, ….
fn derives<'a>(expressions: impl Iterator<Item = &'a str>) -> String {
    let mut text = format!(
        "input = '{}'\nmode = 'overwrite'\nno-sniff = true\n{DTYPES}",
        folder().join("in.csv").display()
    );
    for (index, sql) in expressions.enumerate() {
        let quoted = sql.replace('\\', "\\\\").replace('"', "\\\"");
        let _ = write!(text, "[[step]]\nderive = {{ x{index} = \"{quoted}\" }}\n");
    }
    text
}

/// What the expressions come to, in chunks of `chunk_rows`.
fn run(home: &Home, chunk_rows: usize) -> Table {
    home.receipt(&format!(
        "--config run.toml -o lake -t 2 --chunk-rows {chunk_rows}"
    ));
    lake::read(&home.lake())
}

fn is_same(kind: &str, found: Option<&str>, expected: Option<&str>) -> bool {
    let (Some(found), Some(expected)) = (found, expected) else {
        return found.is_none() && expected.is_none();
    };
    match (found.parse::<f64>(), expected.parse::<f64>()) {
        (Ok(found), Ok(expected)) if kind != "VARCHAR" => {
            let error = (found - expected).abs();
            (found.is_nan() && expected.is_nan())
                || found == expected
                || error <= TOLERANCE * expected.abs()
        }
        // Timestamps are printed with a T in between and all digits of their fraction.
        _ if kind == "TIMESTAMP" => {
            let found = found.replace('T', " ");
            let short = found.trim_end_matches('0').trim_end_matches('.');
            found == expected || short == expected
        }
        _ => found == expected,
    }
}

#[test]
fn expressions_equal_those_of_duckdb() {
    let answers = answers();
    assert!(answers.len() > 300);
    let home = Home::new();
    home.write(
        "run.toml",
        derives(answers.iter().map(|answer| answer.sql.as_str())),
    );
    let mut wrong = Vec::new();
    for chunk_rows in [65_536, 1, 5] {
        let table = run(&home, chunk_rows);
        for (index, answer) in answers.iter().enumerate() {
            let column = table.column(&format!("x{index}"));
            for (row, (found, expected)) in column.iter().zip(&answer.cells).enumerate() {
                if !is_same(&answer.kind, *found, expected.as_deref()) {
                    wrong.push(format!(
                        "{} in row {row} (chunks of {chunk_rows}): {found:?}, not {expected:?}",
                        answer.sql
                    ));
                }
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn a_cell_that_something_is_wrong_with_is_null_and_counted() {
    let home = Home::new();
    let big = i64::MAX;
    home.write(
        "in.csv",
        format!("i,j,f,s\n{big},1,-1,x\n1,0,0,5\n2,3,4,\n,0,,2.5\n"),
    );
    home.write(
        "run.toml",
        "input = 'in.csv'\ndtype = { i = 'int64', j = 'int64', f = 'float64', s = 'utf8' }\n\
         [[step]]\n[step.derive]\n\
         sum = 'i + j'\nquotient = 'i / j'\nwhole = 'i // j'\nrest = 'i % j'\nlog = 'ln(f)'\n\
         root = 'sqrt(f)'\nnumber = 'CAST(s AS int64)'\nmaybe = 'TRY_CAST(s AS int64)'\n\
         guarded = 'CASE WHEN j <> 0 THEN i / j END'\nsafe = 'j <> 0 AND i / j > 1'\n\
         late = \"CAST('2024-01-01' AS date) + i\"\nover = 'coalesce(j, i // 0)'\n\
         between = 'i // j BETWEEN 1 AND 2'\n",
    );
    for chunk_rows in [1, 3, 100] {
        let line = format!("--config run.toml -o lake --mode overwrite --chunk-rows {chunk_rows}");
        let receipt = home.receipt(&line);
        let counts: Vec<_> = receipt
            .steps
            .iter()
            .map(|step| {
                (
                    step.overflows,
                    step.divisions_by_zero,
                    step.bad_arguments,
                    step.bad_casts,
                )
            })
            .collect();
        let expected = [
            (1, 0, 0, 0),
            (0, 1, 0, 0),
            (0, 1, 0, 0),
            (0, 1, 0, 0),
            (0, 0, 2, 0),
            (0, 0, 1, 0),
            (0, 0, 0, 1),
            (0, 0, 0, 0),
            (0, 0, 0, 0),
            (0, 0, 0, 0),
            (1, 0, 0, 0),
            (0, 0, 0, 0),
            (0, 1, 0, 0),
        ];
        assert_eq!(counts, expected);
        let table = lake::read(&home.lake());
        let some = |texts: [&'static str; 4]| texts.map(|text| (text != "-").then_some(text));
        assert_eq!(table.column("sum"), some(["-", "1", "5", "-"]));
        assert_eq!(
            table.column("quotient")[1..],
            some(["-", "-", "0.6666666666666666", "-"])[1..]
        );
        assert_eq!(table.column("rest"), some(["0", "-", "2", "-"]));
        assert_eq!(table.column("number"), some(["-", "5", "-", "3"]));
        assert_eq!(
            table.column("safe"),
            some(["true", "false", "false", "false"])
        );
        assert_eq!(table.column("over"), some(["1", "0", "3", "0"]));
    }
}

#[test]
fn an_expression_that_is_wrong_is_pointed_at() {
    let home = Home::new();
    home.write("in.csv", "amount,region,day\n1.5,north,2024-01-31\n");
    for (sql, expected) in [
        (
            "amuont > 1",
            "unknown column `amuont`; did you mean `amount`?\n  amuont > 1\n  ^",
        ),
        ("amount > ", "found: the end\n  amount >\n          ^"),
        ("amount = = 1", "  amount = = 1\n           ^"),
        ("amount + 1", "a condition is wanted, not float64"),
        ("amount AND true", "AND takes a condition, not float64"),
        (
            "uper(region) = 'N'",
            "unknown function `uper`; did you mean `upper`?\n  uper(region) = 'N'\n  ^",
        ),
        ("sum(amount) > 1", "`sum` is over many rows"),
        ("region > 1", "int64 and utf8 have no type in common"),
        (
            "region = 7",
            "CAST one of them, or write '7', which is a text",
        ),
        ("amount > 'x'", "`x` is no float64"),
        ("day > '2024-13-01'", "`2024-13-01` is no date"),
        ("upper(amount) = 'X'", "upper takes a text, not float64"),
        (
            "substr(region) = 'X'",
            "write substr(text, start, [length])",
        ),
        ("regexp_matches(region, '(')", "unclosed group"),
        (
            "regexp_matches(region, region)",
            "the pattern must be a text",
        ),
        (
            "CAST(amount AS itn) > 1",
            "unknown type `itn`; did you mean `int",
        ),
        (
            "day - INTERVAL 1 FORTNIGHT > day",
            "  day - INTERVAL 1 FORTNIGHT",
        ),
        ("date_trunc('mnth', day) = day", "did you mean `month`?"),
        ("year(region) = 1", "takes a date or timestamp, not utf8"),
        ("region = \"north\"", "(a text stands in single quotes)"),
        ("amount > 1 amount", "is an operator missing before it?"),
        (
            "amount > 1 && region = 'x'",
            "`&&` is no operator here; write AND\n  amount > 1 && region = 'x'\n             ^",
        ),
        ("(SELECT 1) = 1", "is not understood"),
        (
            "region\n  = regoin",
            "did you mean `region`?\n    = regoin\n      ^",
        ),
        ("NULL", "always NULL"),
    ] {
        let mut command = home.command("-i in.csv -o lake");
        let output = command
            .args(["--filter", sql])
            .output()
            .expect("the binary starts");
        let said = String::from_utf8(output.stderr).expect("messages are UTF-8");
        assert_eq!(output.status.code(), Some(2), "{sql}: {said}");
        assert!(
            said.contains("--filter: ") && said.contains(expected),
            "{sql}: {said}"
        );
    }
    let deep = format!("{}1 > 0", "1 + ".repeat(1000));
    home.write(
        "run.toml",
        format!("input = 'in.csv'\n\n[[step]]\nfilter = '{deep}'"),
    );
    let said = home.fails("--config run.toml -o lake", 2);
    assert!(
        said.contains("filter (run.toml:4): more than 200"),
        "{said}"
    );
    assert!(!home.lake().exists());
}

#[test]
fn now_is_one_instant_that_the_receipt_names() {
    let home = Home::new();
    let rows: String = (0..200).map(|row| format!("{row}\n")).collect();
    home.write("in.csv", format!("id\n{rows}"));
    let line = "-i in.csv -o lake --chunk-rows 3 --derive at=now() --derive day=current_date";
    let receipt = home.receipt(line);
    let table = lake::read(&home.lake());
    let moments = table.column("at");
    assert!(moments.iter().all(|moment| *moment == moments[0]));
    let started = receipt.started.trim_end_matches('Z');
    assert!(
        moments[0]
            .expect("a time")
            .starts_with(started.trim_end_matches('0').trim_end_matches('.'))
    );
    assert_eq!(table.column("day")[0], started.split('T').next());
}
