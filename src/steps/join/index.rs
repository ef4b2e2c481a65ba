//! Keys, and times, -> the row of the table that they are looked up in.
//!
//! Invariant: whole keys decide; a null key or time is equal to none, not even another null. What is
//! found depends on the table and the row asked for alone.

use std::convert::Infallible;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType as ArrowType, Int32Type};

use super::clock::Clock;
use super::table::{Keyed, Room};
use crate::base::{Batch, Direction, Duplicates, Result};
use crate::steps::key::{KeySpec, KeyTable};

/// Stands for no row.
pub(super) const NO_ROW: u32 = u32::MAX;

/// How rows are told apart by time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AsOf {
    /// What both columns of times are counted in.
    pub clock: Clock,
    /// Where to look from a time.
    pub direction: Direction,
    /// How far off a match may be, in what is counted.
    pub tolerance: Option<i64>,
    /// Whether the same time is a match.
    pub allow_exact: bool,
}

/// Two rows of a table that have the same key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Twice {
    /// The rows' indices.
    pub rows: [usize; 2],
    /// Their key, printed.
    pub key: String,
}

/// What rows find.
pub(super) struct Found {
    /// For each the row of the table, or [`NO_ROW`].
    pub(super) rows: Vec<u32>,
    /// For each which of the rows asked for it belongs to; `None` if row `i` is row `i`.
    pub(super) origins: Option<Vec<u32>>,
    /// How many of the rows asked for find something.
    pub(super) matched: usize,
}

/// Finds rows by their keys.
#[derive(Debug)]
pub(super) struct Index {
    ids: KeyTable,
    rows: Rows,
}

/// The rows of each key, by its id.
#[derive(Debug)]
enum Rows {
    /// One, or [`NO_ROW`] where the key is null.
    One(Vec<u32>),
    /// Those from one start to the next, in the table's order.
    All { starts: Vec<u32>, rows: Vec<u32> },
    /// Those from one start to the next, by time.
    ByTime {
        starts: Vec<u32>,
        times: Vec<i64>,
        rows: Vec<u32>,
        asof: AsOf,
    },
}

impl Index {
    /// The index of the table that `batches` are, one behind the other.
    ///
    /// # Errors
    /// Those of `room`.
    pub(super) fn new(
        batches: &[Batch],
        keyed: &Keyed,
        room: &mut Room<'_>,
    ) -> Result<Result<Self, Twice>> {
        let mut ids = KeyTable::default();
        let found = match keyed.time {
            None if keyed.duplicates == Duplicates::All => Ok(all(&mut ids, batches, keyed, room)?),
            None => one_by_one(&mut ids, batches, keyed, room)?,
            Some((time, asof)) => Ok(by_time(&mut ids, batches, keyed, (time, asof), room)?),
        };
        Ok(found.map(|rows| Self { ids, rows }))
    }

    /// What the rows of `batch` find; `keys` are the slots of its key, and `time` that of its time if
    /// rows are told apart by it. Where they become more, `fits` is asked whether so many do.
    ///
    /// # Errors
    /// Those of `fits`.
    pub(super) fn look_up(
        &self,
        batch: &Batch,
        keys: &[usize],
        time: Option<usize>,
        fits: impl Fn(usize) -> Result<()>,
    ) -> Result<Found> {
        let mut found = self.ids(batch, keys);
        match &self.rows {
            Rows::One(rows) => {
                for row in &mut found {
                    *row = rows.get(*row as usize).copied().unwrap_or(NO_ROW);
                }
            }
            Rows::All { starts, rows } => return every(&found, starts, rows, fits),
            Rows::ByTime {
                starts,
                times,
                rows,
                asof,
            } => {
                let time = batch.column(time.expect("a join by time has one"));
                let asked = asof.clock.count(time);
                for (index, row) in found.iter_mut().enumerate() {
                    let id = *row as usize;
                    if *row == KeyTable::UNSEEN || time.is_null(index) {
                        *row = NO_ROW;
                        continue;
                    }
                    let (start, end) = (starts[id] as usize, starts[id + 1] as usize);
                    let nearest = asof.nearest(&times[start..end], asked[index]);
                    *row = nearest.map_or(NO_ROW, |place| rows[start + place]);
                }
            }
        }
        Ok(Found {
            matched: found.iter().filter(|row| **row != NO_ROW).count(),
            rows: found,
            origins: None,
        })
    }

