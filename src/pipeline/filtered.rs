//! Rows that steps drop -> parts of their own, beside those of the lake, where that is asked for.
//!
//! In: batches as they were before and after a step that drops rows. Out: the rows between the two,
//! with the columns there were by then and what the step is called, in file order. Invariant: neither
//! threads nor chunks decide where row groups are cut.

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
    /// The columns of the rows that the steps of `plan` drop.
    pub(crate) fn new(plan: &Plan) -> Self {
        let mut columns: Vec<Column> = Vec::new();
        let mut slots = Vec::new();
        for (slot, column) in plan.schema.columns.iter().enumerate() {
            let is_known = columns.iter().any(|known| known.name == column.name);
            if !is_known && !plan.is_of_check(slot) {
                columns.push(column.clone());
                slots.push(slot);
            }
        }
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
        Self {
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
        travel.dropped.push(Dropped {
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
    parts: Parts,
    row_group_rows: usize,
    /// The pieces of the next row group, column by column.
    pieces: Vec<Vec<ArrayRef>>,
    rows: usize,
    bytes: usize,
    has_any: bool,
    labels: ArrayRef,
    budget: Arc<Budget>,
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
        Ok(Self {
            parts: Parts::filtered(Arc::clone(&encoder), staging),
            row_group_rows: options.row_group_rows.min(ROW_GROUP_ROWS_MAX),
            pieces: vec![Vec::new(); encoder.columns()],
            rows: 0,
            bytes: 0,
            has_any: false,
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

    /// Takes in what was dropped of the next batch in file order.
    pub(crate) fn add(&mut self, dropped: &[Dropped]) -> Result<()> {
        if dropped.is_empty() {
            return Ok(());
        }
        self.has_any = true;
        let columns = self.in_file_order(dropped)?;
        let rows = columns.first().map_or(0, |column| column.len());
        let bytes: usize = dropped.iter().map(Dropped::memory_bytes).sum();
        let mut from = 0;
        while from < rows {
            let some = (self.row_group_rows - self.rows).min(rows - from);
            for (pieces, column) in self.pieces.iter_mut().zip(&columns) {
                pieces.push(column.slice(from, some));
            }
            from += some;
            self.rows += some;
            // Slices share what they were cut from: each counts for its share.
            let before = self.bytes;
            self.bytes += bytes * some / rows;
            self.budget.state_changed(TERM, before, self.bytes)?;
            if self.rows == self.row_group_rows {
                self.cut()?;
            }
        }
        Ok(())
    }

    /// The columns of all rows in `dropped`, each step's by itself, in file order.
    fn in_file_order(&self, dropped: &[Dropped]) -> Result<Vec<ArrayRef>> {
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

    fn cut(&mut self) -> Result<()> {
        let pieces = self.pieces.iter_mut().enumerate();
        let encoded = pieces.map(|(column, pieces)| {
            let pieces = std::mem::take(pieces);
            self.encoder.encode(column, &pieces)
        });
        let encoded = encoded.collect::<Result<Vec<_>>>()?;
        self.parts.append(std::mem::take(&mut self.rows), encoded)?;
        let bytes = std::mem::take(&mut self.bytes);
        self.budget.state_changed(TERM, bytes, 0)
    }

    /// Ends the last part; none if no row was dropped.
    pub(crate) fn finish(mut self) -> Result<Vec<PartInfo>> {
        if !self.has_any {
            return Ok(Vec::new());
        }
        self.cut()?;
        self.parts.finish()
    }
}
