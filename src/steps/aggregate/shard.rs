//! One shard's groups, once no more rows come -> its part of the table, in the order of its keys.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::ArrayRef;

use super::accumulator::{Accumulator, Beyond};
use super::groups::GroupKeys;
use super::layout::Layout;
use crate::base::{Error, Result};

/// Groups of a piece: few, since every shard has one in hand.
const PIECE_GROUPS: usize = 1024;

/// What a shard leaves behind.
pub(super) struct Shard {
    layout: Arc<Layout>,
    keys: GroupKeys,
    kept: Vec<Box<dyn Accumulator>>,
    /// All groups, keys ascending.
    order: Vec<u32>,
    /// How many of them were handed over.
    at: usize,
    /// The values of the column that is spread.
    pub(super) spread: HashSet<Box<[u8]>>,
    /// Rows seen.
    pub(super) rows: u64,
}

/// Some groups, keys ascending, with the cells of the table.
pub(super) struct Piece {
    pub(super) keys: GroupKeys,
    /// Key columns, then measures.
    pub(super) columns: Vec<ArrayRef>,
}

impl Shard {
    pub(super) fn new(
        layout: Arc<Layout>,
        keys: GroupKeys,
        mut kept: Vec<Box<dyn Accumulator>>,
        spread: HashSet<Box<[u8]>>,
        rows: u64,
    ) -> Self {
        for kept in &mut kept {
            if let Some(values) = kept.per_value() {
                values.settle();
            }
        }
        let order = keys.sorted();
        Self { layout, keys, kept, order, at: 0, spread, rows }
    }

    /// The next groups.
    pub(super) fn next(&mut self) -> Result<Option<Piece>> {
        let end = (self.at + PIECE_GROUPS).min(self.order.len());
        let groups = &self.order[self.at..end];
        self.at = end;
        if groups.is_empty() {
            return Ok(None);
        }
        let mut keys = GroupKeys::default();
        groups.iter().for_each(|group| keys.push(self.keys.key(*group)));
        piece(&self.layout, keys, &self.kept, groups).map(Some)
    }
}

/// The cells of `groups`, whose keys are `keys`.
fn piece(
    layout: &Layout,
    keys: GroupKeys,
    kept: &[Box<dyn Accumulator>],
    groups: &[u32],
) -> Result<Piece> {
    let mut columns = layout.coder.decode((0..keys.len() as u32).map(|group| keys.key(group)))?;
    for measuring in &layout.measures {
        let finished = kept[measuring.kept].finish(measuring.column.measure, groups);
        let column = finished.map_err(|beyond| match beyond {
            Beyond::Other(error) => error,
            Beyond::Group(group, message) => {
                let at = groups.iter().position(|known| *known == group);
                beyond_type(layout, &measuring.column.place, &columns, at, &message)
            }
        })?;
        columns.push(column);
    }
    Ok(Piece { keys, columns })
}

/// Says what is wrong with the measure asked for at `place` in the group of row `at`.
fn beyond_type(
    layout: &Layout,
    place: &str,
    keys: &[ArrayRef],
    at: Option<usize>,
    message: &str,
) -> Error {
    let names = layout.keys.iter().zip(keys);
    let cells = names.map(|(key, cells)| {
        let cell = at.map(|at| super::pivot::text(cells, at)).unwrap_or_default();
        format!("{} = {cell}", key.name)
    });
    let group = cells.collect::<Vec<_>>().join(", ");
    let group = match group.is_empty() {
        true => "all rows".to_owned(),
        false => group,
    };
    crate::base::ErrorKind::Aggregate {
        table: place.to_owned(),
        message: format!("{message}, in the group {group}"),
    }
    .into()
}
