//! Numbers -> the distinct ones in the order of a dictionary, and the id of each number.

use super::hash;
use crate::output::slots::Slots;

/// Numbers whose range has more than this many values, or this many for each cell, are hashed.
const TABLE_MAX: usize = 1 << 19;
const TABLE_PER_CELL: usize = 4;
/// Slots of a table that are looked at together: most may be empty.
const STRETCH: usize = 16;
/// The order of a dictionary whose ids take a byte makes no difference.
pub(super) const UNORDERED_MAX: usize = 256;

/// The least number and the length of a table of a slot for each value of `range`, if that is not
/// too long for `cells` cells.
fn table((least, most): (i64, i64), cells: usize) -> Option<(i64, usize)> {
    let slots = usize::try_from(most.wrapping_sub(least) as u64).ok()?;
    let slots_max = TABLE_MAX.min(cells.saturating_mul(TABLE_PER_CELL));
    (slots < slots_max).then(|| (least, slots + 1))
}

/// Distinct numbers.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    pub(super) by_id: Vec<i64>,
    slots: Slots,
    /// By slot of the table, or by the order of first appearance: how often a number occurs, and
    /// in the end its id.
    counts: Vec<u32>,
    /// Each number and its place in `counts`.
    places: Vec<(i64, u32)>,
    ordered: Vec<(i64, u32)>,
}

impl Numbers {
    /// Gives an id to each of `cells`, which lie in `range` if that is known; `None` beyond
    /// `cells_max` distinct ones. Makes room for as many as are `expected`.
    pub(super) fn read(
        &mut self,
        cells: &[i64],
        range: Option<(i64, i64)>,
        expected: usize,
        cells_max: usize,
        ids: &mut Vec<u32>,
    ) -> Option<()> {
        match range.and_then(|range| table(range, cells.len())) {
            Some((least, slots)) => self.read_by_table(cells, least, slots, cells_max, ids),
            None => self.read_by_hash(cells, expected, cells_max, ids),
        }
    }

    /// Finds a number's place by its distance from `least`.
    fn read_by_table(
        &mut self,
        cells: &[i64],
        least: i64,
        slots: usize,
        cells_max: usize,
        ids: &mut Vec<u32>,
    ) -> Option<()> {
        let place = |cell: i64| cell.wrapping_sub(least) as usize;
        self.counts.clear();
        self.counts.resize(slots, 0);
        for &cell in cells {
            self.counts[place(cell)] += 1;
        }
        self.places.clear();
        for (index, counts) in self.counts.chunks(STRETCH).enumerate() {
            if counts.iter().fold(0, |any, count| any | count) == 0 {
                continue;
            }
            let places = index * STRETCH..;
            let seen = places.zip(counts).filter(|&(_, &count)| count > 0);
            self.places
                .extend(seen.map(|(place, _)| (least.wrapping_add(place as i64), place as u32)));
        }
        if self.places.len() > cells_max {
            return None;
        }
        self.order();
        ids.extend(cells.iter().map(|&cell| self.counts[place(cell)]));
        Some(())
    }

    /// Finds a number's place by its hash.
    fn read_by_hash(
        &mut self,
        cells: &[i64],
        expected: usize,
        cells_max: usize,
        ids: &mut Vec<u32>,
    ) -> Option<()> {
        self.slots.reset(expected);
        self.counts.clear();
        let seen = &mut self.by_id;
        seen.clear();
        ids.reserve(cells.len());
        for &cell in cells {
            let found = self.slots.find(hash(cell), |id| seen[id as usize] == cell);
            let id = match found {
                Ok(id) => id,
                Err(vacant) => {
                    if seen.len() == cells_max {
                        return None;
                    }
                    seen.push(cell);
                    self.counts.push(0);
                    self.slots.insert(&vacant, |id| hash(seen[id as usize]));
                    seen.len() as u32 - 1
                }
            };
            self.counts[id as usize] += 1;
            ids.push(id);
        }
        self.places.clear();
        self.places.extend(seen.iter().copied().zip(0..));
        self.places.sort_unstable();
        self.order();
        for id in ids {
            *id = self.counts[*id as usize];
        }
        Some(())
    }

    /// Gives ids to the numbers in `places`, which ascend, and leaves them in `counts`.
    fn order(&mut self) {
        if self.places.len() > UNORDERED_MAX {
            self.partition();
        }
        self.by_id.clear();
        for (id, &(number, place)) in self.places.iter().enumerate() {
            self.by_id.push(number);
            self.counts[place as usize] = id as u32;
        }
    }

    /// Moves numbers that occur often before those that do not, by powers of two.
    fn partition(&mut self) {
        let class = |count: u32| count.leading_zeros() as usize;
        let mut starts = [0; 33];
        for &(_, place) in &self.places {
            starts[class(self.counts[place as usize])] += 1;
        }
        let mut sum = 0;
        for start in &mut starts {
            sum += std::mem::replace(start, sum);
        }
        self.ordered.resize(self.places.len(), (0, 0));
        for &(number, place) in &self.places {
            let next = &mut starts[class(self.counts[place as usize])];
            self.ordered[*next] = (number, place);
            *next += 1;
        }
        std::mem::swap(&mut self.places, &mut self.ordered);
    }

    pub(super) fn memory_bytes(&self) -> usize {
        let places = self.places.capacity() + self.ordered.capacity();
        self.by_id.capacity() * size_of::<i64>()
            + self.slots.memory_bytes()
            + self.counts.capacity() * size_of::<u32>()
            + places * size_of::<(i64, u32)>()
    }
}
