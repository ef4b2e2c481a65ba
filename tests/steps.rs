//! Steps over single rows through the whole program: what they do to rows and columns, what the
//! receipt says, and that neither threads nor chunks change any of it.

use chunketl::Receipt;

use crate::lake::{self, Table};
use crate::program::Home;

/// Rows with a bad record, a bad cell and an empty one.
const SALES: &str = "\
id,shop,amount,quantity,day
1,north,10.5,2,2024-01-31
2,south,,3,2024-02-01
3,north,-4,1,2024-02-02
4,east
5,west,250,x,2024-05-06
6,,99.5,7,2024-11-30
7,south,1000,4,
";

const TYPES: &str = "dtype = { id = 'int64', shop = 'utf8', amount = 'float64', \
    quantity = 'int64', day = 'date' }\n";

/// Runs the steps `toml` over the sales.
fn run(toml: &str) -> (Receipt, Table) {
    let home = Home::new();
    home.write("in.csv", SALES);
    home.write("run.toml", format!("input = 'in.csv'\n{TYPES}{toml}"));
    home.however_cut([(100, 1), (1, 3), (2, 2)], |receipt, expected| {
        assert_eq!(receipt.totals, expected.totals);
        assert_eq!(receipt.steps, expected.steps);
        assert_eq!(receipt.columns, expected.columns);
        assert_eq!(receipt.inputs, expected.inputs);
    })
}

fn texts(table: &Table, column: &str) -> Vec<String> {
    let cells = table.column(column).into_iter();
    cells.map(|cell| cell.unwrap_or("-").to_owned()).collect()
}

#[test]
fn a_filter_keeps_what_is_true_and_counts_the_rest() {
    let (receipt, table) = run("[[step]]\nfilter = 'amount > 0 AND quantity < 5'");
    assert_eq!(texts(&table, "id"), ["1", "7"]);
    let totals = receipt.totals;
    assert_eq!((totals.rows_read, totals.rows_written), (7, 2));
    assert_eq!((totals.rows_filtered, totals.rows_rejected), (4, 1));
    assert_eq!(receipt.steps[0].label, "filter amount > 0 AND quantity < 5");
    assert_eq!(receipt.steps[0].rows_dropped, 4);
    assert_eq!(receipt.inputs[0].filtered, 4);
}

#[test]
fn several_filters_and_drops_each_count_their_own() {
    let (receipt, table) = run(
        "[[step]]\nfilter = ['id < 7', 'amount IS NOT NULL']\n[[step]]\nimpute = { shop = 'drop' }\n\
         [[step]]\nfilter = 'true'\n",
    );
    assert_eq!(texts(&table, "id"), ["1", "3", "5"]);
    let dropped: Vec<u64> = receipt.steps.iter().map(|step| step.rows_dropped).collect();
    assert_eq!(dropped, [1, 1, 1, 0]);
    let (receipt, table) = run("[[step]]\nfilter = 'id > 100'");
    assert_eq!((receipt.totals.rows_filtered, table.rows.len()), (6, 0));
}

#[test]
fn derived_columns_may_use_those_before_them() {
    let (receipt, table) = run(
        "[[step]]\n[step.derive]\ntotal = 'amount * quantity'\nlarge = 'total > 100'\n\
         quantity = 'coalesce(quantity, 0) + 1'\nmore = 'quantity * 10'\nshop = 'upper(shop)'\n",
    );
    assert_eq!(
        table.names,
        [
            "id", "shop", "amount", "quantity", "day", "total", "large", "more"
        ]
    );
    assert_eq!(
        texts(&table, "total"),
        ["21.0", "-", "-4.0", "-", "696.5", "4000.0"]
    );
    assert_eq!(
        texts(&table, "large"),
        ["false", "-", "false", "-", "true", "true"]
    );
    assert_eq!(texts(&table, "quantity"), ["3", "4", "2", "1", "8", "5"]);
    assert_eq!(texts(&table, "more"), ["30", "40", "20", "10", "80", "50"]);
    assert_eq!(
        texts(&table, "shop"),
        ["NORTH", "SOUTH", "NORTH", "WEST", "-", "SOUTH"]
    );
    let why = &receipt.columns[5].why;
    assert_eq!(why, "derive total=amount * quantity");
    assert_eq!(receipt.rejects.by_reason["type_mismatch"], 1);
}

