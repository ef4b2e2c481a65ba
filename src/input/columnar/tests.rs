//! Parquet files of all kinds of cells, whole and damaged, read in slices of every size.

use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BooleanArray, DictionaryArray, Float64Array, Int32Array, Int64Array,
    ListArray, RecordBatch, StringArray, UInt64Array,
};
use arrow::compute::concat;
use arrow::datatypes::Int32Type;
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterVersion};

use super::*;
use crate::base::{Comparison, DataType, Value};
use crate::input::Source;

const PAGE_BYTES_MAX: usize = 1 << 20;
/// Bytes from one damaged place to the next.
const DAMAGE_STEP: usize = 11;

/// A file of 1000 rows in four row groups, in pages of 64 rows.
fn table() -> RecordBatch {
    let rows = 0..1000_i64;
    let some = |row: &i64| row % 7 != 3;
    let numbers = rows.clone().map(|row| Some(row).filter(some));
    let texts = rows
        .clone()
        .map(|row| Some(format!("text {}", row * 31 % 100)));
    let kinds = rows
        .clone()
        .map(|row| ["a", "b", "", "d"].get(row as usize % 5).copied());
    let columns: [(&str, ArrayRef); 5] = [
        ("number", Arc::new(numbers.collect::<Int64Array>())),
        ("text", Arc::new(texts.collect::<StringArray>())),
        (
            "kind",
            Arc::new(kinds.collect::<DictionaryArray<Int32Type>>()),
        ),
        (
            "flag",
            Arc::new(
                rows.clone()
                    .map(|row| Some(row % 3 == 0))
                    .collect::<BooleanArray>(),
            ),
        ),
        (
            "share",
            Arc::new(Float64Array::from_iter(
                rows.map(|row| Some(row as f64 / 8.0)),
            )),
        ),
    ];
    RecordBatch::try_from_iter(columns).expect("columns of one length")
}

fn properties() -> WriterProperties {
    WriterProperties::builder()
        .set_max_row_group_row_count(Some(300))
        .set_data_page_row_count_limit(64)
        .set_write_batch_size(32)
        .build()
}

fn written(batch: &RecordBatch, properties: WriterProperties) -> Vec<u8> {
    let mut bytes = Vec::new();
    let writer = ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties));
    let mut writer = writer.expect("a writer");
    writer.write(batch).expect("written");
    writer.close().expect("closed");
    bytes
}

fn file(bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("table");
    std::fs::write(&path, bytes).expect("written");
    (dir, path)
}

fn open(path: &Path) -> Result<Arc<Source>> {
    let temp = std::env::temp_dir();
    Source::open(path, &temp, &mut |_| Ok(())).map(Arc::new)
}

/// All cells of each of `columns`, read in slices of `slice` rows, every `step`-th of them.
fn cells(
    source: &Arc<Source>,
    columns: &[usize],
    slice: u64,
    step: usize,
) -> Result<Vec<ArrayRef>> {
    let columnar = source.columnar().expect("typed columns");
    let mut pieces: Vec<Vec<ArrayRef>> = vec![Vec::new(); columnar.columns().len()];
    for group in 0..columnar.groups() {
        let mut reader = RowReader::open(source, group, columns, slice as usize, PAGE_BYTES_MAX)?;
        let rows = columnar.group_rows(group);
        for start in rows.clone().step_by(slice as usize).step_by(step) {
            assert!(reader.is_before(source, group, start));
            let slice = start..rows.end.min(start + slice);
            reader.read(slice, |column, cells| {
                pieces[column].push(cells);
                Ok(())
            })?;
            assert!(!reader.is_before(source, group, start));
        }
    }
    let all = pieces
        .iter()
        .filter(|pieces| !pieces.is_empty())
        .map(|pieces| {
            let pieces: Vec<&dyn Array> = pieces.iter().map(AsRef::as_ref).collect();
            concat(&pieces).expect("pieces of one type")
        });
    Ok(all.collect())
}

fn texts(array: &ArrayRef) -> Vec<Option<String>> {
    let options = arrow::util::display::FormatOptions::default();
    let formatter = arrow::util::display::ArrayFormatter::try_new(array, &options);
    let formatter = formatter.expect("printable");
    let rows = 0..array.len();
    rows.map(|row| {
        array
            .is_valid(row)
            .then(|| formatter.value(row).to_string())
    })
    .collect()
}

