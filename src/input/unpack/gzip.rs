//! Members of gzip -> groups of those that say how long they are.
//!
//! What the usual tools write is one member, or several that do not say where they end; those are
//! decoded plainly. Block gzip (BGZF, by `bgzip` and its like) is members of up to 64 KiB of text whose
//! head holds their size and whose last bytes hold that of their text, as in all members.
//!
//! Invariant: a piece is taken as it is only if its members fill it, with as much text as they say.

use std::io::{self, BufRead};

use bytes::Bytes;

use super::crew::Unpacked;
use super::decode::{Decode, Gzip};
use super::pieces::{Cut, Next, Piece, from_the_start};
use crate::input::feed::Feed;

/// Length of the head of a member up to its extra fields.
const HEAD_BYTES: usize = 12;
/// Length of the checksum and the size of the text behind it.
const TAIL_BYTES: usize = 8;
/// No member has more text.
const MEMBER_TEXT_BYTES_MAX: usize = 64 * 1024;
/// Members are gathered up to so much text.
const PIECE_TEXT_BYTES: usize = 1 << 20;
/// What a decoder takes.
const DECODER_BYTES: usize = 64 * 1024;

/// Cuts off members, if they may be gathered.
pub(super) struct Members {
    pub(super) is_gathering: bool,
}

/// A member that says how long it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Sizes {
    bytes: usize,
    text_bytes: usize,
}

impl Cut for Members {
    fn next(&mut self, feed: &mut Feed<'_, '_>, bytes_max: usize) -> io::Result<Next> {
        let mut packed = Vec::new();
        // Zeros fill up a block of a tape behind a member; gzip itself passes over them.
        loop {
            match zeros(feed.fill_buf()?) {
                0 => break,
                zeros if self.is_gathering => {
                    feed.take_into(&mut packed, zeros)?;
                    return Ok(Next::Piece(piece(packed, 0)));
                }
                zeros => feed.consume(zeros),
            }
        }
        if feed.fill_buf()?.is_empty() {
            return Ok(Next::End);
        }
        let mut text_bytes = 0;
        while self.is_gathering
            && text_bytes < PIECE_TEXT_BYTES
            && let Some(member) = sizes_of_next(feed)?
            && memory_bytes(packed.len() + member.bytes, text_bytes + member.text_bytes)
                <= bytes_max
        {
            feed.take_into(&mut packed, member.bytes)?;
            text_bytes += member.text_bytes;
        }
        Ok(match packed.is_empty() {
            true => Next::Plain(from_the_start()),
            false => Next::Piece(piece(packed, text_bytes)),
        })
    }
}

/// Zeros at the start of `bytes`.
pub(super) fn zeros(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|byte| **byte == 0).count()
}

/// The sizes of the member that `feed` stands at, if it says them and is all there.
fn sizes_of_next(feed: &mut Feed<'_, '_>) -> io::Result<Option<Sizes>> {
    let Some(extra) = extra_bytes(feed.peek(HEAD_BYTES)?) else {
        return Ok(None);
    };
    let head = feed.peek(HEAD_BYTES + extra)?;
    let Some(bytes) = head.get(HEAD_BYTES..).and_then(member_bytes) else {
        return Ok(None);
    };
    let member = feed.peek(bytes)?;
    let is_whole = member.len() == bytes && bytes > HEAD_BYTES + extra + TAIL_BYTES;
    let text_bytes = match member.last_chunk() {
        Some(size) if is_whole => u32::from_le_bytes(*size) as usize,
        _ => return Ok(None),
    };
    let sizes = Sizes { bytes, text_bytes };
    Ok((text_bytes <= MEMBER_TEXT_BYTES_MAX).then_some(sizes))
}

/// Length of the extra fields of a member that starts with `head` and holds nothing else before
/// its data.
fn extra_bytes(head: &[u8]) -> Option<usize> {
    match *head {
        [0x1F, 0x8B, 8, 4, _, _, _, _, _, _, low, high] => {
            Some(usize::from(u16::from_le_bytes([low, high])))
        }
        _ => None,
    }
}

/// Length of a member with these extra fields, if they say it.
fn member_bytes(mut extra: &[u8]) -> Option<usize> {
    while let [first, second, low, high, rest @ ..] = extra {
        let length = usize::from(u16::from_le_bytes([*low, *high]));
        let field = rest.get(..length)?;
        if let ([b'B', b'C'], &[low, high]) = ([*first, *second], field) {
            return Some(usize::from(u16::from_le_bytes([low, high])) + 1);
        }
        extra = &rest[length..];
    }
    None
}

fn memory_bytes(packed_bytes: usize, text_bytes: usize) -> usize {
    DECODER_BYTES + packed_bytes + text_bytes
}

/// Members, or zeros between them, with `text_bytes` bytes of text.
fn piece(packed: Vec<u8>, text_bytes: usize) -> Piece {
    let memory_bytes = memory_bytes(packed.len(), text_bytes);
    let packed = Bytes::from(packed);
    let members = packed.clone();
    Piece {
        packed,
        job: Box::new(move || {
            let text = match members[0] {
                0 => Some(Vec::new()),
                _ => unpack(&members, text_bytes),
            };
            text.map_or_else(Unpacked::failed, Unpacked::whole)
        }),
        memory_bytes,
        take_up: from_the_start(),
    }
}

/// The text of `members`, if it is `text_bytes` bytes.
fn unpack(mut members: &[u8], text_bytes: usize) -> Option<Vec<u8>> {
    let mut text = vec![0; text_bytes];
    let mut filled = 0;
    while !members.is_empty() {
        let mut decoder = Gzip::new();
        loop {
            let step = decoder.step(members, &mut text[filled..]);
            members = &members[step.taken..];
            filled += step.given;
            match step.is_end {
                Ok(true) => break,
                Ok(false) if step.taken + step.given > 0 => {}
                _ => return None,
            }
        }
    }
    (filled == text.len()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_among_other_fields() {
        for (extra, expected) in [
            (b"BC\x02\0\x1B\0".as_slice(), Some(28)),
            (b"XY\x03\0abcBC\x02\0\xFF\xFF", Some(65_536)),
            (b"BC\x03\0abcBC\x02\0\x01\x02", Some(0x0202)),
            (b"BC\x02\0\x1B", None),
            (b"XY\xFF\0abcBC\x02\0\xFF\xFF", None),
            (b"", None),
        ] {
            assert_eq!(member_bytes(extra), expected, "{extra:?}");
        }
        let head = b"\x1F\x8B\x08\x04\0\0\0\0\0\xFF\x06\x01";
        assert_eq!(extra_bytes(head), Some(262));
        let named = b"\x1F\x8B\x08\x0C\0\0\0\0\0\xFF\x06\x01";
        assert_eq!(extra_bytes(named), None);
    }
}
