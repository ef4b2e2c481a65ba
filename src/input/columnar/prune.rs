//! Simple conditions and the footer's statistics -> the row groups in which no row can meet them.
//!
//! Invariant: a row group is only passed over if its statistics prove that no row of it meets all
//! conditions; where they say nothing, or cannot be trusted, it is kept.

use std::cmp::Ordering;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{
    DataType as ArrowType, Date32Type, Date64Type, Decimal128Type, Field, Float32Type, Float64Type,
    Int8Type, Int16Type, Int32Type, Int64Type, TimeUnit as ArrowUnit, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type,
    UInt32Type, UInt64Type,
};
use parquet::arrow::arrow_reader::statistics::StatisticsConverter;
use parquet::errors::ParquetError;

use super::guard::guarded;
use super::{Columnar, Holds, TypedColumn};
use crate::base::{Comparison, DataType, Value};

/// What the cell of one column must be for its row to be of interest. Nulls meet no comparison with
/// a value. Values are those of the column's own type, as [`Holds::Cells`] names it; where its cells are
/// read as another type, nothing can be asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    /// Index of the column in [`Columnar::columns`].
    pub column: usize,
    /// How its cell is compared.
    pub comparison: Comparison,
}

/// What is known of a column's cells in one row group.
struct Known {
    /// No value is less.
    least: Option<Value>,
    /// No value is greater.
    greatest: Option<Value>,
    nulls: Option<u64>,
    rows: u64,
    /// Whether some values may fit no cell, which then are null.
    may_reject: bool,
}

impl Columnar {
    /// For each row group whether some row of it may meet all of `conditions`.
    pub fn groups_that_may_match(&self, conditions: &[Condition]) -> Vec<bool> {
        let mut may_match = vec![true; self.groups()];
        for condition in conditions {
            let known = guarded(|| self.known(condition.column));
            // Statistics that make no sense say nothing.
            let Ok(known) = known else { continue };
            for (may_match, known) in may_match.iter_mut().zip(known) {
                *may_match &= known.may_meet(&condition.comparison);
            }
        }
        may_match
    }

    /// What is known of a column in each row group.
    fn known(&self, column: usize) -> Result<Vec<Known>, ParquetError> {
        let column = &self.columns[column];
        let groups = self.metadata.row_groups();
        let (Some(leaf), Holds::Cells(data_type)) = (column.leaf, &column.holds) else {
            return Err(ParquetError::General("no cells".to_owned()));
        };
        let field = Field::new(&column.name, column.values(), true);
        let descriptor = self.metadata.file_metadata().schema_descr();
        let converter = StatisticsConverter::from_column_index(leaf, &field, descriptor)?
            .with_missing_null_counts_as_zero(false);
        let least = converter.row_group_mins(groups)?;
        let greatest = converter.row_group_maxes(groups)?;
        let nulls = converter.row_group_null_counts(groups)?;
        let known = groups.iter().enumerate().map(|(index, group)| {
            let statistics = group.column(leaf).statistics();
            // Old writers compared texts and unsigned numbers as signed ones.
            let is_sound = statistics.is_some_and(|found| !found.is_min_max_deprecated());
            let bound = |bounds: &ArrayRef| match is_sound {
                true => value(bounds, index, data_type),
                false => None,
            };
            Known {
                least: bound(&least),
                greatest: bound(&greatest),
                nulls: nulls.is_valid(index).then(|| nulls.value(index)),
                rows: u64::try_from(group.num_rows()).unwrap_or(u64::MAX),
                may_reject: column.may_reject(),
            }
        });
        Ok(known.collect())
    }
}

impl TypedColumn {
    /// The type of the values of its arrays, dictionaries aside.
    fn values(&self) -> ArrowType {
        match &self.arrow {
            ArrowType::Dictionary(_, values) => values.as_ref().clone(),
            other => other.clone(),
        }
    }

    /// Whether some values of its arrays may be out of the range of its type.
    fn may_reject(&self) -> bool {
        use ArrowUnit::{Millisecond, Second};
        matches!(
            self.arrow,
            ArrowType::Timestamp(Second | Millisecond, _)
                | ArrowType::Date64
                | ArrowType::UInt64
                | ArrowType::Decimal128(..)
        )
    }
}

