//! Medians: batches in any order in, the middle cell or the mean of the two middle cells out, exact,
//! in as many passes as the ranks take to find.

use arrow::array::Array;

use super::cells::Cell;
use super::column::ColumnContext;
use super::mean::Measure;
use super::ranks::{DISTINCT_BYTES_MAX, Ranked, Ranks, locate};
use crate::base::{Batch, Result};
use crate::steps::{Fit, FitOutcome};

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

/// The median of a whole column.
pub(super) struct MedianFit<T: Cell> {
    context: ColumnContext,
    ranks: Ranks<T::Key>,
}

impl<T: Measure> MedianFit<T> {
    pub(super) fn new(context: ColumnContext) -> Self {
        let distinct_bytes_max = context.bytes_max.min(DISTINCT_BYTES_MAX);
        Self::with_capacity(context, distinct_bytes_max)
    }

    fn with_capacity(context: ColumnContext, distinct_bytes_max: usize) -> Self {
        let middle = |count| middle_ranks(count).into_iter().flatten().collect();
        Self {
            context,
            ranks: Ranks::new(distinct_bytes_max, Box::new(middle)),
        }
    }
}

impl<T: Measure> Fit for MedianFit<T> {
    fn observe(&mut self, batch: &Batch) -> Result<()> {
        let array = batch.column(self.context.slot);
        let cells = T::read(array);
        let ranks = &mut self.ranks;
        match array.nulls() {
            None => ranks.observe(cells.iter().filter_map(|cell| cell.key())),
            Some(nulls) => {
                ranks.observe(nulls.valid_indices().filter_map(|row| cells[row].key()));
            }
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<FitOutcome> {
        let found = match self.ranks.finish() {
            Ranked::Again(ranks) => {
                self.ranks = ranks;
                return Ok(FitOutcome::Again(self));
            }
            Ranked::Found { keys, .. } => keys,
        };
        let middle = found.first().zip(found.last());
        let median = middle.map(|(&one, &two)| {
            T::from_key(one).midpoint(T::from_key(two), &self.context.data_type)
        });
        Ok(FitOutcome::Done(self.context.statistic(median)))
    }

    fn memory_bytes(&self) -> usize {
        self.ranks.memory_bytes()
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
