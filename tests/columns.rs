//! Which columns and records of many files reach the lake, through the binary.
//! Keeps: the lake is the same for any number of threads and any size of chunks.

use crate::lake::{self, Table};
use crate::program::Home;

/// Runs `line` in several ways that must not differ; what is in the lake then.
fn load(home: &Home, line: &str) -> Table {
    let mut first = None;
    for chunks in ["", "--chunk-rows 2", "--chunk-rows 7"] {
        let line = format!("{line} -o lake --mode overwrite {chunks}");
        home.receipt(&format!("{line} --threads 1"));
        let (files, table) = (lake::results(&home.lake()), lake::read(&home.lake()));
        home.receipt(&format!("{line} --threads 3"));
        assert!(
            lake::results(&home.lake()) == files,
            "{line} by more threads"
        );
        let expected = first.get_or_insert_with(|| table.clone());
        assert!(table == *expected, "{line}");
    }
    first.expect("there is a way")
}

/// Rows as lines, null as `-`.
fn lines(table: &Table) -> Vec<String> {
    let cell = |cell: &Option<String>| cell.clone().unwrap_or_else(|| "-".to_owned());
    let row = |row: &Vec<Option<String>>| row.iter().map(cell).collect::<Vec<_>>().join(" ");
    table.rows.iter().map(row).collect()
}

/// Three files whose columns differ.
fn drifting() -> Home {
    let home = Home::new();
    home.write("a.csv", "id,amount,day\n1,2,2024-01-01\n2,3,2024-01-02\n");
    home.write("b.csv", "amount,note,id\n2.5,x,3\n,y,4\n7,z,5\n");
    home.write("c.csv", "day,id\n2024-01-03,6\n2024-01-04,7\n");
    home
}

#[test]
fn columns_are_matched_by_name_and_lacking_ones_are_null() {
    let home = drifting();
    let table = load(&home, "-i a.csv b.csv c.csv");
    assert_eq!(table.names, ["id", "amount", "day", "note"]);
    assert_eq!(
        lines(&table),
        [
            "1 2.0 2024-01-01 -",
            "2 3.0 2024-01-02 -",
            "3 2.5 - x",
            "4 - - y",
            "5 7.0 - z",
            "6 - 2024-01-03 -",
            "7 - 2024-01-04 -",
        ]
    );
    let receipt = home.receipt("-i a.csv b.csv c.csv -o lake --mode overwrite");
    assert_eq!(receipt.inputs[0].columns_missing, ["note"]);
    assert!(receipt.inputs[0].columns_extra.is_empty());
    assert!(!receipt.inputs[0].columns_reordered);
    assert_eq!(receipt.inputs[1].columns_missing, ["day"]);
    assert_eq!(receipt.inputs[1].columns_extra, ["note"]);
    assert!(receipt.inputs[1].columns_reordered);
    assert_eq!(receipt.inputs[1].columns_missing_total, 1);
    assert_eq!(receipt.columns[2].nulls_in, 3);
    assert_eq!(receipt.columns[3].nulls_in, 4);
    let said = home.run("-i a.csv b.csv c.csv -o lake --mode overwrite");
    let said = String::from_utf8(said.stdout).expect("UTF-8");
    assert!(
        said.contains("b.csv: lacks day; adds note; in another order"),
        "{said}"
    );
}

#[test]
fn intersect_keeps_what_all_have_and_fail_names_what_differs() {
    let home = drifting();
    let table = load(&home, "-i a.csv b.csv c.csv --schema-drift intersect");
    assert_eq!(table.names, ["id"]);
    assert_eq!(lines(&table), ["1", "2", "3", "4", "5", "6", "7"]);
    let said = home.fails("-i a.csv b.csv -o other --schema-drift fail", 1);
    assert!(said.contains("b.csv"), "{said}");
    assert!(
        said.contains("column 1 is `amount` here but `id` in a.csv"),
        "{said}"
    );
    assert!(!home.names().contains(&"other".to_owned()));
    home.write("d.csv", "x,y\n1,2\n");
    let said = home.fails("-i a.csv d.csv -o other --schema-drift intersect", 2);
    assert!(said.contains("--schema-drift union"), "{said}");
}

