//! The groups of all shards -> the rows of the table, in the order of their keys, piece by piece.
//! Keeps: a group is in one shard only, so that pieces need be merged but never added up.

use std::any::Any;
use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef};
use arrow::compute::interleave;

use super::groups::refused;
use super::layout::{Layout, PIVOT_VALUES_MAX};
use super::pivot::Pivot;
use super::shard::{Piece, Shard};
use super::state::too_many_values;
use crate::base::{Column, Origin, Result, Schema};

/// Rows that are handed over at once, about.
const ROWS: usize = 8192;

/// The rows of a finished table.
pub struct TableRows {
    groups: Groups,
    pivot: Option<Pivot>,
    schema: Schema,
    rows_seen: u64,
    groups_found: u64,
}

/// The groups of all shards, merged.
struct Groups {
    shards: Vec<Shard>,
    /// The piece in hand of each shard, and the next group in it.
    pieces: Vec<Option<(Piece, usize)>>,
}

impl TableRows {
    pub(super) fn new(
        layout: &Arc<Layout>,
        shards: Vec<Arc<dyn Any + Send + Sync>>,
    ) -> Result<Self> {
        let shards = shards.into_iter().map(|shard| {
            let shard = shard.downcast::<Shard>().ok().and_then(Arc::into_inner);
            shard.expect("they are what this step's states have left behind")
        });
        let mut shards: Vec<Shard> = shards.collect();
        let rows_seen = shards.iter().map(|shard| shard.rows).sum();
        let values = shards
            .iter_mut()
            .flat_map(|it| std::mem::take(&mut it.spread));
        let values: BTreeSet<Box<[u8]>> = values.collect();
        if values.len() > PIVOT_VALUES_MAX {
            return Err(too_many_values(layout).into());
        }
        let pivot = match &layout.spread {
            Some(_) => Some(Pivot::new(layout, &values)?),
            None => None,
        };
        let columns = match &pivot {
            Some(pivot) => pivot.columns(),
            None => layout.columns(),
        };
        let columns = columns.into_iter().map(|(name, data_type)| Column {
            name: name.into(),
            data_type,
            format: None,
            origin: Origin::Derived,
        });
        let pieces = shards
            .iter_mut()
            .map(|shard| Ok(shard.next()?.map(|piece| (piece, 0))));
        let pieces = pieces.collect::<Result<_>>()?;
        Ok(Self {
            schema: Schema {
                columns: columns.collect(),
            },
            groups: Groups { shards, pieces },
            pivot,
            rows_seen,
            groups_found: 0,
        })
    }

    /// The columns.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// Rows that the table was made of.
    pub fn rows_seen(&self) -> u64 {
        self.rows_seen
    }

    /// Groups that were handed over.
    pub fn groups(&self) -> u64 {
        self.groups_found
    }

    /// The next rows, column by column.
    ///
    /// # Errors
    /// [`ErrorKind::Aggregate`](crate::base::ErrorKind::Aggregate) at the first cell beyond its type.
    #[expect(clippy::should_implement_trait, reason = "it may fail")]
    pub fn next(&mut self) -> Result<Option<Vec<ArrayRef>>> {
        loop {
            let groups = self.groups.next()?;
            self.groups_found += groups.as_ref().map_or(0, |columns| columns[0].len() as u64);
            let Some(pivot) = &mut self.pivot else {
                return Ok(groups);
            };
            let is_last = groups.is_none();
            let rows = pivot.take_in(groups)?;
            if is_last || rows.is_some() {
                return Ok(rows);
            }
        }
    }
}

impl Groups {
    /// The shard whose next group comes first.
    fn first(&self) -> Option<usize> {
        let next = self.pieces.iter().enumerate().filter_map(|(shard, piece)| {
            let (piece, at) = piece.as_ref()?;
            Some((piece.keys.key(*at as u32), shard))
        });
        next.min().map(|(_, shard)| shard)
    }

    /// The next groups, as far as the pieces in hand go.
    fn next(&mut self) -> Result<Option<Vec<ArrayRef>>> {
        let mut taken = Vec::new();
        let mut used_up = None;
        while used_up.is_none() && taken.len() < ROWS {
            let Some(shard) = self.first() else { break };
            let (piece, at) = self.pieces[shard].as_mut().expect("it has a next group");
            taken.push((shard, *at));
            *at += 1;
            if *at == piece.keys.len() {
                used_up = Some(shard);
            }
        }
        if taken.is_empty() {
            return Ok(None);
        }
        let in_hand: Vec<(usize, &Piece)> = { self.pieces.iter().enumerate() }
            .filter_map(|(shard, piece)| Some((shard, &piece.as_ref()?.0)))
            .collect();
        let mut places = vec![0; self.pieces.len()];
        for (place, (shard, _)) in in_hand.iter().enumerate() {
            places[*shard] = place;
        }
        for (shard, _) in &mut taken {
            *shard = places[*shard];
        }
        let columns = in_hand[0].1.columns.len();
        let merged = (0..columns).map(|column| {
            let pieces = in_hand
                .iter()
                .map(|(_, piece)| piece.columns[column].as_ref());
            let pieces: Vec<&dyn Array> = pieces.collect();
            Ok(interleave(&pieces, &taken).map_err(refused)?)
        });
        let merged = merged.collect::<Result<Vec<ArrayRef>>>()?;
        if let Some(shard) = used_up {
            self.pieces[shard] = self.shards[shard].next()?.map(|piece| (piece, 0));
        }
        Ok(Some(merged))
    }
}
