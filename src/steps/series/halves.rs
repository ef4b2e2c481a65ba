//! A quantile of values that only grow in number: a value in, the quantile so far out.
//!
//! The values up to the quantile lie in a heap with the largest on top, those beyond it in one with
//! the smallest on top. As values come in, the quantile's place moves by one or not at all, so a
//! value costs the logarithm of their number. Invariant: no value of the first heap is beyond one of
//! the second, and the first holds those up to the quantile's place.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::steps::fit::cells::Cell;

/// The values of one key, as order keys.
#[derive(Debug, Clone, Default)]
pub(super) struct Halves {
    low: BinaryHeap<u64>,
    high: BinaryHeap<Reverse<u64>>,
}

impl Halves {
    /// Takes in a finite value; `level` is the quantile's share, 0 to 1.
    pub(super) fn add(&mut self, value: f64, level: f64) {
        let key = value.key().expect("finite values have an order");
        match self.low.peek() {
            Some(&top) if key > top => self.high.push(Reverse(key)),
            _ => self.low.push(key),
        }
        let (below, _) = self.place(level);
        while self.low.len() <= below {
            let Reverse(key) = self.high.pop().expect("the place is within the values");
            self.low.push(key);
        }
        while self.low.len() > below + 1 {
            let key = self.low.pop().expect("it holds more than one");
            self.high.push(Reverse(key));
        }
    }

    /// How many values lie before the quantile, and its share of the way to the next one.
    fn place(&self, level: f64) -> (usize, f64) {
        let last = self.low.len() + self.high.len() - 1;
        let place = level * last as f64;
        (place.floor() as usize, place - place.floor())
    }

    /// The quantile, between neighbours linearly; NaN without values.
    pub(super) fn quantile(&self, level: f64) -> f64 {
        let Some(&low) = self.low.peek() else {
            return f64::NAN;
        };
        let low = f64::from_key(low);
        let (_, share) = self.place(level);
        match self.high.peek() {
            Some(&Reverse(high)) if share > 0.0 => {
                let high = f64::from_key(high);
                match (high - low).is_finite() {
                    true => low + (high - low) * share,
                    false => low * (1.0 - share) + high * share,
                }
            }
            _ => low,
        }
    }

    /// Memory held outside of itself, in bytes.
    pub(super) fn heap_bytes(&self) -> usize {
        (self.low.capacity() + self.high.capacity()) * size_of::<u64>()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn quantiles_are_those_of_the_sorted_values(
            values in prop::collection::vec(prop_oneof![-9.0..9.0, Just(3.0), Just(-0.0)], 1..90),
            level in prop_oneof![0.0..=1.0, Just(0.0), Just(0.5), Just(1.0)],
        ) {
            let mut halves = Halves::default();
            let mut sorted: Vec<f64> = Vec::new();
            prop_assert!(halves.quantile(level).is_nan());
            for value in values {
                halves.add(value, level);
                sorted.push(value);
                sorted.sort_by(f64::total_cmp);
                let place = level * (sorted.len() - 1) as f64;
                let (low, high) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
                let expected = low + (high - low) * (place - place.floor());
                prop_assert_eq!(halves.quantile(level), expected);
            }
            prop_assert!(halves.heap_bytes() >= sorted.len() * 8);
        }
    }
}
