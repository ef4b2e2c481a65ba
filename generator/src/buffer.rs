//! Short texts in, rows of bytes out. A text is stored as an array of fixed size, of which only the
//! bytes that matter count: no copy of variable length, so no branch on it, which is most of the
//! speed of writing rows. Invariant: a row fits the room asked for, or the slice panics.

/// The bytes of some rows.
#[derive(Debug, Default)]
pub(crate) struct Buffer {
    /// Written bytes, then bytes without meaning.
    bytes: Vec<u8>,
    len: usize,
}

impl Buffer {
    /// The bytes written.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    /// Forgets all bytes and keeps their memory.
    pub(crate) fn clear(&mut self) {
        self.len = 0;
    }

    /// Room for `bytes` more, to be written and then told to [`Buffer::advance`].
    pub(crate) fn room(&mut self, bytes: usize) -> &mut [u8] {
        if self.bytes.len() < self.len + bytes {
            self.bytes.resize((2 * self.len).max(self.len + bytes), 0);
        }
        &mut self.bytes[self.len..]
    }

    /// The first `bytes` of the room have been written.
    pub(crate) fn advance(&mut self, bytes: usize) {
        self.len += bytes;
    }
}

/// Stores `text` at `at`; returns where the next text goes if `len` bytes of this one count.
#[inline]
pub(crate) fn put<const N: usize>(out: &mut [u8], at: usize, text: [u8; N], len: usize) -> usize {
    debug_assert!(len <= N, "only bytes that were stored count");
    out[at..][..N].copy_from_slice(&text);
    at + len
}

/// Stores a byte at `at`; returns where the next text goes.
#[inline]
pub(crate) fn put_byte(out: &mut [u8], at: usize, byte: u8) -> usize {
    out[at] = byte;
    at + 1
}

/// A text of at most [`Word::BYTES_MAX`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Word {
    bytes: [u8; Self::BYTES_MAX],
    len: usize,
}

impl Word {
    pub(crate) const BYTES_MAX: usize = 16;

    /// # Panics
    /// If `text` is too long; all are constants.
    pub(crate) const fn new(text: &str) -> Self {
        let mut bytes = [0; Self::BYTES_MAX];
        let mut i = 0;
        while i < text.len() {
            bytes[i] = text.as_bytes()[i];
            i += 1;
        }
        Self {
            bytes,
            len: text.len(),
        }
    }

    /// Stores the word at `at`; returns where the next text goes.
    #[inline]
    pub(crate) fn put(&self, out: &mut [u8], at: usize) -> usize {
        put(out, at, self.bytes, self.len)
    }
}

/// Each of `texts` as a [`Word`].
pub(crate) const fn words<const N: usize>(texts: [&str; N]) -> [Word; N] {
    let mut words = [Word::new(""); N];
    let mut i = 0;
    while i < N {
        words[i] = Word::new(texts[i]);
        i += 1;
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_counts_is_kept_across_growth() {
        const TEXTS: [&str; 3] = ["", "a", "sixteen bytes ok"];
        let words = words(TEXTS);
        let mut buffer = Buffer::default();
        let mut expected = Vec::new();
        for i in 0..3000 {
            let out = buffer.room(40);
            let mut at = words[i % 3].put(out, 0);
            at = put_byte(out, at, b',');
            at = put(out, at, *b"12345678", i % 9);
            buffer.advance(at);
            expected.extend_from_slice(TEXTS[i % 3].as_bytes());
            expected.push(b',');
            expected.extend_from_slice(&b"12345678"[..i % 9]);
        }
        assert_eq!(buffer.as_bytes(), expected);
        buffer.clear();
        assert_eq!(buffer.as_bytes(), b"");
    }
}
