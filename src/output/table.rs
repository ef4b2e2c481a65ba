//! Rows -> one file, in Parquet as the parts are or in CSV.
//!
//! Invariant: the file holds the rows in the order they came, and does not depend on how they were
//! cut into pieces.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use arrow::array::{Array, ArrayRef};
use arrow::compute::cast;
use arrow::datatypes::DataType as ArrowType;
use arrow::util::display::{ArrayFormatter, FormatOptions};

use super::encode::{EncodeOptions, EncodedColumn, Encoder, encode_error};
use super::parts::Part;
use crate::base::{Error, Result, Schema, TableFormat};

/// A table that is being written.
pub struct Table(Kind);

enum Kind {
    Parquet(Box<RowGroups>),
    Csv(Lines),
}

/// A table in Parquet.
struct RowGroups {
    part: Part,
    encoder: Encoder,
    row_group_rows: usize,
    /// The pieces of the next row group, column by column.
    pieces: Vec<Vec<ArrayRef>>,
    rows: usize,
}

/// A table in CSV.
struct Lines {
    path: PathBuf,
    file: BufWriter<File>,
    line: String,
    rows: u64,
    bytes: u64,
}

impl Table {
    /// A new file at `path`.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn create(
        path: &Path,
        format: TableFormat,
        schema: &Schema,
        options: &EncodeOptions,
    ) -> Result<Self> {
        Ok(Self(match format {
            TableFormat::Parquet => {
                Kind::Parquet(Box::new(RowGroups::create(path, schema, options)?))
            }
            TableFormat::Csv => Kind::Csv(Lines::create(path, schema)?),
        }))
    }

    /// Appends rows, which have all columns in order.
    ///
    /// # Errors
    /// Any failure to write.
    pub fn append(&mut self, columns: &[ArrayRef]) -> Result<()> {
        let length = columns.first().map_or(0, |column| column.len());
        match &mut self.0 {
            Kind::Parquet(table) => table.append(columns, length),
            Kind::Csv(table) => table.append(columns, length),
        }
    }

    /// Ends the file; returns its rows and its length in bytes.
    ///
    /// # Errors
    /// Any failure to write.
    pub fn finish(self) -> Result<(u64, u64)> {
        match self.0 {
            Kind::Parquet(mut table) => {
                table.end_row_group()?;
                let info = table.part.finish()?;
                Ok((info.rows, info.bytes))
            }
            Kind::Csv(mut table) => {
                let file = &mut table.file;
                let flushed = file.flush().and_then(|()| file.get_ref().sync_all());
                flushed.map_err(|source| Error::io("write", table.path, source))?;
                Ok((table.rows, table.bytes))
            }
        }
    }
}

impl RowGroups {
    fn create(path: &Path, schema: &Schema, options: &EncodeOptions) -> Result<Self> {
        let encoder = Encoder::new(schema, options)?;
        let file = path.file_name().unwrap_or_default().to_string_lossy();
        Ok(Self {
            part: Part::begin(&encoder, path.to_path_buf(), file.into_owned())?,
            pieces: vec![Vec::new(); encoder.columns()],
            encoder,
            row_group_rows: options.row_group_rows,
            rows: 0,
        })
    }

    /// Takes in pieces of the next row groups, and writes those that are full.
    fn append(&mut self, columns: &[ArrayRef], length: usize) -> Result<()> {
        let mut from = 0;
        while from < length {
            let taken = (self.row_group_rows - self.rows).min(length - from);
            for (pieces, column) in self.pieces.iter_mut().zip(columns) {
                pieces.push(column.slice(from, taken));
            }
            self.rows += taken;
            from += taken;
            if self.rows == self.row_group_rows {
                self.end_row_group()?;
            }
        }
        Ok(())
    }

    fn end_row_group(&mut self) -> Result<()> {
        if self.rows == 0 {
            return Ok(());
        }
        let encoded = self.pieces.iter_mut().enumerate();
        let encoded = encoded.map(|(column, pieces)| {
            let encoded = self.encoder.encode(column, pieces);
            pieces.clear();
            encoded
        });
        let encoded: Vec<EncodedColumn> = encoded.collect::<Result<_>>()?;
        self.part.append(std::mem::take(&mut self.rows), encoded)
    }
}

impl Lines {
    fn create(path: &Path, schema: &Schema) -> Result<Self> {
        let file = File::create_new(path).map_err(|source| Error::io("create", path, source))?;
        let mut line = String::new();
        for (index, column) in schema.columns.iter().enumerate() {
            begin_field(&mut line, index);
            put_text(&mut line, &column.name);
        }
        let mut lines = Self {
            path: path.to_path_buf(),
            file: BufWriter::new(file),
            line,
            rows: 0,
            bytes: 0,
        };
        lines.end_line()?;
        Ok(lines)
    }

    fn append(&mut self, columns: &[ArrayRef], length: usize) -> Result<()> {
        let refused = |source| encode_error("write a table as CSV", source);
        let plain = columns.iter().map(without_zone);
        let plain = plain.collect::<Result<Vec<_>, _>>().map_err(refused)?;
        let options = FormatOptions::default();
        let printers = plain.iter().map(|it| ArrayFormatter::try_new(it, &options));
        let printers = printers.collect::<Result<Vec<_>, _>>().map_err(refused)?;
        let mut cell = String::new();
        for row in 0..length {
            for (index, (column, printer)) in columns.iter().zip(&printers).enumerate() {
                begin_field(&mut self.line, index);
                if column.is_null(row) {
                    continue;
                }
                // A String takes whatever is written to it.
                match column.data_type() {
                    ArrowType::Utf8 | ArrowType::Dictionary(..) => {
                        cell.clear();
                        let _ = write!(cell, "{}", printer.value(row));
                        put_text(&mut self.line, &cell);
                    }
                    ArrowType::Timestamp(_, Some(_)) => {
                        let _ = write!(self.line, "{}Z", printer.value(row));
                    }
                    _ => {
                        let _ = write!(self.line, "{}", printer.value(row));
                    }
                }
            }
            self.rows += 1;
            self.end_line()?;
        }
        Ok(())
    }

