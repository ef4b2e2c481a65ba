//! One shard's groups, while rows come.
//! Keeps: groups have the ids of their keys, which are dense; what is kept of each column is updated
//! a column at a time.

use std::any::Any;
use std::collections::HashSet;
use std::sync::Arc;

use super::accumulator::Accumulator;
use super::cells::{Cells, Rows};
use super::groups::GroupKeys;
use super::layout::{Layout, PIVOT_VALUES_MAX};
use super::shard::{Groups, Shard};
use super::spilled::Spilled;
use crate::base::{Batch, Result};
use crate::steps::{KeyedState, ShardColumns};

/// The groups of a shard.
pub(super) struct State {
    layout: Arc<Layout>,
    keys: GroupKeys,
    kept: Vec<Box<dyn Accumulator>>,
    /// The values of the column that is spread.
    spread: HashSet<Box<[u8]>>,
    rows: u64,
    spilled: Option<Spilled>,
}

impl State {
    pub(super) fn new(layout: &Arc<Layout>) -> Self {
        Self {
            layout: Arc::clone(layout),
            keys: GroupKeys::default(),
            kept: layout.accumulators(),
            spread: HashSet::new(),
            rows: 0,
            spilled: None,
        }
    }

    /// Writes all groups out and starts anew: the next rows have ids from 0 again.
    pub(super) fn write_out(&mut self) -> Result<()> {
        let spilled = match &mut self.spilled {
            Some(spilled) => spilled,
            none => none.insert(Spilled::new(&self.layout.space, &mut self.kept)?),
        };
        spilled.write(&self.keys, &mut self.kept)?;
        self.keys = GroupKeys::default();
        self.kept = self.layout.accumulators();
        Ok(())
    }

    /// Takes in the keys of groups that `rows` are the first of.
    fn add_groups(&mut self, batch: &Batch, rows: &[u32]) -> Result<()> {
        let (layout, keys) = (&self.layout, &mut self.keys);
        layout.coder.encode(batch, rows, |key| keys.push(key))?;
        for kept in &mut self.kept {
            kept.grow(keys.len());
        }
        let Some(spread) = &layout.spread else {
            return Ok(());
        };
        let values = &mut self.spread;
        spread.coder.encode(batch, rows, |value| {
            if !values.contains(value) {
                values.insert(value.into());
            }
        })?;
        match values.len() > PIVOT_VALUES_MAX {
            true => Err(too_many_values(layout).into()),
            false => Ok(()),
        }
    }
}

/// Says that a pivot would make too many columns.
pub(super) fn too_many_values(layout: &Layout) -> crate::base::ErrorKind {
    let name = layout.spread.as_ref().map(|spread| spread.name.as_str());
    let name = name.unwrap_or_default();
    layout.error(format!(
        "pivot: `{name}` has more than {PIVOT_VALUES_MAX} values, each of which would be a column; \
         leave the pivot out, or group by fewer of them"
    ))
}

impl KeyedState for State {
    fn advance(&mut self, batch: &Batch, rows: &[u32], keys: &[u32]) -> Result<ShardColumns> {
        if rows.is_empty() {
            return Ok(ShardColumns::None);
        }
        self.rows += rows.len() as u64;
        let mut next = self.keys.len() as u32;
        let mut first = Vec::new();
        for (&row, &key) in rows.iter().zip(keys) {
            // Ids are dense, in the order that keys come in.
            if key == next {
                first.push(row);
                next += 1;
            }
        }
        if !first.is_empty() {
            self.add_groups(batch, &first)?;
        }
        let rows = Rows { rows, groups: keys };
        let mut last: Option<(Option<usize>, Cells)> = None;
        for (slot, kept) in self.layout.slots().zip(&mut self.kept) {
            let cells = match last.take() {
                Some(known) if known.0 == slot => known.1,
                _ => slot.map_or(Ok(Cells::Rows), |slot| Cells::new(batch.column(slot)))?,
            };
            kept.update(&cells, rows);
            last = Some((slot, cells));
        }
        Ok(ShardColumns::None)
    }

    fn finish(self: Box<Self>) -> Option<Arc<dyn Any + Send + Sync>> {
        let Self {
            layout,
            mut keys,
            mut kept,
            spread,
            rows,
            spilled,
        } = *self;
        if layout.keys.is_empty() && rows == 0 {
            // Without a key there is one group, also of no rows.
            keys.push(&[]);
            kept.iter_mut().for_each(|kept| kept.grow(1));
        }
        Some(Arc::new(Shard {
            groups: Groups::Waiting { keys, kept, spilled },
            layout,
            spread,
            rows,
        }))
    }

    fn memory_bytes(&self) -> usize {
        let kept = self.kept.iter().map(|kept| kept.memory_bytes());
        let spilled = self.spilled.as_ref().map_or(0, Spilled::memory_bytes);
        self.keys.memory_bytes() + kept.sum::<usize>() + spilled
    }
}
