//! Raw bytes and text from files -> text that is safe to write and print.
//!
//! Invariant: encoded raw bytes are valid UTF-8 without control characters other than line feed,
//! carriage return and tab, and decode to the very bytes they came from.

use std::borrow::Cow;
use std::fmt::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Encodes raw bytes as text. Valid UTF-8 stays as it is, except that a backslash becomes `\\`;
/// control characters other than line feed, carriage return and tab, and bytes that are not UTF-8,
/// become `\xNN` per byte.
pub fn encode_raw(raw: &[u8]) -> Cow<'_, str> {
    let is_plain = |char: char| char != '\\' && (!char.is_control() || "\n\r\t".contains(char));
    if let Ok(text) = std::str::from_utf8(raw)
        && text.chars().all(is_plain)
    {
        return Cow::Borrowed(text);
    }
    let mut encoded = String::with_capacity(raw.len() + 16);
    for piece in raw.utf8_chunks() {
        for char in piece.valid().chars() {
            if is_plain(char) {
                encoded.push(char);
            } else if char == '\\' {
                encoded.push_str("\\\\");
            } else {
                push_hex(&mut encoded, char.encode_utf8(&mut [0; 4]).as_bytes());
            }
        }
        push_hex(&mut encoded, piece.invalid());
    }
    Cow::Owned(encoded)
}

/// As [`encode_raw`], for files that people open with a spreadsheet: a text that it would take for a
/// formula starts with `\\xNN` instead. Plain numbers stay as they are.
pub fn encode_cell(raw: &[u8]) -> Cow<'_, str> {
    let encoded = encode_raw(raw);
    let is_formula = |text: &str| match text.as_bytes() {
        [b'=' | b'@' | b'\t' | b'\r', ..] => true,
        [b'+' | b'-', rest @ ..] => !rest.iter().all(|byte| b"0123456789.,eE %".contains(byte)),
        _ => false,
    };
    if !is_formula(&encoded) {
        return encoded;
    }
    let (first, rest) = encoded.split_at(1);
    let mut safe = String::with_capacity(encoded.len() + 3);
    push_hex(&mut safe, first.as_bytes());
    safe.push_str(rest);
    Cow::Owned(safe)
}

/// As [`encode_cell`], of a path.
pub fn encode_path(path: &Path) -> String {
    encode_cell(path.as_os_str().as_bytes()).into_owned()
}

fn push_hex(encoded: &mut String, bytes: &[u8]) {
    for byte in bytes {
        write!(encoded, "\\x{byte:02x}").expect("a string takes any text");
    }
}

/// The raw bytes that [`encode_raw`] made `encoded` from; `None` if it holds a backslash that no
/// encoding writes.
pub fn decode_raw(encoded: &str) -> Option<Vec<u8>> {
    let mut raw = Vec::with_capacity(encoded.len());
    let mut rest = encoded.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = match (first, tail) {
            (b'\\', [b'\\', tail @ ..]) => {
                raw.push(b'\\');
                tail
            }
            (b'\\', [b'x', high, low, tail @ ..]) => {
                let digit = |byte: u8| char::from(byte).to_digit(16);
                raw.push((digit(*high)? << 4 | digit(*low)?) as u8);
                tail
            }
            (b'\\', _) => return None,
            _ => {
                raw.push(*first);
                tail
            }
        };
    }
    Some(raw)
}

/// `text` on one line for a terminal: control characters, and those that turn the direction of
/// writing, as `\u{…}`.
pub fn printable(text: &str) -> Cow<'_, str> {
    let is_unsafe = |char: char| {
        char.is_control() || matches!(char, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if !text.contains(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut printable = String::with_capacity(text.len() + 16);
    for char in text.chars() {
        if is_unsafe(char) {
            printable.extend(char.escape_default());
        } else {
            printable.push(char);
        }
    }
    Cow::Owned(printable)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn raw_text_stays_readable() {
        for (raw, encoded) in [
            (b"".as_slice(), ""),
            ("Zürich, 12\t\"x\"\r\n".as_bytes(), "Zürich, 12\t\"x\"\r\n"),
            (b"C:\\dir", "C:\\\\dir"),
            (b"a\x00b\x1b[31m\x7f", "a\\x00b\\x1b[31m\\x7f"),
            (b"\xff\xc3(\xe2\x82", "\\xff\\xc3(\\xe2\\x82"),
            ("\u{85}".as_bytes(), "\\xc2\\x85"),
        ] {
            assert_eq!(encode_raw(raw), encoded);
            assert_eq!(decode_raw(encoded).as_deref(), Some(raw));
        }
        for broken in ["\\", "\\x", "\\x1", "\\xg0", "\\n", "\\x+1"] {
            assert_eq!(decode_raw(broken), None, "{broken}");
        }
    }

    #[test]
    fn nothing_drives_a_spreadsheet() {
        for (raw, encoded) in [
            ("=1+1", "\\x3d1+1"),
            ("@SUM(A1)", "\\x40SUM(A1)"),
            ("-2+3|cmd", "\\x2d2+3|cmd"),
            ("+A1", "\\x2bA1"),
            ("\t=1", "\\x09=1"),
            ("-12.5", "-12.5"),
            ("+1,000 %", "+1,000 %"),
            ("a=1", "a=1"),
            ("", ""),
        ] {
            assert_eq!(encode_cell(raw.as_bytes()), encoded);
            assert_eq!(decode_raw(encoded).as_deref(), Some(raw.as_bytes()));
        }
    }

    #[test]
    fn nothing_drives_the_terminal() {
        assert_eq!(printable("plain ü \\ \""), "plain ü \\ \"");
        assert_eq!(printable("a\x1b[2Jb\nc"), "a\\u{1b}[2Jb\\nc");
        assert_eq!(printable("\u{202e}gpj"), "\\u{202e}gpj");
    }

    proptest! {
        #[test]
        fn any_bytes_come_back(raw: Vec<u8>) {
            let encoded = encode_cell(&raw);
            prop_assert_eq!(decode_raw(&encoded), Some(raw.clone()));
            let encoded = encode_raw(&raw);
            prop_assert!(!encoded.contains(|c: char| c.is_control() && !"\n\r\t".contains(c)));
            prop_assert_eq!(decode_raw(&encoded), Some(raw));
        }
    }
}
