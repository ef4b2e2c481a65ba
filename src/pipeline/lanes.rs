//! The keyed work of one stage: shards of the key space, each with its own lane and state.
//!
//! In: batches with their rows grouped by shard. Out: the same batches with the shards' results
//! landed in the rows they came from. Invariant: a lane sees its rows in `seq` order; two lanes
//! never share state, so one hot key holds up its own shard only.

use std::any::Any;
use std::sync::{Arc, Mutex};

use super::budget::Budget;
use super::inbox::Inbox;
use super::keys::Keys;
use super::stages::{Keyed, Work};
use super::travel::Travel;
use crate::base::{Error, ErrorKind, Result};
use crate::steps::key::{KeySpec, KeyTable};
use crate::steps::{Effect, KeyedState, ShardOutput};

/// What the lanes hold, as errors call it.
const STATE: &str = "state per key (key tables, rings, gaps)";

/// What one lane made of a batch: for each of its steps the shard's output.
type LaneOutputs = Vec<(usize, ShardOutput)>;

/// A batch that waits for its lanes.
pub(crate) struct Waiting {
    travel: Travel,
    outputs: Mutex<Vec<(usize, LaneOutputs)>>,
}

struct Lane {
    /// Indices into the stage's steps.
    steps: Vec<usize>,
    shard: usize,
    state: Mutex<LaneState>,
}

struct LaneState {
    table: Option<KeyTable>,
    steps: Vec<Box<dyn KeyedState>>,
    bytes: usize,
}

/// The lanes of one stage.
pub(crate) struct Lanes {
    key: KeySpec,
    new_keys: bool,
    steps: Vec<Work<Keyed>>,
    lanes: Vec<Lane>,
    inbox: Inbox<Waiting>,
}

impl Lanes {
    /// With a key, one lane per shard runs all steps; without one there is a single group of rows
    /// and each step has a lane of its own.
    pub(crate) fn new(
        steps: Vec<Work<Keyed>>,
        key: &[usize],
        shards: usize,
        new_keys: bool,
    ) -> Self {
        let keyless = key.is_empty();
        let count = if keyless { steps.len() } else { shards };
        let lanes = (0..count).map(|index| {
            let (shard, own) = if keyless {
                (0, vec![index])
            } else {
                (index, (0..steps.len()).collect())
            };
            let states = own
                .iter()
                .map(|&step: &usize| steps[step].work.step.state(shard));
            let table = (new_keys && !keyless).then(KeyTable::default);
            let state = LaneState {
                table,
                steps: states.collect(),
                bytes: 0,
            };
            Lane {
                steps: own,
                shard,
                state: Mutex::new(state),
            }
        });
        let lanes: Vec<Lane> = lanes.collect();
        let shards = if keyless { 1 } else { shards };
        Self {
            key: KeySpec::new(key.to_vec(), shards),
            new_keys,
            steps,
            inbox: Inbox::new(lanes.len()),
            lanes,
        }
    }

    /// Groups the batch's rows by shard, unless an earlier stage did, and puts it in the inbox;
    /// returns the lanes that become ready by it.
    pub(crate) fn arrive(&self, mut travel: Travel) -> Vec<usize> {
        if self.new_keys || travel.keys.is_none() {
            travel.keys = Some(Arc::new(Keys::new(&self.key, &travel.batch)));
        }
        let seq = travel.batch.seq;
        self.inbox.arrive(
            seq,
            Waiting {
                travel,
                outputs: Mutex::new(Vec::new()),
            },
        )
    }

    /// Runs `lane` on its next batch. Returns the batch if this was the last lane it waited for,
    /// and whether the lane is ready again.
    pub(crate) fn run(&self, lane: usize, budget: &Budget) -> (Result<Option<Travel>>, bool) {
        let waiting = self.inbox.take(lane);
        let outputs = self.advance(&self.lanes[lane], &waiting.travel, budget);
        let result = match outputs {
            Ok(outputs) => {
                let mut all = waiting
                    .outputs
                    .lock()
                    .expect("no holder of this lock panics");
                all.push((lane, outputs));
                drop(all);
                Arc::into_inner(waiting)
                    .map(|whole| self.assemble(whole))
                    .transpose()
            }
            Err(error) => Err(self.locate(error, &waiting.travel)),
        };
        (result, self.inbox.done(lane))
    }

