//! Parquet as input, through the binary: lakes that are refined again, files of other writers,
//! damaged ones, and Parquet and CSV in one run.
//! Keeps: what comes out is what the files hold, or an error that names the file.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Date64Array, Decimal128Array, Float32Array, Int8Array,
    LargeStringArray, ListArray, NullArray, RecordBatch, StringViewArray, Time64MicrosecondArray,
    TimestampMillisecondArray, TimestampNanosecondArray, UInt32Array, UInt64Array,
};
use arrow::datatypes::Int32Type;
use chunketl::report::SniffReceipt;
use generator::{Rates, Shape};
use parquet::arrow::ArrowWriter;
use parquet::basic::{BrotliLevel, Compression, GzipLevel};
use parquet::file::properties::{WriterProperties, WriterVersion};

use crate::lake::{self, Table};
use crate::made;
use crate::program::{Home, message};

fn write(path: &Path, batch: &RecordBatch, properties: WriterProperties) {
    let file = File::create(path).expect("a file in the temporary directory");
    let writer = ArrowWriter::try_new(file, batch.schema(), Some(properties));
    let mut writer = writer.expect("a writer");
    writer.write(batch).expect("written");
    writer.close().expect("closed");
}

fn batch<const N: usize>(columns: [(&str, ArrayRef); N]) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(columns.map(|(name, cells)| (name, cells, true)))
        .expect("columns of one length")
}

/// The rows of `table`, with `-` for null.
fn rows(table: &Table) -> Vec<String> {
    let rows = table.rows.iter();
    let row = |row: &Vec<Option<String>>| {
        let cells = row.iter().map(|cell| cell.as_deref().unwrap_or("-"));
        cells.collect::<Vec<_>>().join("|")
    };
    rows.map(row).collect()
}

/// A lake of transactions with all kinds of types, in `lake`.
fn transactions(home: &Home, rows: u64) -> Table {
    let mut job = made::job(Shape::Transactions, rows);
    job.rates = Rates {
        missing: 0.1,
        ..Rates::REALISTIC
    };
    made::write(&job, home.path());
    home.receipt(
        "-i in-0.csv -o lake --dtype amount=decimal(12,2) --dtype region=categorical \
         --row-group-rows 300 --part-size 20k",
    );
    lake::read(&home.lake())
}

#[test]
fn a_lake_can_be_refined_again() {
    let home = Home::new();
    let expected = transactions(&home, 2000);
    let mut bytes = None;
    for (threads, chunk_rows) in [(1, 1), (1, 7), (3, 7), (2, 250), (4, 100_000)] {
        let receipt = home.receipt(&format!(
            "-i lake -o lake-2 --mode overwrite -t {threads} --chunk-rows {chunk_rows} \
             --row-group-rows 512"
        ));
        let lake = home.path().join("lake-2");
        let found = lake::read(&lake);
        assert_eq!(found.names, expected.names);
        assert_eq!(found.types, expected.types);
        assert!(found.rows == expected.rows, "{threads} {chunk_rows}");
        assert!(receipt.inputs.len() > 1, "the lake has several parts");
        let read: u64 = receipt.inputs.iter().map(|input| input.records).sum();
        assert_eq!((read, receipt.totals.rows_written), (2000, 2000));
        let input = &receipt.inputs[0];
        let told = input.columnar.as_ref().expect("a Parquet file");
        assert_eq!(told.rows, input.records);
        assert_eq!(told.codecs, ["zstd"]);
        assert!(input.dialect.is_none());
        let files = lake::results(&lake);
        assert!(
            *bytes.get_or_insert_with(|| files.clone()) == files,
            "the same bytes"
        );
    }
    let refused = home.fails("-i lake -o lake --mode overwrite", 2);
    assert!(refused.contains("lake"), "{refused}");
    // Steps work on it as on text, also those that are fitted or follow a key.
    let steps = "--key customer_id --impute amount=median --impute quantity=mean \
                 --impute region=ffill --rolling amount:mean:5";
    let flags = "--dtype amount=decimal(12,2) --dtype region=categorical";
    home.receipt(&format!("-i in-0.csv -o from-text {flags} {steps}"));
    home.receipt(&format!(
        "-i 'lake/*.parquet' -o from-lake {steps} --chunk-rows 97"
    ));
    let of = |name: &str| lake::read(&home.path().join(name));
    assert!(of("from-text") == of("from-lake"));
}

