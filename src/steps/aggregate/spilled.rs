//! Groups that do not fit into memory -> sorted runs in temporary files, and back, piece by piece.
//! Keeps: a group's parts are put together in the order they were written in; values of groups have
//! runs of their own, so that no group, however many values it has, must fit into memory.

use super::accumulator::Accumulator;
use super::groups::GroupKeys;
use super::layout::Layout;
use super::shard::PIECE_GROUPS;
use super::wire::{Taker, put_count};
use crate::base::Result;
use crate::spill::{Merge, Runs};

/// What was written of the values of a shard's groups.
pub(super) struct SpilledValues {
    /// For each of what is kept, the values of groups, where it keeps any.
    runs: Vec<Option<Runs>>,
}

impl SpilledValues {
    /// Nothing yet, for what is `kept`, beside the `groups` that it is read with.
    pub(super) fn new(groups: &Runs, kept: &mut [Box<dyn Accumulator>]) -> Result<Self> {
        let parts = kept.iter_mut().filter_map(|kept| kept.per_value()).count();
        let runs = kept.iter_mut().map(|kept| match kept.per_value() {
            Some(_) => groups.beside(parts).map(Some),
            None => Ok(None),
        });
        Ok(Self {
            runs: runs.collect::<Result<_>>()?,
        })
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.runs.iter().flatten().map(Runs::memory_bytes).sum()
    }
}

/// Writes all groups out, and their values to `values`; what is kept of them is of no further use.
pub(super) fn write(
    keys: &GroupKeys,
    kept: &mut [Box<dyn Accumulator>],
    groups: &mut Runs,
    values: &mut SpilledValues,
) -> Result<()> {
    let order = keys.sorted();
    let mut writer = groups.writer();
    let mut payload = Vec::new();
    for &group in &order {
        payload.clear();
        kept.iter().for_each(|kept| kept.write(group, &mut payload));
        writer.push(keys.key(group), &payload)?;
    }
    groups.add(writer.finish()?);
    let mut ranks = vec![0; order.len()];
    for (rank, group) in (0..).zip(order) {
        ranks[group as usize] = rank;
    }
    for (kept, runs) in kept.iter_mut().zip(&mut values.runs) {
        let (Some(values), Some(runs)) = (kept.per_value(), runs) else {
            continue;
        };
        let (mut writer, mut entry, mut payload) = (runs.writer(), Vec::new(), Vec::new());
        values.drain(&ranks, &mut |group, value, times| {
            entry.clear();
            entry.extend_from_slice(keys.key(group));
            entry.extend_from_slice(value);
            payload.clear();
            put_count(&mut payload, times);
            writer.push(&entry, &payload)
        })?;
        runs.add(writer.finish()?);
    }
    Ok(())
}

/// Groups that are read back, keys ascending.
pub(super) struct Pieces {
    groups: Merge,
    /// The first part of a group that the last piece had no room for.
    waiting: Option<(Vec<u8>, Vec<u8>)>,
    values: Vec<Option<Values>>,
}

impl Pieces {
    /// What was written to `groups` and `values`; `go_on` is asked now and then.
    pub(super) fn new(
        mut groups: Runs,
        values: &mut SpilledValues,
        go_on: &mut dyn FnMut() -> Result<()>,
    ) -> Result<Self> {
        let values = values.runs.iter_mut().map(|runs| match runs {
            Some(runs) => Values::new(runs.merge_while(go_on)?).map(Some),
            None => Ok(None),
        });
        Ok(Self {
            values: values.collect::<Result<_>>()?,
            groups: groups.merge_while(go_on)?,
            waiting: None,
        })
    }

    pub(super) fn memory_bytes(&self) -> usize {
        let values = self.values.iter().flatten();
        self.groups.memory_bytes()
            + values
                .map(|values| values.merge.memory_bytes())
                .sum::<usize>()
    }

    /// The next groups and what is kept of them; no groups at the end.
    pub(super) fn next(
        &mut self,
        layout: &Layout,
    ) -> Result<(GroupKeys, Vec<Box<dyn Accumulator>>)> {
        let (mut keys, mut kept) = (GroupKeys::default(), layout.accumulators());
        kept.iter_mut().for_each(|kept| kept.grow(PIECE_GROUPS));
        let mut merge = |group: usize, payload: &[u8]| {
            let mut taker = Taker(payload);
            kept.iter_mut()
                .for_each(|kept| kept.merge(group as u32, &mut taker));
        };
        if let Some((key, payload)) = self.waiting.take() {
            keys.push(&key);
            merge(0, &payload);
        }
        while let Some((key, payload)) = self.groups.next()? {
            let length = keys.len();
            if length > 0 && keys.key(length as u32 - 1) == key {
                merge(length - 1, payload);
            } else if length < PIECE_GROUPS {
                keys.push(key);
                merge(length, payload);
            } else {
                self.waiting = Some((key.to_vec(), payload.to_vec()));
                break;
            }
        }
        for (kept, values) in kept.iter_mut().zip(&mut self.values) {
            let (Some(kept), Some(values)) = (kept.per_value(), values) else {
                continue;
            };
            for group in 0..keys.len() as u32 {
                let key = keys.key(group);
                while let Some(value) = values.value.strip_prefix(key).filter(|_| values.times > 0)
                {
                    kept.item(group, value, values.times);
                    values.advance()?;
                }
            }
        }
        Ok((keys, kept))
    }
}

/// The values of groups, in order, each once.
struct Values {
    merge: Merge,
    /// The value that comes next, behind the key of its group.
    value: Vec<u8>,
    /// How often it was seen; 0 at the end.
    times: u64,
    /// What was read beyond it.
    beyond: Option<(Vec<u8>, u64)>,
}

impl Values {
    fn new(merge: Merge) -> Result<Self> {
        let mut values = Self {
            merge,
            value: Vec::new(),
            times: 0,
            beyond: None,
        };
        values.advance()?;
        Ok(values)
    }

    fn advance(&mut self) -> Result<()> {
        self.times = 0;
        if let Some((value, times)) = self.beyond.take() {
            (self.value, self.times) = (value, times);
        }
        while let Some((value, payload)) = self.merge.next()? {
            let times = Taker(payload).count();
            if self.times == 0 {
                self.value.clear();
                self.value.extend_from_slice(value);
                self.times = times;
            } else if self.value == value {
                self.times += times;
            } else {
                self.beyond = Some((value.to_vec(), times));
                break;
            }
        }
        Ok(())
    }
}
