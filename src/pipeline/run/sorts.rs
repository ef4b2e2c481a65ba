//! The passes of a run but for the last: what must be fitted, and what must be sorted.

use std::sync::Arc;

use super::{Run, check};
use crate::base::Result;
use crate::pipeline::belt::{BeltParts, BeltStage};
use crate::pipeline::budget::Budget;
use crate::pipeline::cancel::CalledOff;
use crate::pipeline::feed::Feed;
use crate::pipeline::fitting::{Known, count_left, learn, leave};
use crate::pipeline::lanes::Left;
use crate::pipeline::layout::Layout;
use crate::pipeline::open::pool;
use crate::pipeline::plan::Plan;
use crate::pipeline::segment::{SortPoint, segments};
use crate::pipeline::sorted::Sorted;
use crate::pipeline::sorting::{SortSizes, Sorting};
use crate::pipeline::stages::PassPlan;
use crate::pipeline::tally::Totals;
use crate::report::Counters;
use crate::steps::Fitted;
use crate::steps::sort::RowLayout;

/// What is left to be done.
pub(super) struct Last {
    /// The pass that writes.
    pub(super) pass: PassPlan,
    /// What it reads.
    pub(super) feed: Feed,
    /// What has been counted before it.
    pub(super) totals: Option<Totals>,
}

impl Run<'_> {
    /// Makes all passes but the last, or those until what is fitted `is_enough`, and then returns
    /// nothing. What passes before a sort count goes to `totals`, if they are given.
    pub(super) fn lead_up(
        &mut self,
        (plan, layout, budget): (&Plan, Layout, &Arc<Budget>),
        mut known: Known<'_>,
        mut totals: Option<Totals>,
        is_enough: &dyn Fn(&[Option<Fitted>]) -> bool,
    ) -> Result<Option<Last>, CalledOff> {
        let interrupted = Arc::clone(&self.interrupted);
        let go_on = || check(&interrupted);
        let pool = pool(self.config.threads)?;
        let mut sorted: Option<(usize, Sorted)> = None;
        for segment in segments(plan)? {
            let pass = loop {
                if is_enough(known.fitted) {
                    return Ok(None);
                }
                let pass = segment.next_pass(&plan.steps(), known.fitted, known.again)?;
                if !pass.fits {
                    break pass;
                }
                let feed = self.feed(&mut sorted, layout, known.spilled)?;
                let parts = self.belt_parts(plan, pass, layout, budget, None);
                let parts = self.pass(feed, parts)?;
                pool.install(|| learn(parts.stages, budget, &mut known, &go_on))?;
            };
            let feed = self.feed(&mut sorted, layout, known.spilled)?;
            let Some(sort) = segment.sort else {
                return Ok(Some(Last { pass, feed, totals }));
            };
            let kept = totals.as_ref().and_then(Totals::kept);
            let parts = BeltParts {
                sorting: Some(self.sorting(plan, &sort, layout, budget, totals.take())),
                ..self.belt_parts(plan, pass, layout, budget, kept)
            };
            let parts = self.pass(feed, parts)?;
            let sorting = parts.sorting.expect("a pass keeps its parts");
            let (rows, mut counted) = sorting.finish();
            let mut unseen = Counters::new(0, 0, plan.steps.len());
            let counters = counted.as_mut().map_or(&mut unseen, Totals::counters);
            self.leave(parts.stages, budget, counters)?;
            sorted = Some((sort.step, rows));
            totals = counted;
        }
        unreachable!("behind the last segment there is no sort")
    }

    /// Ends a pass that fits nothing: what the shards of keyed steps leave behind.
    pub(super) fn leave(
        &self,
        stages: Vec<BeltStage>,
        budget: &Budget,
        counters: &mut Counters,
    ) -> Result<Vec<Left>> {
        let interrupted = Arc::clone(&self.interrupted);
        let go_on = || check(&interrupted);
        let pool = pool(self.config.threads)?;
        let left = pool.install(|| leave(stages, budget, counters, &go_on))?;
        count_left(&left, counters);
        Ok(left)
    }

    /// What the next pass reads.
    fn feed(
        &self,
        sorted: &mut Option<(usize, Sorted)>,
        layout: Layout,
        spilled: &mut [u64],
    ) -> Result<Feed> {
        let Some((step, sorted)) = sorted else {
            return Ok(Feed::Files(self.chunks(layout)));
        };
        let bytes = self.sources.iter().map(|source| source.length()).sum();
        let rows = sorted.read(&layout, bytes, &mut || check(&self.interrupted))?;
        spilled[*step] = sorted.spilled();
        Ok(Feed::Sorted(rows))
    }

    /// The end of a pass before the step that sorts at `sort`.
    fn sorting(
        &self,
        plan: &Plan,
        sort: &SortPoint,
        layout: Layout,
        budget: &Arc<Budget>,
        totals: Option<Totals>,
    ) -> Sorting {
        let order = plan.steps[sort.step].sorts();
        let order = order.expect("the step sorts").clone();
        let columns = &plan.schema.columns;
        let carried = sort.carried.iter();
        let carried = carried.map(|&slot| (slot, columns[slot].data_type.clone()));
        let rows = RowLayout::new(carried);
        let sizes = SortSizes::new(&layout, budget.free_bytes());
        let space = Arc::clone(&self.space);
        Sorting::new(order, (rows, sizes), space, &self.places, totals, budget)
    }
}
