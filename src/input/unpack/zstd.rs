//! Frames of zstd -> groups of whole frames.
//!
//! A frame is blocks that say how long they are, so that its end is found without decoding. One frame
//! is decoded by one thread; what is gathered is what comes as several, from `pzstd`, tools that write
//! for random access, or concatenation. A frame says how much text it holds, or its blocks say how
//! much that can be at most.
//!
//! Invariant: a piece is taken as it is only if it decodes, as a whole, to no more text than that,
//! and no frame in it has a larger window than plain decoding lets it have.

use std::io::{self, BufRead};

use bytes::Bytes;
use zstd::bulk::Decompressor;

use super::crew::Unpacked;
use super::decode::window_log_max;
use super::pieces::{Cut, Next, Piece, from_the_start};
use crate::input::feed::Feed;
use crate::input::format::{SKIPPABLE_HEAD_BYTES, skippable_bytes};

/// Length of the longest head of a frame.
const HEAD_BYTES_MAX: usize = 18;
const MAGIC: [u8; 4] = [0x28, 0xB5, 0x2F, 0xFD];
/// Length of the head of a block.
const BLOCK_HEAD_BYTES: usize = 3;
/// The most text of a block, and the most packed bytes.
const BLOCK_BYTES_MAX: usize = 128 * 1024;
const CHECKSUM_BYTES: usize = 4;
/// What a decoder takes.
const DECODER_BYTES: usize = 256 * 1024;
/// Frames are gathered up to so much text.
const PIECE_TEXT_BYTES: usize = 1 << 20;
/// Frames of more text are decoded plainly: as much memory would be taken by each of several.
const FRAME_TEXT_BYTES_MAX: usize = 64 << 20;
/// Frames for other tools that are longer are passed over plainly.
const SKIPPED_BYTES_MAX: usize = 64 * 1024;

/// Cuts off frames.
pub(super) struct WholeFrames {
    window_bytes_max: u64,
}

/// What the head of a frame says.
#[derive(Debug, PartialEq, Eq)]
struct Head {
    bytes: usize,
    window_bytes: u64,
    text_bytes: Option<u64>,
    has_checksum: bool,
}

/// What frames may take.
#[derive(Clone, Copy)]
struct Room {
    /// For more text.
    text_bytes: usize,
    /// For all packed bytes.
    packed_bytes: usize,
}

impl WholeFrames {
    /// Those that plain decoding within `memory_bytes_max` bytes takes.
    pub(super) fn new(memory_bytes_max: usize) -> Self {
        Self {
            window_bytes_max: 1 << window_log_max(memory_bytes_max),
        }
    }

    /// Takes the next frame off `feed` to the end of `packed` and returns the most text it may hold;
    /// nothing is taken if it is not whole, or larger than there is room for.
    fn take_frame(
        &self,
        feed: &mut Feed<'_, '_>,
        packed: &mut Vec<u8>,
        room: Room,
    ) -> io::Result<Option<usize>> {
        if let Some(bytes) = skippable_bytes(feed.peek(SKIPPABLE_HEAD_BYTES)?) {
            let fits = bytes <= SKIPPED_BYTES_MAX && packed.len() + bytes <= room.packed_bytes;
            let is_taken = fits && feed.peek(bytes)?.len() == bytes;
            return match is_taken {
                true => feed.take_into(packed, bytes).map(|_| Some(0)),
                false => Ok(None),
            };
        }
        let head = Head::read(feed.peek(HEAD_BYTES_MAX)?);
        let Some(head) = head.filter(|head| {
            let said = head.text_bytes.unwrap_or_default();
            head.window_bytes <= self.window_bytes_max && said <= room.text_bytes as u64
        }) else {
            return Ok(None);
        };
        let start = packed.len();
        let found = take_blocks(&head, feed, packed, room)?;
        let Some(found) = found else {
            feed.give_back(&packed[start..]);
            packed.truncate(start);
            return Ok(None);
        };
        Ok(Some(head.text_bytes.map_or(found, |said| said as usize)))
    }
}

/// Takes all of a frame with this head; returns the most text its blocks may hold, unless the frame
/// is not whole or there is no room for it.
fn take_blocks(
    head: &Head,
    feed: &mut Feed<'_, '_>,
    packed: &mut Vec<u8>,
    room: Room,
) -> io::Result<Option<usize>> {
    feed.take_into(packed, head.bytes)?;
    let mut text_bytes = 0;
    loop {
        let &[a, b, c] = feed.peek(BLOCK_HEAD_BYTES)? else {
            return Ok(None);
        };
        feed.take_into(packed, BLOCK_HEAD_BYTES)?;
        let block = u32::from_le_bytes([a, b, c, 0]);
        let size = (block >> 3) as usize;
        let (bytes, text) = match block >> 1 & 3 {
            0 => (size, size),
            1 => (1, size),
            2 => (size, BLOCK_BYTES_MAX),
            _ => return Ok(None),
        };
        text_bytes += text;
        let fits = size <= BLOCK_BYTES_MAX
            && text_bytes <= room.text_bytes
            && packed.len() + bytes <= room.packed_bytes;
        if !fits || feed.take_into(packed, bytes)? < bytes {
            return Ok(None);
        }
        if block & 1 == 1 {
            let rest = if head.has_checksum { CHECKSUM_BYTES } else { 0 };
            let is_whole = feed.take_into(packed, rest)? == rest;
            return Ok(is_whole.then_some(text_bytes));
        }
    }
}

