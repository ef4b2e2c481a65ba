//! The memory budget of a run: one visible sum of named terms, and the permits that chunks carry.
//!
//! In: the limit and what the plan knows of the rows. Out: [`Layout`] (sizes that shape chunks and
//! row groups; they depend on the limit but never on the number of threads, so that the output
//! does not either) and [`Budget`], against which chunks are admitted in `seq` order.
//! Invariant: a chunk is always admitted when nothing else is being worked on, so the belt cannot
//! stall.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::base::{ErrorKind, Result};

/// Rows of a chunk where nothing asks for fewer.
const CHUNK_ROWS: usize = 65_536;
/// Rows of a row group where nothing asks for fewer.
const ROW_GROUP_ROWS: usize = 131_072;
const MIB: usize = 1 << 20;
/// What a worker needs beside its chunk: decoder scratch, one column being encoded, its stack.
const WORKER_BYTES: usize = 4 * MIB;
/// The program itself, its libraries and the allocator's own tables.
const PROGRAM_BYTES: usize = 12 * MIB;

/// What the user fixed of a [`Layout`].
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct LayoutRequest {
    pub(crate) chunk_rows: Option<usize>,
    pub(crate) row_group_rows: Option<usize>,
    pub(crate) record_bytes_max: Option<usize>,
}

/// The sizes that shape chunks and row groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Layout {
    /// Records of a chunk.
    pub(crate) chunk_rows: usize,
    /// A chunk ends at the first record end at or past this many bytes, full or not.
    pub(crate) chunk_bytes_max: usize,
    /// A longer record is rejected.
    pub(crate) record_bytes_max: usize,
    /// Rows of a row group.
    pub(crate) row_group_rows: usize,
    /// A row group is closed early once its arrays hold this many bytes.
    pub(crate) row_group_bytes_max: usize,
}

impl Layout {
    /// Sizes for a limit of `limit_bytes` and rows of about `row_bytes` once decoded.
    pub(crate) fn new(request: LayoutRequest, limit_bytes: usize, row_bytes: usize) -> Self {
        let row_group_bytes_max = (limit_bytes / 8).min(512 * MIB);
        let row_bytes = row_bytes.max(1);
        Self {
            chunk_rows: request.chunk_rows.unwrap_or(CHUNK_ROWS),
            chunk_bytes_max: (limit_bytes / 64).clamp(256 << 10, 16 * MIB),
            record_bytes_max: request
                .record_bytes_max
                .unwrap_or_else(|| (limit_bytes / 8).clamp(MIB, 16 * MIB)),
            row_group_rows: request.row_group_rows.unwrap_or_else(|| {
                let fitting = row_group_bytes_max / 2 / row_bytes;
                ROW_GROUP_ROWS
                    .min(fitting.next_power_of_two() / 2)
                    .max(1024)
            }),
            row_group_bytes_max,
        }
    }
}

/// The sum that keeps the process under its limit.
#[derive(Debug)]
pub(crate) struct Budget {
    limit_bytes: usize,
    fixed_bytes: usize,
    working_bytes: usize,
    in_flight_bytes: AtomicUsize,
    in_flight_bytes_peak: AtomicUsize,
    state_bytes: AtomicUsize,
    state_bytes_peak: AtomicUsize,
}

impl Budget {
    /// A budget of `limit_bytes` for `threads` workers; `working_bytes` is what the belt cannot
    /// do without: one chunk and one row group.
    ///
    /// # Errors
    /// [`ErrorKind::MemoryLimit`] when the limit does not even hold those.
    pub(crate) fn new(limit_bytes: usize, threads: usize, working_bytes: usize) -> Result<Self> {
        let fixed_bytes = PROGRAM_BYTES + threads * WORKER_BYTES + limit_bytes / 16;
        let needed = fixed_bytes + working_bytes;
        if needed > limit_bytes {
            return Err(ErrorKind::MemoryLimit {
                term: format!("{threads} threads with one chunk and one row group"),
                needed_bytes: needed as u64,
                limit_bytes: limit_bytes as u64,
                advice: "raise --memory-limit, or lower --threads, --chunk-rows or \
                         --row-group-rows"
                    .into(),
            }
            .into());
        }
        Ok(Self {
            limit_bytes,
            fixed_bytes,
            working_bytes,
            in_flight_bytes: AtomicUsize::new(0),
            in_flight_bytes_peak: AtomicUsize::new(0),
            state_bytes: AtomicUsize::new(0),
            state_bytes_peak: AtomicUsize::new(0),
        })
    }

    /// The limit, in bytes.
    pub(crate) fn limit_bytes(&self) -> usize {
        self.limit_bytes
    }

    /// A permit for `bytes`, or `None` while they do not fit. `rss_bytes` is the resident set as
    /// the kernel counts it: estimates never overrule it. When the belt is `idle` the permit is
    /// given in any case, since nothing else could free memory.
    pub(crate) fn try_admit(
        self: &Arc<Self>,
        bytes: usize,
        rss_bytes: Option<usize>,
        idle: bool,
    ) -> Option<Permit> {
        let in_flight = self.in_flight_bytes.load(Ordering::Relaxed);
        let state = self.state_bytes.load(Ordering::Relaxed);
        let planned = self.fixed_bytes + state + in_flight + bytes;
        let resident = rss_bytes.map_or(0, |rss| rss + bytes);
        let fits = planned.max(resident) <= self.limit_bytes;
        (idle || fits).then(|| {
            self.add_in_flight(bytes);
            Permit {
                budget: Arc::clone(self),
                bytes,
            }
        })
    }

