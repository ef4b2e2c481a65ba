//! Bytes in; a crash if a leaf reads them differently from the standard library or jiff.
#![no_main]

#[path = "../checks/decode.rs"]
mod checks;

libfuzzer_sys::fuzz_target!(|data: &[u8]| checks::check(data));
