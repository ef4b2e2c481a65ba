//! The tests of the whole program, as one binary: a file per subject, each named here.

mod lake;
mod made;
mod program;

mod belt;
mod determinism;
mod differential;
mod tidy;
mod truth;
