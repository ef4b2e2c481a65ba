//! Parquet -> arrays: a source that holds typed columns instead of text.
//!
//! The contract: [`Columnar`] is what the footer says, read once when the source is opened; a
//! [`RowReader`] gives the cells of some rows of one row group, of the columns asked for and of no
//! others, a page at a time. A file that is cut short, damaged or encrypted is an error that names
//! it, never a panic. Rows of a source are counted over all its row groups, from 0.
//!
//! Next to `output`, this is the only place that names the `parquet` crate.

mod checked;
mod column;
mod footer;
mod guard;
mod pages;
mod prune;
mod rows;

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parquet::file::metadata::ParquetMetaData;

pub use column::{Holds, TypedColumn};
pub use prune::Condition;
pub use rows::RowReader;

use crate::base::{Error, ErrorKind, Position, Result};

/// What the footer of a Parquet file says.
pub struct Columnar {
    metadata: Arc<ParquetMetaData>,
    columns: Vec<TypedColumn>,
    /// For each row group the index of its first row, then the number of all rows.
    starts: Vec<u64>,
    /// Length of the file, in bytes.
    length: u64,
}

/// What `sniff` and receipts tell of a Parquet file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Rows of the file.
    pub rows: u64,
    /// Row groups of the file.
    pub row_groups: usize,
    /// The codecs of its columns, each once, in alphabetical order.
    pub codecs: Vec<String>,
    /// Length of its data before compression, in bytes.
    pub uncompressed_bytes: u64,
    /// The program that wrote it.
    pub created_by: Option<String>,
}

/// Whether a file of these bytes is Parquet, whole or not. No text is: a footer's length of four
/// letters would be half a gigabyte, and the page or footer behind the first signature starts with
/// a control character. A signature alone is what is left of a file.
pub(super) fn is_columnar(bytes: &[u8]) -> bool {
    let magics = [footer::MAGIC, footer::MAGIC_ENCRYPTED];
    let is_whole =
        |magic: &&[u8]| bytes.starts_with(magic) && footer::length(bytes, magic).is_some();
    begins(bytes) || magics.iter().any(is_whole)
}

/// Whether bytes that start like `head` are Parquet, as far as their start tells.
pub(super) fn begins(head: &[u8]) -> bool {
    const FIRST_FIELD: u8 = 0x15;
    let rest = head.strip_prefix(footer::MAGIC);
    rest.is_some_and(|rest| matches!(rest.first(), None | Some(&FIRST_FIELD)))
}

impl Columnar {
    /// Reads the footer of the file at `path`, which holds `bytes`.
    ///
    /// # Errors
    /// [`ErrorKind::Data`] if the file is cut short, damaged or encrypted.
    pub(super) fn open(path: &Path, bytes: &[u8]) -> Result<Self> {
        let whole = (0, Some(1));
        footer::read(bytes).map_err(|message| refuse(path.into(), whole, message))
    }

    /// Its columns, in order. A nested column is one of them.
    pub fn columns(&self) -> &[TypedColumn] {
        &self.columns
    }

    /// Number of rows.
    pub fn rows(&self) -> u64 {
        *self.starts.last().expect("one more than row groups")
    }

    /// Number of row groups.
    pub fn groups(&self) -> usize {
        self.starts.len() - 1
    }

    /// The rows of row group `group`.
    pub fn group_rows(&self, group: usize) -> Range<u64> {
        self.starts[group]..self.starts[group + 1]
    }

    /// The row group that holds row `row`, which is one of the file's.
    pub fn group_of(&self, row: u64) -> usize {
        self.starts.partition_point(|start| *start <= row) - 1
    }

    /// The offsets of the pages of row group `group`.
    pub fn group_bytes(&self, group: usize) -> Range<u64> {
        let columns = self.metadata.row_group(group).columns().iter();
        let ranges = columns.map(footer::byte_range);
        let all = ranges.reduce(|all, range| all.start.min(range.start)..all.end.max(range.end));
        let all = all.unwrap_or(0..0);
        all.start.min(self.length)..all.end.min(self.length)
    }

