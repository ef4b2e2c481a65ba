//! Ranks within each key: a fit pass ranks all values of a shard, and the next passes hand the ranks
//! out, row by row, without looking at keys.
//!
//! Held per value: 8 bytes (16 for a decimal) and 4 for its key, up to 32 while they are sorted, and
//! 8 from then on. Values that memory has no room for are written sorted, by key and value, and
//! ranked as they are merged (`merged`). Invariant: ranks stand in the order of the rows that have a
//! value; equal values are in file order.

mod merged;

use std::any::Any;
use std::sync::Arc;

use arrow::array::Array;

use super::Plan;
use super::entry::Entry;
use super::in_order::{InOrder, InOrderRows};
use crate::base::{Batch, Rank, Result, Ties};
use crate::spill::Runs;
use crate::steps::fit::cells::{Cell, Key};
use crate::steps::key::SortedKeys;
use crate::steps::{KeyedState, LaneKeys, Learnt, ShardColumns};

/// The empty state of a shard: of the fit, or of a later pass where it is `fitted`.
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
                rows: None,
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
    values: Values<T::Key>,
    largest: u32,
    /// Values that were written out, and where.
    written: u64,
    runs: Option<Runs>,
}

/// Values of a shard.
struct Values<K> {
    /// In row order, without nulls and NaN; from the last one down where that one is the first.
    values: Vec<K>,
    keys: Vec<u32>,
    /// Values of each key.
    counts: Vec<u32>,
}

impl<K> Default for Values<K> {
    fn default() -> Self {
        Self {
            values: Vec::new(),
            keys: Vec::new(),
            counts: Vec::new(),
        }
    }
}

