//! The fields of one block of records: bounds of good ones, and the bad records with their reason.
//!
//! Invariant: good and bad records together are all records of the block, each once.

use crate::base::Reason;

/// A malformed record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadRecord {
    /// Index of the record among the block's records, good and bad.
    pub record: u32,
    /// What is wrong; of several flaws the one that says most about the rest.
    pub reason: Reason,
    /// Offset in the chunk to report: of the record, or of the opening quote for
    /// [`Reason::UnclosedQuote`].
    pub offset: usize,
    /// Offset in the chunk of the record's first byte.
    pub start: usize,
    /// Offset in the chunk just past the record's last byte, without its line end.
    pub end: usize,
    /// Number of fields.
    pub fields: u32,
}

/// The records of one block. Good ones (the rows) have exactly `columns` fields and are UTF-8.
#[derive(Debug, Clone, Copy)]
pub struct Fields<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) columns: usize,
    pub(super) bounds: &'a [u32],
    pub(super) record_indices: &'a [u32],
    pub(super) bad: &'a [BadRecord],
}

impl<'a> Fields<'a> {
    /// Number of good records.
    #[inline]
    pub fn rows(&self) -> usize {
        self.bounds.len() / (self.columns + 1)
    }

    /// Number of fields in each good record.
    #[inline]
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Number of records, good and bad.
    #[inline]
    pub fn records(&self) -> usize {
        self.rows() + self.bad.len()
    }

    /// The raw bytes of a field, with its quotes if it is quoted, without its separator.
    ///
    /// # Panics
    /// If there is no such row or column, which is a bug.
    #[inline]
    pub fn field(&self, row: usize, column: usize) -> &'a [u8] {
        assert!(column < self.columns, "a row has {} fields", self.columns);
        let first = row * (self.columns + 1) + column;
        &self.bytes[self.bounds[first] as usize..self.bounds[first + 1] as usize - 1]
    }

    /// The chunk that bounds point into.
    #[inline]
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// `columns + 1` offsets for each row: field `c` of row `r` is
    /// `bytes[bounds[r * (columns + 1) + c]..bounds[r * (columns + 1) + c + 1] - 1]`.
    #[inline]
    pub fn bounds(&self) -> &'a [u32] {
        self.bounds
    }

    /// For each row the index of its record among the block's records, ascending; `None` when no
    /// record is bad, so that row `i` is record `i`.
    #[inline]
    pub fn record_indices(&self) -> Option<&'a [u32]> {
        (!self.bad.is_empty()).then_some(self.record_indices)
    }

    /// The bad records, in order.
    #[inline]
    pub fn bad(&self) -> &'a [BadRecord] {
        self.bad
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIELDS: Fields<'_> = Fields {
        bytes: b"ab,c\r\nd,\n",
        columns: 2,
        bounds: &[0, 3, 5, 6, 8, 9],
        record_indices: &[],
        bad: &[],
    };

    #[test]
    fn bounds_enclose_fields_without_separators() {
        let field = |row, column| FIELDS.field(row, column);
        assert_eq!([field(0, 0), field(0, 1)], [&b"ab"[..], b"c"]);
        assert_eq!([field(1, 0), field(1, 1)], [&b"d"[..], b""]);
        assert_eq!((FIELDS.rows(), FIELDS.records()), (2, 2));
        assert_eq!(FIELDS.record_indices(), None);
    }

    #[test]
    #[should_panic(expected = "a row has 2 fields")]
    fn a_column_that_is_not_there_is_a_bug() {
        FIELDS.field(0, 2);
    }
}
