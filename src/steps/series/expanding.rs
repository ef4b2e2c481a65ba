//! Functions over all rows of a key so far: a shard's numbers in, one column per result out.
//!
//! The functions are told apart once per batch: each goes over the rows in a loop of its own. Where
//! memory has no room for all values, which quantiles are made of, rows are replayed key by key
//! (`replay`), and of the values of one key the latest are held and those about the quantile.
//! Invariant: infinities are missing, but for a count; a row whose own value is missing gets the
//! result of the rows before it.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use super::Plan;
use super::halves::Halves;
use super::per_key::PerKey;
use super::piles::Written;
use super::spread::Spread;
use super::totals::Totals;
use crate::base::{Batch, Expanding, Function, Result, Series};
use crate::spill::Runs;
use crate::steps::rolling::gather_numbers;
use crate::steps::{KeyedState, ShardColumns};

/// The rows of a shard.
struct Rows<'a> {
    keys: &'a [u32],
    /// NaN for what is missing.
    numbers: &'a [f64],
    /// For each row the finite numbers of its key so far.
    samples: &'a [u64],
}

/// What computes some functions for all keys.
trait Kernel: Send {
    /// Replaces `results`, of which there is one per function, by those of each row.
    fn advance(&mut self, rows: &Rows<'_>, results: &mut [Vec<f64>]) -> Result<()>;
    /// Memory held, in bytes; constant time.
    fn memory_bytes(&self) -> usize;
}

/// Sums and means.
struct Sums {
    totals: Totals,
    functions: Vec<Function>,
}

impl Kernel for Sums {
    fn advance(&mut self, rows: &Rows<'_>, results: &mut [Vec<f64>]) -> Result<()> {
        self.totals.cover(rows.keys);
        for (at, (&key, &number)) in rows.keys.iter().zip(rows.numbers).enumerate() {
            self.totals.fetch_ahead(rows.keys, at);
            if number.is_finite() {
                self.totals.add(key, number);
            }
            let samples = rows.samples[at];
            for (results, function) in results.iter_mut().zip(&self.functions) {
                let total = self.totals.total(key);
                results.push(match function {
                    Function::Mean if samples == 0 => f64::NAN,
                    Function::Mean => total.mean(samples),
                    _ => total.sum(),
                });
            }
        }
        Ok(())
    }

    fn memory_bytes(&self) -> usize {
        self.totals.memory_bytes()
    }
}

/// Standard deviations and variances.
struct Spreads {
    spreads: PerKey<Spread>,
    functions: Vec<Function>,
}

impl Kernel for Spreads {
    fn advance(&mut self, rows: &Rows<'_>, results: &mut [Vec<f64>]) -> Result<()> {
        self.spreads.cover(rows.keys);
        for (at, (&key, &number)) in rows.keys.iter().zip(rows.numbers).enumerate() {
            self.spreads.fetch_ahead(rows.keys, at);
            let spread = &mut self.spreads[key];
            let samples = rows.samples[at];
            if number.is_finite() {
                spread.add(number, samples);
            }
            let variance = spread.variance(samples);
            for (results, function) in results.iter_mut().zip(&self.functions) {
                results.push(match function {
                    Function::Std => variance.sqrt(),
                    _ => variance,
                });
            }
        }
        Ok(())
    }

    fn memory_bytes(&self) -> usize {
        self.spreads.memory_bytes()
    }
}

/// One value of each key: which one, `keeps` says of the one that is held and the one that comes.
struct One<F> {
    values: PerKey<f64>,
    keeps: F,
}

impl<F: Fn(f64, f64) -> bool + Send> Kernel for One<F> {
    fn advance(&mut self, rows: &Rows<'_>, results: &mut [Vec<f64>]) -> Result<()> {
        self.values.cover(rows.keys);
        for (at, (&key, &number)) in rows.keys.iter().zip(rows.numbers).enumerate() {
            self.values.fetch_ahead(rows.keys, at);
            let value = &mut self.values[key];
            if number.is_finite() && (value.is_nan() || !(self.keeps)(*value, number)) {
                *value = number;
            }
            results.iter_mut().for_each(|results| results.push(*value));
        }
        Ok(())
    }

