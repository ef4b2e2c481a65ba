//! Pieces of a text column -> its column chunk: a dictionary, or text by text.
//!
//! A piece holds the text itself or a dictionary; the bytes are the same.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayRef, StringArray, new_null_array};
use arrow::datatypes::DataType as ArrowType;
use parquet::basic::Encoding;
use parquet::errors::Result;
use parquet::file::statistics::Statistics;

use super::cells::{joined_texts, texts};
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
        let mut extremes = None;
        let mut joined = Vec::with_capacity(pieces.len());
        for piece in pieces {
            let mut bytes = 0;
            for text in texts(piece) {
                lengths.push(text.len() as i64);
                bytes += text.len();
                extremes
                    .get_or_insert_with(|| Extremes::of(text))
                    .take(text);
            }
            joined.push(joined_texts(piece, bytes));
        }
        let least_and_most = extremes.map(|extremes| (extremes.least.text, extremes.most.text));
        let statistics = self.text_statistics(least_and_most, frame.rows - lengths.len())?;
        let chunk = self.chunk(&frame, statistics, None);
        let mut cells = TextPages {
            is_plain: chunk.encoding == Encoding::PLAIN,
            lengths,
            joined: joined.iter().map(|texts| &**texts).collect(),
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

/// A text, and its first bytes as a number that is no larger than that of any larger text.
#[derive(Clone, Copy)]
struct Ordered<'a> {
    start: u64,
    text: &'a [u8],
}

impl<'a> Ordered<'a> {
    #[inline]
    fn new(text: &'a [u8]) -> Self {
        let start = match text.first_chunk() {
            Some(start) => *start,
            None => {
                let mut start = [0; 8];
                start[..text.len()].copy_from_slice(text);
                start
            }
        };
        let start = u64::from_be_bytes(start);
        Self { start, text }
    }

    #[inline]
    fn is_less(self, other: Self) -> bool {
        self.start < other.start || (self.start == other.start && self.text < other.text)
    }
}

/// The least and the largest text seen.
struct Extremes<'a> {
    least: Ordered<'a>,
    most: Ordered<'a>,
}

impl<'a> Extremes<'a> {
    fn of(text: &'a [u8]) -> Self {
        let text = Ordered::new(text);
        Self {
            least: text,
            most: text,
        }
    }

    #[inline]
    fn take(&mut self, text: &'a [u8]) {
        let text = Ordered::new(text);
        if text.is_less(self.least) {
            self.least = text;
        }
        if self.most.is_less(text) {
            self.most = text;
        }
    }
}

struct TextPages<'a> {
    /// Whether each text stands behind its length, rather than all behind all lengths.
    is_plain: bool,
    lengths: &'a [i64],
    /// What is left of the texts, end to end.
    joined: VecDeque<&'a [u8]>,
    cells_max: usize,
    bytes_max: usize,
}

impl Cells for TextPages<'_> {
    fn page_cells_max(&self, first: usize) -> usize {
        let lengths = self.lengths[first..].iter().take(self.cells_max);
        let sums = lengths.scan(0, |sum, &length| {
            *sum += length as usize;
            Some(*sum)
        });
        sums.take_while(|&sum| sum <= self.bytes_max).count().max(1)
    }

    fn put(&mut self, cells: Range<usize>, out: &mut Vec<u8>) {
        let all = self.lengths;
        let lengths = &all[cells];
        if self.is_plain {
            for &length in lengths {
                out.extend_from_slice(&(length as u32).to_le_bytes());
                self.put_texts(length as usize, out);
            }
            return;
        }
        let packing = DeltaPacking {
            is_narrow: true,
            is_aligned: false,
        };
        packing.put(lengths, out);
        self.put_texts(lengths.iter().sum::<i64>() as usize, out);
    }
}

impl TextPages<'_> {
    /// Appends the next `left` bytes of texts.
    fn put_texts(&mut self, mut left: usize, out: &mut Vec<u8>) {
        while left > 0 {
            let texts = self.joined.pop_front().expect("every cell has its text");
            let (here, rest) = texts.split_at(left.min(texts.len()));
            out.extend_from_slice(here);
            left -= here.len();
            if !rest.is_empty() {
                self.joined.push_front(rest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_least_and_the_largest_are_those_of_the_order_of_bytes(
            texts in prop::collection::vec("[\\x00ab]{0,3}|a{7,9}[\\x00ab]{0,2}", 1..20),
        ) {
            let bytes: Vec<&[u8]> = texts.iter().map(|text| text.as_bytes()).collect();
            let mut extremes = Extremes::of(bytes[0]);
            bytes.iter().for_each(|text| extremes.take(text));
            prop_assert_eq!(Some(&extremes.least.text), bytes.iter().min());
            prop_assert_eq!(Some(&extremes.most.text), bytes.iter().max());
        }
    }
}
