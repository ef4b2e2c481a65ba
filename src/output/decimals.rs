//! Floats that are all decimals of few digits -> the integers they are a hundredth (or so) of, and
//! back.
//!
//! Prices and rates are such floats. Their integers lie close together, so they can be told apart
//! by a table, while their bits need hashes. Both have the same order.

use super::cells::{float, float_key};

/// A power of ten that makes integers of floats.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Decimals {
    scale: f64,
}

/// Floats taken at once.
const BLOCK: usize = 512;

impl Decimals {
    /// The smallest scale that makes integers of all `keys`, up to four digits after the point.
    pub(super) fn of(keys: &[i64]) -> Option<Self> {
        let mut scales = [1.0, 1e1, 1e2, 1e3, 1e4]
            .map(|scale| Self { scale })
            .into_iter();
        scales.find(|decimals| {
            keys.iter()
                .all(|&key| decimals.key(decimals.integer(key)) == key)
        })
    }

    /// Turns keys of floats into integers, all or none; whether it has.
    pub(super) fn take(self, cells: &mut [i64]) -> bool {
        let mut integers = [0; BLOCK];
        for start in (0..cells.len()).step_by(BLOCK) {
            let end = cells.len().min(start + BLOCK);
            let mut odd = 0;
            for (integer, &key) in integers.iter_mut().zip(&cells[start..end]) {
                *integer = self.integer(key);
                odd |= self.key(*integer) ^ key;
            }
            if odd != 0 {
                self.give_back(&mut cells[..start]);
                return false;
            }
            cells[start..end].copy_from_slice(&integers[..end - start]);
        }
        true
    }

    /// Turns integers into keys of floats.
    pub(super) fn give_back(self, cells: &mut [i64]) {
        for cell in cells {
            *cell = self.key(*cell);
        }
    }

    /// The integer of a float, or any if there is none.
    #[inline]
    pub(super) fn integer(self, key: i64) -> i64 {
        // Adding it leaves no bits for a fraction, and moves the integer to the lowest ones.
        const SHIFT: f64 = (3u64 << 51) as f64;
        (float(key) * self.scale + SHIFT).to_bits() as i64 - SHIFT.to_bits() as i64
    }

    #[inline]
    fn key(self, integer: i64) -> i64 {
        float_key(integer as f64 / self.scale)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn keys(floats: &[f64]) -> Vec<i64> {
        floats.iter().map(|&float| float_key(float)).collect()
    }

    proptest! {
        #[test]
        fn decimals_come_back(
            integers in prop::collection::vec(-(1i64 << 40)..1 << 40, 1..2_000),
            digits in 0i32..=4,
        ) {
            let scale = 10f64.powi(digits);
            let floats: Vec<f64> = integers.iter().map(|&it| it as f64 / scale).collect();
            let keys = keys(&floats);
            let mut cells = keys.clone();
            let decimals = Decimals { scale };
            prop_assert!(decimals.take(&mut cells));
            prop_assert_eq!(&cells, &integers);
            decimals.give_back(&mut cells);
            prop_assert_eq!(&cells, &keys);
            prop_assert!(Decimals::of(&keys).is_some_and(|decimals| decimals.scale <= scale));
        }

        #[test]
        fn what_is_no_decimal_is_left_alone(float in any::<f64>(), at in 0usize..1_100) {
            let odd = [float, -0.0, f64::NAN, f64::INFINITY, 0.1 + 0.2, 1e300, -1e16];
            for odd in odd {
                let mut floats = vec![0.25; 1_100];
                floats[at] = odd;
                let keys = keys(&floats);
                let mut cells = keys.clone();
                let decimals = Decimals { scale: 100.0 };
                if decimals.take(&mut cells) {
                    prop_assert_eq!((odd * 100.0).fract(), 0.0);
                    decimals.give_back(&mut cells);
                }
                prop_assert_eq!(&cells, &keys);
            }
        }
    }
}
