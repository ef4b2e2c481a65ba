//! Masks by AVX-512: one compare per byte value, and positions by compressing a list of indices.
//!
//! `unsafe` is needed to call intrinsics; the only way to an [`Avx512`] is through a check that
//! the machine has them.
#![allow(unsafe_code)]

use std::arch::x86_64::{
    __m128i, __m512i, _mm512_add_epi32, _mm512_cmpeq_epi8_mask, _mm512_cvtepu8_epi32,
    _mm512_extracti32x4_epi32, _mm512_loadu_si512, _mm512_maskz_compress_epi8, _mm512_set1_epi8,
    _mm512_set1_epi32, _mm512_storeu_si512,
};

use super::{BLOCK_BYTES, Block, Masks, Task, avx2};

/// Proof that this machine has AVX-512 F, BW, DQ, VL and VBMI2, BMI, LZCNT, POPCNT and PCLMULQDQ.
#[derive(Debug, Clone, Copy)]
pub(super) struct Avx512(());

/// The index of each byte in its block.
const INDICES: Block = {
    let mut indices = [0; BLOCK_BYTES];
    let mut i = 0;
    while i < BLOCK_BYTES {
        indices[i] = i as u8;
        i += 1;
    }
    indices
};

impl Avx512 {
    /// The proof, where the machine has the instructions.
    pub(super) fn new() -> Option<Self> {
        let has = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512vbmi2")
            && is_x86_feature_detected!("bmi1")
            && is_x86_feature_detected!("bmi2")
            && is_x86_feature_detected!("lzcnt")
            && is_x86_feature_detected!("popcnt")
            && is_x86_feature_detected!("pclmulqdq");
        has.then_some(Self(()))
    }

    /// Runs `task` compiled for these instructions.
    pub(super) fn run<T: Task>(self, task: T) -> T::Output {
        #[target_feature(
            enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi2,bmi1,bmi2,lzcnt,popcnt,pclmulqdq"
        )]
        fn entry<T: Task>(masks: Avx512, task: T) -> T::Output {
            task.run(masks)
        }
        // SAFETY: `self` was only made where the machine has all these instructions.
        unsafe { entry(self, task) }
    }
}

impl Masks for Avx512 {
    type Loaded = __m512i;

    #[inline(always)]
    fn load(self, block: &Block) -> __m512i {
        // SAFETY: the block is 64 readable bytes and the load is unaligned; `self` proves AVX-512.
        unsafe { _mm512_loadu_si512(block.as_ptr().cast()) }
    }

    #[inline(always)]
    fn equal(self, block: __m512i, byte: u8) -> u64 {
        // SAFETY: `self` proves AVX-512 BW.
        unsafe { _mm512_cmpeq_epi8_mask(block, _mm512_set1_epi8(byte.cast_signed())) }
    }

    #[inline(always)]
    fn prefix_xor(self, mask: u64) -> u64 {
        // SAFETY: `self` proves PCLMULQDQ.
        unsafe { avx2::multiply_by_ones(mask) }
    }

    #[inline(always)]
    fn positions(self, mask: u64, base: u32, out: &mut [u32; BLOCK_BYTES]) {
        let (quarters, _) = out.as_chunks_mut::<16>();
        let count = mask.count_ones();
        // SAFETY: `self` proves AVX-512 F and VBMI2.
        unsafe {
            let indices = _mm512_loadu_si512(INDICES.as_ptr().cast());
            let packed = _mm512_maskz_compress_epi8(mask, indices);
            let base = _mm512_set1_epi32(base.cast_signed());
            widen(
                _mm512_extracti32x4_epi32::<0>(packed),
                base,
                &mut quarters[0],
            );
            if count > 16 {
                widen(
                    _mm512_extracti32x4_epi32::<1>(packed),
                    base,
                    &mut quarters[1],
                );
            }
            if count > 32 {
                widen(
                    _mm512_extracti32x4_epi32::<2>(packed),
                    base,
                    &mut quarters[2],
                );
                widen(
                    _mm512_extracti32x4_epi32::<3>(packed),
                    base,
                    &mut quarters[3],
                );
            }
        }
    }

    #[inline(always)]
    fn compress(self, block: &Block, keep: u64, out: &mut Block) {
        // SAFETY: `out` is 64 writable bytes and the store unaligned; `self` proves VBMI2.
        unsafe {
            let packed = _mm512_maskz_compress_epi8(keep, self.load(block));
            _mm512_storeu_si512(out.as_mut_ptr().cast(), packed);
        }
    }
}

/// Writes `base` plus each of 16 indices.
///
/// # Safety
/// The machine must have AVX-512 F.
#[inline(always)]
unsafe fn widen(indices: __m128i, base: __m512i, out: &mut [u32; 16]) {
    // SAFETY: the caller vouches for AVX-512 F; `out` is 64 writable bytes, the store unaligned.
    unsafe {
        let positions = _mm512_add_epi32(_mm512_cvtepu8_epi32(indices), base);
        _mm512_storeu_si512(out.as_mut_ptr().cast(), positions);
    }
}