    fn end_line(&mut self) -> Result<()> {
        self.line.push('\n');
        self.bytes += self.line.len() as u64;
        let written = self.file.write_all(self.line.as_bytes());
        self.line.clear();
        written.map_err(|source| Error::io("write", &self.path, source))
    }
}

fn begin_field(line: &mut String, index: usize) {
    if index > 0 {
        line.push(',');
    }
}

/// Appends a text, in quotes where it needs them; an empty one too, since null has none.
fn put_text(line: &mut String, text: &str) {
    if !text.is_empty() && !text.contains([',', '"', '\n', '\r']) {
        line.push_str(text);
        return;
    }
    line.push('"');
    line.push_str(&text.replace('"', "\"\""));
    line.push('"');
}

/// A time in UTC without its zone, whose name takes a table of zones to print.
fn without_zone(column: &ArrayRef) -> Result<ArrayRef, arrow::error::ArrowError> {
    match column.data_type() {
        ArrowType::Timestamp(unit, Some(_)) => cast(column, &ArrowType::Timestamp(*unit, None)),
        _ => Ok(column.clone()),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Float64Array, StringArray, TimestampMicrosecondArray};
    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

    use super::*;
    use crate::base::{Column, DataType, Origin, TimeUnit};

    fn schema() -> Schema {
        let unit = TimeUnit::Microsecond;
        let types = [
            DataType::Utf8,
            DataType::Float64,
            DataType::Timestamp { unit, utc: true },
        ];
        let columns = ["a,b", "x", "at"].into_iter().zip(types);
        let columns = columns.map(|(name, data_type)| Column {
            name: name.into(),
            data_type,
            format: None,
            origin: Origin::Derived,
        });
        Schema {
            columns: columns.collect(),
        }
    }

    fn columns() -> Vec<ArrayRef> {
        let texts = [
            Some("north"),
            None,
            Some(""),
            Some("a \"b\"\nc"),
            Some("x,y"),
        ];
        let floats = [Some(1.5), None, Some(-0.25), Some(1e300), Some(f64::NAN)];
        let times = TimestampMicrosecondArray::from(vec![Some(0), None, Some(1), Some(2), Some(3)]);
        vec![
            Arc::new(StringArray::from(texts.to_vec())),
            Arc::new(Float64Array::from(floats.to_vec())),
            Arc::new(times.with_timezone("UTC")),
        ]
    }

    /// The bytes of the table, whose rows come in pieces of `rows`.
    fn write(format: TableFormat, rows: usize) -> (Vec<u8>, (u64, u64)) {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("table");
        let options = EncodeOptions {
            row_group_rows: 3,
            ..EncodeOptions::default()
        };
        let mut table = Table::create(&path, format, &schema(), &options).unwrap();
        for from in (0..5).step_by(rows) {
            let piece = columns()
                .into_iter()
                .map(|it| it.slice(from, rows.min(5 - from)));
            table.append(&piece.collect::<Vec<_>>()).unwrap();
        }
        let told = table.finish().unwrap();
        (std::fs::read(path).unwrap(), told)
    }

    #[test]
    fn csv_tells_null_from_the_empty_text() {
        let expected = "\"a,b\",x,at\nnorth,1.5,1970-01-01T00:00:00Z\n,,\n\
            \"\",-0.25,1970-01-01T00:00:00.000001Z\n\
            \"a \"\"b\"\"\nc\",1e300,1970-01-01T00:00:00.000002Z\n\
            \"x,y\",NaN,1970-01-01T00:00:00.000003Z\n";
        for rows in [1, 2, 5] {
            let (bytes, told) = write(TableFormat::Csv, rows);
            assert_eq!(String::from_utf8(bytes).unwrap(), expected);
            assert_eq!(told, (5, expected.len() as u64));
        }
    }

    #[test]
    fn parquet_does_not_depend_on_pieces() {
        let (bytes, told) = write(TableFormat::Parquet, 5);
        assert_eq!(told, (5, bytes.len() as u64));
        for rows in [1, 2, 4] {
            assert!(write(TableFormat::Parquet, rows).0 == bytes);
        }
        let builder = ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from(bytes)).unwrap();
        assert_eq!(builder.metadata().num_row_groups(), 2);
        let rows: usize = builder
            .build()
            .unwrap()
            .map(|it| it.unwrap().num_rows())
            .sum();
        assert_eq!(rows, 5);
    }

    #[test]
    fn a_table_without_rows_has_its_columns() {
        for format in [TableFormat::Csv, TableFormat::Parquet] {
            let home = tempfile::tempdir().unwrap();
            let path = home.path().join("table");
            let table = Table::create(&path, format, &schema(), &EncodeOptions::default());
            let (rows, bytes) = table.unwrap().finish().unwrap();
            assert_eq!((rows, bytes), (0, std::fs::metadata(path).unwrap().len()));
        }
    }
}
