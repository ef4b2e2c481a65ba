//! The tests of the whole program, as one binary: a file per subject, each named here.

mod lake;
mod made;
mod program;
mod rolling;

mod aggregate;
mod belt;
mod cli;
mod columns;
mod crash;
mod damage;
mod dedup;
mod determinism;
mod dialects;
mod differential;
mod exit_codes;
mod expected;
mod expressions;
mod full_disk;
mod interrupted;
mod memory;
mod parquet_input;
mod plan;
mod refeed;
mod sniff;
mod sources;
mod steps;
mod strict;
mod tidy;
mod truth;
mod types;
