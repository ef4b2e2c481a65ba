//! Files outside of a lake that belong to its commit -> their places, right behind it.
//!
//! They are complete and on disk before the lake changes. A list of them is published with the lake,
//! and goes once all of them are in their places: where a run is killed in between, the next one
//! finds it. Invariant: a lake with such a list is the new one; carrying a list out twice, or the rest
//! of one, does no harm.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::contents::PENDING;
use super::journal::{done_if_missing, sync_directory};
use super::outside::{self, Outside};
use crate::base::{Error, ErrorKind, Result};

/// What is to be moved.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Pending {
    moves: Vec<Move>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Move {
    from: PathBuf,
    to: PathBuf,
}

impl Pending {
    /// The files of `outside`, which are put on disk.
    ///
    /// # Errors
    /// An I/O error when one cannot be.
    pub(super) fn new(outside: &[Outside]) -> Result<Self> {
        let moves = outside.iter().map(|file| {
            file.sync()?;
            let place = std::path::absolute(file.place());
            let to = place.map_err(|source| Error::io("write", file.place(), source))?;
            let from = std::path::absolute(file.path());
            let from = from.map_err(|source| Error::io("write", file.place(), source))?;
            Ok(Move { from, to })
        });
        let moves = moves.collect::<Result<_>>()?;
        Ok(Self { moves })
    }

    /// Puts the list, if there is anything on it, among the files of `staging`.
    pub(super) fn write(&self, staging: &Path) -> Result<()> {
        if self.moves.is_empty() {
            return Ok(());
        }
        let path = staging.join(PENDING);
        let write = || -> io::Result<()> {
            let mut file = File::create(&path)?;
            file.write_all(&serde_json::to_vec_pretty(self)?)?;
            file.sync_all()
        };
        write().map_err(|source| Error::io("write", &path, source))
    }

    /// Whether it names only what a run of this program has put beside its place.
    fn is_plausible(&self) -> bool {
        let mut moves = self.moves.iter();
        moves.all(|it| it.to.is_absolute() && outside::is_beside(&it.from, &it.to))
    }
}

impl Move {
    fn run(&self) -> io::Result<()> {
        // Moved before, or taken away: then there is nothing to be done.
        done_if_missing(fs::rename(&self.from, &self.to))?;
        let beside = self.from.parent().expect("it is in a directory of its own");
        let parent = beside.parent().expect("that is in a directory");
        if parent.exists() {
            sync_directory(parent)?;
        }
        // What cannot be removed now is swept by a run that goes there.
        let _ = fs::remove_dir(beside);
        Ok(())
    }
}

/// Whether there is a list in `lake`.
pub(super) fn is_in(lake: &Path) -> bool {
    lake.join(PENDING).exists()
}

/// Moves what the list in `lake` names, if there is one.
///
/// # Errors
/// When a file cannot be moved; the list then stays for the next run.
pub(super) fn carry_out(lake: &Path) -> Result<()> {
    let path = lake.join(PENDING);
    let text = match fs::read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => return Ok(()),
        Err(error) => return Err(Error::io("read", path, error)),
    };
    let pending = serde_json::from_slice::<Pending>(&text).ok();
    let Some(pending) = pending.filter(Pending::is_plausible) else {
        let message = "is not a list of tables that this program wrote; move it out of the lake";
        let message = message.to_owned();
        return Err(ErrorKind::Lake { path, message }.into());
    };
    for it in &pending.moves {
        it.run()
            .map_err(|source| Error::io("move a table to", &it.to, source))?;
    }
    let removed = done_if_missing(fs::remove_file(&path)).and_then(|()| sync_directory(lake));
    removed.map_err(|source| Error::io("finish the commit of", lake, source))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_that_reaches_elsewhere_is_refused() {
        for text in [
            "",
            "{}",
            r#"{"moves":[{"from":"/a/b/table","to":"/a/c"}]}"#,
            r#"{"moves":[{"from":"/a/.c.chunketl-abcdefghijkl/table","to":"/b/c"}]}"#,
            r#"{"moves":[{"from":"/a/.c.chunketl-abcdefghijkl/../x/table","to":"/a/c"}]}"#,
            r#"{"moves":[{"from":"a/.c.chunketl-abcdefghijkl/table","to":"a/c"}]}"#,
            r#"{"moves":[{"from":"/a/.c.chunketl-abcdefghijkl/passwd","to":"/a/c"}]}"#,
        ] {
            let home = tempfile::tempdir().unwrap();
            fs::write(home.path().join(PENDING), text).unwrap();
            let error = carry_out(home.path()).unwrap_err();
            assert!(matches!(error.kind(), ErrorKind::Lake { .. }), "{text}");
            assert!(is_in(home.path()));
        }
        // Somebody has taken it away, and its directory with it.
        let home = tempfile::tempdir().unwrap();
        let text =
            r#"{"moves":[{"from":"/no/such/.c.chunketl-abcdefghijkl/table","to":"/no/such/c"}]}"#;
        fs::write(home.path().join(PENDING), text).unwrap();
        carry_out(home.path()).unwrap();
        assert!(!is_in(home.path()));
    }
}
