//! A column of numbers -> mean and spread, the smallest and largest, or quantiles.
//!
//! Null and NaN cells are left out. Mean, spread and extremes are those of the finite cells;
//! infinite ones have a place among the quantiles. The spread is the standard deviation of the
//! population: sums of exact distances from the exact mean, in a pass of their own, each rounded
//! once. Quantiles lie on the straight line between their neighbours, as in NumPy.

use arrow::array::Array;

use super::FitColumn;
use super::cells::Cell;
use super::float_sum::ExactSum;
use super::numbers::numbers;
use super::ranks::{DISTINCT_BYTES_MAX, Ranked, Ranks};
use crate::base::{Batch, Result};
use crate::steps::{Fit, FitOutcome, Fitted};

/// What is learnt about the numbers of a column.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::steps) enum Summary {
    /// The mean and the standard deviation.
    Moments,
    /// The smallest and the largest.
    Extremes,
    /// The quantiles of these shares, each from 0 to 1.
    Quantiles(Vec<f64>),
}

/// Learns a [`Summary`]: its numbers, in the order it names them; none of a column without numbers.
pub(in crate::steps) struct SummaryFit {
    column: FitColumn,
    /// Cells that take part, of one batch.
    cells: Vec<f64>,
    stage: Stage,
}

enum Stage {
    Mean(Box<ExactSum>),
    /// Sums of the distances from the mean and of their squares.
    Spread {
        mean: f64,
        sums: Box<[ExactSum; 2]>,
    },
    Extremes {
        smallest: f64,
        largest: f64,
    },
    Quantiles {
        shares: Vec<f64>,
        ranks: Ranks<u64>,
    },
}

impl SummaryFit {
    /// Learns `summary` of `column`.
    pub(in crate::steps) fn new(column: FitColumn, summary: &Summary) -> Self {
        let stage = match summary {
            Summary::Moments => Stage::Mean(Box::default()),
            Summary::Extremes => Stage::Extremes {
                smallest: f64::INFINITY,
                largest: f64::NEG_INFINITY,
            },
            Summary::Quantiles(shares) => Stage::Quantiles {
                shares: shares.clone(),
                ranks: Ranks::new(column.bytes_max.min(DISTINCT_BYTES_MAX), wanted(shares)),
            },
        };
        Self {
            column,
            cells: Vec::new(),
            stage,
        }
    }

    /// Gathers the cells of `batch` that `takes_part` holds for.
    fn gather(&mut self, batch: &Batch, takes_part: fn(f64) -> bool) {
        let array = batch.column(self.column.slot);
        let cells = numbers(array);
        self.cells.clear();
        match array.nulls() {
            None => {
                let cells = cells.iter().copied();
                self.cells.extend(cells.filter(|&cell| takes_part(cell)));
            }
            Some(nulls) => {
                let cells = nulls.valid_indices().map(|row| cells[row]);
                self.cells.extend(cells.filter(|&cell| takes_part(cell)));
            }
        }
    }
}

