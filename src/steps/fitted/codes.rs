//! A column of categories -> the code of each cell: which of the known categories it is.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef};
use foldhash::fast::FixedState;

use crate::base::{DataType, Value};
use crate::steps::Categories;
use crate::steps::fit::TextColumn;
use crate::steps::fit::cells::Cell;

/// The code of a null cell.
pub(super) const NULL: i32 = -1;
/// The code of a cell that is none of the categories.
pub(super) const UNKNOWN: i32 = -2;

/// Knows the codes of categories: their places from 0.
pub(super) trait Codes: Send + Sync {
    /// The code of each cell of `array`, or [`NULL`] or [`UNKNOWN`].
    fn of(&self, array: &ArrayRef) -> Vec<i32>;
}

/// The codes of `categories`, which are values of a `data_type` column that has categories.
pub(super) fn codes(categories: &Categories, data_type: &DataType) -> Arc<dyn Codes> {
    match data_type {
        DataType::Int64 => Arc::new(CellCodes::<i64>::new(&categories.values)),
        DataType::Date => Arc::new(CellCodes::<i32>::new(&categories.values)),
        DataType::Boolean => Arc::new(CellCodes::<bool>::new(&categories.values)),
        _ => {
            let texts = categories.values.iter().map(|value| match value {
                Value::Utf8(text) => text.as_str(),
                _ => unreachable!("the categories of texts are texts"),
            });
            Arc::new(TextCodes(table(texts.map(Box::from))))
        }
    }
}

fn table<K: Hash + Eq>(categories: impl Iterator<Item = K>) -> HashMap<K, i32, FixedState> {
    categories.zip(0..).collect()
}

struct CellCodes<T: Cell>(HashMap<T::Key, i32, FixedState>);

impl<T: Cell> CellCodes<T> {
    fn new(values: &[Value]) -> Self {
        let cells = values.iter().map(|value| T::from_value(value));
        let keys = cells.map(|cell| {
            cell.and_then(Cell::key)
                .expect("a value of the column's type")
        });
        Self(table(keys))
    }
}

impl<T: Cell> Codes for CellCodes<T> {
    fn of(&self, array: &ArrayRef) -> Vec<i32> {
        let code = |cell: &T| {
            let key = cell.key();
            key.map_or(NULL, |key| self.0.get(&key).copied().unwrap_or(UNKNOWN))
        };
        let mut codes: Vec<i32> = T::read(array).iter().map(code).collect();
        set_nulls(&mut codes, array);
        codes
    }
}

struct TextCodes(HashMap<Box<str>, i32, FixedState>);

impl TextCodes {
    fn code(&self, text: &str) -> i32 {
        self.0.get(text).copied().unwrap_or(UNKNOWN)
    }
}

impl Codes for TextCodes {
    fn of(&self, array: &ArrayRef) -> Vec<i32> {
        let column = TextColumn::of(array);
        let mut codes: Vec<i32> = match column.codes {
            None => { 0..array.len() }
                .map(|row| self.code(column.texts.value(row)))
                .collect(),
            Some(of_rows) => {
                let texts = 0..column.texts.len();
                let known: Vec<i32> = texts.map(|at| self.code(column.texts.value(at))).collect();
                // What stands in a null row may be beyond the dictionary.
                let code = |at: &i32| known.get(*at as usize).copied().unwrap_or(NULL);
                of_rows.iter().map(code).collect()
            }
        };
        set_nulls(&mut codes, array);
        codes
    }
}

fn set_nulls(codes: &mut [i32], array: &ArrayRef) {
    if let Some(nulls) = array.nulls() {
        for row in (!nulls.inner()).set_indices() {
            codes[row] = NULL;
        }
    }
}
