//! A head under its dialect -> where its table lies: preamble, header, units, records, footer, and
//! other tables.
//!
//! Invariant: what is no table is told with its place; without evidence the first record is the
//! header and all behind it are records.

use std::collections::HashSet;
use std::ops::Range;

use crate::base::{Known, Prefix};

use super::cells::{Kind, kind};
use super::reading::{Reading, Rec, most};
use super::{Skipped, Sniffed, Table, What, header, places, tables, words};

/// Records below a header whose cells are looked at.
const ROWS_MAX: usize = 300;
/// Cells that are looked at, over all columns.
const CELLS_MAX: usize = 50_000;
/// Records before a header.
const PREAMBLE_MAX: usize = 100;
/// The longest name of a column, in bytes.
const NAME_BYTES_MAX: usize = 100;
/// What comments start with.
pub(super) const COMMENTS: [&[u8]; 3] = [b"#", b"//", b"%"];

/// The records of a head, comments left out, and the number of fields of its table.
pub(super) struct Grid<'a> {
    reading: &'a Reading<'a>,
    records: Vec<Rec>,
    width: usize,
}

impl<'a> Grid<'a> {
    /// The table's number of fields.
    pub(super) fn width(&self) -> usize {
        self.width
    }

    pub(super) fn records(&self) -> &[Rec] {
        &self.records
    }

    pub(super) fn cells(&self, at: usize) -> Vec<&'a [u8]> {
        self.reading.cells(self.records[at])
    }

    /// The first records behind `at` that have the table's number of fields.
    pub(super) fn rows_below(&self, at: usize) -> impl Iterator<Item = usize> {
        let rows = (CELLS_MAX / self.width.max(1)).clamp(2, ROWS_MAX);
        let regular = |index: &usize| self.records[*index].fields == self.width;
        (at + 1..self.records.len()).filter(regular).take(rows)
    }

    /// The kinds of nearly all cells of each column behind the record `at`.
    pub(super) fn kinds_below(&self, at: usize) -> Vec<Option<Kind>> {
        let rows = self.rows_below(at).map(|row| self.cells(row));
        let rows: Vec<Vec<&[u8]>> = rows.collect();
        let of_column =
            |column: usize| most(rows.iter().filter_map(|row| Some(kind(row.get(column)?))));
        (0..self.width).map(of_column).collect()
    }

    /// Whether the cells of the record `at` could be names: short texts, all different.
    pub(super) fn reads_as_names(&self, at: usize) -> bool {
        let mut seen = HashSet::new();
        let is_name = |cell: &[u8]| kind(cell) == Kind::Text && cell.len() <= NAME_BYTES_MAX;
        let cells = self.cells(at);
        !cells.is_empty()
            && cells
                .into_iter()
                .all(|cell| is_name(cell) && seen.insert(cell))
    }
}

/// Finds the table in what was read of a head, which is the whole source if it `is_whole`.
pub(super) fn lay_out(
    reading: &Reading<'_>,
    is_whole: bool,
    known: &Known,
) -> Result<Sniffed, String> {
    let mut dialect = reading.dialect();
    let mut evidence = Vec::new();
    let mut records = reading.records().to_vec();
    if known.comment.is_none()
        && let Some((prefix, count)) = comment(reading)
    {
        dialect.comment = Some(prefix);
        let is_comment = |record: &Rec| starts_with(reading, record, prefix.bytes());
        records.retain(|record| !is_comment(record));
        let mark = String::from_utf8_lossy(prefix.bytes()).into_owned();
        evidence.push(format!(
            "comments: {} start with `{mark}`",
            words::count(count, "line")
        ));
    }
    let width = reading.fields();
    let mut grid = Grid {
        reading,
        records,
        width,
    };
    let found = tables::find(&grid);
    let (chosen, behind) = choose(&grid, &found, known)?;
    let all = grid.records.clone();
    grid.records = all[chosen.clone()].to_vec();
    grid.width = width_of(&grid.records);
    let last = grid.records.last().map_or(0, |record| record.next);
    let mut sniffed = Sniffed {
        dialect,
        fields: grid.width,
        columns: grid.width,
        records: grid.records.len(),
        regular: 0,
        start: 0,
        header_rows: 0,
        lacks_first_name: false,
        lacks_last_name: false,
        data: 0,
        end: behind.is_some().then_some(last),
        skipped: Vec::new(),
        tables: list(&all, &found, &chosen),
        evidence,
    };
    let before = all.get(chosen.start).filter(|_| chosen.start > 0);
    let start = before.map_or(0, |record| record.start);
    place(&mut sniffed, &grid, start, known);
    if (is_whole || behind.is_some()) && !known.keep.footer {
        foot(&mut sniffed, &grid);
    }
    let regular = |record: &&Rec| record.fields == sniffed.fields;
    sniffed.regular = grid.records.iter().filter(regular).count();
    Ok(sniffed)
}

