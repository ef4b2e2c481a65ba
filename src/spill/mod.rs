//! State that does not fit into memory -> files without a name in the temporary directory, and back.
//!
//! The contract: all temporary files of a run share one [`TempSpace`] and its limit; they are gone
//! with the process, however that ends. What is written to them is compressed, and a block that is
//! not read back as it was written is an error, never a wrong row. [`Runs`] are sorted entries,
//! merged within bounded memory in an order that depends on nothing but the keys and the order of
//! the runs.

mod block;
mod merge;
mod runs;
mod space;
mod tree;

pub use merge::Merge;
pub use runs::{Run, RunWriter, Runs, Sizes, Spilled};
pub use space::{TempFile, TempSpace};
