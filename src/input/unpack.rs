//! Compressed bytes -> the bytes that were compressed.
//!
//! Invariants: a reader ends only where the data does, after checking what the format lets one
//! check: data that is cut short or damaged is an error, never a shorter text. Members, frames and
//! streams that follow each other count as one. No decoder takes more memory than it is given.
//!
//! Several files are unpacked side by side, one file from its beginning to its end. Pieces of one
//! could be unpacked side by side only where the data says where they start and how much text each
//! of them is: BGZF, zstd with a seek table, xz of several blocks. What the usual tools write is one
//! piece (one member, one frame, one block), or does not say (members of gzip, blocks of bzip2, which
//! start at any bit). A stream says nothing ahead either. The price would be a text that is written out
//! of order, while the spool judges the encoding, keeps to its limits and names the place of damage as
//! it goes from front to back.

use std::error::Error as StdError;
use std::fmt;
use std::io::{self, BufRead, ErrorKind, Read};

use flate2::bufread::GzDecoder;
use liblzma::stream::{CONCATENATED, Error as XzError, Stream};
use lz4_flex::frame::FrameDecoder;

use super::feed::Feed;
use super::format::{Format, SKIPPABLE_HEAD_BYTES, skippable_bytes};

/// Unpacks `feed`, which starts with data in `format`. Of the formats only zstd and xz know
/// windows of any size; one that takes more than `memory_bytes_max` is an error for which
/// [`is_too_large`] holds.
///
/// # Errors
/// If a decoder cannot be set up.
pub(super) fn unpack<'f>(
    format: Format,
    feed: &'f mut Feed<'_, '_>,
    memory_bytes_max: usize,
) -> io::Result<Box<dyn Read + 'f>> {
    Ok(match format {
        Format::Gzip => Box::new(GzipMembers(Some(GzDecoder::new(feed)))),
        Format::Bzip2 => Box::new(bzip2::bufread::MultiBzDecoder::new(feed)),
        Format::Zstd => {
            let mut decoder = zstd::Decoder::with_buffer(feed)?;
            decoder.window_log_max(memory_bytes_max.ilog2().clamp(10, 31))?;
            Box::new(decoder)
        }
        Format::Xz => {
            let stream = Stream::new_stream_decoder(memory_bytes_max as u64, CONCATENATED)?;
            Box::new(liblzma::bufread::XzDecoder::new_stream(feed, stream))
        }
        Format::Lz4 => Box::new(Lz4Frames {
            decoder: FrameDecoder::new(Unending(feed)),
            is_within: false,
        }),
    })
}

/// Whether the data ends before it is complete.
pub(super) fn is_cut_short(error: &io::Error) -> bool {
    let inner = error.get_ref();
    error.kind() == ErrorKind::UnexpectedEof || inner.is_some_and(|inner| inner.is::<CutShort>())
}

/// Whether the data asks for more memory than it may have.
pub(super) fn is_too_large(error: &io::Error) -> bool {
    let inner = error.get_ref();
    let xz = inner.and_then(|inner| inner.downcast_ref::<XzError>());
    // The library of zstd tells its errors by their text.
    xz == Some(&XzError::MemLimit) || error.to_string().contains("requires too much memory")
}

/// Reads gzip members to the end of the last one; passes over the zeros that fill up a block of a
/// tape behind a member, as gzip itself does.
struct GzipMembers<'r, 'f, 'w>(Option<GzDecoder<&'r mut Feed<'f, 'w>>>);

impl Read for GzipMembers<'_, '_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(decoder) = &mut self.0 {
            let bytes = decoder.read(buffer)?;
            if bytes > 0 || buffer.is_empty() {
                return Ok(bytes);
            }
            let feed = self.0.take().expect("it is there").into_inner();
            pass_zeros(feed)?;
            if !feed.fill_buf()?.is_empty() {
                self.0 = Some(GzDecoder::new(feed));
            }
        }
        Ok(0)
    }
}

fn pass_zeros(feed: &mut Feed<'_, '_>) -> io::Result<()> {
    loop {
        let bytes = feed.fill_buf()?;
        match bytes.iter().take_while(|byte| **byte == 0).count() {
            0 => return Ok(()),
            zeros => feed.consume(zeros),
        }
    }
}

/// Reads LZ4 frames to the end of the last one; passes over skippable ones.
struct Lz4Frames<'r, 'f, 'w> {
    decoder: FrameDecoder<Unending<'r, 'f, 'w>>,
    /// Whether the decoder is within a frame.
    is_within: bool,
}

/// A feed whose end is an error: the decoder of LZ4 takes an end between two blocks of a frame for
/// the end of the frame.
struct Unending<'r, 'f, 'w>(&'r mut Feed<'f, 'w>);

#[derive(Debug)]
struct CutShort;

impl fmt::Display for CutShort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("unexpected end of data")
    }
}

impl StdError for CutShort {}

impl Unending<'_, '_, '_> {
    /// Moves to the next frame of data; false if there is none.
    fn next_frame(&mut self) -> io::Result<bool> {
        loop {
            let head = self.0.peek(SKIPPABLE_HEAD_BYTES)?;
            if head.is_empty() {
                return Ok(false);
            }
            let Some(mut left) = skippable_bytes(head) else {
                return Ok(true);
            };
            while left > 0 {
                let passed = self.0.fill_buf()?.len().min(left);
                if passed == 0 {
                    return Err(io::Error::other(CutShort));
                }
                self.0.consume(passed);
                left -= passed;
            }
        }
    }
}

impl Read for Unending<'_, '_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.0.read(buffer)? {
            0 if !buffer.is_empty() => Err(io::Error::other(CutShort)),
            bytes => Ok(bytes),
        }
    }
}

impl Read for Lz4Frames<'_, '_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if !self.is_within && !self.decoder.get_mut().next_frame()? {
                return Ok(0);
            }
            self.is_within = true;
            match self.decoder.read(buffer)? {
                0 if !buffer.is_empty() => self.is_within = false,
                bytes => return Ok(bytes),
            }
        }
    }
}
