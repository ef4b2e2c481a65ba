//! Texts that are remembered for a while, one behind the other: a text in, a place out, and back.
//!
//! Invariant: what is forgotten takes up no more than what is remembered, and 64 KiB.

/// Where a remembered text lies.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct TextRef {
    start: usize,
    len: u32,
}

/// Remembered texts.
#[derive(Debug, Default)]
pub(super) struct TextArena {
    texts: String,
    /// Length of those that are not forgotten.
    live_bytes: usize,
}

impl TextArena {
    /// Remembers a text.
    #[inline]
    pub(super) fn add(&mut self, text: &str) -> TextRef {
        let start = self.texts.len();
        self.texts.push_str(text);
        self.live_bytes += text.len();
        TextRef {
            start,
            len: text.len() as u32,
        }
    }

    /// A text that is remembered.
    #[inline]
    pub(super) fn get(&self, text: TextRef) -> &str {
        &self.texts[text.start..text.start + text.len as usize]
    }

    /// Forgets a text, whose room is won back later.
    #[inline]
    pub(super) fn forget(&mut self, text: TextRef) {
        self.live_bytes -= text.len as usize;
    }

    /// Whether half of the room is taken by what is forgotten.
    pub(super) fn is_wasteful(&self) -> bool {
        const WASTE_BYTES: usize = 1 << 16;
        self.texts.len() > 2 * self.live_bytes + WASTE_BYTES
    }

    /// Wins room back; `all` visits all texts that are remembered, whose places change.
    pub(super) fn compact(&mut self, all: impl FnOnce(&mut dyn FnMut(&mut TextRef))) {
        let mut kept = String::with_capacity(self.live_bytes);
        all(&mut |text| {
            let start = kept.len();
            kept.push_str(&self.texts[text.start..text.start + text.len as usize]);
            text.start = start;
        });
        self.texts = kept;
    }

    /// Memory held, in bytes.
    pub(super) fn memory_bytes(&self) -> usize {
        self.texts.capacity()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forgotten_texts_are_cleared_away() {
        let mut arena = TextArena::default();
        let mut last: Vec<Option<TextRef>> = vec![None; 3];
        let mut largest = 0;
        for row in 0..100_000_usize {
            let text = arena.add(&format!("text {row} ä"));
            if let Some(forgotten) = last[row % 3].replace(text) {
                arena.forget(forgotten);
            }
            if arena.is_wasteful() {
                arena.compact(|keep| last.iter_mut().flatten().for_each(keep));
            }
            largest = largest.max(arena.memory_bytes());
            assert_eq!(
                arena.get(text.clone_of(&last, row)),
                format!("text {row} ä")
            );
        }
        assert!(largest < 1 << 18, "{largest}");
        let texts: Vec<&str> = last.iter().flatten().map(|text| arena.get(*text)).collect();
        assert_eq!(texts, ["text 99999 ä", "text 99997 ä", "text 99998 ä"]);
    }

    impl TextRef {
        /// The same text, wherever it lies by now.
        fn clone_of(self, last: &[Option<TextRef>], row: usize) -> Self {
            last[row % 3].unwrap_or(self)
        }
    }
}
