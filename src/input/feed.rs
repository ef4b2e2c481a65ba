//! A file or a stream (standard input, a FIFO, a device) -> its bytes, for whoever unpacks or
//! transcodes them.
//!
//! Invariants: memory stays at one buffer; a stream that is silent can be given up; of several
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
    buffer: Box<[u8]>,
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
            buffer: vec![0; BUFFER_BYTES].into(),
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

    /// Reads once, behind what is there.
    fn read_more(&mut self) -> io::Result<()> {
        let watch = self.watch;
        let cannot_read = |error| watch.fail(Error::io("read", watch.path, error));
        loop {
            watch.tick().map_err(|error| watch.fail(error))?;
            let room = &mut self.buffer[self.end..];
            let read = match &mut self.raw {
                Raw::File(file) => file.read_at(room, watch.arrived()),
                Raw::Stream(stream) => match is_ready(stream).map_err(cannot_read)? {
                    true => stream.read(room),
                    false => continue,
                },
            };
            match read {
                Ok(read) => {
                    self.end += read;
                    self.is_at_end = read == 0;
                    watch.arrived.set(watch.arrived() + read as u64);
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
