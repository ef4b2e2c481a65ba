//! Ids of dictionary cells, and which rows are null -> Parquet's hybrid of runs and packed groups.
//!
//! See "RLE and bit-packing hybrid" in
//! <https://parquet.apache.org/docs/file-format/data-pages/encodings/>.

use arrow::buffer::BooleanBuffer;

use super::packing::{put_packed, put_varint};

/// Equal neighbours that make a run, rather than being packed one by one.
const RUN_MIN: usize = 16;

/// Bits of an id of a dictionary of `distinct` cells; at least one, which all readers know.
///
/// Widths up to a byte are rounded up so that no id crosses a byte: what a codec then makes of
/// them is smaller than the narrowest ids, and it takes no longer.
pub(super) fn id_width(distinct: usize, is_compressed: bool) -> u32 {
    match (usize::BITS - distinct.saturating_sub(1).leading_zeros()).max(1) {
        width @ 3..=8 if is_compressed => width.next_power_of_two(),
        width => width,
    }
}

/// Appends the definition levels of a page: their length and the hybrid of a bit per row.
pub(super) fn put_levels(
    validity: Option<&BooleanBuffer>,
    rows: usize,
    valid: usize,
    out: &mut Vec<u8>,
) {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    match validity {
        Some(validity) if valid > 0 && valid < rows => {
            put_varint(((rows.div_ceil(8) as u64) << 1) | 1, out);
            out.extend_from_slice(&validity.sliced()[..rows.div_ceil(8)]);
            if !rows.is_multiple_of(8)
                && let Some(last) = out.last_mut()
            {
                *last &= (1 << (rows % 8)) - 1;
            }
        }
        _ => {
            put_varint((rows as u64) << 1, out);
            out.push(u8::from(valid > 0));
        }
    }
    let bytes = (out.len() - start - 4) as u32;
    out[start..start + 4].copy_from_slice(&bytes.to_le_bytes());
}

/// Appends `ids` of `width` bits each as runs of equal ids and groups of eight packed ones.
pub(super) fn put_hybrid(ids: &[u32], width: u32, out: &mut Vec<u8>) {
    let mut packed = 0;
    let mut next = 0;
    while let Some(group) = ids[next..].first_chunk::<8>() {
        // Runs are rare, so most groups are told by one branch that is always the same.
        let run = if group.iter().fold(0, |odd, id| odd | (id ^ group[0])) == 0 {
            run_length(&ids[next..])
        } else {
            0
        };
        if run >= RUN_MIN {
            put_groups(&ids[packed..next], width, out);
            put_varint((run as u64) << 1, out);
            out.extend_from_slice(&ids[next].to_le_bytes()[..width.div_ceil(8) as usize]);
            next += run;
            packed = next;
        } else {
            next += 8;
        }
    }
    put_groups(&ids[packed..], width, out);
}

fn run_length(ids: &[u32]) -> usize {
    ids.iter().take_while(|&&id| id == ids[0]).count()
}

/// Appends one run of packed groups.
fn put_groups(ids: &[u32], width: u32, out: &mut Vec<u8>) {
    if !ids.is_empty() {
        put_varint(((ids.len().div_ceil(8) as u64) << 1) | 1, out);
        put_packed(ids, width, out);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Reads `count` values of the hybrid, as the format's description has it.
    fn hybrid(mut bytes: &[u8], width: u32, count: usize) -> Vec<u32> {
        let mut values = Vec::new();
        while values.len() < count {
            let header = varint(&mut bytes);
            let many = (header >> 1) as usize;
            if header & 1 == 0 {
                let (value, rest) = bytes.split_at(width.div_ceil(8) as usize);
                let value = value
                    .iter()
                    .rev()
                    .fold(0, |value, &byte| value << 8 | u32::from(byte));
                values.extend(std::iter::repeat_n(value, many));
                bytes = rest;
            } else {
                let (packed, rest) = bytes.split_at(many * width as usize);
                let bit = |at: usize| u32::from(packed[at / 8] >> (at % 8) & 1);
                let value = |at: usize| {
                    let bits =
                        (0..width).map(|shift| bit(at * width as usize + shift as usize) << shift);
                    bits.sum::<u32>()
                };
                values.extend((0..many * 8).map(value));
                bytes = rest;
            }
        }
        assert!(bytes.is_empty());
        assert!(values.len() < count + 8 && values[count..].iter().all(|&padding| padding == 0));
        values.truncate(count);
        values
    }

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

    proptest! {
        #[test]
        fn the_hybrid_comes_back(
            width in 1u32..=32,
            runs in prop::collection::vec((any::<u32>(), 1usize..40), 0..30),
        ) {
            let mask = u32::MAX >> (32 - width);
            let ids = runs.iter().flat_map(|&(id, many)| std::iter::repeat_n(id & mask, many));
            let ids: Vec<u32> = ids.collect();
            let mut bytes = Vec::new();
            put_hybrid(&ids, width, &mut bytes);
            prop_assert_eq!(hybrid(&bytes, width, ids.len()), ids);
        }

        #[test]
        fn levels_come_back(
            valid in prop::collection::vec(any::<bool>(), 1..200),
            skip in 0usize..9,
        ) {
            let whole: BooleanBuffer = std::iter::repeat_n(true, skip)
                .chain(valid.iter().copied())
                .chain([true; 9])
                .collect();
            let validity = whole.slice(skip, valid.len());
            let mut bytes = Vec::new();
            put_levels(Some(&validity), valid.len(), validity.count_set_bits(), &mut bytes);
            let length = u32::from_le_bytes(bytes[..4].try_into().unwrap());
            prop_assert_eq!(length as usize, bytes.len() - 4);
            let expected: Vec<u32> = valid.iter().map(|&valid| u32::from(valid)).collect();
            prop_assert_eq!(hybrid(&bytes[4..], 1, valid.len()), expected);
        }
    }

    #[test]
    fn pages_without_nulls_or_without_cells_are_one_run() {
        for (valid, level) in [(1_000, 1), (0, 0)] {
            let validity = BooleanBuffer::new_unset(1_000);
            let validity = (valid == 0).then_some(&validity);
            let mut bytes = Vec::new();
            put_levels(validity, 1_000, valid, &mut bytes);
            assert_eq!(bytes[..4], 3u32.to_le_bytes());
            assert_eq!(hybrid(&bytes[4..], 1, 1_000), vec![level; 1_000]);
        }
    }

    #[test]
    fn ids_are_as_wide_as_the_last_one() {
        let widths = [(1, 1), (2, 1), (3, 2), (4, 2), (5, 3), (256, 8), (257, 9)];
        for (distinct, width) in widths {
            assert_eq!(id_width(distinct, false), width, "{distinct}");
        }
        let widths = [(2, 1), (3, 2), (5, 4), (9, 4), (17, 8), (256, 8), (257, 9)];
        for (distinct, width) in widths {
            assert_eq!(id_width(distinct, true), width, "{distinct}");
        }
    }
}
