//! The head of a block of xz -> where it ends and what it takes; and the index and the foot that make a
//! stream of blocks.
//!
//! Invariant: what is written here is what the decoder of a stream expects behind blocks of these sizes.

use flate2::Crc;

/// Length of the longest head of a block.
pub(super) const HEAD_BYTES_MAX: usize = 1024;

/// The id of the filter that compresses.
const LZMA2: u64 = 0x21;
/// A number takes no more bytes.
const NUMBER_BYTES_MAX: usize = 9;
/// Lengths of checksums, by the kind that the head of a stream names.
const CHECK_BYTES: [u64; 16] = [0, 4, 4, 4, 8, 8, 8, 16, 16, 16, 32, 32, 32, 64, 64, 64];
/// All lengths are multiples of this.
const UNIT_BYTES: usize = 4;
const FOOT_MAGIC: [u8; 2] = *b"YZ";

/// The sizes of a block as the index has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sizes {
    /// With its head and checksum, and without what fills it up.
    pub(super) packed_bytes: u64,
    pub(super) text_bytes: u64,
}

/// A block whose head says how long it is.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) sizes: Sizes,
    dictionary_bytes: u64,
}

impl Block {
    /// The block that starts with `bytes`, of a stream with checksums of this kind, if its head says
    /// both sizes.
    pub(super) fn read(bytes: &[u8], check: u8) -> Option<Self> {
        const BOTH_SIZES: u8 = 0xC0;
        let check_bytes = *CHECK_BYTES.get(usize::from(check))?;
        let (&[units, flags], mut rest) = bytes.split_first_chunk()?;
        if flags & BOTH_SIZES != BOTH_SIZES {
            return None;
        }
        let head_bytes = (u64::from(units) + 1) * UNIT_BYTES as u64;
        let packed_bytes = take_number(&mut rest)?;
        let text_bytes = take_number(&mut rest)?;
        let mut dictionary_bytes = 0;
        for _ in 0..=flags & 3 {
            let filter = take_number(&mut rest)?;
            let length = usize::try_from(take_number(&mut rest)?).ok()?;
            let properties = rest.split_off(..length)?;
            if filter == LZMA2 {
                let bits = u64::from(*properties.first()?);
                dictionary_bytes = (2 | bits & 1) << (bits.min(40) / 2 + 11);
            }
        }
        let sizes = Sizes {
            packed_bytes: head_bytes
                .checked_add(packed_bytes)?
                .checked_add(check_bytes)?,
            text_bytes,
        };
        Some(Self {
            sizes,
            dictionary_bytes,
        })
    }

    /// Its length with what fills it up.
    pub(super) fn padded_bytes(&self) -> usize {
        (self.sizes.packed_bytes as usize).next_multiple_of(UNIT_BYTES)
    }

    /// Memory for all of it, packed and unpacked, and for the dictionary of its decoder.
    pub(super) fn memory_bytes(&self) -> u64 {
        { self.sizes.packed_bytes }
            .saturating_add(self.sizes.text_bytes)
            .saturating_add(self.dictionary_bytes)
    }
}

/// Takes a number off the start of `bytes`: seven bits a byte, the lowest first.
fn take_number(bytes: &mut &[u8]) -> Option<u64> {
    let length = 1 + bytes.iter().take_while(|byte| **byte >= 0x80).count();
    let digits = bytes.split_off(..length)?;
    let number =
        { digits.iter().rev() }.fold(0, |number, digit| number << 7 | u64::from(digit & 0x7F));
    (length <= NUMBER_BYTES_MAX).then_some(number)
}

fn put_number(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

/// The index behind `blocks`.
pub(super) fn index(blocks: &[Sizes]) -> Vec<u8> {
    let mut bytes = vec![0];
    put_number(&mut bytes, blocks.len() as u64);
    for sizes in blocks {
        put_number(&mut bytes, sizes.packed_bytes);
        put_number(&mut bytes, sizes.text_bytes);
    }
    bytes.resize(bytes.len().next_multiple_of(UNIT_BYTES), 0);
    bytes.extend(checksum(&bytes));
    bytes
}

/// The foot behind an index of `index_bytes` bytes, of a stream with checksums of this kind.
pub(super) fn stream_foot(index_bytes: usize, check: u8) -> Vec<u8> {
    let units = (index_bytes / UNIT_BYTES - 1) as u32;
    let fields = [units.to_le_bytes().as_slice(), &[0, check]].concat();
    [checksum(&fields).as_slice(), &fields, &FOOT_MAGIC].concat()
}

fn checksum(bytes: &[u8]) -> [u8; 4] {
    let mut checksum = Crc::new();
    checksum.update(bytes);
    checksum.sum().to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_they_are_written() {
        for number in [0, 1, 0x7F, 0x80, 0x3FFF, 0x4000, 1 << 40, (1 << 63) - 1] {
            let mut bytes = Vec::new();
            put_number(&mut bytes, number);
            for end in 0..bytes.len() {
                assert_eq!(take_number(&mut &bytes[..end]), None);
            }
            bytes.push(0xAB);
            let mut rest = bytes.as_slice();
            assert_eq!(take_number(&mut rest), Some(number));
            assert_eq!(rest, [0xAB]);
        }
        assert_eq!(take_number(&mut [0x80; 20].as_slice()), None);
    }

    #[test]
    fn heads_say_sizes_and_dictionary() {
        // As `xz -T2 -6` writes it.
        let head = b"\x04\xC0\x80\x80\x40\x80\x80\x80\x0C\x21\x01\x16\0\0\0\0\0\0\0\0";
        let block = Block::read(head, 4).expect("a block");
        assert_eq!(block.sizes.packed_bytes, 20 + (1 << 20) + 8);
        assert_eq!(block.sizes.text_bytes, 24 << 20);
        assert_eq!(block.dictionary_bytes, 8 << 20);
        assert_eq!(block.padded_bytes(), (1 << 20) + 28);
        assert_eq!(Block::read(head, 16), None);
        for end in 0..12 {
            assert_eq!(Block::read(&head[..end], 4), None);
        }
        let without = b"\x02\0\x21\x01\x16\0\0\0\0\0\0\0";
        assert_eq!(Block::read(without, 4), None);
    }
}
