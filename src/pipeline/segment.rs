//! A plan, cut at its sorts: what its passes before, between and behind them do.
//!
//! Invariant: what is behind a sort sees its rows in their new order; of their columns only those
//! are carried through it that something behind it needs.

use std::collections::BTreeSet;
use std::ops::Range;

use super::filtered::FilteredColumns;
use super::plan::Plan;
use super::stages::{self, PassPlan, Steps};
use crate::base::Result;
use crate::steps::{Fit, Fitted, Prepared, Step};

/// Steps without a sort among them; but for the last segment, a sort follows.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Segment {
    pub(crate) steps: Range<usize>,
    /// Behind a sort: per slot, whether rows bring it along.
    arriving: Option<Vec<bool>>,
    /// The slots that rows must have at its end.
    leaving: Vec<usize>,
    /// Whether rows that it drops are kept, with all columns that they have.
    keeps_dropped: bool,
    pub(crate) sort: Option<SortPoint>,
}

/// A sort at the end of a segment.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct SortPoint {
    /// The step.
    pub(crate) step: usize,
    /// The slots that are carried through it.
    pub(crate) carried: Vec<usize>,
}

/// The segments of `plan`, in order; one if nothing sorts.
pub(crate) fn segments(plan: &Plan) -> Result<Vec<Segment>> {
    let mut needed: BTreeSet<usize> = plan.output.iter().copied().collect();
    let mut segments = Vec::new();
    let mut end = plan.steps.len();
    let mut leaving = plan.output.clone();
    let mut sort = None;
    let kept = FilteredColumns::slots(plan);
    let keeps_dropped = plan.keeps_dropped;
    for (index, step) in plan.steps.iter().enumerate().rev() {
        if let Some(order) = step.sorts() {
            needed.retain(|slot| exists_before(plan, index, *slot));
            let carried: Vec<usize> = needed.iter().copied().collect();
            let mut arriving = vec![false; plan.schema.columns.len()];
            carried.iter().for_each(|slot| arriving[*slot] = true);
            needed.extend(order.keys.iter().map(|key| key.slot));
            segments.push(Segment {
                steps: index + 1..end,
                arriving: Some(arriving),
                leaving: std::mem::replace(&mut leaving, needed.iter().copied().collect()),
                keeps_dropped,
                sort: sort.replace(SortPoint {
                    step: index,
                    carried,
                }),
            });
            end = index;
        } else if plan.live[index] {
            needed.extend(step.reads());
            if is_keyed(&**step)? {
                needed.extend(step.key().unwrap_or(&plan.key));
            }
            if keeps_dropped && step.drops_rows() && !plan.is_check(index) {
                needed.extend(&kept);
            }
        }
    }
    segments.push(Segment {
        steps: 0..end,
        arriving: None,
        leaving,
        keeps_dropped,
        sort,
    });
    segments.reverse();
    Ok(segments)
}

fn is_keyed(step: &dyn Step) -> Result<bool> {
    let prepared = step.prepare(None)?;
    Ok(matches!(
        prepared,
        Prepared::Keyed(_) | Prepared::FitKeyed(_)
    ))
}

fn exists_before(plan: &Plan, step: usize, slot: usize) -> bool {
    let mut earlier = plan.steps[..step].iter().zip(&plan.live);
    slot < plan.input_columns || earlier.any(|(step, live)| *live && step.writes().contains(&slot))
}

impl Segment {
    /// Its next pass, of those of `steps`, given what each step has `fitted` so far; see
    /// [`stages::next_pass`].
    pub(crate) fn next_pass(
        &self,
        steps: &Steps<'_>,
        fitted: &[Option<Fitted>],
        again: &mut [Option<Box<dyn Fit>>],
    ) -> Result<PassPlan> {
        let arriving = self.arriving.as_ref();
        let steps = Steps {
            range: self.steps.clone(),
            input_columns: arriving.map_or(steps.input_columns, Vec::len),
            output: &self.leaving,
            ..steps.clone()
        };
        let mut pass = stages::next_pass(&steps, fitted, again)?;
        if self.keeps_dropped && !pass.fits {
            pass.needed.fill(true);
        }
        for (needed, arrives) in pass.needed.iter_mut().zip(arriving.into_iter().flatten()) {
            *needed &= arrives;
        }
        Ok(pass)
    }
}