#[test]
fn slices_of_any_size_give_the_same_cells() {
    let table = table();
    let (_dir, path) = file(&written(&table, properties()));
    let source = open(&path).expect("opened");
    let columnar = source.columnar().expect("typed columns");
    assert_eq!((columnar.rows(), columnar.groups()), (1000, 4));
    let types: Vec<&Holds> = columnar
        .columns()
        .iter()
        .map(|column| &column.holds)
        .collect();
    let cells_of = |data_type| Holds::Cells(data_type);
    let expected = [
        DataType::Int64,
        DataType::Utf8,
        DataType::Categorical,
        DataType::Boolean,
        DataType::Float64,
    ];
    let expected = expected.map(cells_of);
    assert!(types.into_iter().eq(&expected));
    for slice in [1, 7, 63, 64, 65, 299, 300, 1000] {
        let found = cells(&source, &[0, 1, 2, 3, 4], slice, 1).expect("readable");
        for (found, expected) in found.iter().zip(table.columns()) {
            assert_eq!(texts(found), texts(expected), "{slice}");
        }
    }
    // Only what is asked for, in that order, every third slice.
    for slice in [5, 64, 90] {
        let found = cells(&source, &[1, 0], slice, 3).expect("readable");
        let is_read = |row: &u64| (row % 300 / slice).is_multiple_of(3);
        let expected = |column: usize| {
            let texts = texts(table.column(column)).into_iter();
            let rows = texts.zip(0_u64..).filter(|(_, row)| is_read(row));
            rows.map(|(text, _)| text).collect::<Vec<_>>()
        };
        assert_eq!(found.len(), 2);
        for (column, found) in found.iter().enumerate() {
            assert_eq!(texts(found), expected(column), "{slice}");
        }
    }
}

#[test]
fn text_is_taken_for_nothing_else() {
    for text in [
        "PAR1,PAR2\n",
        "PAR1\nPAR1",
        "PARE\n1,2\nPARE",
        "PAR1\n",
        "",
        "PAR1\t\nPAR1PAR1",
    ] {
        assert!(!is_columnar(text.as_bytes()), "{text}");
    }
    let bytes = written(&table(), properties());
    assert!(is_columnar(&bytes) && is_columnar(&bytes[..9]));
}

#[test]
fn a_footer_that_cannot_be_read_says_what_to_do() {
    let whole = written(&table(), properties());
    let message = |bytes: &[u8]| {
        let (_dir, path) = file(bytes);
        let error = open(&path).expect_err("refused").to_string();
        assert!(error.contains(&path.display().to_string()), "{error}");
        error
    };
    let cut = message(&whole[..whole.len() - 9]);
    assert!(
        cut.contains("cut short") && cut.contains("get it again"),
        "{cut}"
    );
    let mut encrypted = whole.clone();
    let end = encrypted.len();
    encrypted[end - 1] = b'E';
    assert!(message(&encrypted).contains("is encrypted"));
    let mut damaged = whole.clone();
    damaged[end - 60..end - 20].fill(0xFF);
    let damaged = message(&damaged);
    assert!(
        damaged.contains("the footer of the Parquet file is damaged"),
        "{damaged}"
    );
}

/// Reads all of what may be a damaged file; whether it was refused. At most an error, whatever the
/// bytes are.
fn is_refused(path: &Path, bytes: &[u8]) -> bool {
    std::fs::write(path, bytes).expect("written");
    let Ok(source) = open(path) else {
        return true;
    };
    let Some(columnar) = source.columnar() else {
        return false;
    };
    let columns = columnar.columns().iter().enumerate();
    let readable = columns.filter(|(_, column)| !matches!(column.holds, Holds::Other(_)));
    let readable: Vec<usize> = readable.map(|(index, _)| index).collect();
    let conditions = readable.iter().map(|&column| Condition {
        column,
        comparison: Comparison::IsNotNull,
    });
    columnar.groups_that_may_match(&conditions.collect::<Vec<_>>());
    columnar.summary();
    // A footer may promise any number of rows; the first slices tell.
    columnar.rows() > 1000 || cells(&source, &readable, 50, 1).is_err()
}

#[test]
fn damage_is_an_error_or_some_cell() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("table");
    let table = table().slice(0, 120);
    let ways = [
        (WriterVersion::PARQUET_1_0, Compression::UNCOMPRESSED, true),
        (WriterVersion::PARQUET_2_0, Compression::SNAPPY, false),
        (WriterVersion::PARQUET_2_0, Compression::UNCOMPRESSED, false),
        (WriterVersion::PARQUET_1_0, Compression::LZ4_RAW, true),
    ];
    for (version, codec, dictionary) in ways {
        let properties = properties().into_builder();
        let properties = properties
            .set_writer_version(version)
            .set_compression(codec)
            .set_dictionary_enabled(dictionary);
        let whole = written(&table, properties.build());
        assert!(!is_refused(&path, &whole));
        let mut refused = 0;
        for at in (0..whole.len()).step_by(DAMAGE_STEP) {
            let mut flipped = whole.clone();
            flipped[at] ^= 1 << (at % 8);
            let mut filled = whole.clone();
            let end = whole.len().min(at + 1 + at % 5);
            filled[at..end].fill(if at % 2 == 0 { 0xFF } else { 0x80 });
            for bytes in [flipped, filled] {
                refused += usize::from(is_refused(&path, &bytes));
            }
        }
        assert!(refused > 0);
    }
}

#[test]
fn a_file_that_shrinks_under_a_reader_is_told_as_that() {
    let (_dir, path) = file(&written(&table(), properties()));
    let source = open(&path).expect("opened");
    let writer = std::fs::OpenOptions::new().write(true).open(&path);
    writer.and_then(|file| file.set_len(100)).expect("cut");
    let error = cells(&source, &[0, 1], 100, 1)
        .expect_err("cut")
        .to_string();
    assert!(
        error.contains("shrank") && error.contains("to 100 bytes"),
        "{error}"
    );
}

