//! What a node comes to for a batch: a cell per row, or one cell for all of them; and loops over
//! the cells of two sides.
//! Keeps: a constant is never spread over the rows before it must be.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, BooleanArray, Datum, PrimitiveArray, StringArray,
    UInt32Array, new_null_array,
};
use arrow::buffer::{BooleanBuffer, NullBuffer};
use arrow::compute::take;
use arrow::datatypes::{ArrowNativeType, Int32Type};

use crate::base::{ErrorKind, Result};

/// The cells of a node.
#[derive(Debug, Clone)]
pub(super) enum Cells {
    /// One for each row.
    Rows(ArrayRef),
    /// The same for each row: an array of one.
    One(ArrayRef),
}

impl Datum for Cells {
    fn get(&self) -> (&dyn Array, bool) {
        match self {
            Self::Rows(array) => (array, false),
            Self::One(array) => (array, true),
        }
    }
}

impl Cells {
    /// The array behind it, of one cell if it is a constant.
    pub(super) fn array(&self) -> &ArrayRef {
        match self {
            Self::Rows(array) | Self::One(array) => array,
        }
    }

    pub(super) fn is_one(&self) -> bool {
        matches!(self, Self::One(_))
    }

    /// The same kind of cells, over another array.
    pub(super) fn with(&self, array: ArrayRef) -> Self {
        match self {
            Self::Rows(_) => Self::Rows(array),
            Self::One(_) => Self::One(array),
        }
    }

    /// An array of `rows` cells.
    pub(super) fn into_rows(self, rows: usize) -> Result<ArrayRef> {
        match self {
            Self::Rows(array) => Ok(array),
            Self::One(cell) if cell.is_null(0) => Ok(new_null_array(cell.data_type(), rows)),
            Self::One(cell) => pick(&cell, &UInt32Array::from_value(0, rows)),
        }
    }

    /// Whether it is a constant null.
    pub(super) fn is_null(&self) -> bool {
        self.is_one() && self.array().logical_null_count() > 0
    }

    /// Which cells are null; `None` if none is.
    pub(super) fn nulls(&self) -> Option<NullBuffer> {
        self.array()
            .logical_nulls()
            .filter(|nulls| nulls.null_count() > 0)
    }

    /// The cells that are TRUE, over `rows` rows.
    pub(super) fn trues(&self, rows: usize) -> BooleanBuffer {
        let array = self.array().as_boolean();
        match self {
            Self::Rows(_) => trues(array),
            Self::One(_) if array.is_valid(0) && array.value(0) => BooleanBuffer::new_set(rows),
            Self::One(_) => BooleanBuffer::new_unset(rows),
        }
    }
}

/// The cells of `array` that are TRUE.
pub(super) fn trues(array: &BooleanArray) -> BooleanBuffer {
    match array.nulls() {
        Some(nulls) => array.values() & nulls.inner(),
        None => array.values().clone(),
    }
}

/// The cells of `array` at `rows`.
pub(super) fn pick(array: &ArrayRef, rows: &UInt32Array) -> Result<ArrayRef> {
    take(array, rows, None).map_err(refused)
}

/// An error of an Arrow kernel, which has been given nothing that it may refuse but too much text.
pub(super) fn refused(error: arrow::error::ArrowError) -> crate::base::Error {
    ErrorKind::Encode {
        action: "evaluate an expression",
        source: error.into(),
    }
    .into()
}

/// The numbers of one side of an operator.
#[derive(Clone, Copy)]
pub(super) enum Side<'a, T> {
    Rows(&'a [T]),
    One(T),
}

impl<'a, T: ArrowNativeType> Side<'a, T> {
    /// The values of `cells`, whatever stands under nulls included.
    pub(super) fn of<P: ArrowPrimitiveType<Native = T>>(cells: &'a Cells) -> Self {
        let values: &[T] = cells.array().as_primitive::<P>().values();
        match cells {
            Cells::Rows(_) => Self::Rows(values),
            Cells::One(_) => Self::One(values[0]),
        }
    }

