//! Text that must be seen more than once -> files without a name in the temporary directory.
//!
//! Invariant: all of them together never take more room than they may, however fast they grow and
//! on however many threads; they are gone with the process, however that ends.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::base::{Error, ErrorKind, Result};

/// Percent of the directory's free room that the files may take where no limit is set.
const SHARE_PERCENT: u64 = 90;

/// The temporary directory, and how much of it is taken.
#[derive(Debug)]
pub(super) struct TempSpace {
    directory: PathBuf,
    /// The limit that was set.
    bytes_max: Option<u64>,
    /// The limit in force, once the first file was asked for.
    limit: OnceLock<u64>,
    taken: AtomicU64,
}

/// A file in a [`TempSpace`], being written. Its room is given back where it is dropped unread.
#[derive(Debug)]
pub(super) struct TempFile<'t> {
    space: &'t TempSpace,
    file: Option<File>,
    bytes: u64,
}

impl TempSpace {
    /// At most `bytes_max` bytes in `directory`.
    pub(super) fn new(directory: &Path, bytes_max: Option<u64>) -> Self {
        Self {
            directory: directory.into(),
            bytes_max,
            limit: OnceLock::new(),
            taken: AtomicU64::new(0),
        }
    }

    /// Sets the limit, before the first file is asked for.
    pub(super) fn set_bytes_max(&mut self, bytes_max: Option<u64>) {
        self.bytes_max = bytes_max;
    }

    /// A new, empty file.
    ///
    /// # Errors
    /// [`Error::io`] on the directory.
    pub(super) fn file(&self) -> Result<TempFile<'_>> {
        let cannot_write = |error| self.cannot_write(error);
        let file = tempfile::tempfile_in(&self.directory).map_err(cannot_write)?;
        Ok(TempFile {
            space: self,
            file: Some(file),
            bytes: 0,
        })
    }

    /// Gives back the room of a file of `bytes` bytes that is gone.
    pub(super) fn give_back(&self, bytes: u64) {
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

impl TempFile<'_> {
    /// Appends `bytes`.
    ///
    /// # Errors
    /// [`ErrorKind::TempLimit`] and [`ErrorKind::TempFull`] where there is no room for them.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.space.take(bytes.len() as u64)?;
        self.bytes += bytes.len() as u64;
        let file = self.file.as_mut().expect("taken out by `finish` only");
        let written = file.write_all(bytes);
        written.map_err(|error| self.space.cannot_write(error))
    }

    /// Bytes written so far.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The file, to be read back.
    pub(super) fn written(&self) -> &File {
        self.file.as_ref().expect("taken out by `finish` only")
    }

    /// The file, whose room stays taken.
    pub(super) fn finish(mut self) -> File {
        self.file.take().expect("taken out here only")
    }
}

impl Drop for TempFile<'_> {
    fn drop(&mut self) {
        if self.file.is_some() {
            self.space.give_back(self.bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_share_one_limit_and_give_back_what_nobody_reads() {
        let space = TempSpace::new(&std::env::temp_dir(), Some(10));
        let mut one = space.file().expect("a file");
        one.write(b"12345").expect("room");
        let mut two = space.file().expect("a file");
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
        let space = TempSpace::new(Path::new("/no/such/dir"), None);
        let error = space.file().expect_err("nowhere to write").to_string();
        assert!(error.contains("/no/such/dir"), "{error}");
    }
}
