//! What the user typed after `--input` or wrote into a list -> the paths to read, in order.
//!
//! Invariant: every path goes out once, and every pattern has led to at least one.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, ErrorKind, stdin};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use glob::MatchOptions;

use crate::base::{Error, Result};

const OPTION: &str = "--input";
const LIST_OPTION: &str = "--files-from";
/// The directory of a lake that runs keep their rejects in.
const REJECTS: &str = "_rejects";

/// The paths to read, as they are found.
struct Found {
    paths: Vec<PathBuf>,
    files_max: usize,
}

/// The files that `patterns` and then the lines of the file `list` name: paths, directories, globs
/// and `-` for standard input. A path that exists is taken as it is, whatever characters it has.
/// Of a directory all files directly in it are taken whose names start with neither `_` nor `.`, of
/// one called `_rejects` those that runs wrote their rejects to; what a glob or a directory holds
/// besides files is passed over. Their files come in natural
/// order, `part-2` before `part-10`. A `list` called `-` is read from standard input.
///
/// # Errors
/// A usage error if a pattern matches nothing or cannot be read, if one file would be read twice,
/// or if there are more than `files_max`.
pub fn discover<P: AsRef<Path>>(
    patterns: &[P],
    list: Option<&Path>,
    files_max: usize,
) -> Result<Vec<PathBuf>> {
    let mut found = Found {
        paths: Vec::new(),
        files_max,
    };
    for pattern in patterns {
        found.expand(pattern.as_ref(), OPTION)?;
    }
    if let Some(list) = list {
        found.expand_list(list)?;
    }
    if found.paths.is_empty() {
        return Err(Error::usage(OPTION, "name at least one file to read"));
    }
    refuse_twins(&found.paths)?;
    Ok(found.paths)
}

impl Found {
    fn push(&mut self, path: PathBuf) -> Result<()> {
        if self.paths.len() == self.files_max {
            let message = format!(
                "{path:?} is one file more than {}; name fewer files, or set --max-files higher",
                self.files_max
            );
            return Err(Error::usage("--max-files", message));
        }
        self.paths.push(path);
        Ok(())
    }

    /// Adds what is named in the file `list`, one path a line.
    fn expand_list(&mut self, list: &Path) -> Result<()> {
        let is_stdin = list.as_os_str() == "-";
        let cannot_read = |error| unreadable(LIST_OPTION, list, &error);
        let lines: Box<dyn BufRead> = match is_stdin {
            true => Box::new(stdin().lock()),
            false => Box::new(BufReader::new(File::open(list).map_err(cannot_read)?)),
        };
        for (index, line) in lines.split(b'\n').enumerate() {
            let line = line.map_err(cannot_read)?;
            let line = line.strip_suffix(b"\r").unwrap_or(&line);
            let option = || format!("{LIST_OPTION} {}:{}", list.display(), index + 1);
            match line {
                b"" => {}
                b"-" if is_stdin => {
                    let message = "standard input holds the list itself; name a file";
                    return Err(Error::usage(option(), message));
                }
                _ => self.expand(Path::new(OsStr::from_bytes(line)), &option())?,
            }
        }
        Ok(())
    }

    /// Adds what `pattern` names; `option` is what it was given by.
    fn expand(&mut self, pattern: &Path, option: &str) -> Result<()> {
        if pattern.as_os_str() == "-" {
            return self.push(pattern.into());
        }
        match fs::metadata(pattern) {
            Ok(metadata) if metadata.is_dir() => return self.expand_directory(pattern, option),
            Ok(metadata) => {
                // Opening a stream to see whether it can be read would take data from it.
                if metadata.is_file() {
                    File::open(pattern).map_err(|error| unreadable(option, pattern, &error))?;
                }
                return self.push(pattern.into());
            }
            Err(error) if !is_missing(&error) => return Err(unreadable(option, pattern, &error)),
            Err(_) => {}
        }
        let text = pattern
            .to_str()
            .filter(|text| text.contains(['*', '?', '[']));
        let Some(text) = text else {
            return Err(Error::usage(option, missing(pattern)));
        };
        let first = self.paths.len();
        self.expand_glob(text, option)?;
        if self.paths.len() == first {
            let message = format!("no file matches {text:?}; check the directory and the pattern");
            return Err(Error::usage(option, message));
        }
        self.paths[first..].sort_by(|a, b| natural_order(a, b));
        Ok(())
    }

