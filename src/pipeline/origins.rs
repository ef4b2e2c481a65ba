//! Rows that have been moved away from their chunks -> where they were read.
//!
//! Invariant: what a step removes or adds is counted for the sources that the rows came from, and a
//! row is named by its own line, whatever order it is in.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, RwLock};

use super::travel::Place;
use crate::base::{Batch, Position};
use crate::steps::RowOrigin;

/// Where the chunks lie whose rows are moved, and which source each is of.
#[derive(Default)]
pub(crate) struct Places {
    chunks: RwLock<Vec<Option<Arc<Known>>>>,
}

/// What is known of a chunk.
struct Known {
    source: u32,
    place: Place,
    /// Places in it, every so many records, as far as one was looked for: records that are looked for
    /// in any order cost no walk from the first.
    marks: Mutex<Vec<Place>>,
}

/// Records between two marks.
const MARK_RECORDS: usize = 1024;

impl Known {
    /// A place at or before the record `record`, and how many records that lies further on.
    fn near(&self, record: u32) -> (Place, usize) {
        let record = record as usize;
        if self.place.splitter.is_none() {
            return (self.place.clone(), record);
        }
        let mut marks = self.marks.lock().expect("no holder of this lock panics");
        while marks.len() * MARK_RECORDS <= record {
            let next = match marks.last() {
                None => self.place.clone(),
                Some(last) => last.behind(MARK_RECORDS),
            };
            marks.push(next);
        }
        (marks[record / MARK_RECORDS].clone(), record % MARK_RECORDS)
    }
}

impl Places {
    /// Notes that chunk `chunk`, of source `source`, lies at `place`.
    pub(crate) fn note(&self, chunk: u64, source: u32, place: Place) {
        let mut chunks = self.chunks.write().expect("no holder of this lock panics");
        let chunk = chunk as usize;
        if chunks.len() <= chunk {
            chunks.resize(chunk + 1, None);
        }
        chunks[chunk] = Some(Arc::new(Known {
            source,
            place,
            marks: Mutex::default(),
        }));
    }

    fn of(&self, chunk: u32) -> Arc<Known> {
        let chunks = self.chunks.read().expect("no holder of this lock panics");
        let known = chunks[chunk as usize].as_ref();
        Arc::clone(known.expect("a chunk is noted before its rows are moved"))
    }
}

/// Where the records of a batch were read.
#[derive(Clone)]
pub(crate) enum Whence {
    /// In this order.
    Chunk(Place),
    /// In another.
    Moved(Moved),
}

/// Where records were read that have been moved.
#[derive(Clone)]
pub(crate) struct Moved {
    records: Arc<[RowOrigin]>,
    places: Arc<Places>,
}

/// Sees where a record was read, and its raw bytes; of one that has been moved its source, and its
/// index among the records of the batch.
pub(crate) type See<'s> = &'s mut dyn FnMut(Position, &[u8], Option<(u32, usize)>);

impl Whence {
    /// Shows `see` the batch's records `records`, which ascend; of typed rows there are no bytes.
    pub(crate) fn records(&self, records: &[usize], see: See<'_>) {
        match self {
            Self::Chunk(place) => {
                let found = place.records(records).into_iter();
                found.for_each(|(position, raw)| see(position, raw, None));
            }
            Self::Moved(moved) => {
                for &record in records {
                    let origin = moved.records[record];
                    let chunk = moved.places.of(origin.chunk);
                    let (place, further) = chunk.near(origin.record);
                    let found = place.records(&[further]).into_iter();
                    found.for_each(|(position, raw)| {
                        see(position, raw, Some((chunk.source, record)));
                    });
                }
            }
        }
    }

    /// The position of the batch's record `record`.
    pub(crate) fn position_of(&self, record: usize) -> Position {
        match self {
            Self::Chunk(place) => place.position_of(record),
            Self::Moved(moved) => {
                let origin = moved.records[record];
                let (place, further) = moved.places.of(origin.chunk).near(origin.record);
                place.position_of(further)
            }
        }
    }
}

/// The rows of a batch that have been moved, source by source.
pub(crate) struct Origins {
    moved: Moved,
    /// The source of each record.
    sources: Vec<u32>,
    /// For each record, how many rows it had when it was last asked.
    rows: Vec<u32>,
}

/// How many rows of a source have gone, and how many have come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) source: u32,
    pub(crate) gone: u64,
    pub(crate) come: u64,
}

