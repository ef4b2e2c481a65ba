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
use crate::base::{
    Column, DataType, Dialect, ErrorKind, Origin, Position, Quoting, Repair, Result,
};
use crate::config::Infer;
use crate::csv::{Indexer, Splitter, read_record, resync};
use crate::decode::{Declared, Inference, Inferred, NullTokens};
use crate::input::{RecordSplit, Source, SplitLimits, Stop, sample_ranges};

/// Places at which types are sampled, over all sources.
const SAMPLE_PLACES: usize = 65;
/// Bytes sampled at one place.
const SAMPLE_BYTES: usize = 64 << 10;
/// The longest header taken in.
const HEADER_BYTES_MAX: usize = 8 << 20;
/// Bytes split off at a time where every record is looked at.
const FULL_BYTES: usize = 1 << 20;
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

pub(crate) fn data_error(source: &Source, message: String) -> crate::Error {
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
) -> crate::Error {
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

/// What types are inferred from, and what calls a long look off.
#[derive(Clone, Copy)]
pub(crate) struct Looking<'a> {
    pub(crate) from: Infer,
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
    let full = looking.from == Infer::Full;
    let sampled: Vec<usize> = match full {
        true => (0..sources.len()).collect(),
        false => sampled(formats),
    };
    // Typed columns have their types.
    let is_text = |index: &usize| sources[*index].columnar().is_none();
    let sampled: Vec<usize> = sampled.into_iter().filter(is_text).collect();
    let places: Vec<(usize, Range<usize>)> = sampled
        .iter()
        .flat_map(|&source| {
            let places = (SAMPLE_PLACES / sampled.len()).max(1);
            let range = formats.sources[source].range.clone();
            let ranges = match full {
                true => vec![range],
                false => sample_ranges(range, places, SAMPLE_BYTES),
            };
            ranges.into_iter().map(move |range| (source, range))
        })
        .collect();
    let empty = |quoting: Quoting, delimiter: u8| Sample {
        inference: Inference::new(names.len(), nulls, quoting).delimited(delimiter),
        records: 0,
        bytes: 0,
    };
    let sample = places
        .into_par_iter()
        .map(|(index, range)| -> Result<Sample> {
            let (source, format) = (&sources[index], &formats.sources[index]);
            let mut sample = empty(format.dialect.quoting(), format.dialect.delimiter);
            let places = &formats.places(index).fields;
            if full {
                sample.observe_all(source, (format, places), looking)?;
            } else {
                sample.observe(source, (format, places, looking.repair), range.clone());
                // Records reach past the end of the sample.
                source.release(range.start..range.end + SAMPLE_BYTES);
            }
            Ok(sample)
        })
        .try_reduce(
            || empty(Quoting::doubled(None), b','),
            |one, other| Ok(one.merge(other)),
        )?;
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

impl Sample {
    fn observe(
        &mut self,
        source: &Source,
        (format, places, repair): (&SourceFormat, &[Option<usize>], Repair),
        range: Range<usize>,
    ) {
        let bytes = &source.bytes()[..format.range.end];
        let (dialect, fields) = (format.dialect, format.fields);
        let at = match range.start <= format.range.start {
            true => format.range.start,
            false => match resync(bytes, range.start, fields, dialect) {
                Some(at) => at,
                None => return,
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
            source.release(released..offset);
            released = offset;
        };
        let split = Splitter::new(dialect).split(bytes, at, &limits, &mut passed);
        let indexer = Indexer::new(dialect, fields, limits.record_bytes_max);
        let mut indexer = indexer.repairing(repair);
        let mut from = 0;
        while let Some(fields) = indexer.next(&bytes[at..split.end], &mut from, BLOCK_RECORDS) {
            self.inference.observe(&fields, places);
        }
        self.records += split.records as usize;
        self.bytes += split.end - at;
    }

    /// Looks at every record of a source.
    fn observe_all(
        &mut self,
        source: &Source,
        (format, places): (&SourceFormat, &[Option<usize>]),
        looking: Looking<'_>,
    ) -> Result<()> {
        let bytes = &source.bytes()[..format.range.end];
        let limits = SplitLimits {
            records_max: usize::MAX,
            bytes_max: FULL_BYTES,
            record_bytes_max: HEADER_BYTES_MAX,
        };
        let splitter = Splitter::new(format.dialect);
        let indexer = Indexer::new(format.dialect, format.fields, limits.record_bytes_max);
        let mut indexer = indexer.repairing(looking.repair);
        let mut at = format.range.start;
        loop {
            super::open::check(looking.interrupted)?;
            let split = splitter.split(bytes, at, &limits, &mut |_| {});
            let mut from = 0;
            while let Some(fields) = indexer.next(&bytes[at..split.end], &mut from, BLOCK_RECORDS) {
                self.inference.observe(&fields, places);
            }
            self.records += split.records as usize;
            self.bytes += split.end - at;
            let next = match split.stop {
                Stop::EndOfInput => return Ok(()),
                Stop::Full => split.end,
                Stop::Oversize { resume, .. } => resume,
            };
            source.release(at..next);
            at = next;
        }
    }

    fn merge(mut self, other: Self) -> Self {
        self.inference.merge(other.inference);
        self.records += other.records;
        self.bytes += other.bytes;
        self
    }
}
