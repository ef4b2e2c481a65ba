//! Splitting in parallel: blocks of a source, cut anywhere -> summaries -> the serial splitter's
//! chunks.
//!
//! Whether a block starts inside quotes is known only once all blocks before it are; so each is
//! summarized under both assumptions, in any order, and [`Splitter::locate`] then goes through the
//! summaries in file order and follows the true one. It reads bytes again only where something
//! happens: a limit is reached, or a record is odd. Invariant: the result is that of calling
//! [`Splitter::split`] until the end of the input.

use super::lines::{Context, LineScan, LineStop, Lines};
use super::split::Splitter;
use crate::input::{RecordSplit, Split, SplitLimits, Stop};

/// What a block of bytes holds if it starts outside quotes, and if it starts inside.
#[derive(Debug, Clone, Copy)]
pub struct BlockSummary {
    outside: Lines,
    inside: Lines,
}

/// The chunk that [`Splitter::locate`] is in.
struct Open {
    start: usize,
    /// Just past the last line end.
    end: usize,
    records: u32,
    /// Line feeds in `start..end`.
    newlines: u64,
    /// Line feeds from `end` to where the walk is.
    newlines_open: u64,
}

impl Open {
    fn new(start: usize) -> Self {
        Self {
            start,
            end: start,
            records: 0,
            newlines: 0,
            newlines_open: 0,
        }
    }

    /// Whether a block that ends at `block_end` leaves this chunk open and its records in bounds.
    fn absorbs(&self, lines: &Lines, block_end: usize, limits: &SplitLimits) -> bool {
        let last_end = lines.first_end.map_or(self.end, |_| lines.record_start);
        let first_end = lines.first_end.unwrap_or(block_end);
        lines.stop == LineStop::End
            && u64::from(self.records) + lines.records < records_max(limits)
            && last_end < self.start.saturating_add(limits.bytes_max)
            && first_end - self.end <= limits.record_bytes_max
    }

    fn absorb(&mut self, lines: &Lines) {
        if lines.first_end.is_some() {
            self.end = lines.record_start;
            self.records += lines.records as u32;
            self.newlines += self.newlines_open + lines.newlines;
            self.newlines_open = 0;
        }
        self.newlines_open += lines.newlines_open;
    }
}

/// A chunk's records are counted in 32 bits.
fn records_max(limits: &SplitLimits) -> u64 {
    (limits.records_max as u64).min(u64::from(u32::MAX))
}

impl Splitter {
    /// Summarizes `bytes[from..to]`, where `bytes` starts with a record; of what is before `from`
    /// it reads two bytes.
    pub fn summarize(&self, bytes: &[u8], from: usize, to: usize) -> BlockSummary {
        let lines = |inside| self.lines(bytes, from, to, Context::Middle { inside });
        BlockSummary {
            outside: lines(false),
            inside: lines(true),
        }
    }

    fn lines(&self, bytes: &[u8], from: usize, to: usize, context: Context) -> Lines {
        self.kernel.run(LineScan {
            bytes,
            from,
            to,
            context,
            dialect: self.dialect,
            records_max: u64::MAX,
            end_goal: usize::MAX,
            record_bytes_max: usize::MAX,
        })
    }

    /// All chunks of `bytes`, which start with a record, given the summaries of its blocks of
    /// `block_bytes` bytes. Ends with the chunk that stops at [`Stop::EndOfInput`]; the chunk after
    /// one that stops at [`Stop::Oversize`] starts at its `resume`.
    pub fn locate(
        &self,
        bytes: &[u8],
        limits: &SplitLimits,
        block_bytes: usize,
        blocks: &[BlockSummary],
    ) -> Vec<Split> {
        let mut splits = Vec::new();
        let mut open = Open::new(0);
        let (mut pos, mut context) = (0, Context::RecordStart);
        loop {
            let index = pos / block_bytes;
            let block_end = (index + 1) * block_bytes;
            // The longest record of a block is not summarized.
            let is_summarized = self.dialect.is_plain() && block_bytes <= limits.record_bytes_max;
            if block_end < bytes.len() && is_summarized {
                let lines = match context {
                    Context::RecordStart => self.lines(bytes, pos, block_end, context),
                    Context::Middle { inside: false } => blocks[index].outside,
                    Context::Middle { inside: true } => blocks[index].inside,
                };
                if open.absorbs(&lines, block_end, limits) {
                    open.absorb(&lines);
                    pos = block_end;
                    context = Context::Middle {
                        inside: lines.inside,
                    };
                    continue;
                }
            }
            let Some(split) = self.walk_on(bytes, &mut open, block_end, limits) else {
                (pos, context) = (open.end, Context::RecordStart);
                continue;
            };
            splits.push(split);
            let next = match split.stop {
                Stop::EndOfInput => return splits,
                Stop::Full => split.end,
                Stop::Oversize { resume, .. } => resume,
            };
            open = Open::new(next);
            (pos, context) = (next, Context::RecordStart);
        }
    }

