//! Options that are one of a few words, and the words.
//! Keeps: flags, file and builder take the same spellings.

use clap::ValueEnum;
use encoding_rs::{Encoding, REPLACEMENT};

use crate::base::{Keep, Prefix, unknown};

/// What happens to a record or cell that cannot be read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum OnBadRow {
    /// Keep it in the rejects and go on.
    #[default]
    Reject,
    /// End the run.
    Fail,
}

/// What column types are inferred from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Infer {
    /// Samples spread over the whole input.
    #[default]
    Sample,
    /// Every record, in one more pass.
    Full,
}

/// Whether spaces before fields are no part of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum SkipSpace {
    /// Where a space follows every delimiter of a file.
    #[default]
    Auto,
    /// In all files.
    Yes,
    /// In none.
    No,
}

/// The byte around quoted fields; `None` for no quoting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Quote(pub(super) Option<u8>);

/// The encoding of all inputs; `None` to find it out for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TextEncoding(pub(super) Option<&'static Encoding>);
/// The byte that makes the next one ordinary; `None` for none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Escape(pub(super) Option<u8>);

/// What comment lines start with; `None` for no comments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Comment(pub(super) Option<Prefix>);

/// One of the words of `T`.
pub(super) fn parse_choice<T: ValueEnum>(text: &str) -> Result<T, String> {
    T::from_str(text, false).map_err(|_| {
        let values = T::value_variants().iter();
        let words: Vec<_> = values.filter_map(ValueEnum::to_possible_value).collect();
        let words = words.iter().map(|word| word.get_name());
        unknown("value", text, words)
    })
}

/// The byte between fields: one ASCII character, `\t` or `tab`, or `\xNN`.
pub(super) fn parse_delimiter(text: &str) -> Result<u8, String> {
    parse_byte(text).ok_or_else(|| {
        "write one ASCII character other than a line end, such as , ; | or \\t (or \\x1f)"
            .to_owned()
    })
}

/// The byte around quoted fields, or `none`.
pub(super) fn parse_quote(text: &str) -> Result<Quote, String> {
    if text == "none" {
        return Ok(Quote(None));
    }
    let byte = parse_byte(text);
    let form = "write one ASCII character other than a line end, such as \" or ', or none";
    byte.map(|byte| Quote(Some(byte)))
        .ok_or_else(|| form.to_owned())
}

/// The name of an encoding, or `auto`.
pub(super) fn parse_encoding(text: &str) -> Result<TextEncoding, String> {
    const USUAL: [&str; 17] = [
        "auto",
        "utf-8",
        "utf-16",
        "utf-16be",
        "windows-1252",
        "latin1",
        "iso-8859-2",
        "iso-8859-15",
        "windows-1250",
        "windows-1251",
        "koi8-r",
        "shift_jis",
        "euc-jp",
        "gbk",
        "gb18030",
        "big5",
        "euc-kr",
    ];
    if text.eq_ignore_ascii_case("auto") {
        return Ok(TextEncoding(None));
    }
    // Python's and Java's names for what the standard of the web calls otherwise.
    let label = match text.to_ascii_lowercase().replace('_', "-").as_str() {
        "utf-16-le" => "utf-16le".to_owned(),
        "utf-16-be" => "utf-16be".to_owned(),
        "utf-8-sig" => "utf-8".to_owned(),
        name => match name
            .strip_prefix("cp")
            .filter(|page| page.starts_with("125"))
        {
            Some(page) => format!("windows-{page}"),
            None => text.to_owned(),
        },
    };
    let known = Encoding::for_label(label.as_bytes());
    match known.filter(|encoding| *encoding != REPLACEMENT) {
        Some(encoding) => Ok(TextEncoding(Some(encoding))),
        None => Err(unknown("encoding", text, USUAL.into_iter())),
    }
}

