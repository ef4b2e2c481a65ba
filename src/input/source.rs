//! A [`Source`]: the text of one input file or stream, mapped, with what is needed to tell that
//! the file has changed since.
//!
//! Invariant: the bytes and their length are fixed at opening; [`Source::check`] succeeds only
//! while the file is still what it was then.

use std::fmt;
use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use encoding_rs::UTF_8;

use super::columnar::Columnar;
use super::encoding::Verdict;
use super::intake::Intake;
use super::map::Map;
use crate::base::{Error, ErrorKind, Position, Result};
use crate::spill::TempSpace;

/// One input file or stream, held open and its text mapped into memory until dropped.
pub struct Source {
    path: PathBuf,
    file: File,
    state: State,
    map: Option<Map>,
    data_start: usize,
    reading: Reading,
    /// What it says of itself, if it holds typed columns and no text.
    columnar: Option<Columnar>,
    /// The file that the text was made from, where `file` is a temporary one.
    original: Option<(File, State)>,
}

/// How the bytes on disk were read as text in UTF-8.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// The format that they were compressed in.
    pub compression: Option<&'static str>,
    /// Bytes of the file, or that came from the stream.
    pub disk_bytes: u64,
    /// The encoding's name.
    pub encoding: &'static str,
    /// How one can tell, in words.
    pub why: String,
    /// Malformed sequences that became a replacement character.
    pub replaced: u64,
    /// Whether the source is a stream.
    pub is_stream: bool,
    /// Whether the text lies in a temporary file.
    pub is_spooled: bool,
    /// Whether only the beginning of the text was taken in.
    pub is_cut: bool,
}

impl Default for Reading {
    fn default() -> Self {
        Self {
            compression: None,
            disk_bytes: 0,
            encoding: UTF_8.name(),
            why: String::new(),
            replaced: 0,
            is_stream: false,
            is_spooled: false,
            is_cut: false,
        }
    }
}

/// What must not change while a source is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct State {
    length: u64,
    modified: (i64, i64),
    id: (u64, u64),
}

impl State {
    pub(super) fn of(file: &File) -> std::io::Result<Self> {
        let metadata = file.metadata()?;
        Ok(Self {
            length: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            id: (metadata.dev(), metadata.ino()),
        })
    }

    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// Fails if `file`, which the user knows as `path`, is no longer what it was.
    pub(super) fn check(&self, file: &File, path: &Path) -> Result<()> {
        let now = Self::of(file).map_err(|error| Error::io("read", path, error))?;
        let (was, is) = (self.length, now.length);
        let detail = if is < was {
            format!("shrank from {was} to {is} bytes")
        } else if is > was {
            format!("grew from {was} to {is} bytes")
        } else if now != *self {
            "changed".to_owned()
        } else {
            return Ok(());
        };
        let path = path.into();
        Err(ErrorKind::SourceChanged { path, detail }.into())
    }
}

impl Source {
    /// Opens the file at `path`, or standard input for `-`, as [`Intake::open`] does by default.
    ///
    /// # Errors
    /// Those of [`Intake::open`].
    pub fn open(
        path: &Path,
        temp_dir: &Path,
        spooled: &mut dyn FnMut(u64) -> Result<()>,
    ) -> Result<Self> {
        Intake::new(TempSpace::new(temp_dir, None).into()).open(path, spooled)
    }

    /// Maps `file`, whose text is in UTF-8 if `reading` says so.
    pub(super) fn map(path: PathBuf, file: File, mut reading: Reading) -> Result<Self> {
        let cannot_map = |error| cannot_map(&path, error);
        let state = State::of(&file).map_err(cannot_map)?;
        let length = usize::try_from(state.length)
            .map_err(|_| cannot_map(std::io::Error::other("too large for this machine")))?;
        let map = (length > 0)
            .then(|| Map::new(&file, length))
            .transpose()
            .map_err(cannot_map)?;
        let has_mark = map
            .as_ref()
            .is_some_and(|map| map.starts_with(b"\xEF\xBB\xBF"));
        if !reading.is_spooled {
            reading.disk_bytes = state.length;
        }
        Ok(Self {
            path,
            file,
            state,
            map,
            data_start: if has_mark { 3 } else { 0 },
            reading,
            columnar: None,
            original: None,
        })
    }

