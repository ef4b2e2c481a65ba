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
    /// The tokens that pandas reads as missing, and that of database dumps.
    fn default() -> Self {
        let tokens = [
            "", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND",
            "1.#QNAN", "<NA>", "N/A", "NA", "NULL", "NaN", "None", "\\N", "n/a", "nan", "null",
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
    /// By length up to [`SHORT_BYTES`], then all that are longer.
    tokens: [Vec<Token>; SHORT_BYTES + 2],
    /// Whether some token starts with the byte.
    starts: [bool; 256],
    /// Whether the empty text is a token; it is not among `tokens`.
    empty: bool,
}

/// Tokens up to this long are compared as two words.
const SHORT_BYTES: usize = 16;

#[derive(Debug, Clone)]
struct Token {
    words: [u64; 2],
    text: Box<[u8]>,
}

/// The first and the last bytes of a text that is not empty, which are all if it is short.
#[inline]
fn words(text: &[u8]) -> [u64; 2] {
    if let (Some(first), Some(last)) = (text.first_chunk(), text.last_chunk()) {
        return [first, last].map(|bytes| u64::from_le_bytes(*bytes));
    }
    if let (Some(first), Some(last)) = (text.first_chunk(), text.last_chunk()) {
        return [first, last].map(|bytes| u64::from(u32::from_le_bytes(*bytes)));
    }
    let middle = u64::from(text[text.len() / 2]);
    [
        u64::from(text[0]) << 8 | middle,
        u64::from(text[text.len() - 1]),
    ]
}

impl TokenSet {
    fn new<'a>(tokens: impl Iterator<Item = &'a [u8]>) -> Self {
        let mut set = Self {
            tokens: [const { Vec::new() }; _],
            starts: [false; 256],
            empty: false,
        };
        for token in tokens {
            let Some(&first) = token.first() else {
                set.empty = true;
                continue;
            };
            set.starts[usize::from(first)] = true;
            set.tokens[token.len().min(SHORT_BYTES + 1)].push(Token {
                words: words(token),
                text: token.into(),
            });
        }
        set
    }

    /// Whether `text` is one of the tokens.
    #[inline]
    pub(super) fn contains(&self, text: &[u8]) -> bool {
        let Some(&first) = text.first() else {
            return self.empty;
        };
        let tokens = &self.tokens[text.len().min(SHORT_BYTES + 1)];
        if tokens.is_empty() || !self.starts[usize::from(first)] {
            return false;
        }
        let words = words(text);
        let mut alike = tokens.iter().filter(|token| token.words == words);
        alike.any(|token| text.len() <= SHORT_BYTES || *token.text == *text)
    }

    /// The tokens that are not empty.
    pub(super) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.tokens.iter().flatten().map(|token| &*token.text)
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
            tokens in prop::collection::vec("[ab]{0,3}|[ab]{4,9}|a{14,18}b?|a{62,66}", 0..6),
            text in "[ab]{0,3}|[ab]{4,9}|a{14,18}b?|a{62,66}",
        ) {
            let set = TokenSet::new(tokens.iter().map(|token| token.as_bytes()));
            prop_assert_eq!(set.contains(text.as_bytes()), tokens.contains(&text));
        }
    }
}
