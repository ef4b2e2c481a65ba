//! A batch on its way through the stages, with everything that must arrive with it.

use std::sync::Arc;

use super::budget::Permit;
use super::keys::Keys;
use super::origins::Origins;
use super::tally::Tally;
use crate::base::{Batch, Error, ErrorKind, Position};
use crate::input::{Chunk, RecordSplit, Source, SplitLimits};
use crate::steps::Effect;

/// Where in its source a chunk lies.
#[derive(Clone)]
pub(crate) struct Place {
    pub(crate) source: Arc<Source>,
    pub(crate) offset: u64,
    pub(crate) first_line: u64,
    /// What told its records apart; `None` if they are typed rows.
    pub(crate) splitter: Option<Arc<dyn RecordSplit>>,
}

impl Place {
    pub(crate) fn of(chunk: &Chunk, splitter: Option<&Arc<dyn RecordSplit>>) -> Self {
        Self {
            source: Arc::clone(&chunk.source),
            offset: chunk.place(),
            first_line: chunk.first_line,
            splitter: splitter.map(Arc::clone),
        }
    }

    /// The position `chunk_offset` bytes into the chunk.
    pub(crate) fn position_at(&self, chunk_offset: usize) -> Position {
        let offset = self.offset + chunk_offset as u64;
        let line = crate::input::line_number(&self.source, offset);
        Position {
            line: Some(line),
            ..self.source.position(offset)
        }
    }

    /// The position of the chunk's record `record`.
    fn position_of(&self, record: usize) -> Position {
        let Some(splitter) = &self.splitter else {
            return Position {
                line: Some(self.first_line + record as u64),
                ..self.source.position(self.offset)
            };
        };
        let bytes = self.source.bytes();
        let limits = SplitLimits {
            records_max: record,
            bytes_max: usize::MAX,
            record_bytes_max: usize::MAX,
        };
        let start = usize::try_from(self.offset).expect("a mapped file fits the address space");
        let split = match record {
            0 => None,
            _ => Some(splitter.split(bytes, start, &limits, &mut |_| {})),
        };
        Position {
            path: self.source.path().to_path_buf(),
            byte_offset: split.as_ref().map_or(self.offset, |split| split.end as u64),
            line: Some(self.first_line + split.map_or(0, |split| split.newlines)),
        }
    }
}

/// A batch and its companions.
pub(crate) struct Travel {
    pub(crate) batch: Batch,
    /// Where its rows were read; `None` once they are in another order.
    pub(crate) place: Option<Place>,
    pub(crate) tally: Tally,
    /// Where its rows came from, if not all from its source.
    pub(crate) origins: Option<Origins>,
    /// Rows by shard, from the last keyed stage whose keys still hold.
    pub(crate) keys: Option<Arc<Keys>>,
    pub(crate) permit: Permit,
    /// The stage it enters next.
    pub(crate) stage: usize,
    /// Whether it only says that no other comes behind it; it has no rows of its own.
    pub(crate) is_last: bool,
}

impl Travel {
    pub(crate) fn note_effect(&mut self, step: usize, effect: Effect) {
        if effect == Effect::default() {
            return;
        }
        let source = self.batch.source;
        let Some(origins) = self.origins.as_mut().filter(|_| effect.rows_dropped > 0) else {
            self.tally.effects.push((step, source, effect));
            return;
        };
        let cells = Effect {
            rows_dropped: 0,
            ..effect
        };
        self.tally.effects.push((step, source, cells));
        for (source, rows_dropped) in origins.gone(&self.batch) {
            let rows = Effect {
                rows_dropped,
                ..Effect::default()
            };
            self.tally.effects.push((step, source, rows));
        }
    }

    /// Counts its rows as written.
    pub(crate) fn count_written(&mut self) {
        self.tally.written = match &self.origins {
            Some(origins) => origins.there().collect(),
            None => vec![(self.batch.source, self.batch.rows as u64)],
        };
    }

    /// Adds the place to an error that knows only the row.
    pub(crate) fn locate(&self, mut error: Error) -> Error {
        if let ErrorKind::OutOfOrder { row, position, .. } | ErrorKind::Row { row, position, .. } =
            error.kind_mut()
        {
            let place = self.place.as_ref();
            *position = place.map(|place| place.position_of(self.batch.record(*row)));
        }
        error
    }
}