/// The records of the table to load, and where the next one starts.
fn choose(
    grid: &Grid<'_>,
    found: &[Range<usize>],
    known: &Known,
) -> Result<(Range<usize>, Option<usize>), String> {
    let chosen = match known.table {
        Some(number) if number > found.len().max(1) => {
            let tables = words::count(found.len().max(1), "table");
            return Err(format!(
                "there is no table {number}; {tables} found in the head"
            ));
        }
        Some(number) => number - 1,
        None => tables::choose(found),
    };
    let all = grid.records.len();
    // Titles above the first table are its preamble; those above others are their own.
    let start = match chosen {
        0 => 0,
        chosen => found[chosen].start,
    };
    let next = found.get(chosen + 1);
    let end = next.map_or(all, |_| found[chosen].end);
    Ok((start..end, next.map(|next| next.start)))
}

fn list(records: &[Rec], found: &[Range<usize>], chosen: &Range<usize>) -> Vec<Table> {
    // Each table begins with the titles above it.
    let mut from = 0;
    let table = |table: &Range<usize>| {
        let start = records[std::mem::replace(&mut from, table.end)].start;
        let records = &records[table.clone()];
        Table {
            range: start..records[records.len() - 1].next,
            fields: width_of(records),
            records: records.len(),
            is_chosen: chosen.contains(&table.start),
        }
    };
    found.iter().map(table).collect()
}

/// The number of fields of a table: that of its first record if another has it too, or that of most
/// records where titles seem to stand before it.
fn width_of(records: &[Rec]) -> usize {
    let Some(first) = records
        .iter()
        .map(|record| record.fields)
        .find(|fields| *fields > 0)
    else {
        return 1;
    };
    let mut widths: Vec<usize> = records.iter().map(|record| record.fields).collect();
    widths.sort_unstable();
    let runs = widths.chunk_by(|one, other| one == other);
    let (count, most) = runs
        .map(|run| (run.len(), run[0]))
        .max()
        .unwrap_or((0, first));
    let like_first = widths.iter().filter(|width| **width == first).count();
    let is_rare = like_first == 1 || (first == 1 && count > like_first);
    let is_clear = count * 2 >= records.len() && count > 1;
    match most > 1 && is_rare && is_clear {
        true => most,
        false => first,
    }
}

/// Finds where the table starts, what is before it, its names and its units.
fn place(sniffed: &mut Sniffed, grid: &Grid<'_>, start: usize, known: &Known) {
    let records = &grid.records;
    (sniffed.start, sniffed.data) = (start, start);
    if records.is_empty() {
        sniffed.header_rows = usize::from(known.header.unwrap_or(true));
        return;
    }
    let first = match known.skip_rows {
        Some(_) => 0,
        None => first_of_table(grid),
    };
    if first > 0 {
        sniffed.start = records[first].start;
        sniffed.skipped.push(Skipped {
            range: start..sniffed.start,
            what: What::Preamble,
        });
        let lines = words::count(first, "record");
        sniffed
            .evidence
            .push(format!("preamble: {lines} of other width before the table"));
    }
    fit(sniffed, grid, first, known.keep.trailing);
    let (is_header, why) = header::decide(grid, first, known.header);
    sniffed.evidence.push(why);
    sniffed.header_rows = match (is_header, known.header_rows) {
        (false, _) => 0,
        (true, Some(rows)) => rows.min(records.len() - first),
        (true, None) => 1 + usize::from(has_second_row(grid, first)),
    };
    if sniffed.header_rows > 1 && known.header_rows.is_none() {
        sniffed
            .evidence
            .push("header of 2 records: groups above names".into());
    }
    sniffed.lacks_first_name &= is_header;
    sniffed.lacks_last_name &= is_header;
    if !is_header && sniffed.columns == sniffed.fields {
        (sniffed.fields, sniffed.columns) = (grid.width, grid.width);
    }
    let next = first + sniffed.header_rows;
    // Blank lines behind the header come with the records, so that every line is counted once.
    sniffed.data = match next {
        0 => start,
        next if sniffed.header_rows == 0 => records[next].start,
        next => records[next - 1].next,
    };
    if is_header && !known.keep.units && has_units(grid, next) {
        let units = &records[next];
        sniffed.skipped.push(Skipped {
            range: units.start..units.next,
            what: What::Units,
        });
        let cells = words::list(&grid.cells(next));
        sniffed
            .evidence
            .push(format!("units: {cells} below the names (--keep units)"));
        sniffed.data = units.next;
    }
}

