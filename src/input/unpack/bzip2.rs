//! Streams of bzip2 -> their blocks, each wrapped so that it can be unpacked by itself.
//!
//! A block starts at any bit, with 48 bits that are most unlikely to stand anywhere else; it ends where
//! the next one or the end of the stream starts. What decodes a block must believe that it has decoded
//! all blocks before: a stream starts with its level, and the checksum of all blocks so far is
//! compared where it ends. So a block is led up to by one of four bytes of our own, whose length in bits
//! makes the real one start within its byte as it does in the file, and whose checksum is that
//! of all real blocks before. The bytes of the file can follow as they are: for a piece up to the end of
//! the block, behind which the end of a stream is put, and for plain decoding as far as they go.
//!
//! Invariant: a piece holds nothing but one block, or it fails. If 48 bits within a block look like the
//! start of another one, what is before them fails, and plain decoding goes on to the end of the stream.

use std::io::{self, BufRead, Write};

use bzip2::Compression;
use bzip2::write::BzEncoder;

use super::checksum::text_of_checksum;
use super::crew::Job;
use super::decode::Bzip2;
use super::pieces::{Cut, Next, Piece, TakeUp, from_the_start};
use super::run::{Lead, Run};
use super::scan::{BLOCK_MAGIC, END_MAGIC, MAGIC_BITS, Scan};
use crate::input::feed::Feed;

/// Length of the head of a stream.
const HEAD_BYTES: usize = 4;
/// Bits of a magic number and the checksum behind it.
const OPENING_BITS: usize = MAGIC_BITS + 32;
/// Bytes that hold these wherever in a byte they start.
const OPENING_BYTES: usize = OPENING_BITS / 8 + 1;
/// No block is longer: 900,000 symbols of 20 bits, and the tables to read them by.
const PACKED_BYTES_MAX: usize = 5 << 19;
/// Bytes of text in a block for each level, if its runs of equal bytes are short.
const LEVEL_BYTES: usize = 100_000;

/// Cuts off blocks.
#[derive(Default)]
pub(super) struct Blocks {
    /// The block to come, unless a stream is.
    block: Option<Block>,
}

/// Where a block starts, and what its decoder must have seen before.
#[derive(Debug, Clone, Copy)]
struct Block {
    /// The largest size of blocks of the stream, from 1 to 9.
    level: u8,
    /// Whether the head of the stream stands before it.
    is_first: bool,
    /// Bits of its first byte that belong to the block before.
    bit: usize,
    /// The checksum of all blocks before.
    checksum: u32,
}

/// A magic number and the checksum behind it.
struct Opening {
    magic: u64,
    checksum: u32,
}

impl Opening {
    /// The one that starts at bit `bit` of `bytes`, if these are enough.
    fn read(bytes: &[u8], bit: usize) -> Option<Self> {
        let bytes = bytes.get(..(bit + OPENING_BITS).div_ceil(8))?;
        let bits = bytes
            .iter()
            .fold(0, |bits, byte| bits << 8 | u128::from(*byte));
        let bits = bits >> (bytes.len() * 8 - bit - OPENING_BITS);
        Some(Self {
            magic: (bits >> 32) as u64 & ((1 << MAGIC_BITS) - 1),
            checksum: bits as u32,
        })
    }

    /// Writes it behind the first `bit` bits of `first`.
    fn write(&self, first: u8, bit: usize) -> Vec<u8> {
        let first = u128::from(first & !(0xFF >> bit)) << 120;
        let magic = u128::from(self.magic) << (128 - MAGIC_BITS) >> bit;
        let checksum = u128::from(self.checksum) << (128 - OPENING_BITS) >> bit;
        let bytes = (first | magic | checksum).to_be_bytes();
        bytes[..(bit + OPENING_BITS).div_ceil(8)].to_vec()
    }
}

impl Cut for Blocks {
    fn next(&mut self, feed: &mut Feed<'_, '_>, bytes_max: usize) -> io::Result<Next> {
        let block = match self.block.take() {
            Some(block) => block,
            None => match *feed.peek(HEAD_BYTES)? {
                [] => return Ok(Next::End),
                [b'B', b'Z', b'h', level @ b'1'..=b'9'] => Block {
                    level: level - b'0',
                    is_first: true,
                    bit: 0,
                    checksum: 0,
                },
                _ => return Ok(Next::Plain(from_the_start())),
            },
        };
        Ok(match self.cut(block, feed, bytes_max)? {
            Some(piece) => Next::Piece(piece),
            None => Next::Plain(block.take_up()),
        })
    }

