//! The program's allocator: jemalloc, which returns freed memory soon, so that the resident set
//! follows what is in use. A library leaves the choice to its program; this is the program's.
//! Invariant: what it is told here holds for the whole process, from its first allocation on.
//!
//! `unsafe` is needed to give the options the name by which the allocator finds them.
#![allow(unsafe_code)]

use tikv_jemallocator::Jemalloc;

#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

/// Pages that nobody has used for 10 ms go back to the system: soon enough that memory stays as
/// flat as what is in use, late enough that a batch finds the pages of the one before it.
// SAFETY: the allocator reads this name as a pointer to text that ends with a zero.
#[unsafe(export_name = "_rjem_malloc_conf")]
static OPTIONS: &[u8; 35] = b"dirty_decay_ms:10,muzzy_decay_ms:0\0";
