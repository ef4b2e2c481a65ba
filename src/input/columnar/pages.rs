//! A source's mapped bytes, as the `parquet` crate asks for them.
//!
//! Invariants: a page's bytes are not copied, and let go of as soon as the page has been decoded; a
//! page that would take more memory than it may is refused before it is unpacked.

use std::io::{self, Read};
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use parquet::column::page::{PageIterator, PageReader};
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::reader::{ChunkReader, Length};
use parquet::file::serialized_reader::SerializedPageReader;

use super::Columnar;
use super::checked::CheckedPages;
use crate::input::Source;

/// How the refusal of a page that is too large begins.
pub(super) const TOO_LARGE: &str = "a page takes";

/// A source whose pages are read.
pub(super) struct Mapped {
    pub(super) source: Arc<Source>,
    /// The most that a page may hold once unpacked, in bytes.
    pub(super) page_bytes_max: usize,
}

impl Length for Mapped {
    fn len(&self) -> u64 {
        self.source.length()
    }
}

impl ChunkReader for Mapped {
    type T = Headers;

    fn get_read(&self, start: u64) -> ParquetResult<Headers> {
        Ok(Headers {
            source: Arc::clone(&self.source),
            at: usize::try_from(start).unwrap_or(usize::MAX),
            page_bytes_max: self.page_bytes_max,
            is_checked: false,
        })
    }

    fn get_bytes(&self, start: u64, length: usize) -> ParquetResult<Bytes> {
        let start = usize::try_from(start).unwrap_or(usize::MAX);
        let range = start..start.saturating_add(length);
        if range.end > self.source.bytes().len() {
            let message = format!("bytes {range:?} are outside of the file");
            return Err(ParquetError::EOF(message));
        }
        let source = Arc::clone(&self.source);
        Ok(Bytes::from_owner(Page { source, range }))
    }
}

/// The bytes of a page, which its mapped memory is let go of with.
struct Page {
    source: Arc<Source>,
    range: Range<usize>,
}

impl AsRef<[u8]> for Page {
    fn as_ref(&self) -> &[u8] {
        &self.source.bytes()[self.range.clone()]
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        self.source.release(self.range.clone());
    }
}

/// What is read from a place on. Only headers of pages are.
pub(super) struct Headers {
    source: Arc<Source>,
    at: usize,
    page_bytes_max: usize,
    is_checked: bool,
}

impl Read for Headers {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut rest = self.source.bytes().get(self.at..).unwrap_or_default();
        if !self.is_checked {
            self.is_checked = true;
            let (bytes, max) = (unpacked_bytes(rest), self.page_bytes_max);
            if let Some(bytes) = bytes.filter(|bytes| *bytes > max as u64) {
                let message = format!(
                    "{TOO_LARGE} {bytes} bytes of memory, more than the {max} that one may take; \
                     set --memory-limit higher, or write the file again with smaller pages"
                );
                return Err(io::Error::other(message));
            }
        }
        let read = rest.read(buffer)?;
        self.at += read;
        Ok(read)
    }
}

/// Length of the page whose header `header` starts with, once unpacked: the second field, behind
/// the page's type. `None` if it is no such header.
fn unpacked_bytes(header: &[u8]) -> Option<u64> {
    /// A field whose number is one more than that of the field before, of a 32-bit integer.
    const NEXT_INTEGER: u8 = 0x15;
    let mut rest = header.strip_prefix(&[NEXT_INTEGER])?;
    variable_length(&mut rest)?;
    let mut rest = rest.strip_prefix(&[NEXT_INTEGER])?;
    let zigzag = variable_length(&mut rest)?;
    Some(zigzag >> 1)
}

/// The number that `bytes` start with, seven bits in each byte; they then start behind it.
fn variable_length(bytes: &mut &[u8]) -> Option<u64> {
    const BYTES_MAX: usize = 10;
    let mut number = 0;
    for index in 0..BYTES_MAX {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(first & 0x7F) << (7 * index).min(63);
        if first & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

/// The pages of one column of one row group.
pub(super) struct OneColumn(Option<Box<dyn PageReader>>);

impl OneColumn {
    pub(super) fn new(
        mapped: &Arc<Mapped>,
        columnar: &Columnar,
        (group, leaf): (usize, usize),
    ) -> ParquetResult<Self> {
        let group = columnar.metadata.row_group(group);
        let rows = usize::try_from(group.num_rows())?;
        let pages = SerializedPageReader::new(Arc::clone(mapped), group.column(leaf), rows, None)?;
        let pages = CheckedPages {
            pages: Box::new(pages),
            has_levels: group.column(leaf).column_descr().max_def_level() > 0,
        };
        Ok(Self(Some(Box::new(pages))))
    }
}

impl Iterator for OneColumn {
    type Item = ParquetResult<Box<dyn PageReader>>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.take().map(Ok)
    }
}

impl PageIterator for OneColumn {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_say_what_a_page_takes() {
        // A page of data (0), then 300 bytes, as zigzag numbers.
        assert_eq!(unpacked_bytes(&[0x15, 0, 0x15, 0xD8, 4, 0x15]), Some(300));
        assert_eq!(unpacked_bytes(&[0x15, 0, 0x16, 2]), None);
        assert_eq!(unpacked_bytes(&[0x15, 0, 0x15, 0xFF]), None);
        assert_eq!(unpacked_bytes(&[0x15; 40]), Some(10));
        assert_eq!(unpacked_bytes(&[]), None);
    }
}