    fn memory_bytes(&self) -> usize {
        self.values.memory_bytes()
    }
}

/// Values, infinite ones among them; null where there are too few rows.
struct Counts {
    /// Rows and values of each key.
    counts: PerKey<(u64, u64)>,
    rows_min: Vec<u32>,
}

impl Kernel for Counts {
    fn advance(&mut self, rows: &Rows<'_>, results: &mut [Vec<f64>]) -> Result<()> {
        self.counts.cover(rows.keys);
        for (at, (&key, &number)) in rows.keys.iter().zip(rows.numbers).enumerate() {
            self.counts.fetch_ahead(rows.keys, at);
            let (count, values) = &mut self.counts[key];
            *count += 1;
            *values += u64::from(!number.is_nan());
            for (results, &rows_min) in results.iter_mut().zip(&self.rows_min) {
                results.push(match *count >= u64::from(rows_min) {
                    true => *values as f64,
                    false => f64::NAN,
                });
            }
        }
        Ok(())
    }

    fn memory_bytes(&self) -> usize {
        self.counts.memory_bytes()
    }
}

/// One quantile, for which all values are held.
struct Quantile {
    level: f64,
    halves: PerKey<Halves<BinaryHeap<Reverse<u64>>>>,
    heap_bytes: usize,
}

fn heap_bytes(halves: &Halves<BinaryHeap<Reverse<u64>>>) -> usize {
    let heaps = halves.piles().into_iter();
    heaps.map(|heap| heap.capacity() * size_of::<u64>()).sum()
}

impl Kernel for Quantile {
    fn advance(&mut self, rows: &Rows<'_>, results: &mut [Vec<f64>]) -> Result<()> {
        self.halves.cover(rows.keys);
        for (&key, &number) in rows.keys.iter().zip(rows.numbers) {
            let halves = &mut self.halves[key];
            if number.is_finite() {
                let before = heap_bytes(halves);
                halves.add(number, self.level)?;
                self.heap_bytes = self.heap_bytes - before + heap_bytes(halves);
            }
            let quantile = halves.quantile(self.level);
            results
                .iter_mut()
                .for_each(|results| results.push(quantile));
        }
        Ok(())
    }

    fn memory_bytes(&self) -> usize {
        self.halves.memory_bytes() + self.heap_bytes
    }
}

/// One quantile of keys that come one after the other; of their values, memory holds a part.
struct SpillingQuantile {
    level: f64,
    key: u32,
    halves: Halves<Written>,
}

impl Kernel for SpillingQuantile {
    fn advance(&mut self, rows: &Rows<'_>, results: &mut [Vec<f64>]) -> Result<()> {
        for (&key, &number) in rows.keys.iter().zip(rows.numbers) {
            if key != self.key {
                self.key = key;
                self.halves.clear();
            }
            if number.is_finite() {
                self.halves.add(number, self.level)?;
            }
            let quantile = self.halves.quantile(self.level);
            results
                .iter_mut()
                .for_each(|results| results.push(quantile));
        }
        Ok(())
    }

    fn memory_bytes(&self) -> usize {
        let piles = self.halves.piles().into_iter();
        piles.map(Written::memory_bytes).sum()
    }
}

/// A kernel, and the results that it computes.
struct Task {
    /// The function that stands for those of the kernel.
    function: Function,
    kernel: Box<dyn Kernel>,
    outputs: Vec<usize>,
}

/// The state of one shard.
pub(super) struct State {
    plan: Arc<Plan>,
    tasks: Vec<Task>,
    /// Finite numbers of each key so far.
    counts: PerKey<u64>,
    samples: Vec<u64>,
    numbers: Vec<f64>,
}

fn expanding(series: &Series) -> &Expanding {
    match series {
        Series::Expanding(expanding) => expanding,
        _ => unreachable!("only such results are planned here"),
    }
}

/// Whether all values of a key are held for `function`.
pub(super) fn holds_values(function: Function) -> bool {
    matches!(family(function), Function::Quantile(_))
}

impl State {
    /// For keys that come one after the other, of whose values memory holds a part: the others go
    /// beside `rows`, whose memory they share.
    pub(super) fn spilling(plan: Arc<Plan>, rows: &Runs) -> Result<Self> {
        let mut state = Self::new(plan);
        let levels = state.tasks.iter().map(|task| task.function);
        let piles = 2 * levels.filter(|function| holds_values(*function)).count();
        let held_max = rows.merge_bytes_max() / piles.max(1) / size_of::<u64>();
        for task in &mut state.tasks {
            if let Function::Quantile(level) = task.function {
                let pile = || Written::beside(rows, piles, held_max);
                task.kernel = Box::new(SpillingQuantile {
                    level,
                    key: 0,
                    halves: Halves::new(pile()?, pile()?),
                });
            }
        }
        Ok(state)
    }

