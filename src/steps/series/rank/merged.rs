//! Values that were written sorted, by key and value -> their ranks, in the order of their rows.
//!
//! A rank may depend on how many values are equal to this one, and its share on all values of the
//! key, however many: readers of the same runs go ahead and count them, so that none is held.

use super::super::in_order::{InOrder, Results};
use super::Seen;
use crate::base::{Rank, Result, Ties};
use crate::spill::{Merge, Runs};

/// The memory of merging is shared by three readers and the results.
pub(super) const PARTS: usize = 4;

/// Ranks the values in `runs`; their order takes `value_bytes` at the end of an entry. `go_on` is
/// asked now and then.
pub(super) fn ranks(
    runs: &mut Runs,
    rank: Rank,
    value_bytes: usize,
    go_on: &mut dyn FnMut() -> Result<()>,
) -> Result<InOrder> {
    const ASKED_EVERY: u64 = 1 << 14;
    let mut entries = runs.merge_while(go_on)?;
    let mut equal = match rank.ties {
        Ties::Average | Ties::Max => Some(Ahead::new(runs.merge()?, 0)?),
        _ => None,
    };
    let mut keys = match rank.share {
        true => Some(Ahead::new(runs.merge()?, value_bytes)?),
        false => None,
    };
    let mut results = Results::beside(runs)?;
    let (mut last, mut seen, mut all) = (Vec::new(), Seen::default(), None);
    // Of the values that are equal to the one at hand: how many there are, and have been.
    let (mut count, mut nth) = (0, 0);
    let mut asked = 0;
    while let Some((entry, place)) = entries.next()? {
        if entry != last {
            let key = |entry: &[u8]| entry.len().saturating_sub(value_bytes);
            seen.before += nth;
            if entry[..key(entry)] != last[..key(&last)] {
                seen = Seen::default();
                all = keys.as_mut().map(Ahead::next).transpose()?;
            }
            seen.distinct += 1;
            count = equal
                .as_mut()
                .map_or(Ok(0), |equal| equal.next().map(|equal| equal.before))?;
            nth = 0;
            last.clear();
            last.extend_from_slice(entry);
        }
        let mut result = seen.rank(rank.ties, nth, count);
        if let Some(all) = all {
            result /= all.last(rank.ties);
        }
        nth += 1;
        let place = place.try_into().expect("places were written");
        results.push(u64::from_le_bytes(place), &result.to_le_bytes())?;
        asked += 1;
        if asked % ASKED_EVERY == 0 {
            go_on()?;
        }
    }
    results.finish(go_on)
}

/// A reader that goes ahead and counts entries that agree.
struct Ahead {
    merge: Merge,
    /// Bytes at the end of an entry that may differ.
    differing: usize,
    /// The first entry of those to be counted next; empty at the end.
    first: Vec<u8>,
}

impl Ahead {
    fn new(mut merge: Merge, differing: usize) -> Result<Self> {
        let first = merge.next()?.map(|(entry, _)| entry.to_vec());
        Ok(Self {
            merge,
            differing,
            first: first.unwrap_or_default(),
        })
    }

    /// What there is of the entries that come next.
    fn next(&mut self) -> Result<Seen> {
        let mut seen = Seen {
            before: 1,
            distinct: 1,
        };
        let agreeing = self.first.len() - self.differing;
        let mut last = self.first.clone();
        self.first.clear();
        while let Some((entry, _)) = self.merge.next()? {
            let is_alike = entry.len() == last.len() && entry[..agreeing] == last[..agreeing];
            if !is_alike {
                self.first.extend_from_slice(entry);
                break;
            }
            seen.before += 1;
            if entry != last {
                seen.distinct += 1;
                last.clear();
                last.extend_from_slice(entry);
            }
        }
        Ok(seen)
    }
}
