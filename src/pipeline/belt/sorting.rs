//! What the belt does where a pass ends before a sort, and where one begins behind it.

use std::time::Instant;

use super::{Belt, Task};
use crate::base::Result;
use crate::pipeline::budget::{Permit, Term};
use crate::pipeline::sorted::SortedChunk;
use crate::pipeline::sorting::{Sorting, UnsortedRun};
use crate::pipeline::tally::Tally;
use crate::pipeline::travel::Travel;
use crate::pipeline::worker::{Timed, Worker};

impl Belt {
    /// Makes a batch of sorted rows and sends it on its way.
    pub(super) fn take_in_sorted(
        &self,
        chunk: SortedChunk,
        mut permit: Permit,
        worker: &mut Worker,
    ) -> Result<()> {
        let started = Instant::now();
        let (batch, origins) = chunk.decode(&self.parts.needed)?;
        self.parts
            .progress
            .add(chunk.input_bytes(), chunk.rows() as u64);
        drop(chunk);
        worker.record(Timed::Decode, started);
        let derived = batch.rows * self.parts.row_cost.derived_bytes + origins.memory_bytes();
        permit.resize(Term::Batches, batch.memory_bytes() + derived);
        self.look();
        let travel = Travel {
            batch,
            place: None,
            moved: Some(origins),
            tally: Tally::default(),
            keys: None,
            permit,
            stage: 0,
            is_last: false,
        };
        self.advance(travel, worker)
    }

    /// Packs the rows of a finished batch to be sorted.
    pub(super) fn leave_to_sort(
        &self,
        sorting: &Sorting,
        travel: Travel,
        worker: &mut Worker,
    ) -> Result<()> {
        self.look();
        let started = Instant::now();
        let (runs, batches) = sorting.arrive(travel)?;
        worker.record(Timed::Sort, started);
        self.send_runs(runs, worker)?;
        self.leave_upstream(batches, worker)
    }

    pub(super) fn send_runs(
        &self,
        runs: impl IntoIterator<Item = UnsortedRun>,
        worker: &mut Worker,
    ) -> Result<()> {
        use std::sync::atomic::Ordering;
        for run in runs {
            self.downstream.fetch_add(1, Ordering::AcqRel);
            self.send(&self.encode.0, Task::Sort(Box::new(run)), worker)?;
        }
        Ok(())
    }

    pub(super) fn sort(&self, run: UnsortedRun, worker: &mut Worker) -> Result<()> {
        let started = Instant::now();
        let sorting = self.parts.sorting.as_ref();
        sorting.expect("only a sort cuts runs").sort(run)?;
        self.look();
        worker.record(Timed::Sort, started);
        self.leave_downstream(1);
        Ok(())
    }
}
