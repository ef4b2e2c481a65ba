//! The rest of a source -> where its next chunk ends: a whole number of records.
//!
//! The mask loop runs until a limit or an odd record; the plain machine walks odd records, one at
//! a time. Invariant: whatever the limits, the chunks' records one after the other are exactly
//! the records the plain machine reads.

use crate::base::{Dialect, Reason};

use super::lines::{Context, LineScan, LineStop};
use super::masks::{BLOCK_BYTES, Kernel};
use super::record::{Extent, Machine};

/// Finds where chunks of whole records end.
#[derive(Debug, Clone, Copy)]
pub struct Splitter {
    pub(super) dialect: Dialect,
    pub(super) kernel: Kernel,
}

/// How large a chunk gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SplitLimits {
    /// Records in a chunk, at most; at least 1.
    pub records_max: usize,
    /// A chunk ends at the first line end at or past this many bytes.
    pub bytes_max: usize,
    /// Bytes in a record without its line end, at most; longer ones are kept out of chunks.
    pub record_bytes_max: usize,
}

/// A chunk: the bytes from where the split started to `end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Split {
    /// Offset just past the last line end, where the next record starts.
    pub end: usize,
    /// Records in the chunk, malformed ones included and blank lines excluded.
    pub records: u32,
    /// Line feeds in the chunk.
    pub newlines: u64,
    /// Why the chunk ends here.
    pub stop: Stop,
}

/// Why a chunk ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// A limit was reached and there is more input.
    Full,
    /// The input ends here.
    EndOfInput,
    /// The record at the chunk's end is longer than `record_bytes_max`.
    Oversize {
        /// Where the record after it starts.
        resume: usize,
        /// Line feeds from the chunk's end to `resume`.
        newlines: u64,
        /// Length of the record without its line end, in bytes.
        record_bytes: u64,
        /// Offset of the opening quote, if the input ends inside it.
        unclosed: Option<usize>,
    },
}

/// How far a walk through an oversize record goes before it reports, in bytes.
const PASSED_BYTES: usize = 1 << 20;

impl Splitter {
    /// A splitter on the fastest kernel of this machine.
    ///
    /// # Panics
    /// If delimiter, quote and line ends are not four different ASCII bytes.
    pub fn new(dialect: Dialect) -> Self {
        Self::with_kernel(dialect, Kernel::best())
    }

    /// A splitter on `kernel`. Panics as [`Splitter::new`].
    pub fn with_kernel(dialect: Dialect, kernel: Kernel) -> Self {
        assert_dialect(dialect);
        Self { dialect, kernel }
    }

    /// The chunk that starts at the record start `at`.
    ///
    /// Reads no further than the chunk's last line end (to within a block), except through an
    /// oversize record: then `passed` is called with an offset at least every MiB, and nothing
    /// before that offset is read again.
    pub fn split(
        &self,
        bytes: &[u8],
        at: usize,
        limits: &SplitLimits,
        passed: &mut dyn FnMut(usize),
    ) -> Split {
        // A chunk's records are counted in 32 bits.
        let records_max = (limits.records_max as u64).min(u64::from(u32::MAX));
        let end_goal = at.saturating_add(limits.bytes_max);
        let (mut end, mut records, mut newlines) = (at, 0, 0);
        let mut full = false;
        while !full && end < bytes.len() {
            if limits.record_bytes_max >= BLOCK_BYTES {
                let lines = self.kernel.run(LineScan {
                    bytes,
                    from: end,
                    to: bytes.len(),
                    context: Context::RecordStart,
                    dialect: self.dialect,
                    records_max: records_max - records,
                    end_goal,
                    record_bytes_max: limits.record_bytes_max,
                });
                end = lines.record_start;
                records += lines.records;
                newlines += lines.newlines;
                full = lines.stop == LineStop::Full;
            }
            if !full && end < bytes.len() {
                let extent = self.walk_record(bytes, end, limits.record_bytes_max, passed);
                if extent.bytes() > limits.record_bytes_max {
                    return Split {
                        end,
                        records: records as u32,
                        newlines,
                        stop: oversize(&extent),
                    };
                }
                end = extent.next;
                records += u64::from(!extent.is_blank());
                newlines += extent.newlines;
                full = records >= records_max || end >= end_goal;
            }
        }
        let stop = if end == bytes.len() {
            Stop::EndOfInput
        } else {
            Stop::Full
        };
        Split {
            end,
            records: records as u32,
            newlines,
            stop,
        }
    }

    /// The record that starts at `start`, reporting progress once it is known to be too long.
    fn walk_record(
        &self,
        bytes: &[u8],
        start: usize,
        record_bytes_max: usize,
        passed: &mut dyn FnMut(usize),
    ) -> Extent {
        let mut machine = Machine::new(self.dialect, start);
        loop {
            let to = machine.pos().saturating_add(PASSED_BYTES).min(bytes.len());
            if machine.run(bytes, to, |_| {}) || to == bytes.len() {
                return machine.finish(bytes);
            }
            // The last bytes may yet turn out to be a line end.
            if machine.walked() > record_bytes_max.saturating_add(b"\r\n".len()) {
                passed(machine.pos());
            }
        }
    }
}

fn oversize(extent: &Extent) -> Stop {
    let unclosed = match extent.flaw {
        Some((Reason::UnclosedQuote, opening_quote)) => Some(opening_quote),
        _ => None,
    };
    Stop::Oversize {
        resume: extent.next,
        newlines: extent.newlines,
        record_bytes: extent.bytes() as u64,
        unclosed,
    }
}

/// Masks tell the structural bytes apart only if they differ, and cutting at them leaves UTF-8
/// whole only if they are ASCII.
pub(super) fn assert_dialect(dialect: Dialect) {
    let Dialect {
        delimiter, quote, ..
    } = dialect;
    let structural = |byte: u8| byte.is_ascii() && byte != b'\n' && byte != b'\r';
    assert!(
        structural(delimiter) && quote.is_none_or(|quote| structural(quote) && quote != delimiter),
        "the configuration was validated: delimiter, quote and line ends differ and are ASCII"
    );
}
