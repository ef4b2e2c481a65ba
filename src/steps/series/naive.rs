//! The plain twins: whole columns of doubles in, whole columns out, each cell worked out anew from
//! all rows of its key.
//!
//! Nothing here is shared with the fast paths but the words of the specification: sums are exact,
//! and weights are those of the definition, not of a recurrence. Kept as the oracle of tests and
//! benchmarks.

use crate::base::{Decay, Ewm, Function, Rank, Running, Series, Ties, Weighted, Window};
use crate::steps::rolling::{RollingSpec, naive};

/// What `series` makes of `cells`; `keys[i]` is the key of row `i`, and `times`, in nanoseconds and
/// ascending in each key, are needed for half-lives of time and sessions only. Lags, leads,
/// differences and ranks take infinities for values, all else for missing.
///
/// # Panics
/// If the time is needed and does not come.
pub fn series(
    series: &Series,
    cells: &[Option<f64>],
    keys: &[u32],
    times: Option<&[Option<i64>]>,
) -> Vec<Option<f64>> {
    let of_key = |row: usize| -> Vec<usize> {
        let all = 0..cells.len();
        all.filter(|&other| keys[other] == keys[row]).collect()
    };
    let result = |row: usize| {
        let rows = of_key(row);
        let at = rows.iter().position(|&other| other == row)?;
        match series {
            Series::Lag(periods) => cells[before(&rows, at, *periods)?],
            Series::Lead(periods) => cells[*rows.get(at + *periods as usize)?],
            Series::Diff(periods) => Some(cells[row]? - cells[before(&rows, at, *periods)?]?),
            Series::PercentChange(periods) => {
                let share = cells[row]? / cells[before(&rows, at, *periods)?]? - 1.0;
                Some(share).filter(|share| !share.is_nan())
            }
            Series::Running(running) => run(*running, cells, row, &rows[..=at]),
            Series::Count => Some(at as f64),
            Series::Rank(rank) => place(*rank, cells, row, &rows),
            Series::Ewm(ewm) => weigh(ewm, cells, &rows[..=at], times),
            Series::Expanding(expanding) => expand(
                expanding.function,
                expanding.min_samples,
                cells,
                &rows[..=at],
            ),
            Series::Session(gap) => {
                let times = times.expect("sessions come with times");
                times[row]?;
                let times: Vec<i64> = rows[..=at].iter().filter_map(|&row| times[row]).collect();
                let pauses = times.windows(2).filter(|pair| pair[1] - pair[0] > *gap);
                Some(pauses.count() as f64)
            }
        }
    };
    (0..cells.len()).map(result).collect()
}

fn before(rows: &[usize], at: usize, periods: u32) -> Option<usize> {
    Some(rows[at.checked_sub(periods as usize)?])
}

fn run(running: Running, cells: &[Option<f64>], row: usize, rows: &[usize]) -> Option<f64> {
    cells[row]?;
    let values = || rows.iter().filter_map(|&row| cells[row]);
    match running {
        Running::Sum => expand(Function::Sum, 1, cells, rows),
        Running::Product => Some(values().product()),
        Running::Max => values().reduce(f64::max),
        Running::Min => values().reduce(f64::min),
    }
}

fn place(rank: Rank, cells: &[Option<f64>], row: usize, rows: &[usize]) -> Option<f64> {
    let value = cells[row]?;
    let values = || rows.iter().filter_map(|&row| Some((row, cells[row]?)));
    let comes_first = |other: f64| match rank.descending {
        true => other > value,
        false => other < value,
    };
    let less = values().filter(|(_, other)| comes_first(*other)).count() as f64;
    let equal = values().filter(|(_, other)| *other == value).count() as f64;
    let mut distinct: Vec<f64> = values().map(|(_, other)| other).collect();
    distinct.sort_by(f64::total_cmp);
    distinct.dedup();
    let place = match rank.ties {
        Ties::Average => less + (equal + 1.0) / 2.0,
        Ties::Min => less + 1.0,
        Ties::Max => less + equal,
        Ties::First => {
            let earlier = values().filter(|(other, cell)| *other <= row && *cell == value);
            less + earlier.count() as f64
        }
        Ties::Dense => 1.0 + distinct.iter().filter(|other| comes_first(**other)).count() as f64,
    };
    let all = match rank.ties {
        Ties::Dense => distinct.len(),
        _ => values().count(),
    };
    Some(if rank.share {
        place / all as f64
    } else {
        place
    })
}

