//! Fuzzes the comparison of the same name; `tests/sources.rs` runs it seeded.
#![no_main]

#[path = "../checks/sources.rs"]
mod sources;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    sources::check(data);
    sources::check_pieces(data);
});
