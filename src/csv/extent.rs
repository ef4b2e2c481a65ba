//! What a walk through a record comes to: where it ends, and what is wrong with it.

use crate::base::Reason;

/// Where a record ends and what is wrong with it. Offsets are into the walked bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Extent {
    /// First byte.
    pub(super) start: usize,
    /// Just past the last byte, without the line end.
    pub(super) end: usize,
    /// Just past the line end.
    pub(super) next: usize,
    /// Number of fields.
    pub(super) fields: usize,
    /// The last field.
    pub(super) last: (usize, usize),
    /// Line ends in `start..next`.
    pub(super) newlines: u64,
    /// An illegal quote, and the offset to report.
    pub(super) flaw: Option<(Reason, usize)>,
    /// Whether it is a record: not a line without content, and no comment.
    pub(super) is_record: bool,
}

impl Extent {
    /// Length without the line end, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.end - self.start
    }
}
