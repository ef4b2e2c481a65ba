//! Marks of cells in, exact counts out. Invariant: the counts say what stands in the files, so the
//! faults of a row that is repeated count again.

use std::collections::BTreeMap;

use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::faults::{Mark, TOKENS};

/// Exact counts of everything that was put in, to check a consumer's receipt against.
///
/// Serialized, it is one map: the fields here, then the sums over all columns `late`, `missing`
/// (empty cells and tokens; the notes left empty too), `type_faults`, `negative` and `future`, then
/// `columns`, which has for each column, in file order, the same counts kind by kind and the number
/// of text cells with a comma, a quote or a line break.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Truth {
    /// Name of the shape.
    pub shape: String,
    /// The seed.
    pub seed: u64,
    /// Number of files.
    pub files: u64,
    /// Size of all files with their headers, in bytes.
    pub bytes: u64,
    /// Data rows in all files, duplicates included.
    pub rows: u64,
    /// Rows that repeat an earlier one.
    pub duplicates: u64,
    pub(crate) columns: Vec<ColumnTruth>,
}

/// The counts of one column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ColumnTruth {
    pub(crate) name: String,
    counts: [u64; Mark::COUNT],
}

impl ColumnTruth {
    pub(crate) fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            counts: [0; Mark::COUNT],
        }
    }

    fn count(&self, mark: Mark) -> u64 {
        self.counts[mark as usize]
    }

    fn sum(&self, marks: &[Mark]) -> u64 {
        marks.iter().map(|&mark| self.count(mark)).sum()
    }
}

const MISSING: [Mark; 6] = {
    let mut marks = [Mark::Empty; 6];
    let mut i = 0;
    while i < marks.len() {
        marks[i] = TOKENS[i].0;
        i += 1;
    }
    marks
};

const TYPE_FAULTS: [(Mark, &str); 4] = [
    (Mark::DecimalComma, "decimal_comma"),
    (Mark::Word, "word"),
    (Mark::FloatInInteger, "float_in_integer"),
    (Mark::OtherDateFormat, "other_date_format"),
];

const TEXT: [(Mark, &str); 3] = [
    (Mark::Comma, "comma"),
    (Mark::Quote, "quote"),
    (Mark::LineBreak, "line_break"),
];

impl Truth {
    /// Adds a row of `bytes` whose cells have `marks`, as (column index, mark).
    pub(crate) fn add_row(&mut self, bytes: u64, marks: &[(usize, Mark)], is_duplicate: bool) {
        self.bytes += bytes;
        self.rows += 1;
        self.duplicates += u64::from(is_duplicate);
        for &(column, mark) in marks {
            self.columns[column].counts[mark as usize] += 1;
        }
    }

    /// Adds the counts of another stretch of the same run.
    pub(crate) fn add(&mut self, other: &Self) {
        self.bytes += other.bytes;
        self.rows += other.rows;
        self.duplicates += other.duplicates;
        for (column, more) in self.columns.iter_mut().zip(&other.columns) {
            for (count, more) in column.counts.iter_mut().zip(more.counts) {
                *count += more;
            }
        }
    }

    /// Sets all counts to zero.
    pub(crate) fn clear(&mut self) {
        (self.bytes, self.rows, self.duplicates) = (0, 0, 0);
        for column in &mut self.columns {
            column.counts = [0; Mark::COUNT];
        }
    }

    fn sum(&self, marks: &[Mark]) -> u64 {
        self.columns.iter().map(|column| column.sum(marks)).sum()
    }
}

impl Serialize for Truth {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("shape", &self.shape)?;
        map.serialize_entry("seed", &self.seed)?;
        map.serialize_entry("files", &self.files)?;
        map.serialize_entry("bytes", &self.bytes)?;
        map.serialize_entry("rows", &self.rows)?;
        map.serialize_entry("duplicates", &self.duplicates)?;
        map.serialize_entry("late", &self.sum(&[Mark::Late]))?;
        map.serialize_entry("missing", &self.sum(&MISSING))?;
        map.serialize_entry("type_faults", &self.sum(&TYPE_FAULTS.map(|(mark, _)| mark)))?;
        map.serialize_entry("negative", &self.sum(&[Mark::Negative]))?;
        map.serialize_entry("future", &self.sum(&[Mark::Future]))?;
        map.serialize_entry("columns", &Columns(&self.columns))?;
        map.end()
    }
}

/// The columns as one map, in file order.
struct Columns<'a>(&'a [ColumnTruth]);

impl Serialize for Columns<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|column| (&column.name, column)))
    }
}

impl Serialize for ColumnTruth {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let named = |marks: &[(Mark, &'static str)]| -> BTreeMap<&'static str, u64> {
            let counts = marks.iter().map(|&(mark, name)| (name, self.count(mark)));
            counts.collect()
        };
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("missing", &self.sum(&MISSING))?;
        map.serialize_entry("missing_empty", &self.count(Mark::Empty))?;
        map.serialize_entry("missing_tokens", &named(&TOKENS[1..]))?;
        map.serialize_entry("type_faults", &named(&TYPE_FAULTS))?;
        map.serialize_entry("negative", &self.count(Mark::Negative))?;
        map.serialize_entry("future", &self.count(Mark::Future))?;
        map.serialize_entry("late", &self.count(Mark::Late))?;
        map.serialize_entry("text", &named(&TEXT))?;
        map.end()
    }
}
