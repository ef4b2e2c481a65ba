//! One lane: what it knows of its keys, and the states of its steps.
//!
//! Invariant: what is held is what the budget counts for it. Where a lane has a share of the memory,
//! its keys and what is held of each stay within it, but for a single key that is larger.

use std::borrow::Cow;
use std::sync::Arc;

use super::super::budget::Budget;
use super::super::keys::Keys;
use crate::base::{Batch, Error, ErrorKind, Result};
use crate::spill::{Runs, Sizes, TempSpace};
use crate::steps::key::{KeySet, KeyTable};
use crate::steps::{KeyedState, LaneKeys, Learnt, ShardColumns};

/// What the lanes hold, as errors call it.
const STATE: &str = "state per key (key tables, rings, gaps)";

/// What a lane may hold of its keys, and where it writes what is more.
#[derive(Debug, Clone)]
pub(crate) struct Share {
    pub(crate) bytes_max: usize,
    pub(crate) space: Arc<TempSpace>,
}

impl Share {
    /// Merging takes no more than holding the keys did.
    fn sizes(&self) -> Sizes {
        const BLOCK_BYTES_MIN: usize = 4 << 10;
        let block_bytes = self.bytes_max / 16;
        Sizes {
            block_bytes: block_bytes.clamp(BLOCK_BYTES_MIN, Sizes::default().block_bytes),
            merge_bytes_max: self.bytes_max,
        }
    }
}

/// What a lane knows of its keys.
pub(super) enum Known {
    Nothing,
    Ids(KeyTable),
    /// That they have been seen.
    Set(KeySet),
}

impl Known {
    fn memory_bytes(&self) -> usize {
        match self {
            Self::Nothing => 0,
            Self::Ids(table) => table.memory_bytes(),
            Self::Set(set) => set.memory_bytes(),
        }
    }

    /// The table of a lane that spills.
    fn table(&mut self) -> &mut KeyTable {
        match self {
            Self::Ids(table) => table,
            _ => unreachable!("a lane that spills has a table"),
        }
    }
}

/// A lane at work.
pub(super) struct LaneState {
    known: Known,
    pub(super) steps: Vec<Box<dyn KeyedState>>,
    /// For each step what it has spilled; empty before the first time.
    runs: Vec<Runs>,
    /// What the budget counts.
    bytes: usize,
    /// What of that was left when the lane last spilled: it does not go with the keys.
    lasting_bytes: usize,
}

/// The rows of a batch that a lane works on.
pub(super) struct LaneRows<'a> {
    pub(super) batch: &'a Batch,
    pub(super) keys: &'a Keys,
    pub(super) shard: usize,
}

/// What a lane comes to at the end of a pass.
#[derive(Default)]
pub(super) struct LaneEnd {
    /// For each step what it leaves behind.
    pub(super) learnt: Vec<Option<Learnt>>,
    /// For each step the bytes that it has written to temporary files.
    pub(super) spilled_bytes: Vec<u64>,
}

/// Why a lane cannot go on.
pub(super) enum Stuck {
    Failed(Error),
    /// Its keys take more than its share.
    Outgrown,
}

impl From<Error> for Stuck {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// Grants room to what is known of keys. A table that doubles holds both sizes for a while, so the share and the
/// budget must agree before.
struct Room<'b> {
    budget: &'b Budget,
    /// What is left of the share.
    left_bytes: usize,
    granted_bytes: usize,
    /// Whether the share was refused, rather than the budget.
    is_refused: bool,
}

impl<'b> Room<'b> {
    fn new(budget: &'b Budget, left_bytes: usize) -> Self {
        Self {
            budget,
            left_bytes,
            granted_bytes: 0,
            is_refused: false,
        }
    }

    fn grant(&mut self, bytes: usize) -> Result<()> {
        if self.granted_bytes + bytes > self.left_bytes {
            self.is_refused = true;
            // Nobody sees it: whoever asks looks at `is_refused` first.
            return Err(ErrorKind::Interrupted.into());
        }
        self.granted_bytes += bytes;
        let before = self.granted_bytes - bytes;
        self.budget.state_changed(STATE, before, self.granted_bytes)
    }
}

impl LaneState {
    pub(super) fn new(known: Known, steps: Vec<Box<dyn KeyedState>>) -> Self {
        Self {
            known,
            steps,
            runs: Vec::new(),
            bytes: 0,
            lasting_bytes: 0,
        }
    }

