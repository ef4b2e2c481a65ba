//! The bytes that rows are sorted by to stand key by key: the framed key, and behind it what orders
//! the rows of one key.
//!
//! Invariant: entries sort by their keys first; a framed key is never the beginning of another's. A
//! zero byte of a key becomes 0 255, and 0 0 ends it.

/// The bytes of an entry, made in place.
#[derive(Debug, Default)]
pub(super) struct Entry {
    bytes: Vec<u8>,
    key_bytes: usize,
}

impl Entry {
    /// Entries of `key` come next.
    pub(super) fn begin(&mut self, key: &[u8]) {
        self.bytes.clear();
        for &byte in key {
            self.bytes.push(byte);
            if byte == 0 {
                self.bytes.push(u8::MAX);
            }
        }
        self.bytes.extend_from_slice(&[0, 0]);
        self.key_bytes = self.bytes.len();
    }

    /// The key, and behind it what `put` appends.
    pub(super) fn of(&mut self, put: impl FnOnce(&mut Vec<u8>)) -> &[u8] {
        self.bytes.truncate(self.key_bytes);
        put(&mut self.bytes);
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn rows_of_a_key_stand_together(
            keys in prop::collection::vec(prop::collection::vec(prop::sample::select(vec![0_u8, 1, 255]), 0..5), 2),
            tails in prop::collection::vec(any::<u16>(), 2),
        ) {
            let entries = [0, 1].map(|index| {
                let mut entry = Entry::default();
                entry.begin(&keys[index]);
                entry.of(|bytes| bytes.extend_from_slice(&tails[index].to_be_bytes())).to_vec()
            });
            let expected = (&keys[0], tails[0]).cmp(&(&keys[1], tails[1]));
            prop_assert_eq!(entries[0].cmp(&entries[1]), expected);
        }
    }
}
