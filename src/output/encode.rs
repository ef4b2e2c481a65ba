//! Pieces of a column -> the bytes of its part of a row group.
//!
//! Invariant: the bytes depend on the rows, the column and the options alone, not on how the rows
//! are cut into pieces, which thread encodes them, or what was encoded before.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use arrow::array::ArrayRef;
use arrow::datatypes::{Schema as ArrowSchema, SchemaRef};
use parquet::arrow::{ArrowSchemaConverter, add_encoded_arrow_schema_to_metadata};
use parquet::basic::Compression as ParquetCompression;
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{
    EnabledStatistics, WriterProperties, WriterPropertiesBuilder, WriterPropertiesPtr,
};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::TypePtr;

use super::codec::to_parquet;
use super::column::{ColumnEncoder, EncodedChunk, Scratch};
use crate::base::{Compression, Error, ErrorKind, Result, Schema};

/// How parts are laid out and compressed.
#[derive(Debug, Clone)]
pub struct EncodeOptions {
    /// The codec of all pages.
    pub compression: Compression,
    /// Rows of a full row group; the caller gathers them.
    pub row_group_rows: usize,
    /// A part is ended before it would grow past this, in bytes; a single larger row group makes
    /// a larger part.
    pub part_bytes_max: u64,
    /// A part is ended once what is known of its column chunks takes this in memory, in bytes.
    pub footer_bytes_max: usize,
    /// A page is ended when its values reach this, in bytes before compression.
    pub page_bytes_max: usize,
    /// Rows of a full page.
    pub page_rows_max: usize,
    /// A column's dictionary in one row group is given up beyond this, in bytes.
    pub dictionary_bytes_max: usize,
    /// Key-value metadata of every part, besides `chunketl.version`.
    pub metadata: Vec<(String, String)>,
}

impl Default for EncodeOptions {
    fn default() -> Self {
        Self {
            compression: Compression::default(),
            row_group_rows: 256 * 1024,
            part_bytes_max: 512 << 20,
            footer_bytes_max: 64 << 20,
            page_bytes_max: 1 << 20,
            page_rows_max: 64 * 1024,
            dictionary_bytes_max: 1 << 20,
            metadata: Vec::new(),
        }
    }
}

/// Encodes columns; shared by all workers.
pub struct Encoder {
    columns: Vec<ColumnEncoder>,
    compression: ParquetCompression,
    /// What no worker uses at the moment: as many as there have been at once.
    idle: Mutex<Vec<Scratch>>,
    part_bytes_max: u64,
    footer_bytes_max: usize,
    file_schema: TypePtr,
    file_properties: WriterPropertiesPtr,
}

/// One column of one row group, encoded and compressed.
pub struct EncodedColumn(EncodedChunk);

impl EncodedColumn {
    /// Rows encoded.
    pub fn rows(&self) -> usize {
        self.result().rows_written as usize
    }

    /// Bytes it will take in its part.
    pub fn bytes(&self) -> u64 {
        self.result().bytes_written
    }

    /// Memory held, in bytes: the pages, and what each page and the chunk need beside them.
    pub fn memory_bytes(&self) -> usize {
        const CHUNK_BYTES: usize = 2048;
        const PAGE_BYTES: usize = 256;
        let pages = self.result().offset_index.as_ref();
        let pages = pages.map_or(0, |index| index.page_locations.len());
        self.bytes() as usize + CHUNK_BYTES + PAGE_BYTES * pages
    }

    fn result(&self) -> &ColumnCloseResult {
        match &self.0 {
            EncodedChunk::Written(chunk) => chunk.close(),
            EncodedChunk::Bytes(_, result) => result,
        }
    }

    /// Appends it to the row group that is being written.
    pub(super) fn append_to<W: io::Write + Send>(
        self,
        row_group: &mut SerializedRowGroupWriter<'_, W>,
    ) -> parquet::errors::Result<()> {
        match self.0 {
            EncodedChunk::Written(chunk) => chunk.append_to_row_group(row_group),
            EncodedChunk::Bytes(bytes, result) => row_group.append_column(&bytes, *result),
        }
    }
}

