//! Files -> [`Chunk`]: finds the input files, unpacks and transcodes those that are not plain text
//! in UTF-8, maps the text into memory and cuts it into chunks of whole records. A file of typed
//! columns is mapped as it is, and its chunks are runs of its rows; see [`Columnar`].
//!
//! The contract: every byte of a text's [`Records`] lies in exactly one chunk or is one chunk's
//! [`Oversize`] record, in file order, whatever the limits. A mapped page
//! stays resident only while a chunk over it is alive, so memory does not grow with the input. A
//! source that shrinks or changes while it is read is an error from [`Source::check`], never a
//! crash. What a record is, only a [`RecordSplit`] knows.
//!
//! The way in: [`discover`] the paths, [`Intake::open`] each, and walk them with [`Chunks`].

mod chunk;
mod columnar;
mod cursor;
mod discover;
mod encoding;
mod fault;
mod feed;
mod format;
mod intake;
mod lines;
mod map;
mod sample;
mod source;
mod split;
mod spool;
mod transcode;
mod unpack;

pub use chunk::{Chunk, Oversize};
pub use columnar::{Columnar, Condition, Holds, RowReader, Summary, TypedColumn};
pub use cursor::{Chunks, Outline, Records};
pub use discover::discover;
pub use intake::{Draft, Intake};
pub use lines::line_number;
pub use sample::sample_ranges;
pub use source::{Reading, Source};
pub use split::{RecordSplit, Split, SplitLimits, Stop};
pub use unpack::{Crew, Job, Queue, Unpacked};
