//! Rows of arrays <-> rows of bytes, each in one piece so that it can be moved by itself.
//!
//! ```text
//!  row:  origin     nulls       one field for each column                  texts
//!        u32 · u32  a bit each  8 bytes · 4 bytes · length of a text · …   one after the other
//! ```
//!
//! Invariant: a cell comes back as it was to the bit; a category comes back as its text.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, BooleanArray, DictionaryArray, Int32Array,
    PrimitiveArray, StringArray,
};
use arrow::buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer};
use arrow::datatypes::{
    DataType as ArrowType, Date32Type, Decimal128Type, Float64Type, Int32Type, Int64Type,
    TimeUnit as ArrowUnit, TimestampMicrosecondType, TimestampNanosecondType,
};

use crate::base::{Batch, DataType, ErrorKind, Result};
use crate::steps::RowOrigin;

/// Bytes of a row's origin.
const ORIGIN_BYTES: usize = 8;

/// Which cells of a row are kept, and where in its bytes.
#[derive(Debug, Clone)]
pub struct RowLayout {
    fields: Vec<Field>,
    /// Bytes before the texts.
    head_bytes: usize,
}

#[derive(Debug, Clone)]
struct Field {
    slot: usize,
    data_type: ArrowType,
    /// Where it begins.
    at: usize,
}

/// Rows as bytes.
#[derive(Debug, Clone, Default)]
pub struct PackedRows {
    bytes: Vec<u8>,
    /// Where each row ends.
    ends: Vec<usize>,
}

impl PackedRows {
    /// Number of rows.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The bytes of row `row`.
    pub fn row(&self, row: usize) -> &[u8] {
        &self.bytes[self.start(row)..self.ends[row]]
    }

    /// Adds a row.
    pub fn push(&mut self, row: &[u8]) {
        self.bytes.extend_from_slice(row);
        self.ends.push(self.bytes.len());
    }

    /// Length of all rows.
    pub fn data_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Memory held, in bytes.
    pub fn memory_bytes(&self) -> usize {
        self.bytes.capacity() + self.ends.capacity() * size_of::<usize>()
    }

    fn start(&self, row: usize) -> usize {
        row.checked_sub(1).map_or(0, |before| self.ends[before])
    }

    /// Where each row begins.
    fn starts(&self) -> impl Iterator<Item = usize> {
        let before = self.ends.iter().copied();
        std::iter::once(0).chain(before).take(self.len())
    }
}

impl RowLayout {
    /// Rows of the columns in `slots`, each with its type.
    pub fn new(slots: impl IntoIterator<Item = (usize, DataType)>) -> Self {
        let slots: Vec<(usize, DataType)> = slots.into_iter().collect();
        let mut at = ORIGIN_BYTES + slots.len().div_ceil(8);
        let fields = slots.into_iter().map(|(slot, data_type)| {
            let field = Field {
                slot,
                data_type: data_type.to_arrow(),
                at,
            };
            at += match data_type {
                DataType::Boolean => 1,
                DataType::Date | DataType::Utf8 | DataType::Categorical => 4,
                DataType::Int64 | DataType::Float64 | DataType::Timestamp { .. } => 8,
                DataType::Decimal { .. } => 16,
            };
            field
        });
        let fields = fields.collect();
        Self {
            fields,
            head_bytes: at,
        }
    }

    /// The rows of `batch`, each with its origin.
    pub fn pack(&self, batch: &Batch, origins: &[RowOrigin]) -> PackedRows {
        let mut ends = vec![self.head_bytes; batch.rows];
        for field in self.fields.iter().filter(|field| field.is_text()) {
            let texts = Texts::of(batch.column(field.slot));
            for (row, end) in ends.iter_mut().enumerate() {
                *end += texts.get(row).len();
            }
        }
        let mut total = 0;
        for end in &mut ends {
            total += *end;
            *end = total;
        }
        let mut packed = PackedRows {
            bytes: vec![0; total],
            ends,
        };
        let starts: Vec<usize> = packed.starts().collect();
        for (origin, &start) in origins.iter().zip(&starts) {
            origin.chunk.write(&mut packed.bytes[start..]);
            origin
                .record
                .write(&mut packed.bytes[start + ORIGIN_BYTES / 2..]);
        }
        let mut text_at: Vec<usize> = starts.iter().map(|start| start + self.head_bytes).collect();
        for (index, field) in self.fields.iter().enumerate() {
            let column = batch.column(field.slot);
            if let Some(nulls) = column.logical_nulls() {
                let (byte, bit) = self.null_bit(index);
                for (row, &start) in starts.iter().enumerate() {
                    packed.bytes[start + byte] |= u8::from(nulls.is_null(row)) * bit;
                }
            }
            field.pack(column, &starts, &mut text_at, &mut packed.bytes);
        }
        packed
    }

