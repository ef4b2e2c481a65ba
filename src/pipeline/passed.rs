//! Filters and what the footers of Parquet files say -> the row groups that need not be read.
//!
//! Invariant: no row of such a row group would pass the first filters; it is counted as dropped by
//! the first filter that all its rows fail.

use std::sync::Arc;

use super::dialect::Formats;
use super::plan::Plan;
use crate::input::{Chunk, Condition, Holds, Source};

/// For each source of typed columns and each of its row groups, the step that drops all its rows, if
/// one is known to.
#[derive(Default)]
pub(crate) struct PassedOver {
    by: Vec<Vec<Option<usize>>>,
}

impl PassedOver {
    /// Looks which row groups of `sources` the first steps of `plan` drop.
    pub(crate) fn new(plan: &Plan, formats: &Formats, sources: &[Arc<Source>]) -> Self {
        let filters = plan.steps.iter().enumerate();
        // Behind anything else rows may be wanted that are dropped later.
        let filters = filters.map_while(|(index, step)| Some((index, step.keeps()?)));
        let filters: Vec<_> = filters.collect();
        let by = sources.iter().enumerate().map(|(index, source)| {
            let Some(columnar) = source.columnar() else {
                return Vec::new();
            };
            let fields = &formats.places(index).fields;
            let mut by = vec![None; columnar.groups()];
            for (step, asked) in &filters {
                let conditions = asked.iter().filter_map(|(slot, comparison)| {
                    let column = fields.get(*slot).copied().flatten()?;
                    let wanted = &plan.schema.columns[*slot].data_type;
                    match &columnar.columns()[column].holds {
                        Holds::Cells(held) if held == wanted => Some(Condition {
                            column,
                            comparison: comparison.clone(),
                        }),
                        _ => None,
                    }
                });
                let conditions: Vec<Condition> = conditions.collect();
                let may_match = columnar.groups_that_may_match(&conditions);
                for (by, may_match) in by.iter_mut().zip(may_match) {
                    if !may_match {
                        by.get_or_insert(*step);
                    }
                }
            }
            by
        });
        Self { by: by.collect() }
    }

    /// The step that drops all rows of `chunk`, if one is known to.
    pub(crate) fn step(&self, chunk: &Chunk) -> Option<usize> {
        let (group, _) = chunk.typed_rows()?;
        let groups = self.by.get(chunk.source_index as usize)?;
        groups.get(group).copied().flatten()
    }
}