/// Finds out how the fields of the record `first`, which may be the header, go with the records'.
fn fit(sniffed: &mut Sniffed, grid: &Grid<'_>, first: usize, keep_trailing: bool) {
    let width = grid.width;
    let of_first = grid.records[first].fields;
    let trails = trails(grid, first);
    let is_short = of_first + 1 == width && is_short_header(grid, first);
    if trails && keep_trailing {
        (sniffed.fields, sniffed.columns) = (width, width);
        sniffed.lacks_last_name = of_first < width;
    } else if !trails && of_first != width && !is_short {
        // Whoever reads the records says which of them do not fit the header.
        sniffed.fields = of_first.max(1);
        sniffed.columns = sniffed.fields;
    } else if trails && width > 1 {
        sniffed.columns = width - 1;
        sniffed
            .evidence
            .push("trailing delimiter: all last fields are empty (--keep trailing)".into());
    } else if is_short {
        sniffed.lacks_first_name = true;
        sniffed
            .evidence
            .push("the header has a name less than the records have fields".into());
    }
}

/// The index of the record where the table starts, behind titles and notes.
fn first_of_table(grid: &Grid<'_>) -> usize {
    let (records, width) = (&grid.records, grid.width);
    // Titles of a spreadsheet may have as many fields as the table, all but the first empty.
    let is_title = |index: usize| {
        let cells = grid.cells(index);
        let filled = cells.iter().filter(|cell| !cell.trim_ascii().is_empty());
        let is_lone = filled.count() == 1 && !cells[0].trim_ascii().is_empty();
        records[index].fields == 1 || (width > 2 && is_lone)
    };
    let mut found = records.iter().take(PREAMBLE_MAX);
    let found = found.position(|record| record.fields == width);
    let Some(found) = found.filter(|_| width > 1) else {
        return 0;
    };
    // A header that is short by one comes right before its records.
    if let Some(short) = found.checked_sub(1)
        && is_short_header(grid, short)
        && (0..short).all(is_title)
    {
        return short;
    }
    // Beside titles there may be notes of a few cells, if a blank line follows.
    let is_part = |index: usize| {
        let cells = grid.cells(index);
        let is_gappy = width > 2
            && cells
                .last()
                .is_some_and(|cell| cell.trim_ascii().is_empty());
        is_title(index) || (is_gappy && records[index].fields == width)
    };
    let before = (0..records.len().min(PREAMBLE_MAX)).take_while(|index| is_part(*index));
    let before = before.count();
    if before > found && before < records.len() && records[before].fields == width {
        let is_set_off = records[before].blank_before || (0..before).all(is_title);
        if is_set_off && grid.reads_as_names(before) {
            return before;
        }
    }
    let is_wide = records[..found].iter().any(|record| record.fields > width);
    let has_blank = records[..=found]
        .iter()
        .skip(1)
        .any(|record| record.blank_before);
    // A header of too few names may have a blank line behind it.
    let has_blank = has_blank && (grid.reads_as_names(found) || !grid.reads_as_names(0));
    let names_values = || {
        let kinds = grid.kinds_below(found).into_iter().flatten();
        grid.reads_as_names(found) && { kinds }.any(Kind::is_value)
    };
    match !is_wide && ((0..found).all(is_title) || has_blank || names_values()) {
        true => found,
        false => 0,
    }
}

/// Whether the record `at` has a name less than all records behind it have fields.
fn is_short_header(grid: &Grid<'_>, at: usize) -> bool {
    let behind = &grid.records[at + 1..];
    let is_regular = |record: &Rec| record.fields == grid.width;
    grid.records[at].fields + 1 == grid.width
        && grid.width > 2
        && behind.len() > 1
        && !behind[0].blank_before
        && behind.iter().filter(|record| is_regular(record)).count() * 10 >= behind.len() * 9
        && grid.reads_as_names(at)
}

/// Whether every record ends with an empty field for which the header has no name.
fn trails(grid: &Grid<'_>, first: usize) -> bool {
    let width = grid.width;
    let is_empty = |index: usize| {
        let cells = grid.cells(index);
        cells.len() == width && cells.last().is_some_and(|cell| cell.is_empty())
    };
    let of_first = grid.records[first].fields;
    let mut rows = grid.rows_below(first).peekable();
    width > 1
        && rows.peek().is_some()
        && (of_first + 1 == width || (of_first == width && is_empty(first)))
        && rows.all(is_empty)
}

/// Whether the record behind `first` names the columns too: texts above numbers, where the first
/// has gaps or repeats itself.
fn has_second_row(grid: &Grid<'_>, first: usize) -> bool {
    let second = first + 1;
    if second + 1 >= grid.records.len() || grid.records[second].fields != grid.width {
        return false;
    }
    let mut seen = HashSet::new();
    let groups = grid.cells(first);
    let groups: Vec<&[u8]> = groups.into_iter().map(|cell| cell.trim_ascii()).collect();
    let has_gaps = groups
        .iter()
        .any(|cell| cell.is_empty() || !seen.insert(*cell));
    let names = grid.cells(second);
    let are_texts = names.iter().all(|cell| matches!(kind(cell), Kind::Text));
    let values = grid
        .kinds_below(second)
        .into_iter()
        .flatten()
        .filter(|kind| kind.is_value());
    has_gaps && are_texts && values.count() > 0
}

