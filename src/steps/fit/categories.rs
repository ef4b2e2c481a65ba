//! A column -> its distinct values, sorted.
//!
//! Texts are sorted by their bytes, all else by value. Null is no category.

use arrow::array::Array;

use super::FitColumn;
use super::cells::Cell;
use super::counts::Counts;
use super::interner::Interner;
use super::texts::TextColumn;
use crate::base::{Batch, DataType, Error, Result, Value};
use crate::steps::{Categories, Fit, FitOutcome, Fitted};

/// Categories that a receipt lists.
const LISTED_MAX: usize = 20;

/// Learns the categories of `column`, whose cells are of `data_type`; more than `categories_max` end
/// the run, with an error about the option `option`.
///
/// # Panics
/// If the cells are floats, timestamps or decimals, which have no categories.
pub(in crate::steps) fn categories_fit(
    column: FitColumn,
    data_type: &DataType,
    option: &str,
    categories_max: usize,
) -> Box<dyn Fit> {
    let gate = Gate {
        option: option.to_owned(),
        categories_max,
    };
    match data_type {
        DataType::Int64 => Box::new(CellCategories::<i64>::new(column, data_type, gate)),
        DataType::Date => Box::new(CellCategories::<i32>::new(column, data_type, gate)),
        DataType::Boolean => Box::new(CellCategories::<bool>::new(column, data_type, gate)),
        DataType::Utf8 | DataType::Categorical => Box::new(TextCategories {
            column,
            texts: Interner::default(),
            count: 0,
            gate,
        }),
        _ => unreachable!("refused when the step was made"),
    }
}

/// How many categories there may be.
struct Gate {
    option: String,
    categories_max: usize,
}

impl Gate {
    /// Refuses `count` categories if they are too many.
    fn check(&self, count: usize) -> Result<()> {
        if count <= self.categories_max {
            return Ok(());
        }
        let message = format!(
            "the column has {count} categories, more than the {} that `max` allows; set `max` \
             higher, or name the `categories` that matter",
            self.categories_max
        );
        Err(Error::usage(&self.option, message))
    }
}

fn learnt(values: Vec<Value>, names: Vec<String>) -> FitOutcome {
    let mut listed = names.iter().take(LISTED_MAX).cloned().collect::<Vec<_>>();
    if names.len() > LISTED_MAX {
        listed.push("…".to_owned());
    }
    let exact = match names.len() {
        0 => "no values".to_owned(),
        count => format!("{count} categories: {}", listed.join(", ")),
    };
    FitOutcome::Done(Fitted::Categories {
        exact,
        categories: Categories { values, names },
    })
}

/// The categories of a fixed-width column.
struct CellCategories<T: Cell> {
    column: FitColumn,
    data_type: DataType,
    counts: Counts<T::Key>,
    gate: Gate,
}

impl<T: Cell> CellCategories<T> {
    fn new(column: FitColumn, data_type: &DataType, gate: Gate) -> Self {
        Self {
            counts: Counts::new(column.bytes_max),
            column,
            data_type: data_type.clone(),
            gate,
        }
    }
}

impl<T: Cell> Fit for CellCategories<T> {
    fn observe(&mut self, batch: &Batch) -> Result<()> {
        let array = batch.column(self.column.slot);
        let cells = T::read(array);
        let counts = &mut self.counts;
        let mut add = |row: usize| cells[row].key().is_none_or(|key| counts.add(key));
        let all_fit = match array.nulls() {
            None => (0..cells.len()).all(&mut add),
            Some(nulls) => nulls.valid_indices().all(&mut add),
        };
        if all_fit {
            return Ok(());
        }
        Err(self.column.memory_limit(self.counts.grown_bytes()))
    }

    fn finish(self: Box<Self>) -> Result<FitOutcome> {
        let mut keys: Vec<T::Key> = self.counts.iter().map(|(key, _)| key).collect();
        self.gate.check(keys.len())?;
        keys.sort_unstable();
        let cells = || keys.iter().map(|&key| T::from_key(key));
        let names = cells().map(|cell| cell.print(&self.data_type)).collect();
        let values = cells().map(|cell| cell.to_value(&self.data_type)).collect();
        Ok(learnt(values, names))
    }

    fn memory_bytes(&self) -> usize {
        self.counts.memory_bytes()
    }
}

/// The categories of a utf8 or categorical column.
struct TextCategories {
    column: FitColumn,
    texts: Interner,
    count: usize,
    gate: Gate,
}

impl TextCategories {
    fn add(&mut self, text: &str) {
        let id = self.texts.intern(text) as usize;
        self.count = self.count.max(id + 1);
    }
}

impl Fit for TextCategories {
    fn observe(&mut self, batch: &Batch) -> Result<()> {
        let array = batch.column(self.column.slot);
        let column = TextColumn::of(array);
        let valid: Box<dyn Iterator<Item = usize>> = match array.nulls() {
            None => Box::new(0..array.len()),
            Some(nulls) => Box::new(nulls.valid_indices()),
        };
        match column.codes {
            None => valid.for_each(|row| self.add(column.texts.value(row))),
            Some(codes) => {
                let mut is_used = vec![false; column.texts.len()];
                valid.for_each(|row| is_used[codes[row] as usize] = true);
                let used = (0..is_used.len()).filter(|&code| is_used[code]);
                used.for_each(|code| self.add(column.texts.value(code)));
            }
        }
        match self.memory_bytes() {
            bytes if bytes > self.column.bytes_max => Err(self.column.memory_limit(bytes)),
            _ => Ok(()),
        }
    }

    fn finish(self: Box<Self>) -> Result<FitOutcome> {
        self.gate.check(self.count)?;
        let ids = 0..self.count as u32;
        let mut names: Vec<String> = ids.map(|id| self.texts.text(id).to_owned()).collect();
        names.sort_unstable();
        let values = names.iter().cloned().map(Value::Utf8).collect();
        Ok(learnt(values, names))
    }

    fn memory_bytes(&self) -> usize {
        self.texts.memory_bytes()
    }
}
