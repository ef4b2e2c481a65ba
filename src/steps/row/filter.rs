//! Rows whose condition is TRUE stay, all others leave; the rest of a batch is as it was.

use std::sync::Arc;

use crate::base::{Batch, Comparison, Result};
use crate::steps::expr::Expression;
use crate::steps::{Effect, Fitted, LocalStep, Prepared, Step};

/// A step that removes rows.
#[derive(Debug, Clone)]
pub struct Filter {
    label: String,
    condition: Arc<Expression>,
}

impl Filter {
    /// Keeps the rows whose `condition` is TRUE.
    pub fn new(label: String, condition: Expression) -> Self {
        Self {
            label,
            condition: Arc::new(condition),
        }
    }
}

impl Step for Filter {
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
        true
    }

    fn keeps(&self) -> Option<Vec<(usize, Comparison)>> {
        Some(self.condition.asked())
    }

    fn prepare(&self, _: Option<&Fitted>) -> Result<Prepared> {
        let condition = Arc::clone(&self.condition);
        Ok(Prepared::Local(Arc::new(Keep { condition })))
    }
}

struct Keep {
    condition: Arc<Expression>,
}

impl LocalStep for Keep {
    fn apply(&self, batch: &mut Batch) -> Result<Effect> {
        let (mask, flaws) = self.condition.trues(batch)?;
        let rows_dropped = batch.keep(&mask, "filter rows")?;
        Ok(Effect {
            rows_dropped,
            flaws,
            ..Effect::default()
        })
    }
}
