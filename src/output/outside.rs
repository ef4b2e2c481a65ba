//! A file outside of the lake: written out of sight beside its place, and put there at once.
//!
//! Invariant: what is in its place stays as it was until the file is complete and on disk.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use super::journal::sync_directory;
use crate::base::{Error, Result};

/// A file that is being made. Dropped without [`Outside::publish`], nothing is left of it.
#[derive(Debug)]
pub struct Outside {
    place: PathBuf,
    directory: tempfile::TempDir,
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
        let directory = tempfile::Builder::new()
            .prefix(".chunketl-")
            .tempdir_in(parent);
        Ok(Self {
            directory: directory.map_err(|source| Error::io("write in", parent, source))?,
            place: place.to_path_buf(),
        })
    }

    /// Where the file is to be written.
    pub fn path(&self) -> PathBuf {
        self.directory.path().join("table")
    }

    /// Where it will be.
    pub fn place(&self) -> &Path {
        &self.place
    }

    /// Puts the file in its place.
    ///
    /// # Errors
    /// An I/O error; what was in its place is then still there.
    pub fn publish(self) -> Result<()> {
        let path = self.path();
        let publish = || {
            File::open(&path)?.sync_all()?;
            fs::rename(&path, &self.place)?;
            let parent = self.directory.path().parent();
            sync_directory(parent.expect("it was made in a directory"))
        };
        publish().map_err(|source| Error::io("write", &self.place, source))
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
    fn a_file_appears_whole_or_not_at_all() {
        let home = tempfile::tempdir().unwrap();
        let place = home.path().join("new/report.csv");
        let begun = Outside::begin(&place).unwrap();
        fs::write(begun.path(), "a").unwrap();
        drop(begun);
        assert_eq!(fs::read_dir(home.path().join("new")).unwrap().count(), 0);
        for text in ["b", "c"] {
            let begun = Outside::begin(&place).unwrap();
            fs::write(begun.path(), text).unwrap();
            begun.publish().unwrap();
            assert_eq!(fs::read_to_string(&place).unwrap(), text);
        }
        assert_eq!(fs::read_dir(home.path().join("new")).unwrap().count(), 1);
        let error = Outside::begin(&home.path().join("new")).unwrap_err();
        assert!(error.to_string().contains("cannot write"), "{error}");
    }
}
