//! Files of a run, gathered out of sight -> the lake, all at once.
//!
//! Invariant: until the one step that publishes, the lake is as it was; from then on it is the new
//! one. Beside the lake that step is the exchange of two directories, or a rename where there was
//! no lake; inside it, a journal on disk. What a killed run leaves, the next run on the lake sweeps
//! away.

mod publish;

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::contents::{
    Contents, DIRECTORIES, FILTERED, RECEIPT, fed_path, part_name, refeed_path, refeed_path_for,
    rejects_path, repairs_path, table_path,
};
use super::journal;
use super::lock::LakeLock;
use super::outside::Outside;
use super::pending;
use super::place::{Place, lake_error};
use super::schema;
use crate::base::{Error, Mode, Result, Schema};

/// Where parts of rows go that filters have dropped.
#[derive(Debug, Clone)]
pub struct FilteredPlace {
    pub(super) directory: PathBuf,
    /// The index of this run's first part.
    pub(super) first_index: usize,
}

/// A run's files before they are published. Dropped without [`Staging::commit`], it removes them.
///
/// A commit publishes every file of the staging directory and of `_rejects`, `_aggregates` and
/// `_filtered` in it.
#[derive(Debug)]
pub struct Staging {
    directory: PathBuf,
    is_inside: bool,
    /// Whether dropping this removes the directory.
    is_disposable: bool,
    /// Goes before the directories in `place` do, which it is in.
    _lock: LakeLock,
    place: Place,
    mode: Mode,
    /// The lake as it was at the start.
    identity: Option<(u64, u64)>,
    contents: Contents,
    /// Our files in the lake that go with the commit although it appends.
    retired: Vec<PathBuf>,
}

impl Staging {
    /// Checks that `mode` allows a run from `inputs` to `out`, finishes or sweeps what killed runs
    /// left, and makes a staging directory that no other run touches.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Lake`] when the lake is in the way, in use, or holds an input; an I/O
    /// error when nothing can be written there.
    pub fn begin(out: &Path, mode: Mode, inputs: &[PathBuf]) -> Result<Self> {
        Self::begin_at(out, mode, inputs, false)
    }

    /// As [`Self::begin`]; `is_inside` forces staging inside the lake.
    fn begin_at(out: &Path, mode: Mode, inputs: &[PathBuf], is_inside: bool) -> Result<Self> {
        let mut place = Place::resolve(out)?;
        let lock = place.lock()?;
        journal::roll_forward(&place.lake)?;
        pending::carry_out(&place.lake)?;
        if lock.is_exclusive() {
            place.sweep();
        }
        let contents = Contents::read(&place.lake)?;
        check_mode(&place.lake, &contents, mode, inputs)?;

        let beside = if is_inside {
            None
        } else {
            place.stage_beside(&contents)?
        };
        let (directory, is_inside) = match beside {
            Some(directory) => (directory, false),
            None => (place.stage_inside()?, true),
        };
        let staging = Self {
            directory,
            is_inside,
            is_disposable: true,
            identity: place.identity(),
            place,
            mode,
            contents,
            retired: Vec::new(),
            _lock: lock,
        };
        for name in DIRECTORIES {
            let directory = staging.directory.join(name);
            fs::create_dir(&directory).map_err(|source| Error::io("create", directory, source))?;
        }
        Ok(staging)
    }

    /// Where the files go; directories and files in it may be read and written until the commit.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Where the lake is or will be, symbolic links resolved.
    pub fn lake(&self) -> &Path {
        &self.place.lake
    }

    /// The index of this run's first part.
    pub fn first_part_index(&self) -> usize {
        match self.mode {
            Mode::Append => self.contents.next_part_index(),
            Mode::Error | Mode::Overwrite => 0,
        }
    }

    /// Where parts of rows go that filters have dropped.
    pub fn filtered(&self) -> FilteredPlace {
        FilteredPlace {
            first_index: match self.mode {
                Mode::Append => self.contents.next_filtered_index(),
                Mode::Error | Mode::Overwrite => 0,
            },
            directory: self.directory.join(FILTERED),
        }
    }

