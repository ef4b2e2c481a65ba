//! Rows that filters drop, kept on request: which, with what columns, in what order, and that neither
//! threads nor chunks change any of it.

use std::fmt::Write as _;
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

/// Rows out of order, every so many of which a filter before and one behind drop.
fn unordered(rows: u64) -> String {
    let mut text = String::from("id,day,at,amount\n");
    for row in 0..rows {
        // Late by up to four minutes.
        let minute = row + (row * 7 % 5);
        let time = format!("{:02}:{:02}", minute / 60 % 24, minute % 60);
        let amount = row * 37 % 101;
        writeln!(text, "{row},2024-01-01,2024-01-01 {time}:00,{amount}").expect("room");
    }
    text
}

/// What is kept, each row as its id, amount, made column and the step that dropped it.
fn kept(home: &Home) -> Vec<String> {
    let kept = lake::read(&home.lake().join("_filtered"));
    let columns = ["id", "amount", "twice", "filtered_by"].map(|name| kept.column(name));
    let whole = ["day", "at"].map(|name| kept.column(name));
    assert!(
        whole.iter().flatten().all(Option::is_some),
        "all of the input"
    );
    let rows = (0..kept.rows.len()).map(|row| {
        let cells = columns.iter().map(|column| column[row].unwrap_or("-"));
        cells.collect::<Vec<_>>().join(" ")
    });
    rows.collect()
}

#[test]
fn rows_dropped_before_and_behind_a_sort_are_kept_once_each() {
    const ROWS: u64 = 1000;
    let home = Home::new();
    home.write("in.csv", unordered(ROWS));
    let toml = |middle: &str| {
        format!(
            "input = 'in.csv'\nkeep-filtered = true\ntime = 'at'\n[[step]]\nfilter = 'amount > 5'\n\
             [[step]]\nderive = {{ twice = 'amount * 2' }}\n{middle}\
             [[step]]\nimpute = {{ day = 'ffill' }}\n[[step]]\nlag = 'amount'\n\
             [[step]]\nfilter = 'twice < 190 AND amount_lag_1 < 99'\n[[step]]\nselect = ['id']\n"
        )
    };
    let amount = |row: u64| row * 37 % 101;
    for (middle, flags) in [
        ("[[step]]\nsort = ['-amount', 'id']\n", ""),
        ("", "--order sort"),
        ("", "--order allow:10m"),
        (
            "[[step]]\ncumcount = { name = 'n' }\n[[step]]\nsort = ['-amount', 'id']\n",
            "--order allow:10m",
        ),
    ] {
        home.write("run.toml", toml(middle));
        let mut first: Option<Vec<String>> = None;
        for settings in [
            "-t 1",
            "-t 3 --chunk-rows 7 --row-group-rows 40",
            "-t 2 --chunk-rows 100 --row-group-rows 1",
        ] {
            let receipt = home.receipt(&format!(
                "--config run.toml -o lake --mode overwrite {flags} {settings}"
            ));
            let rows = kept(&home);
            let files: Vec<&str> = { receipt.filtered.iter() }
                .map(|part| part.file.as_str())
                .collect();
            assert_eq!(names(&home.lake().join("_filtered")).len(), files.len());
            assert_eq!(files[0], "_filtered/part-00000.parquet");
            assert_eq!(files[1], "_filtered/part-00001.parquet");
            assert_eq!(receipt.totals.rows_filtered, rows.len() as u64);
            assert_eq!(receipt.totals.rows_written + rows.len() as u64, ROWS);
            let before: Vec<String> = { (0..ROWS).filter(|&row| amount(row) <= 5) }
                .map(|row| format!("{row} {} - filter amount > 5", amount(row)))
                .collect();
            assert_eq!(rows[..before.len()], before);
            let lake = lake::read(&home.lake());
            let mut ids: Vec<u64> = { lake.column("id").into_iter() }
                .flatten()
                .chain(rows.iter().map(|row| row.split(' ').next().expect("an id")))
                .map(|id| id.parse().expect("a number"))
                .collect();
            ids.sort_unstable();
            assert!(
                ids.into_iter().eq(0..ROWS),
                "{flags}{middle}: each row once"
            );
            if flags.is_empty() {
                let numbers: Vec<u64> = { rows[before.len()..].iter() }
                    .map(|row| row.split(' ').nth(1).expect("an amount"))
                    .map(|amount| amount.parse().expect("a number"))
                    .collect();
                assert!(numbers.len() > 10 && numbers.is_sorted_by(|one, next| one >= next));
            }
            match &first {
                None => first = Some(rows),
                Some(first) => assert_eq!(*first, rows, "{flags}{middle} {settings}"),
            }
        }
    }
}
