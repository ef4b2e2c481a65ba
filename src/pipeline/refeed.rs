//! Rejects of earlier runs, mended by hand -> sources whose records are read as they were read then;
//! and what a run must keep beside its rejects for that.
//!
//! Invariants: a record keeps the line that it has in its rejects file; a cell, whose row is in the
//! lake, is left out, counted and told.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::dialect::Formats;
use super::infer::Table;
use crate::base::{DataType, Dialect, Error, Result, SchemaDrift};
use crate::config::{Config, DtypeSpec};
use crate::input::{Draft, Intake, Source};
use crate::report::{
    Counters, KeptReject, Refeed, RefeedColumn, RefeedSource, RejectsFile, encode_path,
};

/// Why the text of fed records is what it is.
const WHY: &str = "rejected records, as they were read before";

/// How a source is read, where a run before has found that out.
pub(crate) struct Known {
    /// The source that the records were in at first.
    pub(crate) origin: String,
    pub(crate) dialect: Dialect,
    pub(crate) fields: usize,
    pub(crate) columns: usize,
    pub(crate) names: Option<Vec<String>>,
    pub(crate) first_line: u64,
    /// Whether there is more to it than its columns.
    pub(crate) has_records: bool,
    pub(crate) evidence: Vec<String>,
}

/// An open source, and how it is read if that is known.
pub(crate) struct Opened {
    pub(crate) source: Arc<Source>,
    pub(crate) known: Option<Known>,
}

impl From<Source> for Opened {
    fn from(source: Source) -> Self {
        Self {
            source: Arc::new(source),
            known: None,
        }
    }
}

/// A run as it is meant where some of its inputs may be rejects.
pub(crate) struct Adapted<'c> {
    pub(crate) config: Cow<'c, Config>,
    /// The types of columns that are not declared, to the unit and the zone.
    pub(crate) types: Vec<(String, DataType)>,
}

/// What `config` means if some of `paths` are rejects of earlier runs: their columns are those that
/// they were then, where it does not say otherwise.
pub(crate) fn adapt<'c>(config: &'c Config, paths: &[PathBuf]) -> Result<Adapted<'c>> {
    let mut adapted = Adapted {
        config: Cow::Borrowed(config),
        types: Vec::new(),
    };
    for beside in paths.iter().filter_map(|path| Refeed::path_for(path)) {
        adapted.learn(Refeed::read(&beside)?);
    }
    Ok(adapted)
}

impl Adapted<'_> {
    fn learn(&mut self, refeed: Refeed) {
        let config = self.config.to_mut();
        config.schema_drift = SchemaDrift::Union;
        if config.select.is_empty() && config.exclude.is_empty() && config.rename.is_empty() {
            config.select = refeed.select;
            config.exclude = refeed.exclude;
            config.rename = refeed.rename;
        }
        let origin = refeed.source_column;
        config.source_column = config.source_column.take().or(origin);
        for column in refeed.columns {
            let is_declared = config.dtypes.iter().any(|(name, _)| *name == column.name);
            if is_declared || config.source_column.as_ref() == Some(&column.name) {
                continue;
            }
            let spec = DtypeSpec {
                data_type: column.data_type.clone(),
                format: column.format,
            };
            config.dtypes.push((column.name.clone(), spec));
            self.types.push((column.name, column.data_type));
        }
    }
}

/// The sources that the rejects at `path` are of, to be read as what is kept at `beside` says; first
/// one without records, which has all the columns in their order. `go_on` is told how far it got.
pub(crate) fn open(
    path: &Path,
    beside: &Path,
    intake: &Intake,
    go_on: &mut dyn FnMut(u64) -> Result<()>,
) -> Result<Vec<Opened>> {
    let refeed = Refeed::read(beside)?;
    let mut feeding = Feeding {
        path,
        sources: &refeed.sources,
        intake,
        current: None,
        opened: Vec::new(),
    };
    let (mut cells, mut idle, mut bytes) = (0_u64, 0_u64, 0);
    for reject in RejectsFile::read(path)? {
        let reject = reject?;
        bytes += reject.raw.len() as u64;
        go_on(bytes)?;
        let is_blank = reject.raw.iter().all(u8::is_ascii_whitespace);
        cells += u64::from(reject.is_cell);
        let is_idle = is_blank || reject.is_header;
        idle += u64::from(is_idle && !reject.is_cell);
        if !reject.is_cell && !is_idle {
            feeding.push(&reject)?;
        }
    }
    feeding.end()?;
    let mut evidence = vec!["the columns of the rejected records".to_owned()];
    if cells > 0 {
        evidence.push(format!(
            "{cells} rejected cells are of rows that are in the lake; left out"
        ));
    }
    if idle > 0 {
        evidence.push(format!(
            "{idle} rows are headers that came again, or have no raw bytes; left out"
        ));
    }
    let columns = Opened {
        source: Arc::new(intake.draft()?.finish(beside.into(), WHY)?),
        known: Some(Known {
            origin: beside.display().to_string(),
            dialect: Dialect::default(),
            fields: refeed.header.len(),
            columns: refeed.header.len(),
            names: Some(refeed.header),
            first_line: 1,
            has_records: false,
            evidence,
        }),
    };
    Ok(std::iter::once(columns).chain(feeding.opened).collect())
}

