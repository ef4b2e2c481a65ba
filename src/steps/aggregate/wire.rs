//! What a group holds <-> the bytes that stand for it in a run, and values <-> bytes that sort as
//! they do.
//! Keeps: what was put is taken, in the same order; bytes compare as the values they stand for.

/// Appends a whole number, small ones in few bytes.
pub(super) fn put_count(out: &mut Vec<u8>, mut count: u64) {
    while count >= 0x80 {
        out.push(count as u8 | 0x80);
        count >>= 7;
    }
    out.push(count as u8);
}

/// Appends a float.
pub(super) fn put_float(out: &mut Vec<u8>, float: f64) {
    out.extend_from_slice(&float.to_le_bytes());
}

/// Appends bytes and how many they are.
pub(super) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_count(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Takes from bytes what was put there.
pub(super) struct Taker<'a>(pub(super) &'a [u8]);

impl<'a> Taker<'a> {
    /// What [`put_count`] put.
    pub(super) fn count(&mut self) -> u64 {
        let (mut count, mut shift) = (0, 0);
        loop {
            let byte = self.array::<1>()[0];
            count |= u64::from(byte & 0x7f) << shift;
            shift += 7;
            if byte < 0x80 {
                return count;
            }
        }
    }

    /// What [`put_float`] put.
    pub(super) fn float(&mut self) -> f64 {
        f64::from_le_bytes(self.array())
    }

    /// What [`put_bytes`] put.
    pub(super) fn bytes(&mut self) -> &'a [u8] {
        let length = self.count() as usize;
        self.slice(length)
    }

    /// The next bytes, as they were put.
    pub(super) fn array<const N: usize>(&mut self) -> [u8; N] {
        let slice = self.slice(N);
        slice.try_into().expect("a slice of that length")
    }

    fn slice(&mut self, length: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(length);
        self.0 = rest;
        taken
    }
}

const TOP: u64 = 1 << 63;

/// An integer as a word that sorts as it does.
pub(super) fn integer_word(value: i64) -> u64 {
    value as u64 ^ TOP
}

/// What [`integer_word`] was made of.
pub(super) fn word_integer(word: u64) -> i64 {
    (word ^ TOP) as i64
}

/// A float as a word that sorts as it does; both zeros are one.
pub(super) fn float_word(value: f64) -> u64 {
    let bits = (value + 0.0).to_bits();
    bits ^ if bits & TOP == 0 { TOP } else { u64::MAX }
}

/// What [`float_word`] was made of.
pub(super) fn word_float(word: u64) -> f64 {
    f64::from_bits(word ^ if word & TOP == 0 { u64::MAX } else { TOP })
}

/// A decimal as bytes that sort as it does.
pub(super) fn decimal_bytes(value: i128) -> [u8; 16] {
    (value as u128 ^ 1 << 127).to_be_bytes()
}

/// What [`decimal_bytes`] was made of.
pub(super) fn bytes_decimal(bytes: &[u8]) -> i128 {
    let bytes = bytes.try_into().expect("a decimal has 16 bytes");
    (u128::from_be_bytes(bytes) ^ 1 << 127) as i128
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_is_taken() {
        let mut out = Vec::new();
        for count in [0, 1, 127, 128, 300, u64::MAX] {
            put_count(&mut out, count);
        }
        put_float(&mut out, -0.5);
        put_bytes(&mut out, b"abc");
        let mut taker = Taker(&out);
        for count in [0, 1, 127, 128, 300, u64::MAX] {
            assert_eq!(taker.count(), count);
        }
        assert_eq!((taker.float(), taker.bytes()), (-0.5, b"abc".as_slice()));
        assert_eq!(taker.0, b"");
    }

    #[test]
    fn bytes_sort_as_values_do() {
        let floats = [
            f64::NEG_INFINITY,
            -1.5,
            -5e-324,
            0.0,
            5e-324,
            1.0,
            f64::INFINITY,
        ];
        assert!(floats.map(float_word).is_sorted());
        assert!(
            floats
                .iter()
                .all(|&float| word_float(float_word(float)) == float)
        );
        assert_eq!(float_word(-0.0), float_word(0.0));
        let integers = [i64::MIN, -1, 0, 1, i64::MAX];
        assert!(integers.map(integer_word).is_sorted());
        assert!(
            integers
                .iter()
                .all(|&it| word_integer(integer_word(it)) == it)
        );
        let decimals = [i128::MIN, -1, 0, 1, i128::MAX];
        assert!(decimals.map(decimal_bytes).is_sorted());
        assert!(
            decimals
                .iter()
                .all(|&it| bytes_decimal(&decimal_bytes(it)) == it)
        );
    }
}
