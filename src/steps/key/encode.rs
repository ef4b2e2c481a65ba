//! Key columns -> one comparable key per row, and its hash.
//!
//! A single fixed-width column becomes 64-bit words, a single text column stays where it is, and
//! anything else is framed into bytes. Invariant: two rows have equal keys exactly when their
//! encodings are equal, within and across batches.

use std::hash::{BuildHasher, Hasher};

use arrow::array::{Array, AsArray, DictionaryArray, PrimitiveArray, StringArray};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Date32Type, Decimal128Type, Float64Type, Int32Type, Int64Type,
    TimeUnit, TimestampMicrosecondType, TimestampNanosecondType,
};
use foldhash::quality::FixedState;

/// Shards must be the same in every pass and run, so the seed is part of the format.
const SEED: u64 = 0x6b65_7973_2e76_3031;
/// The hash of a null key, and of the one key of a batch without key columns.
const NULL_HASH: u64 = 0x9e37_79b9_7f4a_7c15;

/// The keys of one batch.
#[derive(Debug)]
pub(super) enum Keys {
    /// All rows share one key.
    One,
    /// A fixed-width column; a null row's word is unspecified.
    Words {
        words: Vec<u64>,
        nulls: Option<NullBuffer>,
    },
    /// A text column.
    Text(StringArray),
    /// A dictionary column. The dictionary may differ from batch to batch.
    Dictionary(DictionaryArray<Int32Type>),
    /// Framed cells; row `i` ends at `ends[i]` in `arena`.
    Framed { arena: Vec<u8>, ends: Vec<usize> },
}

impl Keys {
    /// Encodes the key columns of a batch of `rows` rows.
    pub(super) fn encode(columns: &[&dyn Array], rows: usize) -> Self {
        match columns {
            [] => Self::One,
            [column] => Self::encode_one(*column),
            _ => frame(columns, rows),
        }
    }

    fn encode_one(column: &dyn Array) -> Self {
        match column.data_type() {
            DataType::Utf8 => Self::Text(column.as_string::<i32>().clone()),
            DataType::Dictionary(..) => Self::Dictionary(column.as_dictionary().clone()),
            _ => match words(column) {
                Some(words) => Self::Words {
                    words,
                    nulls: column.nulls().cloned(),
                },
                None => frame(&[column], column.len()),
            },
        }
    }

    /// The hash of a key that is a word.
    pub(super) fn hash_word(word: u64) -> u64 {
        let mut hasher = FixedState::with_seed(SEED).build_hasher();
        hasher.write_u64(word);
        hasher.finish()
    }

    /// The hash of each row's key, of words without `bits_left_out` of their lowest bits. Equal keys
    /// have equal hashes whatever the batch.
    pub(super) fn hash(&self, rows: usize, bits_left_out: u32) -> Vec<u64> {
        let state = FixedState::with_seed(SEED);
        let of_bytes = |bytes: &[u8]| {
            let mut hasher = state.build_hasher();
            hasher.write(bytes);
            hasher.finish()
        };
        match self {
            Self::One => vec![NULL_HASH; rows],
            Self::Words { words, nulls } => {
                let hash = |word: &u64| Self::hash_word(word >> bits_left_out);
                let mut hashes: Vec<_> = words.iter().map(hash).collect();
                set_null_hashes(&mut hashes, nulls.as_ref());
                hashes
            }
            Self::Text(texts) => {
                let hash = |row| of_bytes(texts.value(row).as_bytes());
                let mut hashes: Vec<_> = (0..rows).map(hash).collect();
                set_null_hashes(&mut hashes, texts.nulls());
                hashes
            }
            Self::Dictionary(cells) => {
                let texts = cells.values().as_string::<i32>();
                let hash =
                    |text: Option<&str>| text.map_or(NULL_HASH, |text| of_bytes(text.as_bytes()));
                let of_text = texts.iter().map(hash).collect::<Vec<_>>();
                let of_row = |key: Option<i32>| key.map_or(NULL_HASH, |key| of_text[key as usize]);
                cells.keys().iter().map(of_row).collect()
            }
            Self::Framed { .. } => (0..rows)
                .map(|row| self.bytes(row).map_or(NULL_HASH, of_bytes))
                .collect(),
        }
    }

    /// The key of row `row` as bytes; `None` for a null key.
    ///
    /// # Panics
    /// For keys that are words.
    pub(super) fn bytes(&self, row: usize) -> Option<&[u8]> {
        match self {
            Self::One => None,
            Self::Words { .. } => unreachable!("words are looked up as words"),
            Self::Text(texts) => texts.is_valid(row).then(|| texts.value(row).as_bytes()),
            Self::Dictionary(cells) => dictionary_text(cells, row).map(str::as_bytes),
            Self::Framed { arena, ends } => {
                let start = row.checked_sub(1).map_or(0, |previous| ends[previous]);
                Some(&arena[start..ends[row]])
            }
        }
    }

