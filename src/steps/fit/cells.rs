//! Fixed-width columns as slices: Arrow arrays in, native cells out, and back again with the exact
//! Arrow type (unit, zone, precision). The only place of this room that knows which Arrow array
//! holds which native type.

use std::borrow::Cow;
use std::hash::Hash;
use std::ops::Not;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray, BooleanArray, PrimitiveArray};
use arrow::buffer::{BooleanBuffer, NullBuffer, ScalarBuffer};
use arrow::datatypes::{
    DataType as ArrowType, Date32Type, Decimal128Type, Float64Type, Int64Type, TimeUnit,
    TimestampMicrosecondType, TimestampNanosecondType,
};

use super::ratio::Ratio;
use crate::base::{DataType, Value};

/// The native type of a fixed-width column's cells: `i64` for integers and timestamps, `i32` for
/// dates, `i128` for decimals, `f64` and `bool`.
pub(in crate::steps) trait Cell:
    Copy + Default + PartialEq + Send + Sync + 'static
{
    /// An unsigned integer whose order is the order of the cells.
    type Key: Key;

    /// The order key; `None` for NaN, which has no place in the order.
    fn key(self) -> Option<Self::Key>;

    /// The cell with this order key (zero for both zeros of a float).
    fn from_key(key: Self::Key) -> Self;

    /// The cells of `array`; those of nulls are arbitrary.
    fn read(array: &dyn Array) -> Cow<'_, [Self]>;

    /// An array of type `data_type`.
    fn build(cells: Vec<Self>, nulls: Option<NullBuffer>, data_type: &ArrowType) -> ArrayRef;

    /// The cell as a value of a `data_type` column.
    fn to_value(self, data_type: &DataType) -> Value;

    /// The cell in `value`; `None` if it is of another type.
    fn from_value(value: &Value) -> Option<Self>;

    /// The cell as the receipt prints it.
    fn print(self, data_type: &DataType) -> String;
}

/// An order key, with the arithmetic that a radix search needs.
pub(in crate::steps) trait Key:
    Copy + Ord + Hash + Not<Output = Self> + Send + Sync + 'static
{
    /// The smallest key.
    const MIN: Self;
    /// The largest key.
    const MAX: Self;
    /// The number of bits that `self` takes; 0 for zero.
    fn bits(self) -> u32;
    /// `self - low`, for `low <= self`.
    fn above(self, low: Self) -> Self;
    /// `self >> shift`, which must fit.
    fn bucket(self, shift: u32) -> usize;
    /// The first and last key of a bucket of width `2^shift` above `low`.
    fn bucket_range(low: Self, bucket: usize, shift: u32) -> (Self, Self);
    /// Appends its bytes to `bytes`; they have the order of the keys.
    fn put(self, bytes: &mut Vec<u8>);
}

macro_rules! key {
    ($type:ty) => {
        impl Key for $type {
            const MIN: Self = <$type>::MIN;
            const MAX: Self = <$type>::MAX;

            fn bits(self) -> u32 {
                <$type>::BITS - self.leading_zeros()
            }

            fn above(self, low: Self) -> Self {
                self - low
            }

            fn bucket(self, shift: u32) -> usize {
                (self >> shift) as usize
            }

            fn bucket_range(low: Self, bucket: usize, shift: u32) -> (Self, Self) {
                let first = low + ((bucket as $type) << shift);
                (first, first.saturating_add(((1 as $type) << shift) - 1))
            }

            fn put(self, bytes: &mut Vec<u8>) {
                bytes.extend_from_slice(&self.to_be_bytes());
            }
        }
    };
}

key!(u64);
key!(u128);

fn primitive<T: ArrowPrimitiveType>(
    cells: Vec<T::Native>,
    nulls: Option<NullBuffer>,
    data_type: &ArrowType,
) -> ArrayRef {
    let array = PrimitiveArray::<T>::new(ScalarBuffer::from(cells), nulls);
    Arc::new(array.with_data_type(data_type.clone()))
}

impl Cell for i64 {
    type Key = u64;

    fn key(self) -> Option<u64> {
        Some(self as u64 ^ (1 << 63))
    }

    fn from_key(key: u64) -> Self {
        (key ^ (1 << 63)) as Self
    }

