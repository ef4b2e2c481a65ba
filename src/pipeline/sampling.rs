//! A batch -> the rows of it that a sample keeps.
//!
//! Invariant: whether a record is kept depends on the seed and its place in the input alone, never
//! on threads or chunks.

use arrow::array::BooleanArray;
use arrow::compute::filter;

use crate::base::{Batch, ErrorKind, Result};

/// Which records are kept.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sampling {
    pub(crate) fraction: f64,
    pub(crate) seed: u64,
}

impl Sampling {
    /// Whether record `record` of source `source` is kept.
    fn keeps(self, source: u32, record: u64) -> bool {
        const UNIT: f64 = 1.0 / (1_u64 << 53) as f64;
        let hash = mix(mix(mix(self.seed).wrapping_add(u64::from(source))).wrapping_add(record));
        ((hash >> 11) as f64) * UNIT < self.fraction
    }

    /// Removes the rows of `batch` that are not kept, and tells how many; its chunk starts with
    /// record `first_record` of its source.
    pub(crate) fn apply(self, batch: &mut Batch, first_record: u64) -> Result<u64> {
        let record = |row: usize| batch.record(row);
        let is_kept = |row: usize| self.keeps(batch.source, first_record + record(row) as u64);
        let kept: Vec<bool> = (0..batch.rows).map(is_kept).collect();
        let rows = (0..batch.rows).filter(|&row| kept[row]);
        let records: Vec<u32> = rows.map(|row| record(row) as u32).collect();
        let left_out = (batch.rows - records.len()) as u64;
        if left_out == 0 {
            return Ok(0);
        }
        let mask = BooleanArray::from(kept);
        for column in batch.columns.iter_mut().flatten() {
            let filtered = filter(column, &mask);
            *column = filtered.map_err(|source| ErrorKind::Encode {
                action: "sample rows",
                source: source.into(),
            })?;
        }
        batch.rows = records.len();
        batch.records = Some(records.into());
        Ok(left_out)
    }
}

/// SplitMix64's next number behind `state` (Steele, Lea and Flood, 2014).
fn mix(state: u64) -> u64 {
    let z = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_has_about_its_share_and_is_another_for_another_seed() {
        for fraction in [0.01, 0.3, 0.9, 1.0] {
            let of = |seed| {
                let sampling = Sampling { fraction, seed };
                let kept = (0..4).flat_map(|source| {
                    (0..25_000).filter(move |&record| sampling.keeps(source, record))
                });
                kept.collect::<Vec<u64>>()
            };
            let (one, other) = (of(0), of(1));
            let share = one.len() as f64 / 100_000.0;
            assert!((share - fraction).abs() < 0.01, "{share} of {fraction}");
            assert_eq!(one == other, fraction == 1.0);
        }
    }
}
