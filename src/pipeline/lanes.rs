//! The keyed work of one stage: shards of the key space, each with its own lane and state.
//!
//! In: batches with their rows grouped by shard. Out: the same batches with the shards' results
//! landed in the rows they came from. Invariant: a lane sees its rows in `seq` order; two lanes
//! never share state, so one hot key holds up its own shard only.

mod state;

use std::any::Any;
use std::sync::{Arc, Mutex};

use rayon::prelude::*;

use super::budget::Budget;
use super::cancel::CalledOff;
use super::inbox::Inbox;
use super::keys::Keys;
use super::stages::{Keyed, Stage, Work};
use super::travel::Travel;
use crate::base::{Error, ErrorKind, Result};
use crate::steps::key::{KeySet, KeySpec, KeyTable};
use crate::steps::{Effect, KeyUse, ShardColumns, ShardOutput};
pub(crate) use state::Share;
use state::{Known, LaneEnd, LaneRows, LaneState, Stuck};

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

/// The lanes of one stage.
pub(crate) struct Lanes {
    key: KeySpec,
    key_use: KeyUse,
    share: Share,
    new_keys: bool,
    steps: Vec<Work<Keyed>>,
    lanes: Vec<Lane>,
    inbox: Inbox<Waiting>,
}

impl Lanes {
    /// The lanes of `stage`. With a key, one lane per shard runs all steps; without one there is a
    /// single group of rows and each step has a lane of its own.
    pub(crate) fn new(stage: Stage, shards: usize, share: Share) -> Self {
        let (steps, new_keys) = (stage.keyed, stage.new_keys);
        let key_use = stage.key_use.expect("lanes are made for keyed work");
        let keyless = stage.key.is_empty();
        let none_known = || match key_use {
            KeyUse::Held if new_keys && !keyless => Known::Ids(KeyTable::default()),
            KeyUse::Held | KeyUse::Unused => Known::Nothing,
            KeyUse::Seen => Known::Set(KeySet::default()),
            KeyUse::Spilt => Known::Ids(KeyTable::default()),
        };
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
            let state = Mutex::new(LaneState::new(none_known(), states.collect()));
            Lane {
                steps: own,
                shard,
                state,
            }
        });
        let lanes: Vec<Lane> = lanes.collect();
        let shards = if keyless { 1 } else { shards };
        let key = match (KeySpec::new(stage.key, shards), key_use) {
            (key, KeyUse::Seen) => key.with_neighbours(),
            (key, _) => key,
        };
        Self {
            key,
            key_use,
            share,
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
    pub(crate) fn run(
        &self,
        lane: usize,
        budget: &Budget,
    ) -> (Result<Option<Travel>, CalledOff>, bool) {
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
                let whole = Arc::into_inner(waiting).map(|whole| self.assemble(whole));
                whole.transpose().map_err(CalledOff::Failed)
            }
            Err(Stuck::Failed(error)) => {
                Err(CalledOff::Failed(self.locate(error, &waiting.travel)))
            }
            Err(Stuck::Outgrown) => {
                let Work { step, work } = &self.steps[0];
                Err(CalledOff::Outgrown(*step, work.label.clone()))
            }
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

    fn advance(&self, lane: &Lane, travel: &Travel, budget: &Budget) -> Result<LaneOutputs, Stuck> {
        let keys = travel.keys.as_ref().expect("arrive sets the keys");
        let rows = LaneRows {
            batch: &travel.batch,
            keys,
            shard: lane.shard,
        };
        let mut state = lane.state.lock().expect("no holder of this lock panics");
        let columns = match self.key_use {
            KeyUse::Held => state.advance(&rows, usize::MAX, budget)?,
            KeyUse::Seen => state.advance(&rows, self.share.bytes_max, budget)?,
            KeyUse::Unused => state.advance_without_ids(&rows, budget)?,
            KeyUse::Spilt => {
                state.advance_spilling(&rows, &self.share, budget)?;
                lane.steps.iter().map(|_| ShardColumns::None).collect()
            }
        };
        let outputs = lane.steps.iter().zip(columns).map(|(&index, columns)| {
            let rows = keys.rows(lane.shard).to_vec();
            (index, ShardOutput { rows, columns })
        });
        Ok(outputs.collect())
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
    /// learnt, and returns what the shards of each step leave behind. What was spilled is put
    /// together on as many threads as the pool has that this is called on; `go_on` is asked now and
    /// then.
    ///
    /// # Errors
    /// What keeps spilled state from being read, and what `go_on` returns.
    pub(crate) fn finish(
        self,
        budget: &Budget,
        go_on: &(dyn Fn() -> Result<()> + Sync),
    ) -> Result<Vec<Left>> {
        let steps = self.steps.iter();
        let mut left: Vec<Left> = steps
            .map(|work| Left {
                step: work.step,
                is_fit: work.work.fits,
                shards: Vec::new(),
                spilled_bytes: 0,
            })
            .collect();
        let lanes = self.lanes.into_iter().map(|lane| {
            let state = lane.state.into_inner();
            (lane.steps, state.expect("no holder of this lock panics"))
        });
        let ends: Vec<(Vec<usize>, LaneEnd)> = match self.key_use {
            KeyUse::Spilt => {
                let lanes: Vec<_> = lanes.collect();
                let ends = lanes.into_par_iter().map(|(steps, state)| {
                    let end = state.end_spilling(&self.share, budget, &mut || go_on())?;
                    Ok((steps, end))
                });
                ends.collect::<Result<_>>()?
            }
            _ => {
                let ends = lanes.map(|(steps, state)| {
                    let end = state.end(|index| left[steps[index]].is_fit, budget);
                    (steps, end)
                });
                ends.collect()
            }
        };
        for (steps, end) in ends {
            let learnt = end.learnt.into_iter().zip(end.spilled_bytes);
            for (index, (learnt, spilled_bytes)) in steps.into_iter().zip(learnt) {
                left[index].shards.extend(learnt.map(|learnt| learnt.value));
                left[index].spilled_bytes += spilled_bytes;
            }
        }
        Ok(left)
    }
}

/// What the shards of one keyed step leave behind at the end of a pass.
pub(crate) struct Left {
    pub(crate) step: usize,
    /// Whether the pass was for the step to learn.
    pub(crate) is_fit: bool,
    pub(crate) shards: Vec<Arc<dyn Any + Send + Sync>>,
    /// What they have written to temporary files.
    pub(crate) spilled_bytes: u64,
}
