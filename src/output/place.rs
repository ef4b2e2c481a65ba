//! `--out` -> where the lake is, and where to stage.
//!
//! Staging directories are hidden siblings of the lake, so that publishing is one step, or lie
//! inside it where a sibling could not take its place. Whoever has the lake's lock is the only run
//! there, so any other staging directory is what a killed run left.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Component, Path, PathBuf};

use super::contents::{Contents, STAGING_PREFIX};
use super::exchange::{exchange, is_mount_point};
use super::journal::sync_directory;
use super::lock::LakeLock;
use crate::base::{Error, ErrorKind, Result};

/// Random characters at the end of the name of a staging directory.
const RANDOM_CHARS: usize = 12;

/// Where a lake is or will be, symbolic links resolved.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) lake: PathBuf,
    /// Where siblings go, and how their names begin; `None` for a root directory.
    beside: Option<(PathBuf, OsString)>,
    /// Directories made on the way, outermost first.
    made: MadeDirectories,
}

impl Place {
    /// Finds the place that `out` names and makes the directories above it.
    pub(super) fn resolve(out: &Path) -> Result<Self> {
        let io = |source| Error::io("create", out, source);
        let mut made = MadeDirectories::default();
        let lake = match fs::canonicalize(out) {
            Ok(lake) if lake.is_dir() => lake,
            Ok(lake) => return Err(lake_error(lake, "is a file, not a directory")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if fs::symlink_metadata(out).is_ok() {
                    return Err(lake_error(out, "is a symbolic link to nothing"));
                }
                let name = out.file_name().filter(|_| ends_in_name(out));
                let name = name.ok_or_else(|| io(error))?;
                let parent = out.parent().filter(|it| !it.as_os_str().is_empty());
                let parent = parent.unwrap_or(Path::new("."));
                made.make(parent).map_err(io)?;
                fs::canonicalize(parent).map_err(io)?.join(name)
            }
            Err(error) => return Err(io(error)),
        };
        let beside = lake.parent().zip(lake.file_name()).map(|(parent, name)| {
            let mut prefix = OsString::from(".");
            prefix.push(name);
            prefix.push(".chunketl-");
            (parent.to_path_buf(), prefix)
        });
        Ok(Self { lake, beside, made })
    }

    /// Makes this run the only one on the lake, and removes what killed runs left.
    ///
    /// # Errors
    /// [`ErrorKind::Lake`] when another run is at work on the lake.
    pub(super) fn lock(&self) -> Result<LakeLock> {
        let beside = self.beside.as_ref().map(|(parent, prefix)| {
            let mut name = prefix.clone();
            name.push("lock");
            parent.join(name)
        });
        let in_use = || {
            let message = "another run is writing to this lake; wait until it has ended";
            lake_error(&self.lake, message)
        };
        LakeLock::acquire(beside, &self.lake).ok_or_else(in_use)
    }

    /// Removes the staging directories of killed runs. What cannot be removed is in nobody's way.
    pub(super) fn sweep(&self) {
        for staging in self.stagings() {
            let _ = fs::remove_dir_all(&staging);
        }
    }

    /// The staging directories that are there.
    fn stagings(&self) -> Vec<PathBuf> {
        let inside = directories(&self.lake, OsStr::new(STAGING_PREFIX));
        let beside = self.beside.iter();
        let beside = beside.flat_map(|(parent, prefix)| directories(parent, prefix));
        beside.chain(inside).collect()
    }

    /// Makes a staging directory beside the lake; `None` where the lake could not be swapped for
    /// it later on.
    pub(super) fn stage_beside(&self, contents: &Contents) -> Result<Option<PathBuf>> {
        let Some((parent, prefix)) = &self.beside else {
            return Ok(None);
        };
        let lake = fs::metadata(&self.lake).ok();
        if lake.is_some() && (contents.has_foreign_directory() || self.is_fixed()) {
            return Ok(None);
        }
        let staging = match make_random(parent, prefix) {
            Ok(staging) => staging,
            Err(_) if lake.is_some() => return Ok(None),
            Err(source) => return Err(Error::io("create a directory in", parent, source)),
        };
        if lake.is_none_or(|lake| can_replace(&staging, &lake).is_ok()) {
            return Ok(Some(staging));
        }
        let _ = fs::remove_dir_all(&staging);
        Ok(None)
    }

    /// Makes a staging directory inside the lake, and the lake if need be.
    pub(super) fn stage_inside(&mut self) -> Result<PathBuf> {
        self.made
            .make(&self.lake)
            .and_then(|()| make_random(&self.lake, OsStr::new(STAGING_PREFIX)))
            .map_err(|source| Error::io("create a directory in", &self.lake, source))
    }

    /// A name for the directory `staging` inside the lake.
    pub(super) fn inside(&self, staging: &Path) -> PathBuf {
        let name = staging.as_os_str().as_encoded_bytes();
        let random = &name[name.len() - RANDOM_CHARS..];
        let random = str::from_utf8(random).expect("made of letters and digits");
        self.lake.join(format!("{STAGING_PREFIX}{random}"))
    }

    /// The directory the lake is in.
    pub(super) fn parent(&self) -> &Path {
        self.lake.parent().unwrap_or(&self.lake)
    }

    /// What tells this lake from another one at the same place; `None` if there is no lake.
    pub(super) fn identity(&self) -> Option<(u64, u64)> {
        let lake = fs::metadata(&self.lake).ok()?;
        Some((lake.dev(), lake.ino()))
    }

