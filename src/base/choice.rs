//! What users choose by name where more than one room must know the choice.

use std::fmt;
use std::str::FromStr;

use clap::ValueEnum;

use super::names;

/// Which of the rows with the same key stays.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum KeepRow {
    /// The first.
    #[default]
    First,
    /// The last.
    Last,
    /// None of them; a row that no other is like stays.
    None,
}

impl FromStr for KeepRow {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        <Self as ValueEnum>::from_str(text, false)
            .map_err(|_| names::unknown("choice", text, ["first", "last", "none"].into_iter()))
    }
}

impl fmt::Display for KeepRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::First => "first",
            Self::Last => "last",
            Self::None => "none",
        })
    }
}

/// What happens when the lake exists.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    /// Fail.
    #[default]
    Error,
    /// Replace its parts.
    Overwrite,
    /// Add parts.
    Append,
}

/// What becomes of bytes that are no text in the encoding of their source.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum InvalidBytes {
    /// The record that holds them is rejected.
    #[default]
    Reject,
    /// Each malformed sequence becomes U+FFFD.
    Replace,
}

/// What happens to a record with fewer fields than there are columns.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum TooFew {
    /// It is rejected.
    #[default]
    Reject,
    /// The missing fields at its end are null.
    Pad,
}

/// What happens to a record with more fields than there are columns.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum TooMany {
    /// It is rejected.
    #[default]
    Reject,
    /// The fields beyond the last column are left out.
    Truncate,
    /// The fields from the last column on are its text, with what stands between them.
    MergeLast,
}

/// What becomes of the columns of files whose headers differ.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum SchemaDrift {
    /// Every column of any file is kept; where a file lacks it, it is null.
    #[default]
    Union,
    /// Only columns that all files have are kept.
    Intersect,
    /// The run fails.
    Fail,
}

/// When progress is shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Progress {
    /// On a terminal.
    #[default]
    Auto,
    /// Always; as plain lines where there is no terminal.
    Always,
    /// Never.
    Never,
}

/// The codec of Parquet pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Zstandard at a level from 1 to 22.
    Zstd(i32),
    /// LZ4 (raw blocks).
    Lz4,
    /// Snappy.
    Snappy,
    /// No compression.
    None,
}

impl Default for Compression {
    fn default() -> Self {
        Self::Zstd(1)
    }
}

impl fmt::Display for Compression {
    /// The spelling `--compression` takes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Zstd(level) => write!(f, "zstd:{level}"),
            Self::Lz4 => f.write_str("lz4"),
            Self::Snappy => f.write_str("snappy"),
            Self::None => f.write_str("none"),
        }
    }
}

impl FromStr for Compression {
    type Err = String;

    /// Reads `zstd`, `zstd:LEVEL`, `lz4`, `snappy` or `none`.
    fn from_str(text: &str) -> Result<Self, String> {
        let (codec, level) = match text.split_once(':') {
            Some((codec, level)) => (codec, Some(level)),
            None => (text, None),
        };
        match (codec, level) {
            ("zstd", None) => Ok(Compression::default()),
            ("zstd", Some(level)) => match level.parse() {
                Ok(level @ 1..=22) => Ok(Compression::Zstd(level)),
                _ => Err("zstd takes a level from 1 to 22, such as zstd:3".to_owned()),
            },
            ("lz4", None) => Ok(Compression::Lz4),
            ("snappy", None) => Ok(Compression::Snappy),
            ("none", None) => Ok(Compression::None),
            ("lz4" | "snappy" | "none", Some(_)) => {
                Err(format!("{codec} has no levels; write {codec}"))
            }
            _ => {
                let codecs = ["zstd", "lz4", "snappy", "none"];
                Err(names::unknown("codec", codec, codecs.into_iter()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codecs() {
        for text in ["zstd:1", "zstd:22", "lz4", "snappy", "none"] {
            assert_eq!(text.parse::<Compression>().unwrap().to_string(), text);
        }
        assert_eq!("zstd".parse(), Ok(Compression::Zstd(1)));
        for (text, expected) in [
            ("zstd:0", "1 to 22"),
            ("zstd:23", "1 to 22"),
            ("zstd:", "1 to 22"),
            ("lz4:3", "write lz4"),
            ("zst", "`zstd`"),
            ("gzip", "choose from: zstd, lz4"),
        ] {
            let message = text.parse::<Compression>().unwrap_err();
            assert!(message.contains(expected), "{text}: {message}");
        }
    }
}
