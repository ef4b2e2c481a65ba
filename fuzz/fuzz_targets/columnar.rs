//! Fuzzes the comparison of the same name; `tests/differential.rs` runs it seeded.
#![no_main]

#[path = "../checks/columnar.rs"]
mod columnar;

libfuzzer_sys::fuzz_target!(|data: &[u8]| columnar::check(data));
