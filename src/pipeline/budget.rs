//! The memory budget of a run: one visible sum of named terms, and the permits that chunks carry.
//!
//! In: the limit, what the process holds before the belt starts, and every change of what the belt
//! holds. Out: permits, on which chunks are admitted in `seq` order, and the sum when the process was
//! largest.
//! Invariant: a chunk is always admitted when nothing else is being worked on, so the belt cannot
//! stall.

use std::sync::{Arc, Mutex, MutexGuard};

use crate::base::{ErrorKind, Result};

const MIB: usize = 1 << 20;
/// What a worker needs beside its chunk: a block of fields, a codec, its stack.
const WORKER_BYTES: usize = 2 * MIB;
/// What a worker needs for each row of a row group: the column it encodes, as cells, as ids and as
/// pages.
const ENCODED_ROW_BYTES: usize = 32;
/// The program before the belt starts, where the system does not tell what it takes.
const PROGRAM_BYTES: usize = 8 * MIB;
/// Left free for what the allocator keeps, at least.
const RESERVE_BYTES_MIN: usize = 5 * MIB;
/// The least share of a lane: below it, it would do nothing but write.
const LANE_BYTES_MIN: usize = 64 << 10;
/// The largest share of a lane: ids of its keys, and places of its rows, have 32 bits.
const LANE_BYTES_MAX: usize = 32 << 30;
/// Code and tables that the program touches only once the belt runs.
const PROGRAM_GROWTH_BYTES: usize = 5 * MIB;

/// A term of the budget that moves while the belt runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Term {
    /// File pages of chunks, mapped from splitting until they are decoded.
    Chunks,
    /// Batches, from decoding until they leave the last stage.
    Batches,
    /// Rows gathered for row groups, being encoded, or encoded and not yet written.
    RowGroups,
    /// Key tables, rings, gaps, and what is learnt for fills.
    State,
    /// What the footer of the part being written will say.
    Footer,
    /// Rows packed to be sorted, and blocks of sorted rows being merged.
    Sorting,
}

impl Term {
    const ALL: [(Self, &'static str); 6] = [
        (Self::Chunks, "mapped pages of chunks"),
        (Self::Batches, "batches in flight"),
        (Self::RowGroups, "row groups being gathered and encoded"),
        (Self::State, "state per key and what is learnt for fills"),
        (Self::Footer, "footer of the part being written"),
        (Self::Sorting, "rows being sorted and merged"),
    ];
}

/// Bytes per term, in the order of [`Term::ALL`].
type Terms = [usize; Term::ALL.len()];

#[derive(Debug, Default)]
struct Ledger {
    now: Terms,
    largest: Largest,
}

/// The process when it was seen to be largest.
#[derive(Debug, Default, Clone, Copy)]
struct Largest {
    rss_bytes: usize,
    terms: Terms,
    /// Freed memory that the allocator kept.
    kept_bytes: usize,
}

impl Ledger {
    fn replace(&mut self, before: &Terms, after: &Terms) {
        for ((now, before), after) in self.now.iter_mut().zip(before).zip(after) {
            *now = *now + after - before;
        }
    }
}

fn sum(terms: &Terms) -> usize {
    terms.iter().sum()
}

fn only(term: Term, bytes: usize) -> Terms {
    let mut terms = Terms::default();
    terms[term as usize] = bytes;
    terms
}

/// The sum that keeps the process under its limit.
#[derive(Debug)]
pub(crate) struct Budget {
    limit_bytes: usize,
    program_bytes: usize,
    workers_bytes: usize,
    /// Tables of joins, read before the belt starts.
    tables_bytes: usize,
    /// Left free for what the allocator holds on to.
    reserve_bytes: usize,
    working_bytes: usize,
    ledger: Mutex<Ledger>,
}

impl Budget {
    /// A budget of `limit_bytes` for `threads` workers of a process that takes `program_bytes`
    /// already and writes row groups of `row_group_rows`; `working_bytes` is what the belt cannot
    /// do without: one chunk and one row group.
    ///
    /// # Errors
    /// [`ErrorKind::MemoryLimit`] when the limit does not even hold those.
    pub(crate) fn new(
        limit_bytes: usize,
        threads: usize,
        program_bytes: Option<usize>,
        row_group_rows: usize,
        working_bytes: usize,
    ) -> Result<Self> {
        let budget = Self {
            limit_bytes,
            program_bytes: program_bytes.unwrap_or(PROGRAM_BYTES) + PROGRAM_GROWTH_BYTES,
            workers_bytes: threads * (WORKER_BYTES + row_group_rows * ENCODED_ROW_BYTES),
            tables_bytes: 0,
            reserve_bytes: (limit_bytes / 16).max(RESERVE_BYTES_MIN),
            working_bytes,
            ledger: Mutex::default(),
        };
        let needed = budget.fixed_bytes() + working_bytes;
        if needed > limit_bytes {
            return Err(ErrorKind::MemoryLimit {
                term: format!("a run with {threads} threads, one chunk and one row group"),
                needed_bytes: needed as u64,
                limit_bytes: limit_bytes as u64,
                advice: "raise --memory-limit, or lower --threads, --chunk-rows or \
                         --row-group-rows"
                    .into(),
            }
            .into());
        }
        Ok(budget)
    }