impl Origins {
    /// The records of a batch were read at `records`.
    pub(crate) fn new(records: Arc<[RowOrigin]>, places: &Arc<Places>) -> Self {
        let mut known: Option<(u32, u32)> = None;
        let source = |origin: &RowOrigin| match known {
            // Neighbours mostly come from the same chunk.
            Some((chunk, source)) if chunk == origin.chunk => source,
            _ => {
                let source = places.of(origin.chunk).source;
                known = Some((origin.chunk, source));
                source
            }
        };
        Self {
            sources: records.iter().map(source).collect(),
            rows: vec![1; records.len()],
            moved: Moved {
                records,
                places: Arc::clone(places),
            },
        }
    }

    /// Memory held, in bytes.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.rows.len() * (size_of::<RowOrigin>() + 2 * size_of::<u32>())
    }

    /// Where they were read.
    pub(crate) fn whence(&self) -> Whence {
        Whence::Moved(self.moved.clone())
    }

    /// Where each row of `batch` was read.
    pub(crate) fn of_rows(&self, batch: &Batch) -> Vec<RowOrigin> {
        let rows = (0..batch.rows).map(|row| self.moved.records[batch.record(row)]);
        rows.collect()
    }

    /// How many rows of each source there are.
    pub(crate) fn there(&self) -> Vec<(u32, u64)> {
        let mut there = BTreeMap::new();
        for (source, rows) in self.sources.iter().zip(&self.rows) {
            *there.entry(*source).or_insert(0) += u64::from(*rows);
        }
        there.into_iter().collect()
    }

    /// How many rows of each source are gone or have come since it was last asked, now that there is
    /// `batch`.
    pub(crate) fn changes(&mut self, batch: &Batch) -> Vec<Change> {
        let mut now = vec![0; self.rows.len()];
        (0..batch.rows).for_each(|row| now[batch.record(row)] += 1);
        let mut changes: BTreeMap<u32, Change> = BTreeMap::new();
        for ((source, before), now) in self.sources.iter().zip(&self.rows).zip(&now) {
            if before != now {
                let change = changes.entry(*source).or_default();
                change.source = *source;
                change.gone += u64::from(before.saturating_sub(*now));
                change.come += u64::from(u32::saturating_sub(*now, *before));
            }
        }
        self.rows = now;
        changes.into_values().collect()
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::BooleanArray;

    use super::*;
    use crate::input::Source;

    #[test]
    fn rows_are_counted_for_their_sources() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let source = Source::open(file.path(), &std::env::temp_dir(), &mut |_| Ok(()));
        let place = Place {
            source: Arc::new(source.unwrap()),
            offset: 0,
            first_line: 5,
            splitter: None,
        };
        let places = Arc::new(Places::default());
        for (chunk, source) in [(2, 1), (0, 0), (1, 0)] {
            places.note(chunk, source, place.clone());
        }
        let origin = |(chunk, record)| RowOrigin { chunk, record };
        let read = [(2, 7), (0, 3), (0, 4), (1, 0), (2, 1)].map(origin);
        let mut origins = Origins::new(read.into(), &places);
        let mut batch = Batch {
            seq: 0,
            source: 0,
            rows: 5,
            records: None,
            columns: Vec::new(),
        };
        assert_eq!(origins.there(), [(0, 3), (1, 2)]);
        let mask = BooleanArray::from(vec![true, false, true, true, false]);
        batch.keep(&mask, "keep").unwrap();
        let change = |source, gone, come| Change { source, gone, come };
        assert_eq!(origins.changes(&batch), [change(0, 1, 0), change(1, 1, 0)]);
        assert_eq!(origins.of_rows(&batch), [read[0], read[2], read[3]]);
        // Some rows become several.
        batch.records = Some([0, 0, 0, 3].into());
        batch.rows = 4;
        assert_eq!(origins.changes(&batch), [change(0, 1, 0), change(1, 0, 2)]);
        assert_eq!(origins.there(), [(0, 1), (1, 3)]);
        assert!(origins.changes(&batch).is_empty());
        assert_eq!(origins.whence().position_of(0).line, Some(12));
        let mut seen = Vec::new();
        let see = &mut |position: Position, _: &[u8], moved| seen.push((position.line, moved));
        origins.whence().records(&[2, 4], see);
        assert_eq!(seen, [(Some(9), Some((0, 2))), (Some(6), Some((1, 4)))]);
    }
}
