//! What ends a run before its time. Invariant: the text says what was being done, to what, and why
//! it failed.

use std::fmt;
use std::io;

/// A failed run.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// An option that cannot be meant as given.
    Usage(String),
    /// A file operation failed.
    Io {
        /// What was being done: "create", "write".
        action: &'static str,
        /// To what.
        name: String,
        /// The system's own error.
        source: io::Error,
    },
}

impl Error {
    pub(crate) fn io(action: &'static str, name: impl fmt::Display, source: io::Error) -> Self {
        let name = name.to_string();
        Self::Io {
            action,
            name,
            source,
        }
    }

    /// Whether whoever read the output has left.
    pub fn is_broken_pipe(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::BrokenPipe)
    }

    /// The exit code of the process that ends with this error.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            Self::Io { .. } => 1,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(message) => f.write_str(message),
            Self::Io {
                action,
                name,
                source,
            } => write!(f, "cannot {action} {name}: {source}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Usage(_) => None,
            Self::Io { source, .. } => Some(source),
        }
    }
}
