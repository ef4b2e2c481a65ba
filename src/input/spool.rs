//! A stream (standard input, a FIFO, a device) -> a temporary file that can be mapped.
//!
//! Invariant: memory stays at one buffer however long the stream is, and the file has no name: it
//! is gone with the process, however that ends.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::path::Path;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::base::{Error, Result};

const BUFFER_BYTES: usize = 256 * 1024;

/// Longest wait for the stream between two calls of `spooled`.
const WAIT: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 100_000_000,
};

/// Copies `stream`, which the user knows as `path`, to its end into an unlinked file in
/// `temp_dir`. `spooled` is told the bytes copied so far, several times a second even when none
/// arrive, and ends the copying by failing.
///
/// # Errors
/// What `spooled` returns; [`Error::io`] on `path` when reading and on `temp_dir` when writing.
pub(super) fn spool(
    stream: &mut (impl Read + AsFd),
    path: &Path,
    temp_dir: &Path,
    spooled: &mut dyn FnMut(u64) -> Result<()>,
) -> Result<File> {
    let cannot_read = |error| Error::io("read", path, error);
    let cannot_write = |error| Error::io("spool a stream into", temp_dir, error);
    let mut file = tempfile::tempfile_in(temp_dir).map_err(cannot_write)?;
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut bytes = 0;
    loop {
        spooled(bytes)?;
        if !is_ready(stream).map_err(cannot_read)? {
            continue;
        }
        match stream.read(&mut buffer) {
            Ok(0) => return Ok(file),
            Ok(read) => {
                file.write_all(&buffer[..read]).map_err(cannot_write)?;
                bytes += read as u64;
            }
            Err(error) if is_passing(&error) => {}
            Err(error) => return Err(cannot_read(error)),
        }
    }
}

/// Whether a read would return at once, with data, the end or an error.
fn is_ready(stream: &impl AsFd) -> std::io::Result<bool> {
    let mut polled = [PollFd::new(stream, PollFlags::IN)];
    match poll(&mut polled, Some(&WAIT)).map_err(std::io::Error::from) {
        Ok(ready) => Ok(ready > 0),
        Err(error) if is_passing(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

fn is_passing(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::WouldBlock)
}

#[cfg(test)]
mod tests {
    use std::io::{Seek, pipe};

    use super::*;

    #[test]
    fn the_whole_stream_arrives() {
        let content: Vec<u8> = (0..BUFFER_BYTES * 2 + 17)
            .map(|i| (i % 251) as u8)
            .collect();
        let (mut reader, mut writer) = pipe().expect("a pipe");
        let sent = content.clone();
        let sender = std::thread::spawn(move || writer.write_all(&sent));
        let mut reports = Vec::new();
        let mut file = spool(
            &mut reader,
            Path::new("-"),
            &std::env::temp_dir(),
            &mut |bytes| {
                reports.push(bytes);
                Ok(())
            },
        )
        .expect("spooled");
        sender.join().expect("no panic").expect("sent");
        let mut arrived = Vec::new();
        file.rewind().expect("seekable");
        file.read_to_end(&mut arrived).expect("readable");
        assert!(arrived == content);
        assert_eq!(reports.first(), Some(&0));
        assert_eq!(reports.last(), Some(&(content.len() as u64)));
        assert!(reports.is_sorted());
    }

    #[test]
    fn a_silent_stream_can_be_given_up() {
        let (mut reader, _writer) = pipe().expect("a pipe");
        let mut calls = 0;
        let error = spool(
            &mut reader,
            Path::new("-"),
            &std::env::temp_dir(),
            &mut |_| {
                calls += 1;
                if calls < 3 {
                    Ok(())
                } else {
                    Err(crate::base::ErrorKind::Interrupted.into())
                }
            },
        )
        .expect_err("given up");
        assert_eq!(error.exit_code(), 130);
    }

    #[test]
    fn a_missing_temporary_directory_is_named() {
        let (mut reader, _) = pipe().expect("a pipe");
        let error = spool(
            &mut reader,
            Path::new("-"),
            Path::new("/no/such/dir"),
            &mut |_| Ok(()),
        )
        .expect_err("nowhere to write");
        assert!(error.to_string().contains("/no/such/dir"), "{error}");
    }
}
