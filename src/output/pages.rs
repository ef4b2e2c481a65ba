//! A column's encoded cells -> the pages of its column chunk.
//!
//! The chunk is a dictionary page, if there is one, and data pages of version 1. Where a page ends
//! depends on the rows alone.

use std::ops::Range;

use arrow::buffer::BooleanBuffer;
use bytes::Bytes;
use parquet::basic::{Compression, Encoding, EncodingMask, PageType};
use parquet::column::page::{CompressedPage, Page, PageWriteSpec, PageWriter};
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::Result;
use parquet::file::metadata::{
    ColumnChunkMetaData, ColumnChunkMetaDataBuilder, OffsetIndexBuilder, PageEncodingStats,
};
use parquet::file::page_index::offset_index::OffsetIndexMetaData;
use parquet::file::statistics::Statistics;
use parquet::file::writer::{SerializedPageWriter, TrackedWrite};
use parquet::schema::types::ColumnDescPtr;

use super::codec::{Content, PageCodec};
use super::hybrid::put_levels;

/// What a column chunk consists of.
pub(super) struct Chunk<'a> {
    pub(super) column: &'a ColumnDescPtr,
    pub(super) statistics: Option<Statistics>,
    pub(super) rows: usize,
    /// Which rows are not null; `None` if all are not.
    pub(super) validity: Option<&'a BooleanBuffer>,
    /// The distinct cells in Parquet's plain encoding, and their number.
    pub(super) dictionary: Option<(&'a [u8], usize)>,
    /// The encoding of data pages.
    pub(super) encoding: Encoding,
    pub(super) page_rows_max: usize,
}

/// How the cells that are not null go into pages.
pub(super) trait Cells {
    /// How many cells from `first` on a page may have at most; at least one.
    fn page_cells_max(&self, first: usize) -> usize;

    /// Appends a page's cells.
    fn put(&mut self, cells: Range<usize>, out: &mut Vec<u8>);
}

/// What pages are made in, one after the other.
pub(super) struct PageBuffers {
    compressor: Compressor,
    page: Vec<u8>,
    chunk: Vec<u8>,
}

impl PageBuffers {
    pub(super) fn new(compression: Compression) -> Result<Self> {
        Ok(Self {
            compressor: Compressor::new(compression)?,
            page: Vec::new(),
            chunk: Vec::new(),
        })
    }

    /// Memory held, in bytes, without what a codec holds.
    pub(super) fn memory_bytes(&self) -> usize {
        self.page.capacity() + self.compressor.compressed.capacity() + self.chunk.capacity()
    }

    /// Writes the column chunk of a nullable column.
    pub(super) fn write_chunk(
        &mut self,
        chunk: &Chunk,
        cells: &mut impl Cells,
    ) -> Result<(Bytes, ColumnCloseResult)> {
        self.compressor.codec.expect(match chunk.encoding {
            Encoding::DELTA_LENGTH_BYTE_ARRAY => Content::Text,
            _ => Content::Other,
        })?;
        let mut sink = std::mem::take(&mut self.chunk);
        sink.clear();
        let mut sink = TrackedWrite::new(sink);
        let mut writer = ChunkWriter {
            pages: SerializedPageWriter::new(&mut sink),
            compressor: &mut self.compressor,
            offsets: OffsetIndexBuilder::new(),
            uncompressed_bytes: 0,
            data_offset: 0,
            data_pages: 0,
        };
        if let Some((plain, distinct)) = chunk.dictionary {
            writer.write_dictionary(plain, distinct)?;
        }
        writer.write_data(chunk, cells, &mut self.page)?;
        let (metadata, offset_index) = writer.finish(chunk);
        self.chunk = sink.into_inner()?;
        // A copy of the right size; the buffer is used again.
        let bytes = Bytes::copy_from_slice(&self.chunk);
        let close = ColumnCloseResult {
            bytes_written: bytes.len() as u64,
            rows_written: chunk.rows as u64,
            metadata: metadata
                .set_total_compressed_size(bytes.len() as i64)
                .build()?,
            bloom_filter: None,
            column_index: None,
            offset_index: Some(offset_index),
        };
        Ok((bytes, close))
    }
}

struct Compressor {
    compression: Compression,
    codec: PageCodec,
    compressed: Vec<u8>,
}

impl Compressor {
    fn new(compression: Compression) -> Result<Self> {
        Ok(Self {
            compression,
            codec: PageCodec::new(compression)?,
            compressed: Vec::new(),
        })
    }

    /// `bytes` compressed, in a buffer to be given back.
    fn compress(&mut self, bytes: &[u8]) -> Result<Bytes> {
        let mut compressed = std::mem::take(&mut self.compressed);
        self.codec.compress(bytes, &mut compressed)?;
        Ok(compressed.into())
    }

