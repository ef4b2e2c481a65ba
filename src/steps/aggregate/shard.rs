//! One shard's groups, once no more rows come -> its part of the table, in the order of its keys.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::ArrayRef;

use super::accumulator::{Accumulator, Beyond};
use super::groups::GroupKeys;
use super::layout::Layout;
use super::spilled::{Pieces, SpilledValues};
use crate::base::{Error, Result};
use crate::spill::Runs;

/// Groups of a piece: few, since every shard has one in hand.
pub(super) const PIECE_GROUPS: usize = 1024;

/// What a shard leaves behind.
pub(super) struct Shard {
    pub(super) layout: Arc<Layout>,
    /// The values of the column that is spread.
    pub(super) spread: HashSet<Box<[u8]>>,
    /// Rows seen.
    pub(super) rows: u64,
    pub(super) groups: Groups,
}

/// The groups of a shard.
pub(super) enum Groups {
    /// All of them in memory.
    Held {
        keys: GroupKeys,
        kept: Vec<Box<dyn Accumulator>>,
        /// All groups, keys ascending.
        order: Vec<u32>,
        /// How many of them were handed over.
        at: usize,
    },
    /// All of them in temporary files.
    Written(Pieces),
}

impl Groups {
    /// Groups in memory.
    pub(super) fn held(keys: GroupKeys, mut kept: Vec<Box<dyn Accumulator>>) -> Self {
        for kept in &mut kept {
            if let Some(values) = kept.per_value() {
                values.settle();
            }
        }
        let (order, at) = (keys.sorted(), 0);
        Self::Held {
            keys,
            kept,
            order,
            at,
        }
    }

    /// Groups that were written to `runs`, and values of theirs.
    pub(super) fn read(
        runs: Runs,
        mut values: SpilledValues,
        go_on: &mut dyn FnMut() -> Result<()>,
    ) -> Result<Self> {
        Pieces::new(runs, &mut values, go_on).map(Self::Written)
    }
}

/// Some groups, keys ascending, with the cells of the table.
pub(super) struct Piece {
    pub(super) keys: GroupKeys,
    /// Key columns, then measures.
    pub(super) columns: Vec<ArrayRef>,
}

impl Shard {
    pub(super) fn memory_bytes(&self) -> usize {
        match &self.groups {
            Groups::Held { keys, kept, .. } => {
                keys.memory_bytes() + kept.iter().map(|kept| kept.memory_bytes()).sum::<usize>()
            }
            Groups::Written(pieces) => pieces.memory_bytes(),
        }
    }

    /// The next groups.
    pub(super) fn next(&mut self) -> Result<Option<Piece>> {
        match &mut self.groups {
            Groups::Held {
                keys,
                kept,
                order,
                at,
            } => {
                let end = (*at + PIECE_GROUPS).min(order.len());
                let groups = &order[*at..end];
                *at = end;
                if groups.is_empty() {
                    return Ok(None);
                }
                let mut those = GroupKeys::default();
                groups.iter().for_each(|group| those.push(keys.key(*group)));
                piece(&self.layout, those, kept, groups).map(Some)
            }
            Groups::Written(pieces) => {
                let (keys, kept) = pieces.next(&self.layout)?;
                if keys.len() == 0 {
                    return Ok(None);
                }
                let groups: Vec<u32> = (0..keys.len() as u32).collect();
                piece(&self.layout, keys, &kept, &groups).map(Some)
            }
        }
    }
}

/// The cells of `groups`, whose keys are `keys`.
fn piece(
    layout: &Layout,
    keys: GroupKeys,
    kept: &[Box<dyn Accumulator>],
    groups: &[u32],
) -> Result<Piece> {
    let mut columns = layout
        .coder
        .decode((0..keys.len() as u32).map(|group| keys.key(group)))?;
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
        let cell = at
            .map(|at| super::pivot::text(&super::cells::zoneless(cells), at))
            .unwrap_or_default();
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
