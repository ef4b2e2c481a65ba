//! Steps that learn something of a whole column first, through the whole program: what pandas makes
//! of the same table (`expected/fitted.py`), what the receipt says, and that neither threads nor
//! chunks change any of it.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use chunketl::base::Beyond;
use chunketl::{Builder, Pipeline, Receipt};

use crate::lake::{self, Table};
use crate::program::Home;

/// Relative error that two right ways of summing up may differ by.
const TOLERANCE: f64 = 1e-9;

/// Runs the steps `toml` over `input`.
fn run(input: &str, toml: &str) -> (Receipt, Table) {
    let home = Home::new();
    home.write("in.csv", input);
    home.write("run.toml", format!("input = 'in.csv'\n{toml}"));
    home.however_cut([(1000, 1), (1, 3), (7, 2)], |receipt, expected| {
        assert_eq!(receipt.steps, expected.steps);
        assert_eq!(receipt.columns, expected.columns);
    })
}

/// What the program says of `toml` over `input`, which it refuses with `code`.
fn refusal(input: &str, toml: &str, code: i32) -> String {
    let home = Home::new();
    home.write("in.csv", input);
    home.write(
        "run.toml",
        format!("input = 'in.csv'\nout = 'lake'\n{toml}"),
    );
    let output = home.run("--config run.toml");
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{message}");
    assert!(!home.lake().exists(), "nothing is published");
    message
}

fn texts(table: &Table, column: &str) -> Vec<String> {
    let cells = table.column(column).into_iter();
    cells.map(|cell| cell.unwrap_or("-").to_owned()).collect()
}

#[test]
fn scales_bins_and_codes_equal_those_of_pandas() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/expected/fitted");
    let input = fs::read_to_string(folder.join("in.csv")).expect("the table");
    let mut toml = "dtype = { count = 'int64', amount = 'float64' }\n[[step]]\n".to_owned();
    let scalings = ["standard", "min-max", "robust"];
    let outliers = ["iqr", "zscore:1", "quantile:0.05,0.9"];
    for column in ["amount", "count", "flat"] {
        for (step, methods) in [("scale", scalings), ("clip_outliers", outliers)] {
            for method in methods {
                toml += &format!(
                    "[[step]]\n{step} = {{ column = '{column}', method = '{method}', name = \
                     '{column} {method}' }}\n"
                );
            }
        }
    }
    let toml = toml.replacen("[[step]]\n[[step]]", "[[step]]", 1);
    let toml = toml
        + "[[step]]\nqcut = [{ column = 'amount', quantiles = 4, labels = ['0', '1', '2', '3'], \
           name = 'amount 4' }, { column = 'amount', quantiles = 7, name = 'amount 7', labels = \
           ['0', '1', '2', '3', '4', '5', '6'] }, { column = 'amount', quantiles = [0.1, 0.5, 0.9], \
           name = 'amount shares', labels = ['0', '1'] }, { column = 'count', quantiles = 5, name = \
           'count 5', duplicates = 'drop' }]\n\
           [[step]]\nordinal = { column = 'region', name = 'ordinal' }\none_hot = 'region'\n";
    let (receipt, table) = run(&input, &toml);
    let mut reader = csv::Reader::from_path(folder.join("out.csv")).expect("the expected table");
    let names = reader.headers().expect("a header").clone();
    let rows: Vec<csv::StringRecord> = reader.records().map(|row| row.expect("a row")).collect();
    assert_eq!(table.rows.len(), rows.len());
    for (at, name) in names.iter().enumerate() {
        // Bins without labels are called by their edges: each label stands for one bin.
        let mut bins = HashMap::new();
        for (row, (found, expected)) in table.column(name).into_iter().zip(&rows).enumerate() {
            let expected = &expected[at];
            let is_same = match found {
                None => expected.is_empty(),
                Some(label) if name == "count 5" => {
                    *bins.entry(label.to_owned()).or_insert(expected.to_owned()) == *expected
                }
                Some(found) => match (found.parse::<f64>(), expected.parse::<f64>()) {
                    (Ok(found), Ok(expected)) => {
                        (found - expected).abs() <= TOLERANCE * expected.abs().max(1.0)
                    }
                    _ => found == expected,
                },
            };
            assert!(is_same, "row {row}, {name}: {found:?}, not {expected:?}");
        }
        assert!(name != "count 5" || bins.len() == 5);
    }
    // The scaled and the clipped, the bins, the codes, the categories; one pass to learn those.
    assert_eq!(receipt.steps.len(), 18 + 4 + 1 + 1);
    assert!(receipt.passes <= 4, "{} passes", receipt.passes);
    assert_eq!(
        receipt.steps[23].fitted.as_deref(),
        Some("5 categories: East, North, South, west, Ünlü")
    );
}

const SHOPS: &str = "\
id,shop,size,amount
1,north,small,10
2,south,large,
3,north,,30
4,,medium,40
5,west,huge,1000
";

