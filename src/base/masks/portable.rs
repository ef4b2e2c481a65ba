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
        let mut matrix = 0;
        for (i, word) in words.into_iter().enumerate() {
            matrix |= zero_bytes(word ^ wanted) << i;
        }
        transpose(matrix)
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

/// The lowest bit of each byte that is zero. No carry leaves a byte, so it is exact.
#[inline(always)]
fn zero_bytes(word: u64) -> u64 {
    let nonzero = ((word & LOW_SEVEN) + LOW_SEVEN) | word;
    (!nonzero >> 7) & ONES
}

/// Bit `i` of byte `j` becomes bit `j` of byte `i`: swaps ever larger blocks across the diagonal
/// (Warren, Hacker's Delight, 7-3).
#[inline(always)]
fn transpose(mut matrix: u64) -> u64 {
    for (shift, mask) in [
        (7, 0x00aa_00aa_00aa_00aa),
        (14, 0x0000_cccc_0000_cccc),
        (28, 0x0000_0000_f0f0_f0f0),
    ] {
        let swap = (matrix ^ matrix >> shift) & mask;
        matrix ^= swap ^ swap << shift;
    }
    matrix
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

/// Writes every byte, and moves on only behind those that are kept.
#[inline(always)]
pub(super) fn compress(block: &Block, keep: u64, out: &mut Block) {
    let mut len = 0;
    for (i, &byte) in block.iter().enumerate() {
        out[len % BLOCK_BYTES] = byte;
        len += usize::from(keep >> i & 1 != 0);
    }
}