    /// Keeps the directories made on the way, and puts their names on disk.
    pub(super) fn keep(&mut self) -> Result<()> {
        for directory in std::mem::take(&mut self.made.0) {
            let parent = directory.parent().unwrap_or(&directory);
            sync_directory(parent).map_err(|source| Error::io("write", parent, source))?;
        }
        Ok(())
    }

    /// Whether the lake has to stay the directory it is: something is mounted there, or we are in
    /// it.
    fn is_fixed(&self) -> bool {
        let is_here = std::env::current_dir().is_ok_and(|here| here.starts_with(&self.lake));
        is_here || is_mount_point(&self.lake)
    }
}

/// Directories that go again, innermost first, unless they are kept.
#[derive(Debug, Default)]
struct MadeDirectories(Vec<PathBuf>);

impl MadeDirectories {
    /// Makes `directory` and those above it.
    fn make(&mut self, directory: &Path) -> io::Result<()> {
        let above = directory
            .ancestors()
            .take_while(|above| !above.as_os_str().is_empty());
        let missing: Vec<&Path> = above.take_while(|above| !above.exists()).collect();
        for directory in missing.into_iter().rev() {
            match fs::create_dir(directory) {
                Ok(()) => self.0.push(fs::canonicalize(directory)?),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

impl Drop for MadeDirectories {
    fn drop(&mut self) {
        for directory in self.0.iter().rev() {
            let _ = fs::remove_dir(directory);
        }
    }
}

/// Something is wrong with the lake at `path`.
pub(super) fn lake_error(path: impl Into<PathBuf>, message: impl Into<String>) -> Error {
    let (path, message) = (path.into(), message.into());
    ErrorKind::Lake { path, message }.into()
}

fn ends_in_name(path: &Path) -> bool {
    matches!(path.components().next_back(), Some(Component::Normal(_)))
}

/// The directories in `parent` named `prefix` and [`RANDOM_CHARS`] letters or digits.
pub(super) fn directories(parent: &Path, prefix: &OsStr) -> Vec<PathBuf> {
    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
    entries
        .filter(|entry| is_random(&entry.file_name(), prefix))
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.path())
        .collect()
}

/// Whether `name` is `prefix` and [`RANDOM_CHARS`] letters or digits.
pub(super) fn is_random(name: &OsStr, prefix: &OsStr) -> bool {
    let random = name
        .as_encoded_bytes()
        .strip_prefix(prefix.as_encoded_bytes());
    random.is_some_and(|random| {
        random.len() == RANDOM_CHARS && random.iter().all(u8::is_ascii_alphanumeric)
    })
}

/// Makes a directory in `parent` that is named so.
pub(super) fn make_random(parent: &Path, prefix: &OsStr) -> io::Result<PathBuf> {
    let made = tempfile::Builder::new()
        .prefix(prefix)
        .rand_bytes(RANDOM_CHARS)
        .permissions(fs::Permissions::from_mode(0o777))
        .tempdir_in(parent)?;
    Ok(made.keep())
}

/// Tries in `staging` what publishing will need: the lake's owner, hard links and the exchange.
fn can_replace(staging: &Path, lake: &fs::Metadata) -> io::Result<()> {
    let ours = fs::metadata(staging)?;
    if ours.dev() != lake.dev() {
        return Err(io::ErrorKind::CrossesDevices.into());
    }
    if (ours.uid(), ours.gid()) != (lake.uid(), lake.gid()) {
        std::os::unix::fs::chown(staging, Some(lake.uid()), Some(lake.gid()))?;
    }
    let (one, other) = (staging.join("one"), staging.join("other"));
    fs::create_dir(&one)?;
    fs::create_dir(&other)?;
    exchange(&one, &other)?;
    fs::write(one.join("file"), "")?;
    fs::hard_link(one.join("file"), other.join("file"))?;
    fs::remove_dir_all(&one)?;
    fs::remove_dir_all(&other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_place_for_a_lake_is_refused() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("file");
        fs::write(&file, "").unwrap();
        let dangling = home.path().join("dangling");
        std::os::unix::fs::symlink("nowhere", &dangling).unwrap();
        for out in [
            file.clone(),
            dangling,
            file.join("lake"),
            home.path().join("no/.."),
        ] {
            assert!(Place::resolve(&out).is_err(), "{}", out.display());
        }
        assert!(!home.path().join("no").exists());
    }

    #[test]
    fn directories_made_on_the_way_go_again_unless_kept() {
        let home = tempfile::tempdir().unwrap();
        let out = home.path().join("a/b/lake");
        drop(Place::resolve(&out).unwrap());
        assert!(!home.path().join("a").exists());

        let mut place = Place::resolve(&out).unwrap();
        place.keep().unwrap();
        drop(place);
        assert!(home.path().join("a/b").exists() && !out.exists());
    }

    #[test]
    fn only_exact_names_are_staging_directories() {
        let home = tempfile::tempdir().unwrap();
        let place = Place::resolve(&home.path().join("lake")).unwrap();
        let staging = place.stage_beside(&Contents::default()).unwrap().unwrap();
        for name in [
            ".lake.chunketl-",
            ".lake.chunketl-short",
            ".lake.chunketl-x.chunketl-",
        ] {
            fs::create_dir(home.path().join(name)).unwrap();
        }
        fs::write(home.path().join(".lake.chunketl-aaaaaaaaaaaa"), "").unwrap();
        assert_eq!(place.stagings(), std::slice::from_ref(&staging));
        place.sweep();
        assert!(!staging.exists());
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 4);
    }
}
