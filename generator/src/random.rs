//! Seed and row index in, random draws out. Invariant: a row's draws depend on nothing else, so any
//! thread may write any row, in any order.

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// The finalizer of SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number
/// generators", 2014).
#[inline]
fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// SplitMix64: one addition and one mix per draw, and any state is a good start.
#[derive(Debug, Clone)]
pub(crate) struct Rng(u64);

impl Rng {
    /// The generator of one row.
    #[inline]
    pub(crate) fn for_row(seed: u64, row: u64) -> Self {
        Self(mix(seed.wrapping_mul(GOLDEN) ^ row))
    }

    /// 64 random bits.
    #[inline]
    pub(crate) fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(GOLDEN);
        mix(self.0)
    }

    /// 32 random bits, to hold against a [`Chance`].
    #[inline]
    pub(crate) fn dice(&mut self) -> u32 {
        (self.bits() >> 32) as u32
    }

    /// Uniform in `[0, 1)`.
    #[inline]
    pub(crate) fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 * (1.0 / (1_u64 << 53) as f64)
    }

    /// Uniform in `0..n`, by multiplication instead of division (the bias is below n / 2^32).
    #[inline]
    pub(crate) fn below(&mut self, n: u32) -> u32 {
        scale(self.dice(), n)
    }
}

/// 32 random bits as a uniform number in `0..n`.
#[inline]
pub(crate) fn scale(dice: u32, n: u32) -> u32 {
    ((u64::from(dice) * u64::from(n)) >> 32) as u32
}

/// 32 random bits as a number in `0..n`, small ones more often: the square of a uniform one.
#[inline]
pub(crate) fn scale_skewed(dice: u32, n: u32) -> u32 {
    scale(scale(dice, dice), n)
}

/// A probability, in units of 2^-32.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Chance(u64);

impl Chance {
    /// From a fraction between 0 and 1.
    pub(crate) fn new(fraction: f64) -> Self {
        Self((fraction * (1_u64 << 32) as f64) as u64)
    }

    /// From whole percents.
    pub(crate) const fn percent(percent: u64) -> Self {
        Self((percent << 32) / 100)
    }

    /// Whether 32 random bits fall under it.
    #[inline]
    pub(crate) fn hits(self, dice: u32) -> bool {
        u64::from(dice) < self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DRAWS: usize = 100_000;

    #[test]
    fn rows_and_seeds_have_their_own_draws() {
        let mut firsts: Vec<u64> = (0..4)
            .flat_map(|seed| (0..1000).map(move |row| Rng::for_row(seed, row).bits()))
            .collect();
        firsts.sort_unstable();
        firsts.dedup();
        assert_eq!(firsts.len(), 4000);
        assert_eq!(Rng::for_row(7, 9).bits(), Rng::for_row(7, 9).bits());
    }

    #[test]
    fn below_covers_its_range_evenly() {
        let mut rng = Rng::for_row(1, 1);
        let mut counts = [0_usize; 5];
        for _ in 0..DRAWS {
            counts[rng.below(5) as usize] += 1;
        }
        for count in counts {
            assert!(count.abs_diff(DRAWS / 5) < 800, "{counts:?}");
        }
    }

    #[test]
    fn skewed_numbers_are_mostly_small() {
        let mut rng = Rng::for_row(1, 2);
        let mut counts = [0_usize; 4];
        for _ in 0..DRAWS {
            counts[scale_skewed(rng.dice(), 4) as usize] += 1;
        }
        // P(u^2 < k/4) = sqrt(k)/2.
        for (count, percent) in counts.into_iter().zip([50.0, 20.7, 15.9, 13.4]) {
            let share = count as f64 * 100.0 / DRAWS as f64;
            assert!((share - percent).abs() < 0.6, "{counts:?}");
        }
    }

    #[test]
    fn chances_reach_from_never_to_always() {
        assert!(!Chance::new(0.0).hits(0));
        assert!(Chance::new(1.0).hits(u32::MAX));
        assert_eq!(Chance::percent(50), Chance::new(0.5));
        assert!(Chance::percent(50).hits(u32::MAX / 2));
        assert!(!Chance::percent(50).hits(u32::MAX / 2 + 1));
    }
}