#[test]
fn records_are_held_against_their_own_header() {
    let home = Home::new();
    home.write("a.csv", "a,b\n1,2\n3\n4,5,6\n");
    home.write("b.csv", "c,b,a\n1,2,3\n4,5\n6,7,8,9\n");
    let line = "-i a.csv b.csv -o lake --mode overwrite --no-sniff";
    let receipt = home.receipt(line);
    assert_eq!(receipt.inputs[0].rejected, 2);
    assert_eq!(receipt.inputs[1].rejected, 2);
    assert_eq!(lines(&lake::read(&home.lake())), ["1 2 -", "3 2 1"]);
    let receipt = home.receipt(&format!("{line} --too-few pad --too-many truncate"));
    assert_eq!(receipt.totals.rows_rejected, 0);
    let table = lake::read(&home.lake());
    assert_eq!(
        lines(&table),
        ["1 2 -", "3 - -", "4 5 -", "3 2 1", "- 5 4", "8 7 6"]
    );
}

#[test]
fn steps_see_lacking_cells_as_null_and_types_widen_over_files() {
    let home = Home::new();
    let rows: String = (0..50).map(|row| format!("{row},{}\n", row % 3)).collect();
    home.write("a.csv", format!("n,k\n{rows}"));
    home.write("b.csv", format!("k\n{}", "1\n".repeat(20)));
    home.write("c.csv", "k,n\n2,0.5\n0,1e3\n");
    let table = load(
        &home,
        "-i a.csv b.csv c.csv --key k --impute n=ffill --rolling n:count:3:c",
    );
    let numbers = table.column("n");
    assert_eq!(numbers.len(), 72);
    assert_eq!(numbers[69], Some("49.0"));
    assert_eq!(numbers[70..], [Some("0.5"), Some("1000.0")]);
    let dtypes = "--dtype n=categorical --impute n=const:none";
    let table = load(&home, &format!("-i a.csv b.csv c.csv {dtypes}"));
    assert_eq!(
        table.column("n")[50..71],
        [[Some("none"); 20].as_slice(), &[Some("0.5")]].concat()
    );
}

#[test]
fn names_come_from_all_of_many_files() {
    let home = Home::new();
    for index in 0..600 {
        let extra = if index == 555 { ",late" } else { "" };
        let cell = if index == 555 { ",77" } else { "" };
        home.write(
            &format!("in-{index}.csv"),
            format!("id,v{extra}\n{index},1{cell}\n"),
        );
    }
    home.receipt("-i 'in-*.csv' -o lake --threads 2");
    let table = lake::read(&home.lake());
    assert_eq!(table.names, ["id", "v", "late"]);
    assert_eq!(lines(&table)[554..557], ["554 1 -", "555 1 77", "556 1 -"]);
}

#[test]
fn files_without_header_are_matched_by_position() {
    let home = Home::new();
    home.write("a.csv", "1,2\n3,4\n");
    home.write("b.csv", "5,6,7\n8,9,10\n");
    let table = load(&home, "-i a.csv b.csv --no-header");
    assert_eq!(table.names, ["column_1", "column_2", "column_3"]);
    assert_eq!(lines(&table), ["1 2 -", "3 4 -", "5 6 7", "8 9 10"]);
}

#[test]
fn too_many_columns_are_told_with_the_file_and_its_width() {
    let home = Home::new();
    let names: Vec<String> = (0..70_000).map(|index| format!("c{index}")).collect();
    let names = names.join(",");
    home.write(
        "wide.csv",
        format!("{names}\n{}\n", "1,".repeat(69_999) + "1"),
    );
    for flags in ["", "--no-sniff"] {
        let said = home.fails(&format!("-i wide.csv -o lake {flags}"), 1);
        assert!(
            said.contains("wide.csv") && said.contains("70000 columns"),
            "{said}"
        );
        assert!(said.contains("--max-columns 65536"), "{said}");
    }
    home.write("a.csv", "a,b\n1,2\n");
    home.write("b.csv", "c,d\n1,2\n");
    let said = home.fails("-i a.csv b.csv -o lake --max-columns 3", 2);
    assert!(said.contains("4 different columns"), "{said}");
    home.receipt("-i a.csv b.csv -o lake --max-columns 4");
}