    fn expand_directory(&mut self, directory: &Path, option: &str) -> Result<()> {
        let first = self.paths.len();
        let cannot_read = |error| unreadable(option, directory, &error);
        let real = fs::canonicalize(directory).map_err(cannot_read)?;
        let is_rejects = real.file_name().is_some_and(|name| name == REJECTS);
        for entry in fs::read_dir(directory).map_err(cannot_read)? {
            let entry = entry.map_err(cannot_read)?;
            let name = entry.file_name();
            let name = name.as_bytes();
            let is_taken = match is_rejects {
                true => name.starts_with(b"rejects-") && name.ends_with(b".csv"),
                false => !name.starts_with(b"_") && !name.starts_with(b"."),
            };
            if is_taken {
                self.push_file(entry.path(), option)?;
            }
        }
        if self.paths.len() == first && is_rejects {
            let message = format!("nothing in {directory:?} is left to be fed in again");
            return Err(Error::usage(option, message));
        }
        if self.paths.len() == first {
            let below = directory.join("**").join("*.csv");
            let message = format!(
                "no file in {directory:?} to read (names that start with _ or . are passed over); \
                 for the files in directories below it, write {below:?} in quotes"
            );
            return Err(Error::usage(option, message));
        }
        self.paths[first..].sort_by(|a, b| natural_order(a, b));
        Ok(())
    }

    fn expand_glob(&mut self, pattern: &str, option: &str) -> Result<()> {
        // As in a shell: `*` neither crosses a directory nor matches a hidden file.
        let options = MatchOptions {
            case_sensitive: true,
            require_literal_separator: true,
            require_literal_leading_dot: true,
        };
        let matches = glob::glob_with(pattern, options).map_err(|error| {
            Error::usage(option, format!("{pattern:?} is no valid pattern: {error}"))
        })?;
        for path in matches {
            let path = path.map_err(|error| unreadable(option, error.path(), error.error()))?;
            self.push_file(path, option)?;
        }
        Ok(())
    }

    /// Adds `path` if it is a file.
    fn push_file(&mut self, path: PathBuf, option: &str) -> Result<()> {
        let metadata = fs::metadata(&path).map_err(|error| unreadable(option, &path, &error))?;
        if !metadata.is_file() {
            return Ok(());
        }
        File::open(&path).map_err(|error| unreadable(option, &path, &error))?;
        self.push(path)
    }
}

