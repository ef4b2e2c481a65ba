//! What happened to every row and cell, counted by each worker for itself and merged.
//!
//! Invariant: merging is order-free, and [`Counters::check_balance`] passes only if every record
//! read is accounted for, source by source.

use std::ops::AddAssign;
use std::path::Path;

use crate::base::{ErrorKind, Flaws, Reason, RepairKind, Result};

/// The counts of a pass, or of one worker's share of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Counters {
    /// One entry per source.
    pub sources: Vec<SourceCounters>,
    /// One entry per slot of the schema.
    pub columns: Vec<ColumnCounters>,
    /// One entry per step, in the order the user wrote them.
    pub steps: Vec<StepCounters>,
    /// Rejected records and cells per reason, in the order of [`Reason::ALL`].
    pub rejects: [u64; Reason::ALL.len()],
}

/// Where the records of one source went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SourceCounters {
    /// Records read, malformed ones included.
    pub read: u64,
    /// Rows that reached the lake.
    pub written: u64,
    /// Rows more than there were, where a step made several of one.
    pub added: u64,
    /// Rows that a step removed as not wanted.
    pub filtered: u64,
    /// Rows that a step removed as seen before.
    pub duplicate: u64,
    /// Records that could not be read as rows.
    pub rejected: u64,
    /// Rows that were repaired, in the order of [`RepairKind::ALL`]; they go on like all others.
    pub repaired: [u64; RepairKind::ALL.len()],
}

/// What happened to the cells of one column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ColumnCounters {
    /// Null cells as they came in, those nulled by a reject excluded.
    pub nulls_in: u64,
    /// Cells that fit no spelling of the column's type and became null.
    pub nulled: u64,
    /// Null cells that steps filled.
    pub filled: u64,
    /// Text cells that look like a null token but were kept.
    pub null_lookalikes: u64,
}

/// What one step did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StepCounters {
    /// Null cells it filled.
    pub cells_filled: u64,
    /// Rows it removed as not wanted.
    pub rows_dropped: u64,
    /// Rows it removed as seen before.
    pub rows_duplicate: u64,
    /// Rows more than there were, where it made several of one.
    pub rows_added: u64,
    /// Rows that found their match in the table it joins with.
    pub rows_matched: u64,
    /// Rows that found none there.
    pub rows_unmatched: u64,
    /// Rows that entered no time window because their time is null.
    pub rows_without_time: u64,
    /// Rows that came behind one of a later time, where they are put in order.
    pub rows_late: u64,
    /// Bytes that it wrote to temporary files, in all passes.
    pub spilled_bytes: u64,
    /// Numbers that lay too far out.
    pub outliers: u64,
    /// Cells that it nulled because something was wrong with them.
    pub flaws: Flaws,
}

impl Counters {
    /// All zero, for this many sources, columns and steps.
    pub fn new(sources: usize, columns: usize, steps: usize) -> Self {
        Self {
            sources: vec![SourceCounters::default(); sources],
            columns: vec![ColumnCounters::default(); columns],
            steps: vec![StepCounters::default(); steps],
            rejects: [0; Reason::ALL.len()],
        }
    }

    /// Adds the counts of `other`, which counts the same sources, columns and steps.
    pub fn merge(&mut self, other: &Self) {
        merge(&mut self.sources, &other.sources);
        merge(&mut self.columns, &other.columns);
        merge(&mut self.steps, &other.steps);
        merge(&mut self.rejects, &other.rejects);
    }

    /// Counts one rejected record or cell. The source's and column's counts are kept apart.
    pub fn count_reject(&mut self, reason: Reason) {
        let index = Reason::ALL.iter().position(|other| *other == reason);
        self.rejects[index.expect("ALL lists every reason")] += 1;
    }

    /// The reasons that occurred, with how often.
    pub fn rejects_by_reason(&self) -> impl Iterator<Item = (Reason, u64)> {
        let reasons = Reason::ALL.into_iter().zip(self.rejects);
        reasons.filter(|(_, count)| *count > 0)
    }

    /// The sums over all sources.
    pub fn totals(&self) -> SourceCounters {
        let mut totals = SourceCounters::default();
        for source in &self.sources {
            totals += *source;
        }
        totals
    }

    /// Checks that `read + added = written + filtered + duplicate + rejected` for each source, and
    /// that as many records were rejected as there are reasons for. `paths` names the sources.
    ///
    /// # Errors
    /// [`ErrorKind::Balance`] with the source and its numbers.
    pub fn check_balance(&self, paths: &[&Path]) -> Result<()> {
        assert_eq!(paths.len(), self.sources.len(), "each source has a path");
        for (source, path) in self.sources.iter().zip(paths) {
            let accounted = source.accounted();
            if accounted != source.read {
                return Err(ErrorKind::Balance(format!(
                    "{}: {} rows read, but {} written + {} filtered + {} duplicate + {} rejected - {} \
                     added = {accounted}",
                    super::printable(&path.display().to_string()),
                    source.read,
                    source.written,
                    source.filtered,
                    source.duplicate,
                    source.rejected,
                    source.added,
                ))
                .into());
            }
        }
        let rejected = self.totals().rejected;
        let reasons = self.rejects_by_reason();
        let records = reasons.filter(|(reason, _)| reason.is_record());
        let recorded = records.map(|(_, count)| count).sum::<u64>();
        if recorded != rejected {
            let message = format!("{rejected} records rejected, but {recorded} with a reason");
            return Err(ErrorKind::Balance(message).into());
        }
        Ok(())
    }
}

