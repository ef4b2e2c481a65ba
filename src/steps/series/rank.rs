//! Ranks within each key: a fit pass holds all values of a shard and ranks them at its end; the last
//! pass hands the ranks out, row by row.
//!
//! Held per value: 8 bytes (16 for a decimal) and 4 for its key, twice 8 while they are sorted, and
//! 8 from then on. Invariant: ranks stand in the order of the rows that have a value; equal values
//! are in file order.

use std::any::Any;
use std::sync::Arc;

use arrow::array::Array;

use super::Plan;
use crate::base::{Batch, Rank, Result, Ties};
use crate::steps::fit::cells::Cell;
use crate::steps::{KeyedState, ShardColumns};

/// The empty state of a shard: of the fit, or of the last pass where it is `fitted`.
pub(super) fn state(
    plan: Arc<Plan>,
    rank: Rank,
    fitted: Option<Arc<dyn Any + Send + Sync>>,
) -> Box<dyn KeyedState> {
    with_column_kind!(plan.input.clone(),
        T => match fitted {
            None => Box::new(Fit::<T>::new(plan, rank)),
            Some(ranks) => Box::new(Ranked::<T> {
                plan,
                ranks: ranks
                    .downcast()
                    .expect("a step is handed what its own fit learnt"),
                next: 0,
                cells: std::marker::PhantomData,
            }),
        },
        text => unreachable!("refused when the step was made")
    )
}

/// Collects the values of a shard.
struct Fit<T: Cell> {
    plan: Arc<Plan>,
    rank: Rank,
    /// In row order, without nulls and NaN.
    values: Vec<T::Key>,
    keys: Vec<u32>,
    /// Values of each key.
    counts: Vec<u32>,
    largest: u32,
}

impl<T: Cell> Fit<T> {
    fn new(plan: Arc<Plan>, rank: Rank) -> Self {
        Self {
            plan,
            rank,
            values: Vec::new(),
            keys: Vec::new(),
            counts: Vec::new(),
            largest: 0,
        }
    }
}

impl<T: Cell> KeyedState for Fit<T> {
    fn advance(&mut self, batch: &Batch, rows: &[u32], keys: &[u32]) -> Result<ShardColumns> {
        let array = batch.column(self.plan.slot);
        let cells = T::read(array);
        let nulls = array.nulls();
        super::cover(&mut self.counts, keys, 0);
        for (&row, &key) in rows.iter().zip(keys) {
            let is_value = nulls.is_none_or(|nulls| nulls.is_valid(row as usize));
            if let Some(value) = cells[row as usize].key().filter(|_| is_value) {
                self.values.push(value);
                self.keys.push(key);
                let count = &mut self.counts[key as usize];
                *count += 1;
                self.largest = self.largest.max(*count);
            }
        }
        // Places are told in 32 bits.
        let held_bytes = match u32::try_from(self.values.len()) {
            Ok(_) => self.memory_bytes(),
            Err(_) => usize::MAX,
        };
        self.plan.check_fit(held_bytes)?;
        Ok(ShardColumns::None)
    }

    fn finish(self: Box<Self>) -> Option<Arc<dyn Any + Send + Sync>> {
        let Self {
            rank,
            values,
            keys,
            counts,
            largest,
            ..
        } = *self;
        let order = by_key(keys, &counts);
        let mut ranks = vec![0.0; values.len()];
        let mut sorted: Vec<(T::Key, u32)> = Vec::with_capacity(largest as usize);
        let mut first = 0;
        for count in counts {
            let group = &order[first..first + count as usize];
            first += count as usize;
            sorted.clear();
            sorted.extend(group.iter().map(|&place| (values[place as usize], place)));
            sorted.sort_unstable();
            if rank.descending {
                sorted.reverse();
            }
            rank_sorted(&mut sorted, rank, &mut ranks);
        }
        Some(Arc::new(ranks))
    }

    /// With what it takes to sort them.
    fn memory_bytes(&self) -> usize {
        self.values.capacity() * size_of::<T::Key>()
            + self.keys.capacity() * size_of::<u32>()
            + self.counts.capacity() * size_of::<u32>() * 2
            + self.values.len() * (size_of::<f64>() + size_of::<u32>())
            + self.largest as usize * size_of::<(T::Key, u32)>()
    }
}

/// The places of all values, those of the first key first, each key's in row order.
fn by_key(keys: Vec<u32>, counts: &[u32]) -> Vec<u32> {
    let mut ends = Vec::with_capacity(counts.len());
    let mut end = 0_usize;
    for &count in counts {
        ends.push(end);
        end += count as usize;
    }
    let mut order = vec![0; keys.len()];
    for (place, key) in keys.into_iter().enumerate() {
        let end = &mut ends[key as usize];
        order[*end] = place as u32;
        *end += 1;
    }
    order
}

/// Ranks the values of one key, which are sorted; each is told with the place of its rank.
fn rank_sorted<K: Copy + Ord>(sorted: &mut [(K, u32)], rank: Rank, ranks: &mut [f64]) {
    let (mut before, mut distinct) = (0_usize, 0_usize);
    for ties in sorted.chunk_by_mut(|(value, _), (next, _)| value == next) {
        distinct += 1;
        if rank.ties == Ties::First && rank.descending {
            ties.reverse();
        }
        let last = before + ties.len();
        for (nth, (_, place)) in ties.iter().enumerate() {
            ranks[*place as usize] = match rank.ties {
                Ties::Average => (before + 1 + last) as f64 / 2.0,
                Ties::Min => (before + 1) as f64,
                Ties::Max => last as f64,
                Ties::First => (before + 1 + nth) as f64,
                Ties::Dense => distinct as f64,
            };
        }
        before = last;
    }
    if rank.share {
        let all = match rank.ties {
            Ties::Dense => distinct,
            _ => before,
        };
        for (_, place) in sorted {
            ranks[*place as usize] /= all as f64;
        }
    }
}

/// Hands the ranks out.
struct Ranked<T> {
    plan: Arc<Plan>,
    ranks: Arc<Vec<f64>>,
    next: usize,
    cells: std::marker::PhantomData<fn() -> T>,
}

impl<T: Cell> KeyedState for Ranked<T> {
    fn advance(&mut self, batch: &Batch, rows: &[u32], _: &[u32]) -> Result<ShardColumns> {
        let array = batch.column(self.plan.slot);
        let cells = T::read(array);
        let nulls = array.nulls();
        let ranks = rows.iter().map(|&row| {
            let is_value = nulls.is_none_or(|nulls| nulls.is_valid(row as usize));
            if !is_value || cells[row as usize].key().is_none() {
                return f64::NAN;
            }
            self.next += 1;
            self.ranks[self.next - 1]
        });
        Ok(ShardColumns::Dense(vec![ranks.collect()]))
    }

    fn memory_bytes(&self) -> usize {
        // The ranks are counted with what their fit left.
        0
    }
}
