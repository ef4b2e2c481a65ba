//! Text -> utf8. In come fields that the scanner has found to be UTF-8, out goes one string array.
//! Invariant: the bytes of every cell are those of its field, unquoted.
//!
//! This file may use `unsafe`: the bytes were validated a block at a time, and doing so again would
//! cost as much as everything else here.
#![allow(unsafe_code)]

use arrow::array::{ArrayRef, StringArray};
use arrow::buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use bumpalo::Bump;

use super::column::{ColumnBuilder, ColumnCounts, Misfits, null_buffer, shared};
use super::field::{Field, FieldColumn};
use super::null::{NullTokens, TokenSet};
use crate::csv::unquote;

/// Fields up to this long are copied as one block of this size, without a call.
const SHORT_BYTES: usize = 32;

/// Appends strings end to end.
#[derive(Debug)]
pub(super) struct Strings {
    /// `bytes[..bytes_used]` are the strings; what follows is room.
    bytes: Vec<u8>,
    bytes_used: usize,
    /// 0, then the end of each string.
    ends: Vec<i32>,
}

impl Strings {
    pub(super) fn with_capacity(strings: usize, bytes: usize) -> Self {
        let mut ends = Vec::with_capacity(strings + 1);
        ends.push(0);
        Self {
            bytes: vec![0; bytes],
            bytes_used: 0,
            ends,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len() - 1
    }

    pub(super) fn bytes_used(&self) -> usize {
        self.bytes_used
    }

    pub(super) fn get(&self, index: usize) -> &[u8] {
        &self.bytes[self.ends[index] as usize..self.ends[index + 1] as usize]
    }

    /// Appends the bytes of a field.
    #[inline]
    pub(super) fn push(&mut self, field: Field<'_>) {
        let (start, end) = (self.bytes_used, self.bytes_used + field.len());
        if self.bytes.len() < start + field.len().max(SHORT_BYTES) {
            self.grow(field.len());
        }
        match field.short::<SHORT_BYTES>() {
            Some(block) => self.bytes[start..start + SHORT_BYTES].copy_from_slice(block),
            None => self.bytes[start..end].copy_from_slice(field.text()),
        }
        self.bytes_used = end;
        self.ends.push(end as i32);
    }

    #[cold]
    fn grow(&mut self, more: usize) {
        let room = (2 * self.bytes.len()).max(self.bytes_used + more) + SHORT_BYTES;
        self.bytes.resize(room, 0);
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.bytes.capacity() + self.ends.capacity() * size_of::<i32>()
    }

    /// All strings as an array, after a look at every byte.
    ///
    /// # Panics
    /// If a string is not UTF-8, or all are 2 GiB or more together, which no chunk is.
    pub(super) fn into_checked_array(self, nulls: Option<NullBuffer>) -> StringArray {
        let (ends, bytes) = self.into_buffers();
        StringArray::new(OffsetBuffer::new(ends), bytes, nulls)
    }

    fn into_buffers(mut self) -> (ScalarBuffer<i32>, Buffer) {
        assert!(
            i32::try_from(self.bytes_used).is_ok(),
            "a chunk is smaller than 2 GiB"
        );
        self.bytes.truncate(self.bytes_used);
        (self.ends.into(), Buffer::from_vec(self.bytes))
    }

    /// All strings as an array.
    ///
    /// # Safety
    /// Every pushed field must have been UTF-8.
    ///
    /// # Panics
    /// If the strings are 2 GiB or more together, which no chunk is.
    unsafe fn into_array(self, nulls: Option<NullBuffer>) -> StringArray {
        if cfg!(debug_assertions) {
            return self.into_checked_array(nulls);
        }
        let (ends, bytes) = self.into_buffers();
        // SAFETY: the ends start with 0, only ever rise, fit i32 as the last one does, and lie
        // within the bytes; each string is UTF-8 by this function's contract; `nulls` has as many
        // bits as there are strings, which `null_buffer` sees to.
        unsafe { StringArray::new_unchecked(OffsetBuffer::new_unchecked(ends), bytes, nulls) }
    }
}

impl Default for Strings {
    fn default() -> Self {
        Self::with_capacity(0, 0)
    }
}

/// Says which fields of a text column are null, and unquotes the others.
pub(super) struct TextCells {
    quote: Option<u8>,
    /// The tokens set for this column.
    tokens: TokenSet,
    /// The tokens of other columns.
    lookalikes: TokenSet,
    pub(super) null_lookalikes: u64,
}

impl TextCells {
    pub(super) fn new(slot: usize, quote: Option<u8>, tokens: &NullTokens) -> Self {
        Self {
            quote,
            tokens: tokens.of_text(slot),
            lookalikes: tokens.lookalikes(),
            null_lookalikes: 0,
        }
    }

