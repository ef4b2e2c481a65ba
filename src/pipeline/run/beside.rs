//! The end of the pass that writes -> the files of the tables beside the lake.
//!
//! Invariant: they are complete, and on disk, before anything is published.

use std::sync::Arc;

use super::Run;
use crate::base::Result;
use crate::output::{EncodeOptions, Staging};
use crate::pipeline::lanes::Left;
use crate::pipeline::open::{check, pool};
use crate::pipeline::plan::Plan;
use crate::pipeline::tables::Tables;
use crate::report::AggregateReceipt;

impl Run<'_> {
    /// Writes the tables of `plan`, of what the shards of its steps have `left` behind.
    pub(super) fn write_tables(
        &self,
        tables: &Tables<'_>,
        (plan, left): (&Plan, Vec<Left>),
        staging: &Staging,
        options: &EncodeOptions,
    ) -> Result<Vec<AggregateReceipt>> {
        if plan.tables.is_empty() {
            return Ok(Vec::new());
        }
        let interrupted = Arc::clone(&self.interrupted);
        let go_on = || check(&interrupted);
        let pool = pool(self.config.threads)?;
        pool.install(|| tables.write(plan, left, staging, options, &go_on))
    }
}
