//! Typed cells -> cells of a column: in comes an Arrow array of a file that has types of its own,
//! out goes one of the column's type.
//!
//! Invariant: every cell is null, or the same value, or becomes null and leaves a [`Reject`]. Where
//! types have no value in common the cell is written out and read as a field of a CSV file would be,
//! so that `--dtype` means the same everywhere. A reject's `chunk_offset` is its row.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, DictionaryArray, Int32Array, PrimitiveArray,
    StringArray,
};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{
    DataType as ArrowType, Date32Type, Date64Type, Decimal128Type, DecimalType, Float16Type,
    Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, TimeUnit as ArrowUnit,
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use bumpalo::Bump;

use super::column::{ColumnCounts, Misfits};
use super::field::FieldColumn;
use super::null::NullTokens;
use crate::base::{Column, DataType, Error, ErrorKind, Origin, Quoting, Reason, Reject, Result};

const MILLISECONDS_PER_DAY: i64 = 86_400_000;
const SECONDS_PER_DAY: i64 = 86_400;
/// Whole numbers up to here are floats too, all of them.
const EXACT_MAX: u64 = 1 << 53;

/// The cells of one column of a chunk.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) array: ArrayRef,
    pub(super) counts: ColumnCounts,
    /// In row order.
    pub(super) rejects: Vec<Reject>,
}

/// The `cells` as those of `column`, which stands in `slot`.
///
/// # Errors
/// [`ErrorKind::Row`] if bytes without a type are no text.
pub(super) fn take(
    column: &Column,
    slot: usize,
    cells: &ArrayRef,
    nulls: &NullTokens,
) -> Result<Taken> {
    let plain = plain(cells, column)?;
    let mut rejects = lost(slot, cells, &plain);
    let mut counts = ColumnCounts {
        nulls: (cells.len() - valid_count(cells)) as u64,
        ..ColumnCounts::default()
    };
    let array = match converted(&plain, column) {
        Some(array) => {
            rejects.extend(lost(slot, &plain, &array));
            array
        }
        None => {
            let (array, read, more) = read_as_text(&plain, column, slot, nulls);
            // What was null already is no field that is null.
            let null_before = plain.len() - valid_count(&plain);
            counts.nulls += read.nulls - null_before as u64;
            rejects.extend(more);
            array
        }
    };
    rejects.sort_by_key(|reject| reject.chunk_offset);
    counts.nulled = rejects.len() as u64;
    Ok(Taken {
        array,
        counts,
        rejects,
    })
}

/// The first cell that has a value, as text, cut to a few characters.
pub fn first_text(cells: &ArrayRef) -> Option<String> {
    const CHARS_MAX: usize = 20;
    let nulls = cells.logical_nulls();
    let is_valid = |row: &usize| nulls.as_ref().is_none_or(|nulls| nulls.is_valid(*row));
    let row = (0..cells.len()).find(is_valid)?;
    let cells = match cells.data_type() {
        ArrowType::Binary => Arc::new(texts_of_bytes(&cells.slice(row, 1), "").ok()?) as ArrayRef,
        _ => cells.slice(row, 1),
    };
    let text = Texts::new(&cells).raw(0);
    Some(text.chars().take(CHARS_MAX).collect())
}

fn valid_count(cells: &ArrayRef) -> usize {
    cells.len() - cells.logical_null_count()
}

/// A reject for each cell that has a value `before`, and none `after`.
fn lost(slot: usize, before: &ArrayRef, after: &ArrayRef) -> Vec<Reject> {
    if before.logical_null_count() == after.logical_null_count() {
        return Vec::new();
    }
    let (was_null, is_null) = (before.logical_nulls(), after.logical_nulls());
    let valid = |nulls: &Option<NullBuffer>, row| nulls.as_ref().is_none_or(|n| n.is_valid(row));
    let rows = 0..before.len();
    let lost = rows.filter(|&row| valid(&was_null, row) && !valid(&is_null, row));
    let rejects = lost.map(|row| {
        let text = Texts::new(before).raw(row);
        Reject::new(Reason::OutOfRange, Some(slot), row, text.as_bytes())
    });
    rejects.collect()
}