    /// Memory held, in bytes; a text column that the batch also holds counts here as well.
    pub(super) fn memory_bytes(&self) -> usize {
        match self {
            Self::One => 0,
            Self::Words { words, .. } => words.capacity() * size_of::<u64>(),
            Self::Text(texts) => texts.get_buffer_memory_size(),
            Self::Dictionary(cells) => cells.get_buffer_memory_size(),
            Self::Framed { arena, ends } => arena.capacity() + ends.capacity() * size_of::<usize>(),
        }
    }
}

fn set_null_hashes(hashes: &mut [u64], nulls: Option<&NullBuffer>) {
    let nulls = nulls.filter(|nulls| nulls.null_count() > 0);
    for (hash, valid) in hashes.iter_mut().zip(nulls.into_iter().flatten()) {
        if !valid {
            *hash = NULL_HASH;
        }
    }
}

fn dictionary_text(cells: &DictionaryArray<Int32Type>, row: usize) -> Option<&str> {
    let texts = cells.values().as_string::<i32>();
    let key = cells.key(row)?;
    texts.is_valid(key).then(|| texts.value(key))
}

/// Equal floats get equal words: −0 becomes 0 and every NaN the same one.
fn float_word(value: f64) -> u64 {
    if value.is_nan() {
        f64::NAN.to_bits()
    } else {
        (value + 0.0).to_bits()
    }
}

/// The cells of a column of at most 64 bits; `None` for another type.
fn words(column: &dyn Array) -> Option<Vec<u64>> {
    fn map<T: ArrowPrimitiveType>(column: &dyn Array, word: impl Fn(T::Native) -> u64) -> Vec<u64> {
        let column: &PrimitiveArray<T> = column.as_primitive();
        column.values().iter().map(|&cell| word(cell)).collect()
    }
    Some(match column.data_type() {
        DataType::Int64 => map::<Int64Type>(column, |cell| cell as u64),
        DataType::Float64 => map::<Float64Type>(column, float_word),
        DataType::Date32 => map::<Date32Type>(column, |cell| cell as u64),
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            map::<TimestampMicrosecondType>(column, |cell| cell as u64)
        }
        DataType::Timestamp(TimeUnit::Nanosecond, _) => {
            map::<TimestampNanosecondType>(column, |cell| cell as u64)
        }
        DataType::Boolean => {
            let cells = column.as_boolean().values().iter();
            cells.map(u64::from).collect()
        }
        _ => return None,
    })
}

/// Frames the cells of all columns row by row: a null is the byte 0; any other cell is the byte 1,
/// its length where it is a text, and its bytes.
fn frame(columns: &[&dyn Array], rows: usize) -> Keys {
    let mut cursors = vec![0; rows];
    for &column in columns {
        let prefix_bytes = prefix_bytes(column);
        for_each_cell(column, |row, cell| {
            cursors[row] += 1 + cell.map_or(0, |cell| prefix_bytes + cell.len());
        });
    }
    let mut total = 0;
    for cursor in &mut cursors {
        // Each row's cursor starts where the row before ends.
        let length = std::mem::replace(cursor, total);
        total += length;
    }
    let mut arena = vec![0; total];
    for &column in columns {
        let prefix_bytes = prefix_bytes(column);
        for_each_cell(column, |row, cell| {
            let Some(cell) = cell else {
                cursors[row] += 1;
                return;
            };
            let framed = &mut arena[cursors[row]..][..1 + prefix_bytes + cell.len()];
            framed[0] = 1;
            framed[1..=prefix_bytes].copy_from_slice(&cell.len().to_le_bytes()[..prefix_bytes]);
            framed[1 + prefix_bytes..].copy_from_slice(cell);
            cursors[row] += framed.len();
        });
    }
    Keys::Framed {
        arena,
        ends: cursors,
    }
}

/// How many bytes frame a cell's length: a text of an Arrow array is shorter than 2³¹ bytes.
fn prefix_bytes(column: &dyn Array) -> usize {
    match column.data_type() {
        DataType::Utf8 | DataType::Dictionary(..) => size_of::<u32>(),
        _ => 0,
    }
}

