//! What the sources hold before the first pass: sampled types, record length.
//!
//! In: the open sources. Out: a [`Table`]. Samples are taken at places spread over all sources, so
//! that a column which changes its nature late is seen; they decide types only, never rows. Where
//! asked for, every record is a sample.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use rayon::prelude::*;

use super::columnar;
use super::dialect::{Formats, SourceFormat};
use super::header::Names;
use super::travel::Place;
use crate::base::{
    Column, DataType, Dialect, Error, ErrorKind, Origin, Position, Quoting, Repair, Result,
};
use crate::config::{Config, Infer};
use crate::csv::{Indexer, Splitter, read_record, resync};
use crate::decode::{Declared, Inference, Inferred, NullTokens, Widen};
use crate::input::{RecordSplit, Source, SplitLimits, Stop, sample_ranges};

/// Places at which types are sampled, over all sources.
const SAMPLE_PLACES: usize = 65;
/// Bytes sampled at one place.
const SAMPLE_BYTES: usize = 64 << 10;
/// The longest header taken in.
const HEADER_BYTES_MAX: usize = 8 << 20;
/// Bytes split off at a time where every record is looked at.
const FULL_BYTES: usize = 1 << 20;
/// Samples take up to this part of the memory limit.
const SAMPLES_SHARE: usize = 4;
/// Records indexed at a time.
const BLOCK_RECORDS: usize = 2048;
/// Sources sampled at most; more are sampled in even steps. As many more are sampled as the first
/// with their columns.
const SAMPLE_SOURCES_MAX: usize = 256;

/// The columns of the input and how they came by their types.
pub(crate) struct Table {
    pub(crate) columns: Vec<Column>,
    /// Per column, why it has its type.
    pub(crate) why: Vec<String>,
    /// Per column, what the samples say.
    pub(crate) inferred: Vec<Inferred>,
    /// Mean length of the sampled records, in bytes.
    pub(crate) record_bytes: usize,
}

impl Table {
    /// Gives the columns that `types` names the types it has for them.
    pub(crate) fn settle_types(&mut self, types: &[(String, DataType)]) {
        for (name, data_type) in types {
            let mut columns = self.columns.iter_mut();
            if let Some(column) = columns.find(|column| *column.name == **name) {
                column.data_type.clone_from(data_type);
            }
        }
    }

    /// Makes a column wider; returns what happened, in words.
    pub(crate) fn widen(&mut self, widen: &Widen, place: &Place) -> String {
        let column = &mut self.columns[widen.slot];
        let text = format!(
            "column `{}` widened from {} to {} by `{}` at {}",
            column.name.escape_debug(),
            column.data_type,
            widen.to,
            String::from_utf8_lossy(&widen.raw).escape_debug(),
            place.position_at(widen.chunk_offset)
        );
        column.data_type = widen.to.clone();
        self.why[widen.slot] = text.clone();
        format!("{text}; starting over")
    }

    /// Fails if cells of a column can be read in two ways.
    pub(crate) fn refuse_ambiguous(&self) -> Result<()> {
        let Some(found) = self.inferred.iter().find(|found| found.ambiguous > 0) else {
            return Ok(());
        };
        let (name, cells) = (found.column.name.escape_debug(), found.ambiguous);
        let message = format!(
            "--strict wants to know how this column is written, since {cells} of its sampled cells \
             can be read in two ways: {}; declare it one way or the other",
            found.why
        );
        Err(Error::usage(format!("--dtype {name}=…"), message))
    }

    /// Adds the column `name`, which holds the path of each row's source.
    pub(crate) fn add_origin(&mut self, name: &str) {
        self.columns.push(Column {
            name: name.into(),
            data_type: DataType::Categorical,
            format: None,
            origin: Origin::Declared,
        });
        self.why
            .push("the path of the row's file (--source-column)".into());
    }
}

