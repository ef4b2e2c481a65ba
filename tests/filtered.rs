//! Rows that filters drop, kept on request: which, with what columns, in what order, and that neither
//! threads nor chunks change any of it.

use std::fs;

use chunketl::{Builder, Pipeline};

use crate::lake;
use crate::program::{Home, names};

const SALES: &str = "\
id,shop,amount
1,north,10
2,,20
3,west,-4
4,east
5,south,7
6,west,30
";

const STEPS: &str = "\
input = 'in.csv'
dtype = { id = 'int64', shop = 'utf8', amount = 'int64' }
keep-filtered = true
[[step]]
filter = 'amount > 0'
[[step]]
derive = { twice = 'amount * 2' }
[[step]]
filter = 'twice < 60'
[[step]]
impute = { shop = 'drop' }
[[step]]
select = ['id']
";

#[test]
fn what_filters_drop_is_kept_beside_the_lake() {
    let home = Home::new();
    home.write("in.csv", SALES);
    home.write("run.toml", STEPS);
    for (chunk_rows, threads, group) in [(100, 1, 1000), (1, 3, 2), (2, 2, 1)] {
        let receipt = home.receipt(&format!(
            "--config run.toml -o lake --mode overwrite --chunk-rows {chunk_rows} -t {threads} \
             --row-group-rows {group}"
        ));
        let table = lake::read(&home.lake());
        assert_eq!(table.names, ["id"]);
        assert_eq!(table.column("id"), [Some("1"), Some("5")]);
        assert_eq!(receipt.totals.rows_filtered, 3);
        assert_eq!(receipt.filtered.len(), 1);
        assert_eq!(receipt.filtered[0].file, "_filtered/part-00000.parquet");
        assert_eq!(receipt.filtered[0].rows, 3);
        let kept = lake::read(&home.lake().join("_filtered"));
        assert_eq!(kept.names, ["id", "shop", "amount", "twice", "filtered_by"]);
        let rows: Vec<Vec<&str>> = { kept.rows.iter() }
            .map(|row| {
                row.iter()
                    .map(|cell| cell.as_deref().unwrap_or("-"))
                    .collect()
            })
            .collect();
        assert_eq!(
            rows,
            [
                ["2", "-", "20", "40", "impute shop=drop"],
                ["3", "west", "-4", "-", "filter amount > 0"],
                ["6", "west", "30", "60", "filter twice < 60"],
            ]
        );
    }
    // Not asked for, or nothing dropped: nothing kept, and what an earlier run kept goes.
    home.receipt("-i in.csv -o lake --mode overwrite --keep-filtered");
    assert!(!home.lake().join("_filtered").exists());
}

#[test]
fn appending_goes_on_counting() {
    let home = Home::new();
    home.write("in.csv", SALES);
    home.receipt("-i in.csv -o lake --filter id>2 --keep-filtered");
    home.receipt("-i in.csv -o lake --filter id>5 --keep-filtered --mode append");
    let kept = home.lake().join("_filtered");
    assert_eq!(names(&kept), ["part-00000.parquet", "part-00001.parquet"]);
    assert_eq!(lake::read(&kept).rows.len(), 2 + 4);
    home.receipt("-i in.csv -o lake --filter id>5 --mode overwrite");
    assert!(!kept.exists());
}

#[test]
fn rows_of_parquet_are_kept_although_no_row_group_need_be_read() {
    let home = Home::new();
    home.write("in.csv", SALES);
    home.receipt("-i in.csv -o first --row-group-rows 1");
    let line = "-i first/part-00000.parquet -o lake --filter id>5 --keep-filtered";
    let receipt = home.receipt(line);
    assert_eq!(receipt.totals.rows_filtered, 4);
    assert_eq!(lake::read(&home.lake().join("_filtered")).rows.len(), 4);
}

#[test]
fn a_name_that_is_taken_is_not_hidden() {
    let home = Home::new();
    let input = home.write("in.csv", "a,filtered_by\n1,x\n2,y\n");
    let config = Builder::new()
        .input(input.to_str().expect("a path in UTF-8"))
        .out(home.lake())
        .filter("a > 1")
        .keep_filtered()
        .build()
        .expect("valid");
    Pipeline::new(config).run().expect("a run");
    let kept = lake::read(&home.lake().join("_filtered"));
    assert_eq!(kept.names, ["a", "filtered_by", "filtered_by_"]);
    assert_eq!(kept.column("filtered_by"), [Some("x")]);
    assert!(fs::read_dir(home.lake().join("_rejects")).is_err());
}
