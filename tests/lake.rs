//! A lake, read back: its parts as text cells by the `parquet` crate, its files as bytes.
//! Keeps: parts are read in the order of their names, which is the order of their rows.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{DataType, SchemaRef, TimeUnit, TimestampMicrosecondType};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::program::names;

/// A table of text; `None` is null.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Table {
    pub(crate) names: Vec<String>,
    pub(crate) types: Vec<DataType>,
    pub(crate) rows: Vec<Vec<Option<String>>>,
}

impl Table {
    /// The column called `name`.
    pub(crate) fn column(&self, name: &str) -> Vec<Option<&str>> {
        let index = self.names.iter().position(|known| known == name);
        let index = index.unwrap_or_else(|| panic!("no column {name} in {:?}", self.names));
        self.rows.iter().map(|row| row[index].as_deref()).collect()
    }
}

/// The paths of the parts of `lake`, in order.
pub(crate) fn parts(lake: &Path) -> Vec<PathBuf> {
    let names = names(lake).into_iter();
    names
        .filter(|name| name.ends_with(".parquet"))
        .map(|name| lake.join(name))
        .collect()
}

/// All rows of `lake`.
pub(crate) fn read(lake: &Path) -> Table {
    read_files(&parts(lake))
}

/// All rows of the Parquet files at `paths`, which have one schema.
pub(crate) fn read_files(paths: &[PathBuf]) -> Table {
    let mut schema: Option<SchemaRef> = None;
    let mut rows = Vec::new();
    for part in paths {
        let file = File::open(part).expect("a part");
        let builder = ParquetRecordBatchReaderBuilder::try_new(file).expect("a parquet file");
        let found = schema.get_or_insert_with(|| builder.schema().clone());
        assert_eq!(
            found.fields,
            builder.schema().fields,
            "parts have one schema"
        );
        for batch in builder.build().expect("a reader") {
            add_rows(&batch.expect("a readable part"), &mut rows);
        }
    }
    let schema = schema.expect("a lake has a part");
    let fields = schema.fields.iter();
    Table {
        names: fields.clone().map(|field| field.name().clone()).collect(),
        types: fields.map(|field| field.data_type().clone()).collect(),
        rows,
    }
}

/// `column` without its time zone, whose name takes a table of zones to print.
fn zoneless(column: &ArrayRef) -> ArrayRef {
    match column.data_type() {
        DataType::Timestamp(TimeUnit::Microsecond, Some(zone)) => {
            assert_eq!(&**zone, "UTC");
            let column = column.as_primitive::<TimestampMicrosecondType>().clone();
            Arc::new(column.with_timezone_opt(None::<&str>))
        }
        _ => Arc::clone(column),
    }
}

fn add_rows(batch: &RecordBatch, rows: &mut Vec<Vec<Option<String>>>) {
    let options = FormatOptions::default();
    let arrays: Vec<ArrayRef> = batch.columns().iter().map(zoneless).collect();
    let columns: Vec<ArrayFormatter<'_>> = arrays
        .iter()
        .map(|column| ArrayFormatter::try_new(column, &options).expect("a printable type"))
        .collect();
    for row in 0..batch.num_rows() {
        let cells = batch.columns().iter().zip(&columns);
        let cells = cells.map(|(array, column)| {
            // Dictionaries have nulls among their keys, which are what `is_null` looks at.
            array.is_valid(row).then(|| column.value(row).to_string())
        });
        rows.push(cells.collect());
    }
}

/// Every file of `lake` and its bytes.
pub(crate) fn files(lake: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for name in names(lake) {
        let path = lake.join(&name);
        if path.is_dir() {
            let below = self::files(&path).into_iter();
            files.extend(below.map(|(file, bytes)| (format!("{name}/{file}"), bytes)));
        } else {
            files.insert(name, fs::read(path).expect("a file of the lake"));
        }
    }
    files
}

/// What a run makes of its input alone: the parts and the rejects, but no receipt.
pub(crate) fn results(lake: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = files(lake);
    files.retain(|name, _| !name.starts_with("_receipt"));
    files
}
