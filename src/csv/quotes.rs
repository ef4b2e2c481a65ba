//! Masks of quotes, delimiters and line ends -> which bytes are inside quotes, and where that
//! stops being certain.
//!
//! ```text
//! text     a , " x , y " " z " , b \n      quotes   . . 1 . . . 1 1 . 1 . . .
//! inside   . . 1 1 1 1 . 1 1 . . . .       (prefix parity: a doubled quote closes and reopens)
//! ```
//! 1. Parity equals the grammar as long as every quote that opens stands behind a delimiter, a
//!    line end or a quote that just closed, and every quote that closes stands before a delimiter,
//!    a line end or a quote that reopens.
//! 2. The first byte where that fails is marked illegal. Everything before it is exact, and so is
//!    the start of the record it is in; the plain machine takes over from there.
//! 3. A carriage return after a closing quote is legal only before a line feed, so legality looks
//!    back two bytes across the edge of a block.
//!
//! If you change this: the carries must hold at the edge of a block for each of the three rules;
//! the tests move every case over every edge.

use crate::base::Dialect;

use crate::base::masks::Masks;

/// Masks of one block. Invariant: disjoint, since the four bytes differ.
#[derive(Debug, Clone, Copy)]
pub(super) struct BlockMasks {
    pub(super) quote: u64,
    pub(super) delimiter: u64,
    pub(super) newline: u64,
    pub(super) carriage: u64,
}

/// What one block hands to the next.
#[derive(Debug, Clone, Copy)]
pub(super) struct QuoteState {
    /// All ones inside quotes, else zero.
    prev_inside: u64,
    /// 1 if the last byte was a closing quote.
    prev_close: u64,
    /// 1 if the last two bytes were a closing quote and a carriage return.
    prev_close_carriage: u64,
}

impl QuoteState {
    /// At the start of a record.
    pub(super) const RECORD_START: Self = Self {
        prev_inside: 0,
        prev_close: 0,
        prev_close_carriage: 0,
    };

    /// Behind `before`, inside quotes or not.
    pub(super) fn after(before: &[u8], dialect: Dialect, inside: bool) -> Self {
        if inside {
            return Self {
                prev_inside: u64::MAX,
                ..Self::RECORD_START
            };
        }
        let quote = |byte: &u8| Some(*byte) == dialect.quote;
        let closed_then_carriage = match before {
            [.., before_last, b'\r'] => quote(before_last),
            _ => false,
        };
        Self {
            prev_inside: 0,
            prev_close: u64::from(before.last().is_some_and(quote)),
            prev_close_carriage: u64::from(closed_then_carriage),
        }
    }

    /// Whether the next block is outside quotes and needs no check if it has no quote.
    #[inline(always)]
    pub(super) fn is_plain(self) -> bool {
        self.prev_inside | self.prev_close | self.prev_close_carriage == 0
    }

    /// Whether the next byte is inside quotes.
    pub(super) fn is_inside(self) -> bool {
        self.prev_inside != 0
    }

    /// The bytes inside quotes and the illegal ones. `may_open` is 1 if a quote may open a field at
    /// the block's first byte.
    #[inline(always)]
    pub(super) fn step<M: Masks>(
        &mut self,
        masks: M,
        block: BlockMasks,
        may_open: u64,
    ) -> (u64, u64) {
        let inside = masks.prefix_xor(block.quote) ^ self.prev_inside;
        let open = block.quote & inside;
        let close = block.quote & !inside;
        let separator = block.delimiter | block.newline;

        let after_close = close << 1 | self.prev_close;
        let close_carriage = after_close & block.carriage;
        let after_close_carriage = close_carriage << 1 | self.prev_close_carriage;
        let after_opener = (separator | close) << 1 | may_open;
        let illegal = open & !after_opener
            | after_close & !(separator | block.quote | block.carriage)
            | after_close_carriage & !block.newline;

        self.prev_inside = (inside.cast_signed() >> 63).cast_unsigned();
        self.prev_close = close >> 63;
        self.prev_close_carriage = close_carriage >> 63;
        (inside, illegal)
    }
}

