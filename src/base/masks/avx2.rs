//! Masks by AVX2, 32 bytes at a time, and the prefix parity by carry-less multiplication.
//!
//! `unsafe` is needed to call intrinsics; the only way to an [`Avx2`] is through a check that the
//! machine has them.
#![allow(unsafe_code)]

use std::arch::x86_64::{
    __m256i, _mm_clmulepi64_si128, _mm_cvtsi128_si64, _mm_set_epi64x, _mm_set1_epi8,
    _mm256_cmpeq_epi8, _mm256_loadu_si256, _mm256_movemask_epi8, _mm256_set1_epi8,
};

use super::{BLOCK_BYTES, Block, Masks, Task, portable};

/// Proof that this machine has AVX2, BMI, LZCNT, POPCNT and PCLMULQDQ.
#[derive(Debug, Clone, Copy)]
pub(super) struct Avx2(());

impl Avx2 {
    /// The proof, where the machine has the instructions.
    pub(super) fn new() -> Option<Self> {
        let has = is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("bmi1")
            && is_x86_feature_detected!("bmi2")
            && is_x86_feature_detected!("lzcnt")
            && is_x86_feature_detected!("popcnt")
            && is_x86_feature_detected!("pclmulqdq");
        has.then_some(Self(()))
    }

    /// Runs `task` compiled for these instructions.
    pub(super) fn run<T: Task>(self, task: T) -> T::Output {
        #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt,pclmulqdq")]
        fn entry<T: Task>(masks: Avx2, task: T) -> T::Output {
            task.run(masks)
        }
        // SAFETY: `self` was only made where the machine has all these instructions.
        unsafe { entry(self, task) }
    }
}

impl Masks for Avx2 {
    type Loaded = [__m256i; 2];

    #[inline(always)]
    fn load(self, block: &Block) -> [__m256i; 2] {
        let half = block.as_ptr().cast::<__m256i>();
        // SAFETY: the block is 64 readable bytes and the load is unaligned; `self` proves AVX2.
        unsafe { [_mm256_loadu_si256(half), _mm256_loadu_si256(half.add(1))] }
    }

    #[inline(always)]
    fn equal(self, [low, high]: [__m256i; 2], byte: u8) -> u64 {
        // SAFETY: `self` proves AVX2.
        let (low, high) = unsafe {
            let wanted = _mm256_set1_epi8(byte.cast_signed());
            (
                _mm256_movemask_epi8(_mm256_cmpeq_epi8(low, wanted)),
                _mm256_movemask_epi8(_mm256_cmpeq_epi8(high, wanted)),
            )
        };
        u64::from(low.cast_unsigned()) | u64::from(high.cast_unsigned()) << 32
    }

    #[inline(always)]
    fn prefix_xor(self, mask: u64) -> u64 {
        // SAFETY: `self` proves PCLMULQDQ.
        unsafe { multiply_by_ones(mask) }
    }

    #[inline(always)]
    fn positions(self, mask: u64, base: u32, out: &mut [u32; BLOCK_BYTES]) {
        portable::positions(mask, base, out);
    }
}

/// Prefix parity: the carry-less product with all ones xors every bit into all above it.
///
/// # Safety
/// The machine must have PCLMULQDQ.
#[inline(always)]
pub(super) unsafe fn multiply_by_ones(mask: u64) -> u64 {
    // SAFETY: the caller vouches for PCLMULQDQ; SSE2 is part of x86-64.
    unsafe {
        let mask = _mm_set_epi64x(0, mask.cast_signed());
        let product = _mm_clmulepi64_si128::<0>(mask, _mm_set1_epi8(-1));
        _mm_cvtsi128_si64(product).cast_unsigned()
    }
}
