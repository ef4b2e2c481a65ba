//! `join` of a step, or of the file itself -> joins, in the order they are written.
//! Keeps: nothing in a join is ignored; an error names the key and its line.

use super::node::Node;
use super::{dtypes, null_values};
use crate::base::{Result, unknown};
use crate::config::join::{AsofSpec, JoinSpec, parse_join, parse_tolerance};
use crate::config::nulls::NullValues;
use crate::config::step::StepSpec;
use crate::config::{choice, columns};

/// What a join may say.
pub(super) const KEYS: [&str; 11] = [
    "with",
    "on",
    "how",
    "select",
    "rename",
    "prefix",
    "duplicates",
    "asof",
    "delimiter",
    "dtype",
    "null-values",
];

/// `{ with = "customers.csv", on = "customer_id", … }`, what the flag takes, or a list of them.
pub(super) fn read(entry: &Node<'_>, steps: &mut Vec<StepSpec>) -> Result<()> {
    for item in entry.items()? {
        let join = match item.is_table() {
            true => table(&item)?.checked(),
            false => parse_join(&item.string()?),
        };
        let join = join.map_err(|message| item.error(message))?;
        steps.push(StepSpec::join(join, item.place()));
    }
    Ok(())
}

fn table(entry: &Node<'_>) -> Result<JoinSpec> {
    let mut join = JoinSpec::default();
    for field in entry.entries()? {
        match field.key().replace('_', "-").as_str() {
            "with" => join.with = field.string()?,
            "on" => join.on = keys(&field)?,
            "how" => join.how = field.parsed(choice::parse_choice)?,
            "select" => join.select = Some(field.strings()?),
            "rename" => join.rename = renames(&field)?,
            "prefix" => join.prefix = field.string()?,
            "duplicates" => join.duplicates = Some(field.parsed(choice::parse_choice)?),
            "asof" => join.asof = Some(asof(&field)?),
            "delimiter" => join.delimiter = Some(field.parsed(choice::parse_delimiter)?),
            "dtype" => join.dtypes = dtypes(&field)?,
            "null-values" => join.null_values = NullValues::from_lists(null_values(&field)?),
            key => return Err(field.error(unknown("key", key, KEYS.into_iter()))),
        }
    }
    Ok(join)
}

/// A column that both have, a list of them, or `{ here = "there", … }`.
fn keys(entry: &Node<'_>) -> Result<Vec<(String, String)>> {
    if !entry.is_table() {
        let names = entry.strings()?.into_iter();
        return Ok(names.map(|name| (name.clone(), name)).collect());
    }
    let pairs = entry.entries()?.into_iter();
    let pairs = pairs.map(|column| Ok((column.key().to_owned(), column.string()?)));
    pairs.collect()
}

/// `{ old = "new", … }`, or a list of `old=new`.
fn renames(entry: &Node<'_>) -> Result<Vec<(String, String)>> {
    if entry.is_table() {
        return keys(entry);
    }
    let items = entry.items()?;
    let pairs = items.iter().map(|item| item.parsed(columns::parse_rename));
    pairs.collect()
}

/// `{ time = "timestamp", side_time = "valid_from", … }`; both may have the same name.
fn asof(entry: &Node<'_>) -> Result<AsofSpec> {
    const KEYS: [&str; 5] = ["time", "side-time", "direction", "tolerance", "allow-exact"];
    let (mut asof, mut side_time) = (AsofSpec::new("", ""), None);
    for field in entry.entries()? {
        match field.key().replace('_', "-").as_str() {
            "time" => asof.time = field.string()?,
            "side-time" => side_time = Some(field.string()?),
            "direction" => asof.direction = field.parsed(choice::parse_choice)?,
            "tolerance" => asof.tolerance = Some(field.parsed(parse_tolerance)?),
            "allow-exact" => asof.allow_exact = field.boolean()?,
            key => return Err(field.error(unknown("key", key, KEYS.into_iter()))),
        }
    }
    asof.side_time = side_time.unwrap_or_else(|| asof.time.clone());
    Ok(asof)
}
