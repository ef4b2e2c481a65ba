//! Any offset in a source -> a plausible record start behind it, to sample types from.
//!
//! A guess: whether the offset is inside quotes cannot be known without reading everything before
//! it, so both are tried and the one under which the following records look regular wins. What is
//! read from here never reaches the lake, only the choice of types.

use std::cmp::Reverse;

use memchr::memchr;

use crate::base::Dialect;

use super::machine::Machine;

/// How far [`resync`] looks, in bytes.
pub const RESYNC_BYTES_MAX: usize = 1 << 20;

/// Regular records in a row that are proof enough.
const RUN_MAX: usize = 16;

/// A record start in `bytes[at..]`, from which records are regular with `columns` fields. `None`
/// if there is no such record within [`RESYNC_BYTES_MAX`].
pub fn resync(bytes: &[u8], at: usize, columns: usize, dialect: Dialect) -> Option<usize> {
    let to = at.saturating_add(RESYNC_BYTES_MAX).min(bytes.len());
    let run = |inside| longest_run(&bytes[..to], at.min(to), columns, dialect, inside);
    let outside = run(false);
    // Without a quote in sight a quoted field would never end.
    let quoted = dialect
        .quote
        .filter(|&quote| memchr(quote, &bytes[at.min(to)..to]).is_some());
    let inside = match quoted {
        Some(_) => run(true),
        None => Run::new(at),
    };
    let best = if inside.rank() > outside.rank() {
        inside
    } else {
        outside
    };
    (best.records > 0).then_some(best.start)
}

/// Regular records in a row.
#[derive(Debug, Clone, Copy)]
struct Run {
    start: usize,
    records: usize,
    /// Records with a quote inside an unquoted field: often a sign of the wrong assumption.
    literal_quotes: usize,
}

impl Run {
    fn new(start: usize) -> Self {
        Self {
            start,
            records: 0,
            literal_quotes: 0,
        }
    }

    fn rank(&self) -> (usize, Reverse<usize>) {
        (self.records, Reverse(self.literal_quotes))
    }
}

/// The longest run of regular records if `at` is `inside` quotes or not; cut at `RUN_MAX`.
fn longest_run(bytes: &[u8], at: usize, columns: usize, dialect: Dialect, inside: bool) -> Run {
    let mut machine = Machine::in_middle(dialect, bytes, at, inside);
    let mut ended = machine.run(bytes, bytes.len(), |_, _| {});
    let mut next = machine.finish(bytes).next;
    let mut run = Run::new(next);
    let mut best = run;
    // The last record may be cut off by the end of the window, so it does not count.
    while ended && best.records < RUN_MAX {
        machine = Machine::new(dialect, next, usize::MAX);
        ended = machine.run(bytes, bytes.len(), |_, _| {});
        let extent = machine.finish(bytes);
        next = extent.next;
        if !extent.is_record {
            continue;
        }
        if ended && extent.flaw.is_none() && extent.fields == columns {
            run.records += 1;
            run.literal_quotes += usize::from(machine.literal_quote());
        } else {
            run = Run::new(extent.next);
        }
        if run.records > best.records {
            best = run;
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::super::record::records;
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn finds_a_true_record_start_from_any_offset() {
        let text = "1,\"a\nb, c\",2\r\n3,\"d, \"\"e\"\",\nf\",4\r\n".repeat(40);
        let dialect = Dialect::default();
        let starts: Vec<usize> = records(text.as_bytes(), dialect, usize::MAX)
            .map(|record| record.start)
            .collect();
        for at in 0..text.len() - 700 {
            let start = resync(text.as_bytes(), at, 3, dialect).expect("there are records behind");
            assert!(start > at && starts.contains(&start), "{start} from {at}");
        }
    }

    #[test]
    fn skips_records_that_are_not_regular() {
        let dialect = Dialect::default();
        assert_eq!(resync(b"a\nb,c,d\ne\n\nf,g\n", 0, 2, dialect), Some(10));
        assert_eq!(resync(b"a\nb\nc\n", 0, 2, dialect), None);
        assert_eq!(resync(b"a,b\n", 9, 2, dialect), None);
    }

    proptest! {
        #[test]
        fn any_bytes_and_offsets_are_taken(
            text in "[a,\"\n\r]{0,40}",
            at in 0..50usize,
            columns in 1..3usize,
        ) {
            let start = resync(text.as_bytes(), at, columns, Dialect::default());
            prop_assert!(start.is_none_or(|start| at < start && start <= text.len()));
        }
    }
}
