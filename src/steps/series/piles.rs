//! Numbers with the smallest on top, more of them than memory holds: the latest lie in a heap, the
//! others sorted in temporary files, of which the first ones are at hand.
//!
//! Invariant: what is held does not grow with the numbers, but by a file's first block each time that
//! there are so many times more of them; a number is written once, and once more each time that its
//! file and as many others as large become one.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::halves::{Halves, Pile};
use crate::base::Result;
use crate::spill::{Merge, RunWriter, Runs};

/// So many files of a level become one of the next.
const FILES_MAX: usize = 8;

/// A pile that is written in parts.
pub(super) struct Written {
    /// Where the next file goes.
    next: Runs,
    held: BinaryHeap<Reverse<u64>>,
    held_max: usize,
    /// `None` where all numbers have been taken.
    files: Vec<Option<Sorted>>,
    /// The next number of each file.
    firsts: BinaryHeap<Reverse<(u64, usize)>>,
    len: usize,
}

/// Sorted numbers.
struct Sorted {
    level: u32,
    numbers: Merge,
}

impl Sorted {
    fn next(&mut self) -> Result<Option<u64>> {
        let number = self.numbers.next()?.map(|(number, _)| number.try_into());
        Ok(number.map(|number| u64::from_be_bytes(number.expect("numbers were written"))))
    }
}

impl Written {
    /// An empty pile that holds at most `held_max` numbers; its files, one of `parts` of what goes
    /// beside `rows`, go there too.
    pub(super) fn beside(rows: &Runs, parts: usize, held_max: usize) -> Result<Self> {
        Ok(Self {
            next: rows.beside(parts * FILES_MAX)?,
            held: BinaryHeap::new(),
            held_max: held_max.max(1),
            files: Vec::new(),
            firsts: BinaryHeap::new(),
            len: 0,
        })
    }

    fn clear(&mut self) {
        self.held.clear();
        self.files.clear();
        self.firsts.clear();
        self.len = 0;
    }

    pub(super) fn memory_bytes(&self) -> usize {
        let files = self.files.iter().flatten();
        let files = files.map(|file| file.numbers.memory_bytes());
        self.held.capacity() * size_of::<u64>() + files.sum::<usize>()
    }

    /// Writes what is held.
    fn write(&mut self) -> Result<()> {
        let mut run = self.next.writer();
        while let Some(Reverse(number)) = self.held.pop() {
            run.push(&number.to_be_bytes(), &[])?;
        }
        self.add_file(run, 0)?;
        let mut level = 0;
        loop {
            let is_of_level =
                |file: &Option<Sorted>| matches!(file, Some(file) if file.level == level);
            if self.files.iter().filter(|file| is_of_level(file)).count() < FILES_MAX {
                return Ok(());
            }
            self.fold(level)?;
            level += 1;
        }
    }

    /// Makes one file of the next level of all that are of `level`.
    fn fold(&mut self, level: u32) -> Result<()> {
        let mut firsts = BinaryHeap::new();
        let (files, all) = (&mut self.files, &mut self.firsts);
        let is_of_level = |file: &Option<Sorted>| matches!(file, Some(file) if file.level == level);
        all.retain(|first| {
            let is_other = !is_of_level(&files[first.0.1]);
            if !is_other {
                firsts.push(*first);
            }
            is_other
        });
        let mut run = self.next.writer();
        while let Some(Reverse((number, at))) = firsts.pop() {
            run.push(&number.to_be_bytes(), &[])?;
            match files[at].as_mut().map_or(Ok(None), Sorted::next)? {
                Some(next) => firsts.push(Reverse((next, at))),
                None => files[at] = None,
            }
        }
        self.add_file(run, level + 1)
    }

    fn add_file(&mut self, run: RunWriter, level: u32) -> Result<()> {
        let next = self.next.beside(1)?;
        let mut runs = std::mem::replace(&mut self.next, next);
        runs.add(run.finish()?);
        let numbers = runs.merge()?;
        let free = self.files.iter().position(Option::is_none);
        let at = free.unwrap_or_else(|| {
            self.files.push(None);
            self.files.len() - 1
        });
        self.files[at] = Some(Sorted { level, numbers });
        self.read(at)
    }

    /// Has the next number of a file at hand.
    fn read(&mut self, at: usize) -> Result<()> {
        match self.files[at].as_mut().map_or(Ok(None), Sorted::next)? {
            Some(number) => self.firsts.push(Reverse((number, at))),
            None => self.files[at] = None,
        }
        Ok(())
    }
}

impl Halves<Written> {
    /// Forgets all values.
    pub(super) fn clear(&mut self) {
        self.piles_mut().into_iter().for_each(Written::clear);
    }
}

impl Pile for Written {
    fn add(&mut self, number: u64) -> Result<()> {
        if self.held.len() >= self.held_max {
            self.write()?;
        }
        self.len += 1;
        self.held.add(number)
    }

    fn top(&self) -> Option<u64> {
        let written = self.firsts.peek().map(|&Reverse((first, _))| first);
        self.held.top().into_iter().chain(written).min()
    }

    fn take(&mut self) -> Result<Option<u64>> {
        let written = self.firsts.peek().map(|&Reverse(first)| first);
        let taken = match (self.held.top(), written) {
            (held, Some((first, at))) if held.is_none_or(|held| first < held) => {
                self.firsts.pop();
                self.read(at)?;
                Some(first)
            }
            _ => self.held.take()?,
        };
        self.len -= usize::from(taken.is_some());
        Ok(taken)
    }

    fn len(&self) -> usize {
        self.len
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::spill::TempSpace;

    proptest! {
        #[test]
        fn numbers_come_out_as_of_a_heap(
            work in prop::collection::vec(prop::option::weighted(0.7, 0..50_u64), 0..400),
            held_max in 1..9_usize,
        ) {
            let space = Arc::new(TempSpace::new(&std::env::temp_dir(), None));
            let mut pile = Written::beside(&Runs::new(&space).unwrap(), 1, held_max).unwrap();
            let mut plain = BinaryHeap::new();
            for number in work {
                match number {
                    Some(number) => {
                        pile.add(number).unwrap();
                        plain.push(Reverse(number));
                    }
                    None => {
                        let expected = plain.pop().map(|Reverse(number)| number);
                        prop_assert_eq!(pile.take().unwrap(), expected);
                    }
                }
                prop_assert_eq!(pile.top(), plain.top());
                prop_assert_eq!(Pile::len(&pile), plain.len());
                prop_assert!(pile.held.len() <= held_max);
                prop_assert!(pile.files.len() <= 3 * FILES_MAX, "400 numbers make three levels");
            }
            pile.clear();
            prop_assert_eq!((pile.top(), space.taken()), (None, 0));
        }
    }
}
