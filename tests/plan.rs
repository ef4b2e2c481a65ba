//! `chunketl plan`: what it says of a run is what the run does, and it does nothing itself.

use serde_json::Value;

use crate::program::{Home, message};

const SALES: &str = "shop,day,amount,note\na,2024-01-01,1.5,x\nb,2024-01-02,,y\na,2024-01-03,2,z\n";
const STEPS: &str = "--key shop --time day --impute amount=mean --rolling amount:sum:2 \
                     --rolling amount:max:7d";

fn plan(home: &Home, line: &str) -> Value {
    let output = home.run(&format!("plan {line} --json"));
    assert!(output.status.success(), "{line}: {}", message(&output));
    serde_json::from_slice(&output.stdout).expect("the plan is JSON")
}

fn texts(list: &Value) -> Vec<&str> {
    let list = list.as_array().expect("a list").iter();
    list.map(|text| text.as_str().expect("text")).collect()
}

#[test]
fn it_says_what_the_run_does_and_does_nothing() {
    let home = Home::new();
    home.write("in.csv", SALES);
    let line = format!("-i in.csv -o lake {STEPS} --threads 3 --chunk-rows 2");
    let plan = plan(&home, &line);
    assert_eq!(home.names(), ["in.csv"], "nothing was written");

    let receipt = home.receipt(&line);
    let columns = plan["columns"].as_array().expect("columns");
    for (planned, done) in columns.iter().zip(&receipt.columns) {
        assert_eq!(planned["name"], *done.name);
        assert_eq!(planned["type"], *done.data_type);
        assert_eq!(planned["why"], *done.why);
    }
    assert_eq!(columns.len(), 4);
    let steps = plan["steps"].as_array().expect("steps");
    let labels: Vec<&str> = { steps.iter() }
        .map(|step| step["label"].as_str().expect("a label"))
        .collect();
    let done: Vec<&str> = receipt.steps.iter().map(|step| &*step.label).collect();
    assert_eq!(labels, done);
    assert_eq!(steps[1]["writes"][1]["name"], "amount_max_7d");
    assert_eq!(steps[1]["writes"][1]["type"], "float64");

    let passes = plan["passes"].as_array().expect("passes");
    assert_eq!(passes.len(), receipt.passes as usize);
    assert_eq!(texts(&passes[0]["fits"]), [labels[0]]);
    assert_eq!(texts(&passes[0]["columns"]), ["amount"]);
    assert_eq!(passes[1]["writes"], true);
    assert_eq!(
        texts(&passes[1]["columns"]),
        ["shop", "day", "amount", "note"]
    );
    assert_eq!(plan["threads"], 3);
    assert_eq!(plan["chunk_rows"], 2);
    assert_eq!(plan["limit_bytes"], receipt.memory.limit_bytes);
    let shares = plan["budget"].as_array().expect("terms").iter();
    let shares = shares.map(|term| term["bytes"].as_u64().expect("bytes"));
    assert_eq!(shares.sum::<u64>(), receipt.memory.limit_bytes);
    assert_eq!(plan["in_the_way"], Value::Null);
}

#[test]
fn what_is_in_the_way_is_told() {
    let home = Home::new();
    home.write("in.csv", SALES);
    home.receipt("-i in.csv -o lake");
    let way = |line: &str| {
        let plan = plan(&home, line);
        plan["in_the_way"].as_str().unwrap_or_default().to_owned()
    };
    let told = way("-i in.csv -o lake");
    assert!(told.contains("--mode overwrite"), "{told}");
    assert_eq!(way("-i in.csv -o lake --mode append"), "");
    let told = way("-i in.csv -o lake --mode append --exclude note");
    assert!(
        told.contains("this run lacks its column \"note\""),
        "{told}"
    );
    assert_eq!(way("-i in.csv -o lake --mode overwrite --exclude note"), "");
    let told = way("-i in.csv -o in.csv");
    assert!(told.contains("not a directory"), "{told}");
}

#[test]
fn the_page_reads_well() {
    let home = Home::new();
    home.write("in.csv", SALES.replace(',', ";"));
    let limit = "--memory-limit 128MiB --threads 2";
    let output = home.run(&format!("plan -i in.csv -o lake {STEPS} {limit}"));
    let page = String::from_utf8(output.stdout).expect("text");
    for line in [
        "  in.csv (73 B): delimiter ';'",
        "amount  float64  float64: 2 of 2 sampled cells",
        "  impute amount=mean: fitted, then row by row -> amount float64",
        "  rolling amount:sum:2 amount:max:7d: by key, in file order -> amount_sum_2 float64, \
         amount_max_7d float64",
        "  1. fits impute amount=mean: decodes 1 of 4 columns",
        "  2. writes the lake: decodes 4 of 4 columns; impute amount=mean, rolling \
         amount:sum:2 amount:max:7d",
        "memory limit 128 MiB, 2 threads",
        "lake  lake, zstd:1",
    ] {
        assert!(
            page.lines().any(|found| found.starts_with(line)),
            "{line}\n{page}"
        );
    }
    let message = home.fails("plan -i in.csv -o lake --impute amuont=mean", 2);
    assert!(message.contains("`amount`"), "{message}");
}
