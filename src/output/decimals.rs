//! Floats that are decimals of few digits, but for a few -> the integers they are a hundredth (or
//! so) of, and back.
//!
//! Prices and rates are such floats, and so are they after a mean has filled the gaps. Their
//! integers lie close together, so they can be told apart by a table, while their bits need hashes.

use super::cells::{float, float_key};

/// Floats turned into integers.
#[derive(Debug, PartialEq)]
pub(super) struct Decimals {
    /// The power of ten that makes integers of them.
    scale: f64,
    /// The keys of those it does not make integers of. They get the integers from `odd_first` on,
    /// which is past all others.
    odd: Vec<i64>,
    odd_first: i64,
}

/// Floats taken at once.
const BLOCK: usize = 512;
/// Distinct floats that may be odd.
const ODD_MAX: usize = 8;
/// Of so many cells seen, one may be odd.
const SEEN_PER_ODD: usize = 8;
/// Integers up to this one have a float of their own, and room for [`SHIFT`].
const INTEGER_MAX: f64 = (1u64 << 51) as f64;
/// Added to a float it leaves no bits for a fraction, and moves the integer to the lowest ones.
const SHIFT: f64 = (3u64 << 51) as f64;

impl Decimals {
    /// The decimals of up to four digits after the point that cells like `seen` are; `range` is
    /// that of all cells, as keys.
    pub(super) fn of(seen: &[i64], (least, most): (i64, i64)) -> Option<Self> {
        let mut scales = [1.0, 1e1, 1e2, 1e3, 1e4].into_iter();
        let scale = scales.find(|&scale| {
            let odd = seen.iter().filter(|&&key| !is_decimal(key, scale)).count();
            odd * SEEN_PER_ODD <= seen.len()
        })?;
        let is_near = |key: i64| (float(key) * scale).abs() < INTEGER_MAX;
        (is_near(least) && is_near(most)).then(|| Self {
            scale,
            odd: Vec::new(),
            odd_first: integer(most, scale) + 1,
        })
    }

    /// Turns keys of floats into integers, all or none; whether it has.
    pub(super) fn take(&mut self, cells: &mut [i64]) -> bool {
        let mut integers = [0; BLOCK];
        for start in (0..cells.len()).step_by(BLOCK) {
            let end = cells.len().min(start + BLOCK);
            let block = &mut cells[start..end];
            let mut odd = 0;
            for (to, &key) in integers.iter_mut().zip(&*block) {
                *to = integer(key, self.scale);
                odd |= key_of(*to, self.scale) ^ key;
            }
            if odd != 0 && !self.take_odd(block, &mut integers) {
                self.give_back(&mut cells[..start]);
                return false;
            }
            block.copy_from_slice(&integers[..block.len()]);
        }
        true
    }

    /// Gives integers to the odd ones of a block, unless there are too many.
    fn take_odd(&mut self, block: &[i64], integers: &mut [i64]) -> bool {
        for (to, &key) in integers.iter_mut().zip(block) {
            if key_of(*to, self.scale) == key {
                continue;
            }
            let found = self.odd.iter().position(|&other| other == key);
            let index = found.unwrap_or(self.odd.len());
            if index == ODD_MAX {
                return false;
            }
            if found.is_none() {
                self.odd.push(key);
            }
            *to = self.odd_first + index as i64;
        }
        true
    }

    /// Turns integers into keys of floats.
    pub(super) fn give_back(&self, cells: &mut [i64]) {
        for cell in cells {
            let odd = usize::try_from(*cell - self.odd_first).ok();
            *cell = odd.map_or_else(|| key_of(*cell, self.scale), |index| self.odd[index]);
        }
    }

    /// The range of the integers of keys from `least` on.
    pub(super) fn range(&self, least: i64) -> (i64, i64) {
        let end = self.odd_first + self.odd.len() as i64;
        (integer(least, self.scale), end - 1)
    }
}

fn is_decimal(key: i64, scale: f64) -> bool {
    key_of(integer(key, scale), scale) == key
}

/// The integer of a float, or any if there is none.
#[inline]
fn integer(key: i64, scale: f64) -> i64 {
    (float(key) * scale + SHIFT).to_bits() as i64 - SHIFT.to_bits() as i64
}

#[inline]
fn key_of(integer: i64, scale: f64) -> i64 {
    float_key(integer as f64 / scale)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::statistics::range;
    use super::*;

    fn keys(floats: &[f64]) -> Vec<i64> {
        floats.iter().map(|&float| float_key(float)).collect()
    }

    proptest! {
        #[test]
        fn decimals_come_back(
            integers in prop::collection::vec(-(1i64 << 40)..1 << 40, 2..2_000),
            digits in 0i32..=4,
            odd in 0usize..2 * ODD_MAX,
        ) {
            let scale = 10f64.powi(digits);
            let mut floats: Vec<f64> = integers.iter().map(|&it| it as f64 / scale).collect();
            let seen = keys(&floats);
            let odd = odd.min(floats.len() / 2);
            for (index, float) in floats.iter_mut().rev().take(odd).enumerate() {
                *float = (index + 1) as f64 * std::f64::consts::PI;
            }
            let keys = keys(&floats);
            let range = range(&keys).unwrap();
            let mut decimals = Decimals::of(&seen, range).unwrap();
            prop_assert!(decimals.scale <= scale);
            let mut cells = keys.clone();
            prop_assert_eq!(decimals.take(&mut cells), odd <= ODD_MAX);
            if odd <= ODD_MAX {
                let (least, most) = decimals.range(range.0);
                prop_assert!(cells.iter().all(|cell| (least..=most).contains(cell)));
                if decimals.scale == scale {
                    let plain = integers.len() - odd;
                    prop_assert_eq!(&cells[..plain], &integers[..plain]);
                }
                decimals.give_back(&mut cells);
            }
            prop_assert_eq!(cells, keys);
        }
    }

    #[test]
    fn what_is_far_or_no_decimal_is_odd_or_left_alone() {
        for odd in [
            -0.0,
            f64::NAN,
            -f64::NAN,
            f64::INFINITY,
            0.1 + 0.2,
            1e300,
            -1e16,
            5e-324,
        ] {
            let mut floats = vec![0.25; 1_100];
            floats[700] = odd;
            let keys = keys(&floats);
            let Some(mut decimals) = Decimals::of(&keys[..64], range(&keys).unwrap()) else {
                assert!(odd.is_nan() || odd.abs() > 1e15, "{odd}");
                continue;
            };
            let mut cells = keys.clone();
            assert!(decimals.take(&mut cells));
            assert_eq!((cells[0], cells[700]), (25, decimals.odd_first));
            decimals.give_back(&mut cells);
            assert_eq!(cells, keys);
        }
    }
}