    /// The source, which holds typed columns and no text.
    ///
    /// # Errors
    /// If they cannot be read.
    pub(super) fn with_columns(mut self) -> Result<Self> {
        match Columnar::open(&self.path, self.bytes()) {
            Ok(columnar) => self.columnar = Some(columnar),
            // A file that was changed meanwhile explains whatever else went wrong.
            Err(error) => return Err(self.check().err().unwrap_or(error)),
        }
        self.release(self.data());
        Ok(self)
    }

    /// The source, once its encoding is known.
    pub(super) fn told(mut self, verdict: &Verdict) -> Self {
        self.reading.encoding = verdict.encoding.name();
        self.reading.why.clone_from(&verdict.why);
        self
    }

    /// The source, which was made from `original` as that was at `state`.
    ///
    /// # Errors
    /// If it is no longer.
    pub(super) fn beside(mut self, original: File, state: State) -> Result<Self> {
        self.original = Some((original, state));
        self.check()?;
        Ok(self)
    }

    /// What the source was mapped from.
    pub(super) fn unmap(self) -> (PathBuf, File, State, Reading) {
        (self.path, self.file, self.state, self.reading)
    }

    /// The path as the user wrote it; `<stdin>` for standard input.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Length of the text, in bytes, byte order mark included.
    pub fn length(&self) -> u64 {
        self.state.length
    }

    /// How the file or stream was read as text.
    pub fn reading(&self) -> &Reading {
        &self.reading
    }

    /// All bytes of the text. Reading them makes them resident until [`Self::release`].
    pub fn bytes(&self) -> &[u8] {
        self.map.as_deref().unwrap_or_default()
    }

    /// The offsets after the byte order mark, if there is one.
    pub fn data(&self) -> Range<usize> {
        self.data_start..self.bytes().len()
    }

    /// What it holds, if that is typed columns and no text.
    pub fn columnar(&self) -> Option<&Columnar> {
        self.columnar.as_ref()
    }

    /// Whether the text lies in a temporary file.
    pub fn is_spooled(&self) -> bool {
        self.reading.is_spooled
    }

    /// Says that the offsets in `range` are in use, and are released as one: the release of others
    /// does not make them be read again.
    pub(super) fn hold(&self, range: Range<usize>) {
        if let Some(map) = &self.map {
            map.hold(range);
        }
    }

    /// Reads the offsets in `range`, as far as there are any, before they are asked for.
    pub(super) fn read_ahead(&self, range: Range<usize>) {
        if let Some(map) = &self.map {
            map.populate(range);
        }
    }

    /// Lets go of the memory that reading the offsets in `range` took. They can be read again.
    pub fn release(&self, range: Range<usize>) {
        if let Some(map) = &self.map {
            map.release(range);
        }
    }

    /// Fails if the file is no longer what it was at opening. What was read before a check that
    /// succeeds is what the file held when it was opened.
    ///
    /// # Errors
    /// [`ErrorKind::SourceChanged`], or [`Error::io`] if a page could not be read although the
    /// file looks the same.
    pub fn check(&self) -> Result<()> {
        // In this order: a file that has shrunk both raises the flag and looks different.
        let is_damaged = self.map.as_ref().is_some_and(Map::is_damaged);
        if let Some((original, state)) = &self.original {
            state.check(original, &self.path)?;
        }
        self.state.check(&self.file, &self.path)?;
        if is_damaged {
            let error = std::io::Error::other("a part of the file could not be read");
            return Err(Error::io("read", &self.path, error));
        }
        Ok(())
    }

