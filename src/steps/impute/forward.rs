//! Forward fill: a shard's rows in, each null filled with its key's last value before it. One cell
//! per key is held. A null before its key's first value stays null.

use arrow::array::Array;

use super::cells::Cell;
use super::keyed::{cover, nothing};
use super::patch::Texts;
use super::table::TextColumn;
use crate::base::{Batch, Result};
use crate::steps::{KeyedState, ShardColumns};

/// Forward fill of a fixed-width column.
pub(super) struct ForwardFill<T> {
    slot: usize,
    /// Each key's last value.
    last: Vec<Option<T>>,
}

impl<T> ForwardFill<T> {
    pub(super) fn new(slot: usize) -> Self {
        Self {
            slot,
            last: Vec::new(),
        }
    }
}

impl<T: Cell> KeyedState for ForwardFill<T> {
    fn advance(&mut self, batch: &Batch, rows: &[u32], keys: &[u32]) -> Result<ShardColumns> {
        let array = batch.column(self.slot);
        let cells = T::read(array);
        cover(&mut self.last, keys);
        let Some(nulls) = array.nulls() else {
            for (&row, &key) in rows.iter().zip(keys) {
                self.last[key as usize] = Some(cells[row as usize]);
            }
            return Ok(nothing(batch, self.slot));
        };
        let (mut filled_rows, mut filled) = (Vec::new(), Vec::new());
        for (&row, &key) in rows.iter().zip(keys) {
            let last = &mut self.last[key as usize];
            if nulls.is_valid(row as usize) {
                *last = Some(cells[row as usize]);
            } else if let Some(cell) = *last {
                filled_rows.push(row);
                filled.push(cell);
            }
        }
        let values = T::build(filled, None, array.data_type());
        Ok(ShardColumns::Sparse {
            rows: filled_rows,
            values,
        })
    }

    fn memory_bytes(&self) -> usize {
        self.last.capacity() * size_of::<Option<T>>()
    }
}

/// Forward fill of a utf8 or categorical column.
///
/// Within a batch a key's last value is the row it stands in; only what is last at the batch's end
/// is copied, so cells that are not carried over cost no copy.
pub(super) struct TextForwardFill {
    slot: usize,
    last: Vec<LastText>,
    /// Keys whose last value stands in the batch at hand.
    touched: Vec<u32>,
    text_bytes: usize,
}

#[derive(Clone, Default)]
struct LastText {
    /// The value, unless `row` is set.
    text: Option<Box<str>>,
    /// The row of the batch at hand that holds the value.
    row: Option<u32>,
}

impl TextForwardFill {
    pub(super) fn new(slot: usize) -> Self {
        Self {
            slot,
            last: Vec::new(),
            touched: Vec::new(),
            text_bytes: 0,
        }
    }

    /// Copies the values that the batch leaves behind.
    fn carry_over(&mut self, column: &TextColumn<'_>) {
        for key in self.touched.drain(..) {
            let last = &mut self.last[key as usize];
            let Some(row) = last.row.take() else { continue };
            let text = column.get(row as usize);
            if last.text.as_deref() != Some(text) {
                self.text_bytes += text.len();
                self.text_bytes -= last.text.as_ref().map_or(0, |text| text.len());
                last.text = Some(text.into());
            }
        }
    }
}

impl KeyedState for TextForwardFill {
    fn advance(&mut self, batch: &Batch, rows: &[u32], keys: &[u32]) -> Result<ShardColumns> {
        let array = batch.column(self.slot);
        let column = TextColumn::of(array);
        cover(&mut self.last, keys);
        let nulls = array.nulls();
        let mut filled_rows = Vec::new();
        let mut texts = Texts::default();
        for (&row, &key) in rows.iter().zip(keys) {
            let last = &mut self.last[key as usize];
            if nulls.is_none_or(|nulls| nulls.is_valid(row as usize)) {
                if last.row.replace(row).is_none() {
                    self.touched.push(key);
                }
            } else if let Some(source) = last.row {
                filled_rows.push(row);
                texts.push(column.get(source as usize))?;
            } else if let Some(text) = &last.text {
                filled_rows.push(row);
                texts.push(text)?;
            }
        }
        self.carry_over(&column);
        let values = texts.finish(array.data_type());
        Ok(ShardColumns::Sparse {
            rows: filled_rows,
            values,
        })
    }

    fn memory_bytes(&self) -> usize {
        self.last.capacity() * size_of::<LastText>() + self.touched.capacity() * 4 + self.text_bytes
    }
}