/// The last of `rows`, each value weighed by its age.
fn weigh(
    ewm: &Ewm,
    cells: &[Option<f64>],
    rows: &[usize],
    times: Option<&[Option<i64>]>,
) -> Option<f64> {
    let time = |row: usize| times.expect("a half-life of time comes with times")[row];
    let is_timed = matches!(ewm.decay, Decay::Time(_));
    if is_timed {
        time(*rows.last()?)?;
    }
    let rows: Vec<usize> = { rows.iter().copied() }
        .filter(|&row| !is_timed || time(row).is_some())
        .collect();
    // Each value, and by what the weights before it fall from one to the next.
    let mut values: Vec<(f64, f64)> = Vec::new();
    let mut fall = 1.0;
    for (at, &row) in rows.iter().enumerate() {
        let step = match ewm.decay {
            _ if at == 0 => 1.0,
            Decay::Row(share) => 1.0 - share,
            Decay::Time(half_life) => {
                let age = time(row)? - time(rows[at - 1])?;
                0.5_f64.powf(age as f64 / half_life as f64)
            }
        };
        match cells[row].filter(|value| value.is_finite()) {
            Some(value) => {
                values.push((value, fall * step));
                fall = 1.0;
            }
            None if !ewm.ignore_nulls => fall *= step,
            None => {}
        }
    }
    if values.len() < ewm.min_samples.max(1) as usize {
        return None;
    }
    let weights = weights(ewm, &values);
    let sum: f64 = weights.iter().sum();
    let pairs = || values.iter().zip(&weights);
    let mean = pairs()
        .map(|((value, _), weight)| value * weight)
        .sum::<f64>()
        / sum;
    let squares = pairs().map(|((value, _), weight)| (value - mean) * (value - mean) * weight);
    let biased = squares.sum::<f64>() / sum;
    let squared: f64 = weights.iter().map(|weight| weight * weight).sum();
    let variance = (values.len() > 1).then(|| biased * sum * sum / (sum * sum - squared));
    match ewm.function {
        Weighted::Mean => Some(mean),
        Weighted::Var => variance,
        Weighted::Std => variance.map(f64::sqrt),
    }
}

/// What each value weighs.
fn weights(ewm: &Ewm, values: &[(f64, f64)]) -> Vec<f64> {
    let mut weights: Vec<f64> = Vec::new();
    for (at, &(_, fall)) in values.iter().enumerate() {
        weights.iter_mut().for_each(|weight| *weight *= fall);
        let new = match (ewm.adjust || at == 0, ewm.decay) {
            (true, _) => 1.0,
            (false, Decay::Row(share)) => share,
            (false, Decay::Time(_)) => 1.0 - fall,
        };
        weights.push(new);
        if !ewm.adjust {
            // Each mean is mixed from the one before and the value: together they weigh 1.
            let sum: f64 = weights.iter().sum();
            weights.iter_mut().for_each(|weight| *weight /= sum);
        }
    }
    weights
}

/// `function` over all of `rows`: a window that nothing has left yet.
fn expand(
    function: Function,
    min_samples: u32,
    cells: &[Option<f64>],
    rows: &[usize],
) -> Option<f64> {
    let cells: Vec<Option<f64>> = rows.iter().map(|&row| cells[row]).collect();
    let spec = RollingSpec {
        column: 0,
        function,
        window: Window::Rows(Window::ROWS_MAX),
        min_samples: Some(min_samples),
        output: 0,
    };
    let keys = vec![0; cells.len()];
    let (last, earlier) = (cells.len() - 1, &cells);
    naive::rolling(&spec, earlier, &keys, None)[last]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_hand() {
        let cells = [Some(1.0), None, Some(3.0), Some(10.0), Some(3.0)];
        let keys = [0, 0, 0, 1, 0];
        let make = |made: Series| series(&made, &cells, &keys, None);
        assert_eq!(make(Series::Lag(2)), [None, None, Some(1.0), None, None]);
        assert_eq!(
            make(Series::Lead(1)),
            [None, Some(3.0), Some(3.0), None, None]
        );
        assert_eq!(make(Series::Diff(2)), [None, None, Some(2.0), None, None]);
        let sums = [Some(1.0), None, Some(4.0), Some(10.0), Some(7.0)];
        assert_eq!(make(Series::Running(Running::Sum)), sums);
        let rank = Rank {
            ties: Ties::Average,
            descending: false,
            share: false,
        };
        let ranks = [Some(1.0), None, Some(2.5), Some(1.0), Some(2.5)];
        assert_eq!(make(Series::Rank(rank)), ranks);
        let ewm = Ewm {
            function: Weighted::Mean,
            decay: Decay::Row(0.5),
            adjust: true,
            ignore_nulls: false,
            min_samples: 1,
        };
        // Weights 1/4 and 1.
        let means = make(Series::Ewm(ewm));
        assert_eq!(means[..4], [Some(1.0), Some(1.0), Some(2.6), Some(10.0)]);
        let times = [Some(0), Some(5), None, Some(0), Some(11)];
        let sessions = series(&Series::Session(5), &cells, &keys, Some(&times));
        assert_eq!(sessions, [Some(0.0), Some(0.0), None, Some(0.0), Some(1.0)]);
    }
}