    /// Where part `index` goes.
    pub fn part_path(&self, index: usize) -> PathBuf {
        self.directory.join(part_name(index))
    }

    /// Where this run's rejects go; only to be created if there are any.
    pub fn rejects_path(&self) -> PathBuf {
        self.directory.join(self.lake_rejects_path())
    }

    /// Where this run's rejects will be within the lake.
    pub fn lake_rejects_path(&self) -> PathBuf {
        rejects_path(match self.mode {
            Mode::Append => self.contents.next_rejects_index(),
            Mode::Error | Mode::Overwrite => 0,
        })
    }

    /// Where it is kept what it takes to feed this run's rejects in again; only to be created if
    /// there are any.
    pub fn refeed_path(&self) -> PathBuf {
        self.directory.join(refeed_path(match self.mode {
            Mode::Append => self.contents.next_rejects_index(),
            Mode::Error | Mode::Overwrite => 0,
        }))
    }

    /// Has the commit put those of `inputs` aside that are rejects of this lake, since they are fed in
    /// again by this run: they are kept under another name.
    ///
    /// # Errors
    /// An I/O error when one cannot be copied.
    pub fn retire(&mut self, inputs: &[PathBuf]) -> Result<()> {
        let lake = self.place.lake.clone();
        for input in inputs {
            let input = fs::canonicalize(input).unwrap_or_default();
            let Ok(path) = input.strip_prefix(&lake) else {
                continue;
            };
            let Some(fed) = fed_path(path).filter(|_| self.contents.has(path)) else {
                continue;
            };
            let kept = self.directory.join(fed);
            let copied = fs::copy(&input, kept);
            copied.map_err(|source| Error::io("copy", &input, source))?;
            self.retired.push(path.to_path_buf());
            let beside = refeed_path_for(path);
            self.retired
                .extend(beside.filter(|path| self.contents.has(path)));
        }
        Ok(())
    }

    /// Where the list of this run's repairs goes; only to be created if there are any.
    pub fn repairs_path(&self) -> PathBuf {
        self.directory.join(self.lake_repairs_path())
    }

    /// Where the list of this run's repairs will be within the lake.
    pub fn lake_repairs_path(&self) -> PathBuf {
        repairs_path(match self.mode {
            Mode::Append => self.contents.next_repairs_index(),
            Mode::Error | Mode::Overwrite => 0,
        })
    }

    /// Where the table called `name` goes, whose file ends in `extension`, and where it will be within
    /// the lake. That of the run before is kept under a number when appending.
    pub fn table_paths(&self, name: &str, extension: &str) -> (PathBuf, PathBuf) {
        let within = table_path(name, extension);
        (self.directory.join(&within), within)
    }

    /// Where this run's receipt goes. The receipt of the run before is kept under a number when
    /// appending.
    pub fn receipt_path(&self) -> PathBuf {
        self.directory.join(RECEIPT)
    }

    /// Checks that parts of `schema` may be appended.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Lake`] naming the first part and column that differ.
    pub fn check_append_schema(&self, schema: &Schema) -> Result<()> {
        check_parts(&self.place.lake, &self.contents, self.mode, schema)
    }

    /// Looks whether a run from `inputs` to `out`, of rows of `schema`, would find something in its
    /// way; changes nothing.
    ///
    /// # Errors
    /// What [`Self::begin`] and [`Self::check_append_schema`] would refuse it with.
    pub fn in_the_way(out: &Path, mode: Mode, inputs: &[PathBuf], schema: &Schema) -> Result<()> {
        let Ok(lake) = fs::canonicalize(out) else {
            return Ok(());
        };
        if !lake.is_dir() {
            return Err(lake_error(lake, "is a file, not a directory"));
        }
        let contents = Contents::read(&lake)?;
        check_mode(&lake, &contents, mode, inputs)?;
        check_parts(&lake, &contents, mode, schema)
    }