/// 1 if a quote behind `byte`, which is outside quotes, may open a field or reopen one.
#[inline(always)]
pub(super) fn may_open_after(byte: u8, dialect: Dialect) -> u64 {
    u64::from(byte == dialect.delimiter || byte == b'\n' || Some(byte) == dialect.quote)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::masks::{BLOCK_BYTES, Kernel, Task, load_at};

    /// Which bytes are inside quotes, up to the first illegal one, and where that is.
    struct Walk<'a>(&'a [u8]);

    impl Task for Walk<'_> {
        type Output = (Vec<bool>, Option<usize>);

        #[inline(always)]
        fn run<M: Masks>(self, masks: M) -> Self::Output {
            let dialect = Dialect::default();
            let mut state = QuoteState::RECORD_START;
            let mut marks = Vec::new();
            for pos in (0..self.0.len()).step_by(BLOCK_BYTES) {
                let (block, there) = load_at(masks, self.0, pos);
                let block = BlockMasks {
                    quote: masks.equal(block, b'"'),
                    delimiter: masks.equal(block, b','),
                    newline: masks.equal(block, b'\n'),
                    carriage: masks.equal(block, b'\r'),
                };
                let may_open = match pos {
                    0 => 1,
                    _ => may_open_after(self.0[pos - 1], dialect),
                };
                let (inside, illegal) = state.step(masks, block, may_open);
                let certain = (illegal & there).trailing_zeros().min(there.count_ones());
                marks.extend((0..certain).map(|i| inside >> i & 1 == 1));
                if illegal & there != 0 {
                    return (marks, Some(pos + certain as usize));
                }
            }
            (marks, None)
        }
    }

    /// `marks` has a `#` for each byte inside quotes and ends before the first illegal byte.
    fn assert_marks(text: &str, marks: &str) {
        for shift in 0..=BLOCK_BYTES {
            let shifted = format!("{},{text}", "x".repeat(shift));
            let start = shift + 1;
            for kernel in Kernel::available() {
                let (inside, illegal) = kernel.run(Walk(shifted.as_bytes()));
                assert!(inside[..start].iter().all(|&inside| !inside));
                let inside: String = inside[start..]
                    .iter()
                    .map(|&inside| if inside { '#' } else { '.' })
                    .collect();
                assert_eq!(inside, marks, "{text:?} after {shift} on {}", kernel.name());
                let expected = (marks.len() < text.len()).then_some(start + marks.len());
                assert_eq!(illegal, expected, "{text:?} after {shift}");
            }
        }
    }

    #[test]
    fn doubled_quotes_close_and_reopen() {
        assert_marks("\"x,y\"\"z\",b\n", "####.##....");
        assert_marks("\"\",\"\"\"\"\n", "#..#.#..");
        assert_marks("\"a\nb\"\r\nc,\"d\"\r\n", "####.....##...");
    }

    #[test]
    fn a_quote_in_an_unquoted_field_is_illegal() {
        assert_marks("a,b\"c,d\n", "...");
        assert_marks("a, \"b\"\n", "...");
    }

    #[test]
    fn text_behind_a_closing_quote_is_illegal() {
        assert_marks("\"a\"b,c\n", "##.");
        assert_marks("\"a\"\r,c\n", "##..");
        assert_marks("\"a\"\r\r\n", "##..");
        assert_marks("\"a\"\r\"b\n", "##..");
    }

    #[test]
    fn state_is_taken_up_from_the_bytes_before() {
        let dialect = Dialect::default();
        assert!(QuoteState::after(b"a,", dialect, false).is_plain());
        assert!(!QuoteState::after(b"\"a\"", dialect, false).is_plain());
        assert!(!QuoteState::after(b"\"a\"\r", dialect, false).is_plain());
        assert!(QuoteState::after(b"\"a", dialect, true).is_inside());
    }
}
