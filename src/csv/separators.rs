//! Chunk bytes -> the offsets of all structural delimiters and line ends, 64 bytes at a time.
//!
//! ```text
//! bytes       a , b b , c \n  d , , \n      separators  2 5 7  9 10 11   (one past each)
//! ```
//! 1. Delimiters and line ends go to one flat list, and line ends are only counted: the loop has no
//!    state per record, and no branch that depends on where records end.
//! 2. The list has room for a whole block, so that nothing is checked per separator.
//! 3. From the first quote on every block is looked at for quotes: where they are common, that is
//!    cheaper than guessing.
//! 4. At an illegal quote the scan stops; what it listed before is exact. A record that it finds
//!    no line end for is left to the plain machine.

use crate::base::Dialect;

use super::quotes::{BlockMasks, QuoteState, may_open_after};
use crate::base::masks::{BLOCK_BYTES, Masks, Task, load_at, low_bits};

/// A scan of `bytes[from..]`, where a record starts at `from`.
pub(super) struct SeparatorScan<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) from: usize,
    pub(super) dialect: Dialect,
    /// Stop with the block that brings the line ends to this many.
    pub(super) line_ends_max: usize,
    /// One past each separator. Stop when there is no room for a block.
    pub(super) separators: &'a mut [u32],
}

/// What a scan listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Listed {
    /// Number of separators.
    pub(super) separators: usize,
    /// How many of them are line ends.
    pub(super) line_ends: usize,
}

impl Task for SeparatorScan<'_> {
    type Output = Listed;

    #[inline(always)]
    fn run<M: Masks>(self, masks: M) -> Listed {
        let Self {
            bytes,
            from,
            dialect,
            separators,
            ..
        } = self;
        let mut quotes = QuoteState::RECORD_START;
        let mut has_quotes = false;
        let (mut listed, mut ended) = (0, 0);
        let mut pos = from;
        while ended < self.line_ends_max && pos < bytes.len() {
            let Some(room) = separators[listed..].first_chunk_mut() else {
                break;
            };
            let (block, there) = load_at(masks, bytes, pos);
            let mut newline = masks.equal(block, b'\n') & there;
            let mut delimiter = masks.equal(block, dialect.delimiter) & there;
            let mut illegal = 0;
            if let Some(quote) = dialect.quote {
                let quote = masks.equal(block, quote) & there;
                has_quotes |= quote != 0;
                if has_quotes {
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
            listed += structural.count_ones() as usize;
            ended += newline.count_ones() as usize;
            if illegal != 0 {
                break;
            }
            pos += BLOCK_BYTES;
        }
        Listed {
            separators: listed,
            line_ends: ended,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::masks::Kernel;

    /// One past each separator, and the number of line ends.
    fn scan(text: &str, line_ends_max: usize, room: usize) -> (Vec<u32>, usize) {
        let scan = |kernel: Kernel| {
            let mut separators = vec![0; room];
            let listed = kernel.run(SeparatorScan {
                bytes: text.as_bytes(),
                from: 0,
                dialect: Dialect::default(),
                line_ends_max,
                separators: &mut separators,
            });
            (separators[..listed.separators].to_vec(), listed.line_ends)
        };
        let mut kernels = Kernel::available().into_iter();
        let expected = scan(Kernel::portable());
        assert!(kernels.all(|kernel| scan(kernel) == expected));
        expected
    }

    #[test]
    fn lists_separators_outside_quotes() {
        let listed = scan("a,bb,c\n\"d,\n\"\"\",,\r\n\ne,f", 99, 200);
        assert_eq!(listed, (vec![2, 5, 7, 15, 16, 18, 19, 21], 3));
    }

    #[test]
    fn stops_at_an_illegal_quote() {
        assert_eq!(scan("a,b\nc,d\"\ne\n", 99, 200), (vec![2, 4, 6], 1));
    }

    #[test]
    fn stops_with_the_block_that_fills_a_list() {
        let text = "a,b\n".repeat(64);
        assert_eq!(scan(&text, 1, 200).1, 16);
        assert_eq!(scan(&text, 99, 127).1, 32);
        assert_eq!(scan(&text, 99, 200).1, 64);
    }
}
