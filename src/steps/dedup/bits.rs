//! One bit for each row of a shard, by its place among them; a bit that was never set is clear.

/// A growing set of places.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Bits {
    words: Vec<u64>,
}

impl Bits {
    /// Sets the bit at `place`.
    pub(super) fn set(&mut self, place: u64) {
        let word = (place / 64) as usize;
        if word >= self.words.len() {
            self.words.resize(word + 1, 0);
        }
        self.words[word] |= 1 << (place % 64);
    }

    /// Whether the bit at `place` is set.
    pub(super) fn has(&self, place: u64) -> bool {
        let word = self.words.get((place / 64) as usize);
        word.is_some_and(|word| word >> (place % 64) & 1 == 1)
    }

    /// Memory held, in bytes.
    pub(super) fn memory_bytes(&self) -> usize {
        self.words.capacity() * size_of::<u64>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_set_is_there() {
        let mut bits = Bits::default();
        assert!(!bits.has(0) && !bits.has(1_000_000));
        for place in [0, 63, 64, 200] {
            bits.set(place);
        }
        let set = (0..300).filter(|&place| bits.has(place));
        assert_eq!(set.collect::<Vec<u64>>(), [0, 63, 64, 200]);
        assert!(bits.memory_bytes() >= 4 * size_of::<u64>());
    }
}
