//! Exact medians in bounded memory: batches in any order in, the middle cell or the mean of the two
//! middle cells out, after one pass over few distinct values and at most four over any 64-bit type
//! (eight over decimals).
//!
//! How a search for a rank goes:
//! 1. Cells become unsigned keys of the same order.
//! 2. Distinct keys within the search's range are counted in a hash table. If they never outgrow
//!    it, the ranks are read off at the end of the pass.
//! 3. If they do, the table is folded into 2^16 buckets of equal width and the pass goes on by
//!    counting per bucket.
//! 4. The next pass searches only the bucket that holds the rank, cut to the smallest and largest
//!    key seen. Each pass so narrows the range by 16 bits or more; a bucket of one key is an answer.
//! 5. An even number of cells has two middle ranks. They start as one search and part where they
//!    fall into different buckets.

use super::cells::{Cell, Key};
use super::column::ColumnContext;
use super::counts::Counts;
use super::mean::Measure;
use crate::base::{Batch, Result};
use crate::steps::{Fit, FitOutcome};
use arrow::array::Array;

/// Bits of a key that one pass over many distinct values resolves.
const BUCKET_BITS: u32 = 16;

/// The most that the table of distinct values takes, in bytes: about 115,000 values of 64 bits.
const DISTINCT_BYTES_MAX: usize = 4 << 20;

/// A search for ranks among the keys `low..=high`.
struct Search<K> {
    low: K,
    high: K,
    /// Ranks among the keys of the range, from 0; empty in the first pass, where the number of
    /// cells is not known yet.
    ranks: Vec<u64>,
    tally: Tally<K>,
    /// The smallest and largest key seen in the range.
    seen: (K, K),
    count: u64,
}

/// What a pass counts.
enum Tally<K> {
    Distinct(Counts<K>),
    Buckets { shift: u32, counts: Vec<u64> },
}

impl<K: Key> Search<K> {
    fn new(low: K, high: K, ranks: Vec<u64>, distinct_bytes_max: usize) -> Self {
        Self {
            low,
            high,
            ranks,
            tally: Tally::Distinct(Counts::new(distinct_bytes_max)),
            seen: (K::MAX, K::MIN),
            count: 0,
        }
    }

    fn observe(&mut self, keys: impl Iterator<Item = K>) {
        let (low, high) = (self.low, self.high);
        let mut keys = keys.filter(|key| (low..=high).contains(key));
        if let Tally::Distinct(counts) = &mut self.tally {
            let Some(overflowing) = keys.find(|&key| {
                self.seen = (self.seen.0.min(key), self.seen.1.max(key));
                self.count += 1;
                !counts.add(key)
            }) else {
                return;
            };
            self.fold(overflowing);
        }
        let Tally::Buckets { shift, counts } = &mut self.tally else {
            unreachable!("the table was just folded");
        };
        let (mut smallest, mut largest, mut count) = (self.seen.0, self.seen.1, 0);
        for key in keys {
            smallest = smallest.min(key);
            largest = largest.max(key);
            count += 1;
            counts[key.above(low).bucket(*shift)] += 1;
        }
        self.seen = (smallest, largest);
        self.count += count;
    }

    /// Turns the table of distinct keys, and the key that did not fit, into bucket counts.
    fn fold(&mut self, overflowing: K) {
        let Tally::Distinct(distinct) = &self.tally else {
            return;
        };
        let shift = self.high.above(self.low).bits().saturating_sub(BUCKET_BITS);
        let mut counts = vec![0; 1 << BUCKET_BITS];
        for (key, count) in distinct.iter().chain([(overflowing, 1)]) {
            counts[key.above(self.low).bucket(shift)] += count;
        }
        self.tally = Tally::Buckets { shift, counts };
    }

    /// Ends the pass: pushes the keys that were found to `found` and returns what is left to do.
    fn finish(mut self, found: &mut Vec<K>, distinct_bytes_max: usize) -> Vec<Self> {
        if self.ranks.is_empty() {
            self.ranks.extend(middle_ranks(self.count).iter().flatten());
        }
        let (shift, counts) = match self.tally {
            Tally::Distinct(distinct) => {
                let mut entries = distinct.into_entries();
                entries.sort_unstable();
                let counts = || entries.iter().map(|&(_, count)| count);
                let key = |&rank| entries[locate(counts(), rank).0].0;
                found.extend(self.ranks.iter().map(key));
                return Vec::new();
            }
            Tally::Buckets { shift, counts } => (shift, counts),
        };
        let mut searches: Vec<Self> = Vec::new();
        for &rank in &self.ranks {
            let (bucket, rank) = locate(counts.iter().copied(), rank);
            let (first, last) = K::bucket_range(self.low, bucket, shift);
            let (low, high) = (first.max(self.seen.0), last.min(self.seen.1));
            match searches.last_mut() {
                _ if low == high => found.push(low),
                Some(search) if search.low == low => search.ranks.push(rank),
                _ => searches.push(Self::new(low, high, vec![rank], distinct_bytes_max)),
            }
        }
        searches
    }