    fn give_back(&mut self, buffer: Bytes) {
        self.compressed = buffer.into();
    }
}

struct ChunkWriter<'a> {
    pages: SerializedPageWriter<'a, Vec<u8>>,
    compressor: &'a mut Compressor,
    offsets: OffsetIndexBuilder,
    uncompressed_bytes: i64,
    data_offset: u64,
    data_pages: i32,
}

impl ChunkWriter<'_> {
    fn write_dictionary(&mut self, plain: &[u8], distinct: usize) -> Result<()> {
        self.write(plain, |buf| Page::DictionaryPage {
            buf,
            num_values: distinct as u32,
            encoding: Encoding::PLAIN,
            is_sorted: false,
        })?;
        Ok(())
    }

    fn write_data(
        &mut self,
        chunk: &Chunk,
        cells: &mut impl Cells,
        page: &mut Vec<u8>,
    ) -> Result<()> {
        let (mut start, mut first) = (0, 0);
        while start < chunk.rows {
            let rows = chunk.page_rows_max.min(chunk.rows - start);
            let validity = chunk.validity.map(|validity| validity.slice(start, rows));
            let (rows, valid) = fitting(validity.as_ref(), rows, cells.page_cells_max(first));
            page.clear();
            put_levels(validity.as_ref(), rows, valid, page);
            cells.put(first..first + valid, page);
            let spec = self.write(page, |buf| Page::DataPage {
                buf,
                num_values: rows as u32,
                encoding: chunk.encoding,
                def_level_encoding: Encoding::RLE,
                rep_level_encoding: Encoding::RLE,
                statistics: None,
            })?;
            if self.data_pages == 0 {
                self.data_offset = spec.offset;
            }
            self.data_pages += 1;
            self.offsets.append_row_count(rows as i64);
            self.offsets
                .append_offset_and_size(spec.offset as i64, spec.compressed_size as i32);
            start += rows;
            first += valid;
        }
        Ok(())
    }

    fn write(&mut self, bytes: &[u8], page: impl FnOnce(Bytes) -> Page) -> Result<PageWriteSpec> {
        let buffer = self.compressor.compress(bytes)?;
        let page = CompressedPage::new(page(buffer.clone()), bytes.len());
        let spec = self.pages.write_page(page)?;
        self.compressor.give_back(buffer);
        self.uncompressed_bytes += spec.uncompressed_size as i64;
        Ok(spec)
    }

    /// What is known of the chunk but its size, and where its pages are.
    fn finish(self, chunk: &Chunk) -> (ColumnChunkMetaDataBuilder, OffsetIndexMetaData) {
        let stats = |page_type, encoding, count| PageEncodingStats {
            page_type,
            encoding,
            count,
        };
        let mut pages = vec![stats(PageType::DATA_PAGE, chunk.encoding, self.data_pages)];
        let mut encodings = vec![Encoding::RLE, chunk.encoding];
        let mut metadata = ColumnChunkMetaData::builder(chunk.column.clone());
        if chunk.dictionary.is_some() {
            pages.insert(0, stats(PageType::DICTIONARY_PAGE, Encoding::PLAIN, 1));
            encodings.push(Encoding::PLAIN);
            metadata = metadata.set_dictionary_page_offset(Some(0));
        }
        if let Some(statistics) = &chunk.statistics {
            metadata = metadata.set_statistics(statistics.clone());
        }
        let metadata = metadata
            .set_compression(self.compressor.compression)
            .set_encodings_mask(EncodingMask::new_from_encodings(encodings.iter()))
            .set_page_encoding_stats(pages)
            .set_total_uncompressed_size(self.uncompressed_bytes)
            .set_num_values(chunk.rows as i64)
            .set_data_page_offset(self.data_offset as i64);
        (metadata, self.offsets.build())
    }
}

/// How many of `rows` rows hold at most `cells_max` cells, and how many they hold.
fn fitting(validity: Option<&BooleanBuffer>, rows: usize, cells_max: usize) -> (usize, usize) {
    let Some(validity) = validity else {
        let cells = rows.min(cells_max);
        return (cells, cells);
    };
    let valid = validity.count_set_bits();
    if valid <= cells_max {
        return (rows, valid);
    }
    let next = validity.set_indices().nth(cells_max);
    (next.unwrap_or(rows), cells_max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_ends_before_the_cell_that_does_not_fit() {
        let validity = BooleanBuffer::from(vec![false, true, true, false, true, false]);
        let cases = [(1, (2, 1)), (2, (4, 2)), (3, (6, 3)), (9, (6, 3))];
        for (cells_max, expected) in cases {
            assert_eq!(fitting(Some(&validity), 6, cells_max), expected);
        }
        assert_eq!(fitting(None, 6, 4), (4, 4));
        assert_eq!(fitting(None, 6, 9), (6, 6));
    }
}
