//! Columns of every type, cut and laid out in every way -> the same rows, and the same bytes.

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Date32Array, Decimal128Array, DictionaryArray,
    Float64Array, Int64Array, StringArray, TimestampMicrosecondArray, TimestampNanosecondArray,
};
use arrow::compute::{cast, concat};
use arrow::datatypes::{DataType as ArrowType, Float64Type, Int32Type};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::{Encoding, LogicalType};
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData};
use proptest::prelude::*;

use super::*;
use crate::base::{Column, DataType, Origin, TimeUnit};

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
    file_by(schema, options, columns, Encoder::encode)
}

/// As [`file`], with columns encoded by the parquet crate.
fn crate_file(schema: &Schema, options: &EncodeOptions, columns: &[Vec<ArrayRef>]) -> Vec<u8> {
    file_by(schema, options, columns, |encoder, column, pieces| {
        let encoded = encoder.columns[column].encode_by_crate(pieces);
        Ok(EncodedColumn(encoded.unwrap()))
    })
}

fn file_by(
    schema: &Schema,
    options: &EncodeOptions,
    columns: &[Vec<ArrayRef>],
    encode: impl Fn(&Encoder, usize, &[ArrayRef]) -> Result<EncodedColumn>,
) -> Vec<u8> {
    let encoder = Encoder::new(schema, options).unwrap();
    let mut bytes = Vec::new();
    let mut writer = encoder.file_writer(&mut bytes).unwrap();
    let mut row_group = writer.next_row_group().unwrap();
    for (index, pieces) in columns.iter().enumerate() {
        let column = encode(&encoder, index, pieces).unwrap();
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
        let pieces: Vec<&dyn Array> = batches.iter().map(|it| it.column(index).as_ref()).collect();
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
                TimeUnit::Microsecond => {
                    Arc::new(TimestampMicrosecondArray::from_iter(cells).with_timezone_opt(zone))
                }
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
            for ((column, back), field) in columns.iter().zip(&back).zip(arrow_schema.fields()) {
                assert_eq!(back.data_type(), field.data_type());
                assert_same(column, back);
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
    let types = [
        DataType::Int64,
        DataType::Float64,
        DataType::Utf8,
        DataType::Categorical,
    ];
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
    // Readers that make a dictionary of it know no other.
    assert!(few[3].contains(&Encoding::RLE_DICTIONARY));
    assert!(many[3].contains(&Encoding::PLAIN));
    assert!(!many[3].contains(&Encoding::DELTA_LENGTH_BYTE_ARRAY));
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

/// Whether both columns hold the same cells; floats are compared by their bits.
fn assert_same(ours: &ArrayRef, other: &ArrayRef) {
    match (
        ours.as_primitive_opt::<Float64Type>(),
        other.as_primitive_opt(),
    ) {
        (Some(ours), Some(other)) => assert_eq!(bits(ours), bits(other)),
        _ => assert_eq!(ours, other),
    }
}

/// A column of `data_type` made of `words`.
fn column_of(data_type: &DataType, words: &[Option<i64>]) -> ArrayRef {
    let floats = |word: i64| match word & 15 {
        0 => f64::from_bits(word as u64),
        1 => -0.0,
        _ => (word % 1_000_000) as f64 / 100.0,
    };
    let words = words.iter().copied();
    match data_type {
        DataType::Float64 => Arc::new(words.map(|it| it.map(floats)).collect::<Float64Array>()),
        DataType::Date => Arc::new(
            words
                .map(|it| it.map(|word| word as i32))
                .collect::<Date32Array>(),
        ),
        DataType::Utf8 => {
            let text = |word: i64| "é".repeat((word & 63) as usize) + &word.to_string();
            Arc::new(words.map(|it| it.map(text)).collect::<StringArray>())
        }
        _ => Arc::new(words.collect::<Int64Array>()),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn cells_and_statistics_are_those_of_the_parquet_crate(
        words in prop::collection::vec(
            prop::option::weighted(0.8, prop_oneof![any::<i64>(), -60i64..60]),
            0..600,
        ),
        mask in prop::sample::select(vec![-1, 3, 0xFFFF, 0x3F << 50]),
        is_tiny: bool,
        compression in prop::sample::select(vec!["zstd", "zstd:3", "none"]),
    ) {
        let words: Vec<_> = words.iter().map(|word| word.map(|word| word & mask)).collect();
        let types = [DataType::Int64, DataType::Float64, DataType::Date, DataType::Utf8];
        let columns = types.each_ref().map(|it| vec![column_of(it, &words)]);
        let schema = schema(&types);
        let options = EncodeOptions {
            compression: compression.parse().unwrap(),
            ..if is_tiny { tiny() } else { EncodeOptions::default() }
        };
        let (metadata, ours) = read(&file(&schema, &options, &columns));
        let (crate_metadata, crates) = read(&crate_file(&schema, &options, &columns));
        for ((ours, crates), given) in ours.iter().zip(&crates).zip(&columns) {
            assert_same(ours, &given[0]);
            assert_same(crates, &given[0]);
        }
        let columns = crate_metadata.row_group(0).columns().iter();
        for (ours, crates) in metadata.row_group(0).columns().iter().zip(columns) {
            let [ours, crates] = [ours, crates].map(|it| format!("{:?}", it.statistics()));
            prop_assert_eq!(ours, crates);
        }
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
