//! The length of a source -> the windows of it to infer types from.
//!
//! Invariant: the windows lie within the data, in order, without overlap, the first at its head
//! and the last at its end; data that is no larger than all windows together is one window.

use std::ops::Range;

/// `windows_max` windows of `window_bytes` each, spread evenly over the offsets in `data`.
///
/// All but the first may start in the middle of a record.
pub fn sample_ranges(
    data: Range<usize>,
    windows_max: usize,
    window_bytes: usize,
) -> Vec<Range<usize>> {
    if data.is_empty() || windows_max == 0 || window_bytes == 0 {
        return Vec::new();
    }
    if data.len() / windows_max <= window_bytes {
        return vec![data];
    }
    // Wider than the product: a stride times an index may not fit usize.
    let spare = (data.len() - window_bytes) as u128;
    let gaps = (windows_max - 1).max(1) as u128;
    let starts = (0..windows_max).map(|index| data.start + (spare * index as u128 / gaps) as usize);
    starts.map(|start| start..start + window_bytes).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn small_data_is_one_window() {
        assert_eq!(sample_ranges(3..100, 4, 30), vec![3..100]);
        assert_eq!(sample_ranges(3..3, 4, 30), Vec::<Range<usize>>::new());
        assert_eq!(sample_ranges(0..1000, 1, 30), vec![0..30]);
    }

    #[test]
    fn large_data_is_sampled_from_head_to_end() {
        let windows = sample_ranges(3..1_003, 4, 10);
        assert_eq!(windows, vec![3..13, 333..343, 663..673, 993..1_003]);
        let huge = sample_ranges(0..usize::MAX, 65, 65_536);
        assert_eq!(huge.last(), Some(&(usize::MAX - 65_536..usize::MAX)));
    }

    proptest! {
        #[test]
        fn windows_are_in_order_and_within(
            start in 0_usize..4,
            length in 0_usize..10_000,
            windows_max in 1_usize..70,
            window_bytes in 1_usize..200,
        ) {
            let data = start..start + length;
            let windows = sample_ranges(data.clone(), windows_max, window_bytes);
            prop_assert!(windows.len() <= windows_max);
            prop_assert_eq!(windows.is_empty(), data.is_empty());
            for pair in windows.windows(2) {
                prop_assert!(pair[0].end <= pair[1].start);
            }
            for window in &windows {
                prop_assert!(!window.is_empty());
                prop_assert!(data.start <= window.start && window.end <= data.end);
            }
        }
    }
}
