//! A file outside of the lake: written out of sight beside its place, and put there at once when the
//! lake is committed that it belongs to.
//!
//! Invariant: what is in its place stays as it was until the file is complete and on disk. A directory
//! beside a place that nobody has locked is what a killed run left.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use super::journal::sync_directory;
use super::lock::try_lock;
use super::place::{directories, is_random, make_random};
use crate::base::{Error, Result};

/// What the file is called until it is in its place.
const FILE: &str = "table";

/// A file that is being made. Unless it is kept, nothing is left of it.
#[derive(Debug)]
pub struct Outside {
    place: PathBuf,
    directory: PathBuf,
    /// Whether dropping this removes the directory.
    is_disposable: bool,
    /// On the directory.
    _lock: Option<File>,
}

impl Outside {
    /// Refuses a place in `lake`, and that of one of `inputs`.
    ///
    /// # Errors
    /// Says which of the two it is.
    pub fn check(place: &Path, lake: &Path, inputs: &[PathBuf]) -> Result<(), String> {
        let (Some(file), Some(lake)) = (resolved(place), resolved(lake)) else {
            return Ok(());
        };
        let shown = place.display();
        if file.starts_with(&lake) {
            return Err(format!(
                "out: {shown} is in the lake; leave out `out` for a table in its _aggregates"
            ));
        }
        match inputs
            .iter()
            .any(|input| resolved(input).as_ref() == Some(&file))
        {
            true => Err(format!("out: {shown} is an input")),
            false => Ok(()),
        }
    }

    /// Prepares a file for `place`, whose directory is made if it is not there.
    ///
    /// # Errors
    /// An I/O error when nothing can be written there.
    pub fn begin(place: &Path) -> Result<Self> {
        let parent = match place.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        fs::create_dir_all(parent).map_err(|source| Error::io("create", parent, source))?;
        if place.is_dir() {
            let source = std::io::ErrorKind::IsADirectory.into();
            return Err(Error::io("write", place, source));
        }
        let prefix = prefix(place);
        sweep(parent, &prefix);
        let directory =
            make_random(parent, &prefix).map_err(|source| Error::io("write in", parent, source))?;
        let lock = File::open(&directory).ok().and_then(try_lock);
        Ok(Self {
            directory,
            place: place.to_path_buf(),
            is_disposable: true,
            _lock: lock.flatten(),
        })
    }

    /// Where the file is to be written.
    pub fn path(&self) -> PathBuf {
        self.directory.join(FILE)
    }

    /// Where it will be.
    pub fn place(&self) -> &Path {
        &self.place
    }

    /// Puts the file on disk where it was written.
    pub(super) fn sync(&self) -> Result<()> {
        let synced = File::open(self.path()).and_then(|file| file.sync_all());
        synced
            .and_then(|()| sync_directory(&self.directory))
            .map_err(|source| Error::io("write", &self.place, source))
    }

    /// Leaves the file where it was written, for whoever moves it.
    pub(super) fn keep(mut self) {
        self.is_disposable = false;
    }
}

impl Drop for Outside {
    fn drop(&mut self) {
        if self.is_disposable {
            let _ = fs::remove_dir_all(&self.directory);
        }
    }
}

/// How the name of a directory begins in which the file for `place` is written.
fn prefix(place: &Path) -> OsString {
    let mut prefix = OsString::from(".");
    prefix.push(place.file_name().unwrap_or_default());
    prefix.push(".chunketl-");
    prefix
}

/// Whether `from` is where a file for `place` is written.
pub(super) fn is_beside(from: &Path, place: &Path) -> bool {
    let directory = from.parent().filter(|_| from.ends_with(FILE));
    let named = directory.and_then(Path::file_name);
    named.is_some_and(|name| is_random(name, &prefix(place)))
        && directory.and_then(Path::parent) == place.parent()
}

/// Removes what killed runs left in `parent`; what cannot be removed is in nobody's way.
fn sweep(parent: &Path, prefix: &OsStr) {
    for left in directories(parent, prefix) {
        let lock = File::open(&left).ok().and_then(try_lock).flatten();
        if lock.is_some() {
            let _ = fs::remove_dir_all(&left);
        }
    }
}

/// `path` from the root, symbolic links resolved as far as it exists.
fn resolved(path: &Path) -> Option<PathBuf> {
    let path = std::path::absolute(path).ok()?;
    let (known, there) = path
        .ancestors()
        .find_map(|known| Some((known, fs::canonicalize(known).ok()?)))?;
    Some(there.join(path.strip_prefix(known).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_the_lake_nor_an_input_is_outside() {
        let home = tempfile::tempdir().unwrap();
        let at = |name: &str| home.path().join(name);
        fs::write(at("in.csv"), "").unwrap();
        let check = |name: &str| Outside::check(&at(name), &at("lake"), &[at("in.csv")]);
        assert_eq!(check("lakes/x.csv"), Ok(()));
        assert!(
            check("lake/x/y.csv")
                .unwrap_err()
                .contains("is in the lake")
        );
        assert!(check("x/../in.csv").is_ok(), "there is no such directory");
        assert!(check("./in.csv").unwrap_err().contains("is an input"));
    }

    #[test]
    fn what_is_not_kept_leaves_nothing_and_what_was_killed_is_swept() {
        let home = tempfile::tempdir().unwrap();
        let place = home.path().join("new/report.csv");
        let count = || fs::read_dir(home.path().join("new")).unwrap().count();
        let begun = Outside::begin(&place).unwrap();
        fs::write(begun.path(), "a").unwrap();
        drop(begun);
        assert_eq!(count(), 0);
        let killed = Outside::begin(&place).unwrap();
        fs::write(killed.path(), "b").unwrap();
        killed.keep();
        assert_eq!(count(), 1);
        let other = Outside::begin(&home.path().join("new/report.csv.gz")).unwrap();
        let begun = Outside::begin(&place).unwrap();
        assert_eq!(count(), 2, "only that of the same place has gone");
        let at_once = Outside::begin(&place).unwrap();
        assert_eq!(count(), 3, "nor that of a run at work");
        assert!(is_beside(&begun.path(), &place) && !is_beside(&other.path(), &place));
        drop((other, begun, at_once));
        assert_eq!(count(), 0);
        let error = Outside::begin(&home.path().join("new")).unwrap_err();
        assert!(error.to_string().contains("cannot write"), "{error}");
    }
}
