//! Estimates of how many distinct values each group has.
//!
//! How it works: HyperLogLog (Flajolet and others, 2007) with 4096 registers and the estimator of
//! Ertl ("New cardinality estimation algorithms for HyperLogLog sketches", 2017, algorithm 6), which
//! needs no tables. The standard error is 1.04 / sqrt(4096), or 1.6 %. A group of few values holds
//! only those of its registers that are not zero.

use std::hash::BuildHasher;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Int64Array};
use foldhash::quality::FixedState;

use super::accumulator::{Accumulator, Beyond};
use super::cells::{Cells, Rows, decimals_of, words_of};
use super::wire::{Taker, float_word, integer_word, put_count};
use crate::base::{Measure, Result};

/// Estimates must be the same in every run, so the seed is part of them.
const SEED: u64 = 0x6167_6772_6567_6174;
const INDEX_BITS: u32 = 12;
const REGISTERS: usize = 1 << INDEX_BITS;
/// Bits of a hash that tell how rare it is.
const RANK_BITS: u32 = 64 - INDEX_BITS;
/// Registers that a group lists before it holds all of them.
const LISTED_MAX: usize = 512;

/// The registers of each group.
#[derive(Default)]
pub(super) struct Registers {
    groups: Vec<Sketch>,
    /// Room that the sketches take.
    bytes: usize,
}

enum Sketch {
    /// Register and rank, in 16 and 8 bits, some of them more than once.
    Listed(Vec<u32>),
    All(Box<[u8; REGISTERS]>),
}

impl Registers {
    fn add_hash(&mut self, group: u32, hash: u64) {
        let index = (hash >> RANK_BITS) as u32;
        let rank = (hash << INDEX_BITS).leading_zeros().min(RANK_BITS) + 1;
        self.raise(group, index, rank as u8);
    }

    fn raise(&mut self, group: u32, index: u32, rank: u8) {
        let sketch = &mut self.groups[group as usize];
        match sketch {
            Sketch::All(ranks) => {
                let old = &mut ranks[index as usize];
                *old = (*old).max(rank);
            }
            Sketch::Listed(listed) => {
                let entry = index << 8 | u32::from(rank);
                if listed.last() == Some(&entry) {
                    return;
                }
                let before = listed.capacity();
                if listed.len() == before && before > 0 {
                    shorten(listed);
                }
                listed.push(entry);
                self.bytes += (listed.capacity() - before) * size_of::<u32>();
                if listed.len() > LISTED_MAX {
                    let mut ranks = Box::new([0; REGISTERS]);
                    for entry in listed.iter() {
                        let old = &mut ranks[(entry >> 8) as usize];
                        *old = (*old).max(*entry as u8);
                    }
                    self.bytes += REGISTERS;
                    self.bytes -= listed.capacity() * size_of::<u32>();
                    *sketch = Sketch::All(ranks);
                }
            }
        }
    }

    /// The registers of a group that are not zero, ascending.
    fn listed(&self, group: u32) -> Vec<u32> {
        match &self.groups[group as usize] {
            Sketch::Listed(listed) => {
                let mut listed = listed.clone();
                shorten(&mut listed);
                listed
            }
            Sketch::All(ranks) => {
                let ranks = (0..).zip(ranks.iter()).filter(|(_, rank)| **rank > 0);
                ranks
                    .map(|(index, rank)| index << 8 | u32::from(*rank))
                    .collect()
            }
        }
    }

    fn estimate(&self, group: u32) -> i64 {
        let mut numbers = [0_u32; RANK_BITS as usize + 2];
        let listed = self.listed(group);
        for entry in &listed {
            numbers[usize::from(*entry as u8)] += 1;
        }
        numbers[0] = (REGISTERS - listed.len()) as u32;
        estimate(&numbers).round() as i64
    }
}

/// Keeps the highest rank of each register, ascending.
fn shorten(listed: &mut Vec<u32>) {
    listed.sort_unstable_by(|one, other| other.cmp(one));
    listed.dedup_by_key(|entry| *entry >> 8);
    listed.reverse();
}

