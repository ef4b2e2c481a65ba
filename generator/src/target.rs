//! A path as typed in, opened files out. Invariant: no two files of a run share a path.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use crate::Error;
use crate::write::Sink;

/// Where the output goes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// Standard output.
    Stdout,
    /// One file.
    File(PathBuf),
    /// Files with these texts before and after the index of four digits.
    Numbered(String, String),
}

impl Target {
    /// What `out` means for a run of `files` files.
    pub(crate) fn new(out: &Path, files: u64) -> Result<Self, Error> {
        let numbered = files > 1 || out.is_dir();
        if out == Path::new("-") {
            if files > 1 {
                let message = "--files needs a directory or a pattern as --out, not -";
                return Err(Error::Usage(message.to_owned()));
            }
            return Ok(Self::Stdout);
        }
        // Only a path that is text can hold the placeholder or be numbered.
        let text = out.to_str();
        if let Some((before, after)) = text.and_then(|text| text.split_once("{}")) {
            return Ok(Self::Numbered(before.to_owned(), after.to_owned()));
        }
        if !numbered {
            return Ok(Self::File(out.to_owned()));
        }
        let directory = text.ok_or_else(|| {
            Error::Usage("--out must be UTF-8 where files are numbered".to_owned())
        })?;
        let before = format!("{}/part-", directory.trim_end_matches('/'));
        Ok(Self::Numbered(before, ".csv".to_owned()))
    }

    /// Creates the file with index `index`, and its directory if it is to be numbered.
    pub(crate) fn open(&self, index: u64) -> Result<Sink, Error> {
        let path = match self {
            Self::Stdout => {
                return Ok(Sink {
                    name: "standard output".to_owned(),
                    writer: Box::new(io::stdout()),
                });
            }
            Self::File(path) => path.clone(),
            Self::Numbered(before, after) => {
                let path = PathBuf::from(format!("{before}{index:04}{after}"));
                if let Some(directory) = path.parent() {
                    fs::create_dir_all(directory)
                        .map_err(|source| Error::io("create", directory.display(), source))?;
                }
                path
            }
        };
        let file = File::create(&path);
        let file = file.map_err(|source| Error::io("create", path.display(), source))?;
        Ok(Sink {
            name: path.display().to_string(),
            writer: Box::new(file),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbered(before: &str, after: &str) -> Target {
        Target::Numbered(before.to_owned(), after.to_owned())
    }

    #[test]
    fn a_path_means_a_file_a_directory_or_a_pattern() {
        let directory = tempfile::tempdir().unwrap();
        let existing = directory.path().to_str().unwrap();
        let cases = [
            ("-", 1, Target::Stdout),
            ("big.csv", 1, Target::File("big.csv".into())),
            ("in/", 3, numbered("in/part-", ".csv")),
            ("in", 3, numbered("in/part-", ".csv")),
            ("a/x-{}.txt", 3, numbered("a/x-", ".txt")),
            ("a/x-{}.txt", 1, numbered("a/x-", ".txt")),
            (existing, 1, numbered(&format!("{existing}/part-"), ".csv")),
        ];
        for (out, files, expected) in cases {
            assert_eq!(
                Target::new(Path::new(out), files).unwrap(),
                expected,
                "{out}"
            );
        }
        assert!(Target::new(Path::new("-"), 2).is_err());
    }

    #[test]
    fn opening_creates_directories_and_names_what_fails() {
        let directory = tempfile::tempdir().unwrap();
        let out = directory.path().join("deep/in");
        let target = Target::new(&out, 2).unwrap();
        target.open(1).unwrap().writer.write_all(b"x").unwrap();
        assert_eq!(fs::read(out.join("part-0001.csv")).unwrap(), b"x");

        let missing = directory.path().join("absent/big.csv");
        let error = Target::new(&missing, 1).unwrap().open(0).err().unwrap();
        assert!(error.to_string().contains("absent/big.csv"), "{error}");
    }
}