    /// Runs the steps on `rows` without the ids of their keys.
    pub(super) fn advance_without_ids(
        &mut self,
        rows: &LaneRows<'_>,
        budget: &Budget,
    ) -> Result<Vec<ShardColumns>> {
        let columns = self.run(rows.batch, rows.keys.rows(rows.shard), &[])?;
        self.count(0, budget)?;
        Ok(columns)
    }

    /// Runs the steps on `rows`; what is known of keys takes no more than `bytes_max`.
    pub(super) fn advance(
        &mut self,
        rows: &LaneRows<'_>,
        bytes_max: usize,
        budget: &Budget,
    ) -> std::result::Result<Vec<ShardColumns>, Stuck> {
        let mut room = Room::new(budget, bytes_max.saturating_sub(self.bytes));
        let grant = &mut |bytes| room.grant(bytes);
        let (keys, shard) = (rows.keys, rows.shard);
        let looked_up = match &mut self.known {
            Known::Set(set) => keys.were_there(shard, set, grant).map(Cow::Owned),
            Known::Ids(table) => keys.of_shard(shard, Some(table), grant).map(Cow::Borrowed),
            Known::Nothing => keys.of_shard(shard, None, grant).map(Cow::Borrowed),
        };
        if room.is_refused {
            return Err(Stuck::Outgrown);
        }
        let ids: Cow<'_, [u32]> = looked_up?;
        let granted_bytes = room.granted_bytes;
        let columns = self.run(rows.batch, keys.rows(shard), &ids)?;
        self.count(granted_bytes, budget)?;
        match self.bytes > bytes_max {
            true => Err(Stuck::Outgrown),
            false => Ok(columns),
        }
    }

    /// Runs the steps, which have no outputs, on `rows`; what is held of keys is written out
    /// whenever the share is used up.
    pub(super) fn advance_spilling(
        &mut self,
        rows: &LaneRows<'_>,
        share: &Share,
        budget: &Budget,
    ) -> Result<()> {
        let mut left = rows.keys.rows(rows.shard);
        let mut ids = Vec::new();
        while !left.is_empty() {
            ids.clear();
            let (is_full, granted_bytes) =
                self.look_up(rows.keys, left, share, budget, &mut ids)?;
            let (now, later) = left.split_at(ids.len());
            self.run(rows.batch, now, &ids)?;
            self.count(granted_bytes, budget)?;
            left = later;
            if is_full || self.own_bytes() > share.bytes_max {
                self.spill(share)?;
                self.count(0, budget)?;
                self.lasting_bytes = self.bytes;
            }
        }
        Ok(())
    }

    /// Appends the ids of the first of `rows` to `ids`, as many as the share has room for; at least
    /// one where no key is held. Returns whether it had none for the next and what was granted.
    fn look_up(
        &mut self,
        keys: &Keys,
        rows: &[u32],
        share: &Share,
        budget: &Budget,
        ids: &mut Vec<u32>,
    ) -> Result<(bool, usize)> {
        let left_bytes = share.bytes_max.saturating_sub(self.own_bytes());
        let table = self.known.table();
        let mut room = Room::new(budget, left_bytes);
        let looked_up = keys.more_ids(table, rows, ids, &mut |bytes| room.grant(bytes));
        if !room.is_refused {
            looked_up?;
        } else if table.is_empty() {
            // A single key may be larger than the share.
            room.left_bytes = usize::MAX;
            keys.more_ids(table, &rows[..1], ids, &mut |bytes| room.grant(bytes))?;
        }
        Ok((room.is_refused, room.granted_bytes))
    }

    fn run(&mut self, batch: &Batch, rows: &[u32], ids: &[u32]) -> Result<Vec<ShardColumns>> {
        let steps = self.steps.iter_mut();
        steps.map(|step| step.advance(batch, rows, ids)).collect()
    }

    /// Writes out what the steps hold of each key, and starts with an empty table.
    fn spill(&mut self, share: &Share) -> Result<()> {
        let keys = std::mem::take(self.known.table()).into_sorted();
        if self.runs.is_empty() {
            let sizes = share.sizes();
            let runs = self.steps.iter().map(|_| Runs::sized(&share.space, sizes));
            self.runs = runs.collect::<Result<_>>()?;
        }
        for (step, runs) in self.steps.iter_mut().zip(&mut self.runs) {
            step.spill(&keys, runs)?;
        }
        Ok(())
    }

    /// What goes with the keys, in bytes.
    fn own_bytes(&self) -> usize {
        self.bytes.saturating_sub(self.lasting_bytes)
    }

