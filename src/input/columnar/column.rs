//! A column of a Parquet file: what its cells are, and as which arrays they are read.
//!
//! Invariant: cells lose nothing on the way into the type that is named here, but for what a reader
//! of them must reject one by one (a time too far away for the unit).

use arrow::datatypes::{DataType as ArrowType, Schema as ArrowSchema, TimeUnit as ArrowUnit};
use parquet::arrow::parquet_to_arrow_schema;
use parquet::basic::{ConvertedType, Type as PhysicalType};
use parquet::errors::ParquetError;
use parquet::file::metadata::ParquetMetaData;
use parquet::file::statistics::Statistics;

use crate::base::{DataType, TimeUnit};

/// One column of a Parquet file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypedColumn {
    /// Its name.
    pub name: String,
    /// What its cells are.
    pub holds: Holds,
    /// The type of the arrays that they are read as.
    pub(super) arrow: ArrowType,
    /// Its index among the file's columns without structure; `None` if it has structure itself.
    pub(super) leaf: Option<usize>,
}

/// What the cells of a column are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holds {
    /// Cells of this type.
    Cells(DataType),
    /// Nulls only.
    Nothing,
    /// Something that is no cell of a table, in words: `a list`.
    Other(String),
}

impl TypedColumn {
    /// The columns of the file whose footer is `metadata`.
    pub(super) fn all(metadata: &ParquetMetaData) -> Result<Vec<Self>, ParquetError> {
        let file = metadata.file_metadata();
        let descriptor = file.schema_descr();
        // A writer's own schema that makes no sense is no more than advice.
        let advised = parquet_to_arrow_schema(descriptor, file.key_value_metadata());
        let schema = advised.or_else(|_| parquet_to_arrow_schema(descriptor, None))?;
        let mut leaves: Vec<Vec<usize>> = vec![Vec::new(); schema.fields().len()];
        for leaf in 0..descriptor.num_columns() {
            let root = descriptor.get_column_root_idx(leaf);
            let leaves = leaves.get_mut(root);
            let leaves = leaves.ok_or_else(|| ParquetError::General("a column too many".into()))?;
            leaves.push(leaf);
        }
        let columns = leaves.into_iter().enumerate();
        Ok(columns
            .map(|(index, leaves)| Self::new(metadata, &schema, index, &leaves))
            .collect())
    }

    fn new(
        metadata: &ParquetMetaData,
        schema: &ArrowSchema,
        index: usize,
        leaves: &[usize],
    ) -> Self {
        let field = schema.field(index);
        let descriptor = metadata.file_metadata().schema_descr();
        let flat = |leaf: &usize| {
            let column = descriptor.column(*leaf);
            column.max_rep_level() == 0 && column.path().parts().len() == 1
        };
        let leaf = match leaves {
            [leaf] if flat(leaf) => Some(*leaf),
            _ => None,
        };
        let (holds, arrow) = match leaf {
            None => (Holds::Other(structure(field.data_type())), ArrowType::Null),
            Some(leaf) => {
                let column = descriptor.column(leaf);
                let stored = Stored {
                    physical: column.physical_type(),
                    is_text: column.converted_type() == ConvertedType::UTF8,
                    is_small: &|| holds_small(metadata, leaf),
                };
                cells(field.data_type(), &stored)
            }
        };
        Self {
            name: field.name().clone(),
            holds,
            arrow,
            leaf,
        }
    }
}

/// What a column with structure is.
fn structure(arrow: &ArrowType) -> String {
    let name = match arrow {
        ArrowType::Struct(_) => "a struct",
        ArrowType::Map(..) => "a map",
        _ => "a list",
    };
    name.to_owned()
}

/// What is known of a column besides its type.
struct Stored<'a> {
    physical: PhysicalType,
    /// Whether bytes are marked in such a way that the reader makes sure that they are text.
    is_text: bool,
    /// Whether all unsigned cells are known to be int64 too.
    is_small: &'a dyn Fn() -> bool,
}

/// What cells of a type are, and as which they are read.
fn cells(arrow: &ArrowType, stored: &Stored<'_>) -> (Holds, ArrowType) {
    let data_type = match arrow {
        ArrowType::Null => return (Holds::Nothing, ArrowType::Null),
        ArrowType::Dictionary(_, values) => {
            let (holds, read) = cells(values, stored);
            return match (holds, read) {
                (Holds::Cells(DataType::Utf8), ArrowType::Utf8) => {
                    let (keys, texts) = (ArrowType::Int32.into(), ArrowType::Utf8.into());
                    let read = ArrowType::Dictionary(keys, texts);
                    (Holds::Cells(DataType::Categorical), read)
                }
                (Holds::Cells(DataType::Utf8), ArrowType::Binary) if is_text(values) => {
                    (Holds::Cells(DataType::Categorical), ArrowType::Binary)
                }
                other => other,
            };
        }
        _ => plain(arrow, stored.is_small),
    };
    let Some(data_type) = data_type else {
        return (Holds::Other(format!("of the type {arrow}")), arrow.clone());
    };
    let read = match (arrow, &data_type) {
        // The range of nanoseconds is too short for the dates people write.
        (ArrowType::Timestamp(..), _) if stored.physical == PhysicalType::INT96 => {
            let unit = TimeUnit::Microsecond;
            let read = ArrowType::Timestamp(ArrowUnit::Microsecond, None);
            return (Holds::Cells(DataType::Timestamp { unit, utc: false }), read);
        }
        (text, _) if is_text(text) && stored.is_text => ArrowType::Utf8,
        (bytes, _) if is_text(bytes) || is_binary(bytes) => ArrowType::Binary,
        (_, &DataType::Decimal { precision, scale }) if *arrow != ArrowType::UInt64 => {
            ArrowType::Decimal128(precision, scale)
        }
        _ => arrow.clone(),
    };
    (Holds::Cells(data_type), read)
}