    pub(super) fn new(plan: Arc<Plan>) -> Self {
        let mut left: Vec<(usize, Expanding)> = { plan.specs.iter() }
            .map(|spec| *expanding(&spec.series))
            .enumerate()
            .collect();
        let mut tasks = Vec::new();
        while let Some(&(_, first)) = left.first() {
            let same = |(_, other): &mut (usize, Expanding)| {
                family(other.function) == family(first.function)
            };
            let members: Vec<_> = left.extract_if(.., same).collect();
            tasks.push(Task {
                function: family(first.function),
                outputs: members.iter().map(|(output, _)| *output).collect(),
                kernel: kernel(&members),
            });
        }
        Self {
            plan,
            tasks,
            counts: PerKey::new(0),
            samples: Vec::new(),
            numbers: Vec::new(),
        }
    }
}

/// The function that stands for all that share its kernel.
fn family(function: Function) -> Function {
    match function {
        Function::Mean => Function::Sum,
        Function::Std => Function::Var,
        Function::Median => Function::Quantile(0.5),
        other => other,
    }
}

/// The kernel of `members`, which are of one family.
fn kernel(members: &[(usize, Expanding)]) -> Box<dyn Kernel> {
    let functions = || members.iter().map(|(_, member)| member.function).collect();
    fn one(keeps: impl Fn(f64, f64) -> bool + Send + 'static) -> Box<dyn Kernel> {
        let values = PerKey::new(f64::NAN);
        Box::new(One { values, keeps })
    }
    match family(members[0].1.function) {
        Function::Sum | Function::Mean => Box::new(Sums {
            totals: Totals::default(),
            functions: functions(),
        }),
        Function::Var | Function::Std => Box::new(Spreads {
            spreads: PerKey::new(Spread::default()),
            functions: functions(),
        }),
        Function::Min => one(|held, next| held <= next),
        Function::Max => one(|held, next| held >= next),
        Function::First => one(|_, _| true),
        Function::Last => one(|_, _| false),
        Function::Count => Box::new(Counts {
            counts: PerKey::new((0, 0)),
            rows_min: members
                .iter()
                .map(|(_, member)| member.min_samples)
                .collect(),
        }),
        Function::Quantile(level) => quantile(level),
        Function::Median => quantile(0.5),
    }
}

fn quantile(level: f64) -> Box<dyn Kernel> {
    Box::new(Quantile {
        level,
        halves: PerKey::new(Halves::default()),
        heap_bytes: 0,
    })
}

impl KeyedState for State {
    fn advance(&mut self, batch: &Batch, rows: &[u32], keys: &[u32]) -> Result<ShardColumns> {
        gather_numbers(batch.column(self.plan.slot), rows, &mut self.numbers);
        self.counts.cover(keys);
        self.samples.clear();
        self.samples
            .extend(keys.iter().zip(&self.numbers).map(|(&key, number)| {
                let count = &mut self.counts[key];
                *count += u64::from(number.is_finite());
                *count
            }));
        let rows = Rows {
            keys,
            numbers: &self.numbers,
            samples: &self.samples,
        };
        let mut columns = vec![Vec::new(); self.plan.specs.len()];
        for task in &mut self.tasks {
            let Task {
                kernel, outputs, ..
            } = task;
            let mut results = vec![Vec::with_capacity(keys.len()); outputs.len()];
            kernel.advance(&rows, &mut results)?;
            for (&output, mut results) in outputs.iter().zip(results) {
                let Expanding {
                    function,
                    min_samples,
                } = *expanding(&self.plan.specs[output].series);
                if function != Function::Count {
                    for (result, &samples) in results.iter_mut().zip(&self.samples) {
                        if samples < u64::from(min_samples) {
                            *result = f64::NAN;
                        }
                    }
                }
                columns[output] = results;
            }
        }
        Ok(ShardColumns::Dense(columns))
    }

    fn memory_bytes(&self) -> usize {
        let kernels = self.tasks.iter().map(|task| task.kernel.memory_bytes());
        kernels.sum::<usize>()
            + self.counts.memory_bytes()
            + self.samples.capacity() * size_of::<u64>()
            + self.numbers.capacity() * size_of::<f64>()
    }
}
