//! Fuzzes the comparison of the same name; `tests/differential.rs` runs it seeded.
#![no_main]

#[path = "../checks/records.rs"]
mod records;

libfuzzer_sys::fuzz_target!(|data: &[u8]| records::check(data));
