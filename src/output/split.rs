//! 64-bit cells -> Parquet's BYTE_STREAM_SPLIT: the first byte of each, then the second of each.

/// Appends the eight streams of what `word` makes of `cells`.
pub(super) fn put_split(cells: &[i64], word: impl Fn(i64) -> u64, out: &mut Vec<u8>) {
    let start = out.len();
    let count = cells.len();
    out.resize(start + 8 * count, 0);
    let mut streams = out[start..].chunks_exact_mut(count.max(1));
    let mut streams: [&mut [u8]; 8] = std::array::from_fn(|_| streams.next().unwrap_or_default());
    let (groups, tail) = cells.as_chunks::<8>();
    for (index, group) in groups.iter().enumerate() {
        let bytes = transpose(group.map(&word));
        for (stream, bytes) in streams.iter_mut().zip(bytes) {
            stream[index * 8..index * 8 + 8].copy_from_slice(&bytes.to_le_bytes());
        }
    }
    let first = count - tail.len();
    for (index, cell) in tail.iter().enumerate() {
        for (stream, byte) in streams.iter_mut().zip(word(*cell).to_le_bytes()) {
            stream[first + index] = byte;
        }
    }
}

/// Swaps byte `i` of word `j` and byte `j` of word `i`: halves of 4, then of 2, then single bytes.
#[inline]
fn transpose(mut words: [u64; 8]) -> [u64; 8] {
    const STEPS: [(usize, u64); 3] = [
        (4, 0x0000_0000_FFFF_FFFF),
        (2, 0x0000_FFFF_0000_FFFF),
        (1, 0x00FF_00FF_00FF_00FF),
    ];
    for (step, mask) in STEPS {
        let bits = 8 * step;
        for low in (0..8).filter(|low| low & step == 0) {
            let high = low + step;
            let swapped = (words[low] >> bits ^ words[high]) & mask;
            words[high] ^= swapped;
            words[low] ^= swapped << bits;
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn streams_hold_one_byte_of_each_cell(
            cells in prop::collection::vec(any::<i64>(), 0..40),
            before in 0usize..3,
        ) {
            let mut bytes = vec![7; before];
            put_split(&cells, |cell| !cell as u64, &mut bytes);
            let plain = (0..8).flat_map(|byte| cells.iter().map(move |cell| (!cell).to_le_bytes()[byte]));
            prop_assert_eq!(bytes, [vec![7; before], plain.collect()].concat());
        }
    }
}
