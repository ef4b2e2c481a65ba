//! Rows whose cells in some columns an earlier row has had: a step that would remove them in, a flag
//! for each of them out, and a check that they fail.
//!
//! Keeps: no row leaves. A row with a null in one of the columns is never flagged.

use std::sync::Arc;

use arrow::array::{Array, AsArray, BooleanArray, BooleanBufferBuilder};
use arrow::buffer::{BooleanBuffer, NullBuffer};

use crate::base::{Batch, Result};
use crate::steps::{
    CheckStep, Effect, Fitted, KeyUse, KeyedState, KeyedStep, Prepared, Seen, ShardColumns,
    ShardOutput, Step,
};

/// A step that flags the rows which another one would remove.
pub struct Repeated {
    label: String,
    removes: Arc<dyn Step>,
    columns: Vec<usize>,
    output: usize,
}

impl Repeated {
    /// Flags in the slot `output` the rows that `removes` would remove, a step by a key of its own,
    /// the slots `columns`.
    pub fn new(label: String, removes: Arc<dyn Step>, columns: Vec<usize>, output: usize) -> Self {
        Self {
            label,
            removes,
            columns,
            output,
        }
    }
}

impl Step for Repeated {
    fn label(&self) -> String {
        self.label.clone()
    }

    fn reads(&self) -> Vec<usize> {
        self.columns.clone()
    }

    fn writes(&self) -> Vec<usize> {
        vec![self.output]
    }

    fn key(&self) -> Option<&[usize]> {
        self.removes.key()
    }

    fn prepare(&self, fitted: Option<&Fitted>) -> Result<Prepared> {
        Ok(match self.removes.prepare(fitted)? {
            Prepared::Keyed(removes) => Prepared::Keyed(Arc::new(Flags {
                removes,
                columns: self.columns.clone(),
                output: self.output,
            })),
            fit => fit,
        })
    }
}

struct Flags {
    removes: Arc<dyn KeyedStep>,
    columns: Vec<usize>,
    output: usize,
}

impl KeyedStep for Flags {
    fn state(&self, shard: usize) -> Box<dyn KeyedState> {
        self.removes.state(shard)
    }

    fn key_use(&self) -> KeyUse {
        self.removes.key_use()
    }

    fn assemble(&self, batch: &mut Batch, outputs: Vec<ShardOutput>) -> Result<Effect> {
        let mut flags = BooleanBufferBuilder::new(batch.rows);
        flags.append_n(batch.rows, false);
        for output in &outputs {
            let ShardColumns::Dropped(rows) = &output.columns else {
                unreachable!("a step that removes rows says which");
            };
            rows.iter()
                .for_each(|&row| flags.set_bit(row as usize, true));
        }
        let flags: BooleanBuffer = flags.finish();
        let nulls = self.columns.iter().map(|&slot| batch.column(slot).nulls());
        let nulls = nulls.fold(None, |all, own| NullBuffer::union(all.as_ref(), own));
        let flags = match nulls {
            None => flags,
            Some(nulls) => &flags & nulls.inner(),
        };
        batch.columns[self.output] = Some(Arc::new(BooleanArray::new(flags, None)));
        Ok(Effect::default())
    }
}

/// A check that rows fail which are flagged.
#[derive(Debug, Clone)]
pub struct Flagged {
    label: String,
    slot: usize,
    rejects: bool,
}

impl Flagged {
    /// Rows fail that are flagged in `slot`; `rejects` says whether such rows are removed.
    pub fn new(label: String, slot: usize, rejects: bool) -> Self {
        Self {
            label,
            slot,
            rejects,
        }
    }
}

impl Step for Flagged {
    fn label(&self) -> String {
        self.label.clone()
    }

    fn reads(&self) -> Vec<usize> {
        vec![self.slot]
    }

    fn writes(&self) -> Vec<usize> {
        Vec::new()
    }

    fn drops_rows(&self) -> bool {
        self.rejects
    }

    fn prepare(&self, _: Option<&Fitted>) -> Result<Prepared> {
        Ok(Prepared::Check(Arc::new(self.clone())))
    }
}

impl CheckStep for Flagged {
    fn look(&self, batch: &Batch) -> Result<Seen> {
        let flags = batch.column(self.slot).as_boolean();
        Ok(Seen::Failing(flags.clone()))
    }
}