    /// Publishes the files: a reader sees the lake as it was before or as it is after.
    ///
    /// # Errors
    /// An I/O error or [`crate::ErrorKind::Lake`] when something else has changed the lake since.
    /// The lake is then as it was, unless only moving files inside it was left to do: the next run
    /// does so.
    pub fn commit(self) -> Result<()> {
        self.commit_with(Vec::new())
    }

    /// As [`Self::commit`], and puts the files `outside` in their places right behind it: they are on
    /// disk before, and where the run ends in between the next one to this lake moves them.
    ///
    /// # Errors
    /// As [`Self::commit`]. Where the lake has changed, the files are not lost.
    pub fn commit_with(mut self, outside: Vec<Outside>) -> Result<()> {
        let lake = self.place.lake.clone();
        let published = self.publish(&outside);
        if published.is_ok() || pending::is_in(&lake) || journal::is_in(&lake) {
            // What the list names must not go before the list does.
            outside.into_iter().for_each(Outside::keep);
        }
        published?;
        pending::carry_out(&lake)
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        if self.is_disposable {
            let _ = fs::remove_dir_all(&self.directory);
        }
    }
}

/// Checks that `mode` allows a run from `inputs` to `lake`, which holds `contents`.
fn check_mode(lake: &Path, contents: &Contents, mode: Mode, inputs: &[PathBuf]) -> Result<()> {
    if mode == Mode::Error && !contents.is_empty() {
        return Err(lake_error(
            lake,
            "already exists and is not empty; pass --mode overwrite or --mode append",
        ));
    }
    refuse_inputs(lake, contents, mode, inputs)
}

/// Checks that parts of `schema` may join those in `lake`, if `mode` says so.
fn check_parts(lake: &Path, contents: &Contents, mode: Mode, schema: &Schema) -> Result<()> {
    if mode != Mode::Append {
        return Ok(());
    }
    for part in contents.parts() {
        let path = lake.join(part);
        if let Some(difference) = schema::difference(&path, schema)? {
            let advice = "append needs the same columns; name their types with --dtype, or write \
                          to another directory";
            return Err(lake_error(path, format!("{difference}; {advice}")));
        }
    }
    Ok(())
}

