//! Bytes -> counts of the records, line feeds and the last record start in them, 64 bytes at a time.
//!
//! The loop behind splitting and block summaries. Invariant: all that it counts lies before the
//! first byte whose meaning is uncertain, so its counts are exact; what it cannot count (a record
//! with an illegal quote, one that may be too long, one without a line end) it leaves to the
//! plain machine, and says where that starts.

use crate::base::Dialect;

use super::quotes::{BlockMasks, QuoteState, may_open_after};
use crate::base::masks::{BLOCK_BYTES, Masks, Task, load_at, low_bits};

/// Blocks that are counted at once where there is nothing but line ends in them.
const RUN_BLOCKS: usize = 4;
const RUN_BYTES: usize = RUN_BLOCKS * BLOCK_BYTES;
/// From a run that had to be told block by block to the next that is tried.
const RUNS_APART_BYTES: usize = 4 * RUN_BYTES;

/// Where a scan starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Context {
    /// At the start of a record.
    RecordStart,
    /// At any byte of a record without illegal quotes.
    Middle {
        /// Whether the byte is inside quotes.
        inside: bool,
    },
}

/// A scan of `bytes[from..to]`.
#[derive(Debug, Clone, Copy)]
pub(super) struct LineScan<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) context: Context,
    pub(super) dialect: Dialect,
    /// Stop behind the record that makes it this many.
    pub(super) records_max: u64,
    /// Stop behind the first line end at or past this offset.
    pub(super) end_goal: usize,
    /// Stop before a block with which a record grows longer than this; at least a block.
    pub(super) record_bytes_max: usize,
}

/// Why a scan stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LineStop {
    /// At `to`.
    End,
    /// A limit was reached.
    Full,
    /// The next record needs the plain machine.
    Odd,
}

/// What a scan counted up to its last line end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lines {
    /// Line ends outside quotes, without those of blank lines.
    pub(super) records: u64,
    /// Line feeds in `from..record_start`.
    pub(super) newlines: u64,
    /// Line feeds behind `record_start`.
    pub(super) newlines_open: u64,
    /// Just past the first line end.
    pub(super) first_end: Option<usize>,
    /// Just past the last line end, or `from`.
    pub(super) record_start: usize,
    /// Whether `to` is inside quotes, if the scan got there.
    pub(super) inside: bool,
    /// Why the scan stopped.
    pub(super) stop: LineStop,
}

impl Task for LineScan<'_> {
    type Output = Lines;

    #[inline(always)]
    fn run<M: Masks>(self, masks: M) -> Lines {
        let mut state = State::new(&self);
        let mut pos = self.from;
        let mut next_run = pos;
        while pos < self.to {
            if pos >= next_run {
                if state.take_run(masks, &self, pos) {
                    pos += RUN_BYTES;
                    continue;
                }
                // Where one run is odd, its neighbours mostly are.
                next_run = pos + RUNS_APART_BYTES;
            }
            let (block, there) = load_at(masks, self.bytes, pos);
            let there = there & low_bits(self.to - pos);
            let mut feeds = masks.equal(block, b'\n') & there;
            let mut ends = feeds;
            let mut illegal = 0;
            if let Some(quote) = self.dialect.quote {
                let quote = masks.equal(block, quote) & there;
                if quote != 0 || !state.quotes.is_plain() {
                    let quoted = BlockMasks {
                        quote,
                        delimiter: masks.equal(block, self.dialect.delimiter),
                        newline: feeds,
                        carriage: masks.equal(block, b'\r'),
                    };
                    let may_open = state.may_open(&self, pos);
                    let inside;
                    (inside, illegal) = state.quotes.step(masks, quoted, may_open);
                    illegal &= there;
                    let certain = low_bits(illegal.trailing_zeros() as usize);
                    feeds &= certain;
                    ends &= !inside & certain;
                }
            }
            if state.may_grow_too_long(&self, pos, ends) {
                return state.lines(LineStop::Odd);
            }
            let blank = state.blank(masks, block, ends, self.bytes, pos);
            if state.take(&self, pos, feeds, ends, blank) {
                return state.lines(LineStop::Full);
            }
            if illegal != 0 {
                return state.lines(LineStop::Odd);
            }
            pos += BLOCK_BYTES;
        }
        state.lines(LineStop::End)
    }
}