fn is_text(arrow: &ArrowType) -> bool {
    use ArrowType as A;
    matches!(arrow, A::Utf8 | A::LargeUtf8 | A::Utf8View)
}

fn is_binary(arrow: &ArrowType) -> bool {
    use ArrowType as A;
    matches!(arrow, A::Binary | A::LargeBinary | A::BinaryView)
}

/// The column type that cells of a plain type come as, if there is one.
fn plain(arrow: &ArrowType, is_small: &dyn Fn() -> bool) -> Option<DataType> {
    use ArrowType as A;
    Some(match arrow {
        A::Boolean => DataType::Boolean,
        A::Int8 | A::Int16 | A::Int32 | A::Int64 | A::UInt8 | A::UInt16 | A::UInt32 => {
            DataType::Int64
        }
        A::UInt64 if is_small() => DataType::Int64,
        A::UInt64 => DataType::Decimal {
            precision: 20,
            scale: 0,
        },
        A::Float16 | A::Float32 | A::Float64 => DataType::Float64,
        &(A::Decimal32(precision, scale)
        | A::Decimal64(precision, scale)
        | A::Decimal128(precision, scale)
        | A::Decimal256(precision, scale))
            if (1..=38).contains(&precision) && (0..=precision as i8).contains(&scale) =>
        {
            DataType::Decimal { precision, scale }
        }
        A::Date32 | A::Date64 => DataType::Date,
        A::Timestamp(unit, zone) => DataType::Timestamp {
            unit: match unit {
                ArrowUnit::Nanosecond => TimeUnit::Nanosecond,
                _ => TimeUnit::Microsecond,
            },
            utc: zone.is_some(),
        },
        bytes if is_text(bytes) || is_binary(bytes) => DataType::Utf8,
        // A time of day is written out.
        A::Time32(_) | A::Time64(_) => DataType::Utf8,
        _ => return None,
    })
}

/// Whether the statistics of every row group say that the unsigned cells of `leaf` are int64 too.
fn holds_small(metadata: &ParquetMetaData, leaf: usize) -> bool {
    metadata.row_groups().iter().all(|group| {
        let column = group.column(leaf);
        let Some(Statistics::Int64(statistics)) = column.statistics() else {
            return group.num_rows() == 0;
        };
        let has_none = statistics.null_count_opt() == u64::try_from(group.num_rows()).ok();
        let bounds = statistics.min_opt().zip(statistics.max_opt());
        // The bits of a larger cell are those of a negative number, which is the greatest one in
        // the order of unsigned numbers and the least one in that of old writers.
        has_none || bounds.is_some_and(|(min, max)| 0 <= *min && min <= max)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(arrow: &ArrowType) -> (Holds, ArrowType) {
        cells(arrow, &stored(PhysicalType::INT64, &|| true))
    }

    fn stored(physical: PhysicalType, is_small: &dyn Fn() -> bool) -> Stored<'_> {
        Stored {
            physical,
            is_text: true,
            is_small,
        }
    }

    #[test]
    fn types_that_have_a_column() {
        use ArrowType as A;
        let dictionary = |values: A| A::Dictionary(A::Int8.into(), values.into());
        let utc = |unit| A::Timestamp(unit, Some("Europe/Berlin".into()));
        for (arrow, expected) in [
            (A::Int8, "int64"),
            (A::UInt32, "int64"),
            (A::UInt64, "int64"),
            (A::Float32, "float64"),
            (A::Boolean, "bool"),
            (A::Date64, "date"),
            (A::Decimal256(12, 2), "decimal(12,2)"),
            (A::Timestamp(ArrowUnit::Second, None), "timestamp[us]"),
            (utc(ArrowUnit::Millisecond), "timestamp[us, UTC]"),
            (utc(ArrowUnit::Nanosecond), "timestamp[ns, UTC]"),
            (A::LargeUtf8, "utf8"),
            (A::Binary, "utf8"),
            (A::Time32(ArrowUnit::Second), "utf8"),
            (dictionary(A::Utf8View), "categorical"),
            (dictionary(A::Int16), "int64"),
        ] {
            let (holds, _) = of(&arrow);
            let Holds::Cells(found) = holds else {
                panic!("{arrow} has no column");
            };
            assert_eq!(found.to_string(), expected, "{arrow}");
        }
        assert_eq!(of(&A::Null).0, Holds::Nothing);
        let large = cells(&A::UInt64, &stored(PhysicalType::INT64, &|| false));
        let decimal = DataType::Decimal {
            precision: 20,
            scale: 0,
        };
        assert_eq!(large, (Holds::Cells(decimal), A::UInt64));
        let spark = A::Timestamp(ArrowUnit::Nanosecond, None);
        let (_, read) = cells(&spark, &stored(PhysicalType::INT96, &|| true));
        assert_eq!(read, A::Timestamp(ArrowUnit::Microsecond, None));
        // Text that the reader would not look at is read as bytes.
        let unmarked = Stored {
            is_text: false,
            ..stored(PhysicalType::BYTE_ARRAY, &|| true)
        };
        assert_eq!(cells(&A::Utf8, &unmarked).1, A::Binary);
        let expected = (Holds::Cells(DataType::Categorical), A::Binary);
        assert_eq!(cells(&dictionary(A::Utf8), &unmarked), expected);
    }

    #[test]
    fn types_that_have_none() {
        use ArrowType as A;
        for arrow in [
            A::Decimal256(50, 2),
            A::Duration(ArrowUnit::Second),
            A::FixedSizeBinary(16),
        ] {
            assert!(matches!(of(&arrow).0, Holds::Other(_)), "{arrow}");
        }
    }
}
