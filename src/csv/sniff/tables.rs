//! The records of a head -> the tables they make up: blocks between blank lines that have different
//! numbers of fields.
//!
//! Invariant: there are several tables only if each of them has a header and a record of several
//! fields; otherwise the whole head is one.

use std::ops::Range;

use super::layout::Grid;

/// A table with fewer records, its header included, is passed over for a larger one.
const RECORDS_MIN: usize = 3;

/// The tables of `grid`, as indices of its records; none if it is all one.
pub(super) fn find(grid: &Grid<'_>) -> Vec<Range<usize>> {
    let mut tables: Vec<(Range<usize>, usize)> = Vec::new();
    for block in blocks(grid) {
        let Some((table, width)) = table(grid, block) else {
            continue;
        };
        match tables.last_mut() {
            Some((last, of_last)) if *of_last == width => last.end = table.end,
            _ => tables.push((table, width)),
        }
    }
    let has_header = |(table, _): &(Range<usize>, usize)| grid.reads_as_names(table.start);
    if tables.len() < 2 || !tables.iter().skip(1).all(has_header) {
        return Vec::new();
    }
    tables.into_iter().map(|(table, _)| table).collect()
}

/// Which of `tables` to load: the first that is large enough.
pub(super) fn choose(tables: &[Range<usize>]) -> usize {
    let is_large = |table: &Range<usize>| table.len() >= RECORDS_MIN;
    tables.iter().position(is_large).unwrap_or(0)
}

/// Runs of records without a blank line between them.
fn blocks(grid: &Grid<'_>) -> Vec<Range<usize>> {
    let records = grid.records();
    let starts = (0..records.len()).filter(|index| *index == 0 || records[*index].blank_before);
    let starts: Vec<usize> = starts.collect();
    let ends = starts.iter().skip(1).copied().chain([records.len()]);
    starts
        .iter()
        .zip(ends)
        .map(|(start, end)| *start..end)
        .collect()
}

/// The table in `block`, without a title above it and notes below it, and its number of fields.
fn table(grid: &Grid<'_>, block: Range<usize>) -> Option<(Range<usize>, usize)> {
    let records = &grid.records()[block.clone()];
    let mut widths: Vec<usize> = records.iter().map(|record| record.fields).collect();
    widths.sort_unstable();
    let runs = widths.chunk_by(|one, other| one == other);
    let (count, width) = runs.map(|run| (run.len(), run[0])).max()?;
    if width < 2 || count < 2 {
        return None;
    }
    let regular = |record: &super::reading::Rec| record.fields == width;
    let first = records.iter().position(regular)?;
    let last = records.iter().rposition(regular)?;
    let within = last + 1 - first;
    (count * 10 >= within * 9).then_some((block.start + first..block.start + last + 1, width))
}
