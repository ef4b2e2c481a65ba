//! A hint to the processor: this memory is needed soon.
//!
//! In: a slice and an index. Out: nothing but time won. Invariant: no effect on results; a machine
//! without such an instruction ignores it.

#![allow(unsafe_code)]

/// Fetches the cache line of `slice[index]`, which need not exist.
#[inline(always)]
pub(crate) fn prefetch<T>(slice: &[T], index: usize) {
    let address = slice.as_ptr().wrapping_add(index);
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: every x86-64 processor has the instruction, and it faults at no address.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(address.cast()) }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = address;
}
