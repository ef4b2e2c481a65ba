//! Raw fields as the leaves read them: in comes one block of records, out go the fields of one
//! column, one by one or in groups. A field knows the bytes that follow it, so that a kernel may
//! load eight or sixteen bytes at once and mask off what is not its own.

use crate::base::masks;
use crate::csv::{BadRecord, Bounds, Fields, RepairedRecord};

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

    /// The block of bytes from `at` within the field, whatever its length; `padded` where the chunk
    /// ends before.
    #[inline(always)]
    pub(super) fn block<'b>(self, at: usize, padded: &'b mut masks::Block) -> &'b masks::Block
    where
        'a: 'b,
    {
        let rest = &self.bytes[self.start + at..];
        rest.first_chunk().unwrap_or_else(|| {
            padded[..rest.len()].copy_from_slice(rest);
            padded
        })
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

/// Fields in a group: one bit of a word for each.
pub const GROUP_ROWS: usize = 64;

/// The fields of a few rows of one column, as arrays, so that a kernel can go over them without a
/// branch. Invariant: `rows` is at most [`GROUP_ROWS`].
#[derive(Debug)]
pub struct Group<'a> {
    bytes: &'a [u8],
    pub(super) starts: [u32; GROUP_ROWS],
    pub(super) lens: [u32; GROUP_ROWS],
    rows: usize,
    /// Room for [`Self::load_unsigned`].
    unsigned: Unsigned,
}

impl<'a> Group<'a> {
    /// Number of fields.
    #[inline(always)]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// A bit for each field, from the lowest on.
    #[inline(always)]
    pub fn all(&self) -> u64 {
        u64::MAX >> (GROUP_ROWS - self.rows)
    }

    /// Loads what is behind the sign of each field; of `more` than eight bytes only if it `is_long`.
    #[inline(always)]
    pub(super) fn load_unsigned(&mut self, is_long: bool) -> &Unsigned {
        let of = &mut self.unsigned;
        let words = of.words.iter_mut().zip(&mut of.more);
        let spans = self.starts.iter().zip(&self.lens).take(self.rows);
        let outs = words.zip(of.counts.iter_mut().zip(&mut of.signs));
        for ((&start, &len), ((first, more), (count, sign))) in spans.zip(outs) {
            let start = start as usize;
            *count = 0;
            if let Some(window) = self.bytes.get(start..start + 17) {
                let negative = window[0] == b'-';
                let at = usize::from(negative);
                *first = word(window, at);
                if is_long {
                    *more = word(window, at + 8);
                }
                *count = u64::from(len).wrapping_sub(at as u64);
                *sign = u64::from(negative);
            }
        }
        of.counts[self.rows..].fill(0);
        &self.unsigned
    }

    /// Length of the longest field, in bytes.
    #[inline(always)]
    pub fn len_max(&self) -> usize {
        self.lens.iter().fold(0, |longest, &len| longest.max(len)) as usize
    }

    /// The field of one row.
    #[inline(always)]
    pub fn field(&self, row: usize) -> Field<'a> {
        Field {
            bytes: self.bytes,
            start: self.starts[row] as usize,
            len: self.lens[row] as usize,
        }
    }

    /// Each field, in row order.
    #[inline(always)]
    pub fn iter(&self) -> impl Iterator<Item = Field<'a>> {
        let spans = self.starts.iter().zip(&self.lens).take(self.rows);
        spans.map(|(&start, &len)| Field {
            bytes: self.bytes,
            start: start as usize,
            len: len as usize,
        })
    }
}

/// The bytes of a group's fields behind the minus sign that some of them have, as arrays for
/// arithmetic on all rows at once. What is behind a field is arbitrary.
#[derive(Debug)]
pub(super) struct Unsigned {
    /// The first eight bytes.
    pub(super) words: [u64; GROUP_ROWS],
    /// The next eight.
    pub(super) more: [u64; GROUP_ROWS],
    /// Length in bytes; 0 where the chunk ends too early to load words.
    pub(super) counts: [u64; GROUP_ROWS],
    /// 1 where there was a sign.
    pub(super) signs: [u64; GROUP_ROWS],
}

/// The fields of one column in one block.
#[derive(Debug, Clone, Copy)]
pub struct FieldColumn<'a> {
    bytes: &'a [u8],
    /// From the first row's field on.
    offsets: &'a [u32],
    stride: usize,
    /// Bytes between a field's end and the next offset.
    gap: u32,
    rows: usize,
}

