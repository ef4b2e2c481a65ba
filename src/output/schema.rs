//! The columns of a part that is already in the lake, against those about to be appended.

use std::fs::File;
use std::path::Path;

use arrow::datatypes::{DataType as ArrowType, Schema as ArrowSchema, TimeUnit as ArrowTimeUnit};
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};

use crate::base::{DataType, Error, Result, Schema, TimeUnit};

/// In words, the first difference between the columns of the part at `path` and `schema`; `None`
/// when names, order and types agree.
///
/// # Errors
/// When the part cannot be read.
pub(super) fn difference(path: &Path, schema: &Schema) -> Result<Option<String>> {
    let file = File::open(path).map_err(|source| Error::io("read", path, source))?;
    let there = match ArrowReaderMetadata::load(&file, ArrowReaderOptions::new()) {
        Ok(metadata) => metadata.schema().as_ref().clone(),
        Err(error) => return Ok(Some(format!("it cannot be read as Parquet: {error}"))),
    };
    Ok(first_difference(&there, &schema.to_arrow()))
}

fn first_difference(there: &ArrowSchema, here: &ArrowSchema) -> Option<String> {
    for (there, here) in there.fields().iter().zip(here.fields()) {
        let name = here.name();
        if there.name() != name {
            let there = there.name();
            return Some(format!(
                "it has column {there:?} where this run has {name:?}"
            ));
        }
        if there.data_type() != here.data_type() {
            return Some(format!(
                "its column {name:?} is {} and this run's is {}",
                type_name(there.data_type()),
                type_name(here.data_type()),
            ));
        }
    }
    let (columns, ours) = (there.fields().len(), here.fields().len());
    if let Some(extra) = there.fields().get(ours) {
        return Some(format!("this run lacks its column {:?}", extra.name()));
    }
    here.fields()
        .get(columns)
        .map(|extra| format!("it lacks column {:?}", extra.name()))
}

/// The spelling `--dtype` takes, where there is one.
fn type_name(arrow_type: &ArrowType) -> String {
    let data_type = match arrow_type {
        ArrowType::Int64 => DataType::Int64,
        ArrowType::Float64 => DataType::Float64,
        ArrowType::Boolean => DataType::Boolean,
        ArrowType::Date32 => DataType::Date,
        ArrowType::Utf8 => DataType::Utf8,
        &ArrowType::Decimal128(precision, scale) => DataType::Decimal { precision, scale },
        ArrowType::Dictionary(_, values) if **values == ArrowType::Utf8 => DataType::Categorical,
        ArrowType::Timestamp(unit, zone) => {
            let unit = match unit {
                ArrowTimeUnit::Microsecond => TimeUnit::Microsecond,
                ArrowTimeUnit::Nanosecond => TimeUnit::Nanosecond,
                _ => return arrow_type.to_string(),
            };
            let utc = zone.is_some();
            DataType::Timestamp { unit, utc }
        }
        _ => return arrow_type.to_string(),
    };
    data_type.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Column, Origin};

    fn schema(columns: &[(&str, DataType)]) -> ArrowSchema {
        let columns = columns.iter().map(|(name, data_type)| Column {
            name: (*name).into(),
            data_type: data_type.clone(),
            format: None,
            origin: Origin::Inferred,
        });
        let columns = columns.collect();
        Schema { columns }.to_arrow()
    }

    #[test]
    fn the_first_difference_is_named() {
        let there = schema(&[("id", DataType::Int64), ("region", DataType::Categorical)]);
        let difference = |columns: &[(&str, DataType)]| first_difference(&there, &schema(columns));
        let id = ("id", DataType::Int64);
        let region = ("region", DataType::Categorical);

        assert_eq!(difference(&[id.clone(), region.clone()]), None);
        let other_type = difference(&[("id", DataType::Float64), region.clone()]).unwrap();
        assert_eq!(
            other_type,
            "its column \"id\" is int64 and this run's is float64"
        );
        let other_name = difference(&[id.clone(), ("area", DataType::Utf8)]).unwrap();
        assert!(other_name.contains("\"region\" where this run has \"area\""));
        let fewer = difference(std::slice::from_ref(&id)).unwrap();
        assert_eq!(fewer, "this run lacks its column \"region\"");
        let more = difference(&[id, region, ("note", DataType::Utf8)]).unwrap();
        assert_eq!(more, "it lacks column \"note\"");
    }
}
