//! The pieces of one file, unpacked side by side -> its text, in order.
//!
//! Invariants: the text, and the error behind it, are those of plain decoding. Only pieces that are
//! right in all that can be checked are taken as they are; from the first one that is not, plain
//! decoding takes up the data and finds out what is wrong, if anything is. Pieces, with all that their
//! unpacking takes, stay within the bytes they are given.

use std::collections::VecDeque;
use std::io::{self, BufRead, Read};

use bytes::Bytes;

use super::crew::{End, Job, Queue, Unpacked};
use super::decode::Decode;
use super::run::{Lead, Unit};
use crate::input::feed::Feed;

/// Finds pieces in packed data.
pub(super) trait Cut {
    /// Cuts off what comes next in `feed`: a piece that takes at most `bytes_max` bytes of memory, or
    /// the beginning of what is to be decoded plainly.
    ///
    /// # Errors
    /// Those of `feed`, which need no text before them.
    fn next(&mut self, feed: &mut Feed<'_, '_>, bytes_max: usize) -> io::Result<Next>;

    /// Goes on where plain decoding has ended.
    fn restart(&mut self) {}
}

/// What comes next in packed data.
pub(super) enum Next {
    Piece(Piece),
    /// What plain decoding is for.
    Plain(TakeUp),
    /// No more data.
    End,
}

/// Bytes of packed data in a row, and what is to be done with them.
pub(super) struct Piece {
    /// All bytes since the piece before.
    pub(super) packed: Bytes,
    pub(super) job: Job,
    /// Memory that this takes at most, packed bytes and text included.
    pub(super) memory_bytes: usize,
    /// How plain decoding begins here.
    pub(super) take_up: TakeUp,
}

/// Prepares plain decoding of the data that `feed` stands at.
pub(super) type TakeUp = Box<dyn FnOnce(&mut Feed<'_, '_>) -> io::Result<Lead>>;

/// Takes up data at the start of a member, frame or stream.
pub(super) fn from_the_start() -> TakeUp {
    Box::new(|_| Ok(Lead::default()))
}

/// Makes what decodes plainly.
pub(super) type NewDecoder = Box<dyn Fn() -> io::Result<Box<dyn Decode>>>;

/// Cuts nothing off.
pub(super) struct Uncut;

impl Cut for Uncut {
    fn next(&mut self, feed: &mut Feed<'_, '_>, _bytes_max: usize) -> io::Result<Next> {
        Ok(match feed.fill_buf()? {
            [] => Next::End,
            _ => Next::Plain(from_the_start()),
        })
    }
}

/// Reads the text of one file.
pub(super) struct Pieces<'r, 'f, 'w> {
    feed: &'r mut Feed<'f, 'w>,
    cut: Box<dyn Cut>,
    new_decoder: NewDecoder,
    queue: Box<dyn Queue>,
    pieces_max: usize,
    bytes_max: usize,
    /// Those in the queue, and before them the one whose text is read.
    pieces: VecDeque<Piece>,
    memory_bytes: usize,
    front: Option<Front>,
    /// What comes behind the pieces, if it is no piece.
    next: Option<Next>,
    /// Plain decoding, while its text is read.
    unit: Option<Unit>,
}

/// The oldest piece, while its text is read.
struct Front {
    unpacked: Unpacked,
    /// Bytes of the text at hand that were read.
    read: usize,
    /// Bytes of the piece's text that were read.
    given: u64,
}

impl<'r, 'f, 'w> Pieces<'r, 'f, 'w> {
    pub(super) fn new(
        feed: &'r mut Feed<'f, 'w>,
        cut: Box<dyn Cut>,
        new_decoder: NewDecoder,
        queue: Box<dyn Queue>,
    ) -> Self {
        Self {
            feed,
            cut,
            new_decoder,
            queue,
            pieces_max: 1,
            bytes_max: 0,
            pieces: VecDeque::new(),
            memory_bytes: 0,
            front: None,
            next: None,
            unit: None,
        }
    }

