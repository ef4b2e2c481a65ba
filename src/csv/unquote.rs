//! A field's raw bytes -> its text: outer quotes stripped, doubled quotes halved.
//!
//! Borrows where it can; a field with a doubled quote is copied to an arena. Only fields of good
//! records come here, so a field that starts with the quote also ends with it.

use bumpalo::Bump;
use memchr::memchr;

/// The text of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unquoted<'a> {
    /// The bytes between the quotes, or the whole field.
    pub text: &'a [u8],
    /// Whether the field was quoted: `""` is the empty string, an empty unquoted field is null.
    pub quoted: bool,
}

/// The text of `field`, in `scratch` where it is not a slice of the field.
#[inline]
pub fn unquote<'a>(field: &'a [u8], quote: Option<u8>, scratch: &'a Bump) -> Unquoted<'a> {
    let Some((inner, quote)) = strip(field, quote) else {
        return Unquoted {
            text: field,
            quoted: false,
        };
    };
    let text = match memchr(quote, inner) {
        None => inner,
        Some(_) => {
            let text = scratch.alloc_slice_copy(inner);
            let mut len = 0;
            for piece in pieces(inner, quote) {
                text[len..len + piece.len()].copy_from_slice(piece);
                len += piece.len();
            }
            &text[..len]
        }
    };
    Unquoted { text, quoted: true }
}

/// Appends the text of `field` to `text`.
pub(super) fn unquote_into(field: &[u8], quote: Option<u8>, text: &mut Vec<u8>) {
    match strip(field, quote) {
        None => text.extend_from_slice(field),
        Some((inner, quote)) => pieces(inner, quote).for_each(|piece| text.extend(piece)),
    }
}

/// What is between the outer quotes, and the quote, if the field is quoted.
#[inline]
pub(super) fn strip(field: &[u8], quote: Option<u8>) -> Option<(&[u8], u8)> {
    let quote = quote?;
    let inner = field.strip_prefix(&[quote])?;
    Some((inner.strip_suffix(&[quote]).unwrap_or(inner), quote))
}

/// `inner` cut after the first quote of each doubled one, without the second.
fn pieces(mut inner: &[u8], quote: u8) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        if inner.is_empty() {
            return None;
        }
        let Some(at) = memchr(quote, inner) else {
            return Some(std::mem::take(&mut inner));
        };
        let (piece, rest) = inner.split_at(at + 1);
        inner = rest.strip_prefix(&[quote]).unwrap_or(rest);
        Some(piece)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(field: &str) -> (String, bool) {
        let scratch = Bump::new();
        let unquoted = unquote(field.as_bytes(), Some(b'"'), &scratch);
        let mut owned = Vec::new();
        unquote_into(field.as_bytes(), Some(b'"'), &mut owned);
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
        let unquoted = unquote(field, Some(b'"'), &scratch);
        assert_eq!(unquoted.text.as_ptr_range(), field[1..4].as_ptr_range());
        assert_eq!(scratch.allocated_bytes(), 0);
        assert!(!unquote(field, None, &scratch).quoted);
    }

    proptest! {
        #[test]
        fn quoting_comes_back(original in "[a\"é,\n]{0,12}|[a\"]{50,200}") {
            let quoted = format!("\"{}\"", original.replace('"', "\"\""));
            prop_assert_eq!(text(&quoted), (original, true));
        }
    }
}