    /// The text of a field; `None` if it is null.
    #[inline]
    pub(super) fn cell<'a>(&mut self, field: Field<'a>, scratch: &'a Bump) -> Option<Field<'a>> {
        if field.len() == 0 {
            return None;
        }
        let cell = if self.quote == Some(field.byte(0)) {
            Field::new(unquote(field.text(), self.quote, scratch).text)
        } else {
            field
        };
        if self.tokens.contains(cell.text()) {
            return None;
        }
        self.null_lookalikes += u64::from(self.lookalikes.contains(cell.text()));
        Some(cell)
    }
}

/// The builder of a utf8 column.
pub(super) struct Utf8 {
    cells: TextCells,
    strings: Strings,
    null_rows: Vec<u32>,
    /// What the last chunk needed: the next one is likely to be alike.
    bytes_expected: usize,
}

impl Utf8 {
    pub(super) fn new(cells: TextCells) -> Self {
        Self {
            cells,
            strings: Strings::default(),
            null_rows: Vec::new(),
            bytes_expected: 0,
        }
    }
}

impl ColumnBuilder for Utf8 {
    fn begin(&mut self, rows: usize) {
        let bytes = self.bytes_expected + self.bytes_expected / 8 + SHORT_BYTES;
        self.strings = Strings::with_capacity(rows, bytes);
        self.null_rows.clear();
        self.cells.null_lookalikes = 0;
    }

    fn push(&mut self, fields: FieldColumn<'_>, scratch: &Bump, _: &mut Misfits) {
        self.strings.ends.reserve(fields.rows());
        for (_, field) in fields.iter() {
            let cell = self.cells.cell(field, scratch);
            if cell.is_none() {
                self.null_rows.push(self.strings.len() as u32);
            }
            self.strings.push(cell.unwrap_or(Field::new(b"")));
        }
    }

    fn finish(&mut self) -> (ArrayRef, ColumnCounts) {
        let strings = std::mem::take(&mut self.strings);
        self.bytes_expected = strings.bytes_used();
        let nulls = null_buffer(strings.len(), &self.null_rows);
        let counts = ColumnCounts {
            nulls: self.null_rows.len() as u64,
            nulled: 0,
            null_lookalikes: self.cells.null_lookalikes,
        };
        // SAFETY: every string is a field of the scanner's, which hands out UTF-8 only, or such a
        // field unquoted: quotes are ASCII, so taking some away leaves whole characters.
        let array = unsafe { strings.into_array(nulls) };
        (shared(array), counts)
    }

    fn memory_bytes(&self) -> usize {
        self.strings.memory_bytes() + self.null_rows.capacity() * size_of::<u32>()
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::Array;
    use proptest::prelude::*;

    use super::super::tests::bounds_of;
    use super::*;

    fn utf8(tokens: &NullTokens) -> Utf8 {
        Utf8::new(TextCells::new(0, Some(b'"'), tokens))
    }

    /// What the builder makes of one column of raw fields.
    fn decode(builder: &mut Utf8, raw: &[&str]) -> (Vec<Option<String>>, ColumnCounts) {
        let (bytes, bounds) = bounds_of(raw);
        let scratch = Bump::new();
        builder.begin(0);
        for block in bounds.chunks(6) {
            let fields = FieldColumn::new(&bytes, block, 1, 0);
            builder.push(fields, &scratch, &mut Misfits::default());
        }
        let (array, counts) = builder.finish();
        assert_eq!(array.logical_null_count() as u64, counts.nulls);
        let array = array.as_any().downcast_ref::<StringArray>().unwrap();
        (
            array.iter().map(|cell| cell.map(String::from)).collect(),
            counts,
        )
    }

    #[test]
    fn quoted_empty_and_lookalike_cells() {
        let raw = [
            "NA",
            "",
            "\"\"",
            "\"NA\"",
            " a ",
            "\"a \"\"b\"\"\"",
            "é,",
            "nan x",
        ];
        let (cells, counts) = decode(&mut utf8(&NullTokens::default()), &raw);
        let expected = [
            Some("NA"),
            None,
            Some(""),
            Some("NA"),
            Some(" a "),
            Some("a \"b\""),
            Some("é,"),
            Some("nan x"),
        ];
        assert_eq!(cells, expected.map(|cell| cell.map(String::from)));
        assert_eq!((counts.nulls, counts.null_lookalikes), (1, 3));
    }

    #[test]
    fn tokens_set_for_the_column_are_null() {
        let mut tokens = NullTokens::default();
        tokens.per_column.insert(0, vec!["NA".into()]);
        let (cells, counts) = decode(&mut utf8(&tokens), &["NA", "\"NA\"", "null", "na"]);
        assert_eq!(cells, [None, None, Some("null".into()), Some("na".into())]);
        assert_eq!((counts.nulls, counts.null_lookalikes), (2, 1));
    }

    #[test]
    fn an_empty_chunk() {
        assert_eq!(
            decode(&mut utf8(&NullTokens::default()), &[]),
            (vec![], ColumnCounts::default())
        );
    }

    proptest! {
        #[test]
        fn any_text_survives(chunks in prop::collection::vec(prop::collection::vec("\\PC{0,40}|a{30,34}|x{100,200}", 0..20), 1..4)) {
            let mut builder = utf8(&NullTokens::default());
            for texts in chunks {
                let quoted: Vec<String> = texts.iter().map(|text| format!("\"{}\"", text.replace('"', "\"\""))).collect();
                let raw: Vec<&str> = quoted.iter().map(String::as_str).collect();
                let (cells, _) = decode(&mut builder, &raw);
                prop_assert!(cells.iter().eq(texts.iter().cloned().map(Some).collect::<Vec<_>>().iter()));

                let plain: Vec<&str> = texts.iter().map(String::as_str).filter(|text| !text.starts_with('"')).collect();
                let (cells, _) = decode(&mut builder, &plain);
                let expected = plain.iter().map(|text| (!text.is_empty()).then(|| text.to_string()));
                prop_assert!(cells.into_iter().eq(expected));
            }
        }
    }
}