    fn read(array: &dyn Array) -> Cow<'_, [Self]> {
        let cells: &[Self] = match array.data_type() {
            ArrowType::Timestamp(TimeUnit::Microsecond, _) => {
                array.as_primitive::<TimestampMicrosecondType>().values()
            }
            ArrowType::Timestamp(TimeUnit::Nanosecond, _) => {
                array.as_primitive::<TimestampNanosecondType>().values()
            }
            _ => array.as_primitive::<Int64Type>().values(),
        };
        Cow::Borrowed(cells)
    }

    fn build(cells: Vec<Self>, nulls: Option<NullBuffer>, data_type: &ArrowType) -> ArrayRef {
        match data_type {
            ArrowType::Timestamp(TimeUnit::Microsecond, _) => {
                primitive::<TimestampMicrosecondType>(cells, nulls, data_type)
            }
            ArrowType::Timestamp(TimeUnit::Nanosecond, _) => {
                primitive::<TimestampNanosecondType>(cells, nulls, data_type)
            }
            _ => primitive::<Int64Type>(cells, nulls, data_type),
        }
    }

    fn to_value(self, data_type: &DataType) -> Value {
        match data_type {
            DataType::Timestamp { .. } => Value::Timestamp(self),
            _ => Value::Int64(self),
        }
    }

    fn from_value(value: &Value) -> Option<Self> {
        match *value {
            Value::Int64(cell) | Value::Timestamp(cell) => Some(cell),
            _ => None,
        }
    }

    fn print(self, data_type: &DataType) -> String {
        Ratio::of(self.into()).print(data_type)
    }
}

impl Cell for i32 {
    type Key = u64;

    fn key(self) -> Option<u64> {
        i64::from(self).key()
    }

    fn from_key(key: u64) -> Self {
        i64::from_key(key) as Self
    }

    fn read(array: &dyn Array) -> Cow<'_, [Self]> {
        Cow::Borrowed(array.as_primitive::<Date32Type>().values())
    }

    fn build(cells: Vec<Self>, nulls: Option<NullBuffer>, data_type: &ArrowType) -> ArrayRef {
        primitive::<Date32Type>(cells, nulls, data_type)
    }

    fn to_value(self, _: &DataType) -> Value {
        Value::Date(self)
    }

    fn from_value(value: &Value) -> Option<Self> {
        match *value {
            Value::Date(days) => Some(days),
            _ => None,
        }
    }

    fn print(self, data_type: &DataType) -> String {
        Ratio::of(self.into()).print(data_type)
    }
}

impl Cell for i128 {
    type Key = u128;

    fn key(self) -> Option<u128> {
        Some(self as u128 ^ (1 << 127))
    }

    fn from_key(key: u128) -> Self {
        (key ^ (1 << 127)) as Self
    }

    fn read(array: &dyn Array) -> Cow<'_, [Self]> {
        Cow::Borrowed(array.as_primitive::<Decimal128Type>().values())
    }

    fn build(cells: Vec<Self>, nulls: Option<NullBuffer>, data_type: &ArrowType) -> ArrayRef {
        primitive::<Decimal128Type>(cells, nulls, data_type)
    }

    fn to_value(self, _: &DataType) -> Value {
        Value::Decimal(self)
    }

    fn from_value(value: &Value) -> Option<Self> {
        match *value {
            Value::Decimal(unscaled) => Some(unscaled),
            _ => None,
        }
    }

    fn print(self, data_type: &DataType) -> String {
        Ratio::of(self).print(data_type)
    }
}

impl Cell for f64 {
    type Key = u64;

    fn key(self) -> Option<u64> {
        // Adding zero turns -0 into 0: they are one value, so they must be one key.
        let bits = (self + 0.0).to_bits();
        let flip = ((bits as i64 >> 63) as u64) | (1 << 63);
        (!self.is_nan()).then_some(bits ^ flip)
    }

    fn from_key(key: u64) -> Self {
        let flip = ((!key as i64 >> 63) as u64) | (1 << 63);
        Self::from_bits(key ^ flip)
    }

