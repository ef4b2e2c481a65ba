//! The tests of the whole program, as one binary: a file per subject, each named here.

mod lake;
mod made;
mod program;
mod rolling;

mod belt;
mod crash;
mod determinism;
mod differential;
mod exit_codes;
mod full_disk;
mod interrupted;
mod tidy;
mod truth;
