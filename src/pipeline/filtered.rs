//! Rows that steps drop -> parts of their own, beside those of the lake, where that is asked for.
//!
//! In: batches as they were before and after a step that drops rows. Out: the rows between the two,
//! with the columns there were by then and what the step is called. Rows that are dropped before any
//! are moved stand in file order; those that are dropped behind a step that moves rows follow, in the
//! order that they were given. Invariant: neither threads nor chunks decide where row groups are cut.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BooleanArray, DictionaryArray, Int32Array, StringArray, UInt32Array,
    new_null_array,
};
use arrow::compute::{cast, concat, take};
use arrow::error::ArrowError;

use super::budget::Budget;
use super::plan::Plan;
use super::travel::Travel;
use crate::base::{Column, DataType, ErrorKind, Origin, Result, Schema};
use crate::output::{EncodeOptions, Encoder, PartInfo, Parts, Staging};
use crate::steps::{Effect, LocalStep};

/// What the column is called that says which step has dropped a row.
const BY: &str = "filtered_by";
/// What the rows take that are not written yet, as errors call it.
const TERM: &str = "rows that filters have dropped";

/// What is gathered at most before it is written.
const ROW_GROUP_ROWS_MAX: usize = 1 << 16;

/// The columns of dropped rows.
pub(crate) struct FilteredColumns {
    /// The slots, each name once: a column that a step replaces is told as it was before.
    slots: Vec<usize>,
    schema: Schema,
    /// For each step that drops rows of its own, what it is called.
    labels: Vec<Option<Arc<str>>>,
    /// For each step, how many before it move rows.
    moves_before: Vec<usize>,
}

/// Rows that one step has dropped of a batch.
pub(crate) struct Dropped {
    step: usize,
    /// Their records, by their index in the chunk; ascending.
    records: Vec<u32>,
    /// For each of the slots, the cells; `None` where no step had made them yet.
    columns: Vec<Option<ArrayRef>>,
}

impl Dropped {
    /// Memory held, in bytes.
    pub(crate) fn memory_bytes(&self) -> usize {
        let arrays = self.columns.iter().flatten();
        arrays.map(|array| array.get_buffer_memory_size()).sum()
    }
}

impl FilteredColumns {
    /// The slots that rows have which the steps of `plan` drop.
    pub(crate) fn slots(plan: &Plan) -> Vec<usize> {
        let columns = &plan.schema.columns;
        let is_first = |slot: usize| {
            let mut before = columns[..slot].iter();
            !before.any(|known| known.name == columns[slot].name)
        };
        let slots = (0..columns.len()).filter(|&slot| is_first(slot) && !plan.is_of_check(slot));
        slots.collect()
    }

    /// The columns of the rows that the steps of `plan` drop.
    pub(crate) fn new(plan: &Plan) -> Self {
        let slots = Self::slots(plan);
        let columns = slots.iter().map(|&slot| plan.schema.columns[slot].clone());
        let mut columns: Vec<Column> = columns.collect();
        let mut by = BY.to_owned();
        while columns.iter().any(|column| *column.name == *by) {
            by.push('_');
        }
        columns.push(Column {
            name: by.into(),
            data_type: DataType::Categorical,
            format: None,
            origin: Origin::Derived,
        });
        let steps = plan.steps.iter().enumerate();
        let labels = steps.map(|(index, step)| {
            let drops = step.drops_rows() && !plan.is_check(index);
            drops.then(|| step.label().into())
        });
        let moves_before = plan.steps.iter().scan(0, |moves, step| {
            let before = *moves;
            *moves += usize::from(step.moves_rows());
            Some(before)
        });
        Self {
            moves_before: moves_before.collect(),
            slots,
            labels: labels.collect(),
            schema: Schema { columns },
        }
    }