impl SourceCounters {
    /// Counts one repaired row.
    pub fn count_repair(&mut self, kind: RepairKind) {
        let index = RepairKind::ALL.iter().position(|other| *other == kind);
        self.repaired[index.expect("ALL lists every kind")] += 1;
    }

    /// Rows whose way is known, without those that were added.
    pub fn accounted(&self) -> u64 {
        let known = self.written + self.filtered + self.duplicate + self.rejected;
        known.wrapping_sub(self.added)
    }
}

fn merge<T: AddAssign + Copy>(ours: &mut [T], theirs: &[T]) {
    assert_eq!(
        ours.len(),
        theirs.len(),
        "all workers count the same things"
    );
    for (ours, theirs) in ours.iter_mut().zip(theirs) {
        *ours += *theirs;
    }
}

impl AddAssign for SourceCounters {
    fn add_assign(&mut self, other: Self) {
        self.read += other.read;
        self.written += other.written;
        self.added += other.added;
        self.filtered += other.filtered;
        self.duplicate += other.duplicate;
        self.rejected += other.rejected;
        for (ours, theirs) in self.repaired.iter_mut().zip(other.repaired) {
            *ours += theirs;
        }
    }
}

impl AddAssign for ColumnCounters {
    fn add_assign(&mut self, other: Self) {
        self.nulls_in += other.nulls_in;
        self.nulled += other.nulled;
        self.filled += other.filled;
        self.null_lookalikes += other.null_lookalikes;
    }
}

impl AddAssign for StepCounters {
    fn add_assign(&mut self, other: Self) {
        self.cells_filled += other.cells_filled;
        self.rows_dropped += other.rows_dropped;
        self.rows_duplicate += other.rows_duplicate;
        self.rows_added += other.rows_added;
        self.rows_matched += other.rows_matched;
        self.rows_unmatched += other.rows_unmatched;
        self.rows_without_time += other.rows_without_time;
        self.rows_late += other.rows_late;
        self.spilled_bytes += other.spilled_bytes;
        self.outliers += other.outliers;
        self.flaws += other.flaws;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn balanced() -> Counters {
        let mut counters = Counters::new(2, 1, 1);
        counters.sources[0] = SourceCounters {
            read: 10,
            added: 2,
            written: 6,
            filtered: 3,
            duplicate: 2,
            rejected: 1,
            repaired: [0, 2, 1],
        };
        counters.sources[1] = SourceCounters {
            read: 5,
            written: 5,
            ..SourceCounters::default()
        };
        counters.columns[0] = ColumnCounters {
            nulls_in: 1,
            nulled: 2,
            filled: 3,
            null_lookalikes: 4,
        };
        counters.steps[0] = StepCounters {
            cells_filled: 3,
            rows_dropped: 3,
            rows_duplicate: 4,
            rows_added: 3,
            rows_matched: 5,
            rows_unmatched: 2,
            rows_without_time: 0,
            rows_late: 5,
            spilled_bytes: 5,
            outliers: 6,
            flaws: Flaws {
                overflows: 1,
                divisions_by_zero: 2,
                bad_arguments: 3,
                bad_casts: 4,
                unknown_categories: 5,
            },
        };
        counters.count_reject(Reason::TooFewFields);
        counters.count_reject(Reason::OutOfRange);
        counters.count_reject(Reason::OutOfRange);
        counters
    }

    #[test]
    fn merging_adds_every_count() {
        let one = balanced();
        let mut two = one.clone();
        two.merge(&one);
        let mut empty = Counters::new(2, 1, 1);
        empty.merge(&two);
        assert_eq!(empty, two);
        assert_eq!(two.totals().read, 30);
        assert_eq!(two.totals().repaired, [0, 4, 2]);
        assert_eq!(two.totals().accounted(), 30);
        let column = ColumnCounters {
            nulls_in: 2,
            nulled: 4,
            filled: 6,
            null_lookalikes: 8,
        };
        assert_eq!(two.columns, [column]);
        assert_eq!(
            (two.steps[0].cells_filled, two.steps[0].rows_dropped),
            (6, 6)
        );
        assert_eq!(two.steps[0].rows_late, 10);
        assert_eq!(two.steps[0].rows_duplicate, 8);
        assert_eq!(two.steps[0].spilled_bytes, 10);
        assert_eq!(
            (two.steps[0].rows_matched, two.steps[0].rows_unmatched),
            (10, 4)
        );
        assert_eq!((two.totals().added, two.steps[0].rows_added), (4, 6));
        let reasons: Vec<_> = two.rejects_by_reason().collect();
        assert_eq!(
            reasons,
            [(Reason::TooFewFields, 2), (Reason::OutOfRange, 4)]
        );
    }

    #[test]
    fn a_row_that_is_nowhere_breaks_the_balance() {
        let paths = [Path::new("a.csv"), Path::new("b\x1b.csv")];
        balanced().check_balance(&paths).expect("balanced");
        let mut lost = balanced();
        lost.sources[1].written = 4;
        let error = lost.check_balance(&paths).expect_err("a row is lost");
        assert!(matches!(error.kind(), ErrorKind::Balance(_)));
        let message = error.to_string();
        assert!(
            message.contains("b\\u{1b}.csv: 5 rows read, but 4 written"),
            "{message}"
        );

        // Sources that are wrong in opposite ways do not make up for each other.
        lost.sources[0].written = 7;
        assert_eq!(lost.totals().read, lost.totals().accounted());
        assert!(lost.check_balance(&paths).is_err());

        let mut unexplained = balanced();
        unexplained.rejects = [0; Reason::ALL.len()];
        assert!(unexplained.check_balance(&paths).is_err());
    }
}
