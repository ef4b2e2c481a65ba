//! One run at a time on a lake.
//!
//! An advisory lock on a hidden file beside the lake, which goes with the process, whatever ends
//! it; and one on the lake's directory, for runs that may not write beside it. Where the file
//! system has no locks, runs are not kept apart, and nothing of another run is ever swept.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Times a lock file is opened again because the run that had it has just removed it.
const TRIES_MAX: usize = 100;

/// The right to be the only run on a lake, for as long as this lives.
#[derive(Debug)]
pub(super) struct LakeLock {
    beside: Option<LockFile>,
    inside: Option<File>,
}

#[derive(Debug)]
struct LockFile {
    path: PathBuf,
    _file: File,
}

impl Drop for LockFile {
    fn drop(&mut self) {
        // Before the lock goes: whoever opened the file meanwhile sees that it has gone.
        let _ = fs::remove_file(&self.path);
    }
}

impl LakeLock {
    /// Locks the file `beside` and the directory `lake`, as far as they can be locked; `None` if
    /// another run has either.
    pub(super) fn acquire(beside: Option<PathBuf>, lake: &Path) -> Option<Self> {
        let beside = match beside {
            Some(path) => lock_file(path)?,
            None => None,
        };
        let inside = match File::open(lake) {
            Ok(directory) => try_lock(directory)?,
            Err(_) => None,
        };
        Some(Self { beside, inside })
    }

    /// Whether there is a lock at all, so that no other run can be at work.
    pub(super) fn is_exclusive(&self) -> bool {
        self.beside.is_some() || self.inside.is_some()
    }
}

/// Makes and locks the file at `path`: `None` if another run has it, `Some(None)` if it cannot be
/// made or locked.
fn lock_file(path: PathBuf) -> Option<Option<LockFile>> {
    for _ in 0..TRIES_MAX {
        let Ok(file) = open(&path) else {
            return Some(None);
        };
        let Some(file) = try_lock(file)? else {
            return Some(None);
        };
        if is_at(&file, &path) {
            return Some(Some(LockFile { path, _file: file }));
        }
    }
    None
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    let created = options.write(true).create(true).truncate(false).open(path);
    // Somebody else's lock file can be locked all the same.
    created.or_else(|_| File::open(path))
}

/// Locks `file`: `None` if another run has it, `Some(None)` if there are no locks here.
pub(super) fn try_lock(file: File) -> Option<Option<File>> {
    match file.try_lock() {
        Ok(()) => Some(Some(file)),
        Err(TryLockError::WouldBlock) => None,
        Err(TryLockError::Error(_)) => Some(None),
    }
}

/// Whether `file` is still what `path` names.
fn is_at(file: &File, path: &Path) -> bool {
    let (Ok(file), Ok(named)) = (file.metadata(), fs::metadata(path)) else {
        return false;
    };
    (file.dev(), file.ino()) == (named.dev(), named.ino())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_run_at_a_time_has_the_lock() {
        let home = tempfile::tempdir().unwrap();
        let (file, lake) = (home.path().join("lock"), home.path().join("lake"));
        fs::create_dir(&lake).unwrap();
        let acquire = |file: Option<&PathBuf>| LakeLock::acquire(file.cloned(), &lake);

        let first = acquire(Some(&file)).unwrap();
        assert!(first.is_exclusive());
        assert!(acquire(Some(&file)).is_none());
        assert!(acquire(None).is_none(), "the lake itself is locked too");
        drop(first);
        assert!(!file.exists());
        assert!(acquire(Some(&file)).unwrap().is_exclusive());

        fs::write(&file, "left by a killed run").unwrap();
        assert!(acquire(Some(&file)).unwrap().is_exclusive());
    }

    #[test]
    fn a_lake_to_be_is_locked_by_the_file_beside_it() {
        let home = tempfile::tempdir().unwrap();
        let (file, lake) = (home.path().join("lock"), home.path().join("lake"));
        let first = LakeLock::acquire(Some(file.clone()), &lake).unwrap();
        assert!(LakeLock::acquire(Some(file), &lake).is_none());
        drop(first);
        let nowhere = home.path().join("no/lock");
        assert!(
            !LakeLock::acquire(Some(nowhere), &lake)
                .unwrap()
                .is_exclusive()
        );
    }

    #[test]
    fn a_lock_file_that_was_removed_is_not_the_lock() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("lock");
        let file = open(&path).unwrap();
        assert!(is_at(&file, &path));
        fs::remove_file(&path).unwrap();
        assert!(!is_at(&file, &path));
        let _new = open(&path).unwrap();
        assert!(!is_at(&file, &path));
    }
}
