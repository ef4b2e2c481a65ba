//! A stream, compressed data or text in another encoding -> text in UTF-8 in a temporary file that
//! can be mapped; unpacked and transcoded in one go.
//!
//! Invariants: memory stays at a few buffers and what unpacking may take, however long the text is;
//! data that is cut short or damaged gives an error that says where, and no text.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use encoding_rs::{Encoding, UTF_8};

use super::columnar;
use super::encoding::{self, Verdict};
use super::feed::{Feed, Watch};
use super::format::{Format, foreign};
use super::transcode::Transcoder;
use super::unpack::{Means, is_cut_short, is_too_large, unpack};
use crate::base::{Error, ErrorKind, InvalidBytes, LineEnd, Position, Result};
use crate::spill::{TempFile, TempSpace};

/// First bytes of a text that its encoding is told by where that can be.
const HEAD_BYTES: usize = 256 * 1024;
/// What is read at a time.
const READ_BYTES: usize = 64 * 1024;
/// So many bytes beyond ASCII in the head are enough to guess by.
const GUESS_BYTES: usize = 100;

/// How to spool.
#[derive(Clone, Copy)]
pub(super) struct Spooling<'a> {
    /// What the user knows the source as.
    pub(super) path: &'a Path,
    /// Where the text goes.
    pub(super) space: &'a Arc<TempSpace>,
    /// What the bytes are packed in.
    pub(super) format: Option<Format>,
    /// What unpacking may take.
    pub(super) means: Means<'a>,
    /// The encoding that the user has named.
    pub(super) named: Option<&'static Encoding>,
    /// The encoding, if it is known already.
    pub(super) known: Option<&'a Verdict>,
    pub(super) invalid_bytes: InvalidBytes,
    /// How much of the text is wanted, from its beginning.
    pub(super) text_bytes_max: u64,
}

/// A text that has been spooled.
#[derive(Debug)]
pub(super) struct Spooled {
    pub(super) file: File,
    /// Bytes that came in.
    pub(super) arrived: u64,
    /// The encoding it was in, unless its first bytes did not tell and it is still to be judged.
    pub(super) verdict: Option<Verdict>,
    /// Sequences that became a replacement character.
    pub(super) replaced: u64,
    /// Whether only the beginning of the text was wanted, and there is more.
    pub(super) is_cut: bool,
}

/// What is known of a text once it lies in its file.
struct Filled {
    verdict: Option<Verdict>,
    replaced: u64,
    is_cut: bool,
}

