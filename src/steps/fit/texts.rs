//! A column of texts, plain or as a dictionary -> the text of each row.

use arrow::array::{Array, ArrayRef, AsArray, StringArray};
use arrow::datatypes::{DataType as ArrowType, Int32Type};

/// The texts of a utf8 or categorical column.
pub(in crate::steps) struct TextColumn<'a> {
    /// Row to index in `texts`, if it is categorical.
    pub(in crate::steps) codes: Option<&'a [i32]>,
    /// One text per row, or the categories.
    pub(in crate::steps) texts: &'a StringArray,
}

impl<'a> TextColumn<'a> {
    /// The texts of `array`.
    pub(in crate::steps) fn of(array: &'a ArrayRef) -> Self {
        match array.data_type() {
            ArrowType::Dictionary(..) => {
                let dictionary = array.as_dictionary::<Int32Type>();
                Self {
                    codes: Some(dictionary.keys().values()),
                    texts: dictionary.values().as_string(),
                }
            }
            _ => Self {
                codes: None,
                texts: array.as_string(),
            },
        }
    }

    /// The text in a row that is not null.
    pub(in crate::steps) fn get(&self, row: usize) -> &'a str {
        self.texts
            .value(self.codes.map_or(row, |codes| codes[row] as usize))
    }
}
