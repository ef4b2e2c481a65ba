//! The cells of some ranks, exactly, in bounded memory: order keys in any order in, the keys of the
//! ranks out, after one pass over few distinct values and at most four over any 64-bit type (eight
//! over 128 bits) while few ranks are wanted, one or two more for many.
//!
//! How a search for ranks goes:
//! 1. Cells become unsigned keys of the same order.
//! 2. Distinct keys within the search's range are counted in a hash table. If they never outgrow
//!    it, the ranks are read off at the end of the pass.
//! 3. If they do, the table is folded into 2^16 buckets of equal width and the pass goes on by
//!    counting per bucket.
//! 4. The next pass searches only the buckets that hold a rank, each cut to the smallest and largest
//!    key seen. Each pass so narrows the range by 16 bits or more; a bucket of one key is an answer.
//! 5. All ranks start as one search and part where they fall into different buckets. Searches of one
//!    pass have ranges that ascend and do not meet, so a key belongs to one of them at most.
//! 6. Many searches share the memory of a few: with smaller tables, and 2^12 buckets each.

use super::cells::Key;
use super::counts::Counts;

/// Bits of a key that one pass over many distinct values resolves.
const BUCKET_BITS: u32 = 16;

/// The same where there are more searches than [`SEARCHES_FEW`].
const BUCKET_BITS_OF_MANY: u32 = 12;

/// So many searches may each have as much memory as one.
const SEARCHES_FEW: usize = 2;

/// The most that the table of distinct values takes, in bytes: about 115,000 values of 64 bits.
pub(in crate::steps) const DISTINCT_BYTES_MAX: usize = 4 << 20;

/// Which ranks, from 0 and ascending, are wanted of so many cells.
type Wanted = Box<dyn Fn(u64) -> Vec<u64> + Send>;

/// Looks for the keys of some ranks.
pub(in crate::steps) struct Ranks<K> {
    wanted: Wanted,
    distinct_bytes_max: usize,
    /// With ranges that ascend and do not meet.
    searches: Vec<Search<K>>,
    found: Vec<K>,
    /// Keys of the first pass: all there are.
    count: Option<u64>,
}

/// What a pass comes to.
pub(in crate::steps) enum Ranked<K> {
    /// The keys of the ranks, in their order, and how many keys there are in all.
    Found { keys: Vec<K>, count: u64 },
    /// One more pass is needed, with this.
    Again(Ranks<K>),
}

impl<K: Key> Ranks<K> {
    /// Looks for the ranks that are `wanted`, with tables of at most `distinct_bytes_max` bytes.
    pub(in crate::steps) fn new(distinct_bytes_max: usize, wanted: Wanted) -> Self {
        let whole = Search::new(K::MIN, K::MAX, Vec::new(), distinct_bytes_max, BUCKET_BITS);
        Self {
            wanted,
            distinct_bytes_max,
            searches: vec![whole],
            found: Vec::new(),
            count: None,
        }
    }

    /// Takes in keys, all of them once in each pass.
    pub(in crate::steps) fn observe(&mut self, keys: impl Iterator<Item = K>) {
        if let [only] = &mut self.searches[..] {
            only.observe(keys);
            return;
        }
        for key in keys {
            let at = self.searches.partition_point(|search| search.high < key);
            if let Some(search) = self.searches.get_mut(at) {
                search.observe(std::iter::once(key));
            }
        }
    }

    /// Ends the pass.
    pub(in crate::steps) fn finish(mut self) -> Ranked<K> {
        let count = match self.count {
            Some(count) => count,
            None => {
                let whole = &mut self.searches[0];
                whole.ranks = (self.wanted)(whole.count);
                whole.count
            }
        };
        let mut ranges = Vec::new();
        for search in self.searches {
            search.finish(&mut self.found, &mut ranges);
        }
        if ranges.is_empty() {
            // Of two ranks the higher has no smaller key.
            self.found.sort_unstable();
            return Ranked::Found {
                keys: self.found,
                count,
            };
        }
        let many = ranges.len().div_ceil(SEARCHES_FEW);
        let bits = match many {
            1 => BUCKET_BITS,
            _ => BUCKET_BITS_OF_MANY,
        };
        let bytes_max = self.distinct_bytes_max / many;
        let searches = ranges.into_iter();
        let search = |(low, high, ranks)| Search::new(low, high, ranks, bytes_max, bits);
        self.searches = searches.map(search).collect();
        self.count = Some(count);
        Ranked::Again(self)
    }

    /// Memory held, in bytes.
    pub(in crate::steps) fn memory_bytes(&self) -> usize {
        let searches = self.searches.iter().map(Search::memory_bytes);
        searches.sum::<usize>() + self.found.capacity() * size_of::<K>()
    }
}

/// A search for ranks among the keys `low..=high`.
struct Search<K> {
    low: K,
    high: K,
    /// Ranks among the keys of the range, from 0 and ascending; empty in the first pass, where the
    /// number of keys is not known yet.
    ranks: Vec<u64>,
    tally: Tally<K>,
    bucket_bits: u32,
    /// The smallest and largest key seen in the range.
    seen: (K, K),
    count: u64,
}

/// What a pass counts.
enum Tally<K> {
    Distinct(Counts<K>),
    Buckets { shift: u32, counts: Vec<u64> },
}

impl<K: Key> Search<K> {
    fn new(low: K, high: K, ranks: Vec<u64>, bytes_max: usize, bucket_bits: u32) -> Self {
        Self {
            low,
            high,
            ranks,
            tally: Tally::Distinct(Counts::new(bytes_max)),
            bucket_bits,
            seen: (K::MAX, K::MIN),
            count: 0,
        }
    }

