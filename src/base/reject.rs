//! A record or cell that could not be taken in, with everything needed to find and mend it.

use std::fmt;

use super::{TooFew, TooMany};

/// Why a record or a cell was rejected. [`Reason::code`] is what files and receipts carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Reason {
    /// The record has fewer fields than the header.
    TooFewFields,
    /// The record has more fields than the header.
    TooManyFields,
    /// Bytes that are not UTF-8.
    InvalidUtf8,
    /// A quoted field that is never closed: the record ends with the line the quote is in.
    UnclosedQuote,
    /// Text between a closing quote and the next delimiter.
    TextAfterQuote,
    /// The record is longer than `--max-record-bytes`.
    RecordTooLong,
    /// A field of the record is longer than `--max-field-bytes`.
    FieldTooLong,
    /// The record is the header once more, and its names are no values of their columns.
    RepeatedHeader,
    /// The cell fits no spelling of its column's type.
    TypeMismatch,
    /// The cell is of the column's type but outside its range or precision.
    OutOfRange,
    /// The row fails a check.
    CheckFailed,
}

impl Reason {
    /// Every reason, in the order receipts list them.
    pub const ALL: [Self; 11] = [
        Self::TooFewFields,
        Self::TooManyFields,
        Self::InvalidUtf8,
        Self::UnclosedQuote,
        Self::TextAfterQuote,
        Self::RecordTooLong,
        Self::FieldTooLong,
        Self::RepeatedHeader,
        Self::TypeMismatch,
        Self::OutOfRange,
        Self::CheckFailed,
    ];

    /// The stable code written to files.
    pub fn code(self) -> &'static str {
        match self {
            Self::TooFewFields => "too_few_fields",
            Self::TooManyFields => "too_many_fields",
            Self::InvalidUtf8 => "invalid_utf8",
            Self::UnclosedQuote => "unclosed_quote",
            Self::TextAfterQuote => "text_after_quote",
            Self::RecordTooLong => "record_too_long",
            Self::FieldTooLong => "field_too_long",
            Self::RepeatedHeader => "repeated_header",
            Self::TypeMismatch => "type_mismatch",
            Self::OutOfRange => "out_of_range",
            Self::CheckFailed => "check_failed",
        }
    }

    /// Whether the whole record is rejected, rather than one cell of it.
    pub fn is_record(self) -> bool {
        !matches!(self, Self::TypeMismatch | Self::OutOfRange)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// What records with too few or too many fields come to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Repair {
    /// With too few.
    pub too_few: TooFew,
    /// With too many.
    pub too_many: TooMany,
}

/// How a record became a row although it had too few or too many fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RepairKind {
    /// The fields that were missing at its end are null.
    Padded,
    /// The fields beyond the last column were left out.
    Truncated,
    /// The fields from the last column on became its text, with what stood between them.
    Merged,
}

impl RepairKind {
    /// Every kind, in the order of counts.
    pub const ALL: [Self; 3] = [Self::Padded, Self::Truncated, Self::Merged];

    /// The stable code written to files.
    pub fn code(self) -> &'static str {
        match self {
            Self::Padded => "padded",
            Self::Truncated => "truncated",
            Self::Merged => "merged",
        }
    }
}

/// A record that became a row although it had too few or too many fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repaired {
    /// Offset of the record from the start of the chunk it was found in, in bytes.
    pub chunk_offset: usize,
    /// What was done.
    pub kind: RepairKind,
    /// The raw bytes of the record, cut as those of a [`Reject`].
    pub raw: Box<[u8]>,
    /// Length of the record before the cut, in bytes.
    pub raw_bytes: u64,
}

impl Repaired {
    /// The repaired record `raw`, which starts `chunk_offset` bytes into its chunk.
    pub fn new(kind: RepairKind, chunk_offset: usize, raw: &[u8]) -> Self {
        Self {
            chunk_offset,
            kind,
            raw: raw[..raw.len().min(Reject::RAW_BYTES_MAX)].into(),
            raw_bytes: raw.len() as u64,
        }
    }
}

/// A rejected record (`slot` is `None`) or a rejected cell, which became null.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reject {
    /// Offset of the record (for [`Reason::UnclosedQuote`]: of the opening quote) or of the cell,
    /// from the start of the chunk it was found in, in bytes.
    pub chunk_offset: usize,
    /// The cell's column, or `None` when the whole record is rejected.
    pub slot: Option<usize>,
    /// What is wrong.
    pub reason: Reason,
    /// The raw bytes of the record or cell, cut at a stated length.
    pub raw: Box<[u8]>,
    /// Length of the record or cell before the cut, in bytes.
    pub raw_bytes: u64,
}

impl Reject {
    /// The longest raw text a reject keeps, in bytes.
    pub const RAW_BYTES_MAX: usize = 64 * 1024;

    /// A reject of `raw`, which starts `chunk_offset` bytes into its chunk.
    pub fn new(reason: Reason, slot: Option<usize>, chunk_offset: usize, raw: &[u8]) -> Self {
        let kept = &raw[..raw.len().min(Self::RAW_BYTES_MAX)];
        Self {
            chunk_offset,
            slot,
            reason,
            raw: kept.into(),
            raw_bytes: raw.len() as u64,
        }
    }
}