#[test]
fn columns_are_chosen_left_out_and_renamed_between_steps() {
    let (receipt, table) = run(
        "[[step]]\nrename = { amount = 'price', shop = 'amount' }\n[[step]]\n\
         derive = { twice = 'price * 2' }\n[[step]]\ndrop = ['day', 'quantity']\n[[step]]\n\
         impute = { price = 'const:0' }\n[[step]]\nselect = ['twice', 'price', 'amount']\n",
    );
    assert_eq!(table.names, ["twice", "price", "amount"]);
    assert_eq!(texts(&table, "amount")[..3], ["north", "south", "north"]);
    assert_eq!(
        texts(&table, "twice"),
        ["21.0", "-", "-8.0", "500.0", "199.0", "2000.0"]
    );
    assert_eq!(texts(&table, "price")[1], "0.0");
    // What nothing reads is not decoded, so its bad cell is none.
    assert!(receipt.rejects.by_reason.keys().eq(["too_few_fields"]));
    let names: Vec<&str> = receipt
        .columns
        .iter()
        .map(|column| column.name.as_str())
        .collect();
    assert_eq!(names, table.names);
    assert_eq!(receipt.steps[1].label, "impute price=const:0");
}

#[test]
fn steps_for_columns_that_are_left_out_do_not_run() {
    let (receipt, table) = run(
        "[[step]]\nimpute = { amount = 'mean' }\nderive = { a = 'amount + 1', b = 'id + 1' }\n\
         [[step]]\nselect = ['b']\n",
    );
    assert_eq!(table.names, ["b"]);
    let not_needed: Vec<bool> = receipt.steps.iter().map(|step| step.not_needed).collect();
    assert_eq!(not_needed, [true, true, false]);
    assert_eq!(receipt.passes, 1, "nothing is fitted for nothing");
}

#[test]
fn a_filter_before_a_fit_decides_what_is_fitted() {
    let before = "[[step]]\nfilter = 'id < 4'\n[[step]]\nimpute = { amount = 'mean' }\n";
    let (receipt, table) = run(before);
    assert_eq!(texts(&table, "amount"), ["10.5", "3.25", "-4.0"]);
    assert_eq!(receipt.steps[1].fitted.as_deref(), Some("3.25"));
    let (_, table) = run("[[step]]\nimpute = { amount = 'mean' }\n[[step]]\nfilter = 'id < 4'\n");
    assert_eq!(texts(&table, "amount"), ["10.5", "271.2", "-4.0"]);
}

#[test]
fn filters_before_and_behind_windows() {
    let (_, table) = run(
        "key = 'shop'\n[[step]]\nfilter = 'amount IS NOT NULL'\n[[step]]\n\
         rolling = { column = 'amount', functions = ['sum'], windows = [2], name = 's' }\n\
         [[step]]\nfilter = 's IS NOT NULL'\n[[step]]\nderive = { s2 = 's * 2' }\n\
         [[step]]\nrolling = ['s2:count:1']\n",
    );
    assert_eq!(texts(&table, "id"), ["3"]);
    assert_eq!(texts(&table, "s2"), ["13.0"]);
}

#[test]
fn cuts_clips_casts_and_fills() {
    let (receipt, table) = run(
        "[[step]]\nfill = { shop = 'none', quantity = 0 }\n[[step]]\n\
         cut = { column = 'amount', bins = [0, 100, 500], labels = ['low', 'high'], name = 'class' }\n\
         [[step]]\nclip = { amount = [0, 100], quantity = [2, inf] }\n[[step]]\n\
         cast = { id = 'utf8', quantity = 'float64', shop = 'categorical', day = 'timestamp' }\n\
         [[step]]\ncut = { column = 'quantity', bins = [0, 2, 7], right = false, include_lowest = true }\n",
    );
    assert_eq!(texts(&table, "shop")[4], "none");
    assert_eq!(
        texts(&table, "class"),
        ["low", "-", "-", "high", "low", "-"]
    );
    assert_eq!(
        texts(&table, "amount"),
        ["10.5", "-", "0.0", "100.0", "99.5", "100.0"]
    );
    assert_eq!(
        texts(&table, "quantity"),
        ["2.0", "3.0", "2.0", "2.0", "7.0", "4.0"]
    );
    assert_eq!(texts(&table, "quantity_bin")[4], "[2, 7)");
    let types: Vec<&str> = receipt
        .columns
        .iter()
        .map(|column| column.data_type.as_str())
        .collect();
    assert_eq!(
        types,
        [
            "utf8",
            "categorical",
            "float64",
            "float64",
            "timestamp[us]",
            "categorical",
            "categorical"
        ]
    );
}

