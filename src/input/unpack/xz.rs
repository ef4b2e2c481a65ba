//! Streams of xz -> their blocks, each wrapped so that it can be unpacked by itself.
//!
//! Tools that pack with several threads write blocks whose heads say how long they are, packed and
//! unpacked; what one thread packs is one block that does not say. Behind the blocks of a stream stands
//! an index of their sizes. A block is wrapped in the head of its stream and an index of its own. The
//! index of the stream is compared with what the blocks have said; where it differs in anything, plain
//! decoding finds out what is wrong, and it must have seen the whole stream for that. So only what can
//! be read again is cut: files, and no pipes.
//!
//! Invariant: plain decoding sees what it would have seen, up to the end of the data.

use std::io::{self, BufRead};

use bytes::Bytes;

use super::block::{Block, HEAD_BYTES_MAX, Sizes, index, stream_foot};
use super::crew::{Job, Unpacked};
use super::decode::Xz;
use super::gzip::zeros;
use super::pieces::{Cut, Next, Piece, TakeUp};
use super::run::{Lead, Run};
use crate::input::feed::Feed;

const MAGIC: [u8; 6] = [0xFD, b'7', b'z', b'X', b'Z', 0];
/// Length of the head of a stream.
const HEAD_BYTES: usize = 12;
/// A stream without blocks and checks.
const EMPTY_STREAM: &[u8; 32] =
    b"\xFD7zXZ\0\0\0\xFF\x12\xD9\x41\0\0\0\0\x1C\xDF\x44\x21\x06\x72\x9E\x7A\x01\0\0\0\0\0YZ";
/// What a decoder takes, besides its dictionary.
const DECODER_BYTES: u64 = 512 * 1024;
/// Blocks of a stream that are remembered.
const BLOCKS_MAX: usize = 1 << 20;

/// Cuts off blocks.
pub(super) struct Blocks {
    memory_bytes_max: usize,
    /// The stream that the next block belongs to.
    stream: Option<Stream>,
    /// Whether a stream came before.
    is_later: bool,
}

/// A stream whose blocks are cut off.
struct Stream {
    head: [u8; HEAD_BYTES],
    /// Bytes of the file before it.
    start: u64,
    is_later: bool,
    blocks: Vec<Sizes>,
    memory_bytes_max: usize,
}

impl Blocks {
    /// Those that decoders within `memory_bytes_max` bytes take.
    pub(super) fn new(memory_bytes_max: usize) -> Self {
        Self {
            memory_bytes_max,
            stream: None,
            is_later: false,
        }
    }

    /// The stream that `feed` stands at, or what else comes next.
    fn begin(&self, feed: &mut Feed<'_, '_>) -> io::Result<Result<Stream, Next>> {
        let between = Lead {
            bytes: before_stream(self.is_later).to_vec(),
            discarded: 0,
        };
        // Streams are filled up to a multiple of four bytes, at least.
        if self.is_later && feed.peek(4)? == [0; 4] {
            let zeros = zeros(feed.fill_buf()?) / 4 * 4;
            let mut packed = Vec::new();
            feed.take_into(&mut packed, zeros)?;
            let job: Job = Box::new(|| Unpacked::whole(Vec::new()));
            let memory_bytes = packed.len();
            return Ok(Err(Next::Piece(Piece {
                packed: packed.into(),
                job,
                memory_bytes,
                take_up: with(between),
            })));
        }
        let head = feed.peek(HEAD_BYTES)?;
        if head.is_empty() {
            return Ok(Err(Next::End));
        }
        let head = <[u8; HEAD_BYTES]>::try_from(head).ok();
        let Some(head) = head.filter(|head| head.starts_with(&MAGIC) && head[6] == 0) else {
            return Ok(Err(Next::Plain(with(between))));
        };
        Ok(Ok(Stream {
            head,
            start: feed.used(),
            is_later: self.is_later,
            blocks: Vec::new(),
            memory_bytes_max: self.memory_bytes_max,
        }))
    }
}

impl Cut for Blocks {
    fn next(&mut self, feed: &mut Feed<'_, '_>, bytes_max: usize) -> io::Result<Next> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => match self.begin(feed)? {
                Ok(stream) => stream,
                Err(next) => return Ok(next),
            },
        };
        let at = stream.head_to_come().len();
        if feed.peek(at + 1)?.get(at) == Some(&0) {
            self.is_later = true;
            return stream.end(feed);
        }
        let next = stream.next_block(feed, bytes_max)?;
        if let Next::Piece(_) = next {
            self.stream = Some(stream);
        }
        Ok(next)
    }
}

impl Stream {
    /// What stands before the next block in the file, if that is the first.
    fn head_to_come(&self) -> &[u8] {
        match self.blocks.is_empty() {
            true => &self.head,
            false => &[],
        }
    }