impl Spooling<'_> {
    /// Spools all of `feed`.
    ///
    /// # Errors
    /// What `spooled` returns; [`Error::io`] when reading or writing; [`ErrorKind::Data`] where
    /// the data is damaged, cut short, or holds no text; [`ErrorKind::UnpackMemory`],
    /// [`ErrorKind::TempLimit`] and [`ErrorKind::TempFull`] where it is too large.
    pub(super) fn spool(&self, mut feed: Feed<'_, '_>, watch: &Watch<'_>) -> Result<Spooled> {
        let file = self.space.file()?;
        let done = self.fill(&mut feed, watch, &file);
        let filled = done.map_err(|failure| self.explain(failure, watch, &file))?;
        Ok(Spooled {
            file: file.finish(),
            arrived: watch.arrived(),
            verdict: filled.verdict,
            replaced: filled.replaced,
            is_cut: filled.is_cut,
        })
    }

    fn fill(
        &self,
        feed: &mut Feed<'_, '_>,
        watch: &Watch<'_>,
        file: &TempFile,
    ) -> Result<Filled, Failure> {
        let mut text: Box<dyn Read + '_> = match self.format {
            None => Box::new(feed),
            Some(format) => unpack(format, feed, self.means)?,
        };
        let mut head = Vec::new();
        text.by_ref()
            .take(HEAD_BYTES as u64)
            .read_to_end(&mut head)?;
        let verdict = match self.known {
            Some(known) => Some(known.clone()),
            None => self.decide(&head)?,
        };
        let is_raw = match &verdict {
            None => true,
            Some(told) => told.encoding == UTF_8 && self.invalid_bytes == InvalidBytes::Reject,
        };
        let transcoding = verdict.as_ref().filter(|_| !is_raw);
        let mut transcoder =
            transcoding.map(|told| Transcoder::new(told.encoding, self.invalid_bytes));
        let mut buffer = vec![0; READ_BYTES];
        let mut bytes = head.as_slice();
        let (mut left, mut is_cut) = (self.text_bytes_max, false);
        loop {
            if bytes.len() as u64 > left {
                // Where a line ends no character is cut in two.
                let kept = &bytes[..left as usize];
                let line_end = memchr::memrchr(b'\n', kept);
                let is_wide = verdict
                    .as_ref()
                    .is_some_and(|told| !told.encoding.is_ascii_compatible());
                bytes = match line_end.filter(|_| !is_wide) {
                    Some(at) => &kept[..=at],
                    None => kept,
                };
                is_cut = true;
            }
            left -= bytes.len() as u64;
            match &mut transcoder {
                None => _ = file.write(bytes)?,
                Some(transcoder) => transcoder.push(bytes, bytes.is_empty(), file)?,
            }
            // A little compressed data can be a great deal of text.
            watch.tick()?;
            if bytes.is_empty() {
                break;
            }
            let read = match is_cut {
                true => 0,
                false => text.read(&mut buffer)?,
            };
            bytes = &buffer[..read];
        }
        let replaced = match (self.invalid_bytes, transcoder) {
            (InvalidBytes::Replace, Some(transcoder)) => transcoder.malformed(),
            _ => 0,
        };
        Ok(Filled {
            verdict,
            replaced,
            is_cut,
        })
    }

    /// The encoding of a text that starts with `head`, if that tells.
    fn decide(&self, head: &[u8]) -> Result<Option<Verdict>> {
        if let Some(message) = foreign(head) {
            return Err(self.refuse(0, message.to_owned()));
        }
        if let Some(inner) = Format::of(head) {
            let message = match self.format {
                Some(outer) => format!(
                    "{} data inside {} data; unpack it once: {} -dc FILE | chunketl -i -",
                    inner.name(),
                    outer.name(),
                    outer.name()
                ),
                None => format!("{} data where text was expected", inner.name()),
            };
            return Err(self.refuse(0, message));
        }
        if columnar::begins(head) {
            // No text, and kept as it is.
            return Ok(None);
        }
        if let Some(named) = self.named {
            return Ok(Some(encoding::named(named, head)));
        }
        if let Some(marked) = encoding::marked(head) {
            return Ok(Some(marked));
        }
        let is_whole = head.len() < HEAD_BYTES;
        let verdict = encoding::judge(head, is_whole, &|_| ());
        let beyond_ascii = head.iter().filter(|byte| !byte.is_ascii()).count();
        let tells = is_whole || (verdict.encoding != UTF_8 && beyond_ascii >= GUESS_BYTES);
        Ok(tells.then_some(verdict))
    }

    fn refuse(&self, byte_offset: u64, message: String) -> Error {
        let position = Position {
            path: self.path.into(),
            byte_offset,
            line: None,
        };
        ErrorKind::Data { position, message }.into()
    }

    fn explain(&self, failure: Failure, watch: &Watch<'_>, text: &TempFile) -> Error {
        let error = match (watch.take_failure(), failure) {
            (Some(first), _) => return first,
            (None, Failure::Run(error)) => return error,
            (None, Failure::Decoder(error)) => error,
        };
        let Some(format) = self.format.map(Format::name) else {
            return Error::io("read", self.path, error);
        };
        if is_too_large(&error) {
            return ErrorKind::UnpackMemory {
                path: self.path.into(),
                format,
                limit_bytes: self.means.decoder_bytes_max as u64,
            }
            .into();
        }
        let what = match is_cut_short(&error) {
            true => format!("the {format} data ends here before it is complete"),
            false => format!("the {format} data is damaged here ({error})"),
        };
        let message = format!(
            "{what}; {} bytes of text in {} lines had been read; nothing was published; get the \
             file again, or take what can be unpacked: {format} -dc FILE | chunketl -i -",
            text.bytes(),
            newlines(text.written()),
        );
        self.refuse(watch.used(), message)
    }
}

/// Lines that end in `file`.
fn newlines(file: &File) -> u64 {
    let mut buffer = vec![0; READ_BYTES];
    let (mut at, mut lines) = (0, 0);
    while let Ok(read @ 1..) = file.read_at(&mut buffer, at) {
        lines += LineEnd::Lf.count(&buffer, 0..read);
        at += read as u64;
    }
    lines
}

/// Why a text could not be spooled.
enum Failure {
    /// For a reason that is clear as it is.
    Run(Error),
    /// What a decoder says; what it means is to be found out.
    Decoder(std::io::Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Run(error)
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::Decoder(error)
    }
}
