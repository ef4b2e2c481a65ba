//! The summary of a long window that slides: amortised constant work for each row.
//!
//! A window of many rows is cut where the key's row index is a multiple of [`BLOCK_ROWS`]:
//!
//! ```text
//!         start                                        end
//!   ────┬───▼────┬────────┬────────┬────────┬────────┬──▼──
//!       │   head │     whole blocks: two stacks      │tail
//! ```
//!
//! 1. The *head* keeps a summary of each suffix of its block, worked out from the ring when the
//!    window's start enters the block.
//! 2. The *whole blocks* are a queue of two stacks in one deque: the front part holds summaries of
//!    the suffixes of the front stack, the back part plain ones with their total in `back`. When
//!    the front runs out, the back is turned into a front.
//! 3. The *tail* is a running summary.
//!
//! So nothing is ever subtracted, and the memory beside the ring is one summary per 32 rows.
//! Advice: the blocks are cut by row index, not by chunk, so results cannot depend on chunking.

use std::collections::VecDeque;

use super::aggregate::Aggregate;
use super::rings::View;

/// Rows of a block. A window of so many rows or more always ends beyond its first block.
pub(super) const BLOCK_ROWS: u64 = 32;

/// The summary of one key's long window.
#[derive(Debug)]
pub(super) struct Blocks<A> {
    /// Summaries of the suffixes of the block that the window starts in.
    head: [A; BLOCK_ROWS as usize],
    whole: VecDeque<A>,
    /// How many of `whole` belong to the front stack.
    front: usize,
    back: A,
    /// Of all whole blocks.
    middle: A,
    tail: A,
    end: u64,
}

impl<A: Aggregate> Blocks<A> {
    /// The summary of the window of `view`, which has [`BLOCK_ROWS`] rows or more.
    pub(super) fn new(view: &View<'_>) -> Self {
        let mut blocks = Self {
            head: [A::EMPTY; BLOCK_ROWS as usize],
            whole: VecDeque::new(),
            front: 0,
            back: A::EMPTY,
            middle: A::EMPTY,
            tail: A::EMPTY,
            end: (view.start / BLOCK_ROWS + 1) * BLOCK_ROWS,
        };
        blocks.enter(view);
        blocks.push(view);
        blocks
    }

    /// Moves on to the window of `view`, which has [`BLOCK_ROWS`] rows or more and begins at or
    /// after the start of the window before it.
    pub(super) fn slide(&mut self, view: &View<'_>) {
        self.push(view);
        let entered = view.start / BLOCK_ROWS - view.previous / BLOCK_ROWS;
        if entered > 0 {
            for _ in 0..entered {
                self.pop();
            }
            self.enter(view);
        }
    }

    /// The summary of the window.
    pub(super) fn total(&self, view: &View<'_>) -> A {
        let head = self.head[(view.start % BLOCK_ROWS) as usize];
        head.merge(self.middle).merge(self.tail)
    }

    /// Memory held beyond the size of this type, in bytes.
    pub(super) fn memory_bytes(&self) -> usize {
        self.whole.capacity() * size_of::<A>()
    }

    /// Takes in the rows up to the present one.
    fn push(&mut self, view: &View<'_>) {
        for &value in view.rows(self.end, view.end()) {
            self.tail = self.tail.merge(A::of(&[value]));
            self.end += 1;
            if self.end.is_multiple_of(BLOCK_ROWS) {
                let block = view.rows(self.end - BLOCK_ROWS, self.end);
                let block = A::of(block);
                self.whole.push_back(block);
                self.back = self.back.merge(block);
                self.middle = self.middle.merge(block);
                self.tail = A::EMPTY;
            }
        }
    }

    /// Drops the first whole block.
    fn pop(&mut self) {
        if self.front == 0 {
            let mut suffix = A::EMPTY;
            for block in self.whole.iter_mut().rev() {
                suffix = block.merge(suffix);
                *block = suffix;
            }
            self.front = self.whole.len();
            self.back = A::EMPTY;
        }
        let popped = self.whole.pop_front();
        assert!(popped.is_some(), "the window's first block is a whole one");
        self.front -= 1;
        let front = if self.front > 0 {
            self.whole[0]
        } else {
            A::EMPTY
        };
        self.middle = front.merge(self.back);
    }

    /// Works out the suffixes of the block that the window starts in.
    fn enter(&mut self, view: &View<'_>) {
        let block_end = (view.start / BLOCK_ROWS + 1) * BLOCK_ROWS;
        let mut suffix = A::EMPTY;
        let rows = view.rows(view.start, block_end);
        let first = (view.start % BLOCK_ROWS) as usize;
        for (value, slot) in rows.iter().zip(&mut self.head[first..]).rev() {
            suffix = A::of(&[*value]).merge(suffix);
            *slot = suffix;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::aggregate::Aggregate;
    use super::super::extreme::{Count, Edge, Extreme};
    use super::super::sum::Sum;
    use super::*;
    use crate::base::Function;
    use proptest::prelude::*;

    /// Slides over `values` by the given steps and compares with the summary of each window.
    fn check<A: Aggregate>(values: &[f64], steps: &[(usize, usize)], function: Function) {
        let (mut start, mut end) = (0, BLOCK_ROWS as usize);
        let mut blocks: Option<Blocks<A>> = None;
        for &(pushed, left) in steps {
            let previous = start as u64;
            end = (end + pushed).min(values.len());
            start = (start + left).min(end - BLOCK_ROWS as usize);
            let view = View {
                values: &values[previous as usize..end],
                first: previous,
                previous,
                start: start as u64,
            };
            match &mut blocks {
                Some(blocks) => blocks.slide(&view),
                None => blocks = Some(Blocks::new(&view)),
            }
            let total = blocks.as_ref().unwrap().total(&view);
            let expected = A::of(&values[start..end]);
            assert_eq!(total.samples(), expected.samples());
            let (total, expected) = (total.result(function), expected.result(function));
            assert_eq!(total.map(f64::to_bits), expected.map(f64::to_bits));
        }
    }

    proptest! {
        #[test]
        fn slides_to_the_summary_of_each_window(
            values in prop::collection::vec(prop_oneof![5 => -9..9_i32, 1 => Just(99)], 400),
            steps in prop::collection::vec((0..40_usize, 0..40_usize), 1..60),
        ) {
            let number = |&value: &i32| if value == 99 { f64::NAN } else { f64::from(value) };
            let values = values.iter().map(number).collect::<Vec<_>>();
            check::<Sum>(&values, &steps, Function::Sum);
            check::<Count>(&values, &steps, Function::Count);
            check::<Extreme<false>>(&values, &steps, Function::Min);
            check::<Extreme<true>>(&values, &steps, Function::Max);
            check::<Edge<false>>(&values, &steps, Function::First);
            check::<Edge<true>>(&values, &steps, Function::Last);
        }
    }
}
