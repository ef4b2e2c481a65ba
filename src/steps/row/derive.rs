//! A column made of an expression over the others.

use std::sync::Arc;

use crate::base::{Batch, Result};
use crate::steps::expr::Expression;
use crate::steps::{Effect, Fitted, LocalStep, Prepared, Step};

/// A step that makes one column.
#[derive(Debug, Clone)]
pub struct Derive {
    label: String,
    output: usize,
    expression: Arc<Expression>,
}

impl Derive {
    /// Puts the cells of `expression` into the slot `output`.
    pub fn new(label: String, output: usize, expression: Expression) -> Self {
        Self {
            label,
            output,
            expression: Arc::new(expression),
        }
    }
}

impl Step for Derive {
    fn label(&self) -> String {
        self.label.clone()
    }

    fn reads(&self) -> Vec<usize> {
        self.expression.reads()
    }

    fn writes(&self) -> Vec<usize> {
        vec![self.output]
    }

    fn prepare(&self, _: Option<&Fitted>) -> Result<Prepared> {
        Ok(Prepared::Local(Arc::new(Fill {
            output: self.output,
            expression: Arc::clone(&self.expression),
        })))
    }
}

struct Fill {
    output: usize,
    expression: Arc<Expression>,
}

impl LocalStep for Fill {
    fn apply(&self, batch: &mut Batch) -> Result<Effect> {
        let (array, flaws) = self.expression.evaluate(batch)?;
        batch.columns[self.output] = Some(array);
        Ok(Effect {
            flaws,
            ..Effect::default()
        })
    }
}
