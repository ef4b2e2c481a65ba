//! Pieces of a column -> its cells that are not null, and which rows have one.

use std::borrow::Cow;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanBufferBuilder, DictionaryArray, PrimitiveArray, StringArray,
};
use arrow::buffer::{BooleanBuffer, NullBuffer};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType as ArrowType, Date32Type, Decimal128Type, Float64Type, Int32Type,
    Int64Type, TimeUnit as ArrowTimeUnit, TimestampMicrosecondType, TimestampNanosecondType,
};
use arrow::util::bit_iterator::BitIndexIterator;

/// Which of `rows` rows are not null; `None` if all are not.
pub(super) fn validity(pieces: &[ArrayRef], rows: usize) -> Option<BooleanBuffer> {
    if pieces.iter().all(|piece| piece.null_count() == 0) {
        return None;
    }
    let mut validity = BooleanBufferBuilder::new(rows);
    for piece in pieces {
        match piece.nulls() {
            Some(nulls) => validity.append_buffer(nulls.inner()),
            None => validity.append_n(piece.len(), true),
        }
    }
    Some(validity.finish())
}

/// The integer that stands for a float: integers have the order of their floats, which is IEEE
/// 754's total order.
#[inline]
pub(super) fn float_key(float: f64) -> i64 {
    flip(float.to_bits() as i64)
}

/// The float of [`float_key`].
#[inline]
pub(super) fn float(key: i64) -> f64 {
    f64::from_bits(flip(key) as u64)
}

/// Turns all bits but the sign of a negative one.
#[inline]
fn flip(bits: i64) -> i64 {
    bits ^ ((bits >> 63) as u64 >> 1) as i64
}

/// Appends the numbers of `piece` that are not null; floats as their keys. Decimals fit 64 bits by
/// the column's precision; other types have no numbers.
pub(super) fn put_numbers(piece: &ArrayRef, out: &mut Vec<i64>) {
    fn put<T: ArrowPrimitiveType>(
        piece: &ArrayRef,
        out: &mut Vec<i64>,
        word: impl Fn(T::Native) -> i64,
    ) {
        let cells: &PrimitiveArray<T> = piece.as_primitive();
        put_valid(cells.values(), cells.nulls(), out, word);
    }
    match piece.data_type() {
        ArrowType::Int64 => put::<Int64Type>(piece, out, |cell| cell),
        ArrowType::Date32 => put::<Date32Type>(piece, out, i64::from),
        ArrowType::Timestamp(ArrowTimeUnit::Microsecond, _) => {
            put::<TimestampMicrosecondType>(piece, out, |cell| cell);
        }
        ArrowType::Timestamp(ArrowTimeUnit::Nanosecond, _) => {
            put::<TimestampNanosecondType>(piece, out, |cell| cell);
        }
        ArrowType::Decimal128(..) => put::<Decimal128Type>(piece, out, |cell| cell as i64),
        ArrowType::Float64 => put::<Float64Type>(piece, out, float_key),
        _ => {}
    }
}

/// Appends what `map` makes of each of `cells` that is not null.
pub(super) fn put_valid<T: Copy, U: Copy + Default>(
    cells: &[T],
    nulls: Option<&NullBuffer>,
    out: &mut Vec<U>,
    map: impl Fn(T) -> U,
) {
    let Some(nulls) = nulls.filter(|nulls| nulls.null_count() > 0) else {
        out.extend(cells.iter().map(|&cell| map(cell)));
        return;
    };
    let mut end = out.len();
    out.resize(end + cells.len(), U::default());
    let masks = nulls.inner().bit_chunks();
    for (block, mut mask) in cells.chunks(64).zip(masks.iter_padded()) {
        // A null is written too, and the next cell over it: no branch that is hard to foretell.
        for &cell in block {
            out[end] = map(cell);
            end += (mask & 1) as usize;
            mask >>= 1;
        }
    }
    out.truncate(end);
}

/// A piece of a text column, in either form.
#[derive(Clone, Copy)]
pub(super) enum TextPiece<'a> {
    Plain(&'a StringArray),
    Dictionary(&'a DictionaryArray<Int32Type>, &'a StringArray),
}

impl<'a> TextPiece<'a> {
    /// `piece` as text, which its type is known to be.
    pub(super) fn new(piece: &'a ArrayRef) -> Self {
        match piece.as_dictionary_opt() {
            Some(cells) => Self::Dictionary(cells, cells.values().as_string()),
            None => Self::Plain(piece.as_string()),
        }
    }