    fn restart(&mut self) {
        self.block = None;
    }
}

impl Blocks {
    /// Cuts `block` off; `feed` stays where it is if that cannot be.
    fn cut(
        &mut self,
        block: Block,
        feed: &mut Feed<'_, '_>,
        bytes_max: usize,
    ) -> io::Result<Option<Piece>> {
        let head_bytes = if block.is_first { HEAD_BYTES } else { 0 };
        let opening = feed.peek(head_bytes + OPENING_BYTES)?;
        let opening = { opening.get(head_bytes..) }.and_then(|at| Opening::read(at, block.bit));
        let Some(opening) = opening.filter(|opening| opening.magic == BLOCK_MAGIC) else {
            return Ok(None);
        };
        let Some(room) = bytes_max.checked_sub(block.memory_bytes()) else {
            return Ok(None);
        };
        let mut packed = Vec::new();
        // Its own magic number ends within the byte behind these, or before.
        feed.take_into(&mut packed, head_bytes + MAGIC_BITS / 8)?;
        let end = find_end(feed, &mut packed, room.min(PACKED_BYTES_MAX))?;
        let Some(end) = end else {
            feed.give_back(&packed);
            return Ok(None);
        };
        feed.give_back(&packed[end / 8..]);
        let first = packed[end / 8];
        packed.truncate(end / 8);
        let checksum = block.checksum.rotate_left(1) ^ opening.checksum;
        let bit = end % 8;
        let behind = Opening::read(feed.peek(OPENING_BYTES)?, bit);
        let mut stream_end = Vec::new();
        match behind {
            Some(behind) if behind.magic == BLOCK_MAGIC => {
                let magic = END_MAGIC;
                stream_end = Opening { magic, checksum }.write(first, bit);
                self.block = Some(Block {
                    is_first: false,
                    bit,
                    checksum,
                    ..block
                });
            }
            Some(behind) if behind.checksum == checksum => {
                let bytes = (bit + OPENING_BITS).div_ceil(8);
                feed.take_into(&mut packed, bytes)?;
            }
            _ => {
                feed.give_back(&packed);
                return Ok(None);
            }
        }
        Ok(Some(block.piece(packed, stream_end)))
    }
}

/// Takes bytes off `feed` to the end of `packed` until they hold a magic number; returns the bit of
/// `packed` that it starts at, if it comes before `packed` is longer than `bytes_max`.
fn find_end(
    feed: &mut Feed<'_, '_>,
    packed: &mut Vec<u8>,
    bytes_max: usize,
) -> io::Result<Option<usize>> {
    let mut scan = Scan::default();
    while packed.len() <= bytes_max {
        let bytes = feed.fill_buf()?;
        if bytes.is_empty() {
            break;
        }
        let found = scan.find(bytes);
        let passed = found.map_or(bytes.len(), |found| found.bytes);
        packed.extend_from_slice(&bytes[..passed]);
        feed.consume(passed);
        if let Some(found) = found {
            return Ok(Some(packed.len() * 8 - found.bits_behind - MAGIC_BITS));
        }
    }
    Ok(None)
}

impl Block {
    /// Bytes of text that are kept until they are read; what is more is unpacked as it is read.
    fn text_bytes_max(self) -> usize {
        2 * LEVEL_BYTES * usize::from(self.level)
    }

    /// Memory that unpacking takes, besides the packed bytes.
    fn memory_bytes(self) -> usize {
        4 * LEVEL_BYTES * usize::from(self.level) + self.text_bytes_max() + (512 << 10)
    }

    fn piece(self, packed: Vec<u8>, stream_end: Vec<u8>) -> Piece {
        let memory_bytes = self.memory_bytes() + packed.len();
        let packed = bytes::Bytes::from(packed);
        let all = packed.clone();
        let job: Job = Box::new(move || {
            let data = all.slice(self.shared_bytes()..);
            let lead = self.lead(all[0]);
            let run = Run::new(Box::new(Bzip2::new()), lead, data, stream_end);
            run.unpack(self.text_bytes_max())
        });
        Piece {
            packed,
            job,
            memory_bytes,
            take_up: self.take_up(),
        }
    }

    fn take_up(self) -> TakeUp {
        Box::new(move |feed| {
            let first = feed.peek(1)?.first().copied().unwrap_or_default();
            feed.consume(self.shared_bytes());
            Ok(self.lead(first))
        })
    }

    /// Bytes at its start that it shares with the block before.
    fn shared_bytes(self) -> usize {
        usize::from(self.bit > 0)
    }

