//! The tests of the whole program, as one binary: a file per subject, each named here.

mod rolling;
mod tidy;
