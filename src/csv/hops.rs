//! Chunk bytes -> records in any dialect, from special byte to special byte.
//!
//! The fast path of the dialects whose quotes parity does not tell. The state machine is the plain
//! one; inside a field, where only delimiters, quotes, escapes and line ends change its state, it
//! hops to the next of them.
//! 1. One mask of all special bytes is made per block and kept from record to record.
//! 2. A hop never passes a special byte, whether it matters in the current state or not.
//! 3. What a record of any length needs (a look at its end, pages to be released) is left to the
//!    caller: a record that does not end within the limit, or has a field beyond it, is handed back.

use crate::base::masks::{BLOCK_BYTES, Masks, Task, load_at};
use crate::base::{Dialect, LineEnd};

use super::extent::Extent;
use super::machine::Machine;

/// Where a field starts and ends.
pub(super) type Span = (u32, u32);

/// A walk through the records of `bytes[from..]`, where a record starts at `from`.
pub(super) struct Hops<'a, F> {
    pub(super) bytes: &'a [u8],
    pub(super) from: usize,
    pub(super) dialect: Dialect,
    /// Stop before a record that does not end within this.
    pub(super) record_bytes_max: usize,
    /// Takes each record, with the first of its fields but the last, as many as `spans` holds;
    /// whether to go on.
    pub(super) each: F,
    /// Room for the spans of one record, as many as are wanted.
    pub(super) spans: &'a mut Vec<Span>,
    /// How many spans are wanted.
    pub(super) spans_max: usize,
}

impl<F: FnMut(&Extent, &mut Vec<Span>) -> bool> Task for Hops<'_, F> {
    /// Where the next record starts.
    type Output = usize;

    #[inline(always)]
    fn run<M: Masks>(self, masks: M) -> usize {
        let Self {
            bytes,
            from,
            dialect,
            record_bytes_max,
            mut each,
            spans,
            spans_max,
        } = self;
        let mut special = Special::new(dialect);
        let mut at = from;
        let line_bytes_max = record_bytes_max.saturating_add(b"\r\n".len());
        while at < bytes.len() {
            let to = at.saturating_add(line_bytes_max).min(bytes.len());
            spans.clear();
            let mut machine = Machine::new(dialect, at, record_bytes_max);
            let next = |pos| special.next(masks, bytes, pos);
            let ended = machine.run_hopping(bytes, to, next, |start, end| {
                if spans.len() < spans_max {
                    spans.push((start as u32, end as u32));
                }
            });
            if (!ended && to < bytes.len()) || machine.outgrew() {
                break;
            }
            let extent = machine.finish(bytes);
            if extent.is_record && extent.bytes() > record_bytes_max {
                break;
            }
            at = extent.next;
            if !each(&extent, spans) {
                break;
            }
        }
        at
    }
}

/// The special bytes of a block, found again for each block.
struct Special {
    bytes: [u8; 5],
    /// Where the block starts.
    base: usize,
    mask: u64,
}

impl Special {
    fn new(dialect: Dialect) -> Self {
        let delimiter = dialect.delimiter;
        let carriage = (dialect.line_end == LineEnd::Any).then_some(b'\r');
        let or_delimiter = |byte: Option<u8>| byte.unwrap_or(delimiter);
        Self {
            bytes: [
                b'\n',
                delimiter,
                or_delimiter(dialect.quote),
                or_delimiter(dialect.escape),
                or_delimiter(carriage),
            ],
            // No offset is within this block.
            base: usize::MAX / 2,
            mask: 0,
        }
    }

    /// The first special byte at or behind `pos`; the end if there is none.
    #[inline(always)]
    fn next<M: Masks>(&mut self, masks: M, bytes: &[u8], mut pos: usize) -> usize {
        loop {
            let within = pos.wrapping_sub(self.base);
            if within < BLOCK_BYTES {
                let rest = self.mask >> within;
                if rest != 0 {
                    return pos + rest.trailing_zeros() as usize;
                }
                pos = self.base + BLOCK_BYTES;
            }
            if pos >= bytes.len() {
                return bytes.len();
            }
            let (block, there) = load_at(masks, bytes, pos);
            let [newline, delimiter, quote, escape, carriage] =
                self.bytes.map(|byte| masks.equal(block, byte));
            self.base = pos;
            self.mask = (newline | delimiter | quote | escape | carriage) & there;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::masks::Kernel;

    #[test]
    fn records_are_handed_over_until_one_is_too_long() {
        let text = format!("a,b\\,c\n\n#d\n\"e\nf\",{}\n", "g".repeat(99));
        let dialect = Dialect {
            escape: Some(b'\\'),
            comment: crate::base::Prefix::new(b"#"),
            ..Dialect::default()
        };
        for kernel in Kernel::available() {
            for (record_bytes_max, expected) in [(99, 1), (105, 2)] {
                let mut found = Vec::new();
                let next = kernel.run(Hops {
                    bytes: text.as_bytes(),
                    from: 0,
                    dialect,
                    record_bytes_max,
                    each: |extent: &Extent, spans: &mut Vec<Span>| {
                        if extent.is_record {
                            found.push((extent.last, spans.clone()));
                        }
                        true
                    },
                    spans: &mut Vec::new(),
                    spans_max: 9,
                });
                assert_eq!(found[0], ((2, 6), vec![(0, 1)]));
                assert_eq!(found.len(), expected);
                assert_eq!(next, if expected == 2 { text.len() } else { 11 });
            }
        }
    }
}
