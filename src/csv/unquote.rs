//! A field's raw bytes -> its text: outer quotes stripped, doubled quotes halved, escapes dropped.
//!
//! The null marker `\N` stays as it is. Borrows where it can; a field with a doubled quote or an escape is copied to an arena. Only
//! fields of good records come here, so a field that starts with the quote also ends with it.

use bumpalo::Bump;
use memchr::{memchr, memchr2};

use crate::base::Quoting;

/// The text of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unquoted<'a> {
    /// The bytes between the quotes, or the whole field, without escape bytes.
    pub text: &'a [u8],
    /// Whether the field was quoted: `""` is the empty string, an empty unquoted field is null.
    pub quoted: bool,
}

/// The text of `field`, in `scratch` where it is not a slice of the field.
#[inline]
pub fn unquote<'a>(field: &'a [u8], quoting: Quoting, scratch: &'a Bump) -> Unquoted<'a> {
    let (inner, quote) = strip(field, quoting.quote);
    let text = match (quote, quoting.escape) {
        (None, None) => inner,
        (Some(quote), None) if memchr(quote, inner).is_none() => inner,
        (None, Some(escape)) if memchr(escape, inner).is_none() => inner,
        (Some(quote), Some(escape)) if memchr2(quote, escape, inner).is_none() => inner,
        _ if quoting.is_null_marker(field) => inner,
        _ => {
            let text = scratch.alloc_slice_copy(inner);
            let mut len = 0;
            for piece in pieces(inner, quote, quoting.escape) {
                text[len..len + piece.len()].copy_from_slice(piece);
                len += piece.len();
            }
            &text[..len]
        }
    };
    Unquoted {
        text,
        quoted: quote.is_some(),
    }
}

/// Appends the text of `field` to `text`.
pub(super) fn unquote_into(field: &[u8], quoting: Quoting, text: &mut Vec<u8>) {
    let (inner, quote) = strip(field, quoting.quote);
    pieces(inner, quote, quoting.escape).for_each(|piece| text.extend(piece));
}

/// What is between the outer quotes, and the quote, if the field is quoted; else all of it.
#[inline]
pub(super) fn strip(field: &[u8], quote: Option<u8>) -> (&[u8], Option<u8>) {
    let inner = quote.and_then(|quote| field.strip_prefix(&[quote]));
    match (inner, quote) {
        (Some(inner), Some(quote)) => (inner.strip_suffix(&[quote]).unwrap_or(inner), Some(quote)),
        _ => (field, None),
    }
}

/// `inner` cut after the first quote of each doubled one, without the second, and before each
/// escape byte that something follows, without that byte.
fn pieces(mut inner: &[u8], quote: Option<u8>, escape: Option<u8>) -> impl Iterator<Item = &[u8]> {
    let mut from = 0;
    std::iter::from_fn(move || {
        if inner.is_empty() {
            return None;
        }
        let special = |byte: &u8| Some(*byte) == quote || Some(*byte) == escape;
        let rest = &inner[from..];
        let found = match (quote, escape) {
            (Some(quote), None) => memchr(quote, rest),
            _ => rest.iter().position(special),
        };
        let Some(at) = found.map(|at| from + at) else {
            return Some(std::mem::take(&mut inner));
        };
        let (piece, skipped);
        if Some(inner[at]) == escape {
            if at + 1 == inner.len() {
                return Some(std::mem::take(&mut inner));
            }
            (piece, skipped) = (&inner[..at], 1);
            // What is escaped is not looked at.
            from = 1;
        } else {
            piece = &inner[..=at];
            skipped = usize::from(inner[at + 1..].first() == Some(&inner[at]));
            from = 0;
        }
        inner = &inner[piece.len() + skipped..];
        Some(piece)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const QUOTING: Quoting = Quoting {
        quote: Some(b'"'),
        escape: None,
    };

    fn text(field: &str) -> (String, bool) {
        let scratch = Bump::new();
        let unquoted = unquote(field.as_bytes(), QUOTING, &scratch);
        let mut owned = Vec::new();
        unquote_into(field.as_bytes(), QUOTING, &mut owned);
        assert_eq!(owned, unquoted.text);
        (
            String::from_utf8(owned).expect("tests use UTF-8"),
            unquoted.quoted,
        )
    }

    #[test]
    fn quoted_is_told_from_empty() {
        assert_eq!(text(""), (String::new(), false));
        assert_eq!(text("\"\""), (String::new(), true));
        assert_eq!(text("\"\"\"\""), ("\"".into(), true));
        assert_eq!(text("a\"\"b"), ("a\"\"b".into(), false));
        assert_eq!(text("\"a\"\"\"\"b\"\"\""), ("a\"\"b\"".into(), true));
    }

    #[test]
    fn borrows_unless_a_quote_is_doubled() {
        let scratch = Bump::new();
        let field = b"\"abc\"";
        let unquoted = unquote(field, QUOTING, &scratch);
        assert_eq!(unquoted.text.as_ptr_range(), field[1..4].as_ptr_range());
        assert_eq!(scratch.allocated_bytes(), 0);
        assert!(!unquote(field, Quoting::doubled(None), &scratch).quoted);
    }

    #[test]
    fn escapes_are_dropped() {
        let quoting = Quoting {
            escape: Some(b'\\'),
            ..QUOTING
        };
        for (field, expected, quoted) in [
            ("a", "a", false),
            ("a\\,\\\\b", "a,\\b", false),
            ("\\\"a\"", "\"a\"", false),
            ("\"a\\\"b\"\"c\\\\\"", "a\"b\"c\\", true),
            ("a\\", "a\\", false),
        ] {
            let scratch = Bump::new();
            let found = unquote(field.as_bytes(), quoting, &scratch);
            assert_eq!((found.text, found.quoted), (expected.as_bytes(), quoted));
            let mut owned = Vec::new();
            unquote_into(field.as_bytes(), quoting, &mut owned);
            assert_eq!(owned, expected.as_bytes());
        }
    }

    proptest! {
        #[test]
        fn quoting_comes_back(original in "[a\"é,\n]{0,12}|[a\"]{50,200}") {
            let quoted = format!("\"{}\"", original.replace('"', "\"\""));
            prop_assert_eq!(text(&quoted), (original, true));
        }
    }
}
