//! The fields of one block of records: bounds of good ones, and the bad records with their reason.
//!
//! Invariant: good and bad records together are all records of the block, each once.

use crate::base::{Reason, RepairKind};

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

/// A record with too few or too many fields that became a row all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RepairedRecord {
    /// Index of the record among the block's records, good and bad.
    pub record: u32,
    /// What was done.
    pub kind: RepairKind,
    /// Offset in the chunk of the record's first byte.
    pub start: usize,
    /// Offset in the chunk just past the record's last byte, without its line end.
    pub end: usize,
}

/// The records of one block. Good ones (the rows) have exactly `columns` fields and are UTF-8.
#[derive(Debug, Clone, Copy)]
pub struct Fields<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) columns: usize,
    pub(super) rows: usize,
    pub(super) bounds: Bounds<'a>,
    pub(super) record_indices: &'a [u32],
    pub(super) bad: &'a [BadRecord],
    pub(super) repaired: &'a [RepairedRecord],
}

/// Where the fields of a block begin and end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds<'a> {
    /// Field `c` of row `r` starts at offset `offsets[r * stride + c * step]` of the chunk; the next
    /// offset is just past what separates it from what is behind.
    pub offsets: &'a [u32],
    /// Offsets from one field to the next: 1 where fields share the offset between them, else 2.
    pub step: usize,
    /// Offsets from one row to the next: `step` for each column, and one more unless rows share the
    /// offset between them or fields share none.
    pub stride: usize,
    /// Whether the last field of each row is followed by a carriage return and a line feed; all
    /// others are followed by one byte.
    pub carriage: bool,
}

impl<'a> Fields<'a> {
    /// Number of good records.
    #[inline]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of fields in each good record.
    #[inline]
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Number of records, good and bad.
    #[inline]
    pub fn records(&self) -> usize {
        self.rows + self.bad.len()
    }

    /// The raw bytes of a field, with its quotes if it is quoted, without its separator.
    ///
    /// # Panics
    /// If there is no such row or column, which is a bug.
    #[inline]
    pub fn field(&self, row: usize, column: usize) -> &'a [u8] {
        assert!(column < self.columns, "a row has {} fields", self.columns);
        let first = row * self.bounds.stride + column * self.bounds.step;
        let [start, next] = [first, first + 1].map(|at| self.bounds.offsets[at] as usize);
        let carriage = self.bounds.carriage && column + 1 == self.columns;
        &self.bytes[start..next - 1 - usize::from(carriage)]
    }

    /// The chunk that bounds point into.
    #[inline]
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Where the fields are.
    #[inline]
    pub fn bounds(&self) -> Bounds<'a> {
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

    /// Those of the rows that were repaired, in order.
    #[inline]
    pub fn repaired(&self) -> &'a [RepairedRecord] {
        self.repaired
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIELDS: Fields<'_> = Fields {
        bytes: b"ab,c\r\nd,\r\n",
        columns: 2,
        rows: 2,
        bounds: Bounds {
            offsets: &[0, 3, 6, 8, 10],
            step: 1,
            stride: 2,
            carriage: true,
        },
        record_indices: &[],
        bad: &[],
        repaired: &[],
    };

    #[test]
    fn bounds_enclose_fields_without_separators() {
        let apart = Bounds {
            offsets: &[0, 3, 5, 6, 8, 9],
            step: 1,
            stride: 3,
            carriage: false,
        };
        let free = Bounds {
            offsets: &[0, 3, 3, 5, 6, 8, 8, 9],
            step: 2,
            stride: 4,
            carriage: false,
        };
        for bounds in [FIELDS.bounds, apart, free] {
            let fields = Fields { bounds, ..FIELDS };
            let field = |row, column| fields.field(row, column);
            assert_eq!([field(0, 0), field(0, 1)], [&b"ab"[..], b"c"]);
            assert_eq!([field(1, 0), field(1, 1)], [&b"d"[..], b""]);
            assert_eq!((fields.rows(), fields.records()), (2, 2));
            assert_eq!(fields.record_indices(), None);
        }
    }

    #[test]
    #[should_panic(expected = "a row has 2 fields")]
    fn a_column_that_is_not_there_is_a_bug() {
        FIELDS.field(0, 2);
    }
}
