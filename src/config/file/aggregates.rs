//! `[[aggregate]]` tables -> tables beside the lake.
//! Keeps: nothing in one is ignored; an error names the key and its line.

use super::node::Node;
use crate::base::Result;
use crate::config::aggregate::{AggregateSpec, BySpec, MeasureSpec, PivotSpec};

pub(super) const KEYS: [&str; 6] = ["name", "by", "measures", "pivot", "out", "format"];

/// All of them, in order.
pub(super) fn read_all(tables: &Node<'_>) -> Result<Vec<AggregateSpec>> {
    tables.items()?.iter().map(read).collect()
}

/// One `[[aggregate]]`.
fn read(table: &Node<'_>) -> Result<AggregateSpec> {
    let mut spec = AggregateSpec::new(&table.place());
    let mut format = None;
    for entry in table.entries()? {
        match entry.key() {
            "name" => spec.name = entry.string()?,
            "by" => {
                let items = entry.items()?;
                spec.by = items.iter().map(by).collect::<Result<_>>()?;
            }
            "measures" => {
                let items = entry.entries()?;
                spec.measures = items.iter().map(measure).collect::<Result<_>>()?;
            }
            "pivot" => spec.pivot = Some(pivot(&entry)?),
            "out" => spec.out = Some(entry.string()?.into()),
            "format" => format = Some(entry.string()?),
            key => return Err(entry.error(crate::base::unknown("key", key, KEYS.into_iter()))),
        }
    }
    let settled = spec.settle_format(format.as_deref());
    let checked = settled.and_then(|()| spec.check());
    checked.map_err(|message| table.error(message))?;
    Ok(spec)
}

/// `"region"`, `"timestamp:1h"`, or `{ column = "timestamp", bucket = "1h", name = "hour" }`.
fn by(item: &Node<'_>) -> Result<BySpec> {
    const KEYS: [&str; 3] = ["column", "bucket", "name"];
    let place = item.place();
    if !item.is_table() {
        let parsed = BySpec::parse(&item.string()?, &place);
        return parsed.map_err(|message| item.error(message));
    }
    let (mut column, mut bucket, mut name) = (None, None, None);
    for field in item.entries()? {
        match field.key() {
            "column" => column = Some(field.string()?),
            "bucket" => bucket = Some(field.string()?),
            "name" => name = Some(field.string()?),
            key => return Err(field.error(crate::base::unknown("key", key, KEYS.into_iter()))),
        }
    }
    let column = column.ok_or_else(|| item.error("lacks its `column`"))?;
    let by = BySpec::new(&column, bucket.as_deref(), name.as_deref(), &place);
    by.map_err(|message| item.error(message))
}

/// `revenue = "sum(total)"`.
fn measure(entry: &Node<'_>) -> Result<MeasureSpec> {
    Ok(MeasureSpec {
        name: entry.key().to_owned(),
        measured: entry.parsed(str::parse)?,
        place: entry.place(),
    })
}

/// `{ columns = "month", values = "revenue" }`.
fn pivot(entry: &Node<'_>) -> Result<PivotSpec> {
    const KEYS: [&str; 2] = ["columns", "values"];
    let (mut columns, mut values) = (None, Vec::new());
    for field in entry.entries()? {
        match field.key() {
            "columns" => columns = Some(field.string()?),
            "values" => values = field.strings()?,
            key => return Err(field.error(crate::base::unknown("key", key, KEYS.into_iter()))),
        }
    }
    let columns = columns.ok_or_else(|| entry.error("lacks its `columns`"))?;
    Ok(PivotSpec { columns, values })
}

#[cfg(test)]
mod tests {
    use super::super::parse;

    #[test]
    fn a_table_with_everything() {
        let text = r#"
            [[aggregate]]
            name = "hourly"
            by = ["sensor", "time:1h", { column = "time", bucket = "month", name = "month" }]
            measures = { n = "count()", p95 = "quantile(value * 2, 0.95)" }
            pivot = { columns = "month", values = ["n", "p95"] }
            out = "x/hourly.csv"
            [[aggregate]]
            name = "all"
            measures.n = "count()"
        "#;
        let options = parse(text, "p.toml").unwrap();
        let texts: Vec<String> = options.aggregates.iter().map(ToString::to_string).collect();
        assert_eq!(
            texts,
            [
                "aggregate hourly: n = count(), p95 = quantile(value * 2, 0.95) by sensor, \
                 time:1h, time:month",
                "aggregate all: n = count()",
            ]
        );
        let pivot = options.aggregates[0].pivot.as_ref().unwrap();
        assert_eq!((pivot.columns.as_str(), pivot.values.len()), ("month", 2));
    }

    #[test]
    fn errors_name_key_and_line() {
        let table = |rest: &str| format!("[[aggregate]]\nname = 'a'\n{rest}");
        let count = "measures.n = 'count()'\n";
        for (text, expected) in [
            (
                table("measure = 5"),
                "measure (p.toml:3): unknown key `measure`; did you mean `measures`?",
            ),
            (
                table("measures = { n = 'smu(x)' }"),
                "n (p.toml:3): unknown function `smu`",
            ),
            (
                table(&format!("{count}by = ['t:1x']")),
                "by (p.toml:4): unknown time bucket",
            ),
            (
                table(&format!("{count}by = [{{ bucket = '1h' }}]")),
                "by (p.toml:4): lacks its `column`",
            ),
            (
                table(&format!("{count}pivot = {{ column = 'x' }}")),
                "did you mean `columns`?",
            ),
            (
                table(&format!("{count}out = 'x'")),
                "let it end in .parquet or .csv",
            ),
            (table(""), "aggregate (p.toml:1): needs measures"),
            (
                "[[aggregate]]\nmeasures.n = 'count()'".to_owned(),
                "lacks its `name`",
            ),
        ] {
            let message = parse(&text, "p.toml").unwrap_err().to_string();
            assert!(message.contains(expected), "{text}: {message}");
        }
    }
}
