//! Unsigned numbers -> bits, least significant first, as all of Parquet's encodings pack them.
//!
//! Eight numbers of any width end at a byte, so they are shifted into place as a group, without
//! anything carried over from the group before.

/// Bytes a group may write beyond its end.
const SLACK: usize = 32;

/// Appends `values` of at most `width` bits each; the last group is filled up with zeros.
pub(super) fn put_packed<T: Copy + Default + Into<u64>>(
    values: &[T],
    width: u32,
    out: &mut Vec<u8>,
) {
    match width {
        0 => {}
        1..=8 => put_groups(values, width, out, |group, to: &mut [u8; 8]| {
            *to = join(group, width).to_le_bytes();
        }),
        9..=16 => put_groups(values, width, out, |group, to: &mut [u8; 16]| {
            let [low, high] = [&group[..4], &group[4..]].map(|half| u128::from(join(half, width)));
            *to = (low | high << (4 * width)).to_le_bytes();
        }),
        17..=32 => put_groups(values, width, out, |group, to: &mut [u8; 32]| {
            let pair = |at: usize| u128::from(join(&group[at..at + 2], width));
            let [low, high] = [0, 4].map(|at| pair(at) | pair(at + 2) << (2 * width));
            put_halves(low, high, 4 * width, to);
        }),
        _ => put_wide(values, width, out),
    }
}

/// Up to eight values side by side.
#[inline]
fn join<T: Copy + Into<u64>>(values: &[T], width: u32) -> u64 {
    let shifted = values.iter().enumerate();
    shifted.fold(0, |word, (index, &value)| {
        word | value.into() << (index as u32 * width)
    })
}

/// Writes `low`, of `bits` bits, and `high` behind it; `bits` is a multiple of four.
#[inline]
fn put_halves(low: u128, high: u128, bits: u32, to: &mut [u8; 32]) {
    let (bytes, rest) = ((bits / 8) as usize, bits % 8);
    to[..16].copy_from_slice(&low.to_le_bytes());
    let high = if rest == 0 {
        high
    } else {
        high << rest | low >> (bits - rest)
    };
    to[bytes..bytes + 16].copy_from_slice(&high.to_le_bytes());
}

/// Appends groups of `width` bytes, each written by `put` into a larger window.
#[inline]
fn put_groups<T: Copy + Default, const WINDOW: usize>(
    values: &[T],
    width: u32,
    out: &mut Vec<u8>,
    put: impl Fn(&[T; 8], &mut [u8; WINDOW]),
) {
    let (groups, tail) = values.as_chunks::<8>();
    let start = out.len();
    let end = start + values.len().div_ceil(8) * width as usize;
    out.resize(end + SLACK, 0);
    let mut rest = &mut out[start..];
    let mut put_next = |group: &[T; 8]| {
        let window = rest.first_chunk_mut().expect("the slack is wide enough");
        put(group, window);
        rest = &mut std::mem::take(&mut rest)[width as usize..];
    };
    for group in groups {
        put_next(group);
    }
    if !tail.is_empty() {
        let mut group = [T::default(); 8];
        group[..tail.len()].copy_from_slice(tail);
        put_next(&group);
    }
    out.truncate(end);
}

/// As [`put_packed`], for any width.
fn put_wide<T: Copy + Into<u64>>(values: &[T], width: u32, out: &mut Vec<u8>) {
    let end = out.len() + values.len().div_ceil(8) * width as usize;
    let (mut word, mut bits) = (0u128, 0);
    for &value in values {
        word |= u128::from(value.into()) << bits;
        bits += width;
        if bits >= 64 {
            out.extend_from_slice(&(word as u64).to_le_bytes());
            word >>= 64;
            bits -= 64;
        }
    }
    out.extend_from_slice(&(word as u64).to_le_bytes());
    out.resize(end, 0);
}

/// Appends `value`, seven bits a byte.
pub(super) fn put_varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends `value` so that small numbers of either sign are short.
pub(super) fn put_zigzag(value: i64, out: &mut Vec<u8>) {
    put_varint((value << 1 ^ value >> 63) as u64, out);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn groups_are_packed_as_one_by_one(
            width in 0u32..=64,
            values in prop::collection::vec(any::<u64>(), 0..70),
            before in 0usize..3,
        ) {
            let values: Vec<u64> = values
                .iter()
                .map(|value| if width == 0 { 0 } else { value >> (64 - width) })
                .collect();
            let mut packed = vec![7; before];
            put_packed(&values, width, &mut packed);
            let mut plain = vec![7; before];
            put_wide(&values, width, &mut plain);
            prop_assert_eq!(&packed, &plain);

            let packed = &packed[before..];
            prop_assert_eq!(packed.len(), values.len().div_ceil(8) * width as usize);
            let bit = |at: usize| u64::from(packed[at / 8] >> (at % 8) & 1);
            for (index, &value) in values.iter().enumerate() {
                let first = index * width as usize;
                let back = (0..width as usize).map(|shift| bit(first + shift) << shift);
                prop_assert_eq!(back.sum::<u64>(), value);
            }
        }
    }
}