    /// The columns of `packed`, by slot, of `slots` in all; only those that are `wanted`.
    ///
    /// # Errors
    /// [`ErrorKind::Encode`] if they are no rows of this layout, which no block that is as it was
    /// written holds.
    pub fn unpack(
        &self,
        packed: &PackedRows,
        slots: usize,
        wanted: &[bool],
    ) -> Result<Vec<Option<ArrayRef>>> {
        let starts: Vec<usize> = packed.starts().collect();
        let mut text_at: Vec<usize> = starts.iter().map(|start| start + self.head_bytes).collect();
        let mut columns = vec![None; slots];
        for (index, field) in self.fields.iter().enumerate() {
            let is_wanted = wanted[field.slot];
            if is_wanted {
                let (byte, bit) = self.null_bit(index);
                let is_valid = |row: usize| packed.bytes[starts[row] + byte] & bit == 0;
                let valid = BooleanBuffer::collect_bool(starts.len(), is_valid);
                let nulls = Some(NullBuffer::new(valid)).filter(|nulls| nulls.null_count() > 0);
                let column = field.unpack(&packed.bytes, &starts, &text_at, nulls)?;
                columns[field.slot] = Some(column);
            }
            if field.is_text() {
                for (at, start) in text_at.iter_mut().zip(&starts) {
                    *at += u32::read(&packed.bytes[start + field.at..]) as usize;
                }
            }
        }
        Ok(columns)
    }

    /// Where each row was read.
    pub fn origins(&self, packed: &PackedRows) -> Arc<[RowOrigin]> {
        let origin = |start: usize| RowOrigin {
            chunk: u32::read(&packed.bytes[start..]),
            record: u32::read(&packed.bytes[start + ORIGIN_BYTES / 2..]),
        };
        packed.starts().map(origin).collect()
    }

    /// Where it says whether the cell of field `index` is null.
    fn null_bit(&self, index: usize) -> (usize, u8) {
        (ORIGIN_BYTES + index / 8, 1 << (index % 8))
    }
}

impl Field {
    fn is_text(&self) -> bool {
        matches!(self.data_type, ArrowType::Utf8 | ArrowType::Dictionary(..))
    }

    fn pack(&self, column: &ArrayRef, starts: &[usize], text_at: &mut [usize], bytes: &mut [u8]) {
        use ArrowType as A;
        let at = self.at;
        match &self.data_type {
            A::Boolean => {
                let cells = column.as_boolean();
                for (row, start) in starts.iter().enumerate() {
                    bytes[start + at] = u8::from(cells.value(row));
                }
            }
            A::Date32 => pack_numbers::<Date32Type>(column, starts, at, bytes),
            A::Int64 => pack_numbers::<Int64Type>(column, starts, at, bytes),
            A::Float64 => pack_numbers::<Float64Type>(column, starts, at, bytes),
            A::Timestamp(ArrowUnit::Nanosecond, _) => {
                pack_numbers::<TimestampNanosecondType>(column, starts, at, bytes);
            }
            A::Timestamp(..) => {
                pack_numbers::<TimestampMicrosecondType>(column, starts, at, bytes);
            }
            A::Decimal128(..) => pack_numbers::<Decimal128Type>(column, starts, at, bytes),
            _ => {
                let texts = Texts::of(column);
                for (row, (start, text_at)) in starts.iter().zip(text_at).enumerate() {
                    let text = texts.get(row);
                    let length = text.len() as u32;
                    length.write(&mut bytes[start + at..]);
                    bytes[*text_at..*text_at + text.len()].copy_from_slice(text);
                    *text_at += text.len();
                }
            }
        }
    }

    fn unpack(
        &self,
        bytes: &[u8],
        starts: &[usize],
        text_at: &[usize],
        nulls: Option<NullBuffer>,
    ) -> Result<ArrayRef> {
        use ArrowType as A;
        let at = self.at;
        Ok(match &self.data_type {
            A::Boolean => {
                let is_true = |row: usize| bytes[starts[row] + at] != 0;
                let values = BooleanBuffer::collect_bool(starts.len(), is_true);
                Arc::new(BooleanArray::new(values, nulls))
            }
            A::Date32 => self.numbers::<Date32Type>(bytes, starts, nulls),
            A::Int64 => self.numbers::<Int64Type>(bytes, starts, nulls),
            A::Float64 => self.numbers::<Float64Type>(bytes, starts, nulls),
            A::Timestamp(ArrowUnit::Nanosecond, _) => {
                self.numbers::<TimestampNanosecondType>(bytes, starts, nulls)
            }
            A::Timestamp(..) => self.numbers::<TimestampMicrosecondType>(bytes, starts, nulls),
            A::Decimal128(..) => self.numbers::<Decimal128Type>(bytes, starts, nulls),
            data_type => {
                let texts = starts.iter().zip(text_at).map(|(start, &text_at)| {
                    let length = u32::read(&bytes[start + at..]) as usize;
                    &bytes[text_at..text_at + length]
                });
                match data_type {
                    A::Utf8 => Arc::new(strings(texts, nulls)?),
                    _ => Arc::new(interned(texts, nulls)?),
                }
            }
        })
    }

