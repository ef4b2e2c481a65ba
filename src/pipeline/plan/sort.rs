//! Sorts, and what `--order` asks for -> steps.
//!
//! Invariant: what puts rows in time order stands before the first step that goes by their order.

use std::sync::Arc;

use super::Plan;
use crate::base::{DataType, Error, Order, Result};
use crate::config::SortSpec;
use crate::pipeline::segment::goes_by_order;
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

    /// Adds what puts rows in the order of the column in slot `time`, if `order` asks for it: before
    /// the first step that goes by their order, and behind all others if none does.
    pub(super) fn put_in_order(&mut self, order: Order, time: Option<usize>) -> Result<()> {
        let Some(time) = time.filter(|_| !matches!(order, Order::Error | Order::Trust)) else {
            return Ok(());
        };
        let label = format!("order {order} by {}", self.schema.columns[time].name);
        let data_type = &self.schema.columns[time].data_type;
        if !matches!(data_type, DataType::Date | DataType::Timestamp { .. }) {
            let message = format!(
                "rows are put in the order of dates or timestamps, but column `{}` is {data_type}",
                self.schema.columns[time].name
            );
            return Err(Error::usage(format!("--order {order}"), message));
        }
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
        let mut at = self.steps.len();
        for (index, step) in self.steps.iter().enumerate().rev() {
            if goes_by_order(&**step)? {
                at = index;
            }
        }
        self.steps.insert(at, step);
        self.fills.insert(at, None);
        Ok(())
    }
}