    /// The place `offset` bytes from the start of the text, its line not yet known.
    pub fn position(&self, offset: u64) -> Position {
        Position {
            path: self.path.clone(),
            byte_offset: offset,
            line: None,
        }
    }
}

fn cannot_map(path: &Path, error: std::io::Error) -> Error {
    if error.raw_os_error() != Some(libc::ENOMEM) {
        return Error::io("map", path, error);
    }
    let message = format!(
        "{path:?} is one file too many or too large to be mapped here; raise vm.max_map_count \
         (or ulimit -v), or load the files in several runs with --mode append"
    );
    Error::usage("--input", message)
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source")
            .field("path", &self.path)
            .field("state", &self.state)
            .field("reading", &self.reading)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, OpenOptions};
    use std::io::{Seek, Write};

    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    use super::*;

    fn file(name: &str, content: &[u8]) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join(name);
        fs::write(&path, content).expect("written");
        (dir, path)
    }

    fn open(path: &Path) -> Result<Source> {
        Source::open(path, &std::env::temp_dir(), &mut |_| Ok(()))
    }

    #[test]
    fn a_byte_order_mark_is_no_data() {
        let (_dir, path) = file("bom.csv", b"\xEF\xBB\xBFa,b\n");
        let source = open(&path).expect("opened");
        assert_eq!(source.data(), 3..7);
        assert_eq!(source.length(), 7);
        assert_eq!(&source.bytes()[source.data()], b"a,b\n");
        assert!(!source.is_spooled());
    }

    #[test]
    fn an_empty_file_is_a_source() {
        let (_dir, path) = file("empty.csv", b"");
        let source = open(&path).expect("opened");
        assert_eq!(source.data(), 0..0);
        source.release(0..10);
        source.check().expect("unchanged");
    }

    #[test]
    fn foreign_formats_say_what_to_do() {
        for (start, advice) in [
            (b"PK\x03\x04\x14\0".as_slice(), "unzip -p"),
            (b"\xFF\xFE\0\0a\0\0\0", "iconv -f UTF-32"),
        ] {
            let (_dir, path) = file("in.csv", start);
            let message = open(&path).expect_err("refused").to_string();
            assert!(message.contains(advice), "{message}");
            assert!(message.contains("in.csv:1"), "{message}");
        }
        for header in ["PAR1,PAR2\n", "BZh,x\n", "PK\n"] {
            let (_dir, path) = file("in.csv", header.as_bytes());
            open(&path).expect("a header like any other");
        }
    }

    #[test]
    fn a_file_that_shrinks_under_a_reader_is_an_error_and_no_crash() {
        let (_dir, path) = file("shrinks.csv", &[b'x'; 100_000]);
        let source = open(&path).expect("opened");
        source.check().expect("unchanged");
        let writer = OpenOptions::new().write(true).open(&path).expect("opened");
        writer.set_len(10).expect("truncated");
        assert_eq!(source.bytes()[99_999], 0);
        let error = source.check().expect_err("shrunk").to_string();
        assert!(error.contains("shrank from 100000 to 10 bytes"), "{error}");

        // Even when it is back to its old length, and were its old time set again.
        writer.set_len(100_000).expect("extended");
        let error = source.check().expect_err("changed");
        assert!(matches!(error.kind(), ErrorKind::SourceChanged { .. }));
        let restored = Source {
            state: State::of(&source.file).expect("readable"),
            ..source
        };
        let error = restored.check().expect_err("zeros were read");
        assert!(matches!(error.kind(), ErrorKind::Io { .. }), "{error}");
    }

    #[test]
    fn a_file_that_grows_or_changes_is_an_error() {
        let (_dir, path) = file("grows.csv", b"a\n1\n");
        let source = open(&path).expect("opened");
        let mut writer = OpenOptions::new().append(true).open(&path).expect("opened");
        writer.write_all(b"2\n").expect("written");
        let error = source.check().expect_err("grown").to_string();
        assert!(error.contains("grew from 4 to 6 bytes"), "{error}");

        let source = open(&path).expect("opened");
        let later = std::time::SystemTime::now() + std::time::Duration::from_secs(9);
        writer.set_modified(later).expect("set");
        let error = source.check().expect_err("changed").to_string();
        assert!(error.contains("the file changed while"), "{error}");
    }

    #[test]
    fn a_file_replaced_by_another_is_still_the_one_opened() {
        let (dir, path) = file("old.csv", b"old\n");
        let source = open(&path).expect("opened");
        let other = dir.path().join("new.csv");
        fs::write(&other, b"new and longer\n").expect("written");
        fs::rename(&other, &path).expect("renamed");
        source.check().expect("unchanged");
        assert_eq!(source.bytes(), b"old\n");
    }

    #[test]
    fn a_fifo_is_spooled() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join("fifo");
        let mode = rustix::fs::Mode::from(0o600);
        rustix::fs::mkfifoat(rustix::fs::CWD, &path, mode).expect("a FIFO");
        let mut writer = std::process::Command::new("sh")
            .args(["-c", "printf 'a,b\\n1,2\\n' > \"$0\""])
            .arg(&path)
            .spawn()
            .expect("a shell");
        let source = open(&path).expect("opened");
        assert!(writer.wait().expect("a child").success());
        assert_eq!(source.bytes(), b"a,b\n1,2\n");
        assert_eq!(source.path(), path);
        assert!(source.is_spooled());
        source.check().expect("unchanged");
    }

    /// Runs the test called `name` in a process of its own, told so by `CHILD`.
    fn in_child(name: &str, role: &str, stdin: std::process::Stdio) {
        let output = std::process::Command::new(std::env::current_exe().expect("this test"))
            .args(["--exact", "--test-threads=1"])
            .arg(format!("input::source::tests::{name}"))
            .env(CHILD, role)
            .stdin(stdin)
            .output()
            .expect("a child");
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success() && text.contains("1 passed"),
            "{output:?}"
        );
    }

    const CHILD: &str = "CHUNKETL_TEST_SOURCE_CHILD";

    #[test]
    fn standard_input_is_mapped_from_a_file_and_spooled_from_elsewhere() {
        const NAME: &str = "standard_input_is_mapped_from_a_file_and_spooled_from_elsewhere";
        if let Some(role) = std::env::var_os(CHILD) {
            let source = open(Path::new("-")).expect("opened");
            assert_eq!(source.bytes(), b"a\n1\n");
            assert_eq!(source.path(), Path::new("<stdin>"));
            assert_eq!(source.is_spooled(), role == "spooled");
            return;
        }
        let (_dir, path) = file("in.csv", b"x\na\n1\n");
        let mut skipping = File::open(&path).expect("opened");
        skipping.seek_relative(2).expect("seekable");
        in_child(NAME, "spooled", skipping.into());
        let (reader, mut writer) = std::io::pipe().expect("a pipe");
        writer.write_all(b"a\n1\n").expect("written");
        drop(writer);
        in_child(NAME, "spooled", reader.into());
        let (_dir, path) = file("in.csv", b"a\n1\n");
        in_child(NAME, "mapped", File::open(&path).expect("opened").into());
    }

    #[test]
    fn more_files_than_the_soft_limit_can_be_open() {
        const NAME: &str = "more_files_than_the_soft_limit_can_be_open";
        if std::env::var_os(CHILD).is_none() {
            return in_child(NAME, "limited", std::process::Stdio::null());
        }
        let limit = Rlimit {
            current: Some(32),
            maximum: getrlimit(Resource::Nofile).maximum,
        };
        setrlimit(Resource::Nofile, limit).expect("lowered");
        let (_dir, path) = file("in.csv", b"a\n");
        let sources: Result<Vec<_>> = (0..64).map(|_| open(&path)).collect();
        assert_eq!(sources.expect("opened").len(), 64);
    }
}
