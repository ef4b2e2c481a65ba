//! A commit that moves files one by one, where directories cannot be swapped: first the whole plan
//! is put on disk, then it is carried out, by this run or by whichever comes next.
//!
//! Invariant: before the journal is on disk the lake is untouched; afterwards it can only become
//! the new one. Carrying out a plan twice, or the rest of one, does no harm.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::contents::{JOURNAL, STAGING_PREFIX};
use crate::base::{Error, ErrorKind, Result};

/// What has to happen in a lake.
#[derive(Debug, Serialize, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub(super) struct Journal {
    /// The staging directory, within the lake.
    staging: PathBuf,
    /// Files to move from the staging directory to the same path in the lake.
    moves: Vec<Move>,
    /// Files of the lake to remove.
    removes: Vec<PathBuf>,
}

#[derive(Debug, Serialize, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
struct Move {
    path: PathBuf,
    /// The file's size, by which it is known once it has been moved.
    bytes: u64,
}

/// One thing to do; doing it again is harmless.
#[derive(Debug)]
enum Step<'a> {
    Move(&'a Move),
    Remove(&'a Path),
}

impl Journal {
    /// A plan to move `files` out of `staging`, a directory of the lake, and to remove those of
    /// `removes` that nothing is moved to.
    pub(super) fn new(
        staging: &Path,
        files: Vec<PathBuf>,
        mut removes: Vec<PathBuf>,
    ) -> Result<Self> {
        removes.retain(|path| !files.contains(path));
        let moves = files.into_iter().map(|path| {
            let file = staging.join(&path);
            let metadata = fs::metadata(&file).map_err(|source| Error::io("read", file, source))?;
            let bytes = metadata.len();
            Ok(Move { path, bytes })
        });
        Ok(Self {
            moves: moves.collect::<Result<_>>()?,
            staging: staging.file_name().map(PathBuf::from).unwrap_or_default(),
            removes,
        })
    }

    /// Puts the plan on disk; from here on the commit cannot be undone.
    pub(super) fn write(&self, lake: &Path) -> Result<()> {
        let draft = lake.join(&self.staging).join(JOURNAL);
        let write = || -> io::Result<()> {
            let mut file = File::create(&draft)?;
            file.write_all(&serde_json::to_vec_pretty(self)?)?;
            file.sync_all()?;
            fs::rename(&draft, lake.join(JOURNAL))?;
            sync_directory(lake)
        };
        write().map_err(|source| Error::io("write", &draft, source))
    }

    fn steps(&self) -> impl Iterator<Item = Step<'_>> {
        let moves = self.moves.iter().map(Step::Move);
        moves.chain(self.removes.iter().map(|path| Step::Remove(path)))
    }

    fn run(&self, lake: &Path, step: &Step<'_>) -> io::Result<()> {
        match step {
            Step::Move(Move { path, bytes }) => {
                let target = lake.join(path);
                if let Some(directory) = target.parent() {
                    fs::create_dir_all(directory)?;
                }
                match fs::rename(lake.join(&self.staging).join(path), &target) {
                    Err(error) if is_missing(&error) => {
                        // Moved before, or else lost: then nothing may be removed.
                        let is_there = fs::metadata(&target).is_ok_and(|it| it.len() == *bytes);
                        if is_there { Ok(()) } else { Err(error) }
                    }
                    result => result,
                }
            }
            Step::Remove(path) => done_if_missing(fs::remove_file(lake.join(path))),
        }
    }

    fn finish(&self, lake: &Path) -> io::Result<()> {
        let moved = self.moves.iter().filter_map(|it| it.path.parent());
        let mut directories: Vec<&Path> = moved.collect();
        directories.sort_unstable();
        directories.dedup();
        for directory in directories {
            sync_directory(&lake.join(directory))?;
        }
        sync_directory(lake)?;
        done_if_missing(fs::remove_file(lake.join(JOURNAL)))?;
        sync_directory(lake)?;
        done_if_missing(fs::remove_dir_all(lake.join(&self.staging)))
    }

    /// Whether every path stays within the lake, as those this program writes do.
    fn is_plausible(&self) -> bool {
        let is_inside = |path: &Path| {
            let mut parts = path.components();
            parts.next().is_some()
                && path
                    .components()
                    .all(|it| matches!(it, Component::Normal(_)))
        };
        let staging = self.staging.to_str().unwrap_or_default();
        staging.starts_with(STAGING_PREFIX)
            && self.staging.components().count() == 1
            && self.moves.iter().all(|it| is_inside(&it.path))
            && self.removes.iter().all(|path| is_inside(path))
    }
}

/// Whether there is a plan on disk in `lake`.
pub(super) fn is_in(lake: &Path) -> bool {
    lake.join(JOURNAL).exists()
}