    /// The id of each row's key, or [`KeyTable::UNSEEN`].
    fn ids(&self, batch: &Batch, keys: &[usize]) -> Vec<u32> {
        let mut ids = Vec::new();
        if let [slot] = keys
            && let ArrowType::Dictionary(..) = batch.column(*slot).data_type()
        {
            // Each text is looked up once, however often it comes.
            let cells = batch.column(*slot).as_dictionary::<Int32Type>();
            let texts = alone(cells.values());
            self.ids
                .look_up(&KeySpec::new(vec![0], 1).partition(&texts), 0, &mut ids);
            let texts = texts.column(0);
            let id = |key: Option<i32>| match key {
                Some(key) if texts.is_valid(key as usize) => ids[key as usize],
                _ => KeyTable::UNSEEN,
            };
            return cells.keys().iter().map(id).collect();
        }
        let spec = KeySpec::new(keys.to_vec(), 1);
        self.ids.look_up(&spec.partition(batch), 0, &mut ids);
        if let Some(nulls) = nulls(batch, keys) {
            for (id, is_valid) in ids.iter_mut().zip(&nulls) {
                if !is_valid {
                    *id = KeyTable::UNSEEN;
                }
            }
        }
        ids
    }

    /// Whether a key may find several rows.
    pub(super) fn repeats_keys(&self) -> bool {
        matches!(self.rows, Rows::All { .. })
    }

    /// Memory held, in bytes.
    pub(super) fn memory_bytes(&self) -> usize {
        let words = |words: &Vec<u32>| words.capacity() * size_of::<u32>();
        self.ids.memory_bytes()
            + match &self.rows {
                Rows::One(rows) => words(rows),
                Rows::All { starts, rows } => words(starts) + words(rows),
                Rows::ByTime {
                    starts,
                    times,
                    rows,
                    ..
                } => words(starts) + words(rows) + times.capacity() * size_of::<i64>(),
            }
    }
}

/// A batch of one column.
fn alone(column: &ArrayRef) -> Batch {
    Batch {
        seq: 0,
        source: 0,
        rows: column.len(),
        records: None,
        columns: vec![Some(column.clone())],
    }
}

/// Which rows have no null in any of `slots`; `None` if all have none.
fn nulls(batch: &Batch, slots: &[usize]) -> Option<NullBuffer> {
    let columns = slots.iter().map(|&slot| batch.column(slot));
    let nulls = columns.filter_map(|column| column.logical_nulls());
    let nulls = nulls.reduce(|one, other| {
        let both = NullBuffer::union(Some(&one), Some(&other));
        both.expect("the union of two is one")
    });
    nulls.filter(|nulls| nulls.null_count() > 0)
}

