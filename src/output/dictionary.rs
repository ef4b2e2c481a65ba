//! Pieces of a column -> its distinct cells, and for each row which one it has.
//!
//! Ids count from 0 in order of first appearance, so they do not depend on how the rows are cut
//! into pieces. Cells are equal when their bits are: zeros of either sign are two cells.

use std::hash::BuildHasher;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryBuilder, BooleanBufferBuilder, PrimitiveArray, StringArray,
};
use arrow::buffer::BooleanBuffer;
use arrow::compute::interleave;
use arrow::datatypes::{
    ArrowPrimitiveType, DataType as ArrowType, Date32Type, Decimal128Type, Float64Type, Int32Type,
    Int64Type, TimeUnit as ArrowTimeUnit, TimestampMicrosecondType, TimestampNanosecondType,
};
use arrow::error::ArrowError;
use foldhash::fast::FixedState;
use hashbrown::HashTable;

/// A column as ids of its distinct cells.
#[derive(Debug)]
pub(super) struct Dictionary {
    /// The id of each cell that is not null.
    pub(super) ids: Vec<u32>,
    /// Which rows are not null; `None` if all are not.
    pub(super) validity: Option<BooleanBuffer>,
    /// Number of rows.
    pub(super) rows: usize,
    /// The distinct cells by id, in Parquet's plain encoding.
    pub(super) plain: Vec<u8>,
    /// The distinct cells by id, as an array.
    pub(super) values: ArrayRef,
}

impl Dictionary {
    /// The dictionary of consecutive pieces of a column; `None` if its plain encoding takes more
    /// than `bytes_max`, if a float is NaN (which statistics have to count), or for types that are
    /// not made for it. `width` is that of a number in Parquet, 4 or 8 bytes.
    ///
    /// # Errors
    /// When pieces are of different types.
    pub(super) fn build(
        pieces: &[ArrayRef],
        width: usize,
        bytes_max: usize,
    ) -> Result<Option<Self>, ArrowError> {
        let mut builder = Builder::new(width, bytes_max);
        for (index, piece) in pieces.iter().enumerate() {
            builder.piece = index;
            if builder.add(piece).is_none() {
                return Ok(None);
            }
        }
        builder.finish(pieces)
    }

    /// Number of distinct cells.
    pub(super) fn len(&self) -> usize {
        self.values.len()
    }
}

/// The dictionary has grown too large, or cannot be.
struct Unfit;

struct Builder {
    ids: Vec<u32>,
    plain: Vec<u8>,
    /// For each id, the piece and row it was first seen in.
    firsts: Vec<(usize, usize)>,
    width: usize,
    bytes_max: usize,
    piece: usize,
    words: HashTable<(u64, u32)>,
    /// Where in `plain` each text begins and ends, and the id.
    texts: HashTable<(usize, usize, u32)>,
}

impl Builder {
    fn new(width: usize, bytes_max: usize) -> Self {
        Self {
            ids: Vec::new(),
            plain: Vec::new(),
            firsts: Vec::new(),
            width,
            bytes_max,
            piece: 0,
            words: HashTable::new(),
            texts: HashTable::new(),
        }
    }

    fn add(&mut self, piece: &ArrayRef) -> Option<()> {
        self.ids.reserve(piece.len() - piece.null_count());
        let added = match piece.data_type() {
            ArrowType::Int64 => self.add_words::<Int64Type>(piece, |cell| Some(cell as u64)),
            ArrowType::Date32 => self.add_words::<Date32Type>(piece, |cell| Some(cell as u64)),
            ArrowType::Timestamp(ArrowTimeUnit::Microsecond, _) => {
                self.add_words::<TimestampMicrosecondType>(piece, |cell| Some(cell as u64))
            }
            ArrowType::Timestamp(ArrowTimeUnit::Nanosecond, _) => {
                self.add_words::<TimestampNanosecondType>(piece, |cell| Some(cell as u64))
            }
            ArrowType::Decimal128(..) => self.add_words::<Decimal128Type>(piece, |cell| {
                i64::try_from(cell).ok().map(|cell| cell as u64)
            }),
            ArrowType::Float64 => self
                .add_words::<Float64Type>(piece, |cell| (!cell.is_nan()).then(|| cell.to_bits())),
            ArrowType::Utf8 => self.add_texts(piece.as_string()),
            ArrowType::Dictionary(keys, values)
                if **keys == ArrowType::Int32 && **values == ArrowType::Utf8 =>
            {
                self.add_dictionary(piece)
            }
            _ => Err(Unfit),
        };
        added.ok()
    }

