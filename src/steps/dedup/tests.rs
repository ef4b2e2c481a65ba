//! Duplicates against a naive twin: over chunks, and over shares of memory so small that every few
//! keys are spilled.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, Int64Array, StringArray};
use arrow::datatypes::Int64Type;
use proptest::prelude::*;

use super::*;
use crate::spill::{Runs, Sizes, TempSpace};
use crate::steps::key::{KeySet, KeySpec, KeyTable};
use crate::steps::{KeyUse, KeyedStep, LaneKeys};

/// The rows that stay, by looking at all of them.
fn naive<K: Clone + Eq + std::hash::Hash>(keys: &[K], keep: KeepRow) -> Vec<usize> {
    let mut rows: HashMap<K, Vec<usize>> = HashMap::new();
    for (row, key) in keys.iter().enumerate() {
        rows.entry(key.clone()).or_default().push(row);
    }
    let mut stay: Vec<usize> = { rows.into_values() }
        .filter_map(|rows| match keep {
            KeepRow::First => rows.first().copied(),
            KeepRow::Last => rows.last().copied(),
            KeepRow::None => (rows.len() == 1).then(|| rows[0]),
        })
        .collect();
    stay.sort_unstable();
    stay
}

/// Batches of up to `chunk` rows whose last column is the row's number.
fn batches(columns: &[ArrayRef], chunk: usize) -> Vec<Batch> {
    let rows = columns[0].len();
    let starts = (0..rows).step_by(chunk);
    let batches = starts.enumerate().map(|(seq, start)| {
        let length = chunk.min(rows - start);
        let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(
            (start..start + length).map(|row| row as i64),
        ));
        let cells = columns.iter().map(|column| column.slice(start, length));
        Batch {
            seq: seq as u64,
            source: 0,
            rows: length,
            records: None,
            columns: cells.chain([numbers]).map(Some).collect(),
        }
    });
    batches.collect()
}

/// One shard after the other, as a lane would: a table that holds `keys_max` keys before it spills.
struct Pass {
    step: Arc<dyn KeyedStep>,
    spec: KeySpec,
    keys_max: usize,
}

impl Pass {
    /// Runs it over `batches`; what the shards have learnt, and how much they spilled.
    fn run(&self, batches: &mut [Batch], is_fit: bool) -> (Fitted, u64) {
        let directory = std::env::temp_dir();
        let space = Arc::new(TempSpace::new(&directory, None));
        let sizes = Sizes {
            block_bytes: 64,
            merge_bytes_max: 256,
        };
        let shards = 0..self.spec.shards();
        let mut tables: Vec<KeyTable> = shards.clone().map(|_| KeyTable::default()).collect();
        let mut sets: Vec<KeySet> = shards.clone().map(|_| KeySet::default()).collect();
        let mut states: Vec<_> = shards.clone().map(|shard| self.step.state(shard)).collect();
        let mut runs: Vec<Option<Runs>> = shards.clone().map(|_| None).collect();
        for batch in batches {
            let keys = self.spec.partition(batch);
            let mut outputs = Vec::new();
            for shard in shards.clone() {
                let rows = keys.rows(shard);
                let pieces = if is_fit { 1 } else { rows.len().max(1) };
                for rows in rows.chunks(pieces) {
                    let (table, mut ids) = (&mut tables[shard], Vec::new());
                    let room = &mut |_| Ok(());
                    let looked_up = match self.step.key_use() {
                        KeyUse::Seen => sets[shard].were_there(&keys, shard, &mut ids, room),
                        _ => table.more_ids(&keys, rows, &mut ids, room),
                    };
                    looked_up.expect("there is room");
                    let columns = states[shard].advance(batch, rows, &ids).expect("it works");
                    if !is_fit {
                        let rows = rows.to_vec();
                        outputs.push(ShardOutput { rows, columns });
                    } else if table.len() >= self.keys_max {
                        let runs = runs[shard]
                            .get_or_insert_with(|| Runs::sized(&space, sizes).expect("a file"));
                        let keys = std::mem::take(table).into_sorted();
                        states[shard].spill(&keys, runs).expect("written");
                    }
                }
            }
            if !is_fit {
                let before = batch.rows as u64;
                let effect = self.step.assemble(batch, outputs).expect("it works");
                assert_eq!(effect.rows_duplicate, before - batch.rows as u64);
                assert_eq!(effect.rows_dropped, 0);
            }
        }
        let mut spilled = 0;
        let lanes = states.into_iter().zip(tables).zip(runs);
        let learnt = lanes.filter(|_| is_fit).map(|((mut state, table), runs)| {
            let keys = table.into_sorted();
            let keys = match runs {
                None => LaneKeys::Held(Arc::new(keys)),
                Some(mut runs) => {
                    state.spill(&keys, &mut runs).expect("written");
                    spilled += runs.spilled();
                    LaneKeys::Spilt(runs)
                }
            };
            let learnt = state.end(keys, &mut || Ok(())).expect("read");
            learnt.expect("a fit leaves something behind").value
        });
        (Fitted::Shards(learnt.collect()), spilled)
    }
}

