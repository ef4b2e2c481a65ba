//! Random draws in, customer ids out: Zipf-distributed, with at most one hot customer. Invariant: a
//! draw takes constant time and no table, however many customers there are.

use std::ops::Range;

use crate::random::{Chance, Rng};

/// Who buys: how many customers there are and how unevenly the rows fall on them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Customers {
    /// Number of customers, 1 to [`Customers::COUNT_MAX`].
    pub count: u64,
    /// Zipf exponent: the customer of rank k gets a share proportional to `1 / k^zipf`; 0 is
    /// uniform.
    pub zipf: f64,
    /// Share of all rows that one more customer holds, 0 to 1.
    pub hot_share: f64,
}

impl Customers {
    /// The most customers there can be.
    pub const COUNT_MAX: u64 = 1_000_000_000;
}

/// Draws customer ids.
#[derive(Debug, Clone)]
pub(crate) struct CustomerIds {
    ranks: Zipf,
    count: u64,
    /// The smallest id. Ids run from a power of ten to less than twice that, so that all have the
    /// same width and the length of a row does not depend on the rank drawn.
    first: u64,
    hot: Chance,
}

impl CustomerIds {
    pub(crate) fn new(customers: Customers) -> Self {
        let mut first = 100_000;
        while first < customers.count {
            first *= 10;
        }
        Self {
            ranks: Zipf::new(customers.count, customers.zipf),
            count: customers.count,
            first,
            hot: Chance::new(customers.hot_share),
        }
    }

    /// All ids there are, ascending.
    pub(crate) fn all(&self) -> Range<u64> {
        let hot = u64::from(self.hot != Chance::new(0.0));
        self.first..self.first + self.count + hot
    }

    /// One id. The hot customer's is the highest.
    pub(crate) fn draw(&self, rng: &mut Rng) -> u64 {
        if self.hot.hits(rng.dice()) {
            return self.first + self.count;
        }
        // A prime factor above every count scatters the ranks over the ids, one to one.
        const PRIME: u64 = 2_654_435_761;
        self.first + self.ranks.draw(rng) * PRIME % self.count
    }
}

/// Ranks from 1 to `count` with probability proportional to `rank^-exponent`, by rejection-inversion
/// (Hörmann and Derflinger: "Rejection-inversion to generate variates from monotone discrete
/// distributions", ACM TOMACS 6(3), 1996).
#[derive(Debug, Clone)]
struct Zipf {
    count: f64,
    exponent: f64,
    /// Where the area under the hat begins and ends.
    area: (f64, f64),
    /// A candidate at most this far below its rank is accepted without a look at the hat.
    shortcut: f64,
}

impl Zipf {
    fn new(count: u64, exponent: f64) -> Self {
        let mut zipf = Self {
            count: count as f64,
            exponent,
            area: (0.0, 0.0),
            shortcut: 0.0,
        };
        zipf.area = (zipf.integral(1.5) - 1.0, zipf.integral(zipf.count + 0.5));
        zipf.shortcut = 2.0 - zipf.integral_inverse(zipf.integral(2.5) - zipf.density(2.0));
        zipf
    }

    fn draw(&self, rng: &mut Rng) -> u64 {
        let (begin, end) = self.area;
        loop {
            let area = end + rng.unit() * (begin - end);
            let x = self.integral_inverse(area);
            let rank = ((x + 0.5) as u64 as f64).clamp(1.0, self.count);
            if rank - x <= self.shortcut || area >= self.integral(rank + 0.5) - self.density(rank) {
                return rank as u64;
            }
        }
    }

    fn density(&self, x: f64) -> f64 {
        (-self.exponent * x.ln()).exp()
    }

    /// The integral of the density from 1 to `x`.
    fn integral(&self, x: f64) -> f64 {
        let power = 1.0 - self.exponent;
        if power == 0.0 {
            x.ln()
        } else {
            (power * x.ln()).exp_m1() / power
        }
    }

    fn integral_inverse(&self, area: f64) -> f64 {
        let power = 1.0 - self.exponent;
        if power == 0.0 {
            area.exp()
        } else {
            ((power * area).ln_1p() / power).exp()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    const DRAWS: usize = 200_000;

    #[test]
    fn ranks_follow_the_zipf_law() {
        for exponent in [0.0, 0.5, 1.0, 1.000_001, 1.7, 4.0] {
            let zipf = Zipf::new(10, exponent);
            let mut rng = Rng::for_row(3, 0);
            let mut counts = [0_usize; 10];
            for _ in 0..DRAWS {
                counts[zipf.draw(&mut rng) as usize - 1] += 1;
            }
            let weights: Vec<f64> = (1..=10).map(|k| f64::from(k).powf(-exponent)).collect();
            let total: f64 = weights.iter().sum();
            for (count, weight) in counts.into_iter().zip(weights) {
                let share = count as f64 / DRAWS as f64;
                assert!(
                    (share - weight / total).abs() < 0.005,
                    "exponent {exponent}: {counts:?}"
                );
            }
        }
    }

    #[test]
    fn one_customer_gets_everything() {
        let ids = CustomerIds::new(Customers {
            count: 1,
            zipf: 1.0,
            hot_share: 0.0,
        });
        let mut rng = Rng::for_row(3, 1);
        assert!((0..1000).all(|_| ids.draw(&mut rng) == 100_000));
    }

    #[test]
    fn ids_are_scattered_one_to_one_and_equally_wide() {
        for count in [7, 1000, 100_001] {
            let ids = CustomerIds::new(Customers {
                count,
                zipf: 0.0,
                hot_share: 0.1,
            });
            let mut rng = Rng::for_row(3, 2);
            let drawn: HashSet<u64> = (0..30_000).map(|_| ids.draw(&mut rng)).collect();
            let digits: HashSet<usize> = drawn.iter().map(|id| id.to_string().len()).collect();
            assert_eq!(digits.len(), 1, "{count}");
            if count <= 1000 {
                assert_eq!(
                    drawn.len() as u64,
                    count + 1,
                    "all of them, and the hot one"
                );
            }
        }
    }

    #[test]
    fn the_hot_customer_holds_its_share() {
        let ids = CustomerIds::new(Customers {
            count: 1000,
            zipf: 1.0,
            hot_share: 0.5,
        });
        let mut rng = Rng::for_row(3, 3);
        let hot = (0..DRAWS).filter(|_| ids.draw(&mut rng) == 101_000).count();
        assert!(hot.abs_diff(DRAWS / 2) < 1500, "{hot}");
    }
}