    fn read(array: &dyn Array) -> Cow<'_, [Self]> {
        Cow::Borrowed(array.as_primitive::<Float64Type>().values())
    }

    fn build(cells: Vec<Self>, nulls: Option<NullBuffer>, data_type: &ArrowType) -> ArrayRef {
        primitive::<Float64Type>(cells, nulls, data_type)
    }

    fn to_value(self, _: &DataType) -> Value {
        Value::Float64(self)
    }

    fn from_value(value: &Value) -> Option<Self> {
        match *value {
            Value::Float64(cell) => Some(cell),
            _ => None,
        }
    }

    fn print(self, _: &DataType) -> String {
        self.to_string()
    }
}

impl Cell for bool {
    type Key = u64;

    fn key(self) -> Option<u64> {
        Some(u64::from(self))
    }

    fn from_key(key: u64) -> Self {
        key != 0
    }

    fn read(array: &dyn Array) -> Cow<'_, [Self]> {
        Cow::Owned(array.as_boolean().values().iter().collect())
    }

    fn build(cells: Vec<Self>, nulls: Option<NullBuffer>, _: &ArrowType) -> ArrayRef {
        Arc::new(BooleanArray::new(BooleanBuffer::from(cells), nulls))
    }

    fn to_value(self, _: &DataType) -> Value {
        Value::Boolean(self)
    }

    fn from_value(value: &Value) -> Option<Self> {
        match *value {
            Value::Boolean(cell) => Some(cell),
            _ => None,
        }
    }

    fn print(self, _: &DataType) -> String {
        self.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn float_keys_keep_the_order_and_come_back() {
        let ordered = [
            f64::NEG_INFINITY,
            f64::MIN,
            -1.5,
            -f64::MIN_POSITIVE,
            -5e-324,
            0.0,
            5e-324,
            1.0,
            f64::MAX,
            f64::INFINITY,
        ];
        let keys: Vec<_> = ordered.iter().map(|x| x.key().unwrap()).collect();
        assert!(keys.is_sorted_by(|a, b| a < b), "{keys:?}");
        for (x, key) in ordered.iter().zip(keys) {
            assert_eq!(f64::from_key(key).to_bits(), x.to_bits());
        }
        assert_eq!((-0.0).key(), 0.0.key());
        assert_eq!(f64::NAN.key(), None);
        assert_eq!((-f64::NAN).key(), None);
    }

    #[test]
    fn integer_keys_keep_the_order_and_come_back() {
        let ordered = [i64::MIN, -1, 0, 1, i64::MAX];
        assert!(ordered.is_sorted_by(|a, b| a.key() < b.key()));
        assert!(
            ordered
                .iter()
                .all(|x| i64::from_key(x.key().unwrap()) == *x)
        );
        let ordered = [i128::MIN, -1, 0, 1, i128::MAX];
        assert!(ordered.is_sorted_by(|a, b| a.key() < b.key()));
        assert!(
            ordered
                .iter()
                .all(|x| i128::from_key(x.key().unwrap()) == *x)
        );
        let ordered = [i32::MIN, -1, 0, 1, i32::MAX];
        assert!(ordered.is_sorted_by(|a, b| a.key() < b.key()));
        assert!(
            ordered
                .iter()
                .all(|x| i32::from_key(x.key().unwrap()) == *x)
        );
    }

    #[test]
    fn arrays_come_back_with_their_exact_type() {
        let zoned = ArrowType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
        let nanos = ArrowType::Timestamp(TimeUnit::Nanosecond, None);
        for data_type in [zoned, nanos, ArrowType::Int64] {
            let nulls = NullBuffer::from(vec![true, false, true]);
            let array = i64::build(vec![1, 2, 3], Some(nulls), &data_type);
            assert_eq!(array.data_type(), &data_type);
            assert_eq!(*i64::read(&array), [1, 2, 3]);
            assert_eq!(array.null_count(), 1);
            assert_eq!(*i64::read(&array.slice(1, 2)), [2, 3]);
        }
        let decimal = ArrowType::Decimal128(7, 3);
        let array = i128::build(vec![-5], None, &decimal);
        assert_eq!(array.data_type(), &decimal);
        let flags = bool::build(vec![true, false, true], None, &ArrowType::Boolean);
        assert_eq!(*bool::read(&flags.slice(1, 2)), [false, true]);
    }

    #[test]
    fn bucket_ranges_do_not_overflow() {
        assert_eq!(u64::bucket_range(0, 65535, 48), (65535 << 48, u64::MAX));
        assert_eq!(u64::bucket_range(u64::MAX - 2, 1, 1), (u64::MAX, u64::MAX));
    }
}
