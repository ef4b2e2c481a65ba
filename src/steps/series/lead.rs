//! Cells so many rows behind, without looking ahead in the file: of most rows they stand in the same
//! batch; of the last rows of each key in it, a fit pass notes them in the order of these rows, and
//! the last pass takes them in that order.
//!
//! Held per noted row: one fixed-width cell and a bit, or 4 bytes for a text, each distinct text
//! once. Where memory has no room for them, rows are replayed key by key instead (`replay`).
//! Invariant: both passes see the same batches, so that they mean the same rows.

use std::any::Any;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, new_null_array};
use arrow::compute::interleave;

use super::Plan;
use super::history::{History, Past};
use super::per_key::PerKey;
use crate::base::{Batch, ErrorKind, Result};
use crate::steps::impute::{CellTable, FixedTable, TextTable};
use crate::steps::{KeyedState, ShardColumns};

/// The empty state of a shard: of the fit, or of the last pass where it is `fitted`.
pub(super) fn state(
    plan: Arc<Plan>,
    periods: u32,
    fitted: Option<Arc<dyn Any + Send + Sync>>,
) -> Box<dyn KeyedState> {
    with_column_kind!(plan.input.clone(),
        T => of_table::<FixedTable<T>>(plan, periods, fitted),
        text => of_table::<TextTable>(plan, periods, fitted)
    )
}

fn of_table<C: CellTable>(
    plan: Arc<Plan>,
    periods: u32,
    fitted: Option<Arc<dyn Any + Send + Sync>>,
) -> Box<dyn KeyedState> {
    let ends = Ends::new(periods);
    match fitted {
        None => Box::new(Fit {
            plan,
            ends,
            past: History::new(periods),
            noted: Noted::<C>::default(),
        }),
        Some(noted) => Box::new(Lead {
            plan,
            ends,
            past: History::new(periods),
            noted: noted
                .downcast::<Noted<C>>()
                .expect("a step is handed what its own fit learnt"),
            next: 0,
            batches: 0,
        }),
    }
}

/// Finds the rows of a batch that are among the last ones of their key in it.
struct Ends {
    periods: u32,
    /// For each key its rows of the batch that are still to come; 0 between batches.
    left: PerKey<u32>,
}

impl Ends {
    fn new(periods: u32) -> Self {
        Self {
            periods,
            left: PerKey::new(0),
        }
    }

    /// Looks at the keys of a batch.
    fn begin(&mut self, keys: &[u32]) {
        self.left.cover(keys);
        keys.iter().for_each(|&key| self.left[key] += 1);
    }

    /// Whether the next row, which is of `key`, has fewer than the periods behind it.
    fn is_open(&mut self, key: u32) -> bool {
        let left = &mut self.left[key];
        *left -= 1;
        *left < self.periods
    }
}

/// The cells that stand in later batches.
struct Noted<C> {
    cells: C,
    /// How many there are before each batch.
    before: Vec<usize>,
}

impl<C: CellTable> Default for Noted<C> {
    fn default() -> Self {
        Self {
            cells: C::default(),
            before: Vec::new(),
        }
    }
}

impl<C: CellTable> Noted<C> {
    fn memory_bytes(&self) -> usize {
        self.cells.memory_bytes() + self.before.capacity() * size_of::<usize>()
    }
}

/// Notes the cells that stand in later batches than the rows they are for.
struct Fit<C> {
    plan: Arc<Plan>,
    ends: Ends,
    /// For the last rows of each key, which entry waits for their cell, if one does.
    past: History<u64>,
    noted: Noted<C>,
}