/// Whether the record `at` holds the units of the columns: `(kg)`, `[m/s]`, `%`; or units without
/// brackets, above nothing but values, in all columns or some of them such as no word looks like.
fn has_units(grid: &Grid<'_>, at: usize) -> bool {
    if at + 1 >= grid.records.len() || grid.records[at].fields != grid.width {
        return false;
    }
    let cells = grid.cells(at);
    let filled: Vec<&[u8]> = cells
        .iter()
        .map(|cell| cell.trim_ascii())
        .filter(|cell| !cell.is_empty() && *cell != b"-")
        .collect();
    let all_units = !filled.is_empty() && filled.iter().all(|cell| is_unit(cell));
    let is_bracketed = filled
        .iter()
        .any(|cell| cell[0] == b'(' || cell[0] == b'[' || *cell == b"%");
    let below = grid.kinds_below(at);
    let mut pairs = cells.iter().zip(&below);
    let above_value = |(cell, kind): (&&[u8], &Option<Kind>)| {
        is_unit(cell.trim_ascii()) && kind.is_some_and(Kind::is_value)
    };
    if is_bracketed {
        return all_units && pairs.any(above_value);
    }
    let is_no_word = |cell: &&[u8]| cell.contains(&b'/') || cell.starts_with("°".as_bytes());
    let everywhere = filled.len() == cells.len() && cells.len() > 1;
    let is_empty = |cell: &[u8]| matches!(cell.trim_ascii(), b"" | b"-");
    all_units
        && (everywhere || filled.iter().any(is_no_word))
        && pairs.all(|pair| is_empty(pair.0) || above_value(pair))
}

/// Whether `cell` is a unit: `(…)` or `[…]` without digits in front, or one of a few.
fn is_unit(cell: &[u8]) -> bool {
    const UNITS: [&str; 48] = [
        "%", "°", "°C", "°F", "C", "K", "m", "cm", "mm", "km", "s", "ms", "min", "h", "g", "kg",
        "mg", "l", "ml", "V", "A", "W", "hPa", "m/s", "mm/s", "km/h", "m/s²", "1/min", "l/min",
        "m³/h", "kg/h", "g/l", "mg/l", "µg/m³", "W/m²", "kWh", "kW", "Pa", "kPa", "bar", "mbar",
        "Hz", "kHz", "rpm", "mV", "mA", "µm", "ppm",
    ];
    const BYTES_MAX: usize = 24;
    let within = |open: u8, close: u8| cell.first() == Some(&open) && cell.last() == Some(&close);
    let is_bracketed = within(b'(', b')') || within(b'[', b']');
    let is_number = matches!(kind(cell), Kind::Number | Kind::Moment);
    let known = UNITS.iter().any(|unit| unit.as_bytes() == cell);
    cell.len() <= BYTES_MAX && (known || (is_bracketed && !is_number))
}

/// Cuts off what stands behind the last record.
fn foot(sniffed: &mut Sniffed, grid: &Grid<'_>) {
    let records = &grid.records;
    let data = records
        .iter()
        .position(|record| record.start >= sniffed.data);
    let Some(data) = data else { return };
    let cells = |index: usize| grid.cells(data + index);
    let footer = places::footer_of(&records[data..], sniffed.fields, cells);
    let Some(at) = footer else { return };
    let (from, to) = (&records[data + at], &records[records.len() - 1]);
    sniffed.skipped.push(Skipped {
        range: from.start..to.next,
        what: What::Footer,
    });
    let lines = words::count(records.len() - data - at, "record");
    sniffed.evidence.push(format!(
        "footer: {lines} of other width at the end (--keep footer)"
    ));
    sniffed.end = Some(from.start);
}

/// What comments start with, and how many there are: lines among the records that start so and are
/// no records by their width.
fn comment(reading: &Reading<'_>) -> Option<(Prefix, usize)> {
    let records = reading.records();
    let width = reading.fields();
    let first = records.iter().position(|record| record.fields == width)?;
    COMMENTS.into_iter().find_map(|mark| {
        let comments = records.iter().enumerate();
        let mut comments = comments.filter(|(_, record)| starts_with(reading, record, mark));
        let (mut count, mut within) = (0, false);
        let odd = comments.all(|(index, record)| {
            count += 1;
            within |= index > first;
            record.fields != width
        });
        (odd && within && width > 1).then(|| Some((Prefix::new(mark)?, count)))?
    })
}

fn starts_with(reading: &Reading<'_>, record: &Rec, mark: &[u8]) -> bool {
    reading.raw(record).starts_with(mark)
}