    /// The same with the tables of joins, which take `bytes`; the file `largest` takes most of them.
    ///
    /// # Errors
    /// [`ErrorKind::MemoryLimit`] when they leave no room for the belt itself.
    pub(crate) fn with_tables(mut self, bytes: usize, largest: &str) -> Result<Self> {
        self.tables_bytes = bytes;
        let needed = self.fixed_bytes() + self.working_bytes;
        if bytes > 0 && needed > self.limit_bytes {
            let largest = crate::report::printable(largest);
            return Err(ErrorKind::MemoryLimit {
                term: format!("a run that joins tables such as {largest}"),
                needed_bytes: needed as u64,
                limit_bytes: self.limit_bytes as u64,
                advice: format!(
                    "the tables take {} of them: raise --memory-limit, or add fewer of their \
                     columns with select",
                    bytes_in_words(bytes)
                ),
            }
            .into());
        }
        Ok(self)
    }

    /// The limit, in bytes.
    pub(crate) fn limit_bytes(&self) -> usize {
        self.limit_bytes
    }

    /// Whether a process that has `rss_bytes` resident has room for `more_bytes`, and some left for
    /// what nobody counts.
    pub(crate) fn has_room(&self, rss_bytes: usize, more_bytes: usize) -> bool {
        rss_bytes + more_bytes + self.reserve_bytes / 2 <= self.limit_bytes
    }

    /// What chunks, row groups and all state may take together, in bytes.
    pub(crate) fn free_bytes(&self) -> usize {
        self.limit_bytes - self.fixed_bytes()
    }

    fn fixed_bytes(&self) -> usize {
        self.program_bytes + self.workers_bytes + self.tables_bytes + self.reserve_bytes
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().expect("no holder of this lock panics")
    }

    /// The share of the memory that one of `lanes` lanes may take for its keys where they need not
    /// all be held, in bytes. Together these take half of what the limit leaves for state beside
    /// what has been learnt.
    pub(crate) fn lane_share(&self, lanes: usize) -> usize {
        let taken = self.fixed_bytes() + self.working_bytes + self.state_bytes();
        let share = self.limit_bytes.saturating_sub(taken) / 2 / lanes.max(1);
        share.clamp(LANE_BYTES_MIN, LANE_BYTES_MAX)
    }

    /// State per key and what is learnt for fills, in bytes.
    pub(crate) fn state_bytes(&self) -> usize {
        self.ledger().now[Term::State as usize]
    }

    /// Notes what is held if the process, with `rss_bytes` resident, is larger than ever seen.
    pub(crate) fn look(&self, rss_bytes: usize, kept_bytes: impl FnOnce() -> usize) {
        let mut ledger = self.ledger();
        if rss_bytes > ledger.largest.rss_bytes {
            let fixed = self.program_bytes + self.workers_bytes + self.tables_bytes;
            let counted = fixed + sum(&ledger.now);
            // Of what is kept, some may have been returned already.
            let kept_bytes = kept_bytes().min(rss_bytes.saturating_sub(counted));
            ledger.largest = Largest {
                rss_bytes,
                terms: ledger.now,
                kept_bytes,
            };
        }
    }

    /// Accounts for `bytes` that are there already.
    pub(crate) fn hold(self: &Arc<Self>, term: Term, bytes: usize) -> Permit {
        let held = only(term, bytes);
        self.ledger().replace(&Terms::default(), &held);
        Permit {
            budget: Arc::clone(self),
            held,
        }
    }

