//! One shard's groups, while rows come.
//! Keeps: groups have the ids of their keys, which are dense; what is kept of each column is updated
//! a column at a time.

use std::collections::HashSet;
use std::sync::Arc;

use super::accumulator::Accumulator;
use super::cells::{Cells, Rows};
use super::groups::GroupKeys;
use super::layout::{Layout, PIVOT_VALUES_MAX};
use super::shard::{Groups, Shard};
use super::spilled::{self, SpilledValues};
use crate::base::{Batch, Result};
use crate::spill::Runs;
use crate::steps::key::SortedKeys;
use crate::steps::{KeyedState, LaneKeys, Learnt, ShardColumns};

/// The groups of a shard.
pub(super) struct State {
    layout: Arc<Layout>,
    /// By the id of the key.
    keys: GroupKeys,
    kept: Vec<Box<dyn Accumulator>>,
    /// The values of the column that is spread.
    spread: HashSet<Box<[u8]>>,
    rows: u64,
    /// Values of groups that were written out.
    values: Option<SpilledValues>,
}

impl State {
    pub(super) fn new(layout: &Arc<Layout>) -> Self {
        Self {
            layout: Arc::clone(layout),
            keys: GroupKeys::default(),
            kept: layout.accumulators(),
            spread: HashSet::new(),
            rows: 0,
            values: None,
        }
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

    fn spill(&mut self, _: &SortedKeys, runs: &mut Runs) -> Result<()> {
        let values = match &mut self.values {
            Some(values) => values,
            none => none.insert(SpilledValues::new(runs, &mut self.kept)?),
        };
        spilled::write(&self.keys, &mut self.kept, runs, values)?;
        self.keys = GroupKeys::default();
        self.kept = self.layout.accumulators();
        Ok(())
    }

    fn end(
        self: Box<Self>,
        keys: LaneKeys,
        go_on: &mut dyn FnMut() -> Result<()>,
    ) -> Result<Option<Learnt>> {
        let Self {
            layout,
            keys: mut groups,
            mut kept,
            spread,
            rows,
            values,
        } = *self;
        let groups = match (keys, values) {
            (LaneKeys::Spilt(runs), Some(values)) => Groups::read(runs, values, go_on)?,
            _ => {
                if layout.keys.is_empty() && rows == 0 {
                    // Without a key there is one group, also of no rows.
                    groups.push(&[]);
                    kept.iter_mut().for_each(|kept| kept.grow(1));
                }
                Groups::held(groups, kept)
            }
        };
        let shard = Shard {
            layout,
            spread,
            rows,
            groups,
        };
        let bytes = shard.memory_bytes();
        Ok(Some(Learnt {
            value: Arc::new(shard),
            bytes,
        }))
    }

    fn memory_bytes(&self) -> usize {
        let kept = self.kept.iter().map(|kept| kept.memory_bytes());
        let values = self.values.as_ref().map_or(0, SpilledValues::memory_bytes);
        self.keys.memory_bytes() + kept.sum::<usize>() + values
    }
}
