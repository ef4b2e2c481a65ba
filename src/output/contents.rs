//! A lake directory -> which of its entries are this program's, and the next free numbers.
//!
//! Ours are `part-00000.parquet`, `_receipt.json`, `_receipt-00000.json` (of earlier runs), in
//! `_aggregates` tables in Parquet or CSV (`NAME-00000.parquet` of earlier runs), in `_filtered` parts
//! of dropped rows, and in `_rejects` the rejects (`fed-00000.csv` once they were fed in again), what it
//! takes to feed them in, and the repairs. Everything else is somebody else's and stays.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::base::{Error, Result};

/// The receipt of the last run.
pub(super) const RECEIPT: &str = "_receipt.json";
/// The directory of rejects.
pub(super) const REJECTS: &str = "_rejects";
/// The directory of rows that filters have dropped.
pub(super) const FILTERED: &str = "_filtered";
/// The directory of tables that were made of all rows.
pub(super) const AGGREGATES: &str = "_aggregates";
/// All directories of ours.
pub(super) const DIRECTORIES: [&str; 3] = [REJECTS, AGGREGATES, FILTERED];
/// The journal of a commit that moves files one by one.
pub(super) const JOURNAL: &str = "_commit.json";
/// The list of files outside that belong to a commit and are not in their places yet.
pub(super) const PENDING: &str = "_pending.json";
/// How the name of a staging directory inside a lake begins.
pub(super) const STAGING_PREFIX: &str = "_staging-chunketl-";

/// The name of part `index`.
pub(super) fn part_name(index: usize) -> String {
    format!("part-{index:05}.parquet")
}

/// The name of the receipt of an earlier run.
pub(super) fn old_receipt_name(index: usize) -> String {
    format!("_receipt-{index:05}.json")
}

/// The path within the lake of the table called `name`, in files that end in `extension`.
pub(super) fn table_path(name: &str, extension: &str) -> PathBuf {
    Path::new(AGGREGATES).join(format!("{name}.{extension}"))
}

/// The path of the list of a run's repairs within the lake.
pub(super) fn repairs_path(index: usize) -> PathBuf {
    Path::new(REJECTS).join(format!("repairs-{index:05}.csv"))
}

/// The path of a run's rejects within the lake.
pub(super) fn rejects_path(index: usize) -> PathBuf {
    Path::new(REJECTS).join(format!("rejects-{index:05}.csv"))
}

/// The path within the lake of what it takes to feed a run's rejects in again.
pub(super) fn refeed_path(index: usize) -> PathBuf {
    Path::new(REJECTS).join(format!("refeed-{index:05}.json"))
}

/// What becomes of the file `path` of a lake once its rejects were fed in again: its new path, if it
/// is kept. `None` for other files.
pub(super) fn fed_path(path: &Path) -> Option<PathBuf> {
    let index = index_of(path, REJECTS_FILE)?;
    Some(Path::new(REJECTS).join(format!("fed-{index:05}.csv")))
}

/// The path of what it takes to feed the rejects at `path` of a lake in again.
pub(super) fn refeed_path_for(path: &Path) -> Option<PathBuf> {
    index_of(path, REJECTS_FILE).map(refeed_path)
}

/// Something in a lake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// Where, within the lake.
    pub(super) path: PathBuf,
    /// Whether this program wrote it.
    pub(super) is_ours: bool,
    /// Whether it is a directory of somebody else's.
    pub(super) is_directory: bool,
}

/// What is in a lake, ordered by path.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Contents {
    pub(super) entries: Vec<Entry>,
}

impl Contents {
    /// What is in `lake`; nothing if there is no lake. Staging directories, the journal, the list of
    /// what is outside and our directories themselves do not count.
    pub(super) fn read(lake: &Path) -> Result<Self> {
        let mut entries = Vec::new();
        let is_real_directory =
            |name: &str| fs::symlink_metadata(lake.join(name)).is_ok_and(|it| it.is_dir());
        for (name, is_directory) in list(lake)? {
            let text = name.to_str().unwrap_or_default();
            if text == JOURNAL || text == PENDING || text.starts_with(STAGING_PREFIX) {
                continue;
            }
            if DIRECTORIES.contains(&text) && is_real_directory(text) {
                entries.extend(within(lake, text)?);
                continue;
            }
            entries.push(Entry {
                is_ours: !is_directory && is_our_name(text),
                is_directory,
                path: name,
            });
        }
        entries.sort_by(|one, other| one.path.cmp(&other.path));
        Ok(Self { entries })
    }

