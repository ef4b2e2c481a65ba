//! [`Compression`] -> the parquet crate's word for it, and what compresses a page.

use parquet::basic::{Compression as ParquetCompression, ZstdLevel};
use parquet::compression::{Codec, CodecOptionsBuilder, create_codec};
use parquet::errors::Result as ParquetResult;
use zstd::bulk::Compressor as Zstd;
use zstd::zstd_safe::{CParameter, compress_bound};

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

/// Positions that Zstandard's first level remembers, as a power of two. Its own choice, 14, is made
/// for small caches; these fill 256 KiB, find more matches, and so write less, in less time.
const FASTEST_HASH_LOG: u32 = 16;

/// The shortest repetition that Zstandard's first level looks for in text, where words repeat; its
/// own choice is 7 bytes.
const FASTEST_MATCH_OF_TEXT: u32 = 5;

/// What a page holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    Text,
    Other,
}

/// Compresses pages, one after the other.
pub(super) enum PageCodec {
    None,
    Zstd(Zstd<'static>),
    FastestZstd(Zstd<'static>),
    /// One of the parquet crate's.
    Other(Box<dyn Codec>),
}

impl PageCodec {
    pub(super) fn new(compression: ParquetCompression) -> ParquetResult<Self> {
        if let ParquetCompression::ZSTD(level) = compression {
            let level = level.compression_level();
            let mut zstd = Zstd::new(level)?;
            if level != 1 {
                return Ok(Self::Zstd(zstd));
            }
            zstd.set_parameter(CParameter::HashLog(FASTEST_HASH_LOG))?;
            return Ok(Self::FastestZstd(zstd));
        }
        let codec = create_codec(compression, &CodecOptionsBuilder::default().build())?;
        Ok(codec.map_or(Self::None, Self::Other))
    }

    /// Pages hold `content` from now on.
    pub(super) fn expect(&mut self, content: Content) -> ParquetResult<()> {
        if let Self::FastestZstd(zstd) = self {
            let shortest = match content {
                Content::Text => FASTEST_MATCH_OF_TEXT,
                // The codec's own choice.
                Content::Other => 0,
            };
            zstd.set_parameter(CParameter::MinMatch(shortest))?;
        }
        Ok(())
    }

    /// Puts `bytes` compressed in place of what is in `compressed`.
    pub(super) fn compress(&mut self, bytes: &[u8], compressed: &mut Vec<u8>) -> ParquetResult<()> {
        compressed.clear();
        match self {
            Self::None => compressed.extend_from_slice(bytes),
            Self::Zstd(zstd) | Self::FastestZstd(zstd) => {
                compressed.reserve(compress_bound(bytes.len()));
                zstd.compress_to_buffer(bytes, compressed)?;
            }
            Self::Other(codec) => codec.compress(bytes, compressed)?,
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_compressed_comes_back() {
        let text = "one text, and another text, and another one ".repeat(3000);
        let codecs = [
            Compression::None,
            Compression::Snappy,
            Compression::Lz4,
            Compression::Zstd(1),
            Compression::Zstd(19),
        ];
        for compression in codecs {
            let compression = to_parquet(compression).unwrap();
            let mut codec = PageCodec::new(compression).unwrap();
            let mut compressed = b"of the page before".to_vec();
            let contents = [Content::Text, Content::Other].into_iter().cycle();
            for (bytes, content) in [text.as_bytes(), b"", b"short"].into_iter().zip(contents) {
                codec.expect(content).unwrap();
                codec.compress(bytes, &mut compressed).unwrap();
                let options = CodecOptionsBuilder::default().build();
                let mut plain = Vec::new();
                match create_codec(compression, &options).unwrap() {
                    None => plain.clone_from(&compressed),
                    Some(mut codec) => {
                        codec
                            .decompress(&compressed, &mut plain, Some(bytes.len()))
                            .unwrap();
                    }
                }
                assert_eq!(plain, bytes, "{compression}");
            }
        }
    }
}
