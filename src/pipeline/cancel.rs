//! How a pass ends early: the first error wins, and every worker sees it at its next task.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use super::travel::Place;
use crate::base::Error;
use crate::decode::Widen;

/// Why a pass was called off.
pub(crate) enum CalledOff {
    /// The run failed.
    Failed(Error),
    /// A column must be wider; the run starts over.
    Widen(Widen, Box<Place>),
    /// The keys of this step of the plan take more than their share of the memory; the run starts
    /// over.
    Outgrown(usize, String),
    /// A field that was taken for the empty one behind a trailing delimiter holds something, so
    /// many bytes into its chunk; the run starts over.
    Behind(usize, Box<Place>),
}

/// Holds why a pass was called off, if it was.
#[derive(Debug)]
pub(crate) struct Cancel<E> {
    called_off: AtomicBool,
    reason: Mutex<Option<E>>,
}

impl<E> Cancel<E> {
    pub(crate) fn new() -> Self {
        Self {
            called_off: AtomicBool::new(false),
            reason: Mutex::new(None),
        }
    }

    /// Calls the pass off; later reasons are dropped.
    pub(crate) fn call_off(&self, reason: E) {
        let mut slot = self.reason.lock().expect("no holder of this lock panics");
        slot.get_or_insert(reason);
        self.called_off.store(true, Ordering::Release);
    }

    /// Whether work should stop.
    pub(crate) fn is_called_off(&self) -> bool {
        self.called_off.load(Ordering::Acquire)
    }

    /// The reason, once the workers are gone.
    pub(crate) fn into_reason(self) -> Option<E> {
        self.reason
            .into_inner()
            .expect("no holder of this lock panics")
    }
}

#[cfg(test)]
mod tests {
    use super::Cancel;

    #[test]
    fn the_first_reason_wins() {
        let cancel = Cancel::new();
        assert!(!cancel.is_called_off());
        cancel.call_off("disk full");
        cancel.call_off("too late");
        assert!(cancel.is_called_off());
        assert_eq!(cancel.into_reason(), Some("disk full"));
    }
}
