//! Rows of several sources in one batch -> how many of each are there, and how many have gone.
//!
//! Invariant: what a step removes is counted for the sources that the rows came from.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::base::Batch;

/// Which sources the rows of a batch came from.
pub(crate) struct Origins {
    /// That of each record of the batch.
    of_record: Arc<[u32]>,
    /// How many rows of each were there when it was last asked.
    rows: BTreeMap<u32, u64>,
}

impl Origins {
    /// The records of a batch came from `of_record`.
    pub(crate) fn new(of_record: Arc<[u32]>) -> Self {
        Self {
            rows: count(of_record.iter().copied()),
            of_record,
        }
    }

    /// The source of each row of `batch`.
    pub(crate) fn of_rows(&self, batch: &Batch) -> Vec<u32> {
        self.rows_of(batch).collect()
    }

    fn rows_of<'a>(&'a self, batch: &'a Batch) -> impl Iterator<Item = u32> + 'a {
        (0..batch.rows).map(|row| self.of_record[batch.record(row)])
    }

    /// How many rows of each source there are.
    pub(crate) fn there(&self) -> impl Iterator<Item = (u32, u64)> + '_ {
        self.rows.iter().map(|(source, rows)| (*source, *rows))
    }

    /// How many rows of each source are gone since it was last asked, now that `batch` is left.
    pub(crate) fn gone(&mut self, batch: &Batch) -> Vec<(u32, u64)> {
        let now = count(self.rows_of(batch));
        let before = std::mem::replace(&mut self.rows, now);
        let gone = before.into_iter().map(|(source, before)| {
            let now = self.rows.get(&source).copied().unwrap_or(0);
            (source, before - now)
        });
        gone.filter(|(_, gone)| *gone > 0).collect()
    }
}

fn count(sources: impl Iterator<Item = u32>) -> BTreeMap<u32, u64> {
    let mut rows = BTreeMap::new();
    let mut last = None;
    let mut run = 0;
    // Neighbours mostly come from the same source.
    for source in sources {
        if last == Some(source) {
            run += 1;
            continue;
        }
        if let Some(last) = last.replace(source) {
            *rows.entry(last).or_insert(0) += run;
        }
        run = 1;
    }
    if let Some(last) = last {
        *rows.entry(last).or_insert(0) += run;
    }
    rows
}

#[cfg(test)]
mod tests {
    use arrow::array::BooleanArray;

    use super::*;

    #[test]
    fn rows_are_counted_for_their_sources() {
        let mut origins = Origins::new([2, 2, 0, 2, 1].into());
        let mut batch = Batch {
            seq: 0,
            source: 0,
            rows: 5,
            records: None,
            columns: Vec::new(),
        };
        let there = |origins: &Origins| origins.there().collect::<Vec<_>>();
        assert_eq!(there(&origins), [(0, 1), (1, 1), (2, 3)]);
        let mask = BooleanArray::from(vec![true, false, true, true, false]);
        batch.keep(&mask, "keep").unwrap();
        assert_eq!(origins.gone(&batch), [(1, 1), (2, 1)]);
        assert_eq!(origins.of_rows(&batch), [2, 0, 2]);
        assert_eq!(there(&origins), [(0, 1), (2, 2)]);
        assert!(origins.gone(&batch).is_empty());
    }
}