impl<T: Cell> Fit<T> {
    fn new(plan: Arc<Plan>, rank: Rank) -> Self {
        Self {
            plan,
            rank,
            values: Values::default(),
            largest: 0,
            written: 0,
            runs: None,
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
                values.push(if self.rank.descending { !value } else { value });
                of_value.push(key);
                let count = &mut counts[key as usize];
                *count += 1;
                self.largest = self.largest.max(*count);
            }
        }
        Ok(ShardColumns::None)
    }

    fn spill(&mut self, keys: &SortedKeys, runs: &mut Runs) -> Result<()> {
        let runs = match &mut self.runs {
            Some(runs) => runs,
            none => none.insert(runs.beside(merged::PARTS)?),
        };
        let mut sorted = std::mem::take(&mut self.values).sorted();
        let (mut run, mut entry) = (runs.writer(), Entry::default());
        keys.for_each(|key, id| {
            entry.begin(key);
            for &(value, place) in sorted.of_key(id) {
                let entry = entry.of(|bytes| value.put(bytes));
                let place = self.written + u64::from(place);
                run.push(entry, &place.to_le_bytes())?;
            }
            Ok(())
        })?;
        runs.add(run.finish()?);
        self.written += sorted.values.len() as u64;
        self.largest = 0;
        Ok(())
    }

    fn end(
        self: Box<Self>,
        _: LaneKeys,
        go_on: &mut dyn FnMut() -> Result<()>,
    ) -> Result<Option<Learnt>> {
        let Some(mut runs) = self.runs else {
            let ranks = self.values.ranks(self.rank);
            return Ok(Some(Learnt {
                bytes: ranks.capacity() * size_of::<f64>(),
                value: Arc::new(Ranks::Held(ranks)),
            }));
        };
        let ranks = merged::ranks(&mut runs, self.rank, size_of::<T::Key>(), go_on)?;
        Ok(Some(Learnt {
            bytes: ranks.memory_bytes,
            value: Arc::new(Ranks::Written(ranks)),
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
            + self.runs.as_ref().map_or(0, Runs::memory_bytes)
    }
}

/// Values, key by key.
struct SortedValues<K> {
    values: Vec<K>,
    /// The places of all values, those of the first key first, each key's in row order.
    order: Vec<u32>,
    /// Where each key's end in `order`.
    ends: Vec<usize>,
    /// The values of one key with their places.
    sorted: Vec<(K, u32)>,
}

impl<K: Key> SortedValues<K> {
    /// The values of key `id`, sorted, with their places.
    fn of_key(&mut self, id: u32) -> &[(K, u32)] {
        let id = id as usize;
        let start = id.checked_sub(1).map_or(0, |before| self.ends[before]);
        // A key none of whose rows has a value may lie beyond the last that has.
        let end = self.ends.get(id).copied().unwrap_or(start);
        let places = self.order[start..end].iter();
        self.sorted.clear();
        self.sorted
            .extend(places.map(|&place| (self.values[place as usize], place)));
        self.sorted.sort_unstable();
        &self.sorted
    }
}

impl<K: Key> Values<K> {
    fn sorted(self) -> SortedValues<K> {
        let Self {
            values,
            keys,
            counts,
        } = self;
        let mut ends = Vec::with_capacity(counts.len());
        let mut end = 0_usize;
        for &count in &counts {
            ends.push(end);
            end += count as usize;
        }
        let mut order = vec![0; keys.len()];
        for (place, key) in keys.into_iter().enumerate() {
            let end = &mut ends[key as usize];
            order[*end] = place as u32;
            *end += 1;
        }
        SortedValues {
            values,
            order,
            ends,
            sorted: Vec::with_capacity(counts.iter().max().map_or(0, |&count| count as usize)),
        }
    }

    /// The rank of each value.
    fn ranks(self, rank: Rank) -> Vec<f64> {
        let keys = self.counts.len() as u32;
        let mut sorted = self.sorted();
        let mut ranks = vec![0.0; sorted.values.len()];
        for key in 0..keys {
            rank_sorted(sorted.of_key(key), rank, &mut ranks);
        }
        ranks
    }
}

/// Ranks the values of one key, which are sorted; each is told with the place of its rank.
fn rank_sorted<K: Copy + Ord>(sorted: &[(K, u32)], rank: Rank, ranks: &mut [f64]) {
    let mut seen = Seen::default();
    for ties in sorted.chunk_by(|(value, _), (next, _)| value == next) {
        seen.distinct += 1;
        for (nth, (_, place)) in ties.iter().enumerate() {
            ranks[*place as usize] = seen.rank(rank.ties, nth as u64, ties.len() as u64);
        }
        seen.before += ties.len() as u64;
    }
    if rank.share {
        for (_, place) in sorted {
            ranks[*place as usize] /= seen.last(rank.ties);
        }
    }
}

/// What has been seen of the sorted values of a key.
#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    /// Values before the ones that are equal to the one at hand.
    before: u64,
    /// Different values, that one among them.
    distinct: u64,
}

impl Seen {
    /// The rank of the `nth` (from 0) of `count` equal values.
    fn rank(self, ties: Ties, nth: u64, count: u64) -> f64 {
        let last = self.before + count;
        match ties {
            Ties::Average => (self.before + 1 + last) as f64 / 2.0,
            Ties::Min => (self.before + 1) as f64,
            Ties::Max => last as f64,
            Ties::First => (self.before + 1 + nth) as f64,
            Ties::Dense => self.distinct as f64,
        }
    }

    /// The rank that shares are of, once all values are before.
    fn last(self, ties: Ties) -> f64 {
        match ties {
            Ties::Dense => self.distinct as f64,
            _ => self.before as f64,
        }
    }
}

/// The ranks of a shard's values, in the order of their rows.
enum Ranks {
    Held(Vec<f64>),
    Written(InOrder),
}

/// Hands the ranks out.
struct Ranked<T> {
    plan: Arc<Plan>,
    ranks: Arc<Ranks>,
    /// The next of those that are held.
    next: usize,
    /// Where those that were written have been read to.
    rows: Option<InOrderRows>,
    cells: std::marker::PhantomData<T>,
}

impl<T> Ranked<T> {
    fn next(&mut self) -> Result<f64> {
        let written = match &*self.ranks {
            Ranks::Held(ranks) => {
                self.next += 1;
                return Ok(ranks[self.next - 1]);
            }
            Ranks::Written(written) => written,
        };
        let rows = match &mut self.rows {
            Some(rows) => rows,
            none => none.insert(written.read()?),
        };
        let rank = rows.next()?.try_into();
        Ok(f64::from_le_bytes(rank.expect("ranks were written")))
    }
}

impl<T: Cell> KeyedState for Ranked<T> {
    fn advance(&mut self, batch: &Batch, rows: &[u32], _: &[u32]) -> Result<ShardColumns> {
        let array = batch.column(self.plan.slot);
        let cells = T::read(array);
        let nulls = array.nulls();
        let ranks = rows.iter().map(|&row| {
            let is_value = nulls.is_none_or(|nulls| nulls.is_valid(row as usize));
            match is_value && cells[row as usize].key().is_some() {
                true => self.next(),
                false => Ok(f64::NAN),
            }
        });
        let ranks = ranks.collect::<Result<_>>()?;
        Ok(ShardColumns::Dense(vec![ranks]))
    }

    fn memory_bytes(&self) -> usize {
        // The ranks are counted with what their fit left.
        self.rows.as_ref().map_or(0, InOrderRows::memory_bytes)
    }
}
