//! A path -> a [`Source`]: the bytes of one input file or stream, mapped, with what is needed to
//! tell that it has changed since.
//!
//! Invariant: the bytes and their length are fixed at opening; [`Source::check`] succeeds only
//! while the file is still what it was then.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{Seek, stdin};
use std::ops::Range;
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::map::Map;
use super::spool::spool;
use crate::base::{Error, ErrorKind, Position, Result};

/// One input file or stream, held open and mapped into memory until dropped.
pub struct Source {
    path: PathBuf,
    file: File,
    state: State,
    map: Option<Map>,
    data_start: usize,
    spooled: bool,
}

/// What must not change while a source is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct State {
    length: u64,
    modified: (i64, i64),
    id: (u64, u64),
}

impl State {
    fn of(file: &File) -> std::io::Result<Self> {
        let metadata = file.metadata()?;
        Ok(Self {
            length: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            id: (metadata.dev(), metadata.ino()),
        })
    }
}

impl Source {
    /// Opens the file at `path`; `-` means standard input.
    ///
    /// A stream is first copied into an unlinked file in `temp_dir`; `spooled` is then told the
    /// bytes copied so far, several times a second, and ends the copying by failing. Standard
    /// input that is a regular file read from its start is mapped as it is.
    ///
    /// # Errors
    /// [`Error::io`] when the file cannot be read or the stream not spooled, what `spooled`
    /// returns, and [`ErrorKind::Data`] when the first bytes show that this is no text in UTF-8.
    pub fn open(
        path: &Path,
        temp_dir: &Path,
        spooled: &mut dyn FnMut(u64) -> Result<()>,
    ) -> Result<Self> {
        let cannot_open = |error| Error::io("open", path, error);
        if path.as_os_str() == "-" {
            let path = PathBuf::from("<stdin>");
            let stdin = stdin().as_fd().try_clone_to_owned().map_err(cannot_open)?;
            let mut stdin = File::from(stdin);
            let is_file = stdin.metadata().map_err(cannot_open)?.is_file();
            if is_file && stdin.stream_position().map_err(cannot_open)? == 0 {
                return Self::map(path, stdin, false);
            }
            let file = spool(&mut stdin, &path, temp_dir, spooled)?;
            return Self::map(path, file, true);
        }
        let is_file = path.metadata().map_err(cannot_open)?.is_file();
        if is_file {
            return Self::map(path.into(), open_file(path).map_err(cannot_open)?, false);
        }
        // Opening a FIFO would otherwise wait for its writer, out of reach of `spooled`.
        let stream = OpenOptions::new()
            .read(true)
            .custom_flags(libc::O_NONBLOCK)
            .open(path);
        let mut stream = stream.map_err(cannot_open)?;
        let file = spool(&mut stream, path, temp_dir, spooled)?;
        Self::map(path.into(), file, true)
    }

    fn map(path: PathBuf, file: File, spooled: bool) -> Result<Self> {
        let cannot_map = |error| Error::io("map", &path, error);
        let state = State::of(&file).map_err(cannot_map)?;
        let length = usize::try_from(state.length)
            .map_err(|_| cannot_map(std::io::ErrorKind::FileTooLarge.into()))?;
        let map = (length > 0)
            .then(|| Map::new(&file, length))
            .transpose()
            .map_err(cannot_map)?;
        let mut source = Self {
            path,
            file,
            state,
            map,
            data_start: 0,
            spooled,
        };
        source.data_start = source.data_start()?;
        Ok(source)
    }

    /// How many bytes the byte order mark takes.
    fn data_start(&self) -> Result<usize> {
        let bytes = self.bytes();
        if bytes.starts_with(b"\xEF\xBB\xBF") {
            return Ok(3);
        }
        match foreign_format(bytes) {
            None => Ok(0),
            Some(message) => Err(ErrorKind::Data {
                position: Position {
                    path: self.path.clone(),
                    byte_offset: 0,
                    line: Some(1),
                },
                message: message.into(),
            }
            .into()),
        }
    }

    /// The path as the user wrote it; `<stdin>` for standard input.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Length of the source, in bytes, byte order mark included.
    pub fn length(&self) -> u64 {
        self.state.length
    }

