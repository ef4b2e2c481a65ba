//! Running sums and products of doubles: a shard's numbers in, one result for each out.
//!
//! Invariant: NaN, which stands for null, is passed over and gets NaN.

use std::sync::Arc;

use super::Plan;
use super::per_key::PerKey;
use super::totals::Totals;
use crate::base::{Batch, Result, Running};
use crate::steps::rolling::gather_numbers;
use crate::steps::{KeyedState, ShardColumns};

/// What numbers come to.
trait Fold: Send {
    /// Makes room for all of `keys`.
    fn cover(&mut self, keys: &[u32]);
    /// Asks for what a key soon after the `at`th needs.
    fn fetch_ahead(&self, keys: &[u32], at: usize);
    /// Takes in a value that is not NaN; what the key's values come to.
    fn add(&mut self, key: u32, value: f64) -> f64;
    /// Memory held, in bytes.
    fn memory_bytes(&self) -> usize;
}

impl Fold for Totals {
    fn cover(&mut self, keys: &[u32]) {
        Self::cover(self, keys);
    }

    #[inline(always)]
    fn fetch_ahead(&self, keys: &[u32], at: usize) {
        Self::fetch_ahead(self, keys, at);
    }

    #[inline(always)]
    fn add(&mut self, key: u32, value: f64) -> f64 {
        Self::add(self, key, value).sum()
    }

    fn memory_bytes(&self) -> usize {
        Self::memory_bytes(self)
    }
}

/// The product of each key's values.
struct Products(PerKey<f64>);

impl Fold for Products {
    fn cover(&mut self, keys: &[u32]) {
        self.0.cover(keys);
    }

    #[inline(always)]
    fn fetch_ahead(&self, keys: &[u32], at: usize) {
        self.0.fetch_ahead(keys, at);
    }

    #[inline(always)]
    fn add(&mut self, key: u32, value: f64) -> f64 {
        self.0[key] *= value;
        self.0[key]
    }

    fn memory_bytes(&self) -> usize {
        self.0.memory_bytes()
    }
}

/// The state of one shard.
struct State<F> {
    plan: Arc<Plan>,
    fold: F,
    numbers: Vec<f64>,
}

/// The empty state of a shard.
pub(super) fn state(plan: Arc<Plan>, running: Running) -> Box<dyn KeyedState> {
    match running {
        Running::Product => Box::new(State {
            plan,
            fold: Products(PerKey::new(1.0)),
            numbers: Vec::new(),
        }),
        _ => Box::new(State {
            plan,
            fold: Totals::default(),
            numbers: Vec::new(),
        }),
    }
}

impl<F: Fold> KeyedState for State<F> {
    fn advance(&mut self, batch: &Batch, rows: &[u32], keys: &[u32]) -> Result<ShardColumns> {
        gather_numbers(batch.column(self.plan.slot), rows, &mut self.numbers);
        self.fold.cover(keys);
        let mut results = Vec::with_capacity(rows.len());
        for (at, (&key, &number)) in keys.iter().zip(&self.numbers).enumerate() {
            self.fold.fetch_ahead(keys, at);
            results.push(match number.is_nan() {
                true => f64::NAN,
                false => self.fold.add(key, number),
            });
        }
        Ok(ShardColumns::Dense(vec![results]))
    }

    fn memory_bytes(&self) -> usize {
        self.fold.memory_bytes() + self.numbers.capacity() * size_of::<f64>()
    }
}
