//! What one worker keeps from task to task: buffers that are reused, and its own latencies.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bumpalo::Bump;

use super::rows::RowWork;
use super::sampling::Sampling;
use crate::base::{Dialect, ErrorKind, Repair, Result};
use crate::csv::{Fields, Indexer};
use crate::decode::{DecodePlan, Decoded, Decoder};
use crate::input::Chunk;
use crate::report::StageLatency;

/// Records indexed at a time: their bytes and offsets stay in the cache while the columns are decoded
/// one after the other, and one odd record costs its neighbours little.
const BLOCK_RECORDS: usize = 256;

/// Formats whose buffers are kept for more records of them.
const READERS_MAX: usize = 4;

/// The work whose time is taken, chunk by chunk or task by task.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Timed {
    Split,
    Decode,
    LocalSteps,
    GroupByKey,
    KeyedSteps,
    Gather,
    Encode,
    Append,
}

impl Timed {
    const NAMES: [&'static str; 8] = [
        "split",
        "decode",
        "local steps",
        "group by key",
        "keyed steps",
        "gather",
        "encode",
        "append",
    ];

    /// Nothing recorded yet.
    pub(crate) fn latency() -> StageLatency {
        StageLatency::new(&Self::NAMES)
    }
}

/// How the records of some sources are read.
pub(crate) struct Format {
    pub(crate) dialect: Dialect,
    /// Fields of a record.
    pub(crate) fields: usize,
    /// The first so many of them are columns; the rest must be empty.
    pub(crate) columns: usize,
    pub(crate) decode: Arc<DecodePlan>,
}

/// What reads the records of one format.
struct Reader {
    indexer: Indexer,
    decoder: Decoder,
}

/// The formats of a run, and which of them each source has.
pub(crate) struct Formats {
    pub(crate) all: Vec<Format>,
    pub(crate) of_source: Vec<usize>,
    /// Which of the records are kept, if not all.
    pub(crate) sampling: Option<Sampling>,
}

pub(crate) struct Worker {
    formats: Arc<Formats>,
    /// The formats last read, by their index.
    readers: Vec<(usize, Reader)>,
    /// What reads the records that are typed rows.
    rows: RowWork,
    repair: Repair,
    record_bytes_max: usize,
    page_bytes_max: usize,
    /// Where in the last chunk a field is not empty that was taken for one behind a trailing
    /// delimiter.
    behind: Option<usize>,
    /// Rows of the last chunk that the sample left out.
    left_out: u64,
    scratch: Bump,
    latency: StageLatency,
    started: Instant,
    waited: Duration,
}

/// What a worker did with its time in one pass.
pub(crate) struct WorkerTime {
    pub(crate) latency: StageLatency,
    pub(crate) busy: Duration,
    pub(crate) waiting: Duration,
}

impl Worker {
    /// A worker that takes in records of at most `record_bytes_max` and, of typed columns, pages of
    /// at most `page_bytes_max`.
    pub(crate) fn new(
        formats: &Arc<Formats>,
        repair: Repair,
        (record_bytes_max, page_bytes_max): (usize, usize),
    ) -> Self {
        Self {
            readers: Vec::new(),
            formats: Arc::clone(formats),
            rows: RowWork::default(),
            repair,
            record_bytes_max,
            page_bytes_max,
            behind: None,
            left_out: 0,
            scratch: Bump::new(),
            latency: Timed::latency(),
            started: Instant::now(),
            waited: Duration::ZERO,
        }
    }

    /// Waits for something to do.
    pub(crate) fn wait<T>(&mut self, wait: impl FnOnce() -> T) -> T {
        let started = Instant::now();
        let result = wait();
        self.waited += started.elapsed();
        result
    }

    /// Records that `work` took from `started` until now.
    pub(crate) fn record(&mut self, work: Timed, started: Instant) {
        self.latency.record(work as usize, started.elapsed());
    }

