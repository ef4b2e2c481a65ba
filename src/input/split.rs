//! What the cursor asks of whoever knows the CSV grammar: where chunks of whole records end.
//!
//! Comes in: the bytes of a source and the start of a record. Goes out: how far a chunk reaches.
//! Invariant: `end` is always the start of a record (or the end of the input), so that splitting
//! on from there gives the same records as splitting in one go.

use crate::base::LineEnd;

/// How far a chunk may reach. Every limit is at least 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SplitLimits {
    /// Most records in a chunk.
    pub records_max: usize,
    /// A chunk ends at the first record end at or past this many bytes.
    pub bytes_max: usize,
    /// Longest record a chunk may hold, in bytes.
    pub record_bytes_max: usize,
}

/// How far a chunk reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Split {
    /// Offset just past the last record's line end: the start of the next record.
    pub end: usize,
    /// Records in `at..end`, malformed ones included; blank lines are no records.
    pub records: u32,
    /// Lines that end in `at..end`.
    pub newlines: u64,
    /// Why the chunk ends here.
    pub stop: Stop,
}

/// Why a chunk ends where it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// A limit was reached.
    Full,
    /// The input ends here.
    EndOfInput,
    /// The record that starts at [`Split::end`] is longer than
    /// [`record_bytes_max`](SplitLimits::record_bytes_max).
    Oversize {
        /// Where the record after it starts; the input's end if there is none.
        resume: usize,
        /// Lines that end from [`Split::end`] to `resume`.
        newlines: u64,
        /// Its length, in bytes.
        record_bytes: u64,
        /// Offset of the opening quote, if the input ended inside a quoted field.
        unclosed: Option<usize>,
    },
}

/// Knows where records end.
pub trait RecordSplit: Send + Sync {
    /// What ends a line.
    fn line_end(&self) -> LineEnd;

    /// Finds the end of the chunk that starts at `at`, which is the start of a record.
    ///
    /// `bytes` may be a memory map: an implementation reads no further than it must, and while it
    /// walks over an oversize record it calls `passed`, at least once per MiB, with an offset behind
    /// which it goes on. It may go back, and tell offsets anew from there, where what seemed to be
    /// such a record was none.
    fn split(
        &self,
        bytes: &[u8],
        at: usize,
        limits: &SplitLimits,
        passed: &mut dyn FnMut(usize),
    ) -> Split;
}

#[cfg(test)]
pub(super) mod lines_only {
    //! The smallest grammar there is, for the tests of this room: a line is a record.

    use super::{LineEnd, RecordSplit, Split, SplitLimits, Stop};

    /// Records are lines; blank lines are none; nothing quotes, save that a line starting with
    /// `"` runs to the end of the input, unclosed.
    pub(in crate::input) struct LineSplit;

    impl RecordSplit for LineSplit {
        fn line_end(&self) -> LineEnd {
            LineEnd::Lf
        }

        fn split(
            &self,
            bytes: &[u8],
            at: usize,
            limits: &SplitLimits,
            passed: &mut dyn FnMut(usize),
        ) -> Split {
            let (mut end, mut records, mut newlines) = (at, 0, 0);
            let stop = loop {
                if records as usize == limits.records_max || end - at >= limits.bytes_max {
                    break Stop::Full;
                }
                if end == bytes.len() {
                    break Stop::EndOfInput;
                }
                let rest = &bytes[end..];
                let quoted = rest[0] == b'"';
                let line_end = rest.iter().position(|&byte| byte == b'\n');
                let next = line_end.filter(|_| !quoted).map_or(rest.len(), |lf| lf + 1);
                let lines = rest[..next].iter().filter(|&&byte| byte == b'\n').count() as u64;
                let length = next - usize::from(rest[next - 1] == b'\n');
                if length > limits.record_bytes_max {
                    (end..end + next).step_by(1024).for_each(passed);
                    break Stop::Oversize {
                        resume: end + next,
                        newlines: lines,
                        record_bytes: length as u64,
                        unclosed: quoted.then_some(end),
                    };
                }
                end += next;
                newlines += lines;
                records += u32::from(length > 0);
            };
            Split {
                end,
                records,
                newlines,
                stop,
            }
        }
    }
}
