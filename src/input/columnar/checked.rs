//! Pages in, the same pages out, once what they promise has been held against what they are.
//!
//! Invariant: no decoder makes room for more values than a page can hold; a damaged count is an
//! error, not an allocation that ends the process.

use bytes::Bytes;
use parquet::basic::Encoding;
use parquet::column::page::{Page, PageMetadata, PageReader};
use parquet::data_type::{Int32Type, Int64Type};
use parquet::decoding::{Decoder, DeltaBitPackDecoder};
use parquet::errors::{ParquetError, Result as ParquetResult};

/// The pages of a column without repetition.
pub(super) struct CheckedPages {
    pub(super) pages: Box<dyn PageReader>,
    /// Whether some cells may be null, which is written in front of the values.
    pub(super) has_levels: bool,
}

impl PageReader for CheckedPages {
    fn get_next_page(&mut self) -> ParquetResult<Option<Page>> {
        let page = self.pages.get_next_page()?;
        page.map(|page| self.checked(page)).transpose()
    }

    fn peek_next_page(&mut self) -> ParquetResult<Option<PageMetadata>> {
        self.pages.peek_next_page()
    }

    fn skip_next_page(&mut self) -> ParquetResult<()> {
        self.pages.skip_next_page()
    }

    fn supports_deferred_dictionary(&self) -> bool {
        self.pages.supports_deferred_dictionary()
    }

    fn take_deferred_dictionary(&mut self) -> ParquetResult<Option<Page>> {
        let page = self.pages.take_deferred_dictionary()?;
        page.map(|page| self.checked(page)).transpose()
    }

    fn at_record_boundary(&mut self) -> ParquetResult<bool> {
        self.pages.at_record_boundary()
    }
}

impl Iterator for CheckedPages {
    type Item = ParquetResult<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}

impl CheckedPages {
    fn checked(&self, page: Page) -> ParquetResult<Page> {
        match &page {
            Page::DataPage {
                buf,
                num_values,
                encoding,
                def_level_encoding,
                ..
            } => {
                let levels = match self.has_levels {
                    true => levels_bytes(buf, *num_values, *def_level_encoding)?,
                    false => 0,
                };
                check(buf, levels, *encoding, *num_values)?;
            }
            Page::DataPageV2 {
                buf,
                num_values,
                encoding,
                def_levels_byte_len,
                rep_levels_byte_len,
                ..
            } => {
                let levels = u64::from(*def_levels_byte_len) + u64::from(*rep_levels_byte_len);
                check(buf, levels as usize, *encoding, *num_values)?;
            }
            // A value takes a byte at least.
            Page::DictionaryPage {
                buf, num_values, ..
            } => at_most(*num_values as usize, buf.len())?,
        }
        Ok(page)
    }
}

/// Length of what is in front of the values of a page that starts with `bytes`.
fn levels_bytes(bytes: &Bytes, values: u32, encoding: Encoding) -> ParquetResult<usize> {
    const LENGTH_BYTES: usize = 4;
    if encoding != Encoding::RLE {
        return Ok((values as usize).div_ceil(8));
    }
    let length = bytes.first_chunk::<LENGTH_BYTES>().ok_or_else(too_short)?;
    Ok((u32::from_le_bytes(*length) as usize).saturating_add(LENGTH_BYTES))
}

/// Checks the counts in the values of a page of `values` cells, which are behind `levels` bytes.
fn check(page: &Bytes, levels: usize, encoding: Encoding, values: u32) -> ParquetResult<()> {
    if levels > page.len() {
        return Err(too_short());
    }
    let most = values as usize;
    // A page of nulls only may have no values.
    let bytes = page.slice(levels..);
    match encoding {
        _ if bytes.is_empty() => Ok(()),
        Encoding::DELTA_BINARY_PACKED | Encoding::DELTA_LENGTH_BYTE_ARRAY => {
            let mut numbers = DeltaBitPackDecoder::<Int64Type>::new();
            numbers.set_data(bytes, 0)?;
            at_most(numbers.values_left(), most)
        }
        Encoding::DELTA_BYTE_ARRAY => {
            // Two lists of lengths; where the second starts only the first one tells.
            let mut lengths = DeltaBitPackDecoder::<Int32Type>::new();
            lengths.set_data(bytes.clone(), 0)?;
            at_most(lengths.values_left(), most)?;
            let mut found = vec![0; lengths.values_left()];
            lengths.get(&mut found)?;
            let second = lengths.get_offset();
            if second > bytes.len() {
                return Err(too_short());
            }
            lengths.set_data(bytes.slice(second..), 0)?;
            at_most(lengths.values_left(), most)
        }
        _ => Ok(()),
    }
}

fn at_most(found: usize, most: usize) -> ParquetResult<()> {
    if found <= most {
        return Ok(());
    }
    let message = format!("{found} values are promised where there are {most} at most");
    Err(ParquetError::General(message))
}

fn too_short() -> ParquetError {
    ParquetError::EOF("a page is too short".to_owned())
}
