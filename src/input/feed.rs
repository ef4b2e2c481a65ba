//! A file or a stream (standard input, a FIFO, a device) -> its bytes, for whoever unpacks or
//! transcodes them.
//!
//! Invariants: memory stays at one buffer and what is given back to it; a stream that is silent can be given up; of several
//! failures the first one is kept, as it was, whatever a decoder makes of it.

use std::cell::{Cell, RefCell};
use std::fs::File;
use std::io::{self, BufRead, ErrorKind, Read};
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::path::Path;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::base::{Error, Result};

const BUFFER_BYTES: usize = 256 * 1024;

/// Longest wait for a stream between two calls of `spooled`.
const WAIT: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 100_000_000,
};

/// Where the bytes come from.
pub(super) enum Raw<'a> {
    /// A regular file, from its start whatever its cursor.
    File(&'a File),
    /// Anything else, from where it stands.
    Stream(&'a File),
}

/// What is known of the reading besides the bytes.
pub(super) struct Watch<'a> {
    path: &'a Path,
    spooled: RefCell<&'a mut dyn FnMut(u64) -> Result<()>>,
    arrived: Cell<u64>,
    used: Cell<u64>,
    failure: RefCell<Option<Error>>,
}

/// The bytes, buffered.
pub(super) struct Feed<'f, 'w> {
    raw: Raw<'f>,
    watch: &'f Watch<'w>,
    /// Where the next read of a file starts.
    at: u64,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    is_at_end: bool,
}

impl<'a> Watch<'a> {
    /// Watches the reading of what the user knows as `path`. `spooled` is told the bytes that have
    /// arrived, several times a second even when none do, and ends the reading by failing.
    pub(super) fn new(path: &'a Path, spooled: &'a mut dyn FnMut(u64) -> Result<()>) -> Self {
        Self {
            path,
            spooled: RefCell::new(spooled),
            arrived: Cell::new(0),
            used: Cell::new(0),
            failure: RefCell::new(None),
        }
    }

    /// Bytes that have arrived from the file or stream.
    pub(super) fn arrived(&self) -> u64 {
        self.arrived.get()
    }

    /// Bytes of them that a decoder has taken.
    pub(super) fn used(&self) -> u64 {
        self.used.get()
    }

    /// Asks whether to go on.
    ///
    /// # Errors
    /// What `spooled` returns.
    pub(super) fn tick(&self) -> Result<()> {
        (self.spooled.borrow_mut())(self.arrived())
    }

    /// Why reading failed, if that was none of the decoder's doing.
    pub(super) fn take_failure(&self) -> Option<Error> {
        self.failure.take()
    }

    /// Keeps `error` and returns one that passes through decoders in its place.
    fn fail(&self, error: Error) -> io::Error {
        self.failure.borrow_mut().get_or_insert(error);
        io::Error::other("reading has failed")
    }
}

impl<'f, 'w> Feed<'f, 'w> {
    pub(super) fn new(raw: Raw<'f>, watch: &'f Watch<'w>) -> Self {
        Self {
            raw,
            watch,
            at: 0,
            buffer: vec![0; BUFFER_BYTES],
            start: 0,
            end: 0,
            is_at_end: false,
        }
    }

    /// The next `bytes` bytes, fewer only at the end; they stay to be read. There are at most as
    /// many as the buffer holds.
    pub(super) fn peek(&mut self, bytes: usize) -> io::Result<&[u8]> {
        while self.end - self.start < bytes && !self.is_at_end {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
            self.read_more()?;
        }
        Ok(&self.buffer[self.start..self.end.min(self.start + bytes)])
    }

    /// Bytes that have been taken, and not been given back.
    pub(super) fn used(&self) -> u64 {
        self.watch.used()
    }

    /// Takes up to `bytes` bytes off to the end of `taken`, fewer only at the end.
    pub(super) fn take_into(&mut self, taken: &mut Vec<u8>, bytes: usize) -> io::Result<usize> {
        self.by_ref().take(bytes as u64).read_to_end(taken)
    }

    /// Takes `bytes` back, which were the last to be taken.
    pub(super) fn give_back(&mut self, bytes: &[u8]) {
        self.watch.used.set(self.watch.used() - bytes.len() as u64);
        if bytes.len() <= self.start {
            self.start -= bytes.len();
            return self.buffer[self.start..][..bytes.len()].copy_from_slice(bytes);
        }
        let mut buffer = [bytes, &self.buffer[self.start..self.end]].concat();
        (self.start, self.end) = (0, buffer.len());
        buffer.resize(buffer.len().max(BUFFER_BYTES), 0);
        self.buffer = buffer;
    }

    /// Says that what is wrong is `bytes` bytes before the last one taken, and nothing more is.
    pub(super) fn blame(&mut self, bytes: u64) {
        let used = self.watch.used();
        self.watch.used.set(used.saturating_sub(bytes));
    }

    /// Whether [`Feed::go_back`] may be called.
    pub(super) fn can_go_back(&self) -> bool {
        matches!(self.raw, Raw::File(_))
    }

    /// Goes on with the byte that stood behind the first `used` ones of a file.
    pub(super) fn go_back(&mut self, used: u64) {
        debug_assert!(self.can_go_back());
        self.watch.used.set(used);
        self.at = used;
        (self.start, self.end, self.is_at_end) = (0, 0, false);
    }

    /// Reads once, behind what is there.
    fn read_more(&mut self) -> io::Result<()> {
        let watch = self.watch;
        let cannot_read = |error| watch.fail(Error::io("read", watch.path, error));
        loop {
            watch.tick().map_err(|error| watch.fail(error))?;
            let room = &mut self.buffer[self.end..];
            let read = match &mut self.raw {
                Raw::File(file) => file.read_at(room, self.at),
                Raw::Stream(stream) => match is_ready(stream).map_err(cannot_read)? {
                    true => stream.read(room),
                    false => continue,
                },
            };
            match read {
                Ok(read) => {
                    self.end += read;
                    self.is_at_end = read == 0;
                    self.at += read as u64;
                    watch.arrived.set(watch.arrived().max(self.at));
                    return Ok(());
                }
                Err(error) if is_passing(&error) => {}
                Err(error) => return Err(cannot_read(error)),
            }
        }
    }
}

impl BufRead for Feed<'_, '_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.start == self.end && !self.is_at_end {
            (self.start, self.end) = (0, 0);
            self.buffer.truncate(BUFFER_BYTES);
            self.buffer.shrink_to(BUFFER_BYTES);
            self.read_more()?;
        }
        Ok(&self.buffer[self.start..self.end])
    }

    fn consume(&mut self, bytes: usize) {
        self.start += bytes;
        self.watch.used.set(self.watch.used() + bytes as u64);
    }
}

impl Read for Feed<'_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = self.fill_buf()?.read(buffer)?;
        self.consume(bytes);
        Ok(bytes)
    }
}

/// Whether a read would return at once, with data, the end or an error.
fn is_ready(stream: &impl AsFd) -> io::Result<bool> {
    let mut polled = [PollFd::new(stream, PollFlags::IN)];
    match poll(&mut polled, Some(&WAIT)).map_err(io::Error::from) {
        Ok(ready) => Ok(ready > 0),
        Err(error) if is_passing(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

fn is_passing(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::WouldBlock)
}