    /// Has the budget count what is held now, `granted_bytes` of which it counts already.
    fn count(&mut self, granted_bytes: usize, budget: &Budget) -> Result<()> {
        let steps = self.steps.iter().map(|step| step.memory_bytes());
        let runs = self.runs.iter().map(Runs::memory_bytes);
        let bytes = self.known.memory_bytes() + steps.sum::<usize>() + runs.sum::<usize>();
        let before = std::mem::replace(&mut self.bytes, bytes);
        budget.state_changed(STATE, granted_bytes + before, bytes)
    }

    /// Ends the pass; the budget counts what the steps for which `fits` says so have learnt.
    pub(super) fn end(self, fits: impl Fn(usize) -> bool, budget: &Budget) -> LaneEnd {
        let mut end = LaneEnd::default();
        let mut learnt_bytes = 0;
        for (index, step) in self.steps.into_iter().enumerate() {
            let bytes = step.memory_bytes();
            if fits(index) {
                learnt_bytes += bytes;
            }
            end.learnt
                .push(step.finish().map(|value| Learnt { value, bytes }));
            end.spilled_bytes.push(0);
        }
        // Shrinking cannot exceed a limit that held before.
        let _ = budget.state_changed("", self.bytes, learnt_bytes.min(self.bytes));
        end
    }

