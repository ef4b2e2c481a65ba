//! Filling kernels: an array and the cells for some of its null rows in, a new array out, of the
//! same type, in which every other row is as it was. Each array is rebuilt once.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, DictionaryArray, Int32Array, StringArray};
use arrow::buffer::{BooleanBuffer, Buffer, MutableBuffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{DataType as ArrowType, Int32Type};

use super::cells::Cell;
use crate::base::{Error, ErrorKind, Result};

/// `array` with cell `cells[i]` in row `rows[i]`.
pub(super) fn fill_cells<T: Cell>(
    array: &ArrayRef,
    rows: impl Iterator<Item = u32> + Clone,
    cells: impl Iterator<Item = T>,
) -> ArrayRef {
    let mut filled = T::read(array).into_owned();
    for (row, cell) in rows.clone().zip(cells) {
        filled[row as usize] = cell;
    }
    T::build(filled, fill_nulls(array.nulls(), rows), array.data_type())
}

/// `array`, utf8 or categorical, with each text in its row; rows ascend.
///
/// # Errors
/// When the texts of one batch exceed 2 GiB.
pub(super) fn fill_texts<'a>(
    array: &ArrayRef,
    fills: impl Iterator<Item = (u32, &'a str)> + Clone,
) -> Result<ArrayRef> {
    match array.data_type() {
        ArrowType::Dictionary(..) => Ok(fill_categories(array, fills)),
        _ => fill_utf8(array.as_string(), fills),
    }
}

/// Marks `rows` as valid; `None` once no null is left.
fn fill_nulls(nulls: Option<&NullBuffer>, rows: impl Iterator<Item = u32>) -> Option<NullBuffer> {
    let validity = nulls?.inner();
    let mut bits = MutableBuffer::from(validity.sliced().as_slice().to_vec());
    for row in rows {
        bits[row as usize / 8] |= 1 << (row % 8);
    }
    let nulls = NullBuffer::new(BooleanBuffer::new(bits.into(), 0, validity.len()));
    (nulls.null_count() > 0).then_some(nulls)
}

fn fill_utf8<'a>(
    array: &StringArray,
    fills: impl Iterator<Item = (u32, &'a str)> + Clone,
) -> Result<ArrayRef> {
    let old_offsets = array.value_offsets();
    let old_bytes = array.value_data();
    let kept_bytes = (old_offsets[array.len()] - old_offsets[0]) as usize;
    let bytes_len = kept_bytes + fills.clone().map(|(_, text)| text.len()).sum::<usize>();
    if i32::try_from(bytes_len).is_err() {
        return Err(too_much_text());
    }
    let mut bytes = Vec::with_capacity(bytes_len);
    let mut offsets = Vec::with_capacity(array.len() + 1);
    offsets.push(0);
    let mut copied = 0;
    let mut copy_until = |end: usize, bytes: &mut Vec<u8>, offsets: &mut Vec<i32>| {
        let shift = bytes.len() as i32 - old_offsets[copied];
        let source = old_offsets[copied] as usize..old_offsets[end] as usize;
        bytes.extend_from_slice(&old_bytes[source]);
        offsets.extend(
            old_offsets[copied + 1..=end]
                .iter()
                .map(|offset| offset + shift),
        );
        copied = end + 1;
    };
    for (row, text) in fills.clone() {
        copy_until(row as usize, &mut bytes, &mut offsets);
        bytes.extend_from_slice(text.as_bytes());
        offsets.push(bytes.len() as i32);
    }
    if offsets.len() <= array.len() {
        copy_until(array.len(), &mut bytes, &mut offsets);
    }
    let nulls = fill_nulls(array.nulls(), fills.map(|(row, _)| row));
    let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
    Ok(Arc::new(StringArray::new(
        offsets,
        Buffer::from_vec(bytes),
        nulls,
    )))
}

/// New categories are appended to the dictionary in the order of their first row.
fn fill_categories<'a>(
    array: &ArrayRef,
    fills: impl Iterator<Item = (u32, &'a str)> + Clone,
) -> ArrayRef {
    let dictionary = array.as_dictionary::<Int32Type>();
    let categories = dictionary.values().as_string::<i32>();
    let mut texts: Vec<&str> = (0..categories.len())
        .map(|code| categories.value(code))
        .collect();
    let mut code_of: HashMap<&str, i32> = HashMap::with_capacity(texts.len());
    for (code, text) in texts.iter().enumerate() {
        code_of.entry(text).or_insert(code as i32);
    }
    let mut codes = dictionary.keys().values().to_vec();
    let mut previous: Option<(&str, i32)> = None;
    for (row, text) in fills.clone() {
        let code = match previous {
            Some((same, code)) if std::ptr::eq(same, text) => code,
            _ => *code_of.entry(text).or_insert_with(|| {
                texts.push(text);
                texts.len() as i32 - 1
            }),
        };
        previous = Some((text, code));
        codes[row as usize] = code;
    }
    let nulls = fill_nulls(array.nulls(), fills.map(|(row, _)| row));
    let categories: ArrayRef = if texts.len() > categories.len() {
        Arc::new(StringArray::from(texts))
    } else {
        Arc::clone(dictionary.values())
    };
    // Null rows may hold any code, but an empty dictionary allows none; it was just filled.
    Arc::new(DictionaryArray::new(
        Int32Array::new(codes.into(), nulls),
        categories,
    ))
}

/// Texts to land in a text column, one after the other.
pub(super) struct Texts {
    bytes: Vec<u8>,
    offsets: Vec<i32>,
}

impl Default for Texts {
    fn default() -> Self {
        Self {
            bytes: Vec::new(),
            offsets: vec![0],
        }
    }
}

impl Texts {
    /// Adds a text.
    ///
    /// # Errors
    /// When all of them exceed 2 GiB.
    pub(super) fn push(&mut self, text: &str) -> Result<()> {
        self.bytes.extend_from_slice(text.as_bytes());
        let Ok(end) = i32::try_from(self.bytes.len()) else {
            return Err(too_much_text());
        };
        self.offsets.push(end);
        Ok(())
    }

    /// An array of type `data_type`: utf8, or a dictionary with a category per text.
    pub(super) fn finish(self, data_type: &ArrowType) -> ArrayRef {
        let offsets = OffsetBuffer::new(ScalarBuffer::from(self.offsets));
        let texts = StringArray::new(offsets, Buffer::from_vec(self.bytes), None);
        match data_type {
            ArrowType::Dictionary(..) => {
                let codes = Int32Array::from_iter_values(0..texts.len() as i32);
                Arc::new(DictionaryArray::new(codes, Arc::new(texts)))
            }
            _ => Arc::new(texts),
        }
    }
}

fn too_much_text() -> Error {
    ErrorKind::Encode {
        action: "fill a text column",
        source: "its texts exceed 2 GiB in one chunk; smaller chunks are needed".into(),
    }
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn texts(array: &ArrayRef) -> Vec<Option<String>> {
        let texts = arrow::compute::cast(array, &ArrowType::Utf8).unwrap();
        texts
            .as_string::<i32>()
            .iter()
            .map(|text| text.map(str::to_owned))
            .collect()
    }

    /// Cells, and for each whether its null is to be filled and with what.
    fn cells() -> impl Strategy<Value = Vec<(Option<String>, Option<String>)>> {
        let text = || prop::option::of("[a-cä]{0,3}");
        prop::collection::vec((text(), text()), 2..70)
    }

    proptest! {
        /// Slices start off a byte's edge and leave texts before and after them.
        #[test]
        fn texts_land_in_their_rows(cells in cells(), cut in 0..2usize) {
            let fills: Vec<_> = cells[cut..]
                .iter()
                .enumerate()
                .filter(|(_, (cell, _))| cell.is_none())
                .filter_map(|(row, (_, fill))| Some((row as u32, fill.as_deref()?)))
                .collect();
            let expected: Vec<_> = cells[cut..]
                .iter()
                .map(|(cell, fill)| cell.clone().or_else(|| fill.clone()))
                .collect();
            let plain: StringArray = cells.iter().map(|(cell, _)| cell.as_deref()).collect();
            let categories: DictionaryArray<Int32Type> =
                cells.iter().map(|(cell, _)| cell.as_deref()).collect();
            for array in [Arc::new(plain) as ArrayRef, Arc::new(categories)] {
                let array = array.slice(cut, cells.len() - cut);
                let filled = fill_texts(&array, fills.iter().copied()).unwrap();
                filled.to_data().validate_full().unwrap();
                prop_assert_eq!(filled.data_type(), array.data_type());
                prop_assert_eq!(texts(&filled), expected.clone());
                prop_assert_eq!(filled.nulls().is_some(), filled.null_count() > 0);
            }
        }

        #[test]
        fn cells_land_in_their_rows(
            cells in prop::collection::vec((prop::option::of(0..9i64), any::<bool>()), 2..70),
            cut in 0..2usize,
        ) {
            let numbers = cells.iter().map(|(cell, _)| cell.unwrap_or(-1)).collect();
            let valid: Vec<_> = cells.iter().map(|(cell, _)| cell.is_some()).collect();
            let array = i64::build(numbers, Some(valid.into()), &ArrowType::Int64);
            let array = array.slice(cut, cells.len() - cut);
            let cells = &cells[cut..];
            let rows: Vec<_> = (0..cells.len())
                .filter(|&row| cells[row].0.is_none() && cells[row].1)
                .map(|row| row as u32)
                .collect();
            let filled = fill_cells(&array, rows.iter().copied(), std::iter::repeat(42i64));
            let read = i64::read(&filled);
            for (row, &(cell, fill)) in cells.iter().enumerate() {
                let expected = cell.or(fill.then_some(42));
                prop_assert_eq!(filled.is_valid(row).then(|| read[row]), expected);
            }
            prop_assert_eq!(filled.nulls().is_some(), filled.null_count() > 0);
        }
    }

    #[test]
    fn a_constant_is_added_to_the_dictionary_once() {
        let cells = vec![Some("a"), None, Some("a"), None];
        let array: ArrayRef = Arc::new(cells.into_iter().collect::<DictionaryArray<Int32Type>>());
        let categories = |filled: &ArrayRef| filled.as_dictionary::<Int32Type>().values().len();
        let filled = fill_texts(&array, [(1, "b"), (3, "b")].into_iter()).unwrap();
        assert_eq!(categories(&filled), 2);
        let filled = fill_texts(&array, [(1, "a"), (3, "a")].into_iter()).unwrap();
        assert_eq!(categories(&filled), 1);
    }
}