/// The estimate, given how many registers have each rank.
fn estimate(numbers: &[u32; RANK_BITS as usize + 2]) -> f64 {
    let registers = REGISTERS as f64;
    let share = |rank: usize| f64::from(numbers[rank]) / registers;
    if numbers[0] as usize == REGISTERS {
        return 0.0;
    }
    let mut sum = registers * tau(1.0 - share(RANK_BITS as usize + 1));
    for rank in (1..=RANK_BITS as usize).rev() {
        sum = (sum + f64::from(numbers[rank])) / 2.0;
    }
    sum += registers * sigma(share(0));
    registers * registers / (2.0 * std::f64::consts::LN_2 * sum)
}

fn sigma(mut x: f64) -> f64 {
    let (mut factor, mut sum) = (1.0, x);
    loop {
        x *= x;
        let before = sum;
        sum += x * factor;
        factor *= 2.0;
        if sum == before {
            return sum;
        }
    }
}

fn tau(mut x: f64) -> f64 {
    if x == 0.0 || x == 1.0 {
        return 0.0;
    }
    let (mut factor, mut sum) = (1.0, 1.0 - x);
    loop {
        x = x.sqrt();
        let before = sum;
        factor /= 2.0;
        sum -= (1.0 - x).powi(2) * factor;
        if sum == before {
            return sum / 3.0;
        }
    }
}

impl Accumulator for Registers {
    fn grow(&mut self, groups: usize) {
        self.groups
            .resize_with(groups, || Sketch::Listed(Vec::new()));
    }

    fn update(&mut self, cells: &Cells, rows: Rows<'_>) {
        let state = FixedState::with_seed(SEED);
        match cells {
            Cells::Words(_) => {
                let words = words_of(cells);
                rows.visit(words.values(), words.nulls(), |group, cell| {
                    self.add_hash(group, state.hash_one(integer_word(cell)));
                });
            }
            Cells::Floats(floats) => {
                rows.visit(floats.values(), floats.nulls(), |group, cell| {
                    if !cell.is_nan() {
                        self.add_hash(group, state.hash_one(float_word(cell)));
                    }
                });
            }
            Cells::Decimals(_) => {
                let decimals = decimals_of(cells);
                rows.visit(decimals.values(), decimals.nulls(), |group, cell| {
                    self.add_hash(group, state.hash_one(cell));
                });
            }
            cells => cells.visit_texts(rows, |group, text| {
                self.add_hash(group, state.hash_one(text.as_bytes()));
            }),
        }
    }

    fn write(&self, group: u32, out: &mut Vec<u8>) {
        let listed = self.listed(group);
        put_count(out, listed.len() as u64);
        for entry in listed {
            put_count(out, entry.into());
        }
    }

    fn merge(&mut self, group: u32, taker: &mut Taker<'_>) {
        for _ in 0..taker.count() {
            let entry = taker.count() as u32;
            self.raise(group, entry >> 8, entry as u8);
        }
    }

    fn finish(&self, _: Measure, groups: &[u32]) -> Result<ArrayRef, Beyond> {
        let estimates = groups.iter().map(|group| self.estimate(*group));
        Ok(Arc::new(Int64Array::from_iter_values(estimates)))
    }

    fn memory_bytes(&self) -> usize {
        self.groups.capacity() * size_of::<Sketch>() + self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn estimates_are_near_and_small_ones_exact() {
        for distinct in [0, 1, 2, 10, 100, 511, 513, 5_000, 100_000, 1_000_000_i64] {
            let mut registers = Registers::default();
            registers.grow(1);
            let state = FixedState::with_seed(SEED);
            for value in (0..distinct).chain(0..distinct.min(1000)) {
                registers.add_hash(0, state.hash_one(integer_word(value)));
            }
            let estimate = registers.estimate(0);
            let error = (estimate - distinct).abs() as f64 / distinct.max(1) as f64;
            // Three standard errors.
            assert!(error < 0.05, "{distinct}: {estimate}");
            assert!(distinct > 10 || error == 0.0, "{distinct}: {estimate}");
            let mut bytes = Vec::new();
            registers.write(0, &mut bytes);
            let mut merged = Registers::default();
            merged.grow(1);
            merged.merge(0, &mut Taker(&bytes));
            merged.merge(0, &mut Taker(&bytes));
            assert_eq!(merged.estimate(0), estimate);
        }
    }
}
