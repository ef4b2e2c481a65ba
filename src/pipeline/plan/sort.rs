//! Sorts, and what `--order` asks for -> steps.
//!
//! Invariant: what puts rows in time order stands before the first step that goes by their order, and
//! behind all others if none does.

use std::sync::Arc;

use super::Plan;
use crate::base::{Column, DataType, Error, Method, Order, Result};
use crate::config::{SortSpec, StepSpec};
use crate::steps::sort::{Hold, Sort};
use crate::steps::{SortKey, SortOrder, Step};

impl Plan {
    /// Adds a sort.
    pub(super) fn add_sort(&mut self, spec: &SortSpec) {
        let keys = spec.by.iter();
        let keys = keys.map(|(name, descending)| self.sort_key(self.slot(name), *descending));
        let order = SortOrder {
            keys: keys.collect(),
            nulls_first: spec.nulls_first,
        };
        self.add_step(Arc::new(Sort::new(spec.to_string(), order)), None);
    }

    fn sort_key(&self, slot: usize, descending: bool) -> SortKey {
        SortKey {
            slot,
            data_type: self.schema.columns[slot].data_type.clone(),
            descending,
        }
    }

    /// Adds what puts rows in the order of the column in slot `time`, if `order` asks for it and it
    /// is not there yet.
    pub(super) fn put_in_order(&mut self, order: Order, time: Option<usize>) -> Result<()> {
        let is_asked = matches!(order, Order::Sort | Order::Allow(_));
        let Some(time) = time.filter(|_| is_asked && !self.is_in_order) else {
            return Ok(());
        };
        self.is_in_order = true;
        let Column {
            name, data_type, ..
        } = &self.schema.columns[time];
        if !matches!(data_type, DataType::Date | DataType::Timestamp { .. }) {
            let message = format!(
                "rows are put in the order of dates or timestamps, but column `{name}` is \
                 {data_type}"
            );
            return Err(Error::usage(format!("--order {order}"), message));
        }
        let label = format!("order {order} by {name}");
        let step: Arc<dyn Step> = match order {
            Order::Allow(delay) => Arc::new(Hold::new(label, time, data_type, delay)),
            _ => {
                let order = SortOrder {
                    keys: vec![self.sort_key(time, false)],
                    nulls_first: false,
                };
                Arc::new(Sort::new(label, order))
            }
        };
        self.add_step(step, None);
        Ok(())
    }
}

/// Whether what `step` does depends on the order of rows.
pub(super) fn goes_by_order(step: &StepSpec) -> bool {
    match step {
        StepSpec::Rolling { .. } | StepSpec::Series { .. } | StepSpec::Dedup { .. } => true,
        StepSpec::Impute { method, .. } => matches!(
            method,
            Method::ForwardFill | Method::BackwardFill | Method::Linear
        ),
        _ => false,
    }
}