#[test]
fn what_is_no_column_of_cells_is_named() {
    let list = ListArray::from_iter_primitive::<Int32Type, _, _>(vec![Some(vec![Some(1)]), None]);
    let numbers: ArrayRef = Arc::new(Int32Array::from(vec![1, 2]));
    let columns: [(&str, ArrayRef); 2] = [("list", Arc::new(list)), ("number", numbers)];
    let batch = RecordBatch::try_from_iter(columns).expect("a batch");
    let (_dir, path) = file(&written(&batch, properties()));
    let source = open(&path).expect("opened");
    let columns = source.columnar().expect("typed columns").columns();
    assert_eq!(columns[0].holds, Holds::Other("a list".to_owned()));
    assert_eq!(columns[1].holds, Holds::Cells(DataType::Int64));
    let found = cells(&source, &[1], 10, 1).expect("readable");
    assert_eq!(
        texts(&found[0]),
        [Some("1".to_owned()), Some("2".to_owned())]
    );
}

#[test]
fn unsigned_numbers_are_integers_where_the_statistics_say_so() {
    let of = |cells: Vec<u64>, statistics| {
        let column: ArrayRef = Arc::new(UInt64Array::from(cells));
        let batch = RecordBatch::try_from_iter([("n", column)]).expect("a batch");
        let properties = WriterProperties::builder().set_statistics_enabled(statistics);
        let (_dir, path) = file(&written(&batch, properties.build()));
        let source = open(&path).expect("opened");
        source.columnar().expect("typed columns").columns()[0]
            .holds
            .clone()
    };
    let decimal = DataType::Decimal {
        precision: 20,
        scale: 0,
    };
    let known = EnabledStatistics::Chunk;
    assert_eq!(of(vec![1, 1 << 62], known), Holds::Cells(DataType::Int64));
    assert_eq!(of(vec![1, u64::MAX], known), Holds::Cells(decimal.clone()));
    assert_eq!(of(vec![1], EnabledStatistics::None), Holds::Cells(decimal));
}

#[test]
fn a_page_that_takes_too_much_is_refused() {
    let text: ArrayRef = Arc::new(StringArray::from(vec!["x".repeat(100_000)]));
    let batch = RecordBatch::try_from_iter([("t", text)]).expect("a batch");
    let (_dir, path) = file(&written(&batch, properties()));
    let source = open(&path).expect("opened");
    let mut reader = RowReader::open(&source, 0, &[0], 1, 1000).expect("opened");
    let error = reader
        .read(0..1, |_, _| Ok(()))
        .expect_err("too large")
        .to_string();
    assert!(
        error.contains("--memory-limit") && error.contains("column `t`"),
        "{error}"
    );
}

#[test]
fn row_groups_are_passed_over_by_their_statistics() {
    use Comparison as C;
    let (_dir, path) = file(&written(&table(), properties()));
    let source = open(&path).expect("opened");
    let columnar = source.columnar().expect("typed columns");
    let may_match = |conditions: &[(usize, Comparison)]| {
        let conditions = conditions.iter().map(|(column, comparison)| Condition {
            column: *column,
            comparison: comparison.clone(),
        });
        let conditions: Vec<Condition> = conditions.collect();
        let may_match = columnar.groups_that_may_match(&conditions);
        may_match
            .iter()
            .map(|may| if *may { '1' } else { '0' })
            .collect::<String>()
    };
    let number = Value::Int64;
    assert_eq!(may_match(&[]), "1111");
    assert_eq!(may_match(&[(0, C::Equal(number(350)))]), "0100");
    assert_eq!(may_match(&[(0, C::Less(number(300)))]), "1000");
    assert_eq!(may_match(&[(0, C::LessOrEqual(number(300)))]), "1100");
    assert_eq!(may_match(&[(0, C::Greater(number(899)))]), "0001");
    assert_eq!(may_match(&[(0, C::GreaterOrEqual(number(898)))]), "0011");
    let both = [(0, C::Greater(number(299))), (0, C::Less(number(600)))];
    assert_eq!(may_match(&both), "0100");
    assert_eq!(may_match(&[(0, C::NotEqual(number(1)))]), "1111");
    assert_eq!(may_match(&[(0, C::IsNull)]), "1111");
    assert_eq!(may_match(&[(3, C::IsNull)]), "0000");
    assert_eq!(may_match(&[(0, C::IsNotNull)]), "1111");
    let text = |text: &str| Value::Utf8(text.to_owned());
    assert_eq!(may_match(&[(1, C::Greater(text("zzz")))]), "0000");
    assert_eq!(may_match(&[(2, C::Less(text("b")))]), "1111");
    assert_eq!(may_match(&[(2, C::Equal(text("e")))]), "0000");
    // NaN is not in the statistics.
    assert_eq!(may_match(&[(4, C::Greater(Value::Float64(1e9)))]), "1111");
    assert_eq!(may_match(&[(4, C::Less(Value::Float64(0.5)))]), "1000");
    // A value of another type says nothing.
    assert_eq!(may_match(&[(0, C::Equal(text("1")))]), "1111");
}