#[test]
fn the_receipt_shows_what_was_fitted() {
    let (receipt, table) = run(
        SHOPS,
        "[[step]]\nclip_outliers = { column = 'amount', method = 'quantile:0,0.5', to = 'null' }\n\
         [[step]]\nimpute = { amount = 'mean' }\n[[step]]\nscale = { amount = 'min-max' }\n\
         [[step]]\nordinal = { size = ['small', 'medium', 'large'] }\n\
         one_hot = { column = 'shop', categories = ['south', 'north'], null = 'null', drop = true }\n",
    );
    let fitted: Vec<&str> = { receipt.steps.iter() }
        .map(|step| step.fitted.as_deref().unwrap_or("-"))
        .collect();
    assert_eq!(
        fitted,
        [
            "quantile 0 = 10, quantile 0.5 = 35",
            "20",
            "smallest = 10, largest = 30",
            "-",
            "-"
        ]
    );
    assert_eq!(
        receipt.steps[0].label,
        "clip_outliers amount=quantile:0,0.5"
    );
    assert_eq!(receipt.steps[0].outliers, 2);
    assert_eq!(receipt.steps[3].unknown_categories, 1);
    assert_eq!(receipt.steps[4].unknown_categories, 1);
    assert_eq!(
        table.names,
        ["id", "size", "amount", "shop_south", "shop_north"]
    );
    assert_eq!(texts(&table, "size"), ["0", "2", "-", "1", "-"]);
    assert_eq!(texts(&table, "amount"), ["0.0", "0.5", "1.0", "0.5", "0.5"]);
    assert_eq!(
        texts(&table, "shop_north"),
        ["true", "false", "true", "-", "false"]
    );
}

#[test]
fn columns_of_learnt_categories_may_be_named_behind_them() {
    let toml = "[[step]]\nfilter = 'id < 5'\n[[step]]\nimpute = { amount = 'mean' }\n\
                [[step]]\none_hot = [{ column = 'shop', null = 'column', drop = true }, 'size']\n\
                [[step]]\nderive = { wanted = 'shop_north AND NOT size_small' }\n\
                [[step]]\nselect = ['id', 'amount', 'shop_north', 'shop_null', 'wanted']\n";
    let (receipt, table) = run(SHOPS, toml);
    assert_eq!(
        table.names,
        ["id", "amount", "shop_north", "shop_null", "wanted"]
    );
    assert_eq!(texts(&table, "wanted"), ["false", "false", "true", "false"]);
    assert_eq!(
        texts(&table, "shop_null"),
        ["false", "false", "false", "true"]
    );
    let fitted: Vec<Option<&str>> = { receipt.steps.iter() }
        .map(|step| step.fitted.as_deref())
        .collect();
    assert_eq!(fitted[1], Some("26.666666666666668"));
    assert_eq!(fitted[2], Some("2 categories: north, south"));
    assert_eq!(fitted[3], Some("3 categories: large, medium, small"));
    assert_eq!(receipt.passes, 2, "what is learnt shares one pass");

    let message = refusal(SHOPS, &toml.replace("size_small", "size_tiny"), 2);
    assert!(message.contains("size_tiny"), "{message}");
    let selected = toml.replace("'shop_null',", "'shop_east',");
    let message = refusal(SHOPS, &selected, 2);
    assert!(message.contains("unknown column `shop_east`"), "{message}");
}

#[test]
fn a_plan_tells_what_is_not_known_yet() {
    let home = Home::new();
    home.write("in.csv", SHOPS);
    home.write(
        "run.toml",
        "input = 'in.csv'\nout = 'lake'\n[[step]]\nscale = { amount = 'robust' }\n\
         one_hot = 'shop'\nderive = { x = 'shop_north' }\n",
    );
    let output = home.run("plan --config run.toml --json");
    assert_eq!(output.status.code(), Some(0));
    let plan: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(plan["steps"][0]["writes"][0]["type"], "float64");
    assert_eq!(plan["steps"][1]["label"], "one_hot shop");
    assert_eq!(plan["steps"][2]["label"], "--derive x=shop_north");
    let output = plan["output"].as_array().expect("columns");
    let last = output.last().expect("a column");
    assert_eq!(
        (&last["name"], &last["type"]),
        (&"shop_…".into(), &"bool".into())
    );
}

