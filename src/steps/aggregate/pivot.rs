//! The rows of a long table, in the order of their keys -> those of a wide one, in which each value
//! of one key column is a column.
//! Keeps: columns are in the order of those values; a cell is null where there is no such group.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, UInt32Array};
use arrow::compute::{concat, take};
use arrow::util::display::{ArrayFormatter, FormatOptions};

use super::groups::refused;
use super::layout::{Layout, Spread};
use crate::base::{DataType, Result};

/// Makes a table wide.
pub(super) struct Pivot {
    layout: Arc<Layout>,
    /// Each value's place among the new columns.
    places: HashMap<Box<[u8]>, usize>,
    columns: Vec<(String, DataType)>,
    /// The rows of the last keys seen, of which there may be more.
    waiting: Option<Vec<ArrayRef>>,
}

/// The cell in row `row` as text.
pub(super) fn text(cells: &ArrayRef, row: usize) -> String {
    let options = FormatOptions::new().with_null("null");
    ArrayFormatter::try_new(cells, &options).map_or_else(
        |error| error.to_string(),
        |cells| cells.value(row).to_string(),
    )
}

impl Pivot {
    /// Over a column that has these values, as bytes that sort as they do.
    pub(super) fn new(layout: &Arc<Layout>, values: &BTreeSet<Box<[u8]>>) -> Result<Self> {
        let spread = layout.spread.as_ref().expect("there is a pivot");
        let decoded = spread.coder.decode(values.iter().map(|value| &**value))?;
        let cells = super::cells::zoneless(&decoded[0]);
        let texts = (0..values.len()).map(|row| text(&cells, row));
        let mut columns = layout.columns();
        columns.truncate(layout.keys.len() - 1);
        let mut taken: HashSet<String> = columns.iter().map(|(name, _)| name.clone()).collect();
        for text in texts {
            for &measure in &spread.values {
                let measure = &layout.measures[measure];
                let mut name = match spread.values.len() {
                    1 if !taken.contains(&text) => text.clone(),
                    _ => format!("{}_{text}", measure.column.name),
                };
                while taken.contains(&name) {
                    name.push('_');
                }
                taken.insert(name.clone());
                columns.push((name, measure.data_type.clone()));
            }
        }
        let places = values.iter().cloned().zip(0..);
        Ok(Self {
            layout: Arc::clone(layout),
            places: places.collect(),
            columns,
            waiting: None,
        })
    }

    /// The columns of the wide table.
    pub(super) fn columns(&self) -> Vec<(String, DataType)> {
        self.columns.clone()
    }

    fn spread(&self) -> &Spread {
        self.layout.spread.as_ref().expect("there is a pivot")
    }

    /// Takes in rows of the long table, `None` once there are no more; gives rows of the wide one.
    pub(super) fn take_in(&mut self, rows: Option<Vec<ArrayRef>>) -> Result<Option<Vec<ArrayRef>>> {
        let is_last = rows.is_none();
        let rows = match (self.waiting.take(), rows) {
            (None, None) => return Ok(None),
            (Some(rows), None) | (None, Some(rows)) => rows,
            (Some(before), Some(rows)) => { before.iter().zip(&rows) }
                .map(|(before, rows)| {
                    Ok(concat(&[before.as_ref(), rows.as_ref()]).map_err(refused)?)
                })
                .collect::<Result<_>>()?,
        };
        let others = self.layout.keys.len() - 1;
        let length = rows[0].len();
        let keys = self.spread().others.keys(&rows[..others], length)?;
        let mut starts: Vec<usize> = (0..length)
            .filter(|&row| row == 0 || keys.key(row as u32) != keys.key(row as u32 - 1))
            .collect();
        let mut end = length;
        if !is_last {
            end = starts.pop().unwrap_or(0);
            let waiting = rows.iter().map(|cells| cells.slice(end, length - end));
            self.waiting = Some(waiting.collect());
        }
        if starts.is_empty() {
            return Ok(None);
        }
        self.widen(&rows, &starts, end).map(Some)
    }

    /// The wide rows of those up to `end`, each of which begins at one of `starts`.
    fn widen(&self, rows: &[ArrayRef], starts: &[usize], end: usize) -> Result<Vec<ArrayRef>> {
        let others = self.layout.keys.len() - 1;
        let values = self
            .spread()
            .coder
            .keys(&rows[others..=others], rows[0].len())?;
        let mut found = vec![vec![None; starts.len()]; self.places.len()];
        let mut wide = 0;
        for row in 0..end {
            if starts.get(wide + 1) == Some(&row) {
                wide += 1;
            }
            let place = self.places[values.key(row as u32)];
            found[place][wide] = Some(row as u32);
        }
        let firsts = UInt32Array::from_iter_values(starts.iter().map(|start| *start as u32));
        let pick = |cells: &ArrayRef, rows: &UInt32Array| -> Result<ArrayRef> {
            Ok(take(cells, rows, None).map_err(refused)?)
        };
        let mut columns = rows[..others]
            .iter()
            .map(|it| pick(it, &firsts))
            .collect::<Result<Vec<_>>>()?;
        for found in found {
            let found = UInt32Array::from(found);
            for measure in &self.spread().values {
                columns.push(pick(&rows[others + 1 + measure], &found)?);
            }
        }
        Ok(columns)
    }
}
