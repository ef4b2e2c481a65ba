//! `[[step]]` tables -> steps, in the order they are written.
//! Keeps: nothing in a step is ignored; an error names the key and its line.

use super::fitted;
use super::joins;
use super::node::Node;
use super::series;
use crate::base::{KeepRow, Result};
use crate::config::columns;
use crate::config::dedup::{DedupSpec, parse_dedup};
use crate::config::row::{CutSpec, RowStep, parse_derive};
use crate::config::step::{StepSpec, parse_impute, parse_rolling};

/// What a step may be.
pub(super) const KINDS: [&str; 14] = [
    "filter", "dedup", "derive", "impute", "rolling", "select", "drop", "rename", "cast", "cut",
    "clip", "fill", "join", "sort",
];

/// One `[[step]]`: its keys in the order they are written.
pub(super) fn read(step: &Node<'_>, steps: &mut Vec<StepSpec>) -> Result<()> {
    let kinds = step.entries()?;
    if kinds.is_empty() {
        return Err(step.error("an empty step; give it a filter, a derive, an impute, …"));
    }
    for kind in &kinds {
        match kind.key() {
            "filter" => filters(kind, steps)?,
            "dedup" => dedups(kind, steps)?,
            "derive" => derives(kind, steps)?,
            "impute" => imputes(kind, steps)?,
            "rolling" => rollings(kind, steps)?,
            "select" => push(kind, steps, RowStep::select(kind.strings()?))?,
            "drop" => push(kind, steps, RowStep::drop(kind.strings()?))?,
            "rename" => renames(kind, steps)?,
            "cast" => {
                for column in kind.entries()? {
                    let step = RowStep::cast(column.key(), &column.string()?);
                    push(&column, steps, step)?;
                }
            }
            "cut" => {
                for cut in kind.items()? {
                    cuts(&cut, steps)?;
                }
            }
            "clip" => clips(kind, steps)?,
            "fill" => fills(kind, steps)?,
            "sort" => super::sort::read(kind, steps)?,
            "join" => joins::read(kind, steps)?,
            key if series::KINDS.contains(&key) => series::read(kind, steps)?,
            key if fitted::KINDS.contains(&key) => fitted::read(kind, steps)?,
            key => {
                let kinds = KINDS.into_iter().chain(series::KINDS).chain(fitted::KINDS);
                return Err(kind.error(crate::base::unknown("step", key, kinds)));
            }
        }
    }
    Ok(())
}

/// Adds a step that `entry` asks for.
fn push(
    entry: &Node<'_>,
    steps: &mut Vec<StepSpec>,
    step: std::result::Result<RowStep, String>,
) -> Result<()> {
    let step = step.map_err(|message| entry.error(message))?;
    let place = entry.place();
    steps.push(StepSpec::Row { step, place });
    Ok(())
}

/// A condition, or a list of them.
pub(super) fn filters(entry: &Node<'_>, steps: &mut Vec<StepSpec>) -> Result<()> {
    for item in entry.items()? {
        push(&item, steps, RowStep::filter(&item.string()?))?;
    }
    Ok(())
}

/// `{ by = ["id", "day"], keep = "last" }`, `true` for whole rows, or a list of what the flag takes.
pub(super) fn dedups(entry: &Node<'_>, steps: &mut Vec<StepSpec>) -> Result<()> {
    for item in entry.items()? {
        let dedup = match item.boolean() {
            Ok(true) => DedupSpec::whole_rows(KeepRow::default()),
            Ok(false) => return Err(item.error("does nothing; leave it out, or write true")),
            Err(_) if item.is_table() => dedup(&item)?,
            Err(_) => item.parsed(parse_dedup)?,
        };
        let place = item.place();
        steps.push(StepSpec::Dedup { dedup, place });
    }
    Ok(())
}

fn dedup(entry: &Node<'_>) -> Result<DedupSpec> {
    let (mut by, mut keep) = (None, KeepRow::default());
    for field in entry.entries()? {
        match field.key() {
            "by" => by = Some(field.strings()?),
            "keep" => keep = field.parsed(str::parse)?,
            key => {
                let known = ["by", "keep"];
                return Err(field.error(crate::base::unknown("key", key, known.into_iter())));
            }
        }
    }
    let by = by.ok_or_else(|| entry.error("lacks its `by`, such as [\"id\"], or \"*\" for all"))?;
    DedupSpec::new(by, keep).map_err(|message| entry.error(message))
}

/// `{ total = "price * quantity", … }`, or a list of what the flag takes.
pub(super) fn derives(entry: &Node<'_>, steps: &mut Vec<StepSpec>) -> Result<()> {
    if !entry.is_table() {
        for item in entry.items()? {
            push(&item, steps, parse_derive(&item.string()?))?;
        }
        return Ok(());
    }
    for column in entry.entries()? {
        let expression = column.parsed(|text| Ok(text.to_owned()))?;
        push(&column, steps, RowStep::derive(column.key(), &expression))?;
    }
    Ok(())
}

