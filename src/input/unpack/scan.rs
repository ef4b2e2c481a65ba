//! Bytes of bzip2 data -> the magic numbers in them, which start at any bit.
//!
//! Trick: whichever bit of its last byte a magic number ends at, the byte before lies within it as a
//! whole. So a table says for each byte at which bits one could end behind it, which for nearly all
//! bytes is none.
//!
//! Invariant: a number is found that lies in bytes handed over one after the other, however these were
//! cut; bits before the first byte are no part of any.

pub(super) const MAGIC_BITS: usize = 48;
/// Starts a block: pi.
pub(super) const BLOCK_MAGIC: u64 = 0x3141_5926_5359;
/// Ends a stream: the root of pi.
pub(super) const END_MAGIC: u64 = 0x1772_4538_5090;

const MAGIC_MASK: u64 = (1 << MAGIC_BITS) - 1;

/// For each byte the bits of the next one at which a magic number may end, as a set.
const ENDS: [u8; 256] = {
    let mut ends = [0; 256];
    let mut bits_behind = 0;
    while bits_behind < 8 {
        ends[(BLOCK_MAGIC >> (8 - bits_behind)) as usize & 0xFF] |= 1 << bits_behind;
        ends[(END_MAGIC >> (8 - bits_behind)) as usize & 0xFF] |= 1 << bits_behind;
        bits_behind += 1;
    }
    ends
};

/// A search through bytes.
pub(super) struct Scan {
    /// The last eight bytes.
    window: u64,
}

impl Default for Scan {
    fn default() -> Self {
        // Both numbers start with a bit that is 0.
        Self { window: u64::MAX }
    }
}

/// Where a magic number ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found {
    /// Within the last one of so many bytes.
    pub(super) bytes: usize,
    /// Bits of it behind the number.
    pub(super) bits_behind: usize,
}

impl Scan {
    /// Searches `bytes`, which follow those before, up to the first magic number that ends in them.
    pub(super) fn find(&mut self, bytes: &[u8]) -> Option<Found> {
        let mut window = self.window;
        for (index, byte) in bytes.iter().enumerate() {
            let mut ends = ENDS[window as usize & 0xFF];
            window = window << 8 | u64::from(*byte);
            // Of two that overlap, which takes a few bits more than one, the first comes first.
            while ends != 0 {
                let bits_behind = ends.ilog2() as usize;
                let number = window >> bits_behind & MAGIC_MASK;
                if number == BLOCK_MAGIC || number == END_MAGIC {
                    self.window = window;
                    return Some(Found {
                        bytes: index + 1,
                        bits_behind,
                    });
                }
                ends ^= 1 << bits_behind;
            }
        }
        self.window = window;
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_found_at_every_bit_and_across_every_cut() {
        for magic in [BLOCK_MAGIC, END_MAGIC] {
            for bits_behind in 0..8 {
                for filling in [0, u64::MAX] {
                    // Three bytes before, seven that hold it, three behind.
                    let before = filling & (u64::MAX << (MAGIC_BITS + bits_behind));
                    let behind = filling & ((1 << bits_behind) - 1);
                    let held = before | magic << bits_behind | behind;
                    let mut bytes = vec![filling as u8; 3];
                    bytes.extend(&held.to_be_bytes()[1..]);
                    bytes.extend([filling as u8; 3]);
                    for cut in 0..bytes.len() {
                        let mut scan = Scan::default();
                        let (head, rest) = bytes.split_at(cut);
                        let found = scan.find(head).or_else(|| {
                            scan.find(rest).map(|found| Found {
                                bytes: found.bytes + cut,
                                ..found
                            })
                        });
                        let expected = Found {
                            bytes: 10,
                            bits_behind,
                        };
                        assert_eq!(found, Some(expected), "{magic:x} {cut}");
                    }
                }
            }
        }
    }

    #[test]
    fn bits_before_the_first_byte_are_part_of_none() {
        for bits in 1..8 {
            let cut = (BLOCK_MAGIC << (16 + bits)).to_be_bytes();
            assert_eq!(Scan::default().find(&cut), None);
        }
    }
}
