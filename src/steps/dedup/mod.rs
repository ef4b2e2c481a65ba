//! Rows that agree in some columns -> one of them, the first or the last; or none where there are
//! several.
//!
//! Whole keys are compared: null equals null, −0 equals 0 and NaN equals NaN. Rows that stay keep
//! their order. Where the first row stays and memory holds all keys, one pass does (`first`). In
//! all other cases a pass finds out which rows go, a bit for each row (`fit`), and the next ones
//! remove those (`gone`).

mod bits;
mod first;
mod fit;
mod gone;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use arrow::array::BooleanArray;
use arrow::array::BooleanBufferBuilder;
use arrow::buffer::BooleanBuffer;

use crate::base::{Batch, KeepRow, Result};
use crate::steps::{Effect, Fitted, Prepared, ShardColumns, ShardOutput, Step};
use bits::Bits;

/// A step that removes duplicates.
#[derive(Debug, Clone)]
pub struct Dedup {
    label: String,
    by: Vec<usize>,
    keep: KeepRow,
    in_memory: bool,
}

impl Dedup {
    /// Removes rows that agree in the slots `by`, but for those that `keep` says.
    pub fn new(label: String, by: Vec<usize>, keep: KeepRow) -> Self {
        Self {
            label,
            by,
            keep,
            in_memory: true,
        }
    }

    /// For more keys than memory holds, as far as that is known.
    #[must_use]
    pub fn outgrown(self, is_outgrown: bool) -> Self {
        Self {
            in_memory: !is_outgrown,
            ..self
        }
    }
}

impl Step for Dedup {
    fn label(&self) -> String {
        self.label.clone()
    }

    fn reads(&self) -> Vec<usize> {
        self.by.clone()
    }

    fn writes(&self) -> Vec<usize> {
        Vec::new()
    }

    fn drops_rows(&self) -> bool {
        true
    }

    fn key(&self) -> Option<&[usize]> {
        Some(&self.by)
    }

    fn prepare(&self, fitted: Option<&Fitted>) -> Result<Prepared> {
        Ok(match (fitted, self.keep) {
            (None, KeepRow::First) if self.in_memory => Prepared::Keyed(Arc::new(first::First)),
            (None, keep) => Prepared::FitKeyed(Arc::new(fit::Choose { keep })),
            (Some(Fitted::Shards(shards)), _) => {
                let bits = shards.iter().map(|shard| {
                    let bits = Arc::clone(shard).downcast::<Bits>();
                    bits.expect("a step is handed what its own fit learnt")
                });
                let gone = bits.collect();
                Prepared::Keyed(Arc::new(gone::Remove { gone }))
            }
            (Some(_), _) => unreachable!("this step fits shards"),
        })
    }
}

/// Removes the rows that the shards say go.
fn remove(batch: &mut Batch, outputs: &[ShardOutput]) -> Result<Effect> {
    let gone = || {
        outputs.iter().flat_map(|output| match &output.columns {
            ShardColumns::Dropped(rows) => rows.iter(),
            _ => unreachable!("each shard says which rows go"),
        })
    };
    if gone().next().is_none() {
        return Ok(Effect::default());
    }
    let mut kept = BooleanBufferBuilder::new(batch.rows);
    kept.append_n(batch.rows, true);
    gone().for_each(|&row| kept.set_bit(row as usize, false));
    let kept: BooleanBuffer = kept.finish();
    Ok(Effect {
        rows_duplicate: batch.keep(&BooleanArray::from(kept), "remove duplicates")?,
        ..Effect::default()
    })
}
