//! How the bytes of a source are read as records and fields.

use std::ops::Range;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// The CSV dialect of a source: RFC 4180 by default, each part of it to be chosen.
///
/// Records end at line ends outside quotes. A quote is structural only as the first byte of a
/// field; elsewhere in an unquoted field it is an ordinary byte. Inside a quoted field a doubled
/// quote stands for one quote. Blank lines are no records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dialect {
    /// The byte between two fields.
    pub delimiter: u8,
    /// The byte around quoted fields; `None` means that no byte quotes.
    pub quote: Option<u8>,
    /// The byte that makes the next one ordinary, in quoted and unquoted fields; `None` means that
    /// only doubled quotes escape.
    pub escape: Option<u8>,
    /// Lines that start with this, where a record could start, are no records.
    pub comment: Option<Prefix>,
    /// What ends a record.
    pub line_end: LineEnd,
    /// Whether spaces behind a delimiter are no part of the field, so that a quote may follow them.
    pub skip_space: bool,
    /// Whether the first record of each source names the columns.
    pub header: bool,
}

impl Dialect {
    /// Whether it is RFC 4180 but for the delimiter and the quote, which the kernels read.
    pub fn is_plain(&self) -> bool {
        self.escape.is_none()
            && self.comment.is_none()
            && self.line_end == LineEnd::Lf
            && !self.skip_space
    }

    /// How its fields become text.
    pub fn quoting(&self) -> Quoting {
        Quoting {
            quote: self.quote,
            escape: self.escape,
        }
    }
}

/// What is known of how a source is laid out before looking at it; `None` where nothing is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Known {
    /// The byte between two fields.
    pub delimiter: Option<u8>,
    /// The byte around quoted fields, if any quotes.
    pub quote: Option<Option<u8>>,
    /// The byte that makes the next one ordinary, if any does.
    pub escape: Option<Option<u8>>,
    /// What lines start with that are no records, if any do.
    pub comment: Option<Option<Prefix>>,
    /// What ends a record.
    pub line_end: Option<LineEnd>,
    /// Whether spaces behind a delimiter are no part of the field.
    pub skip_space: Option<bool>,
    /// Whether the first record names the columns.
    pub header: Option<bool>,
    /// Lines before the header, or before the first record where there is none.
    pub skip_rows: Option<usize>,
    /// Records that name the columns together.
    pub header_rows: Option<usize>,
    /// Which of several tables in a source to load, from 1.
    pub table: Option<usize>,
    /// What belongs to the table whatever it looks like.
    pub keep: Keep,
}

/// What looks like no part of a table, and is one all the same.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Keep {
    /// A record of units below the names.
    pub units: bool,
    /// Notes and sums behind the last record.
    pub footer: bool,
    /// An empty last column.
    pub trailing: bool,
}

/// How a field becomes text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quoting {
    /// The byte around quoted fields.
    pub quote: Option<u8>,
    /// The byte that makes the next one ordinary and is no part of the text itself.
    pub escape: Option<u8>,
}

impl Quoting {
    /// Without an escape byte: a doubled quote stands for one.
    pub fn doubled(quote: Option<u8>) -> Self {
        Self {
            quote,
            escape: None,
        }
    }

    /// Whether the raw field `raw` says that there is no value: `\N`, where a backslash escapes, as
    /// PostgreSQL and MySQL write it.
    pub fn is_null_marker(self, raw: &[u8]) -> bool {
        raw == b"\\N" && self.escape == Some(b'\\')
    }
}

/// What ends a record.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, ValueEnum, Serialize, Deserialize)]
pub enum LineEnd {
    /// LF or CRLF; a lone CR is text.
    #[default]
    Lf,
    /// LF, CRLF or a lone CR.
    Any,
}

impl LineEnd {
    /// Offsets just past each line end in `bytes`, those within quotes included.
    pub fn ends(self, bytes: &[u8]) -> impl Iterator<Item = usize> {
        let carriage = match self {
            Self::Lf => b'\n',
            Self::Any => b'\r',
        };
        let is_end = |at: &usize| bytes[*at] == b'\n' || bytes.get(*at + 1) != Some(&b'\n');
        memchr::memchr2_iter(b'\n', carriage, bytes)
            .filter(is_end)
            .map(|at| at + 1)
    }

    /// How many lines end in `range` of `bytes`.
    pub fn count(self, bytes: &[u8], range: Range<usize>) -> u64 {
        let end = range.end;
        let lines = match self {
            Self::Lf => memchr::memchr_iter(b'\n', &bytes[range]).count(),
            Self::Any => {
                let is_cut =
                    bytes[range.clone()].ends_with(b"\r") && bytes[end..].starts_with(b"\n");
                self.ends(&bytes[range]).count() - usize::from(is_cut)
            }
        };
        lines as u64
    }
}

/// A few bytes that lines may start with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Vec<u8>", into = "Vec<u8>")]
pub struct Prefix {
    bytes: [u8; Self::BYTES_MAX],
    length: u8,
}

impl Prefix {
    /// The longest prefix.
    pub const BYTES_MAX: usize = 7;

    /// The prefix `bytes`; `None` if there is none or it is too long.
    pub fn new(bytes: &[u8]) -> Option<Self> {
        let mut prefix = Self {
            bytes: [0; Self::BYTES_MAX],
            length: u8::try_from(bytes.len()).ok()?,
        };
        prefix.bytes.get_mut(..bytes.len())?.copy_from_slice(bytes);
        (!bytes.is_empty()).then_some(prefix)
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }
}

impl TryFrom<Vec<u8>> for Prefix {
    type Error = &'static str;

    fn try_from(bytes: Vec<u8>) -> Result<Self, Self::Error> {
        Self::new(&bytes).ok_or("a prefix of 1 to 7 bytes is wanted")
    }
}

impl From<Prefix> for Vec<u8> {
    fn from(prefix: Prefix) -> Self {
        prefix.bytes().to_vec()
    }
}

impl Default for Dialect {
    fn default() -> Self {
        Self {
            delimiter: b',',
            quote: Some(b'"'),
            escape: None,
            comment: None,
            line_end: LineEnd::Lf,
            skip_space: false,
            header: true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_once() {
        let bytes = b"a\r\nb\rc\n\r\r\n\r";
        let all = 0..bytes.len();
        assert!(LineEnd::Lf.ends(bytes).eq([3, 7, 10]));
        assert!(LineEnd::Any.ends(bytes).eq([3, 5, 7, 8, 10, 11]));
        // A CRLF that a range cuts ends behind it.
        for line_end in [LineEnd::Lf, LineEnd::Any] {
            for cut in all.clone() {
                let first = line_end.ends(bytes).filter(|end| *end <= cut).count();
                assert_eq!(line_end.count(bytes, 0..cut), first as u64, "{cut}");
                let rest = line_end.count(bytes, cut..bytes.len());
                let whole = line_end.count(bytes, all.clone());
                assert_eq!(first as u64 + rest, whole, "{cut}");
            }
        }
    }
}