/// The cells in an array of one of the types that columns have, null where they are out of its
/// range. What `column` wants decides where several types would do.
fn plain(cells: &ArrayRef, column: &Column) -> Result<ArrayRef> {
    use ArrowType as A;
    use ArrowUnit as U;
    let scaled = |factor: i64| move |ticks: i64| ticks.checked_mul(factor);
    Ok(match cells.data_type() {
        A::Int8 => integers::<Int8Type>(cells),
        A::Int16 => integers::<Int16Type>(cells),
        A::Int32 => integers::<Int32Type>(cells),
        A::UInt8 => integers::<UInt8Type>(cells),
        A::UInt16 => integers::<UInt16Type>(cells),
        A::UInt32 => integers::<UInt32Type>(cells),
        A::UInt64 if column.data_type == DataType::Int64 => {
            let cells = cells.as_primitive::<UInt64Type>();
            Arc::new(cells.unary_opt::<_, Int64Type>(|cell| i64::try_from(cell).ok()))
        }
        A::UInt64 => {
            let cells = cells.as_primitive::<UInt64Type>();
            let cells = cells.unary::<_, Decimal128Type>(i128::from);
            Arc::new(
                cells
                    .with_precision_and_scale(20, 0)
                    .expect("20 digits are few"),
            )
        }
        A::Float16 => floats::<Float16Type>(cells),
        A::Float32 => floats::<Float32Type>(cells),
        A::Date64 => {
            let cells = cells.as_primitive::<Date64Type>();
            let day = |cell: i64| i32::try_from(cell.div_euclid(MILLISECONDS_PER_DAY)).ok();
            Arc::new(cells.unary_opt::<_, Date32Type>(day))
        }
        A::Timestamp(unit, zone) => {
            let utc = zone.as_ref().map(|_| Arc::from("UTC"));
            macro_rules! ticks {
                ($from:ty, $to:ty, $factor:expr) => {{
                    let cells = cells.as_primitive::<$from>();
                    let cells = cells.unary_opt::<_, $to>(scaled($factor));
                    Arc::new(cells.with_timezone_opt(utc))
                }};
            }
            match unit {
                U::Second => ticks!(TimestampSecondType, TimestampMicrosecondType, 1_000_000),
                U::Millisecond => ticks!(TimestampMillisecondType, TimestampMicrosecondType, 1000),
                U::Microsecond => ticks!(TimestampMicrosecondType, TimestampMicrosecondType, 1),
                U::Nanosecond => ticks!(TimestampNanosecondType, TimestampNanosecondType, 1),
            }
        }
        A::Decimal128(precision, _) => within_precision(cells, *precision),
        A::Binary => Arc::new(texts_of_bytes(cells, &column.name)?),
        A::Time32(_) | A::Time64(_) => Arc::new(Texts::new(cells).all()),
        A::Null => arrow::array::new_null_array(&column.data_type.to_arrow(), cells.len()),
        _ => Arc::clone(cells),
    })
}

fn integers<T: ArrowPrimitiveType<Native: Into<i64>>>(cells: &ArrayRef) -> ArrayRef {
    let cells: &PrimitiveArray<T> = cells.as_primitive();
    Arc::new(cells.unary::<_, Int64Type>(Into::into))
}

fn floats<T: ArrowPrimitiveType<Native: Into<f64>>>(cells: &ArrayRef) -> ArrayRef {
    let cells: &PrimitiveArray<T> = cells.as_primitive();
    Arc::new(cells.unary::<_, Float64Type>(Into::into))
}

