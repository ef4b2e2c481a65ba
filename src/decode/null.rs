//! Which cells are null: in come the user's or the default tokens, out goes a set per column.
//! Invariant: an empty unquoted field is null in every column, whatever the tokens.

use std::collections::HashMap;

/// The tokens that stand for a missing cell.
#[derive(Debug, Clone)]
pub struct NullTokens {
    /// For the columns that are not text.
    pub default: Vec<String>,
    /// By slot; replaces `default`, and applies to text columns too.
    pub per_column: HashMap<usize, Vec<String>>,
}

impl Default for NullTokens {
    /// The tokens that pandas reads as missing.
    fn default() -> Self {
        let tokens = [
            "", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND",
            "1.#QNAN", "<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null",
        ];
        Self {
            default: tokens.map(String::from).to_vec(),
            per_column: HashMap::new(),
        }
    }
}

impl NullTokens {
    /// The tokens of `slot` when its column is not text. They match trimmed cells.
    pub(super) fn of_typed(&self, slot: usize) -> TokenSet {
        let tokens = self.per_column.get(&slot).unwrap_or(&self.default);
        let trimmed = tokens
            .iter()
            .map(|token| super::field::trim(token.as_bytes()));
        TokenSet::new(trimmed.chain([&b""[..]]))
    }

    /// The tokens of `slot` when its column is text: none unless set for it.
    pub(super) fn of_text(&self, slot: usize) -> TokenSet {
        let tokens = self.per_column.get(&slot).into_iter().flatten();
        TokenSet::new(tokens.map(|token| token.as_bytes()))
    }

    /// What looks like a missing cell in a text column.
    pub(super) fn lookalikes(&self) -> TokenSet {
        TokenSet::new(self.default.iter().map(|token| token.as_bytes()))
    }
}

/// A set of tokens, quick to say that a cell is none of them.
#[derive(Debug, Clone)]
pub(super) struct TokenSet {
    tokens: Vec<Box<[u8]>>,
    /// Bit n: some token is n bytes long; bit 63 stands for 63 and more.
    lengths: u64,
    /// Whether some token starts with the byte.
    starts: [bool; 256],
}

impl TokenSet {
    fn new<'a>(tokens: impl Iterator<Item = &'a [u8]>) -> Self {
        let tokens: Vec<Box<[u8]>> = tokens.map(Box::from).collect();
        let mut starts = [false; 256];
        let mut lengths = 0;
        for token in &tokens {
            lengths |= 1 << token.len().min(63);
            starts[token.first().map_or(0, |&byte| usize::from(byte))] = true;
        }
        Self {
            tokens,
            lengths,
            starts,
        }
    }

    /// Whether `text` is one of the tokens.
    #[inline]
    pub(super) fn contains(&self, text: &[u8]) -> bool {
        if self.lengths >> text.len().min(63) & 1 == 0 {
            return false;
        }
        let start = text.first().map_or(0, |&byte| usize::from(byte));
        self.starts[start] && self.tokens.iter().any(|token| **token == *text)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.tokens.iter().map(|token| &**token)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn tokens_by_kind_of_column() {
        let mut tokens = NullTokens::default();
        tokens.per_column.insert(1, vec![" - ".into()]);
        assert!(tokens.of_typed(0).contains(b"NaN") && tokens.of_typed(0).contains(b""));
        assert!(!tokens.of_typed(0).contains(b"-") && !tokens.of_typed(0).contains(b"na"));
        assert!(tokens.of_typed(1).contains(b"-") && tokens.of_typed(1).contains(b""));
        assert!(!tokens.of_typed(1).contains(b"NaN"));
        assert!(!tokens.of_text(0).contains(b"NaN") && !tokens.of_text(0).contains(b""));
        assert!(tokens.of_text(1).contains(b" - ") && !tokens.of_text(1).contains(b"-"));
        assert!(tokens.lookalikes().contains(b"None"));
    }

    proptest! {
        #[test]
        fn the_quick_answer_is_the_plain_one(
            tokens in prop::collection::vec("[ab]{0,3}|a{62,66}", 0..6),
            text in "[ab]{0,3}|a{62,66}",
        ) {
            let set = TokenSet::new(tokens.iter().map(|token| token.as_bytes()));
            prop_assert_eq!(set.contains(text.as_bytes()), tokens.contains(&text));
        }
    }
}