    /// Takes whole records serially, at least up to `goal`; the chunk, if it ends there.
    fn walk_on(
        &self,
        bytes: &[u8],
        open: &mut Open,
        goal: usize,
        limits: &SplitLimits,
    ) -> Option<Split> {
        let end_goal = open.start.saturating_add(limits.bytes_max);
        let rest = SplitLimits {
            records_max: (records_max(limits) - u64::from(open.records)) as usize,
            bytes_max: end_goal.min(goal) - open.end,
            ..*limits
        };
        let split = self.split(bytes, open.end, &rest, &mut |_| {});
        open.end = split.end;
        open.records += split.records;
        open.newlines += split.newlines;
        open.newlines_open = 0;
        let full = u64::from(open.records) >= records_max(limits) || open.end >= end_goal;
        (full || split.stop != Stop::Full).then_some(Split {
            end: open.end,
            records: open.records,
            newlines: open.newlines,
            stop: split.stop,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Dialect;

    #[test]
    fn a_block_may_end_at_any_byte() {
        let text = "a,b\r\n\r\n\"c\n\"\"\",\"d\r\n\"\r\n\n\"e\"f,g\nh\",\"i\nj,\"\"\nk,\"l\r";
        let text = text.repeat(3);
        let text = text.as_bytes();
        let splitter = Splitter::new(Dialect::default());
        for (records_max, bytes_max, record_bytes_max) in [
            (1, 1000, 1000),
            (3, 1000, 1000),
            (100, 20, 1000),
            (4, 30, 70),
        ] {
            let limits = SplitLimits {
                records_max,
                bytes_max,
                record_bytes_max,
            };
            let mut expected = vec![splitter.split(text, 0, &limits, &mut |_| {})];
            while let Some(last) = expected.last() {
                let next = match last.stop {
                    Stop::EndOfInput => break,
                    Stop::Full => last.end,
                    Stop::Oversize { resume, .. } => resume,
                };
                expected.push(splitter.split(text, next, &limits, &mut |_| {}));
            }
            for block_bytes in 1..=text.len() {
                let blocks: Vec<BlockSummary> = (0..text.len())
                    .step_by(block_bytes)
                    .map(|from| splitter.summarize(text, from, text.len().min(from + block_bytes)))
                    .collect();
                let located = splitter.locate(text, &limits, block_bytes, &blocks);
                assert_eq!(located, expected, "{limits:?}, blocks of {block_bytes}");
            }
        }
    }

    #[test]
    fn regular_blocks_are_absorbed_without_reading_them_again() {
        let text = b"a,\"b\nc\"\n".repeat(100);
        let splitter = Splitter::new(Dialect::default());
        let limits = SplitLimits {
            records_max: usize::MAX,
            bytes_max: usize::MAX,
            record_bytes_max: 1000,
        };
        let mut blocks: Vec<BlockSummary> = (0..text.len())
            .step_by(50)
            .map(|from| splitter.summarize(&text, from, text.len().min(from + 50)))
            .collect();
        // A false summary shows up in the result only if the block is not read again.
        blocks[4].inside.records += 7;
        blocks[4].outside.records += 7;
        let located = splitter.locate(&text, &limits, 50, &blocks);
        assert_eq!((located.len(), located[0].records), (1, 107));
    }
}