    /// What a row of row group `group` takes in memory, roughly.
    pub fn row_bytes(&self, group: usize) -> usize {
        const CELL_BYTES: u64 = 9;
        let rows = self.group_rows(group);
        let encoded = self
            .metadata
            .row_group(group)
            .columns()
            .iter()
            .map(|column| {
                let text = column.unencoded_byte_array_data_bytes();
                let bytes = text.unwrap_or(0).max(column.uncompressed_size());
                u64::try_from(bytes).unwrap_or(0)
            });
        let encoded: u64 = encoded.fold(0, u64::saturating_add);
        let fixed = CELL_BYTES * self.columns.len() as u64;
        let bytes = (encoded / (rows.end - rows.start).max(1)).max(fixed);
        usize::try_from(bytes).unwrap_or(usize::MAX)
    }

    /// What a reader of `columns` of row group `group` holds, roughly: a page of each.
    pub fn reader_bytes(&self, group: usize, columns: &[usize]) -> usize {
        /// What most writers fill a page to.
        const PAGE_BYTES: i64 = 1 << 20;
        let group = self.metadata.row_group(group);
        let leaves = columns
            .iter()
            .filter_map(|&column| self.columns[column].leaf);
        let pages = leaves.map(|leaf| group.column(leaf).uncompressed_size().clamp(0, PAGE_BYTES));
        usize::try_from(pages.sum::<i64>()).unwrap_or(usize::MAX)
    }

    /// Where in the file row `row` would be if all took the same room, in bytes: for progress.
    pub fn offset_of(&self, row: u64) -> u64 {
        let share = u128::from(self.length) * u128::from(row);
        let offset = share / u128::from(self.rows().max(1));
        u64::try_from(offset).expect("no row is behind the end")
    }

    /// Cells of column `column` that have a value, if the footer knows, else all.
    pub fn values(&self, column: usize) -> u64 {
        let Some(leaf) = self.columns[column].leaf else {
            return 0;
        };
        let groups = self.metadata.row_groups().iter();
        let nulls = groups.filter_map(|group| group.column(leaf).statistics()?.null_count_opt());
        self.rows().saturating_sub(nulls.sum())
    }

    /// What can be told of the file as a whole.
    pub fn summary(&self) -> Summary {
        let columns = || {
            self.metadata
                .row_groups()
                .iter()
                .flat_map(|group| group.columns())
        };
        let name = |codec: String| match codec.split('(').next().unwrap_or_default() {
            "UNCOMPRESSED" => "uncompressed".to_owned(),
            name => name.to_lowercase(),
        };
        let codecs = columns().map(|column| name(column.compression_codec().to_string()));
        let codecs: std::collections::BTreeSet<String> = codecs.collect();
        let bytes = columns().map(|column| u64::try_from(column.uncompressed_size()).unwrap_or(0));
        let created_by = self.metadata.file_metadata().created_by();
        Summary {
            rows: self.rows(),
            row_groups: self.groups(),
            codecs: codecs.into_iter().collect(),
            uncompressed_bytes: bytes.fold(0, u64::saturating_add),
            created_by: created_by.map(str::to_owned),
        }
    }
}

impl std::fmt::Debug for Columnar {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Columnar")
            .field("columns", &self.columns)
            .field("starts", &self.starts)
            .finish_non_exhaustive()
    }
}

/// The error that the file at `path` cannot be read, for what `message` says of the place at an
/// offset and a row.
fn refuse(path: PathBuf, (byte_offset, line): (u64, Option<u64>), message: String) -> Error {
    let position = Position {
        path,
        byte_offset,
        line,
    };
    ErrorKind::Data { position, message }.into()
}

#[cfg(test)]
mod tests;
