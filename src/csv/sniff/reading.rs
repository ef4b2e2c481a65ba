//! The head of a source under one dialect: its records, how regular they are, and how much like
//! values their cells look.
//!
//! Invariant: the time it takes is linear in the head, however many quotes are left open.

use crate::base::{Dialect, Reason};

use super::super::long::LongField;
use super::super::machine::{Machine, walk};
use super::super::unquote::strip;
use super::cells::{Kind, kind};

/// Records whose cells are looked at.
const LOOKED_AT_MAX: usize = 300;
/// Cells that are looked at.
const CELLS_MAX: usize = 50_000;
/// What a regular record of a single field counts for.
const SINGLE: f64 = 0.001;
/// A record that the end of the head cuts off is passed over if it is no longer than this.
const CUT_BYTES_MAX: usize = 16 << 10;
/// Quotes left open that are read again as a record of one line; each reads to the end of the head.
const REREAD_MAX: usize = 8;

/// A record of a head.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rec {
    pub(super) start: usize,
    /// Just past the last byte, without the line end.
    pub(super) end: usize,
    /// Just past the line end.
    pub(super) next: usize,
    /// Number of fields; 0 if it has an illegal quote.
    pub(super) fields: usize,
    /// Whether there is a blank line before it.
    pub(super) blank_before: bool,
}

/// What a dialect makes of a head.
pub(super) struct Reading<'a> {
    head: &'a [u8],
    dialect: Dialect,
    records: Vec<Rec>,
    /// The kinds of cells of the first records.
    kinds: Vec<Vec<Kind>>,
    /// Fields that are properly quoted.
    quoted: usize,
    /// Behind the first record, for each column how many fields are quoted, and how many are not
    /// and not empty either.
    quoting: Vec<(usize, usize)>,
    /// Records with an illegal quote.
    flawed: usize,
    fields: usize,
}

impl<'a> Reading<'a> {
    /// Reads up to `records_max` records of `head`, which is the whole source if it `is_whole`.
    pub(super) fn new(
        head: &'a [u8],
        is_whole: bool,
        dialect: Dialect,
        records_max: usize,
    ) -> Self {
        let mut reading = Self {
            head,
            dialect,
            records: Vec::new(),
            kinds: Vec::new(),
            quoted: 0,
            quoting: Vec::new(),
            flawed: 0,
            fields: 0,
        };
        reading.read(is_whole, records_max);
        reading.fields = reading.most_common_width();
        reading
    }

    fn read(&mut self, is_whole: bool, records_max: usize) {
        let head = self.head;
        let (mut at, mut blank_before, mut reread) = (0, false, 0);
        let (mut fields, mut cells_seen) = (Vec::new(), 0);
        while at < head.len() && self.records.len() < records_max {
            fields.clear();
            let mut machine = Machine::new(self.dialect, at, usize::MAX);
            let ended = machine.run(head, head.len(), |start, end| {
                if fields.len() < CELLS_MAX {
                    fields.push((start, end));
                }
            });
            let extent = machine.finish(head);
            fields.push(extent.last);
            let is_cut = !ended && !is_whole && !self.records.is_empty();
            if is_cut && head.len() - at <= CUT_BYTES_MAX {
                break;
            }
            let is_open = matches!(extent.flaw, Some((Reason::UnclosedQuote, _)));
            if is_cut && self.is_long(extent.flaw) {
                break;
            }
            // Behind each lost quote the head is read anew.
            reread += usize::from(is_open);
            if reread > REREAD_MAX {
                break;
            }
            at = extent.next;
            if !extent.is_record {
                blank_before = extent.start == extent.end;
                continue;
            }
            let is_flawed = extent.flaw.is_some();
            self.flawed += usize::from(is_flawed);
            self.records.push(Rec {
                start: extent.start,
                end: extent.end,
                next: extent.next,
                fields: if is_flawed { 0 } else { extent.fields },
                blank_before,
            });
            blank_before = false;
            let is_looked_at = self.kinds.len() < LOOKED_AT_MAX && cells_seen < CELLS_MAX;
            if is_looked_at && !is_flawed {
                cells_seen += extent.fields;
                self.look_at(&fields);
            }
        }
    }