    /// Runs `local`, step `step`, and keeps the rows that it drops.
    fn apply(&self, step: usize, local: &dyn LocalStep, travel: &mut Travel) -> Result<Effect> {
        let mut before = travel.batch.clone();
        // By their places, since several rows may be of one record.
        travel.batch.records = None;
        let applied = local.apply(&mut travel.batch);
        let kept = travel.batch.records.take();
        travel.batch.records.clone_from(&before.records);
        let effect = applied?;
        let Some(kept) = kept else {
            return Ok(effect);
        };
        let records = kept.iter().map(|&row| before.record(row as usize) as u32);
        travel.batch.records = Some(records.collect());
        if effect.rows_dropped == 0 {
            return Ok(effect);
        }
        let mut is_gone = vec![true; before.rows];
        kept.iter().for_each(|&row| is_gone[row as usize] = false);
        before.keep(&BooleanArray::from(is_gone), "keep rows")?;
        let records = (0..before.rows).map(|row| before.record(row) as u32);
        let records = records.collect();
        let columns = self.slots.iter().map(|&slot| before.columns[slot].take());
        travel.tally.dropped.push(Dropped {
            step,
            records,
            columns: columns.collect(),
        });
        Ok(effect)
    }
}

/// Runs `local`, step `step`, on the batch; the rows that it drops are kept with the columns `kept`,
/// if there are any.
pub(crate) fn apply(
    kept: Option<&FilteredColumns>,
    step: usize,
    local: &dyn LocalStep,
    travel: &mut Travel,
) -> Result<()> {
    let effect = match kept.filter(|kept| kept.labels[step].is_some()) {
        Some(kept) => kept.apply(step, local, travel),
        None => local.apply(&mut travel.batch),
    };
    let effect = effect.map_err(|error| travel.locate(error))?;
    travel.note_effect(step, effect);
    Ok(())
}

/// Writes dropped rows.
pub(crate) struct FilteredRows {
    columns: Arc<FilteredColumns>,
    encoder: Arc<Encoder>,
    row_group_rows: usize,
    /// Those dropped before any are moved, those dropped behind the first step that moves rows, and so
    /// on; `None` where there are none yet.
    stretches: Vec<Option<Stretch>>,
    /// For parts of the next stretch.
    parts: Box<dyn Fn(usize) -> Parts + Send>,
    labels: ArrayRef,
    budget: Arc<Budget>,
}

/// Dropped rows that follow each other.
struct Stretch {
    parts: Parts,
    /// The pieces of the next row group, column by column.
    pieces: Vec<Vec<ArrayRef>>,
    rows: usize,
    bytes: usize,
}

impl FilteredRows {
    pub(crate) fn new(
        columns: &Arc<FilteredColumns>,
        options: &EncodeOptions,
        staging: &Staging,
        budget: &Arc<Budget>,
    ) -> Result<Self> {
        let encoder = Arc::new(Encoder::new(&columns.schema, options)?);
        let labels = columns.labels.iter();
        let labels = labels.map(|label| label.as_deref().unwrap_or_default());
        let stretches = columns.moves_before.last().map_or(1, |moves| moves + 1);
        let place = staging.filtered();
        let encoder_of_parts = Arc::clone(&encoder);
        Ok(Self {
            row_group_rows: options.row_group_rows.min(ROW_GROUP_ROWS_MAX),
            stretches: (0..stretches).map(|_| None).collect(),
            parts: Box::new(move |stretch| {
                Parts::filtered(Arc::clone(&encoder_of_parts), &place, stretch)
            }),
            labels: Arc::new(StringArray::from_iter_values(labels)),
            columns: Arc::clone(columns),
            budget: Arc::clone(budget),
            encoder,
        })
    }

    /// The columns that the rows have.
    pub(crate) fn columns(&self) -> Arc<FilteredColumns> {
        Arc::clone(&self.columns)
    }

    /// Takes in what was dropped of the next batch in order.
    pub(crate) fn add(&mut self, dropped: Vec<Dropped>) -> Result<()> {
        let mut dropped = dropped.into_iter().peekable();
        while let Some(first) = dropped.next() {
            let moves_before = |dropped: &Dropped| self.columns.moves_before[dropped.step];
            let stretch = moves_before(&first);
            let mut those = vec![first];
            while let Some(next) = dropped.next_if(|next| moves_before(next) == stretch) {
                those.push(next);
            }
            self.add_to(stretch, &those)?;
        }
        Ok(())
    }