    /// The text in `row`, which is not null.
    #[inline]
    pub(super) fn text(self, row: usize) -> &'a [u8] {
        let text = match self {
            Self::Plain(cells) => cells.value(row),
            Self::Dictionary(cells, texts) => texts.value(cells.keys().value(row) as usize),
        };
        text.as_bytes()
    }
}

/// The texts of a piece that are not null.
pub(super) fn texts(piece: &ArrayRef) -> impl Iterator<Item = &[u8]> {
    let texts = TextPiece::new(piece);
    valid_rows(piece).map(move |row| texts.text(row))
}

/// The texts of a piece that are not null, which are `bytes` long together, end to end.
pub(super) fn joined_texts(piece: &ArrayRef, bytes: usize) -> Cow<'_, [u8]> {
    if let TextPiece::Plain(cells) = TextPiece::new(piece) {
        let [first, .., last] = cells.value_offsets() else {
            return Cow::Borrowed(&[]);
        };
        let values = &cells.value_data()[*first as usize..*last as usize];
        // As long as that, nulls hold nothing.
        if values.len() == bytes {
            return Cow::Borrowed(values);
        }
    }
    let mut joined = Vec::with_capacity(bytes);
    texts(piece).for_each(|text| joined.extend_from_slice(text));
    Cow::Owned(joined)
}

/// The rows of `piece` that are not null.
pub(super) fn valid_rows(piece: &ArrayRef) -> impl Iterator<Item = usize> {
    let (all, valid) = match piece.nulls() {
        Some(nulls) if nulls.null_count() > 0 => (0..0, nulls.valid_indices()),
        _ => (0..piece.len(), BitIndexIterator::new(&[], 0, 0)),
    };
    all.chain(valid)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::Int64Array;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn nulls_are_left_out(
            cells in prop::collection::vec(prop::option::of(any::<i64>()), 0..300),
            start in 0usize..70,
        ) {
            let whole: ArrayRef = Arc::new(Int64Array::from(cells.clone()));
            let start = start.min(cells.len());
            let piece = whole.slice(start, cells.len() - start);
            let mut numbers = vec![7];
            put_numbers(&piece, &mut numbers);
            let expected: Vec<i64> = cells[start..].iter().copied().flatten().collect();
            prop_assert_eq!(&numbers[1..], expected.as_slice());
            let rows: Vec<usize> = valid_rows(&piece).collect();
            let expected = (start..cells.len()).filter(|&row| cells[row].is_some());
            prop_assert_eq!(rows, expected.map(|row| row - start).collect::<Vec<_>>());
            let pieces = [whole.slice(0, start), piece];
            let mask = validity(&pieces, cells.len());
            prop_assert_eq!(mask.is_some(), cells.contains(&None));
            if let Some(mask) = mask {
                let expected: Vec<bool> = cells.iter().map(Option::is_some).collect();
                prop_assert_eq!(mask.iter().collect::<Vec<_>>(), expected);
            }
        }
    }

    #[test]
    fn texts_of_both_forms() {
        let plain: ArrayRef = Arc::new(StringArray::from(vec![Some("b"), None, Some("de")]));
        let cells = [Some("x"), None, Some("y"), Some("x")];
        let dictionary: ArrayRef =
            Arc::new(cells.into_iter().collect::<DictionaryArray<Int32Type>>());
        // A null that holds something.
        let nulls = NullBuffer::from(vec![true, false, true]);
        let full = StringArray::from(vec!["p", "hidden", "q"]);
        let (offsets, values, _) = full.into_parts();
        let hidden: ArrayRef = Arc::new(StringArray::new(offsets, values, Some(nulls)));
        let cases: [(ArrayRef, &[&str], bool); 5] = [
            (Arc::clone(&plain), &["b", "de"], true),
            (plain.slice(1, 2), &["de"], true),
            (plain.slice(0, 0), &[], true),
            (dictionary.slice(1, 3), &["y", "x"], false),
            (hidden, &["p", "q"], false),
        ];
        for (piece, expected, is_borrowed) in cases {
            let found: Vec<&[u8]> = texts(&piece).collect();
            let expected: Vec<&[u8]> = expected.iter().map(|text| text.as_bytes()).collect();
            assert_eq!(found, expected);
            let joined = joined_texts(&piece, expected.concat().len());
            assert_eq!(&*joined, expected.concat());
            assert_eq!(matches!(joined, Cow::Borrowed(_)), is_borrowed);
        }
    }
}
