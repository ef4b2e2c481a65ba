//! A column as ids of its distinct cells -> the pages of its column chunk.
//!
//! The chunk is a dictionary page and data pages of version 1, whose ids are all equally wide: the
//! dictionary is complete before the first page is made. See "Dictionary Encoding" and "RLE and
//! bit-packing hybrid" in <https://parquet.apache.org/docs/file-format/data-pages/encodings/>.

use arrow::buffer::BooleanBuffer;
use parquet::basic::{Compression, Encoding, EncodingMask, PageType};
use parquet::column::page::{CompressedPage, Page, PageWriteSpec, PageWriter};
use parquet::column::writer::ColumnCloseResult;
use parquet::compression::{Codec, CodecOptionsBuilder, create_codec};
use parquet::errors::Result;
use parquet::file::metadata::{ColumnChunkMetaData, OffsetIndexBuilder, PageEncodingStats};
use parquet::file::statistics::Statistics;
use parquet::file::writer::{SerializedPageWriter, TrackedWrite};
use parquet::schema::types::ColumnDescPtr;

use super::dictionary::Dictionary;

/// Equal neighbours that make a run, rather than being packed one by one.
const RUN_MIN: usize = 16;

/// Writes the column chunk of a nullable column, at most `page_rows_max` rows a page.
pub(super) fn write_chunk(
    dictionary: &Dictionary,
    column: &ColumnDescPtr,
    compression: Compression,
    page_rows_max: usize,
    statistics: Option<Statistics>,
) -> Result<(Vec<u8>, ColumnCloseResult)> {
    let mut sink = TrackedWrite::new(Vec::new());
    let mut writer = ChunkWriter {
        pages: SerializedPageWriter::new(&mut sink),
        codec: create_codec(compression, &CodecOptionsBuilder::default().build())?,
        offsets: OffsetIndexBuilder::new(),
        uncompressed_bytes: 0,
        data_offset: None,
        data_pages: 0,
    };
    writer.write_dictionary(dictionary)?;
    writer.write_data(dictionary, page_rows_max)?;
    let metadata = ColumnChunkMetaData::builder(column.clone())
        .set_compression(compression)
        .set_encodings_mask(EncodingMask::new_from_encodings(
            [Encoding::PLAIN, Encoding::RLE, Encoding::RLE_DICTIONARY].iter(),
        ))
        .set_page_encoding_stats(writer.page_encoding_stats())
        .set_total_uncompressed_size(writer.uncompressed_bytes)
        .set_num_values(dictionary.rows as i64)
        .set_dictionary_page_offset(Some(0))
        .set_data_page_offset(writer.data_offset.unwrap_or(0));
    let offset_index = Some(writer.offsets.build());
    let bytes = sink.into_inner()?;
    let mut metadata = metadata.set_total_compressed_size(bytes.len() as i64);
    if let Some(statistics) = statistics {
        metadata = metadata.set_statistics(statistics);
    }
    let close = ColumnCloseResult {
        bytes_written: bytes.len() as u64,
        rows_written: dictionary.rows as u64,
        metadata: metadata.build()?,
        bloom_filter: None,
        column_index: None,
        offset_index,
    };
    Ok((bytes, close))
}

struct ChunkWriter<'a> {
    pages: SerializedPageWriter<'a, Vec<u8>>,
    codec: Option<Box<dyn Codec>>,
    offsets: OffsetIndexBuilder,
    uncompressed_bytes: i64,
    data_offset: Option<i64>,
    data_pages: i32,
}

