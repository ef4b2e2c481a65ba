//! Rows whose state memory has no room for -> temporary files, sorted by key; there each key's rows
//! stand together, and the same work is done one key after the other. The results are read back in
//! the order of the rows.
//!
//! What looks at rows behind goes over each key from its last row to the first, where they are rows
//! before. Invariant: each key's rows come in that order, so that the results are those of going
//! over all rows at once.

use std::any::Any;
use std::sync::Arc;

use arrow::array::{ArrayRef, UInt32Array};
use arrow::compute::take;

use super::entry::Entry;
use super::in_order::{InOrder, InOrderRows, Results};
use super::{Along, Plan};
use crate::base::{Batch, DataType, ErrorKind, Result, Series};
use crate::spill::{Merge, Runs};
use crate::steps::key::SortedKeys;
use crate::steps::sort::{PackedRows, RowLayout};
use crate::steps::{
    Effect, KeyUse, KeyedState, KeyedStep, LaneKeys, Learnt, ShardColumns, ShardOutput, numbers,
};

/// Rows that are worked on at a time.
const ROWS_MAX: usize = 4096;
/// And the bytes of their cells.
const CELL_BYTES_MAX: usize = 1 << 20;
/// Bytes of a place at the end of an entry.
const PLACE_BYTES: usize = size_of::<u64>();

/// A fit that makes all results of a step.
pub(super) struct Replay {
    shared: Arc<Shared>,
}

struct Shared {
    /// The same work over rows that come key by key, their cells in slot 0.
    step: Along,
    plan: Arc<Plan>,
    /// How a row's cell is written, and its results.
    cell: RowLayout,
    results: RowLayout,
    from_last: bool,
}

impl Shared {
    fn new(plan: &Arc<Plan>) -> Self {
        let from_last = matches!(plan.specs[0].series, Series::Lead(_));
        let specs = plan.specs.iter().map(|spec| {
            let mut spec = spec.clone();
            if let Series::Lead(rows) = spec.series {
                spec.series = Series::Lag(rows);
            }
            spec
        });
        let own = Plan {
            specs: specs.collect(),
            slot: 0,
            ..Plan::clone(plan)
        };
        let outputs = plan.outputs.iter().map(|(_, data_type)| data_type.clone());
        Self {
            step: Along {
                plan: Arc::new(own),
                fitted: None,
                in_memory: true,
            },
            cell: RowLayout::new([(0, plan.input.clone())]),
            results: RowLayout::new(outputs.enumerate()),
            plan: Arc::clone(plan),
            from_last,
        }
    }

    /// A place as rows are ordered by it, and back.
    fn turned(&self, place: u64) -> u64 {
        match self.from_last {
            true => !place,
            false => place,
        }
    }
}

impl Replay {
    pub(super) fn new(plan: &Arc<Plan>) -> Self {
        let shared = Arc::new(Shared::new(plan));
        Self { shared }
    }
}

impl KeyedStep for Replay {
    fn state(&self, _: usize) -> Box<dyn KeyedState> {
        Box::new(Collect {
            shared: Arc::clone(&self.shared),
            rows: PackedRows::default(),
            keys: Vec::new(),
            written: 0,
            runs: None,
        })
    }

    fn key_use(&self) -> KeyUse {
        KeyUse::Spilt
    }

    fn assemble(&self, _: &mut Batch, _: Vec<ShardOutput>) -> Result<Effect> {
        unreachable!("nothing lands in a fit pass")
    }
}

/// Collects the cells of a shard's rows.
struct Collect {
    shared: Arc<Shared>,
    rows: PackedRows,
    keys: Vec<u32>,
    /// Rows that were written out, and where.
    written: u64,
    runs: Option<Runs>,
}

impl KeyedState for Collect {
    fn advance(&mut self, batch: &Batch, rows: &[u32], keys: &[u32]) -> Result<ShardColumns> {
        let indices = UInt32Array::from(rows.to_vec());
        let cells = take(batch.column(self.shared.plan.slot), &indices, None);
        let cells = cells.map_err(|source| ErrorKind::Encode {
            action: "take the rows of a shard",
            source: source.into(),
        })?;
        let packed = self.shared.cell.pack(&batch_of(cells), &[]);
        (0..packed.len()).for_each(|row| self.rows.push(packed.row(row)));
        self.keys.extend_from_slice(keys);
        Ok(ShardColumns::None)
    }

    fn spill(&mut self, keys: &SortedKeys, runs: &mut Runs) -> Result<()> {
        let runs = match &mut self.runs {
            Some(runs) => runs,
            none => none.insert(runs.beside(2)?),
        };
        let (rows, of_row) = (
            std::mem::take(&mut self.rows),
            std::mem::take(&mut self.keys),
        );
        let mut order: Vec<u32> = (0..rows.len() as u32).collect();
        order.sort_by_key(|&row| of_row[row as usize]);
        let from_last = self.shared.from_last;
        let (mut run, mut entry) = (runs.writer(), Entry::default());
        keys.for_each(|key, id| {
            entry.begin(key);
            let start = order.partition_point(|&row| of_row[row as usize] < id);
            let rest = &order[start..];
            let count = rest.iter().take_while(|&&row| of_row[row as usize] == id);
            let those = &rest[..count.count()];
            let mut write = |row: u32| {
                let place = self.shared.turned(self.written + u64::from(row));
                let entry = entry.of(|bytes| bytes.extend_from_slice(&place.to_be_bytes()));
                run.push(entry, rows.row(row as usize))
            };
            match from_last {
                true => those.iter().rev().try_for_each(|&row| write(row)),
                false => those.iter().try_for_each(|&row| write(row)),
            }
        })?;
        runs.add(run.finish()?);
        self.written += rows.len() as u64;
        Ok(())
    }