impl<C: CellTable> KeyedState for Fit<C> {
    fn advance(&mut self, batch: &Batch, rows: &[u32], keys: &[u32]) -> Result<ShardColumns> {
        let array = batch.column(self.plan.slot);
        self.ends.begin(keys);
        self.past.cover(keys);
        let mut entries = match self.noted.before.last() {
            Some(&entries) => entries,
            None => {
                self.noted.before.push(0);
                0
            }
        };
        let mut found: Vec<(usize, u32)> = Vec::new();
        for (at, (&row, &key)) in rows.iter().zip(keys).enumerate() {
            self.past.fetch_ahead(keys, at);
            let waits = self.past.get(key, self.ends.periods);
            if let Some(entry) = waits.filter(|_| array.is_valid(row as usize)) {
                found.push((entry as usize, row));
            }
            let entry = self.ends.is_open(key).then_some(entries as u64);
            entries += usize::from(entry.is_some());
            self.past.push(key, entry);
        }
        self.noted.before.push(entries);
        self.noted.cells.extend_to(entries);
        self.noted.cells.set_from(array, &found);
        Ok(ShardColumns::None)
    }

    fn finish(self: Box<Self>) -> Option<Arc<dyn Any + Send + Sync>> {
        Some(Arc::new(self.noted))
    }

    fn memory_bytes(&self) -> usize {
        self.noted.memory_bytes() + self.past.memory_bytes() + self.ends.left.memory_bytes()
    }
}

/// Takes cells from the batch, or from what was noted.
struct Lead<C> {
    plan: Arc<Plan>,
    ends: Ends,
    /// For the last rows of each key, their place in the batch at hand, if their cell stands there.
    past: History<u32>,
    noted: Arc<Noted<C>>,
    /// The next entry.
    next: usize,
    batches: usize,
}

/// Where a row's cell stands.
#[derive(Clone, Copy)]
enum Source {
    Nowhere,
    Row(u32),
    /// Among the noted cells that are gathered for the batch.
    Noted(usize),
}

impl<C: CellTable> Lead<C> {
    /// Where the cells of `rows` stand, and the noted ones among them.
    fn sources(&mut self, rows: &[u32], keys: &[u32]) -> (Vec<Source>, Vec<usize>) {
        let mut sources = vec![Source::Nowhere; rows.len()];
        let mut entries = Vec::new();
        for (at, (&row, &key)) in rows.iter().zip(keys).enumerate() {
            self.past.fetch_ahead(keys, at);
            if let Some(place) = self.past.get(key, self.ends.periods) {
                sources[place as usize] = Source::Row(row);
            }
            let is_open = self.ends.is_open(key);
            if is_open {
                if self.noted.cells.has(self.next) {
                    sources[at] = Source::Noted(entries.len());
                    entries.push(self.next);
                }
                self.next += 1;
            }
            self.past.push(key, (!is_open).then_some(at as u32));
        }
        (sources, entries)
    }
}

impl<C: CellTable> KeyedState for Lead<C> {
    fn advance(&mut self, batch: &Batch, rows: &[u32], keys: &[u32]) -> Result<ShardColumns> {
        let array = batch.column(self.plan.slot);
        self.ends.begin(keys);
        self.past.cover(keys);
        let (sources, entries) = self.sources(rows, keys);
        self.batches += 1;
        assert_eq!(
            self.noted.before.get(self.batches),
            Some(&self.next),
            "both passes see the same batches"
        );
        let noted = self.noted.cells.gather(&entries, array.data_type())?;
        let nothing = new_null_array(array.data_type(), 1);
        let places: Vec<(usize, usize)> = { sources.into_iter() }
            .map(|source| match source {
                Source::Nowhere => (2, 0),
                Source::Row(row) => (0, row as usize),
                Source::Noted(place) => (1, place),
            })
            .collect();
        let arrays: [&dyn Array; 3] = [array, &noted, &nothing];
        let column: ArrayRef =
            interleave(&arrays, &places).map_err(|source| ErrorKind::Encode {
                action: "take cells from later rows",
                source: source.into(),
            })?;
        Ok(ShardColumns::Typed(vec![column]))
    }

    fn memory_bytes(&self) -> usize {
        // What was noted is counted with what its fit left.
        self.past.memory_bytes() + self.ends.left.memory_bytes()
    }
}
