//! A path -> a [`Source`]: what a file or stream is packed in and encoded in is found out, and its
//! text in UTF-8 mapped.
//!
//! Invariant: a file that is plain text in UTF-8 is mapped as it is; of anything else the text lies
//! in one temporary file.

use std::fs::{File, OpenOptions};
use std::io::{Seek, stdin};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Once};

use encoding_rs::{Encoding, UTF_8};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::columnar::is_columnar;
use super::encoding::{self, Verdict};
use super::feed::{Feed, Raw, Watch};
use super::format::{Format, HEAD_BYTES, foreign};
use super::source::{Reading, Source, State};
use super::spool::{Spooled, Spooling};
use super::unpack::{Crew, Means};
use crate::base::{Error, ErrorKind, InvalidBytes, Position, Result};
use crate::spill::{TempFile, TempSpace};

/// How sources are taken in, and the room they share for temporary files.
#[derive(Debug)]
pub struct Intake {
    space: Arc<TempSpace>,
    memory_bytes_max: usize,
    crew: Option<Arc<dyn Crew>>,
    pieces_bytes_max: usize,
    encoding: Option<&'static Encoding>,
    invalid_bytes: InvalidBytes,
    text_bytes_max: u64,
}

/// What opening is told of: bytes that have arrived.
type OnBytes<'a> = &'a mut dyn FnMut(u64) -> Result<()>;

impl Intake {
    /// The most memory that a decoder may take, whatever else there is.
    pub const UNPACK_BYTES_MAX: usize = 256 << 20;

    /// Encodings are found out, and temporary files go to `space`.
    pub fn new(space: Arc<TempSpace>) -> Self {
        Self {
            space,
            memory_bytes_max: Self::UNPACK_BYTES_MAX,
            crew: None,
            pieces_bytes_max: 0,
            encoding: None,
            invalid_bytes: InvalidBytes::default(),
            text_bytes_max: u64::MAX,
        }
    }

    /// A decoder takes at most `bytes_max` bytes of memory.
    #[must_use]
    pub fn unpack_bytes_max(mut self, bytes_max: usize) -> Self {
        self.memory_bytes_max = bytes_max.min(Self::UNPACK_BYTES_MAX);
        self
    }

    /// Pieces of one file are unpacked side by side by `crew`, where its format has pieces; all that
    /// are under way take at most `bytes_max` bytes of memory.
    #[must_use]
    pub fn crew(mut self, crew: Arc<dyn Crew>, bytes_max: usize) -> Self {
        self.crew = Some(crew);
        self.pieces_bytes_max = bytes_max;
        self
    }

    /// All sources are in `encoding`, if that is set.
    #[must_use]
    pub fn encoding(mut self, encoding: Option<&'static Encoding>) -> Self {
        self.encoding = encoding;
        self
    }

    /// What becomes of bytes that are no text in the encoding.
    #[must_use]
    pub fn invalid_bytes(mut self, what: InvalidBytes) -> Self {
        self.invalid_bytes = what;
        self
    }

    /// Of a text that cannot be read in place only the first `bytes_max` bytes are wanted, at least
    /// a few hundred thousand, up to the end of a line; all if that is `None`.
    #[must_use]
    pub fn beginning(mut self, bytes_max: Option<u64>) -> Self {
        self.text_bytes_max = bytes_max.unwrap_or(u64::MAX);
        self
    }

