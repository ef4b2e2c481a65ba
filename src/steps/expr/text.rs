//! Text functions over columns: arrays in, an array out; and the single cells they are made of.
//! Keeps: positions count characters (code points) from 1; a null argument makes a null.

use std::fmt::Write as _;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Int64Array, StringArray, StringBuilder,
};
use arrow::buffer::{BooleanBuffer, NullBuffer};
use arrow::datatypes::Int64Type;

use super::cells::{Cells, Side, Texts};
use super::node::Function;
use crate::base::{ErrorKind, Result};

/// Calls a text function; `nulls` are the rows in which an argument is null.
pub(super) fn call(
    function: &Function,
    arguments: &[Cells],
    rows: usize,
    nulls: Option<NullBuffer>,
) -> Result<ArrayRef> {
    let texts = Texts::of(&arguments[0]);
    let text = |at: usize| Texts::of(&arguments[at]);
    let strings = |f: &mut dyn FnMut(usize, &mut StringBuilder)| strings(rows, nulls.as_ref(), f);
    let booleans =
        |f: &dyn Fn(usize) -> bool| -> ArrayRef { Arc::new(booleans(rows, nulls.as_ref(), f)) };
    Ok(match function {
        Function::Upper | Function::Lower => {
            let is_upper = matches!(function, Function::Upper);
            if let Some(array) = ascii_case(&arguments[0], is_upper) {
                return Ok(array);
            }
            strings(&mut |row, out| change_case(texts.get(row), is_upper, out))?
        }
        Function::Trim | Function::TrimStart | Function::TrimEnd => {
            let what = arguments.get(1).map(Texts::of);
            strings(&mut |row, out| {
                let what = what.as_ref().map_or(" ", |what| what.get(row));
                push(out, trim(function, texts.get(row), what));
            })?
        }
        Function::Length => {
            let length = |row: usize| texts.get(row).chars().count() as i64;
            let is_null = |row| nulls.as_ref().is_some_and(|nulls| nulls.is_null(row));
            let lengths = (0..rows).map(|row| if is_null(row) { 0 } else { length(row) });
            let lengths: Vec<i64> = lengths.collect();
            Arc::new(Int64Array::new(lengths.into(), nulls))
        }
        Function::StartsWith => {
            let part = text(1);
            booleans(&|row| texts.get(row).starts_with(part.get(row)))
        }
        Function::EndsWith => {
            let part = text(1);
            booleans(&|row| texts.get(row).ends_with(part.get(row)))
        }
        Function::Contains => contains(&texts, &text(1), rows, nulls.as_ref()),
        Function::RegexpMatches(pattern) => booleans(&|row| pattern.is_match(texts.get(row))),
        Function::RegexpExtract(pattern, group) => {
            strings(&mut |row, out| push(out, extract(pattern, *group, texts.get(row))))?
        }
        Function::RegexpReplace { pattern, every } => {
            let with = text(1);
            strings(&mut |row, out| {
                let with = replacement(with.get(row));
                let count = if *every { 0 } else { 1 };
                push(out, &pattern.replacen(texts.get(row), count, with.as_str()));
            })?
        }
        _ => return pieces(function, arguments, rows, nulls.as_ref()),
    })
}

/// Functions that make texts of pieces of others.
fn pieces(
    function: &Function,
    arguments: &[Cells],
    rows: usize,
    nulls: Option<&NullBuffer>,
) -> Result<ArrayRef> {
    let texts = Texts::of(&arguments[0]);
    let text = |at: usize| Texts::of(&arguments[at]);
    let number = |at: usize| Side::of::<Int64Type>(&arguments[at]);
    let strings = |f: &mut dyn FnMut(usize, &mut StringBuilder)| strings(rows, nulls, f);
    match function {
        Function::Substring => {
            let start = number(1);
            let length = arguments.get(2).map(Side::of::<Int64Type>);
            strings(&mut |row, out| {
                let length = length.as_ref().map(|length| length.at(row));
                push(out, substring(texts.get(row), start.at(row), length));
            })
        }
        Function::Left | Function::Right => {
            let count = number(1);
            let is_left = matches!(function, Function::Left);
            strings(&mut |row, out| {
                push(out, end_of(texts.get(row), count.at(row), is_left));
            })
        }
        Function::Join => {
            let second = text(1);
            strings(&mut |row, out| {
                push(out, texts.get(row));
                push(out, second.get(row));
            })
        }
        Function::Replace => {
            let (from, to) = (text(1), text(2));
            strings(&mut |row, out| replace(texts.get(row), from.get(row), to.get(row), out))
        }
        Function::SplitPart => {
            let (separator, index) = (text(1), number(2));
            strings(&mut |row, out| {
                let index = index.at(row);
                push(out, split_part(texts.get(row), separator.get(row), index));
            })
        }
        _ => unreachable!("no text function"),
    }
}

