//! Sums of floats: cells in, their mean out. [`ExactSum`] is exact, whatever the order, so a mean
//! does not depend on threads or chunks; [`PairSum`] is the small one, for a state per key.
//!
//! How the exact sum works:
//! 1. A finite float is an integer of 53 bits times 2^p, p counted from 2^-1074. The sum is kept as
//!    one long fixed-point number over that whole range, in digits of 32 bits (Neal, "Fast exact
//!    summation using small and large superaccumulators", 2015).
//! 2. Each digit sits in an `i64`, so that a cell only touches two digits (its low 32 bits and the
//!    up to 52 above) and no carry runs; carries run before a digit could overflow.
//! 3. Most cells never get there. Those of a block are first cut in two at fixed places below the
//!    largest of them: the upper parts sum up without an error, so do the lower ones, and only the
//!    two sums go into the digits (Rump, Ogita and Oishi, "Accurate floating-point summation part
//!    I", 2008). A block in which something is left after two cuts, or that is not finite, goes
//!    into the digits cell by cell.
//! 4. Infinities are noted beside the digits, NaN cells are skipped.

use super::ratio::quotient_to_f64;

/// 2046 places for the lowest bit of a float, 53 bits above the last of them, 64 bits of count:
/// 2163 bits in 68 digits.
const DIGITS: usize = 70;

/// A cell adds less than 2^52 + 2^32 to a digit: after 2^10 cells it is still below 2^63.
const CELLS_BETWEEN_CARRIES: usize = 1024;

/// Cells that are cut at the same places.
const BLOCK: usize = 256;

/// Bits that the sum of a block may need beyond those of its largest part: `BLOCK + 2 <= 2^9`.
const BLOCK_BITS: u64 = 9;

/// An exact sum of floats.
#[derive(Clone)]
pub(in crate::steps) struct ExactSum {
    digits: [i64; DIGITS],
    cells_since_carry: usize,
    /// Cells of a block that is not full yet.
    waiting: [f64; BLOCK],
    waiting_len: usize,
    count: u64,
    infinite: [bool; 2],
}

impl Default for ExactSum {
    fn default() -> Self {
        Self {
            digits: [0; DIGITS],
            cells_since_carry: 0,
            waiting: [0.0; BLOCK],
            waiting_len: 0,
            count: 0,
            infinite: [false; 2],
        }
    }
}

impl ExactSum {
    /// Adds all of `cells` but NaN.
    pub(in crate::steps) fn add(&mut self, mut cells: &[f64]) {
        while self.waiting_len + cells.len() >= BLOCK {
            let missing;
            (missing, cells) = cells.split_at(BLOCK - self.waiting_len);
            self.waiting[self.waiting_len..].copy_from_slice(missing);
            self.waiting_len = 0;
            let block = self.waiting;
            match cut(&block) {
                Some(sums) => {
                    self.add_digits(&sums);
                    self.count += BLOCK as u64;
                }
                None => self.add_each(&block),
            }
        }
        self.waiting[self.waiting_len..][..cells.len()].copy_from_slice(cells);
        self.waiting_len += cells.len();
    }

    fn add_each(&mut self, cells: &[f64]) {
        let finite = self.add_digits(cells);
        self.count += finite;
        if finite < cells.len() as u64 {
            self.infinite[0] |= cells.contains(&f64::INFINITY);
            self.infinite[1] |= cells.contains(&f64::NEG_INFINITY);
        }
    }

    /// Adds at most a block of cells and returns how many of them are finite.
    fn add_digits(&mut self, cells: &[f64]) -> u64 {
        if self.cells_since_carry + cells.len() > CELLS_BETWEEN_CARRIES {
            carry(&mut self.digits);
            self.cells_since_carry = 0;
        }
        self.cells_since_carry += cells.len();
        add_finite(&mut self.digits, cells)
    }

    /// The mean, rounded once; `None` without a cell. NaN if there are infinities of both signs.
    pub(in crate::steps) fn mean(&self) -> Option<f64> {
        let mut whole = self.clone();
        whole.add_each(&self.waiting[..self.waiting_len]);
        if whole.infinite != [false; 2] {
            return Some(infinite_mean(whole.infinite));
        }
        if whole.count == 0 {
            return None;
        }
        Some(quotient(whole.digits, whole.count))
    }

