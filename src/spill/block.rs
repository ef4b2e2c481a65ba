//! Entries of a key and a payload <-> bytes in a row, and those <-> a packed block in a file.
//!
//! Invariant: a block whose packed bytes are not those that were written never becomes entries.

use std::hash::BuildHasher;
use std::io;
use std::ops::Range;

use foldhash::fast::FixedState;
use lz4_flex::block::{compress_into, decompress_into, get_maximum_output_size};

use super::space::TempFile;
use crate::base::{Error, Result};

/// Bytes before an entry: the lengths of its key and of its payload.
const HEAD_BYTES: usize = 8;

/// Where a block lies, and what it must be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Block {
    at: u64,
    checksum: u64,
    packed_bytes: u32,
    raw_bytes: u32,
}

/// An entry within raw bytes.
#[derive(Debug, Clone, Default)]
pub(super) struct Entry {
    pub(super) key: Range<usize>,
    pub(super) payload: Range<usize>,
}

/// Appends an entry to `raw`.
pub(super) fn push(raw: &mut Vec<u8>, key: &[u8], payload: &[u8]) {
    raw.extend_from_slice(&length(key).to_le_bytes());
    raw.extend_from_slice(&length(payload).to_le_bytes());
    raw.extend_from_slice(key);
    raw.extend_from_slice(payload);
}

fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).expect("cells of a row take less than 4 GiB")
}

/// The entry that begins at `at` in `raw`; `None` at the end.
pub(super) fn entry(raw: &[u8], at: usize) -> Option<Entry> {
    let (head, _) = raw.get(at..)?.split_first_chunk::<HEAD_BYTES>()?;
    let length = |from: usize| {
        let bytes = head[from..from + 4].try_into().expect("four bytes");
        u32::from_le_bytes(bytes) as usize
    };
    let key = at + HEAD_BYTES;
    let payload = key + length(0);
    Some(Entry {
        key: key..payload,
        payload: payload..payload + length(4),
    })
}

impl Block {
    /// Packs `raw` in `packed` and appends it to `file`.
    pub(super) fn write(raw: &[u8], packed: &mut Vec<u8>, file: &TempFile) -> Result<Self> {
        packed.resize(get_maximum_output_size(raw.len()), 0);
        let packed_bytes = compress_into(raw, packed).expect("the output has the largest size");
        let packed = &packed[..packed_bytes];
        Ok(Self {
            checksum: checksum(packed),
            packed_bytes: length(packed),
            raw_bytes: length(raw),
            at: file.write(packed)?,
        })
    }

    /// Reads it back from `file` to `raw`.
    pub(super) fn read(
        &self,
        file: &TempFile,
        packed: &mut Vec<u8>,
        raw: &mut Vec<u8>,
    ) -> Result<()> {
        packed.resize(self.packed_bytes as usize, 0);
        file.read(self.at, packed)?;
        if checksum(packed) != self.checksum {
            return Err(damaged(file, self.at, "its checksum is wrong"));
        }
        raw.resize(self.raw_bytes as usize, 0);
        match decompress_into(packed, raw) {
            Ok(bytes) if bytes == raw.len() => Ok(()),
            Ok(_) => Err(damaged(file, self.at, "it is too short")),
            Err(error) => Err(damaged(file, self.at, &error.to_string())),
        }
    }

    /// Its length once it is unpacked, in bytes.
    pub(super) fn raw_bytes(&self) -> usize {
        self.raw_bytes as usize
    }

    /// Its length in the file, in bytes.
    pub(super) fn packed_bytes(&self) -> usize {
        self.packed_bytes as usize
    }
}

/// It is not kept for longer than the process, so that it may be any function.
fn checksum(packed: &[u8]) -> u64 {
    FixedState::with_seed(0).hash_one(packed)
}

fn damaged(file: &TempFile, at: u64, why: &str) -> Error {
    let text = format!("the block at byte {at} is not as it was written: {why}");
    file.damaged(io::Error::new(io::ErrorKind::InvalidData, text))
}