    /// Opens the file at `path`; `-` means standard input.
    ///
    /// A stream, a compressed file and one in another encoding than UTF-8 first become a temporary
    /// file; `spooled` is then told the bytes read so far, several times a second, and ends the
    /// copying by failing. Standard input that is a regular file read from its start is taken as
    /// that file.
    ///
    /// # Errors
    /// [`Error::io`] when the file cannot be read or its text not be written, what `spooled`
    /// returns, [`ErrorKind::Data`] where there is no text or compressed data is damaged,
    /// [`ErrorKind::SourceChanged`], and the limits of disk and memory.
    pub fn open(&self, path: &Path, spooled: OnBytes<'_>) -> Result<Source> {
        raise_open_files_limit();
        let cannot_open = |error| cannot_open(path, error);
        if path.as_os_str() == "-" {
            let path = PathBuf::from("<stdin>");
            let stdin = stdin().as_fd().try_clone_to_owned().map_err(cannot_open)?;
            let mut stdin = File::from(stdin);
            let is_file = stdin.metadata().map_err(cannot_open)?.is_file();
            if is_file && stdin.stream_position().map_err(cannot_open)? == 0 {
                return self.take_file(path, stdin, spooled);
            }
            return self.take_stream(path, &stdin, spooled);
        }
        let is_file = path.metadata().map_err(cannot_open)?.is_file();
        if is_file {
            let file = File::open(path).map_err(cannot_open)?;
            return self.take_file(path.into(), file, spooled);
        }
        // Opening a FIFO would otherwise wait for its writer, out of reach of `spooled`.
        let stream = OpenOptions::new()
            .read(true)
            .custom_flags(libc::O_NONBLOCK)
            .open(path);
        let stream = stream.map_err(cannot_open)?;
        self.take_stream(path.into(), &stream, spooled)
    }

    /// A text to be written here and read as a source, in UTF-8.
    ///
    /// # Errors
    /// Where there can be no temporary file.
    pub fn draft(&self) -> Result<Draft> {
        Ok(Draft {
            file: self.space.file()?,
        })
    }

    fn take_file(&self, path: PathBuf, file: File, spooled: OnBytes<'_>) -> Result<Source> {
        let cannot_read = |error| Error::io("read", &path, error);
        let mut head = [0; HEAD_BYTES];
        let read = file.read_at(&mut head, 0).map_err(cannot_read)?;
        let Some(format) = Format::of(&head[..read]) else {
            if let Some(message) = foreign(&head[..read]) {
                return Err(refuse(path, message));
            }
            let source = Source::map(path, file, Reading::default())?;
            return self.settle(source, spooled);
        };
        let state = State::of(&file).map_err(cannot_read)?;
        let watch = Watch::new(&path, spooled);
        let feed = Feed::new(Raw::File(&file), &watch);
        let done = self.spooling(&path, Some(format)).spool(feed, &watch);
        let text = match done {
            Ok(text) => text,
            // A file that was changed meanwhile explains whatever else went wrong.
            Err(error) => return Err(state.check(&file, &path).err().unwrap_or(error)),
        };
        let reading = Reading {
            compression: Some(format.name()),
            disk_bytes: state.length(),
            ..Reading::default()
        };
        let source = self.take_text(path, text, reading, spooled)?;
        source.beside(file, state)
    }

    fn take_stream(&self, path: PathBuf, stream: &File, spooled: OnBytes<'_>) -> Result<Source> {
        let watch = Watch::new(&path, spooled);
        let mut feed = Feed::new(Raw::Stream(stream), &watch);
        let format = match feed.peek(HEAD_BYTES) {
            Ok(head) => Format::of(head),
            Err(error) => {
                let failure = watch.take_failure();
                return Err(failure.unwrap_or_else(|| Error::io("read", &path, error)));
            }
        };
        let text = self.spooling(&path, format).spool(feed, &watch)?;
        let reading = Reading {
            compression: format.map(Format::name),
            is_stream: true,
            ..Reading::default()
        };
        self.take_text(path, text, reading, spooled)
    }

    fn spooling<'a>(&'a self, path: &'a Path, format: Option<Format>) -> Spooling<'a> {
        Spooling {
            path,
            space: &self.space,
            format,
            means: Means {
                decoder_bytes_max: self.memory_bytes_max,
                crew: self.crew.as_deref(),
                pieces_bytes_max: self.pieces_bytes_max,
            },
            named: self.encoding,
            known: None,
            invalid_bytes: self.invalid_bytes,
            text_bytes_max: self.text_bytes_max,
        }
    }

    /// The source of a text that has been spooled.
    fn take_text(
        &self,
        path: PathBuf,
        text: Spooled,
        reading: Reading,
        spooled: OnBytes<'_>,
    ) -> Result<Source> {
        let mut reading = Reading {
            disk_bytes: reading.disk_bytes.max(text.arrived),
            is_spooled: true,
            is_cut: text.is_cut,
            replaced: text.replaced,
            ..reading
        };
        match text.verdict {
            Some(verdict) => {
                reading.encoding = verdict.encoding.name();
                reading.why = verdict.why;
                Source::map(path, text.file, reading)
            }
            None => self.settle(Source::map(path, text.file, reading)?, spooled),
        }
    }

