//! The end of the belt: batches in `seq` order become row groups, their columns are encoded by any
//! worker, and the encoded row groups are appended in order.
//!
//! In: finished batches in any order. Out: parts in the staging directory, reject files, counters.
//! Invariant: row groups are cut by rows (or bytes) in file order only, so they do not depend on
//! the number of threads.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use arrow::array::{Array, ArrayRef};

use super::budget::{Budget, Permit, Term};
use super::inbox::Inbox;
use super::layout::Layout;
use super::tally::Totals;
use super::travel::Travel;
use crate::base::{Batch, Result};
use crate::output::{EncodedColumn, Encoder, PartInfo, Parts};

/// A row group on its way to the file.
pub(crate) struct RowGroup {
    index: u64,
    rows: usize,
    pieces: Vec<Mutex<Vec<ArrayRef>>>,
    encoded: Vec<Mutex<Option<EncodedColumn>>>,
    left: AtomicUsize,
    /// Held until the row group has been appended.
    _permits: Vec<Arc<Permit>>,
}

/// Rows gathered for the next row group.
#[derive(Default)]
struct Gather {
    columns: Vec<Vec<ArrayRef>>,
    rows: usize,
    bytes: usize,
    permits: Vec<Arc<Permit>>,
    next_index: u64,
}

/// Gathers, encodes and appends.
pub(crate) struct Sink {
    layout: Layout,
    /// The slots that the lake has, in its order.
    output: Vec<usize>,
    encoder: Arc<Encoder>,
    arrived: Inbox<Travel>,
    gather: Mutex<Gather>,
    totals: Mutex<Totals>,
    encoded: Inbox<Arc<RowGroup>>,
    parts: Mutex<Parts>,
    budget: Arc<Budget>,
}

impl Sink {
    pub(crate) fn new(
        layout: Layout,
        output: Vec<usize>,
        encoder: Arc<Encoder>,
        parts: Parts,
        totals: Totals,
        budget: &Arc<Budget>,
    ) -> Self {
        Self {
            layout,
            output,
            encoder,
            arrived: Inbox::new(1),
            gather: Mutex::default(),
            totals: Mutex::new(totals),
            encoded: Inbox::new(1),
            parts: Mutex::new(parts),
            budget: Arc::clone(budget),
        }
    }

    /// Leaves the columns of a finished batch that the lake has, in its order.
    pub(crate) fn project(&self, batch: &mut Batch) {
        let columns = self.output.iter().map(|&slot| batch.columns[slot].take());
        batch.columns = columns.collect();
    }

    /// Takes in a finished and projected batch; returns the row groups it and those that waited for it complete,
    /// and how many batches were taken in.
    pub(crate) fn arrive(&self, travel: Travel) -> Result<(Vec<Arc<RowGroup>>, usize)> {
        let mut groups = Vec::new();
        let mut batches = 0;
        let mut ready = !self.arrived.arrive(travel.batch.seq, travel).is_empty();
        while ready {
            let next = Arc::into_inner(self.arrived.take(0)).expect("the only lane holds it");
            batches += 1;
            self.take_in(next, &mut groups)?;
            ready = self.arrived.done(0);
        }
        Ok((groups, batches))
    }

    fn take_in(&self, travel: Travel, groups: &mut Vec<Arc<RowGroup>>) -> Result<()> {
        let Travel {
            batch,
            tally,
            permit,
            ..
        } = travel;
        let mut totals = self.totals.lock().expect("no holder of this lock panics");
        totals.add(tally)?;
        drop(totals);
        let mut gather = self.gather.lock().expect("no holder of this lock panics");
        let permit = Arc::new(permit);
        let row_bytes = batch.data_bytes().div_ceil(batch.rows.max(1));
        let mut from = 0;
        while from < batch.rows {
            let by_bytes = (self.layout.row_group_bytes_max.saturating_sub(gather.bytes)
                / row_bytes.max(1))
            .max(1);
            let room = (self.layout.row_group_rows - gather.rows).min(by_bytes);
            let rows = room.min(batch.rows - from);
            gather.columns.resize_with(batch.columns.len(), Vec::new);
            for (slot, column) in batch.columns.iter().enumerate() {
                let column = column.as_ref().expect("every column is there at the end");
                let whole = from == 0 && rows == column.len();
                let piece = if whole {
                    Arc::clone(column)
                } else {
                    column.slice(from, rows)
                };
                gather.columns[slot].push(piece);
            }
            gather.rows += rows;
            gather.bytes += rows * row_bytes;
            gather.permits.push(Arc::clone(&permit));
            from += rows;
            if gather.rows >= self.layout.row_group_rows
                || gather.bytes >= self.layout.row_group_bytes_max
            {
                groups.push(gather.cut());
            }
        }
        Ok(())
    }

    /// Cuts the last row group, once every batch has arrived.
    pub(crate) fn flush(&self) -> Option<Arc<RowGroup>> {
        let mut gather = self.gather.lock().expect("no holder of this lock panics");
        (gather.rows > 0).then(|| gather.cut())
    }

    /// Encodes one column of a row group; `true` for the last one, whose caller is to append it.
    pub(crate) fn encode(&self, group: &RowGroup, column: usize) -> Result<bool> {
        let pieces = std::mem::take(
            &mut *group.pieces[column]
                .lock()
                .expect("no holder of this lock panics"),
        );
        let encoded = self.encoder.encode(column, &pieces)?;
        drop(pieces);
        *group.encoded[column]
            .lock()
            .expect("no holder of this lock panics") = Some(encoded);
        Ok(group.left.fetch_sub(1, Ordering::AcqRel) == 1)
    }

    /// Appends a row group whose columns are all encoded, and those that waited for it; returns
    /// how many.
    pub(crate) fn append(&self, group: Arc<RowGroup>) -> Result<usize> {
        let mut appended = 0;
        let mut ready = !self.encoded.arrive(group.index, group).is_empty();
        while ready {
            let group = self.encoded.take(0);
            let columns = group.encoded.iter().map(|column| {
                let mut column = column.lock().expect("no holder of this lock panics");
                column
                    .take()
                    .expect("the last column to be encoded appends")
            });
            let columns = columns.collect();
            let mut parts = self.parts.lock().expect("no holder of this lock panics");
            let footer_before = parts.memory_bytes();
            parts.append(group.rows, columns)?;
            self.budget
                .changed(Term::Footer, footer_before, parts.memory_bytes());
            drop(parts);
            drop(group);
            appended += 1;
            ready = self.encoded.done(0);
        }
        Ok(appended)
    }

    /// Closes the last part; returns all parts.
    pub(crate) fn finish(self) -> Result<(Vec<PartInfo>, Totals)> {
        let parts = self
            .parts
            .into_inner()
            .expect("no holder of this lock panics");
        let totals = self
            .totals
            .into_inner()
            .expect("no holder of this lock panics");
        Ok((parts.finish()?, totals))
    }
}

impl Gather {
    fn cut(&mut self) -> Arc<RowGroup> {
        let columns = std::mem::take(&mut self.columns);
        let group = RowGroup {
            index: self.next_index,
            rows: std::mem::take(&mut self.rows),
            left: AtomicUsize::new(columns.len()),
            encoded: columns.iter().map(|_| Mutex::new(None)).collect(),
            pieces: columns.into_iter().map(Mutex::new).collect(),
            _permits: std::mem::take(&mut self.permits),
        };
        self.bytes = 0;
        self.next_index += 1;
        Arc::new(group)
    }
}

impl RowGroup {
    /// Columns to encode.
    pub(crate) fn columns(&self) -> usize {
        self.pieces.len()
    }
}