/// Carries out the plan that is on disk in `lake`, if there is one.
///
/// # Errors
/// When a step fails; the journal then stays for the next run.
pub(super) fn roll_forward(lake: &Path) -> Result<()> {
    let path = lake.join(JOURNAL);
    let text = match fs::read(&path) {
        Ok(text) => text,
        Err(error) if is_missing(&error) => return Ok(()),
        Err(error) => return Err(Error::io("read", path, error)),
    };
    let journal = serde_json::from_slice::<Journal>(&text).ok();
    let Some(journal) = journal.filter(Journal::is_plausible) else {
        let message =
            "is not a journal that this program wrote; move it out of the lake".to_owned();
        return Err(ErrorKind::Lake { path, message }.into());
    };
    for step in journal.steps() {
        journal.run(lake, &step).map_err(|source| match step {
            Step::Move(it) => Error::io("move a file to", lake.join(&it.path), source),
            Step::Remove(path) => Error::io("remove", lake.join(path), source),
        })?;
    }
    journal
        .finish(lake)
        .map_err(|source| Error::io("finish the commit of", lake, source))
}

/// Takes back a journal that could not be put on disk for certain.
pub(super) fn withdraw(lake: &Path) -> io::Result<()> {
    done_if_missing(fs::remove_file(lake.join(JOURNAL)))?;
    sync_directory(lake)
}

fn is_missing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

pub(super) fn done_if_missing(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

/// Puts the names in `directory` on disk, where the file system has such a call.
pub(super) fn sync_directory(directory: &Path) -> io::Result<()> {
    match File::open(directory)?.sync_all() {
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
        result => result,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A lake with one file to keep, one to replace and one to remove, and two staged.
    fn lake() -> (tempfile::TempDir, Journal) {
        let home = tempfile::tempdir().unwrap();
        let lake = home.path();
        let staging = lake.join(format!("{STAGING_PREFIX}x"));
        fs::create_dir_all(staging.join("_rejects")).unwrap();
        for (path, text) in [
            ("kept", "kept"),
            ("part-00000.parquet", "old"),
            ("part-00001.parquet", "old"),
        ] {
            fs::write(lake.join(path), text).unwrap();
        }
        fs::write(staging.join("part-00000.parquet"), "new").unwrap();
        fs::write(staging.join("_rejects/rejects-00000.csv"), "new").unwrap();
        let moves = ["_rejects/rejects-00000.csv", "part-00000.parquet"];
        let removes = ["part-00000.parquet", "part-00001.parquet"];
        let journal = Journal::new(
            &staging,
            moves.map(PathBuf::from).to_vec(),
            removes.map(PathBuf::from).to_vec(),
        )
        .unwrap();
        (home, journal)
    }

    fn assert_is_new(lake: &Path) {
        let mut names: Vec<_> = fs::read_dir(lake)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(names, ["_rejects", "kept", "part-00000.parquet"]);
        assert_eq!(fs::read(lake.join("part-00000.parquet")).unwrap(), b"new");
        assert!(lake.join("_rejects/rejects-00000.csv").exists());
    }

    #[test]
    fn a_commit_killed_after_any_step_is_finished_by_the_next_run() {
        for steps in 0..=3 {
            let (home, journal) = lake();
            let lake = home.path();
            journal.write(lake).unwrap();
            for step in journal.steps().take(steps) {
                journal.run(lake, &step).unwrap();
            }
            roll_forward(lake).unwrap();
            assert_is_new(lake);
            roll_forward(lake).unwrap();
            assert_is_new(lake);
        }
    }

    #[test]
    fn a_commit_killed_while_it_tidies_up_is_finished_too() {
        let (home, journal) = lake();
        let lake = home.path();
        journal.write(lake).unwrap();
        for step in journal.steps() {
            journal.run(lake, &step).unwrap();
        }
        fs::remove_dir_all(lake.join(&journal.staging)).unwrap();
        roll_forward(lake).unwrap();
        assert_is_new(lake);
    }

    #[test]
    fn a_journal_that_reaches_outside_is_refused() {
        for text in [
            "",
            "{}",
            r#"{"staging":"_staging-chunketl-x","moves":[{"path":"../a","bytes":0}],"removes":[]}"#,
            r#"{"staging":"_staging-chunketl-x","moves":[],"removes":["/etc/passwd"]}"#,
            r#"{"staging":"data","moves":[],"removes":[]}"#,
            r#"{"staging":"_staging-chunketl-x/../y","moves":[],"removes":[]}"#,
        ] {
            let home = tempfile::tempdir().unwrap();
            fs::write(home.path().join(JOURNAL), text).unwrap();
            let error = roll_forward(home.path()).unwrap_err();
            assert!(matches!(error.kind(), ErrorKind::Lake { .. }), "{text}");
            assert!(home.path().join(JOURNAL).exists());
        }
    }
}