    fn add_words<T: ArrowPrimitiveType>(
        &mut self,
        piece: &ArrayRef,
        word: impl Fn(T::Native) -> Option<u64>,
    ) -> Result<(), Unfit> {
        let cells: &PrimitiveArray<T> = piece.as_primitive();
        let values = cells.values();
        let mut last = None;
        for_each_valid(cells, |row| {
            let word = word(values[row]).ok_or(Unfit)?;
            let id = match last {
                Some((last, id)) if last == word => id,
                _ => self.word_id(word, row)?,
            };
            last = Some((word, id));
            self.ids.push(id);
            Ok(())
        })
    }

    #[inline]
    fn word_id(&mut self, word: u64, row: usize) -> Result<u32, Unfit> {
        let hash = hash_word(word);
        if let Some(&(_, id)) = self.words.find(hash, |&(other, _)| other == word) {
            return Ok(id);
        }
        let id = self.new_id(row, &word.to_le_bytes()[..self.width])?;
        self.words
            .insert_unique(hash, (word, id), |&(word, _)| hash_word(word));
        Ok(id)
    }

    fn add_texts(&mut self, cells: &StringArray) -> Result<(), Unfit> {
        for_each_valid(cells, |row| {
            let id = self.text_id(cells.value(row), row)?;
            self.ids.push(id);
            Ok(())
        })
    }

    /// Looks each key's text up once per piece.
    fn add_dictionary(&mut self, piece: &ArrayRef) -> Result<(), Unfit> {
        const UNKNOWN: u32 = u32::MAX;
        let cells = piece.as_dictionary::<Int32Type>();
        let (keys, texts) = (cells.keys(), cells.values().as_string::<i32>());
        let mut known = vec![UNKNOWN; texts.len()];
        for_each_valid(keys, |row| {
            let key = keys.values()[row] as usize;
            if known[key] == UNKNOWN {
                known[key] = self.text_id(texts.value(key), row)?;
            }
            self.ids.push(known[key]);
            Ok(())
        })
    }

    #[inline]
    fn text_id(&mut self, text: &str, row: usize) -> Result<u32, Unfit> {
        let text = text.as_bytes();
        let hash = hash_text(text);
        let plain = &self.plain;
        let found = self
            .texts
            .find(hash, |&(start, end, _)| &plain[start..end] == text);
        if let Some(&(_, _, id)) = found {
            return Ok(id);
        }
        let length = u32::try_from(text.len()).map_err(|_| Unfit)?;
        let id = self.new_id(row, &length.to_le_bytes())?;
        let start = self.plain.len();
        self.plain.extend_from_slice(text);
        if self.plain.len() > self.bytes_max {
            return Err(Unfit);
        }
        let plain = &self.plain;
        let entry = (start, plain.len(), id);
        self.texts.insert_unique(hash, entry, |&(start, end, _)| {
            hash_text(&plain[start..end])
        });
        Ok(id)
    }

    fn new_id(&mut self, row: usize, plain: &[u8]) -> Result<u32, Unfit> {
        self.plain.extend_from_slice(plain);
        if self.plain.len() > self.bytes_max {
            return Err(Unfit);
        }
        let id = u32::try_from(self.firsts.len()).map_err(|_| Unfit)?;
        self.firsts.push((self.piece, row));
        Ok(id)
    }

    fn finish(self, pieces: &[ArrayRef]) -> Result<Option<Dictionary>, ArrowError> {
        if self.firsts.is_empty() {
            return Ok(None);
        }
        let rows = pieces.iter().map(|piece| piece.len()).sum();
        let values = if self.texts.is_empty() {
            let arrays: Vec<&dyn Array> = pieces.iter().map(AsRef::as_ref).collect();
            interleave(&arrays, &self.firsts)?
        } else {
            // Some pieces may hold a dictionary and others the text itself.
            Arc::new(plain_texts(&self.plain)?)
        };
        Ok(Some(Dictionary {
            validity: (self.ids.len() < rows).then(|| validity(pieces, rows)),
            ids: self.ids,
            rows,
            plain: self.plain,
            values,
        }))
    }
}

/// The texts that follow each other in Parquet's plain encoding.
fn plain_texts(plain: &[u8]) -> Result<StringArray, ArrowError> {
    let mut texts = BinaryBuilder::with_capacity(0, plain.len());
    let mut rest = plain;
    while let Some((length, tail)) = rest.split_first_chunk() {
        let (text, tail) = tail.split_at(u32::from_le_bytes(*length) as usize);
        texts.append_value(text);
        rest = tail;
    }
    StringArray::try_from_binary(texts.finish())
}

/// Calls `each` with every row that is not null, until it fails.
#[inline]
fn for_each_valid(
    array: &dyn Array,
    mut each: impl FnMut(usize) -> Result<(), Unfit>,
) -> Result<(), Unfit> {
    match array.nulls() {
        Some(nulls) if nulls.null_count() > 0 => nulls.valid_indices().try_for_each(each),
        _ => (0..array.len()).try_for_each(&mut each),
    }
}