    /// The same source in UTF-8, if it is text and not that already.
    fn settle(&self, source: Source, spooled: OnBytes<'_>) -> Result<Source> {
        let bytes = source.bytes();
        if is_columnar(bytes) {
            return source.with_columns();
        }
        let release = |range| source.release(range);
        let head = &bytes[..bytes.len().min(HEAD_BYTES)];
        let verdict = match self.encoding {
            Some(named) => encoding::named(named, head),
            None => match encoding::marked(bytes) {
                Some(marked) => marked,
                None => encoding::judge(bytes, true, &release),
            },
        };
        let is_kept = verdict.encoding == UTF_8
            && (self.invalid_bytes == InvalidBytes::Reject
                || encoding::is_utf_8(bytes, 0..bytes.len(), true, &release));
        if is_kept {
            return Ok(source.told(&verdict));
        }
        self.transcode(source, &verdict, spooled)
    }

    fn transcode(&self, source: Source, verdict: &Verdict, spooled: OnBytes<'_>) -> Result<Source> {
        let (path, file, state, reading) = source.unmap();
        let watch = Watch::new(&path, spooled);
        let feed = Feed::new(Raw::File(&file), &watch);
        let spooling = Spooling {
            known: Some(verdict),
            ..self.spooling(&path, None)
        };
        let text = spooling.spool(feed, &watch)?;
        let was_spooled = reading.is_spooled;
        let reading = Reading {
            encoding: verdict.encoding.name(),
            why: verdict.why.clone(),
            replaced: text.replaced,
            is_spooled: true,
            is_cut: text.is_cut || reading.is_cut,
            ..reading
        };
        let source = Source::map(path, text.file, reading)?;
        if was_spooled {
            self.space.give_back(state.length());
            return Ok(source);
        }
        source.beside(file, state)
    }
}

/// A text that becomes a source, in a temporary file.
#[derive(Debug)]
pub struct Draft {
    file: TempFile,
}

impl Draft {
    /// Appends `bytes`.
    ///
    /// # Errors
    /// [`ErrorKind::TempLimit`] and [`ErrorKind::TempFull`] where there is no room for them.
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.write(bytes)?;
        Ok(())
    }

    /// The source, which users know as `path`; `why` says why it is text in UTF-8.
    ///
    /// # Errors
    /// [`Error::io`] where it cannot be mapped.
    pub fn finish(self, path: PathBuf, why: &str) -> Result<Source> {
        let reading = Reading {
            disk_bytes: self.file.bytes(),
            is_spooled: true,
            why: why.to_owned(),
            ..Reading::default()
        };
        Source::map(path, self.file.finish(), reading)
    }
}

fn cannot_open(path: &Path, error: std::io::Error) -> Error {
    if error.raw_os_error() != Some(libc::EMFILE) {
        return Error::io("open", path, error);
    }
    let message = format!(
        "{path:?} is one file too many to be open at once here; raise the limit of open files \
         (ulimit -n), or load the files in several runs with --mode append"
    );
    Error::usage("--input", message)
}

fn refuse(path: PathBuf, message: &str) -> Error {
    let position = Position {
        path,
        byte_offset: 0,
        line: Some(1),
    };
    let message = message.to_owned();
    ErrorKind::Data { position, message }.into()
}

/// Lifts the soft limit of open files to the hard one, once: every source stays open, shells set
/// the limit low, and the lake needs files too. Where it cannot be lifted it stays as it is.
fn raise_open_files_limit() {
    static RAISED: Once = Once::new();
    RAISED.call_once(|| {
        let maximum = getrlimit(Resource::Nofile).maximum;
        let raised = Rlimit {
            current: maximum,
            maximum,
        };
        let _ = setrlimit(Resource::Nofile, raised);
    });
}

#[cfg(test)]
mod tests;
