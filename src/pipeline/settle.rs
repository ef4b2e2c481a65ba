//! The input's columns -> what a run is made of: its plan, its sizes and its budget.
//!
//! Invariant: none of them depends on what happened to be resident or ready when they were made,
//! but for what the program itself takes.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::budget::Budget;
use super::cost::CELL_BYTES;
use super::infer::Table;
use super::layout::{Layout, LayoutRequest};
use super::plan::{Plan, Request};
use crate::base::Result;
use crate::config::Config;
use crate::report;
use crate::steps::expr::Settings;

/// What a run is made of.
pub(super) struct Settled {
    pub(super) plan: Plan,
    pub(super) layout: Layout,
    pub(super) budget: Arc<Budget>,
}

impl Settled {
    /// A run over the columns of `table` within `limit_bytes`; the keys of the steps `outgrown` are
    /// known to take more than their share.
    pub(super) fn new(
        config: &Config,
        table: &Table,
        limit_bytes: usize,
        expressions: Settings,
        outgrown: &BTreeSet<usize>,
    ) -> Result<Self> {
        let request = Request {
            fit_bytes_max: limit_bytes / 4,
            expressions,
            outgrown,
        };
        let plan = Plan::new(config, &table.columns, request)?;
        let cells = plan.schema.columns.iter();
        let row_bytes: usize = cells
            .map(|column| CELL_BYTES + usize::from(column.data_type.is_text()) * 3)
            .sum();
        let request = LayoutRequest {
            chunk_rows: config.chunk_rows,
            row_group_rows: config.row_group_rows,
            record_bytes_max: Some(config.record_bytes_max),
        };
        let layout = Layout::new(request, limit_bytes, table.record_bytes + row_bytes);
        let rows = layout.row_group_rows.min(1 << 17);
        let working = 3 * layout.chunk_bytes_max + rows * row_bytes + layout.footer_bytes_max;
        let program = report::rss_bytes().map(|bytes| bytes as usize);
        let budget = Budget::new(limit_bytes, config.threads, program, rows, working)?;
        Ok(Self {
            plan,
            layout,
            budget: Arc::new(budget),
        })
    }
}