    /// Whether the quoted field that the end of the head cuts off, to go by its flaw, is a long one,
    /// and its quote was not lost: its lines are not like the records before it.
    fn is_long(&self, flaw: Option<(Reason, usize)>) -> bool {
        let (Some((Reason::UnclosedQuote, opening_quote)), fields) =
            (flaw, self.most_common_width())
        else {
            return false;
        };
        let long = LongField {
            bytes: self.head,
            dialect: self.dialect,
            quote: self.head[opening_quote],
            fields,
            record_bytes_max: self.head.len(),
            delimiters: 0,
        };
        fields > 1 && !long.is_like_records(&self.head[opening_quote..])
    }

    /// Looks at the cells of a record.
    fn look_at(&mut self, fields: &[(usize, usize)]) {
        let is_first = self.kinds.is_empty();
        let columns = if is_first { 0 } else { fields.len() };
        self.quoting.resize(self.quoting.len().max(columns), (0, 0));
        let kinds = fields.iter().enumerate().map(|(column, &(start, end))| {
            let field = &self.head[start..end];
            let (inner, quote) = strip(field, self.dialect.quote);
            if let Some((quoted, bare)) = self.quoting.get_mut(column).filter(|_| !is_first) {
                *quoted += usize::from(quote.is_some());
                *bare += usize::from(quote.is_none() && !field.is_empty());
            }
            match quote {
                Some(_) => {
                    self.quoted += 1;
                    // What stands in quotes is whole.
                    match kind(inner) {
                        Kind::Odd => Kind::Text,
                        kind => kind,
                    }
                }
                None => kind(field),
            }
        });
        let kinds = kinds.collect();
        self.kinds.push(kinds);
    }

