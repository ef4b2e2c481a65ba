//! Raw fields as the leaves read them: in comes one block of records, out go the fields of one
//! column. A field knows the bytes that follow it, so that a kernel may load eight bytes at once
//! and mask off what is not its own.

use crate::csv::{BadRecord, Fields};

/// The raw bytes of one field, and the chunk around them.
#[derive(Debug, Clone, Copy)]
pub struct Field<'a> {
    bytes: &'a [u8],
    start: usize,
    len: usize,
}

impl<'a> Field<'a> {
    /// A field with nothing behind it.
    pub fn new(text: &'a [u8]) -> Self {
        Self::within(text, 0, text.len())
    }

    /// The field `bytes[start..end]`.
    #[inline]
    pub fn within(bytes: &'a [u8], start: usize, end: usize) -> Self {
        let len = end.wrapping_sub(start);
        Self { bytes, start, len }
    }

    /// The field from offset `start` to the byte before offset `next`.
    #[inline]
    fn between(bytes: &'a [u8], start: u32, next: u32) -> Self {
        Self::within(bytes, start as usize, (next as usize).wrapping_sub(1))
    }

    /// Offset from the start of the chunk, in bytes.
    #[inline]
    pub fn offset(self) -> usize {
        self.start
    }

    /// The field's own bytes.
    ///
    /// # Panics
    /// If they are not within the chunk.
    #[inline]
    pub fn text(self) -> &'a [u8] {
        &self.bytes[self.start..][..self.len]
    }

    /// Length in bytes.
    #[inline]
    #[allow(clippy::len_without_is_empty)]
    pub fn len(self) -> usize {
        self.len
    }

    /// The first byte, if there is one.
    #[inline]
    pub fn first(self) -> Option<u8> {
        self.text().first().copied()
    }

    /// What stands between the quotes of a quoted field, if nothing in there is quoted.
    #[inline]
    pub fn within_quotes(self, quote: u8) -> Option<Self> {
        match self.text() {
            [first, inner @ .., last] if (*first, *last) == (quote, quote) => {
                let start = self.start + 1;
                let inner_end = start + inner.len();
                (!inner.contains(&quote)).then(|| Self::within(self.bytes, start, inner_end))
            }
            _ => None,
        }
    }

    /// `N` bytes from the start of the field, whatever its length; `None` where the chunk ends
    /// before.
    #[inline(always)]
    pub fn window<const N: usize>(self) -> Option<&'a [u8; N]> {
        self.bytes.get(self.start..self.start + N)?.first_chunk()
    }
}

/// The eight bytes from `at`, the first in the lowest place.
///
/// # Panics
/// If there are fewer.
#[inline(always)]
pub(super) fn word(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
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
    ///
    /// # Panics
    /// If a field is not UTF-8 or not within `bytes`.
    pub fn new(bytes: &'a [u8], bounds: &'a [u32], columns: usize, column: usize) -> Self {
        let fields = Self::trusted(bytes, bounds, columns, column);
        let utf8 = |field: Field<'_>| str::from_utf8(field.text()).is_ok();
        assert!(fields.iter().all(utf8), "fields are UTF-8");
        fields
    }

    /// [`Self::new`] of fields that the scanner has found to be UTF-8.
    pub(super) fn trusted(
        bytes: &'a [u8],
        bounds: &'a [u32],
        columns: usize,
        column: usize,
    ) -> Self {
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

    /// Each field, in row order.
    #[inline]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Field<'a>> + use<'a> {
        let Self { bytes, column, .. } = *self;
        let rows = self.bounds.chunks_exact(self.stride);
        rows.map(move |row| Field::between(bytes, row[column], row[column + 1]))
    }

    /// The field of one row.
    pub fn get(&self, row: usize) -> Field<'a> {
        let at = row * self.stride + self.column;
        Field::between(self.bytes, self.bounds[at], self.bounds[at + 1])
    }
}

/// What one block of records holds, as plain slices; every field is UTF-8.
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
        FieldColumn::trusted(self.bytes, self.bounds, self.columns, column)
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
            let rows = (0..2)
                .map(|row| fields.get(row))
                .map(|field| (field.offset(), field.text()));
            let rows: Vec<_> = rows.collect();
            assert!(
                fields
                    .iter()
                    .map(Field::text)
                    .eq(rows.iter().map(|(_, text)| *text))
            );
            rows
        };
        assert_eq!(texts(0), [(0, &b"1"[..]), (5, b"")]);
        assert_eq!(texts(1), [(2, &b"ab"[..]), (6, b"c")]);
        let field = Field::within(bytes, 5, 5);
        assert_eq!((field.len(), field.first()), (0, None));
        assert_eq!(field.window::<3>(), Some(b",c\n"));
        assert_eq!(field.window::<4>(), None);
        assert_eq!(Field::within(bytes, 2, 4).first(), Some(b'a'));
        let inner = |text: &'static str| {
            let field = Field::new(text.as_bytes());
            field.within_quotes(b'"').map(Field::text)
        };
        assert_eq!(inner("\"12\""), Some(&b"12"[..]));
        assert_eq!(inner("\"\""), Some(&b""[..]));
        assert_eq!(
            ["", "\"", "12", "\"1\"\"\"", "\"1", "1\""].map(inner),
            [None; 6]
        );
    }

    #[test]
    fn trims_spaces_and_tabs_only() {
        assert_eq!(trim(b" \t a b\t "), b"a b");
        assert_eq!(trim(b" \t "), b"");
        assert_eq!(trim(b""), b"");
        assert_eq!(trim(b"\na\x0b"), b"\na\x0b");
    }
}
