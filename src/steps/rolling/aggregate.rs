//! What a summary of rows must offer so that a window's blocks can be folded into one.
//!
//! Values that are not finite are missing, as in pandas; only a count takes infinities.
//! Invariant: merging the summaries of two neighbouring runs gives the summary of both, and no
//! summary ever takes a value back, so what has left the window leaves no trace.

use super::exact::ExactSum;
use crate::base::Function;

/// Lanes of the unrolled loops; the compiler turns them into vectors.
pub(super) const LANES: usize = 4;

/// A summary of neighbouring rows.
pub(super) trait Aggregate: Copy + Send + 'static {
    /// Of no rows.
    const EMPTY: Self;

    /// Of all `values`.
    fn of(values: &[f64]) -> Self;

    /// Of these rows and the ones after them.
    #[must_use]
    fn merge(self, later: Self) -> Self;

    /// Rows that `min_samples` counts.
    fn samples(&self) -> u32;

    /// The function's value, NaN where it has none; `None` where rounding may have spoiled it.
    fn result(&self, function: Function) -> Option<f64>;

    /// The function's value from an exact sum of the same rows, for aggregates that may doubt.
    fn exact_result(&self, function: Function, _: &mut ExactSum) -> f64 {
        unreachable!("{function} never doubts its result")
    }
}

/// `a + b` rounded, and the error of that rounding (Knuth's TwoSum).
#[inline]
pub(in crate::steps) fn two_sum(a: f64, b: f64) -> (f64, f64) {
    let sum = a + b;
    let of_b = sum - a;
    (sum, (a - (sum - of_b)) + (b - of_b))
}
