//! A batch on its way through the stages, with everything that must arrive with it.

use std::sync::Arc;

use super::budget::{Permit, Term};
use super::filtered::Dropped;
use super::keys::Keys;
use super::origins::{Origins, Places, Whence};
use super::tally::Tally;
use crate::base::{Batch, Error, ErrorKind, LineEnd, Position};
use crate::input::{Chunk, RecordSplit, Source, SplitLimits};
use crate::steps::{Effect, RowOrigin};

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
        let splitter = self.splitter.as_ref();
        let line_end = splitter.map_or(LineEnd::default(), |splitter| splitter.line_end());
        let line = crate::input::line_number(&self.source, line_end, offset);
        Position {
            line: Some(line),
            ..self.source.position(offset)
        }
    }

    /// The positions and the raw bytes of the chunk's records `records`, which ascend; of typed rows
    /// there are none.
    pub(crate) fn records(&self, records: &[usize]) -> Vec<(Position, &[u8])> {
        let Some(splitter) = &self.splitter else {
            let places = records.iter().map(|&record| self.position_of(record));
            return places.map(|position| (position, &[][..])).collect();
        };
        let bytes = self.source.bytes();
        let skip = |at: usize, records_max: usize| {
            let limits = SplitLimits {
                records_max,
                bytes_max: usize::MAX,
                record_bytes_max: usize::MAX,
            };
            splitter.split(bytes, at, &limits, &mut |_| {})
        };
        let mut at = usize::try_from(self.offset).expect("a mapped file fits the address space");
        let (mut line, mut next) = (self.first_line, 0);
        let found = records.iter().map(|&record| {
            if record > next {
                let before = skip(at, record - next);
                (at, line) = (before.end, line + before.newlines);
            }
            let blank = { bytes[at..].iter() }.take_while(|byte| matches!(byte, b'\n' | b'\r'));
            let start = at + blank.count();
            let newlines = memchr::memchr_iter(b'\n', &bytes[at..start]).count() as u64;
            let own = skip(at, 1);
            let position = Position {
                line: Some(line + newlines),
                ..self.source.position(start as u64)
            };
            let raw = &bytes[start..own.end];
            let raw = raw.strip_suffix(b"\n").unwrap_or(raw);
            let raw = raw.strip_suffix(b"\r").unwrap_or(raw);
            (at, line, next) = (own.end, line + own.newlines, record + 1);
            (position, raw)
        });
        found.collect()
    }

    /// The same, without the first so many records of text.
    pub(crate) fn behind(&self, records: usize) -> Self {
        let mut place = self.clone();
        if let Some(splitter) = &self.splitter {
            let limits = SplitLimits {
                records_max: records,
                bytes_max: usize::MAX,
                record_bytes_max: usize::MAX,
            };
            let start = usize::try_from(self.offset).expect("a mapped file fits the address space");
            let split = splitter.split(self.source.bytes(), start, &limits, &mut |_| {});
            place.offset = split.end as u64;
            place.first_line += split.newlines;
        }
        place
    }

    /// The position of the chunk's record `record`.
    pub(crate) fn position_of(&self, record: usize) -> Position {
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
        let (end, newlines) = split.map_or((start, 0), |split| (split.end, split.newlines));
        let is_line_end = |byte: &&u8| matches!(byte, b'\n' | b'\r');
        let blank = bytes[end..].iter().take_while(is_line_end);
        let blank_lines = blank.clone().filter(|byte| **byte == b'\n').count();
        Position {
            path: self.source.path().to_path_buf(),
            byte_offset: (end + blank.count()) as u64,
            line: Some(self.first_line + newlines + blank_lines as u64),
        }
    }
}

/// A batch and its companions.
pub(crate) struct Travel {
    pub(crate) batch: Batch,
    /// Where its chunk lies.
    pub(crate) place: Option<Place>,
    /// Where its rows were read, once they have been moved.
    pub(crate) moved: Option<Origins>,
    pub(crate) tally: Tally,
    /// Rows by shard, from the last keyed stage whose keys still hold.
    pub(crate) keys: Option<Arc<Keys>>,
    pub(crate) permit: Permit,
    /// The stage it enters next.
    pub(crate) stage: usize,
    /// Whether it only says that no other comes behind it; it has no rows of its own.
    pub(crate) is_last: bool,
}

impl Travel {
    /// Memory held by its rows, those that were dropped included, in bytes.
    pub(crate) fn memory_bytes(&self) -> usize {
        let dropped = self.tally.dropped.iter().map(Dropped::memory_bytes);
        self.batch.memory_bytes() + dropped.sum::<usize>()
    }

    pub(crate) fn note_effect(&mut self, step: usize, effect: Effect) {
        if effect.rows_added > 0 {
            self.permit.resize(Term::Batches, self.batch.memory_bytes());
        }
        if effect == Effect::default() {
            return;
        }
        let source = self.batch.source;
        let has_other_rows = effect.rows_dropped + effect.rows_duplicate + effect.rows_added > 0;
        let Some(moved) = self.moved.as_mut().filter(|_| has_other_rows) else {
            self.tally.effects.push((step, source, effect));
            return;
        };
        let of_rows = |gone, come| match effect.rows_duplicate {
            0 => Effect {
                rows_dropped: gone,
                rows_added: come,
                ..Effect::default()
            },
            _ => Effect {
                rows_duplicate: gone,
                rows_added: come,
                ..Effect::default()
            },
        };
        let mut left = (
            effect.rows_dropped + effect.rows_duplicate,
            effect.rows_added,
        );
        for change in moved.changes(&self.batch) {
            left.0 = left.0.saturating_sub(change.gone);
            left.1 = left.1.saturating_sub(change.come);
            let effect = of_rows(change.gone, change.come);
            self.tally.effects.push((step, change.source, effect));
        }
        // What is left: rows of which some go while others come that are of the same record.
        let rest = Effect {
            rows_dropped: 0,
            rows_duplicate: 0,
            rows_added: 0,
            ..effect
        };
        self.tally.effects.push((step, source, rest));
        let same = of_rows(left.0, left.1);
        self.tally.effects.push((step, source, same));
    }

    /// Counts its rows as written.
    pub(crate) fn count_written(&mut self) {
        self.tally.written = match &self.moved {
            Some(moved) => moved.there(),
            None => vec![(self.batch.source, self.batch.rows as u64)],
        };
    }

    /// Where each of its rows was read; its chunk is noted in `places`.
    pub(crate) fn origins(&self, places: &Places) -> Vec<RowOrigin> {
        if let Some(moved) = &self.moved {
            return moved.of_rows(&self.batch);
        }
        let seq = self.batch.seq;
        if let Some(place) = &self.place {
            places.note(seq, self.batch.source, place.clone());
        }
        let chunk = u32::try_from(seq).expect("there are fewer chunks");
        let rows = (0..self.batch.rows).map(|row| self.batch.record(row) as u32);
        rows.map(|record| RowOrigin { chunk, record }).collect()
    }

    /// Where its records were read; `None` if it has none.
    pub(crate) fn whence(&self) -> Option<Whence> {
        match &self.moved {
            Some(moved) => Some(moved.whence()),
            None => self.place.clone().map(Whence::Chunk),
        }
    }

    /// Adds the place to an error that knows only the row.
    pub(crate) fn locate(&self, mut error: Error) -> Error {
        if let ErrorKind::OutOfOrder { row, position, .. } | ErrorKind::Row { row, position, .. } =
            error.kind_mut()
        {
            let whence = self.whence();
            *position = whence.map(|whence| whence.position_of(self.batch.record(*row)));
        }
        error
    }
}