/// What the loop carries from block to block.
struct State {
    lines: Lines,
    quotes: QuoteState,
    /// Line ends of the block before.
    prev_ends: u64,
    /// 1 if a quote may open a field at the first byte.
    first_may_open: u64,
}

impl State {
    #[inline(always)]
    fn new(scan: &LineScan<'_>) -> Self {
        let before = &scan.bytes[..scan.from];
        let (quotes, prev_ends, first_may_open) = match scan.context {
            Context::RecordStart => (QuoteState::RECORD_START, 1 << 63, 1),
            Context::Middle { inside } => {
                let ends = match before {
                    [] | [.., b'\n'] => 1 << 63,
                    [_] | [.., b'\n', _] => 1 << 62,
                    _ => 0,
                };
                (
                    QuoteState::after(before, scan.dialect, inside),
                    if inside { 0 } else { ends },
                    before
                        .last()
                        .map_or(1, |&byte| may_open_after(byte, scan.dialect)),
                )
            }
        };
        let lines = Lines {
            records: 0,
            newlines: 0,
            newlines_open: 0,
            first_end: None,
            record_start: scan.from,
            inside: false,
            stop: LineStop::End,
        };
        Self {
            lines,
            quotes,
            prev_ends,
            first_may_open,
        }
    }

    #[inline(always)]
    fn may_open(&self, scan: &LineScan<'_>, pos: usize) -> u64 {
        if pos == scan.from {
            self.first_may_open
        } else {
            may_open_after(scan.bytes[pos - 1], scan.dialect)
        }
    }

    /// Whether the open record is too long, or may be by the end of the block.
    #[inline(always)]
    fn may_grow_too_long(&self, scan: &LineScan<'_>, pos: usize, ends: u64) -> bool {
        let end = pos + ends.trailing_zeros() as usize;
        end - self.lines.record_start > scan.record_bytes_max
    }

    /// The line ends with nothing, or just a carriage return, between them and the one before.
    #[inline(always)]
    fn blank<M: Masks>(
        &self,
        masks: M,
        block: M::Loaded,
        ends: u64,
        bytes: &[u8],
        pos: usize,
    ) -> u64 {
        let blank = ends & (ends << 1 | self.prev_ends >> 63);
        let maybe = ends & (ends << 2 | self.prev_ends >> 62);
        if maybe == 0 {
            return blank;
        }
        let prev_carriage = u64::from(pos > 0 && bytes[pos - 1] == b'\r');
        let after_carriage = masks.equal(block, b'\r') << 1 | prev_carriage;
        blank | maybe & after_carriage
    }

    /// Counts some blocks at once if there are only line ends in them: no quote, no line that may be
    /// blank, and no limit. Most are of that kind, and telling them one by one apart takes longer.
    #[inline(always)]
    fn take_run<M: Masks>(&mut self, masks: M, scan: &LineScan<'_>, pos: usize) -> bool {
        let run = scan.bytes.get(pos..pos + RUN_BYTES);
        let run = run.filter(|_| pos + RUN_BYTES <= scan.to);
        let Some((blocks, [])) = run.map(<[u8]>::as_chunks::<BLOCK_BYTES>) else {
            return false;
        };
        let mut ends = [0; RUN_BLOCKS];
        let (mut quotes, mut maybe_blank, mut records) = (0, 0, 0);
        let mut before = self.prev_ends;
        for (ends, block) in ends.iter_mut().zip(blocks) {
            let block = masks.load(block);
            *ends = masks.equal(block, b'\n');
            if let Some(quote) = scan.dialect.quote {
                quotes |= masks.equal(block, quote);
            }
            maybe_blank |= *ends & (*ends << 1 | *ends << 2 | before >> 63 | before >> 62);
            records += u64::from(ends.count_ones());
            before = *ends;
        }
        let place = |index: usize, bit: u32| pos + index * BLOCK_BYTES + bit as usize;
        let last = ends.iter().rposition(|ends| *ends != 0);
        let end = last.map_or(self.lines.record_start, |last| {
            place(last, 64 - ends[last].leading_zeros())
        });
        let is_plain = self.quotes.is_plain() && quotes == 0 && maybe_blank == 0;
        let is_full = self.lines.records + records >= scan.records_max || end >= scan.end_goal;
        let longest = pos + RUN_BYTES - self.lines.record_start;
        if !is_plain || is_full || longest > scan.record_bytes_max {
            return false;
        }
        self.prev_ends = before;
        if last.is_none() {
            return true;
        }
        let lines = &mut self.lines;
        if lines.first_end.is_none() {
            let first = ends.iter().position(|ends| *ends != 0);
            lines.first_end = first.map(|first| place(first, ends[first].trailing_zeros() + 1));
        }
        lines.records += records;
        lines.newlines += lines.newlines_open + records;
        lines.newlines_open = 0;
        lines.record_start = end;
        true
    }

