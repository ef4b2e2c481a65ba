//! What one worker keeps from task to task: buffers that are reused, and its own latencies.

use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::{ArrayRef, AsArray};
use arrow::datatypes::Int32Type;
use bumpalo::Bump;

use super::passed::PassedOver;
use super::rows::RowWork;
use super::sampling::Sampling;
use crate::base::{DataType, Dialect, ErrorKind, Reject, Repair, Result};
use crate::csv::{Fields, Indexer};
use crate::decode::{DecodePlan, Decoded, Decoder, RowDecoder};
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
    Sort,
    Gather,
    Encode,
    Append,
}

impl Timed {
    const NAMES: [&'static str; 9] = [
        "split",
        "decode",
        "local steps",
        "group by key",
        "keyed steps",
        "sort",
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
    told: Option<Told>,
}

/// What of a chunk tells that the header comes again in it.
#[derive(Debug, Clone, Copy)]
enum Told {
    /// Cells that do not fit their columns.
    Misfits,
    /// All columns are text: a cell in this slot, read from that field, which is the field's name.
    Name { slot: usize, field: usize },
    /// Nothing that is read.
    Nothing,
}

/// The formats of a run, and which of them each source has.
pub(crate) struct Formats {
    pub(crate) all: Vec<Format>,
    pub(crate) of_source: Vec<usize>,
    /// The header of each source as it stands there, if it is to be known again.
    pub(crate) headers: Vec<Option<Arc<[u8]>>>,
    /// The longest field.
    pub(crate) field_bytes_max: usize,
    /// The row groups that are not read.
    pub(crate) passed_over: PassedOver,
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
        if self.formats.passed_over.step(chunk).is_some() {
            self.left_out = 0;
            return Ok(RowDecoder::new(&format.decode, 0).finish(chunk.seq, chunk.source_index));
        }
        let max = self.page_bytes_max;
        let decoded = self.rows.decode(chunk, &format.decode, max)?;
        self.sample(chunk, decoded)
    }

    /// Indexes and decodes one chunk of text, whose format is that of `index`.
    fn decode_text(&mut self, chunk: &Chunk, index: usize) -> Result<Decoded> {
        let format = &self.formats.all[index];
        let delimiter = format.dialect.delimiter;
        let known = self.readers.iter().position(|(known, _)| *known == index);
        let known = known.unwrap_or_else(|| {
            if self.readers.len() == READERS_MAX {
                self.readers.remove(0);
            }
            let indexer = Indexer::new(format.dialect, format.fields, self.record_bytes_max);
            let reader = Reader {
                indexer: indexer
                    .repairing(self.repair)
                    .fields_up_to(self.formats.field_bytes_max),
                decoder: Decoder::new(Arc::clone(&format.decode)),
                told: told(&format.decode, format.columns),
            };
            self.readers.push((index, reader));
            self.readers.len() - 1
        });
        let reader = &mut self.readers[known].1;
        let (mut decoded, behind) = reader.read(chunk, format, &mut self.scratch);
        self.behind = behind;
        let header = self.formats.headers[chunk.source_index as usize].as_ref();
        let is_there = |header: &[u8]| memchr::memmem::find(chunk.bytes(), header).is_some();
        let comes_again = |header: &&Arc<[u8]>| match reader.told {
            None => false,
            Some(Told::Misfits) => {
                let has_misfits = decoded.rejects.iter().any(|reject| reject.slot.is_some());
                has_misfits && is_there(header) && is_of_header(&decoded.rejects, header, delimiter)
            }
            Some(Told::Name { slot, field }) => {
                let name = name_in(header, format.dialect, field);
                has_cell(decoded.batch.column(slot), name) && is_there(header)
            }
            Some(Told::Nothing) => is_there(header),
        };
        if let Some(header) = header.filter(comes_again) {
            reader.indexer.reject_header(Some(Arc::clone(header)));
            (decoded, self.behind) = reader.read(chunk, format, &mut self.scratch);
            reader.indexer.reject_header(None);
        }
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

    /// The step that drops all rows of `chunk`, which were not read.
    pub(crate) fn passed_over(&self, chunk: &Chunk) -> Option<usize> {
        self.formats.passed_over.step(chunk)
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

impl Reader {
    /// The records of `chunk`, and where in it something stands behind the last column.
    fn read(
        &mut self,
        chunk: &Chunk,
        format: &Format,
        scratch: &mut Bump,
    ) -> (Decoded, Option<usize>) {
        let (bytes, mut at) = (chunk.bytes(), 0);
        let mut found = None;
        self.decoder.begin(chunk.records as usize);
        while let Some(fields) = self.indexer.next(bytes, &mut at, BLOCK_RECORDS) {
            if format.fields > format.columns && found.is_none() {
                found = behind(bytes, &fields, format.columns);
            }
            self.decoder.push(&fields, scratch);
            scratch.reset();
        }
        let decoded = self.decoder.finish(chunk.seq, chunk.source_index);
        (decoded, found)
    }
}

/// What of the chunks that `plan` reads tells that the header of a source of so many columns comes
/// again. A single name is a text like any other.
fn told(plan: &DecodePlan, fields: usize) -> Option<Told> {
    let columns = plan.schema.columns.iter().zip(&plan.needed).enumerate();
    let columns = columns.zip(&*plan.fields);
    let (mut has_typed, mut name) = (false, None);
    for ((slot, (column, &needed)), field) in columns {
        let Some(field) = *field else { continue };
        match column.data_type.is_text() {
            false if needed => return Some(Told::Misfits),
            false => has_typed = true,
            true if needed => {
                // Of a dictionary there is less to look at.
                let is_better = name.is_none() || column.data_type == DataType::Categorical;
                name = if is_better { Some((slot, field)) } else { name };
            }
            true => {}
        }
    }
    match name {
        _ if has_typed => Some(Told::Nothing),
        _ if fields == 1 => None,
        Some((slot, field)) => Some(Told::Name { slot, field }),
        None => Some(Told::Nothing),
    }
}

/// The name of field `field` in `header`, if it is a plain one.
fn name_in(header: &[u8], dialect: Dialect, field: usize) -> &[u8] {
    let mut names = header.split(|byte| *byte == dialect.delimiter);
    let name = names.nth(field).unwrap_or_default();
    let name = match dialect.skip_space {
        true => name.trim_ascii(),
        false => name,
    };
    let quoted = |name: &'_ [u8]| match name {
        [first, .., last] if [first, last].map(|byte| Some(*byte)) == [dialect.quote; 2] => 1,
        _ => 0,
    };
    &name[quoted(name)..name.len() - quoted(name)]
}

/// Whether a cell of a column of text is `text`.
fn has_cell(cells: &ArrayRef, text: &[u8]) -> bool {
    let texts = match cells.as_dictionary_opt::<Int32Type>() {
        Some(dictionary) => dictionary.values(),
        None => cells,
    };
    let texts = texts.as_string::<i32>();
    let mut ends = texts.value_offsets().windows(2);
    ends.any(|ends| {
        let (start, end) = (ends[0] as usize, ends[1] as usize);
        end - start == text.len() && texts.value_data()[start..end] == *text
    })
}

/// Whether a cell that does not fit its column is a name in `header`, which then may stand among
/// the records.
fn is_of_header(rejects: &[Reject], header: &[u8], delimiter: u8) -> bool {
    let mut cells = rejects.iter().filter(|reject| reject.slot.is_some());
    cells.any(|cell| {
        let mut names = header.split(|byte| *byte == delimiter);
        names.any(|name| *name == *cell.raw)
    })
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
