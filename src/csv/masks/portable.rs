//! Masks on any machine, eight bytes at a time in an integer register; the twin all others equal.

use super::{BLOCK_BYTES, Block, Masks};

/// The kernel that runs everywhere.
#[derive(Debug, Clone, Copy)]
pub(super) struct Portable;

const LOW_SEVEN: u64 = u64::from_ne_bytes([0x7f; 8]);
const ONES: u64 = u64::from_ne_bytes([1; 8]);

impl Masks for Portable {
    type Loaded = [u64; 8];

    #[inline(always)]
    fn load(self, block: &Block) -> [u64; 8] {
        let (words, _) = block.as_chunks();
        std::array::from_fn(|i| u64::from_le_bytes(words[i]))
    }

    #[inline(always)]
    fn equal(self, words: [u64; 8], byte: u8) -> u64 {
        let wanted = ONES * u64::from(byte);
        let mut mask = 0;
        for (i, word) in words.into_iter().enumerate() {
            mask |= zero_bytes(word ^ wanted) << (8 * i);
        }
        mask
    }

    #[inline(always)]
    fn prefix_xor(self, mask: u64) -> u64 {
        prefix_xor(mask)
    }

    #[inline(always)]
    fn positions(self, mask: u64, base: u32, out: &mut [u32; BLOCK_BYTES]) {
        positions(mask, base, out);
    }
}

/// Bit `i` is set where byte `i` of `word` is zero. No carry leaves a byte, so it is exact.
#[inline(always)]
fn zero_bytes(word: u64) -> u64 {
    let nonzero = ((word & LOW_SEVEN) + LOW_SEVEN) | word;
    let zero = (!nonzero >> 7) & ONES;
    // Gathers the lowest bit of each byte in the top byte: byte i is shifted to bit 56 + i.
    zero.wrapping_mul(0x0102_0408_1020_4080) >> 56
}

/// Prefix parity by doubling the reach of each bit.
#[inline(always)]
pub(super) fn prefix_xor(mut mask: u64) -> u64 {
    for shift in [1, 2, 4, 8, 16, 32] {
        mask ^= mask << shift;
    }
    mask
}

/// Positions in groups of eight, so that the loop's branch depends on the count only roughly.
#[inline(always)]
pub(super) fn positions(mut mask: u64, base: u32, out: &mut [u32; BLOCK_BYTES]) {
    let (groups, _) = out.as_chunks_mut::<8>();
    for group in groups {
        if mask == 0 {
            break;
        }
        for position in group {
            *position = base.wrapping_add(mask.trailing_zeros());
            mask &= mask.wrapping_sub(1);
        }
    }
}
