//! Pieces of a column -> its column chunk of a row group.
//!
//! Numbers and text are laid out and written here; what is rare or needs no thought (booleans and
//! wide decimals) by the parquet crate's own writer.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef};
use arrow::buffer::BooleanBuffer;
use arrow::datatypes::{DataType as ArrowType, FieldRef, Schema as ArrowSchema};
use arrow::error::ArrowError;
use bytes::Bytes;
use parquet::arrow::arrow_writer::{ArrowColumnChunk, ArrowRowGroupWriterFactory, compute_leaves};
use parquet::basic::{Compression as ParquetCompression, Encoding, Type as PhysicalType};
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::properties::WriterProperties;
use parquet::file::statistics::Statistics;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::{ColumnDescPtr, SchemaDescriptor};

use super::blocks::Blocks;
use super::cells::validity;
use super::codec::to_parquet;
use super::dictionary::Dictionary;
use super::encode::{EncodeOptions, encode_error, page_properties, parquet_schema};
use super::hybrid::{id_width, put_hybrid};
use super::layout::direct_encoding;
use super::pages::{Cells, Chunk, PageBuffers};
use crate::base::{DataType, Result};

/// Encodes one column.
pub(super) struct ColumnEncoder {
    field: FieldRef,
    pub(super) column: ColumnDescPtr,
    pub(super) encoding: Encoding,
    pub(super) is_compressed: bool,
    pub(super) page_rows_max: usize,
    pub(super) page_bytes_max: usize,
    pub(super) dictionary_bytes_max: usize,
    /// The parquet crate's own writers.
    direct: ArrowRowGroupWriterFactory,
    /// Writers that are only asked for the statistics of what they were given.
    pub(super) statistics: ArrowRowGroupWriterFactory,
}

/// A column chunk, ready to be appended.
pub(super) enum EncodedChunk {
    Written(Box<ArrowColumnChunk>),
    Bytes(Bytes, Box<ColumnCloseResult>),
}

/// What columns are encoded in, one after the other.
pub(super) struct Scratch {
    /// Numbers that are not null, or the lengths of texts that are not.
    pub(super) cells: Vec<i64>,
    /// A dictionary of numbers in the plain encoding.
    pub(super) plain: Vec<u8>,
    pub(super) dictionary: Dictionary,
    pub(super) pages: PageBuffers,
}

impl Scratch {
    pub(super) fn new(compression: ParquetCompression) -> ParquetResult<Self> {
        Ok(Self {
            cells: Vec::new(),
            plain: Vec::new(),
            dictionary: Dictionary::default(),
            pages: PageBuffers::new(compression)?,
        })
    }

    /// Memory held, in bytes.
    pub(super) fn memory_bytes(&self) -> usize {
        self.cells.capacity() * size_of::<i64>()
            + self.plain.capacity()
            + self.dictionary.memory_bytes()
            + self.pages.memory_bytes()
    }
}

impl ColumnEncoder {
    pub(super) fn new(
        data_type: &DataType,
        field: &FieldRef,
        options: &EncodeOptions,
    ) -> Result<Self> {
        let encoding = direct_encoding(data_type, options.compression);
        let direct = page_properties(options)?
            .set_dictionary_enabled(false)
            .set_encoding(encoding);
        let statistics = page_properties(options)?
            .set_dictionary_enabled(false)
            .set_compression(ParquetCompression::UNCOMPRESSED);
        let schema = parquet_schema(&Arc::new(ArrowSchema::new(vec![Arc::clone(field)])))?;
        Ok(Self {
            field: Arc::clone(field),
            column: SchemaDescriptor::new(schema).column(0),
            encoding,
            is_compressed: to_parquet(options.compression)? != ParquetCompression::UNCOMPRESSED,
            page_rows_max: options.page_rows_max,
            page_bytes_max: options.page_bytes_max,
            dictionary_bytes_max: options.dictionary_bytes_max,
            direct: writer_factory(field, direct.build())?,
            statistics: writer_factory(field, statistics.build())?,
        })
    }

