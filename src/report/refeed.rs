//! What it takes to feed a run's rejected records in again -> a JSON file beside the rejects, and
//! back.
//!
//! Invariant: it says all that the records themselves do not: how their sources were read, and what
//! their columns became.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{RejectRow, RejectsFile};
use crate::base::{DataType, Dialect, Error, ErrorKind, Position, Reason, Result};

/// How the records of a rejects file were read.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Refeed {
    /// The columns of the input, in order, as the lake calls them.
    pub columns: Vec<RefeedColumn>,
    /// Their names in the sources, of all columns, in order.
    pub header: Vec<String>,
    /// What `--select` was.
    pub select: Vec<String>,
    /// What `--exclude` was.
    pub exclude: Vec<String>,
    /// What `--rename` was.
    pub rename: Vec<(String, String)>,
    /// What `--source-column` was.
    pub source_column: Option<String>,
    /// The sources that records were rejected of.
    pub sources: Vec<RefeedSource>,
}

/// A column and its type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RefeedColumn {
    /// Its name in the lake.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub data_type: DataType,
    /// How its cells are spelt, where not plainly.
    pub format: Option<String>,
}

/// A source and how its records were read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RefeedSource {
    /// Its path, as the rejects have it.
    pub path: String,
    /// The source that its records were in at first.
    pub origin: String,
    /// Its dialect.
    pub dialect: Dialect,
    /// Fields of a record.
    pub fields: usize,
    /// The first so many of them are columns.
    pub columns: usize,
    /// Their names there; `None` without a header.
    pub names: Option<Vec<String>>,
}

impl Refeed {
    /// Where it is kept for the rejects at `rejects`; `None` if that is no file that a run wrote its
    /// rejects to.
    pub fn path_for(rejects: &Path) -> Option<PathBuf> {
        let directory = rejects.parent()?;
        let name = rejects.file_name()?.to_str()?;
        let index = name.strip_prefix("rejects-")?.strip_suffix(".csv")?;
        let is_kept = directory.file_name().is_some_and(|name| name == "_rejects");
        // `.` may stand for the directory of rejects.
        let path = directory.join(format!("refeed-{index}.json"));
        (is_kept || path.is_file()).then_some(path)
    }

    /// Writes it to `path`.
    ///
    /// # Errors
    /// [`Error::io`] if the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        let json = serde_json::to_vec_pretty(self);
        let json = json.expect("strings, numbers and lists are JSON");
        fs::write(path, json).map_err(|error| Error::io("write", path, error))
    }

    /// Reads it from `path`.
    ///
    /// # Errors
    /// [`Error::io`] if the file cannot be read, [`ErrorKind::Data`] if a run did not write it.
    pub fn read(path: &Path) -> Result<Self> {
        let json = fs::read(path).map_err(|error| Error::io("read", path, error))?;
        serde_json::from_slice(&json).map_err(|error| {
            let position = Position {
                path: path.into(),
                byte_offset: 0,
                line: Some(error.line() as u64),
            };
            let message = format!("this is not what a run keeps beside its rejects: {error}");
            ErrorKind::Data { position, message }.into()
        })
    }
}

/// A rejected record, or the cell of one, that is read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptReject {
    /// Number, from 1, of the line of the rejects file that its raw bytes begin in.
    pub line: u64,
    /// The source's path, encoded as in the file.
    pub source: String,
    /// Whether it is a cell only, of a record that is in the lake.
    pub is_cell: bool,
    /// Whether it is the header, which came again.
    pub is_header: bool,
    /// The raw bytes, as they were or as somebody mended them.
    pub raw: Vec<u8>,
}

impl RejectsFile {
    /// The rejects in the file at `path`, in order.
    ///
    /// # Errors
    /// [`Error::io`] if the file cannot be read, [`ErrorKind::Data`] where it is not as
    /// [`RejectsFile::create`] makes it, or a record was too long to be kept whole.
    pub fn read(path: &Path) -> Result<impl Iterator<Item = Result<KeptReject>>> {
        let file = fs::File::open(path).map_err(|error| Error::io("read", path, error))?;
        let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(file);
        let header = reader.headers();
        let header = header.map_err(|error| unreadable(path, 1, &error.to_string()))?;
        if !header.iter().eq(RejectRow::HEADER) {
            let expected = RejectRow::HEADER.join(",");
            let message = format!("the header is not that of a rejects file, which is {expected}");
            return Err(unreadable(path, 1, &message));
        }
        let path = path.to_path_buf();
        Ok(reader.into_records().map(move |record| {
            let record = record.map_err(|error| {
                let line = error.position().map_or(1, csv::Position::line);
                unreadable(&path, line, &error.to_string())
            })?;
            let line = record.position().map_or(1, csv::Position::line);
            kept(&record).map_err(|message| unreadable(&path, line, &message))
        }))
    }
}

fn kept(record: &csv::StringRecord) -> Result<KeptReject, String> {
    let fields: Vec<&str> = record.iter().collect();
    let [source, _, _, _, reason, _, raw_bytes, encoded] = fields[..] else {
        let (found, wanted) = (fields.len(), RejectRow::HEADER.len());
        return Err(format!(
            "the row has {found} fields where there are {wanted}; put double quotes around `raw` if it \
             holds a comma"
        ));
    };
    let raw = super::decode_raw(encoded).ok_or(
        "`raw` holds a backslash that is none of \\\\ and \\xNN; write \\\\ for a backslash",
    )?;
    let known = Reason::ALL.iter().find(|known| known.code() == reason);
    let known = known.ok_or_else(|| format!("`{}` is no reason", reason.escape_debug()))?;
    let whole: u64 = raw_bytes.parse().unwrap_or(0);
    let kept_bytes = raw.len() as u64;
    if known.is_record() && raw.len() == crate::base::Reject::RAW_BYTES_MAX && whole > kept_bytes {
        return Err(format!(
            "only the first {kept_bytes} of the record's {whole} bytes are here; delete this row, and \
             load the record from its source"
        ));
    }
    Ok(KeptReject {
        line: record.position().map_or(1, csv::Position::line),
        source: source.to_owned(),
        is_cell: !known.is_record(),
        is_header: *known == Reason::RepeatedHeader,
        raw,
    })
}

fn unreadable(path: &Path, line: u64, message: &str) -> Error {
    let position = Position {
        path: path.into(),
        byte_offset: 0,
        line: Some(line),
    };
    let message = message.to_owned();
    ErrorKind::Data { position, message }.into()
}
