//! Pieces of a column -> the bytes of its part of a row group.
//!
//! Invariant: the bytes depend on the rows, the column and the options alone, not on how the rows
//! are cut into pieces, which thread encodes them, or what was encoded before.

use std::io;
use std::sync::Arc;

use arrow::array::{ArrayRef, new_null_array};
use arrow::datatypes::{FieldRef, Schema as ArrowSchema, SchemaRef};
use arrow::error::ArrowError;
use bytes::Bytes;
use parquet::arrow::arrow_writer::{ArrowColumnChunk, ArrowRowGroupWriterFactory, compute_leaves};
use parquet::arrow::{ArrowSchemaConverter, add_encoded_arrow_schema_to_metadata};
use parquet::basic::{Compression as ParquetCompression, Type as PhysicalType};
use parquet::column::writer::ColumnCloseResult;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{
    EnabledStatistics, WriterProperties, WriterPropertiesBuilder, WriterPropertiesPtr,
};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::{ColumnDescPtr, SchemaDescriptor, TypePtr};

use super::blocks::Blocks;
use super::codec::to_parquet;
use super::dictionary::Dictionary;
use super::layout::{Layout, Sample, direct_encoding};
use super::pages::write_chunk;
use crate::base::{Compression, DataType, Error, ErrorKind, Result, Schema};

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
    part_bytes_max: u64,
    file_schema: TypePtr,
    file_properties: WriterPropertiesPtr,
}

struct ColumnEncoder {
    field: FieldRef,
    data_type: DataType,
    compression: ParquetCompression,
    page_rows_max: usize,
    dictionary_bytes_max: usize,
    column: ColumnDescPtr,
    direct: ArrowRowGroupWriterFactory,
    /// Writers that are only asked for the statistics of what they were given.
    statistics: ArrowRowGroupWriterFactory,
}

/// One column of one row group, encoded and compressed.
pub struct EncodedColumn(Chunk);

enum Chunk {
    Direct(Box<ArrowColumnChunk>),
    Dictionary(Vec<u8>, Box<ColumnCloseResult>),
}

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
            Chunk::Direct(chunk) => chunk.close(),
            Chunk::Dictionary(_, result) => result,
        }
    }

    /// Appends it to the row group that is being written.
    pub(super) fn append_to<W: io::Write + Send>(
        self,
        row_group: &mut SerializedRowGroupWriter<'_, W>,
    ) -> parquet::errors::Result<()> {
        match self.0 {
            Chunk::Direct(chunk) => chunk.append_to_row_group(row_group),
            Chunk::Dictionary(bytes, result) => {
                row_group.append_column(&Bytes::from(bytes), *result)
            }
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
            part_bytes_max: options.part_bytes_max,
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
        let encoded = self.columns[column].encode(arrays);
        encoded.map_err(|source| encode_error("encode a column", source))
    }

    /// Number of columns.
    pub fn columns(&self) -> usize {
        self.columns.len()
    }

    pub(super) fn part_bytes_max(&self) -> u64 {
        self.part_bytes_max
    }

    pub(super) fn file_writer<W: io::Write + Send>(
        &self,
        sink: W,
    ) -> parquet::errors::Result<SerializedFileWriter<W>> {
        let schema = Arc::clone(&self.file_schema);
        SerializedFileWriter::new(sink, schema, Arc::clone(&self.file_properties))
    }
}

impl ColumnEncoder {
    fn new(data_type: &DataType, field: &FieldRef, options: &EncodeOptions) -> Result<Self> {
        let compression = to_parquet(options.compression)?;
        let direct = page_properties(options)?
            .set_dictionary_enabled(false)
            .set_encoding(direct_encoding(data_type, options.compression));
        let statistics = page_properties(options)?
            .set_dictionary_enabled(false)
            .set_compression(ParquetCompression::UNCOMPRESSED);
        let schema = parquet_schema(&Arc::new(ArrowSchema::new(vec![Arc::clone(field)])))?;
        Ok(Self {
            field: Arc::clone(field),
            data_type: data_type.clone(),
            compression,
            page_rows_max: options.page_rows_max,
            dictionary_bytes_max: options.dictionary_bytes_max,
            column: SchemaDescriptor::new(schema).column(0),
            direct: writer_factory(field, direct.build())?,
            statistics: writer_factory(field, statistics.build())?,
        })
    }

