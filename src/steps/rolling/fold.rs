//! The summary of one window, for all keys, where nothing quicker will do.
//!
//! A short window is summarised anew from its rows for each row, which is as fast as anything that
//! keeps state and leaves no state to go stale. A long one gets [`Blocks`]. Invariant: a result
//! depends on the rows of its key up to this one, and on nothing else.

use super::aggregate::Aggregate;
use super::blocks::{BLOCK_ROWS, Blocks};
use super::exact::ExactSum;
use super::window::{Kernel, Output, View};
use crate::base::Function;

/// Windows of up to so many rows are summarised anew. A window that shrinks keeps its blocks until
/// it is shorter than a block, so that one row more or less does not build them again and again.
pub(super) const ANEW_ROWS_MAX: usize = 2 * BLOCK_ROWS;

/// Summarises the windows of all keys.
pub(super) struct Fold<A> {
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
    pub(super) fn new() -> Self {
        Self {
            long: Vec::new(),
            long_bytes: 0,
        }
    }

    /// The summary of the window. Must be called for each row of a key from its first call to
    /// [`Fold::forget`].
    pub(super) fn total(&mut self, key: u32, view: &View<'_>) -> A {
        let is_short = self.long.is_empty() && view.rows <= ANEW_ROWS_MAX;
        let long = if is_short {
            None
        } else {
            self.slide(key, view)
        };
        long.unwrap_or_else(|| {
            let [first, second] = view.window();
            let total = A::of(first);
            if second.is_empty() {
                total
            } else {
                total.merge(A::of(second))
            }
        })
    }

    /// The summary by blocks, moved on to this window; `None` where it is short.
    fn slide(&mut self, key: u32, view: &View<'_>) -> Option<A> {
        let key = key as usize;
        if self.long.len() <= key {
            if view.rows <= ANEW_ROWS_MAX {
                return None;
            }
            self.long.resize_with(key + 1, || None);
        }
        let slot = &mut self.long[key];
        let before = slot.as_ref().map_or(0, |long| long.memory_bytes());
        match slot {
            Some(_) if view.rows < BLOCK_ROWS => *slot = None,
            Some(long) => {
                long.blocks.slide(view);
                if let Some(exact) = &mut long.exact {
                    let left = view.left().into_iter().flatten();
                    left.for_each(|&value| exact.subtract(value));
                    exact.add(view.newest());
                }
            }
            None if view.rows > ANEW_ROWS_MAX => {
                *slot = Some(Box::new(Long {
                    blocks: Blocks::new(view),
                    exact: None,
                }));
            }
            None => {}
        }
        let after = slot.as_ref().map_or(0, |long| long.memory_bytes());
        self.long_bytes = self.long_bytes - before + after;
        slot.as_ref().map(|long| long.blocks.total())
    }

    /// Drops what is kept of `key`.
    pub(super) fn forget(&mut self, key: u32) {
        if let Some(long) = self.long.get_mut(key as usize).and_then(Option::take) {
            self.long_bytes -= long.memory_bytes();
        }
    }

    /// Writes cell `cell` of each of the columns `outputs` from the summary `total`.
    #[inline]
    pub(super) fn write(
        &mut self,
        outputs: &[Output],
        total: &A,
        (key, view): (u32, &View<'_>),
        cell: usize,
        columns: &mut [Vec<f64>],
    ) {
        for output in outputs {
            let function = output.function;
            columns[output.column][cell] = if total.samples() < output.min_samples {
                f64::NAN
            } else {
                let result = total.result(function);
                result.unwrap_or_else(|| self.exact_result(key, view, total, function))
            };
        }
    }

    /// The result where rounding may have spoiled the usual one.
    #[cold]
    fn exact_result(&mut self, key: u32, view: &View<'_>, total: &A, function: Function) -> f64 {
        let anew = || ExactSum::of(view.window().into_iter().flatten());
        match self.long.get_mut(key as usize) {
            Some(Some(long)) => {
                // Kept from now on: such windows come in rows, and each anew would be quadratic.
                if long.exact.is_none() {
                    self.long_bytes += size_of::<ExactSum>();
                }
                let sum = long.exact.get_or_insert_with(|| Box::new(anew()));
                total.exact_result(function, sum)
            }
            _ => total.exact_result(function, &mut anew()),
        }
    }

    /// Memory held, in bytes; constant time.
    pub(super) fn memory_bytes(&self) -> usize {
        self.long.capacity() * size_of::<Option<Box<Long<A>>>>() + self.long_bytes
    }
}

/// The kernel of an aggregate without a quicker way.
pub(super) struct Folding<A> {
    outputs: Vec<Output>,
    fold: Fold<A>,
}

impl<A: Aggregate> Folding<A> {
    pub(super) fn new(outputs: Vec<Output>) -> Self {
        let fold = Fold::new();
        Self { outputs, fold }
    }
}

impl<A: Aggregate> Kernel for Folding<A> {
    fn row(
        &mut self,
        key: u32,
        _: &mut [f64],
        view: &View<'_>,
        cell: usize,
        columns: &mut [Vec<f64>],
    ) {
        let total = self.fold.total(key, view);
        let Self { outputs, fold } = self;
        fold.write(outputs, &total, (key, view), cell, columns);
    }

    fn memory_bytes(&self) -> usize {
        self.fold.memory_bytes()
    }
}