    /// The sum of the finite cells, rounded once, and what that leaves, rounded once.
    pub(in crate::steps) fn pair(&self) -> (f64, f64) {
        let mut digits = self.all_digits();
        let high = quotient(digits, 1);
        if high.is_infinite() {
            return (high, 0.0);
        }
        add_finite(&mut digits, &[-high]);
        (high, quotient(digits, 1))
    }

    /// As few floats as add up to exactly the sum of the finite cells.
    pub(in crate::steps) fn parts(&self) -> Vec<f64> {
        let mut digits = self.all_digits();
        let mut parts = Vec::new();
        loop {
            let part = quotient(digits, 1).clamp(-f64::MAX, f64::MAX);
            if part == 0.0 {
                return parts;
            }
            parts.push(part);
            carry(&mut digits);
            add_finite(&mut digits, &[-part]);
        }
    }

    fn all_digits(&self) -> [i64; DIGITS] {
        let mut digits = self.digits;
        carry(&mut digits);
        add_finite(&mut digits, &self.waiting[..self.waiting_len]);
        digits
    }
}

/// The sum in `digits` over `count`, rounded once.
fn quotient(mut digits: [i64; DIGITS], count: u64) -> f64 {
    carry(&mut digits);
    let negative = digits[DIGITS - 1] < 0;
    if negative {
        digits.iter_mut().for_each(|digit| *digit = -*digit);
        carry(&mut digits);
    }
    let mut limbs = [0u64; DIGITS / 2];
    for (limb, pair) in limbs.iter_mut().zip(digits.as_chunks::<2>().0) {
        *limb = pair[0] as u64 | (pair[1] as u64) << 32;
    }
    let magnitude = quotient_to_f64(&limbs, -1074, count);
    if negative { -magnitude } else { magnitude }
}

/// Two floats that sum up to exactly the sum of the block, if two cuts leave nothing.
///
/// Adding a power of two that is 2^[`BLOCK_BITS`] times a bound of the cells, and subtracting it
/// again, keeps of each cell a multiple of one common unit, small enough that a block of them sums
/// up in 53 bits. What a cell loses by that is a float again.
fn cut(block: &[f64; BLOCK]) -> Option<[f64; 2]> {
    const LANES: usize = 4;
    let (rows, _) = block.as_chunks::<LANES>();
    let mut largest = [0u64; LANES];
    for row in rows {
        for lane in 0..LANES {
            largest[lane] = largest[lane].max(row[lane].to_bits() << 1);
        }
    }
    let largest = largest.into_iter().fold(0, u64::max);
    if largest == 0 {
        return Some([0.0; 2]);
    }
    // The exponent field of the first power of two above all cells, times 2^BLOCK_BITS; the second
    // cut lies 53 bits lower and is as much larger than what the first one left.
    let first = (largest >> 53) + 1 + BLOCK_BITS;
    let second = (first + BLOCK_BITS)
        .checked_sub(53)
        .filter(|&field| field > 0)?;
    if first >= 0x7ff {
        return None;
    }
    let (first, second) = (f64::from_bits(first << 52), f64::from_bits(second << 52));
    let (mut upper, mut lower, mut left) = ([0.0; LANES], [0.0; LANES], [0; LANES]);
    for row in rows {
        for lane in 0..LANES {
            let cell = row[lane];
            let high = (first + cell) - first;
            let low_and_rest = cell - high;
            let low = (second + low_and_rest) - second;
            upper[lane] += high;
            lower[lane] += low;
            left[lane] |= (low_and_rest - low).to_bits() << 1;
        }
    }
    (left == [0; LANES]).then(|| [upper.iter().sum(), lower.iter().sum()])
}

/// The mean of cells among which are +∞, -∞ or both.
fn infinite_mean([positive, negative]: [bool; 2]) -> f64 {
    match (positive, negative) {
        (true, true) => f64::NAN,
        (true, false) => f64::INFINITY,
        _ => f64::NEG_INFINITY,
    }
}

/// Adds the finite cells of a block and returns their number.
fn add_finite(digits: &mut [i64; DIGITS], cells: &[f64]) -> u64 {
    let mut finite = 0;
    for cell in cells {
        let bits = cell.to_bits();
        let exponent = (bits >> 52 & 0x7ff) as u32;
        if exponent == 0x7ff {
            continue;
        }
        finite += 1;
        // Subnormals (exponent 0) lie at the place of exponent 1, without the leading bit.
        let place = exponent.saturating_sub(1);
        let magnitude = (bits & ((1 << 52) - 1)) | u64::from(exponent != 0) << 52;
        let sign = bits as i64 >> 63;
        let shift = place % 32;
        let low = (magnitude << shift & 0xffff_ffff) as i64;
        let high = (magnitude >> (32 - shift)) as i64;
        // Up to 63, so two digits fit; the mask tells the compiler.
        let digit = ((place / 32) & 63) as usize;
        digits[digit] += (low ^ sign) - sign;
        digits[digit + 1] += (high ^ sign) - sign;
    }
    finite
}

