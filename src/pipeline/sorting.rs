//! The end of a pass before a sort: batches are packed by any worker, gathered in `seq` order into
//! runs, and each run is sorted by one worker and written to a temporary file.
//!
//! In: finished batches in any order. Out: all rows as sorted runs, or as one run in memory where
//! they fit. Invariant: a run is cut by rows (or bytes) in file order only, and its rows come behind
//! equal ones of the runs before it, so that the order does not depend on the number of threads.

use std::sync::{Arc, Mutex, MutexGuard};

use super::budget::{Budget, Permit, Term};
use super::filtered::Dropped;
use super::inbox::Inbox;
use super::layout::Layout;
use super::origins::Places;
use super::sorted::{HeldRun, Sorted};
use super::tally::{Tally, Totals};
use super::travel::Travel;
use crate::base::Result;
use crate::spill::{Run, Runs, Sizes, TempSpace};
use crate::steps::SortOrder;
use crate::steps::sort::{PackedBatch, RowLayout, SortedRun};

/// What bounds the memory of a sort.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SortSizes {
    /// A run ends with the batch that brings it to so many rows.
    pub(crate) run_rows_max: usize,
    /// Likewise to so many bytes.
    pub(crate) run_bytes_max: usize,
    /// Blocks of runs, and how many are merged at a time.
    pub(crate) merging: Sizes,
}

impl SortSizes {
    /// Sizes for chunks as in `layout`, where the belt has `free_bytes` for its rows; where chunks
    /// are small, runs are.
    pub(crate) fn new(layout: &Layout, free_bytes: usize) -> Self {
        const CHUNKS: usize = 64;
        const MIB: usize = 1 << 20;
        Self {
            run_rows_max: layout.chunk_rows.saturating_mul(CHUNKS),
            run_bytes_max: (free_bytes / 6).clamp(MIB, 128 * MIB),
            merging: Sizes {
                merge_bytes_max: (free_bytes / 8).clamp(MIB, 64 * MIB),
                ..Sizes::default()
            },
        }
    }
}

/// Gathers, sorts and writes.
pub(crate) struct Sorting {
    order: SortOrder,
    layout: Arc<RowLayout>,
    sizes: SortSizes,
    space: Arc<TempSpace>,
    budget: Arc<Budget>,
    arrived: Inbox<Arrived>,
    gather: Mutex<Gather>,
    places: Arc<Places>,
    /// Where what was counted goes, if it is to be kept.
    totals: Mutex<Option<Totals>>,
    sorted: Mutex<Written>,
}

/// A packed batch and its companions.
struct Arrived {
    packed: PackedBatch,
    tally: Tally,
    permit: Permit,
}

/// Rows gathered for the next run.
#[derive(Default)]
struct Gather {
    batches: Vec<PackedBatch>,
    permits: Vec<Permit>,
    rows: usize,
    bytes: usize,
    next_index: u64,
}

/// Rows to be sorted, and written unless there are no others.
pub(crate) struct UnsortedRun {
    index: u64,
    is_only: bool,
    batches: Vec<PackedBatch>,
    permits: Vec<Permit>,
}

/// What has been sorted.
#[derive(Default)]
struct Written {
    /// Where runs are written, once one is.
    runs: Option<Runs>,
    /// Runs that have been written, with their index.
    done: Vec<(u64, Run)>,
    held: Option<HeldRun>,
}

impl Sorting {
    pub(crate) fn new(
        order: SortOrder,
        (layout, sizes): (RowLayout, SortSizes),
        space: Arc<TempSpace>,
        places: &Arc<Places>,
        totals: Option<Totals>,
        budget: &Arc<Budget>,
    ) -> Self {
        Self {
            order,
            layout: Arc::new(layout),
            sizes,
            space,
            places: Arc::clone(places),
            budget: Arc::clone(budget),
            arrived: Inbox::new(1),
            gather: Mutex::default(),
            totals: Mutex::new(totals),
            sorted: Mutex::default(),
        }
    }

