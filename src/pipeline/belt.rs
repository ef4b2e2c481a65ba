//! One pass over the input: workers that take the most downstream work that is ready.
//!
//! In: a [`PassPlan`](super::stages::PassPlan) and the open sources. Out: what the fits learnt, or
//! a sink that holds the parts. Three bounded channels feed the workers: columns to encode, lanes
//! to run, and a bell that wakes a worker to look again (also at the source, whose next chunk is
//! admitted against the budget). Invariant: a full channel never blocks a worker, it does the work
//! itself; so downstream work always goes on and memory drains.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, TryLockError};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};

use super::budget::{Budget, Permit, Term};
use super::cancel::{CalledOff, Cancel};
use super::cost::RowCost;
use super::feed::{Feed, Portion};
use super::filtered::{self, FilteredColumns};
use super::lanes::Lanes;
use super::reorder::Reordering;
use super::share::DecodedShare;
use super::sink::{RowGroup, Sink};
use super::sorting::{Sorting, UnsortedRun};
use super::stages::{Inline, Work};
use super::tally::Tally;
use super::travel::{Place, Travel};
use super::worker::{Formats, Timed, Worker, WorkerTime};
use crate::base::{Repair, Result, Schema};
use crate::input::{Chunk, Outline, RecordSplit};
use crate::report::ProgressState;
use intake::Intake;

mod intake;
mod reorder;
mod room;
mod sorting;

/// Work that waits in a channel.
enum Task {
    Encode(Arc<RowGroup>, usize),
    Sort(Box<UnsortedRun>),
    Lane { stage: usize, lane: usize },
}

/// The row-local work of a stage and the lanes behind it.
pub(crate) struct BeltStage {
    pub(crate) inline: Vec<Work<Inline>>,
    pub(crate) lanes: Option<Lanes>,
    /// In place of lanes, a step that moves rows.
    pub(crate) reorder: Option<Reordering>,
}

/// What a belt is made of.
pub(crate) struct BeltParts {
    pub(crate) formats: Arc<Formats>,
    /// For each source of text, what knows where its records end.
    pub(crate) splitters: Vec<Option<Arc<dyn RecordSplit>>>,
    pub(crate) schema: Arc<Schema>,
    pub(crate) repair: Repair,
    pub(crate) stages: Vec<BeltStage>,
    pub(crate) sink: Option<Sink>,
    /// What takes the rows of a pass before a sort; such a pass has no sink.
    pub(crate) sorting: Option<Sorting>,
    /// Per slot, whether rows that have been sorted are to bring it along.
    pub(crate) needed: Vec<bool>,
    /// The columns of rows that are dropped, if they are kept in this pass.
    pub(crate) filtered: Option<Arc<FilteredColumns>>,
    pub(crate) budget: Arc<Budget>,
    pub(crate) progress: Arc<ProgressState>,
    pub(crate) row_cost: RowCost,
    pub(crate) threads: usize,
    pub(crate) record_bytes_max: usize,
    /// The most that a page of typed cells may hold.
    pub(crate) page_bytes_max: usize,
    pub(crate) fail_on_reject: bool,
}

/// One pass, shared by its workers.
pub(crate) struct Belt {
    parts: BeltParts,
    intake: Mutex<Intake>,
    encode: (Sender<Task>, Receiver<Task>),
    keyed: (Sender<Task>, Receiver<Task>),
    bell: (Sender<()>, Receiver<()>),
    /// Chunks on their way to the sink, plus one while the source may give more.
    upstream: AtomicUsize,
    /// Row groups on their way to the file, plus one until the last has been cut.
    downstream: AtomicUsize,
    finished: AtomicBool,
    /// The most that batches have held of their chunks.
    decoded_share: DecodedShare,
    cancel: Cancel<CalledOff>,
}

/// Chunks between the source and the sink, for each worker: enough that each finds work while
/// another is held up, and no more, since more only fill memory.
const CHUNKS_PER_WORKER_MAX: usize = 3;
/// Tasks a channel holds before senders do the work themselves.
const TASKS_MAX: usize = 1024;

impl Belt {
    pub(crate) fn new(feed: Feed, parts: BeltParts) -> Self {
        Self {
            intake: Mutex::new(Intake::new(feed)),
            encode: bounded(TASKS_MAX),
            keyed: bounded(TASKS_MAX),
            bell: bounded(parts.threads),
            upstream: AtomicUsize::new(1),
            downstream: AtomicUsize::new(1),
            finished: AtomicBool::new(false),
            decoded_share: DecodedShare::default(),
            cancel: Cancel::new(),
            parts,
        }
    }