    /// The bytes of `record`.
    pub(super) fn raw(&self, record: &Rec) -> &'a [u8] {
        &self.head[record.start..record.end]
    }

    /// The cells of `record`, without the quotes around them.
    pub(super) fn cells(&self, record: Rec) -> Vec<&'a [u8]> {
        let head = &self.head[..record.end];
        let mut cells = Vec::new();
        let mut cell = |start: usize, end: usize| {
            if cells.len() < CELLS_MAX {
                cells.push(strip(&head[start..end], self.dialect.quote).0);
            }
        };
        let extent = walk(head, record.start, self.dialect, usize::MAX, &mut cell);
        cell(extent.last.0, extent.last.1);
        cells
    }

    /// Whether a space follows every delimiter that something follows at all, in more than one
    /// record.
    pub(super) fn is_spaced(&self) -> bool {
        let mut spaced = 0;
        for record in self.records.iter().take(LOOKED_AT_MAX) {
            let (mut index, mut any, mut all) = (0, false, true);
            self.each_field(record, |_, field| {
                if index > 0 && !field.is_empty() {
                    any |= field[0] == b' ';
                    all &= field[0] == b' ';
                }
                index += 1;
            });
            if !all {
                return false;
            }
            spaced += usize::from(any);
        }
        spaced > 1
    }

    /// Whether a text without quotes loses spaces in a dialect that skips them.
    pub(super) fn skips_before_text(&self) -> bool {
        let mut found = false;
        let records = self.records.iter().take(LOOKED_AT_MAX);
        for record in records.filter(|record| record.fields == self.fields) {
            self.each_field(record, |start, field| {
                let is_spaced = start > record.start && self.head[start - 1] == b' ';
                let is_bare = field.first().copied() != self.dialect.quote;
                found |= is_spaced && is_bare && kind(field) == Kind::Text;
            });
        }
        found
    }

    /// Calls `look` with where each field of `record` starts, and its bytes.
    fn each_field(&self, record: &Rec, mut look: impl FnMut(usize, &'a [u8])) {
        let head = &self.head[..record.end];
        let mut field = |start: usize, end: usize| look(start, &head[start.min(end)..end]);
        let extent = walk(head, record.start, self.dialect, usize::MAX, &mut field);
        field(extent.last.0, extent.last.1);
    }

    /// The number of fields that most records have; of several the largest.
    fn most_common_width(&self) -> usize {
        self.widths().last().map_or(1, |(_, width)| (*width).max(1))
    }

    /// How many records have each number of fields, the most common one last.
    pub(super) fn widths(&self) -> Vec<(usize, usize)> {
        let mut widths: Vec<usize> = self.records.iter().map(|record| record.fields).collect();
        widths.sort_unstable();
        let runs = widths.chunk_by(|one, other| one == other);
        let mut counts: Vec<_> = runs.map(|run| (run.len(), run[0])).collect();
        counts.sort_unstable();
        counts
    }

    /// Records of several fields that have the most common number of them.
    pub(super) fn regular(&self) -> usize {
        let is_regular = |record: &&Rec| record.fields == self.fields && self.fields > 1;
        self.records.iter().filter(is_regular).count()
    }

    /// The other records.
    pub(super) fn irregular(&self) -> usize {
        self.records.len() - self.regular()
    }

    /// How well the dialect fits: the share of records alike times the share of cells that look
    /// like values. Of several patterns of records each counts by the square of its share.
    pub(super) fn score(&self) -> f64 {
        let records = self.records.len().max(1) as f64;
        let patterns = self.widths().into_iter().map(|(count, width)| {
            let share = count as f64 / records;
            let worth = match width {
                0 => 0.0,
                1 => SINGLE,
                width => 1.0 - 1.0 / width as f64,
            };
            share * share * worth
        });
        let pattern: f64 = patterns.sum();
        pattern * self.share_of_values()
    }

    /// The share of cells that look like values.
    fn share_of_values(&self) -> f64 {
        let cells: usize = self.kinds.iter().map(Vec::len).sum();
        let known = self.kinds.iter().flatten();
        let known = known.filter(|kind| **kind != Kind::Odd).count();
        (known as f64 + SINGLE) / (cells as f64 + SINGLE)
    }

    /// Whether all records have the same number of several fields.
    pub(super) fn is_uniform(&self) -> bool {
        let alike = |record: &Rec| record.fields == self.fields;
        self.fields > 1 && self.records.iter().all(alike)
    }

    /// Whether all cells of a column are quoted, of at least two that are not empty.
    pub(super) fn quotes_a_column(&self) -> bool {
        let mut columns = self.quoting.iter();
        columns.any(|(quoted, bare)| *quoted > 1 && *bare == 0)
    }

    /// Whether a column has nothing but empty cells.
    pub(super) fn is_empty(&self, column: usize) -> bool {
        let cells = self.kinds.iter().filter_map(|kinds| kinds.get(column));
        { cells }.all(|kind| *kind == Kind::Empty)
    }

    /// Whether some column holds numbers or moments.
    pub(super) fn has_values(&self) -> bool {
        (0..self.fields).any(|column| self.kind_of(column, 1).is_some_and(Kind::is_value))
    }

    /// The kind of nearly all cells of a column that are not empty, from record `from` on.
    pub(super) fn kind_of(&self, column: usize, from: usize) -> Option<Kind> {
        let cells = self.kinds.iter().skip(from);
        most(cells.filter_map(|kinds| kinds.get(column).copied()))
    }

    pub(super) fn dialect(&self) -> Dialect {
        self.dialect
    }

    pub(super) fn fields(&self) -> usize {
        self.fields
    }

    pub(super) fn records(&self) -> &[Rec] {
        &self.records
    }

    /// Fields that are properly quoted.
    pub(super) fn quoted(&self) -> usize {
        self.quoted
    }

    /// Records with an illegal quote.
    pub(super) fn flawed(&self) -> usize {
        self.flawed
    }
}

/// The kind of nearly all `kinds` that are not empty.
pub(super) fn most(kinds: impl Iterator<Item = Kind>) -> Option<Kind> {
    let mut counts = [0_usize; Kind::ALL.len()];
    kinds.for_each(|kind| counts[kind as usize] += 1);
    counts[Kind::Empty as usize] = 0;
    let all: usize = counts.iter().sum();
    let is_most = |kind: &Kind| all > 0 && counts[*kind as usize] * 10 >= all * 9;
    Kind::ALL.into_iter().find(is_most)
}