#[test]
fn flags_run_filters_imputes_derives_and_rollings() {
    let home = Home::new();
    home.write("in.csv", SALES);
    let receipt = home.receipt(
        "-i in.csv -o lake --rolling total:sum:1 --derive 'total = amount * 2' \
         --filter 'id <> 3' --impute amount=const:1 --filter '-id < 0'",
    );
    let labels: Vec<&str> = receipt
        .steps
        .iter()
        .map(|step| step.label.as_str())
        .collect();
    assert_eq!(
        labels,
        [
            "filter id <> 3",
            "filter -id < 0",
            "impute amount=const:1",
            "derive total=amount * 2",
            "rolling total:sum:1",
        ]
    );
    assert_eq!(texts(&lake::read(&home.lake()), "total_sum_1")[1], "2.0");
    assert_eq!(receipt.options["steps"][0], "--filter id <> 3");
}

#[test]
fn steps_that_cannot_be_meant_name_their_place() {
    let home = Home::new();
    home.write("in.csv", SALES);
    for (toml, expected) in [
        (
            "drop = ['nope']",
            "drop (run.toml:3): unknown column `nope`",
        ),
        (
            "select = ['id', 'id']",
            "select (run.toml:3): `id` stands twice",
        ),
        ("select = []", "select (run.toml:3): name the columns"),
        (
            "drop = ['id', 'shop', 'amount', 'quantity', 'day']",
            "leaves out every column",
        ),
        (
            "rename = { id = 'shop' }",
            "there is a column `shop` already",
        ),
        ("rename = { shp = 'x' }", "did you mean `shop`?"),
        (
            "cast = { id = 'itn64' }",
            "id (run.toml:3): unknown type `itn64`; did you mean `int64`?",
        ),
        (
            "cast = { day = 'int64' }",
            "day (run.toml:3): date cannot be cast to int64",
        ),
        ("clip = { shop = [0, 1] }", "have no type in common"),
        ("clip = { amount = [1] }", "needs two limits"),
        (
            "cut = { column = 'shop', bins = [0, 1] }",
            "only numbers have bins",
        ),
        (
            "cut = { column = 'id', bins = [0, 1], label = ['a'] }",
            "did you mean `labels`?",
        ),
        (
            "cut = { column = 'id', bins = ['a', 'b'] }",
            "`a` is no number",
        ),
        ("derive = { x = 'amount +' }", "x (run.toml:3): "),
        (
            "derive = { x = 'INTERVAL 1 DAY' }",
            "an interval is no column",
        ),
        ("filter = ''", "filter (run.toml:3): needs a condition"),
        ("filtre = 'a'", "did you mean `filter`?"),
        ("filter = 'shop'", "a condition is wanted, not utf8"),
    ] {
        home.write("run.toml", format!("input = 'in.csv'\n[[step]]\n{toml}"));
        let said = home.fails("--config run.toml -o lake", 2);
        assert!(said.contains(expected), "{toml}: {said}");
    }
    let said = home.fails("-i in.csv -o lake --key shop --derive shop=id", 2);
    assert!(
        said.contains("--derive shop: `shop` is given as --key"),
        "{said}"
    );
    home.write(
        "run.toml",
        "input = 'in.csv'\n[[step]]\ndrop = 'id'\n[[step]]\nfilter = 'id > 1'",
    );
    let said = home.fails("--config run.toml -o lake", 2);
    assert!(
        said.contains("filter (run.toml:5): unknown column `id`"),
        "{said}"
    );
}
