//! Ranks within each key: a fit pass holds all values of a shard; the next pass ranks them, each shard
//! in its own lane, and hands the ranks out, row by row.
//!
//! Held per value: 8 bytes (16 for a decimal) and 4 for its key, up to 32 while they are sorted, and
//! 8 from then on. Invariant: ranks stand in the order of the rows that have a value; equal values
//! are in file order.

use std::any::Any;
use std::sync::{Arc, Mutex, OnceLock};

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
            None => Box::new(Fit::<T>::new(plan)),
            Some(ranks) => Box::new(Ranked::<T> {
                plan,
                rank,
                ranks: ranks
                    .downcast()
                    .expect("a step is handed what its own fit learnt"),
                next: 0,
            }),
        },
        text => unreachable!("refused when the step was made")
    )
}

/// Collects the values of a shard.
struct Fit<T: Cell> {
    plan: Arc<Plan>,
    values: Values<T::Key>,
    largest: u32,
}

/// The values of a shard.
struct Values<K> {
    /// In row order, without nulls and NaN.
    values: Vec<K>,
    keys: Vec<u32>,
    /// Values of each key.
    counts: Vec<u32>,
}

impl<T: Cell> Fit<T> {
    fn new(plan: Arc<Plan>) -> Self {
        let values = Values {
            values: Vec::new(),
            keys: Vec::new(),
            counts: Vec::new(),
        };
        Self {
            plan,
            values,
            largest: 0,
        }
    }
}

impl<T: Cell> KeyedState for Fit<T> {
    fn advance(&mut self, batch: &Batch, rows: &[u32], keys: &[u32]) -> Result<ShardColumns> {
        let array = batch.column(self.plan.slot);
        let cells = T::read(array);
        let nulls = array.nulls();
        let Values {
            values,
            keys: of_value,
            counts,
        } = &mut self.values;
        let keys_len = keys.iter().max().map_or(0, |&key| key as usize + 1);
        if keys_len > counts.len() {
            counts.resize(keys_len, 0);
        }
        for (&row, &key) in rows.iter().zip(keys) {
            let is_value = nulls.is_none_or(|nulls| nulls.is_valid(row as usize));
            if let Some(value) = cells[row as usize].key().filter(|_| is_value) {
                values.push(value);
                of_value.push(key);
                let count = &mut counts[key as usize];
                *count += 1;
                self.largest = self.largest.max(*count);
            }
        }
        // Places are told in 32 bits.
        let held_bytes = match u32::try_from(values.len()) {
            Ok(_) => self.memory_bytes(),
            Err(_) => usize::MAX,
        };
        self.plan.check_fit(held_bytes)?;
        Ok(ShardColumns::None)
    }

    fn finish(self: Box<Self>) -> Option<Arc<dyn Any + Send + Sync>> {
        Some(Arc::new(Ranks {
            values: Mutex::new(Some(self.values)),
            ranks: OnceLock::new(),
        }))
    }

    /// With what it takes to sort them.
    fn memory_bytes(&self) -> usize {
        let Values {
            values,
            keys,
            counts,
        } = &self.values;
        values.capacity() * size_of::<T::Key>()
            + keys.capacity() * size_of::<u32>()
            + counts.capacity() * (size_of::<u32>() + size_of::<usize>())
            + values.len() * (size_of::<f64>() + size_of::<u32>())
            + self.largest as usize * size_of::<(T::Key, u32)>()
    }
}

/// The values of a shard, and their ranks once they are asked for.
struct Ranks<K> {
    values: Mutex<Option<Values<K>>>,
    ranks: OnceLock<Vec<f64>>,
}

impl<K: Copy + Ord> Ranks<K> {
    fn get(&self, rank: Rank) -> &[f64] {
        self.ranks.get_or_init(|| {
            let mut values = self.values.lock().expect("no holder of this lock panics");
            let values = values.take().expect("they are ranked once");
            values.ranks(rank)
        })
    }
}

impl<K: Copy + Ord> Values<K> {
    /// The rank of each value.
    fn ranks(self, rank: Rank) -> Vec<f64> {
        let Self {
            values,
            keys,
            counts,
        } = self;
        let order = by_key(keys, &counts);
        let mut ranks = vec![0.0; values.len()];
        let largest = counts.iter().max().map_or(0, |&count| count as usize);
        let mut sorted: Vec<(K, u32)> = Vec::with_capacity(largest);
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
        ranks
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
struct Ranked<T: Cell> {
    plan: Arc<Plan>,
    rank: Rank,
    ranks: Arc<Ranks<T::Key>>,
    next: usize,
}

impl<T: Cell> KeyedState for Ranked<T> {
    fn advance(&mut self, batch: &Batch, rows: &[u32], _: &[u32]) -> Result<ShardColumns> {
        let array = batch.column(self.plan.slot);
        let cells = T::read(array);
        let nulls = array.nulls();
        let ranks = self.ranks.get(self.rank);
        let next = &mut self.next;
        let ranks = rows.iter().map(|&row| {
            let is_value = nulls.is_none_or(|nulls| nulls.is_valid(row as usize));
            if !is_value || cells[row as usize].key().is_none() {
                return f64::NAN;
            }
            *next += 1;
            ranks[*next - 1]
        });
        Ok(ShardColumns::Dense(vec![ranks.collect()]))
    }

    fn memory_bytes(&self) -> usize {
        // The ranks are counted with what their fit left.
        0
    }
}
