//! Sorted inputs -> whose entry comes next: a tree of losers, as in Knuth's *Sorting and Searching*
//! (5.4.1), over the first bytes of the keys.
//!
//! ```text
//!          tree[0]: the winner            Each inner node holds the input that lost there, so that
//!          tree[1]                        the next entry of the winner plays against one loser on
//!         /       \                       each level of its path to the top: log2(inputs) matches.
//!    tree[2]     tree[3]
//!    /    \      /    \
//!   0      1    2      3                  inputs
//! ```
//!
//! Invariant: of equal keys the one of the earlier input comes first.

/// Which of several inputs comes next.
pub(super) struct Losers {
    /// The first eight bytes of each input's key, as a number that has their order.
    prefixes: Vec<u64>,
    tree: Vec<u32>,
}

/// The first eight bytes of `key` as a number that has their order.
fn prefix(key: &[u8]) -> u64 {
    match key.first_chunk::<8>() {
        Some(bytes) => u64::from_be_bytes(*bytes),
        None => {
            let mut bytes = [0; 8];
            bytes[..key.len()].copy_from_slice(key);
            u64::from_be_bytes(bytes)
        }
    }
}

impl Losers {
    /// `key` gives the next key of an input, `None` if it has no more.
    pub(super) fn new<'k>(inputs: usize, key: impl Fn(usize) -> Option<&'k [u8]>) -> Self {
        let prefixes = (0..inputs).map(|input| key(input).map_or(u64::MAX, prefix));
        let mut losers = Self {
            prefixes: prefixes.collect(),
            tree: vec![0; inputs.max(1)],
        };
        // The inputs are the leaves: nodes `inputs..2 * inputs`.
        let mut winners = vec![0; 2 * inputs];
        for node in (1..2 * inputs).rev() {
            if node >= inputs {
                winners[node] = node - inputs;
                continue;
            }
            let (left, right) = (winners[2 * node], winners[2 * node + 1]);
            let is_right = losers.is_before(right, left, &key);
            let (winner, loser) = if is_right {
                (right, left)
            } else {
                (left, right)
            };
            winners[node] = winner;
            losers.tree[node] = loser as u32;
        }
        if inputs > 0 {
            losers.tree[0] = winners[1] as u32;
        }
        losers
    }

    /// The input whose entry is next.
    pub(super) fn winner(&self) -> usize {
        self.tree[0] as usize
    }

    /// Looks again once the winner has gone on to its next entry.
    pub(super) fn replay<'k>(&mut self, key: impl Fn(usize) -> Option<&'k [u8]>) {
        let mut winner = self.winner();
        self.prefixes[winner] = key(winner).map_or(u64::MAX, prefix);
        let mut node = (winner + self.prefixes.len()) / 2;
        while node > 0 {
            let other = self.tree[node] as usize;
            if self.is_before(other, winner, &key) {
                self.tree[node] = winner as u32;
                winner = other;
            }
            node /= 2;
        }
        self.tree[0] = winner as u32;
    }

    fn is_before<'k>(
        &self,
        one: usize,
        other: usize,
        key: &impl Fn(usize) -> Option<&'k [u8]>,
    ) -> bool {
        let (ours, theirs) = (self.prefixes[one], self.prefixes[other]);
        if ours != theirs {
            return ours < theirs;
        }
        match (key(one), key(other)) {
            (None, None) => one < other,
            (ours, None) => ours.is_some(),
            (None, Some(_)) => false,
            (Some(ours), Some(theirs)) => (ours, one) < (theirs, other),
        }
    }

    /// Memory held, in bytes.
    pub(super) fn memory_bytes(&self) -> usize {
        self.prefixes.len() * 8 + self.tree.len() * 4
    }
}