impl<'a> FieldColumn<'a> {
    /// Column `column` of rows of `columns` fields. `offsets` holds `columns + 1` offsets into
    /// `bytes` for each row; field c ends one byte before offset c + 1.
    ///
    /// # Panics
    /// If a field is not UTF-8 or not within `bytes`.
    pub fn new(bytes: &'a [u8], offsets: &'a [u32], columns: usize, column: usize) -> Self {
        let fields = Block::apart(bytes, offsets, columns).column(column);
        let utf8 = |field: Field<'_>| str::from_utf8(field.text()).is_ok();
        assert!(fields.iter().all(utf8), "fields are UTF-8");
        fields
    }

    /// Number of fields.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Each field, in row order.
    #[inline]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Field<'a>> + use<'a> {
        let fields = *self;
        (0..self.rows).map(move |row| fields.get(row))
    }

    /// No rows yet: for [`Self::fill`].
    pub(super) fn group(&self) -> Group<'a> {
        Group {
            bytes: self.bytes,
            starts: [0; GROUP_ROWS],
            lens: [0; GROUP_ROWS],
            rows: 0,
            unsigned: Unsigned {
                words: [0; GROUP_ROWS],
                more: [0; GROUP_ROWS],
                counts: [0; GROUP_ROWS],
                signs: [0; GROUP_ROWS],
            },
        }
    }

    /// Makes `group` that of the rows from `first` on, which is one of them. The lengths behind the
    /// last of them are zero.
    #[inline(always)]
    pub(super) fn fill(&self, first: usize, group: &mut Group<'a>) {
        group.rows = (self.rows - first).min(GROUP_ROWS);
        if group.rows < GROUP_ROWS {
            group.lens = [0; GROUP_ROWS];
        }
        let mut at = first * self.stride;
        let spans = group.starts.iter_mut().zip(&mut group.lens);
        for (start, len) in spans.take(group.rows) {
            let [here, next] = self.offsets[at..at + 2] else {
                unreachable!("a slice of two offsets");
            };
            *start = here;
            *len = next.wrapping_sub(here + self.gap);
            at += self.stride;
        }
    }

    /// The field of one row.
    #[inline]
    pub fn get(&self, row: usize) -> Field<'a> {
        let at = row * self.stride;
        let (start, next) = (self.offsets[at], self.offsets[at + 1]);
        Field::within(
            self.bytes,
            start as usize,
            next.wrapping_sub(self.gap) as usize,
        )
    }
}

/// What one block of records holds, as plain slices; every field is UTF-8.
#[derive(Clone, Copy)]
pub(super) struct Block<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) columns: usize,
    pub(super) rows: usize,
    pub(super) bounds: Bounds<'a>,
    /// For each row its record's index in the block; `None` when row i is record i.
    pub(super) record_indices: Option<&'a [u32]>,
    pub(super) bad: &'a [BadRecord],
    pub(super) repaired: &'a [RepairedRecord],
}

impl<'a> Block<'a> {
    /// A block of good records only, with `columns + 1` offsets for each.
    pub(super) fn apart(bytes: &'a [u8], offsets: &'a [u32], columns: usize) -> Self {
        let stride = columns + 1;
        Self {
            bytes,
            columns,
            rows: offsets.len() / stride,
            bounds: Bounds {
                offsets,
                step: 1,
                stride,
                carriage: false,
            },
            record_indices: None,
            bad: &[],
            repaired: &[],
        }
    }

    /// Number of records, good and bad.
    pub(super) fn records(&self) -> usize {
        self.rows + self.bad.len()
    }

    pub(super) fn column(&self, column: usize) -> FieldColumn<'a> {
        assert!(column < self.columns, "a column of the block");
        let carriage = self.bounds.carriage && column + 1 == self.columns;
        let first = column * self.bounds.step;
        FieldColumn {
            bytes: self.bytes,
            offsets: &self.bounds.offsets[first.min(self.bounds.offsets.len())..],
            stride: self.bounds.stride,
            gap: 1 + u32::from(carriage),
            rows: self.rows,
        }
    }
}

impl<'a> From<&'a Fields<'a>> for Block<'a> {
    fn from(fields: &'a Fields<'a>) -> Self {
        Self {
            bytes: fields.bytes(),
            columns: fields.columns(),
            rows: fields.rows(),
            bounds: fields.bounds(),
            record_indices: fields.record_indices(),
            bad: fields.bad(),
            repaired: fields.repaired(),
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
