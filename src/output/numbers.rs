//! Pieces of a number column -> its column chunk: a dictionary, or cell by cell.
//!
//! Numbers are integers here, whatever their type: a float is one of the same order.

use std::ops::Range;

use arrow::array::ArrayRef;
use parquet::basic::{Encoding, Type as PhysicalType};
use parquet::errors::Result;

use super::cells::{float, put_numbers};
use super::column::{ColumnEncoder, EncodedChunk, Frame, Scratch, write};
use super::decimals::Decimals;
use super::delta::DeltaPacking;
use super::dictionary::{Dictionary, DictionaryLimits};
use super::layout::{Deltas, Layout, Sample};
use super::pages::Cells;
use super::split::put_split;
use super::statistics::{of_floats, of_integers, range};

impl ColumnEncoder {
    /// Encodes pieces of a number column.
    pub(super) fn encode_numbers(
        &self,
        pieces: &[ArrayRef],
        scratch: &mut Scratch,
    ) -> Result<EncodedChunk> {
        let Scratch {
            cells,
            plain,
            dictionary,
            pages,
        } = scratch;
        cells.clear();
        for piece in pieces {
            put_numbers(piece, cells);
        }
        let frame = Frame::new(pieces);
        let range = range(cells);
        let kind = Kind::of(self.column.physical_type());
        let deltas = (kind != Kind::Float).then(|| Deltas::of(cells));
        let sample = Sample::of_numbers(cells, kind.bytes(), deltas.as_ref());
        let nulls = (frame.rows - cells.len()) as u64;
        let statistics = match kind {
            Kind::Float => of_floats(cells, range, nulls),
            Kind::Narrow | Kind::Wide => of_integers(range, self.column.physical_type(), nulls),
        };
        if let Layout::Dictionary(limits) = sample.layout(self.dictionary_bytes_max)
            && read_dictionary(dictionary, kind, cells, range, &sample, limits).is_some()
        {
            plain.clear();
            for &number in dictionary.numbers().iter() {
                plain.extend_from_slice(&kind.word(number).to_le_bytes()[..kind.bytes()]);
            }
            let distinct = plain.len() / kind.bytes();
            let chunk = self.chunk(&frame, Some(statistics), Some((plain, distinct)));
            return write(pages, &chunk, &mut self.ids(dictionary.ids(), distinct));
        }
        let chunk = self.chunk(&frame, Some(statistics), None);
        let mut cells = NumberPages {
            cells,
            kind,
            packing: deltas.map(|deltas| DeltaPacking {
                is_narrow: kind == Kind::Narrow,
                is_aligned: self.is_compressed && deltas.is_stepped(),
            }),
            is_split: self.encoding == Encoding::BYTE_STREAM_SPLIT,
            cells_max: (self.page_bytes_max / kind.bytes()).max(1),
        };
        write(pages, &chunk, &mut cells)
    }
}

/// How numbers are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// 32-bit integers.
    Narrow,
    /// 64-bit integers.
    Wide,
    /// 64-bit floats.
    Float,
}

impl Kind {
    fn of(physical_type: PhysicalType) -> Self {
        match physical_type {
            PhysicalType::INT32 => Self::Narrow,
            PhysicalType::DOUBLE => Self::Float,
            _ => Self::Wide,
        }
    }

    /// Bytes of a cell in Parquet's plain encoding.
    fn bytes(self) -> usize {
        match self {
            Self::Narrow => 4,
            Self::Wide | Self::Float => 8,
        }
    }

    /// The bits of a cell in Parquet's plain encoding; those it has not are to be left out.
    #[inline]
    fn word(self, cell: i64) -> u64 {
        match self {
            Self::Narrow | Self::Wide => cell as u64,
            Self::Float => float(cell).to_bits(),
        }
    }
}

/// Makes `dictionary` that of `cells`, which are of no use afterwards; or leaves them alone.
fn read_dictionary(
    dictionary: &mut Dictionary,
    kind: Kind,
    cells: &mut [i64],
    range: Option<(i64, i64)>,
    sample: &Sample,
    limits: DictionaryLimits,
) -> Option<()> {
    if kind == Kind::Float
        && let Some(mut decimals) = range.and_then(|range| Decimals::of(sample.words(), range))
        && decimals.take(cells)
    {
        let range = range.map(|(least, _)| decimals.range(least));
        let read = dictionary.read_numbers(cells, range, kind.bytes(), limits);
        decimals.give_back(match read {
            Some(()) => dictionary.numbers(),
            None => cells,
        });
        return read;
    }
    dictionary.read_numbers(cells, range, kind.bytes(), limits)
}

struct NumberPages<'a> {
    cells: &'a [i64],
    kind: Kind,
    packing: Option<DeltaPacking>,
    is_split: bool,
    cells_max: usize,
}

impl Cells for NumberPages<'_> {
    fn page_cells_max(&self, _: usize) -> usize {
        self.cells_max
    }

    fn put(&mut self, cells: Range<usize>, out: &mut Vec<u8>) {
        let cells = &self.cells[cells];
        let word = |cell| self.kind.word(cell);
        match self.packing {
            Some(packing) => packing.put(cells, out),
            None if self.is_split => put_split(cells, word, out),
            None => out.extend(cells.iter().flat_map(|&cell| word(cell).to_le_bytes())),
        }
    }
}
