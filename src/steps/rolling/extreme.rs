//! Smallest, largest, first and last values, and counts.
//!
//! Invariant: nothing is computed but comparisons, so every result is one of the values.

use super::aggregate::{Aggregate, LANES};
use crate::base::Function;

/// Count and smallest value, or, where `LARGEST`, largest value.
#[derive(Debug, Clone, Copy)]
pub(super) struct Extreme<const LARGEST: bool> {
    count: u32,
    value: f64,
}

impl<const LARGEST: bool> Extreme<LARGEST> {
    const WORST: f64 = if LARGEST {
        f64::NEG_INFINITY
    } else {
        f64::INFINITY
    };

    pub(super) fn new(count: u32, value: f64) -> Self {
        Self { count, value }
    }

    /// Of one value.
    #[inline]
    pub(super) fn of_one(value: f64) -> Self {
        if value.is_finite() {
            Self { count: 1, value }
        } else {
            Self::EMPTY
        }
    }

    /// The value; the worst one there is without any.
    #[inline]
    pub(super) fn value(&self) -> f64 {
        self.value
    }

    /// Whether it is as good as `other`, or better.
    #[inline]
    pub(super) fn beats(&self, other: f64) -> bool {
        if LARGEST {
            self.value >= other
        } else {
            self.value <= other
        }
    }

    #[inline]
    fn better(a: f64, b: f64) -> f64 {
        let b_wins = if LARGEST { b > a } else { b < a };
        if b_wins { b } else { a }
    }
}

impl<const LARGEST: bool> Aggregate for Extreme<LARGEST> {
    const EMPTY: Self = Self {
        count: 0,
        value: Self::WORST,
    };

    fn of(values: &[f64]) -> Self {
        let (chunks, rest) = values.as_chunks::<LANES>();
        let mut counts = [0_u64; LANES];
        let mut best = [Self::WORST; LANES];
        for chunk in chunks {
            for lane in 0..LANES {
                let present = chunk[lane].abs() < f64::INFINITY;
                let value = if present { chunk[lane] } else { Self::WORST };
                counts[lane] += u64::from(present);
                best[lane] = Self::better(best[lane], value);
            }
        }
        let mut total = Self {
            count: counts.iter().sum::<u64>() as u32,
            value: best.into_iter().fold(Self::WORST, Self::better),
        };
        for &value in rest.iter().filter(|value| value.is_finite()) {
            total.count += 1;
            total.value = Self::better(total.value, value);
        }
        total
    }

    #[inline]
    fn merge(self, later: Self) -> Self {
        Self {
            count: self.count + later.count,
            value: Self::better(self.value, later.value),
        }
    }

    fn samples(&self) -> u32 {
        self.count
    }

    fn result(&self, _: Function) -> Option<f64> {
        Some(if self.count == 0 {
            f64::NAN
        } else {
            self.value
        })
    }
}

/// Count and first value, or, where `LAST`, last value.
#[derive(Debug, Clone, Copy)]
pub(super) struct Edge<const LAST: bool> {
    count: u32,
    value: f64,
}

impl<const LAST: bool> Aggregate for Edge<LAST> {
    const EMPTY: Self = Self {
        count: 0,
        value: f64::NAN,
    };

    fn of(values: &[f64]) -> Self {
        let mut present = values.iter().filter(|value| value.is_finite());
        let edge = if LAST {
            present.next_back()
        } else {
            present.next()
        };
        Self {
            count: u32::from(edge.is_some()) + present.count() as u32,
            value: edge.copied().unwrap_or(f64::NAN),
        }
    }

    #[inline]
    fn merge(self, later: Self) -> Self {
        let keep_own = if LAST {
            later.count == 0
        } else {
            self.count > 0
        };
        Self {
            count: self.count + later.count,
            value: if keep_own { self.value } else { later.value },
        }
    }

    fn samples(&self) -> u32 {
        self.count
    }

    fn result(&self, _: Function) -> Option<f64> {
        Some(self.value)
    }
}

/// Number of values, infinite ones included, and of rows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Count {
    rows: u32,
    count: u32,
}

impl Aggregate for Count {
    const EMPTY: Self = Self { rows: 0, count: 0 };

    fn of(values: &[f64]) -> Self {
        Self {
            rows: values.len() as u32,
            count: values.iter().map(|value| u32::from(!value.is_nan())).sum(),
        }
    }

    #[inline]
    fn merge(self, later: Self) -> Self {
        Self {
            rows: self.rows + later.rows,
            count: self.count + later.count,
        }
    }

    fn samples(&self) -> u32 {
        self.rows
    }

    fn result(&self, _: Function) -> Option<f64> {
        Some(f64::from(self.count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn result<A: Aggregate>(first: &[f64], later: &[f64]) -> (u32, f64) {
        let merged = A::of(first).merge(A::of(later));
        // Which function is asked for makes no difference to these.
        (merged.samples(), merged.result(Function::Min).unwrap())
    }

    proptest! {
        #[test]
        fn agrees_with_a_plain_loop(values in prop::collection::vec(-4..8_i32, 0..20), cut in 0..20_usize) {
            let number = |&value: &i32| match value {
                5 => f64::NAN,
                6 => f64::INFINITY,
                7 => f64::NEG_INFINITY,
                value => f64::from(value),
            };
            let values: Vec<_> = values.iter().map(number).collect();
            let (first, later) = values.split_at(cut.min(values.len()));
            let finite: Vec<_> = values.iter().copied().filter(|value| value.is_finite()).collect();
            let count = finite.len() as u32;
            for ((samples, result), expected) in [
                (result::<Extreme<false>>(first, later), finite.iter().copied().reduce(f64::min)),
                (result::<Extreme<true>>(first, later), finite.iter().copied().reduce(f64::max)),
                (result::<Edge<false>>(first, later), finite.first().copied()),
                (result::<Edge<true>>(first, later), finite.last().copied()),
            ] {
                prop_assert_eq!(samples, count);
                prop_assert_eq!((!result.is_nan()).then_some(result), expected);
            }
            let present = values.iter().filter(|value| !value.is_nan()).count();
            let expected = (values.len() as u32, present as f64);
            prop_assert_eq!(result::<Count>(first, later), expected);
        }
    }
}
