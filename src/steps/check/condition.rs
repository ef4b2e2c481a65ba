//! Rows for which a condition is false, or null, fail; those for which it is true never do.

use std::sync::Arc;

use arrow::array::{Array, AsArray, BooleanArray};

use crate::base::{Batch, Result};
use crate::steps::expr::Expression;
use crate::steps::{CheckStep, Fitted, Prepared, Seen, Step};

/// A check of single rows.
#[derive(Debug, Clone)]
pub struct Condition {
    label: String,
    condition: Arc<Expression>,
    nulls_fail: bool,
    rejects: bool,
}

impl Condition {
    /// Rows fail for which `condition` is FALSE, and if `nulls_fail` those for which it is NULL;
    /// `rejects` says whether such rows are removed.
    pub fn new(label: String, condition: Expression, nulls_fail: bool, rejects: bool) -> Self {
        Self {
            label,
            condition: Arc::new(condition),
            nulls_fail,
            rejects,
        }
    }
}

impl Step for Condition {
    fn label(&self) -> String {
        self.label.clone()
    }

    fn reads(&self) -> Vec<usize> {
        self.condition.reads()
    }

    fn writes(&self) -> Vec<usize> {
        Vec::new()
    }

    fn drops_rows(&self) -> bool {
        self.rejects
    }

    fn prepare(&self, _: Option<&Fitted>) -> Result<Prepared> {
        Ok(Prepared::Check(Arc::new(Hold {
            condition: Arc::clone(&self.condition),
            nulls_fail: self.nulls_fail,
        })))
    }
}

struct Hold {
    condition: Arc<Expression>,
    nulls_fail: bool,
}

impl CheckStep for Hold {
    fn look(&self, batch: &Batch) -> Result<Seen> {
        let (array, _) = self.condition.evaluate(batch)?;
        let truths = array.as_boolean();
        let falses = !truths.values();
        let failing = match truths.nulls() {
            None => falses,
            Some(nulls) => match self.nulls_fail {
                true => &falses | &!nulls.inner(),
                false => &falses & nulls.inner(),
            },
        };
        Ok(Seen::Failing(BooleanArray::new(failing, None)))
    }
}
