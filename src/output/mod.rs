//! Batch -> lake: the columns of a row group are encoded independently, appended in order to
//! parts, and published as one.
//!
//! [`Encoder`] turns consecutive pieces of one column into the bytes of one row group; it keeps no
//! state between calls, so any number of workers may share it. [`Parts`] lays finished row groups
//! into part files inside a [`Staging`] directory, which [`Staging::commit`] turns into the lake:
//! a reader sees the lake as it was before or as it is after, whatever ends the run in between. A
//! [`Table`] is one file beside the parts, or [`Outside`] of the lake.
//! The bytes depend on the rows, the schema and the options, never on how the rows were cut into
//! pieces nor on who encoded them when. The only room that names the parquet crate.

mod blocks;
mod cells;
mod codec;
mod column;
mod contents;
mod decimals;
mod delta;
mod dictionary;
mod encode;
mod exchange;
mod hybrid;
mod journal;
mod layout;
mod lock;
mod numbers;
mod outside;
mod packing;
mod pages;
mod part_file;
mod parts;
mod pending;
mod place;
mod schema;
mod slots;
mod split;
mod staging;
mod statistics;
mod table;
mod texts;

pub use encode::{EncodeOptions, EncodedColumn, Encoder};
pub use outside::Outside;
pub use parts::{PartInfo, Parts};
pub use staging::{FilteredPlace, Staging};
pub use table::Table;