    /// What decoding `chunk` takes besides its batch, as far as this worker does not hold it yet.
    pub(crate) fn opening_bytes(&self, chunk: &Chunk) -> usize {
        let index = self.formats.of_source[chunk.source_index as usize];
        self.rows
            .opening_bytes(chunk, &self.formats.all[index].decode)
    }

    /// Decodes one chunk, its text indexed before.
    pub(crate) fn decode(&mut self, chunk: &Chunk) -> Result<Decoded> {
        let index = self.formats.of_source[chunk.source_index as usize];
        let format = &self.formats.all[index];
        if chunk.source.columnar().is_none() {
            return self.decode_text(chunk, index);
        }
        self.behind = None;
        let max = self.page_bytes_max;
        let decoded = self.rows.decode(chunk, &format.decode, max)?;
        self.sample(chunk, decoded)
    }

    /// Indexes and decodes one chunk of text, whose format is that of `index`.
    fn decode_text(&mut self, chunk: &Chunk, index: usize) -> Result<Decoded> {
        let bytes = chunk.bytes();
        let format = &self.formats.all[index];
        let columns = format.columns;
        let known = self.readers.iter().position(|(known, _)| *known == index);
        let known = known.unwrap_or_else(|| {
            if self.readers.len() == READERS_MAX {
                self.readers.remove(0);
            }
            let indexer = Indexer::new(format.dialect, format.fields, self.record_bytes_max);
            let reader = Reader {
                indexer: indexer.repairing(self.repair),
                decoder: Decoder::new(Arc::clone(&format.decode)),
            };
            self.readers.push((index, reader));
            self.readers.len() - 1
        });
        let reader = &mut self.readers[known].1;
        self.behind = None;
        reader.decoder.begin(chunk.records as usize);
        let mut at = 0;
        while let Some(fields) = reader.indexer.next(bytes, &mut at, BLOCK_RECORDS) {
            if format.fields > columns && self.behind.is_none() {
                self.behind = behind(bytes, &fields, columns);
            }
            reader.decoder.push(&fields, &self.scratch);
            self.scratch.reset();
        }
        let decoded = reader.decoder.finish(chunk.seq, chunk.source_index);
        let bad = decoded
            .rejects
            .iter()
            .filter(|reject| reject.slot.is_none())
            .count();
        let found = decoded.batch.rows + bad + usize::from(chunk.oversize.is_some());
        if found != chunk.records as usize {
            // A file that changes between splitting and decoding looks like this too.
            chunk.source.check()?;
            let split = chunk.records;
            let text = format!("{split} records were split off, {found} decoded or rejected");
            return Err(ErrorKind::Balance(text).into());
        }
        self.sample(chunk, decoded)
    }

    /// What is kept of a chunk.
    fn sample(&mut self, chunk: &Chunk, mut decoded: Decoded) -> Result<Decoded> {
        self.left_out = match self.formats.sampling {
            None => 0,
            Some(sampling) => sampling.apply(&mut decoded.batch, chunk.first_record)?,
        };
        Ok(decoded)
    }

    /// Rows of the chunk just decoded that the sample left out.
    pub(crate) fn left_out(&self) -> u64 {
        self.left_out
    }

    /// Where in the chunk just decoded something stands behind the last column.
    pub(crate) fn behind(&self) -> Option<usize> {
        self.behind
    }

    pub(crate) fn into_time(self) -> WorkerTime {
        WorkerTime {
            busy: self.started.elapsed().saturating_sub(self.waited),
            waiting: self.waited,
            latency: self.latency,
        }
    }
}

/// The offset in `bytes` of the first field behind `columns` that is not empty.
fn behind(bytes: &[u8], fields: &Fields<'_>, columns: usize) -> Option<usize> {
    let rows = 0..fields.rows();
    let mut behind = rows.flat_map(|row| {
        let columns = columns..fields.columns();
        columns.map(move |column| fields.field(row, column))
    });
    let found = behind.find(|field| !field.is_empty())?;
    Some(found.as_ptr() as usize - bytes.as_ptr() as usize)
}
