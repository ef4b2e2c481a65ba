//! Raw fields as the leaves read them: in comes one block of records, out go the fields of one
//! column. A field knows the bytes that follow it, so that a kernel may load eight bytes at once
//! and mask off what is not its own.

use crate::csv::{BadRecord, Fields};

/// The raw bytes of one field, and what follows them in the chunk.
#[derive(Debug, Clone, Copy)]
pub struct Field<'a> {
    tail: &'a [u8],
    len: usize,
}

impl<'a> Field<'a> {
    /// A field with nothing behind it.
    pub fn new(text: &'a [u8]) -> Self {
        Self {
            tail: text,
            len: text.len(),
        }
    }

    /// The field `bytes[start..end]`.
    pub fn within(bytes: &'a [u8], start: usize, end: usize) -> Self {
        let tail = &bytes[start..];
        let len = end - start;
        assert!(len <= tail.len(), "a field ends within its chunk");
        Self { tail, len }
    }

    /// The field's own bytes.
    #[inline]
    pub fn text(self) -> &'a [u8] {
        &self.tail[..self.len]
    }

    /// Length in bytes.
    #[inline]
    #[allow(clippy::len_without_is_empty)]
    pub fn len(self) -> usize {
        self.len
    }

    /// The byte at `at`, or 0 past the end of the chunk. May lie behind the field.
    #[inline]
    pub fn byte(self, at: usize) -> u8 {
        self.tail.get(at).copied().unwrap_or(0)
    }

    /// The eight bytes from `at`, the first in the lowest place. Those behind the field are
    /// whatever follows it, those past the end of the chunk are 0.
    #[inline]
    pub fn word(self, at: usize) -> u64 {
        match self.tail.get(at..at + 8) {
            Some(bytes) => u64::from_le_bytes(bytes.try_into().expect("eight bytes")),
            None => self.word_at_end(at),
        }
    }

    /// The `N` bytes from the start of the field, if it is no longer and the chunk no shorter.
    #[inline]
    pub fn short<const N: usize>(self) -> Option<&'a [u8; N]> {
        if self.len > N {
            return None;
        }
        self.tail.first_chunk()
    }

    #[cold]
    fn word_at_end(self, at: usize) -> u64 {
        let rest = self.tail.get(at..).unwrap_or_default();
        let mut bytes = [0; 8];
        bytes[..rest.len()].copy_from_slice(rest);
        u64::from_le_bytes(bytes)
    }
}

/// The fields of one column in one block.
#[derive(Debug, Clone, Copy)]
pub struct FieldColumn<'a> {
    bytes: &'a [u8],
    bounds: &'a [u32],
    stride: usize,
    column: usize,
}

impl<'a> FieldColumn<'a> {
    /// Column `column` of rows of `columns` fields. `bounds` holds `columns + 1` offsets into
    /// `bytes` for each row; field c ends one byte before offset c + 1.
    pub fn new(bytes: &'a [u8], bounds: &'a [u32], columns: usize, column: usize) -> Self {
        assert!(column < columns, "a column of the block");
        Self {
            bytes,
            bounds,
            stride: columns + 1,
            column,
        }
    }

    /// Number of fields.
    pub fn rows(&self) -> usize {
        self.bounds.len() / self.stride
    }

    /// Each field with its offset in the chunk, in row order.
    #[inline]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (usize, Field<'a>)> + use<'a> {
        let Self { bytes, column, .. } = *self;
        self.bounds.chunks_exact(self.stride).map(move |row| {
            let start = row[column] as usize;
            let end = row[column + 1] as usize - 1;
            (start, Field::within(bytes, start, end))
        })
    }
}

/// What one block of records holds, as plain slices.
#[derive(Clone, Copy)]
pub(super) struct Block<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) bounds: &'a [u32],
    pub(super) columns: usize,
    /// Good and bad records.
    pub(super) records: usize,
    /// For each row its record's index in the block; `None` when row i is record i.
    pub(super) record_indices: Option<&'a [u32]>,
    pub(super) bad: &'a [BadRecord],
}

impl<'a> Block<'a> {
    pub(super) fn rows(&self) -> usize {
        self.bounds.len() / (self.columns + 1)
    }

    pub(super) fn column(&self, column: usize) -> FieldColumn<'a> {
        FieldColumn::new(self.bytes, self.bounds, self.columns, column)
    }
}

impl<'a> From<&'a Fields<'a>> for Block<'a> {
    fn from(fields: &'a Fields<'a>) -> Self {
        Self {
            bytes: fields.bytes(),
            bounds: fields.bounds(),
            columns: fields.columns(),
            records: fields.records(),
            record_indices: fields.record_indices(),
            bad: fields.bad(),
        }
    }
}

/// `text` without the ASCII spaces and tabs around it.
pub(super) fn trim(text: &[u8]) -> &[u8] {
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let start = text.iter().take_while(|byte| blank(byte)).count();
    let end = text.len()
        - text[start..]
            .iter()
            .rev()
            .take_while(|byte| blank(byte))
            .count();
    &text[start..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_a_column_and_the_bytes_behind_them() {
        let bytes = b"1,ab\n,c\n";
        let bounds = [0, 2, 5, 5, 6, 8];
        let texts = |column| {
            let fields = FieldColumn::new(bytes, &bounds, 2, column);
            assert_eq!(fields.rows(), 2);
            fields
                .iter()
                .map(|(at, field)| (at, field.text()))
                .collect::<Vec<_>>()
        };
        assert_eq!(texts(0), [(0, &b"1"[..]), (5, b"")]);
        assert_eq!(texts(1), [(2, &b"ab"[..]), (6, b"c")]);
        let field = Field::within(bytes, 0, 1);
        assert_eq!(field.word(0).to_le_bytes(), *b"1,ab\n,c\n");
        assert_eq!(field.word(5).to_le_bytes(), *b",c\n\0\0\0\0\0");
        assert_eq!(field.word(99), 0);
        assert_eq!((field.byte(1), field.byte(8)), (b',', 0));
    }

    #[test]
    fn trims_spaces_and_tabs_only() {
        assert_eq!(trim(b" \t a b\t "), b"a b");
        assert_eq!(trim(b" \t "), b"");
        assert_eq!(trim(b""), b"");
        assert_eq!(trim(b"\na\x0b"), b"\na\x0b");
    }
}