/// Hands over the bytes of each cell, `None` for null, in row order.
fn for_each_cell(column: &dyn Array, mut visit: impl FnMut(usize, Option<&[u8]>)) {
    match column.data_type() {
        DataType::Utf8 => {
            for (row, cell) in column.as_string::<i32>().iter().enumerate() {
                visit(row, cell.map(str::as_bytes));
            }
        }
        DataType::Dictionary(..) => {
            let cells = column.as_dictionary::<Int32Type>();
            for row in 0..cells.len() {
                visit(row, dictionary_text(cells, row).map(str::as_bytes));
            }
        }
        DataType::Decimal128(..) => {
            let cells: &PrimitiveArray<Decimal128Type> = column.as_primitive();
            for (row, cell) in cells.iter().enumerate() {
                visit(
                    row,
                    cell.map(i128::to_le_bytes)
                        .as_ref()
                        .map(<[u8; 16]>::as_slice),
                );
            }
        }
        other => {
            let words = words(column).unwrap_or_else(|| panic!("no column has the type {other}"));
            for (row, word) in words.into_iter().enumerate() {
                let valid = column.is_valid(row);
                visit(row, valid.then_some(word.to_le_bytes().as_slice()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    use arrow::array::{
        ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int64Array,
        TimestampMicrosecondArray,
    };
    use proptest::prelude::*;

    /// The key of each row, whatever its encoding.
    fn bytes(columns: &[ArrayRef], rows: usize) -> Vec<Option<Vec<u8>>> {
        let columns = columns.iter().map(AsRef::as_ref).collect::<Vec<_>>();
        let keys = Keys::encode(&columns, rows);
        let key = |row| match &keys {
            Keys::Words { words, nulls } => nulls
                .as_ref()
                .is_none_or(|nulls| nulls.is_valid(row))
                .then(|| words[row].to_le_bytes().to_vec()),
            keys => keys.bytes(row).map(<[u8]>::to_vec),
        };
        (0..rows).map(key).collect()
    }

    #[test]
    fn floats_meet_at_zero_and_at_nan() {
        let other_nan = f64::from_bits(f64::NAN.to_bits() ^ 1);
        let cells = vec![0.0, -0.0, f64::NAN, -other_nan, 1.0, f64::INFINITY];
        let keys = bytes(&[Arc::new(Float64Array::from(cells))], 6);
        assert_eq!(keys[0], keys[1]);
        assert_eq!(keys[2], keys[3]);
        assert_ne!(keys[0], keys[2]);
        assert_ne!(keys[4], keys[5]);
    }

    #[test]
    fn each_type_tells_its_cells_apart_and_null_from_all_of_them() {
        let columns: [ArrayRef; 7] = [
            Arc::new(Int64Array::from(vec![Some(0), None, Some(-1), Some(0)])),
            Arc::new(BooleanArray::from(vec![
                Some(false),
                None,
                Some(true),
                Some(false),
            ])),
            Arc::new(Date32Array::from(vec![Some(0), None, Some(-1), Some(0)])),
            Arc::new(TimestampMicrosecondArray::from(vec![
                Some(0),
                None,
                Some(1),
                Some(0),
            ])),
            Arc::new(Decimal128Array::from(vec![
                Some(0),
                None,
                Some(1 << 70),
                Some(0),
            ])),
            Arc::new(StringArray::from(vec![Some(""), None, Some("x"), Some("")])),
            Arc::new(DictionaryArray::<Int32Type>::from_iter([
                Some(""),
                None,
                Some("x"),
                Some(""),
            ])),
        ];
        let int: ArrayRef = Arc::new(Int64Array::from(vec![5; 4]));
        for column in columns {
            for columns in [vec![Arc::clone(&column)], vec![Arc::clone(&int), column]] {
                let keys = bytes(&columns, 4);
                assert_eq!(keys[0], keys[3]);
                assert_ne!(keys[0], keys[1]);
                assert_ne!(keys[0], keys[2]);
                assert_ne!(keys[1], keys[2]);
            }
        }
    }

    #[test]
    fn a_text_is_the_same_key_in_either_form() {
        let texts = [Some("b"), None, Some(""), Some("a longer text"), Some("b")];
        let plain: ArrayRef = Arc::new(StringArray::from_iter(texts));
        let dictionary: ArrayRef = Arc::new(DictionaryArray::<Int32Type>::from_iter(texts));
        let int: ArrayRef = Arc::new(Int64Array::from(vec![5; 5]));
        for with in [vec![], vec![int]] {
            let [plain, dictionary] = [&plain, &dictionary].map(|texts| {
                let columns = [with.as_slice(), &[Arc::clone(texts)]].concat();
                let columns: Vec<&dyn Array> = columns.iter().map(AsRef::as_ref).collect();
                let keys = Keys::encode(&columns, 5);
                let bytes: Vec<_> = (0..5)
                    .map(|row| keys.bytes(row).map(<[u8]>::to_vec))
                    .collect();
                (keys.hash(5, 0), bytes)
            });
            assert_eq!(plain, dictionary);
        }
    }

    proptest! {
        #[test]
        fn framing_is_unambiguous(
            rows in prop::collection::vec(
                (prop::option::of("[ab\u{0}\u{1}]{0,3}"), prop::option::of(0..3_i64), prop::option::of("[ab]{0,2}")),
                0..30,
            ),
        ) {
            let columns: [ArrayRef; 3] = [
                Arc::new(rows.iter().map(|row| row.0.clone()).collect::<StringArray>()),
                Arc::new(rows.iter().map(|row| row.1).collect::<Int64Array>()),
                Arc::new(rows.iter().map(|row| row.2.as_deref()).collect::<DictionaryArray<Int32Type>>()),
            ];
            let keys = bytes(&columns, rows.len());
            for (a, key_a) in rows.iter().zip(&keys) {
                for (b, key_b) in rows.iter().zip(&keys) {
                    prop_assert_eq!(a == b, key_a == key_b);
                }
            }
        }
    }
}
