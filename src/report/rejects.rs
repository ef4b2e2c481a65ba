//! Rejected records and cells -> a CSV file to find and mend them by.
//!
//! Columns: `file,line,byte_offset,column,reason,wanted,raw_bytes,raw`. `file`, `column` and `raw`
//! are encoded by [`encode_cell`](super::encode_cell) and come back by
//! [`decode_raw`](super::decode_raw); `column` and `wanted` are empty when the whole record is
//! rejected. `raw_bytes` is the length before `raw` was cut. Invariant: after [`RejectsWriter::finish`] succeeds, every row handed in is written.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use super::{encode_cell, encode_path};
use crate::base::{Error, Position, Reason, Result};

/// A row of the rejects file.
#[derive(Debug, Clone, Copy)]
pub struct RejectRow<'a> {
    /// Where; a line that is not known stays empty.
    pub position: &'a Position,
    /// The cell's column, or `None` when the whole record is rejected.
    pub column: Option<&'a str>,
    /// What is wrong.
    pub reason: Reason,
    /// What was expected, such as the column's type; may be empty.
    pub wanted: &'a str,
    /// Length of the record or cell, in bytes.
    pub raw_bytes: u64,
    /// Its bytes, or the first of them.
    pub raw: &'a [u8],
}

impl RejectRow<'_> {
    /// The names of the columns, in order.
    pub(super) const HEADER: [&'static str; 8] = [
        "file",
        "line",
        "byte_offset",
        "column",
        "reason",
        "wanted",
        "raw_bytes",
        "raw",
    ];
}

/// Writes rejects to a file.
pub type RejectsFile = RejectsWriter<BufWriter<File>>;

/// Writes rejects as CSV.
pub struct RejectsWriter<W: Write> {
    csv: csv::Writer<W>,
    path: PathBuf,
    rows: u64,
}

impl RejectsFile {
    /// Creates the file at `path` and starts it.
    ///
    /// # Errors
    /// [`Error::io`] if the file cannot be made.
    pub fn create(path: &Path) -> Result<Self> {
        let file = File::create(path).map_err(|error| Error::io("create", path, error))?;
        Self::new(BufWriter::new(file), path)
    }
}

impl<W: Write> RejectsWriter<W> {
    /// Starts the file with its header. `path` is what errors call it.
    ///
    /// # Errors
    /// [`Error::io`] on `path`, as for the other methods.
    pub fn new(writer: W, path: &Path) -> Result<Self> {
        let mut rejects = Self {
            csv: csv::Writer::from_writer(writer),
            path: path.into(),
            rows: 0,
        };
        let written = rejects.csv.write_record(RejectRow::HEADER);
        written.map_err(|error| rejects.error(error))?;
        Ok(rejects)
    }

    /// Writes one row.
    ///
    /// # Errors
    /// [`Error::io`] if the file cannot be written.
    pub fn write(&mut self, row: &RejectRow<'_>) -> Result<()> {
        let line = row.position.line.map(|line| line.to_string());
        let fields = [
            &encode_path(&row.position.path),
            line.as_deref().unwrap_or_default(),
            &row.position.byte_offset.to_string(),
            &*encode_cell(row.column.unwrap_or_default().as_bytes()),
            row.reason.code(),
            row.wanted,
            &row.raw_bytes.to_string(),
            &*encode_cell(row.raw),
        ];
        let written = self.csv.write_record(fields);
        written.map_err(|error| self.error(error))?;
        self.rows += 1;
        Ok(())
    }

    /// Rows written so far.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Writes what is still buffered and gives the writer back.
    ///
    /// # Errors
    /// [`Error::io`] if the file cannot be written.
    pub fn finish(self) -> Result<W> {
        let Self { csv, path, .. } = self;
        csv.into_inner()
            .map_err(|error| Error::io("write", path, error.into_error()))
    }

    fn error(&self, error: csv::Error) -> Error {
        write_error(&self.path, error)
    }
}

/// The file at `path` cannot be written.
pub(super) fn write_error(path: &Path, error: csv::Error) -> Error {
    // Taken apart rather than converted, to keep the system's kind: a full disk is told apart.
    let source = match error.into_kind() {
        csv::ErrorKind::Io(source) => source,
        other => std::io::Error::other(format!("{other:?}")),
    };
    Error::io("write", path, source)
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::io;
    use std::os::unix::ffi::OsStrExt;

    use super::*;
    use crate::base::ErrorKind;
    use crate::report::decode_raw;

    #[test]
    fn rows_come_back_as_they_were() {
        let raws: [&[u8]; 5] = [b"12,x", b"\"a\r\nb\",\"\"", b"\xff\\x00", b"", b"\x00 \x1b"];
        let path = Path::new(OsStr::from_bytes(b"in\xfe\n.csv"));
        let mut writer = RejectsWriter::new(Vec::new(), Path::new("r.csv")).expect("written");
        for (index, raw) in raws.iter().enumerate() {
            let is_cell = index % 2 == 1;
            let row = RejectRow {
                position: &Position {
                    path: path.into(),
                    byte_offset: 100 + index as u64,
                    line: is_cell.then_some(7),
                },
                column: is_cell.then_some("am\\ount"),
                reason: Reason::ALL[index],
                wanted: "int64",
                raw_bytes: raw.len() as u64,
                raw,
            };
            writer.write(&row).expect("written");
        }
        assert_eq!(writer.rows(), 5);
        let file = writer.finish().expect("written");
        let mut reader = csv::Reader::from_reader(file.as_slice());
        let header = reader
            .headers()
            .expect("a header")
            .iter()
            .collect::<Vec<_>>();
        assert_eq!(
            header.join(","),
            "file,line,byte_offset,column,reason,wanted,raw_bytes,raw"
        );
        let rows: Vec<_> = reader.records().map(|row| row.expect("UTF-8")).collect();
        assert_eq!(rows.len(), raws.len());
        for (index, row) in rows.iter().enumerate() {
            let is_cell = index % 2 == 1;
            let decoded = |field: usize| decode_raw(&row[field]).expect("decodable");
            assert_eq!(decoded(0), b"in\xfe\n.csv");
            assert_eq!(&row[1], if is_cell { "7" } else { "" });
            assert_eq!(row[2], (100 + index).to_string());
            assert_eq!(
                decoded(3),
                if is_cell { b"am\\ount".as_slice() } else { b"" }
            );
            assert_eq!(&row[4], Reason::ALL[index].code());
            assert_eq!(&row[5], "int64");
            assert_eq!(row[6], raws[index].len().to_string());
            assert_eq!(decoded(7), raws[index]);
        }
    }

    /// A disk without room.
    struct Full;

    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_full_disk_is_told_apart() {
        let writer = RejectsWriter::new(Full, Path::new("r.csv")).expect("still buffered");
        let error = writer.finish().err().expect("no room for the header");
        assert!(
            matches!(error.kind(), ErrorKind::DiskFull { .. }),
            "{error}"
        );

        let mut writer = RejectsWriter::new(Full, Path::new("r.csv")).expect("still buffered");
        let row = RejectRow {
            position: &Position {
                path: "a.csv".into(),
                byte_offset: 0,
                line: None,
            },
            column: None,
            reason: Reason::RecordTooLong,
            wanted: "",
            raw_bytes: 100_000,
            raw: &[b'x'; 100_000],
        };
        let error = writer.write(&row).expect_err("more than the buffer");
        assert_eq!(error.exit_code(), 4);
    }
}