    /// Accounts for what has grown or shrunk from `before` to `after` bytes.
    pub(crate) fn changed(&self, term: Term, before: usize, after: usize) {
        if before != after {
            let mut ledger = self.ledger();
            ledger.replace(&only(term, before), &only(term, after));
        }
    }

    /// Accounts for state called `name` that grew or shrank from `before` to `after` bytes.
    ///
    /// # Errors
    /// [`ErrorKind::MemoryLimit`] when state leaves no room for the belt itself.
    pub(crate) fn state_changed(&self, name: &str, before: usize, after: usize) -> Result<()> {
        if before == after {
            return Ok(());
        }
        let mut ledger = self.ledger();
        ledger.replace(&only(Term::State, before), &only(Term::State, after));
        let state = ledger.now[Term::State as usize];
        drop(ledger);
        let needed = self.fixed_bytes() + self.working_bytes + state;
        if needed <= self.limit_bytes || after <= before {
            return Ok(());
        }
        Err(ErrorKind::MemoryLimit {
            term: name.to_owned(),
            needed_bytes: needed as u64,
            limit_bytes: self.limit_bytes as u64,
            advice: format!(
                "{} of them grow with the number of keys, gaps and windows; raise --memory-limit, \
                 shorten the windows, or use a key with fewer values",
                bytes_in_words(state)
            ),
        }
        .into())
    }

    /// The named terms when the process was largest, in bytes.
    pub(crate) fn terms(&self) -> Vec<(String, u64)> {
        let largest = self.ledger().largest;
        let fixed = [
            ("program", self.program_bytes),
            ("scratch and stacks of workers", self.workers_bytes),
            ("freed memory that the allocator keeps", largest.kept_bytes),
        ];
        let tables = self.tables().into_iter();
        let moving = Term::ALL.map(|(term, name)| (name, largest.terms[term as usize]));
        let all = fixed.into_iter().chain(tables).chain(moving);
        all.map(|(name, bytes)| (name.to_owned(), bytes as u64))
            .collect()
    }

    /// What the limit is shared among before anything has moved, in bytes.
    pub(crate) fn shares(&self) -> Vec<(&'static str, usize)> {
        let shares = [
            ("program", self.program_bytes),
            ("scratch and stacks of workers", self.workers_bytes),
            ("reserve", self.reserve_bytes),
            (
                "chunks, row groups, and state per key",
                self.limit_bytes - self.fixed_bytes(),
            ),
        ];
        shares.into_iter().chain(self.tables()).collect()
    }

    /// The term of the tables of joins, if there are any.
    fn tables(&self) -> Option<(&'static str, usize)> {
        (self.tables_bytes > 0).then_some(("tables of joins", self.tables_bytes))
    }

    /// The sum before anything has moved, for people.
    pub(crate) fn describe(&self) -> String {
        let tables = self.tables().map_or_else(String::new, |(name, bytes)| {
            format!(" + {name} {}", bytes_in_words(bytes))
        });
        format!(
            "memory limit {} = program {} + workers {}{tables} + reserve {} + {} for chunks, row \
             groups and state, which take at least {}",
            bytes_in_words(self.limit_bytes),
            bytes_in_words(self.program_bytes),
            bytes_in_words(self.workers_bytes),
            bytes_in_words(self.reserve_bytes),
            bytes_in_words(self.limit_bytes - self.fixed_bytes()),
            bytes_in_words(self.working_bytes)
        )
    }
}

/// Bytes of the budget that travel with a chunk until its encoded bytes have left.
#[derive(Debug)]
pub(crate) struct Permit {
    budget: Arc<Budget>,
    held: Terms,
}

impl Permit {
    /// Admits the chunk that is held to become a batch of about `batch_bytes`; `false` while that
    /// does not fit. `rss_bytes` is the resident set as the kernel counts it: estimates never
    /// overrule it. When the belt is `idle` the chunk is admitted in any case, since nothing else
    /// could free memory.
    pub(crate) fn try_admit(
        &mut self,
        batch_bytes: usize,
        rss_bytes: Option<usize>,
        idle: bool,
    ) -> bool {
        let budget = &self.budget;
        let mut ledger = budget.ledger();
        let planned = budget.fixed_bytes() + sum(&ledger.now) + batch_bytes;
        let has_room = rss_bytes.is_none_or(|rss| budget.has_room(rss, batch_bytes));
        let fits = idle || (planned <= budget.limit_bytes && has_room);
        if fits {
            let batch = only(Term::Batches, batch_bytes);
            ledger.replace(&Terms::default(), &batch);
            self.held[Term::Batches as usize] += batch_bytes;
        }
        fits
    }