    /// Runs the pass on `threads` workers while `tick` is called now and then on this thread;
    /// an error from it calls the pass off. Returns what each worker did.
    pub(crate) fn run(&self, mut tick: impl FnMut() -> Result<()>) -> Vec<WorkerTime> {
        let mut times = Vec::with_capacity(self.parts.threads);
        let (left, gone) = bounded(self.parts.threads);
        std::thread::scope(|scope| {
            for index in 0..self.parts.threads {
                let left = left.clone();
                let work = move || {
                    // The receiver outlives the scope.
                    let _ = left.send(self.work());
                };
                std::thread::Builder::new()
                    .name(format!("worker-{index}"))
                    .spawn_scoped(scope, work)
                    .expect("the system can start the threads asked for");
            }
            drop(left);
            loop {
                match gone.recv_timeout(Duration::from_millis(50)) {
                    Ok(time) => times.push(time),
                    Err(crossbeam_channel::RecvTimeoutError::Timeout) => {
                        if let Err(error) = tick() {
                            self.call_off(CalledOff::Failed(error));
                        }
                    }
                    Err(crossbeam_channel::RecvTimeoutError::Disconnected) => break,
                }
            }
        });
        times
    }

    /// What is left once the workers are gone: the reason the pass was called off, or its parts
    /// and where it found its chunks.
    pub(crate) fn into_parts(self) -> Result<(BeltParts, Option<Outline>), CalledOff> {
        if let Some(reason) = self.cancel.into_reason() {
            return Err(reason);
        }
        let intake = self.intake.into_inner();
        let intake = intake.expect("no holder of this lock panics");
        Ok((self.parts, intake.feed.into_outline()))
    }

    fn call_off(&self, reason: CalledOff) {
        self.cancel.call_off(reason);
        self.ring_all();
    }

    fn ring(&self) {
        // A full bell wakes everybody anyway.
        let _ = self.bell.0.try_send(());
    }

    fn ring_all(&self) {
        for _ in 0..self.parts.threads {
            self.ring();
        }
    }

    fn stopped(&self) -> bool {
        self.finished.load(Ordering::Acquire) || self.cancel.is_called_off()
    }

    fn work(&self) -> WorkerTime {
        let parts = &self.parts;
        let most = (parts.record_bytes_max, parts.page_bytes_max);
        let mut worker = Worker::new(&parts.formats, parts.repair, most);
        while !self.stopped() {
            let outcome = if let Ok(task) = self.encode.1.try_recv() {
                self.perform(task, &mut worker)
            } else if let Ok(task) = self.keyed.1.try_recv() {
                self.perform(task, &mut worker)
            } else if let Some((portion, permit)) = self.admit(&mut worker) {
                match portion {
                    Portion::Chunk(chunk) => self.take_in(*chunk, permit, &mut worker),
                    Portion::Sorted(rows) => self.take_in_sorted(rows, permit, &mut worker),
                }
            } else {
                // Woken by work, by memory that came free, or by the end.
                worker.wait(|| self.bell.1.recv_timeout(Duration::from_millis(20)).ok());
                continue;
            };
            if let Err(error) = outcome {
                self.call_off(CalledOff::Failed(error));
            }
            self.ring();
        }
        worker.into_time()
    }

