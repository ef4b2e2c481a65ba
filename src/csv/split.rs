//! The rest of a source -> where its next chunk ends: a whole number of records.
//!
//! The mask loop (or, in dialects it does not know, a walk in hops) runs until a limit or an odd
//! record; the plain machine walks odd records, one at a time. Invariant: whatever the limits, the
//! chunks' records one after the other are exactly the records the plain machine reads.

use crate::base::{Dialect, LineEnd, Reason};

use super::extent::Extent;
use super::hops::{Hops, Span};
use super::lines::{Context, LineScan, LineStop};
use super::machine::{Machine, PASSED_BYTES};
use crate::base::masks::{BLOCK_BYTES, Kernel};
use crate::input::{RecordSplit, Split, SplitLimits, Stop};

/// Finds where chunks of whole records end.
#[derive(Debug, Clone, Copy)]
pub struct Splitter {
    pub(super) dialect: Dialect,
    pub(super) kernel: Kernel,
    /// Fields of a record, if quoted fields beyond the limit are to be read on.
    fields: Option<usize>,
}

impl Splitter {
    /// A splitter on the fastest kernel of this machine, to which a quoted field longer than a record
    /// may be is never closed.
    ///
    /// # Panics
    /// If delimiter, quote and line ends are not four different ASCII bytes.
    pub fn new(dialect: Dialect) -> Self {
        Self::with_kernel(dialect, Kernel::best())
    }

    /// A splitter on `kernel`. Panics as [`Splitter::new`].
    pub fn with_kernel(dialect: Dialect, kernel: Kernel) -> Self {
        assert_dialect(dialect);
        Self {
            dialect,
            kernel,
            fields: None,
        }
    }

    /// The same splitter, which looks for the end of a quoted field longer than a record may be
    /// (`long.rs` says how far) in a table whose records have `fields` fields.
    pub fn reading_on(mut self, fields: usize) -> Self {
        self.fields = Some(fields);
        self
    }
}

impl RecordSplit for Splitter {
    fn line_end(&self) -> LineEnd {
        self.dialect.line_end
    }

    /// Reads no further than the chunk's last line end (to within a block), except through an
    /// oversize record: then `passed` is called with an offset at least every MiB, and nothing
    /// before that offset is read again, unless a quote turns out to have been lost.
    fn split(
        &self,
        bytes: &[u8],
        at: usize,
        limits: &SplitLimits,
        passed: &mut dyn FnMut(usize),
    ) -> Split {
        // A chunk's records are counted in 32 bits.
        let goal = Goal {
            records_max: (limits.records_max as u64).min(u64::from(u32::MAX)),
            end: at.saturating_add(limits.bytes_max),
            record_bytes_max: limits.record_bytes_max,
        };
        let mut taken = Taken {
            end: at,
            records: 0,
            newlines: 0,
            full: false,
        };
        while !taken.full && taken.end < bytes.len() {
            self.take_regular(bytes, &goal, &mut taken);
            if !taken.full && taken.end < bytes.len() {
                let extent = self.walk_record(bytes, taken.end, limits.record_bytes_max, passed);
                if extent.is_record && extent.bytes() > limits.record_bytes_max {
                    return taken.split(oversize(&extent));
                }
                taken.take(&extent, &goal);
            }
        }
        taken.split(match taken.end == bytes.len() {
            true => Stop::EndOfInput,
            false => Stop::Full,
        })
    }
}

/// Where a chunk is to end.
struct Goal {
    records_max: u64,
    end: usize,
    record_bytes_max: usize,
}

/// What a chunk holds so far.
struct Taken {
    end: usize,
    records: u64,
    newlines: u64,
    /// Whether the goal is reached.
    full: bool,
}

impl Taken {
    fn take(&mut self, extent: &Extent, goal: &Goal) {
        self.end = extent.next;
        self.records += u64::from(extent.is_record);
        self.newlines += extent.newlines;
        self.full = self.records >= goal.records_max || self.end >= goal.end;
    }

    fn split(&self, stop: Stop) -> Split {
        Split {
            end: self.end,
            records: self.records as u32,
            newlines: self.newlines,
            stop,
        }
    }
}

