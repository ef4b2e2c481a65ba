//! The checksum of bzip2 -> four bytes that have it.
//!
//! The checksum is a remainder of polynomials: what goes in bit by bit can be taken back bit by bit.
//! Four bytes bring it from any state to any other.

const POLYNOMIAL: u32 = 0x04C1_1DB7;
/// The state before the first byte; the checksum is the last state with all bits turned.
const START: u32 = u32::MAX;

/// The text of four bytes with this checksum.
pub(super) fn text_of_checksum(checksum: u32) -> [u8; 4] {
    // Four bytes do what as many zeros do to a state that they were added to.
    let wanted = (0..32).fold(!checksum, |state, _| match state & 1 {
        0 => state >> 1,
        _ => (state ^ POLYNOMIAL) >> 1 | 1 << 31,
    });
    (START ^ wanted).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checksum(bytes: &[u8]) -> u32 {
        !bytes.iter().fold(START, |state, byte| {
            let state = state ^ u32::from(*byte) << 24;
            (0..8).fold(state, |state, _| match state >> 31 {
                0 => state << 1,
                _ => state << 1 ^ POLYNOMIAL,
            })
        })
    }

    #[test]
    fn the_bytes_have_the_checksum() {
        // The usual check of this kind of checksum.
        assert_eq!(checksum(b"123456789"), 0xFC89_1918);
        for wanted in [0, 1, u32::MAX, 0x1234_5678, 0x8000_0000] {
            assert_eq!(checksum(&text_of_checksum(wanted)), wanted);
        }
    }
}