    /// Packs a finished batch and takes it in; returns the runs that it and those that waited for it
    /// complete, and how many batches were taken in.
    pub(crate) fn arrive(&self, travel: Travel) -> Result<(Vec<UnsortedRun>, usize)> {
        let origins = travel.origins(&self.places);
        let Travel {
            batch,
            tally,
            mut permit,
            ..
        } = travel;
        let packed = PackedBatch::new(&batch, &self.order, &self.layout, &origins)?;
        let seq = batch.seq;
        drop(batch);
        let dropped = tally.dropped.iter().map(Dropped::memory_bytes);
        permit.resize(
            Term::Sorting,
            packed.memory_bytes() + dropped.sum::<usize>(),
        );
        let arrived = Arrived {
            packed,
            tally,
            permit,
        };
        let mut runs = Vec::new();
        let mut batches = 0;
        let mut ready = !self.arrived.arrive(seq, arrived).is_empty();
        while ready {
            let next = Arc::into_inner(self.arrived.take(0)).expect("the only lane holds it");
            batches += 1;
            runs.extend(self.take_in(next)?);
            ready = self.arrived.done(0);
        }
        Ok((runs, batches))
    }

    fn take_in(&self, mut arrived: Arrived) -> Result<Option<UnsortedRun>> {
        let mut totals = self.totals.lock().expect("no holder of this lock panics");
        if let Some(totals) = &mut *totals {
            // Its rows are counted as written where they leave.
            totals.add(arrived.tally)?;
        }
        drop(totals);
        arrived
            .permit
            .resize(Term::Sorting, arrived.packed.memory_bytes());
        let mut gather = self.gather.lock().expect("no holder of this lock panics");
        if arrived.packed.is_empty() {
            return Ok(None);
        }
        gather.rows += arrived.packed.len();
        gather.bytes += arrived.packed.memory_bytes();
        gather.batches.push(arrived.packed);
        gather.permits.push(arrived.permit);
        let is_full =
            gather.rows >= self.sizes.run_rows_max || gather.bytes >= self.sizes.run_bytes_max;
        Ok(is_full.then(|| gather.cut(false)))
    }

    /// Cuts the last run, once every batch has arrived.
    pub(crate) fn flush(&self) -> Option<UnsortedRun> {
        let mut gather = self.gather.lock().expect("no holder of this lock panics");
        (gather.rows > 0).then(|| gather.cut(true))
    }

    /// Sorts `run`, and writes it unless it is all there is.
    pub(crate) fn sort(&self, run: UnsortedRun) -> Result<()> {
        let sorted = SortedRun::new(run.batches);
        if run.is_only {
            self.written().held = Some(HeldRun::new(sorted, run.permits));
            return Ok(());
        }
        let mut writer = {
            let mut written = self.written();
            let runs = match written.runs.take() {
                Some(runs) => runs,
                None => Runs::sized(&self.space, self.sizes.merging)?,
            };
            written.runs.insert(runs).writer()
        };
        for index in 0..sorted.len() {
            let (key, row) = sorted.entry(index);
            writer.push(key, row)?;
        }
        drop((sorted, run.permits));
        let done = (run.index, writer.finish()?);
        self.written().done.push(done);
        Ok(())
    }

    fn written(&self) -> MutexGuard<'_, Written> {
        self.sorted.lock().expect("no holder of this lock panics")
    }

    /// All rows in order, and what was counted on their way.
    pub(crate) fn finish(self) -> (Sorted, Option<Totals>) {
        let written = self.sorted.into_inner();
        let mut written = written.expect("no holder of this lock panics");
        let totals = self.totals.into_inner();
        written.done.sort_by_key(|(index, _)| *index);
        let runs = written.runs.map(|mut runs| {
            written.done.into_iter().for_each(|(_, run)| runs.add(run));
            runs
        });
        let sorted = Sorted::new(self.layout, self.places, runs, written.held, &self.budget);
        (sorted, totals.expect("no holder of this lock panics"))
    }
}

impl Gather {
    fn cut(&mut self, is_last: bool) -> UnsortedRun {
        let run = UnsortedRun {
            index: self.next_index,
            is_only: is_last && self.next_index == 0,
            batches: std::mem::take(&mut self.batches),
            permits: std::mem::take(&mut self.permits),
        };
        (self.rows, self.bytes) = (0, 0);
        self.next_index += 1;
        run
    }
}
