//! The binary and a place to run it in: arguments in, exit code, messages and receipt out.
//! Keeps: every run has its own temporary directory, and none asks for more than it needs.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use chunketl::Receipt;
use tempfile::TempDir;

use crate::lake::{self, Table};

/// A temporary directory, and the lake `lake` in it.
pub(crate) struct Home(TempDir);

impl Home {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary directory"))
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn lake(&self) -> PathBuf {
        self.path().join("lake")
    }

    /// Writes a file; returns its path.
    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        fs::write(&path, bytes).expect("a file in the temporary directory");
        path
    }

    /// The binary, to be run in this directory with `line` as its arguments.
    pub(crate) fn command(&self, line: &str) -> Command {
        let mut command = Command::new(binary());
        command.current_dir(self.path()).args(words(line));
        command
    }

    /// Runs the binary with `line` as its arguments.
    pub(crate) fn run(&self, line: &str) -> Output {
        self.command(line).output().expect("the binary starts")
    }

    /// Runs `line` to its end with exit code 0, with `bytes` on its standard input, through a pipe.
    pub(crate) fn pipe(&self, line: &str, bytes: &[u8]) {
        let mut command = self.command(line);
        let command = command.stdin(Stdio::piped()).stdout(Stdio::null());
        let mut child = command.spawn().expect("the binary starts");
        let mut stdin = child.stdin.take().expect("a pipe");
        stdin.write_all(bytes).expect("written");
        drop(stdin);
        assert!(child.wait().expect("it ends").success(), "{line}");
    }

    /// Runs `line` to its end with exit code 0; returns its receipt.
    pub(crate) fn receipt(&self, line: &str) -> Receipt {
        let output = self.run(&format!("{line} --json"));
        assert!(output.status.success(), "{line}: {}", message(&output));
        serde_json::from_slice(&output.stdout).expect("the receipt is JSON")
    }

    /// Runs `run.toml` with each of `cuts`, the rows of a chunk and the number of threads; the rows of
    /// the lake must not depend on them, and `same` holds of the receipts.
    pub(crate) fn however_cut(
        &self,
        cuts: [(u32, u32); 3],
        same: impl Fn(&Receipt, &Receipt),
    ) -> (Receipt, Table) {
        let mut answers = cuts.into_iter().map(|(chunk_rows, threads)| {
            let receipt = self.receipt(&format!(
                "--config run.toml -o lake --mode overwrite --chunk-rows {chunk_rows} -t {threads}"
            ));
            assert_eq!(receipt.totals.accounted(), receipt.totals.rows_read);
            (receipt, lake::read(&self.lake()))
        });
        let (receipt, table) = answers.next().expect("there are cuts");
        for (other, rows) in answers {
            same(&other, &receipt);
            assert_eq!(rows, table);
        }
        (receipt, table)
    }

    /// Runs `line`, which must end with exit code `code`; returns what it says.
    pub(crate) fn fails(&self, line: &str, code: i32) -> String {
        let output = self.run(line);
        let message = message(&output);
        assert_eq!(output.status.code(), Some(code), "{line}: {message}");
        message
    }

    /// The names in this directory, hidden ones included, in order.
    pub(crate) fn names(&self) -> Vec<String> {
        names(self.path())
    }
}

/// The path of the binary.
pub(crate) fn binary() -> &'static str {
    env!("CARGO_BIN_EXE_chunketl")
}

/// What a run said on standard error.
pub(crate) fn message(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("messages are UTF-8")
}

/// The names in `directory`, hidden ones included, in order.
pub(crate) fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).into_iter().flatten();
    let mut names: Vec<String> = entries
        .map(|entry| entry.expect("a readable directory").file_name())
        .map(|name| name.into_string().expect("names of tests are UTF-8"))
        .collect();
    names.sort();
    names
}

/// The words of a command line; single quotes hold one together.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (index, piece) in line.split('\'').enumerate() {
        if index % 2 == 1 {
            words.push(piece.to_owned());
        } else {
            words.extend(piece.split_whitespace().map(str::to_owned));
        }
    }
    words
}
