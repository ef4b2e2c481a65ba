//! The names that sources give their columns -> the columns of the input, and where in each source
//! they stand.
//!
//! Invariants: columns are matched by their unique names, whatever their order; the first source
//! that names columns gives them their order, later ones add to its end. Alike sources share one
//! [`Places`].

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::base::SchemaDrift;
use crate::config::Chosen;

/// The most columns, times the ways in which sources differ.
const PLACES_MAX: usize = 1 << 22;

/// What one source says about its columns.
pub(crate) struct Header<'a> {
    /// The names as they stand there; `None` without a header.
    pub(crate) names: Option<&'a [String]>,
    /// How many columns it has; 0 if there is nothing in it.
    pub(crate) columns: usize,
}

/// Where the columns of the input stand in some sources.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Places {
    /// For each column that is taken in the field that holds it.
    pub(crate) fields: Arc<[Option<usize>]>,
    /// Columns that these sources lack.
    pub(crate) missing: Vec<String>,
    /// Their columns that the first source lacks, or that are left out because others lack them.
    pub(crate) extra: Vec<String>,
    /// Whether what they share with the others comes in another order.
    pub(crate) is_reordered: bool,
}

/// The columns of all sources.
#[derive(Debug, Default)]
pub(crate) struct Matched {
    /// Their names in the sources, each once.
    pub(crate) header: Vec<String>,
    /// The names of those that are taken in.
    pub(crate) names: Vec<String>,
    /// Each way in which sources differ.
    pub(crate) places: Vec<Places>,
    /// For each source its index in `places`.
    pub(crate) of_source: Vec<usize>,
}

impl Matched {
    /// Matches the columns of all sources by name; those of a source without a header are called as
    /// those of the first one with a header are, by position.
    ///
    /// # Errors
    /// Says so if sources differ in more ways than their places could be held in memory for.
    pub(crate) fn new(headers: &[Header<'_>], drift: SchemaDrift) -> Result<Self, String> {
        let first = headers.iter().find_map(|header| header.names);
        let first = first.map_or_else(Vec::new, |names| unique_names(names.to_vec()));
        let mut known: HashMap<(Option<&[String]>, usize), usize> = HashMap::new();
        let mut tables: Vec<Vec<String>> = Vec::new();
        let of_source = headers.iter().map(|header| {
            *known
                .entry((header.names, header.columns))
                .or_insert_with(|| {
                    tables.push(header.unique_names(&first));
                    tables.len() - 1
                })
        });
        let of_source = of_source.collect();
        let names = names_of(&tables, drift);
        let (columns, ways) = (names.len(), tables.len());
        if ways > 1 && columns.saturating_mul(ways) > PLACES_MAX {
            return Err(format!(
                "the files have {columns} different columns together, in {ways} different ways, \
                 which is too much to keep in mind; take fewer files at a time"
            ));
        }
        let slots: HashMap<&str, usize> = names
            .iter()
            .enumerate()
            .map(|(slot, name)| (name.as_str(), slot))
            .collect();
        let first = tables.iter().find(|table| !table.is_empty());
        let first: HashSet<&String> = first.into_iter().flatten().collect();
        let places = tables.iter().map(|table| {
            let mut places = Places::of(table, &names, &slots);
            let is_extra =
                |name: &&String| !slots.contains_key(name.as_str()) || !first.contains(name);
            places.extra = table.iter().filter(is_extra).cloned().collect();
            places
        });
        Ok(Self {
            places: places.collect(),
            header: names.clone(),
            names,
            of_source,
        })
    }

    /// Takes in the `chosen` columns only, in their order.
    pub(crate) fn choose(&mut self, chosen: &[Chosen]) {
        self.names = chosen.iter().map(|column| column.name.clone()).collect();
        for places in &mut self.places {
            let fields = chosen.iter().map(|column| places.fields[column.index]);
            places.fields = fields.collect();
        }
    }
}

impl Header<'_> {
    /// The names of its columns, each once; `first` are those of the first source with a header.
    fn unique_names(&self, first: &[String]) -> Vec<String> {
        let mut names = self.names.unwrap_or(first).to_vec();
        names.resize(self.columns, String::new());
        unique_names(names)
    }
}

impl Places {
    /// Where the columns called `names`, whose slots are `slots`, stand in `table`. What is in no
    /// table at all lacks nothing.
    fn of(table: &[String], names: &[String], slots: &HashMap<&str, usize>) -> Self {
        let mut fields = vec![None; names.len()];
        let mut is_reordered = false;
        let mut behind = 0;
        for (field, name) in table.iter().enumerate() {
            if let Some(&slot) = slots.get(name.as_str()) {
                fields[slot] = Some(field);
                is_reordered |= slot < behind;
                behind = slot;
            }
        }
        let lacking = names.iter().zip(&fields);
        let missing = lacking.filter(|(_, field)| field.is_none() && !table.is_empty());
        Self {
            missing: missing.map(|(name, _)| name.clone()).collect(),
            fields: fields.into(),
            extra: Vec::new(),
            is_reordered,
        }
    }
}