/// The record at or behind `at` of `source`, which may name the columns.
pub(crate) fn first_record(source: &Source, at: usize, dialect: Dialect) -> Result<Option<Names>> {
    let Some(record) = read_record(source.bytes(), at, dialect, HEADER_BYTES_MAX) else {
        return Ok(None);
    };
    if let Some((reason, _)) = record.flaw {
        let message =
            format!("the first record cannot be read ({reason}); check --delimiter and --quote");
        return Err(data_error(source, message));
    }
    match Names::new(record) {
        Some(names) => Ok(Some(names)),
        None => Err(data_error(
            source,
            "the first record is not UTF-8; convert the file to UTF-8 first".into(),
        )),
    }
}

pub(crate) fn data_error(source: &Source, message: String) -> Error {
    let position = Position {
        path: source.path().to_path_buf(),
        byte_offset: source.data().start as u64,
        line: Some(1),
    };
    ErrorKind::Data { position, message }.into()
}

pub(crate) fn differs(
    source: &Source,
    with: &Source,
    found: &[String],
    expected: &[String],
) -> Error {
    let at = (0..found.len().max(expected.len()))
        .find(|&index| found.get(index) != expected.get(index))
        .expect("the headers differ");
    let name = |fields: &[String]| match fields.get(at) {
        Some(name) => format!("`{}`", name.escape_debug()),
        None => "missing".into(),
    };
    data_error(
        source,
        format!(
            "column {} is {} here but {} in {}; with --schema-drift fail all files must have the same \
             header",
            at + 1,
            name(found),
            name(expected),
            with.path().display().to_string().escape_debug()
        ),
    )
}

/// `names` as columns have them, and for each the type that `config` declares.
pub(crate) fn declared(
    config: &Config,
    names: &[String],
) -> (Vec<Arc<str>>, Vec<Option<Declared>>) {
    let declared = names.iter().map(|name| {
        let mut dtypes = config.dtypes.iter();
        let (_, spec) = dtypes.find(|(column, _)| column == name)?;
        let format = spec.format.as_deref().map(Arc::from);
        Some((spec.data_type.clone(), format))
    });
    let shared = names.iter().map(|name| name.as_str().into());
    (shared.collect(), declared.collect())
}

/// What types are inferred from, and what calls a long look off.
#[derive(Clone, Copy)]
pub(crate) struct Looking<'a> {
    pub(crate) from: Infer,
    pub(crate) limit_bytes: usize,
    pub(crate) repair: Repair,
    pub(crate) interrupted: &'a AtomicBool,
}

/// Finds each column's type from samples, or takes the declared one.
pub(crate) fn infer(
    sources: &[Arc<Source>],
    formats: &Formats,
    names: &[Arc<str>],
    declared: &[Option<Declared>],
    nulls: &NullTokens,
    looking: Looking<'_>,
) -> Result<Table> {
    let ground = Ground {
        sources,
        formats,
        columns: names.len(),
        nulls,
        looking,
    };
    let full = looking.from == Infer::Full;
    // Typed columns have their types.
    let is_text = |index: &usize| sources[*index].columnar().is_none();
    let sampled: Vec<usize> = sampled(formats).into_iter().filter(is_text).collect();
    let at_a_time = samples_at_a_time(names.len(), looking.limit_bytes)?;
    let sample = match full {
        true => ground.all(at_a_time)?,
        false => ground.places(&sampled, at_a_time),
    };
    sampled
        .iter()
        .for_each(|&index| sources[index].release(sources[index].data()));
    let mut inferred = sample.inference.decide(names, declared);
    if full {
        let why = inferred.iter_mut().map(|found| &mut found.why);
        why.for_each(|why| *why = why.replace("sampled cells", "cells"));
    }
    columnar::join_types(&mut inferred, sources, formats);
    let of_text = sample.bytes / sample.records.max(1);
    Ok(Table {
        columns: inferred.iter().map(|found| found.column.clone()).collect(),
        why: inferred.iter().map(|found| found.why.clone()).collect(),
        inferred,
        record_bytes: of_text.max(columnar::row_bytes(sources)),
    })
}

/// What is looked at, and what for.
struct Ground<'a> {
    sources: &'a [Arc<Source>],
    formats: &'a Formats,
    columns: usize,
    nulls: &'a NullTokens,
    looking: Looking<'a>,
}

