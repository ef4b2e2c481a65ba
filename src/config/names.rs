//! Text -> names: lists, `COL=…` pairs and the nearest known name for a mistyped one.
//! Keeps: a column name may hold any character, `=` and `:` included.

/// A comma list. An item in double quotes may hold commas, and `""` inside it is one quote.
pub(super) fn parse_list(text: &str) -> Result<Vec<String>, String> {
    let mut records = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .from_reader(text.as_bytes())
        .into_records();
    let items = match records.next() {
        None => return Ok(Vec::new()),
        Some(record) => record.map_err(|error| error.to_string())?,
    };
    if records.next().is_some() {
        return Err("a list is one line of comma-separated items".to_owned());
    }
    Ok(items.iter().map(str::to_owned).collect())
}

/// Splits `COL=REST` at the first `=` whose rest `parse` accepts, since both the column's name
/// and the rest may hold a `=`. `form` is what to write where there is no `=` at all.
pub(super) fn split_column<T>(
    text: &str,
    form: &str,
    parse: impl Fn(&str) -> Result<T, String>,
) -> Result<(String, T), String> {
    let mut error = format!("write {form}");
    for (at, _) in text.match_indices('=').filter(|(at, _)| *at > 0) {
        match parse(&text[at + 1..]) {
            Ok(rest) => return Ok((text[..at].to_owned(), rest)),
            Err(message) => error = message,
        }
    }
    Err(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_take_quoted_items() {
        assert_eq!(parse_list("NA,N/A").unwrap(), ["NA", "N/A"]);
        assert_eq!(parse_list(r#""a,b",c"#).unwrap(), ["a,b", "c"]);
        assert_eq!(parse_list(r#""""#).unwrap(), [""]);
        assert_eq!(parse_list("a,").unwrap(), ["a", ""]);
        assert!(parse_list("").unwrap().is_empty());
        assert!(parse_list("a\nb").is_err());
    }

    #[test]
    fn columns_may_hold_the_separator() {
        let digits = |text: &str| text.parse::<u32>().map_err(|_| format!("`{text}`?"));
        let split = |text| split_column(text, "COL=N", digits);
        assert_eq!(split("a=1").unwrap(), ("a".to_owned(), 1));
        assert_eq!(split("a=b=1").unwrap(), ("a=b".to_owned(), 1));
        assert_eq!(split("a").unwrap_err(), "write COL=N");
        assert_eq!(split("=1").unwrap_err(), "write COL=N");
        assert_eq!(split("a=x").unwrap_err(), "`x`?");
    }
}
