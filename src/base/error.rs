//! What ends a run: one pointer wide, structured, with the exit code it maps to.

use std::fmt;
use std::path::PathBuf;

use super::Position;

/// A result whose error is [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failed run. Its [`ErrorKind`] says what happened; its text says where and what to do next.
pub struct Error(Box<ErrorKind>);

/// What ended the run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// An option that cannot be meant as given. `message` says what to write instead.
    #[error("{option}: {message}")]
    Usage {
        /// The flag or config key, as the user writes it.
        option: String,
        /// What is wrong and the nearest valid value.
        message: String,
    },
    /// A file operation failed.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was being done: "read", "create", …
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The system's own error.
        source: std::io::Error,
    },
    /// A source cannot be read as a table.
    #[error("{position}: {message}")]
    Data {
        /// Where.
        position: Position,
        /// What is wrong and what to do next.
        message: String,
    },
    /// A source shrank or changed while it was being read.
    #[error("{}: the file {detail} while it was being read; nothing was published; run again once it no longer changes", path.display())]
    SourceChanged {
        /// The source.
        path: PathBuf,
        /// "shrank from N to M bytes", "changed", …
        detail: String,
    },
    /// A key's rows are not in time order although a step goes by time.
    #[error("{}the time {time} of key {key} comes after {previous}; time windows and sessions need each key's rows in time order: sort the input, or pass --order trust to take rows as they come", at(position.as_ref()))]
    OutOfOrder {
        /// Row of the batch it was found in.
        row: usize,
        /// Where that is, once the pipeline has worked it out.
        position: Option<Position>,
        /// The key, printed.
        key: String,
        /// The late time, printed.
        time: String,
        /// The time before it, printed.
        previous: String,
    },
    /// A cell that a step cannot work on.
    #[error("{}{message}", at(position.as_ref()))]
    Row {
        /// Row of the batch it was found in.
        row: usize,
        /// Where that is, once the pipeline has worked it out.
        position: Option<Position>,
        /// What is wrong and what to do next.
        message: String,
    },
    /// Too many rejects, or a reject under `--on-bad-row fail`.
    #[error("{0}")]
    Gate(String),
    /// State that cannot fit the memory limit.
    #[error(
        "the memory limit of {limit_bytes} bytes is too small: {term} needs {needed_bytes} bytes; {advice}"
    )]
    MemoryLimit {
        /// The term of the budget, in words.
        term: String,
        /// What the term needs, in bytes.
        needed_bytes: u64,
        /// The limit, in bytes.
        limit_bytes: u64,
        /// What to set.
        advice: String,
    },
    /// The disk, quota or file size limit is exhausted.
    #[error("no space left to write {}: {source}; nothing was published", path.display())]
    DiskFull {
        /// The file being written.
        path: PathBuf,
        /// The system's own error.
        source: std::io::Error,
    },
    /// The temporary files have reached the limit on their size.
    #[error(
        "the temporary files in {} need more than {limit_bytes} bytes{}; nothing was published; set --max-temp-size higher, or --temp-dir to a directory with more room",
        directory.display(), if *is_set { "" } else { ", nearly all that was free there" }
    )]
    TempLimit {
        /// The temporary directory.
        directory: PathBuf,
        /// The limit, in bytes.
        limit_bytes: u64,
        /// Whether the limit was set, and is not a share of the free room.
        is_set: bool,
    },
    /// The disk of the temporary files is full.
    #[error(
        "no space left to write temporary files in {}: {source}; nothing was published; set --temp-dir to a directory with more room",
        directory.display()
    )]
    TempFull {
        /// The temporary directory.
        directory: PathBuf,
        /// The system's own error.
        source: std::io::Error,
    },
    /// Compressed data asks for more memory than its unpacking may take.
    #[error(
        "{}: to unpack this {format} data takes more than the {limit_bytes} bytes of memory that one file may have; set --memory-limit higher, or unpack it outside: {format} -dc FILE | chunketl -i -",
        path.display()
    )]
    UnpackMemory {
        /// The source.
        path: PathBuf,
        /// The format's name.
        format: &'static str,
        /// The limit, in bytes.
        limit_bytes: u64,
    },
    /// The lake is in the way.
    #[error("{}: {message}", path.display())]
    Lake {
        /// The lake.
        path: PathBuf,
        /// What is wrong and which option to pass.
        message: String,
    },
    /// Arrow or Parquet refused.
    #[error("cannot {action}: {source}")]
    Encode {
        /// What was being done.
        action: &'static str,
        /// The library's own error.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A table beside the lake that cannot be made.
    #[error("{table}: {message}; nothing was published")]
    Aggregate {
        /// The table, or the measure in it, as it was asked for.
        table: String,
        /// What is wrong and what to write instead.
        message: String,
    },
    /// Rows are unaccounted for; a bug, and the run publishes nothing.
    #[error("the balance does not add up: {0}; nothing was published; please report this")]
    Balance(String),
    /// SIGINT or SIGTERM.
    #[error("interrupted; the lake is as it was")]
    Interrupted,
}

fn at(position: Option<&Position>) -> String {
    position.map_or_else(String::new, |position| format!("{position}: "))
}

impl Error {
    /// What happened.
    pub fn kind(&self) -> &ErrorKind {
        &self.0
    }

    /// What happened, to add to.
    pub fn kind_mut(&mut self) -> &mut ErrorKind {
        &mut self.0
    }

    /// A usage error about `option`.
    pub fn usage(option: impl Into<String>, message: impl Into<String>) -> Self {
        ErrorKind::Usage {
            option: option.into(),
            message: message.into(),
        }
        .into()
    }

    /// An I/O error on `path`; a full disk becomes [`ErrorKind::DiskFull`].
    pub fn io(action: &'static str, path: impl Into<PathBuf>, source: std::io::Error) -> Self {
        use std::io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
        let path = path.into();
        match source.kind() {
            StorageFull | QuotaExceeded | FileTooLarge => ErrorKind::DiskFull { path, source },
            _ => ErrorKind::Io {
                action,
                path,
                source,
            },
        }
        .into()
    }

    /// The exit code of the process that ends with this error.
    pub fn exit_code(&self) -> u8 {
        match self.kind() {
            ErrorKind::Usage { .. } | ErrorKind::Lake { .. } => 2,
            ErrorKind::Gate(_) => 3,
            ErrorKind::MemoryLimit { .. }
            | ErrorKind::DiskFull { .. }
            | ErrorKind::TempLimit { .. }
            | ErrorKind::TempFull { .. }
            | ErrorKind::UnpackMemory { .. } => 4,
            ErrorKind::Interrupted => 130,
            _ => 1,
        }
    }
}

impl From<ErrorKind> for Error {
    fn from(kind: ErrorKind) -> Self {
        Self(Box::new(kind))
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source()
    }
}
