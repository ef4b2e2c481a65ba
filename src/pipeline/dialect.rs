//! The open sources -> how each of them is read: its dialect, the place of its records, its names.
//!
//! Invariant: what is given stands, the rest is found around it; every line of a source is a header,
//! a record, or told as skipped. Only a few places of a source are looked at, whatever its length.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use super::behind::head;
use super::columnar;
use super::columns::{Header, Matched, Places};
use super::header::{is_like, joined, kept};
use super::infer::{data_error, differs, first_record};
use super::passed::PassedOver;
use super::refeed::Known as Refed;
use super::sampling::Sampling;
use super::worker;
use crate::base::{Dialect, Error, Known, Result, Schema, SchemaDrift};
use crate::config::{Config, choose_columns};
use crate::csv::Splitter;
use crate::csv::sniff::{self, Skipped, Sniffed, Table, What};
use crate::decode::{DecodePlan, NullTokens};
use crate::input::{Records, Source};

/// The longest header that the next source is compared with, in bytes.
const LIKE_BYTES_MAX: usize = 4 << 10;

/// How one source is read.
pub(crate) struct SourceFormat {
    pub(crate) dialect: Dialect,
    /// Fields of a record.
    pub(crate) fields: usize,
    /// The first so many of them are columns; the rest is empty.
    pub(crate) columns: usize,
    /// Names as they stand there; `None` without a header.
    pub(crate) names: Option<Vec<String>>,
    pub(crate) header_rows: usize,
    /// The record that names the columns, as it stands there, if it is one.
    pub(crate) header: Option<Arc<[u8]>>,
    /// The offsets of the records.
    pub(crate) range: Range<usize>,
    pub(crate) first_line: u64,
    /// What is no part of the table, in order, with offsets into the source.
    pub(crate) skipped: Vec<Skipped>,
    pub(crate) tables: Vec<Table>,
    pub(crate) evidence: Vec<String>,
    /// Whether the source is as plain as can be.
    pub(crate) is_plain: bool,
}

/// What records that are read alike have in common.
#[derive(PartialEq, Eq, Hash)]
struct Reading {
    dialect: Dialect,
    fields: usize,
    columns: usize,
    /// Index of their places.
    places: usize,
}

/// How all sources of a run are read.
pub(crate) struct Formats {
    pub(crate) sources: Vec<SourceFormat>,
    /// Their columns, and where they stand in each.
    pub(crate) columns: Matched,
    /// The path of each as columns hold it, if any does.
    origins: Option<Arc<[Arc<str>]>>,
    /// The sources that records were in at first, by the index of the source that they are fed in
    /// again by.
    fed: HashMap<usize, String>,
    /// The longest field.
    field_bytes_max: usize,
    /// Which of their records are kept, if not all.
    sampling: Option<Sampling>,
}

impl Formats {
    /// Finds out how each of `sources` is read, and matches their columns.
    pub(crate) fn find(
        sources: &[Arc<Source>],
        known: Vec<Option<Refed>>,
        config: &Config,
    ) -> Result<Self> {
        let mut formats: Vec<SourceFormat> = Vec::with_capacity(sources.len());
        let mut like: Option<Vec<u8>> = None;
        let mut fed = HashMap::new();
        for (source, known) in sources.iter().zip(known) {
            if let Some(known) = known {
                fed.insert(formats.len(), known.origin.clone());
                formats.push(SourceFormat::known(source, known));
                continue;
            }
            let names = formats.iter().find_map(|format| format.names.as_ref());
            let found = SourceFormat::find(source, config, names, like.as_deref());
            let found = found.map(|format| {
                like = format.is_plain.then(|| beginning(source, &format));
                formats.push(format);
            });
            source.release(source.data());
            found?;
        }
        let columns = matched(sources, &mut formats, config)?;
        let seed = config.seed;
        let mut found = Self {
            sources: formats,
            columns,
            origins: None,
            fed,
            field_bytes_max: config.field_bytes_max,
            sampling: { config.sample }.map(|fraction| Sampling { fraction, seed }),
        };
        if config.source_column.is_some() {
            let origins = sources.iter().enumerate();
            let origins = origins.map(|(index, source)| found.origin(index, source).into());
            found.origins = Some(origins.collect());
        }
        Ok(found)
    }

