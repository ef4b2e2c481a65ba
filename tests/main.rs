//! The tests of the whole program, as one binary: a file per subject, each named here.

mod lake;
mod program;

mod belt;
mod differential;
mod tidy;
