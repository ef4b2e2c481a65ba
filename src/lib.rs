//! chunketl turns huge, messy CSV into a clean, feature-rich Parquet lake, in bounded memory, with
//! every row accounted for.
//!
//! The belt, one module per room, in the order the data passes them:
//!
//! ```text
//!  files ─▶ input ─▶ csv ─▶ decode ─▶ steps (filter · dedup · join · derive · impute · rolling …) ─▶ output ─▶ lake
//!           Chunk    Fields   Batch     Batch ─▶ Batch                                              Parts
//! ```
//!
//! What does not fit into memory goes through `spill`, which stands beside `base`, below the rooms.
//!
//! Steps may make tables of their own beside the lake. Files of CSV go this way; the typed rows of a
//! Parquet file go from `input` straight to `decode`.

pub mod base;
pub mod config;
pub mod csv;
pub mod decode;
pub mod input;
pub mod output;
pub mod pipeline;
pub mod report;
pub mod spill;
pub mod steps;

pub use base::{Error, ErrorKind, Result};
pub use config::Builder;
pub use pipeline::Pipeline;
pub use report::Receipt;
