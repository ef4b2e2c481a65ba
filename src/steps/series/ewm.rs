//! Exponentially weighted means and spreads: a shard's numbers in, one column per result out.
//!
//! The recurrences are those of pandas' `ewm`, whose results they equal: each value weighs
//! (1 − α)^age, divided by the sum of all weights where they are adjusted. With a half-life of time
//! a value weighs half after that time. Invariant: a row without a value lets weights fall, unless
//! nulls are ignored, and gets the last result; a row without a time does nothing and gets null.
//!
//! In one case pandas 3.1 does not do as it says, which is followed here: unadjusted weights at
//! α = 1/2, behind nulls.

use std::any::Any;
use std::sync::Arc;

use super::Plan;
use super::clock::{Clock, Since};
use super::per_key::PerKey;
use crate::base::{Batch, Decay, Ewm, Result, Series, Weighted};
use crate::steps::rolling::gather_numbers;
use crate::steps::{KeyedState, ShardColumns};

/// What is held of a key.
trait Weights: Copy + Send + 'static {
    const EMPTY: Self;
    /// With a first value.
    fn begin(value: f64) -> Self;
    /// Lets all weights fall.
    fn fade(&mut self, factor: f64);
    /// Takes in a value that weighs `weight`, or what was lost to it where `weight` is `None`.
    fn add(&mut self, value: f64, weight: Option<f64>, adjust: bool);
    /// Values so far.
    fn samples(&self) -> u32;
    /// The function of the values so far, of which there is one.
    fn result(&self, function: Weighted) -> f64;
}

/// Enough for a mean.
#[derive(Debug, Clone, Copy)]
struct Mean {
    mean: f64,
    /// The sum of all weights.
    weight: f64,
    samples: u32,
}

impl Mean {
    /// The mean of `self` and a value that weighs `weight`.
    #[inline(always)]
    fn with(&self, value: f64, weight: f64) -> f64 {
        // The mean of equal values is that value.
        match self.mean == value {
            true => value,
            false => (self.weight * self.mean + weight * value) / (self.weight + weight),
        }
    }
}

impl Weights for Mean {
    const EMPTY: Self = Self {
        mean: f64::NAN,
        weight: 1.0,
        samples: 0,
    };

    fn begin(value: f64) -> Self {
        Self {
            mean: value,
            weight: 1.0,
            samples: 1,
        }
    }

    #[inline(always)]
    fn fade(&mut self, factor: f64) {
        self.weight *= factor;
    }

    #[inline(always)]
    fn add(&mut self, value: f64, weight: Option<f64>, adjust: bool) {
        let weight = weight.unwrap_or(1.0 - self.weight);
        self.mean = self.with(value, weight);
        self.weight = match adjust {
            true => self.weight + weight,
            false => 1.0,
        };
        self.samples = self.samples.saturating_add(1);
    }

    fn samples(&self) -> u32 {
        self.samples
    }

    fn result(&self, _: Weighted) -> f64 {
        self.mean
    }
}

/// Enough for a variance too.
#[derive(Debug, Clone, Copy)]
struct Moments {
    mean: Mean,
    variance: f64,
    weights: f64,
    squared_weights: f64,
}

impl Weights for Moments {
    const EMPTY: Self = Self {
        mean: Mean::EMPTY,
        variance: 0.0,
        weights: 1.0,
        squared_weights: 1.0,
    };

    fn begin(value: f64) -> Self {
        Self {
            mean: Mean::begin(value),
            ..Self::EMPTY
        }
    }

    #[inline(always)]
    fn fade(&mut self, factor: f64) {
        self.mean.fade(factor);
        self.weights *= factor;
        self.squared_weights *= factor * factor;
    }

    #[inline(always)]
    fn add(&mut self, value: f64, weight: Option<f64>, adjust: bool) {
        let (before, old) = (self.mean.mean, self.mean.weight);
        let weight = weight.unwrap_or(1.0 - old);
        let mean = self.mean.with(value, weight);
        let (moved, beyond) = (before - mean, value - mean);
        self.variance =
            (old * (self.variance + moved * moved) + weight * (beyond * beyond)) / (old + weight);
        self.weights += weight;
        self.squared_weights += weight * weight;
        if !adjust {
            let sum = old + weight;
            self.weights /= sum;
            self.squared_weights /= sum * sum;
        }
        self.mean.add(value, Some(weight), adjust);
    }

    fn samples(&self) -> u32 {
        self.mean.samples
    }