/// A file as other programs write them.
fn foreign() -> RecordBatch {
    let berlin = TimestampMillisecondArray::from(vec![Some(1_700_000_000_123), None, Some(0)]);
    let decimals = Decimal128Array::from(vec![Some(1), Some(-250), None]);
    batch([
        (
            "tiny",
            Arc::new(Int8Array::from(vec![Some(-1), None, Some(127)])),
        ),
        ("count", Arc::new(UInt32Array::from(vec![0, u32::MAX, 5]))),
        ("id", Arc::new(UInt64Array::from(vec![1, u64::MAX, 3]))),
        (
            "small",
            Arc::new(UInt64Array::from(vec![Some(1), None, Some(3)])),
        ),
        (
            "share",
            Arc::new(Float32Array::from(vec![Some(0.5), None, Some(f32::NAN)])),
        ),
        (
            "flag",
            Arc::new(BooleanArray::from(vec![Some(true), None, Some(false)])),
        ),
        (
            "day",
            Arc::new(Date64Array::from(vec![
                Some(86_400_000),
                None,
                Some(-86_400_000),
            ])),
        ),
        ("at", Arc::new(berlin.with_timezone("Europe/Berlin"))),
        (
            "fine",
            Arc::new(TimestampNanosecondArray::from(vec![1, 2_000_000_000, 3])),
        ),
        (
            "price",
            Arc::new(decimals.with_precision_and_scale(9, 2).expect("digits")),
        ),
        (
            "note",
            Arc::new(LargeStringArray::from(vec![Some(""), None, Some("NA")])),
        ),
        (
            "view",
            Arc::new(StringViewArray::from(vec![
                "a",
                "a longer text than twelve",
                "ü",
            ])),
        ),
        (
            "bytes",
            Arc::new(BinaryArray::from_vec(vec![b"x", b"yz", b""])),
        ),
        (
            "noon",
            Arc::new(Time64MicrosecondArray::from(vec![43_200_000_000, 1, 0])),
        ),
        ("nothing", Arc::new(NullArray::new(3))),
    ])
}

#[test]
fn types_are_those_of_the_file() {
    let home = Home::new();
    let codecs = [
        Compression::UNCOMPRESSED,
        Compression::SNAPPY,
        Compression::GZIP(GzipLevel::default()),
        Compression::BROTLI(BrotliLevel::default()),
        Compression::LZ4,
        Compression::LZ4_RAW,
    ];
    for (index, codec) in codecs.into_iter().enumerate() {
        let version = [WriterVersion::PARQUET_1_0, WriterVersion::PARQUET_2_0][index % 2];
        let properties = WriterProperties::builder()
            .set_compression(codec)
            .set_writer_version(version);
        write(&home.path().join("in"), &foreign(), properties.build());
        let receipt = home.receipt("-i in -o lake --mode overwrite --exclude fine");
        let types = receipt.columns.iter();
        let types: Vec<String> = types
            .map(|column| format!("{} {}", column.name, column.data_type))
            .collect();
        let expected = "tiny int64,count int64,id decimal(20,0),small int64,share float64,\
                        flag bool,day date,at timestamp[us, UTC],price decimal(9,2),note utf8,\
                        view utf8,bytes utf8,noon utf8,nothing utf8";
        assert_eq!(types.join(","), expected);
        let expected = [
            "-1|0|1|1|0.5|true|1970-01-02|2023-11-14T22:13:20.123|0.01||a|x|12:00:00|-",
            "-|4294967295|18446744073709551615|-|-|-|-|-|-2.50|-|a longer text than twelve|yz|\
             00:00:00.000001|-",
            "127|5|3|3|NaN|false|1969-12-31|1970-01-01T00:00:00|-|NA|ü||00:00:00|-",
        ];
        assert_eq!(rows(&lake::read(&home.lake())), expected, "{codec}");
        assert!(receipt.rejects.by_reason.is_empty());
    }
    let receipt = home.receipt("-i in -o lake --mode overwrite --select fine");
    assert_eq!(receipt.columns[0].data_type, "timestamp[ns]");
}

