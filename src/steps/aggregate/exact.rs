//! Sums of floats per group, exact whatever the order: so they depend neither on how the rows were
//! cut into chunks nor on what was spilled in between.
//!
//! How it works: a sum is kept as `N` floats whose exact sum it is. Adding a cell to the first
//! leaves an error that is a float again, which is added to the second, and so on (Shewchuk,
//! "Adaptive precision floating-point arithmetic", 1997). Two floats hold the sum of usual cells,
//! four that of their squares; what the last addition leaves is kept aside.

use std::collections::HashMap;

use foldhash::fast::FixedState;

use super::wire::{Taker, put_count, put_float};
use crate::steps::fit::float_sum::ExactSum;

/// Floats kept aside for a group before they are summed up.
const REST_MAX: usize = 64;

/// An exact sum per group.
#[derive(Default)]
pub(super) struct ExactSums<const N: usize> {
    parts: Vec<Parts<N>>,
    /// What is left over, and infinite cells.
    rest: HashMap<u32, Vec<f64>, FixedState>,
}

#[derive(Clone, Copy)]
struct Parts<const N: usize>([f64; N]);

impl<const N: usize> ExactSums<N> {
    pub(super) fn grow(&mut self, groups: usize) {
        self.parts.resize(groups, Parts([0.0; N]));
    }

    /// Adds a cell that is not NaN.
    #[inline(always)]
    pub(super) fn add(&mut self, group: u32, cell: f64) {
        let Parts(parts) = &mut self.parts[group as usize];
        let (sum, mut left) = two_sum(parts[0], cell);
        if !sum.is_finite() {
            return self.keep_aside(group, cell);
        }
        parts[0] = sum;
        for part in &mut parts[1..] {
            (*part, left) = two_sum(*part, left);
        }
        if left != 0.0 {
            self.keep_aside(group, left);
        }
    }

    #[cold]
    fn keep_aside(&mut self, group: u32, float: f64) {
        let rest = self.rest.entry(group).or_default();
        rest.push(float);
        if rest.len() >= REST_MAX {
            let mut sum = ExactSum::default();
            sum.add(rest);
            let mut infinite: Vec<f64> =
                rest.iter().copied().filter(|it| it.is_infinite()).collect();
            infinite.sort_by(f64::total_cmp);
            infinite.dedup();
            *rest = sum.parts();
            rest.append(&mut infinite);
        }
    }

    /// The sum, rounded once, and what that leaves, rounded once.
    pub(super) fn pair(&self, group: u32) -> (f64, f64) {
        let Parts(parts) = &self.parts[group as usize];
        let rest = self.rest.get(&group);
        if rest.is_none() && parts[2.min(N)..].iter().all(|part| *part == 0.0) {
            let (high, low) = two_sum(parts[0], parts[1]);
            if high.is_finite() {
                return (high, low);
            }
        }
        let mut sum = ExactSum::default();
        sum.add(parts);
        let rest = rest.map_or(&[][..], Vec::as_slice);
        let has = |infinite: f64| rest.contains(&infinite);
        match (has(f64::INFINITY), has(f64::NEG_INFINITY)) {
            (true, true) => return (f64::NAN, 0.0),
            (true, false) => return (f64::INFINITY, 0.0),
            (false, true) => return (f64::NEG_INFINITY, 0.0),
            (false, false) => {}
        }
        sum.add(rest);
        sum.pair()
    }

    pub(super) fn write(&self, group: u32, out: &mut Vec<u8>) {
        let Parts(parts) = &self.parts[group as usize];
        let rest = self.rest.get(&group).into_iter().flatten();
        let floats = parts.iter().chain(rest).filter(|float| **float != 0.0);
        put_count(out, floats.clone().count() as u64);
        floats.for_each(|float| put_float(out, *float));
    }

    pub(super) fn merge(&mut self, group: u32, taker: &mut Taker<'_>) {
        for _ in 0..taker.count() {
            self.add(group, taker.float());
        }
    }

    pub(super) fn memory_bytes(&self) -> usize {
        // A group's floats aside take a vector that may have doubled.
        let aside = self.rest.capacity() * size_of::<(u32, Vec<f64>)>();
        let floats = self.rest.len() * REST_MAX * size_of::<f64>();
        self.parts.capacity() * size_of::<Parts<N>>() + aside + floats
    }
}

/// `a + b` rounded, and what rounding lost.
#[inline(always)]
fn two_sum(a: f64, b: f64) -> (f64, f64) {
    let sum = a + b;
    let b_part = sum - a;
    (sum, (a - (sum - b_part)) + (b - b_part))
}

