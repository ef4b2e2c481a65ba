//! The bytes of a part -> its file, in pieces that file systems take well. On Linux the system is
//! told to begin storing them at once, while the next are still being made, so that little is left
//! when the part has to be on disk.
//!
//! Invariant: the file holds what was written, in order; after [`PartFile::sync`] it is on disk.
//!
//! `unsafe` is needed for the system call that starts storing.
#![allow(unsafe_code)]

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// Bytes handed to the system at once.
const PIECE_BYTES: usize = 64 << 10;
/// Bytes the system is told to store at once.
const STORE_BYTES: u64 = 8 << 20;

/// A part's file.
pub(super) struct PartFile(BufWriter<Storing>);

impl PartFile {
    /// A new file.
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        let storing = Storing {
            file: File::create_new(path)?,
            written: 0,
            begun: 0,
        };
        Ok(Self(BufWriter::with_capacity(PIECE_BYTES, storing)))
    }

    /// Waits until all that was written is on disk.
    pub(super) fn sync(&mut self) -> io::Result<()> {
        self.0.flush()?;
        self.0.get_ref().file.sync_all()
    }
}

impl Write for PartFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// A file and how much of it the system has been told to store.
struct Storing {
    file: File,
    written: u64,
    begun: u64,
}

impl Storing {
    /// What the system makes of it does not matter here: a failure to store shows when syncing.
    #[cfg(target_os = "linux")]
    fn begin_storing(&self) {
        use std::os::fd::AsRawFd;
        let (from, bytes) = (self.begun.cast_signed(), self.written - self.begun);
        // SAFETY: the descriptor is open, and no memory is passed.
        unsafe {
            libc::sync_file_range(
                self.file.as_raw_fd(),
                from,
                bytes.cast_signed(),
                libc::SYNC_FILE_RANGE_WRITE,
            );
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn begin_storing(&self) {}
}

impl Write for Storing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.written += written as u64;
        if self.written - self.begun >= STORE_BYTES {
            self.begin_storing();
            self.begun = self.written;
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_file_holds_what_was_written_in_order() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("part");
        let mut file = PartFile::create(&path).unwrap();
        assert!(PartFile::create(&path).is_err(), "it is there already");
        let bytes: Vec<u8> = (0..STORE_BYTES * 2 + 77)
            .map(|at| (at % 251) as u8)
            .collect();
        for piece in bytes.chunks(PIECE_BYTES / 7 * 3) {
            file.write_all(piece).unwrap();
        }
        file.sync().unwrap();
        assert!(fs::read(&path).unwrap() == bytes);
    }
}