/// The rows that stay, the passes made, and the bytes spilled.
fn run(
    step: &Dedup,
    batches: &mut [Batch],
    shards: usize,
    keys_max: usize,
) -> (Vec<usize>, usize, u64) {
    let mut fitted = None;
    let mut spilled = 0;
    for passes in 1.. {
        let (keyed, is_fit) = match step.prepare(fitted.as_ref()).expect("prepared") {
            Prepared::FitKeyed(keyed) => (keyed, true),
            Prepared::Keyed(keyed) => (keyed, false),
            _ => unreachable!("it works by key"),
        };
        let spec = match (KeySpec::new(step.by.clone(), shards), keyed.key_use()) {
            (spec, KeyUse::Seen) => spec.with_neighbours(),
            (spec, _) => spec,
        };
        let pass = Pass {
            step: keyed,
            spec,
            keys_max,
        };
        let (learnt, bytes) = pass.run(batches, is_fit);
        spilled += bytes;
        if !is_fit {
            let rows = batches.iter().flat_map(|batch| {
                let numbers = batch.columns.last().expect("a column").as_ref();
                let numbers = numbers.expect("there").as_primitive::<Int64Type>();
                numbers.values().iter().map(|row| *row as usize)
            });
            return (rows.collect(), passes, spilled);
        }
        fitted = Some(learnt);
    }
    unreachable!("a fitted step removes rows")
}

fn dedup(columns: usize, keep: KeepRow) -> Dedup {
    Dedup::new("dedup".to_owned(), (0..columns).collect(), keep)
}

const KEEPS: [KeepRow; 3] = [KeepRow::First, KeepRow::Last, KeepRow::None];

proptest! {
    #[test]
    fn rows_that_stay_are_those_of_the_naive_twin(
        keys in prop::collection::vec((prop::option::of(0..12_i64), "[ab]{0,2}"), 1..120),
        chunk in 1..40_usize,
        shards in 0..3_u32,
        keys_max in 1..6_usize,
    ) {
        let first: ArrayRef = Arc::new(keys.iter().map(|key| key.0).collect::<Int64Array>());
        let texts = keys.iter().map(|key| Some(key.1.as_str()));
        let second: ArrayRef = Arc::new(texts.collect::<StringArray>());
        for keep in KEEPS {
            for columns in [vec![first.clone()], vec![first.clone(), second.clone()]] {
                let expected = match columns.len() {
                    1 => naive(&keys.iter().map(|key| key.0).collect::<Vec<_>>(), keep),
                    _ => naive(&keys, keep),
                };
                for (is_outgrown, keys_max) in [(false, usize::MAX), (true, usize::MAX), (true, keys_max)] {
                    let step = dedup(columns.len(), keep).outgrown(is_outgrown);
                    let mut batches = batches(&columns, chunk);
                    let (rows, passes, spilled) = run(&step, &mut batches, 1 << shards, keys_max);
                    prop_assert_eq!(&rows, &expected, "{:?} {}", keep, keys_max);
                    let in_one = keep == KeepRow::First && !is_outgrown;
                    prop_assert_eq!(passes, if in_one { 1 } else { 2 });
                    if keys_max == usize::MAX {
                        prop_assert_eq!(spilled, 0);
                    }
                    if keys_max == 1 {
                        prop_assert!(spilled > 0);
                    }
                }
            }
        }
    }
}

#[test]
fn null_zero_and_nan_are_keys_like_others() {
    let cells = [
        Some(0.0),
        None,
        Some(-0.0),
        Some(f64::NAN),
        None,
        Some(-f64::NAN),
        Some(1.5),
    ];
    let column: ArrayRef = Arc::new(Float64Array::from(cells.to_vec()));
    for (keep, expected) in [
        (KeepRow::First, vec![0, 1, 3, 6]),
        (KeepRow::Last, vec![2, 4, 5, 6]),
        (KeepRow::None, vec![6]),
    ] {
        for keys_max in [1, usize::MAX] {
            let mut batches = batches(&[Arc::clone(&column)], 2);
            let step = dedup(1, keep).outgrown(true);
            assert_eq!(run(&step, &mut batches, 2, keys_max).0, expected);
        }
    }
}