/// All arguments one behind the other, nulls left out.
pub(super) fn concat(arguments: &[Cells], rows: usize) -> Result<ArrayRef> {
    let arguments: Vec<&Cells> = arguments.iter().filter(|cells| !cells.is_null()).collect();
    let parts: Vec<(Texts<'_>, Option<NullBuffer>)> = arguments
        .iter()
        .map(|cells| (Texts::of(cells), cells.nulls()))
        .collect();
    strings(rows, None, &mut |row, out| {
        for (texts, nulls) in &parts {
            if !nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
                push(out, texts.get(row));
            }
        }
    })
}

fn push(out: &mut StringBuilder, text: &str) {
    out.write_str(text).expect("a text takes anything");
}

/// A text for each row that is not null, written by `f`.
fn strings(
    rows: usize,
    nulls: Option<&NullBuffer>,
    f: &mut dyn FnMut(usize, &mut StringBuilder),
) -> Result<ArrayRef> {
    let mut out = StringBuilder::with_capacity(rows, rows * 8);
    for row in 0..rows {
        if nulls.is_some_and(|nulls| nulls.is_null(row)) {
            out.append_null();
            continue;
        }
        f(row, &mut out);
        if i32::try_from(out.values_slice().len()).is_err() {
            return Err(ErrorKind::Encode {
                action: "evaluate an expression",
                source: "the texts of one chunk exceed 2 GiB; set --chunk-rows lower".into(),
            }
            .into());
        }
        out.append_value("");
    }
    Ok(Arc::new(out.finish()))
}

fn booleans(rows: usize, nulls: Option<&NullBuffer>, f: &dyn Fn(usize) -> bool) -> BooleanArray {
    let is_valid = |row| !nulls.is_some_and(|nulls| nulls.is_null(row));
    let values = BooleanBuffer::collect_bool(rows, |row| is_valid(row) && f(row));
    BooleanArray::new(values, nulls.cloned())
}

fn contains(
    texts: &Texts<'_>,
    part: &Texts<'_>,
    rows: usize,
    nulls: Option<&NullBuffer>,
) -> ArrayRef {
    let found = match part {
        Texts::One(part) => {
            let finder = memchr::memmem::Finder::new(part.as_bytes());
            booleans(rows, nulls, &|row| {
                finder.find(texts.get(row).as_bytes()).is_some()
            })
        }
        _ => booleans(rows, nulls, &|row| texts.get(row).contains(part.get(row))),
    };
    Arc::new(found)
}

/// The texts in the other case, all at once where they are ASCII.
fn ascii_case(cells: &Cells, is_upper: bool) -> Option<ArrayRef> {
    let array: &StringArray = cells.array().as_string_opt()?;
    let bytes = array.value_data();
    let used = array.value_offsets();
    let used = &bytes[used[0] as usize..used[array.len()] as usize];
    if !used.is_ascii() {
        return None;
    }
    let mut bytes = bytes.to_vec();
    match is_upper {
        true => bytes.make_ascii_uppercase(),
        false => bytes.make_ascii_lowercase(),
    }
    let array = StringArray::try_new(
        array.offsets().clone(),
        bytes.into(),
        array.nulls().cloned(),
    );
    // Bytes outside the used part may be of any text, cut anywhere.
    array.ok().map(|array| Arc::new(array) as ArrayRef)
}

/// Letter by letter, as DuckDB does: no letter becomes two.
fn change_case(text: &str, is_upper: bool, out: &mut StringBuilder) {
    for c in text.chars() {
        out.write_char(letter_case(c, is_upper))
            .expect("a text takes anything");
    }
}

pub(super) fn letter_case(c: char, is_upper: bool) -> char {
    fn only(c: char, mut letters: impl Iterator<Item = char>) -> char {
        match (letters.next(), letters.next()) {
            (Some(one), None) => one,
            _ => c,
        }
    }
    match is_upper {
        true if c == 'ß' => 'ẞ',
        true => only(c, c.to_uppercase()),
        false => only(c, c.to_lowercase()),
    }
}

