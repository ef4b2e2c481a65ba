//! The plain twin: one rolled column over whole slices, in O(rows · window).
//!
//! Nothing here is shared with the fast path but the words of the specification: each window is
//! collected row by row, sorted or summed anew, and sums are exact. Kept as the oracle of tests,
//! fuzzing and benchmarks.

use super::RollingSpec;
use crate::base::{Function, Window};

/// Rolls `spec` over a whole column. `keys[i]` is the key of row `i`; `times` is in nanoseconds,
/// is needed for time windows only, and late times count as the latest of their key.
///
/// # Panics
/// If a time window comes without times.
pub fn rolling(
    spec: &RollingSpec,
    values: &[Option<f64>],
    keys: &[u32],
    times: Option<&[Option<i64>]>,
) -> Vec<Option<f64>> {
    let times = match spec.window {
        Window::Rows(_) => None,
        Window::Time(_) => Some(ascending(
            keys,
            times.expect("a time window comes with times"),
        )),
    };
    let row = |row: usize| {
        let window = window_rows(spec.window, row, keys, times.as_deref())?;
        let cells: Vec<_> = window.into_iter().map(|row| values[row]).collect();
        apply(spec.function, spec.min_samples() as usize, &cells)
    };
    (0..values.len()).map(row).collect()
}

/// The times with late ones raised to the latest of their key so far.
fn ascending(keys: &[u32], times: &[Option<i64>]) -> Vec<Option<i64>> {
    let latest = |row: usize| {
        let earlier = (0..=row).filter(|&other| keys[other] == keys[row]);
        times[row].and(earlier.filter_map(|other| times[other]).max())
    };
    (0..times.len()).map(latest).collect()
}

/// The rows that `row` sees, in order; `None` where its time is null.
fn window_rows(
    window: Window,
    row: usize,
    keys: &[u32],
    times: Option<&[Option<i64>]>,
) -> Option<Vec<usize>> {
    let mut seen = Vec::new();
    for other in (0..=row).rev().filter(|&other| keys[other] == keys[row]) {
        match (window, times) {
            (Window::Rows(rows), _) => {
                if seen.len() == rows as usize {
                    break;
                }
                seen.push(other);
            }
            (Window::Time(length), Some(times)) => {
                let now = i128::from(times[row]?);
                let then = times[other].map(i128::from);
                if then.is_some_and(|then| now - then < i128::from(length)) {
                    seen.push(other);
                }
            }
            (Window::Time(_), None) => unreachable!("checked at the door"),
        }
    }
    seen.reverse();
    Some(seen)
}

/// The function over the cells of one window.
fn apply(function: Function, min_samples: usize, cells: &[Option<f64>]) -> Option<f64> {
    if function == Function::Count {
        let present = cells.iter().flatten().filter(|value| !value.is_nan());
        return (cells.len() >= min_samples).then(|| present.count() as f64);
    }
    let values: Vec<f64> = cells
        .iter()
        .flatten()
        .copied()
        .filter(|value| value.is_finite())
        .collect();
    if values.len() < min_samples {
        return None;
    }
    if function == Function::Sum {
        return Some(sum(&values, 1.0));
    }
    let &first = values.first()?;
    Some(match function {
        Function::Mean => sum(&values, values.len() as f64),
        Function::Min => values.iter().copied().fold(first, f64::min),
        Function::Max => values.iter().copied().fold(first, f64::max),
        Function::Var => variance(&values)?,
        Function::Std => variance(&values)?.sqrt(),
        Function::First => first,
        Function::Last => values[values.len() - 1],
        Function::Median => median(values),
        Function::Quantile(level) => quantile(values, level),
        Function::Count | Function::Sum => unreachable!("answered above"),
    })
}

/// Σ values / divisor without rounding until the end, as Python's `math.fsum`: a list of partial
/// sums that do not overlap (Shewchuk, *Adaptive precision floating-point arithmetic*, 1997).
fn sum(values: &[f64], divisor: f64) -> f64 {
    // Scaled down where partial sums might overflow; what that rounds off is far below 1.
    let huge = values.iter().any(|value| value.abs() > 1e290);
    let scale = if huge { 2_f64.powi(-64) } else { 1.0 };
    let mut partials: Vec<f64> = Vec::new();
    for &value in values {
        let mut x = value * scale;
        let mut kept = Vec::new();
        for &partial in &partials {
            let (big, small) = if x.abs() < partial.abs() {
                (partial, x)
            } else {
                (x, partial)
            };
            let high = big + small;
            let low = small - (high - big);
            if low != 0.0 {
                kept.push(low);
            }
            x = high;
        }
        kept.push(x);
        partials = kept;
    }
    // From the smallest up, so that only the last addition rounds.
    partials.iter().sum::<f64>() / divisor / scale
}

