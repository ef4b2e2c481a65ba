//! A small Parquet file made of any bytes: whole it holds what was written, whatever slices it is
//! read in and whichever row groups its statistics rule out; damaged it is an error or some cells,
//! as many as it promises.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Date32Array, DictionaryArray, Float64Array, Int64Array,
    RecordBatch, StringArray,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType as ArrowType, Int32Type, Int64Type};
use chunketl::Result;
use chunketl::base::{Comparison, Value};
use chunketl::input::{Condition, Holds, Intake, RowReader, Source};
use chunketl::spill::TempSpace;
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterVersion};

/// The largest page that is read.
const PAGE_BYTES_MAX: usize = 1 << 20;
/// Rows that are read of a damaged file, which may promise any number.
const DAMAGED_ROWS_MAX: u64 = 10_000;
/// The column of whole numbers.
const NUMBER: usize = 0;

/// How a file is written and read.
struct Draw<'a> {
    bytes: std::slice::Iter<'a, u8>,
}

impl Draw<'_> {
    fn byte(&mut self) -> usize {
        usize::from(self.bytes.next().copied().unwrap_or(0))
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.byte() % all.len()]
    }
}

/// Writes a table of `data`, reads it, damages it as `data` says, and reads it again.
///
/// # Panics
/// If what is read is not what was written.
pub(crate) fn check(data: &[u8]) {
    let mut draw = Draw { bytes: data.iter() };
    let properties = properties(&mut draw);
    let slice_rows = draw.one_of(&[1, 2, 7, 64, 1000]);
    let bound = draw.byte() as i64 - 128;
    let damages: Vec<[usize; 3]> = (0..draw.byte() % 4)
        .map(|_| [draw.byte(), draw.byte(), draw.byte()])
        .collect();
    let table = table(draw.bytes.as_slice());
    let bytes = written(&table, properties);
    let dir = tempfile::tempdir().expect("a temporary directory");
    let source = open(dir.path(), &bytes).expect("a whole file");
    for column in 0..table.num_columns() {
        let cells = cells(&source, &[column], slice_rows).expect("a whole file");
        same(&cells[0], table.column(column));
    }
    is_ruled_out_rightly(&source, table.column(NUMBER), bound);
    let mut damaged = bytes.clone();
    for [high, low, how] in damages {
        let at = ((high << 8 | low) * 7) % damaged.len();
        match how % 4 {
            0 => damaged[at] = 0xFF,
            1 => damaged.truncate(at),
            _ => damaged[at] ^= 1 << (how / 4 % 8),
        }
        if damaged.is_empty() {
            return;
        }
        survive(dir.path(), &damaged, slice_rows, bound);
    }
}

fn properties(draw: &mut Draw<'_>) -> WriterProperties {
    let versions = [WriterVersion::PARQUET_1_0, WriterVersion::PARQUET_2_0];
    let codecs = [
        Compression::UNCOMPRESSED,
        Compression::SNAPPY,
        Compression::LZ4_RAW,
    ];
    let statistics = [
        EnabledStatistics::None,
        EnabledStatistics::Chunk,
        EnabledStatistics::Page,
    ];
    WriterProperties::builder()
        .set_writer_version(draw.one_of(&versions))
        .set_compression(draw.one_of(&codecs))
        .set_statistics_enabled(draw.one_of(&statistics))
        .set_dictionary_enabled(draw.one_of(&[true, false]))
        .set_max_row_group_row_count(Some(draw.one_of(&[1, 5, 60, 1000])))
        .set_data_page_row_count_limit(draw.one_of(&[1, 8, 64, 1000]))
        .set_write_batch_size(8)
        .build()
}

/// A row for every three bytes.
fn table(data: &[u8]) -> RecordBatch {
    let rows = data.chunks_exact(3).take(500);
    let some = |row: &[u8], bit: u8| row[0] & bit == 0;
    let text = |row: &[u8]| "né w\0".repeat(usize::from(row[1] % 5)) + &row[2].to_string();
    let texts: Vec<String> = rows.clone().map(text).collect();
    let kinds = ["", "a", "b", "a longer one"];
    let numbers = rows.clone().map(|row| {
        let number = i64::from(row[1]) - 128;
        some(row, 1).then_some(match row[2] {
            0 => i64::MIN,
            1 => i64::MAX,
            _ => number,
        })
    });
    let given = rows.clone().zip(&texts);
    let given = given.map(|(row, text)| some(row, 2).then_some(text.as_str()));
    let kinds = rows
        .clone()
        .map(|row| some(row, 4).then_some(kinds[usize::from(row[1] % 4)]));
    let flags = rows
        .clone()
        .map(|row| some(row, 8).then_some(row[1] % 2 == 0));
    let shares = rows
        .clone()
        .map(|row| some(row, 16).then_some(f64::from(row[1]) / f64::from(row[2].max(1))));
    let days = rows.map(|row| some(row, 32).then_some(i32::from(row[1]) << (row[2] % 16)));
    let columns: [(&str, ArrayRef); 6] = [
        ("number", Arc::new(numbers.collect::<Int64Array>())),
        ("text", Arc::new(given.collect::<StringArray>())),
        (
            "kind",
            Arc::new(kinds.collect::<DictionaryArray<Int32Type>>()),
        ),
        ("flag", Arc::new(flags.collect::<BooleanArray>())),
        ("share", Arc::new(shares.collect::<Float64Array>())),
        ("day", Arc::new(days.collect::<Date32Array>())),
    ];
    let columns = columns.into_iter().map(|(name, cells)| (name, cells, true));
    RecordBatch::try_from_iter_with_nullable(columns).expect("columns of one length")
}

