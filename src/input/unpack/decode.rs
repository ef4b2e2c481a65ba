//! Packed bytes, as they come -> the bytes that were packed, by the library of each format.
//!
//! Invariant: neither the text before damage nor the place of the damage depends on how the bytes were
//! split into steps.

use std::io::{self, Error};

use bzip2::{Decompress as Blocks, Status as BlocksStatus};
use flate2::{Decompress as Inflate, FlushDecompress, Status as InflateStatus};
use liblzma::stream::{Action, CONCATENATED, Status as XzStatus, Stream};
use zstd::stream::raw::{DParameter, Decoder as Frames, Operation};

use super::scan::{MAGIC_BITS, Scan};

/// Decodes one member, frame or stream, or all that follow each other.
pub(super) trait Decode: Send {
    /// Decodes some of `packed`, which is empty at the end of the data only, into `text`.
    fn step(&mut self, packed: &[u8], text: &mut [u8]) -> Step;
}

/// What a step has done.
pub(super) struct Step {
    /// Bytes of the packed data that were used.
    pub(super) taken: usize,
    /// Bytes of text, also before an error.
    pub(super) given: usize,
    /// Whether that was the end, as far as the format knows.
    pub(super) is_end: io::Result<bool>,
    /// Bytes between the place of an error and the last byte used.
    pub(super) behind_error: u64,
}

/// Bits of the largest window of gzip, which is the usual one.
const GZIP_WINDOW_BITS: u8 = 15;

/// One member.
pub(super) struct Gzip(Inflate);

impl Gzip {
    pub(super) fn new() -> Self {
        Self(Inflate::new_gzip(GZIP_WINDOW_BITS))
    }
}

impl Decode for Gzip {
    fn step(&mut self, packed: &[u8], text: &mut [u8]) -> Step {
        let before = (self.0.total_in(), self.0.total_out());
        let status = self.0.decompress(packed, text, FlushDecompress::None);
        Step {
            taken: (self.0.total_in() - before.0) as usize,
            given: (self.0.total_out() - before.1) as usize,
            is_end: status
                .map(|status| status == InflateStatus::StreamEnd)
                .map_err(Error::from),
            behind_error: 0,
        }
    }
}

/// One stream. The library reads ahead by up to eight bytes, so an error is said to be where the block
/// in which it was noticed starts, which is as far as anything in it can be trusted.
pub(super) struct Bzip2 {
    blocks: Blocks,
    scan: Scan,
    /// Where the last magic numbers start, in bytes from the first.
    starts: [u64; 3],
}

impl Bzip2 {
    /// A magic number and the checksum behind it, which must have been read before something behind
    /// them can be wrong: more than is read ahead.
    const OPENING_BYTES: u64 = 10;

    pub(super) fn new() -> Self {
        Self {
            blocks: Blocks::new(false),
            scan: Scan::default(),
            starts: [0; 3],
        }
    }

    /// Notes which magic numbers end in `packed`, which follows the first `before` bytes.
    fn note_starts(&mut self, packed: &[u8], before: u64) {
        let mut at = 0;
        while let Some(found) = self.scan.find(&packed[at..]) {
            at += found.bytes;
            let end_bit = (before + at as u64) * 8 - found.bits_behind as u64;
            self.starts.rotate_left(1);
            self.starts[2] = end_bit.saturating_sub(MAGIC_BITS as u64) / 8;
        }
    }
}

impl Decode for Bzip2 {
    fn step(&mut self, packed: &[u8], text: &mut [u8]) -> Step {
        let before = (self.blocks.total_in(), self.blocks.total_out());
        let status = self.blocks.decompress(packed, text);
        let used = self.blocks.total_in();
        let taken = (used - before.0) as usize;
        self.note_starts(&packed[..taken], before.0);
        let is_read = |start: &&u64| **start + Self::OPENING_BYTES <= used;
        let start = self.starts.iter().rev().find(is_read);
        Step {
            taken,
            given: (self.blocks.total_out() - before.1) as usize,
            is_end: match status {
                Ok(BlocksStatus::MemNeeded) => Err(io::ErrorKind::OutOfMemory.into()),
                Ok(status) => Ok(status == BlocksStatus::StreamEnd),
                Err(error) => Err(error.into()),
            },
            behind_error: used - start.copied().unwrap_or_default(),
        }
    }
}

/// One frame. The library loses what it has given in a step that fails, so each step goes as far as
/// the library says that one thing is to be decoded, and no further.
pub(super) struct Zstd {
    frames: Frames<'static>,
    /// Bytes of which that is made.
    wanted: usize,
    /// Whether there may be text that found no room.
    is_full: bool,
}

impl Zstd {
    /// Bytes that tell how long the head of a frame is.
    const FIRST_BYTES: usize = 5;

    /// With windows of up to `memory_bytes_max` bytes.
    pub(super) fn new(memory_bytes_max: usize) -> io::Result<Self> {
        let mut frames = Frames::new()?;
        frames.set_parameter(DParameter::WindowLogMax(window_log_max(memory_bytes_max)))?;
        Ok(Self {
            frames,
            wanted: Self::FIRST_BYTES,
            is_full: false,
        })
    }
}

/// The binary logarithm of the largest window of zstd that `memory_bytes_max` bytes hold.
pub(super) fn window_log_max(memory_bytes_max: usize) -> u32 {
    memory_bytes_max.ilog2().clamp(10, 31)
}

impl Decode for Zstd {
    fn step(&mut self, packed: &[u8], text: &mut [u8]) -> Step {
        let packed = match self.is_full {
            true => &[],
            false => &packed[..packed.len().min(self.wanted)],
        };
        match self.frames.run_on_buffers(packed, text) {
            Ok(status) => {
                self.is_full = status.bytes_written == text.len();
                self.wanted = status.remaining.max(1);
                Step {
                    taken: status.bytes_read,
                    given: status.bytes_written,
                    is_end: Ok(status.remaining == 0),
                    behind_error: 0,
                }
            }
            Err(error) => Step {
                taken: packed.len(),
                given: 0,
                is_end: Err(error),
                behind_error: 0,
            },
        }
    }
}

/// All streams, and what may stand between them.
pub(super) struct Xz(Stream);

impl Xz {
    /// With no more than `memory_bytes_max` bytes.
    pub(super) fn new(memory_bytes_max: usize) -> io::Result<Self> {
        let stream = Stream::new_stream_decoder(memory_bytes_max as u64, CONCATENATED)?;
        Ok(Self(stream))
    }
}

impl Decode for Xz {
    fn step(&mut self, packed: &[u8], text: &mut [u8]) -> Step {
        let before = (self.0.total_in(), self.0.total_out());
        // Only the end of the data ends the last stream.
        let action = match packed.is_empty() {
            true => Action::Finish,
            false => Action::Run,
        };
        let status = self.0.process(packed, text, action);
        Step {
            taken: (self.0.total_in() - before.0) as usize,
            given: (self.0.total_out() - before.1) as usize,
            is_end: status
                .map(|status| status == XzStatus::StreamEnd)
                .map_err(Error::from),
            behind_error: 0,
        }
    }
}