impl Head {
    /// The head at the start of `bytes`, if it is a frame's and needs no dictionary.
    fn read(bytes: &[u8]) -> Option<Self> {
        let flags = *bytes.strip_prefix(&MAGIC)?.first()?;
        let is_single = flags & 0x20 != 0;
        let (reserved, dictionary) = (flags & 0x08, flags & 0x03);
        if reserved != 0 || dictionary != 0 {
            return None;
        }
        let mut at = MAGIC.len() + 1;
        let mut window_bytes = 0;
        if !is_single {
            let window = *bytes.get(at)?;
            let base = 1 << (10 + u64::from(window >> 3));
            window_bytes = base + base / 8 * u64::from(window & 7);
            at += 1;
        }
        let length = match flags >> 6 {
            0 => usize::from(is_single),
            1 => 2,
            2 => 4,
            _ => 8,
        };
        let size = bytes.get(at..at + length)?;
        let size = size
            .iter()
            .rfold(0, |size, byte| size << 8 | u64::from(*byte));
        let text_bytes = match length {
            0 => None,
            2 => Some(size + 256),
            _ => Some(size),
        };
        Some(Self {
            bytes: at + length,
            window_bytes: text_bytes.filter(|_| is_single).unwrap_or(window_bytes),
            text_bytes,
            has_checksum: flags & 0x04 != 0,
        })
    }
}

impl Cut for WholeFrames {
    fn next(&mut self, feed: &mut Feed<'_, '_>, bytes_max: usize) -> io::Result<Next> {
        if feed.fill_buf()?.is_empty() {
            return Ok(Next::End);
        }
        let (mut packed, mut text_bytes) = (Vec::new(), 0);
        // What is packed is hardly longer than the text.
        let half = bytes_max.saturating_sub(DECODER_BYTES) / 2;
        let mut room = Room {
            text_bytes: half.min(FRAME_TEXT_BYTES_MAX),
            packed_bytes: half,
        };
        while text_bytes < PIECE_TEXT_BYTES && packed.len() < PIECE_TEXT_BYTES {
            match self.take_frame(feed, &mut packed, room)? {
                Some(bytes) => {
                    text_bytes += bytes;
                    room.text_bytes -= bytes;
                }
                None => break,
            }
        }
        Ok(match packed.is_empty() {
            true => Next::Plain(from_the_start()),
            false => Next::Piece(piece(packed, text_bytes)),
        })
    }
}

/// Frames with at most `text_bytes_max` bytes of text.
fn piece(packed: Vec<u8>, text_bytes_max: usize) -> Piece {
    let memory_bytes = DECODER_BYTES + packed.len() + text_bytes_max;
    let packed = Bytes::from(packed);
    let frames = packed.clone();
    let job = move || {
        let mut text = Vec::with_capacity(text_bytes_max);
        let done = Decompressor::new()
            .and_then(|mut decoder| decoder.decompress_to_buffer(&frames, &mut text));
        match done {
            Ok(_) => Unpacked::whole(text),
            Err(_) => Unpacked::failed(),
        }
    };
    Piece {
        packed,
        job: Box::new(job),
        memory_bytes,
        take_up: from_the_start(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_say_window_and_size() {
        let head = |bytes, window_bytes, text_bytes, has_checksum| Head {
            bytes,
            window_bytes,
            text_bytes,
            has_checksum,
        };
        let mut bytes = MAGIC.to_vec();
        for (rest, expected) in [
            (b"\x00\x58".as_slice(), Some(head(6, 1 << 21, None, false))),
            (
                b"\x04\x59",
                Some(head(6, (1 << 21) + (1 << 18), None, true)),
            ),
            (b"\x24\x07", Some(head(6, 7, Some(7), true))),
            (b"\x60\x07\x01", Some(head(7, 519, Some(519), false))),
            (b"\x40\x00\x07\x01", Some(head(8, 1024, Some(519), false))),
            (b"\xA0\x07\x01\0\0", Some(head(9, 263, Some(263), false))),
            (b"\xE0\x07\0\0\0\x01\0\0", None),
            (b"\x01\x58\x01", None),
            (b"\x08\x58", None),
            (b"\x00", None),
            (b"", None),
        ] {
            bytes.truncate(MAGIC.len());
            bytes.extend(rest);
            assert_eq!(Head::read(&bytes), expected, "{rest:?}");
        }
        assert_eq!(Head::read(b"\x28\xB5\x2F"), None);
    }
}
