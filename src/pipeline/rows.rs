//! A chunk of typed rows -> its batch, by the columns that the pass needs.
//!
//! Invariant: a worker goes on in the row group it read last, so that no row is decoded twice by
//! the same worker.

use crate::base::{ErrorKind, Result};
use crate::decode::{DecodePlan, Decoded, RowDecoder};
use crate::input::{Chunk, RowReader};

/// What a worker keeps from one chunk of typed rows to the next.
#[derive(Default)]
pub(super) struct RowWork {
    reader: Option<RowReader>,
}

impl RowWork {
    /// What must be held for `chunk` besides its batch, if it has typed rows, and is not yet.
    pub(super) fn opening_bytes(&self, chunk: &Chunk, plan: &DecodePlan) -> usize {
        let typed = chunk.source.columnar().zip(chunk.typed_rows());
        let Some((columnar, (group, rows))) = typed else {
            return 0;
        };
        let is_open = |open: &RowReader| open.is_before(&chunk.source, group, rows.start);
        match self.reader.as_ref().is_some_and(is_open) {
            true => 0,
            false => columnar.reader_bytes(group, &RowDecoder::fields(plan)),
        }
    }

    /// Reads and decodes `chunk`, whose source has typed columns. None of its pages takes more than
    /// `page_bytes_max`.
    pub(super) fn decode(
        &mut self,
        chunk: &Chunk,
        plan: &DecodePlan,
        page_bytes_max: usize,
    ) -> Result<Decoded> {
        let (group, rows) = chunk.typed_rows().expect("a chunk of typed rows");
        let open = self.reader.take();
        let open = open.filter(|open| open.is_before(&chunk.source, group, rows.start));
        let mut reader = match open {
            Some(reader) => reader,
            None => {
                let fields = RowDecoder::fields(plan);
                let at_a_time = chunk.records as usize;
                RowReader::open(&chunk.source, group, &fields, at_a_time, page_bytes_max)?
            }
        };
        let mut decoder = RowDecoder::new(plan, chunk.records as usize);
        let read = reader.read(rows, |field, cells| decoder.push(field, &cells));
        read.map_err(|mut error| {
            if let ErrorKind::Row { row, position, .. } = error.kind_mut() {
                *position = Some(chunk.position(*row));
            }
            error
        })?;
        self.reader = Some(reader);
        Ok(decoder.finish(chunk.seq, chunk.source_index))
    }
}
