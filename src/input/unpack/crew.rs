//! Who unpacks the pieces of one file: the thread that takes the file in, and others if there are any.
//!
//! Invariant: what a piece becomes comes back in the order in which the pieces were given away.

use std::collections::VecDeque;
use std::fmt;

use super::run::Run;

/// Threads that unpack pieces of files besides the one that takes a file in.
pub trait Crew: fmt::Debug + Send + Sync {
    /// How many pieces are unpacked at a time at most.
    fn threads(&self) -> usize;

    /// For the pieces of one file. What is left in it when it is dropped need not be done.
    fn queue(&self) -> Box<dyn Queue>;
}

/// The pieces of one file, in their order.
pub trait Queue {
    /// Gives `job` away.
    fn push(&mut self, job: Job);

    /// What became of the oldest job that has not come back. Whoever waits for it does other jobs of
    /// this queue meanwhile, so that it ends even if no thread ever lends a hand.
    ///
    /// # Panics
    /// If there is none.
    fn pop(&mut self) -> Unpacked;

    /// Forgets all jobs; what becomes of them is nobody's concern.
    fn clear(&mut self);
}

/// The thread that takes the file in does all jobs itself, each when its turn has come.
#[derive(Default)]
pub(super) struct Alone(VecDeque<Job>);

impl Queue for Alone {
    fn push(&mut self, job: Job) {
        self.0.push_back(job);
    }

    fn pop(&mut self) -> Unpacked {
        let job = self.0.pop_front().expect("a job that was pushed");
        job()
    }

    fn clear(&mut self) {
        self.0.clear();
    }
}

/// Unpacks one piece.
pub type Job = Box<dyn FnOnce() -> Unpacked + Send>;

/// What became of a piece.
#[derive(Debug)]
pub struct Unpacked {
    /// Its text, or the beginning of it.
    pub(super) text: Vec<u8>,
    pub(super) end: End,
}

/// What is behind the text.
#[derive(Debug)]
pub(super) enum End {
    /// Nothing: that was all, and it was right.
    Whole,
    /// More than the piece was given room for.
    More(Box<Run>),
    /// Data that could not be unpacked by itself, for whatever reason.
    Failed,
}

impl Unpacked {
    /// All of `text`.
    pub(super) fn whole(text: Vec<u8>) -> Self {
        Self {
            text,
            end: End::Whole,
        }
    }

    /// What could not be unpacked by itself.
    pub(super) fn failed() -> Self {
        Self {
            text: Vec::new(),
            end: End::Failed,
        }
    }
}