fn texts_of_dictionary(cells: &ArrayRef) -> StringArray {
    let cells = cells.as_dictionary::<Int32Type>();
    let texts = cells.values().as_string::<i32>();
    let keys = cells.keys().iter();
    let texts = keys.map(|key| {
        let key = usize::try_from(key?).expect("a key is an index");
        texts.is_valid(key).then(|| texts.value(key))
    });
    texts.collect()
}

/// The number that the first of the dates or times is stored as.
fn number(cells: &ArrayRef) -> Option<i64> {
    use ArrowUnit as U;
    Some(match cells.data_type() {
        ArrowType::Date32 => i64::from(cells.as_primitive::<Date32Type>().value(0)),
        ArrowType::Date64 => cells.as_primitive::<Date64Type>().value(0),
        ArrowType::Timestamp(unit, _) => match unit {
            U::Second => cells.as_primitive::<TimestampSecondType>().value(0),
            U::Millisecond => cells.as_primitive::<TimestampMillisecondType>().value(0),
            U::Microsecond => cells.as_primitive::<TimestampMicrosecondType>().value(0),
            U::Nanosecond => cells.as_primitive::<TimestampNanosecondType>().value(0),
        },
        _ => return None,
    })
}

/// Decimal cells without those that have more digits than their type says.
fn within_precision(cells: &ArrayRef, precision: u8) -> ArrayRef {
    let decimals = cells.as_primitive::<Decimal128Type>();
    let fits = |cell: &i128| Decimal128Type::is_valid_decimal_precision(*cell, precision);
    if decimals.iter().flatten().all(|cell| fits(&cell)) {
        return Arc::clone(cells);
    }
    let checked = decimals.unary_opt::<_, Decimal128Type>(|cell| Some(cell).filter(fits));
    Arc::new(checked.with_data_type(cells.data_type().clone()))
}

/// Bytes that are text, of the column `name`.
fn texts_of_bytes(cells: &ArrayRef, name: &str) -> Result<StringArray> {
    let bytes = cells.as_binary::<i32>();
    for (row, cell) in bytes.iter().enumerate() {
        if cell.is_some_and(|cell| str::from_utf8(cell).is_err()) {
            let name = name.escape_debug();
            let message = format!(
                "column `{name}` is binary, and these bytes of it are no text in UTF-8; leave it \
                 out: --exclude {name}"
            );
            return Err(Error::from(ErrorKind::Row {
                row,
                position: None,
                message,
            }));
        }
    }
    let (offsets, values, nulls) = bytes.clone().into_parts();
    let texts = StringArray::try_new(offsets, values, nulls);
    // Bytes behind null cells are looked at by no one, but must be text too.
    Ok(texts.unwrap_or_else(|_| {
        let texts = bytes.iter().map(|cell| cell.map(String::from_utf8_lossy));
        texts.collect()
    }))
}