    fn encode(&self, arrays: &[ArrayRef]) -> parquet::errors::Result<EncodedColumn> {
        let sample = Sample::take(&self.data_type, arrays);
        if sample.layout(&self.data_type, self.dictionary_bytes_max) == Layout::Dictionary
            && let Some(dictionary) = self.dictionary(arrays)?
        {
            return self.encode_dictionary(&dictionary);
        }
        self.encode_direct(arrays)
    }

    fn dictionary(&self, arrays: &[ArrayRef]) -> parquet::errors::Result<Option<Dictionary>> {
        let width = match self.column.physical_type() {
            PhysicalType::INT32 => 4,
            PhysicalType::INT64 | PhysicalType::DOUBLE | PhysicalType::BYTE_ARRAY => 8,
            _ => return Ok(None),
        };
        Ok(Dictionary::build(arrays, width, self.dictionary_bytes_max)?)
    }

    fn encode_dictionary(&self, dictionary: &Dictionary) -> parquet::errors::Result<EncodedColumn> {
        let nulls = dictionary.rows - dictionary.ids.len();
        let nulls = new_null_array(self.field.data_type(), nulls);
        let seen = [Ok(Arc::clone(&dictionary.values)), Ok(nulls)];
        let seen = self.write(&self.statistics, seen.into_iter())?;
        let (bytes, result) = write_chunk(
            dictionary,
            &self.column,
            self.compression,
            self.page_rows_max,
            seen.close().metadata.statistics().cloned(),
        )?;
        Ok(EncodedColumn(Chunk::Dictionary(bytes, Box::new(result))))
    }

    fn encode_direct(&self, arrays: &[ArrayRef]) -> parquet::errors::Result<EncodedColumn> {
        let blocks = Blocks::new(arrays, self.page_rows_max);
        let chunk = self.write(&self.direct, blocks)?;
        Ok(EncodedColumn(Chunk::Direct(Box::new(chunk))))
    }