    fn is_for_runs(&self) -> bool {
        true
    }

    fn end(
        self: Box<Self>,
        _: LaneKeys,
        go_on: &mut dyn FnMut() -> Result<()>,
    ) -> Result<Option<Learnt>> {
        let mut runs = self.runs.expect("it is spilled in any case");
        let rows = runs.merge_while(go_on)?;
        let mut keyed = KeyByKey {
            results: Results::beside(&runs)?,
            state: self.shared.step.state_beside(&runs)?,
            rows: &runs,
            shared: self.shared,
            block: Block::default(),
        };
        keyed.replay(rows, go_on)?;
        let results = keyed.results.finish(go_on)?;
        Ok(Some(Learnt {
            bytes: results.memory_bytes,
            value: Arc::new(results),
        }))
    }

    /// With what it takes to sort them.
    fn memory_bytes(&self) -> usize {
        self.rows.memory_bytes()
            + self.keys.capacity() * 2 * size_of::<u32>()
            + self.runs.as_ref().map_or(0, Runs::memory_bytes)
    }
}

fn batch_of(cells: ArrayRef) -> Batch {
    Batch {
        seq: 0,
        source: 0,
        rows: cells.len(),
        records: None,
        columns: vec![Some(cells)],
    }
}

/// Rows to be worked on.
#[derive(Default)]
struct Block {
    cells: PackedRows,
    places: Vec<u64>,
    /// A number for the key of each row, from 0 since the state is new.
    keys: Vec<u32>,
}

impl Block {
    fn is_full(&self) -> bool {
        self.places.len() >= ROWS_MAX || self.cells.data_bytes() >= CELL_BYTES_MAX
    }
}

/// Does the work one key after the other.
struct KeyByKey<'r> {
    rows: &'r Runs,
    shared: Arc<Shared>,
    state: Box<dyn KeyedState>,
    block: Block,
    results: Results,
}

impl KeyByKey<'_> {
    fn replay(&mut self, mut rows: Merge, go_on: &mut dyn FnMut() -> Result<()>) -> Result<()> {
        let bytes_max = self.rows.merge_bytes_max();
        let mut last = Vec::new();
        let mut key = 0;
        while let Some((entry, cell)) = rows.next()? {
            let (of_row, place) = entry.split_at(entry.len() - PLACE_BYTES);
            let is_new = of_row != last;
            if self.block.is_full() {
                self.work()?;
                go_on()?;
            }
            if is_new {
                // What is held of keys that are done is of no use.
                key += 1;
                if key as usize >= ROWS_MAX || self.state.memory_bytes() > bytes_max {
                    self.work()?;
                    self.state = self.shared.step.state_beside(self.rows)?;
                    key = 0;
                }
                last.clear();
                last.extend_from_slice(of_row);
            }
            let place = place.try_into().expect("places were written");
            self.block.cells.push(cell);
            self.block
                .places
                .push(self.shared.turned(u64::from_be_bytes(place)));
            self.block.keys.push(key);
        }
        self.work()
    }

    /// Works on the rows of the block.
    fn work(&mut self) -> Result<()> {
        let Block {
            cells,
            places,
            keys,
        } = std::mem::take(&mut self.block);
        let columns = self.shared.cell.unpack(&cells, 1, &[true])?;
        let rows: Vec<u32> = (0..places.len() as u32).collect();
        let batch = Batch {
            columns,
            rows: rows.len(),
            ..batch_of(Arc::new(UInt32Array::from(Vec::<u32>::new())))
        };
        let made = match self.state.advance(&batch, &rows, &keys)? {
            ShardColumns::Typed(columns) => columns,
            ShardColumns::Dense(columns) => {
                let outputs = columns.into_iter().zip(&self.shared.plan.outputs);
                let outputs = outputs.map(|(column, (_, data_type))| numbers(column, data_type));
                outputs.collect()
            }
            _ => unreachable!("each row has a cell in each column"),
        };
        let made = Batch {
            columns: made.into_iter().map(Some).collect(),
            ..batch
        };
        let packed = self.shared.results.pack(&made, &[]);
        for (row, place) in places.into_iter().enumerate() {
            self.results.push(place, packed.row(row))?;
        }
        Ok(())
    }
}

/// The state of a shard in the passes behind the fit.
pub(super) fn state(plan: &Arc<Plan>, fitted: Arc<dyn Any + Send + Sync>) -> Box<dyn KeyedState> {
    let outputs = plan.outputs.iter().map(|(_, data_type)| data_type.clone());
    let outputs: Vec<DataType> = outputs.collect();
    Box::new(Replayed {
        columns: outputs.len(),
        layout: RowLayout::new(outputs.into_iter().enumerate()),
        results: fitted
            .downcast()
            .expect("a step is handed what its own fit learnt"),
        rows: None,
    })
}

/// Hands the results out.
struct Replayed {
    layout: RowLayout,
    columns: usize,
    results: Arc<InOrder>,
    rows: Option<InOrderRows>,
}

impl KeyedState for Replayed {
    fn advance(&mut self, _: &Batch, rows: &[u32], _: &[u32]) -> Result<ShardColumns> {
        let next = match &mut self.rows {
            Some(rows) => rows,
            none => none.insert(self.results.read()?),
        };
        let mut packed = PackedRows::default();
        for _ in rows {
            packed.push(next.next()?);
        }
        let wanted = vec![true; self.columns];
        let columns = self.layout.unpack(&packed, self.columns, &wanted)?;
        Ok(ShardColumns::Typed(columns.into_iter().flatten().collect()))
    }

    fn memory_bytes(&self) -> usize {
        // The results are counted with what their fit left.
        self.rows.as_ref().map_or(0, InOrderRows::memory_bytes)
    }
}
