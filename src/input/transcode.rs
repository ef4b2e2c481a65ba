//! Text in any encoding -> the same text in UTF-8, piece by piece.
//!
//! Invariants: memory stays at one buffer; what is malformed is counted, and never vanishes: it
//! leaves a byte that is no UTF-8, or a replacement character where that was asked for.

use encoding_rs::{Decoder, DecoderResult, Encoding};

use crate::base::{InvalidBytes, Result};
use crate::spill::TempFile;

const BUFFER_BYTES: usize = 64 * 1024;

/// Room that is always left for a mark.
const MARK_BYTES: usize = 8;

/// Turns one text into UTF-8.
pub(super) struct Transcoder {
    decoder: Decoder,
    /// What a malformed sequence becomes.
    mark: &'static [u8],
    malformed: u64,
    buffer: Box<[u8]>,
    filled: usize,
}

impl Transcoder {
    /// From `encoding`; a byte order mark of it at the start is no text.
    pub(super) fn new(encoding: &'static Encoding, invalid_bytes: InvalidBytes) -> Self {
        Self {
            decoder: encoding.new_decoder_with_bom_removal(),
            mark: match invalid_bytes {
                // No text in UTF-8 holds this byte.
                InvalidBytes::Reject => b"\xFF",
                InvalidBytes::Replace => "\u{FFFD}".as_bytes(),
            },
            malformed: 0,
            buffer: vec![0; BUFFER_BYTES].into(),
            filled: 0,
        }
    }

    /// Malformed sequences so far.
    pub(super) fn malformed(&self) -> u64 {
        self.malformed
    }

    /// Writes what `bytes` say to `text`; `is_last` with the last of them, and never after.
    ///
    /// # Errors
    /// Those of [`TempFile::write`].
    pub(super) fn push(&mut self, mut bytes: &[u8], is_last: bool, text: &TempFile) -> Result<()> {
        loop {
            let end = self.buffer.len() - MARK_BYTES;
            let room = &mut self.buffer[self.filled..end];
            let (result, read, written) = self
                .decoder
                .decode_to_utf8_without_replacement(bytes, room, is_last);
            bytes = &bytes[read..];
            self.filled += written;
            let is_done = matches!(result, DecoderResult::InputEmpty);
            let mut is_full = matches!(result, DecoderResult::OutputFull);
            if let DecoderResult::Malformed(..) = result {
                self.malformed += 1;
                let mark = self.filled..self.filled + self.mark.len();
                self.buffer[mark.clone()].copy_from_slice(self.mark);
                self.filled = mark.end;
                is_full = self.filled >= end;
            }
            if is_done || is_full {
                text.write(&self.buffer[..self.filled])?;
                self.filled = 0;
            }
            if is_done {
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileExt;

    use std::sync::Arc;

    use super::*;
    use crate::spill::TempSpace;

    /// `bytes` in UTF-8, pushed in pieces of `piece` bytes, and the malformed sequences.
    fn transcoded(
        bytes: &[u8],
        label: &str,
        piece: usize,
        invalid_bytes: InvalidBytes,
    ) -> (Vec<u8>, u64) {
        let encoding = Encoding::for_label(label.as_bytes()).expect("a known label");
        let space = Arc::new(TempSpace::new(&std::env::temp_dir(), None));
        let file = space.file().expect("a temporary file");
        let mut transcoder = Transcoder::new(encoding, invalid_bytes);
        for piece in bytes.chunks(piece) {
            transcoder.push(piece, false, &file).expect("room");
        }
        transcoder.push(b"", true, &file).expect("room");
        let mut text = vec![0; file.bytes() as usize];
        file.finish().read_exact_at(&mut text, 0).expect("readable");
        (text, transcoder.malformed())
    }

    #[test]
    fn pieces_of_any_size_give_the_same_text() {
        let text = "name,größe\nZoë,1\n日本,2\n".repeat(3000);
        let utf_16: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        let with_mark = [b"\xFE\xFF".as_slice(), &utf_16].concat();
        for piece in [1, 2, 3, 1000, 1 << 20] {
            let found = transcoded(&with_mark, "utf-16be", piece, InvalidBytes::Reject);
            assert_eq!(found, (text.clone().into_bytes(), 0));
        }
    }

    #[test]
    fn what_is_malformed_stays_to_be_seen() {
        for piece in [1, 2, 7, 100] {
            let reject = transcoded(
                b"a,\x82\n\x83\x41",
                "shift_jis",
                piece,
                InvalidBytes::Reject,
            );
            assert_eq!(reject, ([b"a,\xFF\n", "ア".as_bytes()].concat(), 1));
            let replace = transcoded(b"a\xC3(\xE2\x82", "utf-8", piece, InvalidBytes::Replace);
            assert_eq!(replace, ("a\u{FFFD}(\u{FFFD}".as_bytes().to_vec(), 2));
            let odd = transcoded(b"a\0b\0c", "utf-16le", piece, InvalidBytes::Reject);
            assert_eq!(odd, (b"ab\xFF".to_vec(), 1));
        }
        let all = vec![0xFF; 200_000];
        let (text, malformed) = transcoded(&all, "utf-8", 70_000, InvalidBytes::Replace);
        assert_eq!((text.len(), malformed), (600_000, 200_000));
    }
}