    /// The next portion in order, once the budget has room for it.
    fn admit(&self, worker: &mut Worker) -> Option<(Portion, Permit)> {
        let mut intake = match self.intake.try_lock() {
            Ok(intake) => intake,
            Err(TryLockError::WouldBlock) => return None,
            Err(TryLockError::Poisoned(_)) => unreachable!("no holder of this lock panics"),
        };
        if intake.exhausted {
            return None;
        }
        // The source itself counts for one.
        let under_way = self.upstream.load(Ordering::Acquire) - 1;
        if under_way >= self.parts.threads * CHUNKS_PER_WORKER_MAX {
            return None;
        }
        if intake.pending.is_none() {
            let started = Instant::now();
            let next = intake.feed.next().unwrap_or_else(|error| {
                self.call_off(CalledOff::Failed(error));
                None
            });
            intake.pending = next.map(|portion| {
                let permit = self.parts.budget.hold(Term::Chunks, portion.bytes());
                (portion, permit)
            });
            intake.ahead = None;
            worker.record(Timed::Split, started);
        }
        let Intake {
            pending,
            ahead,
            exhausted,
            rows,
            chunks,
            trimmed,
            ..
        } = &mut *intake;
        let Some((portion, permit)) = pending else {
            *exhausted = true;
            let chunks = *chunks;
            drop(intake);
            if let Err(error) = self.end_intake(chunks, worker) {
                self.call_off(CalledOff::Failed(error));
            }
            return None;
        };
        let grown = self.parts.budget.state_bytes() * portion.rows();
        let batch_bytes = self.batch_bytes(portion, worker) + grown / (*rows).max(1);
        let idle = under_way == 0 && self.downstream.load(Ordering::Acquire) == 1;
        let resident = self.resident_bytes(batch_bytes, trimmed);
        if !permit.try_admit(batch_bytes, resident, idle) {
            return None;
        }
        *rows += portion.rows();
        *chunks += 1;
        self.upstream.fetch_add(1, Ordering::AcqRel);
        *ahead = Some(self.parts.budget.hold(Term::Chunks, portion.bytes()));
        let (portion, permit) = pending.take()?;
        drop(intake);
        self.ring();
        portion.read_ahead();
        Some((portion, permit))
    }

    /// Decodes a chunk and sends its batch on its way.
    fn take_in(&self, chunk: Chunk, mut permit: Permit, worker: &mut Worker) -> Result<()> {
        let started = Instant::now();
        let splitter = &self.parts.splitters[chunk.source_index as usize];
        let place = Place::of(&chunk, splitter.as_ref());
        let mut decoded = worker.decode(&chunk)?;
        chunk.source.check()?;
        if let Some(widen) = decoded.widen {
            self.call_off(CalledOff::Widen(widen, Box::new(place)));
            return Ok(());
        }
        if let Some(chunk_offset) = worker.behind() {
            self.call_off(CalledOff::Behind(chunk_offset, Box::new(place)));
            return Ok(());
        }
        let mut tally = Tally::of(&chunk, &mut decoded, worker.left_out());
        if let Some(step) = worker.passed_over(&chunk) {
            tally.pass_over(step);
        }
        if self.parts.fail_on_reject {
            tally.first_reject(&self.parts.schema).map_or(Ok(()), Err)?;
        }
        self.parts
            .progress
            .add(chunk.length as u64, u64::from(chunk.records));
        let batch = decoded.batch;
        let bytes = batch.memory_bytes();
        self.decoded_share.note(&chunk, bytes);
        drop(chunk);
        worker.record(Timed::Decode, started);
        let derived = batch.rows * self.parts.row_cost.derived_bytes;
        permit.resize(Term::Batches, bytes + derived);
        self.look();
        self.advance(
            Travel {
                batch,
                place: Some(place),
                moved: None,
                tally,
                keys: None,
                permit,
                dropped: Vec::new(),
                stage: 0,
                is_last: false,
            },
            worker,
        )
    }

    /// Takes a batch through its next stages until it has to wait for lanes or leaves the belt.
    fn advance(&self, mut travel: Travel, worker: &mut Worker) -> Result<()> {
        while let Some(stage) = self.parts.stages.get(travel.stage) {
            let started = Instant::now();
            self.apply(stage, &mut travel)?;
            if !stage.inline.is_empty() {
                worker.record(Timed::LocalSteps, started);
            }
            let index = travel.stage;
            travel.stage += 1;
            if let Some(reordering) = &stage.reorder {
                return self.exchange(reordering, travel, worker);
            }
            if let Some(lanes) = &stage.lanes {
                let started = Instant::now();
                let ready = lanes.arrive(travel);
                worker.record(Timed::GroupByKey, started);
                for lane in ready {
                    self.send(&self.keyed.0, Task::Lane { stage: index, lane }, worker)?;
                }
                return Ok(());
            }
        }
        self.leave(travel, worker)
    }

