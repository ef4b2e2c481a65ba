//! Any bytes -> rows and windows; rolling must agree with its plain twin.
#![no_main]

#[path = "../checks/rolling.rs"]
mod rolling;

libfuzzer_sys::fuzz_target!(|data: &[u8]| rolling::check(data));