    /// What stands before the next block for its decoder, and not in the file.
    fn head_gone(&self) -> &[u8] {
        &self.head[self.head_to_come().len()..]
    }

    /// Plain decoding with the next block.
    fn take_up(&self) -> TakeUp {
        with(Lead {
            bytes: [before_stream(self.is_later), self.head_gone()].concat(),
            discarded: 0,
        })
    }

    /// Plain decoding of all the stream, behind the text of the blocks that were cut off.
    fn take_up_all(&self) -> TakeUp {
        let start = self.start;
        let lead = Lead {
            bytes: before_stream(self.is_later).to_vec(),
            discarded: self.blocks.iter().map(|sizes| sizes.text_bytes).sum(),
        };
        Box::new(move |feed| {
            feed.go_back(start);
            Ok(lead)
        })
    }

    fn next_block(&mut self, feed: &mut Feed<'_, '_>, bytes_max: usize) -> io::Result<Next> {
        let at = self.head_to_come().len();
        let head = feed.peek(at + HEAD_BYTES_MAX)?.get(at..);
        let block = head.and_then(|head| Block::read(head, self.head[7]));
        let Some(block) = block.filter(|block| {
            let memory_bytes = DECODER_BYTES.saturating_add(block.memory_bytes());
            memory_bytes <= bytes_max as u64 && self.blocks.len() < BLOCKS_MAX
        }) else {
            return Ok(Next::Plain(self.take_up_all()));
        };
        let wanted = at + block.padded_bytes();
        let mut packed = Vec::with_capacity(wanted);
        if feed.take_into(&mut packed, wanted)? < wanted {
            feed.give_back(&packed);
            return Ok(Next::Plain(self.take_up()));
        }
        let mut end = index(&[block.sizes]);
        end.extend(stream_foot(end.len(), self.head[7]));
        let lead = self.head_gone().to_vec();
        let piece = Piece {
            memory_bytes: (DECODER_BYTES + block.memory_bytes()) as usize,
            take_up: self.take_up(),
            ..self.piece(packed, lead, end, block.sizes.text_bytes as usize)
        };
        self.blocks.push(block.sizes);
        Ok(Next::Piece(piece))
    }

    /// What is behind the last block, if it is what the blocks make it.
    fn end(&self, feed: &mut Feed<'_, '_>) -> io::Result<Next> {
        let mut expected = self.head_to_come().to_vec();
        let index = index(&self.blocks);
        expected.extend(&index);
        expected.extend(stream_foot(index.len(), self.head[7]));
        let mut packed = Vec::with_capacity(expected.len());
        feed.take_into(&mut packed, expected.len())?;
        if packed != expected {
            feed.give_back(&packed);
            return Ok(Next::Plain(self.take_up_all()));
        }
        if self.blocks.is_empty() {
            // Nobody has seen its head yet.
            return Ok(Next::Piece(self.piece(packed, Vec::new(), Vec::new(), 0)));
        }
        Ok(Next::Piece(Piece {
            memory_bytes: packed.len(),
            packed: packed.into(),
            job: Box::new(|| Unpacked::whole(Vec::new())),
            take_up: self.take_up_all(),
        }))
    }

    /// `packed`, which is a stream between `lead` and `end`.
    fn piece(&self, packed: Vec<u8>, lead: Vec<u8>, end: Vec<u8>, text_bytes: usize) -> Piece {
        let packed = Bytes::from(packed);
        let data = packed.clone();
        let memory_bytes_max = self.memory_bytes_max;
        let lead = Lead {
            bytes: lead,
            discarded: 0,
        };
        let job = move || match Xz::new(memory_bytes_max) {
            Ok(decoder) => Run::new(Box::new(decoder), lead, data, end).unpack(text_bytes),
            Err(_) => Unpacked::failed(),
        };
        Piece {
            memory_bytes: DECODER_BYTES as usize + packed.len() + text_bytes,
            packed,
            job: Box::new(job),
            take_up: self.take_up_all(),
        }
    }
}

/// What makes a decoder believe that a stream came before, if one did.
fn before_stream(is_later: bool) -> &'static [u8] {
    match is_later {
        true => EMPTY_STREAM,
        false => &[],
    }
}

fn with(lead: Lead) -> TakeUp {
    Box::new(move |_| Ok(lead))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::unpack::decode::Decode;

    #[test]
    fn an_empty_stream_is_what_blocks_are_found_behind() {
        let index = index(&[]);
        let foot = stream_foot(index.len(), 0);
        assert_eq!(EMPTY_STREAM[HEAD_BYTES..], [index, foot].concat());
        let mut decoder = Xz::new(1 << 20).expect("a decoder");
        let step = decoder.step(EMPTY_STREAM, &mut [0]);
        assert_eq!((step.taken, step.given), (EMPTY_STREAM.len(), 0));
        assert!(decoder.step(&[], &mut [0]).is_end.expect("a stream"));
    }
}
