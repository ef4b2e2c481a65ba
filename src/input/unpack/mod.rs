//! Compressed bytes -> the bytes that were compressed.
//!
//! Invariants: a reader ends only where the data does, after checking what the format lets one
//! check: data that is cut short or damaged is an error, never a shorter text. Members, frames and
//! streams that follow each other count as one. No decoder takes more memory than it is given.
//!
//! Several files are unpacked side by side; so are the pieces of one file where its format says, or
//! shows, where they start: blocks of [`bzip2`], blocks of [`xz`] and frames of [`zstd`] that say how
//! long they are, members of block [`gzip`]. Other gzip does not, and [`lz4`] is fast without. The file
//! is read from front to back all the same, by the thread that takes it in: it cuts off pieces, of which
//! a bounded number is under way, and their text comes out in order. So a stream can be unpacked side by
//! side too, and the spool judges the encoding, keeps to its limits and names the place of damage as
//! ever. The plain decoders, which a single thread uses, stay behind the pieces: whatever does not look
//! as it should goes to them, and what they say of it is what counts.

use std::io::{self, ErrorKind, Read};

use liblzma::stream::Error as XzError;

use super::feed::Feed;
use super::format::Format;
use crew::Alone;
use decode::{Bzip2, Decode, Gzip, Xz, Zstd};
use gzip::Members;
use lz4::Lz4Frames;
use pieces::{Cut, NewDecoder, Pieces, Uncut};
use run::CutShort;

mod block;
mod bzip2;
mod checksum;
mod crew;
mod decode;
mod gzip;
mod lz4;
mod pieces;
mod run;
mod scan;
mod xz;
mod zstd;

pub use crew::{Crew, Job, Queue, Unpacked};

/// Pieces under way for each thread: one that it unpacks, and one that waits for its turn to be read.
const PIECES_PER_THREAD: usize = 2;

/// What unpacking one file may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Means<'a> {
    /// The most memory of one decoder. Of the formats only zstd and xz know windows of any size; one
    /// that takes more is an error for which [`is_too_large`] holds.
    pub(super) decoder_bytes_max: usize,
    /// Who unpacks pieces, if more than one thread does.
    pub(super) crew: Option<&'a dyn Crew>,
    /// The most memory of all pieces that are under way.
    pub(super) pieces_bytes_max: usize,
}

/// Unpacks `feed`, which starts with data in `format`.
///
/// # Errors
/// If a decoder cannot be set up.
pub(super) fn unpack<'r>(
    format: Format,
    feed: &'r mut Feed<'_, '_>,
    means: Means<'_>,
) -> io::Result<Box<dyn Read + 'r>> {
    let decoder_bytes_max = means.decoder_bytes_max;
    let crew = means.crew.filter(|crew| crew.threads() > 1);
    let is_cut = crew.is_some();
    let (cut, new_decoder): (Box<dyn Cut>, NewDecoder) = match format {
        Format::Lz4 => return Ok(Box::new(Lz4Frames::new(feed))),
        Format::Gzip => {
            let cut = Members {
                is_gathering: is_cut,
            };
            (Box::new(cut), Box::new(|| boxed(Ok(Gzip::new()))))
        }
        Format::Bzip2 => {
            // A damaged block may give any text, which depends on the blocks before it, so that one
            // thread goes from block to block as well.
            let cut: Box<dyn Cut> = match means.pieces_bytes_max > 0 {
                true => Box::new(bzip2::Blocks::default()),
                false => Box::new(Uncut),
            };
            (cut, Box::new(|| boxed(Ok(Bzip2::new()))))
        }
        Format::Zstd => {
            let cut: Box<dyn Cut> = match is_cut {
                true => Box::new(zstd::WholeFrames::new(decoder_bytes_max)),
                false => Box::new(Uncut),
            };
            (cut, Box::new(move || boxed(Zstd::new(decoder_bytes_max))))
        }
        Format::Xz => {
            let cut: Box<dyn Cut> = match is_cut && feed.can_go_back() {
                true => Box::new(xz::Blocks::new(decoder_bytes_max)),
                false => Box::new(Uncut),
            };
            (cut, Box::new(move || boxed(Xz::new(decoder_bytes_max))))
        }
    };
    let queue = crew.map_or_else(|| Box::<Alone>::default() as _, Crew::queue);
    let pieces_max = crew.map_or(1, |crew| crew.threads() * PIECES_PER_THREAD);
    let pieces = Pieces::new(feed, cut, new_decoder, queue);
    Ok(Box::new(pieces.at_most(pieces_max, means.pieces_bytes_max)))
}

fn boxed(decoder: io::Result<impl Decode + 'static>) -> io::Result<Box<dyn Decode>> {
    decoder.map(|decoder| Box::new(decoder) as _)
}

/// Whether the data ends before it is complete.
pub(super) fn is_cut_short(error: &io::Error) -> bool {
    let inner = error.get_ref();
    error.kind() == ErrorKind::UnexpectedEof || inner.is_some_and(|inner| inner.is::<CutShort>())
}

/// Whether the data asks for more memory than it may have.
pub(super) fn is_too_large(error: &io::Error) -> bool {
    let inner = error.get_ref();
    let xz = inner.and_then(|inner| inner.downcast_ref::<XzError>());
    // The library of zstd tells its errors by their text.
    xz == Some(&XzError::MemLimit) || error.to_string().contains("requires too much memory")
}

#[cfg(test)]
mod tests;
