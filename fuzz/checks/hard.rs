//! Seeded hard CSV: short pieces that quote, break lines and fill blocks in awkward places.

/// A small generator of pseudo-random numbers (splitmix64).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    /// A number below `bound`.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ x >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ x >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((x ^ x >> 31) % bound as u64) as usize
    }
}

/// Pieces of well-formed records.
const REGULAR: &[&str] = &[
    "a",
    "12",
    "é",
    " ",
    ",",
    ",",
    ",",
    "\n",
    "\n",
    "\r\n",
    ",\"\",",
    "\n\"q\"\n",
    ",\"a,b\"\r\n",
    ",\"x\ny\",",
    "\n\"\"\"\",\"\"\"a\"\"\"\n",
    ",\"\r\n\n\",1\n",
    "0123456789012345678901234567890123456789",
    ",\"0123456789012345678901234567890123456789012345678901234567890123\"\n",
];

/// Pieces that break records or the parity of quotes.
const IRREGULAR: &[&str] = &[
    "\"", "\"\"", "\"x", "y\"", "\"a\"b", "\r", "\"\r", "\r\r\n", "\n\n", "\r\n\r\n", "\n\r",
    "\"\r\n", "\\", "\\\"", "\n#", "#", ", ", "\" ",
];

/// Up to about 600 bytes of hard CSV; every third seed is well-formed apart from field counts.
pub(crate) fn hard(seed: u64) -> Vec<u8> {
    let mut random = Random(seed);
    let mut text = Vec::new();
    let odd_in = [usize::MAX, 40, 4][(seed % 3) as usize];
    for _ in 0..random.below(80) {
        let odd = odd_in != usize::MAX && random.below(odd_in) == 0;
        let pieces = if odd { IRREGULAR } else { REGULAR };
        text.extend_from_slice(pieces[random.below(pieces.len())].as_bytes());
        if odd && random.below(16) == 0 {
            text.push(0xff);
        }
    }
    text
}
