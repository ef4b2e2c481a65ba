//! The summary of a long window that slides: amortised constant work for each row.
//!
//! The rows are counted from the first one of the window that the summary starts with, and cut at
//! multiples of [`BLOCK_ROWS`]:
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
//! Advice: the blocks are cut by rows of the key, not by chunk, so results cannot depend on
//! chunking.

use std::collections::VecDeque;

use super::aggregate::Aggregate;
use super::window::View;

/// Rows of a block. A window of so many rows or more always ends beyond its first block.
pub(super) const BLOCK_ROWS: usize = 32;

/// The summary of one key's long window.
#[derive(Debug)]
pub(super) struct Blocks<A> {
    /// Summaries of the suffixes of the block that the window starts in.
    head: [A; BLOCK_ROWS],
    whole: VecDeque<A>,
    /// How many of `whole` belong to the front stack.
    front: usize,
    back: A,
    /// Of all whole blocks.
    middle: A,
    tail: A,
    /// The window.
    start: u64,
    end: u64,
}

impl<A: Aggregate> Blocks<A> {
    /// The summary of the window of `view`, which has [`BLOCK_ROWS`] rows or more.
    pub(super) fn new(view: &View<'_>) -> Self {
        let mut blocks = Self {
            head: [A::EMPTY; BLOCK_ROWS],
            whole: VecDeque::new(),
            front: 0,
            back: A::EMPTY,
            middle: A::EMPTY,
            tail: A::EMPTY,
            start: 0,
            end: BLOCK_ROWS as u64,
        };
        for back in (1..=view.rows - BLOCK_ROWS).rev() {
            blocks.push(view, back);
        }
        blocks.enter(view);
        blocks
    }

    /// Moves on to the window of `view`, which has [`BLOCK_ROWS`] rows or more.
    pub(super) fn slide(&mut self, view: &View<'_>) {
        self.push(view, 1);
        let block = |row: u64| row / BLOCK_ROWS as u64;
        let before = block(self.start);
        self.start += view.left as u64;
        let entered = block(self.start) - before;
        if entered > 0 {
            for _ in 0..entered {
                self.pop();
            }
            self.enter(view);
        }
    }

    /// The summary of the window.
    pub(super) fn total(&self) -> A {
        let head = self.head[self.start as usize % BLOCK_ROWS];
        head.merge(self.middle).merge(self.tail)
    }

    /// Memory held beyond the size of this type, in bytes.
    pub(super) fn memory_bytes(&self) -> usize {
        self.whole.capacity() * size_of::<A>()
    }

    /// Takes in the row that was pushed `back` − 1 rows before the newest one.
    fn push(&mut self, view: &View<'_>, back: usize) {
        self.tail = self.tail.merge(A::of(&[view.ring.value(back)]));
        self.end += 1;
        if self.end.is_multiple_of(BLOCK_ROWS as u64) {
            let [first, second] = view.ring.values(back - 1 + BLOCK_ROWS, back - 1);
            let block = A::of(first).merge(A::of(second));
            self.whole.push_back(block);
            self.back = self.back.merge(block);
            self.middle = self.middle.merge(block);
            self.tail = A::EMPTY;
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
        let first = self.start as usize % BLOCK_ROWS;
        let rest = view.rows - (BLOCK_ROWS - first);
        let mut suffix = A::EMPTY;
        for (back, slot) in (rest + 1..).zip(self.head[first..].iter_mut().rev()) {
            suffix = A::of(&[view.ring.value(back)]).merge(suffix);
            *slot = suffix;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::aggregate::Aggregate;
    use super::super::extreme::{Count, Edge, Extreme};
    use super::super::rings::Rings;
    use super::super::sum::Sum;
    use super::*;
    use crate::base::Function;
    use proptest::prelude::*;

    /// Slides over `values`, of which some leave with each row, and compares with the summary of
    /// each window.
    fn check<A: Aggregate>(values: &[f64], leave: &[usize], function: Function) {
        let mut rings = Rings::<true>::new(0, 0);
        rings.reserve(1);
        let mut blocks: Option<Blocks<A>> = None;
        let mut start = 0;
        for (row, (&value, leave)) in values.iter().zip(leave.iter().cycle()).enumerate() {
            let record = rings.push(0, value, 0);
            let before = start;
            start = (start + leave).min((row + 1).saturating_sub(BLOCK_ROWS));
            let rows = row + 1 - start;
            let view = View {
                ring: record.ring,
                rows,
                left: start - before,
            };
            match &mut blocks {
                Some(blocks) => blocks.slide(&view),
                None if rows < BLOCK_ROWS => continue,
                None => blocks = Some(Blocks::new(&view)),
            }
            record.keep(rows);
            let total = blocks.as_ref().unwrap().total();
            let expected = A::of(&values[start..=row]);
            assert_eq!(total.samples(), expected.samples());
            let (total, expected) = (total.result(function), expected.result(function));
            assert_eq!(total.map(f64::to_bits), expected.map(f64::to_bits));
        }
    }

    proptest! {
        #[test]
        fn slides_to_the_summary_of_each_window(
            values in prop::collection::vec(prop_oneof![5 => -9..9_i32, 1 => Just(99)], 400),
            steps in prop::collection::vec(prop_oneof![3 => 0..3_usize, 1 => 0..90_usize], 1..60),
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