impl ChunkWriter<'_> {
    fn write_dictionary(&mut self, dictionary: &Dictionary) -> Result<()> {
        let page = Page::DictionaryPage {
            buf: self.compress(&dictionary.plain)?.into(),
            num_values: dictionary.len() as u32,
            encoding: Encoding::PLAIN,
            is_sorted: false,
        };
        self.write(page, dictionary.plain.len())?;
        Ok(())
    }

    fn write_data(&mut self, dictionary: &Dictionary, page_rows_max: usize) -> Result<()> {
        let width = id_width(dictionary.len());
        let mut ids = dictionary.ids.as_slice();
        let mut buffer = Vec::new();
        for start in (0..dictionary.rows).step_by(page_rows_max) {
            let rows = page_rows_max.min(dictionary.rows - start);
            let validity = dictionary.validity.as_ref();
            let validity = validity.map(|validity| validity.slice(start, rows));
            let valid = validity
                .as_ref()
                .map_or(rows, BooleanBuffer::count_set_bits);
            let (page_ids, rest) = ids.split_at(valid);
            ids = rest;

            buffer.clear();
            put_levels(validity.as_ref(), rows, valid, &mut buffer);
            buffer.push(width as u8);
            put_hybrid(page_ids, width, &mut buffer);
            let page = Page::DataPage {
                buf: self.compress(&buffer)?.into(),
                num_values: rows as u32,
                encoding: Encoding::RLE_DICTIONARY,
                def_level_encoding: Encoding::RLE,
                rep_level_encoding: Encoding::RLE,
                statistics: None,
            };
            let spec = self.write(page, buffer.len())?;
            self.data_offset.get_or_insert(spec.offset as i64);
            self.data_pages += 1;
            self.offsets.append_row_count(rows as i64);
            self.offsets
                .append_offset_and_size(spec.offset as i64, spec.compressed_size as i32);
        }
        Ok(())
    }

    fn compress(&mut self, bytes: &[u8]) -> Result<Vec<u8>> {
        match &mut self.codec {
            None => Ok(bytes.to_vec()),
            Some(codec) => {
                let mut compressed = Vec::new();
                codec.compress(bytes, &mut compressed)?;
                Ok(compressed)
            }
        }
    }

    fn write(&mut self, page: Page, uncompressed_bytes: usize) -> Result<PageWriteSpec> {
        let spec = self
            .pages
            .write_page(CompressedPage::new(page, uncompressed_bytes))?;
        self.uncompressed_bytes += spec.uncompressed_size as i64;
        Ok(spec)
    }

    fn page_encoding_stats(&self) -> Vec<PageEncodingStats> {
        let stats = |page_type, encoding, count| PageEncodingStats {
            page_type,
            encoding,
            count,
        };
        vec![
            stats(PageType::DICTIONARY_PAGE, Encoding::PLAIN, 1),
            stats(
                PageType::DATA_PAGE,
                Encoding::RLE_DICTIONARY,
                self.data_pages,
            ),
        ]
    }
}

/// Bits of an id of a dictionary of `distinct` cells; at least one, which all readers know.
fn id_width(distinct: usize) -> u32 {
    (usize::BITS - distinct.saturating_sub(1).leading_zeros()).max(1)
}

/// Appends the definition levels of a page: their length and the hybrid of a bit per row.
fn put_levels(validity: Option<&BooleanBuffer>, rows: usize, valid: usize, out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    match validity {
        Some(validity) if valid > 0 && valid < rows => {
            put_varint(((rows.div_ceil(8) as u64) << 1) | 1, out);
            out.extend_from_slice(&validity.sliced()[..rows.div_ceil(8)]);
            if rows % 8 != 0
                && let Some(last) = out.last_mut()
            {
                *last &= (1 << (rows % 8)) - 1;
            }
        }
        _ => {
            put_varint((rows as u64) << 1, out);
            out.push(u8::from(valid > 0));
        }
    }
    let bytes = (out.len() - start - 4) as u32;
    out[start..start + 4].copy_from_slice(&bytes.to_le_bytes());
}

/// Appends `ids` of `width` bits each as runs of equal ids and groups of eight packed ones.
fn put_hybrid(ids: &[u32], width: u32, out: &mut Vec<u8>) {
    let mut packed = 0;
    let mut next = 0;
    while next < ids.len() {
        let run = run_length(&ids[next..]);
        if run >= RUN_MIN {
            put_packed(&ids[packed..next], width, out);
            put_varint((run as u64) << 1, out);
            out.extend_from_slice(&ids[next].to_le_bytes()[..width.div_ceil(8) as usize]);
            next += run;
            packed = next;
        } else {
            next = ids.len().min(next + 8);
        }
    }
    put_packed(&ids[packed..], width, out);
}

fn run_length(ids: &[u32]) -> usize {
    ids.iter().take_while(|&&id| id == ids[0]).count()
}