    /// The value in a row.
    pub(super) fn at(&self, row: usize) -> T {
        match self {
            Self::Rows(values) => values[row],
            Self::One(value) => *value,
        }
    }
}

/// `f` of each pair, as many as the longer side has.
pub(super) fn map_pairs<T: ArrowNativeType, U>(
    left: Side<'_, T>,
    right: Side<'_, T>,
    mut f: impl FnMut(T, T) -> U,
) -> Vec<U> {
    match (left, right) {
        (Side::Rows(left), Side::Rows(right)) => {
            left.iter().zip(right).map(|(&l, &r)| f(l, r)).collect()
        }
        (Side::Rows(left), Side::One(right)) => left.iter().map(|&l| f(l, right)).collect(),
        (Side::One(left), Side::Rows(right)) => right.iter().map(|&r| f(left, r)).collect(),
        (Side::One(left), Side::One(right)) => vec![f(left, right)],
    }
}

/// The nulls of either.
pub(super) fn either_null(left: &Cells, right: &Cells) -> Option<NullBuffer> {
    // A constant null is dealt with before any kernel, and any other constant has none.
    let of = |cells: &Cells| match cells {
        Cells::Rows(array) => array.logical_nulls(),
        Cells::One(_) => None,
    };
    let both = match (left.is_one(), right.is_one()) {
        (true, true) => return None,
        _ => NullBuffer::union(of(left).as_ref(), of(right).as_ref()),
    };
    both.filter(|nulls| nulls.null_count() > 0)
}

/// `f` of each pair; a pair for which it says that the value is wrong becomes null.
pub(super) fn checked<P: ArrowPrimitiveType>(
    left: &Cells,
    right: &Cells,
    f: impl Fn(P::Native, P::Native) -> (P::Native, bool),
) -> PrimitiveArray<P> {
    let (l, r) = (Side::of::<P>(left), Side::of::<P>(right));
    let mut any = false;
    let values = map_pairs(l, r, |l, r| {
        let (value, is_wrong) = f(l, r);
        any |= is_wrong;
        value
    });
    let mut nulls = either_null(left, right);
    if any {
        let is_right = |row| !f(l.at(row), r.at(row)).1;
        let right = NullBuffer::new(BooleanBuffer::collect_bool(values.len(), is_right));
        nulls = NullBuffer::union(nulls.as_ref(), Some(&right));
    }
    PrimitiveArray::new(values.into(), nulls)
}

/// Texts by row, from an array of texts or a dictionary.
pub(super) enum Texts<'a> {
    Rows(&'a StringArray),
    Dictionary(&'a [i32], &'a StringArray),
    One(&'a str),
}

impl<'a> Texts<'a> {
    /// The texts of `cells`, none of which is a constant null.
    pub(super) fn of(cells: &'a Cells) -> Self {
        let array = cells.array();
        if let Some(dictionary) = array.as_dictionary_opt::<Int32Type>() {
            let texts = dictionary.values().as_string();
            return Self::Dictionary(dictionary.keys().values(), texts);
        }
        match cells {
            Cells::Rows(array) => Self::Rows(array.as_string()),
            Cells::One(array) => Self::One(array.as_string::<i32>().value(0)),
        }
    }

    /// The text in a row that is not null.
    pub(super) fn get(&self, row: usize) -> &'a str {
        match self {
            Self::Rows(texts) => texts.value(row),
            Self::Dictionary(codes, texts) => texts.value(codes[row] as usize),
            Self::One(text) => text,
        }
    }
}

/// Texts as plain text, no dictionary.
pub(super) fn plain(array: &ArrayRef) -> Result<ArrayRef> {
    match array.as_dictionary_opt::<Int32Type>() {
        Some(dictionary) => take(dictionary.values(), dictionary.keys(), None).map_err(refused),
        None => Ok(Arc::clone(array)),
    }
}