#[test]
fn declared_types_read_cells_as_text_and_keep_what_does_not_fit() {
    let home = Home::new();
    let cells = StringViewArray::from(vec![Some("1"), Some("x"), None, Some("3")]);
    let ids = UInt64Array::from(vec![1, u64::MAX, 2, 3]);
    let batch = batch([("t", Arc::new(cells)), ("id", Arc::new(ids))]);
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(2));
    write(&home.path().join("in.parquet"), &batch, properties.build());
    let line = "-i in.parquet -o lake --dtype t=int64 --dtype id=int64 --chunk-rows 1";
    let receipt = home.receipt(line);
    assert_eq!(
        rows(&lake::read(&home.lake())),
        ["1|1", "-|-", "-|2", "3|3"]
    );
    let file = receipt.rejects.file.expect("rejects");
    let rejects = fs::read_to_string(home.lake().join(file)).expect("a file");
    let lines: Vec<&str> = rejects.lines().skip(1).collect();
    assert_eq!(lines.len(), 2, "{rejects}");
    assert!(
        lines[0].starts_with("in.parquet,2,4,t,type_mismatch,int64,1,x"),
        "{rejects}"
    );
    assert!(lines[1].starts_with("in.parquet,2,4,id,"), "{rejects}");
    assert!(lines[1].ends_with(",18446744073709551615"), "{rejects}");
    let text = home.fails(&format!("{line} --mode overwrite --on-bad-row fail"), 3);
    assert!(
        text.contains("in.parquet:2") && text.contains("column `t`"),
        "{text}"
    );
}

#[test]
fn parquet_and_csv_in_one_run() {
    let home = Home::new();
    let numbers = |cells: Vec<i8>| Arc::new(Int8Array::from(cells)) as ArrayRef;
    let flags = Arc::new(BooleanArray::from(vec![true, false]));
    let days = Arc::new(Date64Array::from(vec![0, 86_400_000]));
    let typed = batch([
        ("a", numbers(vec![1, 2])),
        ("b", numbers(vec![3, 4])),
        ("c", flags),
        ("d", days),
    ]);
    write(
        &home.path().join("1.parquet"),
        &typed,
        WriterProperties::new(),
    );
    home.write(
        "2.csv",
        "d,a,e,c\n2024-01-31,5,x,maybe\n2024-02-01,NA,,no\n",
    );
    home.write("3.csv", "a,b\n7,2.5\n8,\n");
    let line = "-i 1.parquet 2.csv 3.csv -o lake --mode overwrite --source-column from";
    let receipt = home.receipt(line);
    let types = receipt
        .columns
        .iter()
        .map(|column| column.data_type.as_str());
    let types: Vec<&str> = types.collect();
    assert_eq!(
        types,
        ["int64", "float64", "utf8", "date", "utf8", "categorical"]
    );
    let expected = [
        "1|3.0|true|1970-01-01|-|1.parquet",
        "2|4.0|false|1970-01-02|-|1.parquet",
        "5|-|maybe|2024-01-31|x|2.csv",
        "-|-|no|2024-02-01|-|2.csv",
        "7|2.5|-|-|-|3.csv",
        "8|-|-|-|-|3.csv",
    ];
    assert_eq!(rows(&lake::read(&home.lake())), expected);
    assert_eq!(receipt.inputs[0].columns_missing, ["e"]);
    assert!(receipt.rejects.by_reason.is_empty());
    let full = home.receipt(&format!("{line} --infer full -t 3 --chunk-rows 1"));
    assert_eq!(full.totals, receipt.totals);
    assert_eq!(rows(&lake::read(&home.lake())), expected);
    // A cell far behind the samples widens the column for all files.
    let late: String = (0..60_000).map(|row| format!("{row}\n")).collect();
    home.write("4.csv", format!("a\n{late}0.5\n{late}"));
    let receipt = home.receipt("-i 1.parquet 4.csv -o lake --mode overwrite --select a");
    assert_eq!(receipt.columns[0].data_type, "float64");
    assert!(receipt.rejects.by_reason.is_empty());
    let drift = home.fails("-i 1.parquet 2.csv -o other --schema-drift fail", 1);
    assert!(
        drift.contains("2.csv") && drift.contains("1.parquet"),
        "{drift}"
    );
}

