//! Sources of typed columns among the sources of a run: how they are read, which of their columns
//! can be, and what type a column has that several sources hold.
//!
//! Invariant: a column takes the values of all its sources; where no type of numbers or of times
//! does, it is text, as it would be if all of them were CSV.

use std::sync::Arc;

use super::columns::Matched;
use super::dialect::{Formats, SourceFormat};
use crate::base::{DataType, Dialect, Error, Origin, Result};
use crate::decode::{Inferred, first_text};
use crate::input::{Columnar, Holds, RowReader, Source};
use crate::report::{ColumnarReceipt, SniffColumn};

/// The most digits of a decimal.
const PRECISION_MAX: u8 = 38;
/// Digits that an int64 has at most.
const INTEGER_DIGITS: u8 = 19;

/// How a source of typed columns is read, told in the words of text.
pub(crate) fn format(columnar: &Columnar) -> SourceFormat {
    let names = columnar.columns().iter().map(|column| column.name.clone());
    let columns = columnar.columns().len();
    SourceFormat {
        dialect: Dialect::default(),
        fields: columns,
        columns,
        names: Some(names.collect()),
        header_rows: 0,
        range: 0..0,
        first_line: 1,
        skipped: Vec::new(),
        tables: Vec::new(),
        evidence: Vec::new(),
        header: None,
        is_plain: false,
    }
}

/// What receipts tell of a source of typed columns.
pub(crate) fn receipt(columnar: &Columnar) -> ColumnarReceipt {
    let summary = columnar.summary();
    ColumnarReceipt {
        rows: summary.rows,
        row_groups: summary.row_groups as u64,
        codecs: summary.codecs,
        uncompressed_bytes: summary.uncompressed_bytes,
        created_by: summary.created_by,
    }
}

/// What a row takes in memory, roughly, in the source of typed columns where it takes most.
pub(crate) fn row_bytes(sources: &[Arc<Source>]) -> usize {
    let columnar = sources.iter().filter_map(|source| source.columnar());
    let groups = columnar.flat_map(|columnar| {
        let groups = 0..columnar.groups();
        groups.map(|group| columnar.row_bytes(group))
    });
    groups.max().unwrap_or(0)
}

/// Fails if a column that is taken in is no column of cells in some source.
pub(crate) fn check_taken(sources: &[Arc<Source>], columns: &Matched) -> Result<()> {
    for (source, &places) in sources.iter().zip(&columns.of_source) {
        let Some(columnar) = source.columnar() else {
            continue;
        };
        for &field in columns.places[places].fields.iter().flatten() {
            let column = &columnar.columns()[field];
            if let Holds::Other(what) = &column.holds {
                let name = column.name.escape_debug();
                let message = format!(
                    "column `{name}` of {} is {what}, which no column of the lake can hold; leave it \
                     out: --exclude {name}",
                    source.path().display().to_string().escape_debug()
                );
                return Err(Error::usage("--input", message));
            }
        }
    }
    Ok(())
}

/// Adds a cell of each column as an example, if `source` has typed columns. `places` says which of
/// them each of `inferred` is.
pub(crate) fn add_examples(
    inferred: &mut [Inferred],
    source: &Arc<Source>,
    places: &[Option<usize>],
) -> Result<()> {
    const ROWS: u64 = 100;
    const PAGE_BYTES_MAX: usize = 64 << 20;
    let Some(columnar) = source.columnar().filter(|columnar| columnar.rows() > 0) else {
        return Ok(());
    };
    let group = columnar.group_of(0);
    let rows = columnar.group_rows(group);
    let rows = rows.start..rows.end.min(rows.start + ROWS);
    let columns = columnar.columns().iter().enumerate();
    let readable = columns.filter(|(_, column)| !matches!(column.holds, Holds::Other(_)));
    let readable: Vec<usize> = readable.map(|(field, _)| field).collect();
    let at_a_time = ROWS as usize;
    let mut reader = RowReader::open(source, group, &readable, at_a_time, PAGE_BYTES_MAX)?;
    reader.read(rows, |field, cells| {
        let slot = places.iter().position(|place| *place == Some(field));
        if let Some(slot) = slot {
            inferred[slot].example = first_text(&cells);
        }
        Ok(())
    })
}

/// Says which of the columns are none that a lake can hold.
pub(crate) fn name_others(columns: &mut [SniffColumn], source: &Source, places: &[Option<usize>]) {
    let Some(columnar) = source.columnar() else {
        return;
    };
    for (column, place) in columns.iter_mut().zip(places) {
        let holds = place.map(|field| &columnar.columns()[field].holds);
        if let Some(Holds::Other(what)) = holds {
            column.data_type.clone_from(what);
            column.why = format!("{what}: no column of the lake can hold it; --exclude it");
        }
    }
}

/// Gives the columns that sources of typed columns hold a type that takes all their values.
/// `inferred` is what text says of them, or the user.
pub(crate) fn join_types(inferred: &mut [Inferred], sources: &[Arc<Source>], formats: &Formats) {
    let sources = sources.iter().enumerate();
    let columnar = sources.filter_map(|(index, source)| Some((index, source.columnar()?)));
    let columnar: Vec<(usize, &Columnar)> = columnar.collect();
    for (slot, found) in inferred.iter_mut().enumerate() {
        let mut typed = Typed::default();
        for &(index, columnar) in &columnar {
            if let Some(field) = formats.places(index).fields[slot] {
                typed.add(columnar, field);
            }
        }
        if typed.sources > 0 {
            typed.decide(found);
        }
    }
}