    /// Whether there is nothing.
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether somebody else's directory is in the lake.
    pub(super) fn has_foreign_directory(&self) -> bool {
        self.entries.iter().any(|entry| entry.is_directory)
    }

    /// Whether `path` is there.
    pub(super) fn has(&self, path: &Path) -> bool {
        self.entries.iter().any(|entry| entry.path == path)
    }

    /// The paths of our files.
    pub(super) fn ours(&self) -> impl Iterator<Item = &Path> {
        let ours = self.entries.iter().filter(|entry| entry.is_ours);
        ours.map(|entry| entry.path.as_path())
    }

    /// The names of the parts.
    pub(super) fn parts(&self) -> impl Iterator<Item = &Path> {
        self.ours().filter(|path| index_of(path, PART).is_some())
    }

    /// One more than the highest part index.
    pub(super) fn next_part_index(&self) -> usize {
        self.next_index(PART)
    }

    /// One more than the highest index of parts of dropped rows.
    pub(super) fn next_filtered_index(&self) -> usize {
        self.next_index(FILTERED_PART)
    }

    /// One more than the highest index of rejects.
    pub(super) fn next_rejects_index(&self) -> usize {
        self.next_index(REJECTS_FILE).max(self.next_index(FED_FILE))
    }

    /// One more than the highest index of repairs.
    pub(super) fn next_repairs_index(&self) -> usize {
        self.next_index(REPAIRS_FILE)
    }

    /// The path under which the table at `path` is kept once a later run has made it anew.
    pub(super) fn old_table_path(&self, path: &Path) -> Option<PathBuf> {
        let (stem, extension) = (path.file_stem()?.to_str()?, path.extension()?.to_str()?);
        let (prefix, suffix) = (format!("{AGGREGATES}/{stem}-"), format!(".{extension}"));
        let index = self.next_index((&prefix, &suffix));
        Some(table_path(&format!("{stem}-{index:05}"), extension))
    }

    /// One more than the highest index of an earlier run's receipt.
    pub(super) fn next_old_receipt_index(&self) -> usize {
        self.next_index(OLD_RECEIPT)
    }

    fn next_index(&self, pattern: (&str, &str)) -> usize {
        let indices = self.ours().filter_map(|path| index_of(path, pattern));
        indices.max().map_or(0, |index| index + 1)
    }
}

const PART: (&str, &str) = ("part-", ".parquet");
const FILTERED_PART: (&str, &str) = ("_filtered/part-", ".parquet");
const OLD_RECEIPT: (&str, &str) = ("_receipt-", ".json");
const REJECTS_FILE: (&str, &str) = ("_rejects/rejects-", ".csv");
const REPAIRS_FILE: (&str, &str) = ("_rejects/repairs-", ".csv");
const REFEED_FILE: (&str, &str) = ("_rejects/refeed-", ".json");
const FED_FILE: (&str, &str) = ("_rejects/fed-", ".csv");

fn is_our_name(path: &str) -> bool {
    let path_buf = Path::new(path);
    let is_table = |ending| path.starts_with("_aggregates/") && path.ends_with(ending);
    path == RECEIPT
        || is_table(".parquet")
        || is_table(".csv")
        || [
            PART,
            FILTERED_PART,
            OLD_RECEIPT,
            REJECTS_FILE,
            REPAIRS_FILE,
            REFEED_FILE,
            FED_FILE,
        ]
        .iter()
        .any(|&pattern| index_of(path_buf, pattern).is_some())
}

/// The index in a name of the form prefix, five digits or more, suffix.
fn index_of(path: &Path, (prefix, suffix): (&str, &str)) -> Option<usize> {
    let digits = path.to_str()?.strip_prefix(prefix)?.strip_suffix(suffix)?;
    let index: usize = digits.parse().ok()?;
    (format!("{index:05}") == digits && index < usize::MAX).then_some(index)
}

