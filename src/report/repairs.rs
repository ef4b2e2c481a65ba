//! Repaired records -> a CSV file to look at them in.
//!
//! Columns: `file,line,byte_offset,kind,raw_bytes,raw`, as those of the rejects. Invariant: after
//! [`RepairsFile::finish`] succeeds, every row handed in is written.

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use super::rejects::write_error;
use super::{encode_cell, encode_path};
use crate::base::{Error, Position, Repaired, Result};

/// Writes repairs to a file.
pub struct RepairsFile {
    csv: csv::Writer<BufWriter<File>>,
    path: PathBuf,
}

impl RepairsFile {
    /// Creates the file at `path` and starts it with its header.
    ///
    /// # Errors
    /// [`Error::io`] on `path`, as for the other methods.
    pub fn create(path: &Path) -> Result<Self> {
        let file = File::create(path).map_err(|error| Error::io("create", path, error))?;
        let mut csv = csv::Writer::from_writer(BufWriter::new(file));
        csv.write_record(["file", "line", "byte_offset", "kind", "raw_bytes", "raw"])
            .map_err(|error| write_error(path, error))?;
        Ok(Self {
            csv,
            path: path.into(),
        })
    }

    /// Writes one row: the record that `repaired` was made of stood at `position`.
    ///
    /// # Errors
    /// [`Error::io`] if the file cannot be written.
    pub fn write(&mut self, position: &Position, repaired: &Repaired) -> Result<()> {
        let line = position.line.map(|line| line.to_string());
        let fields = [
            &encode_path(&position.path),
            line.as_deref().unwrap_or_default(),
            &position.byte_offset.to_string(),
            repaired.kind.code(),
            &repaired.raw_bytes.to_string(),
            &*encode_cell(&repaired.raw),
        ];
        let written = self.csv.write_record(fields);
        written.map_err(|error| write_error(&self.path, error))
    }

    /// Writes what is still buffered.
    ///
    /// # Errors
    /// [`Error::io`] if the file cannot be written.
    pub fn finish(self) -> Result<()> {
        let Self { csv, path } = self;
        let finished = csv.into_inner();
        finished
            .map(drop)
            .map_err(|error| Error::io("write", path, error.into_error()))
    }
}
