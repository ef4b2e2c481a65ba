//! What was found -> words that any terminal can show.

/// A byte as a person writes it: `','`, `tab`, `0x01`.
pub(super) fn byte(byte: u8) -> String {
    match byte {
        b'\t' => "tab".to_owned(),
        b' ' => "space".to_owned(),
        byte if byte.is_ascii_graphic() => format!("'{}'", char::from(byte)),
        byte => format!("0x{byte:02x}"),
    }
}

/// `1 field`, `2 fields`.
pub(super) fn fields(number: usize) -> String {
    count(number, "field")
}

/// A number of things.
pub(super) fn count(number: usize, thing: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {thing}{plural}")
}

/// Texts in quotes, the first of them.
pub(super) fn list(texts: &[&[u8]]) -> String {
    const TEXTS_MAX: usize = 4;
    const CHARS_MAX: usize = 20;
    let shown = texts.iter().take(TEXTS_MAX).map(|text| {
        let text = String::from_utf8_lossy(text);
        let cut: String = text.chars().take(CHARS_MAX).collect();
        format!("`{}`", cut.escape_debug())
    });
    let more = if texts.len() > TEXTS_MAX { ", …" } else { "" };
    shown.collect::<Vec<_>>().join(", ") + more
}