/// What sources of typed columns say of one column.
#[derive(Default)]
struct Typed {
    sources: usize,
    /// The types of its cells, each once, in the order of the sources.
    types: Vec<DataType>,
    /// Cells that have a value.
    values: u64,
}

impl Typed {
    fn add(&mut self, columnar: &Columnar, field: usize) {
        self.sources += 1;
        if let Holds::Cells(data_type) = &columnar.columns()[field].holds {
            self.values += columnar.values(field);
            if !self.types.contains(data_type) {
                self.types.push(data_type.clone());
            }
        }
    }

    fn decide(mut self, found: &mut Inferred) {
        let has_text = found.cells > 0;
        let of_text = found.column.data_type.clone();
        found.cells += self.values;
        found.fits += self.values;
        if found.column.origin == Origin::Declared {
            if !has_text {
                complete(&mut found.column.data_type, &self.types);
            }
            return;
        }
        if has_text && !self.types.contains(&of_text) {
            self.types.push(of_text.clone());
        }
        let joined = self.types.iter().cloned();
        let joined = joined.reduce(|one, other| wider(&one, &other));
        // No decimal is read by a notation.
        let is_notated = found.column.format.is_some();
        let joined = joined.map(|joined| match joined {
            DataType::Decimal { .. } if is_notated => DataType::Utf8,
            other => other,
        });
        let Some(joined) = joined else {
            found.column.data_type = DataType::Utf8;
            found.why = "utf8: no cell of the Parquet files has a value".to_owned();
            return;
        };
        found.why = match &self.types[..] {
            [_] if has_text => format!("{}; the Parquet files have the same type", found.why),
            [_] => format!("{joined}: its type in the Parquet files"),
            types => {
                let types: Vec<String> = types.iter().map(ToString::to_string).collect();
                format!("{joined}: takes the {} of the files", types.join(" and "))
            }
        };
        if joined.is_text() || !has_text {
            found.column.format = None;
        }
        if !of_text.is_text() && joined.is_text() {
            found.ambiguous = 0;
        }
        found.column.data_type = joined;
    }
}

/// Settles what a declared timestamp leaves open by the types that its cells have.
fn complete(declared: &mut DataType, types: &[DataType]) {
    let DataType::Timestamp { unit, utc } = declared else {
        return;
    };
    for found in types {
        if let DataType::Timestamp {
            unit: known,
            utc: is_utc,
        } = *found
        {
            *unit = known.max(*unit);
            *utc = is_utc;
        }
    }
}

/// The narrowest type that takes the values of both.
fn wider(one: &DataType, other: &DataType) -> DataType {
    use DataType as D;
    match (one, other) {
        (one, other) if one == other => one.clone(),
        (D::Int64, D::Float64) | (D::Float64, D::Int64) => D::Float64,
        (D::Int64, &D::Decimal { precision, scale })
        | (&D::Decimal { precision, scale }, D::Int64) => {
            let integer = INTEGER_DIGITS.max(precision - scale as u8);
            decimal(integer, scale)
        }
        (
            &D::Decimal { precision, scale },
            &D::Decimal {
                precision: other,
                scale: other_scale,
            },
        ) => {
            let integer = (precision - scale as u8).max(other - other_scale as u8);
            decimal(integer, scale.max(other_scale))
        }
        (D::Date, &D::Timestamp { unit, utc: false })
        | (&D::Timestamp { unit, utc: false }, D::Date) => D::Timestamp { unit, utc: false },
        (
            &D::Timestamp { unit, utc },
            &D::Timestamp {
                unit: other,
                utc: other_utc,
            },
        ) if utc == other_utc => D::Timestamp {
            unit: unit.max(other),
            utc,
        },
        _ => D::Utf8,
    }
}

/// A decimal of so many digits before the point and behind it; text if there is none.
fn decimal(integer: u8, scale: i8) -> DataType {
    match integer + scale as u8 {
        precision if precision <= PRECISION_MAX => DataType::Decimal { precision, scale },
        _ => DataType::Utf8,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::TimeUnit;

    #[test]
    fn a_type_takes_the_values_of_both() {
        let decimal = |precision, scale| DataType::Decimal { precision, scale };
        let time = |unit, utc| DataType::Timestamp { unit, utc };
        let (us, ns) = (TimeUnit::Microsecond, TimeUnit::Nanosecond);
        for (one, other, expected) in [
            (DataType::Int64, DataType::Int64, DataType::Int64),
            (DataType::Int64, DataType::Float64, DataType::Float64),
            (DataType::Int64, decimal(12, 2), decimal(21, 2)),
            (DataType::Int64, decimal(38, 20), DataType::Utf8),
            (decimal(12, 2), decimal(10, 4), decimal(14, 4)),
            (decimal(12, 2), DataType::Float64, DataType::Utf8),
            (DataType::Date, time(us, false), time(us, false)),
            (DataType::Date, time(us, true), DataType::Utf8),
            (time(us, true), time(ns, true), time(ns, true)),
            (time(us, true), time(us, false), DataType::Utf8),
            (DataType::Boolean, DataType::Int64, DataType::Utf8),
            (DataType::Utf8, DataType::Categorical, DataType::Utf8),
        ] {
            assert_eq!(wider(&one, &other), expected, "{one} and {other}");
            assert_eq!(wider(&other, &one), expected, "{other} and {one}");
        }
    }
}
