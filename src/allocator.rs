//! The program's allocator: jemalloc, which returns freed memory soon, so that the resident set
//! follows what is in use. A library leaves the choice to its program; this is the program's.
//! Invariant: what it is told here holds for the whole process, from its first allocation on.
//!
//! `unsafe` is needed to give the options the name by which the allocator finds them, and to change
//! them.
#![allow(unsafe_code)]

use std::ffi::c_int;
use std::ptr::{from_mut, null_mut};

use tikv_jemalloc_sys::mallctl;
use tikv_jemallocator::Jemalloc;

#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

/// Large pages are asked for, since state per key is touched all over; [`take_small_pages`] calls
/// that off. Pages that nobody has used for 10 ms go back to the system: soon enough that memory stays as
/// flat as what is in use, late enough that a batch finds the pages of the one before it.
// SAFETY: the allocator reads this name as a pointer to text that ends with a zero.
#[unsafe(export_name = "_rjem_malloc_conf")]
static OPTIONS: &[u8; 46] = b"thp:always,dirty_decay_ms:10,muzzy_decay_ms:0\0";

/// Has the system give this process small pages only, which hold no more than what is asked for.
pub(crate) fn take_small_pages() {
    // SAFETY: the call changes which pages this process gets from now on, and nothing else.
    unsafe {
        libc::prctl(libc::PR_SET_THP_DISABLE, 1, 0, 0, 0);
    }
}

/// Has pages that nobody has used kept for 5 s, where no limit makes them dear: wide rows then
/// find the pages of the row group before them.
pub(crate) fn keep_freed_pages_longer() {
    for name in [c"arenas.dirty_decay_ms", c"arena.0.dirty_decay_ms"] {
        let mut milliseconds = 5000_isize;
        let new = from_mut(&mut milliseconds).cast();
        // SAFETY: both names take a number of this type, which outlives the call. The call may be
        // made by any thread at any time.
        let result: c_int = unsafe {
            mallctl(
                name.as_ptr(),
                null_mut(),
                null_mut(),
                new,
                size_of::<isize>(),
            )
        };
        debug_assert_eq!(result, 0, "{name:?}");
    }
}
