//! What the sources look like before the first pass: column names, sampled types, record length.
//!
//! In: the open sources. Out: a [`Table`]. Samples are taken at places spread over all sources, so
//! that a column which changes its nature late is seen; they decide types only, never rows.

use std::collections::HashSet;
use std::sync::Arc;

use rayon::prelude::*;

use crate::base::{Column, Dialect, ErrorKind, Position, Repair, Result};
use crate::csv::{Indexer, read_record, resync};
use crate::decode::{Declared, Inference, NullTokens};
use crate::input::{RecordSplit, Source, SplitLimits, sample_ranges};

/// Places at which types are sampled, over all sources.
const SAMPLE_PLACES: usize = 65;
/// Bytes sampled at one place.
const SAMPLE_BYTES: usize = 64 << 10;
/// The longest header taken in.
const HEADER_BYTES_MAX: usize = 64 << 20;
/// Records indexed at a time.
const BLOCK_RECORDS: usize = 2048;
/// Sources sampled at most; more are sampled in even steps.
const SAMPLE_SOURCES_MAX: usize = 256;

/// The columns of the input and how they came by their types.
pub(crate) struct Table {
    pub(crate) columns: Vec<Column>,
    /// Per column, why it has its type.
    pub(crate) why: Vec<String>,
    /// Mean length of the sampled records, in bytes.
    pub(crate) record_bytes: usize,
}

/// Reads the column names: from the first record of each source, which must agree, or made up.
pub(crate) fn column_names(sources: &[Arc<Source>], dialect: Dialect) -> Result<Vec<String>> {
    let mut first: Option<(&Source, Vec<String>)> = None;
    for source in sources {
        let record = first_record(source, dialect);
        source.release(source.data());
        let Some(fields) = record? else {
            continue;
        };
        match &first {
            None => first = Some((source, fields)),
            Some((with, expected)) if dialect.header && *expected != fields => {
                return Err(differs(source, with, &fields, expected));
            }
            Some(_) => {}
        }
    }
    let Some((_, fields)) = first else {
        let source = sources
            .first()
            .expect("discovery yields at least one source");
        let message = if dialect.header {
            "there is not even a header; nothing to do".into()
        } else {
            "the file is empty; nothing to do".into()
        };
        return Err(data_error(source, message));
    };
    if dialect.header {
        Ok(unique_names(fields))
    } else {
        Ok((1..=fields.len())
            .map(|number| format!("column_{number}"))
            .collect())
    }
}

/// Refuses a table that is wider than asked for.
///
/// # Errors
/// [`ErrorKind::Data`] at the first source.
pub(crate) fn check_columns_max(
    sources: &[Arc<Source>],
    columns: usize,
    columns_max: usize,
) -> Result<()> {
    if columns <= columns_max {
        return Ok(());
    }
    let message = format!(
        "the first record has {columns} fields, more than --max-columns {columns_max}; check \
         --delimiter, --quote and --line-end"
    );
    Err(data_error(&sources[0], message))
}

fn first_record(source: &Source, dialect: Dialect) -> Result<Option<Vec<String>>> {
    let bytes = source.bytes();
    let record = read_record(bytes, source.data().start, dialect, HEADER_BYTES_MAX);
    let Some(record) = record else {
        return Ok(None);
    };
    if let Some((reason, _)) = record.flaw {
        let message =
            format!("the first record cannot be read ({reason}); check --delimiter and --quote");
        return Err(data_error(source, message));
    }
    let fields = record
        .fields
        .into_iter()
        .map(String::from_utf8)
        .collect::<Result<_, _>>();
    fields.map(Some).map_err(|_| {
        data_error(
            source,
            "the first record is not UTF-8; convert the file to UTF-8 first".into(),
        )
    })
}

fn data_error(source: &Source, message: String) -> crate::Error {
    let position = Position {
        path: source.path().to_path_buf(),
        byte_offset: source.data().start as u64,
        line: Some(1),
    };
    ErrorKind::Data { position, message }.into()
}

fn differs(source: &Source, with: &Source, found: &[String], expected: &[String]) -> crate::Error {
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
            "column {} is {} here but {} in {}; files of one run must have the same header",
            at + 1,
            name(found),
            name(expected),
            with.path().display().to_string().escape_debug()
        ),
    )
}

