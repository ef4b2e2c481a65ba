//! Hashes -> ids: a hash table of ids alone, open addressed and at most half full. What the ids
//! stand for is kept by the caller, in the order in which it was first seen.

/// No id.
const EMPTY: u32 = u32::MAX;
/// Slots of a table that holds nothing yet.
const SLOTS_MIN: usize = 256;

#[derive(Debug, Default)]
pub(super) struct Slots {
    slots: Vec<u32>,
    /// Bits of a hash below those that choose its slot.
    shift: u32,
    len: usize,
}

/// Where an id that is not in the table would be.
pub(super) struct Vacant(usize);

impl Slots {
    /// Empties the table and makes room for `expected` ids.
    pub(super) fn reset(&mut self, expected: usize) {
        self.len = 0;
        self.resize((2 * expected).next_power_of_two().max(SLOTS_MIN));
    }

    fn resize(&mut self, slots: usize) {
        self.slots.clear();
        self.slots.resize(slots, EMPTY);
        self.shift = u64::BITS - slots.trailing_zeros();
    }

    /// The id under `hash` that `is_same` accepts.
    #[inline]
    pub(super) fn find(&self, hash: u64, is_same: impl Fn(u32) -> bool) -> Result<u32, Vacant> {
        let mut slot = (hash >> self.shift) as usize;
        loop {
            match self.slots[slot] {
                EMPTY => return Err(Vacant(slot)),
                id if is_same(id) => return Ok(id),
                _ => slot = (slot + 1) & (self.slots.len() - 1),
            }
        }
    }

    /// Puts the next id, which is the number of those before it; grows where `hash` gives the hash
    /// of any id so far.
    pub(super) fn insert(&mut self, vacant: &Vacant, hash: impl Fn(u32) -> u64) {
        self.slots[vacant.0] = self.len as u32;
        self.len += 1;
        if 2 * self.len > self.slots.len() {
            self.resize(2 * self.slots.len());
            for id in 0..self.len as u32 {
                if let Err(vacant) = self.find(hash(id), |_| false) {
                    self.slots[vacant.0] = id;
                }
            }
        }
    }

    /// Memory held, in bytes.
    pub(super) fn memory_bytes(&self) -> usize {
        self.slots.capacity() * size_of::<u32>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_found_again_whatever_the_hashes() {
        let hashes: [fn(u32) -> u64; 3] = [
            |id| u64::from(id).wrapping_mul(0x9E37_79B9_7F4A_7C15),
            |id| u64::MAX - u64::from(id % 3),
            |_| 0,
        ];
        let mut slots = Slots::default();
        for hash in hashes {
            for expected in [0, 700] {
                slots.reset(expected);
                for id in 0..700 {
                    let vacant = slots.find(hash(id), |other| other == id).unwrap_err();
                    slots.insert(&vacant, hash);
                }
                for id in 0..700 {
                    assert_eq!(slots.find(hash(id), |other| other == id).ok(), Some(id));
                }
            }
        }
        assert_eq!(slots.memory_bytes(), 2048 * 4);
    }
}
