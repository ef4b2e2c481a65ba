//! The end of a pass: what its steps have learnt.

use super::belt::BeltStage;
use super::budget::Budget;
use super::lanes::Left;
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
        if let Some(lanes) = stage.lanes {
            for left in lanes.finish(budget).into_iter().filter(|left| left.is_fit) {
                fitted[left.step] = Some(Fitted::Shards(left.shards));
            }
        }
    }
    Ok(())
}

/// What the shards of keyed steps leave behind at the end of a pass that writes.
pub(crate) fn leave(stages: Vec<BeltStage>, budget: &Budget) -> Vec<Left> {
    let lanes = stages.into_iter().filter_map(|stage| stage.lanes);
    lanes.flat_map(|lanes| lanes.finish(budget)).collect()
}

/// Adds up what the shards of rolling steps had to leave out.
pub(crate) fn count_skipped(left: &[Left], counters: &mut Counters) {
    for left in left {
        let shards = left.shards.iter();
        let skipped = shards.filter_map(|shard| shard.downcast_ref::<Skipped>());
        counters.steps[left.step].rows_without_time +=
            skipped.map(|skipped| skipped.null_times).sum::<u64>();
    }
}
