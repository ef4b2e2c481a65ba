//! `--dedup` text, or what the file or the builder says -> [`DedupSpec`].
//! Keeps: a list of columns names each once; an empty one stands for all that there are.

use std::fmt;

use super::names;
use super::row::check_names;
use super::step::StepSpec;
use crate::base::KeepRow;

/// Which rows are the same, and which of them stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DedupSpec {
    /// The columns that agree in such rows; all that there are if none is named.
    pub by: Vec<String>,
    /// Which row stays.
    pub keep: KeepRow,
}

/// What stands for all columns.
const ALL: &str = "*";

impl DedupSpec {
    /// By the columns `by`, or by all if that is `*` alone.
    pub(super) fn new(by: Vec<String>, keep: KeepRow) -> Result<Self, String> {
        if by == [ALL] {
            return Ok(Self::whole_rows(keep));
        }
        check_names(&by)?;
        Ok(Self { by, keep })
    }

    /// By all columns.
    pub(super) fn whole_rows(keep: KeepRow) -> Self {
        let by = Vec::new();
        Self { by, keep }
    }
}

impl StepSpec {
    /// A dedup that a flag, or a call that stands for it, asks for.
    pub(super) fn dedup(dedup: DedupSpec) -> Self {
        let place = format!("--{dedup}");
        Self::Dedup { dedup, place }
    }
}

/// `COLS`, `COLS:KEEP` or `*`. A column may end as if a choice stood behind it where that is said.
pub(super) fn parse_dedup(text: &str) -> Result<DedupSpec, String> {
    let chosen = text.rsplit_once(':');
    let chosen = chosen.and_then(|(by, keep)| Some((by, keep.parse::<KeepRow>().ok()?)));
    let (by, keep) = chosen.unwrap_or((text, KeepRow::default()));
    DedupSpec::new(names::parse_list(by)?, keep)
}

impl fmt::Display for DedupSpec {
    /// What it does, in a few words.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let by = match self.by.is_empty() {
            true => ALL.to_owned(),
            false => self.by.join(","),
        };
        write!(f, "dedup {by}")?;
        match self.keep {
            KeepRow::First => Ok(()),
            keep => write!(f, ":{keep}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(by: &[&str], keep: KeepRow) -> DedupSpec {
        let by = by.iter().map(|column| (*column).to_owned()).collect();
        DedupSpec { by, keep }
    }

    #[test]
    fn columns_and_which_row_stays() {
        for (text, by, keep) in [
            ("id", vec!["id"], KeepRow::First),
            ("id,day:last", vec!["id", "day"], KeepRow::Last),
            ("id:none", vec!["id"], KeepRow::None),
            ("*", vec![], KeepRow::First),
            ("*:last", vec![], KeepRow::Last),
            ("a:b", vec!["a:b"], KeepRow::First),
            ("last", vec!["last"], KeepRow::First),
            ("a:last:first", vec!["a:last"], KeepRow::First),
            (r#""a,b",c:none"#, vec!["a,b", "c"], KeepRow::None),
        ] {
            assert_eq!(parse_dedup(text), Ok(spec(&by, keep)), "{text}");
        }
        for (text, expected) in [
            ("", "name the columns"),
            (":last", "name the columns"),
            ("a,", "name the columns"),
            ("a,a", "`a` stands twice"),
        ] {
            let message = parse_dedup(text).unwrap_err();
            assert!(message.contains(expected), "{text}: {message}");
        }
    }

    #[test]
    fn steps_print_as_the_flag_they_came_from() {
        for text in ["dedup id", "dedup id,day:last", "dedup *:none", "dedup *"] {
            let dedup = parse_dedup(text.strip_prefix("dedup ").expect("a flag")).unwrap();
            assert_eq!(dedup.to_string(), text);
            assert_eq!(StepSpec::dedup(dedup).to_string(), format!("--{text}"));
        }
    }
}