    fn add_to(&mut self, stretch: usize, dropped: &[Dropped]) -> Result<()> {
        let columns = self.in_order(dropped)?;
        let rows = columns.first().map_or(0, |column| column.len());
        let bytes: usize = dropped.iter().map(Dropped::memory_bytes).sum();
        let to = match &mut self.stretches[stretch] {
            Some(to) => to,
            none => none.insert(Stretch {
                parts: (self.parts)(stretch),
                pieces: vec![Vec::new(); self.encoder.columns()],
                rows: 0,
                bytes: 0,
            }),
        };
        let mut from = 0;
        while from < rows {
            let some = (self.row_group_rows - to.rows).min(rows - from);
            for (pieces, column) in to.pieces.iter_mut().zip(&columns) {
                pieces.push(column.slice(from, some));
            }
            from += some;
            to.rows += some;
            // Slices share what they were cut from: each counts for its share.
            let before = to.bytes;
            to.bytes += bytes * some / rows;
            self.budget.state_changed(TERM, before, to.bytes)?;
            if to.rows == self.row_group_rows {
                to.cut(&self.encoder, &self.budget)?;
            }
        }
        Ok(())
    }

    /// The columns of all rows in `dropped`, each step's by itself, in the order of their records.
    fn in_order(&self, dropped: &[Dropped]) -> Result<Vec<ArrayRef>> {
        let records = dropped.iter().flat_map(|dropped| &dropped.records);
        let mut order: Vec<(u32, u32)> = records.copied().zip(0..).collect();
        order.sort_unstable();
        let order: UInt32Array = order.into_iter().map(|(_, row)| row).collect();
        let slots = self.columns.schema.columns.iter();
        let columns = slots.enumerate().map(|(index, column)| {
            let wanted = column.data_type.to_arrow();
            let pieces = dropped.iter().map(|dropped| {
                let rows = dropped.records.len();
                let cells = match dropped.columns.get(index) {
                    None => self.labels_of(dropped),
                    Some(None) => new_null_array(&wanted, rows),
                    Some(Some(cells)) => Arc::clone(cells),
                };
                cast(&cells, &wanted)
            });
            let pieces = pieces.collect::<Result<Vec<_>, _>>()?;
            let pieces: Vec<&dyn Array> = pieces.iter().map(AsRef::as_ref).collect();
            take(&concat(&pieces)?, &order, None)
        });
        let columns: Result<Vec<ArrayRef>, ArrowError> = columns.collect();
        columns.map_err(|source| {
            let action = "put rows that were dropped in order";
            let source = source.into();
            ErrorKind::Encode { action, source }.into()
        })
    }

    /// What the step is called that has dropped rows, once for each.
    fn labels_of(&self, dropped: &Dropped) -> ArrayRef {
        let codes = vec![dropped.step as i32; dropped.records.len()];
        let labels = Arc::clone(&self.labels);
        Arc::new(DictionaryArray::new(Int32Array::from(codes), labels))
    }

    /// Ends the last parts, and numbers all of them; none if no row was dropped.
    pub(crate) fn finish(self) -> Result<Vec<PartInfo>> {
        let mut finished = Vec::new();
        for mut stretch in self.stretches.into_iter().flatten() {
            stretch.cut(&self.encoder, &self.budget)?;
            let behind = finished.len();
            finished.extend(stretch.parts.finish_behind(behind)?);
        }
        Ok(finished)
    }
}

impl Stretch {
    fn cut(&mut self, encoder: &Encoder, budget: &Budget) -> Result<()> {
        let pieces = self.pieces.iter_mut().enumerate();
        let encoded = pieces.map(|(column, pieces)| {
            let pieces = std::mem::take(pieces);
            encoder.encode(column, &pieces)
        });
        let encoded = encoded.collect::<Result<Vec<_>>>()?;
        self.parts.append(std::mem::take(&mut self.rows), encoded)?;
        let bytes = std::mem::take(&mut self.bytes);
        budget.state_changed(TERM, bytes, 0)
    }
}