    /// Adds the key and the place to an error that knows only the row.
    fn locate(&self, mut error: Error, travel: &Travel) -> Error {
        if let ErrorKind::OutOfOrder { row, key, .. } = error.kind_mut() {
            *key = self.key.describe(&travel.batch, *row);
        }
        travel.locate(error)
    }

    fn advance(&self, lane: &Lane, travel: &Travel, budget: &Budget) -> Result<LaneOutputs> {
        let keys = travel.keys.as_ref().expect("arrive sets the keys");
        let mut state = lane.state.lock().expect("no holder of this lock panics");
        let state = &mut *state;
        // A table that doubles holds both sizes for a while: the budget must agree before.
        let mut announced = 0;
        let mut room = |bytes| {
            announced += bytes;
            budget.state_changed(STATE, announced - bytes, announced)
        };
        let (rows, ids) = keys.of_shard(lane.shard, state.table.as_mut(), &mut room)?;
        let mut outputs = Vec::with_capacity(lane.steps.len());
        for (&index, step) in lane.steps.iter().zip(&mut state.steps) {
            let columns = step.advance(&travel.batch, rows, ids)?;
            outputs.push((
                index,
                ShardOutput {
                    rows: rows.to_vec(),
                    columns,
                },
            ));
        }
        let tables = state.table.as_ref().map_or(0, KeyTable::memory_bytes);
        let bytes = tables
            + state
                .steps
                .iter()
                .map(|step| step.memory_bytes())
                .sum::<usize>();
        let before = std::mem::replace(&mut state.bytes, bytes);
        budget.state_changed(STATE, announced + before, bytes)?;
        Ok(outputs)
    }

    fn assemble(&self, whole: Waiting) -> Result<Travel> {
        let Waiting {
            mut travel,
            outputs,
        } = whole;
        let mut lanes = outputs.into_inner().expect("no holder of this lock panics");
        lanes.sort_by_key(|&(lane, _)| lane);
        let mut by_step: Vec<Vec<ShardOutput>> = self.steps.iter().map(|_| Vec::new()).collect();
        for (step, output) in lanes.into_iter().flat_map(|(_, outputs)| outputs) {
            by_step[step].push(output);
        }
        for (work, outputs) in self.steps.iter().zip(by_step) {
            if work.work.fits {
                continue;
            }
            let effect: Effect = work.work.step.assemble(&mut travel.batch, outputs)?;
            travel.note_effect(work.step, effect);
        }
        Ok(travel)
    }

    /// Ends the pass: gives back the state's memory, but for what the fits among the steps have
    /// learnt, and returns what the shards of each step leave behind.
    pub(crate) fn finish(self, budget: &Budget) -> Vec<Left> {
        let steps = self.steps.iter();
        let mut left: Vec<Left> = steps
            .map(|work| Left {
                step: work.step,
                is_fit: work.work.fits,
                shards: Vec::new(),
            })
            .collect();
        for lane in self.lanes {
            let state = lane
                .state
                .into_inner()
                .expect("no holder of this lock panics");
            let mut learnt_bytes = 0;
            for (index, step) in lane.steps.into_iter().zip(state.steps) {
                if left[index].is_fit {
                    learnt_bytes += step.memory_bytes();
                }
                left[index].shards.extend(step.finish());
            }
            // Shrinking cannot exceed a limit that held before.
            let _ = budget.state_changed("", state.bytes, learnt_bytes.min(state.bytes));
        }
        left
    }
}

/// What the shards of one keyed step leave behind at the end of a pass.
pub(crate) struct Left {
    pub(crate) step: usize,
    /// Whether the pass was for the step to learn.
    pub(crate) is_fit: bool,
    pub(crate) shards: Vec<Arc<dyn Any + Send + Sync>>,
}