/// An error if an input is the lake, one of our files in it by any name, or anywhere in a lake to
/// be overwritten. What was rejected may be fed in again by a run that appends.
fn refuse_inputs(lake: &Path, contents: &Contents, mode: Mode, inputs: &[PathBuf]) -> Result<()> {
    let identity = |path: &Path| {
        let file = fs::metadata(path).ok()?;
        Some((file.dev(), file.ino()))
    };
    let is_fed = |path: &&Path| mode == Mode::Append && fed_path(path).is_some();
    let ours = contents.ours().filter(|path| !is_fed(path));
    let ours: Vec<_> = ours.map(|path| identity(&lake.join(path))).collect();
    for input in inputs {
        let Some(input_identity) = identity(input) else {
            continue;
        };
        let is_within = || fs::canonicalize(input).is_ok_and(|input| input.starts_with(lake));
        if Some(input_identity) == identity(lake)
            || ours.contains(&Some(input_identity))
            || (mode == Mode::Overwrite && is_within())
        {
            let input = input.display();
            let message = format!("the input {input} is part of it; write to another directory");
            return Err(lake_error(lake, message));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::super::contents::{REJECTS, staged_files};
    use super::super::journal::Journal;
    use super::*;
    use crate::base::ErrorKind;

    /// Every file under `directory` and its text.
    fn tree(directory: &Path) -> BTreeMap<String, String> {
        let mut files = BTreeMap::new();
        for entry in fs::read_dir(directory).into_iter().flatten() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            if path.is_dir() {
                let below = tree(&path);
                files.extend(
                    below
                        .into_iter()
                        .map(|(file, text)| (format!("{name}/{file}"), text)),
                );
            } else {
                files.insert(name, fs::read_to_string(&path).unwrap());
            }
        }
        files
    }

    fn files(expected: &[(&str, &str)]) -> BTreeMap<String, String> {
        let owned = expected
            .iter()
            .map(|(name, text)| ((*name).into(), (*text).into()));
        owned.collect()
    }

    /// A temporary directory, and the lake `lake` in it with what `entries` say.
    fn home(entries: &[(&str, &str)]) -> (tempfile::TempDir, PathBuf) {
        let home = tempfile::tempdir().unwrap();
        let lake = home.path().join("lake");
        for (name, text) in entries {
            let path = lake.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        (home, lake)
    }

    fn begin(lake: &Path, mode: Mode, is_inside: bool) -> Staging {
        let staging = Staging::begin_at(lake, mode, &[], is_inside).unwrap();
        assert_eq!(staging.is_inside, is_inside);
        staging
    }

    /// Stages a part, rejects and a receipt that all say `text`.
    fn fill(staging: &Staging, text: &str) {
        let part = staging.part_path(staging.first_part_index());
        for path in [part, staging.rejects_path(), staging.receipt_path()] {
            fs::write(path, text).unwrap();
        }
    }

    const OLD: [(&str, &str); 5] = [
        ("README", "theirs"),
        ("_receipt.json", "old"),
        ("_rejects/rejects-00000.csv", "old"),
        ("part-00000.parquet", "old"),
        ("part-00001.parquet", "old"),
    ];

    fn message(error: &Error) -> String {
        assert!(matches!(error.kind(), ErrorKind::Lake { .. }), "{error}");
        error.to_string()
    }

    #[test]
    fn a_new_lake_appears_whole_and_nothing_else_is_left() {
        for is_inside in [false, true] {
            let home = tempfile::tempdir().unwrap();
            let lake = home.path().join("a/lake");
            let staging = begin(&lake, Mode::Error, is_inside);
            fill(&staging, "new");
            staging.commit().unwrap();
            let expected = [
                ("_receipt.json", "new"),
                ("_rejects/rejects-00000.csv", "new"),
                ("part-00000.parquet", "new"),
            ];
            assert_eq!(tree(&lake), files(&expected));
            assert_eq!(fs::read_dir(home.path().join("a")).unwrap().count(), 1);
        }
    }

    #[test]
    fn without_rejects_there_is_no_directory_of_rejects() {
        for is_inside in [false, true] {
            let (_home, lake) = home(&[]);
            let staging = begin(&lake, Mode::Error, is_inside);
            fs::write(staging.part_path(0), "new").unwrap();
            staging.commit().unwrap();
            assert_eq!(tree(&lake), files(&[("part-00000.parquet", "new")]));
            assert!(!lake.join(REJECTS).exists());
        }
    }

    #[test]
    fn overwriting_replaces_ours_and_keeps_theirs() {
        for is_inside in [false, true] {
            let (home, lake) = home(&OLD);
            fs::set_permissions(&lake, fs::Permissions::from_mode(0o750)).unwrap();
            let staging = begin(&lake, Mode::Overwrite, is_inside);
            fill(&staging, "new");
            assert_eq!(
                tree(&lake).values().filter(|text| *text == "old").count(),
                4
            );
            staging.commit().unwrap();
            let expected = [
                ("README", "theirs"),
                ("_receipt.json", "new"),
                ("_rejects/rejects-00000.csv", "new"),
                ("part-00000.parquet", "new"),
            ];
            assert_eq!(tree(&lake), files(&expected));
            assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1);
            assert_eq!(fs::metadata(&lake).unwrap().mode() & 0o777, 0o750);
        }
    }

    #[test]
    fn appending_goes_on_counting_and_overwrites_nothing() {
        for is_inside in [false, true] {
            let (_home, lake) = home(&OLD);
            for text in ["second", "third"] {
                let staging = begin(&lake, Mode::Append, is_inside);
                fill(&staging, text);
                staging.commit().unwrap();
            }
            let mut expected = files(&OLD);
            expected.extend(files(&[
                ("_receipt-00000.json", "old"),
                ("_receipt-00001.json", "second"),
                ("_receipt.json", "third"),
                ("_rejects/rejects-00001.csv", "second"),
                ("_rejects/rejects-00002.csv", "third"),
                ("part-00002.parquet", "second"),
                ("part-00003.parquet", "third"),
            ]));
            assert_eq!(tree(&lake), expected);
        }
    }

    /// A table for `place` that says `text`.
    fn outside(place: &Path, text: &str) -> Vec<Outside> {
        let outside = Outside::begin(place).unwrap();
        fs::write(outside.path(), text).unwrap();
        vec![outside]
    }

    #[test]
    fn a_table_outside_goes_with_the_lake() {
        for (is_inside, killed) in [(false, false), (false, true), (true, false), (true, true)] {
            let (home, lake) = home(&OLD);
            let place = home.path().join("tables/report.csv");
            for text in ["one", "two"] {
                let mut staging = begin(&lake, Mode::Overwrite, is_inside);
                fill(&staging, text);
                let outside = outside(&place, text);
                if killed && text == "two" {
                    // Between the two: the lake is the new one, the table still the old one.
                    staging.publish(&outside).unwrap();
                    outside.into_iter().for_each(Outside::keep);
                    assert_eq!(fs::read_to_string(&place).unwrap(), "one");
                    assert_eq!(tree(&lake)["part-00000.parquet"], "two");
                    assert!(lake.join("_pending.json").exists());
                    // Whatever comes next to this lake moves it.
                    drop(staging);
                    drop(begin(&lake, Mode::Append, is_inside));
                } else {
                    staging.commit_with(outside).unwrap();
                }
                assert_eq!(fs::read_to_string(&place).unwrap(), text);
                assert_eq!(tree(&lake)["part-00000.parquet"], text);
                assert!(!lake.join("_pending.json").exists());
                assert_eq!(tree(&home.path().join("tables")).len(), 1, "{is_inside}");
                assert_eq!(fs::read_dir(home.path()).unwrap().count(), 2);
            }
        }
    }

    #[test]
    fn a_table_outside_stays_as_it_was_where_nothing_is_published() {
        let (home, lake) = home(&OLD);
        let place = home.path().join("report.csv");
        fs::write(&place, "old").unwrap();
        let staging = begin(&lake, Mode::Overwrite, false);
        fill(&staging, "new");
        fs::write(lake.join("part-00007.parquet"), "somebody else's").unwrap();
        staging.commit_with(outside(&place, "new")).unwrap_err();
        assert_eq!(fs::read_to_string(&place).unwrap(), "old");
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 2);
    }

    #[test]
    fn a_run_that_fails_leaves_nothing() {
        for is_inside in [false, true] {
            let (home, lake) = home(&OLD);
            let staging = begin(&lake, Mode::Overwrite, is_inside);
            fill(&staging, "new");
            drop(staging);
            assert_eq!(tree(home.path()), {
                let old = OLD
                    .iter()
                    .map(|(name, text)| (format!("lake/{name}"), (*text).into()));
                old.collect()
            });

            let deep = home.path().join("a/b/lake");
            drop(begin(&deep, Mode::Error, is_inside));
            assert!(!home.path().join("a").exists());
        }
    }

    #[test]
    fn a_killed_run_leaves_the_lake_and_is_swept_by_the_next() {
        for is_inside in [false, true] {
            let (home, lake) = home(&OLD);
            let mut killed = begin(&lake, Mode::Overwrite, is_inside);
            fill(&killed, "killed");
            killed.is_disposable = false;
            let left = killed.directory.clone();
            drop(killed);
            assert!(left.exists());
            let expected = files(&OLD);
            let visible = |(name, _): &(String, String)| !name.starts_with("_staging");
            assert_eq!(
                tree(&lake)
                    .into_iter()
                    .filter(visible)
                    .collect::<BTreeMap<_, _>>(),
                expected
            );

            drop(begin(&lake, Mode::Append, is_inside));
            assert!(!left.exists());
            assert_eq!(tree(&lake), expected);
            assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1);
        }
    }

    #[test]
    fn a_run_killed_while_it_links_or_after_the_exchange_is_swept_too() {
        let (home, lake) = home(&OLD);
        let mut killed = begin(&lake, Mode::Append, false);
        fill(&killed, "new");
        killed.sync_files().unwrap();
        fs::hard_link(lake.join("README"), killed.directory.join("README")).unwrap();
        killed.is_disposable = false;
        drop(killed);
        drop(begin(&lake, Mode::Append, false));
        assert_eq!(tree(&lake), files(&OLD));

        let mut killed = begin(&lake, Mode::Append, false);
        fill(&killed, "new");
        killed.sync_files().unwrap();
        killed
            .exchange(&killed.current_contents().unwrap())
            .unwrap();
        killed.is_disposable = false;
        drop(killed);
        let published = tree(&lake);
        assert_eq!(published["part-00002.parquet"], "new");
        assert_eq!(published["README"], "theirs");
        drop(begin(&lake, Mode::Append, false));
        assert_eq!(tree(&lake), published);
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_journal_is_finished_by_the_next_run_whatever_its_mode() {
        let (_home, lake) = home(&OLD);
        let mut killed = begin(&lake, Mode::Overwrite, true);
        fill(&killed, "new");
        let removes = killed.contents.ours().map(PathBuf::from).collect();
        let moves = staged_files(&killed.directory).unwrap();
        let journal = Journal::new(&killed.directory, moves, removes).unwrap();
        journal.write(&lake).unwrap();
        killed.is_disposable = false;
        drop(killed);

        let refused = Staging::begin(&lake, Mode::Error, &[]).unwrap_err();
        assert!(message(&refused).contains("--mode overwrite"));
        let expected = [
            ("README", "theirs"),
            ("_receipt.json", "new"),
            ("_rejects/rejects-00000.csv", "new"),
            ("part-00000.parquet", "new"),
        ];
        assert_eq!(tree(&lake), files(&expected));
    }

    #[test]
    fn somebody_elses_directory_is_kept_by_staging_inside() {
        let (_home, lake) = home(&OLD);
        let late = begin(&lake, Mode::Append, false);
        fs::create_dir(lake.join("theirs")).unwrap();
        fs::write(lake.join("theirs/file"), "theirs").unwrap();
        fill(&late, "late");
        late.commit().unwrap();
        assert_eq!(tree(&lake)["part-00002.parquet"], "late");
        assert_eq!(tree(&lake)["theirs/file"], "theirs");

        let staging = Staging::begin(&lake, Mode::Overwrite, &[]).unwrap();
        assert!(staging.is_inside);
        fill(&staging, "new");
        staging.commit().unwrap();
        let expected = [
            ("README", "theirs"),
            ("_receipt.json", "new"),
            ("_rejects/rejects-00000.csv", "new"),
            ("part-00000.parquet", "new"),
            ("theirs/file", "theirs"),
        ];
        assert_eq!(tree(&lake), files(&expected));
    }

    #[test]
    fn a_linked_lake_is_followed() {
        let (home, lake) = home(&OLD);
        let link = home.path().join("link");
        symlink("lake", &link).unwrap();
        let staging = begin(&link, Mode::Append, false);
        assert_eq!(staging.lake(), fs::canonicalize(&lake).unwrap());
        fill(&staging, "new");
        staging.commit().unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(tree(&lake)["part-00002.parquet"], "new");
    }

    #[test]
    fn what_else_writes_to_the_lake_meanwhile_is_kept_or_ends_the_run() {
        for is_inside in [false, true] {
            let (_home, lake) = home(&OLD);
            let staging = begin(&lake, Mode::Append, is_inside);
            fill(&staging, "new");
            fs::write(lake.join("late"), "theirs").unwrap();
            staging.commit().unwrap();
            assert_eq!(tree(&lake)["late"], "theirs");

            let staging = begin(&lake, Mode::Append, is_inside);
            fill(&staging, "newer");
            fs::write(lake.join("part-00003.parquet"), "stranger").unwrap();
            let before = tree(&lake).into_iter().filter(|(_, text)| text != "newer");
            let before: BTreeMap<_, _> = before.collect();
            let refused = staging.commit().unwrap_err();
            assert!(message(&refused).contains("changed it"));
            assert_eq!(tree(&lake), before);
        }
    }

    #[test]
    fn a_file_that_came_between_reading_and_the_exchange_is_rescued() {
        let (_home, lake) = home(&OLD);
        let mut staging = begin(&lake, Mode::Overwrite, false);
        fill(&staging, "new");
        staging.sync_files().unwrap();
        let known = staging.current_contents().unwrap();
        fs::write(lake.join("late"), "theirs").unwrap();
        staging.exchange(&known).unwrap();
        staging.settle(Some(&known)).unwrap();
        assert_eq!(tree(&lake)["late"], "theirs");
        assert_eq!(tree(&lake)["part-00000.parquet"], "new");
        assert!(!lake.join("part-00001.parquet").exists());
    }

    #[test]
    fn an_input_that_is_part_of_the_lake_is_refused_by_any_name() {
        let (home, lake) = home(&OLD);
        fs::write(lake.join("data.csv"), "a,b").unwrap();
        let outside = home.path().join("outside.csv");
        fs::write(&outside, "a,b").unwrap();
        let hard = home.path().join("hard");
        fs::hard_link(lake.join("part-00000.parquet"), &hard).unwrap();
        let soft = home.path().join("soft");
        symlink(lake.join("_receipt.json"), &soft).unwrap();
        let inner = home.path().join("inner");
        symlink(lake.join("data.csv"), &inner).unwrap();

        let refused = |mode: Mode, input: &Path| {
            let inputs = [outside.clone(), input.to_path_buf()];
            Staging::begin(&lake, mode, &inputs)
                .map_err(|error| message(&error))
                .is_err()
        };
        for mode in [Mode::Overwrite, Mode::Append] {
            for input in [&lake, &hard, &soft] {
                assert!(refused(mode, input), "{mode:?} {}", input.display());
            }
            assert!(!refused(mode, &home.path().join("missing.csv")));
        }
        for fed in [&inner, &lake.join("_rejects/rejects-00000.csv")] {
            assert!(refused(Mode::Overwrite, fed));
            assert!(!refused(Mode::Append, fed));
        }
    }

    #[test]
    fn rejects_that_are_fed_in_again_are_put_aside() {
        for is_inside in [false, true] {
            let (_home, lake) = home(&OLD);
            fs::write(lake.join("_rejects/refeed-00000.json"), "{}").unwrap();
            let rejects = lake.join("_rejects/rejects-00000.csv");
            let old = fs::read_to_string(&rejects).unwrap();
            let mut staging = begin(&lake, Mode::Append, is_inside);
            staging.retire(&[rejects, lake.join("README")]).unwrap();
            fill(&staging, "new");
            staging.commit().unwrap();
            let tree = tree(&lake);
            assert_eq!(tree["_rejects/fed-00000.csv"], old);
            assert_eq!(tree["_rejects/rejects-00001.csv"], "new");
            let names = ["rejects-00000.csv", "refeed-00000.json"];
            let gone = names.map(|name| !tree.contains_key(&format!("_rejects/{name}")));
            assert_eq!(gone, [true, true], "{tree:?}");
        }
    }

    #[test]
    fn modes_and_second_runs_are_refused_with_advice() {
        let (_home, lake) = home(&[("README", "theirs")]);
        let refused = Staging::begin(&lake, Mode::Error, &[]).unwrap_err();
        assert!(message(&refused).contains("pass --mode overwrite or --mode append"));
        let first = begin(&lake, Mode::Append, false);
        let second = Staging::begin(&lake, Mode::Append, &[]).unwrap_err();
        assert!(message(&second).contains("another run is writing to this lake"));
        assert!(first.directory.exists());
        drop(first);
        drop(begin(&lake, Mode::Append, false));
    }
}
