//! The first record and those below it -> whether it names the columns: it does if it is unlike
//! them.
//!
//! Invariant: without clear evidence to the contrary there is a header.

use std::collections::HashSet;

use super::cells::{Kind, kind};
use super::layout::Grid;
use super::words;

/// Records below the first that must be there before texts that come again speak against it.
const RECURRING_RECORDS_MIN: usize = 8;

/// Whether the record `at` of `grid` is a header, and why.
pub(super) fn decide(grid: &Grid<'_>, at: usize, known: Option<bool>) -> (bool, String) {
    if let Some(known) = known {
        let word = if known { "header" } else { "no header" };
        return (known, format!("{word} (given)"));
    }
    let first = grid.cells(at);
    let below = grid.kinds_below(at);
    let (mut named, mut alike) = (Vec::new(), Vec::new());
    let mut alike_columns = Vec::new();
    for (column, cell) in first.iter().enumerate() {
        let below = below.get(column).copied().flatten();
        match (kind(cell), below) {
            (Kind::Text | Kind::Odd, Some(below)) if below.is_value() => named.push(*cell),
            (first, Some(below)) if first.is_value() && first == below => {
                alike.push(*cell);
                alike_columns.push(column);
            }
            _ => {}
        }
    }
    if !named.is_empty() && named.len() >= alike.len() {
        let names = words::list(&named);
        return (true, format!("header: {names} above numbers or dates"));
    }
    if !alike.is_empty() && are_years(grid, at, &alike, &alike_columns) {
        let years = words::list(&alike);
        return (true, format!("header: the years {years} name columns"));
    }
    if !alike.is_empty() && are_numbers_in_row(grid, &alike) {
        let numbers = words::list(&alike);
        return (true, format!("header: {numbers} count the columns"));
    }
    if !alike.is_empty() {
        let cells = words::list(&alike);
        return (false, format!("no header: {cells} above cells alike"));
    }
    match recurring(grid, at, &first) {
        Some(recurring) => {
            let texts = words::list(&recurring);
            (false, format!("no header: {texts} come again below"))
        }
        None => (true, "header: nothing speaks against it".to_owned()),
    }
}

/// Whether the cells, which stand above numbers, are years in a row that those below are not.
fn are_years(grid: &Grid<'_>, at: usize, cells: &[&[u8]], columns: &[usize]) -> bool {
    let years: Option<Vec<i32>> = cells.iter().map(|cell| year(cell)).collect();
    let Some(years) = years else { return false };
    let in_row = years.windows(2).all(|pair| (pair[0] - pair[1]).abs() == 1);
    // A lone year names a column only beside other names.
    let is_beside = years.len() > 1 || grid.width() > 1 && cells.len() < grid.width();
    let no_year = |row: usize| {
        let below = grid.cells(row);
        let mut below = columns.iter().filter_map(|column| below.get(*column));
        below.all(|cell| year(cell).is_none())
    };
    in_row && is_beside && grid.rows_below(at).all(no_year)
}

/// Whether the cells, which stand above numbers, count the columns: from 0, or beside other names
/// from 1.
fn are_numbers_in_row(grid: &Grid<'_>, cells: &[&[u8]]) -> bool {
    const FROM_0_MIN: usize = 3;
    let counts_from = |from: usize| {
        let mut numbered = (from..).zip(cells);
        numbered.all(|(number, cell)| number.to_string().as_bytes() == *cell)
    };
    let is_beside = cells.len() > 1 && cells.len() < grid.width();
    (counts_from(0) && (is_beside || cells.len() >= FROM_0_MIN)) || (counts_from(1) && is_beside)
}

fn year(cell: &[u8]) -> Option<i32> {
    let text = std::str::from_utf8(cell.trim_ascii()).ok()?;
    let year = text.parse().ok().filter(|_| text.len() == 4)?;
    (1800..=2200).contains(&year).then_some(year)
}

/// The texts of `first` that come again in their columns, if those are most.
fn recurring<'a>(grid: &Grid<'_>, at: usize, first: &[&'a [u8]]) -> Option<Vec<&'a [u8]>> {
    let mut seen: Vec<HashSet<&[u8]>> = vec![HashSet::new(); first.len()];
    let mut rows = 0;
    for row in grid.rows_below(at) {
        let cells = grid.cells(row);
        if cells == first {
            // Files that were put together repeat their header.
            return None;
        }
        for (seen, cell) in seen.iter_mut().zip(cells) {
            seen.insert(cell);
        }
        rows += 1;
    }
    let texts = first.iter().zip(&seen);
    let texts = texts.filter(|(text, seen)| !text.trim_ascii().is_empty() && seen.contains(**text));
    let texts: Vec<&[u8]> = texts.map(|(text, _)| *text).collect();
    (rows >= RECURRING_RECORDS_MIN && texts.len() * 2 > first.len()).then_some(texts)
}