/// The names of the columns of all `tables`, or of those that all have; empty ones say nothing.
fn names_of(tables: &[Vec<String>], drift: SchemaDrift) -> Vec<String> {
    let tables = tables.iter().filter(|table| !table.is_empty());
    let mut counts: HashMap<&String, usize> = HashMap::new();
    let mut names = Vec::new();
    for name in tables.clone().flatten() {
        let count = counts.entry(name).or_default();
        *count += 1;
        if *count == 1 {
            names.push(name);
        }
    }
    let least = match drift {
        SchemaDrift::Intersect => tables.count(),
        SchemaDrift::Union | SchemaDrift::Fail => 1,
    };
    names.retain(|name| counts[name] >= least);
    names.into_iter().cloned().collect()
}

/// Gives empty names a number and repeated names a suffix, so that each is unique.
fn unique_names(fields: Vec<String>) -> Vec<String> {
    let given: HashSet<String> = fields.iter().cloned().collect();
    let mut taken = HashSet::new();
    let mut names = Vec::with_capacity(fields.len());
    for (index, field) in fields.into_iter().enumerate() {
        let base = if field.is_empty() {
            format!("column_{}", index + 1)
        } else {
            field.clone()
        };
        let mut name = base.clone();
        let mut number = 2;
        while taken.contains(&name) || (name != field && given.contains(&name)) {
            name = format!("{base}_{number}");
            number += 1;
        }
        taken.insert(name.clone());
        names.push(name);
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_unique() {
        let fields = ["a", "", "a", "a_2", "a", "column_2"]
            .map(String::from)
            .to_vec();
        let names = unique_names(fields);
        assert_eq!(names, ["a", "column_2_2", "a_3", "a_2", "a_4", "column_2"]);
    }

    fn matched(tables: &[&str], drift: SchemaDrift) -> Matched {
        let tables: Vec<Vec<String>> = tables
            .iter()
            .map(|table| table.split_whitespace().map(String::from).collect())
            .collect();
        let headers = tables.iter().map(|names| Header {
            names: Some(names),
            columns: names.len(),
        });
        Matched::new(&headers.collect::<Vec<_>>(), drift).unwrap()
    }

    #[test]
    fn columns_are_matched_by_name() {
        let tables = ["a b c", "c a", "", "a b c", "b d a c"];
        let union = matched(&tables, SchemaDrift::Union);
        assert_eq!(union.names, ["a", "b", "c", "d"]);
        assert_eq!(union.of_source, [0, 1, 2, 0, 3]);
        let fields = |index: usize| union.places[index].fields.to_vec();
        assert_eq!(fields(0), [Some(0), Some(1), Some(2), None]);
        assert_eq!(fields(1), [Some(1), None, Some(0), None]);
        assert_eq!(fields(3), [Some(2), Some(0), Some(3), Some(1)]);
        assert_eq!(union.places[0].missing, ["d"]);
        assert_eq!(union.places[1].missing, ["b", "d"]);
        assert!(union.places[2].missing.is_empty());
        assert_eq!(union.places[3].extra, ["d"]);
        let reordered = union.places.iter().map(|places| places.is_reordered);
        assert!(reordered.eq([false, true, false, true]));

        let shared = matched(&tables, SchemaDrift::Intersect);
        assert_eq!(shared.names, ["a", "c"]);
        assert_eq!(shared.places[3].fields.to_vec(), [Some(2), Some(3)]);
        assert_eq!(shared.places[3].extra, ["b", "d"]);
        assert!(!shared.places[3].is_reordered && shared.places[1].is_reordered);
        assert!(shared.places.iter().all(|places| places.missing.is_empty()));
    }

    #[test]
    fn repeated_names_are_matched_by_their_unique_names() {
        let matched = matched(&["a a b", "b a", "a b a"], SchemaDrift::Union);
        assert_eq!(matched.names, ["a", "a_2", "b"]);
        assert_eq!(matched.places[1].fields.to_vec(), [Some(1), None, Some(0)]);
        assert_eq!(
            matched.places[2].fields.to_vec(),
            [Some(0), Some(2), Some(1)]
        );
    }

    #[test]
    fn without_a_header_the_position_counts() {
        let named = ["x", "y"].map(String::from);
        let header = |names, columns| Header { names, columns };
        let headers = [header(None, 3), header(Some(&named), 2), header(None, 1)];
        let matched = Matched::new(&headers, SchemaDrift::Union).unwrap();
        assert_eq!(matched.names, ["x", "y", "column_3"]);
        assert_eq!(matched.places[1].missing, ["column_3"]);
        assert_eq!(matched.places[2].fields.to_vec(), [Some(0), None, None]);
        let headless = [header(None, 1), header(None, 2)];
        let matched = Matched::new(&headless, SchemaDrift::Union).unwrap();
        assert_eq!(matched.names, ["column_1", "column_2"]);
    }
}
