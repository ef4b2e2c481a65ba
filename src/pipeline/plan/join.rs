//! Joins with a small table -> slots and steps.
//!
//! Invariant: a key and the column it is compared with have the same type; the table's is read as
//! that of the input's where it can be.

use std::sync::Arc;

use super::Plan;
use crate::base::{Column, DataType, Error, Origin, Result};
use crate::config::{AsofSpec, JoinSpec};
use crate::pipeline::side::{Side, Wanted};
use crate::report::JoinedTable;
use crate::steps::join::{AsOf, Clock, Join, Keyed, Lookup};

impl Plan {
    /// Adds the step `join`, asked for at `place`, which looks rows up in `side`. No batch that it adds
    /// rows to may take more than `batch_bytes_max`.
    pub(super) fn add_join(
        &mut self,
        join: &JoinSpec,
        place: &str,
        side: &Side,
        batch_bytes_max: usize,
    ) -> Result<()> {
        let keys: Vec<usize> = join.on.iter().map(|(main, _)| self.slot(main)).collect();
        let time = join.asof.as_ref().map(|asof| self.slot(&asof.time));
        let wanted = self.wanted(join, (&keys, time), side);
        let wanted = wanted.map_err(|message| Error::usage(place, message))?;
        let table = side.load(&wanted)?;
        let label = join.to_string();
        let outputs = join.added.iter().map(|(column, name)| {
            let slot = side.slot(column);
            let read = wanted.types.iter().find(|(known, _)| *known == slot);
            let data_type = read.map_or(&side.column(slot).data_type, |(_, data_type)| data_type);
            let of_table = wanted.added.iter().position(|added| *added == slot);
            let of_table = of_table.expect("the table has what any of its joins adds");
            let slot = self.add_column(name, data_type.clone(), label.clone());
            (of_table, slot)
        });
        let outputs = outputs.collect();
        let step = Join::new(Lookup {
            label,
            table,
            keys,
            time,
            how: join.how,
            outputs,
            batch_bytes_max,
        });
        self.joined
            .extend(side.told().map(|told| (self.steps.len(), told)));
        self.add_step(Arc::new(step), None);
        Ok(())
    }

    /// What `join` needs of `side` to look up the key in the slots `keys`, and the time in its slot.
    fn wanted(
        &self,
        join: &JoinSpec,
        (keys, time): (&[usize], Option<usize>),
        side: &Side,
    ) -> std::result::Result<Wanted, String> {
        let slot = |column: &String| side.slot(column);
        let mut wanted = Wanted {
            types: Vec::new(),
            keyed: Keyed {
                keys: join.on.iter().map(|(_, there)| slot(there)).collect(),
                time: None,
                duplicates: side.duplicates(),
            },
            added: side.added().to_vec(),
        };
        for (&here, &there) in keys.iter().zip(&wanted.keyed.keys) {
            let (here, there_column) = (self.column(here), side.column(there));
            let data_type = read_as(&here.data_type, there_column, side.is_text());
            match data_type.ok_or_else(|| differ(&here, there_column, side))? {
                same if same == there_column.data_type => {}
                other => wanted.types.push((there, other)),
            }
        }
        if let Some((asof, here)) = join.asof.as_ref().zip(time) {
            let there = side.slot(&asof.side_time);
            wanted.keyed.time = Some((there, self.as_of(asof, here, side)?));
        }
        Ok(wanted)
    }

    /// How the times in the slot `here` are compared with those of `side`.
    fn as_of(
        &self,
        asof: &AsofSpec,
        here: usize,
        side: &Side,
    ) -> std::result::Result<AsOf, String> {
        let (here, there) = (self.column(here), side.column(side.slot(&asof.side_time)));
        let clock = Clock::new(&here.data_type, &there.data_type);
        let clock = clock.ok_or_else(|| {
            format!(
                "{}; times are dates and timestamps, both with an offset from UTC or both without, \
                 or whole numbers",
                differ(&here, there, side)
            )
        })?;
        let tolerance = asof.tolerance.map(|tolerance| {
            clock.length(tolerance).ok_or_else(|| match clock {
                Clock::Numbers => format!(
                    "the tolerance {tolerance} is a time, but `{}` is {}; write a whole number",
                    asof.time, here.data_type
                ),
                Clock::Ticks(_) => format!(
                    "the tolerance {tolerance} is a number, but `{}` is {}; write a time, such as \
                     {tolerance}d",
                    asof.time, here.data_type
                ),
            })
        });
        Ok(AsOf {
            clock,
            direction: asof.direction,
            tolerance: tolerance.transpose()?,
            allow_exact: asof.allow_exact,
        })
    }

    /// The table that the step `step` looks rows up in.
    pub(crate) fn table(&self, step: usize) -> Option<&JoinedTable> {
        let mut tables = self.joined.iter();
        tables.find_map(|(known, table)| (*known == step).then_some(table))
    }
}

/// The type that the table's column `there` is read as to be compared with a column of the type
/// `here`; `None` if it cannot be. The cells of a file of `text` are read anew, as the input's were.
fn read_as(here: &DataType, there: &Column, text: bool) -> Option<DataType> {
    use DataType as D;
    let found = &there.data_type;
    if here == found || (here.is_text() && found.is_text()) {
        return Some(found.clone());
    }
    if there.origin == Origin::Declared {
        return None;
    }
    let can_be_read = match (here, found) {
        (here, found) if here.is_text() => text || *found == D::Int64,
        (here, found) if here.is_numeric() => {
            there.format.is_none() && (found.is_numeric() || found.is_text())
        }
        (
            D::Timestamp { unit, utc },
            D::Timestamp {
                unit: other,
                utc: other_utc,
            },
        ) => unit > other && utc == other_utc,
        (D::Timestamp { utc: false, .. }, D::Date) => there.format.is_none(),
        _ => false,
    };
    match can_be_read {
        true if here.is_text() => Some(D::Utf8),
        true => Some(here.clone()),
        false => None,
    }
}

fn differ(here: &Column, there: &Column, side: &Side) -> String {
    let path = side.path();
    format!(
        "`{}` is {}, but `{}` of {path} is {}; have it read alike: dtype = {{ {} = \"{}\" }} in the \
         join, or cast = {{ {} = \"{}\" }} in a step before it",
        here.name,
        here.data_type,
        there.name,
        there.data_type,
        there.name,
        spelt(&here.data_type),
        here.name,
        spelt(&there.data_type)
    )
}

/// The type as `dtype` takes it.
fn spelt(data_type: &DataType) -> String {
    match data_type {
        DataType::Timestamp { .. } => "timestamp".to_owned(),
        other => other.to_string(),
    }
}
