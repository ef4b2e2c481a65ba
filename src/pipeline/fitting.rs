//! The end of a pass: what its steps have learnt.

use super::belt::BeltStage;
use super::budget::Budget;
use super::lanes::Left;
use super::stages::Inline;
use crate::base::Result;
use crate::report::Counters;
use crate::steps::rolling::Skipped;
use crate::steps::{Fit, FitOutcome, Fitted};

/// What is known of each step of the plan.
pub(crate) struct Known<'a> {
    pub(crate) fitted: &'a mut [Option<Fitted>],
    /// Fits that asked for one more pass.
    pub(crate) again: &'a mut [Option<Box<dyn Fit>>],
    /// Bytes written to temporary files.
    pub(crate) spilled: &'a mut [u64],
}

/// Ends a fit pass: collects what was learnt, which fits must go on, and how much was spilled.
/// `go_on` is asked now and then.
pub(crate) fn learn(
    stages: Vec<BeltStage>,
    budget: &Budget,
    known: &mut Known<'_>,
    go_on: &(dyn Fn() -> Result<()> + Sync),
) -> Result<()> {
    let Known {
        fitted,
        again,
        spilled,
    } = known;
    for stage in stages {
        for inline in stage.inline {
            let Inline::Observe(fit) = inline.work else {
                continue;
            };
            let observer = fit.into_inner().expect("no holder of this lock panics");
            match observer.fit.finish()? {
                FitOutcome::Done(learnt) => fitted[inline.step] = Some(learnt),
                FitOutcome::Again(fit) => again[inline.step] = Some(fit),
            }
            // A fit that goes on is counted afresh from its next batch on.
            budget.state_changed("", observer.counted_bytes, 0)?;
        }
        if let Some(reordering) = stage.reorder {
            reordering.finish(budget);
        }
        if let Some(lanes) = stage.lanes {
            for left in lanes.finish(budget, go_on)? {
                spilled[left.step] += left.spilled_bytes;
                if left.is_fit {
                    fitted[left.step] = Some(Fitted::Shards(left.shards));
                }
            }
        }
    }
    Ok(())
}

/// Ends a pass that writes or sorts: what the shards of keyed steps have left behind. Rows that came
/// late where some may are counted. `go_on` is asked now and then.
pub(crate) fn leave(
    mut stages: Vec<BeltStage>,
    budget: &Budget,
    counters: &mut Counters,
    go_on: &(dyn Fn() -> Result<()> + Sync),
) -> Result<Vec<Left>> {
    for reordering in stages.iter_mut().filter_map(|stage| stage.reorder.take()) {
        let (step, late) = reordering.finish(budget);
        counters.steps[step].rows_late += late;
    }
    let mut left = Vec::new();
    for lanes in stages.into_iter().filter_map(|stage| stage.lanes) {
        left.extend(lanes.finish(budget, go_on)?);
    }
    Ok(left)
}

/// Adds up what the shards of rolling steps had to leave out, and what was spilled.
pub(crate) fn count_left(left: &[Left], counters: &mut Counters) {
    for left in left {
        let shards = left.shards.iter();
        let skipped = shards.filter_map(|shard| shard.downcast_ref::<Skipped>());
        let counts = &mut counters.steps[left.step];
        counts.rows_without_time += skipped.map(|skipped| skipped.null_times).sum::<u64>();
        counts.spilled_bytes += left.spilled_bytes;
    }
}