#[test]
fn only_what_is_needed_is_read() {
    let home = Home::new();
    let expected = transactions(&home, 900);
    let part = lake::parts(&home.lake()).remove(0);
    let mut bytes = fs::read(&part).expect("a part");
    // Damages the pages of the second column of the first row group.
    let footer = parquet::file::metadata::ParquetMetaDataReader::new();
    let file = File::open(&part).expect("a part");
    let metadata = { footer }.parse_and_finish(&file).expect("a footer");
    let column = metadata.row_group(0).column(1);
    let (start, length) = column.byte_range();
    bytes[start as usize..(start + length) as usize].fill(0xFF);
    let name = expected.names[1].clone();
    home.write("damaged", bytes);
    let rows = metadata.file_metadata().num_rows() as usize;
    home.receipt(&format!("-i damaged -o lake-2 --exclude {name}"));
    let found = lake::read(&home.path().join("lake-2"));
    assert_eq!(
        found.column(&expected.names[2]),
        expected.column(&expected.names[2])[..rows]
    );
    let text = home.fails("-i damaged -o lake-3", 1);
    for part in [
        "damaged (byte",
        &format!("column `{name}`"),
        "get the file again",
    ] {
        assert!(text.contains(part), "{text}");
    }
    assert!(!home.names().contains(&"lake-3".to_owned()));
}

#[test]
fn parts_of_the_input() {
    let home = Home::new();
    let expected = transactions(&home, 2000);
    let take = |flags: &str| {
        let receipt = home.receipt(&format!("-i lake -o lake-2 --mode overwrite {flags}"));
        (receipt, lake::read(&home.path().join("lake-2")))
    };
    for chunk_rows in [1, 40, 5000] {
        let (receipt, found) = take(&format!("--limit 333 --chunk-rows {chunk_rows}"));
        assert_eq!(receipt.totals.rows_read, 333);
        assert!(found.rows == expected.rows[..333]);
    }
    let (receipt, sample) = take("--sample 0.3 --seed 4 --chunk-rows 13 -t 3");
    let (_, again) = take("--sample 0.3 --seed 4");
    assert!(sample == again);
    assert_eq!(
        receipt.totals.rows_filtered + sample.rows.len() as u64,
        2000
    );
    assert!((450..750).contains(&sample.rows.len()));
    let (_, renamed) = take("--select amount,region --rename amount=price");
    assert_eq!(renamed.names, ["price", "region"]);
    assert!(renamed.column("price") == expected.column("amount"));
}

#[test]
fn streams_and_packed_files_are_parquet_too() {
    let home = Home::new();
    write(&home.path().join("in"), &foreign(), WriterProperties::new());
    home.receipt("-i in -o lake --exclude fine");
    let expected = lake::read(&home.lake());
    let bytes = fs::read(home.path().join("in")).expect("a file");
    home.pipe("-i - -o lake --mode overwrite --exclude fine", &bytes);
    // NaN is not equal to itself, its text is.
    assert!(lake::read(&home.lake()) == expected);
    let packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let mut packed = packed;
    packed.write_all(&bytes).expect("memory");
    home.write("in.gz", packed.finish().expect("memory"));
    home.receipt("-i in.gz -o lake --mode overwrite --exclude fine");
    assert!(lake::read(&home.lake()) == expected);
}

#[test]
fn nested_columns_are_refused_and_can_be_left_out() {
    let home = Home::new();
    let lists = vec![Some(vec![Some(1)]), None];
    let list = ListArray::from_iter_primitive::<Int32Type, _, _>(lists);
    let numbers = Int8Array::from(vec![1, 2]);
    let batch = batch([("tags", Arc::new(list)), ("n", Arc::new(numbers))]);
    write(
        &home.path().join("in.parquet"),
        &batch,
        WriterProperties::new(),
    );
    let text = home.fails("-i in.parquet -o lake", 2);
    for part in ["in.parquet", "`tags`", "a list", "--exclude tags"] {
        assert!(text.contains(part), "{text}");
    }
    home.receipt("-i in.parquet -o lake --exclude tags");
    assert_eq!(rows(&lake::read(&home.lake())), ["1", "2"]);
    let output = home.run("sniff in.parquet --json");
    assert!(output.status.success(), "{}", message(&output));
    let sniffed: Vec<SniffReceipt> = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(sniffed[0].columns[0].data_type, "a list");
}

