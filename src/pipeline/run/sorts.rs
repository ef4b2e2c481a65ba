//! The sorts of a run: what ends the pass before one, and what the passes behind it read.

use std::sync::Arc;

use super::{Run, check};
use crate::base::Result;
use crate::pipeline::budget::Budget;
use crate::pipeline::feed::Feed;
use crate::pipeline::layout::Layout;
use crate::pipeline::plan::Plan;
use crate::pipeline::segment::SortPoint;
use crate::pipeline::sorted::Sorted;
use crate::pipeline::sorting::{SortSizes, Sorting};
use crate::pipeline::tally::Totals;
use crate::report::SpillReceipt;
use crate::steps::sort::RowLayout;

/// What the sorts of an attempt have come to so far.
#[derive(Default)]
pub(super) struct Sorts {
    /// The rows that the last one has put in order.
    sorted: Option<Sorted>,
    /// What was written to temporary files.
    pub(super) spills: Vec<SpillReceipt>,
}

impl Sorts {
    /// Takes what `sorting`, the end of a pass before the step `label`, has gathered; returns what
    /// was counted.
    pub(super) fn end(&mut self, sorting: Sorting, label: String) -> Totals {
        let (sorted, totals) = sorting.finish();
        self.spills.push(SpillReceipt {
            step: label,
            rows: if sorted.runs() > 0 { sorted.rows() } else { 0 },
            runs: sorted.runs() as u64,
            bytes: sorted.spilled(),
        });
        self.sorted = Some(sorted);
        totals
    }
}

impl Run<'_> {
    /// What the next pass reads.
    pub(super) fn feed(&self, sorts: &mut Sorts, layout: Layout) -> Result<Feed> {
        let Some(sorted) = &mut sorts.sorted else {
            return Ok(Feed::Files(self.chunks(layout)));
        };
        let bytes = self.sources.iter().map(|source| source.length()).sum();
        let rows = sorted.read(&layout, bytes, &mut || check(&self.interrupted))?;
        if let Some(spill) = sorts.spills.last_mut() {
            spill.bytes = sorted.spilled();
        }
        Ok(Feed::Sorted(rows))
    }

    /// The end of a pass before the step that sorts at `sort`.
    pub(super) fn sorting(
        &self,
        plan: &Plan,
        sort: &SortPoint,
        layout: Layout,
        budget: &Arc<Budget>,
        totals: Totals,
    ) -> Sorting {
        let order = plan.steps[sort.step].sorts();
        let order = order.expect("the step sorts").clone();
        let columns = &plan.schema.columns;
        let carried = sort.carried.iter();
        let carried = carried.map(|&slot| (slot, columns[slot].data_type.clone()));
        let rows = RowLayout::new(carried, self.sources.len() > 1);
        let sizes = SortSizes::new(&layout, budget.free_bytes());
        Sorting::new(order, rows, sizes, &self.space, totals, budget)
    }
}
