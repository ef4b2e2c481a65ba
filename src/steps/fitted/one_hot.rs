//! Categories -> a column of flags for each of them, as `pandas.get_dummies` has it.
//!
//! Keeps: a row has one flag at most. What is none of the categories has none, and is counted, or
//! ends the run where it is strict.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray};
use arrow::buffer::{BooleanBuffer, NullBuffer};

use super::codes::{Codes, NULL, codes};
use super::{Site, Strangers};
use crate::base::{Batch, NullCategory, Result};
use crate::steps::fit::categories_fit;
use crate::steps::{Categories, Effect, Fitted, LocalStep, Prepared, Step};

/// A step that makes flags of known categories.
#[derive(Debug, Clone)]
pub struct OneHot {
    site: Site,
    outputs: Vec<usize>,
    categories: Categories,
    null: NullCategory,
}

impl OneHot {
    /// Puts the flags of `categories` into the slots `outputs`, in their order; behind them, where
    /// `null` wants it, those of null.
    ///
    /// # Errors
    /// Says so if `site` has no categories.
    pub fn new(
        site: Site,
        outputs: Vec<usize>,
        categories: Categories,
        null: NullCategory,
    ) -> std::result::Result<Self, String> {
        site.wants_categories()?;
        Ok(Self {
            site,
            outputs,
            categories,
            null,
        })
    }
}

impl Step for OneHot {
    fn label(&self) -> String {
        self.site.label.clone()
    }

    fn reads(&self) -> Vec<usize> {
        vec![self.site.input]
    }

    fn writes(&self) -> Vec<usize> {
        self.outputs.clone()
    }

    fn prepare(&self, _: Option<&Fitted>) -> Result<Prepared> {
        Ok(Prepared::Local(Arc::new(Flag {
            input: self.site.input,
            outputs: self.outputs.clone(),
            codes: codes(&self.categories, &self.site.column.data_type),
            categories: self.categories.names.len() as i32,
            null: self.null,
            strangers: self.site.strangers(),
        })))
    }
}

struct Flag {
    input: usize,
    outputs: Vec<usize>,
    codes: Arc<dyn Codes>,
    categories: i32,
    null: NullCategory,
    strangers: Strangers,
}

impl LocalStep for Flag {
    fn apply(&self, batch: &mut Batch) -> Result<Effect> {
        let array = batch.column(self.input);
        let codes = self.codes.of(array);
        let nulls: Option<NullBuffer> = match self.null {
            NullCategory::Null => array.nulls().cloned(),
            NullCategory::False | NullCategory::Column => None,
        };
        let effect = self.strangers.count(&codes, array)?;
        let of_null = (self.null == NullCategory::Column).then_some(NULL);
        let wanted = (0..self.categories).chain(of_null);
        for (wanted, &output) in wanted.zip(&self.outputs) {
            let flags = BooleanBuffer::collect_bool(codes.len(), |row| codes[row] == wanted);
            let flags: ArrayRef = Arc::new(BooleanArray::new(flags, nulls.clone()));
            batch.columns[output] = Some(flags);
        }
        Ok(effect)
    }
}

/// A step that only learns the categories which a [`OneHot`] is made for, before there is one.
#[derive(Debug, Clone)]
pub struct LearnCategories {
    site: Site,
    categories_max: usize,
}

impl LearnCategories {
    /// Learns the categories of `site`, of which there may be so many.
    ///
    /// # Errors
    /// Says so if it has none.
    pub fn new(site: Site, categories_max: usize) -> std::result::Result<Self, String> {
        site.wants_categories()?;
        Ok(Self {
            site,
            categories_max,
        })
    }
}

impl Step for LearnCategories {
    fn label(&self) -> String {
        self.site.label.clone()
    }

    fn reads(&self) -> Vec<usize> {
        vec![self.site.input]
    }

    fn writes(&self) -> Vec<usize> {
        Vec::new()
    }

    fn prepare(&self, fitted: Option<&Fitted>) -> Result<Prepared> {
        let (column, place) = (self.site.fit_column(), &self.site.place);
        let data_type = &self.site.column.data_type;
        Ok(match fitted {
            None => Prepared::Fit(categories_fit(
                column,
                data_type,
                place,
                self.categories_max,
            )),
            Some(_) => Prepared::Local(Arc::new(Learnt)),
        })
    }
}

/// What is left to do once the categories are learnt: nothing.
struct Learnt;

impl LocalStep for Learnt {
    fn apply(&self, _: &mut Batch) -> Result<Effect> {
        Ok(Effect::default())
    }
}
