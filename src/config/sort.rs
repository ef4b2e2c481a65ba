//! `--sort`, and `sort` in the file: what is written -> [`SortSpec`].
//! Keeps: there is at least one column, and none is named twice.

use std::fmt;

/// The columns that rows are sorted by, the first before the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SortSpec {
    /// Each column, and whether large values come first.
    pub by: Vec<(String, bool)>,
    /// Whether null comes before every value, and not behind.
    pub nulls_first: bool,
}

impl SortSpec {
    /// Columns as the flag takes them: with a minus before those whose large values come first.
    pub(super) fn parse(columns: &[String]) -> Result<Self, String> {
        let by = columns.iter().map(|column| match column.strip_prefix('-') {
            Some(name) => (name.to_owned(), true),
            None => (column.clone(), false),
        });
        Self::new(by.collect(), false)
    }

    /// Columns that are all there is to their names, and which of them are `descending`.
    pub(super) fn by(
        columns: Vec<String>,
        descending: &[String],
        nulls_first: bool,
    ) -> Result<Self, String> {
        if let Some(other) = descending.iter().find(|name| !columns.contains(name)) {
            return Err(format!("`{other}` is descending, but not in `by`"));
        }
        let is_descending = |name: String| {
            let is_descending = descending.contains(&name);
            (name, is_descending)
        };
        let by = columns.into_iter().map(is_descending);
        Self::new(by.collect(), nulls_first)
    }

    fn new(by: Vec<(String, bool)>, nulls_first: bool) -> Result<Self, String> {
        if by.is_empty() || by.iter().any(|(name, _)| name.is_empty()) {
            return Err("name the columns to sort by, such as region or -timestamp".to_owned());
        }
        let twice = |(index, (name, _)): &(usize, &(String, bool))| {
            by[..*index].iter().any(|(before, _)| before == name)
        };
        if let Some((_, (name, _))) = by.iter().enumerate().find(twice) {
            return Err(format!("`{name}` is given twice; name it once"));
        }
        Ok(Self { by, nulls_first })
    }
}

impl fmt::Display for SortSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sort ")?;
        for (index, (name, descending)) in self.by.iter().enumerate() {
            let comma = if index > 0 { "," } else { "" };
            let minus = if *descending { "-" } else { "" };
            write!(f, "{comma}{minus}{name}")?;
        }
        match self.nulls_first {
            true => f.write_str(", nulls first"),
            false => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(text: &str) -> Vec<String> {
        text.split(',').map(str::to_owned).collect()
    }

    #[test]
    fn a_minus_is_descending() {
        let spec = SortSpec::parse(&list("a,-b")).unwrap();
        assert_eq!(spec.by, [("a".to_owned(), false), ("b".to_owned(), true)]);
        assert_eq!(spec.to_string(), "sort a,-b");
        let spec = SortSpec::by(list("-a,b"), &list("b"), true).unwrap();
        assert_eq!(spec.by, [("-a".to_owned(), false), ("b".to_owned(), true)]);
        assert!(spec.to_string().ends_with("nulls first"));
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for (text, expected) in [("", "such as"), ("-", "such as"), ("a,-a", "twice")] {
            let message = SortSpec::parse(&list(text)).unwrap_err();
            assert!(message.contains(expected), "{text}: {message}");
        }
        let message = SortSpec::by(list("a"), &list("b"), false).unwrap_err();
        assert!(message.contains("`b`"), "{message}");
    }
}
