//! Many values in ascending order, with insertion, removal and access by rank.
//!
//! A list of sorted blocks of a few hundred values: finding the block is a binary search over the
//! blocks' last values, working in it moves a few hundred values at most, and finding a rank walks
//! over the blocks' lengths. Blocks split when full and join their neighbour when nearly empty, so
//! the work for each value grows with the square root of their number at worst. Invariant: no
//! block is empty, and the values are ascending across blocks.

/// Values of a full block.
const BLOCK_VALUES_MAX: usize = 512;

/// Values in ascending order.
#[derive(Debug)]
pub(super) struct SortedBlocks {
    blocks: Vec<Vec<f64>>,
    /// The last value of each block.
    lasts: Vec<f64>,
    len: usize,
}

impl SortedBlocks {
    /// Takes in values that are ascending.
    pub(super) fn new(values: &[f64]) -> Self {
        let mut sorted = Self {
            blocks: Vec::new(),
            lasts: Vec::new(),
            len: values.len(),
        };
        for values in values.chunks(BLOCK_VALUES_MAX / 2) {
            sorted.put(sorted.blocks.len(), values);
        }
        sorted
    }

    /// Adds a block of values.
    fn put(&mut self, index: usize, values: &[f64]) {
        let mut block = Vec::with_capacity(BLOCK_VALUES_MAX);
        block.extend_from_slice(values);
        self.lasts.insert(index, block[block.len() - 1]);
        self.blocks.insert(index, block);
    }

    pub(super) fn insert(&mut self, value: f64) {
        self.len += 1;
        if self.blocks.is_empty() {
            return self.put(0, &[value]);
        }
        let index = self.lasts.partition_point(|&last| last < value);
        let index = index.min(self.blocks.len() - 1);
        let block = &mut self.blocks[index];
        let place = block.partition_point(|&other| other < value);
        block.insert(place, value);
        self.lasts[index] = block[block.len() - 1];
        if block.len() == BLOCK_VALUES_MAX {
            let upper = block.split_off(BLOCK_VALUES_MAX / 2);
            self.lasts[index] = block[block.len() - 1];
            self.put(index + 1, &upper);
        }
    }

    /// Removes one value equal to `value`, which is present.
    pub(super) fn remove(&mut self, value: f64) {
        let index = self.lasts.partition_point(|&last| last < value);
        let block = &mut self.blocks[index];
        let place = block.partition_point(|&other| other < value);
        assert!(block[place] == value, "what leaves a window has entered it");
        block.remove(place);
        self.len -= 1;
        if let Some(&last) = block.last() {
            self.lasts[index] = last;
        }
        if block.len() < BLOCK_VALUES_MAX / 8 {
            self.join(index);
        }
    }

    /// Lets a nearly empty block join the one after or before it, if both fit into one.
    fn join(&mut self, index: usize) {
        let first = index.min(self.blocks.len().saturating_sub(2));
        let second = first + 1;
        if self.blocks[index].is_empty() {
            self.blocks.remove(index);
            self.lasts.remove(index);
        } else if second < self.blocks.len()
            && self.blocks[first].len() + self.blocks[second].len() < BLOCK_VALUES_MAX * 3 / 4
        {
            let values = self.blocks.remove(second);
            self.blocks[first].extend_from_slice(&values);
            self.lasts.remove(first);
        }
    }

    /// The value of `rank`, from 0.
    pub(super) fn get(&self, rank: usize) -> f64 {
        let mut rest = rank;
        for block in &self.blocks {
            match block.get(rest) {
                Some(&value) => return value,
                None => rest -= block.len(),
            }
        }
        panic!("rank {rank} of {} values", self.len)
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The values, ascending.
    pub(super) fn iter(&self) -> impl Iterator<Item = f64> {
        self.blocks.iter().flatten().copied()
    }

    /// Memory held, in bytes: every block has the same capacity.
    pub(super) fn memory_bytes(&self) -> usize {
        size_of::<Self>()
            + self.blocks.len() * BLOCK_VALUES_MAX * size_of::<f64>()
            + self.blocks.capacity() * size_of::<Vec<f64>>()
            + self.lasts.capacity() * size_of::<f64>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check_shape(sorted: &SortedBlocks, expected: &[f64]) {
        assert_eq!(sorted.len(), expected.len());
        assert!(sorted.iter().eq(expected.iter().copied()));
        assert_eq!(sorted.blocks.len(), sorted.lasts.len());
        for (block, last) in sorted.blocks.iter().zip(&sorted.lasts) {
            assert_eq!(block.last(), Some(last));
            assert_eq!(block.capacity(), BLOCK_VALUES_MAX);
        }
        for rank in (0..expected.len()).step_by(97) {
            assert_eq!(sorted.get(rank), expected[rank]);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn stays_sorted(values in prop::collection::vec(0..2000_i32, 0..3000), window in 1..2500_usize) {
            let values = values.into_iter().map(f64::from).collect::<Vec<_>>();
            let mut sorted = SortedBlocks::new(&[]);
            for (row, &value) in values.iter().enumerate() {
                if row >= window {
                    sorted.remove(values[row - window]);
                }
                sorted.insert(value);
            }
            let mut expected = values[values.len().saturating_sub(window)..].to_vec();
            expected.sort_by(f64::total_cmp);
            check_shape(&sorted, &expected);
            for &value in &values[values.len().saturating_sub(window)..] {
                sorted.remove(value);
            }
            check_shape(&sorted, &[]);
            prop_assert!(sorted.blocks.is_empty());
        }
    }

    #[test]
    fn starts_from_sorted_values() {
        let values = (0..1000).map(f64::from).collect::<Vec<_>>();
        check_shape(&SortedBlocks::new(&values), &values);
    }
}
