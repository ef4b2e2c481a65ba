//! Places further in -> whether the records there are like those of the head; the end of a source
//! -> the footer behind its last record.
//!
//! Invariant: what is found here never changes how the head is read; it confirms or warns. Where
//! lines end only further in with lone carriage returns, that is told, for whoever reads them.

use std::ops::Range;

use crate::base::{Dialect, LineEnd};

use super::super::machine::Machine;
use super::super::resync::resync;
use super::cells::{Kind, kind};
use super::layout::COMMENTS;
use super::reading::{Reading, Rec};

/// Records of a footer.
const FOOTER_MAX: usize = 20;
/// What notes and sums behind a table start with, in lower case.
const FOOTER_WORDS: [&str; 26] = [
    "total",
    "subtotal",
    "sum",
    "grand",
    "source",
    "note",
    "generated",
    "exported",
    "created",
    "printed",
    "end of",
    "(",
    "*",
    "#",
    "--",
    "==",
    "rows",
    "records",
    "count",
    "average",
    "mean",
    "summe",
    "gesamt",
    "quelle",
    "copyright",
    "©",
];

/// What places further in say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Confirmed {
    /// Places looked at.
    pub places: usize,
    /// Records read there.
    pub records: usize,
    /// How many of them have the table's number of fields.
    pub regular: usize,
    /// Where a place starts that has no such records.
    pub against: Vec<usize>,
    /// How many of the other records start as comments do.
    pub like_comments: usize,
    /// Where the first of them starts.
    pub first_comment: Option<usize>,
    /// Places that only have such records if lone carriage returns end them.
    pub carriages: usize,
}

/// Records that tell how the lines of a place end.
const CARRIAGES_MIN: usize = 3;

/// Reads the records at `ranges` of `bytes`, which should have `fields` fields.
pub fn confirm(
    bytes: &[u8],
    ranges: &[Range<usize>],
    fields: usize,
    dialect: Dialect,
) -> Confirmed {
    let mut confirmed = Confirmed::default();
    for range in ranges {
        confirmed.places += 1;
        if ends_with_carriages(&bytes[range.clone()], fields, dialect) {
            confirmed.carriages += 1;
            continue;
        }
        let Some(mut at) = resync(bytes, range.start, fields, dialect) else {
            confirmed.against.push(range.start);
            continue;
        };
        while at < range.end {
            let mut machine = Machine::new(dialect, at, usize::MAX);
            machine.run(bytes, bytes.len().min(range.end + range.len()), |_, _| {});
            let extent = machine.finish(bytes);
            at = extent.next;
            if extent.is_record {
                confirmed.records += 1;
                let is_regular = extent.flaw.is_none() && extent.fields == fields;
                confirmed.regular += usize::from(is_regular);
                let record = &bytes[extent.start..extent.end];
                if !is_regular && COMMENTS.iter().any(|mark| record.starts_with(mark)) {
                    confirmed.like_comments += 1;
                    confirmed.first_comment.get_or_insert(extent.start);
                }
            }
        }
    }
    confirmed
}

/// Whether the lines of a `place`, in whose middle it may start, end with lone carriage returns, under
/// which most are records of `fields` fields.
fn ends_with_carriages(place: &[u8], fields: usize, dialect: Dialect) -> bool {
    let is_candidate = dialect.line_end == LineEnd::Lf
        && memchr::memchr(b'\n', place).is_none()
        && memchr::memchr(b'\r', place).is_some();
    let any = Dialect {
        line_end: LineEnd::Any,
        ..dialect
    };
    if !is_candidate {
        return false;
    }
    let Some(at) = resync(place, 0, fields, any) else {
        return false;
    };
    let reading = Reading::new(&place[at..], false, any, usize::MAX);
    let records = reading.records();
    let regular = records.iter().filter(|record| record.fields == fields);
    let regular = regular.count();
    regular >= CARRIAGES_MIN && 2 * regular > records.len()
}

/// Where the footer in `bytes[from..]`, the end of a source, starts.
pub fn footer(bytes: &[u8], from: usize, fields: usize, dialect: Dialect) -> Option<usize> {
    let at = resync(bytes, from, fields, dialect)?;
    let reading = Reading::new(&bytes[at..], true, dialect, usize::MAX);
    let cells = |index: usize| reading.cells(reading.records()[index]);
    let footer = footer_of(reading.records(), fields, cells)?;
    Some(at + reading.records()[footer].start)
}

/// The index of the first record of the footer: what stands behind the last record of a table and
/// has another width, and is set off by a blank line or starts like a note or a sum.
pub(super) fn footer_of<'a>(
    records: &[Rec],
    fields: usize,
    cells: impl Fn(usize) -> Vec<&'a [u8]>,
) -> Option<usize> {
    let last = records.iter().rposition(|record| record.fields == fields)?;
    let footer = &records[last + 1..];
    let is_note = |record: &Rec, cell: &[u8]| {
        let text = String::from_utf8_lossy(cell).to_lowercase();
        let is_set_off = record.blank_before && kind(cell) == Kind::Text;
        is_set_off || FOOTER_WORDS.iter().any(|word| text.starts_with(word))
    };
    let is_narrow = |record: &Rec| record.fields > 0 && record.fields < fields;
    let is_footer = !footer.is_empty()
        && footer.len() <= FOOTER_MAX
        && footer.iter().all(is_narrow)
        && cells(last + 1)
            .first()
            .is_some_and(|cell| is_note(&footer[0], cell.trim_ascii()));
    is_footer.then_some(last + 1)
}