    /// The path of source `index`, or of the one that its records were in at first.
    pub(crate) fn origin(&self, index: usize, source: &Source) -> String {
        let fed = self.fed.get(&index).cloned();
        fed.unwrap_or_else(|| source.path().to_string_lossy().into_owned())
    }

    /// Where the input's columns stand in source `source`.
    pub(crate) fn places(&self, source: usize) -> &Places {
        &self.columns.places[self.columns.of_source[source]]
    }

    /// Reads the last field of every record as a column, which had been taken for the empty end
    /// behind a trailing delimiter.
    pub(crate) fn keep_last_fields(
        &mut self,
        sources: &[Arc<Source>],
        config: &Config,
    ) -> Result<()> {
        for format in &mut self.sources {
            format.columns = format.fields;
            if let Some(names) = &mut format.names {
                names.resize(format.fields, String::new());
            }
        }
        self.columns = matched(sources, &mut self.sources, config)?;
        Ok(())
    }

    /// How workers read the sources' records to make columns of `schema`, those that are `needed`.
    pub(crate) fn readers(
        &self,
        schema: &Arc<Schema>,
        needed: &[bool],
        nulls: &NullTokens,
    ) -> worker::Formats {
        let mut all: Vec<worker::Format> = Vec::new();
        let mut known: HashMap<Reading, usize> = HashMap::new();
        let sources = self.sources.iter().zip(&self.columns.of_source);
        let of_source = sources.map(|(source, &places)| {
            let reading = Reading {
                dialect: source.dialect,
                fields: source.fields,
                columns: source.columns,
                places,
            };
            *known.entry(reading).or_insert_with(|| {
                let fields = &self.columns.places[places].fields;
                let decode = Arc::new(DecodePlan {
                    schema: Arc::clone(schema),
                    slots: schema.columns.len(),
                    needed: needed.to_vec(),
                    fields: { fields.iter().copied() }
                        .chain(self.origins.iter().map(|_| None))
                        .collect(),
                    origins: self.origins.clone(),
                    nulls: nulls.clone(),
                    quoting: source.dialect.quoting(),
                });
                all.push(worker::Format {
                    dialect: source.dialect,
                    fields: source.fields,
                    columns: source.columns,
                    decode,
                });
                all.len() - 1
            })
        });
        let of_source = of_source.collect();
        let headers = self.sources.iter().map(|source| source.header.clone());
        worker::Formats {
            all,
            of_source,
            headers: headers.collect(),
            field_bytes_max: self.field_bytes_max,
            passed_over: PassedOver::default(),
            sampling: self.sampling,
        }
    }

    /// Where the records of the sources are.
    pub(crate) fn records(&self, sources: &[Arc<Source>]) -> Vec<Records> {
        let pairs = sources.iter().zip(&self.sources);
        let records = pairs.map(|(source, format)| Records {
            source: Arc::clone(source),
            splitter: match source.columnar() {
                None => {
                    let splitter = Splitter::new(format.dialect).reading_on(format.fields);
                    Some(Arc::new(splitter))
                }
                Some(_) => None,
            },
            range: format.range.clone(),
            first_line: format.first_line,
        });
        records.collect()
    }
}

/// The bytes that another source like this one begins with too.
fn beginning(source: &Source, format: &SourceFormat) -> Vec<u8> {
    let start = source.data().start;
    let end = format.range.start.min(start + LIKE_BYTES_MAX);
    source.bytes()[start..end].to_vec()
}