#[test]
fn what_is_wrong_is_told_before_anything_is_read() {
    for (step, expected) in [
        ("scale = { amont = 'robust' }", "did you mean `amount`?"),
        (
            "scale = { amount = 'robus' }",
            "scaling `robus`; did you mean `robust`?",
        ),
        (
            "scale = { shop = 'robust' }",
            "needs numbers; the column is",
        ),
        ("scale = { column = 'amount' }", "lacks its `method`"),
        (
            "scale = { column = 'amount', method = 'robust', to = 'x' }",
            "unknown key `to`",
        ),
        ("clip_outliers = { amount = 'iqr:-1' }", "over 0"),
        (
            "clip_outliers = { column = 'amount', method = 'iqr', to = 'nul' }",
            "`null`",
        ),
        ("qcut = { column = 'amount' }", "lacks its `quantiles`"),
        (
            "qcut = { column = 'amount', quantiles = [0.5, 0.1] }",
            "that ascend",
        ),
        (
            "qcut = { column = 'amount', quantiles = 2, duplicates = 'x' }",
            "choose from: raise",
        ),
        (
            "one_hot = { column = 'shop', max = 2 }",
            "3 categories, more than the 2",
        ),
        (
            "one_hot = { column = 'shop', categories = [] }",
            "name a category",
        ),
        (
            "one_hot = { column = 'amount', categories = ['x'] }",
            "`x` is no int64",
        ),
        (
            "ordinal = { size = 'sorted' }",
            "a list of categories, or \"learnt\"",
        ),
        ("ordinal = { size = ['a', 'a'] }", "`a` stands twice"),
        ("qcuts = 1", "did you mean `qcut`?"),
    ] {
        let message = refusal(SHOPS, &format!("[[step]]\n{step}\n"), 2);
        assert!(message.contains(expected), "{step}: {message}");
    }
    let same = "[[step]]\nderive = { shop_west = 'true' }\n[[step]]\none_hot = 'shop'\n";
    let message = refusal(SHOPS, same, 2);
    assert!(
        message.contains("there is a column `shop_west` already"),
        "{message}"
    );
    let repeated = "a\n1\n1\n1\n2\n";
    let toml = "[[step]]\nqcut = { column = 'a', quantiles = 2 }\n";
    let message = refusal(repeated, toml, 2);
    assert!(
        message.contains("the quantiles 0 and 0.5 are both 1"),
        "{message}"
    );
}

#[test]
fn the_builder_has_them_all() {
    let home = Home::new();
    let input = home.write("in.csv", SHOPS);
    let config = Builder::new()
        .input(input.to_str().expect("a path in UTF-8"))
        .out(home.lake())
        .qcut("id", &["low", "high"], "half")
        .scale("id", "min-max")
        .clip_outliers("amount", "quantile:0,0.75", Beyond::Limit)
        .ordinal("size", &[])
        .one_hot("shop", &[])
        .one_hot("half", &["low"])
        .build()
        .expect("valid");
    Pipeline::new(config).run().expect("a run");
    let table = lake::read(&home.lake());
    let expected = [
        "id",
        "shop",
        "size",
        "amount",
        "half",
        "shop_north",
        "shop_south",
        "shop_west",
        "half_low",
    ];
    assert_eq!(table.names, expected);
    assert_eq!(texts(&table, "id"), ["0.0", "0.25", "0.5", "0.75", "1.0"]);
    assert_eq!(texts(&table, "half"), ["low", "low", "low", "high", "high"]);
    assert_eq!(texts(&table, "amount")[4], "280.0");
    assert_eq!(texts(&table, "size"), ["3", "1", "-", "2", "0"]);
    assert_eq!(
        texts(&table, "half_low"),
        ["true", "true", "true", "false", "false"]
    );
    let wrong = Builder::new().input("in.csv").out("lake").scale("a", "x");
    assert!(wrong.build().is_err());
}

#[test]
fn an_unknown_category_ends_a_strict_run() {
    for (step, expected) in [
        (
            "ordinal = { size = ['small', 'medium', 'large'] }",
            ["in.csv:6", "ordinal size", "column `size`", "`huge`"],
        ),
        (
            "one_hot = { column = 'shop', categories = ['south', 'north'] }",
            ["in.csv:6", "one_hot shop", "column `shop`", "`west`"],
        ),
        (
            "ordinal = { id = ['1', '2', '4', '5'] }",
            ["in.csv:4", "ordinal id", "column `id`", "`3`"],
        ),
    ] {
        let home = Home::new();
        home.write("in.csv", SHOPS);
        home.write("run.toml", format!("input = 'in.csv'\n[[step]]\n{step}\n"));
        let message = home.fails("--config run.toml -o lake --strict --chunk-rows 2", 1);
        for part in expected {
            assert!(message.contains(part), "{part}: {message}");
        }
        assert!(!home.lake().exists());
        let receipt = home.receipt("--config run.toml -o lake");
        assert_eq!(receipt.steps[0].unknown_categories, 1, "{step}");
    }
    // What is learnt is known.
    let home = Home::new();
    home.write("in.csv", SHOPS);
    home.write(
        "run.toml",
        "input = 'in.csv'\n[[step]]\nordinal = { size = 'learnt' }\none_hot = 'shop'\n",
    );
    home.receipt("--config run.toml -o lake --strict");
}
