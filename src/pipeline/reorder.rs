//! The work of a stage that lets rows go in another order: batches in, one after the other, and
//! batches of other rows out.
//!
//! In: batches in any order. Out: for each a batch of the same `seq` with the rows that may go by
//! then. Invariant: what was counted on the way of a batch goes on with it, wherever its rows are;
//! with the last batch of a pass, which has no rows, all go that are left.

use std::sync::{Arc, Mutex};

use super::budget::{Budget, Term};
use super::inbox::Inbox;
use super::origins::{Origins, Places};
use super::travel::Travel;
use crate::base::{Batch, Result};
use crate::steps::{ReorderState, ReorderStep};

/// What the rows are, as errors call it.
const STATE: &str = "rows held back to be put in order";

/// A step that moves rows, in one pass.
pub(crate) struct Reordering {
    step: usize,
    places: Arc<Places>,
    inbox: Inbox<Travel>,
    state: Mutex<State>,
}

struct State {
    rows: Box<dyn ReorderState>,
    counted_bytes: usize,
}

impl Reordering {
    /// Step `step` of the plan; the chunks of the files are noted in `places`.
    pub(crate) fn new(step: usize, work: &Arc<dyn ReorderStep>, places: &Arc<Places>) -> Self {
        Self {
            step,
            places: Arc::clone(places),
            inbox: Inbox::new(1),
            state: Mutex::new(State {
                rows: work.state(),
                counted_bytes: 0,
            }),
        }
    }

    /// Takes in a batch; returns it and those that waited for it, each with the rows that go now.
    pub(crate) fn arrive(&self, travel: Travel, budget: &Budget) -> Result<Vec<Travel>> {
        let mut gone = Vec::new();
        let mut ready = !self.inbox.arrive(travel.batch.seq, travel).is_empty();
        while ready {
            let next = Arc::into_inner(self.inbox.take(0)).expect("the only lane holds it");
            gone.push(self.exchange(next, budget)?);
            ready = self.inbox.done(0);
        }
        Ok(gone)
    }

    fn exchange(&self, mut travel: Travel, budget: &Budget) -> Result<Travel> {
        let mut state = self.state.lock().expect("no holder of this lock panics");
        let origins = travel.origins(&self.places);
        let released = state
            .rows
            .advance(&travel.batch, origins, travel.is_last)
            .map_err(|error| travel.locate(error))?;
        let bytes = state.rows.memory_bytes();
        let before = std::mem::replace(&mut state.counted_bytes, bytes);
        budget.state_changed(STATE, before, bytes)?;
        drop(state);
        travel.batch = Batch {
            rows: released.origins.len(),
            records: None,
            columns: released.columns,
            ..travel.batch
        };
        let moved = Origins::new(released.origins.into(), &self.places);
        let bytes = travel.batch.memory_bytes() + moved.memory_bytes();
        travel.permit.resize(Term::Batches, bytes);
        travel.keys = None;
        travel.moved = Some(moved);
        Ok(travel)
    }

    /// Ends the pass: the step, and how many rows came late.
    pub(crate) fn finish(self, budget: &Budget) -> (usize, u64) {
        let state = self.state.into_inner();
        let state = state.expect("no holder of this lock panics");
        // Shrinking cannot exceed a limit that held before.
        let _ = budget.state_changed("", state.counted_bytes, 0);
        (self.step, state.rows.late_rows())
    }
}
