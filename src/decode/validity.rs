//! Which cells of a column are values: in come 64 bits at a time, out goes Arrow's null buffer.
//! Invariant: bits past the last cell are zero.

use arrow::buffer::{BooleanBuffer, Buffer, NullBuffer};

/// Bits of the cells so far, one for each value.
#[derive(Debug, Default)]
pub(super) struct Validity {
    words: Vec<u64>,
    cells: usize,
    values: usize,
}

impl Validity {
    /// Nothing yet, with room for `cells`.
    pub(super) fn with_capacity(cells: usize) -> Self {
        Self {
            words: Vec::with_capacity(cells.div_ceil(64)),
            ..Self::default()
        }
    }

    /// Appends the lowest `cells` bits of `valid`, 1 to 64 of them; the others must be zero.
    #[inline]
    pub(super) fn push(&mut self, valid: u64, cells: usize) {
        let used = self.cells % 64;
        if used == 0 {
            self.words.push(valid);
        } else {
            *self.words.last_mut().expect("a word is begun") |= valid << used;
            if used + cells > 64 {
                self.words.push(valid >> (64 - used));
            }
        }
        self.cells += cells;
        self.values += valid.count_ones() as usize;
    }

    /// Number of cells that are null.
    pub(super) fn nulls(&self) -> u64 {
        (self.cells - self.values) as u64
    }

    /// The cells as Arrow has them; `None` if there is no null.
    pub(super) fn finish(self) -> Option<NullBuffer> {
        (self.nulls() > 0).then(|| {
            let bits = Buffer::from_vec(self.words);
            NullBuffer::new(BooleanBuffer::new(bits, 0, self.cells))
        })
    }

    /// Memory held, in bytes.
    pub(super) fn memory_bytes(&self) -> usize {
        self.words.capacity() * size_of::<u64>()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn pieces_of_any_length(pieces in prop::collection::vec((any::<u64>(), 1..=64_usize), 0..9)) {
            let mut validity = Validity::with_capacity(1);
            let mut expected = Vec::new();
            for (bits, cells) in pieces {
                let bits = bits & u64::MAX >> (64 - cells);
                validity.push(bits, cells);
                expected.extend((0..cells).map(|cell| bits >> cell & 1 == 1));
            }
            let nulls = expected.iter().filter(|valid| !**valid).count();
            prop_assert_eq!(validity.nulls(), nulls as u64);
            let found = validity.finish();
            prop_assert_eq!(found.is_some(), nulls > 0);
            prop_assert_eq!(found.unwrap_or(NullBuffer::new_valid(expected.len())), NullBuffer::from(expected));
        }
    }
}
