//! Categories -> whole numbers from 0, in their order.
//!
//! Without a given order they are sorted: texts by their bytes, all else by value. Null stays null;
//! what is none of the given categories becomes null and is counted, or ends the run where it is
//! strict.

use std::sync::Arc;

use arrow::array::Int64Array;
use arrow::buffer::NullBuffer;

use super::codes::{Codes, NULL, codes};
use super::{Site, Strangers};
use crate::base::{Batch, Result};
use crate::steps::fit::categories_fit;
use crate::steps::{Categories, Effect, Fitted, LocalStep, Prepared, Step};

/// A step that numbers categories.
#[derive(Debug, Clone)]
pub struct Ordinal {
    site: Site,
    output: usize,
    order: Option<Categories>,
}

impl Ordinal {
    /// Puts the numbers of the categories of `site` into the slot `output`; without an `order` it is
    /// learnt.
    ///
    /// # Errors
    /// Says so if they are no categories.
    pub fn new(
        site: Site,
        output: usize,
        order: Option<Categories>,
    ) -> std::result::Result<Self, String> {
        site.wants_categories()?;
        Ok(Self {
            site,
            output,
            order,
        })
    }
}

impl Step for Ordinal {
    fn label(&self) -> String {
        self.site.label.clone()
    }

    fn reads(&self) -> Vec<usize> {
        vec![self.site.input]
    }

    fn writes(&self) -> Vec<usize> {
        vec![self.output]
    }

    fn prepare(&self, fitted: Option<&Fitted>) -> Result<Prepared> {
        let data_type = &self.site.column.data_type;
        let order = match (&self.order, fitted) {
            (Some(order), _) => order,
            (None, Some(Fitted::Categories { categories, .. })) => categories,
            (None, _) => {
                let (column, place) = (self.site.fit_column(), &self.site.place);
                let fit = categories_fit(column, data_type, place, usize::MAX);
                return Ok(Prepared::Fit(fit));
            }
        };
        Ok(Prepared::Local(Arc::new(Number {
            input: self.site.input,
            output: self.output,
            codes: codes(order, data_type),
            strangers: self.site.strangers(),
        })))
    }
}

struct Number {
    input: usize,
    output: usize,
    codes: Arc<dyn Codes>,
    strangers: Strangers,
}

impl LocalStep for Number {
    fn apply(&self, batch: &mut Batch) -> Result<Effect> {
        let codes = self.codes.of(batch.column(self.input));
        let effect = self.strangers.count(&codes, batch.column(self.input))?;
        let is_known = codes.iter().map(|code| *code > NULL);
        let nulls = NullBuffer::from_iter(is_known);
        let numbers: Vec<i64> = codes.iter().map(|&code| i64::from(code.max(0))).collect();
        let nulls = Some(nulls).filter(|nulls| nulls.null_count() > 0);
        batch.columns[self.output] = Some(Arc::new(Int64Array::new(numbers.into(), nulls)));
        Ok(effect)
    }
}