    /// Corrects the estimate to what is really held, and says as what.
    pub(crate) fn resize(&mut self, term: Term, bytes: usize) {
        let held = only(term, bytes);
        self.budget.ledger().replace(&self.held, &held);
        self.held = held;
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.budget.ledger().replace(&self.held, &Terms::default());
    }
}

/// `bytes` as a person writes them: `512 MiB`.
pub(crate) fn bytes_in_words(bytes: usize) -> String {
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..1_048_576 => format!("{:.1} KiB", bytes as f64 / 1024.0),
        1_048_576..1_073_741_824 => format!("{:.1} MiB", bytes as f64 / MIB as f64),
        _ => format!("{:.2} GiB", bytes as f64 / (1u64 << 30) as f64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget() -> Arc<Budget> {
        Arc::new(Budget::new(100 * MIB, 1, Some(10 * MIB), 0, 8 * MIB).unwrap())
    }

    fn admit(budget: &Arc<Budget>, chunk: usize, batch: usize, rss: usize) -> Option<Permit> {
        let mut permit = budget.hold(Term::Chunks, chunk);
        permit.try_admit(batch, Some(rss), false).then_some(permit)
    }

    #[test]
    fn permits_return_what_they_took() {
        let budget = budget();
        let room = 100 * MIB - budget.fixed_bytes();
        let mut first = admit(&budget, MIB, room - 2 * MIB, 0).unwrap();
        assert!(admit(&budget, MIB, MIB, 0).is_none());
        first.resize(Term::RowGroups, MIB);
        let second = admit(&budget, MIB, MIB, 0).unwrap();
        drop((first, second));
        assert_eq!(sum(&budget.ledger().now), 0);
    }

    #[test]
    fn the_terms_are_those_of_the_largest_process() {
        let budget = budget();
        let mut permit = admit(&budget, 3 * MIB, 4 * MIB, 0).unwrap();
        budget.state_changed("rings", 0, MIB).unwrap();
        budget.look(30 * MIB, || 2 * MIB);
        permit.resize(Term::RowGroups, 5 * MIB);
        budget.state_changed("rings", MIB, 2 * MIB).unwrap();
        budget.look(29 * MIB, || unreachable!("it was larger before"));
        drop(permit);
        let terms = |budget: &Budget| -> Vec<u64> {
            let terms = budget.terms().into_iter();
            terms.map(|(_, bytes)| bytes / MIB as u64).collect()
        };
        assert_eq!(terms(&budget), [15, 2, 2, 3, 4, 0, 1, 0, 0]);
        // More cannot be kept than there is.
        budget.look(31 * MIB, || 50 * MIB);
        assert_eq!(terms(&budget), [15, 2, 12, 0, 0, 0, 2, 0, 0]);
    }

    #[test]
    fn an_idle_belt_is_always_admitted_to() {
        let budget = budget();
        let mut huge = budget.hold(Term::Chunks, 1 << 40);
        assert!(!huge.try_admit(1, Some(1 << 40), false));
        assert!(huge.try_admit(1, Some(1 << 40), true));
        assert!(admit(&budget, 1, 1, 0).is_none());
        drop(huge);
        assert!(admit(&budget, 1, 1, 0).is_some());
    }

    #[test]
    fn the_resident_set_overrules_the_estimate() {
        let budget = budget();
        let _held = admit(&budget, MIB, MIB, 50 * MIB).unwrap();
        assert!(admit(&budget, 0, MIB, 100 * MIB).is_none());
        assert!(admit(&budget, 0, MIB, 96 * MIB).is_none());
        assert!(admit(&budget, 0, MIB, 94 * MIB).is_some());
    }

    #[test]
    fn state_that_crowds_out_the_belt_ends_the_run() {
        let budget = budget();
        budget.state_changed("key tables", 0, 10 * MIB).unwrap();
        let error = budget
            .state_changed("key tables", 10 * MIB, 90 * MIB)
            .unwrap_err();
        assert_eq!(error.exit_code(), 4);
        assert!(error.to_string().contains("key tables"), "{error}");
        let crowded = Budget::new(16 * MIB, 4, None, 0, 8 * MIB).unwrap_err();
        assert_eq!(crowded.exit_code(), 4);
    }
}
