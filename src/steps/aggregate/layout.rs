//! What a table is made of: its keys, its measures, and what is kept for them.
//! Keeps: measures of the same column share what they can; groups sort by their keys as they are
//! written, but for the column that a pivot spreads, which comes last.

use super::accumulator::{Accumulator, Kind, output_type};
use super::groups::KeyCoder;
use crate::base::{DataType, ErrorKind, Measure, Result};

/// The most columns that one becomes by a pivot.
pub(super) const PIVOT_VALUES_MAX: usize = 1000;

/// A column that rows are grouped by.
#[derive(Debug, Clone)]
pub struct KeyColumn {
    /// What the table calls it.
    pub name: String,
    /// Where it stands in a batch.
    pub slot: usize,
    /// The type of its cells.
    pub data_type: DataType,
}

/// A measure.
#[derive(Debug, Clone)]
pub struct MeasureColumn {
    /// What the table calls it.
    pub name: String,
    /// What it is.
    pub measure: Measure,
    /// The column that it is taken of: where it stands in a batch, and its type.
    pub argument: Option<(usize, DataType)>,
    /// Where it was asked for.
    pub place: String,
}

/// Which key column of a table becomes several, and which measures are in those; by their index.
#[derive(Debug, Clone)]
pub struct PivotColumns {
    /// The key column.
    pub key: usize,
    /// The measures.
    pub values: Vec<usize>,
}

/// A measure that cannot be taken.
#[derive(Debug)]
pub struct Refusal {
    /// Where it was asked for.
    pub place: String,
    /// What is wrong.
    pub message: String,
}

/// What is kept of one column.
struct Kept {
    slot: Option<usize>,
    data_type: Option<DataType>,
    kind: Kind,
    measures: Vec<Measure>,
}

/// A measure of the table.
pub(super) struct Measuring {
    pub(super) column: MeasureColumn,
    pub(super) data_type: DataType,
    /// Which of what is kept tells it.
    pub(super) kept: usize,
}

/// How a key column is spread.
pub(super) struct Spread {
    /// Turns its cells into bytes and back.
    pub(super) coder: KeyCoder,
    /// Turns the cells of the other key columns into bytes and back.
    pub(super) others: KeyCoder,
    pub(super) name: String,
    /// The measures that become columns, by index.
    pub(super) values: Vec<usize>,
}

/// What a table is made of.
pub(super) struct Layout {
    pub(super) label: String,
    /// In the order that groups are sorted by.
    pub(super) keys: Vec<KeyColumn>,
    /// Where their columns stand.
    pub(super) key_slots: Vec<usize>,
    pub(super) coder: KeyCoder,
    kept: Vec<Kept>,
    pub(super) measures: Vec<Measuring>,
    pub(super) spread: Option<Spread>,
}

fn coder(keys: &[KeyColumn]) -> Result<KeyCoder, Refusal> {
    let columns = keys.iter().map(|key| (key.slot, key.data_type.clone()));
    KeyCoder::new(&columns.collect::<Vec<_>>()).map_err(|error| Refusal {
        place: String::new(),
        message: error.to_string(),
    })
}

/// What is kept for the measures `columns`, that of a column side by side.
fn kept_for(columns: &[MeasureColumn]) -> Vec<Kept> {
    let slot = |column: &MeasureColumn| column.argument.as_ref().map(|(slot, _)| *slot);
    let mut wanted: Vec<&MeasureColumn> = columns.iter().collect();
    // What answers most is asked first.
    wanted.sort_by_key(|column| {
        let rank = match Kind::of(column.measure) {
            Kind::Moments => 0,
            Kind::Sums => 1,
            _ => 2,
        };
        (slot(column), rank)
    });
    let mut kept: Vec<Kept> = Vec::new();
    for column in wanted {
        let kind = Kind::of(column.measure);
        let (slot, data_type) = column.argument.clone().unzip();
        let answers = |it: &Kept| it.slot == slot && it.kind.answers(kind, data_type.as_ref());
        let at = kept.iter().position(answers).unwrap_or_else(|| {
            kept.push(Kept {
                slot,
                data_type: data_type.clone(),
                kind,
                measures: Vec::new(),
            });
            kept.len() - 1
        });
        kept[at].measures.push(column.measure);
    }
    kept
}

impl Layout {
    pub(super) fn new(
        label: &str,
        mut keys: Vec<KeyColumn>,
        columns: Vec<MeasureColumn>,
        pivot: Option<PivotColumns>,
    ) -> Result<Self, Refusal> {
        let kept = kept_for(&columns);
        let mut measures = Vec::with_capacity(columns.len());
        for column in columns {
            let (slot, data_type) = column.argument.clone().unzip();
            let output = output_type(column.measure, data_type.as_ref());
            let output = output.map_err(|message| Refusal {
                place: column.place.clone(),
                message,
            })?;
            let kind = Kind::of(column.measure);
            let answers = |it: &Kept| it.slot == slot && it.kind.answers(kind, data_type.as_ref());
            let kept = kept.iter().position(answers);
            measures.push(Measuring {
                column,
                data_type: output,
                kept: kept.expect("it was added above"),
            });
        }
        let spread = match pivot {
            None => None,
            Some(PivotColumns { key, values }) => {
                let key = keys.remove(key);
                let spread = Spread {
                    coder: coder(std::slice::from_ref(&key))?,
                    others: coder(&keys)?,
                    name: key.name.clone(),
                    values,
                };
                keys.push(key);
                Some(spread)
            }
        };
        Ok(Self {
            label: label.to_owned(),
            coder: coder(&keys)?,
            key_slots: keys.iter().map(|key| key.slot).collect(),
            keys,
            kept,
            measures,
            spread,
        })
    }

    /// Where the columns stand that it is made of.
    pub(super) fn reads(&self) -> Vec<usize> {
        let keys = self.key_slots.iter().copied();
        let mut slots: Vec<usize> = keys.chain(self.slots().flatten()).collect();
        slots.sort_unstable();
        slots.dedup();
        slots
    }

    /// For each of what is kept, where its column stands.
    pub(super) fn slots(&self) -> impl Iterator<Item = Option<usize>> {
        self.kept.iter().map(|kept| kept.slot)
    }

    /// What is kept, of no row yet.
    pub(super) fn accumulators(&self) -> Vec<Box<dyn Accumulator>> {
        let kept = self.kept.iter();
        kept.map(|it| it.kind.accumulator(it.data_type.as_ref(), &it.measures))
            .collect()
    }

    /// The columns of the table before any becomes several.
    pub(super) fn columns(&self) -> Vec<(String, DataType)> {
        let keys = self.keys.iter();
        let keys = keys.map(|key| (key.name.clone(), key.data_type.clone()));
        let measures = self.measures.iter();
        let measures = measures.map(|it| (it.column.name.clone(), it.data_type.clone()));
        keys.chain(measures).collect()
    }

    /// An error about the table, or about something in it.
    pub(super) fn error(&self, message: String) -> ErrorKind {
        ErrorKind::Aggregate {
            table: self.label.clone(),
            message,
        }
    }
}
