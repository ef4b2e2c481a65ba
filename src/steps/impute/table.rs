//! Tables of learnt cells: what a fit pass of a shard leaves behind, indexed by key (statistics) or
//! by gap (the cell that ends it). A cell that was never set is absent and fills nothing.

use arrow::array::ArrayRef;
use arrow::datatypes::DataType as ArrowType;

use super::cells::Cell;
use super::interner::Interner;
use super::patch::Texts;
use crate::base::Result;
pub(super) use crate::steps::fit::TextColumn;

/// A growing table of cells of one column.
pub(in crate::steps) trait CellTable: Default + Send + Sync + 'static {
    /// Adds absent entries until there are `len`.
    fn extend_to(&mut self, len: usize);
    /// Sets entry `entry` to the cell in row `row` of `array`, for each pair.
    fn set_from(&mut self, array: &ArrayRef, pairs: &[(usize, u32)]);
    /// Whether an entry was set.
    fn has(&self, entry: usize) -> bool;
    /// The cells of `entries`, all of them set, as an array.
    fn gather(&self, entries: &[usize], data_type: &ArrowType) -> Result<ArrayRef>;
    /// Memory held, in bytes.
    fn memory_bytes(&self) -> usize;
}

/// A table of fixed-width cells.
pub(in crate::steps) struct FixedTable<T> {
    cells: Vec<T>,
    present: Vec<u64>,
}

impl<T> Default for FixedTable<T> {
    fn default() -> Self {
        Self {
            cells: Vec::new(),
            present: Vec::new(),
        }
    }
}

impl<T: Cell> FixedTable<T> {
    /// Sets an entry.
    pub(super) fn set(&mut self, entry: usize, cell: T) {
        self.cells[entry] = cell;
        self.present[entry / 64] |= 1 << (entry % 64);
    }
}

impl<T: Cell> CellTable for FixedTable<T> {
    fn extend_to(&mut self, len: usize) {
        if len > self.cells.len() {
            self.cells.resize(len, T::default());
            self.present.resize(len.div_ceil(64), 0);
        }
    }

    fn set_from(&mut self, array: &ArrayRef, pairs: &[(usize, u32)]) {
        let cells = T::read(array);
        for &(entry, row) in pairs {
            self.set(entry, cells[row as usize]);
        }
    }

    fn has(&self, entry: usize) -> bool {
        self.present[entry / 64] >> (entry % 64) & 1 == 1
    }

    fn gather(&self, entries: &[usize], data_type: &ArrowType) -> Result<ArrayRef> {
        let cells = entries.iter().map(|&entry| self.cells[entry]).collect();
        Ok(T::build(cells, None, data_type))
    }

    fn memory_bytes(&self) -> usize {
        self.cells.capacity() * size_of::<T>() + self.present.capacity() * 8
    }
}

/// A table of texts, each distinct text kept once.
#[derive(Default)]
pub(in crate::steps) struct TextTable {
    texts: Interner,
    /// The text's id plus 1; 0 for an absent entry.
    ids: Vec<u32>,
}

impl TextTable {
    /// Sets an entry.
    pub(super) fn set(&mut self, entry: usize, text: &str) {
        self.ids[entry] = self.texts.intern(text) + 1;
    }
}

impl CellTable for TextTable {
    fn extend_to(&mut self, len: usize) {
        if len > self.ids.len() {
            self.ids.resize(len, 0);
        }
    }

    fn set_from(&mut self, array: &ArrayRef, pairs: &[(usize, u32)]) {
        let texts = TextColumn::of(array);
        for &(entry, row) in pairs {
            self.set(entry, texts.get(row as usize));
        }
    }

    fn has(&self, entry: usize) -> bool {
        self.ids[entry] != 0
    }

    fn gather(&self, entries: &[usize], data_type: &ArrowType) -> Result<ArrayRef> {
        let mut texts = Texts::default();
        for &entry in entries {
            texts.push(self.texts.text(self.ids[entry] - 1))?;
        }
        Ok(texts.finish(data_type))
    }

    fn memory_bytes(&self) -> usize {
        self.texts.memory_bytes() + self.ids.capacity() * 4
    }
}
