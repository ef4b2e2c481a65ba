//! The end of a pass: what its steps have learnt.

use super::belt::BeltStage;
use super::budget::Budget;
use super::stages::Inline;
use crate::base::Result;
use crate::report::Counters;
use crate::steps::rolling::Skipped;
use crate::steps::{Fit, FitOutcome, Fitted};

/// Ends a fit pass: collects what was learnt and which fits must go on.
pub(crate) fn learn(
    stages: Vec<BeltStage>,
    budget: &Budget,
    fitted: &mut [Option<Fitted>],
    again: &mut [Option<Box<dyn Fit>>],
) -> Result<()> {
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
            for left in lanes.finish(budget).into_iter().filter(|left| left.is_fit) {
                fitted[left.step] = Some(Fitted::Shards(left.shards));
            }
        }
    }
    Ok(())
}

/// Adds up what the shards of rolling steps had to leave out, and the rows that came late where some
/// may.
pub(crate) fn count_skipped(mut stages: Vec<BeltStage>, budget: &Budget, counters: &mut Counters) {
    for reordering in stages.iter_mut().filter_map(|stage| stage.reorder.take()) {
        let (step, late) = reordering.finish(budget);
        counters.steps[step].rows_late += late;
    }
    let lanes = stages.into_iter().filter_map(|stage| stage.lanes);
    for left in lanes.flat_map(|lanes| lanes.finish(budget)) {
        let shards = left.shards.iter();
        let skipped = shards.filter_map(|shard| shard.downcast_ref::<Skipped>());
        counters.steps[left.step].rows_without_time +=
            skipped.map(|skipped| skipped.null_times).sum::<u64>();
    }
}