impl Encoder {
    /// An encoder of complete batches of `schema`.
    ///
    /// # Errors
    /// [`ErrorKind::Encode`] when a column's type has no Parquet counterpart.
    pub fn new(schema: &Schema, options: &EncodeOptions) -> Result<Self> {
        let arrow_schema = Arc::new(schema.to_arrow());
        let columns = schema.columns.iter().zip(arrow_schema.fields());
        let columns = columns
            .map(|(column, field)| ColumnEncoder::new(&column.data_type, field, options))
            .collect::<Result<_>>()?;
        Ok(Self {
            columns,
            compression: to_parquet(options.compression)?,
            idle: Mutex::default(),
            part_bytes_max: options.part_bytes_max,
            footer_bytes_max: options.footer_bytes_max,
            file_schema: parquet_schema(&arrow_schema)?,
            file_properties: file_properties(&arrow_schema, options)?,
        })
    }

    /// Encodes one column of one row group; `arrays` are consecutive pieces of that column. Each
    /// piece of a text column holds either the text itself or a dictionary, whatever the others do.
    ///
    /// # Errors
    /// [`ErrorKind::Encode`] when the arrays are not of the column's type.
    pub fn encode(&self, column: usize, arrays: &[ArrayRef]) -> Result<EncodedColumn> {
        let scratch = self.idle().pop();
        let encoded = (|| {
            let mut scratch = scratch.map_or_else(|| Scratch::new(self.compression), Ok)?;
            let encoded = self.columns[column].encode(arrays, &mut scratch)?;
            self.idle().push(scratch);
            Ok::<_, ParquetError>(EncodedColumn(encoded))
        })();
        encoded.map_err(|source| encode_error("encode a column", source))
    }

    /// Memory kept for the next columns, in bytes: what a worker needs to encode one, for each
    /// worker that is not doing so.
    pub fn memory_bytes(&self) -> usize {
        self.idle().iter().map(Scratch::memory_bytes).sum()
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Scratch>> {
        self.idle.lock().expect("no holder of this lock panics")
    }

    /// Number of columns.
    pub fn columns(&self) -> usize {
        self.columns.len()
    }

    pub(super) fn part_bytes_max(&self) -> u64 {
        self.part_bytes_max
    }

    pub(super) fn footer_bytes_max(&self) -> usize {
        self.footer_bytes_max
    }

    pub(super) fn file_writer<W: io::Write + Send>(
        &self,
        sink: W,
    ) -> parquet::errors::Result<SerializedFileWriter<W>> {
        let schema = Arc::clone(&self.file_schema);
        SerializedFileWriter::new(sink, schema, Arc::clone(&self.file_properties))
    }
}

pub(super) fn parquet_schema(schema: &SchemaRef) -> Result<TypePtr> {
    let converted = ArrowSchemaConverter::new().convert(schema);
    let converted = converted.map_err(|source| encode_error("make a Parquet schema", source))?;
    Ok(converted.root_schema_ptr())
}

/// The properties every column shares.
pub(super) fn page_properties(options: &EncodeOptions) -> Result<WriterPropertiesBuilder> {
    Ok(WriterProperties::builder()
        .set_compression(to_parquet(options.compression)?)
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_data_page_size_limit(options.page_bytes_max)
        .set_data_page_row_count_limit(options.page_rows_max))
}

fn file_properties(schema: &ArrowSchema, options: &EncodeOptions) -> Result<WriterPropertiesPtr> {
    let version = env!("CARGO_PKG_VERSION");
    let mut metadata = vec![KeyValue::new(
        "chunketl.version".to_owned(),
        version.to_owned(),
    )];
    let given = options.metadata.iter().cloned();
    metadata.extend(given.map(|(key, value)| KeyValue::new(key, value)));
    let mut properties = page_properties(options)?
        .set_created_by(format!("chunketl version {version}"))
        .set_key_value_metadata(Some(metadata))
        .build();
    add_encoded_arrow_schema_to_metadata(schema, &mut properties);
    Ok(Arc::new(properties))
}

pub(super) fn encode_error(
    action: &'static str,
    source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> Error {
    let source = source.into();
    ErrorKind::Encode { action, source }.into()
}

#[cfg(test)]
mod tests;