fn is_missing(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

fn unreadable(option: &str, path: &Path, error: &std::io::Error) -> Error {
    Error::usage(
        option,
        format!("cannot read {path:?}: {error}; check its permissions"),
    )
}

/// What to say about a path that does not exist: the nearest name in its directory, if one is
/// near.
fn missing(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let parent = path.parent().filter(|parent| *parent != Path::new(""));
    let directory = fs::read_dir(parent.unwrap_or(Path::new(".")));
    let names = directory.into_iter().flatten().flatten();
    let near = names
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .map(|other| (strsim::damerau_levenshtein(&name, &other), other))
        .filter(|(distance, _)| *distance <= 1 + name.len() / 8)
        .min();
    match near {
        Some((_, other)) => format!(
            "there is no file {path:?}; did you mean {:?}?",
            path.with_file_name(other)
        ),
        None => format!("there is no file {path:?}; check the path"),
    }
}

/// Fails if two paths are the same file, by whatever names.
fn refuse_twins(paths: &[PathBuf]) -> Result<()> {
    let mut seen: HashMap<Option<(u64, u64)>, &Path> = HashMap::new();
    for path in paths {
        let id = if path.as_os_str() == "-" {
            None
        } else {
            let metadata = fs::metadata(path).map_err(|error| unreadable(OPTION, path, &error))?;
            Some((metadata.dev(), metadata.ino()))
        };
        if let Some(first) = seen.insert(id, path) {
            let message = if first == path {
                format!("{path:?} is named twice; its rows would count double")
            } else {
                format!("{first:?} and {path:?} are the same file; its rows would count double")
            };
            return Err(Error::usage(OPTION, message));
        }
    }
    Ok(())
}

/// Compares paths name by name, runs of digits by their value. A total order: paths that differ
/// only in leading zeros compare by their bytes.
fn natural_order(a: &Path, b: &Path) -> Ordering {
    let (mut a_names, mut b_names) = (a.components(), b.components());
    loop {
        let (x, y) = match (a_names.next(), b_names.next()) {
            (Some(x), Some(y)) => (x.as_os_str().as_bytes(), y.as_os_str().as_bytes()),
            (None, None) => return a.cmp(b),
            (x, y) => return x.is_some().cmp(&y.is_some()),
        };
        match natural_order_of_names(x, y) {
            Ordering::Equal => {}
            order => return order,
        }
    }
}

fn natural_order_of_names(mut a: &[u8], mut b: &[u8]) -> Ordering {
    while let ([x, ..], [y, ..]) = (a, b) {
        if x.is_ascii_digit() && y.is_ascii_digit() {
            let (x, y) = (take_number(&mut a), take_number(&mut b));
            let order = x.len().cmp(&y.len()).then(x.cmp(y));
            if order != Ordering::Equal {
                return order;
            }
        } else if x == y {
            (a, b) = (&a[1..], &b[1..]);
        } else {
            return x.cmp(y);
        }
    }
    a.len().cmp(&b.len())
}

/// Takes the digits off the front; returns them without leading zeros.
fn take_number<'a>(name: &mut &'a [u8]) -> &'a [u8] {
    let digits = name.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (number, rest) = name.split_at(digits);
    *name = rest;
    let zeros = number.iter().take_while(|&&byte| byte == b'0').count();
    &number[zeros..]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(dir: &Path, patterns: &[&str]) -> Result<Vec<String>> {
        let patterns: Vec<_> = patterns.iter().map(|pattern| dir.join(pattern)).collect();
        let paths = discover(&patterns, None, 10)?;
        let names = paths.iter().map(|path| {
            let name = path.strip_prefix(dir).expect("in the directory");
            name.to_string_lossy().into_owned()
        });
        Ok(names.collect())
    }

    fn directory(names: &[&str]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().expect("a temporary directory");
        for name in names {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().expect("a parent")).expect("made");
            fs::write(path, name).expect("written");
        }
        dir
    }

    #[test]
    fn globs_sort_naturally_and_take_files_only() {
        let dir = directory(&[
            "part-10.csv",
            "part-2.csv",
            "part-02.csv",
            "part-1.csv",
            "sub.csv/x",
            ".part-3.csv",
        ]);
        let found = names(dir.path(), &["*.csv"]).expect("found");
        let expected = ["part-1.csv", "part-02.csv", "part-2.csv", "part-10.csv"];
        assert_eq!(found, expected);
    }

    #[test]
    fn patterns_keep_the_order_they_were_given_in() {
        let dir = directory(&["b1", "b2", "a"]);
        let found = names(dir.path(), &["b*", "a"]).expect("found");
        assert_eq!(found, ["b1", "b2", "a"]);
    }

    #[test]
    fn a_path_that_exists_is_no_glob() {
        let dir = directory(&["x[1].csv", "x1.csv"]);
        assert_eq!(
            names(dir.path(), &["x[1].csv"]).expect("found"),
            ["x[1].csv"]
        );
        assert_eq!(
            names(dir.path(), &["x[12].csv"]).expect("found"),
            ["x1.csv"]
        );
    }

    #[test]
    fn standard_input_counts_once() {
        assert_eq!(discover(&["-"], None, 1).expect("found"), [Path::new("-")]);
        let error = discover(&["-", "-"], None, 2)
            .expect_err("twice")
            .to_string();
        assert!(error.contains("named twice"), "{error}");
    }

    #[test]
    fn errors_name_the_flag_and_what_to_do() {
        let dir = directory(&["empty/_x.csv", "empty/sub/x.csv", "transactions.csv"]);
        std::os::unix::fs::symlink("transactions.csv", dir.path().join("link")).expect("linked");
        let cases: [(&[&str], &str); 7] = [
            (&["empty"], "no file in"),
            (&["*.tsv"], "no file matches"),
            (&["transaction.csv"], "did you mean"),
            (&["nothing/at/all"], "check the path"),
            (&["a**b"], "is no valid pattern"),
            (&["link", "*.csv"], "are the same file"),
            (&["*.csv", "transactions.csv"], "is named twice"),
        ];
        for (patterns, expected) in cases {
            let error = names(dir.path(), patterns).expect_err("refused");
            assert_eq!(error.exit_code(), 2);
            let message = error.to_string();
            assert!(message.starts_with("--input: "), "{message}");
            assert!(message.contains(expected), "{message}");
        }
        assert!(discover::<&str>(&[], None, 1).is_err());
    }

    #[test]
    fn directories_give_their_files_and_globs_can_go_below() {
        let dir = directory(&[
            "in/b-10.csv",
            "in/b-9.csv",
            "in/_SUCCESS",
            "in/.hidden",
            "in/sub/c.csv",
            "in/sub/deep/d.csv",
            "in/.git/e.csv",
        ]);
        let found = names(dir.path(), &["in"]).expect("found");
        assert_eq!(found, ["in/b-9.csv", "in/b-10.csv"]);
        let found = names(dir.path(), &["in/**/*.csv"]).expect("found");
        let expected = [
            "in/b-9.csv",
            "in/b-10.csv",
            "in/sub/c.csv",
            "in/sub/deep/d.csv",
        ];
        assert_eq!(found, expected);
        let error = names(dir.path(), &["in", "in/b-9.csv"]).expect_err("twice");
        assert!(error.to_string().contains("is named twice"), "{error}");
    }

    #[test]
    fn a_list_names_files_in_its_own_order() {
        let dir = directory(&["b2", "b1", "sub/x", "sub/y", "sp ace"]);
        let list = dir.path().join("list.txt");
        let path = |name: &str| dir.path().join(name).display().to_string();
        let write = |lines: &[&str]| {
            let lines: Vec<String> = lines.iter().map(|name| path(name)).collect();
            fs::write(&list, lines.join("\r\n\n")).expect("written");
        };
        let all = ["b2", "sp ace", "b1", "sub"];
        write(&all);
        let found = discover::<&str>(&[], Some(&list), 5).expect("found");
        let expected = ["b2", "sp ace", "b1", "sub/x", "sub/y"].map(|name| dir.path().join(name));
        assert_eq!(found, expected);
        let error = discover::<&str>(&[], Some(&list), 4).expect_err("too many");
        assert!(error.to_string().contains("--max-files higher"), "{error}");
        write(&["b2", "b3"]);
        let error = discover::<&str>(&[], Some(&list), 5)
            .expect_err("missing")
            .to_string();
        assert!(error.contains("list.txt:3: there is no file"), "{error}");
        let error = discover::<&str>(&[], Some(Path::new("/no/list")), 5).expect_err("no list");
        assert!(
            error.to_string().contains("--files-from: cannot read"),
            "{error}"
        );
    }

    #[test]
    fn natural_order_is_total() {
        let sorted = [
            "a", "a/b", "a-b", "a0", "a00", "a01", "a1", "a2", "a2b", "a10", "a10b", "b",
        ];
        let mut paths: Vec<_> = sorted.iter().map(PathBuf::from).collect();
        paths.reverse();
        paths.sort_by(|a, b| natural_order(a, b));
        assert_eq!(paths, sorted.map(PathBuf::from));
        for pair in paths.windows(2) {
            assert_eq!(natural_order(&pair[0], &pair[1]), Ordering::Less);
            assert_eq!(natural_order(&pair[1], &pair[0]), Ordering::Greater);
        }
        let huge = ["x99999999999999999999999", "x100000000000000000000000"];
        assert_eq!(
            natural_order(Path::new(huge[0]), Path::new(huge[1])),
            Ordering::Less
        );
    }
}
