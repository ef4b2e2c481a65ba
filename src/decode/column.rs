//! Cells of one column: in come its raw fields, a block at a time, out goes one Arrow array.
//! Invariant: every field adds exactly one cell; one that is neither null nor a value becomes null
//! and leaves a [`Reject`].
//!
//! What differs between types is a [`Leaf`]; the loop around it is written once, in `Typed`, and
//! compiled once per type.

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::buffer::NullBuffer;
use bumpalo::Bump;

use super::field::{Field, FieldColumn, GROUP_ROWS, Group, trim};
use super::null::TokenSet;
use super::validity::Validity;
use crate::base::masks::Kernel;
use crate::base::{DataType, Quoting, Reason, Reject};
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

    /// Reads the fields of a group that are spelt in the common way, and sets the others' cells to
    /// the default. Returns a bit for each field it read.
    #[inline(always)]
    fn fast_group(
        &mut self,
        _: Kernel,
        group: &mut Group<'_>,
        cells: &mut [Self::Cell; GROUP_ROWS],
    ) -> u64 {
        fast_each(self, group, cells)
    }

    /// The cells as an array.
    fn array(&self, cells: Vec<Self::Cell>, nulls: Option<NullBuffer>) -> ArrayRef;
}

/// [`Leaf::fast_group`], a field at a time.
#[inline(always)]
pub(super) fn fast_each<L: Leaf + ?Sized>(
    leaf: &mut L,
    group: &Group<'_>,
    cells: &mut [L::Cell; GROUP_ROWS],
) -> u64 {
    let mut good = 0;
    for (row, (field, cell)) in group.iter().zip(cells).enumerate() {
        let fast = leaf.fast(field);
        good |= u64::from(fast.is_some()) << row;
        *cell = fast.unwrap_or_default();
    }
    good
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
    quoting: Quoting,
    leaf: L,
    kernel: Kernel,
    tokens: TokenSet,
    /// Whether some null token also reads as a value, so that no field may skip the tokens, or an
    /// escaped field may.
    tokens_first: bool,
    cells: Vec<L::Cell>,
    validity: Validity,
    nulled: u64,
}

impl<L: Leaf> Typed<L> {
    /// `plain_only` says that no field may be read before it is unquoted.
    pub(super) fn new(
        slot: usize,
        quoting: Quoting,
        mut leaf: L,
        tokens: TokenSet,
        plain_only: bool,
    ) -> Self {
        let tokens_first = plain_only
            || tokens
                .iter()
                .any(|token| leaf.fast(Field::new(token)).is_some());
        Self {
            slot,
            quoting,
            leaf,
            kernel: Kernel::best(),
            tokens,
            tokens_first,
            cells: Vec::new(),
            validity: Validity::default(),
            nulled: 0,
        }
    }

    /// Reads a group's fields the fast way if `fast`, and one by one those that it says nothing of.
    /// Returns a bit for each that is a value.
    #[inline(always)]
    fn read_group(
        &mut self,
        fast: bool,
        group: &mut Group<'_>,
        cells: &mut [L::Cell; GROUP_ROWS],
        rest: &mut Rest<'_>,
    ) -> u64 {
        let mut valid = if fast {
            self.leaf.fast_group(self.kernel, group, cells)
        } else {
            cells.fill(L::Cell::default());
            0
        };
        let mut odd = group.all() & !valid;
        while odd != 0 {
            let row = odd.trailing_zeros() as usize;
            odd &= odd - 1;
            if group.lens[row] > 0
                && let Some(cell) = self.read(group.field(row), rest)
            {
                cells[row] = cell;
                valid |= 1 << row;
            }
        }
        valid
    }

    /// The cell of a field that is not spelt in the common way.
    #[inline(never)]
    fn read(&mut self, field: Field<'_>, rest: &mut Rest<'_>) -> Option<L::Cell> {
        self.value(field, rest.scratch).unwrap_or_else(|misfit| {
            self.nulled += 1;
            rest.misfits.add(misfit, self.slot, field);
            None
        })
    }

    /// The value of a field; `None` if it is null.
    fn value(&mut self, field: Field<'_>, scratch: &Bump) -> Result<Option<L::Cell>, Misfit> {
        if !self.tokens_first
            && let Some(inner) = self
                .quoting
                .quote
                .and_then(|quote| field.within_quotes(quote))
            && let Some(cell) = self.leaf.fast(inner)
        {
            return Ok(Some(cell));
        }
        let text = trim(unquote(field.text(), self.quoting, scratch).text);
        if self.tokens.contains(text) {
            return Ok(None);
        }
        if let Some(cell) = self.leaf.fast(Field::new(text)) {
            return Ok(Some(cell));
        }
        self.leaf.parse(text).map(Some)
    }
}

/// What fields that are not spelt in the common way need.
struct Rest<'a> {
    scratch: &'a Bump,
    misfits: &'a mut Misfits,
}

impl<L: Leaf> ColumnBuilder for Typed<L> {
    fn begin(&mut self, rows: usize) {
        self.cells = Vec::with_capacity(rows);
        self.validity = Validity::with_capacity(rows);
        self.nulled = 0;
    }

    fn push(&mut self, fields: FieldColumn<'_>, scratch: &Bump, misfits: &mut Misfits) {
        let mut rest = Rest { scratch, misfits };
        let mut group = fields.group();
        let mut cells = [L::Cell::default(); GROUP_ROWS];
        for first in (0..fields.rows()).step_by(GROUP_ROWS) {
            fields.fill(first, &mut group);
            let valid = self.read_group(!self.tokens_first, &mut group, &mut cells, &mut rest);
            self.cells.extend_from_slice(&cells[..group.rows()]);
            self.validity.push(valid, group.rows());
        }
    }

    fn finish(&mut self) -> (ArrayRef, ColumnCounts) {
        let cells = std::mem::take(&mut self.cells);
        let validity = std::mem::take(&mut self.validity);
        let counts = ColumnCounts {
            nulls: validity.nulls() - self.nulled,
            nulled: self.nulled,
            null_lookalikes: 0,
        };
        (self.leaf.array(cells, validity.finish()), counts)
    }

    fn memory_bytes(&self) -> usize {
        self.cells.capacity() * size_of::<L::Cell>() + self.validity.memory_bytes()
    }
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