impl<'a> Ground<'a> {
    /// Nothing seen yet of fields that are written like that.
    fn sample(&self, quoting: Quoting, delimiter: u8) -> Sample {
        Sample {
            inference: Inference::new(self.columns, self.nulls, quoting).delimited(delimiter),
            records: 0,
            bytes: 0,
        }
    }

    /// A source, and a sample of nothing of it.
    fn source(&self, index: usize) -> (Sampled<'a>, impl Fn() -> Sample + Sync) {
        let sampled = Sampled {
            source: &self.sources[index],
            format: &self.formats.sources[index],
            places: &self.formats.places(index).fields,
            repair: self.looking.repair,
        };
        let dialect = sampled.format.dialect;
        let empty = move || self.sample(dialect.quoting(), dialect.delimiter);
        (sampled, empty)
    }

    /// A sample of every record of all sources.
    fn all(&self, at_a_time: usize) -> Result<Sample> {
        let mut whole = self.sample(Quoting::doubled(None), b',');
        let is_text = |index: &usize| self.sources[*index].columnar().is_none();
        for index in (0..self.sources.len()).filter(is_text) {
            let (sampled, empty) = self.source(index);
            whole = whole.merge(sampled.all(empty, at_a_time, self.looking.interrupted)?);
        }
        Ok(whole)
    }

    /// A sample of places spread over the sources `sampled`.
    fn places(&self, sampled: &[usize], at_a_time: usize) -> Sample {
        let places = (SAMPLE_PLACES / sampled.len().max(1)).max(1);
        let ranges = sampled.iter().flat_map(|&index| {
            let range = self.formats.sources[index].range.clone();
            let ranges = sample_ranges(range, places, SAMPLE_BYTES).into_iter();
            ranges.map(move |range| (index, range))
        });
        let ranges: Vec<(usize, Range<usize>)> = ranges.collect();
        let places_min = ranges.len().div_ceil(at_a_time);
        let ranges = ranges.into_par_iter().with_min_len(places_min);
        let samples = ranges.map(|(index, range)| {
            let (sampled, empty) = self.source(index);
            let sample = sampled.around(range.clone(), &empty);
            // Records reach past the end of the sample.
            sampled
                .source
                .release(range.start..range.end + SAMPLE_BYTES);
            sample
        });
        samples.reduce(|| self.sample(Quoting::doubled(None), b','), Sample::merge)
    }
}

/// How many places can be sampled at the same time within the limit, each of which takes room twice:
/// for what is seen there, and for what was seen before.
fn samples_at_a_time(columns: usize, limit_bytes: usize) -> Result<usize> {
    let sample_bytes = 2 * columns * Inference::COLUMN_BYTES;
    match limit_bytes / SAMPLES_SHARE / sample_bytes.max(1) {
        0 => Err(ErrorKind::MemoryLimit {
            term: format!("finding out the types of {columns} columns"),
            needed_bytes: (sample_bytes * SAMPLES_SHARE) as u64,
            limit_bytes: limit_bytes as u64,
            advice: "raise --memory-limit, or take in fewer columns with --select".into(),
        }
        .into()),
        samples => Ok(samples.min(SAMPLE_PLACES)),
    }
}

/// The sources that types are sampled from: some in even steps, and the first of each way in which
/// columns stand in them.
fn sampled(formats: &Formats) -> Vec<usize> {
    let of_source = &formats.columns.of_source;
    let step = of_source.len().div_ceil(SAMPLE_SOURCES_MAX);
    let mut seen = HashSet::new();
    let mut rare = 0;
    let is_sampled = |&source: &usize| {
        let is_new = seen.insert(of_source[source]) && rare < SAMPLE_SOURCES_MAX;
        let is_due = source % step == 0;
        rare += usize::from(is_new && !is_due);
        is_new || is_due
    };
    (0..of_source.len()).filter(is_sampled).collect()
}

struct Sample {
    inference: Inference,
    records: usize,
    bytes: usize,
}

/// A source that types are sampled from.
#[derive(Clone, Copy)]
struct Sampled<'a> {
    source: &'a Source,
    format: &'a SourceFormat,
    places: &'a [Option<usize>],
    repair: Repair,
}