#[test]
fn columns_are_selected_left_out_and_renamed() {
    let home = drifting();
    let line = "-i a.csv b.csv c.csv --select day,id,n* --exclude note --rename id=key";
    let table = load(&home, &format!("{line} --key key --impute day=ffill"));
    assert_eq!(table.names, ["day", "key"]);
    assert_eq!(lines(&table)[1..3], ["2024-01-02 2", "- 3"]);
    let table = load(
        &home,
        "-i a.csv b.csv --rename amount=id,id=amount --exclude day",
    );
    assert_eq!(table.names, ["amount", "id", "note"]);
    assert_eq!(lines(&table)[0], "1 2.0 -");
    home.write(
        "run.toml",
        "input = ['a.csv']\nselect = ['id', 'amount']\nrename = { amount = 'x=y' }\n",
    );
    let table = load(&home, "--config run.toml");
    assert_eq!(table.names, ["id", "x=y"]);
    for (flags, expected) in [
        (
            "--select ids",
            "--select ids: unknown column `ids`; did you mean `id`?",
        ),
        (
            "--exclude amount --impute amount=mean",
            "--impute amount=mean: --exclude amount leaves out the column `amount`",
        ),
        (
            "--select id --key day",
            "--key day: --select id leaves out the column `day`",
        ),
        (
            "--rename id=key --key id",
            "--key id: --rename id=key calls",
        ),
        (
            "--rename id=day",
            "--rename id=day: two columns would be called `day`",
        ),
        (
            "--rename id=a,id=b",
            "--rename id=b: the column has two new names",
        ),
        (
            "--exclude amount --dtype amount=utf8",
            "--exclude amount leaves out",
        ),
    ] {
        let said = home.fails(&format!("-i a.csv -o other {flags}"), 2);
        assert!(said.contains(expected), "{flags}: {said}");
    }
}

#[test]
fn columns_that_are_left_out_are_not_even_read() {
    let home = Home::new();
    // The misfit would be a reject of its column.
    let rows: String = (0..200).map(|row| format!("{row},{row}\n")).collect();
    home.write("a.csv", format!("a,b\n{rows}1,x\n"));
    let receipt = home.receipt("-i a.csv -o lake");
    assert_eq!(receipt.rejects.by_reason.values().sum::<u64>(), 1);
    let receipt = home.receipt("-i a.csv -o lake --exclude b --mode overwrite");
    assert!(receipt.rejects.by_reason.is_empty());
    assert_eq!(receipt.totals.rows_written, 201);
}

#[test]
fn a_column_tells_the_file_of_each_row() {
    let home = drifting();
    let table = load(&home, "-i c.csv ./a.csv --source-column file");
    assert_eq!(table.names, ["day", "id", "amount", "file"]);
    let files = ["c.csv", "c.csv", "./a.csv", "./a.csv"];
    assert_eq!(table.column("file"), files.map(Some));
    let table = load(
        &home,
        "-i a.csv b.csv c.csv --source-column file --key file --rolling id:count:9:n \
         --min-samples 1 \
         --impute id=median",
    );
    let counts = ["1", "2", "1", "2", "3", "1", "2"].map(|count| Some(count.to_owned()));
    let found: Vec<_> = table.column("n").into_iter().collect();
    let whole = |text: &Option<&str>| text.map(|text| text.trim_end_matches(".0").to_owned());
    assert_eq!(found.iter().map(whole).collect::<Vec<_>>(), counts);
    for (flags, expected) in [
        (
            "--source-column id",
            "--source-column id: the input has a column `id` already",
        ),
        (
            "--source-column f --rolling id:sum:2:f",
            "has a column `f` already",
        ),
        (
            "--source-column f --dtype f=int64",
            "--dtype f=…: unknown column",
        ),
    ] {
        let said = home.fails(&format!("-i a.csv -o other {flags}"), 2);
        assert!(said.contains(expected), "{flags}: {said}");
    }
}

