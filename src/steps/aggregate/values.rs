//! All values of each group, for exact medians and quantiles.
//! Keeps: values are appended as they come, and sorted by group only once they are asked for.

use arrow::array::{Array, ArrayRef};

use super::accumulator::{Accumulator, Beyond, PerValue, Visit};
use super::cells::{Cells, Rows};
use super::counts::Counts;
use super::picks::{Picks, place};
use super::wire::{Taker, float_word, word_float};
use crate::base::{Measure, Result};

/// Values of a block: enough that blocks are few, and no room is taken twice to grow one.
const BLOCK_VALUES: usize = 8192;

/// The values of each group.
pub(super) struct Values {
    counts: Counts,
    /// All but the last are full.
    blocks: Vec<Block>,
    /// How many of them have narrow ids of groups.
    narrow: usize,
    picks: Picks,
}

struct Block {
    groups: Ids,
    values: Vec<f64>,
}

/// The group of each value. A byte will do for the first groups, which mostly are all there are.
enum Ids {
    Narrow(Vec<u8>),
    Wide(Vec<u32>),
}

impl Block {
    fn with_capacity(values: usize) -> Self {
        Self {
            groups: Ids::Wide(Vec::with_capacity(values)),
            values: Vec::with_capacity(values),
        }
    }

    /// Narrows the ids if they all fit; whether they did.
    fn narrow(&mut self) -> bool {
        let Ids::Wide(wide) = &self.groups else {
            return false;
        };
        let narrow = wide.iter().map(|group| u8::try_from(*group).ok());
        let narrow: Option<Vec<u8>> = narrow.collect();
        let Some(mut narrow) = narrow else {
            return false;
        };
        narrow.shrink_to_fit();
        self.groups = Ids::Narrow(narrow);
        true
    }

    fn for_each(&self, mut visit: impl FnMut(usize, f64)) {
        match &self.groups {
            Ids::Narrow(groups) => {
                let pairs = groups.iter().zip(&self.values);
                pairs.for_each(|(group, value)| visit((*group).into(), *value));
            }
            Ids::Wide(groups) => {
                let pairs = groups.iter().zip(&self.values);
                pairs.for_each(|(group, value)| visit(*group as usize, *value));
            }
        }
    }
}

impl Values {
    /// For the quantiles among `measures`.
    pub(super) fn new(measures: &[Measure]) -> Self {
        Self {
            counts: Counts::default(),
            blocks: Vec::new(),
            narrow: 0,
            picks: Picks::new(measures),
        }
    }

    #[inline(always)]
    fn add(&mut self, group: u32, value: f64) {
        self.counts.add(group);
        match self.blocks.last_mut() {
            Some(Block {
                groups: Ids::Wide(groups),
                values,
            }) if groups.len() < BLOCK_VALUES => {
                groups.push(group);
                values.push(value);
            }
            _ => self.begin_block(group, value),
        }
    }

    #[cold]
    fn begin_block(&mut self, group: u32, value: f64) {
        // The first one grows, so that few values take little room.
        let room = match self.blocks.last_mut() {
            None => 0,
            Some(full) => {
                self.narrow += usize::from(full.narrow());
                BLOCK_VALUES
            }
        };
        let mut block = Block::with_capacity(room);
        block.values.push(value);
        if let Ids::Wide(groups) = &mut block.groups {
            groups.push(group);
        }
        self.blocks.push(block);
    }

    /// The values of all groups, by `ranks` one group after the other, and where each begins.
    fn grouped(&mut self, ranks: &[u32]) -> (Vec<f64>, Vec<usize>) {
        let blocks = std::mem::take(&mut self.blocks);
        self.narrow = 0;
        let mut starts = vec![0; ranks.len() + 1];
        for block in &blocks {
            block.for_each(|group, _| starts[ranks[group] as usize + 1] += 1);
        }
        for rank in 0..ranks.len() {
            starts[rank + 1] += starts[rank];
        }
        let mut next = starts.clone();
        let mut values = vec![0.0; starts[ranks.len()]];
        for block in blocks {
            block.for_each(|group, value| {
                let place = &mut next[ranks[group] as usize];
                values[*place] = value;
                *place += 1;
            });
        }
        (values, starts)
    }
}

impl Accumulator for Values {
    fn grow(&mut self, groups: usize) {
        self.counts.grow(groups);
    }