    pub(super) fn encode(
        &self,
        pieces: &[ArrayRef],
        scratch: &mut Scratch,
    ) -> ParquetResult<EncodedChunk> {
        if let Some(piece) = pieces.iter().find(|piece| !self.takes(piece.data_type())) {
            let (given, own) = (piece.data_type(), self.field.data_type());
            return Err(ParquetError::ArrowError(format!(
                "{given} given to a column of {own}"
            )));
        }
        match self.column.physical_type() {
            PhysicalType::INT32 | PhysicalType::INT64 | PhysicalType::DOUBLE => {
                self.encode_numbers(pieces, scratch)
            }
            PhysicalType::BYTE_ARRAY => self.encode_texts(pieces, scratch),
            _ => self.encode_by_crate(pieces),
        }
    }

    /// Whether pieces may be of type `given`: text comes in two forms.
    fn takes(&self, given: &ArrowType) -> bool {
        let is_text = |data_type: &ArrowType| match data_type {
            ArrowType::Utf8 => true,
            ArrowType::Dictionary(keys, values) => {
                (&**keys, &**values) == (&ArrowType::Int32, &ArrowType::Utf8)
            }
            _ => false,
        };
        let own = self.field.data_type();
        given == own || is_text(given) && is_text(own)
    }

    pub(super) fn chunk<'a>(
        &'a self,
        frame: &'a Frame,
        statistics: Option<Statistics>,
        dictionary: Option<(&'a [u8], usize)>,
    ) -> Chunk<'a> {
        Chunk {
            column: &self.column,
            statistics,
            rows: frame.rows,
            validity: frame.validity.as_ref(),
            dictionary,
            encoding: match dictionary {
                Some(_) => Encoding::RLE_DICTIONARY,
                None => self.encoding,
            },
            page_rows_max: self.page_rows_max,
        }
    }

    pub(super) fn ids<'a>(&self, ids: &'a [u32], distinct: usize) -> IdPages<'a> {
        let width = id_width(distinct, self.is_compressed);
        IdPages { ids, width }
    }

    pub(super) fn encode_by_crate(&self, pieces: &[ArrayRef]) -> ParquetResult<EncodedChunk> {
        let blocks = Blocks::new(pieces, self.page_rows_max);
        let chunk = self.write_by_crate(&self.direct, blocks)?;
        Ok(EncodedChunk::Written(Box::new(chunk)))
    }

    /// Writes blocks of the column by the parquet crate.
    pub(super) fn write_by_crate(
        &self,
        factory: &ArrowRowGroupWriterFactory,
        blocks: impl Iterator<Item = Result<ArrayRef, ArrowError>>,
    ) -> ParquetResult<ArrowColumnChunk> {
        let mut writers = factory.create_column_writers(0)?;
        let mut writer = writers.pop().expect("a flat column has one writer");
        for block in blocks {
            for leaf in compute_leaves(&self.field, &block?)? {
                writer.write(&leaf)?;
            }
        }
        writer.close()
    }
}

/// The rows of a column, and which of them are null.
pub(super) struct Frame {
    pub(super) rows: usize,
    validity: Option<BooleanBuffer>,
}

impl Frame {
    pub(super) fn new(pieces: &[ArrayRef]) -> Self {
        let rows = pieces.iter().map(|piece| piece.len()).sum();
        let validity = validity(pieces, rows);
        Self { rows, validity }
    }
}

pub(super) fn write(
    pages: &mut PageBuffers,
    chunk: &Chunk,
    cells: &mut impl Cells,
) -> ParquetResult<EncodedChunk> {
    let (bytes, result) = pages.write_chunk(chunk, cells)?;
    Ok(EncodedChunk::Bytes(bytes, Box::new(result)))
}

pub(super) struct IdPages<'a> {
    ids: &'a [u32],
    width: u32,
}

impl Cells for IdPages<'_> {
    fn page_cells_max(&self, _: usize) -> usize {
        usize::MAX
    }

    fn put(&mut self, cells: Range<usize>, out: &mut Vec<u8>) {
        out.push(self.width as u8);
        put_hybrid(&self.ids[cells], self.width, out);
    }
}

/// A factory of writers for one column, which come out the same as those of the whole schema.
fn writer_factory(
    field: &FieldRef,
    properties: WriterProperties,
) -> Result<ArrowRowGroupWriterFactory> {
    let arrow_schema = Arc::new(ArrowSchema::new(vec![Arc::clone(field)]));
    let schema = parquet_schema(&arrow_schema)?;
    let writer = SerializedFileWriter::new(io::sink(), schema, Arc::new(properties))
        .map_err(|source| encode_error("prepare a column", source))?;
    Ok(ArrowRowGroupWriterFactory::new(&writer, arrow_schema))
}