/// Hands over the id and the row of each key that is not null, in the table's order, and which row
/// of which batch it is. So many bytes are held besides.
fn for_each_key<E>(
    ids: &mut KeyTable,
    batches: &[Batch],
    keys: &[usize],
    (room, held_bytes): (&mut Room<'_>, usize),
    mut visit: impl FnMut(u32, u32, (&Batch, usize)) -> Result<(), E>,
) -> Result<Result<(), E>> {
    let spec = KeySpec::new(keys.to_vec(), 1);
    let (mut of_batch, mut first) = (Vec::new(), 0);
    for batch in batches {
        let held = held_bytes + ids.memory_bytes();
        let mut more = |bytes| room(held + bytes);
        ids.ids(&spec.partition(batch), 0, &mut of_batch, &mut more)?;
        let nulls = nulls(batch, keys);
        for (row, &id) in of_batch.iter().enumerate() {
            let is_null = nulls.as_ref().is_some_and(|nulls| nulls.is_null(row));
            if !is_null && let Err(stop) = visit(id, first + row as u32, (batch, row)) {
                return Ok(Err(stop));
            }
        }
        first += batch.rows as u32;
    }
    Ok(Ok(()))
}

fn one_by_one(
    ids: &mut KeyTable,
    batches: &[Batch],
    keyed: &Keyed,
    room: &mut Room<'_>,
) -> Result<Result<Rows, Twice>> {
    let most: usize = batches.iter().map(|batch| batch.rows).sum();
    let held = most * size_of::<u32>();
    room(held)?;
    let mut rows: Vec<u32> = Vec::with_capacity(most);
    let visited = for_each_key(ids, batches, &keyed.keys, (room, held), |id, row, place| {
        let id = id as usize;
        if id >= rows.len() {
            rows.resize(id + 1, NO_ROW);
        }
        match keyed.duplicates {
            _ if rows[id] == NO_ROW => rows[id] = row,
            Duplicates::First | Duplicates::All => {}
            Duplicates::Last => rows[id] = row,
            Duplicates::Error => {
                let (batch, at) = place;
                return Err(Twice {
                    rows: [rows[id] as usize, row as usize],
                    key: KeySpec::new(keyed.keys.clone(), 1).describe(batch, at),
                });
            }
        }
        Ok(())
    })?;
    Ok(visited.map(|()| Rows::One(rows)))
}

fn all(ids: &mut KeyTable, batches: &[Batch], keyed: &Keyed, room: &mut Room<'_>) -> Result<Rows> {
    let most: usize = batches.iter().map(|batch| batch.rows).sum();
    let held = most * (size_of::<(u32, u32)>() + 2 * size_of::<u32>());
    room(held)?;
    let mut entries: Vec<(u32, u32)> = Vec::with_capacity(most);
    let visited = for_each_key(ids, batches, &keyed.keys, (room, held), |id, row, _| {
        entries.push((id, row));
        Ok::<_, Infallible>(())
    })?;
    let Ok(()) = visited;
    entries.sort_unstable();
    Ok(Rows::All {
        starts: starts(ids.len(), entries.iter().map(|(id, _)| *id)),
        rows: entries.iter().map(|(_, row)| *row).collect(),
    })
}

/// Where the entries of each of `keys` ids start among those of the ids `of`, and at last how many
/// there are.
fn starts(keys: usize, of: impl Iterator<Item = u32>) -> Vec<u32> {
    let mut starts = vec![0_u32; keys + 1];
    for id in of {
        starts[id as usize + 1] += 1;
    }
    for id in 0..keys {
        starts[id + 1] += starts[id];
    }
    starts
}

/// Every row of the key of each of `ids`, by their `starts` in `rows`.
fn every(
    ids: &[u32],
    starts: &[u32],
    rows: &[u32],
    fits: impl Fn(usize) -> Result<()>,
) -> Result<Found> {
    let range = |id: u32| match id {
        KeyTable::UNSEEN => 0..0,
        id => starts[id as usize] as usize..starts[id as usize + 1] as usize,
    };
    let total: usize = ids.iter().map(|&id| range(id).len().max(1)).sum();
    if total > ids.len() {
        fits(total)?;
    }
    let mut found = Found {
        rows: Vec::with_capacity(total),
        origins: None,
        matched: 0,
    };
    let mut origins = Vec::with_capacity(total);
    for (origin, &id) in (0_u32..).zip(ids) {
        let range = range(id);
        if range.is_empty() {
            found.rows.push(NO_ROW);
            origins.push(origin);
            continue;
        }
        found.matched += 1;
        origins.resize(origins.len() + range.len(), origin);
        found.rows.extend_from_slice(&rows[range]);
    }
    found.origins = (total > ids.len()).then_some(origins);
    Ok(found)
}

fn by_time(
    ids: &mut KeyTable,
    batches: &[Batch],
    keyed: &Keyed,
    (time, asof): (usize, AsOf),
    room: &mut Room<'_>,
) -> Result<Rows> {
    let most: usize = batches.iter().map(|batch| batch.rows).sum();
    // Once in order of time, and once more as it stays.
    let held = most * (size_of::<(u32, i64, u32)>() + size_of::<(u32, i64)>());
    room(held)?;
    let mut entries: Vec<(u32, i64, u32)> = Vec::with_capacity(most);
    let mut counted: Option<(u64, Vec<i64>)> = None;
    let visited = for_each_key(
        ids,
        batches,
        &keyed.keys,
        (room, held),
        |id, row, (batch, at)| {
            let column = batch.column(time);
            if counted.as_ref().is_none_or(|(seq, _)| *seq != batch.seq) {
                counted = Some((batch.seq, asof.clock.count(column)));
            }
            if column.is_valid(at)
                && let Some((_, times)) = &counted
            {
                entries.push((id, times[at], row));
            }
            Ok::<_, Infallible>(())
        },
    )?;
    let Ok(()) = visited;
    entries.sort_unstable();
    Ok(Rows::ByTime {
        starts: starts(ids.len(), entries.iter().map(|(id, _, _)| *id)),
        times: entries.iter().map(|(_, time, _)| *time).collect(),
        rows: entries.iter().map(|(_, _, row)| *row).collect(),
        asof,
    })
}

impl AsOf {
    /// The place in the ascending `times` that matches `asked`, as pandas' `merge_asof` has it: of
    /// equal times the last one if it looks back, the first if it looks ahead.
    fn nearest(&self, times: &[i64], asked: i64) -> Option<usize> {
        let is_near = |place: &usize| {
            let distance = times[*place].abs_diff(asked);
            let most = self.tolerance;
            most.is_none_or(|most| distance <= most.unsigned_abs())
        };
        let back = || {
            let behind = times.partition_point(|&time| match self.allow_exact {
                true => time <= asked,
                false => time < asked,
            });
            behind.checked_sub(1).filter(is_near)
        };
        let ahead = || {
            let place = times.partition_point(|&time| match self.allow_exact {
                true => time < asked,
                false => time <= asked,
            });
            Some(place)
                .filter(|&place| place < times.len())
                .filter(is_near)
        };
        match self.direction {
            Direction::Backward => back(),
            Direction::Forward => ahead(),
            Direction::Nearest => match (back(), ahead()) {
                (Some(back), Some(ahead)) => {
                    let distance = |place: usize| times[place].abs_diff(asked);
                    let is_ahead = distance(ahead) < distance(back);
                    Some(if is_ahead { ahead } else { back })
                }
                (back, ahead) => back.or(ahead),
            },
        }
    }
}