    /// At most `pieces_max` pieces are under way at a time, which take at most `bytes_max` bytes.
    pub(super) fn at_most(mut self, pieces_max: usize, bytes_max: usize) -> Self {
        (self.pieces_max, self.bytes_max) = (pieces_max, bytes_max);
        self
    }

    /// Gives pieces away while there is room for the largest that may come.
    fn give_away(&mut self) -> io::Result<()> {
        let piece_bytes_max = self.bytes_max / 2;
        while self.next.is_none()
            && self.pieces.len() < self.pieces_max
            && self.memory_bytes <= self.bytes_max - piece_bytes_max
        {
            match self.cut.next(self.feed, piece_bytes_max)? {
                Next::Piece(piece) => self.push(piece),
                other => self.next = Some(other),
            }
        }
        Ok(())
    }

    fn push(&mut self, mut piece: Piece) {
        let job = std::mem::replace(&mut piece.job, Box::new(Unpacked::failed));
        self.memory_bytes += piece.memory_bytes;
        self.pieces.push_back(piece);
        self.queue.push(job);
    }

    /// Fills some of `text` from the oldest piece; nothing if that was all of it.
    fn read_front(&mut self, text: &mut [u8]) -> io::Result<usize> {
        let front = self.front.get_or_insert_with(|| Front {
            unpacked: self.queue.pop(),
            read: 0,
            given: 0,
        });
        let mut at_hand = &front.unpacked.text[front.read..];
        let mut given = at_hand.read(text)?;
        front.read += given;
        if given == 0
            && let End::More(run) = &mut front.unpacked.end
        {
            match run.read(text) {
                Ok(0) => front.unpacked.end = End::Whole,
                Ok(more) => given = more,
                Err(_) => front.unpacked.end = End::Failed,
            }
        }
        front.given += given as u64;
        if given == 0 {
            match front.unpacked.end {
                End::More(_) => {}
                End::Whole => self.finish_front(),
                End::Failed => self.take_up_front()?,
            }
        }
        Ok(given)
    }

    fn finish_front(&mut self) {
        self.front = None;
        let piece = self.pieces.pop_front().expect("the one that was read");
        self.memory_bytes -= piece.memory_bytes;
    }

    /// Decodes the oldest piece plainly, behind what was read of it, and what follows it.
    fn take_up_front(&mut self) -> io::Result<()> {
        self.queue.clear();
        self.next = None;
        self.memory_bytes = 0;
        let packed: Vec<&[u8]> = self.pieces.iter().map(|piece| &*piece.packed).collect();
        self.feed.give_back(&packed.concat());
        let given = self.front.take().map_or(0, |front| front.given);
        let front = self.pieces.drain(..).next().expect("the one that was read");
        self.cut.restart();
        self.take_up(front.take_up, given)
    }

    /// Decodes plainly, behind the first `given` bytes of text.
    fn take_up(&mut self, take_up: TakeUp, given: u64) -> io::Result<()> {
        let mut lead = take_up(self.feed)?;
        lead.discarded += given;
        self.unit = Some(Unit::new((self.new_decoder)()?, lead));
        Ok(())
    }
}

impl Read for Pieces<'_, '_, '_> {
    fn read(&mut self, text: &mut [u8]) -> io::Result<usize> {
        while !text.is_empty() {
            if let Some(unit) = &mut self.unit {
                match unit.read(self.feed, text) {
                    Ok(0) => self.unit = None,
                    Ok(given) => return Ok(given),
                    Err(error) => {
                        self.feed.blame(unit.behind_failure());
                        return Err(error);
                    }
                }
            }
            self.give_away()?;
            if !self.pieces.is_empty() {
                match self.read_front(text)? {
                    0 => continue,
                    given => return Ok(given),
                }
            }
            match self.next.take() {
                Some(Next::Plain(take_up)) => self.take_up(take_up, 0)?,
                Some(Next::Piece(piece)) => self.push(piece),
                Some(Next::End) | None => {
                    self.next = Some(Next::End);
                    break;
                }
            }
        }
        Ok(0)
    }
}