    /// All bytes of the source. Reading them makes them resident until [`Self::release`].
    pub fn bytes(&self) -> &[u8] {
        self.map.as_deref().unwrap_or_default()
    }

    /// The offsets after the byte order mark, if there is one.
    pub fn data(&self) -> Range<usize> {
        self.data_start..self.bytes().len()
    }

    /// Whether the source is a stream that was copied to a temporary file.
    pub fn is_spooled(&self) -> bool {
        self.spooled
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
        let now = State::of(&self.file).map_err(|error| Error::io("read", &self.path, error))?;
        let (was, is) = (self.state.length, now.length);
        let detail = if is < was {
            format!("shrank from {was} to {is} bytes")
        } else if is > was {
            format!("grew from {was} to {is} bytes")
        } else if now != self.state {
            "changed".to_owned()
        } else if is_damaged {
            let error = std::io::Error::other("a part of the file could not be read");
            return Err(Error::io("read", &self.path, error));
        } else {
            return Ok(());
        };
        Err(ErrorKind::SourceChanged {
            path: self.path.clone(),
            detail,
        }
        .into())
    }

    /// The place `offset` bytes from the start of the source, its line not yet known.
    pub fn position(&self, offset: u64) -> Position {
        Position {
            path: self.path.clone(),
            byte_offset: offset,
            line: None,
        }
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source")
            .field("path", &self.path)
            .field("state", &self.state)
            .field("spooled", &self.spooled)
            .finish_non_exhaustive()
    }
}

/// Opens a regular file; raises the soft limit of open files when it is in the way, since every
/// source stays open and shells set it low.
fn open_file(path: &Path) -> std::io::Result<File> {
    let opened = File::open(path);
    let too_many = matches!(&opened, Err(error) if error.raw_os_error() == Some(libc::EMFILE));
    let limit = getrlimit(Resource::Nofile);
    if !too_many || limit.current == limit.maximum {
        return opened;
    }
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    setrlimit(Resource::Nofile, raised)?;
    File::open(path)
}

/// What to say about a file whose first bytes are those of something else than UTF-8 text.
fn foreign_format(bytes: &[u8]) -> Option<&'static str> {
    const FORMATS: [(&[u8], &str); 8] = [
        (
            b"\xFF\xFE",
            "UTF-16 is not supported; convert it to UTF-8: iconv -f UTF-16 -t UTF-8",
        ),
        (
            b"\xFE\xFF",
            "UTF-16 is not supported; convert it to UTF-8: iconv -f UTF-16 -t UTF-8",
        ),
        (
            b"\x1F\x8B",
            "the file is compressed; unpack it: gzip -dc FILE | chunketl -i -",
        ),
        (
            b"\x28\xB5\x2F\xFD",
            "the file is compressed; unpack it: zstd -dc FILE | chunketl -i -",
        ),
        (
            b"\xFD7zXZ\0",
            "the file is compressed; unpack it: xz -dc FILE | chunketl -i -",
        ),
        (
            b"BZh91AY&SY",
            "the file is compressed; unpack it: bzip2 -dc FILE | chunketl -i -",
        ),
        (
            b"PK\x03\x04",
            "the file is a zip archive; unpack it: unzip -p FILE | chunketl -i -",
        ),
        (b"PAR1\x15", "the file is Parquet already, not CSV"),
    ];
    let format = FORMATS.iter().find(|(magic, _)| bytes.starts_with(magic));
    format.map(|(_, message)| *message)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;

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
            (
                b"\xFF\xFEa\0".as_slice(),
                "UTF-16 is not supported; convert",
            ),
            (b"\xFE\xFF\0a", "UTF-16 is not supported; convert"),
            (b"\x1F\x8B\x08\0", "gzip -dc"),
            (b"PAR1\x15\x04", "Parquet already"),
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
        let writer = std::thread::spawn({
            let path = path.clone();
            move || fs::write(path, b"a,b\n1,2\n")
        });
        let source = open(&path).expect("opened");
        writer.join().expect("no panic").expect("written");
        assert_eq!(source.bytes(), b"a,b\n1,2\n");
        assert_eq!(source.path(), path);
        assert!(source.is_spooled());
        source.check().expect("unchanged");
    }
}
