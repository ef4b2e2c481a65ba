//! `zstd:3` -> [`Compression`] -> the parquet crate's codec. A level outside its codec's range
//! never gets past parsing.

use std::fmt;
use std::str::FromStr;

use parquet::basic::{Compression as ParquetCompression, ZstdLevel};

use crate::base::{Error, Result};

/// How the pages of a part are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Zstandard at a level from 1 to 22.
    Zstd(i32),
    /// LZ4 blocks without a frame.
    Lz4,
    /// Snappy.
    Snappy,
    /// No compression.
    None,
}

impl Compression {
    /// The highest Zstandard level.
    pub const ZSTD_LEVEL_MAX: i32 = 22;

    /// The parquet crate's word for it.
    ///
    /// # Errors
    /// A usage error for a Zstandard level out of range, which parsing never makes.
    pub(super) fn to_parquet(self) -> Result<ParquetCompression> {
        Ok(match self {
            Self::Zstd(level) => {
                let level = ZstdLevel::try_new(level).map_err(|_| level_error(level))?;
                ParquetCompression::ZSTD(level)
            }
            Self::Lz4 => ParquetCompression::LZ4_RAW,
            Self::Snappy => ParquetCompression::SNAPPY,
            Self::None => ParquetCompression::UNCOMPRESSED,
        })
    }
}

impl Default for Compression {
    fn default() -> Self {
        Self::Zstd(1)
    }
}

impl fmt::Display for Compression {
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
    type Err = Error;

    /// Reads `zstd`, `zstd:LEVEL`, `lz4`, `snappy` or `none`, in any case.
    fn from_str(text: &str) -> Result<Self> {
        let lower = text.to_ascii_lowercase();
        let (name, level) = match lower.split_once(':') {
            Some((name, level)) => (name, Some(level)),
            None => (lower.as_str(), None),
        };
        let codec = match name {
            "zstd" => return zstd(level),
            "lz4" => Self::Lz4,
            "snappy" => Self::Snappy,
            "none" | "uncompressed" => Self::None,
            _ => return Err(usage(format!("{text:?} is no codec; write {CODECS}"))),
        };
        match level {
            None => Ok(codec),
            Some(_) => Err(usage(format!("{name} has no levels; write {name}"))),
        }
    }
}

const CODECS: &str = "zstd, zstd:LEVEL, lz4, snappy or none";

fn zstd(level: Option<&str>) -> Result<Compression> {
    let Some(text) = level else {
        return Ok(Compression::default());
    };
    match text.parse() {
        Ok(level) if (1..=Compression::ZSTD_LEVEL_MAX).contains(&level) => {
            Ok(Compression::Zstd(level))
        }
        _ => Err(level_error(text)),
    }
}

fn level_error(level: impl fmt::Display) -> Error {
    usage(format!(
        "zstd has levels 1 to {}, not {level}",
        Compression::ZSTD_LEVEL_MAX
    ))
}

fn usage(message: String) -> Error {
    Error::usage("--compression", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_codec_survives_printing_and_parsing() {
        let codecs = [
            Compression::Zstd(1),
            Compression::Zstd(22),
            Compression::Lz4,
            Compression::Snappy,
            Compression::None,
        ];
        for codec in codecs {
            assert_eq!(codec.to_string().parse::<Compression>().unwrap(), codec);
            assert!(codec.to_parquet().is_ok());
        }
        assert_eq!("ZSTD".parse::<Compression>().unwrap(), Compression::Zstd(1));
    }

    #[test]
    fn what_is_no_codec_is_a_usage_error() {
        for text in [
            "", "gzip", "zstd:", "zstd:0", "zstd:23", "zstd:-1", "zstd:3x", "lz4:1", "snappy:",
        ] {
            let error = text.parse::<Compression>().unwrap_err();
            assert_eq!(error.exit_code(), 2, "{text}: {error}");
        }
        assert!(Compression::Zstd(99).to_parquet().is_err());
    }
}
