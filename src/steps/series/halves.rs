//! A quantile of values that only grow in number: a value in, the quantile so far out.
//!
//! The values up to the quantile lie in one pile with the largest on top, those beyond it in another
//! with the smallest on top. As values come in, the quantile's place moves by one or not at all, so a
//! value costs the logarithm of their number. Invariant: no value of the first pile is beyond one of
//! the second, and the first holds those up to the quantile's place.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::base::Result;
use crate::steps::fit::cells::Cell;

/// Numbers with the smallest on top.
pub(super) trait Pile {
    fn add(&mut self, number: u64) -> Result<()>;
    fn top(&self) -> Option<u64>;
    /// Takes the top away, if there is one.
    fn take(&mut self) -> Result<Option<u64>>;
    fn len(&self) -> usize;
}

impl Pile for BinaryHeap<Reverse<u64>> {
    fn add(&mut self, number: u64) -> Result<()> {
        self.push(Reverse(number));
        Ok(())
    }

    fn top(&self) -> Option<u64> {
        self.peek().map(|&Reverse(number)| number)
    }

    fn take(&mut self) -> Result<Option<u64>> {
        Ok(self.pop().map(|Reverse(number)| number))
    }

    fn len(&self) -> usize {
        BinaryHeap::len(self)
    }
}

/// The values of one key, as order keys.
#[derive(Debug, Clone, Default)]
pub(super) struct Halves<P> {
    /// Inverted, so that the largest is on top.
    low: P,
    high: P,
}

impl<P: Pile> Halves<P> {
    /// No values yet; both piles are empty.
    pub(super) fn new(low: P, high: P) -> Self {
        Self { low, high }
    }

    /// Takes in a finite value; `level` is the quantile's share, 0 to 1.
    pub(super) fn add(&mut self, value: f64, level: f64) -> Result<()> {
        let key = value.key().expect("finite values have an order");
        match self.low.top() {
            Some(top) if key > !top => self.high.add(key)?,
            _ => self.low.add(!key)?,
        }
        let (below, _) = self.place(level);
        while self.low.len() <= below {
            let key = self.high.take()?.expect("the place is within the values");
            self.low.add(!key)?;
        }
        while self.low.len() > below + 1 {
            let key = self.low.take()?.expect("it holds more than one");
            self.high.add(!key)?;
        }
        Ok(())
    }

    /// How many values lie before the quantile, and its share of the way to the next one.
    fn place(&self, level: f64) -> (usize, f64) {
        let last = self.low.len() + self.high.len() - 1;
        let place = level * last as f64;
        (place.floor() as usize, place - place.floor())
    }

    /// The quantile, between neighbours linearly; NaN without values.
    pub(super) fn quantile(&self, level: f64) -> f64 {
        let Some(low) = self.low.top() else {
            return f64::NAN;
        };
        let low = f64::from_key(!low);
        let (_, share) = self.place(level);
        match self.high.top() {
            Some(high) if share > 0.0 => {
                let high = f64::from_key(high);
                match (high - low).is_finite() {
                    true => low + (high - low) * share,
                    false => low * (1.0 - share) + high * share,
                }
            }
            _ => low,
        }
    }

    /// The piles of the smaller and the larger values.
    pub(super) fn piles(&self) -> [&P; 2] {
        [&self.low, &self.high]
    }

    /// As [`Self::piles`].
    pub(super) fn piles_mut(&mut self) -> [&mut P; 2] {
        [&mut self.low, &mut self.high]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::piles::Written;
    use super::*;
    use crate::spill::{Runs, TempSpace};

    proptest! {
        #[test]
        fn quantiles_are_those_of_the_sorted_values(
            values in prop::collection::vec(prop_oneof![-9.0..9.0, Just(3.0), Just(-0.0)], 1..90),
            level in prop_oneof![0.0..=1.0, Just(0.0), Just(0.5), Just(1.0)],
            held_max in 1..20_usize,
        ) {
            let mut halves = Halves::<BinaryHeap<Reverse<u64>>>::default();
            let space = std::sync::Arc::new(TempSpace::new(&std::env::temp_dir(), None));
            let runs = Runs::new(&space).unwrap();
            let written = || Written::beside(&runs, 1, held_max).unwrap();
            let mut spilling = Halves::new(written(), written());
            let mut sorted: Vec<f64> = Vec::new();
            prop_assert!(halves.quantile(level).is_nan() && spilling.quantile(level).is_nan());
            for value in values {
                halves.add(value, level).unwrap();
                spilling.add(value, level).unwrap();
                sorted.push(value);
                sorted.sort_by(f64::total_cmp);
                let place = level * (sorted.len() - 1) as f64;
                let (low, high) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
                let expected = low + (high - low) * (place - place.floor());
                prop_assert_eq!(halves.quantile(level), expected);
                prop_assert_eq!(spilling.quantile(level), expected);
            }
        }
    }
}