/// The plain cells as `column`'s, null where they are out of its range; `None` if the types have
/// no values in common.
fn converted(cells: &ArrayRef, column: &Column) -> Option<ArrayRef> {
    use ArrowType as A;
    let declared = column.origin == Origin::Declared;
    let wanted = column.data_type.to_arrow();
    Some(match (cells.data_type(), &wanted) {
        (A::Dictionary(..), A::Dictionary(..)) => Arc::new(interned(cells)),
        (from, to) if from == to => Arc::clone(cells),
        (A::Dictionary(..), A::Utf8) => Arc::new(texts_of_dictionary(cells)),
        (A::Utf8, A::Dictionary(..)) => {
            let texts = cells.as_string::<i32>().iter();
            Arc::new(texts.collect::<DictionaryArray<Int32Type>>())
        }
        (A::Utf8 | A::Dictionary(..), _) => return None,
        (_, A::Utf8) => Arc::new(Texts::new(cells).all()),
        (_, A::Dictionary(..)) => {
            let texts = Texts::new(cells).all();
            Arc::new(texts.iter().collect::<DictionaryArray<Int32Type>>())
        }
        (A::Int64, A::Float64) => {
            let cells = cells.as_primitive::<Int64Type>();
            let is_exact = |cell: i64| declared || is_float(cell);
            let float = |cell: i64| is_exact(cell).then_some(cell as f64);
            Arc::new(cells.unary_opt::<_, Float64Type>(float))
        }
        (A::Int64, &A::Decimal128(precision, scale)) => {
            let cells = cells.as_primitive::<Int64Type>();
            let cells = cells.unary_opt(|cell| rescaled(i128::from(cell), scale, precision));
            decimals(&cells, &wanted)
        }
        (&A::Decimal128(_, from), &A::Decimal128(precision, to)) if from <= to => {
            let cells = cells.as_primitive::<Decimal128Type>();
            let cells = cells.unary_opt(|cell| rescaled(cell, to - from, precision));
            decimals(&cells, &wanted)
        }
        (A::Date32, A::Timestamp(unit, None)) => {
            let per_second = match unit {
                ArrowUnit::Nanosecond => 1_000_000_000,
                _ => 1_000_000,
            };
            let cells = cells.as_primitive::<Date32Type>();
            let ticks = |day: i32| (i64::from(day) * SECONDS_PER_DAY).checked_mul(per_second);
            match unit {
                ArrowUnit::Nanosecond => {
                    Arc::new(cells.unary_opt::<_, TimestampNanosecondType>(ticks))
                }
                _ => Arc::new(cells.unary_opt::<_, TimestampMicrosecondType>(ticks)),
            }
        }
        (A::Timestamp(ArrowUnit::Microsecond, from), A::Timestamp(ArrowUnit::Nanosecond, to))
            if from == to =>
        {
            let cells = cells.as_primitive::<TimestampMicrosecondType>();
            let ticks = |cell: i64| cell.checked_mul(1000);
            let cells = cells.unary_opt::<_, TimestampNanosecondType>(ticks);
            Arc::new(cells.with_timezone_opt(to.clone()))
        }
        _ => return None,
    })
}

/// Whether `cell` is a float64 without rounding.
fn is_float(cell: i64) -> bool {
    let magnitude = cell.unsigned_abs();
    magnitude <= EXACT_MAX || magnitude >> magnitude.trailing_zeros() <= EXACT_MAX
}

/// `unscaled` with `more` digits behind the point, if it then has at most `precision` digits.
fn rescaled(unscaled: i128, more: i8, precision: u8) -> Option<i128> {
    let factor = 10_i128.checked_pow(u32::try_from(more).ok()?)?;
    let unscaled = unscaled.checked_mul(factor)?;
    Decimal128Type::is_valid_decimal_precision(unscaled, precision).then_some(unscaled)
}

fn decimals(cells: &PrimitiveArray<Decimal128Type>, data_type: &ArrowType) -> ArrayRef {
    Arc::new(cells.clone().with_data_type(data_type.clone()))
}

/// A dictionary whose values are all used, each once, in order of first appearance.
fn interned(cells: &ArrayRef) -> DictionaryArray<Int32Type> {
    const UNSEEN: i32 = -1;
    let cells = cells.as_dictionary::<Int32Type>();
    let texts = cells.values().as_string::<i32>();
    let mut ids = vec![UNSEEN; texts.len()];
    let mut known: HashMap<&str, i32> = HashMap::new();
    let mut values: Vec<&str> = Vec::new();
    let keys = cells.keys().iter().map(|key| {
        let key = usize::try_from(key?).expect("a key is an index");
        if texts.is_null(key) {
            return None;
        }
        if ids[key] == UNSEEN {
            let text = texts.value(key);
            ids[key] = *known.entry(text).or_insert_with(|| {
                values.push(text);
                values.len() as i32 - 1
            });
        }
        Some(ids[key])
    });
    let keys: Int32Array = keys.collect();
    DictionaryArray::new(keys, Arc::new(StringArray::from(values)))
}

