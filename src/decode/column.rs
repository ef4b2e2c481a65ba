//! Cells of one column: in come its raw fields, a block at a time, out goes one Arrow array.
//! Invariant: every field adds exactly one cell; one that is neither null nor a value becomes null
//! and leaves a [`Reject`].
//!
//! What differs between types is a [`Leaf`]; the loop around it is written once, in `Typed`, and
//! compiled once per type.

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::buffer::{BooleanBuffer, Buffer, NullBuffer};
use bumpalo::Bump;

use super::field::{Field, FieldColumn, trim};
use super::null::TokenSet;
use crate::base::{DataType, Reason, Reject};
use crate::csv::unquote;

/// Why a text is no cell of a column.
#[derive(Debug, Clone, PartialEq)]
pub enum Misfit {
    /// It is no spelling of the type.
    Mismatch,
    /// It is of the type, but outside its range or precision.
    OutOfRange,
    /// It would fit if the column had this wider type.
    Wider(DataType),
}

/// How the texts of one type are read.
pub trait Leaf: Send {
    /// A cell, as stored.
    type Cell: Copy + Default + Send;

    /// Reads a text without quotes and spaces around it: the plain way, and the last word.
    fn parse(&mut self, text: &[u8]) -> Result<Self::Cell, Misfit>;

    /// Reads a raw field if it is spelt in the common way. `None` says nothing; a cell is the
    /// one that [`Leaf::parse`] finds.
    fn fast(&mut self, field: Field<'_>) -> Option<Self::Cell> {
        self.parse(field.text()).ok()
    }

    /// The cells as an array.
    fn array(&self, cells: Vec<Self::Cell>, nulls: Option<NullBuffer>) -> ArrayRef;
}

/// What became of the cells of one column of one chunk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ColumnCounts {
    /// Cells that were null in the input.
    pub nulls: u64,
    /// Cells that did not fit and became null; each has its reject.
    pub nulled: u64,
    /// Text cells that equal a default null token and were kept.
    pub null_lookalikes: u64,
}

/// A cell that only a wider type would hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Widen {
    /// The column.
    pub slot: usize,
    /// The type it needs.
    pub to: DataType,
    /// Offset of the cell from the start of the chunk, in bytes.
    pub chunk_offset: usize,
    /// The raw cell.
    pub raw: Box<[u8]>,
}

/// The cells and records of one chunk that could not be taken in.
#[derive(Debug, Default)]
pub struct Misfits {
    /// In no order.
    pub rejects: Vec<Reject>,
    /// The first in file order.
    pub widen: Option<Widen>,
}

impl Misfits {
    fn add(&mut self, misfit: Misfit, slot: usize, field: Field<'_>) {
        let chunk_offset = field.offset();
        let reason = match misfit {
            Misfit::OutOfRange => Reason::OutOfRange,
            Misfit::Mismatch | Misfit::Wider(_) => Reason::TypeMismatch,
        };
        let reject = Reject::new(reason, Some(slot), chunk_offset, field.text());
        if let Misfit::Wider(to) = misfit
            && self
                .widen
                .as_ref()
                .is_none_or(|first| chunk_offset < first.chunk_offset)
        {
            self.widen = Some(Widen {
                slot,
                to,
                chunk_offset,
                raw: reject.raw.clone(),
            });
        }
        self.rejects.push(reject);
    }

    /// Memory held, in bytes.
    pub(super) fn memory_bytes(&self) -> usize {
        let raw: usize = self.rejects.iter().map(|reject| reject.raw.len()).sum();
        raw + self.rejects.capacity() * size_of::<Reject>()
    }
}

/// Collects the cells of one column.
pub trait ColumnBuilder: Send {
    /// Starts a chunk of about `rows` rows.
    fn begin(&mut self, rows: usize);
    /// Adds a block's fields.
    fn push(&mut self, fields: FieldColumn<'_>, scratch: &Bump, misfits: &mut Misfits);
    /// Ends the chunk.
    fn finish(&mut self) -> (ArrayRef, ColumnCounts);
    /// Memory held, in bytes.
    fn memory_bytes(&self) -> usize;
}

/// The builder of every column that is not text.
pub(super) struct Typed<L: Leaf> {
    slot: usize,
    quote: Option<u8>,
    leaf: L,
    tokens: TokenSet,
    /// Whether some null token also reads as a value, so that no field may skip the tokens.
    tokens_first: bool,
    cells: Vec<L::Cell>,
    null_rows: Vec<u32>,
    counts: ColumnCounts,
}

impl<L: Leaf> Typed<L> {
    pub(super) fn new(slot: usize, quote: Option<u8>, mut leaf: L, tokens: TokenSet) -> Self {
        let tokens_first = tokens
            .iter()
            .any(|token| leaf.fast(Field::new(token)).is_some());
        Self {
            slot,
            quote,
            leaf,
            tokens,
            tokens_first,
            cells: Vec::new(),
            null_rows: Vec::new(),
            counts: ColumnCounts::default(),
        }
    }