/// Two passes with exact sums; `None` below two values.
fn variance(values: &[f64]) -> Option<f64> {
    let count = values.len() as f64;
    let first = values[0];
    let beyond_first: Vec<f64> = values.iter().map(|value| value - first).collect();
    let mean = first + sum(&beyond_first, count);
    let deviations: Vec<f64> = values.iter().map(|value| value - mean).collect();
    let squares: Vec<f64> = deviations
        .iter()
        .map(|deviation| deviation * deviation)
        .collect();
    let correction = sum(&deviations, 1.0);
    let variance = (squares.iter().sum::<f64>() - correction * correction / count) / (count - 1.0);
    let variance = if variance.is_nan() {
        f64::INFINITY
    } else {
        variance.max(0.0)
    };
    (values.len() > 1).then_some(variance)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let (low, high) = (values[(values.len() - 1) / 2], values[values.len() / 2]);
    sum(&[low, high], 2.0)
}

fn quantile(mut values: Vec<f64>, level: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let place = level * (values.len() - 1) as f64;
    let (low, high) = (
        values[place.floor() as usize],
        values[place.ceil() as usize],
    );
    let share = place - place.floor();
    if (high - low).is_finite() {
        low + (high - low) * share
    } else {
        low * (1.0 - share) + high * share
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(function: Function, window: &str, min_samples: Option<u32>) -> RollingSpec {
        RollingSpec {
            column: 0,
            function,
            window: window.parse().unwrap(),
            min_samples,
            output: 0,
        }
    }

    #[test]
    fn windows_by_hand() {
        let values = [Some(1.0), None, Some(3.0), Some(10.0), Some(5.0)];
        let keys = [0, 0, 0, 1, 0];
        let roll =
            |function, window, min| rolling(&spec(function, window, min), &values, &keys, None);
        let sums = [Some(1.0), Some(1.0), Some(3.0), Some(10.0), Some(8.0)];
        assert_eq!(roll(Function::Sum, "2", Some(1)), sums);
        assert_eq!(
            roll(Function::Sum, "2", None),
            [None, None, None, None, Some(8.0)]
        );
        let counts = [None, Some(1.0), Some(1.0), None, Some(2.0)];
        assert_eq!(roll(Function::Count, "2", None), counts);
        let variances = [None, None, Some(2.0), None, Some(4.0)];
        assert_eq!(roll(Function::Var, "4", Some(0)), variances);
    }

    #[test]
    fn time_windows_by_hand() {
        let values = [Some(1.0), Some(2.0), Some(4.0), Some(8.0), Some(16.0)];
        let times = [Some(0), Some(0), None, Some(10), Some(3)];
        let spec = spec(Function::Sum, "10ns", None);
        let sums = rolling(&spec, &values, &[0; 5], Some(&times));
        assert_eq!(sums, [Some(1.0), Some(3.0), None, Some(8.0), Some(24.0)]);
    }

    #[test]
    fn sums_are_exact() {
        assert_eq!(sum(&[1e300, 1e200, 1.0, -1e200, -1e300], 1.0), 1.0);
        assert_eq!(sum(&[f64::MAX, f64::MAX], 2.0), f64::MAX);
        assert_eq!(sum(&[0.1; 10], 10.0), 0.1);
    }

    #[test]
    fn variance_agrees_with_the_sum_over_pairs() {
        let values = [1e9, 1e9 + 1.0, 1e9 + 3.5, 1e9 - 7.25];
        let pairs = values
            .iter()
            .flat_map(|a| values.iter().map(move |b| (a - b) * (a - b)));
        let expected = pairs.sum::<f64>() / 2.0 / (4.0 * 3.0);
        assert!((variance(&values).unwrap() / expected - 1.0).abs() < 1e-12);
    }
}
