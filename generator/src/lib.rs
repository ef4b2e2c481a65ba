//! Seeded synthetic tables as CSV, with a known count of every fault put in.
//!
//! ```text
//!  Job ─▶ Rows (a row = f(seed, index)) ─▶ blocks, on many threads ─▶ files, in row order ─▶ Truth
//! ```
//!
//! A [`Job`] says what to generate, [`Job::run`] does it, and the [`Truth`] it returns says what
//! stands in the files. Invariant: the bytes depend on the job alone, never on the number of
//! threads or the size of a block.

mod amounts;
mod args;
mod buffer;
mod customer_table;
mod customers;
mod error;
mod fate;
mod faults;
mod format;
mod job;
mod progress;
mod quantity;
mod random;
mod rows;
mod run;
mod shape;
mod target;
mod text;
mod truth;
mod write;

pub use args::Args;
pub use customers::Customers;
pub use error::Error;
pub use faults::{MissingAs, Rates};
pub use job::{Extent, Job, LineEnding};
pub use shape::Shape;
pub use truth::Truth;
pub use write::Sink;