/// Two files of 40 and 60 records, one of them bad.
fn numbered() -> Home {
    let home = Home::new();
    let rows =
        |rows: std::ops::Range<u32>| rows.map(|row| format!("{row},x\n")).collect::<String>();
    home.write(
        "a.csv",
        format!("n,t\n{}bad\n{}", rows(0..20), rows(21..40)),
    );
    home.write("b.csv", format!("n,t\n{}", rows(40..100)));
    home
}

#[test]
fn a_limit_takes_the_first_records_of_all_inputs() {
    let home = numbered();
    for limit in [1, 20, 21, 39, 40, 41, 99, 100, 500] {
        let line = format!("-i a.csv b.csv --no-sniff --limit {limit}");
        let table = load(&home, &format!("{line} --impute n=median"));
        let numbers = (0..limit.min(100)).filter(|number| *number != 20);
        let numbers: Vec<String> = numbers.map(|number| number.to_string()).collect();
        let found: Vec<&str> = table.column("n").into_iter().flatten().collect();
        assert_eq!(found, numbers);
        let receipt = home.receipt(&format!("{line} -o lake --mode overwrite"));
        assert_eq!(receipt.totals.rows_read, limit.min(100));
        assert_eq!(receipt.totals.rows_rejected, u64::from(limit > 20));
    }
}

#[test]
fn a_sample_is_the_same_whatever_the_threads_and_chunks() {
    let home = numbered();
    let line = "-i a.csv b.csv --no-sniff --sample 0.3";
    let table = load(&home, &format!("{line} --impute n=mean"));
    let rows = table.rows.len();
    assert!((15..=45).contains(&rows), "{rows}");
    let receipt = home.receipt(&format!("{line} -o lake --mode overwrite"));
    assert_eq!(receipt.totals.rows_written, rows as u64);
    assert_eq!(receipt.totals.rows_rejected, 1);
    assert_eq!(receipt.totals.rows_filtered, 99 - rows as u64);
    assert_eq!(receipt.totals.accounted(), 100);
    let other = load(&home, &format!("{line} --seed 1"));
    assert_ne!(other.rows, table.rows);
    let all = load(&home, "-i a.csv b.csv --no-sniff --sample 100%");
    assert_eq!(all.rows.len(), 99);
    // Of a limited input it is the sample's beginning.
    let first = load(&home, &format!("{line} --limit 50"));
    assert_eq!(first.rows, table.rows[..first.rows.len()]);
    let said = home.fails("-i a.csv -o other --seed 3", 2);
    assert!(said.contains("--seed: says which"), "{said}");
    let said = home.fails("-i a.csv -o other --sample 1.5", 2);
    assert!(said.contains("--sample"), "{said}");
}

#[test]
fn a_receipt_lists_some_of_many_names_and_their_number() {
    let home = Home::new();
    let names = |letter: char| {
        (0..300)
            .map(|index| format!("{letter}{index}"))
            .collect::<Vec<_>>()
    };
    let cells = vec!["1"; 300].join(",");
    for letter in ['a', 'b'] {
        let text = format!("{}\n{cells}\n", names(letter).join(","));
        home.write(&format!("{letter}.csv"), text);
    }
    let receipt = home.receipt("-i a.csv b.csv -o lake");
    let input = &receipt.inputs[1];
    assert_eq!(
        (input.columns_missing_total, input.columns_extra_total),
        (300, 300)
    );
    assert_eq!(input.columns_missing[..], names('a')[..100]);
    assert_eq!(input.columns_extra[..], names('b')[..100]);
    let said = home.run("-i a.csv b.csv -o lake --mode overwrite").stdout;
    let said = String::from_utf8(said).expect("UTF-8");
    assert!(
        said.contains("b.csv: lacks a0, a1, a2, a3 and 296 more; adds b0"),
        "{said}"
    );
}
