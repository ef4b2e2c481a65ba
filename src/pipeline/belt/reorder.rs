//! What the belt does where a step lets rows go in another order than they came.

use std::time::Instant;

use arrow::array::new_empty_array;

use super::Belt;
use crate::base::{Batch, Result};
use crate::pipeline::budget::Term;
use crate::pipeline::reorder::Reordering;
use crate::pipeline::tally::Tally;
use crate::pipeline::travel::Travel;
use crate::pipeline::worker::{Timed, Worker};

impl Belt {
    /// Hands the rows of a batch in, and sends those on their way that may go now.
    pub(super) fn exchange(
        &self,
        reordering: &Reordering,
        travel: Travel,
        worker: &mut Worker,
    ) -> Result<()> {
        let started = Instant::now();
        let gone = reordering.arrive(travel, &self.parts.budget)?;
        worker.record(Timed::Sort, started);
        gone.into_iter()
            .try_for_each(|travel| self.advance(travel, worker))
    }

    /// Counts the source out, which has given `chunks`. Where rows are held back, an empty batch
    /// takes its place and says that no other comes.
    pub(super) fn end_intake(&self, chunks: u64, worker: &mut Worker) -> Result<()> {
        let parts = &self.parts;
        if parts.stages.iter().all(|stage| stage.reorder.is_none()) {
            return self.leave_upstream(1, worker);
        }
        let columns = parts.schema.columns.iter().zip(&parts.needed);
        let columns = columns
            .map(|(column, needed)| needed.then(|| new_empty_array(&column.data_type.to_arrow())));
        let mut columns: Vec<_> = columns.collect();
        columns.resize(parts.schema.columns.len(), None);
        let batch = Batch {
            seq: chunks,
            source: 0,
            rows: 0,
            records: None,
            columns,
        };
        let travel = Travel {
            batch,
            place: None,
            moved: None,
            tally: Tally::default(),
            keys: None,
            permit: parts.budget.hold(Term::Batches, 0),
            stage: 0,
            is_last: true,
        };
        self.advance(travel, worker)
    }
}