/// Brings every digit but the last into `0..2^32`; the last carries the sign.
fn carry(digits: &mut [i64; DIGITS]) {
    for index in 0..DIGITS - 1 {
        let over = digits[index] >> 32;
        digits[index] &= 0xffff_ffff;
        digits[index + 1] += over;
    }
}

/// A sum as an unevaluated pair of floats (about 106 bits), after Dekker and Knuth.
///
/// Where a sum would overflow it goes on in units of 2^100, so that a mean only overflows if it is
/// no float itself.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::steps) struct PairSum {
    high: f64,
    low: f64,
    count: u64,
    scaled: bool,
    infinite: [bool; 2],
}

impl PairSum {
    const UNIT: f64 = f64::from_bits((1023 + 100) << 52);

    /// Adds `cell` unless it is NaN.
    pub(in crate::steps) fn add(&mut self, cell: f64) {
        if !cell.is_finite() {
            self.infinite[0] |= cell == f64::INFINITY;
            self.infinite[1] |= cell == f64::NEG_INFINITY;
            return;
        }
        self.count += 1;
        let cell = if self.scaled { cell / Self::UNIT } else { cell };
        let (sum, error) = two_sum(self.high, cell);
        if sum.is_finite() {
            (self.high, self.low) = two_sum(sum, self.low + error);
            return;
        }
        self.scaled = true;
        self.high /= Self::UNIT;
        self.low /= Self::UNIT;
        let (sum, error) = two_sum(self.high, cell / Self::UNIT);
        (self.high, self.low) = two_sum(sum, self.low + error);
    }

    /// The mean; `None` without a cell. NaN if there are infinities of both signs.
    pub(in crate::steps) fn mean(&self) -> Option<f64> {
        if self.infinite != [false; 2] {
            return Some(infinite_mean(self.infinite));
        }
        if self.count == 0 {
            return None;
        }
        let count = self.count as f64;
        let quotient = self.high / count;
        // What the rounded quotient leaves, exactly, plus the low part.
        let rest = (-quotient).mul_add(count, self.high) + self.low;
        let mean = quotient + rest / count;
        Some(if self.scaled { mean * Self::UNIT } else { mean })
    }
}