    /// Counts a block; whether a limit was reached in it.
    #[inline(always)]
    fn take(&mut self, scan: &LineScan<'_>, pos: usize, feeds: u64, ends: u64, blank: u64) -> bool {
        self.prev_ends = ends;
        if ends == 0 {
            self.lines.newlines_open += u64::from(feeds.count_ones());
            return false;
        }
        let records = u64::from((ends & !blank).count_ones());
        let last = 63 - ends.leading_zeros();
        let full = self.lines.records + records >= scan.records_max
            || pos + last as usize + 1 >= scan.end_goal;
        if full {
            self.take_to_limit(scan, pos, feeds, ends, blank);
        } else {
            self.take_through(pos, feeds, ends, last, records);
        }
        full
    }

    /// Counts a block of which `last` is the last line end.
    #[inline(always)]
    fn take_through(&mut self, pos: usize, feeds: u64, ends: u64, last: u32, records: u64) {
        let through = u64::MAX >> (63 - last);
        let lines = &mut self.lines;
        if lines.first_end.is_none() {
            lines.first_end = Some(pos + ends.trailing_zeros() as usize + 1);
        }
        lines.records += records;
        lines.newlines += lines.newlines_open + u64::from((feeds & through).count_ones());
        lines.newlines_open = u64::from((feeds & !through).count_ones());
        lines.record_start = pos + last as usize + 1;
    }

    /// Counts a block up to the line end with which a limit is reached.
    #[cold]
    #[inline(never)]
    fn take_to_limit(
        &mut self,
        scan: &LineScan<'_>,
        pos: usize,
        feeds: u64,
        ends: u64,
        blank: u64,
    ) {
        let mut rest = ends;
        let mut records = 0;
        loop {
            let last = rest.trailing_zeros();
            records += u64::from(blank >> last & 1 == 0);
            rest &= rest - 1;
            let full = self.lines.records + records >= scan.records_max
                || pos + last as usize + 1 >= scan.end_goal;
            if full || rest == 0 {
                return self.take_through(pos, feeds, ends, last, records);
            }
        }
    }