/// The columns of all sources, matched as `config` says.
fn matched(
    sources: &[Arc<Source>],
    formats: &mut [SourceFormat],
    config: &Config,
) -> Result<Matched> {
    if formats.iter().all(|format| format.columns == 0) {
        let message = match config.known.header == Some(false) {
            true => "the file is empty; nothing to do",
            false => "there is not even a header; nothing to do",
        };
        let source = sources.first();
        let source = source.expect("discovery yields at least one source");
        return Err(data_error(source, message.into()));
    }
    if config.schema_drift == SchemaDrift::Fail {
        agree(sources, formats)?;
    }
    let headers = formats.iter().map(|format| Header {
        names: format.names.as_deref(),
        columns: format.columns,
    });
    let matched = Matched::new(&headers.collect::<Vec<_>>(), config.schema_drift);
    let mut matched = matched.map_err(|message| Error::usage("--input", message))?;
    let (columns, most) = (matched.names.len(), config.columns_max);
    if columns == 0 {
        let message = "no column is in all files; pass --schema-drift union to keep those of any";
        return Err(Error::usage("--schema-drift intersect", message));
    }
    if columns > most {
        let message = format!(
            "the files have {columns} different columns together, more than --max-columns {most} \
             allows; raise it, or pass --schema-drift intersect"
        );
        return Err(Error::usage("--input", message));
    }
    matched.choose(&choose_columns(config, &matched.header)?);
    Ok(matched)
}

/// Fails if sources name their columns differently. Those without a header take the width of the
/// others.
fn agree(sources: &[Arc<Source>], formats: &mut [SourceFormat]) -> Result<()> {
    let mut first: Option<(&Source, &[String])> = None;
    for (source, format) in sources.iter().zip(&*formats) {
        let Some(names) = &format.names else { continue };
        match first {
            None => first = Some((source, names)),
            Some((with, expected)) if expected != names => {
                return Err(differs(source, with, names, expected));
            }
            Some(_) => {}
        }
    }
    let mut widths = formats.iter().map(|format| format.columns);
    let width = first.map(|(_, names)| names.len());
    let width = width.or_else(|| widths.find(|columns| *columns > 0));
    let width = width.expect("some source has columns");
    // Records of another width than the table's are told apart by whoever reads them.
    for format in formats.iter_mut().filter(|format| format.columns != width) {
        (format.fields, format.columns) = (width, width);
    }
    Ok(())
}

impl SourceFormat {
    /// Finds out how `source` is read. `expected` are the names that other sources have; one that
    /// begins `like` the one before needs less looking at.
    fn find(
        source: &Source,
        config: &Config,
        expected: Option<&Vec<String>>,
        like: Option<&[u8]>,
    ) -> Result<Self> {
        if let Some(columns) = source.columnar() {
            let format = columnar::format(columns);
            format.check_width(source, config.columns_max)?;
            return Ok(format);
        }
        if !config.sniff {
            let format = Self::given(source, config)?;
            format.check_width(source, config.columns_max)?;
            return Ok(format);
        }
        let (bytes, data) = (source.bytes(), source.data());
        let head = head(&bytes[data.clone()], like);
        let is_whole = head.len() == data.len();
        let look = |known: &Known| {
            let sniffed = sniff::sniff(head, is_whole, known);
            sniffed.map_err(|message| data_error(source, message))
        };
        let mut sniffed = look(&config.known)?;
        if sniffed.header_rows == 0
            && config.known.header.is_none()
            && let Some(record) = first_record(source, data.start + sniffed.start, sniffed.dialect)?
            && expected.is_some_and(|expected| is_like(&record.names, expected))
        {
            let header = Some(true);
            sniffed = look(&Known {
                header,
                ..config.known
            })?;
        }
        let behind = data.start + head.len();
        let mut format = Self::new(source, sniffed)?;
        if !is_whole {
            format.look_behind(source, behind..data.end, &config.known);
        }
        format.check_width(source, config.columns_max)?;
        Ok(format)
    }

