//! Where in the input something was found.

use std::fmt;
use std::path::PathBuf;

/// A place in a source. Carries a byte offset; the line number is worked out only when something
/// is about to be printed, so it may still be unknown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// The source, as the user named it.
    pub path: PathBuf,
    /// Offset from the start of the source, in bytes.
    pub byte_offset: u64,
    /// Line number, from 1, once it is known.
    pub line: Option<u64>,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display().to_string();
        let path = path.escape_debug();
        match self.line {
            Some(line) => write!(f, "{path}:{line} (byte {})", self.byte_offset),
            None => write!(f, "{path} (byte {})", self.byte_offset),
        }
    }
}
