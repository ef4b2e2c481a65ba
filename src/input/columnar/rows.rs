//! Some rows of a row group -> their cells, an array for each column asked for.
//!
//! Invariant: going on where the last rows ended decodes nothing twice; rows in between are passed
//! over, whole pages of them by their headers.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef};
use arrow::datatypes::DataType as ArrowType;
use parquet::arrow::array_reader::{
    ArrayReader, NullArrayReader, PrimitiveArrayReader, make_byte_array_dictionary_reader,
    make_byte_array_reader, make_fixed_len_byte_array_reader,
};
use parquet::basic::Type as PhysicalType;
use parquet::column::page::PageIterator;
use parquet::data_type::{BoolType, DoubleType, FloatType, Int32Type, Int64Type, Int96Type};
use parquet::errors::{ParquetError, Result as ParquetResult};

use super::footer::byte_range;
use super::guard::guarded;
use super::pages::{Mapped, OneColumn, TOO_LARGE};
use super::{Columnar, refuse};
use crate::base::Result;
use crate::input::Source;

/// Reads the rows of one row group, forward only.
pub struct RowReader {
    source: Arc<Source>,
    group: usize,
    columns: Vec<OpenColumn>,
    /// The next row that has not been read.
    at: u64,
}

struct OpenColumn {
    /// Its index in [`Columnar::columns`].
    index: usize,
    reader: Box<dyn ArrayReader>,
}

impl RowReader {
    /// A reader of the `columns` (indices of [`Columnar::columns`], each of which holds cells or
    /// nothing) of row group `group` of `source`, about `rows` rows at a time. None of its pages
    /// takes more than `page_bytes_max`.
    ///
    /// # Errors
    /// [`ErrorKind::Data`](crate::base::ErrorKind::Data) if the file is damaged.
    ///
    /// # Panics
    /// If `source` is text.
    pub fn open(
        source: &Arc<Source>,
        group: usize,
        columns: &[usize],
        rows: usize,
        page_bytes_max: usize,
    ) -> Result<Self> {
        let columnar = columnar(source);
        let mapped = Arc::new(Mapped {
            source: Arc::clone(source),
            page_bytes_max,
        });
        let opened = columns.iter().map(|&index| {
            let reader = guarded(|| open(&mapped, columnar, (group, index), rows));
            let reader = reader.map_err(|why| damaged(source, (group, index), &why))?;
            Ok(OpenColumn { index, reader })
        });
        Ok(Self {
            columns: opened.collect::<Result<_>>()?,
            at: columnar.group_rows(group).start,
            source: Arc::clone(source),
            group,
        })
    }

    /// Whether row `row` of row group `group` of `source` can still be read.
    pub fn is_before(&self, source: &Arc<Source>, group: usize, row: u64) -> bool {
        Arc::ptr_eq(&self.source, source) && self.group == group && self.at <= row
    }

    /// Reads the cells of `rows`, rows of the source that lie in the row group and have not been
    /// passed, and hands them over column by column, in the order in which they were asked for.
    /// After an error the reader is of no more use.
    ///
    /// # Errors
    /// [`ErrorKind::Data`](crate::base::ErrorKind::Data) if the file is damaged, and those of `take`.
    pub fn read(
        &mut self,
        rows: Range<u64>,
        mut take: impl FnMut(usize, ArrayRef) -> Result<()>,
    ) -> Result<()> {
        let expected = columnar(&self.source).group_rows(self.group);
        assert!(
            self.at <= rows.start && rows.end <= expected.end,
            "rows of the row group that were not passed"
        );
        let pass = (rows.start - self.at) as usize;
        let count = (rows.end - rows.start) as usize;
        for column in &mut self.columns {
            let cells = guarded(|| cells(&mut *column.reader, pass, count));
            let place = (self.group, column.index);
            let cells = cells.map_err(|why| damaged(&self.source, place, &why))?;
            take(column.index, cells)?;
        }
        self.at = rows.end;
        Ok(())
    }
}