impl Sampled<'_> {
    /// A sample of the records of about `range`; what is seen is added to an `empty` one.
    fn around(self, range: Range<usize>, empty: impl Fn() -> Sample) -> Sample {
        let mut sample = empty();
        let bytes = self.bytes();
        let (dialect, fields) = (self.format.dialect, self.format.fields);
        let is_first = range.start <= self.format.range.start;
        let at = match is_first {
            true => self.format.range.start,
            false => match resync(bytes, range.start, fields, dialect) {
                Some(at) => at,
                None => return sample,
            },
        };
        let window = range.end.saturating_sub(at).max(1);
        let limits = SplitLimits {
            records_max: usize::MAX,
            bytes_max: window,
            record_bytes_max: 16 * window,
        };
        let mut released = at;
        let mut passed = |offset| {
            self.source.release(released..offset);
            released = offset;
        };
        let split = Splitter::new(dialect).split(bytes, at, &limits, &mut passed);
        sample.records += split.records as usize;
        let rows = self.observe(at..split.end, limits.record_bytes_max, &mut sample);
        // Among lines within a long field some are like records by accident.
        match is_first || 3 * rows >= 2 * sample.records {
            true => sample,
            false => empty(),
        }
    }

    /// A sample of every record; each megabyte adds to one of its own, which is `empty` at first.
    fn all(
        self,
        empty: impl Fn() -> Sample + Sync,
        at_a_time: usize,
        interrupted: &AtomicBool,
    ) -> Result<Sample> {
        let limits = SplitLimits {
            records_max: usize::MAX,
            bytes_max: FULL_BYTES,
            record_bytes_max: HEADER_BYTES_MAX,
        };
        let splitter = Splitter::new(self.format.dialect).reading_on(self.format.fields);
        let at_a_time = at_a_time.min(2 * rayon::current_num_threads());
        let mut whole = empty();
        let mut next = Some(self.format.range.start);
        while let Some(start) = next {
            super::open::check(interrupted)?;
            let mut ranges = Vec::with_capacity(at_a_time);
            let mut end = start;
            while let Some(at) = next.filter(|_| ranges.len() < at_a_time) {
                let mut released = at;
                let split = splitter.split(self.bytes(), at, &limits, &mut |offset| {
                    self.source.release(released..offset);
                    released = offset;
                });
                whole.records += split.records as usize;
                ranges.push(at..split.end);
                (end, next) = match split.stop {
                    Stop::EndOfInput => (split.end, None),
                    Stop::Full => (split.end, Some(split.end)),
                    Stop::Oversize { resume, .. } => (resume, Some(resume)),
                };
            }
            let samples = ranges.into_par_iter().map(|range| {
                let mut sample = empty();
                self.observe(range, limits.record_bytes_max, &mut sample);
                sample
            });
            // In order, so that what is kept of many spellings does not depend on threads.
            let samples: Vec<Sample> = samples.collect();
            whole = samples.into_iter().fold(whole, Sample::merge);
            self.source.release(start..end);
        }
        Ok(whole)
    }

    /// Adds the records in `range`, which ends with one; how many of them are rows.
    fn observe(self, range: Range<usize>, record_bytes_max: usize, sample: &mut Sample) -> usize {
        let indexer = Indexer::new(self.format.dialect, self.format.fields, record_bytes_max);
        let mut indexer = indexer.repairing(self.repair);
        let (bytes, mut from) = (&self.bytes()[range.clone()], 0);
        indexer.reject_header(self.format.header_in(bytes));
        let mut rows = 0;
        while let Some(fields) = indexer.next(bytes, &mut from, BLOCK_RECORDS) {
            sample.inference.observe(&fields, self.places);
            rows += fields.rows();
        }
        sample.bytes += range.len();
        rows
    }

    fn bytes(&self) -> &[u8] {
        &self.source.bytes()[..self.format.range.end]
    }
}

impl Sample {
    fn merge(mut self, other: Self) -> Self {
        self.inference.merge(other.inference);
        self.records += other.records;
        self.bytes += other.bytes;
        self
    }
}
