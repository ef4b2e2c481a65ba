//! Pieces of a text column -> its column chunk: a dictionary, or text by text.
//!
//! A piece holds the text itself or a dictionary; the bytes are the same.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayRef, StringArray, new_null_array};
use arrow::datatypes::DataType as ArrowType;
use parquet::errors::Result;
use parquet::file::statistics::Statistics;

use super::cells::texts;
use super::column::{ColumnEncoder, EncodedChunk, Frame, Scratch, write};
use super::delta::DeltaPacking;
use super::layout::{Layout, Sample};
use super::pages::Cells;

impl ColumnEncoder {
    /// Encodes pieces of a text column.
    pub(super) fn encode_texts(
        &self,
        pieces: &[ArrayRef],
        scratch: &mut Scratch,
    ) -> Result<EncodedChunk> {
        let Scratch {
            cells: lengths,
            dictionary,
            pages,
            ..
        } = scratch;
        let frame = Frame::new(pieces);
        let sample = Sample::of_texts(pieces);
        if let Layout::Dictionary(limits) = sample.layout(self.dictionary_bytes_max)
            && dictionary.read_texts(pieces, limits).is_some()
        {
            let least_and_most = dictionary.texts().min().zip(dictionary.texts().max());
            let distinct = dictionary.texts().count();
            let nulls = frame.rows - dictionary.ids().len();
            let statistics = self.text_statistics(least_and_most, nulls)?;
            let plain = (dictionary.plain_texts(), distinct);
            let chunk = self.chunk(&frame, statistics, Some(plain));
            return write(pages, &chunk, &mut self.ids(dictionary.ids(), distinct));
        }
        lengths.clear();
        let mut least_and_most: Option<(&[u8], &[u8])> = None;
        for text in texts(pieces) {
            lengths.push(text.len() as i64);
            least_and_most = Some(match least_and_most {
                None => (text, text),
                Some((least, most)) => (least.min(text), most.max(text)),
            });
        }
        let statistics = self.text_statistics(least_and_most, frame.rows - lengths.len())?;
        let chunk = self.chunk(&frame, statistics, None);
        let mut cells = TextPages {
            lengths,
            texts: texts(pieces),
            cells_max: self.page_rows_max,
            bytes_max: self.page_bytes_max,
        };
        write(pages, &chunk, &mut cells)
    }

    /// The parquet crate's statistics of a column of these texts and as many nulls: it cuts long
    /// texts short.
    fn text_statistics(
        &self,
        least_and_most: Option<(&[u8], &[u8])>,
        nulls: usize,
    ) -> Result<Option<Statistics>> {
        let (least, most) = least_and_most.unzip();
        let texts = [least, most].into_iter().flatten();
        let texts = texts.map(str::from_utf8);
        let texts = StringArray::from(texts.collect::<Result<Vec<_>, _>>()?);
        let nulls = new_null_array(&ArrowType::Utf8, nulls);
        let seen = self.write_by_crate(
            &self.statistics,
            [Ok(Arc::new(texts) as ArrayRef), Ok(nulls)].into_iter(),
        )?;
        Ok(seen.close().metadata.statistics().cloned())
    }
}

struct TextPages<'a, T> {
    lengths: &'a [i64],
    texts: T,
    cells_max: usize,
    bytes_max: usize,
}

impl<'a, T: Iterator<Item = &'a [u8]>> Cells for TextPages<'_, T> {
    fn page_cells_max(&self, first: usize) -> usize {
        let lengths = self.lengths[first..].iter().take(self.cells_max);
        let sums = lengths.scan(0, |sum, &length| {
            *sum += length as usize;
            Some(*sum)
        });
        sums.take_while(|&sum| sum <= self.bytes_max).count().max(1)
    }

    fn put(&mut self, cells: Range<usize>, out: &mut Vec<u8>) {
        let lengths = &self.lengths[cells];
        let packing = DeltaPacking {
            is_narrow: true,
            is_aligned: false,
        };
        packing.put(lengths, out);
        for text in self.texts.by_ref().take(lengths.len()) {
            out.extend_from_slice(text);
        }
    }
}
