//! LZ4 frames, one after the other, by one thread: it decodes faster than the text can be written to a
//! disk, so there is nothing to win by more.
//!
//! Invariant: the end of the data within a frame is an error.

use std::io::{self, BufRead, Read};

use lz4_flex::frame::FrameDecoder;

use super::run::CutShort;
use crate::input::feed::Feed;
use crate::input::format::{SKIPPABLE_HEAD_BYTES, skippable_bytes};

/// Reads frames to the end of the last one; passes over skippable ones.
pub(super) struct Lz4Frames<'r, 'f, 'w> {
    decoder: FrameDecoder<Unending<'r, 'f, 'w>>,
    /// Whether the decoder is within a frame.
    is_within: bool,
}

impl<'r, 'f, 'w> Lz4Frames<'r, 'f, 'w> {
    pub(super) fn new(feed: &'r mut Feed<'f, 'w>) -> Self {
        Self {
            decoder: FrameDecoder::new(Unending(feed)),
            is_within: false,
        }
    }
}

/// A feed whose end is an error: the decoder of LZ4 takes an end between two blocks of a frame for
/// the end of the frame.
struct Unending<'r, 'f, 'w>(&'r mut Feed<'f, 'w>);

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