    /// The format that `sniffed` describes, whose offsets are into the data.
    fn new(source: &Source, sniffed: Sniffed) -> Result<Self> {
        let data = source.data();
        let is_plain = sniffed.skipped.is_empty()
            && sniffed.tables.is_empty()
            && sniffed.columns == sniffed.fields
            && sniffed.header_rows == 1
            && !(sniffed.lacks_first_name || sniffed.lacks_last_name)
            && sniffed.dialect == Dialect::default();
        let (mut rows, mut header) = (Vec::new(), None);
        let mut at = data.start + sniffed.start;
        for _ in 0..sniffed.header_rows.max(1) {
            let Some(record) = first_record(source, at, sniffed.dialect)? else {
                break;
            };
            at = record.next;
            header = kept(source.bytes(), record.range);
            rows.push(record.names);
        }
        let is_empty = rows.is_empty();
        let mut names = joined(rows);
        let (fields, columns) = match sniffed.columns < sniffed.fields {
            _ if is_empty => (0, 0),
            true => (sniffed.fields, sniffed.columns),
            false if sniffed.lacks_first_name => {
                names.insert(0, String::new());
                (names.len(), names.len())
            }
            false if sniffed.lacks_last_name => {
                names.push(String::new());
                (names.len(), names.len())
            }
            false if sniffed.header_rows == 0 => (sniffed.fields, sniffed.fields),
            false => (names.len(), names.len()),
        };
        names.truncate(columns);
        let records = data.start + sniffed.data;
        let start = match sniffed.header_rows {
            _ if is_empty => data.end,
            0 => records,
            _ => at.max(records),
        };
        let end = sniffed.end.map_or(data.end, |end| data.start + end);
        let line_end = sniffed.dialect.line_end;
        let moved = |range: Range<usize>| range.start + data.start..range.end + data.start;
        let skipped = sniffed.skipped.into_iter().map(|skipped| Skipped {
            range: moved(skipped.range),
            ..skipped
        });
        let tables = sniffed.tables.into_iter().map(|table| Table {
            range: moved(table.range),
            ..table
        });
        Ok(Self {
            dialect: Dialect {
                header: sniffed.header_rows > 0,
                ..sniffed.dialect
            },
            fields,
            columns,
            names: (sniffed.header_rows > 0 && !is_empty).then_some(names),
            header: header.filter(|_| sniffed.header_rows == 1),
            header_rows: sniffed.header_rows,
            range: start..end.max(start),
            first_line: 1 + line_end.count(source.bytes(), data.start..start),
            skipped: skipped.collect(),
            tables: tables.collect(),
            evidence: sniffed.evidence,
            is_plain,
        })
    }

    /// The format that is known already; all of the source is records.
    fn known(source: &Source, known: Refed) -> Self {
        Self {
            dialect: known.dialect,
            fields: known.fields,
            columns: known.columns,
            header_rows: usize::from(known.names.is_some()),
            names: known.names,
            range: source.data(),
            first_line: known.first_line,
            skipped: Vec::new(),
            tables: Vec::new(),
            evidence: known.evidence,
            header: None,
            is_plain: known.dialect == Dialect::default(),
        }
    }

    /// The format that `config` describes, with nothing found out.
    fn given(source: &Source, config: &Config) -> Result<Self> {
        let (bytes, data, known) = (source.bytes(), source.data(), &config.known);
        let skipped = known.skip_rows.unwrap_or(0);
        let line_end = config.dialect.line_end;
        let start = sniff::after_lines(&bytes[data.clone()], skipped, line_end);
        let header_rows = match config.dialect.header {
            true => known.header_rows.unwrap_or(1),
            false => 0,
        };
        let first = first_record(source, data.start + start, config.dialect)?;
        let fields = first.map_or(0, |record| record.names.len());
        let before = (start > 0).then_some(Skipped {
            range: 0..start,
            what: What::Preamble,
        });
        let sniffed = Sniffed {
            dialect: config.dialect,
            fields,
            columns: fields,
            records: 0,
            regular: 0,
            start,
            header_rows,
            lacks_first_name: false,
            lacks_last_name: false,
            data: start,
            end: None,
            skipped: before.into_iter().collect(),
            tables: Vec::new(),
            evidence: vec!["given; nothing was found out (--no-sniff)".to_owned()],
        };
        Self::new(source, sniffed)
    }

    /// The header, if it may stand among the records in `bytes` once more.
    pub(crate) fn header_in(&self, bytes: &[u8]) -> Option<Arc<[u8]>> {
        let header = self.header.as_ref();
        let found = header.filter(|header| memchr::memmem::find(bytes, header).is_some());
        found.cloned()
    }

    /// Fails if there are more than `columns_max` columns.
    fn check_width(&self, source: &Source, columns_max: usize) -> Result<()> {
        if self.columns <= columns_max {
            return Ok(());
        }
        let or = match source.columnar() {
            None => "check --delimiter, or ",
            Some(_) => "",
        };
        let message = format!(
            "the file has {} columns, more than --max-columns {columns_max} allows; {or}raise it",
            self.columns
        );
        Err(data_error(source, message))
    }
}
