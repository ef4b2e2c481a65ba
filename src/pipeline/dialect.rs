//! The open sources -> how each of them is read: its dialect, the place of its records, its names.
//!
//! Invariant: what is given stands, the rest is found around it; every line of a source is a header,
//! a record, or told as skipped. Only a few places of a source are looked at, whatever its length.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use super::columnar;
use super::columns::{Header, Matched, Places};
use super::header::{is_like, joined};
use super::infer::{data_error, differs, first_record};
use super::sampling::Sampling;
use super::worker;
use crate::base::{Dialect, Error, Known, Result, Schema, SchemaDrift};
use crate::config::{Config, choose_columns};
use crate::csv::Splitter;
use crate::csv::sniff::{self, Skipped, Sniffed, Table, What};
use crate::decode::{DecodePlan, NullTokens};
use crate::input::{Records, Source, sample_ranges};

/// Places further in that must confirm what the head says.
const PLACES: usize = 8;
/// Bytes read at one of them.
const PLACE_BYTES: usize = 16 << 10;
/// The head of a source that begins like the one before it.
const LIKE_HEAD_BYTES: usize = 32 << 10;
/// Lines that a head must have to say something.
const LINES_MIN: usize = 3;
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
    /// The path of each, where a column holds it.
    origins: Option<Arc<[Arc<str>]>>,
    /// Which of their records are kept, if not all.
    sampling: Option<Sampling>,
}

impl Formats {
    /// Finds out how each of `sources` is read, and matches their columns.
    pub(crate) fn find(sources: &[Arc<Source>], config: &Config) -> Result<Self> {
        let mut formats: Vec<SourceFormat> = Vec::with_capacity(sources.len());
        let mut like: Option<Vec<u8>> = None;
        for source in sources {
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
        let origin = |source: &Arc<Source>| Arc::from(source.path().to_string_lossy());
        let origins = config.source_column.as_ref();
        let seed = config.seed;
        Ok(Self {
            sources: formats,
            columns,
            origins: origins.map(|_| sources.iter().map(origin).collect()),
            sampling: { config.sample }.map(|fraction| Sampling { fraction, seed }),
        })
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
        worker::Formats {
            all,
            of_source,
            sampling: self.sampling,
        }
    }

    /// Where the records of the sources are.
    pub(crate) fn records(&self, sources: &[Arc<Source>]) -> Vec<Records> {
        let pairs = sources.iter().zip(&self.sources);
        let records = pairs.map(|(source, format)| Records {
            source: Arc::clone(source),
            splitter: match source.columnar() {
                None => Some(Arc::new(Splitter::new(format.dialect))),
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
            format.look_behind(source, behind..data.end);
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
            && !sniffed.lacks_first_name
            && sniffed.dialect == Dialect::default();
        let mut rows = Vec::new();
        let mut at = data.start + sniffed.start;
        for _ in 0..sniffed.header_rows.max(1) {
            let Some(record) = first_record(source, at, sniffed.dialect)? else {
                break;
            };
            at = record.next;
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
        let lines = memchr::memchr_iter(b'\n', &source.bytes()[data.start..start]).count();
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
            header_rows: sniffed.header_rows,
            range: start..end.max(start),
            first_line: 1 + lines as u64,
            skipped: skipped.collect(),
            tables: tables.collect(),
            evidence: sniffed.evidence,
            is_plain,
        })
    }

    /// The format that `config` describes, with nothing found out.
    fn given(source: &Source, config: &Config) -> Result<Self> {
        let (bytes, data, known) = (source.bytes(), source.data(), &config.known);
        let skipped = known.skip_rows.unwrap_or(0);
        let start = sniff::after_lines(&bytes[data.clone()], skipped);
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
            data: start,
            end: None,
            skipped: before.into_iter().collect(),
            tables: Vec::new(),
            evidence: vec!["given; nothing was found out (--no-sniff)".to_owned()],
        };
        Self::new(source, sniffed)
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

    /// Looks at places behind the head, and for a footer at the end.
    fn look_behind(&mut self, source: &Source, behind: Range<usize>) {
        let start = behind.start.max(self.range.start);
        if self.range.end < behind.end || start >= behind.end || self.fields < 2 {
            return;
        }
        let bytes = &source.bytes()[..behind.end];
        let places = sample_ranges(start..behind.end, PLACES, PLACE_BYTES);
        let confirmed = sniff::confirm(bytes, &places, self.fields, self.dialect);
        self.evidence.push(format!(
            "further in: {} of {} records at {} places have {} fields",
            confirmed.regular, confirmed.records, confirmed.places, self.fields
        ));
        for at in confirmed.against.iter().take(2) {
            let fields = self.fields;
            let against = format!("against it: no records of {fields} fields behind byte {at}");
            self.evidence.push(against);
        }
        let tail = start.max(behind.end.saturating_sub(PLACE_BYTES));
        let footer = sniff::footer(bytes, tail, self.fields, self.dialect);
        // Without a quote in it, it cannot be the end of a quoted field.
        let is_bare = |at: &usize| {
            let quote = self.dialect.quote;
            quote.is_none_or(|quote| memchr::memchr(quote, &bytes[*at..]).is_none())
        };
        if let Some(at) = footer.filter(is_bare) {
            self.range.end = at;
            self.skipped.push(Skipped {
                range: at..behind.end,
                what: What::Footer,
            });
            self.evidence
                .push("footer: records of other width at the end".to_owned());
        }
    }
}

/// As much of `data` as says something.
fn head<'a>(data: &'a [u8], like: Option<&[u8]>) -> &'a [u8] {
    let is_like = like.is_some_and(|like| !like.is_empty() && data.starts_with(like));
    let mut bytes = if is_like {
        LIKE_HEAD_BYTES
    } else {
        sniff::HEAD_BYTES
    };
    loop {
        let head = &data[..bytes.min(data.len())];
        let lines = memchr::memchr_iter(b'\n', head).take(LINES_MIN).count();
        if lines == LINES_MIN || head.len() == data.len() || bytes >= sniff::HEAD_BYTES_MAX {
            return head;
        }
        bytes *= 4;
    }
}
