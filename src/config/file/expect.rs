//! `[[check]]` tables -> checks, in the order they are written.
//! Keeps: a table holds checks of one kind, one for each column that it names; what else it says
//! holds for all of them.

use super::node::Node;
use crate::base::{Result, unknown};
use crate::config::choice::parse_choice;
use crate::config::expect::{CheckSpec, Literal, Severity};
use crate::config::quantity::{parse_count, parse_rejects_max};

/// What a check may be.
pub(super) const KINDS: [&str; 8] = [
    "expr",
    "not_null",
    "unique",
    "in_set",
    "range",
    "matches",
    "row_count",
    "freshness",
];

/// What every check may say besides.
pub(super) const SETTINGS: [&str; 4] = ["name", "severity", "tolerate", "null"];

/// Reads `entry`: tables, or conditions as the flag takes them.
pub(super) fn read(entry: &Node<'_>, checks: &mut Vec<CheckSpec>) -> Result<()> {
    for item in entry.items()? {
        if item.is_table() {
            checks.extend(table(&item)?);
        } else {
            let condition = item.string()?;
            let check = CheckSpec::condition(&condition, &item.place());
            checks.push(check.map_err(|message| item.error(message))?);
        }
    }
    Ok(())
}

/// One `[[check]]`.
fn table(entry: &Node<'_>) -> Result<Vec<CheckSpec>> {
    let mut checks = None;
    let (mut severity, mut tolerate) = (Severity::default(), None);
    let (mut name, mut nulls_fail) = (None, None);
    for field in entry.entries()? {
        match field.key() {
            "name" => name = Some(field.string()?),
            "severity" => severity = field.parsed(parse_choice)?,
            "tolerate" => tolerate = Some(field.parsed(parse_rejects_max)?),
            "null" => nulls_fail = Some(nulls(&field)?),
            kind if KINDS.contains(&kind) && checks.is_none() => {
                checks = Some(of_kind(&field)?);
            }
            kind if KINDS.contains(&kind) => {
                return Err(field.error("a check of another kind; give it a [[check]] of its own"));
            }
            key => {
                let known = KINDS.into_iter().chain(SETTINGS);
                return Err(field.error(unknown("key", key, known)));
            }
        }
    }
    let lacks = || entry.error("checks nothing; give it an expr, a not_null, a range, …");
    let checks = checks.ok_or_else(lacks)?;
    let is_only = checks.len() == 1;
    let checks = checks.into_iter().map(|check| {
        let check = match nulls_fail {
            Some(fail) => check.with_nulls(fail),
            None => Ok(check),
        };
        let check = check.and_then(|check| {
            let name = match &name {
                Some(name) if is_only => name.clone(),
                Some(name) => format!("{name} ({})", check.name),
                None => check.name.clone(),
            };
            CheckSpec {
                name,
                severity,
                tolerate,
                ..check
            }
            .checked()
        });
        check.map_err(|message| entry.error(message))
    });
    checks.collect()
}

fn nulls(field: &Node<'_>) -> Result<bool> {
    match field.string()?.as_str() {
        "pass" => Ok(false),
        "fail" => Ok(true),
        word => Err(field.error(unknown("value", word, ["pass", "fail"].into_iter()))),
    }
}

/// The checks that a key of [`KINDS`] asks for.
fn of_kind(kind: &Node<'_>) -> Result<Vec<CheckSpec>> {
    let place = &kind.place();
    let fault = |message| kind.error(message);
    Ok(match kind.key() {
        "expr" => {
            let conditions = kind.strings()?.into_iter();
            let checks = conditions.map(|text| CheckSpec::condition(&text, place));
            checks
                .collect::<std::result::Result<_, _>>()
                .map_err(fault)?
        }
        "not_null" => {
            let columns = kind.strings()?.into_iter();
            columns
                .map(|column| CheckSpec::not_null(&column, place))
                .collect()
        }
        "unique" => vec![CheckSpec::unique(kind.strings()?, place).map_err(fault)?],
        "in_set" => by_column(kind, CheckSpec::in_set)?,
        "range" => by_column(kind, CheckSpec::range)?,
        "matches" => {
            let columns = kind.entries()?;
            let checks = columns
                .iter()
                .map(|column| Ok(CheckSpec::matches(column.key(), &column.string()?, place)));
            checks.collect::<Result<_>>()?
        }
        "row_count" => vec![row_count(kind)?],
        _ => vec![freshness(kind)?],
    })
}

/// `{ amount = [VALUES], … }`.
fn by_column(
    kind: &Node<'_>,
    make: fn(&str, &[Literal], &str) -> std::result::Result<CheckSpec, String>,
) -> Result<Vec<CheckSpec>> {
    let columns = kind.entries()?;
    let checks = columns.iter().map(|column| {
        let values = column.items()?;
        let values = values
            .iter()
            .map(Node::literal)
            .collect::<Result<Vec<_>>>()?;
        make(column.key(), &values, &column.place()).map_err(|message| column.error(message))
    });
    checks.collect()
}

/// `{ min = 1000, max = 2000 }`.
fn row_count(kind: &Node<'_>) -> Result<CheckSpec> {
    let (mut min, mut max) = (None, None);
    for field in kind.entries()? {
        let count = || field.parsed(parse_count).map(|count| Some(count as u64));
        match field.key() {
            "min" => min = count()?,
            "max" => max = count()?,
            key => return Err(field.error(unknown("key", key, ["min", "max"].into_iter()))),
        }
    }
    CheckSpec::row_count(min, max, &kind.place()).map_err(|message| kind.error(message))
}

/// `{ column = "timestamp", max_age = "2d" }`.
fn freshness(kind: &Node<'_>) -> Result<CheckSpec> {
    let (mut column, mut max_age) = (None, None);
    for field in kind.entries()? {
        match field.key() {
            "column" => column = Some(field.string()?),
            "max_age" => max_age = Some(field.string()?),
            key => {
                let known = ["column", "max_age"].into_iter();
                return Err(field.error(unknown("key", key, known)));
            }
        }
    }
    let column = column.ok_or_else(|| kind.error("lacks its `column`"))?;
    let max_age = max_age.ok_or_else(|| kind.error("lacks its `max_age`, such as \"2d\""))?;
    let check = CheckSpec::freshness(&column, &max_age, &kind.place());
    check.map_err(|message| kind.error(message))
}