impl Splitter {
    /// Takes records up to the goal or to one that the plain machine must walk.
    fn take_regular(&self, bytes: &[u8], goal: &Goal, taken: &mut Taken) {
        if !self.dialect.is_plain() {
            self.kernel.run(Hops {
                bytes,
                from: taken.end,
                dialect: self.dialect,
                record_bytes_max: goal.record_bytes_max,
                each: |extent: &Extent, _: &mut Vec<Span>| {
                    taken.take(extent, goal);
                    !taken.full
                },
                spans: &mut Vec::new(),
                spans_max: 0,
            });
        } else if goal.record_bytes_max >= BLOCK_BYTES {
            let lines = self.kernel.run(LineScan {
                bytes,
                from: taken.end,
                to: bytes.len(),
                context: Context::RecordStart,
                dialect: self.dialect,
                records_max: goal.records_max - taken.records,
                end_goal: goal.end,
                record_bytes_max: goal.record_bytes_max,
            });
            taken.end = lines.record_start;
            taken.records += lines.records;
            taken.newlines += lines.newlines;
            taken.full = lines.stop == LineStop::Full;
        }
    }
}

impl Splitter {
    /// The record that starts at `start`, reporting progress once it is known to be too long.
    fn walk_record(
        &self,
        bytes: &[u8],
        start: usize,
        record_bytes_max: usize,
        passed: &mut dyn FnMut(usize),
    ) -> Extent {
        let mut machine = Machine::new(self.dialect, start, record_bytes_max);
        loop {
            let to = machine.pos().saturating_add(PASSED_BYTES).min(bytes.len());
            let ended = machine.run(bytes, to, |_, _| {});
            if machine.outgrew()
                && let Some(fields) = self.fields
                && machine.read_on(bytes, fields, passed)
            {
                continue;
            }
            if ended || to == bytes.len() {
                return machine.finish_passing(bytes, passed);
            }
            // The last bytes may yet turn out to be a line end.
            if machine.walked() > record_bytes_max.saturating_add(b"\r\n".len()) {
                passed(machine.settled());
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
    let special = [Some(dialect.delimiter), dialect.quote, dialect.escape];
    let special: Vec<u8> = special.into_iter().flatten().collect();
    let structural = |byte: &u8| byte.is_ascii() && *byte != b'\n' && *byte != b'\r';
    let differ = (1..special.len()).all(|index| !special[..index].contains(&special[index]));
    assert!(
        special.iter().all(structural) && differ,
        "the configuration was validated: delimiter, quote, escape and line ends differ and are \
         ASCII"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: SplitLimits = SplitLimits {
        records_max: 1000,
        bytes_max: 1000,
        record_bytes_max: 100,
    };

    fn split(text: &[u8], limits: &SplitLimits) -> Split {
        let dialect = Dialect::default();
        let never = &mut |_| panic!("no record is oversize");
        let splits = Kernel::available()
            .into_iter()
            .map(|kernel| Splitter::with_kernel(dialect, kernel).split(text, 0, limits, never));
        let splits: Vec<Split> = splits.collect();
        assert!(splits.iter().all(|split| *split == splits[0]));
        splits[0]
    }

    #[test]
    fn ends_with_the_input() {
        let expected = |end, records, newlines| Split {
            end,
            records,
            newlines,
            stop: Stop::EndOfInput,
        };
        assert_eq!(split(b"", &LIMITS), expected(0, 0, 0));
        assert_eq!(split(b"\n\r\n", &LIMITS), expected(3, 0, 2));
        assert_eq!(split(b"a,\"\n\"\nb", &LIMITS), expected(7, 2, 2));
        assert_eq!(split(b"a\n\"b\n", &LIMITS), expected(5, 2, 2));
        assert_eq!(split(b"a\n\"b\nc\n", &LIMITS), expected(7, 3, 3));
    }

    #[test]
    fn ends_at_each_limit() {
        let text = b"a\nb\"\n\n\"\n\"\nc\nd\n";
        let by = |records_max, bytes_max| {
            let split = split(
                text,
                &SplitLimits {
                    records_max,
                    bytes_max,
                    ..LIMITS
                },
            );
            (split.end, split.records, split.stop == Stop::Full)
        };
        assert_eq!(by(1, 1000), (2, 1, true));
        assert_eq!(by(2, 1000), (5, 2, true));
        assert_eq!(by(3, 1000), (10, 3, true));
        assert_eq!(by(1000, 2), (2, 1, true));
        assert_eq!(by(1000, 3), (5, 2, true));
        assert_eq!(by(1000, 6), (6, 2, true));
        assert_eq!(by(1000, 7), (10, 3, true));
        assert_eq!(by(1000, 13), (14, 5, false));
    }

    #[test]
    fn an_oversize_record_is_walked_through_and_left_out() {
        let long = "x".repeat(3 * PASSED_BYTES);
        let text = format!("a\n\nb,{long},\"\n\"\r\nc\n");
        let mut passed = Vec::new();
        let splitter = Splitter::new(Dialect::default());
        let split = splitter.split(text.as_bytes(), 0, &LIMITS, &mut |offset| {
            passed.push(offset);
        });
        assert_eq!((split.end, split.records, split.newlines), (3, 1, 2));
        let expected = Stop::Oversize {
            resume: text.len() - 2,
            newlines: 2,
            record_bytes: long.len() as u64 + 6,
            unclosed: None,
        };
        assert_eq!(split.stop, expected);
        assert_eq!(passed, [1, 2, 3].map(|i| 3 + i * PASSED_BYTES));
    }

    #[test]
    fn an_unclosed_quote_can_take_a_long_line() {
        let text = format!("a\nb,\"{}\nc\n", "x".repeat(200));
        let split =
            Splitter::new(Dialect::default()).split(text.as_bytes(), 0, &LIMITS, &mut |_| {});
        let Stop::Oversize {
            resume, unclosed, ..
        } = split.stop
        else {
            panic!("{split:?}");
        };
        assert_eq!((split.end, resume, unclosed), (2, text.len() - 2, Some(4)));
    }

    /// Where a splitter that reads on goes on behind the oversize record of `text`, and the offsets that
    /// it tells; or where the chunk ends.
    fn read_on(text: &str) -> (Result<usize, usize>, Vec<usize>) {
        let mut passed = Vec::new();
        let splitter = Splitter::new(Dialect::default()).reading_on(2);
        let limits = SplitLimits {
            bytes_max: 1 << 30,
            records_max: usize::MAX,
            ..LIMITS
        };
        let split = splitter.split(text.as_bytes(), 0, &limits, &mut |offset| {
            passed.push(offset);
        });
        let at = match split.stop {
            Stop::Oversize {
                resume,
                unclosed: None,
                newlines,
                record_bytes,
            } => {
                let record = &text[split.end..resume];
                assert_eq!(newlines, record.matches('\n').count() as u64);
                assert_eq!(record_bytes as usize, record.trim_end().len());
                Ok(resume)
            }
            _ => Err(split.records as usize),
        };
        (at, passed)
    }

    #[test]
    fn a_long_field_is_passed_and_a_lost_quote_is_not() {
        for bytes in [98, 99, 1000, 3 * PASSED_BYTES] {
            let field = "words, and\nmore\n".repeat(bytes / 15 + 1);
            for close in ["\"\n", "\"\r\n", "\""] {
                let text = format!("a,b\n1,\"{field}{close}");
                let rest = if close == "\"" { "" } else { "2,c\n" };
                let (found, passed) = read_on(&(text.clone() + rest));
                assert_eq!(found, Ok(text.len()), "{bytes}");
                assert!(passed.is_sorted() && passed.len() >= bytes / PASSED_BYTES);
            }
        }
        for rows in [100, 100_000] {
            let text = format!("a,b\n1,\"c\n{}", "2,d\n".repeat(rows));
            let (found, passed) = read_on(&text);
            assert_eq!(found, Err(2 + rows));
            // However long the file, no more is read twice.
            assert!(passed.last().is_none_or(|&last| last < 1000), "{passed:?}");
        }
    }

    #[test]
    fn the_longest_record_is_in_the_chunk() {
        for line_end in ["\n", "\r\n", ""] {
            for bytes in [99, 100] {
                let text = format!("{}{line_end}", "x".repeat(bytes));
                assert_eq!(split(text.as_bytes(), &LIMITS).records, 1);
            }
        }
        let text = "x".repeat(101);
        let split =
            Splitter::new(Dialect::default()).split(text.as_bytes(), 0, &LIMITS, &mut |_| {});
        assert_eq!((split.end, split.records), (0, 0));
    }

    #[test]
    #[should_panic(expected = "delimiter, quote, escape and line ends differ")]
    fn equal_delimiter_and_quote_are_a_bug() {
        let dialect = Dialect {
            quote: Some(b','),
            ..Dialect::default()
        };
        Splitter::new(dialect);
    }
}
