//! The input's columns -> what a run is made of: its plan, its sizes and its budget.
//!
//! Invariant: none of them depends on what happened to be resident or ready when they were made,
//! but for what the program itself takes.

use std::sync::Arc;

use super::budget::Budget;
use super::cost::CELL_BYTES;
use super::infer::Table;
use super::layout::{Layout, LayoutRequest};
use super::plan::{Plan, Request};
use crate::base::Result;
use crate::config::Config;

/// What memory there is for a run.
#[derive(Clone, Copy)]
pub(super) struct Memory {
    /// The limit on the resident set, in bytes.
    pub(super) limit_bytes: usize,
    /// What the program took before the first pass, where the system tells.
    pub(super) program_bytes: Option<usize>,
}

/// What a run is made of.
pub(super) struct Settled {
    pub(super) plan: Plan,
    pub(super) layout: Layout,
    pub(super) budget: Arc<Budget>,
}

impl Settled {
    /// A run over the columns of `table` within `memory`, as far as it can be planned with what is
    /// `learnt`.
    pub(super) fn new(
        config: &Config,
        table: &Table,
        memory: Memory,
        request: Request<'_>,
    ) -> Result<Self> {
        let Memory {
            limit_bytes,
            program_bytes,
        } = memory;
        let plan = Plan::new(config, &table.columns, request)?;
        let cells = plan.schema.columns.iter();
        let row_bytes: usize = cells
            .map(|column| CELL_BYTES + usize::from(column.data_type.is_text()) * 3)
            .sum();
        let wanted = LayoutRequest {
            chunk_rows: config.chunk_rows,
            row_group_rows: config.row_group_rows,
            record_bytes_max: Some(config.record_bytes_max),
        };
        let layout = Layout::new(wanted, limit_bytes, table.record_bytes + row_bytes);
        let rows = layout.row_group_rows.min(1 << 17);
        let working = 3 * layout.chunk_bytes_max + rows * row_bytes + layout.footer_bytes_max;
        let (tables_bytes, largest) = request.sides.held();
        let budget = Budget::new(limit_bytes, config.threads, program_bytes, rows, working)?;
        let budget = budget.with_tables(tables_bytes, &largest)?;
        Ok(Self {
            plan,
            layout,
            budget: Arc::new(budget),
        })
    }
}