/// `a + b` rounded, and what rounding lost.
fn two_sum(a: f64, b: f64) -> (f64, f64) {
    let sum = a + b;
    let b_part = sum - a;
    (sum, (a - (sum - b_part)) + (b - b_part))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn exact(cells: &[f64]) -> Option<f64> {
        let mut sum = ExactSum::default();
        sum.add(cells);
        sum.mean()
    }

    fn pair(cells: &[f64]) -> Option<f64> {
        let mut sum = PairSum::default();
        cells.iter().for_each(|&cell| sum.add(cell));
        sum.mean()
    }

    #[test]
    fn what_cancels_leaves_no_trace() {
        for mean in [exact, pair] {
            assert_eq!(mean(&[1e300, 1.0, -1e300, 2.0, 3.0, 0.0]), Some(1.0));
            assert_eq!(mean(&[f64::MAX, f64::MAX]), Some(f64::MAX));
            assert_eq!(mean(&[f64::MAX, f64::MAX, -f64::MAX, -f64::MAX]), Some(0.0));
            assert_eq!(mean(&[-5e-324, -5e-324]), Some(-5e-324));
            assert_eq!(mean(&[0.1; 10]), Some(0.1));
            assert_eq!(mean(&[1e300, -1e300, 4e-300, 0.0]), Some(1e-300));
        }
    }

    #[test]
    fn infinities_win_and_nan_is_skipped() {
        let (up, down, nan) = (f64::INFINITY, f64::NEG_INFINITY, f64::NAN);
        for mean in [exact, pair] {
            assert_eq!(mean(&[]), None);
            assert_eq!(mean(&[nan]), None);
            assert_eq!(mean(&[nan, 3.0, -nan]), Some(3.0));
            assert_eq!(mean(&[1.0, up, 1.0]), Some(up));
            assert_eq!(mean(&[1.0, down]), Some(down));
            assert!(mean(&[up, down]).unwrap().is_nan());
        }
    }

    #[test]
    fn a_sum_is_taken_apart_into_floats() {
        for cells in [
            vec![1e300, 1.0, -1e300, 1e-300],
            vec![f64::MAX, f64::MAX, 3.0],
            vec![0.1; 1000],
            vec![-5e-324, 1e16, 1.0],
            vec![1.0, -1.0],
        ] {
            let mut sum = ExactSum::default();
            sum.add(&cells);
            let mut rest = sum.clone();
            for part in sum.parts() {
                rest.add(&[-part]);
            }
            assert!(rest.parts().is_empty(), "{cells:?}");
            if sum.parts().len() <= 2 && sum.pair().0.is_finite() {
                let (high, low) = sum.pair();
                let parts = [high, low].into_iter().filter(|part| *part != 0.0);
                assert_eq!(parts.collect::<Vec<_>>(), sum.parts());
            }
        }
        let mut sum = ExactSum::default();
        sum.add(&[f64::MAX, f64::MAX]);
        assert_eq!(sum.pair(), (f64::INFINITY, 0.0));
    }

    #[test]
    fn what_two_cuts_do_not_reach_is_left_to_the_digits() {
        let mut block = [0.01; BLOCK];
        block[7] = 1e6;
        assert!(cut(&block).is_some());
        for rest in [1e-20, 5e-324, f64::MAX, f64::INFINITY, f64::NAN] {
            block[9] = rest;
            assert_eq!(cut(&block), None, "{rest}");
        }
        assert_eq!(cut(&[0.0; BLOCK]), Some([0.0; 2]));
        assert_eq!(cut(&[1.5; BLOCK]), Some([384.0, 0.0]));
        assert_eq!(cut(&[5e-324; BLOCK]), None);
    }

    #[test]
    fn digits_do_not_overflow_between_carries() {
        let largest = f64::from_bits((1u64 << 53) - 1 + (31 << 52));
        for cell in [f64::MAX, largest, f64::MIN_POSITIVE, 5e-324, -1.0 / 3.0] {
            assert_eq!(exact(&vec![cell; 100_000]), Some(cell));
        }
    }

    proptest! {
        /// Multiples of 2^-40 are integers in units of 2^-40: i128 sums them exactly.
        #[test]
        fn equals_the_rational_mean(units in prop::collection::vec(any::<i64>(), 1..2000)) {
            let unit = 2f64.powi(-40);
            let cells: Vec<f64> = units.iter().map(|&u| u as f64 * unit).collect();
            let sum: i128 = units.iter().map(|&u| u as f64 as i128).sum();
            let magnitude = sum.unsigned_abs();
            let limbs = [magnitude as u64, (magnitude >> 64) as u64];
            let oracle = quotient_to_f64(&limbs, -40, cells.len() as u64);
            prop_assert_eq!(exact(&cells), Some(if sum < 0 { -oracle } else { oracle }));
        }

        /// The digits alone are the plain twin of the cuts.
        #[test]
        fn cuts_equal_digits(
            scale in -1070..1020,
            cells in prop::collection::vec(prop_oneof![
                8 => -1.0..1.0, 1 => Just(0.0), 1 => Just(-0.0), 1 => -1e-4..1e-4
            ], BLOCK),
        ) {
            let scale = 2f64.powi(scale / 2) * 2f64.powi(scale - scale / 2);
            let cells: Vec<_> = cells.into_iter().map(|cell| cell * scale).collect();
            let mut digits = ExactSum::default();
            digits.add_each(&cells);
            prop_assert_eq!(exact(&cells), digits.mean());
        }

        #[test]
        fn order_does_not_matter(
            mut cells in prop::collection::vec(any::<f64>(), 1..700),
            split in 0usize..700,
        ) {
            let forward = exact(&cells);
            cells.reverse();
            let split = split.min(cells.len());
            let mut sum = ExactSum::default();
            sum.add(&cells[split..]);
            sum.add(&cells[..split]);
            prop_assert_eq!(forward.map(f64::to_bits), sum.mean().map(f64::to_bits));
        }

        /// Two roundings after 106 bits: at most one unit in the last place from the exact mean.
        #[test]
        fn the_pair_is_as_good_as_exact(cells in prop::collection::vec(-1e6..1e6, 1..300)) {
            let (pair, exact) = (pair(&cells).unwrap(), exact(&cells).unwrap());
            prop_assert!((pair - exact).abs() <= exact.abs() * f64::EPSILON + 1e-18, "{pair} {exact}");
        }
    }
}
