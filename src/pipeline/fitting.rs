//! The ends of a pass: what it costs before it starts, and what its steps have learnt behind it.

use super::belt::{BeltStage, RowCost};
use super::budget::Budget;
use super::plan::Plan;
use super::stages::{Inline, PassPlan};
use crate::base::Result;
use crate::report::Counters;
use crate::steps::rolling::Skipped;
use crate::steps::{Fit, FitOutcome, Fitted};

/// What a cell takes in its array, with its validity.
pub(crate) const CELL_BYTES: usize = 9;
/// What a text that a step makes is taken to be long.
const TEXT_BYTES: usize = 16;
/// What a row takes to be grouped by key: its index, hash and dense key id.
const KEY_BYTES: usize = 16;

/// What `pass` makes a row of the plan's columns cost.
pub(crate) fn row_cost(plan: &Plan, pass: &PassPlan) -> RowCost {
    let columns = plan.schema.columns.iter().zip(&pass.needed);
    let read = columns.filter(|(_, needed)| **needed);
    let keyed = pass.stages.iter().any(|stage| !stage.keyed.is_empty());
    let made = plan.schema.columns.iter().skip(plan.input_columns);
    let made = made.map(|column| match column.data_type.is_text() {
        true => CELL_BYTES + TEXT_BYTES,
        false => CELL_BYTES,
    });
    let made_bytes: usize = match pass.fits {
        true => 0,
        false => made.sum(),
    };
    RowCost {
        decoded_bytes: read.clone().count() * CELL_BYTES,
        has_text: { read }.any(|(column, _)| column.data_type.is_text()),
        derived_bytes: made_bytes + usize::from(keyed) * KEY_BYTES,
    }
}

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

/// Adds up what the shards of rolling steps had to leave out.
pub(crate) fn count_skipped(stages: Vec<BeltStage>, budget: &Budget, counters: &mut Counters) {
    let lanes = stages.into_iter().filter_map(|stage| stage.lanes);
    for left in lanes.flat_map(|lanes| lanes.finish(budget)) {
        let shards = left.shards.iter();
        let skipped = shards.filter_map(|shard| shard.downcast_ref::<Skipped>());
        counters.steps[left.step].rows_without_time +=
            skipped.map(|skipped| skipped.null_times).sum::<u64>();
    }
}
