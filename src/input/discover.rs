//! What the user typed after `--input` -> the paths to read, in order.
//!
//! Invariant: every path goes out once, and every pattern has led to at least one.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use glob::MatchOptions;

use crate::base::{Error, Result};

const OPTION: &str = "--input";

/// The files that `patterns` name: paths, globs (whose matches come in natural order, `part-2`
/// before `part-10`) and `-` for standard input. A path that exists is taken as it is, whatever
/// characters it has; what a glob matches besides files is passed over.
///
/// # Errors
/// A usage error if a pattern matches nothing, names a directory, or cannot be read, or if one
/// file would be read twice.
pub fn discover<P: AsRef<Path>>(patterns: &[P]) -> Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for pattern in patterns {
        expand(pattern.as_ref(), &mut paths)?;
    }
    if paths.is_empty() {
        return Err(Error::usage(OPTION, "name at least one file to read"));
    }
    refuse_twins(&paths)?;
    Ok(paths)
}

fn expand(pattern: &Path, paths: &mut Vec<PathBuf>) -> Result<()> {
    if pattern.as_os_str() == "-" {
        paths.push(pattern.into());
        return Ok(());
    }
    match fs::metadata(pattern) {
        Ok(metadata) if metadata.is_dir() => {
            let all = pattern.join("*.csv");
            let message = format!(
                "{pattern:?} is a directory; to read the files in it, write {all:?} in quotes"
            );
            return Err(Error::usage(OPTION, message));
        }
        Ok(metadata) => {
            // Opening a stream to see whether it can be read would take data from it.
            if metadata.is_file() {
                File::open(pattern).map_err(|error| unreadable(pattern, &error))?;
            }
            paths.push(pattern.into());
            return Ok(());
        }
        Err(error) if !is_missing(&error) => return Err(unreadable(pattern, &error)),
        Err(_) => {}
    }
    let text = pattern
        .to_str()
        .filter(|text| text.contains(['*', '?', '[']));
    let Some(text) = text else {
        return Err(Error::usage(OPTION, missing(pattern)));
    };
    let mut matches = glob_files(text)?;
    if matches.is_empty() {
        let message = format!("no file matches {text:?}; check the directory and the pattern");
        return Err(Error::usage(OPTION, message));
    }
    matches.sort_by(|a, b| natural_order(a, b));
    paths.append(&mut matches);
    Ok(())
}

fn glob_files(pattern: &str) -> Result<Vec<PathBuf>> {
    // As in a shell: `*` neither crosses a directory nor matches a hidden file.
    let options = MatchOptions {
        case_sensitive: true,
        require_literal_separator: true,
        require_literal_leading_dot: true,
    };
    let matches = glob::glob_with(pattern, options).map_err(|error| {
        Error::usage(OPTION, format!("{pattern:?} is no valid pattern: {error}"))
    })?;
    let mut files = Vec::new();
    for path in matches {
        let path = path.map_err(|error| unreadable(error.path(), error.error()))?;
        let metadata = fs::metadata(&path).map_err(|error| unreadable(&path, &error))?;
        if metadata.is_file() {
            File::open(&path).map_err(|error| unreadable(&path, &error))?;
            files.push(path);
        }
    }
    Ok(files)
}

fn is_missing(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

fn unreadable(path: &Path, error: &std::io::Error) -> Error {
    Error::usage(
        OPTION,
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
            let metadata = fs::metadata(path).map_err(|error| unreadable(path, &error))?;
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
    let names = |path: &Path| {
        let names = path.components();
        names
            .map(|name| name.as_os_str().as_encoded_bytes().to_vec())
            .collect::<Vec<_>>()
    };
    let (a_names, b_names) = (names(a), names(b));
    let pairs = a_names.iter().zip(&b_names);
    let by_name = pairs.map(|(a, b)| natural_order_of_names(a, b));
    by_name
        .fold(Ordering::Equal, Ordering::then)
        .then(a_names.len().cmp(&b_names.len()))
        .then_with(|| a.cmp(b))
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
        let paths = discover(&patterns)?;
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
        assert_eq!(discover(&["-"]).expect("found"), [Path::new("-")]);
        let error = discover(&["-", "-"]).expect_err("twice").to_string();
        assert!(error.contains("named twice"), "{error}");
    }

    #[test]
    fn errors_name_the_flag_and_what_to_do() {
        let dir = directory(&["sub/x.csv", "transactions.csv"]);
        std::os::unix::fs::symlink("transactions.csv", dir.path().join("link")).expect("linked");
        let cases: [(&[&str], &str); 7] = [
            (&["sub"], "is a directory; to read the files in it, write"),
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
        assert!(discover::<&str>(&[]).is_err());
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