impl Fit for SummaryFit {
    fn observe(&mut self, batch: &Batch) -> Result<()> {
        match self.stage {
            Stage::Quantiles { .. } => self.gather(batch, |cell| !cell.is_nan()),
            _ => self.gather(batch, f64::is_finite),
        }
        let cells = &mut self.cells;
        match &mut self.stage {
            Stage::Mean(sum) => sum.add(cells),
            Stage::Spread { mean, sums } => {
                cells.iter_mut().for_each(|cell| *cell -= *mean);
                sums[0].add(cells);
                cells.iter_mut().for_each(|cell| *cell *= *cell);
                sums[1].add(cells);
            }
            Stage::Extremes { smallest, largest } => {
                for &cell in &*cells {
                    *smallest = smallest.min(cell);
                    *largest = largest.max(cell);
                }
            }
            Stage::Quantiles { ranks, .. } => {
                ranks.observe(cells.iter().filter_map(|cell| cell.key()));
            }
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<FitOutcome> {
        let fitted = match self.stage {
            Stage::Mean(sum) => {
                let Some(mean) = sum.mean() else {
                    return Ok(FitOutcome::Done(fitted([].iter())));
                };
                self.stage = Stage::Spread {
                    mean,
                    sums: Box::default(),
                };
                return Ok(FitOutcome::Again(self));
            }
            Stage::Spread { mean, sums } => {
                let [off, square] = (*sums).map(|sum| sum.mean().unwrap_or_default());
                // The mean was rounded; what that left out of it is taken back here.
                let variance = (square - off * off).max(0.0);
                let named = [("mean", mean), ("standard deviation", variance.sqrt())];
                fitted(named.iter())
            }
            Stage::Extremes { smallest, largest } => {
                let named = [("smallest", smallest), ("largest", largest)];
                let has_any = smallest <= largest;
                fitted(named.iter().take(if has_any { 2 } else { 0 }))
            }
            Stage::Quantiles { shares, ranks } => match ranks.finish() {
                Ranked::Again(ranks) => {
                    self.stage = Stage::Quantiles { shares, ranks };
                    return Ok(FitOutcome::Again(self));
                }
                Ranked::Found { keys, count } => {
                    let names: Vec<String> = { shares.iter() }
                        .map(|share| format!("quantile {share}"))
                        .collect();
                    let found = quantiles(&shares, &keys, count);
                    let names = names.iter().map(String::as_str);
                    let named: Vec<_> = names.zip(found).collect();
                    fitted(named.iter())
                }
            },
        };
        Ok(FitOutcome::Done(fitted))
    }

    fn memory_bytes(&self) -> usize {
        let stage = match &self.stage {
            Stage::Mean(_) => size_of::<ExactSum>(),
            Stage::Spread { .. } => 2 * size_of::<ExactSum>(),
            Stage::Extremes { .. } => 0,
            Stage::Quantiles { ranks, .. } => ranks.memory_bytes(),
        };
        stage + self.cells.capacity() * size_of::<f64>()
    }
}

fn fitted<'a>(named: impl Iterator<Item = &'a (&'a str, f64)> + Clone) -> Fitted {
    let texts = named
        .clone()
        .map(|(name, value)| format!("{name} = {value}"));
    let exact = texts.collect::<Vec<_>>().join(", ");
    Fitted::Numbers {
        exact: match exact.as_str() {
            "" => "no values".to_owned(),
            _ => exact,
        },
        values: named.map(|(_, value)| *value).collect(),
    }
}

/// The two ranks that the quantile of `share` lies between, and how far from the lower one.
fn place(share: f64, count: u64) -> (u64, u64, f64) {
    // Through per cent and back, as pandas does, so that equal shares mean equal places.
    let share = share * 100.0 / 100.0;
    let last = count - 1;
    let at = last as f64 * share;
    let lower = (at.floor() as u64).min(last);
    (lower, (lower + 1).min(last), at - lower as f64)
}

/// The ranks that quantiles of `shares` lie between, each once.
fn wanted(shares: &[f64]) -> Box<dyn Fn(u64) -> Vec<u64> + Send> {
    let shares = shares.to_vec();
    Box::new(move |count| {
        if count == 0 {
            return Vec::new();
        }
        let places = shares.iter().map(|&share| place(share, count));
        let mut ranks: Vec<u64> = places
            .flat_map(|(lower, upper, _)| [lower, upper])
            .collect();
        ranks.sort_unstable();
        ranks.dedup();
        ranks
    })
}

/// The quantiles of `shares`, given the keys of the [`wanted`] ranks.
fn quantiles(shares: &[f64], keys: &[u64], count: u64) -> Vec<f64> {
    if count == 0 {
        return Vec::new();
    }
    let ranks = wanted(shares)(count);
    let cell = |rank: u64| {
        let at = ranks.binary_search(&rank).expect("the rank was wanted");
        f64::from_key(keys[at])
    };
    let quantile = |&share: &f64| {
        let (lower, upper, part) = place(share, count);
        between(cell(lower), cell(upper), part)
    };
    shares.iter().map(quantile).collect()
}

/// The point `part` of the way from `low` to `high`, rounded as NumPy rounds it.
fn between(low: f64, high: f64, part: f64) -> f64 {
    if low == high || part == 0.0 {
        return low;
    }
    let distance = high - low;
    match part < 0.5 {
        true => low + distance * part,
        false => high - distance * (1.0 - part),
    }
}
