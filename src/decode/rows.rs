//! Typed columns -> Batch: what [`Decoder`](super::Decoder) is to text, for rows whose cells have
//! types already.
//!
//! Invariant: the batch has exactly the rows that were announced, whatever their cells.

use arrow::array::ArrayRef;

use super::column::ColumnCounts;
use super::typed::{Taken, take};
use super::{DecodePlan, Decoded};
use crate::base::{Batch, Reject, Result};

/// Turns the typed columns of one chunk into a batch.
pub struct RowDecoder<'p> {
    plan: &'p DecodePlan,
    rows: usize,
    columns: Vec<Option<ArrayRef>>,
    counts: Vec<ColumnCounts>,
    rejects: Vec<Reject>,
}

impl<'p> RowDecoder<'p> {
    /// A decoder of `rows` rows.
    pub fn new(plan: &'p DecodePlan, rows: usize) -> Self {
        Self {
            plan,
            rows,
            columns: vec![None; plan.slots],
            counts: vec![ColumnCounts::default(); plan.needed.len()],
            rejects: Vec::new(),
        }
    }

    /// The fields that `plan` needs, in slot order.
    pub fn fields(plan: &DecodePlan) -> Vec<usize> {
        let fields = plan.fields.iter().zip(&plan.needed);
        let needed = fields.filter(|(_, needed)| **needed);
        needed.filter_map(|(field, _)| *field).collect()
    }

    /// Takes in the cells of `field`, which is needed. The rejects' `chunk_offset` are their rows.
    ///
    /// # Errors
    /// [`ErrorKind::Row`](crate::base::ErrorKind::Row) if bytes without a type are no text.
    ///
    /// # Panics
    /// If there is not one cell for each row.
    pub fn push(&mut self, field: usize, cells: &ArrayRef) -> Result<()> {
        assert_eq!(cells.len(), self.rows, "every row has a cell");
        let plan = self.plan;
        let slots = plan.fields.iter().zip(&plan.needed).enumerate();
        let of_field = slots.filter(|(_, (known, needed))| **known == Some(field) && **needed);
        for (slot, _) in of_field {
            let Taken {
                array,
                counts,
                rejects,
            } = take(&plan.schema.columns[slot], slot, cells, &plan.nulls)?;
            (self.columns[slot], self.counts[slot]) = (Some(array), counts);
            self.rejects.extend(rejects);
        }
        Ok(())
    }

    /// Ends the chunk, which is the `seq`-th of all and belongs to source `source`.
    pub fn finish(mut self, seq: u64, source: u32) -> Decoded {
        for slot in 0..self.plan.needed.len() {
            if self.columns[slot].is_none() && self.plan.needed[slot] {
                let (cells, nulls) = self.plan.absent(slot, source, self.rows);
                self.columns[slot] = Some(cells);
                self.counts[slot].nulls = nulls;
            }
        }
        self.rejects
            .sort_by_key(|reject| (reject.chunk_offset, reject.slot));
        Decoded {
            batch: Batch {
                seq,
                source,
                rows: self.rows,
                records: None,
                columns: self.columns,
            },
            rejects: self.rejects,
            repaired: Vec::new(),
            columns: self.counts,
            widen: None,
        }
    }
}

#[cfg(test)]
mod tests;
