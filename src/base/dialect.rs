//! How the bytes of a source are read as records and fields.

/// The CSV dialect of a source: RFC 4180 with a chosen delimiter and quote byte.
///
/// Records end at LF or CRLF outside quotes. A quote is structural only as the first byte of a
/// field; elsewhere in an unquoted field it is an ordinary byte. Inside a quoted field a doubled
/// quote stands for one quote. Blank lines are no records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dialect {
    /// The byte between two fields.
    pub delimiter: u8,
    /// The byte around quoted fields; `None` means that no byte quotes.
    pub quote: Option<u8>,
    /// Whether the first record of each source names the columns.
    pub header: bool,
}

impl Default for Dialect {
    fn default() -> Self {
        Self {
            delimiter: b',',
            quote: Some(b'"'),
            header: true,
        }
    }
}