fn written(table: &RecordBatch, properties: WriterProperties) -> Vec<u8> {
    let mut bytes = Vec::new();
    let writer = ArrowWriter::try_new(&mut bytes, table.schema(), Some(properties));
    let mut writer = writer.expect("a writer");
    writer.write(table).expect("written");
    writer.close().expect("closed");
    bytes
}

fn open(dir: &Path, bytes: &[u8]) -> Result<Arc<Source>> {
    // A file of its own: one that is written to again changes under its source.
    let mut file = tempfile::NamedTempFile::new_in(dir).expect("a temporary file");
    file.write_all(bytes).expect("written");
    let space = Arc::new(TempSpace::new(dir, Some(1 << 20)));
    let intake = Intake::new(space);
    intake.open(file.path(), &mut |_| Ok(())).map(Arc::new)
}

/// All slices of each of `columns`, in order.
fn cells(source: &Arc<Source>, columns: &[usize], slice_rows: u64) -> Result<Vec<Vec<ArrayRef>>> {
    let columnar = source.columnar().expect("typed columns");
    let mut slices: Vec<Vec<ArrayRef>> = vec![Vec::new(); columns.len()];
    for group in 0..columnar.groups() {
        let rows = columnar.group_rows(group);
        let page_bytes_max = PAGE_BYTES_MAX;
        let mut reader =
            RowReader::open(source, group, columns, slice_rows as usize, page_bytes_max)?;
        let mut start = rows.start;
        while start < rows.end {
            let end = rows.end.min(start + slice_rows);
            reader.read(start..end, |column, cells| {
                assert_eq!(cells.len() as u64, end - start, "as many as promised");
                let at = columns.iter().position(|asked| *asked == column);
                slices[at.expect("only what was asked for")].push(cells);
                Ok(())
            })?;
            start = end;
        }
    }
    Ok(slices)
}

/// Asserts that the slices are `expected`, cut up.
fn same(slices: &[ArrayRef], expected: &ArrayRef) {
    let mut row = 0;
    for slice in slices {
        let expected = plain(&expected.slice(row, slice.len()));
        assert_eq!(&plain(slice), &expected, "from row {row} on");
        row += slice.len();
    }
    assert_eq!(row, expected.len());
}

/// The cells without a dictionary.
fn plain(cells: &ArrayRef) -> ArrayRef {
    match cells.data_type() {
        ArrowType::Dictionary(..) => cast(cells, &ArrowType::Utf8).expect("texts"),
        _ => Arc::clone(cells),
    }
}

/// Asserts that no row group is passed over in which a row meets a condition on its number.
fn is_ruled_out_rightly(source: &Source, numbers: &ArrayRef, bound: i64) {
    let columnar = source.columnar().expect("typed columns");
    let numbers = numbers.as_primitive::<Int64Type>();
    let value = || Value::Int64(bound);
    type Meets = fn(Option<i64>, i64) -> bool;
    let comparisons: [(Comparison, Meets); 8] = [
        (Comparison::Equal(value()), |n, b| n == Some(b)),
        (Comparison::NotEqual(value()), |n, b| {
            n.is_some_and(|n| n != b)
        }),
        (Comparison::Less(value()), |n, b| n.is_some_and(|n| n < b)),
        (Comparison::LessOrEqual(value()), |n, b| {
            n.is_some_and(|n| n <= b)
        }),
        (Comparison::Greater(value()), |n, b| {
            n.is_some_and(|n| n > b)
        }),
        (Comparison::GreaterOrEqual(value()), |n, b| {
            n.is_some_and(|n| n >= b)
        }),
        (Comparison::IsNull, |n, _| n.is_none()),
        (Comparison::IsNotNull, |n, _| n.is_some()),
    ];
    for (comparison, meets) in comparisons {
        let condition = Condition {
            column: NUMBER,
            comparison,
        };
        let may_match = columnar.groups_that_may_match(std::slice::from_ref(&condition));
        assert_eq!(may_match.len(), columnar.groups());
        for (group, may_match) in may_match.into_iter().enumerate() {
            let mut rows = columnar.group_rows(group).map(|row| row as usize);
            let number = |row: usize| numbers.is_valid(row).then(|| numbers.value(row));
            let matches = rows.any(|row| meets(number(row), bound));
            assert!(may_match || !matches, "{condition:?} in row group {group}");
        }
    }
}

/// Reads what may be a damaged file.
fn survive(dir: &Path, bytes: &[u8], slice_rows: u64, bound: i64) {
    let Ok(source) = open(dir, bytes) else {
        return;
    };
    let Some(columnar) = source.columnar() else {
        return;
    };
    columnar.summary();
    let columns = columnar.columns().iter().enumerate();
    let readable = columns.filter(|(_, column)| !matches!(column.holds, Holds::Other(_)));
    let readable: Vec<usize> = readable.map(|(index, _)| index).collect();
    let conditions = readable.iter().map(|&column| Condition {
        column,
        comparison: Comparison::Less(Value::Int64(bound)),
    });
    columnar.groups_that_may_match(&conditions.collect::<Vec<_>>());
    if columnar.rows() <= DAMAGED_ROWS_MAX {
        // Cells, or an error.
        let _ = cells(&source, &readable, slice_rows);
    }
}