#[test]
fn bytes_that_are_no_text_end_the_run() {
    let home = Home::new();
    let cells = BinaryArray::from_vec(vec![b"a", b"\xFF\x00"]);
    let batch = batch([("raw", Arc::new(cells))]);
    write(
        &home.path().join("in.parquet"),
        &batch,
        WriterProperties::new(),
    );
    let text = home.fails("-i in.parquet -o lake", 1);
    for part in ["in.parquet:2", "`raw`", "--exclude raw"] {
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn damaged_files_are_errors_or_balance() {
    let home = Home::new();
    let properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_max_row_group_row_count(Some(2));
    write(&home.path().join("in"), &foreign(), properties.build());
    let whole = fs::read(home.path().join("in")).expect("a file");
    let step = whole.len() / 40 + 1;
    for at in (0..whole.len()).step_by(step) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x55;
        home.write("bad", bytes);
        let output = home.run("-i bad -o lake --mode overwrite --json --memory-limit 128MiB");
        let text = message(&output);
        assert!(!text.contains("panicked"), "{at}: {text}");
        match output.status.code() {
            Some(0) => {
                let receipt: chunketl::Receipt =
                    serde_json::from_slice(&output.stdout).expect("JSON");
                assert_eq!(receipt.totals.accounted(), receipt.totals.rows_read);
            }
            code => {
                assert!(matches!(code, Some(1 | 2 | 4)), "{at}: {code:?} {text}");
                assert!(text.contains("bad"), "{at}: {text}");
            }
        }
    }
    for length in [0, 4, 8, 12, whole.len() / 2, whole.len() - 1] {
        home.write("cut.parquet", &whole[..length]);
        let text = home.fails("-i cut.parquet -o new", 1);
        assert!(text.contains("cut.parquet"), "{text}");
        assert!(
            !home.names().contains(&"new".to_owned()),
            "nothing is published"
        );
        if length > 0 {
            assert!(text.contains("cut short"), "{length}: {text}");
        }
    }
}

#[test]
fn sniff_tells_what_a_file_holds() {
    let home = Home::new();
    write(&home.path().join("in"), &foreign(), WriterProperties::new());
    let output = home.run("sniff in");
    let page = String::from_utf8(output.stdout).expect("text");
    for part in [
        "Parquet: 3 rows, 1 row group, uncompressed",
        "decimal(20,0)",
        "timestamp[us, UTC]",
        "2023-11-14T22:13:20.",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let output = home.run("sniff in --json");
    let sniffed: Vec<SniffReceipt> = serde_json::from_slice(&output.stdout).expect("JSON");
    let told = sniffed[0].columnar.as_ref().expect("a Parquet file");
    assert_eq!((told.rows, told.row_groups), (3, 1));
    let tiny = &sniffed[0].columns[0];
    assert_eq!((tiny.cells, tiny.example.as_deref()), (2, Some("-1")));
}

#[test]
fn a_file_without_rows_or_row_groups_is_no_trouble() {
    let home = Home::new();
    let empty = foreign().slice(0, 0);
    for name in ["empty", "void"] {
        write(&home.path().join(name), &empty, WriterProperties::new());
    }
    write(&home.path().join("in"), &foreign(), WriterProperties::new());
    let receipt = home.receipt("-i empty in void -o lake --exclude fine");
    assert_eq!(receipt.totals.rows_written, 3);
    let receipt = home.receipt("-i empty -o lake --mode overwrite");
    assert_eq!(receipt.totals.rows_read, 0);
    assert!(home.run("sniff empty").status.success());
}

#[test]
fn row_groups_that_a_filter_drops_are_not_read() {
    let home = Home::new();
    let rows: String = (0..5000).map(|id| format!("{id},{}\n", id % 7)).collect();
    home.write("in.csv", format!("id,n\n{rows}"));
    home.receipt("-i in.csv -o source --row-group-rows 1000 --compression none");
    let part = home.path().join("source/part-00000.parquet");
    let mut bytes = fs::read(&part).expect("a part");
    // The pages of the first row group, behind the signature.
    bytes[4..200].fill(0xA5);
    fs::write(&part, bytes).expect("a file that can be damaged");

    home.fails("-i source -o lake", 1);
    home.fails("-i source -o lake --filter 'id < 1001'", 1);
    for flags in [
        "",
        "--threads 1 --chunk-rows 7",
        "--threads 3 --chunk-rows 300",
    ] {
        let line = "-i source -o lake --mode overwrite --filter 'id >= 3500 AND n IS NOT NULL' \
                    --filter '3510 > id' --impute n=mean";
        let receipt = home.receipt(&format!("{line} {flags}"));
        let totals = receipt.totals;
        assert_eq!((totals.rows_read, totals.rows_written), (5000, 10));
        assert_eq!(totals.rows_filtered, 4990);
        let dropped: Vec<u64> = receipt.steps.iter().map(|step| step.rows_dropped).collect();
        assert_eq!(dropped, [3500, 1490, 0]);
        let ids = lake::read(&home.lake());
        let ids: Vec<_> = ids.column("id").into_iter().flatten().collect();
        assert_eq!((ids[0], ids[9]), ("3500", "3509"));
    }
}
