//! Chunk bytes -> the offsets of all structural delimiters and line ends, 64 bytes at a time.
//!
//! ```text
//! bytes       a , b b , c \n  d , , \n      separators  2 5 7  9 10 11   (one past each)
//! line ends                                             3 6              (separators up to each)
//! ```
//! 1. Separators and line ends go to two flat lists, so that the loop has no state per record.
//! 2. Lists have room for a whole block, so that nothing is checked per separator.
//! 3. At an illegal quote the scan stops; what it listed before is exact. A record that it finds
//!    no line end for is left to the plain machine.

use crate::base::Dialect;

use super::masks::{BLOCK_BYTES, Masks, Task, block_at, low_bits};
use super::quotes::{BlockMasks, QuoteState, may_open_after};

/// A scan of `bytes[from..]`, where a record starts at `from`.
pub(super) struct SeparatorScan<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) from: usize,
    pub(super) dialect: Dialect,
    /// Stop with the block that brings the line ends to this many.
    pub(super) line_ends_max: usize,
    /// One past each separator. Stop when there is no room for a block.
    pub(super) separators: &'a mut [u32],
    /// For each line end, the number of separators up to and including it. Must have room for
    /// `line_ends_max` or all bytes, and a block more.
    pub(super) line_ends: &'a mut [u32],
}

impl Task for SeparatorScan<'_> {
    /// The number of line ends listed.
    type Output = usize;

    #[inline(always)]
    fn run<M: Masks>(self, masks: M) -> usize {
        let Self {
            bytes,
            from,
            dialect,
            separators,
            line_ends,
            ..
        } = self;
        let mut quotes = QuoteState::RECORD_START;
        let (mut listed, mut ended) = (0, 0);
        let mut pos = from;
        while ended < self.line_ends_max && pos < bytes.len() {
            let Some(room) = separators[listed..].first_chunk_mut() else {
                break;
            };
            let (block, there) = block_at(bytes, pos);
            let block = masks.load(&block);
            let mut newline = masks.equal(block, b'\n') & there;
            let mut delimiter = masks.equal(block, dialect.delimiter) & there;
            let mut illegal = 0;
            if let Some(quote) = dialect.quote {
                let quote = masks.equal(block, quote) & there;
                if quote != 0 || !quotes.is_plain() {
                    let carriage = masks.equal(block, b'\r');
                    let quoted = BlockMasks {
                        quote,
                        delimiter,
                        newline,
                        carriage,
                    };
                    let may_open = match pos == from {
                        true => 1,
                        false => may_open_after(bytes[pos - 1], dialect),
                    };
                    let inside;
                    (inside, illegal) = quotes.step(masks, quoted, may_open);
                    illegal &= there;
                    let certain = low_bits(illegal.trailing_zeros() as usize);
                    delimiter &= !inside & certain;
                    newline &= !inside & certain;
                }
            }
            let structural = delimiter | newline;
            masks.positions(structural, pos as u32 + 1, room);
            ended = list_line_ends(structural, newline, listed, line_ends, ended);
            listed += structural.count_ones() as usize;
            if illegal != 0 {
                break;
            }
            pos += BLOCK_BYTES;
        }
        ended
    }
}

/// Lists how many separators there are up to each line end of a block; the number of line ends.
#[inline(always)]
fn list_line_ends(
    structural: u64,
    mut newline: u64,
    listed: usize,
    line_ends: &mut [u32],
    mut ended: usize,
) -> usize {
    while newline != 0 {
        let through = newline ^ (newline - 1);
        line_ends[ended] = listed as u32 + (structural & through).count_ones();
        ended += 1;
        newline &= newline - 1;
    }
    ended
}

#[cfg(test)]
mod tests {
    use super::super::masks::Kernel;
    use super::*;

    /// The separators up to each line end, one list per record.
    fn scan(text: &str, line_ends_max: usize, room: usize) -> Vec<Vec<u32>> {
        let scan = |kernel: Kernel| {
            let (mut separators, mut line_ends) = (vec![0; room], vec![0; room]);
            let ended = kernel.run(SeparatorScan {
                bytes: text.as_bytes(),
                from: 0,
                dialect: Dialect::default(),
                line_ends_max,
                separators: &mut separators,
                line_ends: &mut line_ends,
            });
            let mut first = 0;
            let record = |&after: &u32| {
                let record = separators[first..after as usize].to_vec();
                first = after as usize;
                record
            };
            line_ends[..ended].iter().map(record).collect::<Vec<_>>()
        };
        let mut kernels = Kernel::available().into_iter();
        let expected = scan(Kernel::portable());
        assert!(kernels.all(|kernel| scan(kernel) == expected));
        expected
    }

    #[test]
    fn lists_separators_outside_quotes() {
        let records = scan("a,bb,c\n\"d,\n\"\"\",,\r\n\ne,f", 99, 200);
        assert_eq!(records, [vec![2, 5, 7], vec![15, 16, 18], vec![19]]);
    }

    #[test]
    fn stops_at_an_illegal_quote() {
        assert_eq!(scan("a,b\nc,d\"\ne\n", 99, 200), [[2, 4]]);
    }

    #[test]
    fn stops_with_the_block_that_fills_a_list() {
        let text = "a,b\n".repeat(64);
        assert_eq!(scan(&text, 1, 200).len(), 16);
        assert_eq!(scan(&text, 99, 127).len(), 32);
        assert_eq!(scan(&text, 99, 200).len(), 64);
    }
}
