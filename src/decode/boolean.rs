//! Text -> bool. An inferred column knows pandas' spellings, a declared one any usual pair of
//! words. Invariant: a text that names neither value is a misfit.

use arrow::array::{ArrayRef, BooleanArray};
use arrow::buffer::{BooleanBuffer, NullBuffer};

use super::column::{Leaf, Misfit, shared};

/// `true`, `True`, `TRUE` and their opposites.
#[inline]
pub fn parse_word(text: &[u8]) -> Option<bool> {
    match text {
        b"true" | b"True" | b"TRUE" => Some(true),
        b"false" | b"False" | b"FALSE" => Some(false),
        _ => None,
    }
}

/// true, t, yes, y, on, 1 and their opposites, in upper or lower case.
pub fn parse_any(text: &[u8]) -> Option<bool> {
    const WORDS: [(&[u8], bool); 12] = [
        (b"true", true),
        (b"false", false),
        (b"t", true),
        (b"f", false),
        (b"yes", true),
        (b"no", false),
        (b"y", true),
        (b"n", false),
        (b"on", true),
        (b"off", false),
        (b"1", true),
        (b"0", false),
    ];
    let found = WORDS
        .iter()
        .find(|(word, _)| word.eq_ignore_ascii_case(text));
    found.map(|&(_, value)| value)
}

/// The usual pairs of words, true first; the first is known without any of its own.
pub(super) const PAIRS: [[&str; 2]; 5] = [
    ["true", "false"],
    ["yes", "no"],
    ["y", "n"],
    ["t", "f"],
    ["on", "off"],
];

/// A bool column of one of [`PAIRS`], in any case.
pub(super) struct Pair {
    words: [&'static str; 2],
}

impl Pair {
    /// The pair that a column's format names, as `yes/no`.
    pub(super) fn new(format: &str) -> Self {
        let named = |words: &&[&str; 2]| format.split('/').eq(words.iter().copied());
        let words = PAIRS.iter().find(named).expect("a pair of words");
        Self { words: *words }
    }
}

impl Leaf for Pair {
    type Cell = bool;

    fn parse(&mut self, text: &[u8]) -> Result<bool, Misfit> {
        let is = |word: &&str| word.as_bytes().eq_ignore_ascii_case(text);
        let at = self.words.iter().position(is);
        at.map(|at| at == 0).ok_or(Misfit::Mismatch)
    }

    fn array(&self, cells: Vec<bool>, nulls: Option<NullBuffer>) -> ArrayRef {
        Boolean { declared: false }.array(cells, nulls)
    }
}

/// A bool column.
pub(super) struct Boolean {
    pub(super) declared: bool,
}

impl Leaf for Boolean {
    type Cell = bool;

    fn parse(&mut self, text: &[u8]) -> Result<bool, Misfit> {
        let value = if self.declared {
            parse_any(text)
        } else {
            parse_word(text)
        };
        value.ok_or(Misfit::Mismatch)
    }

    fn array(&self, cells: Vec<bool>, nulls: Option<NullBuffer>) -> ArrayRef {
        let bits = BooleanBuffer::collect_bool(cells.len(), |row| cells[row]);
        shared(BooleanArray::new(bits, nulls))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings() {
        let (mut inferred, mut declared) =
            (Boolean { declared: false }, Boolean { declared: true });
        for (yes, no) in [("true", "false"), ("True", "False"), ("TRUE", "FALSE")] {
            assert_eq!(inferred.parse(yes.as_bytes()), Ok(true));
            assert_eq!(inferred.parse(no.as_bytes()), Ok(false));
            assert_eq!(declared.parse(yes.as_bytes()), Ok(true));
            assert_eq!(declared.parse(no.as_bytes()), Ok(false));
        }
        for (yes, no) in [
            ("T", "f"),
            ("yes", "NO"),
            ("Y", "n"),
            ("oN", "ofF"),
            ("1", "0"),
        ] {
            assert_eq!(declared.parse(yes.as_bytes()), Ok(true));
            assert_eq!(declared.parse(no.as_bytes()), Ok(false));
            assert_eq!(inferred.parse(yes.as_bytes()), Err(Misfit::Mismatch));
            assert_eq!(inferred.parse(no.as_bytes()), Err(Misfit::Mismatch));
        }
        for text in ["", "2", "tru", "truee", "01", "tRue "] {
            assert_eq!(inferred.parse(text.as_bytes()), Err(Misfit::Mismatch));
            assert_eq!(declared.parse(text.as_bytes()), Err(Misfit::Mismatch));
        }
        assert_eq!(inferred.parse(b"tRUE"), Err(Misfit::Mismatch));
    }

    #[test]
    fn pairs() {
        for [yes, no] in PAIRS {
            let mut pair = Pair::new(&format!("{yes}/{no}"));
            for [yes, no] in [
                [yes, no].map(str::to_owned),
                [yes, no].map(str::to_uppercase),
            ] {
                assert_eq!(pair.parse(yes.as_bytes()), Ok(true));
                assert_eq!(pair.parse(no.as_bytes()), Ok(false));
            }
            for text in ["", "1", "0", "x", "yess"] {
                assert_eq!(pair.parse(text.as_bytes()), Err(Misfit::Mismatch));
            }
        }
        assert_eq!(Pair::new("yes/no").parse(b"true"), Err(Misfit::Mismatch));
    }

    #[test]
    fn packs_bits() {
        let cells: Vec<bool> = (0..19).map(|row| row % 3 == 0).collect();
        let array = Boolean { declared: false }.array(cells.clone(), None);
        let array = array.as_any().downcast_ref::<BooleanArray>().unwrap();
        assert!(array.iter().eq(cells.into_iter().map(Some)));
    }
}
