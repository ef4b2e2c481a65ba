//! A decoder and where its data comes from -> text.
//!
//! Invariants: text that was decoded comes before the error that stopped the decoding; the end of the
//! data is an error where the decoder wants more.

use std::error::Error as StdError;
use std::fmt;
use std::io::{self, BufRead, Chain, Cursor, Read};

use bytes::Bytes;

use super::crew::{End, Unpacked};
use super::decode::Decode;

/// What a decoder gets to read before the data, and what is no text of what it then gives.
#[derive(Default)]
pub(super) struct Lead {
    pub(super) bytes: Vec<u8>,
    /// Bytes of text.
    pub(super) discarded: u64,
}

/// Plain decoding from some place on to the end that the decoder finds.
pub(super) struct Unit {
    decoder: Box<dyn Decode>,
    lead: Cursor<Vec<u8>>,
    /// Bytes of text that are still to be discarded.
    discarded: u64,
    /// What stopped the decoding, behind text.
    failure: Option<io::Error>,
    /// Bytes of the data between the place of that and the last one used.
    behind_failure: u64,
    is_at_end: bool,
}

#[derive(Debug)]
pub(super) struct CutShort;

impl fmt::Display for CutShort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("unexpected end of data")
    }
}

impl StdError for CutShort {}

impl Unit {
    pub(super) fn new(decoder: Box<dyn Decode>, lead: Lead) -> Self {
        Self {
            decoder,
            lead: Cursor::new(lead.bytes),
            discarded: lead.discarded,
            failure: None,
            behind_failure: 0,
            is_at_end: false,
        }
    }

    /// Bytes between the place of the error that was returned and the last one read.
    pub(super) fn behind_failure(&self) -> u64 {
        self.behind_failure
    }

    /// Fills some of `text` from `feed`; nothing at the end.
    pub(super) fn read(&mut self, feed: &mut impl BufRead, text: &mut [u8]) -> io::Result<usize> {
        loop {
            if let Some(failure) = self.failure.take() {
                return Err(failure);
            }
            if self.is_at_end || text.is_empty() {
                return Ok(0);
            }
            let is_lead = !self.lead.fill_buf()?.is_empty();
            let packed = match is_lead {
                true => self.lead.fill_buf()?,
                false => feed.fill_buf()?,
            };
            let is_last = packed.is_empty();
            let step = self.decoder.step(packed, text);
            match is_lead {
                true => self.lead.consume(step.taken),
                false => feed.consume(step.taken),
            }
            match step.is_end {
                Ok(is_end) => self.is_at_end = is_end,
                Err(error) => {
                    self.failure = Some(error);
                    self.behind_failure = step.behind_error;
                }
            }
            if is_last && step.given == 0 && !self.is_at_end {
                self.failure
                    .get_or_insert_with(|| io::Error::other(CutShort));
            }
            let discarded = self.discarded.min(step.given as u64) as usize;
            self.discarded -= discarded as u64;
            if step.given > discarded {
                text.copy_within(discarded..step.given, 0);
                return Ok(step.given - discarded);
            }
        }
    }
}

/// The decoding of one piece: what leads to its data, the data, and what makes an end of it.
pub(super) struct Run {
    unit: Unit,
    packed: Chain<Cursor<Bytes>, Cursor<Vec<u8>>>,
}

impl fmt::Debug for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Run").finish_non_exhaustive()
    }
}

/// Text is made room for in steps of this size.
const TEXT_STEP_BYTES: usize = 256 * 1024;

impl Run {
    pub(super) fn new(decoder: Box<dyn Decode>, lead: Lead, data: Bytes, end: Vec<u8>) -> Self {
        Self {
            unit: Unit::new(decoder, lead),
            packed: Cursor::new(data).chain(Cursor::new(end)),
        }
    }

    /// Fills some of `text`; nothing at the end.
    pub(super) fn read(&mut self, text: &mut [u8]) -> io::Result<usize> {
        let given = self.unit.read(&mut self.packed, text)?;
        if given == 0 && !text.is_empty() && !self.packed.fill_buf()?.is_empty() {
            return Err(io::Error::other("the piece goes on behind its end"));
        }
        Ok(given)
    }

    /// Decodes all, or, if that is more than `text_bytes_max` bytes, so many.
    pub(super) fn unpack(mut self, text_bytes_max: usize) -> Unpacked {
        let mut text = Vec::with_capacity(text_bytes_max + TEXT_STEP_BYTES);
        let mut filled = 0;
        let end = loop {
            if filled == text.len() {
                text.resize(text.capacity().min(filled + TEXT_STEP_BYTES), 0);
            }
            match self.read(&mut text[filled..]) {
                Ok(0) => break End::Whole,
                Ok(given) => filled += given,
                Err(_) => break End::Failed,
            }
            if filled > text_bytes_max {
                break End::More(Box::new(self));
            }
        };
        text.truncate(filled);
        Unpacked { text, end }
    }
}