    fn write(
        &self,
        factory: &ArrowRowGroupWriterFactory,
        blocks: impl Iterator<Item = Result<ArrayRef, ArrowError>>,
    ) -> parquet::errors::Result<ArrowColumnChunk> {
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

fn parquet_schema(schema: &SchemaRef) -> Result<TypePtr> {
    let converted = ArrowSchemaConverter::new().convert(schema);
    let converted = converted.map_err(|source| encode_error("make a Parquet schema", source))?;
    Ok(converted.root_schema_ptr())
}

/// The properties every column shares.
fn page_properties(options: &EncodeOptions) -> Result<WriterPropertiesBuilder> {
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
mod tests {
    use arrow::array::{
        Array, AsArray, BooleanArray, Date32Array, Decimal128Array, DictionaryArray, Float64Array,
        Int64Array, StringArray, TimestampMicrosecondArray, TimestampNanosecondArray,
    };
    use arrow::compute::{cast, concat};
    use arrow::datatypes::{DataType as ArrowType, Float64Type, Int32Type};
    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
    use parquet::basic::{Encoding, LogicalType};
    use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData};
    use proptest::prelude::*;

    use super::*;
    use crate::base::{Column, Origin, TimeUnit};

    fn schema(types: &[DataType]) -> Schema {
        let columns = types.iter().enumerate().map(|(index, data_type)| Column {
            name: format!("c.{index}").into(),
            data_type: data_type.clone(),
            format: None,
            origin: Origin::Inferred,
        });
        let columns = columns.collect();
        Schema { columns }
    }

    /// The bytes of a file with one row group of `columns`, each given in pieces.
    fn file(schema: &Schema, options: &EncodeOptions, columns: &[Vec<ArrayRef>]) -> Vec<u8> {
        let encoder = Encoder::new(schema, options).unwrap();
        let mut bytes = Vec::new();
        let mut writer = encoder.file_writer(&mut bytes).unwrap();
        let mut row_group = writer.next_row_group().unwrap();
        for (index, pieces) in columns.iter().enumerate() {
            let column = encoder.encode(index, pieces).unwrap();
            assert_eq!(
                column.rows(),
                pieces.iter().map(|piece| piece.len()).sum::<usize>()
            );
            assert!(column.memory_bytes() as u64 > column.bytes());
            column.append_to(&mut row_group).unwrap();
        }
        row_group.close().unwrap();
        writer.close().unwrap();
        bytes
    }

    fn read(bytes: &[u8]) -> (Arc<ParquetMetaData>, Vec<ArrayRef>) {
        let mut file = tempfile::tempfile().unwrap();
        io::Write::write_all(&mut file, bytes).unwrap();
        let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
        let metadata = Arc::clone(reader.metadata());
        let batches: Vec<_> = reader.build().unwrap().map(Result::unwrap).collect();
        let columns = batches.first().map_or(0, |batch| batch.num_columns());
        let columns = (0..columns).map(|index| {
            let pieces: Vec<&dyn Array> =
                batches.iter().map(|it| it.column(index).as_ref()).collect();
            concat(&pieces).unwrap()
        });
        (metadata, columns.collect())
    }

    fn every_type() -> Vec<DataType> {
        let mut types = vec![
            DataType::Int64,
            DataType::Float64,
            DataType::Boolean,
            DataType::Date,
            DataType::Utf8,
            DataType::Categorical,
        ];
        for unit in [TimeUnit::Microsecond, TimeUnit::Nanosecond] {
            types.extend([false, true].map(|utc| DataType::Timestamp { unit, utc }));
        }
        for precision in [9, 18, 19, 38] {
            types.push(DataType::Decimal {
                precision,
                scale: 2,
            });
        }
        types
    }

    /// `rows` cells of `data_type`, some null; `distinct` bounds how many there are.
    fn cells(data_type: &DataType, rows: usize, distinct: u64) -> ArrayRef {
        let cell = |row: usize| -> Option<i64> {
            let scrambled = (row as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20;
            (row % 11 != 3).then(|| (scrambled % distinct) as i64 - 40)
        };
        let cells = (0..rows).map(cell);
        let text = (0..rows).map(|row| cell(row).map(|cell| format!("té\u{0}xt {cell}")));
        match *data_type {
            DataType::Int64 => Arc::new(Int64Array::from_iter(cells)),
            DataType::Float64 => {
                let odd = |cell| match cell {
                    -38 => f64::NAN,
                    -39 => f64::NEG_INFINITY,
                    -37 => -0.0,
                    cell => cell as f64 / 3.0,
                };
                Arc::new(cells.map(|cell| cell.map(odd)).collect::<Float64Array>())
            }
            DataType::Boolean => Arc::new(
                cells
                    .map(|cell| cell.map(|cell| cell % 2 == 0))
                    .collect::<BooleanArray>(),
            ),
            DataType::Date => Arc::new(
                cells
                    .map(|cell| cell.map(|cell| cell as i32))
                    .collect::<Date32Array>(),
            ),
            DataType::Timestamp { unit, utc } => {
                let zone = utc.then_some("UTC");
                match unit {
                    TimeUnit::Microsecond => Arc::new(
                        TimestampMicrosecondArray::from_iter(cells).with_timezone_opt(zone),
                    ),
                    TimeUnit::Nanosecond => {
                        Arc::new(TimestampNanosecondArray::from_iter(cells).with_timezone_opt(zone))
                    }
                }
            }
            DataType::Utf8 => Arc::new(StringArray::from_iter(text)),
            DataType::Categorical => {
                let text: Vec<_> = text.collect();
                let text = text.iter().map(Option::as_deref);
                Arc::new(text.collect::<DictionaryArray<Int32Type>>())
            }
            DataType::Decimal { precision, scale } => {
                let cells = Decimal128Array::from_iter(cells.map(|cell| cell.map(i128::from)));
                Arc::new(cells.with_precision_and_scale(precision, scale).unwrap())
            }
        }
    }

    fn bits(column: &Float64Array) -> Vec<Option<u64>> {
        column.iter().map(|cell| cell.map(f64::to_bits)).collect()
    }

    fn cut(array: &ArrayRef, cuts: &[usize]) -> Vec<ArrayRef> {
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| *cut.min(&array.len())).collect();
        cuts.extend([0, array.len()]);
        cuts.sort_unstable();
        cuts.windows(2)
            .map(|cut| array.slice(cut[0], cut[1] - cut[0]))
            .collect()
    }

    fn tiny() -> EncodeOptions {
        EncodeOptions {
            page_rows_max: 7,
            page_bytes_max: 64,
            dictionary_bytes_max: 100,
            ..EncodeOptions::default()
        }
    }

    #[test]
    fn every_type_comes_back_with_every_codec_and_layout() {
        let schema = schema(&every_type());
        let arrow_schema = schema.to_arrow();
        let codecs = ["zstd", "zstd:19", "lz4", "snappy", "none"];
        for compression in codecs.map(|codec| codec.parse().unwrap()) {
            for distinct in [1, 3, 1_000_000] {
                let columns = schema.columns.iter();
                let columns: Vec<_> = columns
                    .map(|it| cells(&it.data_type, 500, distinct))
                    .collect();
                let pieces: Vec<_> = columns.iter().map(|it| cut(it, &[8, 99, 100])).collect();
                let options = EncodeOptions {
                    compression,
                    ..tiny()
                };
                let (metadata, back) = read(&file(&schema, &options, &pieces));
                assert_eq!(metadata.file_metadata().num_rows(), 500);
                for ((column, back), field) in columns.iter().zip(&back).zip(arrow_schema.fields())
                {
                    assert_eq!(back.data_type(), field.data_type());
                    assert_eq!(column.len(), back.len());
                    // NaN is unlike itself, but its bits are not.
                    match column.as_primitive_opt::<Float64Type>() {
                        Some(column) => assert!(bits(column) == bits(back.as_primitive())),
                        None => assert!(column == back, "{field}"),
                    }
                }
            }
        }
    }

    #[test]
    fn logical_types_say_what_the_cells_mean() {
        let schema = schema(&every_type());
        let encoder = Encoder::new(&schema, &EncodeOptions::default()).unwrap();
        let logical: Vec<_> = {
            let writer = encoder.file_writer(io::sink()).unwrap();
            let columns = writer.schema_descr().columns();
            columns
                .iter()
                .map(|column| column.logical_type_ref().cloned())
                .collect()
        };
        assert_eq!(logical[4], Some(LogicalType::String));
        assert_eq!(logical[5], Some(LogicalType::String));
        assert_eq!(logical[3], Some(LogicalType::Date));
        let utc: Vec<bool> = logical
            .iter()
            .filter_map(|logical| match logical {
                Some(LogicalType::Timestamp(timestamp)) => Some(timestamp.is_adjusted_to_u_t_c),
                _ => None,
            })
            .collect();
        assert_eq!(utc, [false, true, false, true]);
    }

    #[test]
    fn a_file_names_its_program_and_metadata() {
        let schema = schema(&[DataType::Int64]);
        let metadata = vec![("owner".to_owned(), "sales".to_owned())];
        let options = EncodeOptions {
            metadata,
            ..EncodeOptions::default()
        };
        let (metadata, _) = read(&file(
            &schema,
            &options,
            &[vec![cells(&DataType::Int64, 9, 9)]],
        ));
        let metadata = metadata.file_metadata();
        let version = env!("CARGO_PKG_VERSION");
        assert_eq!(
            metadata.created_by(),
            Some(format!("chunketl version {version}").as_str())
        );
        let pairs = metadata.key_value_metadata().unwrap();
        let value = |key: &str| pairs.iter().find(|pair| pair.key == key)?.value.clone();
        assert_eq!(value("chunketl.version").as_deref(), Some(version));
        assert_eq!(value("owner").as_deref(), Some("sales"));
        assert!(value("ARROW:schema").is_some());
    }

    #[test]
    fn the_layout_follows_the_data_and_statistics_are_kept() {
        let types = [DataType::Int64, DataType::Float64, DataType::Utf8];
        let schema = schema(&types);
        let encodings = |distinct: u64| -> Vec<Vec<Encoding>> {
            let columns = types.each_ref().map(|it| vec![cells(it, 5_000, distinct)]);
            let (metadata, _) = read(&file(&schema, &EncodeOptions::default(), &columns));
            let columns = metadata.row_group(0).columns();
            assert!(columns.iter().all(|column| {
                let statistics = column.statistics().unwrap();
                statistics.null_count_opt() == Some(455) && statistics.min_bytes_opt().is_some()
            }));
            columns
                .iter()
                .map(|column| column.encodings().collect())
                .collect()
        };
        let few = encodings(2);
        assert!(few[1].contains(&Encoding::RLE_DICTIONARY));
        assert!(few[2].contains(&Encoding::RLE_DICTIONARY));
        let many = encodings(1 << 40);
        assert!(many[0].contains(&Encoding::DELTA_BINARY_PACKED));
        assert!(many[1].contains(&Encoding::BYTE_STREAM_SPLIT));
        assert!(many[2].contains(&Encoding::DELTA_LENGTH_BYTE_ARRAY));
        assert!(
            many.iter()
                .all(|it| !it.contains(&Encoding::RLE_DICTIONARY))
        );
    }

    #[test]
    fn a_dictionary_says_the_same_as_direct_cells() {
        let types: Vec<_> = every_type()
            .into_iter()
            .filter(|it| *it != DataType::Boolean)
            .collect();
        let schema = schema(&types);
        for distinct in [1, 50] {
            let columns: Vec<_> = types
                .iter()
                .map(|data_type| match data_type {
                    DataType::Float64 => vec![Arc::new(Float64Array::from_iter(
                        (0..3_000).map(|row| (row % 5 > 0).then_some([-0.0, 0.0, 2.5][row % 3])),
                    )) as ArrayRef],
                    _ => vec![cells(data_type, 3_000, distinct)],
                })
                .collect();
            let [direct, dictionary] = [0, 1 << 20].map(|dictionary_bytes_max| {
                let options = EncodeOptions {
                    dictionary_bytes_max,
                    page_rows_max: 700,
                    ..EncodeOptions::default()
                };
                read(&file(&schema, &options, &columns))
            });
            assert_eq!(direct.1, dictionary.1);
            let is_dictionary = |column: &ColumnChunkMetaData| {
                column.encodings().any(|it| it == Encoding::RLE_DICTIONARY)
            };
            let mut dictionaries = 0;
            let columns = direct.0.row_group(0).columns().iter();
            for (direct, other) in columns.zip(dictionary.0.row_group(0).columns()) {
                assert!(!is_dictionary(direct));
                dictionaries += usize::from(is_dictionary(other));
                assert_eq!(direct.statistics(), other.statistics());
                assert_eq!(direct.num_values(), other.num_values());
            }
            assert!(dictionaries >= 3, "{dictionaries}");
        }
    }

    #[test]
    fn arrays_of_another_type_are_an_error() {
        let encoder = Encoder::new(&schema(&[DataType::Int64]), &tiny()).unwrap();
        for data_type in [DataType::Float64, DataType::Utf8, DataType::Boolean] {
            let error = encoder.encode(0, &[cells(&data_type, 9, 9)]).err().unwrap();
            assert!(matches!(error.kind(), ErrorKind::Encode { .. }), "{error}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn bytes_do_not_depend_on_pieces(
            cuts in prop::collection::vec(0usize..300, 0..8),
            distinct in prop::sample::select(vec![1u64, 5, 40, 1 << 30]),
        ) {
            let schema = schema(&every_type());
            let whole: Vec<ArrayRef> = schema
                .columns
                .iter()
                .map(|column| cells(&column.data_type, 300, distinct))
                .collect();
            let one: Vec<_> = whole.iter().map(|it| vec![Arc::clone(it)]).collect();
            let many: Vec<_> = whole.iter().map(|it| recut(it, &cuts)).collect();
            prop_assert!(file(&schema, &tiny(), &one) == file(&schema, &tiny(), &many));
        }
    }

    /// Pieces of `array` as if decoded one by one: dictionaries hold only what their piece needs,
    /// every other piece of text is one, and pieces without a null have no mask.
    fn recut(array: &ArrayRef, cuts: &[usize]) -> Vec<ArrayRef> {
        let dictionary = DataType::Categorical.to_arrow();
        let rebuild = |(index, piece): (usize, ArrayRef)| -> ArrayRef {
            if array.data_type() == &ArrowType::Utf8 || array.data_type() == &dictionary {
                let text = cast(&piece, &ArrowType::Utf8).unwrap();
                return match index % 2 {
                    0 => text,
                    _ => cast(&text, &dictionary).unwrap(),
                };
            }
            concat(&[piece.as_ref()]).unwrap()
        };
        let pieces = cut(array, cuts).into_iter().enumerate();
        pieces.map(rebuild).collect()
    }
}