    fn numbers<T>(&self, bytes: &[u8], starts: &[usize], nulls: Option<NullBuffer>) -> ArrayRef
    where
        T: ArrowPrimitiveType<Native: Plain>,
    {
        let cells = starts
            .iter()
            .map(|start| T::Native::read(&bytes[start + self.at..]));
        let cells: Vec<T::Native> = cells.collect();
        let array = PrimitiveArray::<T>::new(cells.into(), nulls);
        Arc::new(array.with_data_type(self.data_type.clone()))
    }
}

/// A number of fixed width.
trait Plain: Copy {
    /// It, from the first of `bytes`.
    fn read(bytes: &[u8]) -> Self;
    /// It, to the first of `bytes`.
    fn write(self, bytes: &mut [u8]);
}

macro_rules! plain {
    ($($number:ty),*) => {$(
        impl Plain for $number {
            fn read(bytes: &[u8]) -> Self {
                let bytes = bytes.first_chunk().expect("a row holds all its fields");
                Self::from_le_bytes(*bytes)
            }

            fn write(self, bytes: &mut [u8]) {
                bytes[..size_of::<Self>()].copy_from_slice(&self.to_le_bytes());
            }
        }
    )*};
}

plain!(u32, i32, i64, f64, i128);

fn pack_numbers<T>(column: &ArrayRef, starts: &[usize], at: usize, bytes: &mut [u8])
where
    T: ArrowPrimitiveType<Native: Plain>,
{
    let cells = column.as_primitive::<T>().values();
    for (cell, start) in cells.iter().zip(starts) {
        cell.write(&mut bytes[start + at..]);
    }
}

/// The texts of a column; that of a null cell is empty.
enum Texts<'a> {
    Plain(&'a StringArray),
    Categories(&'a Int32Array, &'a StringArray),
}

impl<'a> Texts<'a> {
    fn of(column: &'a ArrayRef) -> Self {
        match column.as_dictionary_opt::<Int32Type>() {
            Some(categories) => {
                Self::Categories(categories.keys(), categories.values().as_string())
            }
            None => Self::Plain(column.as_string()),
        }
    }

    fn get(&self, row: usize) -> &'a [u8] {
        match self {
            Self::Plain(texts) if texts.is_valid(row) => texts.value(row).as_bytes(),
            Self::Categories(keys, texts) if keys.is_valid(row) => {
                let key = keys.value(row) as usize;
                if texts.is_valid(key) {
                    texts.value(key).as_bytes()
                } else {
                    b""
                }
            }
            _ => b"",
        }
    }
}

fn strings<'b>(
    texts: impl Iterator<Item = &'b [u8]>,
    nulls: Option<NullBuffer>,
) -> Result<StringArray> {
    let (mut bytes, mut offsets) = (Vec::new(), vec![0_i32]);
    for text in texts {
        bytes.extend_from_slice(text);
        offsets.push(i32::try_from(bytes.len()).expect("a block is far smaller"));
    }
    let offsets = OffsetBuffer::new(offsets.into());
    let strings = StringArray::try_new(offsets, Buffer::from_vec(bytes), nulls);
    strings.map_err(|source| {
        let action = "read sorted rows";
        let source = source.into();
        ErrorKind::Encode { action, source }.into()
    })
}

fn interned<'b>(
    texts: impl Iterator<Item = &'b [u8]>,
    nulls: Option<NullBuffer>,
) -> Result<DictionaryArray<Int32Type>> {
    let mut known: HashMap<&[u8], i32, foldhash::fast::FixedState> = HashMap::default();
    let mut categories = Vec::new();
    let mut keys = Vec::new();
    for (row, text) in texts.enumerate() {
        let is_null = nulls.as_ref().is_some_and(|nulls| nulls.is_null(row));
        let next = categories.len() as i32;
        keys.push(match is_null {
            true => 0,
            false => *known.entry(text).or_insert_with(|| {
                categories.push(text);
                next
            }),
        });
    }
    let categories = strings(categories.into_iter(), None)?;
    let keys = Int32Array::new(keys.into(), nulls);
    Ok(DictionaryArray::new(keys, Arc::new(categories)))
}