/// What is known of `source`, which is no text.
fn columnar(source: &Source) -> &Columnar {
    source.columnar().expect("a source of typed columns")
}

/// The next `count` cells behind the next `pass`.
fn cells(reader: &mut dyn ArrayReader, pass: usize, count: usize) -> ParquetResult<ArrayRef> {
    let short = |found: usize, wanted: usize| {
        let message = format!("there are {found} more cells where {wanted} are promised");
        Err(ParquetError::EOF(message))
    };
    if pass > 0 {
        let passed = reader.skip_records(pass)?;
        if passed != pass {
            return short(passed, pass);
        }
    }
    reader.read_records(count)?;
    let cells = reader.consume_batch()?;
    if cells.len() != count {
        return short(cells.len(), count);
    }
    Ok(cells)
}

/// A reader of column `index` of row group `group`.
fn open(
    mapped: &Arc<Mapped>,
    columnar: &Columnar,
    (group, index): (usize, usize),
    rows: usize,
) -> ParquetResult<Box<dyn ArrayReader>> {
    let column = &columnar.columns[index];
    let leaf = column.leaf.expect("a column without structure");
    let pages: Box<dyn PageIterator> = Box::new(OneColumn::new(mapped, columnar, (group, leaf))?);
    let descriptor = columnar
        .metadata
        .file_metadata()
        .schema_descr()
        .column(leaf);
    let arrow = Some(column.arrow.clone());
    if column.arrow == ArrowType::Null {
        let reader = NullArrayReader::<Int32Type>::new(pages, descriptor, rows, None)?;
        return Ok(Box::new(reader));
    }
    macro_rules! primitive {
        ($type:ty) => {
            Box::new(PrimitiveArrayReader::<$type>::new(
                pages, descriptor, arrow, rows, None,
            )?) as Box<dyn ArrayReader>
        };
    }
    Ok(match (descriptor.physical_type(), &column.arrow) {
        (PhysicalType::BOOLEAN, _) => primitive!(BoolType),
        (PhysicalType::INT32, _) => primitive!(Int32Type),
        (PhysicalType::INT64, _) => primitive!(Int64Type),
        (PhysicalType::INT96, _) => primitive!(Int96Type),
        (PhysicalType::FLOAT, _) => primitive!(FloatType),
        (PhysicalType::DOUBLE, _) => primitive!(DoubleType),
        (PhysicalType::BYTE_ARRAY, ArrowType::Dictionary(..)) => {
            make_byte_array_dictionary_reader(pages, descriptor, arrow, rows, None)?
        }
        (PhysicalType::BYTE_ARRAY, _) => {
            make_byte_array_reader(pages, descriptor, arrow, rows, None)?
        }
        (PhysicalType::FIXED_LEN_BYTE_ARRAY, _) => {
            make_fixed_len_byte_array_reader(pages, descriptor, arrow, rows, None)?
        }
    })
}

/// The error that a column cannot be read, for the reason `why`.
fn damaged(source: &Source, (group, index): (usize, usize), why: &str) -> crate::base::Error {
    // A file that was changed meanwhile explains whatever else went wrong.
    if let Err(changed) = source.check() {
        return changed;
    }
    let columnar = columnar(source);
    let column = &columnar.columns[index];
    let leaf = column.leaf.unwrap_or_default();
    let chunk = columnar.metadata.row_group(group).column(leaf);
    let name = column.name.escape_debug();
    let advice = match why.contains(TOO_LARGE) {
        true => format!("nothing was published; or leave the column out: --exclude {name}"),
        false => format!(
            "the Parquet file is damaged or encrypted; nothing was published; get the file again, or \
             leave the column out: --exclude {name}"
        ),
    };
    let message = format!(
        "column `{name}` of row group {} cannot be read: {}; {advice}",
        group + 1,
        why.trim_end_matches('.'),
    );
    let start = byte_range(chunk).start;
    refuse(source.path().into(), (start, None), message)
}
