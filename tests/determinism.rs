//! The same input and options in, the same bytes out, however many threads there are.

use generator::{Job, LineEnding, Rates, Shape};

use crate::lake;
use crate::made;
use crate::program::Home;

const THREADS: [usize; 3] = [1, 2, 7];

/// Runs `flags` on `job` with every number of threads; returns the rows written.
fn same_bytes(job: &Job, flags: &str) -> u64 {
    let home = Home::new();
    made::write(job, home.path());
    let mut rows = None;
    let mut expected = None;
    for threads in THREADS {
        let lake = format!("lake-{threads}");
        let receipt = home.receipt(&format!("-i 'in-*.csv' -o {lake} -t {threads} {flags}"));
        let totals = receipt.totals;
        assert_eq!(totals.accounted(), totals.rows_read);
        assert_eq!(
            *rows.get_or_insert(totals),
            totals,
            "{threads} threads: {flags}"
        );
        let files = lake::results(&home.path().join(&lake));
        assert!(files.keys().any(|name| name.ends_with(".parquet")));
        let expected = expected.get_or_insert_with(|| files.clone());
        for (name, bytes) in expected.iter() {
            assert!(
                files.get(name) == Some(bytes),
                "{threads} threads: {name}: {flags}"
            );
        }
        assert_eq!(files.len(), expected.len());
    }
    rows.expect("there were runs").rows_written
}

/// Many faults, several files, rows in time order so that time windows can be asked for.
fn messy(shape: Shape, rows: u64) -> Job {
    Job {
        rates: Rates {
            missing: 0.1,
            type_faults: 0.004,
            late: 0.0,
            ..Rates::REALISTIC
        },
        clean_time: true,
        files: 3,
        line_ending: LineEnding::Crlf,
        ..made::job(shape, rows)
    }
}

const FEW_CUSTOMERS: u64 = 50;

fn keyed(shape: Shape, rows: u64) -> Job {
    let mut job = messy(shape, rows);
    job.customers.count = FEW_CUSTOMERS;
    job
}

#[test]
fn fits_over_the_whole_column() {
    let job = messy(Shape::Transactions, 20_000);
    let rows = same_bytes(
        &job,
        "--chunk-rows 997 --row-group-rows 3000 --part-size 200k --impute amount=mean \
         --impute quantity=median --impute region=mode --impute discount=const:0.5 \
         --impute product_category=drop",
    );
    assert!(rows > 15_000);
}

#[test]
fn fills_and_windows_per_key() {
    let job = keyed(Shape::Transactions, 20_000);
    same_bytes(
        &job,
        "--chunk-rows 501 --row-group-rows 4000 --key customer_id --time timestamp \
         --impute amount=linear --impute quantity=bfill --impute discount=ffill \
         --impute region=mode:key --impute payment_method=ffill \
         --rolling amount:mean:7 --rolling amount:sum:1d --rolling amount:std:30d \
         --rolling quantity:median:9 --rolling quantity:q90:3d --rolling discount:min:5 \
         --rolling discount:max:2d --rolling amount:first:4 --rolling amount:last:4 \
         --rolling amount:var:12 --rolling amount:count:1h --min-samples 2",
    );
}

#[test]
fn fits_behind_fits() {
    let home = Home::new();
    let config = r#"
        key = "customer_id"
        [[step]]
        impute = { quantity = "drop" }
        [[step]]
        impute = { amount = "mean:key" }
        [[step]]
        rolling = ["amount:mean:3"]
        [[step]]
        impute = { amount_mean_3 = "median", discount = "median:key" }
        [[step]]
        rolling = ["amount_mean_3:max:5", "discount:sum:2"]
        [[step]]
        impute = { amount_mean_3_max_5 = "mean" }
    "#;
    let path = home.write("steps.toml", config);
    let job = keyed(Shape::Transactions, 10_000);
    same_bytes(
        &job,
        &format!("--config {} --chunk-rows 333", path.display()),
    );
}

#[test]
fn rows_chosen_and_columns_made() {
    let home = Home::new();
    let config = r#"
        key = "customer_id"
        [[step]]
        filter = ["amount > 0 OR amount IS NULL", "timestamp < now()"]
        [[step]]
        impute = { amount = "mean", region = "const:Unknown" }
        [[step]]
        [step.derive]
        total = "quantity * amount * (1 - coalesce(discount, 0))"
        month = "month(timestamp)"
        region = "upper(region)"
        share = "amount / (quantity - 3)"
        label = "CASE WHEN total > 100 THEN region ELSE concat(product_category, '-', month) END"
        draw = "hash(transaction_id, customer_id) % 100"
        [[step]]
        cut = { column = "amount", bins = [0, 100, 500, inf], labels = ["low", "mid", "high"], name = "class" }
        [[step]]
        rolling = { column = "total", functions = ["mean", "count"], windows = ["7"] }
        [[step]]
        filter = "draw < 90 AND total_mean_7 IS NOT NULL"
        [[step]]
        impute = { share = "median" }
        [[step]]
        clip = { share = [-1000, 1000] }
        [[step]]
        cast = { month = "utf8", label = "categorical" }
        [[step]]
        drop = ["discount", "payment_method"]
    "#;
    let path = home.write("steps.toml", config);
    let job = keyed(Shape::Transactions, 15_000);
    let rows = same_bytes(
        &job,
        &format!("--config {} --chunk-rows 701", path.display()),
    );
    assert!(rows > 1_000);
}

#[test]
fn one_hot_key_and_no_key_at_all() {
    let hot = messy(Shape::Hot, 10_000);
    same_bytes(
        &hot,
        "--chunk-rows 200 --key customer_id --impute amount=ffill --rolling amount:median:20 \
         --min-samples 1",
    );
    same_bytes(
        &hot,
        "--chunk-rows 200 --impute amount=linear --rolling amount:sum:50 --rolling amount:q25:9",
    );
}

#[test]
fn quoted_text_and_every_codec() {
    let job = messy(Shape::Quotes, 4_000);
    for codec in ["zstd:3", "lz4", "snappy", "none"] {
        same_bytes(
            &job,
            &format!("--chunk-rows 100 --row-group-rows 1500 --compression {codec}"),
        );
    }
}

#[test]
fn under_a_memory_limit() {
    let job = keyed(Shape::Nulls, 40_000);
    same_bytes(
        &job,
        "--memory-limit 128MiB --key customer_id --impute amount=median:key \
         --rolling amount:mean:5",
    );
}

#[test]
fn a_column_that_widens_late() {
    const ROWS: usize = 400_000;
    let home = Home::new();
    // Between two of the 65 places that are sampled.
    let wide = ROWS / 64 * 32 + ROWS / 64 * 3 / 4;
    let value = |row| if row == wide { "0.5" } else { "1234567890123" };
    let lines: Vec<String> = (0..ROWS)
        .map(|row| format!("{row},{}\n", value(row)))
        .collect();
    home.write("in.csv", format!("id,value\n{}", lines.concat()));
    let mut expected = None;
    for threads in THREADS {
        let lake = format!("lake-{threads}");
        let line = format!("-i in.csv -o {lake} -t {threads} --chunk-rows 20000");
        let receipt = home.receipt(&line);
        assert_eq!(receipt.restarts.len(), 1, "{:?}", receipt.restarts);
        assert_eq!(receipt.columns[1].data_type, "float64");
        assert_eq!(receipt.totals.rows_written, ROWS as u64);
        let files = lake::results(&home.path().join(&lake));
        assert!(*expected.get_or_insert_with(|| files.clone()) == files);
    }
}