/// Fails if nothing is left of rejects that were to be fed in again.
pub(crate) fn check(opened: &[Opened]) -> Result<()> {
    let is_idle = |known: &Known| !known.has_records;
    if !opened
        .iter()
        .all(|opened| opened.known.as_ref().is_some_and(is_idle))
    {
        return Ok(());
    }
    let known = opened.iter().filter_map(|opened| opened.known.as_ref());
    let why: Vec<&str> = known
        .flat_map(|known| &known.evidence)
        .map(String::as_str)
        .collect();
    let message = format!("no record can be fed in again ({})", why.join("; "));
    Err(Error::usage("--input", message))
}

/// Records on their way into the sources they are of.
struct Feeding<'a> {
    path: &'a Path,
    sources: &'a [RefeedSource],
    intake: &'a Intake,
    current: Option<Current<'a>>,
    opened: Vec<Opened>,
}

/// The source that records are gathered for.
struct Current<'a> {
    source: &'a RefeedSource,
    draft: Draft,
    first_line: u64,
    /// The line of the rejects file that would come next.
    next_line: u64,
}

impl<'a> Feeding<'a> {
    fn push(&mut self, reject: &KeptReject) -> Result<()> {
        let is_current = |current: &Current<'_>| current.source.path == reject.source;
        if !self.current.as_ref().is_some_and(is_current) {
            self.end()?;
            self.current = Some(self.begin(reject)?);
        }
        let current = self.current.as_mut().expect("it was just begun");
        // Blank lines are no records: they keep the numbers of the lines.
        for _ in current.next_line..reject.line {
            current.draft.write(b"\n")?;
        }
        let raw = reject.raw.strip_suffix(b"\n").unwrap_or(&reject.raw);
        let raw = raw.strip_suffix(b"\r").unwrap_or(raw);
        current.draft.write(raw)?;
        current.draft.write(b"\n")?;
        let line_end = current.source.dialect.line_end;
        let lines = line_end.count(raw, 0..raw.len()) + 1;
        current.next_line = current.next_line.max(reject.line) + lines;
        Ok(())
    }

    fn begin(&self, reject: &KeptReject) -> Result<Current<'a>> {
        let mut sources = self.sources.iter();
        let source = sources.find(|source| source.path == reject.source);
        let source = source.ok_or_else(|| {
            let message = format!(
                "{}:{}: records of `{}` were not rejected by the run that wrote this file; leave \
                 its column `file` as it was",
                self.path.display().to_string().escape_debug(),
                reject.line,
                reject.source.escape_debug()
            );
            Error::usage("--input", message)
        })?;
        Ok(Current {
            source,
            draft: self.intake.draft()?,
            first_line: reject.line,
            next_line: reject.line,
        })
    }

    /// Ends the source that records were gathered for.
    fn end(&mut self) -> Result<()> {
        let Some(current) = self.current.take() else {
            return Ok(());
        };
        let source = current.source;
        let path = format!("{} ({})", self.path.display(), source.origin);
        self.opened.push(Opened {
            source: Arc::new(current.draft.finish(path.into(), WHY)?),
            known: Some(Known {
                origin: source.origin.clone(),
                dialect: source.dialect,
                fields: source.fields,
                columns: source.columns,
                names: source.names.clone(),
                first_line: current.first_line,
                has_records: true,
                evidence: vec!["read as it was when these records were rejected".to_owned()],
            }),
        });
        Ok(())
    }
}

/// What is to be kept beside the rejects of a run.
pub(crate) fn kept(
    config: &Config,
    table: &Table,
    formats: &Formats,
    sources: &[Arc<Source>],
    counters: &Counters,
) -> Refeed {
    let columns = table.columns.iter();
    let columns = columns.filter(|column| config.source_column.as_deref() != Some(&*column.name));
    let of_source = sources.iter().zip(&formats.sources).enumerate();
    let rejected = of_source.filter(|(index, _)| counters.sources[*index].rejected > 0);
    Refeed {
        columns: columns
            .map(|column| RefeedColumn {
                name: column.name.to_string(),
                data_type: column.data_type.clone(),
                format: column.format.as_deref().map(str::to_owned),
            })
            .collect(),
        header: formats.columns.header.clone(),
        select: config.select.clone(),
        exclude: config.exclude.clone(),
        rename: config.rename.clone(),
        source_column: config.source_column.clone(),
        sources: rejected
            .map(|(index, (source, format))| RefeedSource {
                path: encode_path(source.path()),
                origin: formats.origin(index, source),
                dialect: format.dialect,
                fields: format.fields,
                columns: format.columns,
                names: format.names.clone(),
            })
            .collect(),
    }
}
