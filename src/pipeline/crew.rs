//! Pieces of packed files -> their text, by threads that have nothing else to do.
//!
//! Invariants: no more threads compute than there are threads of the run; a piece that no thread has
//! taken when its turn comes is unpacked by the one that waits for it, so that all ends however busy
//! the others are.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock};

use crossbeam_channel::{Receiver, Sender, TryRecvError, bounded};
use rayon::ThreadPool;

use super::open::pool;
use crate::base::Result;
use crate::input::{self, Job, Queue, Unpacked};

/// The threads that unpack.
pub(super) struct Crew {
    threads: usize,
    /// All of them if they take in files too; else those besides the one that does, started when
    /// there are pieces for them.
    pool: Arc<OnceLock<ThreadPool>>,
}

impl fmt::Debug for Crew {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Crew").field(&self.threads).finish()
    }
}

impl Crew {
    /// `threads` threads, one of which calls from outside.
    pub(super) fn beside_one(threads: usize) -> Self {
        Self {
            threads,
            pool: Arc::default(),
        }
    }

    /// `threads` threads, which all call from inside of [`Crew::install`].
    pub(super) fn of_all(threads: usize) -> Result<Self> {
        let crew = Self::beside_one(threads);
        let _ = crew.pool.set(pool(threads)?);
        Ok(crew)
    }

    /// Runs `work` on these threads.
    pub(super) fn install<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        match self.pool.get() {
            Some(pool) => pool.install(work),
            None => work(),
        }
    }
}

impl input::Crew for Crew {
    fn threads(&self) -> usize {
        self.threads
    }

    fn queue(&self) -> Box<dyn Queue> {
        Box::new(InOrder {
            pool: Arc::clone(&self.pool),
            helpers: self.threads - 1,
            given: VecDeque::new(),
        })
    }
}

/// The pieces of one file.
struct InOrder {
    pool: Arc<OnceLock<ThreadPool>>,
    /// Threads to start where none have been.
    helpers: usize,
    given: VecDeque<Given>,
}

/// A piece that was given away.
struct Given {
    work: Arc<Work>,
    done: Receiver<Unpacked>,
}

/// A piece that whoever comes first unpacks.
struct Work(Mutex<Option<(Job, Sender<Unpacked>)>>);

impl Work {
    fn take(&self) -> Option<(Job, Sender<Unpacked>)> {
        self.0.lock().expect("no holder of this lock panics").take()
    }

    /// Does it, unless somebody has begun; returns whether.
    fn do_if_left(&self) -> bool {
        let Some((job, done)) = self.take() else {
            return false;
        };
        // The file may have been given up meanwhile.
        let _ = done.send(job());
        true
    }
}

impl Queue for InOrder {
    fn push(&mut self, job: Job) {
        let (sender, done) = bounded(1);
        let work = Arc::new(Work(Mutex::new(Some((job, sender)))));
        self.given.push_back(Given {
            work: Arc::clone(&work),
            done,
        });
        // Without threads all is done by the one that waits.
        if self.pool.get().is_none()
            && let Ok(pool) = pool(self.helpers)
        {
            let _ = self.pool.set(pool);
        }
        if let Some(pool) = self.pool.get() {
            pool.spawn(move || _ = work.do_if_left());
        }
    }

    fn pop(&mut self) -> Unpacked {
        let oldest = self.given.pop_front().expect("a piece that was pushed");
        oldest.work.do_if_left();
        loop {
            match oldest.done.try_recv() {
                Ok(unpacked) => return unpacked,
                Err(TryRecvError::Disconnected) => panic!("a thread that unpacks has panicked"),
                Err(TryRecvError::Empty) => {}
            }
            if !self.given.iter().any(|given| given.work.do_if_left()) {
                let unpacked = oldest.done.recv();
                return unpacked.expect("no thread that unpacks panics");
            }
        }
    }

    fn clear(&mut self) {
        for given in self.given.drain(..) {
            given.work.take();
        }
    }
}

impl Drop for InOrder {
    fn drop(&mut self) {
        self.clear();
    }
}