/// Appends one run of groups of eight, the last one filled up with zeros.
fn put_packed(ids: &[u32], width: u32, out: &mut Vec<u8>) {
    if ids.is_empty() {
        return;
    }
    let groups = ids.len().div_ceil(8);
    put_varint(((groups as u64) << 1) | 1, out);
    let end = out.len() + groups * width as usize;
    out.reserve(groups * width as usize + 8);
    let (mut word, mut bits) = (0u64, 0);
    for &id in ids {
        word |= u64::from(id) << bits;
        bits += width;
        if bits >= 32 {
            out.extend_from_slice(&(word as u32).to_le_bytes());
            word >>= 32;
            bits -= 32;
        }
    }
    out.extend_from_slice(&word.to_le_bytes());
    out.resize(end, 0);
}

fn put_varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Reads `count` values of the hybrid, as the format's description has it.
    fn hybrid(mut bytes: &[u8], width: u32, count: usize) -> Vec<u32> {
        let mut values = Vec::new();
        while values.len() < count {
            let header = varint(&mut bytes);
            let many = (header >> 1) as usize;
            if header & 1 == 0 {
                let (value, rest) = bytes.split_at(width.div_ceil(8) as usize);
                let value = value
                    .iter()
                    .rev()
                    .fold(0, |value, &byte| value << 8 | u32::from(byte));
                values.extend(std::iter::repeat_n(value, many));
                bytes = rest;
            } else {
                let (packed, rest) = bytes.split_at(many * width as usize);
                let bit = |at: usize| u32::from(packed[at / 8] >> (at % 8) & 1);
                let value = |at: usize| {
                    let bits =
                        (0..width).map(|shift| bit(at * width as usize + shift as usize) << shift);
                    bits.sum::<u32>()
                };
                values.extend((0..many * 8).map(value));
                bytes = rest;
            }
        }
        assert!(bytes.is_empty());
        assert!(values.len() < count + 8 && values[count..].iter().all(|&padding| padding == 0));
        values.truncate(count);
        values
    }

    fn varint(bytes: &mut &[u8]) -> u64 {
        let mut value = 0;
        for shift in (0..).step_by(7) {
            let (&byte, rest) = bytes.split_first().unwrap();
            *bytes = rest;
            value |= u64::from(byte & 0x7F) << shift;
            if byte < 0x80 {
                break;
            }
        }
        value
    }

    proptest! {
        #[test]
        fn the_hybrid_comes_back(
            width in 1u32..=32,
            runs in prop::collection::vec((any::<u32>(), 1usize..40), 0..30),
        ) {
            let mask = u32::MAX >> (32 - width);
            let ids = runs.iter().flat_map(|&(id, many)| std::iter::repeat_n(id & mask, many));
            let ids: Vec<u32> = ids.collect();
            let mut bytes = Vec::new();
            put_hybrid(&ids, width, &mut bytes);
            prop_assert_eq!(hybrid(&bytes, width, ids.len()), ids);
        }

        #[test]
        fn levels_come_back(
            valid in prop::collection::vec(any::<bool>(), 1..200),
            skip in 0usize..9,
        ) {
            let whole: BooleanBuffer = std::iter::repeat_n(true, skip)
                .chain(valid.iter().copied())
                .chain([true; 9])
                .collect();
            let validity = whole.slice(skip, valid.len());
            let mut bytes = Vec::new();
            put_levels(Some(&validity), valid.len(), validity.count_set_bits(), &mut bytes);
            let length = u32::from_le_bytes(bytes[..4].try_into().unwrap());
            prop_assert_eq!(length as usize, bytes.len() - 4);
            let expected: Vec<u32> = valid.iter().map(|&valid| u32::from(valid)).collect();
            prop_assert_eq!(hybrid(&bytes[4..], 1, valid.len()), expected);
        }
    }

    #[test]
    fn pages_without_nulls_or_without_cells_are_one_run() {
        for (valid, level) in [(1_000, 1), (0, 0)] {
            let validity = BooleanBuffer::new_unset(1_000);
            let validity = (valid == 0).then_some(&validity);
            let mut bytes = Vec::new();
            put_levels(validity, 1_000, valid, &mut bytes);
            assert_eq!(bytes[..4], 3u32.to_le_bytes());
            assert_eq!(hybrid(&bytes[4..], 1, 1_000), vec![level; 1_000]);
        }
    }

    #[test]
    fn ids_are_as_wide_as_the_last_one() {
        let widths = [(1, 1), (2, 1), (3, 2), (4, 2), (5, 3), (256, 8), (257, 9)];
        for (distinct, width) in widths {
            assert_eq!(id_width(distinct), width, "{distinct}");
        }
    }
}
