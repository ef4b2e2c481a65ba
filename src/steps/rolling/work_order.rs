//! A shard's rows -> the same rows, those of neighbouring keys together.
//!
//! Keys come in any order, and the state of many of them exceeds every cache. Worked on by groups
//! of neighbouring keys, whose records lie near each other, a batch asks the memory for each of
//! them once. Invariant: the rows of one key stay in order.

/// With fewer keys the caches hold their state anyway.
const KEYS_MIN: usize = 64;
/// Groups of keys, at most.
const GROUPS_MAX: usize = 512;

/// The order to work in; buffers for it.
#[derive(Debug, Default)]
pub(super) struct WorkOrder {
    starts: Vec<u32>,
    /// Which of the shard's rows comes next; all in turn if empty.
    cells: Vec<u32>,
    rows: Vec<u32>,
    keys: Vec<u32>,
}

impl WorkOrder {
    /// The rows and their keys in the order to work in. All keys are below `keys_max`.
    pub(super) fn of<'a>(
        &'a mut self,
        rows: &'a [u32],
        keys: &'a [u32],
        keys_max: usize,
    ) -> Ordered<'a> {
        if keys_max < KEYS_MIN {
            return Ordered {
                rows,
                keys,
                cells: &[],
            };
        }
        let shift = (keys_max.div_ceil(GROUPS_MAX)).next_power_of_two().ilog2();
        let group = |key: u32| (key >> shift) as usize;
        self.starts.clear();
        self.starts.resize(GROUPS_MAX + 1, 0);
        for &key in keys {
            self.starts[group(key) + 1] += 1;
        }
        for index in 0..GROUPS_MAX {
            self.starts[index + 1] += self.starts[index];
        }
        for buffer in [&mut self.cells, &mut self.rows, &mut self.keys] {
            buffer.resize(rows.len(), 0);
        }
        for ((cell, &row), &key) in (0..).zip(rows).zip(keys) {
            let next = &mut self.starts[group(key)];
            let place = *next as usize;
            *next += 1;
            self.cells[place] = cell;
            self.rows[place] = row;
            self.keys[place] = key;
        }
        Ordered {
            rows: &self.rows,
            keys: &self.keys,
            cells: &self.cells,
        }
    }

    /// Memory held, in bytes.
    pub(super) fn memory_bytes(&self) -> usize {
        let buffers = [&self.starts, &self.cells, &self.rows, &self.keys];
        buffers.map(Vec::capacity).into_iter().sum::<usize>() * size_of::<u32>()
    }
}

/// Rows with their keys, in the order to work in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ordered<'a> {
    pub(super) rows: &'a [u32],
    pub(super) keys: &'a [u32],
    cells: &'a [u32],
}

impl Ordered<'_> {
    /// Writes the results of the rows from `first` on to where they belong in `out`.
    pub(super) fn land(&self, first: usize, results: &[f64], out: &mut [f64]) {
        if self.cells.is_empty() {
            out[first..first + results.len()].copy_from_slice(results);
        } else {
            for (&cell, &result) in self.cells[first..].iter().zip(results) {
                out[cell as usize] = result;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn each_row_comes_once_and_those_of_a_key_in_order(
            keys in prop::collection::vec(0..5000_u32, 0..300),
            below in 1..5000_u32,
        ) {
            let keys: Vec<u32> = keys.into_iter().map(|key| key % below).collect();
            let rows: Vec<u32> = (0..keys.len() as u32).map(|cell| 3 * cell).collect();
            let mut order = WorkOrder::default();
            // Buffers may hold more of an earlier batch.
            order.of(&[7; 400], &[0; 400], 5000);
            let ordered = order.of(&rows, &keys, below as usize);
            let pairs = ordered.rows.iter().zip(ordered.keys);
            prop_assert!(pairs.clone().all(|(&row, &key)| keys[row as usize / 3] == key));
            let mut by_key: Vec<_> = pairs.map(|(&row, &key)| (key, row)).collect();
            by_key.sort_by_key(|&(key, _)| key);
            prop_assert!(by_key.is_sorted(), "a stable sort leaves the rows of a key as they are");
            let mut out = vec![0.0; rows.len()];
            let results: Vec<f64> = ordered.rows.iter().map(|&row| f64::from(row)).collect();
            let (first, later) = results.split_at(rows.len() / 3);
            ordered.land(0, first, &mut out);
            ordered.land(first.len(), later, &mut out);
            prop_assert!(out.iter().zip(&rows).all(|(&result, &row)| result == f64::from(row)));
        }
    }
}
