//! Turn-taking: items arrive in any order, each lane handles them in `seq` order, one at a time.
//!
//! In: items with a `seq`, without gaps. Out: to whoever asks for a lane's turn, the next item.
//! Invariant: a lane is handed out to one worker at a time, and no arrival is forgotten: the lock
//! that adds an item also looks for lanes it makes ready.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

/// Items on their way through `lanes` lanes, every item through every lane.
pub(crate) struct Inbox<T> {
    state: Mutex<State<T>>,
}

struct State<T> {
    waiting: BTreeMap<u64, (Arc<T>, usize)>,
    lanes: Vec<Turn>,
}

#[derive(Clone, Copy)]
struct Turn {
    next_seq: u64,
    busy: bool,
}

impl<T> Inbox<T> {
    /// An inbox whose lanes all wait for item 0.
    pub(crate) fn new(lanes: usize) -> Self {
        let lanes = vec![
            Turn {
                next_seq: 0,
                busy: false
            };
            lanes
        ];
        Self {
            state: Mutex::new(State {
                waiting: BTreeMap::new(),
                lanes,
            }),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().expect("no holder of this lock panics")
    }

    /// Adds item `seq`; returns the lanes that become ready by it. Each of them is the caller's to
    /// run: [`Inbox::take`], work, [`Inbox::done`].
    pub(crate) fn arrive(&self, seq: u64, item: T) -> Vec<usize> {
        let mut state = self.lock();
        let lanes = state.lanes.len();
        state.waiting.insert(seq, (Arc::new(item), lanes));
        let mut ready = Vec::new();
        for (lane, turn) in state.lanes.iter_mut().enumerate() {
            if !turn.busy && turn.next_seq == seq {
                turn.busy = true;
                ready.push(lane);
            }
        }
        ready
    }

    /// The next item of a lane that is the caller's. The last lane to finish an item gets it whole
    /// by `Arc::into_inner`.
    pub(crate) fn take(&self, lane: usize) -> Arc<T> {
        let mut state = self.lock();
        let seq = state.lanes[lane].next_seq;
        state.lanes[lane].next_seq += 1;
        let entry = state
            .waiting
            .get_mut(&seq)
            .expect("a ready lane has an item waiting");
        entry.1 -= 1;
        if entry.1 > 0 {
            return Arc::clone(&entry.0);
        }
        state.waiting.remove(&seq).expect("it was just seen").0
    }

    /// Ends the caller's turn; `true` when the next item is there already and the lane remains the
    /// caller's to run.
    pub(crate) fn done(&self, lane: usize) -> bool {
        let mut state = self.lock();
        let next = state.lanes[lane].next_seq;
        let again = state.waiting.contains_key(&next);
        state.lanes[lane].busy = again;
        again
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_lane_sees_every_item_in_order() {
        let inbox = Inbox::new(2);
        assert!(inbox.arrive(1, "b").is_empty());
        assert_eq!(inbox.arrive(0, "a"), [0, 1]);
        assert_eq!(*inbox.take(0), "a");
        assert!(inbox.done(0));
        assert_eq!(*inbox.take(0), "b");
        assert!(!inbox.done(0));
        assert!(inbox.arrive(2, "c").contains(&0));
        let a = inbox.take(1);
        assert_eq!(Arc::into_inner(a), Some("a"));
    }

    #[test]
    fn only_the_last_lane_gets_the_item_whole() {
        let inbox = Inbox::new(2);
        inbox.arrive(0, String::from("a"));
        let (first, second) = (inbox.take(0), inbox.take(1));
        assert_eq!(Arc::into_inner(second), None);
        assert_eq!(Arc::into_inner(first).as_deref(), Some("a"));
    }
}
