//! Any offset in a source -> a plausible record start behind it, to sample types from.
//!
//! A guess: whether the offset is inside quotes cannot be known without reading everything before
//! it, so both are tried and the one under which the following records look regular wins. What is
//! read from here never reaches the lake, only the choice of types.

use crate::base::Dialect;

use super::record::{Extent, Machine};

/// How far [`resync`] looks, in bytes.
pub const RESYNC_BYTES_MAX: usize = 1 << 20;

/// Regular records in a row that are proof enough.
const RUN_MAX: usize = 16;

/// A record start in `bytes[at..]`, from which records are regular with `columns` fields. `None`
/// if there is no such record within [`RESYNC_BYTES_MAX`].
pub fn resync(bytes: &[u8], at: usize, columns: usize, dialect: Dialect) -> Option<usize> {
    let to = at.saturating_add(RESYNC_BYTES_MAX).min(bytes.len());
    let assumptions = [false, true];
    let runs = assumptions.map(|quoted| longest_run(&bytes[..to], at, columns, dialect, quoted));
    let [outside, inside] = runs;
    let best = if inside.records > outside.records {
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
}

/// The longest run of regular records, if `at` is inside a quoted field or not; cut at `RUN_MAX`.
fn longest_run(bytes: &[u8], at: usize, columns: usize, dialect: Dialect, quoted: bool) -> Run {
    let mut machine = Machine::in_field(dialect, at.min(bytes.len()), quoted);
    let mut ended = machine.run(bytes, bytes.len(), |_| {});
    let mut best = Run {
        start: at,
        records: 0,
    };
    let mut run = Run {
        start: machine.pos(),
        records: 0,
    };
    // The last record may be cut off by the end of the window, so it does not count.
    while ended && best.records < RUN_MAX {
        machine = Machine::new(dialect, machine.pos());
        ended = machine.run(bytes, bytes.len(), |_| {});
        let extent = machine.finish(bytes);
        if ended && is_regular(&extent, columns) {
            run.records += usize::from(!extent.is_blank());
        } else if !extent.is_blank() {
            run = Run {
                start: extent.next,
                records: 0,
            };
        }
        if run.records > best.records {
            best = run;
        }
    }
    best
}

/// Whether a record is what a table of `columns` columns has.
fn is_regular(extent: &Extent, columns: usize) -> bool {
    extent.flaw.is_none() && extent.fields == columns
}