fn validity(pieces: &[ArrayRef], rows: usize) -> BooleanBuffer {
    let mut validity = BooleanBufferBuilder::new(rows);
    for piece in pieces {
        match piece.nulls() {
            Some(nulls) => validity.append_buffer(nulls.inner()),
            None => validity.append_n(piece.len(), true),
        }
    }
    validity.finish()
}

#[inline]
fn hash_word(word: u64) -> u64 {
    // Folds the product, so that both its halves count; hashbrown looks at the top and the bottom.
    let product = u128::from(word ^ 0x9E37_79B9_7F4A_7C15) * 0xD6E8_FEB8_6659_FD93;
    (product >> 64) as u64 ^ product as u64
}

#[inline]
fn hash_text(text: &[u8]) -> u64 {
    FixedState::default().hash_one(text)
}

#[cfg(test)]
mod tests {
    use arrow::array::{Date32Array, DictionaryArray, Float64Array, Int64Array};
    use arrow::compute::cast;

    use super::*;

    fn build(pieces: &[ArrayRef], width: usize) -> Option<Dictionary> {
        Dictionary::build(pieces, width, 1_000).unwrap()
    }

    #[test]
    fn ids_follow_first_appearance_across_pieces() {
        let cells = |cells: Vec<Option<i64>>| Arc::new(Int64Array::from(cells)) as ArrayRef;
        let pieces = [
            cells(vec![Some(7), Some(7), None, Some(-1)]),
            cells(vec![]),
            cells(vec![Some(-1), Some(5), Some(7)]),
        ];
        let dictionary = build(&pieces, 8).unwrap();
        assert_eq!(dictionary.ids, [0, 0, 1, 1, 2, 0]);
        assert_eq!(
            dictionary.values.as_ref(),
            &Int64Array::from(vec![7, -1, 5])
        );
        let plain: Vec<u8> = [7i64, -1, 5]
            .iter()
            .flat_map(|cell| cell.to_le_bytes())
            .collect();
        assert_eq!(dictionary.plain, plain);
        let valid: Vec<bool> = dictionary.validity.unwrap().iter().collect();
        assert_eq!(valid, [true, true, false, true, true, true, true]);
        assert_eq!(dictionary.rows, 7);
    }

    #[test]
    fn narrow_numbers_are_four_bytes_wide() {
        let pieces: [ArrayRef; 1] = [Arc::new(Date32Array::from(vec![-2, 3, -2]))];
        let dictionary = build(&pieces, 4).unwrap();
        assert_eq!(
            dictionary.plain,
            [(-2i32).to_le_bytes(), 3i32.to_le_bytes()].concat()
        );
        assert!(dictionary.validity.is_none());
    }

    #[test]
    fn text_and_arrow_dictionaries_come_out_alike() {
        let text: ArrayRef = Arc::new(StringArray::from(vec!["b", "", "b", "ä"]));
        let other: ArrayRef = Arc::new(StringArray::from(vec![None, Some("ä"), Some("c")]));
        let pieces = [text, other];
        let plain = build(&pieces, 8).unwrap();
        assert_eq!(plain.ids, [0, 1, 0, 2, 2, 3]);
        assert_eq!(
            plain.plain,
            b"\x01\0\0\0b\0\0\0\0\x02\0\0\0\xc3\xa4\x01\0\0\0c"
        );
        let data_type = DictionaryArray::<Int32Type>::from_iter(["a"])
            .data_type()
            .clone();
        let encoded = pieces
            .each_ref()
            .map(|piece| cast(piece, &data_type).unwrap());
        let mixed = [Arc::clone(&encoded[0]), Arc::clone(&pieces[1])];
        for pieces in [encoded, mixed] {
            let other = build(&pieces, 8).unwrap();
            assert_eq!(other.ids, plain.ids);
            assert_eq!(other.plain, plain.plain);
            assert_eq!(other.validity, plain.validity);
            assert_eq!(other.values.as_ref(), plain.values.as_ref());
        }
    }

    #[test]
    fn what_is_unfit_has_no_dictionary() {
        let many: ArrayRef = Arc::new(Int64Array::from_iter_values(0..126));
        assert!(build(&[many.slice(0, 125)], 8).is_some());
        assert!(build(&[many], 8).is_none());
        let long: ArrayRef = Arc::new(StringArray::from(vec!["x".repeat(997)]));
        assert!(build(&[long], 8).is_none());
        let odd: ArrayRef = Arc::new(Float64Array::from(vec![1.0, f64::NAN]));
        assert!(build(&[odd], 8).is_none());
        let nothing: ArrayRef = Arc::new(Float64Array::new_null(3));
        assert!(build(&[nothing], 8).is_none());
        assert!(build(&[], 8).is_none());
    }

    #[test]
    fn zeros_of_either_sign_are_kept_apart() {
        let cells: ArrayRef = Arc::new(Float64Array::from(vec![0.0, -0.0, 0.0]));
        assert_eq!(build(&[cells], 8).unwrap().ids, [0, 1, 0]);
    }
}
