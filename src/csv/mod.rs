//! Chunk bytes -> Fields: where records and fields begin and end, and which records are malformed.
//!
//! [`Splitter`] cuts a source at record boundaries, [`Indexer`] finds the fields of a chunk block
//! by block, [`unquote`] turns a field's raw bytes into its text, and [`read_record`] is the plain
//! reader that all of them equal. [`sniff`] finds out which dialect a source is in. Pure functions
//! over byte slices; the grammar is that of [`Dialect`](crate::base::Dialect), its exact statement
//! is in `machine.rs`.

mod extent;
mod fields;
mod found;
mod hops;
mod index;
mod lines;
mod long;
mod machine;
mod quotes;
mod record;
mod resync;
mod separators;
pub mod sniff;
mod split;
mod summary;
mod unquote;

pub use fields::{BadRecord, Bounds, Fields, RepairedRecord};
pub use index::Indexer;
pub use record::{Record, read_record, records, records_of_table};
pub use resync::{RESYNC_BYTES_MAX, resync};
pub use split::Splitter;
pub use summary::BlockSummary;
pub use unquote::{Unquoted, unquote};