    fn result(&self, function: Weighted) -> f64 {
        let squared = self.weights * self.weights;
        let bias = squared - self.squared_weights;
        let variance = match bias > 0.0 {
            true => squared / bias * self.variance,
            false => f64::NAN,
        };
        match function {
            Weighted::Mean => self.mean.mean,
            Weighted::Std => variance.sqrt(),
            Weighted::Var => variance,
        }
    }
}

/// The state of one shard.
struct State<W> {
    plan: Arc<Plan>,
    /// The first result; the others differ in their function and `min_samples` only.
    shape: Ewm,
    clock: Option<Clock>,
    /// Half-lives in a tick.
    half_lives: f64,
    states: PerKey<W>,
    numbers: Vec<f64>,
}

/// The empty state of a shard.
pub(super) fn state(plan: Arc<Plan>) -> Box<dyn KeyedState> {
    let mut all = plan.specs.iter().map(|spec| ewm(&spec.series));
    match all.all(|ewm| ewm.function == Weighted::Mean) {
        true => Box::new(State::<Mean>::new(plan)),
        false => Box::new(State::<Moments>::new(plan)),
    }
}

fn ewm(series: &Series) -> &Ewm {
    match series {
        Series::Ewm(ewm) => ewm,
        _ => unreachable!("only such results are planned here"),
    }
}

impl<W: Weights> State<W> {
    fn new(plan: Arc<Plan>) -> Self {
        let shape = *ewm(&plan.specs[0].series);
        let clock = Clock::new(&plan);
        let half_lives = match (shape.decay, &clock) {
            (Decay::Time(half_life), Some(clock)) => {
                clock.tick_nanoseconds() as f64 / half_life as f64
            }
            _ => 0.0,
        };
        Self {
            plan,
            shape,
            clock,
            half_lives,
            states: PerKey::new(W::EMPTY),
            numbers: Vec::new(),
        }
    }

    /// By what weights fall before the `at`th of `rows`; `None` where it has no time.
    #[inline(always)]
    fn factor(&mut self, rows: &[u32], at: usize, key: u32) -> Result<Option<f64>> {
        let Some(clock) = &mut self.clock else {
            return Ok(Some(match self.shape.decay {
                Decay::Row(share) => 1.0 - share,
                Decay::Time(_) => unreachable!("a half-life of time is planned with a clock"),
            }));
        };
        Ok(match clock.since(rows, at, key)? {
            Since::Never => None,
            Since::Start => Some(1.0),
            Since::Ticks(ticks) => Some(0.5_f64.powf(ticks as f64 * self.half_lives)),
        })
    }
}

impl<W: Weights> KeyedState for State<W> {
    fn advance(&mut self, batch: &Batch, rows: &[u32], keys: &[u32]) -> Result<ShardColumns> {
        gather_numbers(batch.column(self.plan.slot), rows, &mut self.numbers);
        if let Some(clock) = &mut self.clock {
            clock.read(batch, rows, keys);
        }
        self.states.cover(keys);
        let plan = Arc::clone(&self.plan);
        let outputs: Vec<&Ewm> = plan.specs.iter().map(|spec| ewm(&spec.series)).collect();
        let mut columns = vec![vec![f64::NAN; rows.len()]; outputs.len()];
        let weight = match (self.shape.adjust, self.shape.decay) {
            (true, _) => Some(1.0),
            (false, Decay::Row(share)) => Some(share),
            (false, Decay::Time(_)) => None,
        };
        let Ewm {
            adjust,
            ignore_nulls,
            ..
        } = self.shape;
        for (at, &key) in keys.iter().enumerate() {
            self.states.fetch_ahead(keys, at);
            let Some(factor) = self.factor(rows, at, key)? else {
                continue;
            };
            let number = self.numbers[at];
            let is_value = number.is_finite();
            let state = &mut self.states[key];
            if state.samples() == 0 {
                if is_value {
                    *state = W::begin(number);
                }
            } else if is_value {
                state.fade(factor);
                state.add(number, weight, adjust);
            } else if !ignore_nulls {
                state.fade(factor);
            }
            let samples = state.samples();
            for (column, output) in columns.iter_mut().zip(&outputs) {
                if samples >= output.min_samples.max(1) {
                    column[at] = state.result(output.function);
                }
            }
        }
        Ok(ShardColumns::Dense(columns))
    }

    fn finish(self: Box<Self>) -> Option<Arc<dyn Any + Send + Sync>> {
        self.clock.as_ref().map(Clock::skipped)
    }

    fn memory_bytes(&self) -> usize {
        let clock = self.clock.as_ref().map_or(0, Clock::memory_bytes);
        clock + self.states.memory_bytes() + self.numbers.capacity() * size_of::<f64>()
    }
}
