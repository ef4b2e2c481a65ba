//! One aggregate over one window, for all keys: rows in, one value per function out.
//!
//! A short window is summarised anew from its rows for each row, which is as fast as anything that
//! keeps state and leaves no state to go stale. A long one gets [`Blocks`]. Invariant: a result
//! depends on the rows of its key up to this one, and on nothing else.

use super::aggregate::Aggregate;
use super::blocks::{BLOCK_ROWS, Blocks};
use super::exact::ExactSum;
use super::rings::View;
use crate::base::Function;

/// Windows of up to so many rows are summarised anew. A window that shrinks keeps its blocks until
/// it is shorter than a block, so that one row more or less does not build them again and again.
const ANEW_ROWS_MAX: usize = 2 * BLOCK_ROWS as usize;

/// One result asked for.
#[derive(Debug, Clone)]
pub(super) struct Output {
    /// Which of the step's columns it goes into.
    pub(super) column: usize,
    pub(super) function: Function,
    /// The result is null with fewer samples.
    pub(super) min_samples: u32,
}

/// Computes results over the windows of all keys.
pub(super) trait Kernel: Send {
    /// Works out the present row of `key` and writes cell `cell` of each of its columns. Must be
    /// called for each row of a key.
    fn row(&mut self, key: u32, view: &View<'_>, cell: usize, columns: &mut [Vec<f64>]);

    /// Touches what the next rows, of `keys`, will need, so that the waits for memory overlap.
    fn warm(&self, _keys: &[u32]) {}

    /// Memory held, in bytes; constant time.
    fn memory_bytes(&self) -> usize;
}

/// The kernel of a mergeable aggregate.
pub(super) struct Fold<A> {
    outputs: Vec<Output>,
    /// By key; empty until one key's window is long.
    long: Vec<Option<Box<Long<A>>>>,
    long_bytes: usize,
}

struct Long<A> {
    blocks: Blocks<A>,
    /// The sum of the same rows, from the first time that the aggregate was in doubt.
    exact: Option<Box<ExactSum>>,
}

impl<A: Aggregate> Long<A> {
    fn memory_bytes(&self) -> usize {
        let exact = self.exact.as_ref().map_or(0, |_| size_of::<ExactSum>());
        size_of::<Self>() + self.blocks.memory_bytes() + exact
    }
}

impl<A: Aggregate> Fold<A> {
    pub(super) fn new(outputs: Vec<Output>) -> Self {
        Self {
            outputs,
            long: Vec::new(),
            long_bytes: 0,
        }
    }

    /// The blocks of `key`, moved on to this window; `None` where it is short.
    fn slide(&mut self, key: u32, view: &View<'_>) -> Option<A> {
        let rows = view.window().len();
        let key = key as usize;
        if self.long.len() <= key {
            if rows <= ANEW_ROWS_MAX {
                return None;
            }
            self.long.resize_with(key + 1, || None);
        }
        let slot = &mut self.long[key];
        let before = slot.as_ref().map_or(0, |long| long.memory_bytes());
        match slot {
            Some(_) if rows < BLOCK_ROWS as usize => *slot = None,
            Some(long) => {
                long.blocks.slide(view);
                if let Some(exact) = &mut long.exact {
                    view.left().iter().for_each(|&value| exact.subtract(value));
                    exact.add(view.values[view.values.len() - 1]);
                }
            }
            None if rows > ANEW_ROWS_MAX => {
                *slot = Some(Box::new(Long {
                    blocks: Blocks::new(view),
                    exact: None,
                }));
            }
            None => {}
        }
        let after = slot.as_ref().map_or(0, |long| long.memory_bytes());
        self.long_bytes = self.long_bytes - before + after;
        slot.as_ref().map(|long| long.blocks.total(view))
    }

    /// The result where rounding may have spoiled the usual one.
    #[cold]
    fn exact_result(&mut self, key: u32, view: &View<'_>, total: &A, function: Function) -> f64 {
        match self.long.get_mut(key as usize) {
            Some(Some(long)) => {
                // Kept from now on: such windows come in rows, and each anew would be quadratic.
                if long.exact.is_none() {
                    self.long_bytes += size_of::<ExactSum>();
                }
                let anew = || Box::new(ExactSum::of(view.window()));
                total.exact_result(function, long.exact.get_or_insert_with(anew))
            }
            _ => total.exact_result(function, &mut ExactSum::of(view.window())),
        }
    }
}

impl<A: Aggregate> Kernel for Fold<A> {
    fn row(&mut self, key: u32, view: &View<'_>, cell: usize, columns: &mut [Vec<f64>]) {
        let window = view.window();
        let total = if self.long.is_empty() && window.len() <= ANEW_ROWS_MAX {
            A::of(window)
        } else {
            self.slide(key, view).unwrap_or_else(|| A::of(window))
        };
        for i in 0..self.outputs.len() {
            let output = &self.outputs[i];
            let (column, function) = (output.column, output.function);
            let value = if total.samples() < output.min_samples {
                f64::NAN
            } else {
                let result = total.result(function);
                result.unwrap_or_else(|| self.exact_result(key, view, &total, function))
            };
            columns[column][cell] = value;
        }
    }

    fn memory_bytes(&self) -> usize {
        self.long.capacity() * size_of::<Option<Box<Long<A>>>>() + self.long_bytes
    }
}