/// Gives empty names a number and repeated names a suffix, so that each is unique.
fn unique_names(fields: Vec<String>) -> Vec<String> {
    let given: HashSet<String> = fields.iter().cloned().collect();
    let mut taken = HashSet::new();
    let mut names = Vec::with_capacity(fields.len());
    for (index, field) in fields.into_iter().enumerate() {
        let base = if field.is_empty() {
            format!("column_{}", index + 1)
        } else {
            field.clone()
        };
        let mut name = base.clone();
        let mut number = 2;
        while taken.contains(&name) || (name != field && given.contains(&name)) {
            name = format!("{base}_{number}");
            number += 1;
        }
        taken.insert(name.clone());
        names.push(name);
    }
    names
}

/// Finds each column's type from samples, or takes the declared one.
pub(crate) fn infer(
    sources: &[Arc<Source>],
    names: &[Arc<str>],
    declared: &[Option<Declared>],
    nulls: &NullTokens,
    splitter: &dyn RecordSplit,
    (dialect, repair): (Dialect, Repair),
) -> Table {
    let step = sources.len().div_ceil(SAMPLE_SOURCES_MAX);
    let sampled: Vec<&Arc<Source>> = sources.iter().step_by(step).collect();
    let places: Vec<(&Source, usize, usize)> = sampled
        .iter()
        .flat_map(|source| {
            let places = (SAMPLE_PLACES / sampled.len()).max(1);
            let ranges = sample_ranges(source.data(), places, SAMPLE_BYTES);
            ranges
                .into_iter()
                .map(|range| (&***source, range.start, range.end))
        })
        .collect();
    let empty = || Sample {
        inference: Inference::new(names.len(), nulls, dialect.quoting()),
        records: 0,
        bytes: 0,
    };
    let sample = places
        .into_par_iter()
        .map(|(source, start, end)| {
            let mut sample = empty();
            let reading = (dialect, repair);
            sample.observe(source, start..end, names.len(), splitter, reading);
            // Records reach past the end of the sample.
            source.release(start..end + SAMPLE_BYTES);
            sample
        })
        .reduce(empty, Sample::merge);
    sampled
        .iter()
        .for_each(|source| source.release(source.data()));
    let (columns, why) = sample
        .inference
        .decide(names, declared)
        .into_iter()
        .map(|found| (found.column, found.why))
        .unzip();
    Table {
        columns,
        why,
        record_bytes: sample.bytes / sample.records.max(1),
    }
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
        range: std::ops::Range<usize>,
        columns: usize,
        splitter: &dyn RecordSplit,
        (dialect, repair): (Dialect, Repair),
    ) {
        let bytes = source.bytes();
        let start = source.data().start;
        let at = if range.start <= start {
            if dialect.header {
                after_first_record(bytes, start, splitter)
            } else {
                start
            }
        } else {
            match resync(bytes, range.start, columns, dialect) {
                Some(at) => at,
                None => return,
            }
        };
        let window = range.end.saturating_sub(at).max(1);
        let limits = SplitLimits {
            records_max: usize::MAX,
            bytes_max: window,
            record_bytes_max: 16 * window,
        };
        let split = splitter.split(bytes, at, &limits, &mut |_| {});
        let indexer = Indexer::new(dialect, columns, limits.record_bytes_max);
        let mut indexer = indexer.repairing(repair);
        let mut from = 0;
        while let Some(fields) = indexer.next(&bytes[at..split.end], &mut from, BLOCK_RECORDS) {
            self.inference.observe(&fields);
        }
        self.records += split.records as usize;
        self.bytes += split.end - at;
    }

    fn merge(mut self, other: Self) -> Self {
        self.inference.merge(other.inference);
        self.records += other.records;
        self.bytes += other.bytes;
        self
    }
}

fn after_first_record(bytes: &[u8], start: usize, splitter: &dyn RecordSplit) -> usize {
    let limits = SplitLimits {
        records_max: 1,
        bytes_max: usize::MAX,
        record_bytes_max: usize::MAX,
    };
    splitter.split(bytes, start, &limits, &mut |_| {}).end
}

#[cfg(test)]
mod tests {
    use super::unique_names;

    #[test]
    fn names_become_unique() {
        let fields = ["a", "", "a", "a_2", "a", "column_2"]
            .map(String::from)
            .to_vec();
        let names = unique_names(fields);
        assert_eq!(names, ["a", "column_2_2", "a_3", "a_2", "a_4", "column_2"]);
    }
}
