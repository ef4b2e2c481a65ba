//! The mode of a whole column: batches in any order in, the most frequent value out, the smallest
//! of them on a tie. The counts of distinct values must fit the step's bytes, or the run ends
//! saying so.

use arrow::array::Array;

use super::cells::Cell;
use super::column::ColumnContext;
use super::counts::Counts;
use super::interner::Interner;
use super::table::TextColumn;
use crate::base::{Batch, Result};
use crate::steps::{Fit, FitOutcome};

/// The most frequent value of `counts`, the smallest on a tie.
pub(super) fn most_frequent<K: Ord>(counts: impl Iterator<Item = (K, u64)>) -> Option<K> {
    let order = |a: &(K, u64), b: &(K, u64)| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0));
    counts.min_by(order).map(|(value, _)| value)
}

/// The mode of a fixed-width column.
pub(super) struct ModeFit<T: Cell> {
    context: ColumnContext,
    counts: Counts<T::Key>,
}

impl<T: Cell> ModeFit<T> {
    pub(super) fn new(context: ColumnContext) -> Self {
        let counts = Counts::new(context.bytes_max);
        Self { context, counts }
    }
}

impl<T: Cell> Fit for ModeFit<T> {
    fn observe(&mut self, batch: &Batch) -> Result<()> {
        let array = batch.column(self.context.slot);
        let cells = T::read(array);
        let counts = &mut self.counts;
        let mut add = |row: usize| cells[row].key().is_none_or(|key| counts.add(key));
        let all_fit = match array.nulls() {
            None => (0..cells.len()).all(&mut add),
            Some(nulls) => nulls.valid_indices().all(&mut add),
        };
        if all_fit {
            Ok(())
        } else {
            Err(self.context.memory_limit(self.counts.grown_bytes()))
        }
    }

    fn finish(self: Box<Self>) -> Result<FitOutcome> {
        let mode = most_frequent(self.counts.iter()).map(T::from_key);
        let mode = mode.map(|cell| (cell, cell.print(&self.context.data_type)));
        Ok(FitOutcome::Done(self.context.statistic(mode)))
    }

    fn memory_bytes(&self) -> usize {
        self.counts.memory_bytes()
    }
}

/// The mode of a utf8 or categorical column.
pub(super) struct TextModeFit {
    context: ColumnContext,
    texts: Interner,
    /// How often each text occurs, by its id.
    counts: Vec<u64>,
}

impl TextModeFit {
    pub(super) fn new(context: ColumnContext) -> Self {
        Self {
            context,
            texts: Interner::default(),
            counts: Vec::new(),
        }
    }

    fn add(&mut self, text: &str, count: u64) {
        let id = self.texts.intern(text) as usize;
        if id == self.counts.len() {
            self.counts.push(0);
        }
        self.counts[id] += count;
    }
}

impl Fit for TextModeFit {
    fn observe(&mut self, batch: &Batch) -> Result<()> {
        let array = batch.column(self.context.slot);
        let column = TextColumn::of(array);
        let valid: Box<dyn Iterator<Item = usize>> = match array.nulls() {
            None => Box::new(0..array.len()),
            Some(nulls) => Box::new(nulls.valid_indices()),
        };
        match column.codes {
            None => valid.for_each(|row| self.add(column.texts.value(row), 1)),
            Some(codes) => {
                let mut count_of_code = vec![0; column.texts.len()];
                valid.for_each(|row| count_of_code[codes[row] as usize] += 1);
                for (code, &count) in count_of_code.iter().enumerate() {
                    if count > 0 {
                        self.add(column.texts.value(code), count);
                    }
                }
            }
        }
        self.context.check(self.memory_bytes())
    }

    fn finish(self: Box<Self>) -> Result<FitOutcome> {
        let counts = self.counts.iter().enumerate();
        let counts = counts.map(|(id, &count)| (self.texts.text(id as u32), count));
        let mode = most_frequent(counts);
        Ok(FitOutcome::Done(self.context.text_statistic(mode)))
    }

    fn memory_bytes(&self) -> usize {
        self.texts.memory_bytes() + self.counts.capacity() * 8
    }
}