    /// What leads up to it, and `first`, its first byte, if it shares that.
    fn lead(self, first: u8) -> Lead {
        if self.is_first {
            return Lead::default();
        }
        let text = text_of_checksum(self.checksum);
        let mut bits = bits_of_block(&text);
        let missing = (self.bit + 8 - bits.len() % 8) % 8;
        lengthen(&mut bits, missing);
        let shared = (self.bit..8).map(|bit| first >> (7 - bit) & 1 == 1);
        bits.extend(shared.filter(|_| self.bit > 0));
        debug_assert_eq!(bits.len() % 8, 0);
        let byte = |bits: &[bool]| bits.iter().fold(0, |byte, bit| byte << 1 | u8::from(*bit));
        let mut bytes: Vec<u8> = bits.chunks(8).map(byte).collect();
        bytes[HEAD_BYTES - 1] = b'0' + self.level;
        Lead {
            bytes,
            discarded: text.len() as u64,
        }
    }
}

/// A stream of one block that holds `text`, up to the end of the block.
fn bits_of_block(text: &[u8]) -> Vec<bool> {
    let mut encoder = BzEncoder::new(Vec::new(), Compression::fast());
    let written = encoder.write_all(text).and_then(|()| encoder.finish());
    let bytes = written.expect("memory takes what is written");
    let start = HEAD_BYTES + MAGIC_BITS / 8;
    let found = Scan::default().find(&bytes[start..]);
    let found = found.expect("each stream has an end");
    let end = (start + found.bytes) * 8 - found.bits_behind - MAGIC_BITS;
    let bits = bytes
        .iter()
        .flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1 == 1));
    bits.take(end).collect()
}

/// Makes a stream of one short block that ends with it longer, by at most seven bits. Which of the
/// tables serves for which fifty symbols is said by a number for each fifty; the first of these is
/// enough here, and those that say that nothing changes are one bit long.
fn lengthen(bits: &mut Vec<bool>, by: usize) {
    // The rows of sixteen bytes that are in use; whether the block is randomised, and its order.
    let rows = HEAD_BYTES * 8 + OPENING_BITS + 1 + 24;
    let used_rows = bits[rows..rows + 16].iter().filter(|bit| **bit).count();
    // Three bits say how many tables there are, fifteen how many numbers.
    let numbers = rows + 16 + 16 * used_rows + 3 + 15;
    debug_assert!(bits[numbers - 1] && !bits[numbers - 15..numbers - 1].contains(&true));
    for bit in 0..4 {
        bits[numbers - 1 - bit] = (1 + by) >> bit & 1 == 1;
    }
    let first_bits = bits[numbers..].iter().take_while(|bit| **bit).count() + 1;
    let end = numbers + first_bits;
    bits.splice(end..end, std::iter::repeat_n(false, by));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lead_ends_at_the_bit_with_the_checksum() {
        for checksum in (0..40_u32).map(|step| step.wrapping_mul(0x9E37_79B9)) {
            for bit in 0..8 {
                let block = Block {
                    level: 7,
                    is_first: false,
                    bit,
                    checksum,
                };
                let lead = block.lead(0x5A);
                assert!(lead.bytes.starts_with(b"BZh7"));
                let shared = lead.bytes.last().copied().unwrap_or_default();
                let mut data = lead.bytes.clone();
                if bit > 0 {
                    assert_eq!(shared & (0xFF >> bit), 0x5A & (0xFF >> bit));
                    data.pop();
                }
                let magic = END_MAGIC;
                data.extend(Opening { magic, checksum }.write(shared, bit));
                let decoder = Box::new(Bzip2::new());
                let run = Run::new(decoder, Lead::default(), data.into(), Vec::new());
                let text = run.unpack(1 << 20).text;
                assert_eq!(text.len() as u64, lead.discarded);
                assert!(!text.is_empty(), "the checksum was right");
            }
        }
    }

    #[test]
    fn openings_are_read_as_they_are_written() {
        for bit in 0..8 {
            let (magic, checksum) = (BLOCK_MAGIC, 0x89AB_CDEF);
            let bytes = Opening { magic, checksum }.write(0xFF, bit);
            assert_eq!(u32::from(bytes[0]) >> (8 - bit), 0xFF >> (8 - bit));
            let found = Opening::read(&bytes, bit).expect("long enough");
            assert_eq!((found.magic, found.checksum), (magic, checksum));
            assert!(Opening::read(&bytes[1..], bit).is_none());
        }
    }
}