    fn apply(&self, stage: &BeltStage, travel: &mut Travel) -> Result<()> {
        for Work { step, work } in &stage.inline {
            match work {
                Inline::Apply(local) => {
                    let kept = self.parts.filtered.as_deref();
                    filtered::apply(kept, *step, &**local, travel)?;
                }
                Inline::Check(check) => {
                    let schema = self.parts.fail_on_reject.then_some(&*self.parts.schema);
                    check.apply(*step, travel, schema)?;
                }
                Inline::Observe(fit) => {
                    let mut observer = fit.lock().expect("no holder of this lock panics");
                    let observed = observer.fit.observe(&travel.batch);
                    observed.map_err(|error| travel.locate(error))?;
                    let bytes = observer.fit.memory_bytes();
                    let before = std::mem::replace(&mut observer.counted_bytes, bytes);
                    self.parts
                        .budget
                        .state_changed("what is learnt for fills", before, bytes)?;
                }
            }
        }
        Ok(())
    }

    fn leave(&self, mut travel: Travel, worker: &mut Worker) -> Result<()> {
        if let Some(sorting) = &self.parts.sorting {
            return self.leave_to_sort(sorting, travel, worker);
        }
        let Some(sink) = &self.parts.sink else {
            drop(travel);
            return self.leave_upstream(1, worker);
        };
        self.look();
        travel.keys = None;
        travel.count_written();
        sink.project(&mut travel.batch);
        let bytes = travel.memory_bytes();
        travel.permit.resize(Term::RowGroups, bytes);
        let started = Instant::now();
        let (groups, batches) = sink.arrive(travel)?;
        worker.record(Timed::Gather, started);
        self.send_groups(groups, worker)?;
        self.leave_upstream(batches, worker)
    }

    fn send_groups(
        &self,
        groups: impl IntoIterator<Item = Arc<RowGroup>>,
        worker: &mut Worker,
    ) -> Result<()> {
        for group in groups {
            self.downstream.fetch_add(1, Ordering::AcqRel);
            for column in 0..group.columns() {
                self.send(
                    &self.encode.0,
                    Task::Encode(Arc::clone(&group), column),
                    worker,
                )?;
            }
        }
        Ok(())
    }

    /// Counts `chunks` (or the source itself) out; the last one out cuts the last row group.
    fn leave_upstream(&self, chunks: usize, worker: &mut Worker) -> Result<()> {
        if chunks == 0 || self.upstream.fetch_sub(chunks, Ordering::AcqRel) > chunks {
            return Ok(());
        }
        let last = self.parts.sink.as_ref().and_then(Sink::flush);
        self.send_groups(last, worker)?;
        let last = self.parts.sorting.as_ref().and_then(Sorting::flush);
        self.send_runs(last, worker)?;
        self.leave_downstream(1);
        Ok(())
    }

    fn leave_downstream(&self, groups: usize) {
        if groups > 0 && self.downstream.fetch_sub(groups, Ordering::AcqRel) == groups {
            self.finished.store(true, Ordering::Release);
            self.ring_all();
        }
    }

    fn send(&self, channel: &Sender<Task>, task: Task, worker: &mut Worker) -> Result<()> {
        match channel.try_send(task) {
            Ok(()) => {
                self.ring();
                Ok(())
            }
            Err(TrySendError::Full(task)) => self.perform(task, worker),
            Err(TrySendError::Disconnected(_)) => unreachable!("the belt holds both ends"),
        }
    }

    fn perform(&self, task: Task, worker: &mut Worker) -> Result<()> {
        let started = Instant::now();
        match task {
            Task::Encode(group, column) => {
                let sink = self
                    .parts
                    .sink
                    .as_ref()
                    .expect("only a sink cuts row groups");
                let is_last = sink.encode(&group, column)?;
                if is_last {
                    self.look();
                }
                worker.record(Timed::Encode, started);
                if is_last {
                    let started = Instant::now();
                    let appended = sink.append(group)?;
                    worker.record(Timed::Append, started);
                    self.leave_downstream(appended);
                }
                Ok(())
            }
            Task::Sort(run) => self.sort(*run, worker),
            Task::Lane { stage, lane } => {
                let lanes = self.parts.stages[stage].lanes.as_ref();
                let lanes = lanes.expect("only stages with lanes send them");
                let (outcome, again) = lanes.run(lane, &self.parts.budget);
                worker.record(Timed::KeyedSteps, started);
                if again {
                    self.send(&self.keyed.0, Task::Lane { stage, lane }, worker)?;
                }
                match outcome {
                    Ok(Some(travel)) => self.advance(travel, worker),
                    Ok(None) => Ok(()),
                    Err(reason) => {
                        self.call_off(reason);
                        Ok(())
                    }
                }
            }
        }
    }
}