/// A pair of floats divided by a whole number, as a pair.
fn divide((high, low): (f64, f64), by: f64) -> (f64, f64) {
    let quotient = high / by;
    if !quotient.is_finite() {
        return (quotient, 0.0);
    }
    // What the rounded quotient leaves, exactly, plus the low part.
    let rest = (-quotient).mul_add(by, high) + low;
    two_sum(quotient, rest / by)
}

/// The mean of `count` values whose sum is `sum`.
pub(super) fn mean(sum: (f64, f64), count: u64) -> f64 {
    divide(sum, count as f64).0
}

/// The sample variance of `count` values, two at least, by their sum and that of their squares.
pub(super) fn variance(sum: (f64, f64), squares: (f64, f64), count: u64) -> f64 {
    if sum.0.is_nan() || sum.0.is_infinite() || squares.0.is_infinite() {
        return match squares.0.is_infinite() && sum.0.is_finite() {
            true => f64::INFINITY,
            false => f64::NAN,
        };
    }
    // The sum of the squares less the square of the sum over the count.
    let count = count as f64;
    let (mean, mean_low) = divide(sum, count);
    let product = mean * sum.0;
    let product_low = mean.mul_add(sum.0, -product) + (mean * sum.1 + mean_low * sum.0);
    let (rest, rest_low) = two_sum(squares.0, -product);
    let rest = rest + (rest_low + (squares.1 - product_low));
    (rest / (count - 1.0)).max(0.0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sums<const N: usize>(cells: &[f64]) -> ExactSums<N> {
        let mut sums = ExactSums::<N>::default();
        sums.grow(1);
        cells.iter().for_each(|cell| sums.add(0, *cell));
        sums
    }

    fn pair<const N: usize>(cells: &[f64]) -> (f64, f64) {
        sums::<N>(cells).pair(0)
    }

    #[test]
    fn what_cancels_leaves_no_trace() {
        let cells = [1e300, 1.0, 1e-300, -1e300, -1.0];
        assert_eq!(pair::<2>(&cells), (1e-300, 0.0));
        assert_eq!(pair::<4>(&cells), (1e-300, 0.0));
        assert_eq!(pair::<2>(&[f64::MAX, f64::MAX, -f64::MAX]), (f64::MAX, 0.0));
        assert_eq!(pair::<2>(&[f64::MAX, f64::MAX]), (f64::INFINITY, 0.0));
        assert_eq!(pair::<2>(&[]), (0.0, 0.0));
    }

    #[test]
    fn infinities_stay() {
        let (up, down) = (f64::INFINITY, f64::NEG_INFINITY);
        assert_eq!(pair::<2>(&[1.0, up, 2.0]).0, up);
        assert_eq!(pair::<2>(&vec![down; 200]).0, down);
        assert!(pair::<4>(&[up, 1.0, down]).0.is_nan());
    }

    #[test]
    fn a_variance_survives_a_large_mean() {
        let cells: Vec<f64> = (0..1000).map(|i| 1e9 + f64::from(i % 10)).collect();
        let squares: Vec<f64> = cells
            .iter()
            .flat_map(|cell| [cell * cell, cell.mul_add(*cell, -(cell * cell))])
            .collect();
        let variance = variance(pair::<2>(&cells), pair::<4>(&squares), 1000);
        assert!(
            (variance - 8.25 * 1000.0 / 999.0).abs() < 1e-12,
            "{variance}"
        );
    }

    proptest! {
        #[test]
        fn neither_order_nor_cuts_matter(
            cells in prop::collection::vec(prop_oneof![
                any::<f64>().prop_filter("no NaN", |cell| !cell.is_nan()),
                -1e6..1e6,
            ], 0..300),
            cut in 0..300_usize,
        ) {
            let forward = sums::<2>(&cells);
            let cut = cut.min(cells.len());
            let (mut later, mut bytes) = (sums::<2>(&cells[cut..]), Vec::new());
            sums::<2>(&cells[..cut]).write(0, &mut bytes);
            later.merge(0, &mut Taker(&bytes));
            let bits = |(high, low): (f64, f64)| (high.to_bits(), low.to_bits());
            prop_assert_eq!(bits(forward.pair(0)), bits(later.pair(0)));
            prop_assert_eq!(bits(forward.pair(0)), bits(sums::<4>(&cells).pair(0)));
        }
    }
}
