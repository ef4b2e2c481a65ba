//! The keys of a `[[step]]` that learn something of a whole column first.
//! Keeps: a table that names its `column` is one step; any other has a column as each of its keys.

use super::node::Node;
use super::steps::number;
use crate::base::{Beyond, Result, unknown};
use crate::config::choice::parse_choice;
use crate::config::fitted::{FittedStep, OneHotSpec, QcutSpec};
use crate::config::quantity::parse_count;
use crate::config::step::StepSpec;

/// What such a step may be.
pub(super) const KINDS: [&str; 5] = ["qcut", "scale", "one_hot", "ordinal", "clip_outliers"];

/// Reads `kind`, whose key is one of [`KINDS`].
pub(super) fn read(kind: &Node<'_>, steps: &mut Vec<StepSpec>) -> Result<()> {
    match kind.key() {
        "qcut" => kind
            .items()?
            .iter()
            .try_for_each(|qcut| self::qcut(qcut, steps)),
        "scale" => methods(kind, steps, &|column, fields| {
            let Fields { method, name, .. } = fields;
            FittedStep::scale(column, &method, name.as_deref())
        }),
        "clip_outliers" => methods(kind, steps, &|column, fields| {
            let Fields { method, name, to } = fields;
            let beyond = to.as_deref().map_or(Ok(Beyond::default()), parse_choice)?;
            FittedStep::clip_outliers(column, &method, beyond, name.as_deref())
        }),
        "ordinal" => ordinals(kind, steps),
        _ => kind
            .items()?
            .iter()
            .try_for_each(|item| one_hot(item, steps)),
    }
}

/// Adds a step that `entry` asks for.
fn push(
    entry: &Node<'_>,
    steps: &mut Vec<StepSpec>,
    step: std::result::Result<FittedStep, String>,
) -> Result<()> {
    let step = step.map_err(|message| entry.error(message))?;
    let place = entry.place();
    steps.push(StepSpec::Fitted { step, place });
    Ok(())
}

fn no_key<T>(field: &Node<'_>, known: &[&str]) -> Result<T> {
    Err(field.error(unknown("key", field.key(), known.iter().copied())))
}

fn lacks_column(entry: &Node<'_>) -> crate::base::Error {
    entry.error("lacks its `column`")
}

/// Whether `entry` is a table that names its column.
fn names_column(entry: &Node<'_>) -> Result<bool> {
    let fields = entry.entries()?;
    Ok(fields.iter().any(|field| field.key() == "column"))
}

/// What a table that names its column says besides.
struct Fields {
    method: String,
    name: Option<String>,
    to: Option<String>,
}

type ByMethod<'a> = &'a dyn Fn(&str, Fields) -> std::result::Result<FittedStep, String>;

/// `{ amount = "METHOD", … }`, or `{ column = "amount", method = "METHOD", name = "…" }`.
fn methods(kind: &Node<'_>, steps: &mut Vec<StepSpec>, step: ByMethod<'_>) -> Result<()> {
    for item in kind.items()? {
        if !names_column(&item)? {
            for column in item.entries()? {
                let fields = Fields {
                    method: column.string()?,
                    name: None,
                    to: None,
                };
                push(&column, steps, step(column.key(), fields))?;
            }
            continue;
        }
        let (mut column, mut method, mut name, mut to) = (None, None, None, None);
        for field in item.entries()? {
            match field.key() {
                "column" => column = Some(field.string()?),
                "method" => method = Some(field.string()?),
                "name" => name = Some(field.string()?),
                "to" if kind.key() == "clip_outliers" => to = Some(field.string()?),
                _ if kind.key() == "scale" => no_key(&field, &["column", "method", "name"])?,
                _ => no_key(&field, &["column", "method", "name", "to"])?,
            }
        }
        let column = column.ok_or_else(|| lacks_column(&item))?;
        let method = method.ok_or_else(|| item.error("lacks its `method`"))?;
        push(&item, steps, step(&column, Fields { method, name, to }))?;
    }
    Ok(())
}