    /// Ends the pass of a lane that spills; `go_on` is asked now and then.
    pub(super) fn end_spilling(
        mut self,
        share: &Share,
        budget: &Budget,
        go_on: &mut dyn FnMut() -> Result<()>,
    ) -> Result<LaneEnd> {
        if !self.runs.is_empty() {
            // What has been written in part is put together from what is written only.
            self.spill(share)?;
        }
        let held = Arc::new(std::mem::take(self.known.table()).into_sorted());
        let mut end = LaneEnd::default();
        let mut runs = self.runs.into_iter();
        let mut learnt_bytes = 0;
        for step in self.steps {
            let keys = match runs.next() {
                Some(runs) => LaneKeys::Spilt(runs),
                None => LaneKeys::Held(Arc::clone(&held)),
            };
            end.spilled_bytes.push(match &keys {
                LaneKeys::Spilt(runs) => runs.spilled(),
                LaneKeys::Held(_) => 0,
            });
            let learnt = step.end(keys, go_on)?;
            learnt_bytes += learnt.as_ref().map_or(0, |learnt| learnt.bytes);
            end.learnt.push(learnt);
        }
        budget.state_changed(STATE, self.bytes, learnt_bytes)?;
        Ok(end)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use arrow::array::{ArrayRef, StringArray};
    use proptest::prelude::*;

    use super::*;
    use crate::base::KeepRow;
    use crate::steps::dedup::Dedup;
    use crate::steps::key::KeySpec;
    use crate::steps::{Fitted, KeyUse, KeyedStep, Prepared, Step};

    const SHARDS: usize = 2;

    /// Texts in batches of `chunk` rows.
    fn batches(texts: &[String], chunk: usize) -> Vec<Batch> {
        let batches = texts.chunks(chunk).enumerate().map(|(seq, texts)| {
            let column: ArrayRef = Arc::new(StringArray::from_iter_values(texts));
            Batch {
                seq: seq as u64,
                source: 0,
                rows: texts.len(),
                records: None,
                columns: vec![Some(column)],
            }
        });
        batches.collect()
    }

    fn lanes(step: &dyn KeyedStep) -> Vec<LaneState> {
        let lanes = (0..SHARDS).map(|shard| {
            let known = match step.key_use() {
                KeyUse::Seen => Known::Set(KeySet::default()),
                KeyUse::Unused => Known::Nothing,
                _ => Known::Ids(KeyTable::default()),
            };
            LaneState::new(known, vec![step.state(shard)])
        });
        lanes.collect()
    }

    fn keyed(step: &Dedup, fitted: Option<&Fitted>) -> Arc<dyn KeyedStep> {
        match step.prepare(fitted).expect("prepared") {
            Prepared::Keyed(keyed) | Prepared::FitKeyed(keyed) => keyed,
            _ => unreachable!("it works by key"),
        }
    }

    /// Has each lane work on its rows of each batch.
    fn pass(
        lanes: &mut [LaneState],
        batches: &[Batch],
        mut work: impl FnMut(&mut LaneState, &LaneRows<'_>) -> Vec<ShardColumns>,
    ) -> Vec<Vec<u32>> {
        let spec = KeySpec::new(vec![0], SHARDS);
        let gone = batches.iter().map(|batch| {
            let keys = &Keys::new(&spec, batch);
            let mut gone: Vec<u32> = Vec::new();
            for (shard, lane) in lanes.iter_mut().enumerate() {
                let rows = LaneRows { batch, keys, shard };
                for columns in work(lane, &rows) {
                    if let ShardColumns::Dropped(rows) = columns {
                        gone.extend(rows);
                    }
                }
            }
            gone.sort_unstable();
            gone
        });
        gone.collect()
    }

    /// The rows that go where the last one of each key stays, found in lanes of this share.
    fn gone(batches: &[Batch], bytes_max: usize) -> (Vec<Vec<u32>>, u64) {
        let budget = Budget::new(1 << 40, 1, Some(0), 1, 0).expect("much room");
        let share = Share {
            bytes_max,
            space: Arc::new(TempSpace::new(&std::env::temp_dir(), None)),
        };
        let step = Dedup::new("dedup".to_owned(), vec![0], KeepRow::Last);
        let mut fitting = lanes(&*keyed(&step, None));
        pass(&mut fitting, batches, |lane, rows| {
            let spilt = lane.advance_spilling(rows, &share, &budget);
            spilt.expect("there is room");
            assert!(lane.own_bytes() <= bytes_max, "{}", lane.own_bytes());
            Vec::new()
        });
        let ends = fitting.into_iter().map(|lane| {
            let end = lane.end_spilling(&share, &budget, &mut || Ok(()));
            end.expect("what was spilled is read back")
        });
        let ends: Vec<LaneEnd> = ends.collect();
        let spilled = ends.iter().map(|end| end.spilled_bytes[0]).sum();
        let learnt = { ends.into_iter() }.flat_map(|end| end.learnt.into_iter().flatten());
        let learnt: Vec<Learnt> = learnt.collect();
        let learnt_bytes = learnt.iter().map(|learnt| learnt.bytes).sum::<usize>();
        assert_eq!(budget.state_bytes(), learnt_bytes, "nothing else is left");

        let fitted = Fitted::Shards(learnt.into_iter().map(|learnt| learnt.value).collect());
        let mut removing = lanes(&*keyed(&step, Some(&fitted)));
        let gone = pass(&mut removing, batches, |lane, rows| {
            let columns = lane.advance_without_ids(rows, &budget);
            columns.expect("it holds nothing")
        });
        (gone, spilled)
    }

    proptest! {
        #[test]
        fn a_share_of_any_size_gives_the_same(
            texts in prop::collection::vec("[ab]{0,4}|a{300}", 1..150),
            chunk in 1..50_usize,
            bytes_max in 0..3000_usize,
        ) {
            let batches = batches(&texts, chunk);
            let mut last: HashMap<&str, usize> = HashMap::new();
            for (row, text) in texts.iter().enumerate() {
                last.insert(text, row);
            }
            let mut expected = vec![Vec::new(); batches.len()];
            for (row, text) in texts.iter().enumerate() {
                if last[text.as_str()] != row {
                    expected[row / chunk].push((row % chunk) as u32);
                }
            }
            prop_assert_eq!(gone(&batches, usize::MAX), (expected.clone(), 0));
            let (found, spilled) = gone(&batches, bytes_max);
            prop_assert_eq!(found, expected);
            prop_assert!(spilled > 0 || bytes_max > 200);
        }
    }

    #[test]
    fn a_lane_that_must_not_spill_says_that_it_has_outgrown_its_share() {
        let budget = Budget::new(1 << 40, 1, Some(0), 1, 0).expect("much room");
        let step = Dedup::new("dedup".to_owned(), vec![0], KeepRow::First);
        let texts: Vec<String> = (0..1000).map(|row| format!("text {}", row / 2)).collect();
        let batches = batches(&texts, 100);
        for (bytes_max, is_enough) in [(usize::MAX, true), (1 << 20, true), (4096, false)] {
            let mut states = lanes(&*keyed(&step, None));
            let mut is_outgrown = false;
            let gone = pass(&mut states, &batches, |lane, rows| {
                match lane.advance(rows, bytes_max, &budget) {
                    Ok(columns) => columns,
                    Err(Stuck::Outgrown) => {
                        is_outgrown = true;
                        Vec::new()
                    }
                    Err(Stuck::Failed(error)) => panic!("{error}"),
                }
            });
            assert_eq!(is_outgrown, !is_enough, "{bytes_max}");
            if is_enough {
                let expected: Vec<u32> = (0..100).filter(|row| row % 2 == 1).collect();
                assert!(gone.into_iter().all(|gone| gone == expected));
            }
        }
    }
}
