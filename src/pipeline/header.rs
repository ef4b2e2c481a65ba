//! Records that name columns -> the names.
//!
//! Invariant: names that several records give together are joined the same way wherever they stand.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

use crate::base::Result;
use crate::csv::Record;

/// A record that names columns, and where the next one starts.
pub(crate) struct Names {
    pub(crate) names: Vec<String>,
    /// Where the record is, without its line end.
    pub(crate) range: Range<usize>,
    pub(crate) next: usize,
}

impl Names {
    /// The fields of `record`; `None` if they are not UTF-8.
    pub(crate) fn new(record: Record) -> Option<Self> {
        let fields = record.fields.into_iter().map(String::from_utf8);
        let names = fields.collect::<Result<_, _>>().ok()?;
        Some(Self {
            names,
            range: record.start..record.end,
            next: record.next,
        })
    }
}

/// The header at `range` of `bytes`, to be known again among the records, if it is not very long.
pub(crate) fn kept(bytes: &[u8], range: Range<usize>) -> Option<Arc<[u8]>> {
    const BYTES_MAX: usize = 64 << 10;
    (range.len() <= BYTES_MAX && !range.is_empty()).then(|| Arc::from(&bytes[range]))
}

/// Whether `fields` are names of columns as other sources have them: all of these, or none but these.
pub(crate) fn is_like(fields: &[String], expected: &[String]) -> bool {
    let (few, many) = match fields.len() <= expected.len() {
        true => (fields, expected),
        false => (expected, fields),
    };
    let many: HashSet<&String> = many.iter().collect();
    few.iter()
        .all(|name| !name.is_empty() && many.contains(name))
        || fields == expected
}

/// The names of header records, joined; an empty group belongs to the one left of it.
pub(crate) fn joined(mut rows: Vec<Vec<String>>) -> Vec<String> {
    let Some(mut names) = rows.pop() else {
        return Vec::new();
    };
    for groups in rows.into_iter().rev() {
        let mut group = String::new();
        for (index, name) in names.iter_mut().enumerate() {
            if let Some(text) = groups.get(index).filter(|text| !text.trim().is_empty()) {
                group.clone_from(text);
            }
            if name.trim().is_empty() {
                name.clone_from(&group);
            } else if !group.is_empty() && *name != group {
                *name = format!("{group}_{name}");
            }
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::joined;

    #[test]
    fn groups_reach_to_the_next_one() {
        let rows = [
            ["", "2019", "", "2020", "n"],
            ["id", "low", "high", "", "n"],
        ];
        let rows = rows.map(|row| row.map(String::from).to_vec()).to_vec();
        assert_eq!(joined(rows), ["id", "2019_low", "2019_high", "2020", "n"]);
    }
}
