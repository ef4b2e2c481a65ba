//! A dedup -> its step.
//!
//! Invariant: its columns are those that are called so before it; where it is by all columns, that is
//! those that the lake would have.

use std::sync::Arc;

use super::{Plan, Request};
use crate::config::DedupSpec;
use crate::steps::dedup::Dedup;

impl Plan {
    /// Adds what `dedup` comes to.
    pub(super) fn add_dedup(&mut self, dedup: &DedupSpec, request: &Request) {
        let by = match dedup.by.as_slice() {
            [] => self.output.clone(),
            columns => columns.iter().map(|column| self.slot(column)).collect(),
        };
        let step = Dedup::new(dedup.to_string(), by, dedup.keep);
        let is_outgrown = request.outgrown.contains(&self.steps.len());
        self.add_step(Arc::new(step.outgrown(is_outgrown)), None);
    }
}
