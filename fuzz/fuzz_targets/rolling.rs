//! Fuzzes the comparison of the same name; `tests/rolling.rs` runs it seeded.
#![no_main]

#[path = "../checks/rolling.rs"]
mod rolling;

libfuzzer_sys::fuzz_target!(|data: &[u8]| rolling::check(data));