/// `{ column = "amount", quantiles = 4, labels = […], name = "…", duplicates = "drop" }`.
fn qcut(entry: &Node<'_>, steps: &mut Vec<StepSpec>) -> Result<()> {
    const KEYS: [&str; 5] = ["column", "quantiles", "labels", "name", "duplicates"];
    let (mut column, mut shares, mut name) = (None, None, None);
    let (mut labels, mut merge_edges) = (Vec::new(), false);
    for field in entry.entries()? {
        match field.key() {
            "column" => column = Some(field.string()?),
            "quantiles" => shares = Some(quantiles(&field)?),
            "labels" => labels = field.strings()?,
            "name" => name = Some(field.string()?),
            "duplicates" => {
                merge_edges = match field.string()?.as_str() {
                    "raise" => false,
                    "drop" => true,
                    word => {
                        let known = ["raise", "drop"].into_iter();
                        return Err(field.error(unknown("value", word, known)));
                    }
                }
            }
            _ => no_key(&field, &KEYS)?,
        }
    }
    let column = column.ok_or_else(|| lacks_column(entry))?;
    let shares = shares.ok_or_else(|| entry.error("lacks its `quantiles`, such as 4"))?;
    let qcut = QcutSpec::new(&column, shares, labels, name.as_deref());
    let step = qcut.map(|qcut| {
        FittedStep::Qcut(QcutSpec {
            merge_edges,
            ..qcut
        })
    });
    push(entry, steps, step)
}

/// A number of bins, or a list of shares.
fn quantiles(field: &Node<'_>) -> Result<Vec<f64>> {
    if field.is_list() {
        return field.items()?.iter().map(number).collect();
    }
    let bins = field.parsed(parse_count)?;
    QcutSpec::equal_shares(bins).map_err(|message| field.error(message))
}

/// `{ region = ["low", "high"], city = "learnt" }`, or `{ column = "region", order = […], name }`.
fn ordinals(kind: &Node<'_>, steps: &mut Vec<StepSpec>) -> Result<()> {
    for item in kind.items()? {
        if !names_column(&item)? {
            for column in item.entries()? {
                let step = FittedStep::ordinal(column.key(), order(&column)?, None);
                push(&column, steps, step)?;
            }
            continue;
        }
        let (mut column, mut given, mut name) = (None, None, None);
        for field in item.entries()? {
            match field.key() {
                "column" => column = Some(field.string()?),
                "order" => given = order(&field)?,
                "name" => name = Some(field.string()?),
                _ => no_key(&field, &["column", "order", "name"])?,
            }
        }
        let column = column.ok_or_else(|| lacks_column(&item))?;
        push(
            &item,
            steps,
            FittedStep::ordinal(&column, given, name.as_deref()),
        )?;
    }
    Ok(())
}

/// A list of categories, or `learnt`.
fn order(field: &Node<'_>) -> Result<Option<Vec<String>>> {
    if field.is_list() {
        return categories(field).map(Some);
    }
    match field.string()?.as_str() {
        "learnt" => Ok(None),
        word => Err(field.error(format!(
            "`{word}` is no order; write a list of categories, or \"learnt\""
        ))),
    }
}

/// Categories; numbers and dates need no quotes.
fn categories(field: &Node<'_>) -> Result<Vec<String>> {
    let items = field.items()?;
    let text = |item: &Node<'_>| match item.boolean() {
        Ok(flag) => Ok(flag.to_string()),
        Err(_) => item.parsed(|text| Ok(text.to_owned())),
    };
    items.iter().map(text).collect()
}

/// `"region"`, or `{ column = "region", categories = […], max = 50, drop = true, null = "column" }`.
fn one_hot(entry: &Node<'_>, steps: &mut Vec<StepSpec>) -> Result<()> {
    const KEYS: [&str; 5] = ["column", "categories", "max", "drop", "null"];
    if !entry.is_table() {
        let step = FittedStep::OneHot(OneHotSpec::new(&entry.string()?));
        return push(entry, steps, Ok(step));
    }
    let (mut column, mut given) = (None, None);
    let mut spec = OneHotSpec::new("");
    for field in entry.entries()? {
        match field.key() {
            "column" => column = Some(field.string()?),
            "categories" => given = Some(categories(&field)?),
            "max" => spec.categories_max = field.parsed(parse_count)?,
            "drop" => spec.drop = field.boolean()?,
            "null" => spec.null = field.parsed(parse_choice)?,
            _ => no_key(&field, &KEYS)?,
        }
    }
    spec.column = column.ok_or_else(|| lacks_column(entry))?;
    let spec = match given {
        Some(categories) => spec.of(categories),
        None => Ok(spec),
    };
    push(entry, steps, spec.map(FittedStep::OneHot))
}
