//! [`Compression`] -> the parquet crate's codec.

use parquet::basic::{Compression as ParquetCompression, ZstdLevel};

use crate::base::{Compression, Error, Result};

/// The parquet crate's word for `compression`.
///
/// # Errors
/// A usage error for a Zstandard level out of range, which parsing never makes.
pub(super) fn to_parquet(compression: Compression) -> Result<ParquetCompression> {
    Ok(match compression {
        Compression::Zstd(level) => {
            let level = ZstdLevel::try_new(level)
                .map_err(|error| Error::usage("--compression", error.to_string()))?;
            ParquetCompression::ZSTD(level)
        }
        Compression::Lz4 => ParquetCompression::LZ4_RAW,
        Compression::Snappy => ParquetCompression::SNAPPY,
        Compression::None => ParquetCompression::UNCOMPRESSED,
    })
}
