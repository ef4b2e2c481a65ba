//! Masks by NEON, 16 bytes at a time; there is no movemask, so bits are folded by pairwise adds.
//!
//! `unsafe` is needed to call intrinsics; the only way to a [`Neon`] is through a check that the
//! machine has them.
#![allow(unsafe_code)]

use std::arch::aarch64::{
    uint8x16_t, vandq_u8, vceqq_u8, vdupq_n_u8, vgetq_lane_u64, vld1q_u8, vpaddq_u8,
    vreinterpretq_u64_u8,
};

use super::{BLOCK_BYTES, Block, Masks, Task, portable};

/// Proof that this machine has NEON.
#[derive(Debug, Clone, Copy)]
pub(super) struct Neon(());

/// The bit each byte contributes to the mask byte of its group of eight.
const BITS: [u8; 16] = [1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128];

impl Neon {
    /// The proof, where the machine has the instructions.
    pub(super) fn new() -> Option<Self> {
        std::arch::is_aarch64_feature_detected!("neon").then_some(Self(()))
    }

    /// Runs `task` compiled for these instructions.
    pub(super) fn run<T: Task>(self, task: T) -> T::Output {
        #[target_feature(enable = "neon")]
        fn entry<T: Task>(masks: Neon, task: T) -> T::Output {
            task.run(masks)
        }
        // SAFETY: `self` was only made where the machine has NEON.
        unsafe { entry(self, task) }
    }
}

impl Masks for Neon {
    type Loaded = [uint8x16_t; 4];

    #[inline(always)]
    fn load(self, block: &Block) -> [uint8x16_t; 4] {
        let (quarters, _) = block.as_chunks::<16>();
        // SAFETY: each quarter is 16 readable bytes; `self` proves NEON.
        std::array::from_fn(|i| unsafe { vld1q_u8(quarters[i].as_ptr()) })
    }

    #[inline(always)]
    fn equal(self, [a, b, c, d]: [uint8x16_t; 4], byte: u8) -> u64 {
        // SAFETY: `BITS` is 16 readable bytes; `self` proves NEON.
        unsafe {
            let wanted = vdupq_n_u8(byte);
            let bits = vld1q_u8(BITS.as_ptr());
            let hits = |quarter| vandq_u8(vceqq_u8(quarter, wanted), bits);
            // Three pairwise adds fold the 8 bytes of each group into one byte, in order.
            let low = vpaddq_u8(hits(a), hits(b));
            let high = vpaddq_u8(hits(c), hits(d));
            let sums = vpaddq_u8(low, high);
            let sums = vpaddq_u8(sums, sums);
            vgetq_lane_u64::<0>(vreinterpretq_u64_u8(sums))
        }
    }

    #[inline(always)]
    fn prefix_xor(self, mask: u64) -> u64 {
        portable::prefix_xor(mask)
    }

    #[inline(always)]
    fn positions(self, mask: u64, base: u32, out: &mut [u32; BLOCK_BYTES]) {
        portable::positions(mask, base, out);
    }
}