    fn update(&mut self, cells: &Cells, rows: Rows<'_>) {
        let floats = cells.floats();
        rows.visit(floats.values(), floats.nulls(), |group, value| {
            if !value.is_nan() {
                self.add(group, value);
            }
        });
    }

    fn write(&self, group: u32, out: &mut Vec<u8>) {
        self.counts.write(group, out);
    }

    fn merge(&mut self, group: u32, taker: &mut Taker<'_>) {
        self.counts.merge(group, taker);
    }

    fn finish(&self, measure: Measure, groups: &[u32]) -> Result<ArrayRef, Beyond> {
        let count = |group| self.counts.of(group);
        Ok(self.picks.column(measure, groups, count))
    }

    fn memory_bytes(&self) -> usize {
        let values = match self.blocks.as_slice() {
            // The first block grows with its values.
            [only] => only.values.capacity(),
            blocks => blocks.len() * BLOCK_VALUES,
        };
        // Sorting by group takes room for the values once more.
        let blocks = values * (size_of::<u32>() + 2 * size_of::<f64>());
        let narrowed = self.narrow * BLOCK_VALUES * (size_of::<u32>() - size_of::<u8>());
        self.counts.memory_bytes() + blocks - narrowed + self.picks.memory_bytes()
    }

    fn per_value(&mut self) -> Option<&mut dyn PerValue> {
        Some(self)
    }
}

impl PerValue for Values {
    fn drain(&mut self, ranks: &[u32], visit: &mut Visit<'_>) -> Result<()> {
        let (mut values, starts) = self.grouped(ranks);
        let mut by_rank = vec![0; ranks.len()];
        for (group, rank) in (0..).zip(ranks) {
            by_rank[*rank as usize] = group;
        }
        for (rank, group) in by_rank.into_iter().enumerate() {
            let values = &mut values[starts[rank]..starts[rank + 1]];
            values.sort_unstable_by(f64::total_cmp);
            for equal in values.chunk_by(|one, other| one == other) {
                let word = float_word(equal[0]);
                visit(group, &word.to_be_bytes(), equal.len() as u64)?;
            }
        }
        Ok(())
    }

    fn item(&mut self, group: u32, value: &[u8], times: u64) {
        let word = u64::from_be_bytes(value.try_into().expect("a word"));
        let count = self.counts.of(group);
        self.picks.item(group, word_float(word), times, count);
    }

    fn settle(&mut self) {
        let groups = self.counts.0.len() as u32;
        let ranks: Vec<u32> = (0..groups).collect();
        let (mut values, starts) = self.grouped(&ranks);
        for group in 0..groups {
            let values = &mut values[starts[group as usize]..starts[group as usize + 1]];
            if values.is_empty() {
                continue;
            }
            for index in 0..self.picks.shares().len() {
                let ([below, above], _) = place(self.picks.shares()[index], values.len() as u64);
                let (_, low, rest) = values.select_nth_unstable_by(below as usize, f64::total_cmp);
                let low = *low + 0.0;
                let high = match above > below {
                    true => rest.iter().copied().min_by(f64::total_cmp).unwrap_or(low),
                    false => low,
                };
                self.picks.set(group, index, 0, low);
                self.picks.set(group, index, 1, high + 0.0);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_many_blocks_stay_with_their_groups() {
        let count = 3 * BLOCK_VALUES as u32 + 7;
        let mut held = Vec::new();
        // Ids of a byte, wider ones, and both in different blocks.
        for groups in [5, 1000, count / 200] {
            let mut kept = Values::new(&[]);
            kept.grow(groups as usize);
            let group_of = |row: u32| (row / 100 * 7 + row % 3).min(row / 50) % groups;
            for row in 0..count {
                kept.add(group_of(row), f64::from(row));
            }
            held.push(kept.memory_bytes());
            let ranks: Vec<u32> = (0..groups).rev().collect();
            let (values, starts) = kept.grouped(&ranks);
            for group in 0..groups {
                let rank = ranks[group as usize] as usize;
                let expected = (0..count).filter(|row| group_of(*row) == group);
                let expected: Vec<f64> = expected.map(f64::from).collect();
                assert_eq!(values[starts[rank]..starts[rank + 1]], expected);
            }
            assert!(kept.memory_bytes() < 20 * groups as usize + 1000);
        }
        assert!(held[0] < held[1], "{held:?}");
    }
}
