//! Integers -> Parquet's DELTA_BINARY_PACKED: the first one, then blocks of differences, each less
//! the smallest of its block and packed as narrowly as its miniblock allows.
//!
//! See "Delta Encoding" in <https://parquet.apache.org/docs/file-format/data-pages/encodings/>.

use super::packing::{put_packed, put_varint, put_zigzag};

const MINIBLOCK: usize = 64;
const MINIBLOCKS: usize = 4;
const BLOCK: usize = MINIBLOCK * MINIBLOCKS;

/// How differences are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct DeltaPacking {
    /// Cells are 32 bits wide, and so are differences.
    pub(super) is_narrow: bool,
    /// Differences take whole bytes, so that a codec sees those that repeat.
    pub(super) is_aligned: bool,
}

impl DeltaPacking {
    /// Appends `cells`.
    pub(super) fn put(self, cells: &[i64], out: &mut Vec<u8>) {
        put_varint(BLOCK as u64, out);
        put_varint(MINIBLOCKS as u64, out);
        put_varint(cells.len() as u64, out);
        put_zigzag(cells.first().copied().unwrap_or(0), out);
        let mut start = 0;
        while start + 1 < cells.len() {
            let end = cells.len().min(start + 1 + BLOCK);
            self.put_block(&cells[start..end], out);
            start = end - 1;
        }
    }

    /// Appends the differences between up to [`BLOCK`] neighbours.
    fn put_block(self, cells: &[i64], out: &mut Vec<u8>) {
        let mut deltas = [0u64; BLOCK];
        let mut least = i64::MAX;
        let pairs = cells.iter().zip(&cells[1..]);
        for (delta, (&from, &to)) in deltas.iter_mut().zip(pairs) {
            let difference = to.wrapping_sub(from);
            let difference = if self.is_narrow {
                i64::from(difference as i32)
            } else {
                difference
            };
            least = least.min(difference);
            *delta = difference as u64;
        }
        let deltas = &mut deltas[..(cells.len() - 1).next_multiple_of(MINIBLOCK)];
        put_zigzag(least, out);
        let widths = out.len();
        out.extend_from_slice(&[0; MINIBLOCKS]);
        let mut count = cells.len() - 1;
        for (index, miniblock) in deltas.chunks_exact_mut(MINIBLOCK).enumerate() {
            let valid = count.min(MINIBLOCK);
            let mut bits = 0;
            for delta in &mut miniblock[..valid] {
                *delta = delta.wrapping_sub(least as u64);
                bits |= *delta;
            }
            let mut width = u64::BITS - bits.leading_zeros();
            if self.is_aligned {
                width = width.next_multiple_of(8);
            }
            out[widths + index] = width as u8;
            put_packed(miniblock, width, out);
            count -= valid;
        }
    }
}

#[cfg(test)]
mod tests {
    use parquet::data_type::{Int32Type, Int64Type};
    use parquet::encodings::encoding::{DeltaBitPackEncoder, Encoder};
    use proptest::prelude::*;

    use super::*;

    /// Reads what `put` writes, as the format's description has it.
    fn read(mut bytes: &[u8], is_narrow: bool) -> Vec<i64> {
        fn varint(bytes: &mut &[u8]) -> u64 {
            let mut value = 0;
            for shift in (0..).step_by(7) {
                let (&byte, rest) = bytes.split_first().unwrap();
                *bytes = rest;
                value |= u64::from(byte & 0x7F) << shift;
                if byte < 0x80 {
                    break;
                }
            }
            value
        }
        fn zigzag(bytes: &mut &[u8]) -> i64 {
            let value = varint(bytes);
            (value >> 1) as i64 ^ -((value & 1) as i64)
        }
        let [block, miniblocks, count] = [(); 3].map(|()| varint(&mut bytes) as usize);
        let mut last = zigzag(&mut bytes);
        let mut cells = vec![last];
        while cells.len() < count {
            let least = zigzag(&mut bytes);
            let (widths, mut rest) = bytes.split_at(miniblocks);
            for &width in widths {
                if cells.len() >= count {
                    break;
                }
                let values = block / miniblocks;
                let (packed, tail) = rest.split_at(values * usize::from(width) / 8);
                rest = tail;
                let bit = |at: usize| u64::from(packed[at / 8] >> (at % 8) & 1);
                for index in 0..values.min(count - cells.len()) {
                    let bits = (0..usize::from(width))
                        .map(|shift| bit(index * usize::from(width) + shift) << shift);
                    last = last
                        .wrapping_add(least)
                        .wrapping_add(bits.sum::<u64>() as i64);
                    last = if is_narrow {
                        i64::from(last as i32)
                    } else {
                        last
                    };
                    cells.push(last);
                }
            }
            bytes = rest;
        }
        assert!(bytes.is_empty());
        cells.truncate(count);
        cells
    }

    fn cells() -> impl Strategy<Value = Vec<i64>> {
        let cell = prop_oneof![any::<i64>(), -50i64..50, Just(i64::MIN), Just(i64::MAX)];
        let sorted = prop::collection::vec(0i64..9, 0..700).prop_map(|steps| {
            let sum = |sum: &mut i64, step: i64| {
                *sum += step * 1_000_000;
                Some(*sum)
            };
            steps.into_iter().scan(0, sum).collect()
        });
        prop_oneof![prop::collection::vec(cell, 0..600), sorted]
    }

    proptest! {
        #[test]
        fn wide_cells_are_packed_as_the_parquet_crate_does(cells in cells()) {
            let packing = DeltaPacking { is_narrow: false, is_aligned: false };
            let mut bytes = Vec::new();
            packing.put(&cells, &mut bytes);
            let mut encoder = DeltaBitPackEncoder::<Int64Type>::new();
            encoder.put(&cells).unwrap();
            prop_assert_eq!(bytes, encoder.flush_buffer().unwrap());
        }

        #[test]
        fn cells_come_back(cells in cells(), is_narrow: bool, is_aligned: bool) {
            let cells: Vec<i64> = match is_narrow {
                true => cells.iter().map(|&cell| i64::from(cell as i32)).collect(),
                false => cells,
            };
            let mut bytes = Vec::new();
            DeltaPacking { is_narrow, is_aligned }.put(&cells, &mut bytes);
            prop_assert_eq!(read(&bytes, is_narrow), cells);
        }

        #[test]
        fn narrow_differences_have_32_bits(cells in prop::collection::vec(any::<i32>(), 2..300)) {
            let wide: Vec<i64> = cells.iter().map(|&cell| i64::from(cell)).collect();
            let mut bytes = Vec::new();
            DeltaPacking { is_narrow: true, is_aligned: false }.put(&wide, &mut bytes);
            let mut encoder = DeltaBitPackEncoder::<Int32Type>::new();
            encoder.put(&cells).unwrap();
            let crates = encoder.flush_buffer().unwrap();
            prop_assert!(bytes.len() <= crates.len() + 4 * 64 * cells.len().div_ceil(256));
        }
    }
}
