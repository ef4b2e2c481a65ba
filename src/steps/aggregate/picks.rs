//! Sorted values of groups, one after the other -> their quantiles.
//! Keeps: between neighbours linearly, as pandas and DuckDB's `quantile_cont` have it.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array};

use crate::base::Measure;

/// The quantiles of groups at some shares.
pub(super) struct Picks {
    shares: Vec<f64>,
    /// For each group and share the values below and above.
    found: Vec<[f64; 2]>,
    /// The group that is being seen, and how many of its values were.
    seen: (u32, u64),
}

/// The places of the values below and above `share` among `count` sorted ones, and how far it lies
/// between them.
pub(super) fn place(share: f64, count: u64) -> ([u64; 2], f64) {
    let exact = (count - 1) as f64 * share;
    let below = exact.floor() as u64;
    ([below, (below + 1).min(count - 1)], exact.fract())
}

/// What lies `between` two values, as a share of their distance.
fn between([below, above]: [f64; 2], between: f64) -> f64 {
    // Infinities have no distance.
    if between == 0.0 || below == above {
        return below;
    }
    below + (above - below) * between
}

impl Picks {
    /// For those of `measures` that are quantiles.
    pub(super) fn new(measures: &[Measure]) -> Self {
        let shares = measures.iter().filter_map(|measure| match measure {
            Measure::Quantile(share) | Measure::ApproxQuantile(share) => Some(*share),
            _ => None,
        });
        Self {
            shares: shares.collect(),
            found: Vec::new(),
            seen: (u32::MAX, 0),
        }
    }

    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.shares.is_empty()
    }

    pub(super) fn shares(&self) -> &[f64] {
        &self.shares
    }

    /// Takes in the next value of `group`, which was seen `times` of all `count` values.
    pub(super) fn item(&mut self, group: u32, value: f64, times: u64, count: u64) {
        if self.seen.0 != group {
            self.seen = (group, 0);
        }
        let from = self.seen.1;
        self.seen.1 += times;
        for index in 0..self.shares.len() {
            let (places, _) = place(self.shares[index], count);
            for (side, place) in places.into_iter().enumerate() {
                if (from..from + times).contains(&place) {
                    self.set(group, index, side, value);
                }
            }
        }
    }

    /// Says what the value is below (0) or above (1) the share `index`.
    pub(super) fn set(&mut self, group: u32, index: usize, side: usize, value: f64) {
        let at = group as usize * self.shares.len() + index;
        if at >= self.found.len() {
            self.found.resize(at + 1, [0.0; 2]);
        }
        self.found[at][side] = value;
    }

    /// The quantiles of `groups` as a column, given how many values each has.
    pub(super) fn column(
        &self,
        measure: Measure,
        groups: &[u32],
        count: impl Fn(u32) -> u64,
    ) -> ArrayRef {
        let (Measure::Quantile(share) | Measure::ApproxQuantile(share)) = measure else {
            unreachable!("only quantiles are picked")
        };
        let index = self.shares.iter().position(|known| *known == share);
        let index = index.expect("it was made for all of its measures");
        let cell = |&group: &u32| {
            let count = count(group);
            (count > 0).then(|| {
                let found = self.found[group as usize * self.shares.len() + index];
                between(found, place(share, count).1)
            })
        };
        Arc::new(groups.iter().map(cell).collect::<Float64Array>())
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.found.capacity() * size_of::<[f64; 2]>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_lie_between_neighbours() {
        let quantile = |share: f64, values: &[f64]| {
            let ([below, above], rest) = place(share, values.len() as u64);
            between([values[below as usize], values[above as usize]], rest)
        };
        assert_eq!(quantile(0.5, &[1.0, 2.0, 10.0, 20.0]), 6.0);
        assert_eq!(quantile(0.0, &[1.0, 2.0]), 1.0);
        assert_eq!(quantile(1.0, &[1.0, 2.0]), 2.0);
        assert_eq!(quantile(0.3, &[7.0]), 7.0);
        assert_eq!(quantile(0.5, &[1.0, f64::INFINITY]), f64::INFINITY);
        assert_eq!(
            quantile(0.5, &[f64::INFINITY, f64::INFINITY]),
            f64::INFINITY
        );
    }
}