    fn memory_bytes(&self) -> usize {
        match &self.tally {
            Tally::Distinct(distinct) => distinct.memory_bytes(),
            Tally::Buckets { counts, .. } => counts.capacity() * 8,
        }
    }
}

/// The ranks, from 0, of the middle two of `count` cells: twice the same if it is odd, none if it
/// is zero.
fn middle_ranks(count: u64) -> Option<[u64; 2]> {
    Some([count.checked_sub(1)? / 2, count / 2])
}

/// The middle two of distinct values that ascend, with their counts; none of no values.
pub(super) fn middle<K: Copy>(values: &[(K, u64)]) -> Option<[K; 2]> {
    let counts = || values.iter().map(|&(_, count)| count);
    let ranks = middle_ranks(counts().sum())?;
    Some(ranks.map(|rank| values[locate(counts(), rank).0].0))
}

/// The index of the group that holds `rank`, and the rank within it.
fn locate(counts: impl Iterator<Item = u64>, mut rank: u64) -> (usize, u64) {
    for (index, count) in counts.enumerate() {
        if rank < count {
            return (index, rank);
        }
        rank -= count;
    }
    unreachable!("a rank is smaller than the number of cells counted");
}

/// The median of a whole column.
pub(super) struct MedianFit<T: Cell> {
    context: ColumnContext,
    distinct_bytes_max: usize,
    searches: Vec<Search<T::Key>>,
    found: Vec<T::Key>,
}

impl<T: Measure> MedianFit<T> {
    pub(super) fn new(context: ColumnContext) -> Self {
        let distinct_bytes_max = context.bytes_max.min(DISTINCT_BYTES_MAX);
        Self::with_capacity(context, distinct_bytes_max)
    }

    fn with_capacity(context: ColumnContext, distinct_bytes_max: usize) -> Self {
        let whole = Search::new(T::Key::MIN, T::Key::MAX, Vec::new(), distinct_bytes_max);
        Self {
            context,
            distinct_bytes_max,
            searches: vec![whole],
            found: Vec::new(),
        }
    }
}