/// `{ old = "new", … }`, or a list of what the flag takes.
fn renames(entry: &Node<'_>, steps: &mut Vec<StepSpec>) -> Result<()> {
    let pairs: Vec<(String, String)> = if entry.is_table() {
        let pairs = entry.entries()?.into_iter();
        let pairs = pairs.map(|column| Ok((column.key().to_owned(), column.string()?)));
        pairs.collect::<Result<_>>()?
    } else {
        let items = entry.items()?;
        let pairs = items.iter().map(|item| item.parsed(columns::parse_rename));
        pairs.collect::<Result<_>>()?
    };
    push(entry, steps, RowStep::rename(pairs))
}

/// `{ column = "amount", bins = [0, 100, 500], labels = ["low", "high"], name = "class" }`.
fn cuts(entry: &Node<'_>, steps: &mut Vec<StepSpec>) -> Result<()> {
    const KEYS: [&str; 6] = [
        "column",
        "bins",
        "labels",
        "name",
        "right",
        "include_lowest",
    ];
    let (mut column, mut edges, mut labels, mut name) = (None, None, None, None);
    let (mut right, mut include_lowest) = (true, false);
    for field in entry.entries()? {
        match field.key().replace('-', "_").as_str() {
            "column" => column = Some(field.string()?),
            "bins" => {
                let bins = field.items()?;
                edges = Some(bins.iter().map(number).collect::<Result<Vec<f64>>>()?);
            }
            "labels" => labels = Some(field.strings()?),
            "name" => name = Some(field.string()?),
            "right" => right = field.boolean()?,
            "include_lowest" => include_lowest = field.boolean()?,
            key => return Err(field.error(crate::base::unknown("key", key, KEYS.into_iter()))),
        }
    }
    let column = column.ok_or_else(|| entry.error("lacks its `column`"))?;
    let edges = edges.ok_or_else(|| entry.error("lacks its `bins`, such as [0, 100, 500]"))?;
    let cut = CutSpec::new(&column, edges, labels, name.as_deref());
    let step = cut.map(|cut| {
        let cut = CutSpec {
            right,
            include_lowest,
            ..cut
        };
        RowStep::Cut(cut.labelled())
    });
    push(entry, steps, step)
}

/// `{ amount = [0, 1000], … }`; `inf` and `-inf` are no limits.
fn clips(entry: &Node<'_>, steps: &mut Vec<StepSpec>) -> Result<()> {
    for column in entry.entries()? {
        let limits = column.items()?;
        let [lowest, highest] = &limits[..] else {
            return Err(column.error("needs two limits: [LOWEST, HIGHEST]"));
        };
        let step = RowStep::clip(column.key(), number(lowest)?, number(highest)?);
        push(&column, steps, step)?;
    }
    Ok(())
}

/// `{ region = "Unknown", amount = 0 }`: imputes by a constant.
fn fills(entry: &Node<'_>, steps: &mut Vec<StepSpec>) -> Result<()> {
    for column in entry.entries()? {
        let constant = |text: &str| StepSpec::impute(column.key(), &format!("const:{text}"));
        steps.push(column.parsed(constant)?);
    }
    Ok(())
}

pub(super) fn number(item: &Node<'_>) -> Result<f64> {
    item.parsed(|text| {
        let number = text.replace('_', "").parse();
        number.map_err(|_| format!("`{text}` is no number"))
    })
}

/// `{ amount = "mean", … }`, or a list of what the flag takes.
pub(super) fn imputes(entry: &Node<'_>, steps: &mut Vec<StepSpec>) -> Result<()> {
    if !entry.is_table() {
        for item in entry.items()? {
            steps.push(item.parsed(parse_impute)?);
        }
        return Ok(());
    }
    for column in entry.entries()? {
        steps.push(column.parsed(|method| StepSpec::impute(column.key(), method))?);
    }
    Ok(())
}

/// A table of a column, functions and windows, all combined; or a list of what the flag takes.
pub(super) fn rollings(entry: &Node<'_>, steps: &mut Vec<StepSpec>) -> Result<()> {
    if !entry.is_table() {
        for item in entry.items()? {
            if item.is_table() {
                rollings(&item, steps)?;
            } else {
                steps.push(item.parsed(parse_rolling)?);
            }
        }
        return Ok(());
    }
    let (mut column, mut functions, mut windows, mut name) = (None, Vec::new(), Vec::new(), None);
    for field in entry.entries()? {
        match field.key() {
            "column" => column = Some(field.string()?),
            "functions" => functions = field.items()?,
            "windows" => windows = field.items()?,
            "name" => name = Some(field.string()?),
            key => {
                let known = ["column", "functions", "windows", "name"];
                return Err(field.error(crate::base::unknown("key", key, known.into_iter())));
            }
        }
    }
    let column = column.ok_or_else(|| entry.error("lacks its `column`"))?;
    if functions.is_empty() || windows.is_empty() {
        return Err(entry.error("needs at least one of `functions` and one of `windows`"));
    }
    if name.is_some() && functions.len() * windows.len() > 1 {
        return Err(entry.error("a `name` can stand with one function and one window only"));
    }
    for function in &functions {
        let function = function.parsed(|text| Ok(text.to_owned()))?;
        for window in &windows {
            let step =
                |window: &str| StepSpec::rolling(&column, &function, window, name.as_deref());
            steps.push(window.parsed(step)?);
        }
    }
    Ok(())
}