/// What is in `directory` of `lake`.
fn within(lake: &Path, directory: &str) -> Result<Vec<Entry>> {
    let entries = list(&lake.join(directory))?.into_iter();
    let entries = entries.map(|(name, is_directory)| {
        let path = Path::new(directory).join(name);
        let is_ours = !is_directory && path.to_str().is_some_and(is_our_name);
        Entry {
            path,
            is_ours,
            is_directory,
        }
    });
    Ok(entries.collect())
}

/// The names in `directory` and whether each is a directory itself; none if it does not exist.
fn list(directory: &Path) -> Result<Vec<(PathBuf, bool)>> {
    let read = || -> io::Result<_> {
        let mut names = Vec::new();
        for entry in fs::read_dir(directory)? {
            let entry = entry?;
            names.push((entry.file_name().into(), entry.file_type()?.is_dir()));
        }
        Ok(names)
    };
    match read() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        names => names.map_err(|source| Error::io("read", directory, source)),
    }
}

/// All files under a staging directory, as paths within it.
pub(super) fn staged_files(staging: &Path) -> Result<Vec<PathBuf>> {
    let contents = Contents::read(staging)?;
    let listed = staging.join(PENDING).exists();
    let listed = listed.then(|| PathBuf::from(PENDING));
    let entries = contents.entries.into_iter().map(|entry| entry.path);
    Ok(entries.chain(listed).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ours_and_theirs_are_told_apart() {
        let home = tempfile::tempdir().unwrap();
        let lake = home.path();
        fs::create_dir(lake.join(REJECTS)).unwrap();
        fs::create_dir(lake.join(AGGREGATES)).unwrap();
        let ours = [
            "_aggregates/region-00004.csv",
            "_aggregates/region.csv",
            "_receipt-00003.json",
            "_receipt.json",
            "_rejects/fed-00007.csv",
            "_rejects/refeed-00001.json",
            "_rejects/rejects-00001.csv",
            "_rejects/repairs-00004.csv",
            "part-00009.parquet",
            "part-100000.parquet",
        ];
        let theirs = [
            "_aggregates/README",
            "_rejects/note.csv",
            "part-0001.parquet",
            "part-000001.parquet",
            "part-00001.parquet.bak",
            "part-00001-c000.snappy.parquet",
            "part-+0001.parquet",
            "part-99999999999999999999.parquet",
            "README",
        ];
        for name in ours.iter().chain(&theirs) {
            fs::write(lake.join(name), "").unwrap();
        }
        fs::write(lake.join(JOURNAL), "").unwrap();
        fs::create_dir(lake.join(format!("{STAGING_PREFIX}x"))).unwrap();

        let contents = Contents::read(lake).unwrap();
        let found: Vec<_> = contents.ours().collect();
        assert_eq!(found, ours.map(Path::new));
        assert_eq!(contents.entries.len(), ours.len() + theirs.len());
        assert_eq!(contents.parts().count(), 2);
        assert_eq!(contents.next_part_index(), 100_001);
        assert_eq!(contents.next_rejects_index(), 8);
        assert_eq!(contents.next_repairs_index(), 5);
        assert_eq!(contents.next_old_receipt_index(), 4);
        let old = contents.old_table_path(Path::new("_aggregates/region.csv"));
        assert_eq!(old, Some("_aggregates/region-00005.csv".into()));
        assert!(!contents.has_foreign_directory());

        fs::create_dir(lake.join("part-00010.parquet")).unwrap();
        let contents = Contents::read(lake).unwrap();
        assert!(contents.has_foreign_directory());
        assert!(contents.has(Path::new("part-00010.parquet")));
        assert_eq!(contents.parts().count(), 2);
    }

    #[test]
    fn no_lake_is_an_empty_lake() {
        let home = tempfile::tempdir().unwrap();
        let contents = Contents::read(&home.path().join("none")).unwrap();
        assert!(contents.is_empty());
        assert_eq!(contents.next_part_index(), 0);
    }
}