/// `text` without the characters of `what` at its ends.
pub(super) fn trim<'a>(function: &Function, text: &'a str, what: &str) -> &'a str {
    let is_one = |c: char| what.contains(c);
    match function {
        Function::TrimStart => text.trim_start_matches(is_one),
        Function::TrimEnd => text.trim_end_matches(is_one),
        _ => text.trim_matches(is_one),
    }
}

/// The characters from `start` on, counted from 1, or from the end if it is negative; at most
/// `length`, or as many before `start` if that is negative.
pub(super) fn substring(text: &str, start: i64, length: Option<i64>) -> &str {
    // Everything before the end of a text of ASCII is found without counting.
    let count = || match text.is_ascii() {
        true => text.len() as i64,
        false => text.chars().count() as i64,
    };
    let mut from = match start {
        1.. => start - 1,
        0 => 0,
        _ => count().saturating_add(start),
    };
    // The place before the first character counts as one of those that are asked for.
    let length = match (start, length) {
        (0, Some(length)) if length <= 1 => return "",
        (0, Some(length)) => Some(length - 1),
        (_, length) => length,
    };
    let end = match length {
        None => i64::MAX,
        Some(length @ 0..) => from.saturating_add(length),
        Some(length) => {
            let end = from.min(count());
            from = end.saturating_add(length);
            end
        }
    };
    characters(text, from, end)
}

/// The characters `from..end`, counted from 0.
fn characters(text: &str, from: i64, end: i64) -> &str {
    let (from, end) = (from.max(0) as usize, end.max(0) as usize);
    if from >= end {
        return "";
    }
    if text.is_ascii() {
        let end = end.min(text.len());
        return text.get(from.min(end)..end).unwrap_or_default();
    }
    let mut places = text.char_indices().map(|(at, _)| at).chain([text.len()]);
    let Some(start) = places.nth(from) else {
        return "";
    };
    let end = places.nth(end - from - 1).unwrap_or(text.len());
    &text[start..end]
}

/// The first or last `count` characters; all but so many at the other end if that is negative.
pub(super) fn end_of(text: &str, count: i64, is_left: bool) -> &str {
    let length = text.chars().count() as i64;
    let kept = match count {
        0.. => count.min(length),
        _ => length.saturating_add(count).max(0),
    };
    match is_left {
        true => characters(text, 0, kept),
        false => characters(text, length - kept, length),
    }
}

fn replace(text: &str, from: &str, to: &str, out: &mut StringBuilder) {
    if from.is_empty() {
        return push(out, text);
    }
    let mut kept = 0;
    for (at, found) in text.match_indices(from) {
        push(out, &text[kept..at]);
        push(out, to);
        kept = at + found.len();
    }
    push(out, &text[kept..]);
}

/// The part of `text` between two separators, counted from 1, or from the end if negative.
pub(super) fn split_part<'a>(text: &'a str, separator: &str, index: i64) -> &'a str {
    let nth = |index: i64| usize::try_from(index - 1).ok();
    let part = if separator.is_empty() {
        let count = text.chars().count() as i64;
        let index = if index < 0 {
            index.saturating_add(count + 1)
        } else {
            index
        };
        return match index {
            1.. => characters(text, index - 1, index),
            _ => "",
        };
    } else if index > 0 {
        nth(index).and_then(|at| text.split(separator).nth(at))
    } else if index < 0 {
        nth(index.saturating_neg()).and_then(|at| text.rsplit(separator).nth(at))
    } else {
        None
    };
    part.unwrap_or_default()
}

/// What the group matched first; nothing where it did not.
pub(super) fn extract<'a>(pattern: &regex::Regex, group: usize, text: &'a str) -> &'a str {
    let found = match group {
        0 => pattern.find(text),
        _ => pattern.captures(text).and_then(|found| found.get(group)),
    };
    found.map_or("", |found| found.as_str())
}

/// A replacement in the form of RE2 (`\1`) in that of the regex crate (`${1}`).
pub(super) fn replacement(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        match c {
            '$' => out.push_str("$$"),
            '\\' => match rest.next() {
                Some(digit) if digit.is_ascii_digit() => {
                    out.push_str("${");
                    out.push(digit);
                    out.push('}');
                }
                Some(other) => out.push(other),
                None => out.push('\\'),
            },
            c => out.push(c),
        }
    }
    out
}