    /// Adds a block's fields, trying each the fast way first if `FAST`.
    #[inline(always)]
    fn push_block<const FAST: bool>(
        &mut self,
        fields: FieldColumn<'_>,
        scratch: &Bump,
        misfits: &mut Misfits,
    ) {
        let mut cells = std::mem::take(&mut self.cells);
        let first_row = cells.len();
        cells.extend(fields.iter().enumerate().map(|(row, field)| {
            let fast = if FAST { self.leaf.fast(field) } else { None };
            fast.unwrap_or_else(|| self.read(&fields, row, first_row, scratch, misfits))
        }));
        self.cells = cells;
    }

    /// The cell of a field that is not spelt in the common way. Takes no [`Field`], so that the loop
    /// need not keep one in memory.
    #[inline(never)]
    fn read(
        &mut self,
        fields: &FieldColumn<'_>,
        row: usize,
        first_row: usize,
        scratch: &Bump,
        misfits: &mut Misfits,
    ) -> L::Cell {
        let field = fields.get(row);
        let cell = self.value(field, scratch).unwrap_or_else(|misfit| {
            self.counts.nulled += 1;
            misfits.add(misfit, self.slot, field);
            None
        });
        cell.unwrap_or_else(|| {
            self.null_rows.push((first_row + row) as u32);
            L::Cell::default()
        })
    }

    /// The value of a field; `None` if it is null.
    fn value(&mut self, field: Field<'_>, scratch: &Bump) -> Result<Option<L::Cell>, Misfit> {
        if field.len() == 0 {
            return Ok(None);
        }
        if !self.tokens_first
            && let Some(inner) = self.quote.and_then(|quote| field.within_quotes(quote))
            && let Some(cell) = self.leaf.fast(inner)
        {
            return Ok(Some(cell));
        }
        let text = trim(unquote(field.text(), self.quote, scratch).text);
        if self.tokens.contains(text) {
            return Ok(None);
        }
        if let Some(cell) = self.leaf.fast(Field::new(text)) {
            return Ok(Some(cell));
        }
        self.leaf.parse(text).map(Some)
    }
}

impl<L: Leaf> ColumnBuilder for Typed<L> {
    fn begin(&mut self, rows: usize) {
        self.cells = Vec::with_capacity(rows);
        self.null_rows.clear();
        self.counts = ColumnCounts::default();
    }

    fn push(&mut self, fields: FieldColumn<'_>, scratch: &Bump, misfits: &mut Misfits) {
        if self.tokens_first {
            self.push_block::<false>(fields, scratch, misfits);
        } else {
            self.push_block::<true>(fields, scratch, misfits);
        }
    }

    fn finish(&mut self) -> (ArrayRef, ColumnCounts) {
        let cells = std::mem::take(&mut self.cells);
        let nulls = null_buffer(cells.len(), &self.null_rows);
        self.counts.nulls = self.null_rows.len() as u64 - self.counts.nulled;
        (self.leaf.array(cells, nulls), self.counts)
    }

    fn memory_bytes(&self) -> usize {
        self.cells.capacity() * size_of::<L::Cell>() + self.null_rows.capacity() * size_of::<u32>()
    }
}

/// Validity of `rows` cells of which `null_rows` are null.
pub(super) fn null_buffer(rows: usize, null_rows: &[u32]) -> Option<NullBuffer> {
    if null_rows.is_empty() {
        return None;
    }
    let mut bits = vec![0xFF_u8; rows.div_ceil(8)];
    for &row in null_rows {
        bits[row as usize / 8] &= !(1 << (row % 8));
    }
    Some(NullBuffer::new(BooleanBuffer::new(
        Buffer::from_vec(bits),
        0,
        rows,
    )))
}

/// A primitive Arrow array of `cells`.
pub(super) fn primitive<T: arrow::datatypes::ArrowPrimitiveType>(
    cells: Vec<T::Native>,
    nulls: Option<NullBuffer>,
) -> arrow::array::PrimitiveArray<T> {
    arrow::array::PrimitiveArray::new(cells.into(), nulls)
}

/// Shares an array.
pub(super) fn shared(array: impl arrow::array::Array + 'static) -> ArrayRef {
    Arc::new(array)
}