    #[inline(always)]
    fn lines(self, stop: LineStop) -> Lines {
        Lines {
            inside: self.quotes.is_inside(),
            stop,
            ..self.lines
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::base::masks::Kernel;

    fn scan(text: &str, change: impl Fn(&mut LineScan<'_>)) -> Lines {
        let mut scan = LineScan {
            bytes: text.as_bytes(),
            from: 0,
            to: text.len(),
            context: Context::RecordStart,
            dialect: Dialect::default(),
            records_max: u64::MAX,
            end_goal: usize::MAX,
            record_bytes_max: usize::MAX,
        };
        change(&mut scan);
        let mut kernels = Kernel::available().into_iter();
        let expected = Kernel::portable().run(scan);
        assert!(kernels.all(|kernel| kernel.run(scan) == expected));
        expected
    }

    #[test]
    fn counts_up_to_the_last_line_end() {
        let lines = scan("\na,\"\n\"\n\r\nb\n\"\nc", |_| {});
        assert_eq!((lines.records, lines.newlines), (2, 5));
        assert_eq!((lines.first_end, lines.record_start), (Some(1), 11));
        assert_eq!((lines.newlines_open, lines.inside), (1, true));
        assert_eq!(lines.stop, LineStop::End);
    }

    #[test]
    fn a_limit_stops_behind_the_record_that_reaches_it() {
        let by_records = scan("a\n\nb\nc\n", |scan| scan.records_max = 2);
        assert_eq!(by_records.record_start, 5);
        let by_bytes = scan("a\n\nb\nc\n", |scan| scan.end_goal = 3);
        assert_eq!((by_bytes.record_start, by_bytes.records), (3, 1));
        assert_eq!(
            (by_records.stop, by_bytes.stop),
            (LineStop::Full, LineStop::Full)
        );
    }

    #[test]
    fn stops_at_the_record_with_an_illegal_quote() {
        let lines = scan("a\nb\nc\"\nd\n", |_| {});
        assert_eq!((lines.records, lines.record_start), (2, 4));
        assert_eq!(lines.stop, LineStop::Odd);
    }

    #[test]
    fn stops_before_a_record_that_may_be_too_long() {
        let text = format!("a\n{}\n", "b".repeat(130));
        let lines = scan(&text, |scan| scan.record_bytes_max = 64);
        assert_eq!((lines.record_start, lines.stop), (2, LineStop::Odd));
        let lines = scan(&text, |scan| scan.record_bytes_max = 300);
        assert_eq!((lines.records, lines.stop), (2, LineStop::End));
    }

    #[test]
    fn in_the_middle_both_assumptions_can_be_followed() {
        let middle = |from, inside| {
            scan("\"a\r\nb\"\r\n\r\nc\n", |scan| {
                scan.from = from;
                scan.context = Context::Middle { inside };
            })
        };
        assert_eq!(middle(2, true).records, 2);
        assert_eq!(middle(2, false).stop, LineStop::Odd);
        // Before and behind the carriage return of the blank line.
        assert_eq!(middle(8, false).records, 1);
        assert_eq!(middle(9, false).records, 1);
    }

    /// What `lines` is of a text whose quotes are all around whole fields, byte by byte.
    fn naive(text: &str, records_max: u64, end_goal: usize) -> Lines {
        let mut lines = Lines {
            records: 0,
            newlines: 0,
            newlines_open: 0,
            first_end: None,
            record_start: 0,
            inside: false,
            stop: LineStop::End,
        };
        for (at, byte) in text.bytes().enumerate() {
            lines.inside ^= byte == b'"';
            if byte != b'\n' {
                continue;
            }
            lines.newlines_open += 1;
            if lines.inside {
                continue;
            }
            let line = &text[lines.record_start..at];
            lines.records += u64::from(!line.is_empty() && line != "\r");
            lines.newlines += std::mem::take(&mut lines.newlines_open);
            lines.first_end.get_or_insert(at + 1);
            lines.record_start = at + 1;
            if lines.records >= records_max || at + 1 >= end_goal {
                lines.stop = LineStop::Full;
                return lines;
            }
        }
        lines
    }

    proptest! {
        #[test]
        fn runs_of_plain_lines_count_as_their_bytes_do(
            lines in prop::collection::vec(
                prop_oneof![
                    40 => "[a,]{3,90}",
                    4 => "[a,]{150,400}",
                    1 => "\"a\n[a,]{0,40}\"",
                    1 => "[a,]{0,2}\r?",
                ],
                1..120,
            ),
            records_max in prop_oneof![Just(u64::MAX), 1..90_u64],
            end_goal in prop_oneof![Just(usize::MAX), 1..6000_usize],
            ends: bool,
        ) {
            let text = lines.join("\n") + if ends { "\n" } else { "" };
            let limits = |scan: &mut LineScan<'_>| {
                (scan.records_max, scan.end_goal) = (records_max, end_goal);
            };
            let mut found = self::scan(&text, limits);
            if found.stop == LineStop::Full {
                // Nobody asks what is behind a limit.
                (found.newlines_open, found.inside) = (0, false);
            }
            prop_assert_eq!(found, naive(&text, records_max, end_goal));
            let bounded = self::scan(&text, |scan| {
                limits(scan);
                scan.record_bytes_max = 500;
            });
            // What may be too long is left to others, and nothing else.
            if bounded.stop != LineStop::Odd {
                prop_assert_eq!(bounded.record_start, found.record_start);
                prop_assert_eq!(bounded.records, found.records);
                prop_assert_eq!(bounded.newlines, found.newlines);
            }
        }
    }
}