impl Known {
    fn may_meet(&self, comparison: &Comparison) -> bool {
        use Comparison as C;
        let has_values = self.nulls.is_none_or(|nulls| nulls < self.rows);
        let least = |value| compare(self.least.as_ref(), value);
        let greatest = |value| compare(self.greatest.as_ref(), value);
        match comparison {
            C::IsNull => return self.rows > 0 && (self.may_reject || self.nulls != Some(0)),
            _ if !has_values => return false,
            C::IsNotNull => return true,
            _ => {}
        }
        match comparison {
            C::Equal(value) => {
                least(value).is_none_or(Ordering::is_le)
                    && greatest(value).is_none_or(Ordering::is_ge)
            }
            // Bounds of texts may be cut, and those of floats do not count NaN.
            C::NotEqual(Value::Utf8(_) | Value::Float64(_)) => true,
            C::NotEqual(value) => {
                least(value) != Some(Ordering::Equal) || greatest(value) != Some(Ordering::Equal)
            }
            C::Less(value) => least(value).is_none_or(Ordering::is_lt),
            C::LessOrEqual(value) => least(value).is_none_or(Ordering::is_le),
            // NaN, which bounds do not count, is greater than all numbers to some.
            C::Greater(Value::Float64(_)) | C::GreaterOrEqual(Value::Float64(_)) => true,
            C::Greater(value) => greatest(value).is_none_or(Ordering::is_gt),
            C::GreaterOrEqual(value) => greatest(value).is_none_or(Ordering::is_ge),
            C::IsNull | C::IsNotNull => unreachable!("both are decided by the nulls"),
        }
    }
}

/// How `bound` compares with `value`, if both are known and of one type.
fn compare(bound: Option<&Value>, value: &Value) -> Option<Ordering> {
    match (bound?, value) {
        (Value::Int64(bound), Value::Int64(value)) => Some(bound.cmp(value)),
        (Value::Float64(bound), Value::Float64(value)) => bound.partial_cmp(value),
        (Value::Boolean(bound), Value::Boolean(value)) => Some(bound.cmp(value)),
        (Value::Date(bound), Value::Date(value)) => Some(bound.cmp(value)),
        (Value::Timestamp(bound), Value::Timestamp(value)) => Some(bound.cmp(value)),
        (Value::Utf8(bound), Value::Utf8(value)) => Some(bound.cmp(value)),
        (Value::Decimal(bound), Value::Decimal(value)) => Some(bound.cmp(value)),
        _ => None,
    }
}

/// The bound at `index` as a value of a column of `data_type`.
fn value(bounds: &ArrayRef, index: usize, data_type: &DataType) -> Option<Value> {
    use ArrowType as A;
    if bounds.is_null(index) {
        return None;
    }
    macro_rules! cell {
        ($type:ty) => {
            bounds.as_primitive::<$type>().value(index)
        };
    }
    let integer = match bounds.data_type() {
        A::Int8 => i128::from(cell!(Int8Type)),
        A::Int16 => i128::from(cell!(Int16Type)),
        A::Int32 => i128::from(cell!(Int32Type)),
        A::Int64 => i128::from(cell!(Int64Type)),
        A::UInt8 => i128::from(cell!(UInt8Type)),
        A::UInt16 => i128::from(cell!(UInt16Type)),
        A::UInt32 => i128::from(cell!(UInt32Type)),
        A::UInt64 => i128::from(cell!(UInt64Type)),
        A::Date32 => i128::from(cell!(Date32Type)),
        A::Date64 => i128::from(cell!(Date64Type).div_euclid(86_400_000)),
        A::Timestamp(ArrowUnit::Second, _) => i128::from(cell!(TimestampSecondType)) * 1_000_000,
        A::Timestamp(ArrowUnit::Millisecond, _) => {
            i128::from(cell!(TimestampMillisecondType)) * 1000
        }
        A::Timestamp(ArrowUnit::Microsecond, _) => i128::from(cell!(TimestampMicrosecondType)),
        A::Timestamp(ArrowUnit::Nanosecond, _) => i128::from(cell!(TimestampNanosecondType)),
        A::Decimal128(..) => cell!(Decimal128Type),
        A::Float32 => return Some(Value::Float64(f64::from(cell!(Float32Type)))),
        A::Float64 => return Some(Value::Float64(cell!(Float64Type))),
        A::Boolean => return Some(Value::Boolean(bounds.as_boolean().value(index))),
        A::Utf8 => {
            return Some(Value::Utf8(
                bounds.as_string::<i32>().value(index).to_owned(),
            ));
        }
        _ => return None,
    };
    Some(match data_type {
        DataType::Int64 => Value::Int64(i64::try_from(integer).ok()?),
        DataType::Date => Value::Date(i32::try_from(integer).ok()?),
        DataType::Timestamp { .. } => Value::Timestamp(i64::try_from(integer).ok()?),
        DataType::Decimal { .. } => Value::Decimal(integer),
        _ => return None,
    })
}