    fn observe(&mut self, keys: impl Iterator<Item = K>) {
        let (low, high) = (self.low, self.high);
        let mut keys = keys.filter(|key| (low..=high).contains(key));
        if let Tally::Distinct(counts) = &mut self.tally {
            let Some(overflowing) = keys.find(|&key| {
                self.seen = (self.seen.0.min(key), self.seen.1.max(key));
                self.count += 1;
                !counts.add(key)
            }) else {
                return;
            };
            self.fold(overflowing);
        }
        let Tally::Buckets { shift, counts } = &mut self.tally else {
            unreachable!("the table was just folded");
        };
        let (mut smallest, mut largest, mut count) = (self.seen.0, self.seen.1, 0);
        for key in keys {
            smallest = smallest.min(key);
            largest = largest.max(key);
            count += 1;
            counts[key.above(low).bucket(*shift)] += 1;
        }
        self.seen = (smallest, largest);
        self.count += count;
    }

    /// Turns the table of distinct keys, and the key that did not fit, into bucket counts.
    fn fold(&mut self, overflowing: K) {
        let Tally::Distinct(distinct) = &self.tally else {
            return;
        };
        let width = self.high.above(self.low).bits();
        let shift = width.saturating_sub(self.bucket_bits);
        let mut counts = vec![0; 1 << self.bucket_bits];
        for (key, count) in distinct.iter().chain([(overflowing, 1)]) {
            counts[key.above(self.low).bucket(shift)] += count;
        }
        self.tally = Tally::Buckets { shift, counts };
    }

    /// Ends the pass: pushes the keys that were found to `found`, and the ranges that are left to
    /// search to `ranges`, ascending, with the ranks in each.
    fn finish(self, found: &mut Vec<K>, ranges: &mut Vec<(K, K, Vec<u64>)>) {
        let (shift, counts) = match self.tally {
            Tally::Distinct(distinct) => {
                let mut entries = distinct.into_entries();
                entries.sort_unstable();
                let counts: Vec<u64> = entries.iter().map(|&(_, count)| count).collect();
                let key = |(at, _): (usize, u64)| entries[at].0;
                found.extend(locate_all(&counts, &self.ranks).map(key));
                return;
            }
            Tally::Buckets { shift, counts } => (shift, counts),
        };
        let begun = ranges.len();
        for (bucket, rank) in locate_all(&counts, &self.ranks) {
            let (first, last) = K::bucket_range(self.low, bucket, shift);
            let (low, high) = (first.max(self.seen.0), last.min(self.seen.1));
            match ranges[begun..].last_mut() {
                _ if low == high => found.push(low),
                Some((before, _, ranks)) if *before == low => ranks.push(rank),
                _ => ranges.push((low, high, vec![rank])),
            }
        }
    }

    fn memory_bytes(&self) -> usize {
        match &self.tally {
            Tally::Distinct(distinct) => distinct.memory_bytes(),
            Tally::Buckets { counts, .. } => counts.capacity() * 8,
        }
    }
}

/// The index of the group that holds `rank`, and the rank within it.
pub(in crate::steps) fn locate(counts: impl Iterator<Item = u64>, mut rank: u64) -> (usize, u64) {
    for (index, count) in counts.enumerate() {
        if rank < count {
            return (index, rank);
        }
        rank -= count;
    }
    unreachable!("a rank is smaller than the number of cells counted");
}

/// As [`locate`], for all of the ascending `ranks` in one go.
fn locate_all(counts: &[u64], ranks: &[u64]) -> impl Iterator<Item = (usize, u64)> {
    let (mut at, mut below) = (0, 0);
    ranks.iter().map(move |&rank| {
        while rank - below >= counts[at] {
            below += counts[at];
            at += 1;
        }
        (at, rank - below)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The keys of `ranks`, found with tables of at most `bytes_max` bytes, and the passes it took.
    fn found(keys: &[u64], ranks: &[u64], bytes_max: usize) -> (Vec<u64>, usize) {
        let wanted = ranks.to_vec();
        let mut search = Ranks::new(bytes_max, Box::new(move |_| wanted.clone()));
        for pass in 1.. {
            keys.chunks(7)
                .for_each(|some| search.observe(some.iter().copied()));
            search = match search.finish() {
                Ranked::Again(search) => search,
                Ranked::Found { keys: found, count } => {
                    assert_eq!(count, keys.len() as u64);
                    return (found, pass);
                }
            };
        }
        unreachable!("a search ends")
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(100))]

        #[test]
        fn every_rank_has_the_key_that_sorting_gives(
            keys in prop::collection::vec(
                prop_oneof![any::<u64>(), 0..50u64, (1 << 40)..(1 << 40) + 9000u64], 1..300),
            asked in prop::collection::vec(any::<prop::sample::Index>(), 0..40),
        ) {
            let mut ranks: Vec<u64> = asked.iter().map(|at| at.index(keys.len()) as u64).collect();
            ranks.sort_unstable();
            let mut sorted = keys.clone();
            sorted.sort_unstable();
            let expected: Vec<u64> = ranks.iter().map(|&rank| sorted[rank as usize]).collect();
            for bytes_max in [0, 200, 1000, 1 << 20] {
                let (found, passes) = found(&keys, &ranks, bytes_max);
                prop_assert_eq!(&found, &expected, "tables of {} bytes", bytes_max);
                prop_assert!(passes <= 6, "{} passes", passes);
            }
        }
    }

    #[test]
    fn no_keys_have_no_ranks() {
        assert_eq!(found(&[], &[], 0), (Vec::new(), 1));
    }
}