/// The byte that makes the next one ordinary, or `none`.
pub(super) fn parse_escape(text: &str) -> Result<Escape, String> {
    if text == "none" {
        return Ok(Escape(None));
    }
    let byte = parse_byte(text);
    let form = "write one ASCII character other than a line end, such as \\, or none";
    byte.map(|byte| Escape(Some(byte)))
        .ok_or_else(|| form.to_owned())
}

/// What belongs to a table whatever it looks like: a comma list.
pub(super) fn parse_keep(text: &str) -> Result<Keep, String> {
    const WORDS: [&str; 3] = ["units", "footer", "trailing"];
    let mut keep = Keep::default();
    for word in text.split(',').map(str::trim) {
        match word {
            "units" => keep.units = true,
            "footer" => keep.footer = true,
            "trailing" => keep.trailing = true,
            _ => return Err(unknown("value", word, WORDS.into_iter())),
        }
    }
    Ok(keep)
}

/// What comment lines start with, or `none`.
pub(super) fn parse_comment(text: &str) -> Result<Comment, String> {
    if text == "none" {
        return Ok(Comment(None));
    }
    let prefix = Prefix::new(text.as_bytes()).filter(|_| !text.contains(['\n', '\r']));
    let max = Prefix::BYTES_MAX;
    let form = format!("write 1 to {max} bytes without a line end, such as # or //, or none");
    prefix.map(|prefix| Comment(Some(prefix))).ok_or(form)
}

fn parse_byte(text: &str) -> Option<u8> {
    let byte = match text.as_bytes() {
        [byte] => *byte,
        b"\\t" | b"tab" => b'\t',
        [b'\\', b'x', high, low] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
            u8::from_str_radix(&text[2..], 16).ok()?
        }
        _ => return None,
    };
    (byte.is_ascii() && byte != b'\n' && byte != b'\r').then_some(byte)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Mode, Progress};

    #[test]
    fn words() {
        assert_eq!(parse_choice("overwrite"), Ok(Mode::Overwrite));
        assert_eq!(parse_choice("fail"), Ok(OnBadRow::Fail));
        assert_eq!(parse_choice("never"), Ok(Progress::Never));
        let message = parse_choice::<Mode>("overwrte").unwrap_err();
        assert!(message.contains("`overwrite`"), "{message}");
        let message = parse_choice::<Mode>("x").unwrap_err();
        assert!(
            message.contains("choose from: error, overwrite"),
            "{message}"
        );
    }

    #[test]
    fn dialect_bytes() {
        for (text, byte) in [
            (",", b','),
            ("\\t", 9),
            ("tab", 9),
            ("\t", 9),
            ("\\x1F", 31),
        ] {
            assert_eq!(parse_delimiter(text), Ok(byte), "{text}");
        }
        for text in ["", ",,", "\n", "\r", "é", "\\x0a", "\\xff", "\\x+1", "none"] {
            assert!(parse_delimiter(text).is_err(), "{text}");
        }
        assert_eq!(parse_quote("'"), Ok(Quote(Some(b'\''))));
        assert_eq!(parse_quote("none"), Ok(Quote(None)));
        assert!(parse_quote("no").is_err());
        assert_eq!(parse_escape("\\"), Ok(Escape(Some(b'\\'))));
        assert_eq!(parse_escape("none"), Ok(Escape(None)));
        assert!(parse_escape("\\\\").is_err());
        assert_eq!(parse_comment("//"), Ok(Comment(Prefix::new(b"//"))));
        assert_eq!(parse_comment("none"), Ok(Comment(None)));
        assert!(parse_comment("").is_err() && parse_comment("12345678").is_err());
    }

    #[test]
    fn what_to_keep() {
        let keep = parse_keep("footer, units").unwrap();
        assert!(keep.units && keep.footer && !keep.trailing);
        assert!(parse_keep("trailing").unwrap().trailing);
        let message = parse_keep("units,trailng").unwrap_err();
        assert!(message.contains("`trailing`"), "{message}");
        assert!(parse_keep("").is_err());
    }
}
