//! Options that are one of a few words, and the words.
//! Keeps: flags, file and builder take the same spellings.

use std::fmt;

use clap::ValueEnum;

use super::names;

/// What happens to rows of a key that are not in time order, where a time window is asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Order {
    /// End the run at the first row that comes before its predecessor, naming it.
    #[default]
    Error,
    /// Take rows as they come.
    Trust,
}

/// What happens when the lake exists.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    /// Fail.
    #[default]
    Error,
    /// Replace its parts.
    Overwrite,
    /// Add parts.
    Append,
}

/// What happens to a record or cell that cannot be read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum OnBadRow {
    /// Keep it in the rejects and go on.
    #[default]
    Reject,
    /// End the run.
    Fail,
}

/// When progress is shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Progress {
    /// On a terminal.
    #[default]
    Auto,
    /// Always; as plain lines where there is no terminal.
    Always,
    /// Never.
    Never,
}

/// The codec of Parquet pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Zstandard at a level from 1 to 22.
    Zstd(i32),
    /// LZ4 (raw blocks).
    Lz4,
    /// Snappy.
    Snappy,
    /// No compression.
    None,
}

/// The byte around quoted fields; `None` for no quoting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Quote(pub(super) Option<u8>);

impl Default for Compression {
    fn default() -> Self {
        Self::Zstd(1)
    }
}

impl fmt::Display for Compression {
    /// The spelling `--compression` takes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Zstd(level) => write!(f, "zstd:{level}"),
            Self::Lz4 => f.write_str("lz4"),
            Self::Snappy => f.write_str("snappy"),
            Self::None => f.write_str("none"),
        }
    }
}

/// `zstd`, `zstd:LEVEL`, `lz4`, `snappy` or `none`.
pub(super) fn parse_compression(text: &str) -> Result<Compression, String> {
    let (codec, level) = match text.split_once(':') {
        Some((codec, level)) => (codec, Some(level)),
        None => (text, None),
    };
    match (codec, level) {
        ("zstd", None) => Ok(Compression::default()),
        ("zstd", Some(level)) => match level.parse() {
            Ok(level @ 1..=22) => Ok(Compression::Zstd(level)),
            _ => Err("zstd takes a level from 1 to 22, such as zstd:3".to_owned()),
        },
        ("lz4", None) => Ok(Compression::Lz4),
        ("snappy", None) => Ok(Compression::Snappy),
        ("none", None) => Ok(Compression::None),
        ("lz4" | "snappy" | "none", Some(_)) => {
            Err(format!("{codec} has no levels; write {codec}"))
        }
        _ => {
            let codecs = ["zstd", "lz4", "snappy", "none"];
            Err(names::unknown("codec", codec, codecs.into_iter()))
        }
    }
}

/// One of the words of `T`.
pub(super) fn parse_choice<T: ValueEnum>(text: &str) -> Result<T, String> {
    T::from_str(text, false).map_err(|_| {
        let values = T::value_variants().iter();
        let words: Vec<_> = values.filter_map(ValueEnum::to_possible_value).collect();
        let words = words.iter().map(|word| word.get_name());
        names::unknown("value", text, words)
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

    #[test]
    fn words() {
        assert_eq!(parse_choice("trust"), Ok(Order::Trust));
        assert_eq!(parse_choice("overwrite"), Ok(Mode::Overwrite));
        assert_eq!(parse_choice("fail"), Ok(OnBadRow::Fail));
        assert_eq!(parse_choice("never"), Ok(Progress::Never));
        let message = parse_choice::<Mode>("overwrte").unwrap_err();
        assert!(message.contains("`overwrite`"), "{message}");
        let message = parse_choice::<Order>("x").unwrap_err();
        assert!(message.contains("choose from: error, trust"), "{message}");
    }

    #[test]
    fn codecs() {
        for text in ["zstd:1", "zstd:22", "lz4", "snappy", "none"] {
            assert_eq!(parse_compression(text).unwrap().to_string(), text);
        }
        assert_eq!(parse_compression("zstd"), Ok(Compression::Zstd(1)));
        for (text, expected) in [
            ("zstd:0", "1 to 22"),
            ("zstd:23", "1 to 22"),
            ("zstd:", "1 to 22"),
            ("lz4:3", "write lz4"),
            ("zst", "`zstd`"),
            ("gzip", "choose from: zstd, lz4"),
        ] {
            let message = parse_compression(text).unwrap_err();
            assert!(message.contains(expected), "{text}: {message}");
        }
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
    }
}
