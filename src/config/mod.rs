//! What was typed -> what is meant.
//!
//! Flags ([`Args`]), a TOML file (`--config`) and the library's [`Builder`] all fill the same
//! [`Options`]; those are settled and checked once, at the door, and come out as a [`Config`].
//! Whoever holds a `Config` need not check it again, except against the columns of the input once
//! its header is known ([`check_columns`]). This room opens no file but the one `--config` names.

mod aggregate;
mod args;
mod builder;
mod check;
mod choice;
mod columns;
mod dedup;
mod dialect;
mod dtype;
mod expect;
mod file;
mod fitted;
mod join;
mod layout;
mod names;
mod nulls;
mod quantity;
mod resolve;
mod row;
mod schema;
mod series;
mod sort;
mod step;

use std::path::PathBuf;

pub use aggregate::{Aggregate, AggregateSpec, BySpec, MeasureSpec, PivotSpec};
pub use args::{Args, Command, Options, SniffArgs, completions};
pub use builder::Builder;
pub use check::{check_columns, check_learnt};
pub use choice::{Infer, OnBadRow, SkipSpace};
pub use columns::{Chosen, choose_columns};
pub use dedup::DedupSpec;
pub use dtype::DtypeSpec;
use encoding_rs::Encoding;
pub use expect::{CheckKind, CheckSpec, Severity};
pub use fitted::{FittedStep, OneHotSpec, QcutSpec};
pub use join::{AsofSpec, JoinSpec};
pub use nulls::NullValues;
pub use quantity::RejectsMax;
pub use row::{CutSpec, RowStep};
pub use schema::schema;
pub use series::SeriesStep;
pub use sort::SortSpec;
pub use step::StepSpec;

pub use crate::base::{
    Beyond, Compression, Direction, Duplicates, InvalidBytes, JoinHow, KeepRow, LineEnd, Mode,
    Order, Progress, SchemaDrift, TooFew, TooMany,
};
use crate::base::{Dialect, Known, Repair, Result};

/// A run, as it is meant.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Files, directories, globs or `-`; at least one, or a list of files.
    pub input: Vec<String>,
    /// A file that names more of them, one a line; `-` for standard input.
    pub files_from: Option<PathBuf>,
    /// The most files.
    pub files_max: usize,
    /// The lake's directory.
    pub out: PathBuf,
    /// How records and fields are read where that is not found out.
    pub dialect: Dialect,
    /// The encoding of all inputs; `None` to find it out for each.
    pub encoding: Option<&'static Encoding>,
    /// What becomes of bytes that are no text in their encoding.
    pub invalid_bytes: InvalidBytes,
    /// Whether dialect and layout of each source are found out.
    pub sniff: bool,
    /// What of them is known.
    pub known: Known,
    /// The longest record taken in, in bytes.
    pub record_bytes_max: usize,
    /// The longest field taken in, in bytes; a record that has a longer one is rejected.
    pub field_bytes_max: usize,
    /// What records with too few or too many fields come to.
    pub repair: Repair,
    /// What a bad record or cell does.
    pub on_bad_row: OnBadRow,
    /// The most rejected rows; `None` for any number.
    pub rejects_max: Option<RejectsMax>,
    /// The most rejected rows of one file; `None` for any number.
    pub rejects_per_file_max: Option<RejectsMax>,
    /// Whether what can be read in two ways ends the run, instead of being told; bad rows do then.
    pub strict: bool,
    /// What the types of columns that are not declared are inferred from.
    pub infer: Infer,
    /// What becomes of the columns of files whose headers differ.
    pub schema_drift: SchemaDrift,
    /// The columns to keep, in order, as the files call them; all if there are none. A `*` stands
    /// for any text.
    pub select: Vec<String>,
    /// The columns to leave out, likewise.
    pub exclude: Vec<String>,
    /// What columns are called from here on: old names, each once, and new ones.
    pub rename: Vec<(String, String)>,
    /// The name of a column that holds the path of each row's file.
    pub source_column: Option<String>,
    /// How many records are read, the first of all inputs together; `None` for all.
    pub limit: Option<usize>,
    /// The share of the records that is kept, over 0 and up to 1; `None` for all.
    pub sample: Option<f64>,
    /// Which records a sample keeps.
    pub seed: u64,
    /// The most columns of a file, and of all files together.
    pub columns_max: usize,
    /// Declared types, each column once.
    pub dtypes: Vec<(String, DtypeSpec)>,
    /// Which spellings mean that a cell is missing.
    pub null_values: NullValues,
    /// The columns of the partition key, each once; empty where all rows are one group.
    pub key: Vec<String>,
    /// The event time column; present if any window is a time window.
    pub time: Option<String>,
    /// What rows out of time order do.
    pub order: Order,
    /// The steps, in the order they run. New columns have names of their own.
    pub steps: Vec<StepSpec>,
    /// The tables beside the lake, each with a name of its own.
    pub aggregates: Vec<AggregateSpec>,
    /// Whether the rows that filters drop are kept beside the lake.
    pub keep_filtered: bool,
    /// What the rows that are about to be written are held against.
    pub checks: Vec<CheckSpec>,
    /// Values a window must hold to have a result; no row window is smaller. `None` for the
    /// window's own default.
    pub min_samples: Option<u32>,
    /// What an existing lake does.
    pub mode: Mode,
    /// The codec of Parquet pages.
    pub compression: Compression,
    /// Rows of a row group; `None` to let the planner choose.
    pub row_group_rows: Option<usize>,
    /// Size at which a part ends, in bytes; `None` for the writer's default.
    pub part_bytes: Option<u64>,
    /// Threads computing at any moment, at least 1.
    pub threads: usize,
    /// The most resident memory, in bytes; `None` for the default share of the machine's.
    pub memory_limit: Option<u64>,
    /// Rows of a chunk; `None` to let the planner choose.
    pub chunk_rows: Option<usize>,
    /// Where text is kept that cannot be read in place, and state that memory has no room for;
    /// `None` for the system's temporary directory.
    pub temp_dir: Option<PathBuf>,
    /// The most room that both may take, in bytes; `None` for a share of what is free.
    pub temp_bytes_max: Option<u64>,
    /// When progress is shown.
    pub progress: Progress,
    /// Whether the receipt is printed as JSON.
    pub json: bool,
    /// Whether only errors are printed.
    pub quiet: bool,
    /// Whether more is said.
    pub verbose: bool,
}

/// Settles what the command line says, together with the file it may name.
///
/// # Errors
/// [`ErrorKind::Usage`](crate::ErrorKind::Usage) naming the flag or key and what to write instead.
pub fn from_args(args: Args) -> Result<Config> {
    resolve::resolve(args.options)
}

/// Settles what `plan` is asked: a run, of which nothing is done.
///
/// # Errors
/// As [`from_args`].
pub fn from_plan_options(options: Options) -> Result<Config> {
    resolve::resolve(options)
}

/// Settles what `sniff` is asked: a run of which only the finding out is done.
///
/// # Errors
/// As [`from_args`].
pub fn from_sniff_args(args: SniffArgs) -> Result<Config> {
    resolve::resolve(args.into())
}
