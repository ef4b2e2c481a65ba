//! The temporary directory -> files in it that have no name.
//!
//! Invariant: all of them together never take more room than they may, however fast they grow and
//! on however many threads; they are gone with the process, however that ends.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use crate::base::{Error, ErrorKind, Result};

/// Percent of the directory's free room that the files may take where no limit is set.
const SHARE_PERCENT: u64 = 90;

/// The temporary directory, and how much of it is taken.
#[derive(Debug)]
pub struct TempSpace {
    directory: PathBuf,
    /// The limit that was set.
    bytes_max: Option<u64>,
    /// The limit in force, once the first file was asked for.
    limit: OnceLock<u64>,
    taken: AtomicU64,
}

/// A file in a [`TempSpace`]. Its room is given back where it is dropped unfinished.
#[derive(Debug)]
pub struct TempFile {
    space: Arc<TempSpace>,
    file: Option<File>,
    bytes: AtomicU64,
}

impl TempSpace {
    /// At most `bytes_max` bytes in `directory`; nine tenths of its free room if that is not set.
    pub fn new(directory: &Path, bytes_max: Option<u64>) -> Self {
        Self {
            directory: directory.into(),
            bytes_max,
            limit: OnceLock::new(),
            taken: AtomicU64::new(0),
        }
    }

    /// A new, empty file.
    ///
    /// # Errors
    /// [`Error::io`] on the directory.
    pub fn file(self: &Arc<Self>) -> Result<TempFile> {
        let cannot_write = |error| self.cannot_write(error);
        let file = tempfile::tempfile_in(&self.directory).map_err(cannot_write)?;
        Ok(TempFile {
            space: Arc::clone(self),
            file: Some(file),
            bytes: AtomicU64::new(0),
        })
    }

    /// Bytes that the files take.
    pub fn taken(&self) -> u64 {
        self.taken.load(Ordering::Relaxed)
    }

    /// Gives back the room of a file of `bytes` bytes that is gone.
    pub fn give_back(&self, bytes: u64) {
        self.taken.fetch_sub(bytes, Ordering::Relaxed);
    }

    fn take(&self, bytes: u64) -> Result<()> {
        let limit_bytes = *self.limit.get_or_init(|| self.limit_bytes());
        let taken = self.taken.fetch_add(bytes, Ordering::Relaxed) + bytes;
        if taken <= limit_bytes {
            return Ok(());
        }
        self.give_back(bytes);
        Err(ErrorKind::TempLimit {
            directory: self.directory.clone(),
            limit_bytes,
            is_set: self.bytes_max.is_some(),
        }
        .into())
    }

    fn limit_bytes(&self) -> u64 {
        let free = || {
            let stat = rustix::fs::statvfs(&self.directory).ok()?;
            Some(stat.f_bavail.saturating_mul(stat.f_frsize) / 100 * SHARE_PERCENT)
        };
        // Where the system does not tell, a full disk will.
        self.bytes_max.or_else(free).unwrap_or(u64::MAX)
    }

    fn cannot_write(&self, error: std::io::Error) -> Error {
        use std::io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
        match error.kind() {
            StorageFull | QuotaExceeded | FileTooLarge => ErrorKind::TempFull {
                directory: self.directory.clone(),
                source: error,
            }
            .into(),
            _ => Error::io("make a temporary file in", &self.directory, error),
        }
    }
}

impl TempFile {
    /// Appends `bytes`, on any thread; where in the file they begin.
    ///
    /// # Errors
    /// [`ErrorKind::TempLimit`] and [`ErrorKind::TempFull`] where there is no room for them.
    pub fn write(&self, bytes: &[u8]) -> Result<u64> {
        self.space.take(bytes.len() as u64)?;
        let at = self.bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        let written = self.written().write_all_at(bytes, at);
        written.map_err(|error| self.space.cannot_write(error))?;
        Ok(at)
    }

    /// Reads what was written from `at` on, as much as `bytes` takes.
    ///
    /// # Errors
    /// [`Error::io`] on the directory.
    pub fn read(&self, at: u64, bytes: &mut [u8]) -> Result<()> {
        let read = self.written().read_exact_at(bytes, at);
        read.map_err(|error| self.damaged(error))
    }

    /// What to say where something cannot be read back as it was written.
    pub fn damaged(&self, error: std::io::Error) -> Error {
        Error::io(
            "read back a temporary file in",
            &self.space.directory,
            error,
        )
    }

    /// Bytes written so far.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// The file, to be read back.
    pub fn written(&self) -> &File {
        self.file.as_ref().expect("taken out by `finish` only")
    }

    /// The file, whose room stays taken.
    pub fn finish(mut self) -> File {
        self.file.take().expect("taken out here only")
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        if self.file.is_some() {
            self.space.give_back(self.bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_share_one_limit_and_give_back_what_nobody_reads() {
        let space = Arc::new(TempSpace::new(&std::env::temp_dir(), Some(10)));
        let one = space.file().expect("a file");
        one.write(b"12345").expect("room");
        let two = space.file().expect("a file");
        two.write(b"12345").expect("room");
        let error = two.write(b"6").expect_err("full");
        assert_eq!(error.exit_code(), 4);
        let message = error.to_string();
        assert!(message.contains("--max-temp-size"), "{message}");
        drop(one);
        two.write(b"67890").expect("room");
        assert_eq!(two.finish().metadata().expect("a file").len(), 10);
        assert!(space.take(1).is_err(), "a finished file keeps its room");
        space.give_back(10);
        space.take(10).expect("room");
    }

    #[test]
    fn the_default_is_a_share_of_what_is_free() {
        let space = TempSpace::new(&std::env::temp_dir(), None);
        let limit = space.limit_bytes();
        assert!(0 < limit && limit < u64::MAX);
        assert_eq!(
            TempSpace::new(Path::new("/no/such"), None).limit_bytes(),
            u64::MAX
        );
    }

    #[test]
    fn a_missing_directory_is_named() {
        let space = Arc::new(TempSpace::new(Path::new("/no/such/dir"), None));
        let error = space.file().expect_err("nowhere to write").to_string();
        assert!(error.contains("/no/such/dir"), "{error}");
    }

    #[test]
    fn threads_append_side_by_side() {
        let space = Arc::new(TempSpace::new(&std::env::temp_dir(), None));
        let file = space.file().expect("a file");
        let places: Vec<(u8, u64)> = std::thread::scope(|scope| {
            let write = |byte: u8| file.write(&[byte; 100]).expect("room");
            let threads = [1, 2, 3].map(|byte| scope.spawn(move || (byte, write(byte))));
            threads
                .map(|thread| thread.join().expect("no panic"))
                .into()
        });
        for (byte, at) in places {
            let mut bytes = [0; 100];
            file.read(at, &mut bytes).expect("written");
            assert_eq!(bytes, [byte; 100]);
        }
        let error = file.read(250, &mut [0; 100]).expect_err("not written");
        assert_eq!(error.exit_code(), 1);
        assert_eq!(space.taken(), 300);
        drop(file);
        assert_eq!(space.taken(), 0);
    }
}