    fn add_in_flight(&self, bytes: usize) {
        let now = self.in_flight_bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        self.in_flight_bytes_peak.fetch_max(now, Ordering::Relaxed);
    }

    /// Accounts for state (key tables, rings, fits) that grew from `before` to `after` bytes.
    ///
    /// # Errors
    /// [`ErrorKind::MemoryLimit`] naming `term` when state leaves no room for the belt itself.
    pub(crate) fn state_changed(&self, term: &str, before: usize, after: usize) -> Result<()> {
        let total = if after >= before {
            self.state_bytes
                .fetch_add(after - before, Ordering::Relaxed)
                + (after - before)
        } else {
            self.state_bytes
                .fetch_sub(before - after, Ordering::Relaxed)
                - (before - after)
        };
        self.state_bytes_peak.fetch_max(total, Ordering::Relaxed);
        let needed = self.fixed_bytes + self.working_bytes + total;
        if needed <= self.limit_bytes {
            return Ok(());
        }
        Err(ErrorKind::MemoryLimit {
            term: term.to_owned(),
            needed_bytes: needed as u64,
            limit_bytes: self.limit_bytes as u64,
            advice: format!(
                "{} of them are state that grows with the number of keys, gaps and windows; raise \
                 --memory-limit, shorten the windows, or use a key with fewer values",
                bytes_in_words(total)
            ),
        }
        .into())
    }

    /// The named terms of the sum at their peaks, in bytes.
    pub(crate) fn terms(&self) -> Vec<(String, u64)> {
        let load = |value: &AtomicUsize| value.load(Ordering::Relaxed) as u64;
        vec![
            ("program, workers and slack".into(), self.fixed_bytes as u64),
            (
                "chunks, batches and row groups in flight".into(),
                load(&self.in_flight_bytes_peak),
            ),
            (
                "key tables, rings and fits".into(),
                load(&self.state_bytes_peak),
            ),
        ]
    }
}

/// Bytes of the budget that travel with a chunk until its encoded bytes have left.
#[derive(Debug)]
pub(crate) struct Permit {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Permit {
    /// Corrects the estimate to what is really held.
    pub(crate) fn resize(&mut self, bytes: usize) {
        if bytes >= self.bytes {
            self.budget.add_in_flight(bytes - self.bytes);
        } else {
            self.budget
                .in_flight_bytes
                .fetch_sub(self.bytes - bytes, Ordering::Relaxed);
        }
        self.bytes = bytes;
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.budget
            .in_flight_bytes
            .fetch_sub(self.bytes, Ordering::Relaxed);
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

    #[test]
    fn permits_return_what_they_took() {
        let budget = Arc::new(Budget::new(100 * MIB, 1, 8 * MIB).unwrap());
        let room = 100 * MIB - budget.fixed_bytes;
        let mut first = budget.try_admit(room - MIB, None, false).unwrap();
        assert!(budget.try_admit(2 * MIB, None, false).is_none());
        first.resize(MIB);
        let second = budget.try_admit(2 * MIB, None, false).unwrap();
        drop((first, second));
        assert_eq!(budget.in_flight_bytes.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn an_idle_belt_is_always_admitted_to() {
        let budget = Arc::new(Budget::new(100 * MIB, 1, 8 * MIB).unwrap());
        let huge = budget.try_admit(1 << 40, Some(1 << 40), true).unwrap();
        assert!(budget.try_admit(1, None, false).is_none());
        drop(huge);
        assert!(budget.try_admit(1, None, false).is_some());
    }

    #[test]
    fn the_resident_set_overrules_the_estimate() {
        let budget = Arc::new(Budget::new(100 * MIB, 1, 8 * MIB).unwrap());
        let _held = budget.try_admit(MIB, Some(50 * MIB), false).unwrap();
        assert!(budget.try_admit(MIB, Some(100 * MIB), false).is_none());
        assert!(budget.try_admit(MIB, Some(98 * MIB), false).is_some());
    }

    #[test]
    fn state_that_crowds_out_the_belt_ends_the_run() {
        let budget = Budget::new(100 * MIB, 1, 8 * MIB).unwrap();
        budget.state_changed("key tables", 0, 10 * MIB).unwrap();
        let error = budget
            .state_changed("key tables", 10 * MIB, 90 * MIB)
            .unwrap_err();
        assert_eq!(error.exit_code(), 4);
        assert!(error.to_string().contains("key tables"), "{error}");
        assert_eq!(
            Budget::new(16 * MIB, 4, 8 * MIB).unwrap_err().exit_code(),
            4
        );
    }

    #[test]
    fn the_layout_follows_the_limit_and_the_request() {
        let small = Layout::new(LayoutRequest::default(), 128 * MIB, 100);
        assert_eq!(small.chunk_bytes_max, 2 * MIB);
        assert!(small.row_group_rows <= 131_072 && small.row_group_rows >= 32_768);
        let wide = Layout::new(LayoutRequest::default(), 128 * MIB, 1 << 30);
        assert_eq!(wide.row_group_rows, 1024);
        let asked = LayoutRequest {
            chunk_rows: Some(7),
            row_group_rows: Some(9),
            ..Default::default()
        };
        let asked = Layout::new(asked, 1 << 30, 100);
        assert_eq!((asked.chunk_rows, asked.row_group_rows), (7, 9));
    }
}
