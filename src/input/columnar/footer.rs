//! The bytes of a Parquet file -> [`Columnar`], from what its footer says.
//!
//! Invariant: what the footer claims is checked against the file, so that nothing read later lies
//! outside of it.

use std::ops::Range;
use std::sync::Arc;

use parquet::errors::ParquetError;
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData, ParquetMetaDataReader};

use super::Columnar;
use super::column::TypedColumn;
use super::guard::guarded;

/// What a Parquet file starts and ends with.
pub(super) const MAGIC: &[u8] = b"PAR1";
/// What one ends with, and may start with, whose footer is encrypted.
pub(super) const MAGIC_ENCRYPTED: &[u8] = b"PARE";
/// Length of what is behind the footer: its length, and the signature.
const TAIL_BYTES: usize = 8;

/// Length of the footer of a file of `bytes`, if it ends with one that lies within it and with
/// `magic`.
pub(super) fn length(bytes: &[u8], magic: &[u8]) -> Option<usize> {
    let (rest, tail) = bytes.split_last_chunk::<TAIL_BYTES>()?;
    let [a, b, c, d, last @ ..] = tail;
    let length = u32::from_le_bytes([*a, *b, *c, *d]) as usize;
    let has_room = rest.len() >= length + magic.len();
    (*last == *magic && has_room && length > 0).then_some(length)
}

/// What the footer of a file of `bytes` says, or in words why that cannot be told.
pub(super) fn read(bytes: &[u8]) -> Result<Columnar, String> {
    if bytes.ends_with(MAGIC_ENCRYPTED) {
        let message = "the Parquet file is encrypted; write it again without encryption";
        return Err(message.to_owned());
    }
    let Some(length) = length(bytes, MAGIC) else {
        let message = "the file starts as Parquet but does not end as that: it is cut short, \
                       damaged or still being written; get it again";
        return Err(message.to_owned());
    };
    let end = bytes.len() - TAIL_BYTES;
    let footer = &bytes[end - length..end];
    let damaged = |why: String| {
        format!("the footer of the Parquet file is damaged ({why}); get the file again")
    };
    let read = guarded(|| {
        let metadata = ParquetMetaDataReader::decode_metadata(footer)?;
        let starts = starts(&metadata, (end - length) as u64)?;
        let columns = TypedColumn::all(&metadata)?;
        Ok::<_, ParquetError>((metadata, starts, columns))
    });
    let (metadata, starts, columns) = read.map_err(damaged)?;
    Ok(Columnar {
        metadata: Arc::new(metadata),
        columns,
        starts,
        length: bytes.len() as u64,
    })
}

/// The first row of each row group, then the number of all rows. Pages end before `end`.
fn starts(metadata: &ParquetMetaData, end: u64) -> Result<Vec<u64>, ParquetError> {
    let damaged = |what: String| Err(ParquetError::General(what));
    let mut starts = vec![0];
    let mut rows = 0_u64;
    for (index, group) in metadata.row_groups().iter().enumerate() {
        let Ok(more) = u64::try_from(group.num_rows()) else {
            return damaged(format!("row group {index} has {} rows", group.num_rows()));
        };
        rows = rows.saturating_add(more);
        starts.push(rows);
        for column in group.columns() {
            let range = byte_range(column);
            if column.file_path().is_some() {
                return damaged("its columns are in other files".to_owned());
            }
            if range.end > end || range.start < MAGIC.len() as u64 {
                let path = column.column_path().string();
                return damaged(format!(
                    "column {path} of row group {index} is outside of the file"
                ));
            }
        }
    }
    let all = metadata.file_metadata().num_rows();
    if u64::try_from(all) != Ok(rows) || i64::try_from(rows).is_err() {
        return damaged(format!(
            "it claims {all} rows, its row groups have {rows} together"
        ));
    }
    Ok(starts)
}

/// The offsets of a column's pages; behind all files if they make no sense.
pub(super) fn byte_range(column: &ColumnChunkMetaData) -> Range<u64> {
    let first = column.dictionary_page_offset().filter(|offset| *offset > 0);
    let start = first.unwrap_or_else(|| column.data_page_offset());
    let start = u64::try_from(start).unwrap_or(u64::MAX);
    let length = u64::try_from(column.compressed_size()).unwrap_or(u64::MAX);
    start..start.saturating_add(length)
}
