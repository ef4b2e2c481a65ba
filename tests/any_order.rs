//! Steps of every kind in random orders: threads, chunks and memory change nothing.

use generator::Shape;

use crate::lake;
use crate::made;
use crate::program::Home;

/// Steps that may stand in any order.
const STEPS: [&str; 17] = [
    "filter = \"amount > 5 OR amount IS NULL\"",
    "dedup = { by = [\"transaction_id\"], keep = \"last\" }",
    "dedup = { by = [\"customer_id\", \"region\", \"quantity\"] }",
    "derive = { double = \"amount * 2\", first = \"left(note, 3)\" }",
    "impute = { amount = \"mean\", discount = \"median:key\" }",
    "impute = { quantity = \"linear\", region = \"ffill\" }",
    "cut = { column = \"amount\", bins = [0, 50, 500], name = \"class\" }",
    "clip_outliers = { column = \"amount\", method = \"iqr\", name = \"held\" }",
    "scale = { column = \"discount\", method = \"standard\", name = \"scaled\" }",
    "one_hot = \"product_category\"",
    "lag = \"amount\"\nlead = \"quantity\"",
    "cumsum = \"quantity\"\nrank = { column = \"amount\", name = \"place\" }",
    "rolling = [\"amount:mean:3\", \"quantity:max:5\", \"amount:sum:6h\"]",
    "sort = [\"region\", \"-amount\"]",
    "join = { with = \"regions.csv\", on = \"region\", duplicates = \"all\" }",
    "ewm = { column = \"discount\", span = 4 }",
    "expanding = { column = \"amount\", functions = [\"median\", \"max\"] }",
];

const AROUND: &str = r#"
key = "customer_id"
time = "timestamp"
order = "trust"
keep-filtered = true

[[aggregate]]
name = "regions"
by = ["region", "timestamp:1d"]
measures = { n = "count()", sum = "sum(amount)", median = "median(quantity)", kinds = "nunique(note)" }

[[check]]
expr = "quantity < 20"
severity = "reject"
"#;

/// `STEPS` in the order that `seed` draws.
fn shuffled(seed: u64) -> Vec<&'static str> {
    let mut steps = STEPS.to_vec();
    let mut state = seed;
    for last in (1..steps.len()).rev() {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        steps.swap(last, (state >> 33) as usize % (last + 1));
    }
    steps
}

#[test]
fn any_order_gives_one_answer() {
    let home = Home::new();
    made::write(&made::job(Shape::Transactions, 4_000), home.path());
    home.write(
        "regions.csv",
        "region,zone\nNorth,a\nSouth,b\nNorth,c\nEast,d\n",
    );
    for seed in 1..=6 {
        let steps = shuffled(seed).into_iter();
        let steps: String = steps.map(|step| format!("[[step]]\n{step}\n")).collect();
        home.write("p.toml", format!("{AROUND}{steps}"));
        let answer = |settings: &str| {
            let receipt = home.receipt(&format!(
                "--config p.toml -i in-0.csv -o lake --mode overwrite --row-group-rows 1500 {settings}"
            ));
            let filtered: Vec<u64> = { receipt.steps.iter() }
                .map(|step| step.rows_dropped + step.rows_duplicate + step.rows_added)
                .collect();
            (lake::results(&home.lake()), filtered)
        };
        let expected = answer("-t 1");
        assert!(!expected.0.is_empty() && expected.1.iter().sum::<u64>() > 0);
        for settings in [
            "-t 3 --chunk-rows 97",
            "-t 2 --chunk-rows 1024 --memory-limit 96MiB",
            "-t 4 --chunk-rows 13 --memory-limit 1GiB",
        ] {
            let found = answer(settings);
            assert_eq!(found.1, expected.1, "{seed}: {settings}\n{steps}");
            let differing: Vec<&String> = { expected.0.iter() }
                .filter(|(name, bytes)| found.0.get(*name) != Some(bytes))
                .map(|(name, _)| name)
                .collect();
            assert!(
                differing.is_empty(),
                "{seed}: {settings}: {differing:?}\n{steps}"
            );
        }
    }
}