/// The cells, written out, as `column` reads the fields of a CSV file; what became of them, and its
/// rejects.
fn read_as_text(
    cells: &ArrayRef,
    column: &Column,
    slot: usize,
    nulls: &NullTokens,
) -> (ArrayRef, ColumnCounts, Vec<Reject>) {
    let texts = match cells.data_type() {
        ArrowType::Utf8 => cells.as_string::<i32>().clone(),
        ArrowType::Dictionary(..) => texts_of_dictionary(cells),
        _ => Texts::new(cells).all(),
    };
    // The type has been decided; nothing that is read here may change it.
    let column = Column {
        origin: Origin::Declared,
        ..column.clone()
    };
    let (mut bytes, mut offsets) = (Vec::new(), Vec::with_capacity(2 * texts.len()));
    for text in &texts {
        // A null cell is an empty field. A field ends one byte before the next offset.
        offsets.push(bytes.len() as u32);
        bytes.extend_from_slice(text.unwrap_or_default().as_bytes());
        bytes.push(b'\n');
        offsets.push(bytes.len() as u32);
    }
    let mut builder = super::column_builder(&column, slot, nulls, Quoting::doubled(None));
    let mut misfits = Misfits::default();
    builder.begin(texts.len());
    let fields = FieldColumn::new(&bytes, &offsets, 1, 0);
    builder.push(fields, &Bump::new(), &mut misfits);
    let (array, counts) = builder.finish();
    let starts: Vec<u32> = offsets.iter().step_by(2).copied().collect();
    let mut rejects = misfits.rejects;
    for reject in &mut rejects {
        let found = starts.binary_search(&(reject.chunk_offset as u32));
        reject.chunk_offset = found.expect("a field starts there");
    }
    (array, counts, rejects)
}

/// Writes cells out.
struct Texts {
    /// Without its zone, whose name takes a table of zones to print.
    cells: ArrayRef,
    is_utc: bool,
}

impl Texts {
    fn new(cells: &ArrayRef) -> Self {
        fn zoneless<T: arrow::datatypes::ArrowTimestampType>(cells: &ArrayRef) -> ArrayRef {
            let cells: &PrimitiveArray<T> = cells.as_primitive();
            Arc::new(cells.clone().with_timezone_opt(None::<&str>))
        }
        let (cells, is_utc) = match cells.data_type() {
            ArrowType::Timestamp(unit, Some(_)) => {
                let cells = match unit {
                    ArrowUnit::Second => zoneless::<TimestampSecondType>(cells),
                    ArrowUnit::Millisecond => zoneless::<TimestampMillisecondType>(cells),
                    ArrowUnit::Microsecond => zoneless::<TimestampMicrosecondType>(cells),
                    ArrowUnit::Nanosecond => zoneless::<TimestampNanosecondType>(cells),
                };
                (cells, true)
            }
            _ => (Arc::clone(cells), false),
        };
        Self { cells, is_utc }
    }

    /// Every cell; null where it is, or has no text (a year of many digits).
    fn all(&self) -> StringArray {
        let options = FormatOptions::default();
        let Ok(formatter) = ArrayFormatter::try_new(&self.cells, &options) else {
            return StringArray::new_null(self.cells.len());
        };
        let nulls = self.cells.logical_nulls();
        let texts = (0..self.cells.len()).map(|row| {
            if nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
                return None;
            }
            let text = formatter.value(row).try_to_string().ok()?;
            Some(if self.is_utc { text + "Z" } else { text })
        });
        texts.collect()
    }

    /// The cell of one row, in whatever way it can be written.
    fn raw(&self, row: usize) -> String {
        let one = Self {
            cells: self.cells.slice(row, 1),
            is_utc: self.is_utc,
        };
        if let Some(text) = one.all().iter().flatten().next() {
            return text.to_owned();
        }
        number(&one.cells).map_or_else(String::new, |number| number.to_string())
    }
}