impl<T: Measure> Fit for MedianFit<T> {
    fn observe(&mut self, batch: &Batch) -> Result<()> {
        let array = batch.column(self.context.slot);
        let cells = T::read(array);
        for search in &mut self.searches {
            match array.nulls() {
                None => search.observe(cells.iter().filter_map(|cell| cell.key())),
                Some(nulls) => {
                    search.observe(nulls.valid_indices().filter_map(|row| cells[row].key()));
                }
            }
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<FitOutcome> {
        let mut searches = Vec::new();
        for search in self.searches {
            searches.extend(search.finish(&mut self.found, self.distinct_bytes_max));
        }
        self.searches = searches;
        if !self.searches.is_empty() {
            return Ok(FitOutcome::Again(self));
        }
        let middle = self.found.first().zip(self.found.last());
        let median = middle.map(|(&one, &two)| {
            T::from_key(one).midpoint(T::from_key(two), &self.context.data_type)
        });
        Ok(FitOutcome::Done(self.context.statistic(median)))
    }

    fn memory_bytes(&self) -> usize {
        self.searches.iter().map(Search::memory_bytes).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{DataType, Value};
    use crate::steps::Fitted;
    use proptest::prelude::*;
    use std::sync::Arc;

    /// Runs all passes with a table of at most `distinct_bytes_max` bytes; returns the median and
    /// the number of passes.
    fn median<T: Measure>(
        cells: &[T],
        data_type: &DataType,
        distinct_bytes_max: usize,
    ) -> (Option<Value>, usize) {
        let context = ColumnContext {
            slot: 0,
            data_type: data_type.clone(),
            term: Arc::from("the median"),
            bytes_max: usize::MAX,
        };
        let batch = |cells: &[T]| Batch {
            seq: 0,
            source: 0,
            rows: cells.len(),
            records: None,
            columns: vec![Some(T::build(cells.to_vec(), None, &data_type.to_arrow()))],
        };
        let mut fit: Box<dyn Fit> =
            Box::new(MedianFit::<T>::with_capacity(context, distinct_bytes_max));
        for pass in 1.. {
            for cells in cells.chunks(7) {
                fit.observe(&batch(cells)).unwrap();
            }
            fit = match fit.finish().unwrap() {
                FitOutcome::Again(fit) => fit,
                FitOutcome::Done(Fitted::Statistic { value, .. }) => return (value, pass),
                FitOutcome::Done(_) => panic!("a median is a statistic"),
            };
        }
        unreachable!("a search ends")
    }

    /// The median after sorting.
    fn sorted<T: Measure>(cells: &[T], data_type: &DataType) -> Option<Value> {
        let mut keys: Vec<_> = cells.iter().filter_map(|cell| cell.key()).collect();
        keys.sort_unstable();
        let middle = [keys.len().checked_sub(1)? / 2, keys.len() / 2];
        let [low, high] = middle.map(|rank| T::from_key(keys[rank]));
        Some(low.midpoint(high, data_type).0.to_value(data_type))
    }

    const DECIMAL: DataType = DataType::Decimal {
        precision: 38,
        scale: 2,
    };

    /// No table, tables that overflow half way, and one that never does.
    const CAPACITIES: [usize; 4] = [0, 100, 400, 1 << 20];

    /// Neighbours of a few values: a bucket holds many of them until the last pass.
    fn close_integers() -> impl Strategy<Value = i64> {
        let base = prop::sample::select(vec![i64::MIN, -1 << 40, 0, 1 << 20, i64::MAX - 100]);
        (base, 0..100i64).prop_map(|(base, offset)| base + offset)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]

        #[test]
        fn integers_equal_the_sort(cells in prop::collection::vec(
            prop_oneof![any::<i64>(), close_integers()], 0..80)
        ) {
            for bytes_max in CAPACITIES {
                let (median, passes) = median(&cells, &DataType::Int64, bytes_max);
                prop_assert_eq!(median, sorted(&cells, &DataType::Int64));
                prop_assert!(passes <= 4, "{} passes", passes);
            }
        }

        #[test]
        fn floats_equal_the_sort(cells in prop::collection::vec(
            prop_oneof![any::<f64>(), -1.0..1.0, Just(f64::NAN), Just(-0.0)], 0..80)
        ) {
            for bytes_max in CAPACITIES {
                let (median, passes) = median(&cells, &DataType::Float64, bytes_max);
                prop_assert_eq!(median, sorted(&cells, &DataType::Float64));
                prop_assert!(passes <= 4, "{} passes", passes);
            }
        }

        #[test]
        fn decimals_equal_the_sort(cells in prop::collection::vec(prop_oneof![
            -10i128.pow(37)..10i128.pow(37),
            -500..500i128,
        ], 0..80)) {
            for bytes_max in CAPACITIES {
                let (median, passes) = median(&cells, &DECIMAL, bytes_max);
                prop_assert_eq!(median, sorted(&cells, &DECIMAL));
                prop_assert!(passes <= 8, "{} passes", passes);
            }
        }
    }

    #[test]
    fn the_two_middle_cells_may_lie_far_apart() {
        let cells = [i64::MIN, -5, i64::MAX - 1, i64::MAX];
        let (value, passes) = median(&cells, &DataType::Int64, 0);
        assert_eq!(value, Some(Value::Int64((i64::MAX - 6) / 2)));
        assert!(passes >= 2);
    }

    #[test]
    fn extremes_do_not_overflow() {
        let largest = [f64::MAX, f64::MAX];
        assert_eq!(
            median(&largest, &DataType::Float64, 0).0,
            Some(Value::Float64(f64::MAX))
        );
        let largest = [10i128.pow(38) - 1; 2];
        assert_eq!(
            median(&largest, &DECIMAL, 0).0,
            Some(Value::Decimal(10i128.pow(38) - 1))
        );
    }

    #[test]
    fn few_distinct_values_take_one_pass() {
        let cells: Vec<i64> = (0..1000).map(|i| i % 10).collect();
        assert_eq!(
            median(&cells, &DataType::Int64, 1000),
            (Some(Value::Int64(4)), 1)
        );
    }
}
